//! POST `/jobs`: one job, or one for each of many topics, all or none of them; or what they would cost.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use kube::{Api, Client, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use videofactory_client::job_ref::is_label;
use videofactory_client::new_job::{self, name_of};
use videofactory_client::{CallError, Estimate, JobRef, estimate, within};
use videofactory_crds::{GROUP, Money, VERSION, VideoJob};
use videofactory_pipeline::Digest;

use super::{Author, DryRun, MANAGER, Parameters};
use crate::body::Body;
use crate::problem::Problem;

/// Most jobs of one request.
const MOST_TOPICS: usize = 100;
/// Longest `Idempotency-Key`.
const LONGEST_KEY: usize = 128;
/// Annotation of a job that was made by a request with an `Idempotency-Key`: digest of the key and of what was asked.
const REQUEST: &str = "videofactory.dev/created-by-request";

/// A job to make, or one for each of several topics.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"namespace": "demo", "topic": "Why the sea is salty"}))]
pub struct CreateBody {
    /// Where.
    #[schema(required = true, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    namespace: String,
    /// Name of the job; absent: made of its topic.
    #[schema(max_length = 52, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    name: Option<String>,
    /// What the film is about; or `spec.topic`, or `spec.scenes`.
    topic: Option<String>,
    /// What the films are about, one each.
    #[schema(max_items = 100)]
    topics: Vec<String>,
    /// The spec of a VideoJob, shared by all.
    #[schema(value_type = crate::schemas::VideoJobSpec)]
    spec: Map<String, Value>,
    /// Labels of the jobs.
    labels: BTreeMap<String, String>,
}

/// The jobs that were made.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAnswer {
    /// Whether nothing was made, because the request said so: the cluster would take these.
    dry_run: bool,
    /// Each job, as `<namespace>/<name>`.
    #[schema(value_type = Vec<crate::schemas::JobId>)]
    jobs: Vec<JobRef>,
    /// Of a dry run: what they would cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<CreateEstimate>,
}

/// What jobs would cost that are made from nothing.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEstimate {
    /// What is known of all together, in US dollars.
    #[schema(value_type = crate::schemas::Usd)]
    cost: Money,
    /// What is not in it, because nobody knows what it costs: why, and what to do. Empty: all is in it.
    unknown: Vec<String>,
    /// Each job.
    jobs: Vec<JobEstimate>,
}

/// What a job would cost.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobEstimate {
    /// The job.
    #[schema(value_type = crate::schemas::JobId)]
    job: JobRef,
    /// What is known of it, in US dollars.
    #[schema(value_type = crate::schemas::Usd)]
    cost: Money,
    /// What is not in it.
    unknown: Vec<String>,
}

/// Makes jobs: one, or one for each of several topics, all or none of them.
#[utoipa::path(
    post,
    path = "/jobs",
    operation_id = "create_jobs",
    tag = "jobs",
    params(
        DryRun,
        (
            "Idempotency-Key" = Option<String>, Header,
            description = "A word of your own: the same request with the same key makes nothing twice",
            min_length = 1, max_length = 128,
        ),
    ),
    request_body = CreateBody,
    responses(
        (status = 200, description = "With dry_run: the cluster would take these, at this price", body = CreateAnswer),
        (status = 201, description = "The jobs were made", body = CreateAnswer),
        (status = 404, description = "There is no such namespace"),
        (status = 409, description = "A job of this name is there already; nothing was made"),
    ),
)]
pub async fn create(
    author: Author,
    Parameters(DryRun { dry_run }): Parameters<DryRun>,
    headers: HeaderMap,
    Body(body): Body<CreateBody>,
) -> Result<(StatusCode, Json<CreateAnswer>), Problem> {
    let key = headers.get("idempotency-key").map(|key| key.as_bytes().to_vec());
    if key.as_ref().is_some_and(|key| !(1..=LONGEST_KEY).contains(&key.len())) {
        return Err(Problem::bad_request(format!("Idempotency-Key is 1 to {LONGEST_KEY} characters long")));
    }
    let manifests = manifests(&body, key.as_deref())?;
    let client = &author.0;
    // The API server says what is wrong with any of them before the first is made.
    for manifest in &manifests {
        match send(client, &body.namespace, manifest, true).await {
            Err(error) if key.is_some() && error.is_already_exists() => {}
            other => drop(other?),
        }
    }
    let jobs: Vec<JobRef> = manifests.iter().map(|manifest| reference(&body.namespace, manifest)).collect();
    if dry_run {
        let estimate = Some(estimate(client, &body.namespace, &jobs, manifests).await?);
        return Ok((StatusCode::OK, Json(CreateAnswer { dry_run, jobs, estimate })));
    }
    let mut made = Vec::new();
    for manifest in &manifests {
        match send(client, &body.namespace, manifest, false).await {
            Ok(job) => made.push(job),
            // The same request was sent before, and this job is of it.
            Err(error)
                if error.is_already_exists() && is_there(client, &body.namespace, manifest).await? => {}
            Err(error) => {
                new_job::take_back(client, made).await;
                return Err(error.into());
            }
        }
    }
    Ok((StatusCode::CREATED, Json(CreateAnswer { dry_run, jobs, estimate: None })))
}

