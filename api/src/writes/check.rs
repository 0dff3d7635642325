//! POST `/storage/check`: whether files of jobs are in a policy's bucket. It changes nothing; a restore asks it, because
//! only the operator has a way to the buckets.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::extract::{FromRef, State as Shared};
use axum::http::StatusCode;
use futures::{StreamExt, TryStreamExt, stream};
use kube::Api;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use videofactory_client::restore::{Files, Wanted};
use videofactory_client::within;
use videofactory_crds::StoragePolicy;
use videofactory_pipeline::Digest;
use videofactory_pipeline::keys::KeyParts;
use videofactory_storage::{Bucket, StorageError};

use crate::access::{UserClient, UserClientSource};
use crate::body::Body;
use crate::problem::Problem;
use crate::query::check_name;
use crate::state::Process;

/// The path of the route.
pub const PATH: &str = "/storage/check";
/// Most files of one request.
pub const MAX_FILES: usize = 1_000;
/// Files that are looked for at a time.
const CONCURRENCY: usize = 16;
/// Seconds after which to try again where a bucket does not answer.
const TRY_AGAIN: u32 = 10;

/// Which files to look for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CheckBody {
    /// Namespace of the policy, and of the jobs.
    #[schema(required = true, value_type = crate::schemas::ObjectName)]
    pub namespace: String,
    /// Name of the policy.
    #[schema(required = true, value_type = crate::schemas::ObjectName)]
    pub policy: String,
    /// Files of jobs.
    #[schema(required = true, max_items = 1000)]
    pub files: Vec<CheckedFile>,
}

/// A file in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckedFile {
    /// Its key.
    #[schema(max_length = 1024)]
    pub key: String,
    /// The digest of its content, if it is a result document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{32}$")]
    pub digest: Option<Digest>,
}

impl From<Wanted> for CheckedFile {
    fn from(Wanted { key, digest }: Wanted) -> Self {
        Self { key, digest }
    }
}

impl From<CheckedFile> for Wanted {
    fn from(CheckedFile { key, digest }: CheckedFile) -> Self {
        Self { key, digest }
    }
}

/// The missing files.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckAnswer {
    /// The files that do not exist, or have another content.
    #[serde(rename = "items")]
    pub missing: Vec<CheckedFile>,
}

/// What the route needs.
#[derive(Clone)]
struct CheckState {
    user_clients: UserClientSource,
    files: Arc<dyn Files>,
}

impl FromRef<CheckState> for UserClientSource {
    fn from_ref(state: &CheckState) -> Self {
        state.user_clients.clone()
    }
}

/// The route. `files`: the way to the buckets.
pub fn routes(user_clients: UserClientSource, files: Arc<dyn Files>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(check)).with_state(CheckState { user_clients, files })
}

/// Checks whether files of jobs are in the bucket of a policy. Changes nothing.
#[utoipa::path(
    post,
    path = "/storage/check",
    operation_id = "check_files",
    tag = "storage",
    request_body = CheckBody,
    responses(
        (status = 200, description = "The missing files", body = CheckAnswer),
        (status = 404, description = "There is no such policy"),
    ),
)]
async fn check(
    user_client: UserClient,
    Shared(state): Shared<CheckState>,
    Body(body): Body<CheckBody>,
) -> Result<Json<CheckAnswer>, Problem> {
    let CheckBody { namespace, policy, files } = body;
    check_name("namespace", Some(&namespace))?;
    check_name("policy", Some(&policy))?;
    check_files(&namespace, &files)?;
    user_client.may("get", "videojobs", &namespace).await?;
    let api: Api<StoragePolicy> = Api::namespaced(user_client.0, &namespace);
    let found = within(format!("get StoragePolicy {namespace}/{policy}"), api.get_opt(&policy)).await?;
    let found = found.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, format!("there is no StoragePolicy {namespace}/{policy}"))
            .hint("GET /storage/stats lists those that there are")
    })?;
    let wanted: Vec<Wanted> = files.into_iter().map(Wanted::from).collect();
    let missing = state.files.missing(&found, &wanted).await;
    let missing = missing.map_err(|why| Problem::later(why, TRY_AGAIN))?;
    Ok(Json(CheckAnswer { missing: missing.into_iter().map(CheckedFile::from).collect() }))
}

/// Nothing of others' is looked for: whoever may read jobs of a namespace may know of their files, and of no others.
fn check_files(namespace: &str, files: &[CheckedFile]) -> Result<(), Problem> {
    if files.len() > MAX_FILES {
        return Err(Problem::bad_request(format!("files has at most {MAX_FILES} items")));
    }
    for CheckedFile { key, digest } in files {
        if KeyParts::of(key).is_none_or(|parts| parts.namespace != namespace) {
            return Err(Problem::bad_request(format!(
                "{key:?} is not the key of a job's file in {namespace}"
            )));
        }
        if digest.as_ref().is_some_and(|digest| !Digest::is_hex(digest.as_str())) {
            return Err(Problem::bad_request("a digest has 32 hexadecimal digits in lower case"));
        }
    }
    Ok(())
}

/// Looks into buckets with the operator's own way to them.
pub struct Buckets(pub Arc<dyn Process>);

#[async_trait]
impl Files for Buckets {
    async fn missing(&self, policy: &StoragePolicy, wanted: &[Wanted]) -> Result<Vec<Wanted>, String> {
        let bucket = self.0.bucket(policy).await?.with_short_timeouts();
        let looks: Vec<_> = wanted.iter().map(|file| is_there(&bucket, file)).collect();
        let there: Result<Vec<bool>, StorageError> =
            stream::iter(looks).buffered(CONCURRENCY).try_collect().await;
        let there = there.map_err(|error| error.to_string())?;
        let files = wanted.iter().zip(there);
        Ok(files.filter(|(_, is_there)| !is_there).map(|(file, _)| file.clone()).collect())
    }

    async fn cluster(&self) -> Option<String> {
        self.0.cluster().await
    }
}

/// Whether a file is there, with the content that is wanted.
async fn is_there(bucket: &Bucket, file: &Wanted) -> Result<bool, StorageError> {
    let Some(digest) = &file.digest else { return Ok(bucket.head(&file.key).await?.is_some()) };
    match bucket.get_json::<Value>(&file.key).await {
        Ok(document) => Ok(document.is_some_and(|document| Digest::of(&document) == *digest)),
        Err(StorageError::Corrupt { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::documented;

    #[test]
    fn the_number_of_files_is_documented() {
        assert_eq!(documented::field::<CheckBody>("files")["maxItems"], MAX_FILES);
    }
}
