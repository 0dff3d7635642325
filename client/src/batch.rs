//! `VideoJob`s that are made together, all or none of them: each is made held, so that nothing begins, and they are let go
//! when all are there.
//!
//! The first job decides for all. It is let go before all others and deleted before all others, each time in the very
//! version that was looked at: of two requests that are the same, one wins, and the other one follows it.

use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::Status;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use videofactory_crds::bounds::cut;
use videofactory_crds::{VideoJob, requests};

use crate::call::{CallError, PAUSES, within};
use crate::job_action::{Hold, MAX_REASON_BYTES, TOGETHER};
use crate::job_ref::JobRef;
use crate::new_job::{NewJob, NewJobs, create, find, try_all};

/// As much of a request's word as distinguishes it from others.
const SHORT: usize = 8;

/// Why jobs were not made, or do not begin.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct CreateError {
    /// What went wrong.
    pub source: CallError,
    /// Those that are there all the same, or may be.
    pub left: Vec<JobRef>,
    /// Whether all were made, and those that are left are still held.
    pub is_made: bool,
}

impl CreateError {
    fn not_made(source: CallError, left: Vec<JobRef>) -> Self {
        Self { source, left, is_made: false }
    }
}

impl From<CallError> for CreateError {
    fn from(source: CallError) -> Self {
        Self::not_made(source, Vec::new())
    }
}

/// How the hold that a job has until all are created is to end.
#[derive(Clone, Copy)]
enum HoldAction<'a> {
    /// The job begins.
    Release,
    /// It stays held, for this reason.
    Hold(&'a str),
    /// It is deleted.
    Delete,
}

/// The state of a job's hold.
enum HoldState {
    /// It is not held: it is there to stay.
    Released,
    /// It is held for this reason, and not for the others: it is there to stay.
    Held(String),
    /// It is not there.
    Gone,
}

/// Creates all of them or none. Several are only tried first, so that the API server says what is wrong with any of them
/// before one is made. If one is refused all the same, the others are deleted again, which have begun nothing. A single one
/// is made without a hold. `take`: gets each, as it is when it begins.
pub async fn create_all(
    client: &Client,
    new: &NewJobs,
    manager: &str,
    take: impl FnMut(VideoJob),
) -> Result<(), CreateError> {
    if new.jobs.len() > 1 {
        try_all(client, new, manager, drop).await?;
    }
    make_all(client, new, manager, take).await
}

/// The same without trying first. They are made in their order, and let go in it when all are there: whoever breaks it off
/// knows which may be there, and whether any may have begun.
pub async fn make_all(
    client: &Client,
    new: &NewJobs,
    manager: &str,
    mut take: impl FnMut(VideoJob),
) -> Result<(), CreateError> {
    let hold = (new.jobs.len() > 1).then(|| hold(new));
    for (place, job) in new.jobs.iter().enumerate() {
        let mut manifest = new.manifest(job);
        if let Some(hold) = &hold {
            manifest["metadata"]["annotations"][requests::HOLD] = json!(hold);
        }
        match create_or_find(client, new, job, &manifest, manager).await {
            Ok(mut made) => {
                if made
                    .annotations()
                    .get(requests::HOLD)
                    .is_some_and(|hold| Hold::read(hold) == Hold::Together)
                {
                    made.annotations_mut().remove(requests::HOLD);
                }
                take(made);
            }
            Err(error) => return Err(roll_back(client, new, place, error).await),
        }
    }
    if hold.is_some() { release_all(client, new, manager).await } else { Ok(()) }
}

/// Why each of them is held until all are there, for whoever finds it so.
fn hold(new: &NewJobs) -> String {
    let request: String = new.request.chars().take(SHORT).collect();
    let others = match new.jobs.len().saturating_sub(1) {
        1 => "another one".to_owned(),
        others => format!("{others} others"),
    };
    format!(
        "{TOGETHER} with {others} (request {request}), and waits until all are there; if it stays so, the request was broken \
         off: send it again with its Idempotency-Key, or resume or delete the job"
    )
}

/// Creates one of them, or finds it: its answer was lost, or the same request came before.
async fn create_or_find(
    client: &Client,
    new: &NewJobs,
    job: &NewJob,
    manifest: &Value,
    manager: &str,
) -> Result<VideoJob, CallError> {
    let name = new.reference(job);
    let error = match create(client, &name, manifest, false, manager).await {
        Ok(created) => return Ok(created),
        Err(error) => error,
    };
    if !new.is_repeatable && !error.is_inconclusive() {
        return Err(error);
    }
    match find(client, new, &name).await {
        Ok(Some(found)) if manifest["spec"]["topic"].as_str() == found.spec.topic.as_deref() => Ok(found),
        // A job of this name is there, and nobody knows whose.
        Err(unknown) if error.is_already_exists() => Err(unknown),
        // None, or another one of the request whose name is the same by chance: this one is not made.
        Ok(_) | Err(_) => Err(error),
    }
}

