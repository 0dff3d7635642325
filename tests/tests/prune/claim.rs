//! A place belongs to one cluster.

use serde_json::json;
use videofactory_crds::StoragePolicy;
use videofactory_crds::requests::TAKE_OVER;
use videofactory_operator::storagepolicy::claim::{MARK, take};
use videofactory_storage::{PutOptions, StorageError};
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::servers::Server;
use super::{HOUR, Site, clip};

/// What a cluster is told that would use this place; nothing if it may.
async fn told(site: &Site, cluster: &str) -> Option<String> {
    told_by(site, cluster, &site.policy()).await
}

async fn told_by(site: &Site, cluster: &str, policy: &StoragePolicy) -> Option<String> {
    take(&site.bucket(), cluster, policy).await.unwrap()
}

/// The policy with a person's word on whose place it takes over.
fn given(site: &Site, from: &str) -> StoragePolicy {
    let mut policy = site.policy();
    policy.metadata.annotations = Some([(TAKE_OVER.to_owned(), from.to_owned())].into());
    policy
}

/// The policy once it has measured its place.
fn measured(site: &Site) -> StoragePolicy {
    let mut policy = site.policy();
    let status = json!({"usage": {"measuredAt": "2026-11-01T00:00:00Z"}});
    policy.status = Some(serde_json::from_value(status).unwrap());
    policy
}

#[tokio::test]
async fn the_first_cluster_has_a_place_until_a_person_gives_it_away() {
    for server in [Server::versitygw().await, Server::s3s().await] {
        let site = Site::on(server, json!([])).await;
        assert_eq!(told(&site, "a").await, None);
        assert_eq!(told(&site, "a").await, None, "again");
        let refusal = told(&site, "b").await.expect("two have one place");
        for part in [
            "bucket \"films\", prefix \"studio/\", is another cluster's",
            "StoragePolicy films/default",
            "kubectl -n films annotate storagepolicy default --overwrite videofactory.dev/take-over-bucket=a",
        ] {
            assert!(refusal.contains(part), "{refusal}");
        }
        assert!(told_by(&site, "b", &given(&site, "c")).await.is_some(), "it is not c's");
        assert_eq!(told_by(&site, "b", &given(&site, "a")).await, None);
        assert_eq!(told(&site, "b").await, None, "also without the annotation");
        assert!(told(&site, "a").await.is_some());
    }
}

#[tokio::test]
async fn of_clusters_that_come_at_once_one_has_the_place() {
    let site = Site::start().await;
    let names: Vec<String> = (0..8).map(|number| format!("cluster-{number}")).collect();
    let answers = futures::future::join_all(names.iter().map(|name| told(&site, name))).await;
    assert_eq!(answers.iter().filter(|told| told.is_none()).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn whose_mark_is_lost_writes_it_again_and_nobody_else_does() {
    let site = Site::start().await;
    assert_eq!(told(&site, "a").await, None);
    site.put(&clip("busy", 0), 10, HOUR);
    site.bucket().delete_one(MARK).await.unwrap();
    let refusal = told(&site, "b").await.expect("it takes another's films");
    for part in ["nothing tells of which cluster", "videofactory.dev/take-over-bucket=nobody"] {
        assert!(refusal.contains(part), "{refusal}");
    }
    assert_eq!(site.bucket().head(MARK).await.unwrap(), None, "it was marked all the same");
    assert_eq!(told_by(&site, "a", &measured(&site)).await, None);
    assert!(told(&site, "b").await.is_some());
    site.bucket().delete_one(MARK).await.unwrap();
    assert_eq!(told_by(&site, "b", &given(&site, "nobody")).await, None);
}

#[tokio::test]
async fn files_of_others_do_not_keep_a_cluster_off() {
    let site = Site::start().await;
    for key in ["videos/holiday.mp4", "clips/2025/a.mp4", "assets/logo.png"] {
        site.put(key, 10, HOUR);
    }
    assert_eq!(told(&site, "a").await, None);
}

#[tokio::test]
async fn a_mark_is_no_foreign_file_and_stays() {
    let site = Site::start().await;
    told(&site, "a").await;
    let report = site.prune().await;
    assert!(report.foreign.is_empty(), "{:?}", report.foreign);
    assert!(site.bucket().head(MARK).await.unwrap().is_some());
}

#[tokio::test]
async fn where_there_is_no_room_for_a_mark_only_who_has_used_the_place_may_prune() {
    let site = Site::start().await;
    site.put(&clip("busy", 0), 10, HOUR);
    let full = || site.proxy.set_faults(vec![Fault::always(Effect::OutOfSpace)]).unwrap();
    full();
    assert_eq!(told_by(&site, "a", &measured(&site)).await, None);
    assert!(told(&site, "b").await.is_some(), "a newcomer");
    site.proxy.set_faults(Vec::new()).unwrap();
    assert_eq!(told_by(&site, "a", &measured(&site)).await, None);
    full();
    assert!(told_by(&site, "b", &measured(&site)).await.is_some(), "it is marked");
    let error = take(&site.bucket().impatient(), "b", &given(&site, "a")).await.unwrap_err();
    assert!(error.is_full(), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_mark_gives_the_place_to_nobody() {
    let site = Site::start().await;
    site.bucket().put(MARK, "{", &PutOptions::default()).await.unwrap();
    let refusal = told_by(&site, "a", &measured(&site)).await.expect("it is taken for a mark");
    assert!(refusal.contains("does not read as a cluster's mark"), "{refusal}");
}

#[tokio::test]
async fn a_mark_that_cannot_be_read_back_is_nobodys() {
    let site = Site::start().await;
    let unseen = Fault::always(Effect::NotFound).for_keys(format!("studio/{MARK}")).on("GetObject");
    site.proxy.set_faults(vec![unseen]).unwrap();
    for cluster in ["a", "b"] {
        let error = take(&site.bucket().impatient(), cluster, &site.policy()).await.unwrap_err();
        assert!(matches!(error, StorageError::Unavailable { .. }), "{error}");
    }
}
