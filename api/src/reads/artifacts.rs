//! GET `/jobs/{namespace}/{name}/artifacts`: the finished files of a job, and the bytes of each.

use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use kube::runtime::reflector::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;
use utoipa::{IntoParams, ToSchema};
use videofactory_client::JobRef;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_crds::videojob::ArtifactStatus;
use videofactory_crds::{StoragePolicy, VideoJob, VideoJobStatus};
use videofactory_pipeline::keys::{self, KeyParts, pruned_kinds};
use videofactory_storage::Bucket;

use super::job::readable;
use super::media::{self, File};
use crate::access::Caller;
use crate::path::{JobParams, JobPath, Segments, VIDEO, of_artifact};
use crate::problem::Problem;
use crate::schemas;
use crate::state::{Guarded, State};

/// Name of the still image that stands for it.
const THUMBNAIL: &str = "thumbnail";
/// How long a link to the bucket is good for.
const LINK_LASTS: Duration = Duration::from_mins(5);

/// The finished files of a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArtifactList {
    /// The files.
    items: Vec<Artifact>,
    /// Kinds of files that were pruned.
    pruned: Vec<String>,
}

/// A finished file.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Artifact {
    /// Its name here: `video`, `thumbnail`, `captions.srt` or `captions.vtt`.
    pub name: String,
    /// Its key in the bucket, without the policy's prefix.
    pub key: String,
    /// Media type.
    pub content_type: &'static str,
    /// Its size.
    pub size_bytes: Option<i64>,
    /// How long it plays.
    pub duration_seconds: Option<f64>,
    /// Path of this API from which it can be downloaded.
    pub url: String,
    /// If the policy has a `publicEndpoint`: a link from which anybody can download the file for five minutes, without a
    /// token. Treat it as a secret.
    pub link: Option<String>,
}

/// The three segments that name a file of a job.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ArtifactParams {
    /// Namespace of the job. A path may have the job's UID as one segment instead of namespace and name.
    #[param(inline, value_type = schemas::ObjectName, example = "demo")]
    namespace: String,
    /// Name of the job.
    #[param(inline, value_type = schemas::ObjectName, example = "ocean-facts")]
    name: String,
    /// Name of the file, as the list has it.
    #[param(pattern = "^(video|thumbnail|captions[.](srt|vtt))$", example = "video")]
    artifact: String,
}

/// The finished files of a job.
#[utoipa::path(get, path = "/jobs/{namespace}/{name}/artifacts", operation_id = "list_artifacts", tag = "jobs", params(JobParams), responses(
    (status = 200, description = "The files", body = ArtifactList),
    (status = 404, description = "There is no such job"),
))]
pub async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<JobParams>,
) -> Result<Json<ArtifactList>, Problem> {
    let path = params.job()?;
    let found = readable(&state, &caller, &path).await?;
    let job = found.get()?;
    let mut items = of_job(&path.0, job);
    if !items.is_empty() {
        link(&state, job, &path, &mut items).await;
    }
    let pruned = job.status.as_ref().map(pruned).unwrap_or_default();
    Ok(Json(ArtifactList { items, pruned }))
}

/// The bytes of a file, or a range of them.
#[utoipa::path(
    method(get, head),
    operation_id = "get_artifact",
    path = "/jobs/{namespace}/{name}/artifacts/{artifact}",
    tag = "jobs",
    params(ArtifactParams),
    responses(
        (status = 200, description = "The file", content(
            (schemas::Binary = "video/mp4"), (schemas::Binary = "image/jpeg"), (schemas::Binary = "text/vtt"), (schemas::Binary = "application/x-subrip"),
        )),
        (status = 206, description = "The range that Range names", content(
            (schemas::Binary = "video/mp4"), (schemas::Binary = "image/jpeg"), (schemas::Binary = "text/vtt"), (schemas::Binary = "application/x-subrip"),
        )),
        (status = 304, description = "The file has not changed since it had the tag that If-None-Match names"),
        (status = 404, description = "There is no such job, or it has not made this file yet"),
        (status = 410, description = "The file existed, and was pruned or has disappeared"),
        (status = 416, description = "The range lies outside the file"),
        (status = 502, description = "The bucket refuses the request"),
    ),
)]
pub async fn bytes(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<ArtifactParams>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let path = JobPath::read(&params.namespace, &params.name)?;
    let found = readable(&state, &caller, &path).await?;
    let job = found.get()?;
    let artifact = of_job(&path.0, job)
        .into_iter()
        .find(|artifact| artifact.name == params.artifact)
        .ok_or_else(|| missing(&path, &params.artifact, job))?;
    let bucket = bucket(&state, job, &path).await?;
    let file = File {
        bucket,
        key: artifact.key,
        content_type: artifact.content_type,
        name: file_name(&path.0.name, &artifact.name),
    };
    let answered = media::answer(&state.limits, caller.name(), file, &method, &headers).await?;
    answered.ok_or_else(|| gone(&path, &params.artifact))
}

