//! Whether a film was made before: asked before the first run begins, so that one whose job was deleted by its time to
//! live, and is applied again from git, is neither made nor published twice.

use videofactory_crds::condition::{VideoJobReason, whole_seconds};
use videofactory_crds::videojob::AlreadyMade;
use videofactory_crds::{VideoJob, requests};
use videofactory_pipeline::tombstone::spec_digest;

use super::super::model::{Made, Storage};
use super::super::verdict::Verdict;
use super::draft::{BUCKET_RETRY, Draft};

/// Lets the first run begin if its film was not made before, or a person asked for it again since.
pub(super) fn may_begin(draft: &mut Draft<'_>) -> Result<(), Verdict> {
    let known = draft.status.already_made.take();
    if draft.status.run.is_some() {
        return Ok(());
    }
    let spec = spec_digest(&draft.observed.job.spec);
    let known = known.filter(|known| known.spec.as_deref() == Some(spec.as_str()));
    let made = match (&draft.observed.made, known) {
        (Made::Before(tombstone), _) => AlreadyMade {
            spec: Some(spec.to_string()),
            deleted_at: Some(whole_seconds(tombstone.at)),
            film: Some(tombstone.film.clone()).filter(|film| !film.is_empty()),
        },
        (_, Some(known)) => known,
        (Made::Never, None) => return Ok(()),
        (Made::NotAsked, None) => return Err(not_asked(draft)),
        (Made::Unknown(why), None) => {
            let message = format!("whether this film was made before is not known yet: {why}");
            draft.wake_in(BUCKET_RETRY);
            return Err(Verdict::awaits_bucket(message));
        }
    };
    // An annotation that lies in git with the job comes back with it, and asks for nothing new.
    let deleted_at = made.deleted_at.as_ref().map(|at| at.0);
    if draft.requests.restart.as_ref().is_some_and(|restart| Some(restart.at) > deleted_at) {
        return Ok(());
    }
    let message = words(&draft.observed.job, &made);
    draft.status.already_made = Some(made);
    Err(Verdict::Succeeded { reason: VideoJobReason::AlreadyMade, message })
}

/// Nobody could ask: the bucket cannot be used.
fn not_asked(draft: &mut Draft<'_>) -> Verdict {
    match &draft.observed.storage {
        Storage::NotReady { reason, message } => Verdict::of_storage(*reason, message.clone(), None),
        Storage::Ready { .. } => {
            draft.wake_in(BUCKET_RETRY);
            Verdict::awaits_bucket("whether this film was made before is asked next".to_owned())
        }
    }
}

fn words(job: &VideoJob, made: &AlreadyMade) -> String {
    let deleted_at = made.deleted_at.as_ref().map(|at| at.0).unwrap_or_default();
    let film = made.film.as_ref().map(|film| format!(" as {film}")).unwrap_or_default();
    format!(
        "made before{film}; its job was deleted by ttlAfterFinished at {deleted_at:.0}, so nothing is made or published \
         again. To make it again: change its spec, or kubectl annotate -n {} vj {} --overwrite {}=\"$(date -u +%FT%TZ)\"",
        job.metadata.namespace.as_deref().unwrap_or_default(),
        job.metadata.name.as_deref().unwrap_or_default(),
        requests::RESTART
    )
}
