//! Whatever happens in whatever order: nothing runs twice at once, no checkpoint is lost, no job is
//! stuck without a reason, and left in peace it ends.

use proptest::prelude::*;
use serde_json::json;
use videofactory_client::restore::identity::Uids;
use videofactory_crds::condition::{ConditionType, Phase, StepState, VideoJobReason};
use videofactory_crds::storagepolicy::StorageLevel;
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::Storage;
use super::super::step::completed;
use super::super::testing::{Harness, storage_at, storage_ready};

/// What may happen to a job.
#[derive(Clone, Debug)]
pub(super) enum TestEvent {
    Ends(usize, ExitCode),
    Killed(usize),
    OutOfMemory(usize),
    Interrupted(usize),
    Lost(usize),
    LostWithoutATrace(usize),
    Swept,
    Passes(i64),
    Crash,
    Hold,
    Unhold,
    Retry,
    Restart,
    Edit(u8),
    Targets(bool),
    BucketGone,
    BucketBack,
    BucketFills(StorageLevel),
    Pruned(&'static str),
    Restored(bool),
}

pub(super) fn any_event() -> impl Strategy<Value = TestEvent> {
    use TestEvent as E;
    let exits = prop::sample::select(vec![
        ExitCode::ContentRefused,
        ExitCode::MissingInput,
        ExitCode::ProviderDown,
        ExitCode::Bug,
        ExitCode::Storage,
        ExitCode::TryLater,
        ExitCode::Credentials,
        ExitCode::Configuration,
        ExitCode::QualityCheck,
    ]);
    prop_oneof![
        6 => (0usize..2).prop_map(|which| E::Ends(which, ExitCode::Done)),
        3 => (0usize..2, exits).prop_map(|(which, exit)| E::Ends(which, exit)),
        1 => (0usize..2).prop_map(E::Killed),
        1 => (0usize..2).prop_map(E::OutOfMemory),
        1 => (0usize..2).prop_map(E::Interrupted),
        1 => (0usize..2).prop_map(E::Lost),
        1 => (0usize..2).prop_map(E::LostWithoutATrace),
        1 => Just(E::Swept),
        3 => (1i64..2000).prop_map(E::Passes),
        2 => Just(E::Crash),
        1 => Just(E::Hold),
        2 => Just(E::Unhold),
        2 => Just(E::Retry),
        1 => Just(E::Restart),
        1 => (0u8..4).prop_map(E::Edit),
        1 => any::<bool>().prop_map(E::Targets),
        1 => Just(E::BucketGone),
        2 => Just(E::BucketBack),
        1 => prop::sample::select(vec![StorageLevel::Stopped, StorageLevel::Full]).prop_map(E::BucketFills),
        1 => prop::sample::select(vec!["work", "clips", "videos"]).prop_map(E::Pruned),
        1 => any::<bool>().prop_map(E::Restored),
    ]
}

pub(super) fn apply(harness: &mut Harness, event: &TestEvent, moment: usize) {
    let nth = |harness: &Harness, which: usize| harness.at_work().get(which).copied();
    let at = format!("2026-01-01T00:{:02}:{:02}Z", moment / 60, moment % 60);
    match event {
        TestEvent::Ends(which, exit) => {
            if let Some(step) = nth(harness, *which) {
                harness.end_reported(step, *exit, |outcome| {
                    // Some say nothing.
                    if moment.is_multiple_of(2) {
                        outcome.message.clear();
                    }
                });
            }
        }
        TestEvent::Killed(which) => {
            if let Some(step) = nth(harness, *which) {
                harness.end_silently(step, 137, false);
            }
        }
        TestEvent::OutOfMemory(which) => {
            if let Some(step) = nth(harness, *which) {
                harness.end_silently(step, 137, true);
            }
        }
        TestEvent::Interrupted(which) => {
            if let Some(step) = nth(harness, *which) {
                harness.interrupt_pod(step);
            }
        }
        TestEvent::Lost(which) => {
            if let Some(step) = nth(harness, *which) {
                harness.lose_pod(step);
            }
        }
        TestEvent::LostWithoutATrace(which) => {
            if let Some(step) = nth(harness, *which) {
                harness.lose_without_a_trace(step);
            }
        }
        TestEvent::Swept => harness.sweep(),
        TestEvent::Passes(seconds) => harness.pass(*seconds),
        TestEvent::Crash => {
            harness.reconcile_or_crash(true);
        }
        TestEvent::Hold => harness.annotate(requests::HOLD, "x"),
        TestEvent::Unhold => harness.strip(requests::HOLD),
        TestEvent::Retry => harness.annotate(requests::RETRY, &at),
        TestEvent::Restart => harness.annotate(requests::RESTART, &at),
        TestEvent::Edit(version) => edit(harness, *version),
        TestEvent::Targets(any) => {
            let targets = if *any { json!([{"name": "main", "type": "Bucket"}]) } else { json!([]) };
            harness.edit(|job| {
                job.spec.settings.publish = serde_json::from_value(json!({"targets": targets})).unwrap();
            });
        }
        TestEvent::BucketGone => {
            let message = "no answer".to_owned();
            harness.observed.storage =
                Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message };
        }
        TestEvent::BucketBack => harness.observed.storage = storage_ready(),
        TestEvent::BucketFills(level) => harness.observed.storage = storage_at(*level, 97),
        TestEvent::Pruned(kind) => harness.prune(&[kind]),
        TestEvent::Restored(reports) => harness.restore(&format!("uid-{moment}"), *reports, &Uids::new()),
    }
}

