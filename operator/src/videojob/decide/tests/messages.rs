//! What people hear of although nothing stops for it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use videofactory_crds::condition::ConditionType;
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::{ExitCode, RateLimit, SceneReport, StepOutcome, with_remark};

use super::super::testing::Harness;
use super::quota_request::{close_grants, demand, film, grant, grok, name_as_first, until_animation};

const CLIPS: StepName = StepName::AnimateScenes;

fn reported(harness: &Harness, words: &str) -> usize {
    harness.events.iter().filter(|note| note.contains(words)).count()
}

/// Whose turn its account has named still asks, whatever is edited or tried again meanwhile, and says so.
#[test]
fn a_step_that_waits_for_its_turn_never_says_its_name_alone() {
    let retry = |harness: &mut Harness| harness.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
    let edit = |harness: &mut Harness| harness.edit(|job| job.spec.priority = 7);
    for change in [retry as fn(&mut Harness), edit] {
        let mut harness = film(&json!({}));
        until_animation(&mut harness);
        let until = harness.now + SignedDuration::from_mins(10);
        let refused = json!([{"name": "all", "limit": 20, "blockedUntil": until}]);
        let quotas = json!([{"name": "all", "limit": 20, "period": "1d"}]);
        grok(&mut harness).spec.quotas = serde_json::from_value(quotas).unwrap();
        grok(&mut harness).status.quotas = serde_json::from_value(refused).unwrap();
        name_as_first(&mut harness);
        harness.converge();
        assert_eq!(harness.reason(), "RateLimited", "{}", harness.message());
        change(&mut harness);
        harness.converge();
        assert_eq!(demand(&harness).submissions, Some(3));
        let reported = harness.message();
        assert!(reported.len() > "animate-scenes: ".len(), "{reported:?}");
        assert_eq!(harness.step(CLIPS).message.as_deref(), reported.strip_prefix("animate-scenes: "));
    }
}

#[test]
fn who_ends_without_a_message_is_reported_all_the_same() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end_reported(StepName::WriteScript, ExitCode::ContentRefused, |outcome| outcome.message.clear());
    harness.converge();
    let expected =
        "write-script: it gave no reason; see the log of its pod; then edit the job or request a retry";
    assert_eq!(harness.message(), expected);
}

#[test]
fn what_a_step_left_out_is_reported_once() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end_reported(StepName::WriteScript, ExitCode::Done, |outcome| {
        outcome.note = "not spoken, because it is mark-up: scene s1: **".to_owned();
    });
    harness.converge();
    assert_eq!(reported(&harness, "write-script: not spoken, because it is mark-up: scene s1: **"), 1);
}

#[test]
fn a_script_that_says_nothing_of_its_topic_is_reported_with_the_film() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end_reported(StepName::WriteScript, ExitCode::Done, |outcome| {
        outcome.message = with_remark("the storyboard has 3 scenes", Some("it would fit any topic"));
    });
    harness.run_to_rest();
    assert!(harness.message().ends_with("; it would fit any topic"), "{}", harness.message());
}

/// The account grants, and the service refuses until then; a minute after that moment.
fn refused_until(harness: &mut Harness, until: Timestamp) {
    grant(harness, 3);
    harness.converge();
    harness.end_reported(CLIPS, ExitCode::TryLater, |outcome: &mut StepOutcome| {
        outcome.rate_limit = Some(RateLimit { account: "grok".to_owned(), until: Some(until) });
        outcome.scenes = Some(SceneReport { total: 3, left: Some(3), ..SceneReport::default() });
    });
    harness.converge();
    close_grants(harness);
    let next = until + SignedDuration::from_secs(60);
    harness.pass(next.duration_since(harness.now).as_secs());
    harness.converge();
}

/// Midnight so many days on, of a service whose days began ten minutes before the test.
fn day(harness: &Harness, days: i64) -> Timestamp {
    harness.now + SignedDuration::from_hours(24 * days) - SignedDuration::from_mins(10)
}

#[test]
fn a_quota_of_a_day_that_is_used_up_before_the_day_has_begun_waits_for_a_person() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    let days = [1, 2, 3].map(|days| day(&harness, days));
    refused_until(&mut harness, days[0]);
    assert_eq!(harness.reason(), "AwaitingQuota", "the first time it may have been used up by others");
    refused_until(&mut harness, days[1]);
    assert!(
        harness.has(ConditionType::Stalled) && harness.reason() == "CredentialsInvalid",
        "{}",
        harness.reason()
    );
    for part in ["grok refuses for another day", "enable billing", "as the test says", "request a retry"] {
        assert!(harness.message().contains(part), "{}", harness.message());
    }
    assert!(harness.step(CLIPS).demands.iter().all(|demand| demand.granted.is_some()), "it asks for nothing");
    harness.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
    harness.converge();
    assert_eq!(harness.reason(), "AwaitingQuota", "a person says that it is fixed");
    refused_until(&mut harness, days[2]);
    assert_eq!(harness.reason(), "CredentialsInvalid", "and it is not");
}

#[test]
fn a_quota_of_a_day_that_others_use_is_waited_for() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    let (first, second) = (day(&harness, 1), day(&harness, 2));
    refused_until(&mut harness, first);
    let quotas = json!([{"name": "all", "limit": 20, "period": "1d"}]);
    grok(&mut harness).spec.quotas = serde_json::from_value(quotas).unwrap();
    let spent = json!([{"name": "all", "limit": 20, "spent": [{"at": first, "units": 20}]}]);
    grok(&mut harness).status.quotas = serde_json::from_value(spent).unwrap();
    refused_until(&mut harness, second);
    assert_eq!(harness.reason(), "AwaitingQuota", "{}", harness.message());
}

#[test]
fn a_service_that_refuses_again_and_again_makes_a_person_look_up_its_plan() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    for refusals in 1..=4 {
        let until = harness.now + SignedDuration::from_secs(30);
        refused_until(&mut harness, until);
        assert!(!harness.has(ConditionType::Stalled), "a limit of seconds is waited for");
        let expected = usize::from(refusals >= 3);
        assert_eq!(reported(&harness, "whether its plan has a quota"), expected, "after {refusals} refusals");
    }
}
