//! Whatever happens in whatever order: one thing at a time, nothing lost, nothing repeated for nothing.

use proptest::prelude::*;
use serde_json::json;
use videofactory_crds::StoragePolicyReason;
use videofactory_crds::storagepolicy::PruneOutcome;

use super::super::super::observe::Finding;
use super::super::super::run_history::backup_begun;
use super::super::testing::Harness;
use super::super::{Action, Report, RunningTask};

/// What may happen.
#[derive(Clone, Debug)]
enum TestEvent {
    Passes(i64),
    Reconciles,
    Writes(i64),
    Ends(i64),
    Fails,
    Restarts,
    Asks(i64, bool),
    AsksForBackup(i64),
    BucketGoes,
    BucketComes,
    Older(bool),
}

fn any_event() -> impl Strategy<Value = TestEvent> {
    use TestEvent as E;
    prop_oneof![
        6 => (1_i64..7_200).prop_map(E::Passes),
        8 => Just(E::Reconciles),
        4 => (0_i64..2_000_000_000).prop_map(E::Writes),
        6 => (0_i64..11_000_000_000).prop_map(E::Ends),
        2 => Just(E::Fails),
        2 => Just(E::Restarts),
        1 => (0_i64..9, any::<bool>()).prop_map(|(second, dry)| E::Asks(second, dry)),
        1 => (0_i64..9).prop_map(E::AsksForBackup),
        1 => Just(E::BucketGoes),
        2 => Just(E::BucketComes),
        1 => any::<bool>().prop_map(E::Older),
    ]
}

fn end(harness: &mut Harness, bytes: Option<i64>) {
    let bytes_left = bytes.map(|bytes| harness.usage(bytes));
    match harness.observed.snapshot.running {
        Some(RunningTask::Measuring) => {
            harness.observed.snapshot.running = None;
            harness.observed.snapshot.report = Some(Report::Measured(bytes_left));
        }
        Some(RunningTask::Pruning(_)) => {
            let outcome = if bytes.is_some() { PruneOutcome::Completed } else { PruneOutcome::Failed };
            harness.pruned(outcome, bytes, None);
        }
        Some(RunningTask::BackingUp) => {
            harness.observed.snapshot.running = None;
            harness.observed.snapshot.report = Some(Report::BackedUp(backup_begun(harness.now)));
        }
        None => {}
    }
}

fn apply(harness: &mut Harness, event: &TestEvent) {
    match event {
        TestEvent::Passes(seconds) => harness.pass(*seconds),
        TestEvent::Reconciles => drop(harness.reconcile()),
        TestEvent::Writes(bytes) => harness.write_files(*bytes),
        TestEvent::Ends(bytes) => end(harness, Some(*bytes)),
        TestEvent::Fails => end(harness, None),
        TestEvent::Restarts => harness.restart(),
        TestEvent::Asks(second, dry) => {
            harness.annotate(
                "cleanup-requested",
                &json!({"at": format!("2026-01-01T00:00:0{second}Z"), "dryRun": dry}).to_string(),
            );
        }
        TestEvent::AsksForBackup(second) => {
            harness.annotate("backup-requested-at", &format!("2026-01-01T00:00:0{second}Z"));
        }
        TestEvent::BucketGoes => {
            let (reason, message) = (StoragePolicyReason::StorageUnavailable, "down".to_owned());
            harness.observed.finding = Finding::Unfit { reason, answered: Some(false), message };
        }
        TestEvent::BucketComes => harness.observed.finding = Finding::Fit,
        TestEvent::Older(is) => harness.observed.older = is.then(|| "other/default".to_owned()),
    }
}

fn spec() -> serde_json::Value {
    json!({"backup": {"schedule": "30 4 * * *"}, "schedule": "0 */6 * * *"})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_second_look_writes_nothing_and_begins_nothing(
        events in prop::collection::vec(any_event(), 1..80),
    ) {
        let mut harness = Harness::new(&spec());
        for event in &events {
            apply(&mut harness, event);
            harness.reconcile();
            let (writes, begun) = (harness.writes, harness.begun.len());
            harness.reconcile();
            prop_assert_eq!((harness.writes, harness.begun.len()), (writes, begun), "after {:?}", event);
        }
    }

    #[test]
    fn no_slot_of_a_schedule_runs_twice_and_none_more_than_twice_in_all(
        events in prop::collection::vec(any_event(), 1..120),
    ) {
        let mut harness = Harness::new(&spec());
        for event in &events {
            apply(&mut harness, event);
        }
        let orders: Vec<_> = harness.begun.iter().filter_map(|action| match action {
            Action::Prune(run_request) => Some(run_request),
            Action::Measure | Action::BackUp { .. } => None,
        }).collect();
        for run_request in &orders {
            let same = orders.iter().filter(|other| other.slot == run_request.slot && other.cause == run_request.cause);
            prop_assert!(same.count() == 1, "{run_request:?} of {orders:?}");
        }
    }

    #[test]
    fn a_full_bucket_that_nothing_can_free_is_pruned_once_an_hour_at_most(
        looks in prop::collection::vec(1_i64..600, 1..100),
    ) {
        let mut harness = Harness::holding(&json!({"schedule": "0 0 1 1 *"}), 9_500_000_000);
        for seconds in looks {
            end(&mut harness, Some(9_500_000_000));
            harness.reconcile();
            harness.pass(seconds);
            harness.reconcile();
        }
        let slots = harness.begun.iter().filter_map(|action| match action {
            Action::Prune(run_request) => Some(run_request.slot),
            Action::Measure | Action::BackUp { .. } => None,
        });
        let slots: Vec<_> = slots.collect();
        for pair in slots.windows(2) {
            prop_assert!(pair[1].duration_since(pair[0]).as_hours() >= 1, "{slots:?}");
        }
    }

    #[test]
    fn while_anything_can_happen_by_itself_a_time_is_named(
        events in prop::collection::vec(any_event(), 1..80),
    ) {
        let mut harness = Harness::new(&spec());
        for event in &events {
            apply(&mut harness, event);
            let decision = harness.reconcile();
            let idle = harness.observed.snapshot.running.is_none() && decision.action.is_none();
            if idle && harness.observed.finding == Finding::Fit {
                prop_assert!(decision.wake_at.is_some_and(|at| at > harness.now), "after {event:?}: {:?}", decision.wake_at);
            }
        }
    }

    #[test]
    fn bytes_are_counted_once_whatever_is_reported_when(
        writes in prop::collection::vec((0_i64..50_000_000, 1_i64..40), 1..60),
    ) {
        let mut harness = Harness::holding(&json!({"rules": []}), 0);
        let mut sum = 0;
        for (bytes, seconds) in writes {
            harness.write_files(bytes);
            sum += bytes;
            harness.reconcile();
            // No measurement corrects what is reported.
            if harness.observed.snapshot.running.take().is_some() {
                harness.observed.policy.status.as_mut().unwrap().usage.as_mut().unwrap().measured_at =
                    Some(videofactory_crds::condition::whole_seconds(harness.now));
            }
            harness.pass(seconds);
        }
        harness.pass(31);
        harness.reconcile();
        let reported = harness.observed.policy.status.as_ref().unwrap().usage.as_ref().unwrap().bytes;
        prop_assert_eq!(reported, Some(sum));
    }
}
