//! Walks the graph: what is done stays, what is stale and can begin begins, what is at work on the
//! wrong inputs is stopped. Ends in how the whole job stands.

use videofactory_crds::StepName;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_pipeline::Settings;
use videofactory_pipeline::graph::STEPS;

use super::super::attempts::OpenAttempts;
use super::super::verdict::Verdict;
use super::at_work::{at_work, stopping};
use super::begin_step::begin;
use super::demands::withdraw;
use super::draft::Draft;
use super::estimate::estimate;
use super::preview::{self, check_preview};
use super::progress;
use super::quota_request::request_quota;
use super::review::check_review;
use super::step::{Transitions, result_of};
use super::step_inputs::Film;
use super::walk::Walk;

/// Makes every step that is stale and can begin begin, and says how the job stands.
pub(super) fn advance(draft: &mut Draft<'_>, settings: &Settings, open_attempts: &OpenAttempts) -> Verdict {
    let mut walk = Walk::new(Film::of(draft, settings), draft.held());
    preview::choose_preview_steps(&walk, draft);
    for entry in STEPS {
        visit(&mut walk, draft, open_attempts, entry.name);
        for approved in check_preview(&mut walk, draft, entry.name) {
            visit(&mut walk, draft, open_attempts, approved);
        }
        if let Some(gone) = walk.gone.take() {
            visit(&mut walk, draft, open_attempts, gone);
        }
    }
    // Once it is known how all steps stand: a job that has failed asks its accounts for nothing more.
    let may_ask = !walk.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Failed { .. }));
    for (name, input) in std::mem::take(&mut walk.asks) {
        request_quota(&mut walk, draft, name, &input, may_ask);
    }
    progress::count(draft);
    estimate(draft, settings);
    walk.verdict(draft)
}

/// Looks at one step.
fn visit(walk: &mut Walk<'_>, draft: &mut Draft<'_>, open_attempts: &OpenAttempts, name: StepName) {
    let whole = walk.film.wanted(draft, name, &walk.results);
    let is_preview = draft.preview_steps.contains(&name);
    let wanted = if is_preview {
        walk.film.wanted_preview(draft, name, &walk.upstream(draft, name))
    } else {
        whole.clone()
    };
    if name == StepName::PublishVideo && walk.film.settings.publish.targets.is_empty() {
        if let Some(attempt) = open_attempts.get(&name) {
            draft.stop([name], VideoJobReason::Progressing);
            walk.verdicts.push(stopping(draft, name, attempt));
            return;
        }
        draft.step_mut(name).skip();
        return;
    }
    let is_behind_preview = !draft.preview_steps.is_empty() && !is_preview;
    let step = draft.step_mut(name);
    if let Some(attempt) = open_attempts.get(&name) {
        at_work(walk, draft, name, wanted.as_ref(), attempt);
        return;
    }
    if let Some(done) = result_of(step) {
        if whole.as_ref() == Some(&done.input) {
            step.stay_done();
            walk.results.insert(name, done);
            check_review(walk, draft, name);
            return;
        }
        if is_preview && wanted.as_ref() == Some(&done.input) {
            step.await_preview_approval();
            walk.preview_results.insert(name, done);
            return;
        }
    }
    match wanted {
        None => {
            withdraw(step);
            if is_behind_preview {
                // What it has was not made of what is previewed: a person who decides is told what all scenes cost.
                step.forget_scenes();
            }
            // A wait lasts while what is before it is made again.
            if step.retry_at.is_none() && step.state != Some(StepState::Failed) {
                step.reset_step();
            }
        }
        Some(input) => begin(walk, draft, name, &input),
    }
}
