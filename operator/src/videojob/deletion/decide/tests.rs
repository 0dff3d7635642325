//! What becomes of a job that is being deleted, as sentences.

use serde_json::{Value, json};
use videofactory_crds::StepName;

use super::*;
use crate::config::SideEffects::{Allow, Suspend};
use crate::videojob::job_bucket::NoPlace;
use crate::videojob::model::{JobEnd, PodEnd};

const NOW: i64 = 1_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn job(on_delete: &str, finalizers: &[&str], status: &Value) -> VideoJob {
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {"name": "ocean", "namespace": "films", "uid": "vj", "finalizers": finalizers},
        "spec": {"topic": "x", "artifacts": {"onDelete": on_delete}}, "status": status,
    }))
    .unwrap()
}

fn leaving() -> VideoJob {
    job("Delete", &[FINALIZER], &json!({"id": "3f9c2a1e"}))
}

fn attempt(deleting: bool, ended: bool) -> JobFacts {
    JobFacts {
        name: "j".to_owned(),
        uid: "u".to_owned(),
        run: 1,
        step: StepName::WriteScript,
        attempt: 1,
        created: None,
        deleting,
        ended: ended.then_some(JobEnd::Complete),
    }
}

fn pod(gone_by: Option<i64>, ended: bool) -> PodFacts {
    let end = PodEnd {
        exit_code: Some(0),
        out_of_memory: false,
        reason: String::new(),
        outcome: None,
        started: None,
        at: None,
    };
    PodFacts {
        name: "p".to_owned(),
        uid: "u".to_owned(),
        run: 1,
        step: StepName::WriteScript,
        attempt: 1,
        gone_by: gone_by.map(|second| Timestamp::from_second(second).unwrap()),
        outlived: false,
        state: if ended { PodState::Ended(end) } else { PodState::Running },
    }
}

#[test]
fn the_finalizer_follows_the_spec() {
    let status = json!({});
    assert_eq!(finalizer_change(&job("Delete", &[], &status)), Some(true));
    assert_eq!(finalizer_change(&job("Delete", &["other", FINALIZER], &status)), None);
    assert_eq!(finalizer_change(&job("Retain", &["other", FINALIZER], &status)), Some(false));
    assert_eq!(finalizer_change(&job("Retain", &["other"], &status)), None);
}

#[test]
fn a_job_is_let_go_where_nothing_is_to_be_deleted() {
    let status = json!({"id": "3f9c2a1e"});
    let of = |job: &VideoJob| next(job, &[attempt(false, false)], &[pod(None, false)], Allow, now());
    assert_eq!(of(&job("Delete", &["other"], &status)), Next::Nothing);
    assert_eq!(of(&job("Retain", &[FINALIZER], &status)), Next::LetGo, "the way out is open at any time");
    assert_eq!(of(&job("Delete", &[FINALIZER], &json!({}))), Next::LetGo, "it never had a file");
}

#[test]
fn what_is_at_work_is_stopped_and_waited_for_before_any_file_goes() {
    let of = |jobs: &[JobFacts], pods: &[PodFacts]| next(&leaving(), jobs, pods, Allow, now());
    let stop = Next::Stop(vec![("j".to_owned(), "u".to_owned())]);
    assert_eq!(of(&[attempt(false, false)], &[pod(None, false)]), stop);
    assert_eq!(of(&[attempt(true, false)], &[pod(Some(NOW + 60), false)]), Next::Await(None));
    assert_eq!(of(&[], &[pod(None, false)]), Next::Await(None), "a pod that its Job left behind");
    let Next::Await(Some(reported)) = of(&[], &[pod(Some(NOW - 120), false)]) else {
        panic!("it waits in silence")
    };
    assert!(reported.contains("kubectl -n films delete pod p --force"), "{reported}");
}

#[test]
fn exactly_its_own_folders_are_deleted() {
    let ended = (&[attempt(false, true)], &[pod(None, true)]);
    let Next::DeleteFiles(folders) = next(&leaving(), ended.0, ended.1, Allow, now()) else {
        panic!("no files")
    };
    let folders: Vec<String> = folders.into_iter().map(|(_, folder)| folder).collect();
    let kinds = ["work", "clips", "videos", "thumbnails", "captions", "published"];
    assert_eq!(folders, kinds.map(|kind| format!("{kind}/films/ocean-3f9c2a1e/")));
}

