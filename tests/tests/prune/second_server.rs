//! The same runs on a server of others, and on a bucket that does not know preconditions.

use serde_json::json;
use videofactory_crds::storagepolicy::{ObjectKind, PruneOutcome};
use videofactory_operator::storagepolicy::plan::Tally;
use videofactory_operator::storagepolicy::prune::measure;
use videofactory_storage::{Bucket, BucketConfig};
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::jobs::{Call, finished};
use super::runs::{predicts, varied_on};
use super::servers::Server;
use super::{DAY, HOUR, Site, clip, kept, put_file, run_request};

async fn clips_only(rules_older_than: &str) -> Site {
    let rules = json!([{"kinds": ["clips"], "olderThan": rules_older_than}]);
    Site::on(Server::s3s().await, rules).await
}

#[tokio::test]
async fn a_dry_run_predicts_the_next_run_on_another_server() {
    predicts(&varied_on(Server::s3s().await).await).await;
}

#[tokio::test]
async fn a_dry_run_predicts_the_next_run_where_preconditions_are_ignored() {
    for server in [Server::versitygw().await, Server::s3s().await] {
        let site = varied_on(server).await;
        site.proxy.set_faults(vec![Fault::always(Effect::IgnorePreconditions)]).unwrap();
        predicts(&site).await;
    }
}

#[tokio::test]
async fn a_file_that_is_written_again_stays_where_preconditions_are_ignored() {
    let site = clips_only("1h").await;
    site.proxy.set_faults(vec![Fault::always(Effect::IgnorePreconditions)]).unwrap();
    site.put(&clip("gone", 0), 10, HOUR + 60);
    site.put(&clip("gone", 1), 10, 3 * HOUR);
    let path = site.server.directory.join("films/studio").join(clip("gone", 0));
    site.jobs.before(Call::List, 1, move |_| put_file(&path, 10, 0));
    let report = site.prune().await;
    assert_eq!(report.deleted.objects, 1, "{}", report.message);
    assert_eq!(site.keys().await, [clip("gone", 0)]);
}

#[tokio::test]
async fn many_pages_and_batches_are_listed_and_deleted_on_another_server() {
    let site = clips_only("7d").await;
    site.jobs.add("done", finished());
    site.put_clips("done", 1_300);
    site.put_clips("gone", 1_200);
    site.put(&clip("young", 10), 10, DAY);
    let all = measure(&site.bucket()).await.unwrap();
    assert_eq!(all.usage.total, Tally { objects: 2_501, bytes: 25_010 });
    let report = site.prune().await;
    assert_eq!(
        (report.outcome, report.deleted.objects),
        (PruneOutcome::Completed, 2_500),
        "{}",
        report.message
    );
    // Ten folders, one of them of three pages, what lies beside them, and a look for unfinished uploads.
    assert_eq!((report.calls.lists, report.calls.deletes), (14, 3));
    assert_eq!(report.aborted_uploads, None);
    assert!(report.message.contains("cannot list unfinished uploads"), "{}", report.message);
    assert_eq!(report.usage, Some(measure(&site.bucket()).await.unwrap().usage));
    assert_eq!(site.keys().await, [clip("young", 10)]);
    assert_eq!(site.jobs.pruned("done"), [ObjectKind::Clips]);
}

#[tokio::test]
async fn faults_of_another_server_are_reported_too() {
    let site = clips_only("7d").await;
    site.put_clips("gone", 30);
    site.proxy
        .set_faults(vec![
            Fault::always(Effect::DenyKeys).for_keys("studio/clips/**/*0001?.mp4"),
            Fault::always(Effect::Unavailable).on("ListObjects").times(2),
            Fault::always(Effect::LoseAnswer).on("PutObject").times(1),
        ])
        .unwrap();
    let report = site.prune().await;
    assert_eq!((report.deleted.objects, report.failed.objects), (20, 10), "{}", report.message);
    assert_eq!(report.outcome, PruneOutcome::Failed);
    assert_eq!(kept(&report).values().sum::<u64>(), 0);
    assert_eq!(site.keys().await.len(), 10);
}

#[tokio::test]
async fn wrong_credentials_and_a_missing_bucket_are_reported_by_another_server_too() {
    let site = clips_only("7d").await;
    site.put_clips("gone", 3);
    let spoilt: [fn(&mut BucketConfig); 2] =
        [|config| config.secret_key = "wrong".into(), |config| config.bucket = "nowhere".into()];
    for (spoil, says) in spoilt.into_iter().zip(["the credentials were refused", "there is no such bucket"]) {
        let mut config = site.server.config(&site.proxy.url());
        spoil(&mut config);
        let report = site.run_on(&Bucket::connect(&config).unwrap(), &run_request()).await;
        assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Failed, 0));
        assert!(report.message.contains(says), "{}", report.message);
    }
    assert_eq!(site.keys().await.len(), 3);
}