/// The files that a job has. A key that is not this job's own is passed over: whoever may write a status must not read
/// other films by it.
pub fn of_job(job: &JobRef, object: &VideoJob) -> Vec<Artifact> {
    let Some(status) = &object.status else { return Vec::new() };
    let pruned = pruned_kinds(status);
    let artifacts = status.artifacts.as_ref();
    let video = artifacts.and_then(|artifacts| artifacts.video.as_ref()).map(|file| (VIDEO.to_owned(), file));
    let thumbnail =
        artifacts.and_then(|artifacts| artifacts.thumbnail.as_ref()).map(|file| (THUMBNAIL.to_owned(), file));
    let captions = artifacts.into_iter().flat_map(|artifacts| &artifacts.captions);
    let captions = captions.map(|file| (format!("captions.{}", extension(&file.key)), file));
    let named = video.into_iter().chain(thumbnail).chain(captions);
    named.filter_map(|(name, file)| artifact(job, name, file, &pruned)).collect()
}

fn artifact(
    job: &JobRef,
    name: String,
    file: &ArtifactStatus,
    pruned: &std::collections::BTreeSet<ObjectKind>,
) -> Option<Artifact> {
    let parts = KeyParts::of(&file.key)?;
    let is_own = parts.namespace == job.namespace && parts.name == job.name;
    (is_own && !pruned.contains(&parts.kind)).then(|| Artifact {
        url: of_artifact(job, &name),
        name,
        key: file.key.clone(),
        content_type: content_type(&file.key),
        size_bytes: file.size,
        duration_seconds: file.duration,
        link: None,
    })
}

fn pruned(status: &VideoJobStatus) -> Vec<String> {
    pruned_kinds(status).into_iter().map(|kind| keys::folder(kind).to_owned()).collect()
}

/// How the name of a file ends.
pub fn extension(key: &str) -> &str {
    key.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// The media type of a file, by its own name: what an object in a bucket says of itself, a browser must not follow.
pub fn content_type(key: &str) -> &'static str {
    match extension(key) {
        "mp4" => "video/mp4",
        "jpg" => "image/jpeg",
        "png" => "image/png",
        "wav" => "audio/wav",
        "srt" => "application/x-subrip",
        "vtt" => "text/vtt",
        _ => "application/octet-stream",
    }
}

/// What a file is called where it is saved.
fn file_name(job: &str, artifact: &str) -> String {
    match artifact {
        VIDEO => format!("{job}.mp4"),
        THUMBNAIL => format!("{job}.jpg"),
        captions => format!("{job}.{}", extension(captions)),
    }
}

fn missing(path: &JobPath, name: &str, job: &VideoJob) -> Problem {
    let kind = match name {
        VIDEO => Some(ObjectKind::Videos),
        THUMBNAIL => Some(ObjectKind::Thumbnails),
        "captions.srt" | "captions.vtt" => Some(ObjectKind::Captions),
        _ => None,
    };
    let JobPath(id) = path;
    let Some(kind) = kind else {
        let detail =
            format!("a job has no file {name:?}: ask for video, thumbnail, captions.srt or captions.vtt");
        return Problem::new(StatusCode::NOT_FOUND, detail)
            .hint(format!("GET /jobs/{id}/artifacts lists what is there"));
    };
    let pruned = job.status.as_ref().map(pruned_kinds).unwrap_or_default();
    if pruned.contains(&kind) {
        return gone(path, name);
    }
    Problem::new(StatusCode::NOT_FOUND, format!("{id} has made no {name} yet"))
        .hint(format!("GET /jobs/{id} says how far it is"))
}

