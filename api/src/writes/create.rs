//! POST `/jobs`: one job, or one for each of many topics, all or none of them; or what they would cost.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use kube::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use videofactory_client::batch::{self, CreateError};
use videofactory_client::estimate::Estimator;
use videofactory_client::job_ref::is_label;
use videofactory_client::new_job::{self, NewJobs};
use videofactory_client::{Estimate, JobRef};
use videofactory_crds::VideoJob;
use videofactory_pipeline::{Digest, clock};

use super::{CreateEstimate, DryRun};
use crate::access::{MANAGER, UserClient};
use crate::body::Body;
use crate::problem::Problem;
use crate::query::Parameters;
use crate::tasks::Tasks;
use crate::unwatched::Unwatched;

/// Most jobs of one request.
const MAX_TOPICS: usize = 100;
/// Longest `Idempotency-Key`.
const MAX_KEY: usize = 128;

/// A job to create, or one for each of several topics.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schema(example = json!({"namespace": "demo", "topic": "Why the sea is salty"}))]
pub struct CreateBody {
    /// The namespace of the jobs.
    #[schema(required = true, value_type = crate::schemas::ObjectName)]
    namespace: String,
    /// Name of the job. Left out: made from its topic.
    #[schema(value_type = Option<crate::schemas::JobName>)]
    name: Option<String>,
    /// What the film is about. Instead of it, `spec.topic` or `spec.scenes` may be given.
    topic: Option<String>,
    /// The topics of several films: one job is created for each.
    #[schema(max_items = 100)]
    topics: Vec<String>,
    /// The spec of a VideoJob, shared by all.
    #[schema(value_type = crate::schemas::VideoJobSpec)]
    spec: Map<String, Value>,
    /// Labels of the jobs.
    labels: BTreeMap<String, String>,
}

/// The jobs that were created.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateAnswer {
    /// Whether nothing was created, because the request said so: the cluster would accept these jobs.
    dry_run: bool,
    /// Each job.
    items: Vec<CreatedItem>,
    /// With dry_run: what all jobs would cost together, and need of their accounts' quotas.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<CreateEstimate>,
}

/// A job that was created, or would be.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreatedItem {
    /// The job.
    #[schema(value_type = crate::schemas::JobId)]
    id: JobRef,
    /// With dry_run: what it would cost, and need of its accounts' quotas.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<CreateEstimate>,
}

impl CreateAnswer {
    /// These jobs were made.
    fn made(jobs: Vec<JobRef>) -> Self {
        let items = jobs.into_iter().map(|id| CreatedItem { id, estimate: None });
        Self { dry_run: false, items: items.collect(), estimate: None }
    }

    /// These jobs would be made, each at its price.
    fn tried(jobs: Vec<JobRef>, each: Vec<Estimate>, now: Timestamp) -> Self {
        let estimate = Some(CreateEstimate::of(Estimate::sum(&each), now));
        let items = jobs.into_iter().zip(each);
        let items =
            items.map(|(id, estimate)| CreatedItem { id, estimate: Some(CreateEstimate::of(estimate, now)) });
        Self { dry_run: true, items: items.collect(), estimate }
    }
}

