//! A place belongs to one cluster.

use serde_json::json;
use videofactory_crds::StoragePolicy;
use videofactory_crds::requests::TAKE_OVER;
use videofactory_operator::storagepolicy::ownership::{MARKER_KEY, Ownership, acquire};
use videofactory_storage::{PutOptions, StorageError};
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::servers::Server;
use super::{HOUR, Site, clip};

/// What a cluster is answered that would use this place; nothing if it may.
async fn reported(site: &Site, cluster: &str) -> Option<String> {
    reported_by(site, cluster, &site.policy()).await
}

async fn reported_by(site: &Site, cluster: &str, policy: &StoragePolicy) -> Option<String> {
    match acquire(&site.bucket(), cluster, policy).await.unwrap() {
        Ownership::Ours(_) => None,
        Ownership::Others(why) => Some(why),
    }
}

/// What a person is asked to say in this refusal.
fn word(refusal: &str) -> &str {
    refusal.rsplit_once('=').unwrap().1
}

/// The policy with a person's word on which place it takes over.
fn given(site: &Site, from: &str) -> StoragePolicy {
    let mut policy = site.policy();
    policy.metadata.annotations = Some([(TAKE_OVER.to_owned(), from.to_owned())].into());
    policy
}

/// The policy once it has measured its place as this cluster's.
fn measured(site: &Site, cluster: &str) -> StoragePolicy {
    measured_at(site, cluster, "studio")
}

/// The policy once it has measured a place under this prefix.
fn measured_at(site: &Site, cluster: &str, prefix: &str) -> StoragePolicy {
    let mut policy = site.policy();
    let status = json!({
        "place": {
            "endpoint": site.server.url, "bucket": "films", "prefix": prefix, "cluster": cluster,
            "since": "2026-10-01T00:00:00Z",
        },
        "usage": {"measuredAt": "2026-11-01T00:00:00Z"},
    });
    policy.status = Some(serde_json::from_value(status).unwrap());
    policy
}

#[tokio::test]
async fn the_first_cluster_has_a_place_until_a_person_gives_it_away() {
    for server in [Server::versitygw().await, Server::s3s().await] {
        let site = Site::on(server, json!([])).await;
        assert_eq!(reported(&site, "a").await, None);
        assert_eq!(reported(&site, "a").await, None, "again");
        let refusal = reported(&site, "b").await.expect("two have one place");
        for part in [
            "bucket \"films\", prefix \"studio/\", is another cluster's",
            "StoragePolicy films/default",
            "kubectl -n films annotate storagepolicy default --overwrite videofactory.dev/take-over-bucket=",
        ] {
            assert!(refusal.contains(part), "{refusal}");
        }
        assert!(reported_by(&site, "b", &given(&site, "a")).await.is_some(), "which of a's places?");
        assert_eq!(reported_by(&site, "b", &given(&site, word(&refusal))).await, None);
        assert_eq!(reported(&site, "b").await, None, "also without the annotation");
        assert!(reported(&site, "a").await.is_some());
    }
}

