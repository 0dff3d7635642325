//! Allowances, openings, pace, and what a service says of its limits.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::task::JoinHandle;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::{Allowance, Opening};
use videofactory_worker::outcome::StepError;

use super::harness::{Attempt, CrashPoint, Ended, Harness, digests, start};
use super::service::{Fault, Kind};

fn waits(ended: &Ended) -> usize {
    ended.results.iter().filter(|result| matches!(result, Err(StepError::AwaitQuota))).count()
}

#[tokio::test(start_paused = true)]
async fn no_more_is_submitted_than_was_allowed_and_what_is_left_is_reported() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(8));
    let allowance = Allowance { submissions: 3, ..Allowance::default() };
    let first = Attempt { allowance: allowance.clone(), ..Attempt::new(1, &requests) };
    let ended = harness.attempt(&first, &CrashPoint::none()).await.unwrap();
    assert_eq!((harness.service().taken.len(), waits(&ended)), (3, 5));
    assert_eq!((ended.report.left, ended.limit), (Some(5), None));
    // In the order of the film.
    assert!(requests[..3].iter().all(|digest| harness.has(digest)));
    let ended = harness
        .attempt(&Attempt { allowance, ..Attempt::new(2, &requests) }, &CrashPoint::none())
        .await
        .unwrap();
    assert_eq!(ended.report.left, Some(2));
}

#[tokio::test(start_paused = true)]
async fn openings_and_pace_are_kept_by_all_scenes_together() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(7));
    let opening =
        |seconds, submissions| Opening { at: start() + SignedDuration::from_secs(seconds), submissions };
    let allowance = Allowance {
        submissions: 6,
        openings: vec![opening(20, 2), opening(50, 4)],
        requests_per_second: Some(1.0),
    };
    let attempt = Attempt { allowance, ..Attempt::new(1, &requests) };
    let ended = harness.attempt(&attempt, &CrashPoint::none()).await.unwrap();
    assert_eq!((ended.results.iter().filter(|result| result.is_ok()).count(), waits(&ended)), (6, 1));
    let times: Vec<Duration> =
        harness.service().taken.iter().map(|(_, at)| at.duration_since(harness.began)).collect();
    for (time, opens) in times.iter().zip([20, 20, 50, 50, 50, 50]) {
        assert!(*time >= Duration::from_secs(opens), "{times:?}");
    }
    // The first of each opening comes within a moment of it.
    assert!(
        times[0] < Duration::from_millis(20_100) && times[2] < Duration::from_millis(50_100),
        "{times:?}"
    );
    for pair in times.windows(2) {
        assert!(pair[1].checked_sub(pair[0]).unwrap() >= Duration::from_millis(998), "{times:?}");
    }
    assert!(times[5] < Duration::from_millis(53_200), "the pace is not used up: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn spending_is_recorded_at_the_time_of_the_answer_and_a_second() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(1));
    let ended = harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap();
    let [spent] = &ended.spent[..] else { panic!("{:?}", ended.spent) };
    assert_eq!((spent.account.as_str(), spent.submissions), ("grok", 1));
    let real = start()
        + SignedDuration::try_from(harness.service().taken[0].1.duration_since(harness.began)).unwrap();
    let later = spent.at.duration_since(real);
    assert!(later >= SignedDuration::ZERO && later <= SignedDuration::from_secs(2), "{later}");
    // What the service says it cost, not what was expected; and how long it took.
    assert_eq!(spent.cost.micros(), 50_000);
    assert!((7..=11).contains(&spent.seconds), "{}", spent.seconds);
}