/// Lets all of them begin. Where a stop of all jobs has met one of them meanwhile, those that are left are held with it: they
/// were not there yet when the others were stopped.
async fn release_all(client: &Client, new: &NewJobs, manager: &str) -> Result<(), CreateError> {
    let last = new.jobs.len() - 1;
    let mut gone = None;
    let mut stop: Option<(usize, String)> = None;
    for (place, job) in new.jobs.iter().enumerate() {
        let name = new.reference(job);
        let action = stop.as_ref().map_or(HoldAction::Release, |(_, why)| HoldAction::Hold(why));
        let mut state = end_hold(client, new, &name, action, manager).await;
        let is_let_go_with_the_first = place > 0 && new.is_repeatable && stop.is_none();
        if is_let_go_with_the_first && matches!(state, Ok(HoldState::Gone)) {
            state = make_again(client, new, job, manager).await;
        }
        match state {
            Ok(HoldState::Held(why)) if stop.is_none() && Hold::read(&why).is_of_stop_all() => {
                stop = Some((place, why));
            }
            Ok(HoldState::Released | HoldState::Held(_)) => {}
            Ok(HoldState::Gone) if place == 0 => {
                return Err(roll_back(client, new, last, deleted(&name)).await);
            }
            Ok(HoldState::Gone) => gone = gone.or(Some(name)),
            Err(error) if place == 0 && !error.is_inconclusive() && !error.is_throttled() => {
                return Err(roll_back(client, new, last, error).await);
            }
            // The others would wait as long for the API server.
            Err(source) => {
                let left = new.references().split_off(place);
                return Err(CreateError { source, left, is_made: true });
            }
        }
    }
    if let Some((place, why)) = stop {
        let source = stopped(&new.reference(&new.jobs[place]), &why);
        return Err(CreateError { source, left: new.references().split_off(place), is_made: true });
    }
    gone.map_or(Ok(()), |gone| {
        let left = new.references().into_iter().filter(|name| *name != gone).collect();
        Err(CreateError::not_made(deleted(&gone), left))
    })
}

/// Makes one of them again that is gone although the first one was let go: another request that is the same was refused a
/// job before, and is still deleting what it finds held. It deletes nothing that is not held, so this one is not.
async fn make_again(
    client: &Client,
    new: &NewJobs,
    job: &NewJob,
    manager: &str,
) -> Result<HoldState, CallError> {
    match create_or_find(client, new, job, &new.manifest(job), manager).await {
        // One more request that is the same may have made it, held.
        Ok(_) => end_hold(client, new, &new.reference(job), HoldAction::Release, manager).await,
        Err(error) if error.is_inconclusive() => Err(error),
        Err(_) => Ok(HoldState::Gone),
    }
}

/// Somebody has stopped all jobs while these were made.
fn stopped(name: &JobRef, why: &str) -> CallError {
    let why = cut(why, MAX_REASON_BYTES);
    let status =
        Status::failure(&format!("all jobs were stopped meanwhile ({why})"), "Conflict").with_code(409);
    CallError::of(format!("let VideoJob {name} begin"), kube::Error::Api(Box::new(status)))
}

/// Somebody has deleted it while the others were made: another request that is the same and was refused a job, or a person.
fn deleted(name: &JobRef) -> CallError {
    let status = Status::failure("it was deleted while the others were made", "Conflict").with_code(409);
    CallError::of(format!("create VideoJob {name}"), kube::Error::Api(Box::new(status)))
}

/// Rolls back what was created. `last`: the place of the last job that was tried.
async fn roll_back(client: &Client, new: &NewJobs, last: usize, error: CallError) -> CreateError {
    let is_inconclusive = error.is_inconclusive();
    let names = new.references();
    let mut left = match names.as_slice() {
        [_] => Vec::new(),
        // Sent again, the same request makes what is missing.
        _ if new.is_repeatable && is_inconclusive => names[..last].to_vec(),
        // The same request may have made more of them before.
        _ if new.is_repeatable => delete_held(client, new, &names).await,
        _ => delete_held(client, new, &names[..=last]).await,
    };
    if is_inconclusive && !left.contains(&names[last]) {
        left.push(names[last].clone());
    }
    CreateError::not_made(error, left)
}

/// Deletes the jobs that are still held; returns those that stay, or may stay.
async fn delete_held(client: &Client, new: &NewJobs, names: &[JobRef]) -> Vec<JobRef> {
    let mut left = Vec::new();
    for (place, name) in names.iter().enumerate() {
        match end_hold(client, new, name, HoldAction::Delete, "").await {
            Ok(HoldState::Gone) => {}
            // It decides for all: the same request, or a person, has let it go, or holds it.
            Ok(HoldState::Released | HoldState::Held(_)) | Err(_) if place == 0 => return names.to_vec(),
            Ok(HoldState::Released | HoldState::Held(_)) | Err(_) => left.push(name.clone()),
        }
    }
    left
}