/// Creates one job, or one for each of several topics: all of them or none.
///
/// The request is completed even if the caller hangs up. Several jobs are suspended until all of them exist, which needs the
/// permissions to patch and to delete jobs.
#[utoipa::path(
    post,
    path = "/jobs",
    operation_id = "create_jobs",
    tag = "jobs",
    params(
        DryRun,
        (
            "Idempotency-Key" = Option<String>, Header,
            description = "A word that you choose. If the same request is sent again with the same key, nothing is created twice",
            min_length = 1, max_length = 128,
        ),
    ),
    request_body = CreateBody,
    responses(
        (status = 200, description = "With dry_run: the cluster would accept these jobs, at this price", body = CreateAnswer),
        (status = 201, description = "The jobs were created", body = CreateAnswer),
        (status = 404, description = "There is no such namespace"),
        (
            status = 409,
            description = "A job of this name exists already, and nothing was created; or all jobs were created and are \
                           suspended, because all jobs were stopped meanwhile"
        ),
    ),
)]
pub async fn create(
    user_client: UserClient,
    Shared(tasks): Shared<Tasks>,
    Shared(unwatched): Shared<Unwatched>,
    Parameters(DryRun { dry_run }): Parameters<DryRun>,
    headers: HeaderMap,
    Body(body): Body<CreateBody>,
) -> Result<(StatusCode, Json<CreateAnswer>), Problem> {
    let key = headers.get("idempotency-key").map(|key| key.as_bytes().to_vec());
    if key.as_ref().is_some_and(|key| !(1..=MAX_KEY).contains(&key.len())) {
        return Err(Problem::bad_request(format!("Idempotency-Key is 1 to {MAX_KEY} characters long")));
    }
    let new = new_jobs(body, key.as_deref())?;
    // Asked first: who may not make them is not to have a hundred calls made.
    user_client.may("create", "videojobs", &new.namespace).await?;
    if new.jobs.len() > 1 {
        // Each is held until all are there.
        user_client.may("patch", "videojobs", &new.namespace).await?;
    }
    unwatched.check(Some(&new.namespace))?;
    let permit = tasks.limits.creations.try_acquire()?;
    let (client, jobs) = (user_client.0, new.references());
    if dry_run {
        new_job::try_all(&client, &new, MANAGER, drop).await?;
        let each = estimates(&client, &new).await?;
        return Ok((StatusCode::OK, Json(CreateAnswer::tried(jobs, each, clock::now()))));
    }
    let making = Box::pin(async move {
        let _permit = permit;
        let made = Box::pin(batch::create_all(&client, &new, MANAGER, drop)).await;
        made.map_err(|error| problem(error, new.is_repeatable))
    });
    tasks.run("making the jobs", making).await?;
    Ok((StatusCode::CREATED, Json(CreateAnswer::made(jobs))))
}

/// Why jobs were not made or do not begin, and what to do about those that are there all the same.
fn problem(CreateError { source, left, is_made }: CreateError, is_repeatable: bool) -> Problem {
    let is_inconclusive = source.is_inconclusive();
    let problem = Problem::from(source);
    if left.is_empty() {
        return problem;
    }
    if is_repeatable && is_inconclusive {
        return problem
            .hint("send the same request with the same Idempotency-Key again: nothing is made twice");
    }
    let names = left.iter().map(JobRef::to_string).collect::<Vec<_>>().join(", ");
    let hint = if is_made {
        format!(
            "all were made, and POST /jobs/<namespace>/<name>/resume lets those begin that are still held: {names}"
        )
    } else {
        format!("look whether they are there before you ask again: {names}")
    };
    // Whoever sends it again may pay twice.
    Problem { retry_after: None, ..problem }.hint(hint)
}

/// What each job would cost. Channel and accounts are read as whoever asks, so that it works in a proxy, too, which has no
/// stores.
async fn estimates(client: &Client, new: &NewJobs) -> Result<Vec<Estimate>, Problem> {
    let mut estimator = Estimator::new(client, &new.namespace);
    let mut each = Vec::new();
    for job in &new.jobs {
        let job: VideoJob = serde_json::from_value(new.manifest(job))
            .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
        each.push(estimator.of(&job).await?);
    }
    Ok(each)
}

