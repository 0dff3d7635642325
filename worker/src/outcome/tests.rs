use std::collections::BTreeMap;

use videofactory_pipeline::Settings;
use videofactory_pipeline::contract::{Brand, BucketRef, JobRef, VERSION};
use videofactory_providers::Resume;

use super::*;
use crate::paid::Why;

fn input() -> StepInput {
    StepInput {
        version: VERSION,
        job: JobRef {
            namespace: "films".to_owned(),
            name: "ocean".to_owned(),
            uid: "u".to_owned(),
            id: "3f9c2a1e".to_owned(),
            run: 1,
        },
        step: StepName::GenerateImages,
        attempt: 1,
        input: Digest::of_bytes(b"in"),
        survey: false,
        preview_scene: None,
        settings: Settings::default(),
        topic: String::new(),
        takes: BTreeMap::new(),
        upstream: BTreeMap::new(),
        accounts_for: None,
        accounts: BTreeMap::new(),
        again: false,
        allowed_submissions: BTreeMap::new(),
        again_before: None,
        affordable_scripts: None,
        still_motion: false,
        accepted_quality: None,
        brand: Brand::default(),
        deadline_seconds: 60,
        bucket: BucketRef::default(),
        progress_url: String::new(),
    }
}

fn ends(result: Result<Made, StepError>, cut: CutShort) -> StepOutcome {
    of_attempt(&input(), result, cut, &Progress::default(), &UsageRecorder::default())
}

fn scenes(failed: Vec<StepError>) -> StepError {
    StepError::MakeScenes { failed: named(failed), total: 6 }
}

fn named(failed: Vec<StepError>) -> Vec<(String, StepError)> {
    let failed = failed.into_iter().enumerate();
    failed.map(|(place, error)| (format!("s{}", place + 1), error)).collect()
}

fn refused() -> StepError {
    ProviderError::Refused { provider: "A service", why: "blood".to_owned() }.into()
}

fn bad_settings() -> StepError {
    StepError::FollowSettings("failed to speak; choose a voice".to_owned())
}

#[test]
fn each_kind_of_trouble_has_its_exit_code() {
    let tried = || "put a".to_owned();
    let (provider, message) = ("A service", String::from("m"));
    let gone = StepError::FindArtifact { what: "x".to_owned(), from: StepName::NarrateScenes };
    let cases: Vec<(StepError, i32)> = vec![
        (refused(), 65),
        (gone, 66),
        (ProviderError::Unavailable { provider, message: message.clone() }.into(), 69),
        (ProviderError::Unexpected { provider, message: message.clone() }.into(), 70),
        (StorageError::Corrupt { tried: tried(), detail: message.clone() }.into(), 70),
        (StorageError::Unreachable { tried: tried(), reason: message.clone() }.into(), 74),
        (StorageError::Full { tried: tried(), code: message.clone() }.into(), 74),
        (StepError::Stop, 75),
        (StorageError::Credentials { tried: tried(), code: message.clone() }.into(), 77),
        (ProviderError::CreditsUsedUp { provider, message: message.clone() }.into(), 77),
        (ProviderError::Credentials { provider, message }.into(), 77),
        (StorageError::NoSuchBucket { tried: tried() }.into(), 78),
        (bad_settings(), 78),
        (FilmError::FindFontFamily("Comic".to_owned()).into(), 78),
    ];
    for (error, code) in cases {
        let reported = error.to_string();
        assert_eq!(ends(Err(error), CutShort::No).exit.code(), code, "{reported}");
    }
}

#[test]
fn credit_is_distinguished_from_other_credentials_only_where_nothing_else_is_missing() {
    let (provider, message) = ("A service", String::from("m"));
    let poor = || StepError::from(ProviderError::CreditsUsedUp { provider, message: message.clone() });
    let wrong = || StepError::from(ProviderError::Credentials { provider, message: message.clone() });
    let outcomes = [
        (poor(), true),
        (wrong(), false),
        (scenes(vec![refused(), poor(), poor()]), true),
        (scenes(vec![poor(), wrong()]), false),
    ];
    for (error, without_credit) in outcomes {
        let reported = error.to_string();
        let outcome = ends(Err(error), CutShort::No);
        assert_eq!(
            (outcome.exit, outcome.without_credit),
            (ExitCode::Credentials, without_credit),
            "{reported}"
        );
    }
}

#[test]
fn a_stopped_attempt_never_says_that_it_is_done() {
    let made = Made { output: Some(Digest::of_bytes(b"out")), ..Made::default() };
    let outcome = ends(Ok(made), CutShort::Interrupted);
    assert_eq!((outcome.exit, outcome.interrupted, outcome.output), (ExitCode::TryLater, true, None));
}

#[test]
fn what_a_person_must_fix_is_reported_even_when_stopped() {
    let outcome = ends(Err(scenes(vec![refused(), bad_settings(), StepError::Stop])), CutShort::Interrupted);
    assert_eq!((outcome.exit, outcome.interrupted), (ExitCode::Configuration, false));
    assert_eq!(outcome.message, "2 of 6 scenes failed; scene s2: failed to speak; choose a voice");
}

#[test]
fn a_refusal_waits_until_nothing_else_is_left_to_do() {
    assert_eq!(
        ends(Err(scenes(vec![refused(), StepError::Stop])), CutShort::Interrupted).exit,
        ExitCode::TryLater
    );
    assert_eq!(ends(Err(scenes(vec![refused(), StepError::Stop])), CutShort::Deadline).exit, ExitCode::Bug);
    assert_eq!(ends(Err(scenes(vec![refused()])), CutShort::No).exit, ExitCode::ContentRefused);
}