/// Ends the hold of one job, if it is still there; returns the state of its hold.
async fn end_hold(
    client: &Client,
    new: &NewJobs,
    name: &JobRef,
    action: HoldAction<'_>,
    manager: &str,
) -> Result<HoldState, CallError> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let error = match try_end_hold(client, new, name, action, manager).await {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        // Looked at again, it says what has become of it.
        let may_help =
            error.is_inconclusive() || error.is_throttled() || error.is_conflict() || error.is_not_found();
        match pauses.next() {
            Some(pause) if may_help => tokio::time::sleep(pause).await,
            _ => return Err(error),
        }
    }
}

async fn try_end_hold(
    client: &Client,
    new: &NewJobs,
    name: &JobRef,
    action: HoldAction<'_>,
    manager: &str,
) -> Result<HoldState, CallError> {
    let Some(job) = find(client, new, name).await? else { return Ok(HoldState::Gone) };
    match job.annotations().get(requests::HOLD) {
        None => return Ok(HoldState::Released),
        // Another release may say the rest of it in other words; of which request it is, the job says elsewhere.
        Some(hold) if Hold::read(hold) == Hold::Together => {}
        Some(other) => return Ok(HoldState::Held(other.clone())),
    }
    match action {
        HoldAction::Release => replace_hold(client, &job, None, manager).await.map(|()| HoldState::Released),
        HoldAction::Hold(why) => {
            replace_hold(client, &job, Some(why), manager).await.map(|()| HoldState::Held(why.to_owned()))
        }
        HoldAction::Delete => delete(client, &job).await.map(|()| HoldState::Gone),
    }
}

/// Replaces the hold of this very version of a job by one for another reason, or by none.
async fn replace_hold(
    client: &Client,
    job: &VideoJob,
    why: Option<&str>,
    manager: &str,
) -> Result<(), CallError> {
    let name = JobRef::of(job);
    let api: Api<VideoJob> = Api::namespaced(client.clone(), &name.namespace);
    let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let patch = json!({"metadata": {
        "resourceVersion": job.resource_version(), "annotations": {requests::HOLD: why},
    }});
    let patch = Patch::Merge(&patch);
    within(format!("patch VideoJob {name}"), api.patch(&name.name, &params, &patch)).await.map(drop)
}

/// Deletes this very version of a job.
async fn delete(client: &Client, job: &VideoJob) -> Result<(), CallError> {
    let name = JobRef::of(job);
    let api: Api<VideoJob> = Api::namespaced(client.clone(), &name.namespace);
    let preconditions = Preconditions { uid: job.uid(), resource_version: job.resource_version() };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    within(format!("delete VideoJob {name}"), api.delete(&name.name, &params)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_action::{Action, Plan, Request};

    fn two() -> NewJobs {
        let mut new = NewJobs {
            namespace: "films".to_owned(),
            request: "3f9c2a1e5b7d".to_owned(),
            ..NewJobs::default()
        };
        for name in ["rivers", "lakes"] {
            new.add(Some(name.to_owned()), None, "");
        }
        new
    }

    fn held(hold: &str) -> VideoJob {
        let metadata = json!({"name": "rivers", "namespace": "films", "annotations": {requests::HOLD: hold}});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"topic": "rivers"}})).unwrap()
    }

    #[test]
    fn a_hold_says_of_whom_it_is_and_what_to_do_if_it_stays() {
        let hold = hold(&two());
        let reported =
            ["created together with another one (request 3f9c2a1e)", "Idempotency-Key", "resume or delete"];
        assert!(reported.iter().all(|reported| hold.contains(reported)), "{hold}");
    }

    #[test]
    fn whoever_stops_such_a_job_means_it_and_no_resume_of_many_releases_it_unnamed() {
        let (hold, job) = (hold(&two()), held(&hold(&two())));
        let at = "2026-12-24T18:00:00Z".parse().unwrap();
        let bill = Action::suspend(Some("the bill".to_owned()), "");
        for (stop, reason) in
            [(Request::of_named(bill, at), "the bill"), (Request::stop_all(at, None), "stop-all")]
        {
            let Plan::Patch(patch) = stop.plan(&job) else { panic!("it continues when all are there") };
            assert_eq!(patch["metadata"]["annotations"][requests::HOLD], json!(reason));
        }
        let unnamed = Request::of_many(Action::resume(None), at);
        assert!(matches!(unnamed.plan(&job), Plan::Refused(_)));
        let named = Request::of_many(Action::resume(Some(hold)), at);
        for resume in [Request::of_named(Action::resume(None), at), named] {
            let Plan::Patch(patch) = resume.plan(&job) else { panic!("it can be let go") };
            assert_eq!(patch["metadata"]["annotations"], json!({requests::HOLD: null}));
        }
    }
}
