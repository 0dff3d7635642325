//! The scene that is made before all others: which steps make it alone, and what a person says of it.
//!
//! What a step makes for it is another result than that of all scenes, under a digest of its own: a part is never taken for
//! the whole, and what is stale is found by the one rule. A step whose scenes are all made needs no preview.
//!
//! A person approves exactly what is shown. That counts for the run, for as long as it makes scenes in the same way: another
//! text asks nobody again, another style or voice does, before all scenes are paid for in it.

use std::collections::BTreeSet;

use serde_json::json;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::videojob::VideoMode;
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::Digest;

use super::super::verdict::Verdict;
use super::draft::Draft;
use super::messages::in_preview;
use super::step::Transitions;
use super::walk::Walk;
use crate::events::EventReason;

/// Lets the steps that make a scene make one alone, unless a person has approved one that was made in this way. A Draft
/// costs nothing but its script, so that all of it is made.
pub(super) fn open(walk: &Walk<'_>, draft: &mut Draft<'_>) {
    let spec = &draft.observed.job.spec;
    let Some(preview) = spec.preview.as_ref().filter(|_| spec.mode == VideoMode::Final) else {
        draft.status.preview = None;
        return;
    };
    let steps = preview.steps();
    let manner = walk.film.manner(draft, &steps);
    let status = draft.status.preview.get_or_insert_default();
    // It is said again below, if it is so still.
    status.result = None;
    if status.approved.as_deref() != Some(manner.as_str()) {
        draft.previews = steps;
    }
}

/// Whether the scene is there, which is asked after each step, and what a person says of it then. Once they have approved
/// it: the steps that make all scenes now, and are to be looked at again.
pub(super) fn check_preview(
    walk: &mut Walk<'_>,
    draft: &mut Draft<'_>,
    name: StepName,
) -> BTreeSet<StepName> {
    if draft.previews.last() != Some(&name) {
        return BTreeSet::new();
    }
    let made = |step: &StepName| walk.results.get(step).or_else(|| walk.previews.get(step));
    let shown: Option<Vec<&Digest>> = draft.previews.iter().map(|step| Some(&made(step)?.output)).collect();
    let Some(result) = shown.map(|shown| format!("{name}@{}", Digest::of(&json!(shown)))) else {
        return BTreeSet::new();
    };
    if walk.previews.is_empty() {
        // All scenes are there already: nobody has to be asked.
        draft.previews.clear();
        return BTreeSet::new();
    }
    if walk.gate.is_some() {
        // The script, which is reviewed first, may still change.
        return BTreeSet::new();
    }
    let says = |decision: &Option<requests::Decision>| {
        decision.as_ref().is_some_and(|decision| format!("{}@{}", decision.step, decision.digest) == result)
    };
    if says(&draft.requests.rejected) {
        reject(walk, draft, name);
        return BTreeSet::new();
    }
    if says(&draft.requests.approved) {
        return approve(walk, draft);
    }
    ask(walk, draft, name, result);
    BTreeSet::new()
}

/// From now on all scenes are made.
fn approve(walk: &mut Walk<'_>, draft: &mut Draft<'_>) -> BTreeSet<StepName> {
    let steps = std::mem::take(&mut draft.previews);
    let manner = walk.film.manner(draft, &steps);
    draft.status.preview.get_or_insert_default().approved = Some(manner.to_string());
    walk.previews.clear();
    steps
}

fn reject(walk: &mut Walk<'_>, draft: &mut Draft<'_>, name: StepName) {
    draft.step_mut(name).reject();
    walk.verdicts.push(Verdict::Failed {
        reason: VideoJobReason::Rejected,
        message: format!(
            "the scene that was made first was rejected; edit the job, take the annotation {} off to decide again, or \
             request a restart",
            requests::REJECTED
        ),
        step: name,
    });
}

fn ask(walk: &mut Walk<'_>, draft: &mut Draft<'_>, name: StepName, result: String) {
    let of_this_step = |decision: &&requests::Decision| decision.step == name;
    if let Some(other) = draft.requests.approved.clone().as_ref().filter(of_this_step) {
        let note = format!(
            "the approval of {name}@{} is not for the scene that is there to be looked at, {result}: look at it, and \
             approve it if you like it",
            other.digest
        );
        draft.event(false, EventReason::RequestIgnored, "Reconcile", note);
    }
    walk.verdicts.push(match &walk.held {
        Some((reason, message)) => Verdict::Suspended { reason: *reason, message: message.clone() },
        None => in_preview(draft, name, draft.preview_scene(), &result),
    });
    draft.status.preview.get_or_insert_default().result = Some(result);
}
