//! A place belongs to one cluster.

use serde_json::json;
use videofactory_operator::storagepolicy::claim::{MARK, claim};
use videofactory_operator::storagepolicy::prune::measure;
use videofactory_storage::{PutOptions, StorageError};
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::Site;
use super::servers::Server;

impl Site {
    /// What a cluster is told that would use this place; nothing if it may.
    async fn told(&self, cluster: &str) -> Option<String> {
        claim(&self.bucket(), cluster, &self.policy()).await.unwrap()
    }
}

#[tokio::test]
async fn the_first_cluster_has_a_place_until_its_mark_is_deleted() {
    for server in [Server::versitygw().await, Server::s3s().await] {
        let site = Site::on(server, json!([])).await;
        assert_eq!(site.told("a").await, None);
        assert_eq!(site.told("a").await, None, "again");
        let told = site.told("b").await.expect("two have one place");
        for part in
            ["bucket \"films\", prefix \"studio/\"", "StoragePolicy films/default", "kube-system: a", MARK]
        {
            assert!(told.contains(part), "{told}");
        }
        site.bucket().delete_one(MARK).await.unwrap();
        assert_eq!(site.told("b").await, None);
        assert!(site.told("a").await.is_some());
    }
}

#[tokio::test]
async fn of_clusters_that_come_at_once_one_has_the_place() {
    let site = Site::start().await;
    let names: Vec<String> = (0..8).map(|number| format!("cluster-{number}")).collect();
    let told = futures::future::join_all(names.iter().map(|name| site.told(name))).await;
    assert_eq!(told.iter().filter(|told| told.is_none()).count(), 1, "{told:?}");
}

#[tokio::test]
async fn a_mark_is_neither_counted_nor_deleted_nor_foreign() {
    let site = Site::start().await;
    site.told("a").await;
    assert_eq!(measure(&site.bucket()).await.unwrap().usage.total.objects, 0);
    let report = site.prune().await;
    assert!(report.foreign.is_empty(), "{:?}", report.foreign);
    assert_eq!(site.told("a").await, None);
    assert!(site.told("b").await.is_some());
}

#[tokio::test]
async fn a_full_bucket_that_nobody_has_may_be_pruned_and_one_that_somebody_has_may_not() {
    let site = Site::start().await;
    let full = || site.proxy.set_faults(vec![Fault::always(Effect::OutOfSpace)]).unwrap();
    full();
    assert_eq!(site.told("a").await, None);
    site.proxy.set_faults(Vec::new()).unwrap();
    assert_eq!(site.told("b").await, None, "nothing was written");
    full();
    assert!(site.told("a").await.is_some());
}

#[tokio::test]
async fn a_mark_that_cannot_be_read_gives_the_place_to_nobody() {
    let site = Site::start().await;
    site.bucket().put(MARK, "{", &PutOptions::default()).await.unwrap();
    let error = claim(&site.bucket(), "a", &site.policy()).await.unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("delete the object and make it again"), "{error}");
}
