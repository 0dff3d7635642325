//! Whatever happens in whatever order: the service never counts more than it allows, no unit is lost, and what is free
//! is used.

use proptest::prelude::*;

use super::super::calendar::plus;
use super::super::demand::Demand;
use super::super::ledger::Ledger;
use super::super::testing::{Phase, World, at, second};
use super::super::window::Kind;

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    Asks(usize, i64),
    Reads(usize),
    Submits(usize, i64),
    Settles(usize),
    Withdraws(usize, bool),
    Vanishes(usize),
    Looks,
    LooksAtOldDemands,
    Passes(i64),
    Limit(i64),
    ClockIsPutBack(i64),
}

const JOBS: usize = 5;

fn happening(limits: bool, clocks: bool) -> impl Strategy<Value = Happening> {
    use Happening as H;
    let job = 0..JOBS;
    prop_oneof![
        4 => (job.clone(), 1_i64..5).prop_map(|(job, wanted)| H::Asks(job, wanted)),
        5 => job.clone().prop_map(H::Reads),
        12 => (job.clone(), 0_i64..8).prop_map(|(job, later)| H::Submits(job, later)),
        4 => job.clone().prop_map(H::Settles),
        1 => (job.clone(), any::<bool>()).prop_map(|(job, again)| H::Withdraws(job, again)),
        1 => job.prop_map(H::Vanishes),
        8 => Just(H::Looks),
        1 => Just(H::LooksAtOldDemands),
        6 => (1_i64..40).prop_map(H::Passes),
        1 => (1_i64..6).prop_map(move |limit| if limits { H::Limit(limit) } else { H::Looks }),
        1 => (6_i64..200).prop_map(move |seconds| if clocks { H::ClockIsPutBack(seconds) } else { H::Looks }),
    ]
}

fn asking(world: &World) -> Vec<Demand> {
    let asks = world.jobs.iter().filter(|job| job.phase == Phase::Asks);
    asks.map(|job| job.demand.clone()).collect()
}

/// Lets it happen; an error is a request too many.
fn happen(world: &mut World, old: &mut Vec<Demand>, happening: &Happening) -> Result<(), String> {
    match happening {
        Happening::Asks(job, wanted) => {
            world.appear(*job);
            world.ask(*job, *wanted);
        }
        Happening::Reads(job) => world.read(*job),
        Happening::Submits(job, later) => {
            // An anchored window relies on answers that come soon.
            let later = if world.service.kind == Kind::Anchored { later % 6 } else { *later };
            world.submit(*job, later)?;
        }
        Happening::Settles(job) => world.settle(*job),
        Happening::Withdraws(job, again) => world.withdraw(*job, *again),
        Happening::Vanishes(job) => world.vanish(*job),
        Happening::Looks => {
            let demands = asking(world);
            world.look_as_if(&demands);
            *old = demands;
        }
        Happening::LooksAtOldDemands => {
            world.look_as_if(&std::mem::take(old));
        }
        Happening::Passes(seconds) => world.now += seconds,
        Happening::ClockIsPutBack(seconds) => world.behind += seconds,
        Happening::Limit(limit) => {
            // What is promised is kept; from then on, less is promised.
            world.spec.quotas.as_mut().unwrap()[0].limit = *limit;
        }
    }
    Ok(())
}

/// Whether all that it has spent is recorded.
fn is_idle(world: &World, job: usize) -> bool {
    !matches!(world.jobs[job].phase, Phase::Spends(..))
        || matches!(world.jobs[job].phase, Phase::Spends(_, _, 0))
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        2 => Just(Kind::Rolling),
        2 => Just(Kind::Anchored),
        1 => Just(World::zone("Etc/UTC")),
        1 => Just(World::zone("America/Los_Angeles")),
    ]
}