#[test]
fn where_side_effects_are_suspended_files_stay_and_their_job_goes_once_it_has_stopped() {
    let of = |job: &VideoJob, jobs: &[JobFacts], pods: &[PodFacts]| next(job, jobs, pods, Suspend, now());
    let Next::KeepFiles(why) = of(&leaving(), &[attempt(false, true)], &[pod(None, true)]) else {
        panic!("its files are deleted")
    };
    assert!(why.contains("--side-effects=Suspend"), "{why}");
    let stop = Next::Stop(vec![("j".to_owned(), "u".to_owned())]);
    assert_eq!(of(&leaving(), &[attempt(false, false)], &[]), stop);
    assert_eq!(of(&leaving(), &[], &[pod(None, false)]), Next::Await(None));
    let retained = job("Retain", &[FINALIZER], &json!({"id": "3f9c2a1e"}));
    assert_eq!(of(&retained, &[], &[]), Next::LetGo);
}

#[test]
fn a_job_waits_only_for_what_may_come_back() {
    let why = || "why".to_owned();
    assert_eq!(Obstacle::from(NoPlace::Gone(why())), Obstacle::NoWay(why()));
    assert_eq!(Obstacle::from(NoPlace::Others(why())), Obstacle::Kept(why()), "another cluster's files");
    let away = NoPlace::Away(VideoJobReason::CredentialsInvalid, why());
    assert_eq!(Obstacle::from(away), Obstacle::Later(VideoJobReason::CredentialsInvalid, why()));
}

fn policy(namespace: &str, more: &Value) -> StoragePolicy {
    let mut spec = json!({
        "bucket": {"endpoint": "http://s3:9000", "name": "films", "secretRef": {"name": "s3"}},
        "capacity": {"limit": "10G"},
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
        "metadata": {"name": "default", "namespace": namespace}, "spec": spec,
    }))
    .unwrap()
}

/// Why a job labelled `keep` keeps its files, with this policy and another one for the same place.
fn kept_with(own: &StoragePolicy, other: &StoragePolicy) -> Option<String> {
    let mut job = leaving();
    job.metadata.labels = Some([("keep".to_owned(), "true".to_owned())].into());
    let sharing = [other.clone()];
    let rules = Rules::of(own, &sharing).unwrap();
    match kept_by_word(&job, own, &sharing, &rules) {
        Ok(()) => None,
        Err(Obstacle::Kept(why)) => Some(why),
        Err(other) => panic!("it waits: {other:?}"),
    }
}

#[test]
fn suspended_and_protected_files_stay_and_their_job_goes() {
    let plain = json!({});
    let suspended = json!({"suspend": true});
    let labelled = json!({"protect": {"jobs": {"matchLabels": {"keep": "true"}}}});
    let others_label = json!({"protect": {"jobs": {"matchLabels": {"keep": "no"}}}});
    for (own, elsewhere, other, kept) in [
        (&plain, "films", &plain, None),
        (&suspended, "films", &plain, Some("suspended")),
        (&plain, "films", &suspended, Some("suspended")),
        (&plain, "shows", &suspended, None),
        (&labelled, "films", &plain, Some("protect.jobs")),
        (&plain, "shows", &labelled, Some("protect.jobs")),
        (&others_label, "films", &plain, None),
    ] {
        let why = kept_with(&policy("films", own), &policy(elsewhere, other));
        match (&why, kept) {
            (None, None) => {}
            (Some(why), Some(part)) => assert!(why.contains(part), "{why}"),
            _ => panic!("{own} beside {other} in {elsewhere}: {why:?}"),
        }
    }
}

#[test]
fn a_job_that_stays_says_why_and_how_to_let_it_go() {
    let reported = why_it_stays(&leaving(), "no answer in time");
    for part in ["no answer in time", "kubectl -n films patch vj ocean", r#"{"onDelete":"Retain"}"#] {
        assert!(reported.contains(part), "{reported}");
    }
    let left = left_behind(&leaving(), "there is no such bucket");
    assert!(left.contains("films/ocean-3f9c2a1e/") && left.contains("no such bucket"), "{left}");
    let kept = kept(&leaving(), "it is suspended");
    assert!(kept.contains("films/ocean-3f9c2a1e/") && kept.contains("it is suspended"), "{kept}");
}