fn gone(path: &JobPath, name: &str) -> Problem {
    let JobPath(id) = path;
    Problem::new(
        StatusCode::GONE,
        format!("the {name} of {id} is no longer in the bucket: it was pruned, or deleted there"),
    )
    .hint(format!("POST /jobs/{id}/restart makes the film again, and pays for all of it again"))
}

fn policy(state: &State, job: &VideoJob, path: &JobPath) -> Option<std::sync::Arc<Guarded<StoragePolicy>>> {
    let key = ObjectRef::<Guarded<StoragePolicy>>::new(&job.spec.storage_ref.name).within(&path.0.namespace);
    state.stores.policies.get(&key)
}

/// The bucket that holds a job's files.
pub async fn bucket(state: &State, job: &VideoJob, path: &JobPath) -> Result<Bucket, Problem> {
    let name = &job.spec.storage_ref.name;
    let found = policy(state, job, path);
    let Some(policy) = found.as_ref().and_then(|policy| policy.0.as_ref().ok()) else {
        let detail =
            format!("the StoragePolicy {name} of {} is not there, so its bucket is not known", path.0);
        return Err(
            Problem::new(StatusCode::NOT_FOUND, detail).hint("GET /storage/stats lists those that there are")
        );
    };
    state
        .process
        .bucket(policy)
        .await
        .map_err(|why| Problem::later(format!("the bucket cannot be opened: {why}"), 10))
}

/// Adds links where the bucket can be reached by others. The list is of use without them.
async fn link(state: &State, job: &VideoJob, path: &JobPath, artifacts: &mut [Artifact]) {
    let found = policy(state, job, path);
    let is_public = found.as_ref().and_then(|policy| policy.0.as_ref().ok()).is_some_and(|policy| {
        policy.spec.bucket.public_endpoint.as_ref().is_some_and(|endpoint| !endpoint.is_empty())
    });
    if !is_public {
        return;
    }
    let Ok(bucket) = bucket(state, job, path).await else { return };
    for artifact in artifacts {
        artifact.link = bucket.presign_get(&artifact.key, LINK_LASTS).await.ok().map(|link| link.url);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef";

    fn job(owner: &str, pruned: &[&str]) -> VideoJob {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films"}, "spec": {"topic": "the ocean"},
            "status": {"artifacts": {
                "video": {"key": format!("videos/{owner}-3f9c2a1e/r1/{DIGEST}.mp4"), "size": 9, "duration": 1.5},
                "thumbnail": {"key": format!("thumbnails/{owner}-3f9c2a1e/r1/{DIGEST}.jpg")},
                "captions": [{"key": format!("captions/{owner}-3f9c2a1e/r1/{DIGEST}.srt")},
                             {"key": format!("captions/{owner}-3f9c2a1e/r1/{DIGEST}.vtt")}],
                "pruned": pruned,
            }},
        }))
        .unwrap()
    }

    fn names(job: &VideoJob) -> Vec<(String, &'static str)> {
        let files = of_job(&"films/ocean".parse().unwrap(), job).into_iter();
        files.map(|file| (file.name, file.content_type)).collect()
    }

    #[test]
    fn each_file_has_a_name_and_a_media_type_of_ours() {
        let files = names(&job("films/ocean", &[]));
        let expected = [
            ("video", "video/mp4"),
            ("thumbnail", "image/jpeg"),
            ("captions.srt", "application/x-subrip"),
            ("captions.vtt", "text/vtt"),
        ];
        assert_eq!(files, expected.map(|(name, media)| (name.to_owned(), media)));
        assert_eq!(file_name("ocean", "video"), "ocean.mp4");
        assert_eq!(file_name("ocean", "captions.vtt"), "ocean.vtt");
    }

    #[test]
    fn a_key_of_another_job_is_not_followed() {
        assert_eq!(names(&job("secret/ocean", &[])), []);
        assert_eq!(names(&job("films/other", &[])), []);
    }

    #[test]
    fn what_was_pruned_is_gone_and_what_was_not_made_is_not_found() {
        let pruned = job("films/ocean", &["videos"]);
        let path = JobPath::read("films", "ocean").unwrap();
        assert_eq!(names(&pruned).len(), 3);
        assert_eq!(missing(&path, "video", &pruned).status, StatusCode::GONE);
        assert_eq!(missing(&path, "poster", &pruned).status, StatusCode::NOT_FOUND);
        let mut young = pruned;
        young.status = None;
        assert_eq!(missing(&path, "video", &young).status, StatusCode::NOT_FOUND);
    }
}
