//! The end of a finished job's time to live. It ends only for a film that is where it was to go: what a person may still
//! want of a job, its files or its words, no clock takes away.

use jiff::Timestamp;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::videojob::{PublicationState, VideoJobStatus};
use videofactory_pipeline::keys;
use videofactory_pipeline::tombstone::{Tombstone, spec_digest};

use super::super::conditions;
use super::super::model::{Action, Storage};
use super::super::verdict::Verdict;
use super::draft::{Draft, later};

/// Has a job deleted whose time to live has passed, once a tombstone can be left.
pub(super) fn retire(draft: &mut Draft<'_>, verdict: &Verdict) {
    let Some(due) = due(draft, verdict) else { return };
    if due > draft.now {
        draft.wake(due);
        return;
    }
    // Where the bucket is away its policy's next change wakes us.
    if let Storage::Ready { .. } = draft.observed.storage {
        draft.actions.extend(farewell(draft));
    }
}

/// When the job's time to live ends; never for one that failed, was not published everywhere or is protected, nor for
/// one that says that its film was made before: it would come back from git and go again for ever.
fn due(draft: &Draft<'_>, verdict: &Verdict) -> Option<Timestamp> {
    let ttl = draft.observed.job.spec.ttl_after_finished?;
    let is_done = matches!(verdict, Verdict::Succeeded { reason: VideoJobReason::Completed, .. });
    let may_go = is_done && is_published(&draft.status) && !draft.observed.protected;
    // Whoever holds a job wants it as it is.
    if !may_go || draft.held().is_some() || draft.observed.side_effects.are_suspended() {
        return None;
    }
    let finished = conditions::settled_at(&draft.status)?;
    // One that was restored is younger than its end: whoever has restored it has time to look at it.
    let restored = draft.observed.job.metadata.creation_timestamp.as_ref().map(|at| at.0);
    let since = restored.map_or(finished, |at| at.max(finished));
    Some(later(since, i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX)))
}

fn is_published(status: &VideoJobStatus) -> bool {
    status.publications.iter().all(|publication| publication.state.is_some_and(PublicationState::is_done))
}

fn farewell(draft: &Draft<'_>) -> Option<Action> {
    let (job, status) = (&draft.observed.job, &draft.status);
    let (namespace, name) = (job.metadata.namespace.as_deref()?, job.metadata.name.as_deref()?);
    let film = status.artifacts.as_ref().and_then(|artifacts| artifacts.video.as_ref());
    let tombstone = Tombstone::new(
        job.metadata.uid.clone()?,
        status.id.clone()?,
        status.run?,
        draft.now,
        film.map(|film| film.key.clone()).unwrap_or_default(),
    );
    let key = keys::tombstone(namespace, name, &spec_digest(&job.spec));
    Some(Action::Retire { key, tombstone: Box::new(tombstone) })
}
