//! What people ask for while something else goes on, as sentences.

use jiff::SignedDuration;
use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState, VideoJobReason};
use videofactory_crds::videojob::Compute;
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::testing::World;
use crate::events::MOST_TEXT_BYTES;

const SCRIPT: StepName = StepName::WriteScript;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

/// A film that was approved and is being published, and its digest.
fn being_published() -> (World, String) {
    let mut world = World::new(json!({
        "topic": "x", "review": {"after": ["assemble-video"]},
        "publish": {"targets": [{"name": "main", "type": "Bucket"}]}
    }));
    world.run_to_rest();
    let film = world.step(FILM).output_digest.clone().unwrap();
    world.annotate(requests::APPROVED, &format!("assemble-video@{film}"));
    world.converge();
    assert_eq!(world.at_work(), [PUBLISH]);
    (world, film)
}

#[test]
fn a_rejection_after_the_approval_stops_the_publication() {
    let (mut world, film) = being_published();
    world.annotate(requests::REJECTED, &format!("assemble-video@{film}"));
    world.converge();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Failed, "Rejected"));
    assert_eq!((world.at_work(), world.step(FILM).approved.as_ref()), (vec![], None));
    world.strip(requests::APPROVED);
    world.strip(requests::REJECTED);
    world.converge();
    assert_eq!((world.phase(), world.at_work()), (Phase::Review, vec![]), "the approval is forgotten");
    world.annotate(requests::APPROVED, &format!("assemble-video@{film}"));
    world.run_to_rest();
    assert_eq!((world.phase(), world.step(PUBLISH).interruptions), (Phase::Succeeded, None));
}

#[test]
fn the_step_that_is_under_review_says_so_until_that_is_decided() {
    let mut world = World::new(json!({"topic": "x", "review": {"after": ["write-script"]}}));
    world.run_to_rest();
    assert_eq!(world.step(SCRIPT).reason, Some(VideoJobReason::AwaitingReview));
    let script = format!("write-script@{}", world.step(SCRIPT).output_digest.clone().unwrap());
    world.annotate(requests::REJECTED, &script);
    world.converge();
    assert_eq!(world.step(SCRIPT).reason, Some(VideoJobReason::Rejected));
    world.strip(requests::REJECTED);
    world.converge();
    assert_eq!(world.step(SCRIPT).reason, Some(VideoJobReason::AwaitingReview));
    world.annotate(requests::APPROVED, &script);
    world.run_to_rest();
    assert_eq!((world.phase(), world.step(SCRIPT).reason), (Phase::Succeeded, None));
}

#[test]
fn a_rejected_script_stops_what_is_made_from_it() {
    let mut world = World::new(json!({"topic": "x", "review": {"after": ["write-script"]}}));
    world.run_to_rest();
    let script = world.step(SCRIPT).output_digest.clone().unwrap();
    world.annotate(requests::APPROVED, &format!("write-script@{script}"));
    world.converge();
    assert_eq!(world.at_work().len(), 2);
    world.annotate(requests::REJECTED, &format!("write-script@{script}"));
    world.converge();
    assert_eq!((world.phase(), world.at_work()), (Phase::Failed, vec![]));
}

#[test]
fn a_decision_that_cannot_be_read_is_told() {
    for annotation in [requests::APPROVED, requests::REJECTED] {
        let (mut world, _) = being_published();
        world.annotate(annotation, "yes");
        world.converge();
        let expected = format!("annotation {annotation} holds \"yes\": write <step>@<output digest>");
        assert!(world.events.iter().any(|note| note.starts_with(&expected)), "{:?}", world.events);
        assert_eq!(world.phase(), Phase::Running);
    }
}

#[test]
fn a_film_that_failed_its_check_says_how_it_is_taken_as_it_is() {
    let mut world = World::topic();
    world.converge();
    while world.at_work() != [FILM] {
        let step = world.at_work()[0];
        world.end(step, ExitCode::Done);
        world.converge();
    }
    world.annotate(requests::ACCEPT_QUALITY, "0000");
    world.converge();
    let ignored = "no film with digest \"0000\" waits for its checks to be accepted";
    assert_eq!(world.events.last().map(String::as_str), Some(ignored), "no message has a command");
    // However much is told of the checks, the command is whole.
    world.end_told(FILM, ExitCode::QualityCheck, |outcome| outcome.message = "too dark; ".repeat(200));
    world.converge();
    let film = world.step(FILM).output_digest.clone().unwrap();
    let command =
        format!("kubectl annotate -n films vj ocean --overwrite {}={film}", requests::ACCEPT_QUALITY);
    assert!(world.message().starts_with("assemble-video: too dark"), "{}", world.message());
    assert!(world.message().ends_with(&command), "{}", world.message());
    world.annotate(requests::ACCEPT_QUALITY, "0001");
    world.converge();
    let told = world.events.last().unwrap();
    assert!(told.contains("\"0001\"") && told.contains("the job's message has the command"), "{told}");
}

