//! GET `/jobs/{namespace}/{name}/logs`: what a step's worker logs, from its pod, or from the bucket once the pod is gone.
//! The pod is asked with the caller's own token; for the bucket, whether the caller may read logs of pods there, or the
//! kept logs of jobs alone.

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{AsyncBufRead, AsyncReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Deserialize;
use utoipa::IntoParams;
use videofactory_client::{CallError, Right, within};
use videofactory_crds::labels::{ATTEMPT, RUN, STEP, UID, WORKER};
use videofactory_crds::{GROUP, StepName, StepStatus, VideoJob};
use videofactory_pipeline::Keys;

use super::artifacts;
use super::job::readable;
use super::kept_logs::{self, Start};
use crate::access::{Caller, may};
use crate::limits::SharedPermit;
use crate::path::{JobParams, JobPath, Segments};
use crate::problem::Problem;
use crate::query::Parameters;
use crate::schemas;
use crate::state::State;

/// Most lines that can be asked for from the end.
const MAX_LINES: u32 = 10_000;
/// Bytes that are read from a pod's log at once.
const PIECE: usize = 16 * 1024;

/// Query parameters of GET `/jobs/{namespace}/{name}/logs`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogsQuery {
    /// The step whose log is read. Left out: the current one, or else the last one that began.
    #[param(inline, value_type = Option<schemas::StepName>)]
    step: Option<StepName>,
    /// Whether to follow the log as the worker writes more. The answer ends with the worker, or after a minute and a half without a line.
    follow: bool,
    /// Number of lines from the end. Left out: all.
    #[param(minimum = 1, maximum = 10000)]
    tail: Option<u32>,
}

/// The log of a step's worker: JSON lines, from the pod of its last attempt.
#[utoipa::path(get, path = "/jobs/{namespace}/{name}/logs", operation_id = "read_job_logs", tag = "jobs", params(JobParams, LogsQuery), responses(
    (status = 200, description = "The log, a JSON object a line", body = String, content_type = "text/plain"),
    (status = 404, description = "There is no such job, or no log of the step"),
    (status = 409, description = "The pod has not begun to work yet"),
    (status = 502, description = "The bucket refuses the request"),
))]
pub async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<JobParams>,
    Parameters(query): Parameters<LogsQuery>,
) -> Result<Response, Problem> {
    if query.tail.is_some_and(|lines| !(1..=MAX_LINES).contains(&lines)) {
        return Err(Problem::bad_request(format!("tail is 1 to {MAX_LINES}")));
    }
    let path = params.job()?;
    let found = readable(&state, &caller, &path).await?;
    let job = found.get()?;
    let step = step_of(job, query.step).ok_or_else(|| nothing(&path, query.step))?;
    let client = state.clients.of_token(caller.token())?;
    let permit = state.limits.stream(caller.name())?;
    let pieces = match latest_pod(&client, job, &path, step.name).await {
        Ok(Some(pod)) => of_pod(&client, &path, &pod, &query).await?,
        Ok(None) => {
            if !may_read_kept(&client, &path).await? {
                let namespace = Some(path.0.namespace.as_str());
                may(&client, Right { verb: "get", group: "", resource: "pods/log", namespace }).await?;
            }
            kept(&state, job, &path, step, query.tail).await?
        }
        Err(error) if error.lacks_permission() && may_read_kept(&client, &path).await? => {
            kept(&state, job, &path, step, query.tail).await?
        }
        Err(error) => return Err(error.into()),
    };
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], held(pieces, permit)).into_response())
}

/// Whether somebody without a right to pods may read what the bucket has kept of them: a right of our own, since that to
/// pods is one to all pods of a namespace.
async fn may_read_kept(client: &Client, path: &JobPath) -> Result<bool, CallError> {
    let namespace = Some(path.0.namespace.as_str());
    let right = Right { verb: "get", group: GROUP, resource: "videojobs/log", namespace };
    videofactory_client::may(client, right).await
}

type Pieces = BoxStream<'static, Result<Bytes, std::io::Error>>;

/// A body that holds a permit until its end, or until the caller hangs up.
fn held(pieces: Pieces, permit: SharedPermit) -> Body {
    Body::from_stream(pieces.inspect_ok(move |_| {
        let _held = &permit;
    }))
}

/// The step whose log is wanted.
fn step_of(job: &VideoJob, named: Option<StepName>) -> Option<&StepStatus> {
    let status = job.status.as_ref()?;
    let wanted = named.or(status.current_step).and_then(|step| status.step(step));
    let begun = |step: &&StepStatus| step.attempt.is_some();
    let last =
        || status.steps.iter().max_by_key(|step| step.started_at.as_ref().map(|at| at.0)).filter(begun);
    match named {
        Some(_) => wanted.filter(begun),
        None => wanted.filter(begun).or_else(last),
    }
}

fn nothing(path: &JobPath, step: Option<StepName>) -> Problem {
    let JobPath(id) = path;
    let detail = match step {
        Some(step) => format!("{id} has no log of {step}: it has not been begun"),
        None => format!("{id} has no log: no step has been begun"),
    };
    Problem::new(StatusCode::NOT_FOUND, detail).hint(format!("GET /jobs/{id} says how far it is"))
}