/// Everything is told and booked, and enough time passes.
fn bring_to_rest(world: &mut World) {
    for job in 0..JOBS {
        world.read(job);
        world.settle(job);
        world.withdraw(job, false);
    }
    world.look();
    world.now += 2 * world.service.period + 60;
    world.look();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn the_service_never_counts_more_than_it_allows(
        kind in kinds(),
        limit in 1_i64..6,
        begin in 0_i64..200,
        happenings in prop::collection::vec(happening(false, false), 1..120),
    ) {
        let mut world = World::new(kind, 60, limit, JOBS);
        world.now = begin;
        let mut old = Vec::new();
        for happening in &happenings {
            let ended = happen(&mut world, &mut old, happening);
            prop_assert!(ended.is_ok(), "{:?} after {happenings:?}", ended);
        }
    }

    #[test]
    fn the_service_never_counts_more_than_it_allows_when_our_clock_is_put_back(
        kind in prop_oneof![Just(Kind::Rolling), Just(Kind::Anchored)],
        limit in 1_i64..6,
        happenings in prop::collection::vec(happening(false, true), 1..120),
    ) {
        let mut world = World::new(kind, 60, limit, JOBS);
        world.now = 10_000;
        let mut old = Vec::new();
        for happening in &happenings {
            // It may have counted with the old clock and been recorded with the new one.
            if !matches!(happening, Happening::ClockIsPutBack(_)) || (0..JOBS).all(|job| is_idle(&world, job)) {
                let ended = happen(&mut world, &mut old, happening);
                prop_assert!(ended.is_ok(), "{:?} after {happenings:?}", ended);
            }
        }
    }

    #[test]
    fn no_unit_is_lost_and_no_grant_is_left(
        kind in kinds(),
        limit in 1_i64..6,
        happenings in prop::collection::vec(happening(true, false), 1..120),
    ) {
        let mut world = World::new(kind, 60, limit, JOBS);
        world.service.limit = i64::MAX;
        let mut old = Vec::new();
        for happening in &happenings {
            happen(&mut world, &mut old, happening).unwrap();
        }
        bring_to_rest(&mut world);
        prop_assert!(world.status.grants.is_empty());
        let limit = world.spec.quotas.as_ref().unwrap()[0].limit;
        let now = at(world.clock());
        let ledger = Ledger::read(&world.spec, &world.status, now);
        prop_assert_eq!(ledger.quotas[0].window.when(limit, now), Some(now));
        prop_assert!(ledger.quotas[0].window.spent.is_empty());
    }

    #[test]
    fn what_somebody_can_use_is_granted(
        kind in kinds(),
        limit in 1_i64..6,
        happenings in prop::collection::vec(happening(true, false), 1..80),
    ) {
        let mut world = World::new(kind, 60, limit, JOBS);
        world.service.limit = i64::MAX;
        let mut old = Vec::new();
        for happening in &happenings {
            happen(&mut world, &mut old, happening).unwrap();
        }
        let turn = world.look();
        let now = at(world.clock());
        let opens = Ledger::read(&world.spec, &world.status, now).quotas[0].window.when(1, now);
        if turn.waiters.is_empty() {
            prop_assert_eq!(turn.next_wake, None);
        } else {
            prop_assert!(opens.is_none_or(|opens| opens > plus(now, 10)), "open at {:?}", opens.map(second));
            prop_assert_eq!(turn.next_wake, opens.map(|opens| plus(opens, -10)));
        }
        // A second look at the same moment grants nothing more.
        let before = world.status.clone();
        let again = world.look();
        prop_assert!(again.grants.is_empty());
        prop_assert_eq!(&world.status, &before);
    }

    #[test]
    fn booking_twice_is_booking_once(
        kind in kinds(),
        happenings in prop::collection::vec(happening(false, false), 1..80),
    ) {
        let mut world = World::new(kind, 60, 4, JOBS);
        world.service.limit = i64::MAX;
        let mut old = Vec::new();
        for happening in &happenings {
            happen(&mut world, &mut old, happening).unwrap();
        }
        let now = at(world.clock());
        let standings: Vec<_> =
            world.status.grants.iter().map(|grant| (grant.clone(), world.standing(grant))).collect();
        let mut ledger = Ledger::read(&world.spec, &world.status, now);
        ledger.book(&standings, now);
        let once = ledger.clone();
        ledger.book(&standings, now);
        prop_assert_eq!(ledger, once);
    }
}

/// A stream of jobs that go first by their priority, and are more than a window has units, does not hold back one for
/// ever: after five windows it is ahead of those that come.
#[test]
fn nobody_starves() {
    let mut world = World::new(Kind::Rolling, 60, 2, 40);
    for job in 1..40 {
        world.jobs[job].demand.priority = 5;
    }
    world.ask(0, 1);
    (1..7).for_each(|job| world.ask(job, 1));
    let mut newcomer = 7;
    while matches!(world.jobs[0].phase, Phase::Asks) {
        if world.now % 60 == 0 {
            for _ in 0..3 {
                world.ask(newcomer, 1);
                newcomer = newcomer % 39 + 1;
            }
        }
        world.look();
        for job in 0..40 {
            world.submit(job, 0).unwrap();
            if matches!(world.jobs[job].phase, Phase::Spends(_, _, 1)) {
                world.settle(job);
            }
        }
        world.look();
        world.now += 5;
        assert!(world.now < 14 * 60, "it waits for ever");
    }
    assert!(world.now > 4 * 60, "five windows make up for five of priority");
}
