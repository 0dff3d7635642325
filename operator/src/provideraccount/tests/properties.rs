//! Whatever happens in whatever order: the service never counts more than it allows, no unit is lost, and what is free
//! is used.

use proptest::prelude::*;

use super::super::calendar::plus;
use super::super::demand::Demand;
use super::super::ledger::Ledger;
use super::super::testing::{Harness, Phase, at, second};
use super::super::window::Kind;

/// What may happen.
#[derive(Clone, Debug)]
enum TestEvent {
    Asks(usize, i64),
    Reads(usize),
    Submits(usize, i64),
    Settles(usize),
    Withdraws(usize, bool),
    Vanishes(usize),
    Reconciles,
    LooksAtOldDemands,
    Passes(i64),
    Limit(i64),
    ClockIsPutBack(i64),
}

const JOBS: usize = 5;

fn any_event(limits: bool, clocks: bool) -> impl Strategy<Value = TestEvent> {
    use TestEvent as E;
    let job = 0..JOBS;
    prop_oneof![
        4 => (job.clone(), 1_i64..5).prop_map(|(job, wanted)| E::Asks(job, wanted)),
        5 => job.clone().prop_map(E::Reads),
        12 => (job.clone(), 0_i64..8).prop_map(|(job, later)| E::Submits(job, later)),
        4 => job.clone().prop_map(E::Settles),
        1 => (job.clone(), any::<bool>()).prop_map(|(job, again)| E::Withdraws(job, again)),
        1 => job.prop_map(E::Vanishes),
        8 => Just(E::Reconciles),
        1 => Just(E::LooksAtOldDemands),
        6 => (1_i64..40).prop_map(E::Passes),
        1 => (1_i64..6).prop_map(move |limit| if limits { E::Limit(limit) } else { E::Reconciles }),
        1 => (6_i64..200).prop_map(move |seconds| if clocks { E::ClockIsPutBack(seconds) } else { E::Reconciles }),
    ]
}

fn asking(harness: &Harness) -> Vec<Demand> {
    let asks = harness.jobs.iter().filter(|job| job.phase == Phase::Asks);
    asks.map(|job| job.demand.clone()).collect()
}

/// Lets it happen; an error is a request too many.
fn apply(harness: &mut Harness, old: &mut Vec<Demand>, event: &TestEvent) -> Result<(), String> {
    match event {
        TestEvent::Asks(job, wanted) => {
            harness.appear(*job);
            harness.ask(*job, *wanted);
        }
        TestEvent::Reads(job) => harness.read(*job),
        TestEvent::Submits(job, later) => {
            // An anchored window relies on answers that come soon.
            let later = if harness.service.kind == Kind::Anchored { later % 6 } else { *later };
            harness.submit(*job, later)?;
        }
        TestEvent::Settles(job) => harness.record_spending(*job),
        TestEvent::Withdraws(job, again) => harness.withdraw(*job, *again),
        TestEvent::Vanishes(job) => harness.vanish(*job),
        TestEvent::Reconciles => {
            let demands = asking(harness);
            harness.reconcile_as_if(&demands);
            *old = demands;
        }
        TestEvent::LooksAtOldDemands => {
            harness.reconcile_as_if(&std::mem::take(old));
        }
        TestEvent::Passes(seconds) => harness.now += seconds,
        TestEvent::ClockIsPutBack(seconds) => harness.behind += seconds,
        TestEvent::Limit(limit) => {
            // What is promised is kept; from then on, less is promised.
            harness.spec.quotas.as_mut().unwrap()[0].limit = *limit;
        }
    }
    Ok(())
}

/// Whether all that it has spent is recorded.
fn is_idle(harness: &Harness, job: usize) -> bool {
    !matches!(harness.jobs[job].phase, Phase::Spends(..))
        || matches!(harness.jobs[job].phase, Phase::Spends(_, _, 0))
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        2 => Just(Kind::Rolling),
        2 => Just(Kind::Anchored),
        1 => Just(Harness::zone("Etc/UTC")),
        1 => Just(Harness::zone("America/Los_Angeles")),
    ]
}

