//! What becomes of a job that is being deleted, as sentences.

use serde_json::{Value, json};
use videofactory_crds::StepName;

use super::super::model::{JobEnd, PodEnd};
use super::*;

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
    let end =
        PodEnd { exit_code: Some(0), out_of_memory: false, reason: String::new(), outcome: None, at: None };
    PodFacts {
        name: "p".to_owned(),
        uid: "u".to_owned(),
        run: 1,
        step: StepName::WriteScript,
        attempt: 1,
        gone_by: gone_by.map(|second| Timestamp::from_second(second).unwrap()),
        state: if ended { PodState::Ended(end) } else { PodState::Running },
    }
}

#[test]
fn the_finalizer_follows_the_spec() {
    let status = json!({});
    assert_eq!(change(&job("Delete", &[], &status)), Some(true));
    assert_eq!(change(&job("Delete", &["other", FINALIZER], &status)), None);
    assert_eq!(change(&job("Retain", &["other", FINALIZER], &status)), Some(false));
    assert_eq!(change(&job("Retain", &["other"], &status)), None);
}

#[test]
fn a_job_is_let_go_where_nothing_is_to_be_deleted() {
    let status = json!({"id": "3f9c2a1e"});
    let of = |job: &VideoJob| next(job, &[attempt(false, false)], &[pod(None, false)], now());
    assert_eq!(of(&job("Delete", &["other"], &status)), Next::Nothing);
    assert_eq!(of(&job("Retain", &[FINALIZER], &status)), Next::LetGo, "the way out is open at any time");
    assert_eq!(of(&job("Delete", &[FINALIZER], &json!({}))), Next::LetGo, "it never had a file");
}

#[test]
fn what_is_at_work_is_stopped_and_waited_for_before_any_file_goes() {
    let of = |jobs: &[JobFacts], pods: &[PodFacts]| next(&leaving(), jobs, pods, now());
    let doomed = Next::Stop(vec![("j".to_owned(), "u".to_owned())]);
    assert_eq!(of(&[attempt(false, false)], &[pod(None, false)]), doomed);
    assert_eq!(of(&[attempt(true, false)], &[pod(Some(NOW + 60), false)]), Next::Await(None));
    assert_eq!(of(&[], &[pod(None, false)]), Next::Await(None), "a pod that its Job left behind");
    let Next::Await(Some(told)) = of(&[], &[pod(Some(NOW - 120), false)]) else {
        panic!("it waits in silence")
    };
    assert!(told.contains("kubectl -n films delete pod p --force"), "{told}");
}

#[test]
fn exactly_its_own_folders_are_deleted() {
    let Next::DeleteFiles(folders) = next(&leaving(), &[attempt(false, true)], &[pod(None, true)], now())
    else {
        panic!("no files")
    };
    let folders: Vec<String> = folders.into_iter().map(|(_, folder)| folder).collect();
    let kinds = ["work", "clips", "videos", "thumbnails", "captions", "published"];
    assert_eq!(folders, kinds.map(|kind| format!("{kind}/films/ocean-3f9c2a1e/")));
}

#[test]
fn only_what_is_gone_lets_a_job_go_without_its_files() {
    let tried = || "list work/".to_owned();
    let no_way = |obstacle| matches!(obstacle, Obstacle::NoWay(_));
    let name = || "s3".to_owned();
    assert!(no_way(Obstacle::of_opening(&OpenBucketError::SecretMissing { name: name() })));
    assert!(no_way(Obstacle::of_opening(&OpenBucketError::KeyMissing { name: name(), key: "accessKeyId" })));
    assert!(no_way(Obstacle::of_bucket(&StorageError::NoSuchBucket { tried: tried() })));
    let later = |error: StorageError| match Obstacle::of_bucket(&error) {
        Obstacle::Later(reason, _) => reason,
        Obstacle::NoWay(why) => panic!("let go: {why}"),
    };
    let (code, reason) = ("c".to_owned(), "r".to_owned());
    let unreachable = StorageError::Unreachable { tried: tried(), reason };
    assert_eq!(later(unreachable), Reason::StorageUnavailable);
    let refused = StorageError::Credentials { tried: tried(), code: code.clone() };
    assert_eq!(later(refused), Reason::CredentialsInvalid);
    assert_eq!(later(StorageError::Unavailable { tried: tried(), code }), Reason::StorageUnavailable);
    assert_eq!(later(StorageError::TooManyRequests { tried: tried() }), Reason::StorageUnavailable);
    let (code, message) = ("AuthorizationHeaderMalformed".to_owned(), "m".to_owned());
    let elsewhere = StorageError::Other { tried: tried(), code, message };
    assert_eq!(later(elsewhere), Reason::ConfigurationInvalid, "a wrong region");
}

#[test]
fn a_job_that_stays_says_why_and_how_to_let_it_go() {
    let told = why_it_stays(&leaving(), "no answer in time");
    for part in ["no answer in time", "kubectl -n films patch vj ocean", r#"{"onDelete":"Retain"}"#] {
        assert!(told.contains(part), "{told}");
    }
    let left = left_behind(&leaving(), "there is no such bucket");
    assert!(left.contains("films/ocean-3f9c2a1e/") && left.contains("no such bucket"), "{left}");
}