/// The jobs that are meant. Pure but for names without a key, which are made by chance.
fn new_jobs(body: CreateBody, key: Option<&[u8]>) -> Result<NewJobs, Problem> {
    let bad = |detail: &str| Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    if !is_label(&body.namespace) {
        return bad("namespace: name the namespace in which the job is to be");
    }
    if !body.topics.is_empty()
        && (body.topic.is_some() || body.name.is_some() || body.spec.contains_key("topic"))
    {
        return bad("topics stands alone: leave out topic, name and spec.topic");
    }
    if body.topics.len() > MAX_TOPICS {
        return bad(&format!("topics: at most {MAX_TOPICS} at once"));
    }
    if body.topic.is_some() && body.spec.contains_key("topic") {
        return bad("topic stands twice: leave out topic or spec.topic");
    }
    let by_chance = || uuid::Uuid::new_v4().simple().to_string();
    // The digest is of all that is asked, so that one key with two wishes is seen.
    let request = match key {
        Some(key) => {
            let wish = serde_json::to_vec(&body).unwrap_or_default();
            Digest::of_bytes(&[key, b"\0", &wish].concat()).to_string()
        }
        None => by_chance(),
    };
    let CreateBody { namespace, name, topic, topics, spec, labels } = body;
    let mut new =
        NewJobs { namespace, labels, spec, request, is_repeatable: key.is_some(), ..NewJobs::default() };
    let topics = if topics.is_empty() { vec![topic] } else { topics.into_iter().map(Some).collect() };
    for (index, topic) in topics.into_iter().enumerate() {
        let suffix = match key {
            Some(key) => Digest::of_bytes(&[key, index.to_string().as_bytes()].concat()).to_string(),
            None => by_chance(),
        };
        new.add(name.clone(), topic, &suffix);
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use videofactory_client::CallError;

    use super::*;
    use crate::testing::documented;

    fn body(fields: Value) -> CreateBody {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn each_topic_becomes_a_job_with_the_shared_spec() {
        let body = body(json!({
            "namespace": "films", "topics": ["Why mountains grow", "Was ist Zeit?"], "spec": {"sceneCount": 4},
        }));
        let new = new_jobs(body, None).unwrap();
        let names: Vec<&str> = new.jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names.len(), 2);
        assert!(names[0].starts_with("why-mountains-grow-") && names[1].starts_with("was-ist-zeit-"));
        assert_eq!(new.manifest(&new.jobs[1])["spec"], json!({"sceneCount": 4, "topic": "Was ist Zeit?"}));
        assert!(!new.is_repeatable && !new.request.is_empty());
    }

    #[test]
    fn a_key_gives_the_same_names_again_and_shows_another_request() {
        let one = || body(json!({"namespace": "films", "topic": "rivers"}));
        let other = body(json!({"namespace": "films", "topic": "rivers", "spec": {"sceneCount": 2}}));
        let of = |body: CreateBody, key: &[u8]| new_jobs(body, Some(key)).unwrap();
        let first = of(one(), b"k");
        let again = of(one(), b"k");
        assert!(first.is_repeatable);
        assert_eq!((&first.jobs, &first.request), (&again.jobs, &again.request));
        assert_ne!(first.jobs, of(one(), b"l").jobs);
        assert_ne!(first.request, of(other, b"k").request);
    }

    #[test]
    fn where_jobs_may_be_there_all_the_same_it_says_what_to_do() {
        let left = vec![JobRef { namespace: "films".to_owned(), name: "ocean".to_owned() }];
        let reported = |left: Vec<JobRef>, is_repeatable: bool| {
            let source = CallError::TimedOut { what: "create VideoJob films/ocean".to_owned() };
            let reported = problem(CreateError { source, left, is_made: false }, is_repeatable);
            assert_eq!(reported.status, StatusCode::SERVICE_UNAVAILABLE);
            (reported.hint.unwrap_or_default(), reported.retry_after)
        };
        let (hint, after) = reported(left.clone(), true);
        assert!(hint.contains("Idempotency-Key") && after.is_some(), "{hint}");
        let (hint, after) = reported(left, false);
        assert!(hint.contains("films/ocean") && after.is_none(), "{hint}");
        assert_eq!(reported(Vec::new(), false).0, "");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for fields in [
            json!({"topic": "a"}),
            json!({"namespace": "A", "topic": "a"}),
            json!({"namespace": "films", "topic": "a", "topics": ["b"]}),
            json!({"namespace": "films", "name": "a", "topics": ["b"]}),
            json!({"namespace": "films", "topic": "a", "spec": {"topic": "b"}}),
            json!({"namespace": "films", "topics": vec!["a"; MAX_TOPICS + 1]}),
        ] {
            let refused = new_jobs(body(fields.clone()), None).unwrap_err();
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
        }
    }

    #[test]
    fn the_number_of_topics_is_documented() {
        assert_eq!(documented::field::<CreateBody>("topics")["maxItems"], MAX_TOPICS);
    }
}
