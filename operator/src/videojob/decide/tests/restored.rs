//! Jobs that were restored from a backup: finished ones stay finished, others go on, and one whose status did not follow
//! is not taken for a new one.

use proptest::prelude::*;
use serde_json::json;
use videofactory_client::restore::identity::Uids;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::{Action, Namesake, Storage};
use super::super::decide;
use super::super::testing::World;
use super::properties::{happen, happening};

const IMAGES: StepName = StepName::GenerateImages;

/// A film that is made, and published if it has a target, after it was edited twice.
fn finished(targets: &serde_json::Value) -> World {
    let mut world = World::new(json!({"topic": "x", "publish": {"targets": targets}}));
    world.converge();
    for number in 0..2 {
        let scenes = json!([{"id": "s1", "narration": format!("version {number}")}]);
        world.edit(|job| job.spec.scene_overrides = serde_json::from_value(scenes).unwrap());
        world.converge();
    }
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
    world.begun.clear();
    world
}

fn films() -> [World; 2] {
    [finished(&json!([])), finished(&json!([{"name": "main", "type": "Bucket"}]))]
}

#[test]
fn a_finished_job_that_is_restored_says_the_same_and_wants_nothing() {
    for mut world in films() {
        let (phase, message) = (world.phase(), world.message());
        world.restore("another", true, &Uids::new());
        let decision = world.reconcile_or_crash(false);
        assert_eq!(decision.actions, []);
        assert_eq!((world.phase(), world.message()), (phase, message));
        assert!(!world.message().contains("edited since"), "{}", world.message());
        world.converge();
        assert_eq!(world.begun, []);
    }
}

#[test]
fn a_film_that_was_edited_after_its_publication_still_says_so() {
    let [_, mut world] = films();
    world.edit(|job| job.spec.priority = 7);
    world.converge();
    assert!(world.message().contains("edited since"));
    world.restore("another", true, &Uids::new());
    world.converge();
    assert!(world.message().contains("edited since"), "{}", world.message());
    assert_eq!(world.begun, []);
}

/// As a tool restores a job that knows nothing of generations.
fn put_back_as_it_was(world: &mut World) {
    let status = world.observed.job.status.clone();
    world.restore("another", true, &Uids::new());
    world.observed.job.status = status;
    let labels = [("velero.io/restore-name".to_owned(), "r".to_owned())];
    world.observed.job.metadata.labels = Some(labels.into());
}

#[test]
fn a_status_that_speaks_of_a_later_generation_is_that_of_the_present_spec() {
    for mut world in films() {
        let message = world.message();
        put_back_as_it_was(&mut world);
        world.converge();
        assert_eq!((world.phase(), world.message()), (Phase::Succeeded, message));
        let status = world.observed.job.status.clone().unwrap();
        assert_eq!(status.observed_generation, Some(1), "kstatus waits for it");
        assert_eq!(world.begun, []);
    }
}

#[test]
fn a_job_that_waits_for_a_person_is_not_edited_by_its_restoration() {
    let mut world = World::topic();
    world.converge();
    world.edit(|job| job.spec.priority = 7);
    world.converge();
    while world.at_work() != [IMAGES] {
        let step = *world.at_work().iter().find(|step| **step != IMAGES).unwrap();
        world.end(step, ExitCode::Done);
        world.converge();
    }
    world.end(IMAGES, ExitCode::ContentRefused);
    world.converge();
    let said = (world.reason(), world.message());
    assert_eq!(said.0, "ContentRefused");
    for restore in [|world: &mut World| world.restore("another", true, &Uids::new()), put_back_as_it_was] {
        let mut restored = world.clone();
        restored.begun.clear();
        restore(&mut restored);
        restored.converge();
        assert_eq!((restored.reason(), restored.message()), said);
        assert_eq!(restored.begun, [], "an edit would have tried it again");
    }
}

#[test]
fn a_half_done_job_goes_on_where_it_was() {
    for tells in [true, false] {
        let mut world = World::topic();
        world.converge();
        world.end(StepName::WriteScript, ExitCode::Done);
        world.converge();
        assert!(world.at_work().contains(&IMAGES));
        world.begun.clear();
        world.restore("another", tells, &Uids::new());
        world.converge();
        assert!(!world.begun.iter().any(|(step, _)| *step == StepName::WriteScript), "{:?}", world.begun);
        assert!(world.at_work().contains(&IMAGES));
        world.run_to_rest();
        assert_eq!(world.phase(), Phase::Succeeded);
    }
}