#[test]
fn a_grant_that_is_used_up_is_reported_with_what_is_left_and_hides_no_other_reason_to_wait() {
    let left = ends(Err(scenes(vec![StepError::AwaitQuota, refused(), StepError::AwaitQuota])), CutShort::No);
    assert_eq!((left.exit, left.interrupted), (ExitCode::TryLater, false));
    assert_eq!(left.message, "2 of 6 scenes are still to be submitted; the next grant continues with them");
    let limited = ProviderError::RateLimited {
        provider: "A service",
        message: "busy".to_owned(),
        resume: Resume::Unknown,
    };
    let down = ProviderError::Unavailable { provider: "A service", message: "reset".to_owned() };
    let down = ends(Err(scenes(vec![StepError::AwaitQuota, down.into()])), CutShort::No);
    assert_eq!(down.exit, ExitCode::ProviderDown);
    let limited = ends(Err(scenes(vec![StepError::AwaitQuota, limited.into()])), CutShort::No);
    assert!(limited.message.contains("busy"), "{}", limited.message);
}

fn question(name: &str) -> StepError {
    StepError::AskPerson(Box::new(Question {
        digest: Digest::of_bytes(name.as_bytes()),
        submissions: 2,
        price: "0.50".parse().unwrap(),
        why: Why::Gone,
    }))
}

#[test]
fn what_a_person_is_asked_is_reported_with_its_number_and_its_price() {
    let asked = ends(Err(scenes(vec![question("a"), question("b"), question("a")])), CutShort::No);
    assert_eq!(asked.unresolved.len(), 2, "two scenes are made from the same");
    assert!(asked.unresolved.iter().all(|asked| asked.submissions == 2));
    assert!(asked.message.contains("a retry submits 2 requests for about $1.00"), "{}", asked.message);
    let one = ends(Err(scenes(vec![question("a")])), CutShort::No);
    assert!(one.message.contains("about $0.50") && !one.message.contains("2 requests"), "{}", one.message);
    let many: Vec<StepError> = (0..40).map(|place| question(&place.to_string())).collect();
    let many = ends(Err(StepError::MakeScenes { failed: named(many), total: 40 }), CutShort::No);
    assert_eq!(many.unresolved.len(), Unresolved::MAX);
    assert!(many.message.contains("a retry submits 16 requests"), "{}", many.message);
    assert!(StepOutcome::from_message(&many.to_message()).is_some());
}

#[test]
fn who_has_not_acquired_the_fencing_token_of_an_attempt_that_was_begun_before_says_nothing_of_what_was_spent()
{
    let reported = |again, is_external: bool, holds_fencing_token, error| {
        let mut input = StepInput { again, ..input() };
        if is_external {
            let access = serde_json::from_value(serde_json::json!({"provider": "XAI"})).unwrap();
            input.accounts.insert("grok".to_owned(), access);
        }
        let usage = UsageRecorder::default();
        if holds_fencing_token {
            usage.set_holds_fencing_token();
        }
        of_attempt(&input, Err(error), CutShort::No, &Progress::default(), &usage).did_nothing
    };
    let away =
        || StepError::from(StorageError::Unreachable { tried: "put a".to_owned(), reason: "r".to_owned() });
    assert!(reported(false, true, false, StepError::RunTwice { latest: 1 }), "another pod has begun it");
    assert!(reported(true, true, false, away()));
    assert!(!reported(true, true, true, away()), "it has the fencing token, and so the last word");
    assert!(!reported(false, true, false, away()), "there was no other");
    assert!(!reported(true, false, false, away()), "nothing is paid for here");
}

#[test]
fn a_person_is_asked_about_a_lost_answer_only_when_nothing_else_is_left_to_do() {
    let lost = || question("lost");
    assert_eq!(ends(Err(scenes(vec![lost(), refused()])), CutShort::No).exit, ExitCode::ContentRefused);
    assert_eq!(ends(Err(scenes(vec![lost(), StepError::AwaitQuota])), CutShort::No).exit, ExitCode::TryLater);
}

#[test]
fn a_full_bucket_is_reported_unless_something_else_is_to_be_fixed_first() {
    let full = || StepError::from(StorageError::Full { tried: "put a".to_owned(), code: "507".to_owned() });
    let away =
        || StepError::from(StorageError::Unreachable { tried: "put b".to_owned(), reason: "r".to_owned() });
    let reported = |error| {
        let outcome = ends(Err(error), CutShort::No);
        (outcome.exit, outcome.full)
    };
    assert_eq!(reported(full()), (ExitCode::Storage, true));
    assert_eq!(reported(away()), (ExitCode::Storage, false));
    assert_eq!(reported(scenes(vec![away(), full()])), (ExitCode::Storage, true));
    assert_eq!(reported(scenes(vec![full(), bad_settings()])), (ExitCode::Configuration, false));
}

#[test]
fn of_several_steps_that_lost_something_the_earliest_is_named() {
    let gone = |from| StepError::FindArtifact { what: "x".to_owned(), from };
    let lost = scenes(vec![gone(StepName::NarrateScenes), gone(StepName::GenerateImages)]);
    assert_eq!(ends(Err(lost), CutShort::No).missing_from, Some(StepName::GenerateImages));
}