fn edit(harness: &mut Harness, version: u8) {
    let narration = format!("version {version}");
    harness.edit(|job| {
        job.spec.scene_overrides =
            serde_json::from_value(json!([{"id": "s1", "narration": narration}])).unwrap();
    });
}

/// What people read names more than the step.
pub(super) fn assert_says_something(harness: &Harness) {
    let steps = harness.observed.job.status.iter().flat_map(|status| &status.steps);
    let of_steps = steps.filter_map(|step| step.message.clone());
    for reported in of_steps.chain(harness.events.iter().cloned()).chain([harness.message()]) {
        let is_cut_off =
            reported.trim().is_empty() || reported.trim_end().ends_with(':') || reported.contains(": ;");
        assert!(!is_cut_off, "{reported:?}");
    }
}

/// The next event of a job that is not at rest, or the reason that it waits for a person.
pub(super) fn assert_has_a_future(harness: &Harness) {
    let decision = harness.last.as_ref().unwrap();
    let waits_for_the_bucket = match &harness.observed.storage {
        Storage::NotReady { .. } => true,
        Storage::Ready { fill, .. } => fill.level >= StorageLevel::Stopped,
    };
    let by_a_person =
        matches!(harness.phase(), Phase::Succeeded | Phase::Failed | Phase::Review | Phase::Suspended)
            || harness.has(ConditionType::Stalled);
    assert!(
        by_a_person || waits_for_the_bucket || decision.wake_at.is_some() || !harness.at_work().is_empty(),
        "stuck as {:?}/{}: {}",
        harness.phase(),
        harness.reason(),
        harness.message()
    );
    let status = harness.observed.job.status.clone().unwrap_or_default();
    let published = status.published_generation.is_some();
    let undone = status.steps.iter().find(|step| !step.state.unwrap_or_default().is_done());
    if let (Phase::Succeeded, false, Some(undone)) = (harness.phase(), published, undone) {
        panic!("it succeeded without {}", undone.name);
    }
    assert!(
        !(harness.has(ConditionType::Stalled) && harness.has(ConditionType::Reconciling)),
        "both Stalled and Reconciling"
    );
}

/// What is recorded of each step: its inputs and how many scenes it has.
fn checkpoints(harness: &Harness) -> Vec<(StepName, Option<String>, u32, bool)> {
    let status = harness.observed.job.status.clone().unwrap_or_default();
    let of = |name| {
        status.step(name).map(|step| {
            (name, step.input_digest.clone(), completed(step).len(), step.output_digest.is_some())
        })
    };
    StepName::ALL.into_iter().filter_map(of).collect()
}

fn assert_no_checkpoint_lost(
    before: &[(StepName, Option<String>, u32, bool)],
    harness: &Harness,
    same_run: bool,
) {
    for (name, input, scenes, _) in before {
        let step = harness.step(*name);
        if same_run && step.input_digest == *input && step.state == Some(StepState::Running) {
            assert!(completed(step).len() >= *scenes, "{name} forgot scenes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_sequence_of_outcomes_ends_in_a_terminal_state_or_a_named_wait(
        events in prop::collection::vec(any_event(), 0..60),
        reviewed in any::<bool>(),
        published in any::<bool>(),
    ) {
        let review = if reviewed { json!({"after": ["assemble-video"]}) } else { json!({}) };
        let targets = if published { json!([{"name": "main", "type": "Bucket"}]) } else { json!([]) };
        let mut harness = Harness::new(json!({"topic": "x", "review": review, "publish": {"targets": targets}}));
        harness.converge();
        for (moment, event) in events.iter().enumerate() {
            let before = checkpoints(&harness);
            let run = harness.observed.job.status.clone().unwrap_or_default().run;
            apply(&mut harness, event, moment);
            harness.converge();
            assert_has_a_future(&harness);
            assert_says_something(&harness);
            let same_run = harness.observed.job.status.clone().unwrap_or_default().run == run;
            assert_no_checkpoint_lost(&before, &harness, same_run);
        }
        finish_in_peace(&mut harness);
        prop_assert_eq!(harness.phase(), Phase::Succeeded, "{}", harness.message());
    }
}

/// The bucket is back, nobody holds it, every step succeeds, and a person approves and retries.
fn finish_in_peace(harness: &mut Harness) {
    harness.observed.storage = storage_ready();
    harness.strip(requests::HOLD);
    for round in 0..30 {
        harness.converge();
        harness.run_to_rest();
        match harness.phase() {
            Phase::Succeeded => return,
            Phase::Review => {
                let film = harness.step(StepName::AssembleVideo).output_digest.clone().unwrap();
                harness.annotate(requests::APPROVED, &format!("assemble-video@{film}"));
            }
            _ => {
                harness.pass(700);
                harness.annotate(requests::RETRY, &format!("2027-01-01T00:00:{round:02}Z"));
            }
        }
    }
}
