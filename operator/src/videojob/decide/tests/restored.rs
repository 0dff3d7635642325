//! Jobs that were restored from a backup: finished ones stay finished, others continue, and one whose status did not follow
//! is not taken for a new one.

use proptest::prelude::*;
use serde_json::json;
use videofactory_client::restore::identity::Uids;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::{Action, Namesake, Storage};
use super::super::decide;
use super::super::testing::Harness;
use super::properties::{any_event, apply};

const IMAGES: StepName = StepName::GenerateImages;

/// A film that is made, and published if it has a target, after it was edited twice.
fn finished(targets: &serde_json::Value) -> Harness {
    let mut harness = Harness::new(json!({"topic": "x", "publish": {"targets": targets}}));
    harness.converge();
    for number in 0..2 {
        let scenes = json!([{"id": "s1", "narration": format!("version {number}")}]);
        harness.edit(|job| job.spec.scene_overrides = serde_json::from_value(scenes).unwrap());
        harness.converge();
    }
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
    harness.begun.clear();
    harness
}

fn films() -> [Harness; 2] {
    [finished(&json!([])), finished(&json!([{"name": "main", "type": "Bucket"}]))]
}

#[test]
fn a_finished_job_that_is_restored_says_the_same_and_wants_nothing() {
    for mut harness in films() {
        let (phase, message) = (harness.phase(), harness.message());
        harness.restore("another", true, &Uids::new());
        let decision = harness.reconcile_or_crash(false);
        assert_eq!(decision.actions, []);
        assert_eq!((harness.phase(), harness.message()), (phase, message));
        assert!(!harness.message().contains("edited since"), "{}", harness.message());
        harness.converge();
        assert_eq!(harness.begun, []);
    }
}

#[test]
fn a_film_that_was_edited_after_its_publication_still_says_so() {
    let [_, mut harness] = films();
    harness.edit(|job| job.spec.priority = 7);
    harness.converge();
    assert!(harness.message().contains("edited since"));
    harness.restore("another", true, &Uids::new());
    harness.converge();
    assert!(harness.message().contains("edited since"), "{}", harness.message());
    assert_eq!(harness.begun, []);
}

/// As a tool restores a job that knows nothing of generations.
fn put_back_as_it_was(harness: &mut Harness) {
    let status = harness.observed.job.status.clone();
    harness.restore("another", true, &Uids::new());
    harness.observed.job.status = status;
    let labels = [("velero.io/restore-name".to_owned(), "r".to_owned())];
    harness.observed.job.metadata.labels = Some(labels.into());
}

#[test]
fn a_status_that_speaks_of_a_later_generation_is_that_of_the_present_spec() {
    for mut harness in films() {
        let message = harness.message();
        put_back_as_it_was(&mut harness);
        harness.converge();
        assert_eq!((harness.phase(), harness.message()), (Phase::Succeeded, message));
        let status = harness.observed.job.status.clone().unwrap();
        assert_eq!(status.observed_generation, Some(1), "kstatus waits for it");
        assert_eq!(harness.begun, []);
    }
}

#[test]
fn a_job_that_waits_for_a_person_is_not_edited_by_its_restoration() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.edit(|job| job.spec.priority = 7);
    harness.converge();
    while harness.at_work() != [IMAGES] {
        let step = *harness.at_work().iter().find(|step| **step != IMAGES).unwrap();
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    harness.end(IMAGES, ExitCode::ContentRefused);
    harness.converge();
    let said = (harness.reason(), harness.message());
    assert_eq!(said.0, "ContentRefused");
    for restore in
        [|harness: &mut Harness| harness.restore("another", true, &Uids::new()), put_back_as_it_was]
    {
        let mut restored = harness.clone();
        restored.begun.clear();
        restore(&mut restored);
        restored.converge();
        assert_eq!((restored.reason(), restored.message()), said);
        assert_eq!(restored.begun, [], "an edit would have tried it again");
    }
}

#[test]
fn a_half_done_job_continues_where_it_was() {
    for reports in [true, false] {
        let mut harness = Harness::topic();
        harness.converge();
        harness.end(StepName::WriteScript, ExitCode::Done);
        harness.converge();
        assert!(harness.at_work().contains(&IMAGES));
        harness.begun.clear();
        harness.restore("another", reports, &Uids::new());
        harness.converge();
        assert!(!harness.begun.iter().any(|(step, _)| *step == StepName::WriteScript), "{:?}", harness.begun);
        assert!(harness.at_work().contains(&IMAGES));
        harness.run_to_rest();
        assert_eq!(harness.phase(), Phase::Succeeded);
    }
}

