//! What people ask for while something else runs, as sentences.

use jiff::SignedDuration;
use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState, VideoJobReason};
use videofactory_crds::videojob::Compute;
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::testing::Harness;
use crate::events::MAX_TEXT_BYTES;

const SCRIPT: StepName = StepName::WriteScript;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

/// A film that was approved and is being published, and its digest.
fn being_published() -> (Harness, String) {
    let mut harness = Harness::new(json!({
        "topic": "x", "review": {"after": ["assemble-video"]},
        "publish": {"targets": [{"name": "main", "type": "Bucket"}]}
    }));
    harness.run_to_rest();
    let film = harness.step(FILM).output_digest.clone().unwrap();
    harness.annotate(requests::APPROVED, &format!("assemble-video@{film}"));
    harness.converge();
    assert_eq!(harness.at_work(), [PUBLISH]);
    (harness, film)
}

#[test]
fn a_rejection_after_the_approval_stops_the_publication() {
    let (mut harness, film) = being_published();
    harness.annotate(requests::REJECTED, &format!("assemble-video@{film}"));
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Failed, "Rejected"));
    assert_eq!((harness.at_work(), harness.step(FILM).approved.as_ref()), (vec![], None));
    harness.strip(requests::APPROVED);
    harness.strip(requests::REJECTED);
    harness.converge();
    assert_eq!((harness.phase(), harness.at_work()), (Phase::Review, vec![]), "the approval is forgotten");
    harness.annotate(requests::APPROVED, &format!("assemble-video@{film}"));
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.step(PUBLISH).interruptions), (Phase::Succeeded, None));
}

#[test]
fn the_step_that_is_under_review_says_so_until_that_is_decided() {
    let mut harness = Harness::new(json!({"topic": "x", "review": {"after": ["write-script"]}}));
    harness.run_to_rest();
    assert_eq!(harness.step(SCRIPT).reason, Some(VideoJobReason::AwaitingReview));
    let script = format!("write-script@{}", harness.step(SCRIPT).output_digest.clone().unwrap());
    harness.annotate(requests::REJECTED, &script);
    harness.converge();
    assert_eq!(harness.step(SCRIPT).reason, Some(VideoJobReason::Rejected));
    harness.strip(requests::REJECTED);
    harness.converge();
    assert_eq!(harness.step(SCRIPT).reason, Some(VideoJobReason::AwaitingReview));
    harness.annotate(requests::APPROVED, &script);
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.step(SCRIPT).reason), (Phase::Succeeded, None));
}

#[test]
fn a_rejected_script_stops_what_is_made_from_it() {
    let mut harness = Harness::new(json!({"topic": "x", "review": {"after": ["write-script"]}}));
    harness.run_to_rest();
    let script = harness.step(SCRIPT).output_digest.clone().unwrap();
    harness.annotate(requests::APPROVED, &format!("write-script@{script}"));
    harness.converge();
    assert_eq!(harness.at_work().len(), 2);
    harness.annotate(requests::REJECTED, &format!("write-script@{script}"));
    harness.converge();
    assert_eq!((harness.phase(), harness.at_work()), (Phase::Failed, vec![]));
}

#[test]
fn a_decision_that_cannot_be_read_is_reported() {
    for annotation in [requests::APPROVED, requests::REJECTED] {
        let (mut harness, _) = being_published();
        harness.annotate(annotation, "yes");
        harness.converge();
        let expected = format!("annotation {annotation} holds \"yes\": write <step>@<output digest>");
        assert!(harness.events.iter().any(|note| note.starts_with(&expected)), "{:?}", harness.events);
        assert_eq!(harness.phase(), Phase::Running);
    }
}

#[test]
fn a_film_that_failed_its_check_says_how_it_is_taken_as_it_is() {
    let mut harness = Harness::topic();
    harness.converge();
    while harness.at_work() != [FILM] {
        let step = harness.at_work()[0];
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    harness.annotate(requests::ACCEPT_QUALITY, "0000");
    harness.converge();
    let ignored = "no film with digest \"0000\" waits for its checks to be accepted";
    assert_eq!(harness.events.last().map(String::as_str), Some(ignored), "no message has a command");
    // However much is said of the checks, the command is whole.
    harness.end_reported(FILM, ExitCode::QualityCheck, |outcome| outcome.message = "too dark; ".repeat(200));
    harness.converge();
    let film = harness.step(FILM).output_digest.clone().unwrap();
    let command =
        format!("kubectl annotate -n films vj ocean --overwrite {}={film}", requests::ACCEPT_QUALITY);
    assert!(harness.message().starts_with("assemble-video: too dark"), "{}", harness.message());
    assert!(harness.message().ends_with(&command), "{}", harness.message());
    harness.annotate(requests::ACCEPT_QUALITY, "0001");
    harness.converge();
    let reported = harness.events.last().unwrap();
    assert!(
        reported.contains("\"0001\"") && reported.contains("the job's message has the command"),
        "{reported}"
    );
}

#[test]
fn an_edit_under_hold_ends_a_wait_although_it_changes_no_input() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end(SCRIPT, ExitCode::Configuration);
    harness.converge();
    assert!(harness.has(ConditionType::Stalled));
    harness.annotate(requests::HOLD, "x");
    harness.edit(|job| job.spec.compute = Some(Compute::default()));
    harness.converge();
    assert_eq!(harness.phase(), Phase::Suspended);
    harness.strip(requests::HOLD);
    harness.converge();
    assert_eq!(harness.begun, [(SCRIPT, 1), (SCRIPT, 2)]);
}

