//! One request that acts on many `VideoJob`s: each answers for itself.

use std::borrow::Cow;

use futures::{StreamExt, stream};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use videofactory_crds::videojob::has_ended;
use videofactory_crds::{StepState, VideoJob};

use crate::call::{CallError, list_each, within};
use crate::filter::JobFilter;
use crate::job_action::{Action, Plan, Request};
use crate::job_ref::JobRef;
use crate::lean::lean;
use crate::results::ItemOutcome;

/// Jobs that are written to at once: a hundred take a second or two, and the API server has time for others.
const CONCURRENCY: usize = 16;
/// How often a job is asked that changes meanwhile.
const ATTEMPTS: usize = 5;

/// What became of a request to one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was asked.
    Requested,
    /// It would be asked: nothing is written in a dry run.
    WouldRequest,
    /// It is so already.
    Unchanged,
    /// The job's state does not allow it.
    Refused,
    /// The API server did not take it.
    Failed,
}

/// What became of a request to one job, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemResult {
    /// The job.
    pub id: JobRef,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, where it was not asked; or what suspends the job all the same, where a resume was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl ItemOutcome for ItemResult {
    type Outcome = Outcome;

    fn outcome(&self) -> Outcome {
        self.outcome
    }

    fn is_done(&self) -> bool {
        self.outcome.is_done()
    }
}

impl Outcome {
    /// Whether the object is as it was asked for, or would be.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Requested | Self::WouldRequest | Self::Unchanged)
    }
}

impl ItemResult {
    fn new(id: JobRef, outcome: Outcome, detail: Option<String>) -> Self {
        Self { id, outcome, detail }
    }
}

/// Why a job was not asked.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The call failed; to ask again does no harm.
    #[error(transparent)]
    CallApiServer(#[from] CallError),
    /// It may have been asked all the same, and whoever asks again may pay again.
    #[error("{source}; {look}")]
    LearnOutcome {
        /// The call whose answer is missing.
        source: CallError,
        /// What to look at first.
        look: String,
    },
}

impl RequestError {
    /// The text for somebody who asked in their own name.
    #[must_use]
    pub fn for_people(&self) -> String {
        match self {
            Self::CallApiServer(error) => error.for_people(),
            Self::LearnOutcome { source, look } => format!("{}; {look}", source.for_people()),
        }
    }
}

/// The jobs that a filter takes, as the API server has them for whoever the client is, to ask something of them: each is
/// without what no request looks at.
pub async fn list(client: &Client, filter: &JobFilter) -> Result<Vec<VideoJob>, CallError> {
    list_as(client, filter, lean).await
}

/// The same, all of each.
pub async fn list_whole(client: &Client, filter: &JobFilter) -> Result<Vec<VideoJob>, CallError> {
    list_as(client, filter, |job| job).await
}

async fn list_as(
    client: &Client,
    filter: &JobFilter,
    keep: impl Fn(VideoJob) -> VideoJob,
) -> Result<Vec<VideoJob>, CallError> {
    let mut jobs = Vec::new();
    let take = |job: VideoJob| {
        if filter.matches(&job) {
            jobs.push(keep(job));
        }
    };
    list_each(client, filter.namespace.as_deref(), &filter.params(), take).await?;
    Ok(jobs)
}

/// The jobs of a namespace, or of all, that have not ended: those first that are at work, because they pay meanwhile.
pub async fn unfinished(client: &Client, namespace: Option<String>) -> Result<Vec<VideoJob>, CallError> {
    let mut jobs = list(client, &JobFilter { namespace, ..JobFilter::default() }).await?;
    jobs.retain(|job| !has_ended(job));
    jobs.sort_by_key(|job| !is_at_work(job));
    Ok(jobs)
}

/// Whether a pod works for it, as far as its status knows.
#[must_use]
pub fn is_at_work(job: &VideoJob) -> bool {
    let mut steps = job.status.iter().flat_map(|status| &status.steps);
    steps.any(|step| step.state == Some(StepState::Running))
}

/// Asks one job; fails if the API server does not take it. What depends on how the job stands is asked of the very version
/// that was looked at; if there is a later one, that is looked at first. Where the answer is lost the job says whether it
/// was asked.
pub async fn ask(
    client: &Client,
    job: &VideoJob,
    request: &Request,
    manager: &str,
) -> Result<ItemResult, RequestError> {
    send(client, job, request, manager, false).await
}

/// Lets the API server check what would be asked of one job: it keeps nothing of it.
pub async fn check(
    client: &Client,
    job: &VideoJob,
    request: &Request,
    manager: &str,
) -> Result<ItemResult, RequestError> {
    send(client, job, request, manager, true).await
}

