//! Apply: the one stage that writes. First the status, with the version that was observed, then the actions.
//!
//! Each action may be repeated: a crash after any of these calls leads the next reconcile to the same ones.

use futures::future::{try_join, try_join_all};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, ListParams, PostParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use videofactory_crds::{VideoJob, VideoJobStatus};
use videofactory_pipeline::{StepInput, Tombstone, graph};

use super::build;
use super::confirm::confirm;
use super::deletion;
use super::facts::{job_facts, pod_facts};
use super::labels::{self, Labels};
use super::model::{Action, Decision, JobFacts, Observed, StartStep};
use super::names::job_name;
use super::tombstones;
use crate::caches::{Owned, owner_key, version};
use crate::client::{CallError, within};
use crate::context::Context;
use crate::events::Event;
use crate::meter::Changes;

/// Something of a decision could not be done. The next reconcile decides anew.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The object was changed since it was observed; the newer one is known now.
    #[error("VideoJob {0} was changed meanwhile")]
    Changed(String),
    /// A pod or Job of the step is still alive although no cache showed it.
    #[error("{0} is still at work: the next attempt waits for its end")]
    StillAtWork(String),
    /// The attempt's Job is there already, but on its way out.
    #[error("Job {0} is being deleted: the attempt waits until it is gone")]
    Leaving(String),
    /// A Job of somebody else has the name.
    #[error("Job {0} exists and belongs to somebody else: delete it, and the step starts")]
    Foreign(String),
    /// A job whose time to live has passed cannot leave its tombstone, and why.
    #[error("VideoJob {0} cannot leave its tombstone: {1}")]
    NoTombstone(String, String),
    /// A grant that the attempt would begin with is about to be closed, or is.
    #[error("ProviderAccount {0} takes back what it granted: the attempt waits for its word")]
    GrantClosing(String),
    /// A job that is being deleted still has files, and what keeps them.
    #[error("VideoJob {0} still has its files: {1}")]
    FilesRemain(String, String),
}

impl ApplyError {
    /// Nothing went wrong: the world had moved on, and another look is all that is needed.
    #[must_use]
    pub fn is_race(&self) -> bool {
        matches!(self, Self::Changed(_) | Self::StillAtWork(_) | Self::Leaving(_) | Self::GrantClosing(_))
    }

    /// What a person must know if this will be met again and again until something is mended.
    fn refusal(&self) -> Option<String> {
        match self {
            Self::Call(error) if error.is_rejected() => Some(format!(
                "{error}; mend what refuses it (a quota, a policy, this job's compute), and the step starts by itself"
            )),
            Self::Foreign(_) => Some(self.to_string()),
            _ => None,
        }
    }
}

/// Does what was decided.
pub async fn apply(context: &Context, observed: &Observed, decision: Decision) -> Result<(), ApplyError> {
    let unchanged = observed.job.status.as_ref() == Some(&decision.status);
    let mut job = write_status(context, &observed.job, decision.status).await?;
    let uid = job.uid().unwrap_or_default();
    context.progress.entered(&uid, observed.live.keys().copied());
    let mut starts = Vec::new();
    let mut others = Vec::new();
    let mut hold = None;
    for action in decision.actions {
        match action {
            Action::Event(event) => context.events.tell(job.object_ref(&()), event),
            Action::Count(changes) => count(context, &job, &changes),
            Action::TellFull(at) => {
                let namespace = job.namespace().unwrap_or_default();
                context.meter.refused(&namespace, &job.spec.storage_ref.name, at);
            }
            Action::Hold(whether) => hold = Some(whether),
            Action::StartStep(order) => starts.push(order),
            other => others.push(other),
        }
    }
    if unchanged && others.iter().any(|action| matches!(action, Action::DeleteJob { .. })) {
        check_newest(context, &job).await?;
    }
    if let Some(whether) = hold {
        job = deletion::hold(context, &job, whether).await?;
    }
    for action in others {
        match action {
            Action::DeleteJob { name, uid } => delete_job(context, &job, &name, &uid).await?,
            Action::Retire { key, tombstone } => retire(context, &job, &key, &tombstone).await?,
            Action::Count(_)
            | Action::TellFull(_)
            | Action::Hold(_)
            | Action::Event(_)
            | Action::StartStep(_) => {}
        }
    }
    try_join_all(starts.iter().map(|order| start_step(context, &job, &observed.jobs, order))).await.map(drop)
}

/// Counts what came into the bucket or went from it. What a crash keeps from being counted, or has counted twice, the
/// next measurement puts right.
pub(super) fn count(context: &Context, job: &VideoJob, changes: &Changes) {
    let (namespace, policy) = (job.namespace().unwrap_or_default(), &job.spec.storage_ref.name);
    context.meter.count(&namespace, policy, changes);
}

