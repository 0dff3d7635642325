//! What an attempt has spent is settled by who knows it, and a person's permission is for what they were asked about.

use videofactory_crds::StepName;
use videofactory_crds::bounds::{MAX_SPENT, status_schema, violations};
use videofactory_crds::condition::{Phase, StepState};
use videofactory_crds::requests;
use videofactory_pipeline::contract::{ExitCode, SceneReport, Spent, Unresolved};
use videofactory_pipeline::{Digest, SceneSet};

use super::super::testing::Harness;
use super::quota_request::{at_work, close_grants, demand, film, grant, partly, spends, until_animation};

const STEP: StepName = StepName::AnimateScenes;

/// A film whose clips are being bought, three submissions granted.
fn buying() -> Harness {
    let mut harness = film(&serde_json::json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    assert!(at_work(&harness));
    harness
}

#[test]
fn an_attempt_that_had_begun_and_is_gone_without_a_trace_is_surveyed_and_never_launched_again() {
    let mut harness = buying();
    harness.lose_without_a_trace(STEP);
    harness.converge();
    assert_eq!(harness.begun.iter().filter(|begun| **begun == (STEP, 1)).count(), 1, "{:?}", harness.begun);
    let survey = &harness.inputs[&(STEP, 2)];
    assert_eq!((survey.survey, survey.accounts_for), (true, Some(1)));
    assert_eq!(demand(&harness).settled, None, "nobody knows yet what it has spent");
    // So is a survey that is lost in the same way.
    harness.lose_without_a_trace(STEP);
    harness.converge();
    assert_eq!(harness.inputs[&(STEP, 3)].accounts_for, Some(1));
    partly(&mut harness, 2, 1);
    harness.converge();
    assert_eq!((demand(&harness).settled, demand(&harness).spent[0].submissions), (Some(true), 2));
}

#[test]
fn an_attempt_that_never_began_is_launched_again_and_knows_it() {
    let mut harness = buying();
    harness.fencing_tokens.clear();
    harness.lose_without_a_trace(STEP);
    harness.converge();
    let again = &harness.inputs[&(STEP, 1)];
    assert!(again.again && !again.survey, "it may have begun since");
    assert_eq!(again.accounts["grok"].allowance.submissions, 3);
}

#[test]
fn a_pod_that_did_nothing_settles_nothing() {
    let mut harness = buying();
    // Another execution has acquired the fencing token first; this one knows nothing of what was spent.
    harness.end_reported(STEP, ExitCode::TryLater, |outcome| {
        outcome.did_nothing = true;
        outcome.interrupted = true;
        outcome.scenes = None;
    });
    harness.converge();
    assert_eq!((demand(&harness).settled, demand(&harness).granted), (None, Some(3)));
    let survey = &harness.inputs[&(STEP, 2)];
    assert_eq!((survey.survey, survey.accounts_for), (true, Some(1)));
}

fn digest(name: &str) -> Digest {
    Digest::of_bytes(name.as_bytes())
}

/// The attempt asks about these; two scenes are done.
fn asks(harness: &mut Harness, about: &[(&str, u32)]) {
    let unresolved: Vec<_> = about
        .iter()
        .map(|(name, submissions)| Unresolved { digest: digest(name), submissions: *submissions })
        .collect();
    harness.end_reported(STEP, ExitCode::ContentRefused, |outcome| {
        outcome.accounted = true;
        outcome.scenes = Some(SceneReport {
            total: 3,
            completed: SceneSet::first(2),
            unknown: "2".parse().unwrap(),
            left: Some(0),
            ..SceneReport::default()
        });
        outcome.unresolved = unresolved;
    });
    close_grants(harness);
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "OutcomeUnknown"));
}

fn retry(harness: &mut Harness, second: u32) {
    harness.annotate(requests::RETRY, &format!("2026-11-28T10:00:{second:02}Z"));
    harness.converge();
}

#[test]
fn a_retry_allows_one_more_of_what_was_asked_about_and_of_nothing_else() {
    let mut harness = buying();
    asks(&mut harness, &[("lost", 2)]);
    assert_eq!(harness.step(STEP).state, Some(StepState::Waiting));
    retry(&mut harness, 1);
    assert_eq!(harness.inputs[&(STEP, 2)].allowed_submissions, [(digest("lost"), 3)].into());
    // Asked about another one, a retry says nothing of the first: that one has used its permission.
    asks(&mut harness, &[("gone", 1)]);
    retry(&mut harness, 2);
    let expected = [(digest("lost"), 3), (digest("gone"), 2)].into();
    assert_eq!(harness.inputs[&(STEP, 3)].allowed_submissions, expected);
    // Without a question there is nothing to allow.
    harness.end_reported(STEP, ExitCode::ProviderDown, |outcome| {
        outcome.accounted = true;
        outcome.scenes.as_mut().unwrap().left = Some(0);
    });
    close_grants(&mut harness);
    harness.converge();
    retry(&mut harness, 3);
    assert_eq!(harness.inputs[&(STEP, 4)].allowed_submissions, expected);
}

#[test]
fn a_restart_forgets_what_was_allowed() {
    let mut harness = buying();
    asks(&mut harness, &[("lost", 2)]);
    harness.annotate(requests::RESTART, "2026-11-28T10:00:00Z");
    harness.converge();
    assert!(harness.step(STEP).unresolved.is_empty() && harness.step(STEP).permitted.is_empty());
}

#[test]
fn what_is_kept_of_allowed_submissions_is_bounded() {
    let mut harness = buying();
    for round in 0..5 {
        let names: Vec<String> = (0..16).map(|place| format!("{round}-{place}")).collect();
        let about: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 2)).collect();
        asks(&mut harness, &about);
        retry(&mut harness, round + 1);
        assert!(harness.step(STEP).permitted.len() <= 32 && harness.step(STEP).unresolved.is_empty());
        let input = harness.inputs.iter().rev().find(|((step, _), _)| *step == STEP).unwrap().1;
        assert!(
            names.iter().all(|name| input.allowed_submissions.contains_key(&digest(name))),
            "round {round}"
        );
    }
}

/// An outcome in the bucket may name each submission, and is as large as it is.
#[test]
fn whatever_an_outcome_reports_the_status_keeps_to_its_bounds_and_counts_all() {
    let mut harness = buying();
    let (first, each) = (harness.now, spends(&harness, 1));
    let after = |seconds: i64| first + jiff::SignedDuration::from_secs(seconds);
    let spent =
        (0..60).flat_map(|n| each.iter().map(move |one| Spent { at: after(n), ..one.clone() })).collect();
    harness.end_reported(STEP, ExitCode::ContentRefused, |outcome| {
        outcome.accounted = true;
        outcome.spent = spent;
        outcome.message = "\u{1}\"".repeat(5_000);
        outcome.unresolved =
            (0..60).map(|n| Unresolved { digest: digest(&n.to_string()), submissions: 2 }).collect();
    });
    harness.converge();
    let status = serde_json::to_value(&harness.observed.job.status).unwrap();
    assert_eq!(violations(&status, status_schema("VideoJob").unwrap()), Vec::<String>::new());
    assert_eq!(harness.step(STEP).unresolved.len(), Unresolved::MAX);
    let kept = demand(&harness).spent;
    assert_eq!(kept.len(), MAX_SPENT);
    assert_eq!(kept.iter().map(|spent| spent.submissions).sum::<i64>(), 60);
    assert_eq!(kept.last().map(|spent| spent.at.0), Some(after(59)), "none of it seems free too early");
}
