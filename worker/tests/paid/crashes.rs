//! Every point at which an attempt can die, or continue although it was given up.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::Opening;
use videofactory_worker::outcome::StepError;

use super::harness::{Attempt, CrashPoint, Ended, Harness, digests, start};
use super::service::{Fault, Kind};

/// More waits than any attempt here has.
const MANY: u32 = 200;

/// Cuts an attempt off at its n-th wait, surveys, and continues until all is there. Whether it was cut off.
async fn cut_off_at(kind: Kind, wait: u32) -> bool {
    let (harness, requests) = (Harness::new(kind), digests(1));
    let cut = harness.attempt(&Attempt::new(1, &requests), &CrashPoint::crash_at(wait)).await.is_none();
    let survey = harness.attempt(&Attempt::survey(2, &requests, 1), &CrashPoint::none()).await.unwrap();
    let taken_before = harness.taken(&requests[0]);
    let (unknown, known) = harness.slots(&requests[0]);
    if cut {
        let spent = usize::try_from(survey.submissions()).unwrap();
        assert!(spent >= taken_before, "wait {wait}: {spent} reported, {taken_before} taken");
        assert_eq!(survey.submissions(), unknown + known, "wait {wait}");
    }
    let next = harness.attempt(&Attempt::new(3, &requests), &CrashPoint::none()).await.unwrap();
    assert!(next.is_done() && harness.has(&requests[0]), "wait {wait}: {:?}", next.results);
    let taken = harness.taken(&requests[0]);
    assert!(taken <= 2, "wait {wait}: {taken} submissions");
    if unknown == 0 || kind == Kind::UnderOurId {
        assert_eq!(taken, 1, "wait {wait}: no outcome was unknown, or it could be looked up");
    }
    cut
}