/// Writes the status, unless it is what the API server has; the object as it is then.
pub(super) async fn write_status(
    context: &Context,
    job: &VideoJob,
    status: VideoJobStatus,
) -> Result<VideoJob, ApplyError> {
    if job.status.as_ref() == Some(&status) {
        return Ok(job.clone());
    }
    let (api, name) = (api::<VideoJob>(context, job), job.name_any());
    let wanted = VideoJob { status: Some(status), ..job.clone() };
    context.metrics.wrote("VideoJob");
    let answer = within(
        format!("update status of VideoJob {}", path(job, &name)),
        api.replace_status(&name, &PostParams::default(), &wanted),
    )
    .await;
    match answer {
        Ok(written) => {
            if written.status != wanted.status {
                tracing::warn!(
                    videojob = path(job, &name),
                    "the API server keeps another status than was sent"
                );
            }
            context.caches.written_jobs.wrote(written.clone());
            Ok(written)
        }
        Err(error) if error.is_conflict() => {
            // The watch may be far behind: without a live look, every try would meet the same conflict.
            check_newest(context, job).await?;
            Err(ApplyError::Changed(path(job, &name)))
        }
        Err(error) if error.is_not_found() => Err(ApplyError::Changed(path(job, &name))),
        Err(error) => Err(error.into()),
    }
}

/// No Job is deleted by an old status: a status that is written proves itself the newest, another asks.
pub(super) async fn check_newest(context: &Context, job: &VideoJob) -> Result<(), ApplyError> {
    let (api, name) = (api::<VideoJob>(context, job), job.name_any());
    let live = within(format!("get VideoJob {}", path(job, &name)), api.get_opt(&name)).await?;
    match live.filter(|live| live.uid() == job.uid()) {
        Some(live) if live.resource_version() == job.resource_version() => Ok(()),
        Some(live) => {
            context.caches.written_jobs.wrote(live);
            Err(ApplyError::Changed(path(job, &name)))
        }
        None => Err(ApplyError::Changed(path(job, &name))),
    }
}

async fn start_step(
    context: &Context,
    owner: &VideoJob,
    known: &[JobFacts],
    order: &StartStep,
) -> Result<(), ApplyError> {
    let input = &order.input;
    let name = job_name(&input.job, input.step, input.attempt);
    if may_meet_another(input, &name, known) {
        nothing_at_work(context, owner, order, &name).await?;
    }
    confirm(context, owner, order).await?;
    let built = build::attempt(owner, order, &context.config.worker);
    for what in &built.ignored {
        let note = format!("its pods go without {what}");
        let event =
            Event { warning: true, reason: "ComputeIgnored".to_owned(), action: "Start".to_owned(), note };
        context.events.tell(owner.object_ref(&()), event);
    }
    let maps = built.documents.iter().chain(&built.authority).map(|map| create_map(context, owner, map));
    let created = try_join_all(maps).await.map(drop);
    let created = match created {
        Ok(()) => create_job(context, owner, &built.job).await,
        Err(error) => Err(error),
    };
    match &created {
        Ok(()) => {
            context.refusals.taken(&input.job.uid, input.step);
            measure_handover(context, owner, order);
        }
        Err(error) => {
            if let Some(words) = error.refusal() {
                context.refusals.refused(&input.job.uid, input.step, input.attempt, words);
            }
        }
    }
    created
}

/// Before the first attempt of all there was nothing, unless the status was put back: then a Job tells of it.
fn may_meet_another(input: &StepInput, name: &str, known: &[JobFacts]) -> bool {
    let another = known.iter().any(|job| job.step == input.step && job.name != name);
    input.attempt > 1 || input.job.run > 1 || another
}

/// A watch may be behind: before a second attempt, the API server itself is asked whether a pod or another Job of the
/// step, besides the one of this name, is alive.
async fn nothing_at_work(
    context: &Context,
    owner: &VideoJob,
    order: &StartStep,
    name: &str,
) -> Result<(), ApplyError> {
    let step = order.input.step;
    let selector = format!("{}={},{}={step}", labels::UID, order.input.job.uid, labels::STEP);
    let params = ListParams::default().labels(&selector);
    let list = |kind: &str| format!("list {kind} of {step} of VideoJob {}", path(owner, &owner.name_any()));
    let (pod_api, job_api) = (api::<Pod>(context, owner), api::<Job>(context, owner));
    let (pods, jobs) =
        try_join(within(list("pods"), pod_api.list(&params)), within(list("Jobs"), job_api.list(&params)))
            .await?;
    let still =
        |kind: &str, name: String| Err(ApplyError::StillAtWork(format!("{kind} {}", path(owner, &name))));
    if let Some(pod) = pods.items.iter().find(|pod| is_alive(pod)) {
        return still("pod", pod.name_any());
    }
    match jobs.items.iter().find(|job| job.name_any() != name && is_unended(job, owner)) {
        Some(job) => still("Job", job.name_any()),
        None => Ok(()),
    }
}

