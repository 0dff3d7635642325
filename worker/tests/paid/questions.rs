//! When a person is asked, what about, and how far their permission goes.

use std::time::Duration;

use videofactory_worker::outcome::StepError;
use videofactory_worker::paid::{FailedSubmissions, Why};

use super::harness::{Attempt, CrashPoint, Harness, digests, start};
use super::service::{Fault, Kind};

#[tokio::test(start_paused = true)]
async fn after_two_lost_answers_a_person_is_asked_and_each_permit_allows_one_more() {
    let (harness, requests) = (Harness::new(Kind::AtOnce), digests(1));
    for attempt in [1, 2] {
        harness.service().faults.push_back(Fault::LoseAnswer);
        let ended = harness.attempt(&Attempt::new(attempt, &requests), &CrashPoint::none()).await.unwrap();
        assert_eq!(ended.submissions(), 1);
        assert_eq!(ended.error().exit().code(), 69, "{}", ended.error());
        // The first is tried again by itself; after the second it is not known.
        assert_eq!(ended.report.left, Some(u32::from(attempt == 1)));
    }
    let asks = harness.attempt(&Attempt::new(3, &requests), &CrashPoint::none()).await.unwrap();
    assert!(matches!(
        &asks.question().why,
        Why::FailedSubmissions(FailedSubmissions { submissions: 2, unknown: 2, .. })
    ));
    assert_eq!((asks.submissions(), asks.report.left), (0, Some(0)));
    // A third is allowed, and no more.
    harness.service().faults.push_back(Fault::LoseAnswer);
    let third = Attempt::new(4, &requests).allowing(&requests[0], 3);
    harness.attempt(&third, &CrashPoint::none()).await.unwrap();
    let asks = harness.attempt(&Attempt { number: 5, ..third }, &CrashPoint::none()).await.unwrap();
    assert_eq!(asks.question().submissions, 3, "one permission paid twice");
    let fourth = Attempt::new(6, &requests).allowing(&requests[0], 4);
    assert!(harness.attempt(&fourth, &CrashPoint::none()).await.unwrap().is_done());
    assert_eq!(harness.taken(&requests[0]), 4);
}