#[test]
fn an_attempt_that_learns_of_later_ones_is_followed_by_one_after_them() {
    let mut world = World::topic();
    world.converge();
    world.end_told(StepName::WriteScript, ExitCode::TryLater, |outcome| {
        outcome.interrupted = true;
        outcome.latest = Some(7);
    });
    world.converge();
    assert_eq!(world.begun.last(), Some(&(StepName::WriteScript, 8)));
}

/// A job that another tool has made from a backup, without its status.
fn bare() -> World {
    let mut world = World::topic();
    let metadata = &mut world.observed.job.metadata;
    metadata.labels = Some([("velero.io/backup-name".to_owned(), "b".to_owned())].into());
    metadata.creation_timestamp = Some(videofactory_crds::condition::whole_seconds(world.now));
    world.pass(600);
    world
}

#[test]
fn a_job_whose_status_did_not_follow_waits_for_a_person_if_its_name_has_files() {
    let mut world = bare();
    world.observed.namesake = Namesake::HasFiles;
    world.converge();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "RestoreIncomplete"));
    assert!(world.has(ConditionType::Stalled) && !world.has(ConditionType::Reconciling));
    for part in [requests::RETRY, "restore the status", "paid for again"] {
        assert!(world.message().contains(part), "{part} is not in: {}", world.message());
    }
    let status = world.observed.job.status.clone().unwrap();
    assert_eq!((status.id, status.run, world.begun.len()), (None, None, 0));
}

#[test]
fn its_status_may_follow_later_or_a_person_has_the_film_made_anew() {
    let mut world = bare();
    world.observed.namesake = Namesake::HasFiles;
    world.annotate(requests::RETRY, "1970-01-01T00:00:00Z");
    world.converge();
    assert_eq!(world.reason(), "RestoreIncomplete", "an annotation of the backup is no answer");
    let mut restored = world.clone();
    let mut made = World::topic();
    made.run_to_rest();
    restored.observed.job.status = made.observed.job.status;
    restored.converge();
    assert_eq!((restored.phase(), restored.begun.len()), (Phase::Succeeded, 0));
    let now = world.now.to_string();
    world.annotate(requests::RETRY, &now);
    world.converge();
    assert_eq!(world.begun, [(StepName::WriteScript, 1)]);
    assert_eq!(world.observed.job.status.as_ref().unwrap().id.as_deref(), Some("3f9c2a1e"));
}

#[test]
fn a_job_whose_name_has_no_files_goes_on_as_a_new_one() {
    let mut world = bare();
    world.converge();
    assert_eq!(
        (world.reason().as_str(), world.begun.len()),
        ("StorageUnavailable", 0),
        "nobody has asked yet"
    );
    world.observed.namesake = Namesake::Unknown("no answer".to_owned());
    world.converge();
    assert!(world.message().contains("no answer"), "{}", world.message());
    world.observed.namesake = Namesake::HasNone;
    world.converge();
    assert_eq!(world.begun, [(StepName::WriteScript, 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_has_come_of_a_job_no_step_that_is_done_is_done_again_by_its_restoration(
        happenings in prop::collection::vec(happening(), 0..50),
        published in any::<bool>(),
        tells in any::<bool>(),
    ) {
        let targets = if published { json!([{"name": "main", "type": "Bucket"}]) } else { json!([]) };
        let mut world = World::new(json!({"topic": "x", "publish": {"targets": targets}}));
        world.converge();
        for (moment, happening) in happenings.iter().enumerate() {
            happen(&mut world, happening, moment);
            world.converge();
        }
        let done: Vec<StepName> = StepName::ALL
            .into_iter()
            .filter(|name| world.observed.job.status.as_ref().unwrap().step(*name)
                .is_some_and(|step| step.state == Some(StepState::Succeeded)))
            .collect();
        let (phase, cost) = (world.phase(), world.observed.job.status.as_ref().unwrap().cost.clone());
        world.begun.clear();
        world.restore("another", tells, &Uids::new());
        world.look_up();
        let first = decide(&world.observed, world.now);
        if phase == Phase::Succeeded {
            prop_assert!(!first.actions.iter().any(|action| matches!(action, Action::StartStep(_))));
        }
        world.converge();
        prop_assert!(!world.begun.iter().any(|(step, _)| done.contains(step)), "{:?} of {done:?}", world.begun);
        if phase == Phase::Succeeded {
            prop_assert_eq!((world.phase(), &world.begun), (phase, &Vec::new()));
            prop_assert_eq!(&world.observed.job.status.as_ref().unwrap().cost, &cost);
        }
        if matches!(world.observed.storage, Storage::NotReady { .. }) {
            prop_assert!(world.begun.is_empty());
        }
    }
}