#[tokio::test]
async fn of_clusters_that_come_at_once_one_has_the_place() {
    let site = Site::start().await;
    let names: Vec<String> = (0..8).map(|number| format!("cluster-{number}")).collect();
    let answers = futures::future::join_all(names.iter().map(|name| reported(&site, name))).await;
    assert_eq!(answers.iter().filter(|reported| reported.is_none()).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn whose_mark_is_lost_writes_it_again_and_nobody_else_does() {
    let site = Site::start().await;
    assert_eq!(reported(&site, "a").await, None);
    site.put(&clip("busy", 0), 10, HOUR);
    site.bucket().delete_one(MARKER_KEY).await.unwrap();
    let refusal = reported(&site, "b").await.expect("it takes another's films");
    for part in ["nothing says of which cluster", "videofactory.dev/take-over-bucket=nobody-"] {
        assert!(refusal.contains(part), "{refusal}");
    }
    assert_eq!(site.bucket().head(MARKER_KEY).await.unwrap(), None, "it was marked all the same");
    assert_eq!(reported_by(&site, "a", &measured(&site, "a")).await, None);
    assert!(reported(&site, "b").await.is_some());
    site.bucket().delete_one(MARKER_KEY).await.unwrap();
    assert!(reported_by(&site, "b", &given(&site, "nobody")).await.is_some(), "which place?");
    assert_eq!(reported_by(&site, "b", &given(&site, word(&refusal))).await, None);
}

#[tokio::test]
async fn what_was_measured_elsewhere_or_by_another_cluster_gives_no_right_to_a_place_without_a_mark() {
    let site = Site::start().await;
    site.put(&clip("busy", 0), 10, HOUR);
    for (policy, why) in [
        (measured_at(&site, "b", "rehearsal"), "edited from its own folder to another's"),
        (measured(&site, "a"), "restored from the backup of another cluster"),
        (site.policy(), "new"),
    ] {
        let refusal = reported_by(&site, "b", &policy).await;
        assert!(refusal.is_some_and(|refusal| refusal.contains("nothing says of which cluster")), "{why}");
    }
    assert_eq!(site.bucket().head(MARKER_KEY).await.unwrap(), None);
}

#[tokio::test]
async fn a_word_that_stays_in_the_manifest_gives_no_other_place_away() {
    let mut site = Site::start().await;
    site.put(&clip("busy", 0), 10, HOUR);
    let refusal = reported(&site, "b").await.unwrap();
    assert_eq!(reported_by(&site, "a", &given(&site, word(&refusal))).await, None, "here nobody lives");
    let theirs = reported(&site, "b").await.unwrap();
    let said = [word(&refusal), word(&theirs)].map(|word| given(&site, word));
    // Another folder, of the same cluster, or without a mark.
    let folder = site.server.directory.join("films/other");
    std::fs::create_dir_all(&folder).unwrap();
    site.spec["bucket"]["prefix"] = json!("other/");
    let mut config = site.server.config(&site.server.url);
    config.prefix = "other".into();
    let other = videofactory_storage::Bucket::connect(&config).unwrap();
    for marked in [false, true] {
        for said in &said {
            let mut moved = site.policy();
            moved.metadata.annotations.clone_from(&said.metadata.annotations);
            if marked {
                acquire(&other, "a", &site.policy()).await.unwrap();
            } else {
                other.put(&clip("busy", 0), "x", &PutOptions::default()).await.unwrap();
            }
            let ownership = acquire(&other, "b", &moved).await.unwrap();
            assert!(matches!(ownership, Ownership::Others(_)), "marked: {marked}");
        }
        other.delete_one(&clip("busy", 0)).await.unwrap();
    }
}

#[tokio::test]
async fn where_files_of_jobs_may_lie_behind_very_many_others_a_person_is_asked() {
    let site = Site::start().await;
    for number in 0..5_001 {
        site.put(&format!("videos/a/{number}.mp4"), 1, HOUR);
    }
    assert!(reported(&site, "a").await.is_some());
}

#[tokio::test]
async fn a_mark_is_the_same_place_under_every_name_of_its_server() {
    let site = Site::start().await;
    let Ownership::Ours(first) = acquire(&site.bucket(), "a", &site.policy()).await.unwrap() else {
        panic!("taken")
    };
    let direct = videofactory_storage::Bucket::connect(&site.server.config(&site.server.url)).unwrap();
    let mut other = site.policy();
    other.metadata.name = Some("by-another-endpoint".into());
    let Ownership::Ours(second) = acquire(&direct, "a", &other).await.unwrap() else { panic!("taken") };
    assert!(first.marker.is_some());
    assert_eq!(first, second);
    site.bucket().delete_one(MARKER_KEY).await.unwrap();
    let Ownership::Ours(again) = acquire(&site.bucket(), "a", &site.policy()).await.unwrap() else {
        panic!("taken")
    };
    assert_ne!(again.marker, first.marker, "no two marks are the same");
}

#[tokio::test]
async fn files_of_others_do_not_keep_a_cluster_off() {
    let site = Site::start().await;
    for key in ["videos/holiday.mp4", "clips/2025/a.mp4", "assets/logo.png"] {
        site.put(key, 10, HOUR);
    }
    assert_eq!(reported(&site, "a").await, None);
}

#[tokio::test]
async fn a_mark_is_no_foreign_file_and_stays() {
    let site = Site::start().await;
    reported(&site, "a").await;
    let report = site.prune().await;
    assert!(report.foreign.is_empty(), "{:?}", report.foreign);
    assert!(site.bucket().head(MARKER_KEY).await.unwrap().is_some());
}

#[tokio::test]
async fn where_there_is_no_room_for_a_mark_only_who_has_used_the_place_may_prune() {
    let site = Site::start().await;
    site.put(&clip("busy", 0), 10, HOUR);
    let full = || site.proxy.set_faults(vec![Fault::always(Effect::OutOfSpace)]).unwrap();
    full();
    assert_eq!(reported_by(&site, "a", &measured(&site, "a")).await, None);
    assert!(reported(&site, "b").await.is_some(), "a newcomer");
    site.proxy.set_faults(Vec::new()).unwrap();
    assert_eq!(reported_by(&site, "a", &measured(&site, "a")).await, None);
    full();
    assert!(reported_by(&site, "b", &measured(&site, "b")).await.is_some(), "it is marked");
    let refusal = reported(&site, "b").await.unwrap();
    let error =
        acquire(&site.bucket().with_short_timeouts(), "b", &given(&site, word(&refusal))).await.unwrap_err();
    assert!(error.is_full(), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_mark_gives_the_place_to_nobody() {
    let site = Site::start().await;
    site.bucket().put(MARKER_KEY, "{", &PutOptions::default()).await.unwrap();
    let refusal = reported_by(&site, "a", &measured(&site, "a")).await.expect("it is taken for a mark");
    assert!(refusal.contains("does not read as a cluster's mark"), "{refusal}");
}

#[tokio::test]
async fn a_mark_that_cannot_be_read_back_is_nobodys() {
    let site = Site::start().await;
    let unseen = Fault::always(Effect::NotFound).for_keys(format!("studio/{MARKER_KEY}")).on("GetObject");
    site.proxy.set_faults(vec![unseen]).unwrap();
    for cluster in ["a", "b"] {
        let error = acquire(&site.bucket().with_short_timeouts(), cluster, &site.policy()).await.unwrap_err();
        assert!(matches!(error, StorageError::Unavailable { .. }), "{error}");
    }
}