/// Whether our container may still be at work in it.
pub(super) fn is_alive(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let outlived = Labels::read(&pod.metadata).is_some_and(|labels| pod_facts(pod, &labels).outlived);
    !matches!(phase, Some("Succeeded" | "Failed")) && !outlived
}

/// Whether it is a Job of this owner that has not ended.
fn is_unended(job: &Job, owner: &VideoJob) -> bool {
    let facts = Labels::read(&job.metadata).map(|labels| job_facts(job, &labels));
    facts.is_some_and(|facts| facts.ended.is_none()) && is_owned(job, owner)
}

fn is_owned(job: &Job, owner: &VideoJob) -> bool {
    job.owner_references()
        .iter()
        .any(|reference| reference.controller == Some(true) && Some(&reference.uid) == owner.uid().as_ref())
}

/// Its name is made from its owner and its content: if it exists, it is the same.
async fn create_map(context: &Context, owner: &VideoJob, map: &ConfigMap) -> Result<(), ApplyError> {
    context.metrics.wrote("ConfigMap");
    let what = format!("create ConfigMap {}", path(owner, &map.name_any()));
    match within(what, api::<ConfigMap>(context, owner).create(&PostParams::default(), map)).await {
        Err(error) if !error.is_already_exists() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Creates the attempt's Job, or adopts it if a crash came between its creation and our next look.
async fn create_job(context: &Context, owner: &VideoJob, job: &Job) -> Result<(), ApplyError> {
    let (api, name) = (api::<Job>(context, owner), job.name_any());
    context.metrics.wrote("Job");
    let what = format!("create Job {}", path(owner, &name));
    let present = match within(what, api.create(&PostParams::default(), job)).await {
        Ok(created) => created,
        Err(error) if error.is_already_exists() => {
            let found = within(format!("get Job {}", path(owner, &name)), api.get_opt(&name)).await?;
            found.ok_or_else(|| ApplyError::Leaving(path(owner, &name)))?
        }
        Err(error) => return Err(error.into()),
    };
    match Labels::read(&present.metadata) {
        Some(labels) if is_owned(&present, owner) => {
            if present.metadata.deletion_timestamp.is_some() {
                return Err(ApplyError::Leaving(path(owner, &name)));
            }
            context.caches.jobs.wrote(Owned {
                owner: key_of(owner),
                uid: present.uid().unwrap_or_default(),
                version: version(&present),
                facts: job_facts(&present, &labels),
            });
            tracing::info!(job = path(owner, &name), "attempt started");
            Ok(())
        }
        _ => Err(ApplyError::Foreign(path(owner, &name))),
    }
}

fn key_of(owner: &VideoJob) -> String {
    owner_key(&owner.namespace().unwrap_or_default(), &owner.uid().unwrap_or_default())
}

/// From the end of the last pod to the Job that follows from it; a first step follows from none, and a further
/// attempt from more than a pod's end.
fn measure_handover(context: &Context, owner: &VideoJob, order: &StartStep) {
    if order.input.attempt > 1 || graph::step(order.input.step).needs.is_empty() {
        return;
    }
    let pods = context.caches.pods.of(&key_of(owner));
    if let Some(ended) = pods.iter().filter_map(|pod| pod.object.facts.ended_seen).max() {
        context.metrics.handed_over(ended.elapsed());
    }
}

/// In the background: a Job deleted without a policy leaves its pod at work.
pub(super) async fn delete_job(
    context: &Context,
    owner: &VideoJob,
    name: &str,
    uid: &str,
) -> Result<(), ApplyError> {
    let only = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let params = DeleteParams::background().preconditions(only);
    context.metrics.wrote("Job");
    match within(
        format!("delete Job {}", path(owner, name)),
        api::<Job>(context, owner).delete(name, &params),
    )
    .await
    {
        Ok(_) => {}
        Err(error) if error.is_not_found() || error.is_conflict() => {}
        Err(error) => return Err(error.into()),
    }
    context.caches.jobs.deleted(uid);
    Ok(())
}

/// The tombstone comes first: a job that went without one would be bought again by whoever applies it again.
async fn retire(
    context: &Context,
    job: &VideoJob,
    key: &str,
    tombstone: &Tombstone,
) -> Result<(), ApplyError> {
    if let Err(why) = tombstones::leave(context, job, key, tombstone).await {
        let note = format!(
            "ttlAfterFinished has passed, and the job stays until its tombstone can be written, without which it would be \
             made again when it is applied again: {why}"
        );
        let (warning, reason, action) = (true, "TombstoneNotWritten".to_owned(), "Delete".to_owned());
        context.events.tell(job.object_ref(&()), Event { warning, reason, action, note });
        return Err(ApplyError::NoTombstone(path(job, &job.name_any()), why));
    }
    delete_videojob(context, job).await
}

async fn delete_videojob(context: &Context, job: &VideoJob) -> Result<(), ApplyError> {
    let name = job.name_any();
    let only = Preconditions { uid: job.uid(), resource_version: job.resource_version() };
    let params = DeleteParams::background().preconditions(only);
    context.metrics.wrote("VideoJob");
    match within(
        format!("delete VideoJob {}", path(job, &name)),
        api::<VideoJob>(context, job).delete(&name, &params),
    )
    .await
    {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) if error.is_conflict() => Err(ApplyError::Changed(path(job, &name))),
        Err(error) => Err(error.into()),
    }
}

fn api<K>(context: &Context, job: &VideoJob) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    Api::namespaced(context.client.clone(), &job.namespace().unwrap_or_default())
}