/// The pod of the step's last attempt, if it is there.
async fn latest_pod(
    client: &Client,
    job: &VideoJob,
    path: &JobPath,
    step: StepName,
) -> Result<Option<Pod>, CallError> {
    let namespace = &path.0.namespace;
    let uid = job.meta().uid.as_deref().unwrap_or_default();
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let params = ListParams::default().labels(&format!("{UID}={uid},{STEP}={step}"));
    let pods = within(format!("list the pods of {}", path.0), api.list(&params)).await?;
    Ok(pods.items.into_iter().max_by_key(age))
}

/// Later attempts of later runs are greater.
fn age(pod: &Pod) -> (Option<i64>, Option<i64>, Option<jiff::Timestamp>) {
    let number = |label: &str| pod.labels().get(label).and_then(|text| text.parse().ok());
    (number(RUN), number(ATTEMPT), pod.creation_timestamp().map(|at| at.0))
}

async fn of_pod(client: &Client, path: &JobPath, pod: &Pod, query: &LogsQuery) -> Result<Pieces, Problem> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &path.0.namespace);
    let name = pod.name_any();
    let params = LogParams {
        container: Some(WORKER.to_owned()),
        follow: query.follow,
        tail_lines: query.tail.map(i64::from),
        ..LogParams::default()
    };
    match within(format!("read the log of pod {name}"), api.log_stream(&name, &params)).await {
        Ok(log) if query.follow => Ok(until_it_breaks(pieces(log))),
        Ok(log) => Ok(pieces(log)),
        // So the API server says of a container that is still to be started.
        Err(CallError::Refused { status, .. }) if status.code == 400 => {
            let detail = format!("pod {name} has not begun to work: {}", status.message);
            let hint = format!("ask again in a moment; GET /jobs/{}/events says what it waits for", path.0);
            Err(Problem::new(StatusCode::CONFLICT, detail).hint(hint).after(5))
        }
        Err(error) => Err(error.into()),
    }
}

fn pieces(log: impl AsyncBufRead + Send + 'static) -> Pieces {
    let log = Box::pin(log);
    stream::try_unfold(log, |mut log| async move {
        let mut piece = vec![0; PIECE];
        let read = log.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(piece), log)))
    })
    .boxed()
}

/// A log that is followed ends where the connection does: it breaks after a long silence, and the caller may ask again.
fn until_it_breaks(log: Pieces) -> Pieces {
    log.take_while(|piece| std::future::ready(piece.is_ok())).boxed()
}

/// The log of the step's last attempt, as far as the bucket has it.
async fn kept(
    state: &State,
    job: &VideoJob,
    path: &JobPath,
    step: &StepStatus,
    tail: Option<u32>,
) -> Result<Pieces, Problem> {
    let bucket = artifacts::bucket(state, job, path).await?;
    let status = job.status.as_ref();
    let (id, run) = status.map_or((None, None), |status| (status.id.as_deref(), status.run));
    let (Some(id), Some(run), Some(attempt)) = (id, run, step.attempt) else {
        return Err(nothing(path, Some(step.name)));
    };
    let keys = Keys::new(&path.0.namespace, &path.0.name, id, run);
    let chunks = kept_logs::chunks(&bucket, &keys.logs(step.name, attempt)).await?;
    if chunks.is_empty() {
        let detail = format!(
            "the bucket has no log of attempt {attempt} of {}: nothing was written yet, or it was pruned",
            step.name
        );
        let hint = format!("the step's message in GET /jobs/{} says how it ended", path.0);
        return Err(Problem::new(StatusCode::NOT_FOUND, detail).hint(hint));
    }
    let start = match tail {
        Some(lines) => kept_logs::start_of_last(&bucket, &chunks, lines as usize).await?,
        None => Start::default(),
    };
    Ok(kept_logs::read(bucket, chunks, start))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(current: Option<&str>) -> VideoJob {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films"}, "spec": {"topic": "the ocean"},
            "status": {"currentStep": current, "steps": [
                {"name": "write-script", "attempt": 1, "startedAt": "2026-12-24T18:00:00Z"},
                {"name": "generate-images", "attempt": 2, "startedAt": "2026-12-24T18:01:00Z"},
                {"name": "assemble-video"},
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn the_number_of_lines_is_documented() {
        assert_eq!(crate::testing::documented::parameter::<LogsQuery>("tail")["maximum"], MAX_LINES);
    }

    #[test]
    fn without_a_name_it_is_the_current_step_or_the_last_begun() {
        let of = |current, named| step_of(&job(current), named).map(|step| step.name);
        assert_eq!(of(Some("write-script"), None), Some(StepName::WriteScript));
        assert_eq!(of(None, None), Some(StepName::GenerateImages));
        assert_eq!(of(Some("assemble-video"), None), Some(StepName::GenerateImages));
        assert_eq!(of(None, Some(StepName::WriteScript)), Some(StepName::WriteScript));
        assert_eq!(of(None, Some(StepName::AssembleVideo)), None);
        assert_eq!(of(None, Some(StepName::PublishVideo)), None);
    }

    #[test]
    fn the_pod_of_the_last_attempt_of_the_last_run_is_read() {
        let pod = |run: &str, attempt: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"labels": {RUN: run, ATTEMPT: attempt}}})).unwrap()
        };
        assert!(age(&pod("1", "10")) > age(&pod("1", "9")));
        assert!(age(&pod("2", "11")) > age(&pod("1", "12")));
    }
}
