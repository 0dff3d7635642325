//! How an attempt's Job is made: nothing of its step is at work, its grants are still its own, and what it is made of is
//! there. What comes of a creation that fails is kept in mind.

use futures::future::{try_join, try_join_all};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{ListParams, PostParams};
use kube::{Resource, ResourceExt};
use videofactory_crds::VideoJob;
use videofactory_pipeline::{StepInput, graph};

use super::build;
use super::confirm_grants::confirm;
use super::labels::{self, Labels};
use super::model::{JobFacts, Refusal, StartStep};
use super::names::job_name;
use super::pod_status::{is_alive, job_facts};
use super::trace;
use super::writes::{ApplyError, api, path};
use crate::caches::{Owned, OwnerKey, version};
use crate::context::Context;
use crate::events::{Event, EventReason};
use videofactory_client::call::within;

/// Makes the Job of an attempt whose status is written.
pub(super) async fn start_step(
    context: &Context,
    owner: &VideoJob,
    known: &[JobFacts],
    start: &StartStep,
) -> Result<(), ApplyError> {
    let input = &start.input;
    let name = job_name(&input.job, input.step, input.attempt);
    if may_meet_another(input, &name, known) {
        nothing_at_work(context, owner, start, &name).await?;
    }
    confirm(context, owner, start).await?;
    let built = build::attempt(owner, start, &context.config.worker);
    for what in &built.ignored {
        let note = format!("its pods go without {what}");
        let event =
            Event { warning: true, reason: EventReason::ComputeIgnored, action: "Start".to_owned(), note };
        context.events.publish(owner.object_ref(&()), event);
    }
    if let Some(event) = trace::complaint(owner).filter(|_| context.traces.is_enabled()) {
        context.events.publish(owner.object_ref(&()), event);
    }
    let key = OwnerKey::of(owner);
    let doubt = context.create_failures.asked(&key, input.step, input.attempt);
    let maps = built.documents.iter().chain(&built.authority).map(|map| create_map(context, owner, map));
    let created = try_join_all(maps).await.map(drop);
    let created = match created {
        Ok(()) => create_job(context, owner, &built.job).await,
        Err(error) => Err(error),
    };
    match &created {
        Ok(()) => {
            context.create_failures.taken(&key, input.step);
            measure_handover(context, owner, start);
        }
        Err(error) => {
            if error.refusal().is_some() || error.is_outdated() {
                context.create_failures.answered(&key, input.step, input.attempt, doubt);
            }
            remember(context, owner, start, &name, error).await;
        }
    }
    created
}

/// Keeps in mind why a creation was refused. A refusal by itself does not say that there is no Job: a quota is asked
/// before it is seen that the Job is there already.
async fn remember(context: &Context, owner: &VideoJob, start: &StartStep, name: &str, error: &ApplyError) {
    let Some(words) = error.refusal() else { return };
    let input = &start.input;
    let what = format!("get Job {}", path(owner, name));
    let found = within(what, api::<Job>(context, owner).get_opt(name)).await;
    let unmade = found.is_ok_and(|found| found.is_none_or(|job| !is_owned(&job, owner)));
    let refusal = Refusal { words, unmade };
    context.create_failures.refused(&OwnerKey::of(owner), input.step, input.attempt, refusal);
}

/// Before the first attempt of all there was nothing, unless the status was put back: then a Job shows it.
fn may_meet_another(input: &StepInput, name: &str, known: &[JobFacts]) -> bool {
    let another = known.iter().any(|job| job.step == input.step && job.name != name);
    input.attempt > 1 || input.job.run > 1 || another
}

/// A watch may be behind: before a second attempt, the API server itself is asked whether a pod or another Job of the
/// step, besides the one of this name, is alive.
async fn nothing_at_work(
    context: &Context,
    owner: &VideoJob,
    start: &StartStep,
    name: &str,
) -> Result<(), ApplyError> {
    let step = start.input.step;
    let selector = format!("{}={},{}={step}", labels::UID, start.input.job.uid, labels::STEP);
    let params = ListParams::default().labels(&selector);
    let list = |kind: &str| format!("list {kind} of {step} of VideoJob {}", path(owner, &owner.name_any()));
    let (pod_api, job_api) = (api::<Pod>(context, owner), api::<Job>(context, owner));
    let (pods, jobs) =
        try_join(within(list("pods"), pod_api.list(&params)), within(list("Jobs"), job_api.list(&params)))
            .await?;
    let still =
        |kind: &str, name: String| Err(ApplyError::AwaitPodEnd(format!("{kind} {}", path(owner, &name))));
    if let Some(pod) = pods.items.iter().find(|pod| is_alive(pod)) {
        return still("pod", pod.name_any());
    }
    match jobs.items.iter().find(|job| job.name_any() != name && is_unended(job, owner)) {
        Some(job) => still("Job", job.name_any()),
        None => Ok(()),
    }
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
    context.metrics.record_write("ConfigMap");
    let what = format!("create ConfigMap {}", path(owner, &map.name_any()));
    match within(what, api::<ConfigMap>(context, owner).create(&PostParams::default(), map)).await {
        Err(error) if !error.is_already_exists() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Creates the attempt's Job, or adopts it if a crash came between its creation and our next look.
async fn create_job(context: &Context, owner: &VideoJob, job: &Job) -> Result<(), ApplyError> {
    let (api, name) = (api::<Job>(context, owner), job.name_any());
    context.metrics.record_write("Job");
    let what = format!("create Job {}", path(owner, &name));
    let present = match within(what, api.create(&PostParams::default(), job)).await {
        Ok(created) => created,
        Err(error) if error.is_already_exists() => {
            let found = within(format!("get Job {}", path(owner, &name)), api.get_opt(&name)).await?;
            found.ok_or_else(|| ApplyError::AwaitJobDeletion(path(owner, &name)))?
        }
        Err(error) => return Err(error.into()),
    };
    match Labels::read(&present.metadata) {
        Some(labels) if is_owned(&present, owner) => {
            if present.metadata.deletion_timestamp.is_some() {
                return Err(ApplyError::AwaitJobDeletion(path(owner, &name)));
            }
            context.caches.jobs.record_write(Owned {
                owner: OwnerKey::of(owner),
                uid: present.uid().unwrap_or_default(),
                version: version(&present),
                facts: job_facts(&present, &labels),
            });
            tracing::info!(job = name, "attempt started");
            Ok(())
        }
        _ => Err(ApplyError::AdoptJob(path(owner, &name))),
    }
}

/// From the end of the last pod to the Job that follows from it; a first step follows from none, and a further
/// attempt from more than a pod's end.
fn measure_handover(context: &Context, owner: &VideoJob, start: &StartStep) {
    if start.input.attempt > 1 || graph::step(start.input.step).needs.is_empty() {
        return;
    }
    let pods = context.caches.pods.of(&OwnerKey::of(owner));
    if let Some(ended) = pods.iter().filter_map(|pod| pod.object.facts.ended_seen).max() {
        context.metrics.films.handed_over(ended.elapsed());
    }
}

#[cfg(test)]
mod tests {
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
}