#[tokio::test(start_paused = true)]
async fn wherever_an_attempt_dies_nothing_is_paid_for_twice_unless_it_cannot_be_known() {
    for kind in [Kind::AtOnce, Kind::Later, Kind::UnderOurId] {
        let mut waits = 0;
        while cut_off_at(kind, waits).await {
            waits += 1;
            assert!(waits < MANY, "it never ends");
        }
        assert!(waits > 12, "{kind:?}: only {waits} points were tried");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_an_id_is_fetched_by_a_survey_and_never_submitted_again() {
    let requests = digests(1);
    for wait in 0..MANY {
        let harness = Harness::new(Kind::Later);
        if harness.attempt(&Attempt::new(1, &requests), &CrashPoint::crash_at(wait)).await.is_some() {
            break;
        }
        let (_, known) = harness.slots(&requests[0]);
        let survey = harness.attempt(&Attempt::survey(2, &requests, 1), &CrashPoint::none()).await.unwrap();
        assert_eq!(known == 1, survey.is_done(), "wait {wait}");
        assert_eq!(survey.report.left, Some(u32::from(known == 0)), "wait {wait}");
        assert!(harness.taken(&requests[0]) <= 1, "a survey has submitted something");
    }
}

/// How two attempts were held.
#[derive(PartialEq, Eq)]
enum Held {
    /// The first was not, or the second was not.
    NotFirst,
    NotSecond,
    Both,
}

/// An attempt is held at one of its waits, and its successor at one of its own; then the first continues, and after it
/// the second.
async fn held_at(kind: Kind, first_wait: u32, second_wait: u32) -> Held {
    let (harness, requests) = (Harness::new(kind), digests(2));
    let start = |number, crash_point: &Arc<CrashPoint>| {
        let (pod, its, attempt) = (harness.clone(), crash_point.clone(), Attempt::new(number, &requests));
        tokio::spawn(async move { pod.run(&attempt, its).await })
    };
    let (first, second) = (CrashPoint::hold_at(first_wait), CrashPoint::hold_at(second_wait));
    let mut zombie = start(1, &first);
    tokio::select! {
        biased;
        () = first.reached() => {}
        ended = &mut zombie => {
            assert!(ended.unwrap().is_done());
            return Held::NotFirst;
        }
    }
    let before: Vec<_> =
        requests.iter().map(|digest| (harness.taken(digest), harness.slots(digest).0)).collect();
    let mut successor = start(2, &second);
    let ended = tokio::select! {
        biased;
        () = second.reached() => None,
        ended = &mut successor => Some(ended.unwrap()),
    };
    first.release();
    let zombie = zombie.await.unwrap();
    second.release();
    let held = if ended.is_none() { Held::Both } else { Held::NotSecond };
    let successor = match ended {
        Some(ended) => ended,
        None => successor.await.unwrap(),
    };
    let when = format!("{kind:?}, held at {first_wait} and {second_wait}");
    assert!(successor.is_done(), "{when}: {:?}", successor.results);
    for (digest, (taken_before, unknown)) in requests.iter().zip(before) {
        let taken = harness.taken(digest);
        assert!(taken <= 2 && harness.has(digest), "{when}: {taken} submissions");
        if unknown == 0 {
            assert_eq!(taken, taken_before.max(1), "{when}: both have submitted it");
        }
    }
    let stopped = |result: &Result<(), StepError>| {
        matches!(result, Ok(()) | Err(StepError::Stop | StepError::RunSuperseded { .. }))
    };
    assert!(zombie.results.iter().all(stopped), "{when}: {:?}", zombie.results);
    held
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_runs_on_beside_its_successor_submits_nothing_that_the_other_does() {
    for kind in [Kind::AtOnce, Kind::Later] {
        let mut pairs = 0;
        'first: for first in 0..MANY {
            for second in 0..MANY {
                match held_at(kind, first, second).await {
                    Held::NotFirst => break 'first,
                    Held::NotSecond => break,
                    Held::Both => pairs += 1,
                }
            }
        }
        assert!(pairs > 300, "{kind:?}: only {pairs} pairs of points were tried");
    }
}

/// An attempt that is held once the service has taken its submission, before the id is written.
async fn held_before_its_id(
    harness: &Harness,
    requests: &[Digest],
) -> Option<(Arc<CrashPoint>, JoinHandle<Ended>)> {
    for wait in 0..MANY {
        let crash_point = CrashPoint::hold_at(wait);
        let (pod, its, attempt) = (harness.clone(), crash_point.clone(), Attempt::new(1, requests));
        let running = tokio::spawn(async move { pod.run(&attempt, its).await });
        crash_point.reached().await;
        if harness.taken(&requests[0]) == 1 {
            return Some((crash_point, running));
        }
        running.abort();
        harness.objects.lock().unwrap().clear();
    }
    None
}

#[tokio::test(start_paused = true)]
async fn an_id_that_comes_late_is_looked_after() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(1));
    let (first, zombie) = held_before_its_id(&harness, &requests).await.unwrap();
    assert_eq!(harness.slots(&requests[0]), (1, 0));
    // Its successor knows of the unknown submission, and waits for its turn.
    let mut attempt = Attempt::new(2, &requests);
    let at = start().checked_add(harness.began.elapsed() + Duration::from_secs(30)).unwrap();
    attempt.allowance.openings = vec![Opening { at, submissions: 1 }];
    let second = harness.clone();
    let successor = tokio::spawn(async move { second.run(&attempt, CrashPoint::none()).await });
    tokio::time::sleep(Duration::from_secs(5)).await;
    first.release();
    zombie.await.unwrap();
    assert!(successor.await.unwrap().is_done());
    assert_eq!(harness.taken(&requests[0]), 1, "the late id was not seen");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_looked_up_where_the_id_is_ours() {
    for (fault, slots) in [(Fault::LoseAnswer, 1), (Fault::LoseRequest, 2)] {
        let (harness, orders) = (Harness::new(Kind::UnderOurId), digests(1));
        harness.service().faults.push_back(fault);
        let ended = harness.attempt(&Attempt::new(1, &orders), &CrashPoint::none()).await.unwrap();
        assert!(ended.is_done(), "{fault:?}: {:?}", ended.results);
        assert_eq!((harness.taken(&orders[0]), ended.submissions()), (1, slots), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_service_failed_to_make_is_asked_for_again_by_the_next_attempt() {
    for kind in [Kind::AtOnce, Kind::Later] {
        let (harness, requests) = (Harness::new(kind), digests(1));
        harness.service().faults.push_back(Fault::Fail);
        let failed = harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap();
        assert_eq!(failed.error().exit().code(), 70, "{}", failed.error());
        assert_eq!((failed.submissions(), failed.report.left), (1, Some(1)));
        assert!(harness.attempt(&Attempt::new(2, &requests), &CrashPoint::none()).await.unwrap().is_done());
        assert_eq!(harness.taken(&requests[0]), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_remembered_and_never_asked_for_again() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(2));
    harness.service().faults.push_back(Fault::Refuse);
    let first = harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap();
    assert_eq!(first.results.iter().filter(|result| result.is_ok()).count(), 1, "the other scene continues");
    assert_eq!(first.submissions(), 2, "a refusal costs");
    let second = harness.attempt(&Attempt::new(2, &requests), &CrashPoint::none()).await.unwrap();
    assert!(matches!(second.error(), StepError::KeepRefusal(why) if why.contains("as ordered")));
    assert_eq!((second.submissions(), second.report.left), (0, Some(0)));
    assert_eq!(harness.service().turned_away, 1);
}

#[tokio::test(start_paused = true)]
async fn two_scenes_made_from_the_same_are_bought_once() {
    let harness = Harness::new(Kind::Later);
    let requests = vec![digests(1)[0].clone(), digests(1)[0].clone()];
    let ended = harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap();
    assert!(ended.is_done() && ended.results.len() == 2);
    assert_eq!(harness.taken(&requests[0]), 1);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_stopped_submits_nothing_more_and_keeps_the_id_of_what_is_under_way() {
    let (harness, requests) = (Harness::new(Kind::Later), digests(3));
    let attempt = Attempt::new(1, &requests);
    let mut one_at_a_time = attempt.clone();
    one_at_a_time.allowance.requests_per_second = Some(0.1);
    let (stop, first) = (attempt.stop.clone(), harness.clone());
    let running = tokio::spawn(async move { first.run(&one_at_a_time, CrashPoint::none()).await });
    // The second submission comes after ten seconds: this is in its middle.
    while harness.service().taken.len() < 2 {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    stop.cancel();
    let ended = running.await.unwrap();
    assert_eq!((harness.service().taken.len(), ended.submissions()), (2, 2));
    let unknown: u32 = requests.iter().map(|digest| harness.slots(digest).0).sum();
    assert_eq!(unknown, 0, "an id was lost");
    assert!(ended.results.iter().any(|result| matches!(result, Err(StepError::Stop))));
}

/// An execution of an attempt is held at one of its waits while another of the same attempt runs, and continues beside or
/// after it; then a survey accounts for the attempt. Whether the first was held.
async fn twice(kind: Kind, first_wait: u32, second_wait: u32) -> Held {
    let (harness, requests) = (Harness::new(kind), digests(2));
    let start = |crash_point: &Arc<CrashPoint>| {
        let (pod, its, attempt) = (harness.clone(), crash_point.clone(), Attempt::new(1, &requests));
        tokio::spawn(async move { pod.run(&attempt, its).await })
    };
    let (one, other) = (CrashPoint::hold_at(first_wait), CrashPoint::hold_at(second_wait));
    let mut first = start(&one);
    tokio::select! {
        biased;
        () = one.reached() => {}
        ended = &mut first => {
            assert!(ended.unwrap().is_done());
            return Held::NotFirst;
        }
    }
    let mut second = start(&other);
    let ended = tokio::select! {
        biased;
        () = other.reached() => None,
        ended = &mut second => Some(ended.unwrap()),
    };
    one.release();
    let first = first.await.unwrap();
    other.release();
    let (held, second) = match ended {
        Some(ended) => (Held::NotSecond, ended),
        None => (Held::Both, second.await.unwrap()),
    };
    let when = format!("{kind:?}, held at {first_wait} and {second_wait}");
    let did_nothing = |ended: &Ended| {
        matches!(&ended.results[..], [Err(StepError::RunTwice { .. })]) && ended.submissions() == 0
    };
    assert!(did_nothing(&first) != did_nothing(&second), "{when}: {:?} {:?}", first.results, second.results);
    let worker = if did_nothing(&first) { &second } else { &first };
    assert!(worker.is_done(), "{when}: {:?}", worker.results);
    let taken = u32::try_from(harness.service().taken.len()).unwrap();
    assert_eq!((taken, worker.submissions()), (2, 2), "{when}");
    // Whoever's word was lost: the survey finds the same.
    let survey = harness.attempt(&Attempt::survey(2, &requests, 1), &CrashPoint::none()).await.unwrap();
    assert_eq!(survey.submissions(), taken, "{when}: the ledgers differ");
    held
}

#[tokio::test(start_paused = true)]
async fn of_any_two_executions_of_one_attempt_one_does_nothing_and_the_other_is_accounted_for() {
    for kind in [Kind::AtOnce, Kind::Later] {
        let mut pairs = 0;
        'first: for first in 0..MANY {
            for second in 0..MANY {
                match twice(kind, first, second).await {
                    Held::NotFirst => break 'first,
                    Held::NotSecond => break,
                    Held::Both => pairs += 1,
                }
            }
        }
        assert!(pairs > 30, "{kind:?}: only {pairs} pairs of points were tried");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_of_a_status_that_was_put_back_says_which_have_begun() {
    let (harness, requests) = (Harness::new(Kind::AtOnce), digests(2));
    for number in [1, 4] {
        assert!(
            harness.attempt(&Attempt::new(number, &requests), &CrashPoint::none()).await.unwrap().is_done()
        );
    }
    let latest = async |number| {
        let ended = harness.attempt(&Attempt::new(number, &requests), &CrashPoint::none()).await.unwrap();
        assert_eq!(ended.submissions(), 0);
        match ended.error() {
            StepError::RunTwice { latest } => ("begun", *latest),
            StepError::RunSuperseded { latest } => ("passed", *latest),
            other => panic!("{other}"),
        }
    };
    assert_eq!(latest(1).await, ("begun", 4));
    assert_eq!(latest(2).await, ("passed", 4));
    assert!(harness.attempt(&Attempt::new(5, &requests), &CrashPoint::none()).await.unwrap().is_done());
    assert_eq!(
        requests.iter().map(|request| harness.taken(request)).sum::<usize>(),
        2,
        "each was paid for once"
    );
}

/// An attempt falls asleep, its successor does all the work, and it wakes up again. Whether both have paid for the same,
/// although none was paid for when it fell asleep; nothing if it never fell asleep.
async fn sleeps_at(kind: Kind, wait: u32) -> Option<bool> {
    let (harness, requests) = (Harness::new(kind), digests(1));
    let crash_point = CrashPoint::hold_at(wait);
    let (pod, its, attempt) = (harness.clone(), crash_point.clone(), Attempt::new(1, &requests));
    let mut sleeper = tokio::spawn(async move { pod.run(&attempt, its).await });
    tokio::select! {
        biased;
        () = crash_point.reached() => {}
        _ = &mut sleeper => return None,
    }
    let before = harness.taken(&requests[0]);
    let survey = harness.attempt(&Attempt::survey(2, &requests, 1), &CrashPoint::none()).await.unwrap();
    let successor = harness.attempt(&Attempt::new(3, &requests), &CrashPoint::none()).await.unwrap();
    assert!(successor.is_done(), "{wait}: {:?}", successor.results);
    crash_point.release();
    sleeper.await.unwrap();
    let taken = harness.taken(&requests[0]);
    let reported = usize::try_from(survey.submissions() + successor.submissions()).unwrap();
    assert!(taken <= 2 && reported >= taken, "{wait}: {taken} taken, {reported} reported");
    Some(before == 0 && taken == 2)
}

#[tokio::test(start_paused = true)]
async fn only_who_sleeps_between_the_look_at_the_fencing_tokens_and_the_request_pays_beside_its_successor_and_is_counted()
 {
    for kind in [Kind::AtOnce, Kind::Later] {
        let mut both = 0;
        for wait in 0..MANY {
            let Some(paid) = sleeps_at(kind, wait).await else { break };
            both += u32::from(paid);
        }
        assert_eq!(both, 1, "{kind:?}: so many points at which both pay");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_pod_of_one_attempt_does_nothing() {
    let (harness, requests) = (Harness::new(Kind::AtOnce), digests(1));
    harness.attempt(&Attempt::new(1, &requests), &CrashPoint::crash_at(4)).await;
    let again = harness.attempt(&Attempt::new(1, &requests), &CrashPoint::none()).await.unwrap();
    assert!(matches!(again.error(), StepError::RunTwice { .. }));
    assert_eq!(harness.service().taken.len(), 0);
}