/// Everything is reported and recorded, and enough time passes.
fn bring_to_rest(harness: &mut Harness) {
    for job in 0..JOBS {
        harness.read(job);
        harness.record_spending(job);
        harness.withdraw(job, false);
    }
    harness.reconcile_once();
    harness.now += 2 * harness.service.period + 60;
    harness.reconcile_once();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn the_service_never_counts_more_than_it_allows(
        kind in kinds(),
        limit in 1_i64..6,
        begin in 0_i64..200,
        events in prop::collection::vec(any_event(false, false), 1..120),
    ) {
        let mut harness = Harness::new(kind, 60, limit, JOBS);
        harness.now = begin;
        let mut old = Vec::new();
        for event in &events {
            let ended = apply(&mut harness, &mut old, event);
            prop_assert!(ended.is_ok(), "{:?} after {events:?}", ended);
        }
    }

    #[test]
    fn the_service_never_counts_more_than_it_allows_when_our_clock_is_put_back(
        kind in prop_oneof![Just(Kind::Rolling), Just(Kind::Anchored)],
        limit in 1_i64..6,
        events in prop::collection::vec(any_event(false, true), 1..120),
    ) {
        let mut harness = Harness::new(kind, 60, limit, JOBS);
        harness.now = 10_000;
        let mut old = Vec::new();
        for event in &events {
            // It may have counted with the old clock and been recorded with the new one.
            if !matches!(event, TestEvent::ClockIsPutBack(_)) || (0..JOBS).all(|job| is_idle(&harness, job)) {
                let ended = apply(&mut harness, &mut old, event);
                prop_assert!(ended.is_ok(), "{:?} after {events:?}", ended);
            }
        }
    }

    #[test]
    fn no_unit_is_lost_and_no_grant_is_left(
        kind in kinds(),
        limit in 1_i64..6,
        events in prop::collection::vec(any_event(true, false), 1..120),
    ) {
        let mut harness = Harness::new(kind, 60, limit, JOBS);
        harness.service.limit = i64::MAX;
        let mut old = Vec::new();
        for event in &events {
            apply(&mut harness, &mut old, event).unwrap();
        }
        bring_to_rest(&mut harness);
        prop_assert!(harness.status.grants.is_empty());
        let limit = harness.spec.quotas.as_ref().unwrap()[0].limit;
        let now = at(harness.clock());
        let ledger = Ledger::read(&harness.spec, &harness.status, now);
        prop_assert_eq!(ledger.quotas[0].window.when(limit, now), Some(now));
        prop_assert!(ledger.quotas[0].window.spent.is_empty());
    }

    #[test]
    fn what_somebody_can_use_is_granted(
        kind in kinds(),
        limit in 1_i64..6,
        events in prop::collection::vec(any_event(true, false), 1..80),
    ) {
        let mut harness = Harness::new(kind, 60, limit, JOBS);
        harness.service.limit = i64::MAX;
        let mut old = Vec::new();
        for event in &events {
            apply(&mut harness, &mut old, event).unwrap();
        }
        let batch = harness.reconcile_once();
        let now = at(harness.clock());
        let opens = Ledger::read(&harness.spec, &harness.status, now).quotas[0].window.when(1, now);
        if batch.waiters.is_empty() {
            prop_assert_eq!(batch.next_wake, None);
        } else {
            prop_assert!(opens.is_none_or(|opens| opens > plus(now, 10)), "open at {:?}", opens.map(second));
            prop_assert_eq!(batch.next_wake, opens.map(|opens| plus(opens, -10)));
        }
        // A second look at the same moment grants nothing more.
        let before = harness.status.clone();
        let again = harness.reconcile_once();
        prop_assert!(again.grants.is_empty());
        prop_assert_eq!(&harness.status, &before);
    }

    #[test]
    fn recording_twice_is_recording_once(
        kind in kinds(),
        events in prop::collection::vec(any_event(false, false), 1..80),
    ) {
        let mut harness = Harness::new(kind, 60, 4, JOBS);
        harness.service.limit = i64::MAX;
        let mut old = Vec::new();
        for event in &events {
            apply(&mut harness, &mut old, event).unwrap();
        }
        let now = at(harness.clock());
        let holder_states: Vec<_> =
            harness.status.grants.iter().map(|grant| (grant.clone(), harness.holder_state(grant))).collect();
        let mut ledger = Ledger::read(&harness.spec, &harness.status, now);
        ledger.close_grants(&holder_states, now);
        let once = ledger.clone();
        ledger.close_grants(&holder_states, now);
        prop_assert_eq!(ledger, once);
    }
}

/// A stream of jobs that go first by their priority, and are more than a window has units, does not hold back one for
/// ever: after five windows it is ahead of those that come.
#[test]
fn nobody_starves() {
    let mut harness = Harness::new(Kind::Rolling, 60, 2, 40);
    for job in 1..40 {
        harness.jobs[job].demand.priority = 5;
    }
    harness.ask(0, 1);
    (1..7).for_each(|job| harness.ask(job, 1));
    let mut newcomer = 7;
    while matches!(harness.jobs[0].phase, Phase::Asks) {
        if harness.now % 60 == 0 {
            for _ in 0..3 {
                harness.ask(newcomer, 1);
                newcomer = newcomer % 39 + 1;
            }
        }
        harness.reconcile_once();
        for job in 0..40 {
            harness.submit(job, 0).unwrap();
            if matches!(harness.jobs[job].phase, Phase::Spends(_, _, 1)) {
                harness.record_spending(job);
            }
        }
        harness.reconcile_once();
        harness.now += 5;
        assert!(harness.now < 14 * 60, "it waits for ever");
    }
    assert!(harness.now > 4 * 60, "five windows make up for five of priority");
}