async fn send(
    client: &Client,
    job: &VideoJob,
    request: &Request,
    manager: &str,
    dry_run: bool,
) -> Result<ItemResult, RequestError> {
    let name = JobRef::of(job);
    let api: Api<VideoJob> = Api::namespaced(client.clone(), &name.namespace);
    let params = PatchParams { dry_run, field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let taken = if dry_run { Outcome::WouldRequest } else { Outcome::Requested };
    let mut seen = Cow::Borrowed(job);
    let mut attempts = 1;
    loop {
        let mut patch = match request.plan(&seen) {
            Plan::Patch(patch) => patch,
            Plan::Unchanged(how) => return Ok(ItemResult::new(name, Outcome::Unchanged, Some(how))),
            Plan::Refused(why) => return Ok(ItemResult::new(name, Outcome::Refused, Some(why))),
        };
        if request.needs_fresh_state() {
            patch["metadata"]["resourceVersion"] = json!(seen.resource_version());
        }
        let what = format!("patch VideoJob {name}");
        match within(what, api.patch(&name.name, &params, &Patch::Merge(&patch))).await {
            Ok(_) => return Ok(ItemResult::new(name, taken, request.remark(&seen))),
            Err(error) if error.is_conflict() && attempts < ATTEMPTS => attempts += 1,
            // Of a dry run nothing is kept, whatever became of its answer.
            Err(error) if error.is_inconclusive() && !dry_run => {
                let found = within(format!("get VideoJob {name}"), api.get(&name.name)).await;
                let is_asked = found.is_ok_and(|now| now.uid() == seen.uid() && is_applied(&patch, &now));
                return if is_asked {
                    Ok(ItemResult::new(name, taken, request.remark(&seen)))
                } else {
                    Err(unheard(request, &seen, error))
                };
            }
            Err(error) => return Err(error.into()),
        }
        seen = Cow::Owned(within(format!("get VideoJob {name}"), api.get(&name.name)).await?);
        if let Some(why) = request.is_outdated(job, &seen) {
            return Ok(ItemResult::new(name, Outcome::Refused, Some(why)));
        }
    }
}

/// Whether a job is as a patch of annotations and of its suspension wants it.
fn is_applied(patch: &Value, job: &VideoJob) -> bool {
    let mut annotations = patch["metadata"]["annotations"].as_object().into_iter().flatten();
    let suspend = patch["spec"]["suspend"].as_bool().unwrap_or(job.spec.suspend);
    annotations.all(|(name, value)| job.annotations().get(name).map(String::as_str) == value.as_str())
        && suspend == job.spec.suspend
}

/// What it means that a request was not answered: each one for a new run, or to continue, is one more for the operator,
/// which cannot know that the same was meant.
fn unheard(request: &Request, job: &VideoJob, source: CallError) -> RequestError {
    let name = JobRef::of(job);
    let run = job.status.as_ref().and_then(|status| status.run).unwrap_or(0) + 1;
    let look = match request.action {
        Action::Restart => format!(
            "it may have been asked all the same: look whether run {run} of {name} has begun before you ask again, or all \
             may be made and paid for twice"
        ),
        Action::Retry => format!(
            "it may have been asked all the same: look at {name} before you ask again, because each retry may be the \
             permission to pay again"
        ),
        Action::Suspend { .. } | Action::Resume { .. } | Action::Approve { .. } | Action::Reject { .. } => {
            return RequestError::CallApiServer(source);
        }
    };
    RequestError::LearnOutcome { source, look }
}

/// Asks each of these jobs, or says what would be asked; in their order.
pub async fn ask_all(
    client: &Client,
    jobs: &[VideoJob],
    request: &Request,
    dry_run: bool,
    manager: &str,
) -> Vec<ItemResult> {
    if dry_run {
        return jobs.iter().map(|job| self::dry_run(job, request)).collect();
    }
    send_all(client, jobs, request, manager, false).await
}

/// Lets the API server check what would be asked of each of these jobs; in their order.
pub async fn check_all(
    client: &Client,
    jobs: &[VideoJob],
    request: &Request,
    manager: &str,
) -> Vec<ItemResult> {
    send_all(client, jobs, request, manager, true).await
}

async fn send_all(
    client: &Client,
    jobs: &[VideoJob],
    request: &Request,
    manager: &str,
    dry_run: bool,
) -> Vec<ItemResult> {
    // Collected first: a stream that maps references is good for one lifetime only, and a handler needs any.
    let sent: Vec<_> =
        jobs.iter().map(|job| send_or_report(client, job, request, manager, dry_run)).collect();
    stream::iter(sent).buffered(CONCURRENCY).collect().await
}

async fn send_or_report(
    client: &Client,
    job: &VideoJob,
    request: &Request,
    manager: &str,
    dry_run: bool,
) -> ItemResult {
    let failed =
        |error: RequestError| ItemResult::new(JobRef::of(job), Outcome::Failed, Some(error.for_people()));
    send(client, job, request, manager, dry_run).await.unwrap_or_else(failed)
}

/// What would become of a request, without asking anybody.
#[must_use]
pub fn dry_run(job: &VideoJob, request: &Request) -> ItemResult {
    let name = JobRef::of(job);
    match request.plan(job) {
        Plan::Patch(_) => ItemResult::new(name, Outcome::WouldRequest, request.remark(job)),
        Plan::Unchanged(how) => ItemResult::new(name, Outcome::Unchanged, Some(how)),
        Plan::Refused(why) => ItemResult::new(name, Outcome::Refused, Some(why)),
    }
}