/// Waits until the service has taken so many requests.
async fn until_taken(harness: &Harness, requests: usize) {
    while harness.service().taken.len() < requests {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// An attempt at these requests, one a second, of which the service has taken two.
async fn begun(harness: &Harness, requests: &[Digest]) -> JoinHandle<Ended> {
    let mut attempt = Attempt::new(1, requests);
    attempt.allowance.requests_per_second = Some(1.0);
    let first = harness.clone();
    let running = tokio::spawn(async move { first.run(&attempt, CrashPoint::none()).await });
    until_taken(harness, 2).await;
    running
}

#[tokio::test(start_paused = true)]
async fn a_limit_halts_what_is_not_submitted_and_what_was_is_fetched() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(6));
    let running = begun(&harness, &requests).await;
    harness.service().faults.push_back(Fault::Limited);
    let ended = running.await.unwrap();
    assert_eq!(harness.service().taken.len(), 2);
    assert_eq!(harness.service().turned_away, 1);
    assert_eq!(ended.results.iter().filter(|result| result.is_ok()).count(), 2);
    let exits: Vec<i32> =
        ended.results.iter().filter_map(|result| Some(result.as_ref().err()?.exit().code())).collect();
    assert_eq!(exits, [75; 4]);
    let limit = ended.limit.clone().expect("the limit is not reported");
    let until = limit.until.unwrap().duration_since(start()).as_secs();
    assert!(limit.account == "grok" && (3600..3620).contains(&until), "{limit:?}");
    assert_eq!((ended.submissions(), ended.report.left), (2, Some(4)));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_finds_us_too_fast_is_waited_for_on_the_spot() {
    let (harness, requests) = (Harness::new(Kind::AtOnce), digests(3));
    harness.service().faults.extend([Fault::TooFast, Fault::TooFast]);
    let ended = harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap();
    assert!(ended.is_done(), "{:?}", ended.results);
    assert_eq!((ended.submissions(), ended.limit), (3, None));
    assert_eq!(harness.service().turned_away, 2);
    assert!(harness.began.elapsed() < Duration::from_secs(10));

    // One that never takes anything is a limit all the same.
    let harness = Harness::new(Kind::AtOnce);
    harness.service().faults.extend([Fault::TooFast; 20]);
    let ended = harness.attempt(&Attempt::new(1, &requests[..1]), &CrashPoint::none()).await.unwrap();
    assert_eq!(ended.error().exit().code(), 75);
    assert!(ended.limit.is_some() && harness.service().turned_away < 8);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_takes_nothing_and_costs_nothing() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(4));
    let mut attempt = Attempt::new(1, &requests);
    attempt.allowance.requests_per_second = Some(1.0);
    harness.service().faults.extend([Fault::Away; 50]);
    let ended = harness.attempt(&attempt, &CrashPoint::none()).await.unwrap();
    let exits: Vec<i32> =
        ended.results.iter().filter_map(|result| Some(result.as_ref().err()?.exit().code())).collect();
    assert!(exits.contains(&69), "{exits:?}");
    assert_eq!((ended.submissions(), ended.report.left), (0, Some(4)));
    let asked = harness.service().turned_away;
    assert!((2..=12).contains(&asked), "it was asked {asked} times");
    assert!(harness.began.elapsed() < Duration::from_secs(30), "it was waited for on the spot");
    harness.service().faults.clear();
    assert!(harness.attempt(&Attempt::new(2, &requests), &CrashPoint::none()).await.unwrap().is_done());
    assert_eq!(harness.service().taken.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_for_a_moment_is_waited_for_although_a_clip_is_under_way() {
    for kind in [Kind::AtOnce, Kind::Later] {
        let (harness, requests) = (Harness::new(kind), digests(20));
        // What is under way keeps the attempt for longer than anybody wants to wait.
        harness.service().takes_for = Duration::from_hours(1);
        let running = begun(&harness, &requests).await;
        harness.service().faults.extend([Fault::Away; 3]);
        until_taken(&harness, 20).await;
        let took = harness.began.elapsed();
        assert!(took < Duration::from_mins(1), "{kind:?}: {} s", took.as_secs());
        let ended = running.await.unwrap();
        assert!(ended.is_done(), "{kind:?}: {:?}", ended.results);
        assert_eq!((harness.service().turned_away, ended.submissions()), (3, 20), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_survey_submits_nothing_and_accounts_for_the_attempt_before() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(5));
    // The first has lost its answer; three more have ids when the pod dies.
    harness.service().faults.push_back(Fault::LoseRequest);
    let mut attempt = Attempt::new(1, &requests[..1]);
    harness.attempt(&attempt, &CrashPoint::none()).await.unwrap();
    attempt = Attempt { number: 2, requests: requests[..4].to_vec(), ..attempt };
    let first = harness.clone();
    let running = tokio::spawn(async move { first.run(&attempt, CrashPoint::none()).await });
    while harness.service().taken.len() < 4 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    running.abort();
    assert!(running.await.is_err());

    let survey = harness.attempt(&Attempt::survey(3, &requests, 2), &CrashPoint::none()).await.unwrap();
    assert_eq!(survey.submissions(), 4, "only what the second attempt has spent");
    assert_eq!(survey.report.left, Some(1), "the fifth scene");
    assert!(requests[..4].iter().all(|digest| harness.has(digest)), "what was paid for is fetched");
    assert_eq!(harness.service().taken.len(), 4);
    let of_first = harness.attempt(&Attempt::survey(4, &requests, 1), &CrashPoint::none()).await.unwrap();
    assert_eq!(of_first.submissions(), 1);
}
