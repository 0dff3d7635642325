//! Any sequence of crashes, faults, pods that continue and permissions.

use std::time::Duration;

use proptest::prelude::*;
use videofactory_pipeline::Digest;

use super::harness::{Attempt, CrashPoint, Harness, digests};
use super::service::{Fault, Kind};

/// The faults that one attempt meets.
#[derive(Clone, Debug)]
struct AttemptFaults {
    faults: Vec<Fault>,
    cut_at: Option<u32>,
    /// It runs on beside its successor instead of dying.
    runs_on: bool,
    survey: bool,
}

fn attempt_faults() -> impl Strategy<Value = AttemptFaults> {
    let faults = prop_oneof![
        Just(Fault::LoseAnswer),
        Just(Fault::LoseRequest),
        Just(Fault::Away),
        Just(Fault::TooFast),
        Just(Fault::Limited),
        Just(Fault::Fail),
    ];
    let faults = proptest::collection::vec(faults, 0..3);
    (faults, proptest::option::weighted(0.7, 0u32..70), any::<bool>(), proptest::bool::weighted(0.2))
        .prop_map(|(faults, cut_at, runs_on, survey)| AttemptFaults { faults, cut_at, runs_on, survey })
}

/// An attempt that may make so many submissions of each beyond two.
fn allowed(number: i32, requests: &[Digest], allowed_submissions: u32) -> Attempt {
    let attempt = Attempt::new(number, requests);
    requests.iter().fold(attempt, |attempt, digest| attempt.allowing(digest, 2 + allowed_submissions))
}

async fn live_through(
    kind: Kind,
    scenes: usize,
    allowed_submissions: u32,
    all_faults: &[AttemptFaults],
) -> Result<(), TestCaseError> {
    let (harness, requests) = (Harness::new(kind), digests(scenes));
    let mut zombies = Vec::new();
    for (number, attempt_faults) in (1..).zip(all_faults) {
        harness.service().faults.extend(&attempt_faults.faults);
        let mut attempt = allowed(number, &requests, allowed_submissions);
        if attempt_faults.survey {
            attempt.survey = true;
            attempt.accounts_for = Some(number - 1);
        }
        let crash_point = match attempt_faults.cut_at {
            Some(wait) if attempt_faults.runs_on => CrashPoint::hold_at(wait),
            Some(wait) => CrashPoint::crash_at(wait),
            None => CrashPoint::none(),
        };
        let (pod, its) = (harness.clone(), crash_point.clone());
        let mut running = tokio::spawn(async move { pod.run(&attempt, its).await });
        // An attempt ends, dies, or is given up while it runs on.
        let has_ended = tokio::select! {
            biased;
            () = crash_point.reached() => false,
            _ = &mut running => true,
        };
        if !has_ended && attempt_faults.runs_on {
            zombies.push((running, crash_point));
        } else {
            running.abort();
        }
        harness.service().faults.clear();
        // Some of those that were given up wake up later.
        if number % 2 == 0 {
            for (_, crash_point) in &zombies {
                crash_point.release();
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
    for (zombie, crash_point) in zombies {
        crash_point.release();
        let _ = tokio::time::timeout(Duration::from_secs(8000), zombie).await;
    }
    for digest in &requests {
        let (unknown, known) = harness.slots(digest);
        let taken = u32::try_from(harness.taken(digest)).unwrap();
        prop_assert!(taken <= unknown + known, "{taken} taken, {unknown} unknown, {known} known");
        prop_assert!(unknown + known <= 2 + allowed_submissions, "{unknown} unknown and {known} known");
        if unknown == 0 && known <= 1 {
            prop_assert!(taken <= 1);
        }
    }
    // With enough permissions everything comes to a good end, and what has come to one is not begun again. What comes
    // to nothing only now takes an attempt each.
    let mut last = i32::try_from(all_faults.len()).unwrap() + 1;
    let mut ended = harness.run(&allowed(last, &requests, allowed_submissions + 9), CrashPoint::none()).await;
    while !ended.is_done() && last < 20 {
        last += 1;
        ended = harness.run(&allowed(last, &requests, allowed_submissions + 9), CrashPoint::none()).await;
    }
    prop_assert!(ended.is_done(), "{:?}", ended.results);
    let before = harness.service().taken.len();
    let idle = harness.run(&Attempt::new(last + 1, &requests), CrashPoint::none()).await;
    prop_assert!(idle.is_done() && idle.submissions() == 0 && harness.service().taken.len() == before);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn submissions_stay_within_what_is_allowed_for_what_is_unknown(
        at_once: bool,
        scenes in 1usize..4,
        allowed_submissions in 0u32..2,
        all_faults in proptest::collection::vec(attempt_faults(), 0..7),
    ) {
        let kind = if at_once { Kind::AtOnce } else { Kind::Later };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(live_through(kind, scenes, allowed_submissions, &all_faults))?;
    }
}