/// What the jobs would cost. Channel and accounts are read as whoever asks, so that it works in a proxy, too, which has no
/// stores.
async fn estimate(
    client: &Client,
    namespace: &str,
    names: &[JobRef],
    manifests: Vec<Value>,
) -> Result<CreateEstimate, Problem> {
    let jobs: Vec<VideoJob> = manifests
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()
        .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    let each = estimate::of_jobs(client, namespace, &jobs).await?;
    let Estimate { cost, unknown } = Estimate::sum(&each);
    let jobs = names.iter().cloned().zip(each);
    let jobs = jobs.map(|(job, Estimate { cost, unknown })| JobEstimate { job, cost, unknown }).collect();
    Ok(CreateEstimate { cost, unknown, jobs })
}

/// The manifests of the jobs. Pure but for names without a key, which are made by chance.
fn manifests(body: &CreateBody, key: Option<&[u8]>) -> Result<Vec<Value>, Problem> {
    let bad = |detail: &str| Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    if !is_label(&body.namespace) {
        return bad("namespace: name the namespace in which the job is to be");
    }
    let batch = !body.topics.is_empty();
    if batch && (body.topic.is_some() || body.name.is_some() || body.spec.contains_key("topic")) {
        return bad("topics stands alone: leave out topic, name and spec.topic");
    }
    if body.topics.len() > MOST_TOPICS {
        return bad("topics: at most 100 at once");
    }
    if body.topic.is_some() && body.spec.contains_key("topic") {
        return bad("topic stands twice: leave out topic or spec.topic");
    }
    let topics: Vec<Option<&str>> = if batch {
        body.topics.iter().map(|topic| Some(topic.as_str())).collect()
    } else {
        vec![body.topic.as_deref()]
    };
    // The digest is of all that is asked, so that one key with two wishes is seen.
    let request = key
        .map(|key| Digest::of_bytes(&[key, b"\0", &serde_json::to_vec(body).unwrap_or_default()].concat()));
    let manifest = |(index, topic): (usize, Option<&str>)| {
        let mut spec = body.spec.clone();
        if let Some(topic) = topic {
            spec.insert("topic".to_owned(), json!(topic));
        }
        let told = spec.get("topic").and_then(Value::as_str).unwrap_or("film");
        let suffix = match key {
            Some(key) => Digest::of_bytes(&[key, index.to_string().as_bytes()].concat()).to_string(),
            None => uuid::Uuid::new_v4().simple().to_string(),
        };
        let name = body.name.clone().unwrap_or_else(|| name_of(told, &suffix));
        let mut metadata = json!({"name": name, "namespace": body.namespace, "labels": body.labels});
        if let Some(request) = &request {
            metadata["annotations"][REQUEST] = json!(request.to_string());
        }
        json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": "VideoJob", "metadata": metadata, "spec": spec})
    };
    Ok(topics.into_iter().enumerate().map(manifest).collect())
}

