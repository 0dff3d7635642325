//! What people hear of although nothing stops for it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use videofactory_crds::condition::ConditionType;
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::{ExitCode, RateLimit, SceneReport, StepOutcome};

use super::super::testing::World;
use super::quota_request::{close_grants, demand, film, grant, grok, stand_in_front, until_animation};

const CLIPS: StepName = StepName::AnimateScenes;

fn told(world: &World, words: &str) -> usize {
    world.events.iter().filter(|note| note.contains(words)).count()
}

/// Whose turn is told by its account goes on asking, whatever is edited or tried again meanwhile, and says so.
#[test]
fn a_step_that_waits_for_its_turn_never_says_its_name_alone() {
    let retry = |world: &mut World| world.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
    let edit = |world: &mut World| world.edit(|job| job.spec.priority = 7);
    for change in [retry as fn(&mut World), edit] {
        let mut world = film(&json!({}));
        until_animation(&mut world);
        let until = world.now + SignedDuration::from_mins(10);
        let refused = json!([{"name": "all", "limit": 20, "blockedUntil": until}]);
        let quotas = json!([{"name": "all", "limit": 20, "period": "1d"}]);
        grok(&mut world).spec.quotas = serde_json::from_value(quotas).unwrap();
        grok(&mut world).status.quotas = serde_json::from_value(refused).unwrap();
        stand_in_front(&mut world);
        world.converge();
        assert_eq!(world.reason(), "RateLimited", "{}", world.message());
        change(&mut world);
        world.converge();
        assert_eq!(demand(&world).submissions, Some(3));
        let told = world.message();
        assert!(told.len() > "animate-scenes: ".len(), "{told:?}");
        assert_eq!(world.step(CLIPS).message.as_deref(), told.strip_prefix("animate-scenes: "));
    }
}

#[test]
fn who_ends_without_a_word_is_told_of_all_the_same() {
    let mut world = World::topic();
    world.converge();
    world.end_told(StepName::WriteScript, ExitCode::ContentRefused, |outcome| outcome.message.clear());
    world.converge();
    let expected =
        "write-script: it gave no reason; see the log of its pod; then edit the job or request a retry";
    assert_eq!(world.message(), expected);
}

#[test]
fn what_a_step_left_out_is_told_once() {
    let mut world = World::topic();
    world.converge();
    world.end_told(StepName::WriteScript, ExitCode::Done, |outcome| {
        outcome.note = "not spoken, because it is mark-up: scene s1: **".to_owned();
    });
    world.converge();
    assert_eq!(told(&world, "write-script: not spoken, because it is mark-up: scene s1: **"), 1);
}

/// The account grants, and the service refuses until then; a minute after that moment.
fn refused_until(world: &mut World, until: Timestamp) {
    grant(world, 3);
    world.converge();
    world.end_told(CLIPS, ExitCode::TryLater, |outcome: &mut StepOutcome| {
        outcome.rate_limit = Some(RateLimit { account: "grok".to_owned(), until: Some(until) });
        outcome.scenes = Some(SceneReport { total: 3, left: Some(3), ..SceneReport::default() });
    });
    world.converge();
    close_grants(world);
    let next = until + SignedDuration::from_secs(60);
    world.pass(next.duration_since(world.now).as_secs());
    world.converge();
}

/// Midnight so many days on, of a service whose days began ten minutes before the test.
fn day(world: &World, days: i64) -> Timestamp {
    world.now + SignedDuration::from_hours(24 * days) - SignedDuration::from_mins(10)
}

#[test]
fn a_quota_of_a_day_that_is_used_up_before_the_day_has_begun_waits_for_a_person() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    let days = [1, 2, 3].map(|days| day(&world, days));
    refused_until(&mut world, days[0]);
    assert_eq!(world.reason(), "AwaitingQuota", "the first time it may have been used up by others");
    refused_until(&mut world, days[1]);
    assert!(
        world.has(ConditionType::Stalled) && world.reason() == "CredentialsInvalid",
        "{}",
        world.reason()
    );
    for part in ["grok refuses for another day", "enable billing", "as the test says", "request a retry"] {
        assert!(world.message().contains(part), "{}", world.message());
    }
    assert!(world.step(CLIPS).demands.iter().all(|demand| demand.granted.is_some()), "it asks for nothing");
    world.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
    world.converge();
    assert_eq!(world.reason(), "AwaitingQuota", "a person says that it is mended");
    refused_until(&mut world, days[2]);
    assert_eq!(world.reason(), "CredentialsInvalid", "and it is not");
}

#[test]
fn a_quota_of_a_day_that_others_use_is_waited_for() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    let (first, second) = (day(&world, 1), day(&world, 2));
    refused_until(&mut world, first);
    let quotas = json!([{"name": "all", "limit": 20, "period": "1d"}]);
    grok(&mut world).spec.quotas = serde_json::from_value(quotas).unwrap();
    let spent = json!([{"name": "all", "limit": 20, "spent": [{"at": first, "units": 20}]}]);
    grok(&mut world).status.quotas = serde_json::from_value(spent).unwrap();
    refused_until(&mut world, second);
    assert_eq!(world.reason(), "AwaitingQuota", "{}", world.message());
}

#[test]
fn a_service_that_refuses_again_and_again_makes_a_person_look_up_its_plan() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    for refusals in 1..=4 {
        let until = world.now + SignedDuration::from_secs(30);
        refused_until(&mut world, until);
        assert!(!world.has(ConditionType::Stalled), "a limit of seconds is waited for");
        let expected = usize::from(refusals >= 3);
        assert_eq!(told(&world, "whether its plan has a quota"), expected, "after {refusals} refusals");
    }
}
