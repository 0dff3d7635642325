//! Whatever happens in whatever order: one thing at a time, nothing lost, nothing repeated for nothing.

use proptest::prelude::*;
use serde_json::json;
use videofactory_crds::StoragePolicyReason;
use videofactory_crds::storagepolicy::PruneOutcome;

use super::super::super::observe::Finding;
use super::super::super::runs::backup_begun;
use super::super::testing::World;
use super::super::{Action, Doing, Report};

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    Passes(i64),
    Looks,
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

fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    prop_oneof![
        6 => (1_i64..7_200).prop_map(H::Passes),
        8 => Just(H::Looks),
        4 => (0_i64..2_000_000_000).prop_map(H::Writes),
        6 => (0_i64..11_000_000_000).prop_map(H::Ends),
        2 => Just(H::Fails),
        2 => Just(H::Restarts),
        1 => (0_i64..9, any::<bool>()).prop_map(|(second, dry)| H::Asks(second, dry)),
        1 => (0_i64..9).prop_map(H::AsksForBackup),
        1 => Just(H::BucketGoes),
        2 => Just(H::BucketComes),
        1 => any::<bool>().prop_map(H::Older),
    ]
}

fn end(world: &mut World, bytes: Option<i64>) {
    let bytes_left = bytes.map(|bytes| world.usage(bytes));
    match world.observed.known.doing {
        Some(Doing::Measuring) => {
            world.observed.known.doing = None;
            world.observed.known.report = Some(Report::Measured(bytes_left));
        }
        Some(Doing::Pruning(_)) => {
            let outcome = if bytes.is_some() { PruneOutcome::Completed } else { PruneOutcome::Failed };
            world.pruned(outcome, bytes, None);
        }
        Some(Doing::BackingUp) => {
            world.observed.known.doing = None;
            world.observed.known.report = Some(Report::BackedUp(backup_begun(world.now)));
        }
        None => {}
    }
}

fn happen(world: &mut World, happening: &Happening) {
    match happening {
        Happening::Passes(seconds) => world.pass(*seconds),
        Happening::Looks => drop(world.look()),
        Happening::Writes(bytes) => world.write_files(*bytes),
        Happening::Ends(bytes) => end(world, Some(*bytes)),
        Happening::Fails => end(world, None),
        Happening::Restarts => world.restart(),
        Happening::Asks(second, dry) => {
            world.annotate(
                "cleanup-requested",
                &json!({"at": format!("2026-01-01T00:00:0{second}Z"), "dryRun": dry}).to_string(),
            );
        }
        Happening::AsksForBackup(second) => {
            world.annotate("backup-requested-at", &format!("2026-01-01T00:00:0{second}Z"));
        }
        Happening::BucketGoes => {
            let (reason, message) = (StoragePolicyReason::StorageUnavailable, "down".to_owned());
            world.observed.finding = Finding::Unfit { reason, answered: Some(false), message };
        }
        Happening::BucketComes => world.observed.finding = Finding::Fit,
        Happening::Older(is) => world.observed.older = is.then(|| "other/default".to_owned()),
    }
}

fn spec() -> serde_json::Value {
    json!({"backup": {"schedule": "30 4 * * *"}, "schedule": "0 */6 * * *"})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_second_look_writes_nothing_and_begins_nothing(
        happenings in prop::collection::vec(happening(), 1..80),
    ) {
        let mut world = World::new(&spec());
        for happening in &happenings {
            happen(&mut world, happening);
            world.look();
            let (writes, begun) = (world.writes, world.begun.len());
            world.look();
            prop_assert_eq!((world.writes, world.begun.len()), (writes, begun), "after {:?}", happening);
        }
    }

    #[test]
    fn no_slot_of_a_schedule_runs_twice_and_none_more_than_twice_in_all(
        happenings in prop::collection::vec(happening(), 1..120),
    ) {
        let mut world = World::new(&spec());
        for happening in &happenings {
            happen(&mut world, happening);
        }
        let orders: Vec<_> = world.begun.iter().filter_map(|action| match action {
            Action::Prune(order) => Some(order),
            Action::Measure | Action::BackUp { .. } => None,
        }).collect();
        for order in &orders {
            let same = orders.iter().filter(|other| other.slot == order.slot && other.cause == order.cause);
            prop_assert!(same.count() == 1, "{order:?} of {orders:?}");
        }
    }

    #[test]
    fn a_full_bucket_that_nothing_can_free_is_pruned_once_an_hour_at_most(
        looks in prop::collection::vec(1_i64..600, 1..100),
    ) {
        let mut world = World::holding(&json!({"schedule": "0 0 1 1 *"}), 9_500_000_000);
        for seconds in looks {
            end(&mut world, Some(9_500_000_000));
            world.look();
            world.pass(seconds);
            world.look();
        }
        let slots = world.begun.iter().filter_map(|action| match action {
            Action::Prune(order) => Some(order.slot),
            Action::Measure | Action::BackUp { .. } => None,
        });
        let slots: Vec<_> = slots.collect();
        for pair in slots.windows(2) {
            prop_assert!(pair[1].duration_since(pair[0]).as_hours() >= 1, "{slots:?}");
        }
    }

    #[test]
    fn while_anything_can_happen_by_itself_a_time_is_named(
        happenings in prop::collection::vec(happening(), 1..80),
    ) {
        let mut world = World::new(&spec());
        for happening in &happenings {
            happen(&mut world, happening);
            let looked = world.look();
            let idle = world.observed.known.doing.is_none() && looked.action.is_none();
            if idle && world.observed.finding == Finding::Fit {
                prop_assert!(looked.wake_at.is_some_and(|at| at > world.now), "after {happening:?}: {:?}", looked.wake_at);
            }
        }
    }

    #[test]
    fn bytes_are_counted_once_whatever_is_told_when(
        writes in prop::collection::vec((0_i64..50_000_000, 1_i64..40), 1..60),
    ) {
        let mut world = World::holding(&json!({"rules": []}), 0);
        let mut sum = 0;
        for (bytes, seconds) in writes {
            world.write_files(bytes);
            sum += bytes;
            world.look();
            // No measurement corrects what is told.
            if world.observed.known.doing.take().is_some() {
                world.observed.policy.status.as_mut().unwrap().usage.as_mut().unwrap().measured_at =
                    Some(videofactory_crds::condition::whole_seconds(world.now));
            }
            world.pass(seconds);
        }
        world.pass(31);
        world.look();
        let told = world.observed.policy.status.as_ref().unwrap().usage.as_ref().unwrap().bytes;
        prop_assert_eq!(told, Some(sum));
    }
}