fn reference(namespace: &str, manifest: &Value) -> JobRef {
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    JobRef { namespace: namespace.to_owned(), name: name.to_owned() }
}

async fn send(
    client: &Client,
    namespace: &str,
    manifest: &Value,
    dry_run: bool,
) -> Result<VideoJob, CallError> {
    new_job::create(client, &reference(namespace, manifest), manifest, dry_run, MANAGER).await
}

/// Whether the job is there, by the same request.
async fn is_there(client: &Client, namespace: &str, manifest: &Value) -> Result<bool, Problem> {
    let wanted = &manifest["metadata"]["annotations"][REQUEST];
    let job = reference(namespace, manifest);
    let api: Api<VideoJob> = Api::namespaced(client.clone(), namespace);
    let found = within(format!("get VideoJob {job}"), api.get_opt(&job.name)).await?;
    Ok(found.is_some_and(|found| is_of(&found, wanted)))
}

/// Whether a job was made by this request, and stays: one that is being deleted will not make the film.
fn is_of(job: &VideoJob, request: &Value) -> bool {
    let by = job.annotations().get(REQUEST);
    job.metadata.deletion_timestamp.is_none() && by.is_some_and(|by| *request == json!(by))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fields: Value) -> CreateBody {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn each_topic_becomes_a_job_with_the_shared_spec() {
        let body = body(json!({
            "namespace": "films", "topics": ["Why mountains grow", "Was ist Zeit?"], "spec": {"sceneCount": 4},
        }));
        let made = manifests(&body, None).unwrap();
        assert_eq!(made.len(), 2);
        assert_eq!(made[1]["spec"], json!({"sceneCount": 4, "topic": "Was ist Zeit?"}));
        assert!(made[0]["metadata"]["name"].as_str().unwrap().starts_with("why-mountains-grow-"));
        assert!(made[1]["metadata"]["name"].as_str().unwrap().starts_with("was-ist-zeit-"));
    }

    #[test]
    fn a_key_gives_the_same_names_again_and_tells_another_wish() {
        let one = body(json!({"namespace": "films", "topic": "rivers"}));
        let other = body(json!({"namespace": "films", "topic": "rivers", "spec": {"sceneCount": 2}}));
        let of = |body: &CreateBody, key: &[u8]| manifests(body, Some(key)).unwrap().remove(0);
        assert_eq!(of(&one, b"k"), of(&one, b"k"));
        assert_ne!(of(&one, b"k")["metadata"]["name"], of(&one, b"l")["metadata"]["name"]);
        let request = |manifest: &Value| manifest["metadata"]["annotations"][REQUEST].clone();
        assert_ne!(request(&of(&one, b"k")), request(&of(&other, b"k")));
    }

    #[test]
    fn a_job_that_is_being_deleted_is_none_of_the_request() {
        let found = |metadata: Value| -> VideoJob {
            serde_json::from_value(json!({"metadata": metadata, "spec": {"topic": "rivers"}})).unwrap()
        };
        let stays = json!({"name": "a", "annotations": {REQUEST: "abc"}});
        let mut leaves = stays.clone();
        leaves["deletionTimestamp"] = json!("2026-12-24T18:00:00Z");
        assert!(is_of(&found(stays.clone()), &json!("abc")));
        assert!(!is_of(&found(leaves), &json!("abc")));
        assert!(!is_of(&found(stays), &json!("other")));
        assert!(!is_of(&found(json!({"name": "a"})), &Value::Null));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for fields in [
            json!({"topic": "a"}),
            json!({"namespace": "A", "topic": "a"}),
            json!({"namespace": "films", "topic": "a", "topics": ["b"]}),
            json!({"namespace": "films", "name": "a", "topics": ["b"]}),
            json!({"namespace": "films", "topic": "a", "spec": {"topic": "b"}}),
            json!({"namespace": "films", "topics": vec!["a"; 101]}),
        ] {
            let refused = manifests(&body(fields.clone()), None).unwrap_err();
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
        }
    }
}