#[test]
fn a_restart_forgets_the_takes_of_the_run_before() {
    let mut harness = Harness::topic();
    harness.run_to_rest();
    harness.annotate(requests::REGENERATE, r#"{"at":"2026-01-01T00:00:00Z","scenes":["s2"],"what":"clip"}"#);
    harness.run_to_rest();
    assert_eq!(harness.observed.job.status.as_ref().unwrap().takes.len(), 1);
    harness.annotate(requests::RESTART, "2026-01-02T00:00:00Z");
    harness.run_to_rest();
    let status = harness.observed.job.status.clone().unwrap();
    assert_eq!((status.run, status.takes), (Some(2), vec![]));
    assert!(harness.inputs[&(SCRIPT, 3)].takes.is_empty());
}

#[test]
fn a_long_text_is_cut_before_it_enters_the_status() {
    let mut harness = Harness::topic();
    let long = "é".repeat(1000);
    harness.annotate(requests::RETRY, &long);
    harness.annotate(requests::HOLD, &long);
    harness.converge();
    harness.converge();
    assert!(harness.message().len() <= MAX_TEXT_BYTES && harness.message().ends_with('…'));
    let handled = harness.observed.job.status.clone().unwrap().handled.unwrap().retry.unwrap();
    assert!(handled.len() <= MAX_TEXT_BYTES, "{} bytes", handled.len());
    let reported = harness.events.iter().filter(|note| note.contains("retry-requested-at")).count();
    assert_eq!(reported, 1, "what was cut is not known again");
}

#[test]
fn what_a_done_step_reported_stays_with_it() {
    let mut harness = Harness::topic();
    harness.run_to_rest();
    let film = harness.step(FILM);
    assert_eq!((film.state, film.message.as_deref()), (Some(StepState::Succeeded), Some("as the test says")));
}

#[test]
fn a_request_that_is_not_followed_is_reported() {
    let mut harness = Harness::new(json!({"scenes": [{"id": "s1", "narration": "x", "imagePrompt": "y"}]}));
    harness.run_to_rest();
    let reported = |harness: &Harness, part: &str| harness.events.iter().any(|note| note.contains(part));
    let (now, run) = (harness.now, harness.observed.job.status.clone().unwrap().run);
    let at = |minutes: i64| (now + SignedDuration::from_mins(minutes)).to_string();
    harness.annotate(requests::RESTART, &at(60));
    harness.converge();
    assert_eq!(harness.observed.job.status.clone().unwrap().run, run, "nobody asked for that now");
    assert!(reported(&harness, "lies in the future"), "{:?}", harness.events);
    harness.annotate(requests::RESTART, &at(0));
    harness.converge();
    assert_eq!(harness.observed.job.status.clone().unwrap().run, run.map(|run| run + 1));
    harness.annotate(requests::RESTART, &at(-1));
    harness.converge();
    assert!(reported(&harness, "was handled already; ask again with a later time"), "{:?}", harness.events);
    harness
        .annotate(requests::REGENERATE, &json!({"at": at(0), "scenes": ["s7"], "what": "image"}).to_string());
    harness.converge();
    assert!(reported(&harness, "no scene \"s7\" to be made again (it has s1)"), "{:?}", harness.events);
    assert!(harness.observed.job.status.clone().unwrap().takes.is_empty());
}

#[test]
fn an_approval_of_an_earlier_film_is_reported() {
    let mut harness = Harness::new(json!({"topic": "x", "review": {"after": ["assemble-video"]}}));
    harness.run_to_rest();
    harness.annotate(requests::APPROVED, "assemble-video@0000");
    harness.converge();
    assert_eq!(harness.phase(), Phase::Review);
    let reported = |note: &String| {
        note.starts_with("the approval of assemble-video@0000 is not for what is under review")
    };
    assert!(harness.events.iter().any(reported), "{:?}", harness.events);
}
