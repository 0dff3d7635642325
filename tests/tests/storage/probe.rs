//! What a probe says of good and bad buckets, and that no secret is ever in what it says.

use futures::StreamExt;
use videofactory_storage::{Bucket, BucketConfig, ProbeReport, Rung};
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::{BUCKET, PREFIX, Site};

/// What a probe says once `change` has altered the configuration.
async fn probe_with(site: &Site, change: impl FnOnce(&mut BucketConfig)) -> ProbeReport {
    let mut config = site.server.config(&site.proxy.url(), BUCKET, PREFIX);
    change(&mut config);
    let report = Bucket::connect(&config).unwrap().probe().await;
    let shown =
        format!("{report:?} {}", report.problem.as_ref().map(ToString::to_string).unwrap_or_default());
    let (access_key, secret_key) = site.server.keys();
    for secret in [access_key, secret_key, config.secret_key.reveal()] {
        assert!(!shown.contains(secret), "a credential is in {shown}");
    }
    report
}

fn reason(report: &ProbeReport) -> &'static str {
    report.problem.as_ref().map_or("none", videofactory_storage::StorageError::reason)
}

#[tokio::test]
async fn a_good_bucket_is_ready_and_left_as_it_was() {
    let site = Site::start().await;
    let report = probe_with(&site, |_| {}).await;
    assert!(report.is_ready(), "{report:?}");
    assert_eq!(report.reached, Rung::WriteOnce);
    assert_eq!(site.bucket().list("").count().await, 0);
    assert_eq!(site.bucket().check().await, Ok(()));
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_key_are_refused_credentials() {
    let site = Site::start().await;
    let wrong_secret = probe_with(&site, |config| config.secret_key = "not-the-secret".into()).await;
    assert_eq!((wrong_secret.reached, reason(&wrong_secret)), (Rung::Server, "CredentialsRefused"));
    let unknown = probe_with(&site, |config| config.access_key = "nobody".into()).await;
    assert_eq!((unknown.reached, reason(&unknown)), (Rung::Server, "CredentialsRefused"));
    let mut config = site.server.config(&site.proxy.url(), BUCKET, PREFIX);
    config.access_key = "nobody".into();
    assert_eq!(Bucket::connect(&config).unwrap().check().await.unwrap_err().reason(), "CredentialsRefused");
}

#[tokio::test]
async fn a_wrong_region_is_named_with_the_one_that_the_server_expects() {
    let site = Site::start().await;
    let mut config = site.server.config(&site.server.url(), BUCKET, PREFIX);
    config.region = "eu-west-9".into();
    let bucket = Bucket::connect(&config).unwrap();
    for error in [bucket.probe().await.problem.unwrap(), bucket.check().await.unwrap_err()] {
        assert_eq!(error.reason(), "RegionRefused", "{error}");
        assert!(
            error.to_string().ends_with("set spec.bucket.region of the StoragePolicy to auto"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let site = Site::start().await;
    let report = probe_with(&site, |config| config.bucket = "no-such-films".into()).await;
    assert_eq!((report.reached, reason(&report)), (Rung::Credentials, "NoSuchBucket"));
    assert!(report.problem.unwrap().to_string().contains("no-such-films"));
    let config = site.server.config(&site.proxy.url(), "no-such-films", PREFIX);
    assert_eq!(Bucket::connect(&config).unwrap().check().await.unwrap_err().reason(), "NoSuchBucket");
}

#[tokio::test]
async fn a_server_that_is_down_is_unreachable_until_it_is_up_again() {
    let mut site = Site::start().await;
    let bucket = site.direct();
    site.server.stop();
    let down = bucket.probe().await;
    assert_eq!((down.reached, reason(&down)), (Rung::Nothing, "Unreachable"));
    site.server.resume().await.unwrap();
    assert!(bucket.probe().await.is_ready());
}

#[tokio::test]
async fn a_server_that_ignores_preconditions_is_found_out() {
    let site = Site::start().await;
    site.proxy.set_faults(vec![Fault::always(Effect::IgnorePreconditions)]).unwrap();
    let report = probe_with(&site, |_| {}).await;
    assert_eq!((report.reached, reason(&report)), (Rung::Bucket, "PreconditionsUnsupported"));
    let key = site.proxy.counters().writes;
    assert!(key.values().any(|writes| *writes == 2), "the second put did not reach the server: {key:?}");
}

#[tokio::test]
async fn a_bucket_without_space_is_full() {
    let site = Site::start().await;
    site.proxy.set_faults(vec![Fault::always(Effect::OutOfSpace)]).unwrap();
    let report = probe_with(&site, |_| {}).await;
    assert_eq!((report.reached, reason(&report)), (Rung::Bucket, "Full"));
}

#[tokio::test]
async fn an_endpoint_that_does_not_speak_s3_is_not_taken_for_a_bucket() {
    let site = Site::start().await;
    let report = probe_with(&site, |config| config.endpoint = site.proxy.admin_url()).await;
    assert_eq!((report.reached, reason(&report)), (Rung::Server, "NotS3"), "{report:?}");
}
