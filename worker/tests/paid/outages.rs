//! A bucket that is away when something that was paid for has come.

use std::time::Duration;

use videofactory_worker::outcome::StepError;

use super::harness::{Attempt, CrashPoint, Failure, Harness, Moment, Outage, digests};
use super::service::Kind;

/// Moments, minutes and hours: as long as an attempt lives, it tries to store.
const OUTAGES: [Duration; 3] = [Duration::from_secs(30), Duration::from_mins(5), Duration::from_hours(6)];
const FAILURES: [Failure; 5] = [
    Failure::Unavailable,
    Failure::Unreachable,
    Failure::Credentials,
    Failure::TooManyRequests,
    Failure::Full,
];

#[tokio::test(start_paused = true)]
async fn what_has_come_is_stored_once_the_bucket_is_back_and_paid_for_once() {
    for kind in [Kind::AtOnce, Kind::Later] {
        for (lasts, failure) in OUTAGES.into_iter().flat_map(|lasts| FAILURES.map(|failure| (lasts, failure)))
        {
            for from in [Moment::Answer, Moment::Store] {
                let (harness, requests, outage) =
                    (Harness::new(kind), digests(3), Outage { from, lasts, failure });
                *harness.outage.lock().unwrap() = Some(outage);
                let ended = harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap();
                let when = format!("{kind:?}, {outage:?}");
                assert!(harness.began.elapsed() >= lasts, "{when}: it never went away");
                let got = requests.iter().filter(|digest| harness.has(digest)).count();
                // Who had not submitted when it went away could not begin.
                let taken = harness.service().taken.len();
                assert_eq!((got, taken, ended.submissions() as usize), (taken, taken, taken), "{when}");
                assert!(taken >= 1 && requests.iter().all(|digest| harness.slots(digest).0 == 0), "{when}");
                let next = harness.attempt(&Attempt::new(2, &requests), &CrashPoint::none()).await.unwrap();
                assert!(next.is_done(), "{when}: {:?}", next.results);
                assert_eq!(harness.service().taken.len(), 3, "{when}: something was bought again");
                assert_eq!(ended.submissions() + next.submissions(), 3, "{when}: the ledgers differ");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_more_is_submitted_while_there_is_no_room_for_it() {
    for kind in [Kind::AtOnce, Kind::Later] {
        let (harness, requests) = (Harness::new(kind), digests(3));
        let lasts = Duration::from_hours(1);
        *harness.outage.lock().unwrap() = Some(Outage { from: Moment::Store, lasts, failure: Failure::Full });
        let mut attempt = Attempt::new(1, &requests);
        // The second would be submitted while the first is held, and its slot would still find room.
        attempt.allowance.requests_per_second = Some(0.02);
        let ended = harness.attempt(&attempt, &CrashPoint::none()).await.unwrap();
        let is_left = |result: &&Result<(), StepError>| matches!(result, Err(StepError::SkipAfterFailure));
        assert_eq!(ended.results.iter().filter(is_left).count(), 2, "{kind:?}: {:?}", ended.results);
        assert_eq!((harness.service().taken.len(), ended.submissions()), (1, 1), "{kind:?}");
        assert!(harness.has(&requests[0]) && harness.began.elapsed() >= lasts, "{kind:?}");
        assert!(harness.attempt(&Attempt::new(2, &requests), &CrashPoint::none()).await.unwrap().is_done());
        assert_eq!(harness.service().taken.len(), 3, "{kind:?}: something was bought again");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_asked_to_stop_stores_what_it_holds_before_it_ends() {
    for kind in [Kind::AtOnce, Kind::Later] {
        let (harness, requests) = (Harness::new(kind), digests(1));
        *harness.outage.lock().unwrap() = Some(Outage::of(Moment::Store, Duration::from_secs(90)));
        let attempt = Attempt::new(1, &requests);
        let (stop, first) = (attempt.stop.clone(), harness.clone());
        let running = tokio::spawn(async move { first.run(&attempt, CrashPoint::none()).await });
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert!(!running.is_finished() && !harness.has(&requests[0]));
        stop.cancel();
        assert!(running.await.unwrap().is_done());
        assert!(harness.has(&requests[0]) && harness.taken(&requests[0]) == 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_dies_while_it_holds_something_is_counted_to_the_unit() {
    for kind in [Kind::AtOnce, Kind::Later] {
        let (harness, requests) = (Harness::new(kind), digests(1));
        *harness.outage.lock().unwrap() = Some(Outage::of(Moment::Store, Duration::from_mins(5)));
        let (attempt, first) = (Attempt::new(1, &requests), harness.clone());
        let running = tokio::spawn(async move { first.run(&attempt, CrashPoint::none()).await });
        tokio::time::sleep(Duration::from_secs(40)).await;
        running.abort();
        assert!(running.await.is_err());
        tokio::time::sleep(Duration::from_mins(5)).await;
        let survey = harness.attempt(&Attempt::survey(2, &requests, 1), &CrashPoint::none()).await.unwrap();
        assert_eq!(survey.submissions(), 1);
        // What has an id is fetched; of the other nobody has the answer any more.
        assert_eq!(survey.is_done(), kind == Kind::Later);
        let next = harness.attempt(&Attempt::new(3, &requests), &CrashPoint::none()).await.unwrap();
        assert!(next.is_done());
        let taken = u32::try_from(harness.taken(&requests[0])).unwrap();
        assert_eq!(survey.submissions() + next.submissions(), taken, "the ledgers differ");
        assert_eq!(taken, if kind == Kind::Later { 1 } else { 2 });
    }
}
