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
use super::super::testing::{World, storage_at, storage_ready};

/// What may happen to a job.
#[derive(Clone, Debug)]
pub(super) enum Happening {
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

pub(super) fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
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
        6 => (0usize..2).prop_map(|which| H::Ends(which, ExitCode::Done)),
        3 => (0usize..2, exits).prop_map(|(which, exit)| H::Ends(which, exit)),
        1 => (0usize..2).prop_map(H::Killed),
        1 => (0usize..2).prop_map(H::OutOfMemory),
        1 => (0usize..2).prop_map(H::Interrupted),
        1 => (0usize..2).prop_map(H::Lost),
        1 => (0usize..2).prop_map(H::LostWithoutATrace),
        1 => Just(H::Swept),
        3 => (1i64..2000).prop_map(H::Passes),
        2 => Just(H::Crash),
        1 => Just(H::Hold),
        2 => Just(H::Unhold),
        2 => Just(H::Retry),
        1 => Just(H::Restart),
        1 => (0u8..4).prop_map(H::Edit),
        1 => any::<bool>().prop_map(H::Targets),
        1 => Just(H::BucketGone),
        2 => Just(H::BucketBack),
        1 => prop::sample::select(vec![StorageLevel::Stopped, StorageLevel::Full]).prop_map(H::BucketFills),
        1 => prop::sample::select(vec!["work", "clips", "videos"]).prop_map(H::Pruned),
        1 => any::<bool>().prop_map(H::Restored),
    ]
}

pub(super) fn happen(world: &mut World, happening: &Happening, moment: usize) {
    let nth = |world: &World, which: usize| world.at_work().get(which).copied();
    let at = format!("2026-01-01T00:{:02}:{:02}Z", moment / 60, moment % 60);
    match happening {
        Happening::Ends(which, exit) => {
            if let Some(step) = nth(world, *which) {
                world.end_told(step, *exit, |outcome| {
                    // Some say nothing.
                    if moment.is_multiple_of(2) {
                        outcome.message.clear();
                    }
                });
            }
        }
        Happening::Killed(which) => {
            if let Some(step) = nth(world, *which) {
                world.end_silently(step, 137, false);
            }
        }
        Happening::OutOfMemory(which) => {
            if let Some(step) = nth(world, *which) {
                world.end_silently(step, 137, true);
            }
        }
        Happening::Interrupted(which) => {
            if let Some(step) = nth(world, *which) {
                world.interrupt_pod(step);
            }
        }
        Happening::Lost(which) => {
            if let Some(step) = nth(world, *which) {
                world.lose_pod(step);
            }
        }
        Happening::LostWithoutATrace(which) => {
            if let Some(step) = nth(world, *which) {
                world.lose_without_a_trace(step);
            }
        }
        Happening::Swept => world.sweep(),
        Happening::Passes(seconds) => world.pass(*seconds),
        Happening::Crash => {
            world.reconcile_or_crash(true);
        }
        Happening::Hold => world.annotate(requests::HOLD, "x"),
        Happening::Unhold => world.strip(requests::HOLD),
        Happening::Retry => world.annotate(requests::RETRY, &at),
        Happening::Restart => world.annotate(requests::RESTART, &at),
        Happening::Edit(version) => edit(world, *version),
        Happening::Targets(any) => {
            let targets = if *any { json!([{"name": "main", "type": "Bucket"}]) } else { json!([]) };
            world.edit(|job| {
                job.spec.settings.publish = serde_json::from_value(json!({"targets": targets})).unwrap();
            });
        }
        Happening::BucketGone => {
            let message = "no answer".to_owned();
            world.observed.storage =
                Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message };
        }
        Happening::BucketBack => world.observed.storage = storage_ready(),
        Happening::BucketFills(level) => world.observed.storage = storage_at(*level, 97),
        Happening::Pruned(kind) => world.prune(&[kind]),
        Happening::Restored(tells) => world.restore(&format!("uid-{moment}"), *tells, &Uids::new()),
    }
}

fn edit(world: &mut World, version: u8) {
    let narration = format!("version {version}");
    world.edit(|job| {
        job.spec.scene_overrides =
            serde_json::from_value(json!([{"id": "s1", "narration": narration}])).unwrap();
    });
}