#[tokio::test(start_paused = true)]
async fn what_was_paid_for_and_is_gone_is_paid_for_again_only_when_a_person_says_so() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(2));
    assert!(harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap().is_done());
    harness.lose(&requests[0]);
    let asks = harness.attempt(&Attempt::new(2, &requests), &CrashPoint::none()).await.unwrap();
    assert_eq!((&asks.question().why, asks.question().submissions), (&Why::Gone, 1));
    assert_eq!((asks.submissions(), asks.report.left), (0, Some(0)));
    let permitted = Attempt::new(3, &requests).allowing(&requests[0], 2);
    assert!(harness.attempt(&permitted, &CrashPoint::none()).await.unwrap().is_done());
    assert_eq!(harness.taken(&requests[0]), 2);
    harness.lose(&requests[0]);
    let again = harness.attempt(&Attempt { number: 4, ..permitted }, &CrashPoint::none()).await.unwrap();
    assert_eq!(&again.question().why, &Why::Gone, "one permission paid twice");
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_and_comes_to_nothing_is_asked_about_after_two_with_the_count_and_the_price() {
    for kind in [Kind::AtOnce, Kind::Later] {
        let (harness, requests) = (Harness::new(kind), digests(1));
        for number in 1..=6 {
            harness.service().faults.push_back(Fault::Fail);
            let ended = harness.attempt(&Attempt::new(number, &requests), &CrashPoint::none()).await.unwrap();
            if number <= 2 {
                assert_eq!((ended.error().exit().code(), ended.submissions()), (70, 1), "{kind:?}");
                assert_eq!(ended.report.left, Some(u32::from(number == 1)), "{kind:?}");
                continue;
            }
            assert_eq!(
                (ended.error().exit().code(), ended.submissions(), ended.report.left),
                (65, 0, Some(0))
            );
            assert!(matches!(
                &ended.question().why,
                Why::FailedSubmissions(FailedSubmissions { failed: 2, unknown: 0, .. })
            ));
            let reported = ended.error().to_string();
            // Two at 7 cents were paid, and a third would cost as much.
            assert!(
                reported.contains("2 were taken and came to nothing") && reported.contains("$0.14"),
                "{reported}"
            );
            assert!(reported.contains("about $0.07") && reported.contains("retry"), "{reported}");
        }
        assert_eq!(harness.taken(&requests[0]), 2, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn permission_for_one_scene_submits_no_other() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(3));
    for number in [1, 2] {
        harness.service().faults.push_back(Fault::LoseAnswer);
        let attempt = Attempt::new(number, &requests[..1]);
        harness.attempt(&attempt, &CrashPoint::none()).await.unwrap();
    }
    let leave = |number, requests: &[_]| Attempt::new(number, requests).allowing(&requests[0], 3);
    assert!(harness.attempt(&leave(3, &requests), &CrashPoint::none()).await.unwrap().is_done());
    // Later the others vanish, and one of them is lost twice before that.
    harness.lose(&requests[1]);
    harness.lose(&requests[2]);
    let ended = harness.attempt(&leave(4, &requests), &CrashPoint::none()).await.unwrap();
    let asks = |result: &&Result<(), StepError>| matches!(result, Err(StepError::AskPerson(_)));
    assert_eq!(
        (ended.results.iter().filter(asks).count(), ended.submissions()),
        (2, 0),
        "{:?}",
        ended.results
    );
    assert_eq!((harness.taken(&requests[1]), harness.taken(&requests[2])), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn permission_to_make_what_is_gone_ends_with_what_was_delivered_before_it() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(1));
    assert!(harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap().is_done());
    harness.lose(&requests[0]);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let now = start().checked_add(harness.began.elapsed()).unwrap();
    let given = Attempt { again_before: Some(now), ..Attempt::new(2, &requests) };
    assert!(harness.attempt(&given, &CrashPoint::none()).await.unwrap().is_done());
    harness.lose(&requests[0]);
    let again = harness.attempt(&Attempt { number: 3, ..given }, &CrashPoint::none()).await.unwrap();
    assert_eq!((&again.question().why, harness.taken(&requests[0])), (&Why::Gone, 2));
}

#[tokio::test(start_paused = true)]
async fn a_clip_that_is_not_found_is_not_bought_again_as_long_as_nothing_else_answers() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(3));
    harness.service().faults.extend([Fault::Mislay; 3]);
    // A wrong endpoint, or another team's key: nothing that was taken is found.
    for number in 1..=4 {
        let ended = harness.attempt(&Attempt::new(number, &requests), &CrashPoint::none()).await.unwrap();
        assert_eq!(ended.results.len(), 3);
        for result in &ended.results {
            let Err(StepError::AskPerson(question)) = result else { panic!("{result:?}") };
            assert!(
                matches!(&question.why, Why::NotFound(reported) if reported.contains("404")),
                "{question}"
            );
            assert!(question.to_string().contains("endpoint or key"), "{question}");
        }
        assert_eq!((harness.service().taken.len(), ended.report.left), (3, Some(0)));
    }
    // It is fixed: all is fetched, and nothing was bought twice.
    harness.service().finds = true;
    let ended = harness.attempt(&Attempt::new(5, &requests), &CrashPoint::none()).await.unwrap();
    assert!(ended.is_done(), "{:?}", ended.results);
    assert_eq!(harness.service().taken.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_clip_is_lost_when_it_is_not_found_while_another_of_its_attempt_is() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(2));
    harness.service().faults.push_back(Fault::Mislay);
    harness.service().takes_for = Duration::from_mins(8);
    let ended = harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap();
    assert!(harness.has(&requests[1]));
    assert!(matches!(ended.error(), StepError::AskProvider(_)), "{}", ended.error());
    assert_eq!((ended.submissions(), ended.report.left), (2, Some(1)));
    let next = harness.attempt(&Attempt::new(2, &requests), &CrashPoint::none()).await.unwrap();
    assert!(next.is_done(), "{:?}", next.results);
    assert_eq!((harness.taken(&requests[0]), harness.taken(&requests[1])), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn clips_of_another_attempt_say_nothing_of_one_that_is_not_found() {
    // The key was changed to another team's between the two.
    let (harness, requests) = (Harness::new(Kind::Later), digests(2));
    harness.service().faults.push_back(Fault::Mislay);
    harness.attempt(&Attempt::new(1, &requests[..1]), &CrashPoint::none()).await.unwrap();
    harness.service().takes_for = Duration::from_mins(8);
    let ended = harness.attempt(&Attempt::new(2, &requests), &CrashPoint::none()).await.unwrap();
    assert!(harness.has(&requests[1]));
    assert!(matches!(&ended.question().why, Why::NotFound(_)));
    assert_eq!(harness.taken(&requests[0]), 1);
}

#[tokio::test(start_paused = true)]
async fn with_permission_a_clip_that_is_still_not_found_is_given_up_and_submitted_once_more() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(1));
    harness.service().faults.push_back(Fault::Mislay);
    let asks = harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap();
    assert_eq!(asks.question().submissions, 1);
    for number in [2, 3] {
        let leave = Attempt::new(number, &requests).allowing(&requests[0], 2);
        let ended = harness.attempt(&leave, &CrashPoint::none()).await.unwrap();
        assert_eq!(ended.is_done(), number == 3, "{:?}", ended.results);
    }
    assert_eq!(harness.taken(&requests[0]), 2);
}

#[tokio::test(start_paused = true)]
async fn after_a_submission_that_came_to_nothing_one_goes_ahead_alone() {
    for kind in [Kind::AtOnce, Kind::Later] {
        let (harness, requests) = (Harness::new(kind), digests(20));
        harness.service().faults.extend([Fault::Fail; 20]);
        harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap();
        let before = harness.service().taken.len();
        harness.service().faults = [Fault::Fail; 20].into();
        let ended = harness.attempt(&Attempt::new(2, &requests), &CrashPoint::none()).await.unwrap();
        assert_eq!((harness.service().taken.len(), ended.submissions()), (before + 1, 1), "{kind:?}");
        // Once something is delivered, all others follow at once.
        harness.service().faults.clear();
        let ended = harness.attempt(&Attempt::new(3, &requests), &CrashPoint::none()).await.unwrap();
        let got = ended.results.iter().filter(|result| result.is_ok()).count();
        assert!(got >= 19, "{kind:?}: {got} of {}", ended.results.len());
    }
}