/// `namespace/name`, for people.
pub(super) fn path(job: &VideoJob, name: &str) -> String {
    format!("{}/{name}", job.namespace().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::{Value, json};
    use videofactory_crds::StepName;

    use super::*;

    fn owner() -> VideoJob {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films", "uid": "vj"}, "spec": {"topic": "x"},
        }))
        .unwrap()
    }

    fn job(owner: &str, conditions: &Value) -> Job {
        let labels =
            Labels { uid: "vj".into(), job: "ocean".into(), run: 1, step: StepName::WriteScript, attempt: 7 };
        let reference =
            json!({"apiVersion": "v", "kind": "VideoJob", "name": "ocean", "uid": owner, "controller": true});
        serde_json::from_value(json!({
            "metadata": {"name": "j", "labels": labels.to_map(), "ownerReferences": [reference]},
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    #[test]
    fn only_a_job_of_the_same_owner_that_has_not_ended_is_in_the_way() {
        let ended = json!([{"type": "Complete", "status": "True"}]);
        let ending = json!([{"type": "FailureTarget", "status": "True"}]);
        assert!(is_unended(&job("vj", &json!([])), &owner()));
        assert!(is_unended(&job("vj", &ending), &owner()));
        assert!(!is_unended(&job("vj", &ended), &owner()));
        assert!(!is_unended(&job("another", &json!([])), &owner()));
    }

    #[test]
    fn a_pod_in_which_only_others_run_on_is_in_nobodys_way() {
        let pod = |worker: &Value| -> Pod {
            let status = |name: &str, state: &Value| json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
            let statuses = [status("worker", worker), status("proxy", &json!({"running": {}}))];
            let labels = job("vj", &json!([])).metadata.labels;
            serde_json::from_value(json!({
                "metadata": {"name": "p", "labels": labels}, "status": {"phase": "Running", "containerStatuses": statuses},
            }))
            .unwrap()
        };
        assert!(is_alive(&pod(&json!({"running": {}}))));
        assert!(!is_alive(&pod(&json!({"terminated": {"exitCode": 69}}))));
    }

    #[test]
    fn the_first_attempt_of_all_asks_nobody_unless_another_job_is_known() {
        let input = |run: i64, attempt: i32| -> StepInput {
            serde_json::from_value(json!({
                "version": 1, "step": "write-script", "attempt": attempt,
                "job": {"namespace": "films", "name": "ocean", "uid": "vj", "id": "id", "run": run},
                "input": "0123456789abcdef0123456789abcdef", "settings": {}, "deadlineSeconds": 1,
                "bucket": {},
            }))
            .unwrap()
        };
        let job = job("vj", &json!([]));
        let known = [job_facts(&job, &Labels::read(&job.metadata).unwrap())];
        assert!(!may_meet_another(&input(1, 1), "mine", &[]));
        assert!(!may_meet_another(&input(1, 1), "j", &known));
        assert!(may_meet_another(&input(1, 1), "mine", &known));
        assert!(may_meet_another(&input(1, 2), "mine", &[]) && may_meet_another(&input(2, 1), "mine", &[]));
    }

    #[test]
    fn what_the_api_server_will_not_take_is_said_with_what_to_do() {
        let refused = |code: u16, reason: &str| {
            let status = Box::new(Status::failure("exceeded quota: small", reason).with_code(code));
            let what = "create Job films/j".to_owned();
            ApplyError::Call(CallError::Refused { what, message: status.message.clone(), status }).refusal()
        };
        for (code, reason) in [(403, "Forbidden"), (422, "Invalid")] {
            let words = refused(code, reason).unwrap();
            assert!(
                words.starts_with("failed to create Job films/j: exceeded quota: small; mend"),
                "{words}"
            );
        }
        assert_eq!(refused(500, "InternalError"), None);
        let words = ApplyError::Foreign("films/j".to_owned()).refusal().unwrap();
        assert!(words.contains("delete it"), "{words}");
    }
}