/// What people are told names more than the step.
pub(super) fn assert_says_something(world: &World) {
    let steps = world.observed.job.status.iter().flat_map(|status| &status.steps);
    let of_steps = steps.filter_map(|step| step.message.clone());
    for told in of_steps.chain(world.events.iter().cloned()).chain([world.message()]) {
        let is_cut_off = told.trim().is_empty() || told.trim_end().ends_with(':') || told.contains(": ;");
        assert!(!is_cut_off, "{told:?}");
    }
}

/// The next event of a job that is not at rest, or the reason that it waits for a person.
fn assert_has_a_future(world: &World) {
    let decision = world.last.as_ref().unwrap();
    let waits_for_the_bucket = match &world.observed.storage {
        Storage::NotReady { .. } => true,
        Storage::Ready { fill, .. } => fill.level >= StorageLevel::Stopped,
    };
    let by_a_person =
        matches!(world.phase(), Phase::Succeeded | Phase::Failed | Phase::Review | Phase::Suspended)
            || world.has(ConditionType::Stalled);
    assert!(
        by_a_person || waits_for_the_bucket || decision.wake_at.is_some() || !world.at_work().is_empty(),
        "stuck as {:?}/{}: {}",
        world.phase(),
        world.reason(),
        world.message()
    );
    let status = world.observed.job.status.clone().unwrap_or_default();
    let published = status.published_generation.is_some();
    let undone = status.steps.iter().find(|step| !step.state.unwrap_or_default().is_done());
    if let (Phase::Succeeded, false, Some(undone)) = (world.phase(), published, undone) {
        panic!("it succeeded without {}", undone.name);
    }
    assert!(
        !(world.has(ConditionType::Stalled) && world.has(ConditionType::Reconciling)),
        "both Stalled and Reconciling"
    );
}

/// What is recorded of each step: its inputs and how many scenes it has.
fn checkpoints(world: &World) -> Vec<(StepName, Option<String>, u32, bool)> {
    let status = world.observed.job.status.clone().unwrap_or_default();
    let of = |name| {
        status.step(name).map(|step| {
            (name, step.input_digest.clone(), completed(step).len(), step.output_digest.is_some())
        })
    };
    StepName::ALL.into_iter().filter_map(of).collect()
}

fn assert_no_checkpoint_lost(
    before: &[(StepName, Option<String>, u32, bool)],
    world: &World,
    same_run: bool,
) {
    for (name, input, scenes, _) in before {
        let step = world.step(*name);
        if same_run && step.input_digest == *input && step.state == Some(StepState::Running) {
            assert!(completed(step).len() >= *scenes, "{name} forgot scenes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_sequence_of_outcomes_ends_in_a_terminal_state_or_a_named_wait(
        happenings in prop::collection::vec(happening(), 0..60),
        reviewed in any::<bool>(),
        published in any::<bool>(),
    ) {
        let review = if reviewed { json!({"after": ["assemble-video"]}) } else { json!({}) };
        let targets = if published { json!([{"name": "main", "type": "Bucket"}]) } else { json!([]) };
        let mut world = World::new(json!({"topic": "x", "review": review, "publish": {"targets": targets}}));
        world.converge();
        for (moment, happening) in happenings.iter().enumerate() {
            let before = checkpoints(&world);
            let run = world.observed.job.status.clone().unwrap_or_default().run;
            happen(&mut world, happening, moment);
            world.converge();
            assert_has_a_future(&world);
            assert_says_something(&world);
            let same_run = world.observed.job.status.clone().unwrap_or_default().run == run;
            assert_no_checkpoint_lost(&before, &world, same_run);
        }
        finish_in_peace(&mut world);
        prop_assert_eq!(world.phase(), Phase::Succeeded, "{}", world.message());
    }
}

/// The bucket is back, nobody holds it, every step succeeds, and a person approves and retries.
fn finish_in_peace(world: &mut World) {
    world.observed.storage = storage_ready();
    world.strip(requests::HOLD);
    for round in 0..30 {
        world.converge();
        world.run_to_rest();
        match world.phase() {
            Phase::Succeeded => return,
            Phase::Review => {
                let film = world.step(StepName::AssembleVideo).output_digest.clone().unwrap();
                world.annotate(requests::APPROVED, &format!("assemble-video@{film}"));
            }
            _ => {
                world.pass(700);
                world.annotate(requests::RETRY, &format!("2027-01-01T00:00:{round:02}Z"));
            }
        }
    }
}
