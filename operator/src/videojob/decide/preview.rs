//! The preview of one scene: which steps make it, and what a person says of it.
//!
//! What a step makes for a preview is another result than that of all scenes, under a digest of its own: a part is never
//! taken for the whole, and what is stale is found by the one rule. A step whose scenes are all made needs no preview.
//!
//! A person approves exactly what is shown. That counts for the run, for as long as it makes scenes in the same way: another
//! text or another previewed scene asks nobody again, another style or voice does, before all scenes are paid for in it.

use std::collections::BTreeSet;

use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::videojob::VideoMode;
use videofactory_pipeline::Digest;

use super::super::verdict::Verdict;
use super::draft::Draft;
use super::messages::in_preview;
use super::review::{is_of, rejected_verdict, report_other_approval};
use super::step::Transitions;
use super::walk::Walk;

/// Lets the steps that make a scene make the previewed one alone, unless a person has approved one that was made in this
/// way. A Draft costs nothing but its script, so that all of it is made.
pub(super) fn choose_preview_steps(walk: &Walk<'_>, draft: &mut Draft<'_>) {
    let spec = &draft.observed.job.spec;
    let Some(preview) = spec.preview.as_ref().filter(|_| spec.mode == VideoMode::Final) else {
        draft.status.preview = None;
        return;
    };
    let steps = preview.steps();
    let digest = walk.film.approval_digest(draft, &steps);
    let status = draft.status.preview.get_or_insert_default();
    // It is said again below, if it is so still.
    status.result = None;
    if status.approved.as_deref() != Some(digest.as_str()) {
        draft.preview_steps = steps;
    }
}

/// Whether the preview is ready, which is asked after each step, and what a person says of it then. Once they have approved
/// it: the steps that make all scenes now, and are to be looked at again.
pub(super) fn check_preview(
    walk: &mut Walk<'_>,
    draft: &mut Draft<'_>,
    name: StepName,
) -> BTreeSet<StepName> {
    match shown_result(walk, draft, name) {
        None => {}
        // All scenes are there already: nobody has to be asked.
        Some(_) if walk.preview_results.is_empty() => draft.preview_steps.clear(),
        // The script, which is reviewed first, may still change.
        Some(_) if walk.gate.is_some() => {}
        Some(result) if is_of(draft.requests.rejected.as_ref(), &result) => reject(walk, draft, name),
        Some(result) if is_of(draft.requests.approved.as_ref(), &result) => return approve(walk, draft),
        Some(result) => ask(walk, draft, name, result),
    }
    BTreeSet::new()
}

/// What is shown once this step, the last of the preview's, is looked at and all of them have made their parts: the step,
/// and a digest of all the parts.
fn shown_result(walk: &Walk<'_>, draft: &Draft<'_>, name: StepName) -> Option<String> {
    if draft.preview_steps.last() != Some(&name) {
        return None;
    }
    let made = |step: &StepName| walk.results.get(step).or_else(|| walk.preview_results.get(step));
    let parts: Option<Vec<&Digest>> =
        draft.preview_steps.iter().map(|step| Some(&made(step)?.output)).collect();
    Some(format!("{name}@{}", Digest::of(&json!(parts?))))
}

/// From now on all scenes are made.
fn approve(walk: &mut Walk<'_>, draft: &mut Draft<'_>) -> BTreeSet<StepName> {
    let steps = std::mem::take(&mut draft.preview_steps);
    let digest = walk.film.approval_digest(draft, &steps);
    draft.status.preview.get_or_insert_default().approved = Some(digest.to_string());
    walk.preview_results.clear();
    steps
}

fn reject(walk: &mut Walk<'_>, draft: &mut Draft<'_>, name: StepName) {
    draft.step_mut(name).reject();
    walk.verdicts.push(rejected_verdict(name, "the preview"));
}

fn ask(walk: &mut Walk<'_>, draft: &mut Draft<'_>, name: StepName, result: String) {
    report_other_approval(draft, name, &format!("the preview that is shown now, {result}"));
    walk.verdicts.push(match &walk.held {
        Some((reason, message)) => Verdict::Suspended { reason: *reason, message: message.clone() },
        None => in_preview(draft, name, draft.preview_scene(), &result),
    });
    draft.status.preview.get_or_insert_default().result = Some(result);
}