#[test]
fn an_attempt_that_learns_of_later_ones_is_followed_by_one_after_them() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end_reported(StepName::WriteScript, ExitCode::TryLater, |outcome| {
        outcome.interrupted = true;
        outcome.latest = Some(7);
    });
    harness.converge();
    assert_eq!(harness.begun.last(), Some(&(StepName::WriteScript, 8)));
}

/// A job that another tool has made from a backup, without its status.
fn bare() -> Harness {
    let mut harness = Harness::topic();
    let metadata = &mut harness.observed.job.metadata;
    metadata.labels = Some([("velero.io/backup-name".to_owned(), "b".to_owned())].into());
    metadata.creation_timestamp = Some(videofactory_crds::condition::whole_seconds(harness.now));
    harness.pass(600);
    harness
}

#[test]
fn a_job_whose_status_did_not_follow_waits_for_a_person_if_its_name_has_files() {
    let mut harness = bare();
    harness.observed.namesake = Namesake::HasFiles;
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "RestoreIncomplete"));
    assert!(harness.has(ConditionType::Stalled) && !harness.has(ConditionType::Reconciling));
    for part in [requests::RETRY, "restore the status", "paid for again"] {
        assert!(harness.message().contains(part), "{part} is not in: {}", harness.message());
    }
    let status = harness.observed.job.status.clone().unwrap();
    assert_eq!((status.id, status.run, harness.begun.len()), (None, None, 0));
}

#[test]
fn its_status_may_follow_later_or_a_person_has_the_film_made_again() {
    let mut harness = bare();
    harness.observed.namesake = Namesake::HasFiles;
    harness.annotate(requests::RETRY, "1970-01-01T00:00:00Z");
    harness.converge();
    assert_eq!(harness.reason(), "RestoreIncomplete", "an annotation of the backup is no answer");
    let mut restored = harness.clone();
    let mut made = Harness::topic();
    made.run_to_rest();
    restored.observed.job.status = made.observed.job.status;
    restored.converge();
    assert_eq!((restored.phase(), restored.begun.len()), (Phase::Succeeded, 0));
    let now = harness.now.to_string();
    harness.annotate(requests::RETRY, &now);
    harness.converge();
    assert_eq!(harness.begun, [(StepName::WriteScript, 1)]);
    assert_eq!(harness.observed.job.status.as_ref().unwrap().id.as_deref(), Some("3f9c2a1e"));
}

#[test]
fn a_job_whose_name_has_no_files_continues_as_a_new_one() {
    let mut harness = bare();
    harness.converge();
    assert_eq!(
        (harness.reason().as_str(), harness.begun.len()),
        ("StorageUnavailable", 0),
        "nobody has asked yet"
    );
    harness.observed.namesake = Namesake::Unknown("no answer".to_owned());
    harness.converge();
    assert!(harness.message().contains("no answer"), "{}", harness.message());
    harness.observed.namesake = Namesake::HasNone;
    harness.converge();
    assert_eq!(harness.begun, [(StepName::WriteScript, 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_has_come_of_a_job_no_step_that_is_done_is_done_again_by_its_restoration(
        events in prop::collection::vec(any_event(), 0..50),
        published in any::<bool>(),
        reports in any::<bool>(),
    ) {
        let targets = if published { json!([{"name": "main", "type": "Bucket"}]) } else { json!([]) };
        let mut harness = Harness::new(json!({"topic": "x", "publish": {"targets": targets}}));
        harness.converge();
        for (moment, event) in events.iter().enumerate() {
            apply(&mut harness, event, moment);
            harness.converge();
        }
        let done: Vec<StepName> = StepName::ALL
            .into_iter()
            .filter(|name| harness.observed.job.status.as_ref().unwrap().step(*name)
                .is_some_and(|step| step.state == Some(StepState::Succeeded)))
            .collect();
        let (phase, cost) = (harness.phase(), harness.observed.job.status.as_ref().unwrap().cost.clone());
        harness.begun.clear();
        harness.restore("another", reports, &Uids::new());
        harness.look_up();
        let first = decide(&harness.observed, harness.now);
        if phase == Phase::Succeeded {
            prop_assert!(!first.actions.iter().any(|action| matches!(action, Action::StartStep(_))));
        }
        harness.converge();
        prop_assert!(!harness.begun.iter().any(|(step, _)| done.contains(step)), "{:?} of {done:?}", harness.begun);
        if phase == Phase::Succeeded {
            prop_assert_eq!((harness.phase(), &harness.begun), (phase, &Vec::new()));
            prop_assert_eq!(&harness.observed.job.status.as_ref().unwrap().cost, &cost);
        }
        if matches!(harness.observed.storage, Storage::NotReady { .. }) {
            prop_assert!(harness.begun.is_empty());
        }
    }
}