#[test]
fn an_edit_under_hold_ends_a_wait_although_it_changes_no_input() {
    let mut world = World::topic();
    world.converge();
    world.end(SCRIPT, ExitCode::Configuration);
    world.converge();
    assert!(world.has(ConditionType::Stalled));
    world.annotate(requests::HOLD, "x");
    world.edit(|job| job.spec.compute = Some(Compute::default()));
    world.converge();
    assert_eq!(world.phase(), Phase::Suspended);
    world.strip(requests::HOLD);
    world.converge();
    assert_eq!(world.begun, [(SCRIPT, 1), (SCRIPT, 2)]);
}

#[test]
fn a_restart_forgets_the_takes_of_the_run_before() {
    let mut world = World::topic();
    world.run_to_rest();
    world.annotate(requests::REGENERATE, r#"{"at":"2026-01-01T00:00:00Z","scenes":["s2"],"what":"clip"}"#);
    world.run_to_rest();
    assert_eq!(world.observed.job.status.as_ref().unwrap().takes.len(), 1);
    world.annotate(requests::RESTART, "2026-01-02T00:00:00Z");
    world.run_to_rest();
    let status = world.observed.job.status.clone().unwrap();
    assert_eq!((status.run, status.takes), (Some(2), vec![]));
    assert!(world.inputs[&(SCRIPT, 3)].takes.is_empty());
}

#[test]
fn a_long_text_is_cut_before_it_enters_the_status() {
    let mut world = World::topic();
    let long = "é".repeat(1000);
    world.annotate(requests::RETRY, &long);
    world.annotate(requests::HOLD, &long);
    world.converge();
    world.converge();
    assert!(world.message().len() <= MOST_TEXT_BYTES && world.message().ends_with('…'));
    let handled = world.observed.job.status.clone().unwrap().handled.unwrap().retry.unwrap();
    assert!(handled.len() <= MOST_TEXT_BYTES, "{} bytes", handled.len());
    let told = world.events.iter().filter(|note| note.contains("retry-requested-at")).count();
    assert_eq!(told, 1, "what was cut is not known again");
}

#[test]
fn what_a_done_step_said_stays_beside_it() {
    let mut world = World::topic();
    world.run_to_rest();
    let film = world.step(FILM);
    assert_eq!((film.state, film.message.as_deref()), (Some(StepState::Succeeded), Some("as the test says")));
}

#[test]
fn a_request_that_is_not_followed_is_told() {
    let mut world = World::new(json!({"scenes": [{"id": "s1", "narration": "x", "imagePrompt": "y"}]}));
    world.run_to_rest();
    let told = |world: &World, part: &str| world.events.iter().any(|note| note.contains(part));
    let (now, run) = (world.now, world.observed.job.status.clone().unwrap().run);
    let at = |minutes: i64| (now + SignedDuration::from_mins(minutes)).to_string();
    world.annotate(requests::RESTART, &at(60));
    world.converge();
    assert_eq!(world.observed.job.status.clone().unwrap().run, run, "nobody asked for that now");
    assert!(told(&world, "lies in the future"), "{:?}", world.events);
    world.annotate(requests::RESTART, &at(0));
    world.converge();
    assert_eq!(world.observed.job.status.clone().unwrap().run, run.map(|run| run + 1));
    world.annotate(requests::RESTART, &at(-1));
    world.converge();
    assert!(told(&world, "was handled already; ask again with a later time"), "{:?}", world.events);
    world
        .annotate(requests::REGENERATE, &json!({"at": at(0), "scenes": ["s7"], "what": "image"}).to_string());
    world.converge();
    assert!(told(&world, "no scene \"s7\" to be made again (it has s1)"), "{:?}", world.events);
    assert!(world.observed.job.status.clone().unwrap().takes.is_empty());
}

#[test]
fn an_approval_of_an_earlier_film_is_told() {
    let mut world = World::new(json!({"topic": "x", "review": {"after": ["assemble-video"]}}));
    world.run_to_rest();
    world.annotate(requests::APPROVED, "assemble-video@0000");
    world.converge();
    assert_eq!(world.phase(), Phase::Review);
    let told = |note: &String| {
        note.starts_with("the approval of assemble-video@0000 is not for what is under review")
    };
    assert!(world.events.iter().any(told), "{:?}", world.events);
}
