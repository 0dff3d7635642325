//! Servers that fail, stall and lie: a run ends with the truth in its report.

use videofactory_crds::storagepolicy::{ObjectKind, PruneCause, PruneOutcome};
use videofactory_operator::storagepolicy::plan::{RunRequest, Tally};
use videofactory_operator::storagepolicy::prune::{RunReport, measure};
use videofactory_storage::{Bucket, BucketConfig};
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::jobs::{Call, finished};
use super::{BUCKET, Site, kept, run_request};

/// Checks a report against what is in the bucket, in which there were so many clips of ten bytes.
async fn assert_true(site: &Site, report: &RunReport, before: u64) {
    let left = site.keys().await.len() as u64;
    assert_eq!(report.deleted.objects, before - left, "{report:?}");
    assert_eq!(report.deleted.bytes, report.deleted.objects * 10);
    let kept: u64 = report.kept.iter().map(|kept| kept.tally.objects).sum();
    let plans = kept_of(report, "plans are kept by spec.history");
    assert_eq!(report.deleted.objects + report.failed.objects + kept - plans, before, "{report:?}");
}

fn kept_of(report: &RunReport, reason: &str) -> u64 {
    kept(report).get(reason).copied().unwrap_or_default()
}

#[tokio::test]
async fn a_server_that_is_briefly_unavailable_or_slow_to_admit_is_tried_again() {
    for effect in [Effect::Unavailable, Effect::TooManyRequests, Effect::LoseAnswer] {
        for operation in ["ListObjects", "PutObject", "DeleteObjects", "ListMultipartUploads"] {
            let site = Site::start().await;
            site.put_clips("gone", 30);
            site.proxy.set_faults(vec![Fault::always(effect).on(operation).times(2)]).unwrap();
            let report = site.prune().await;
            assert_eq!(report.outcome, PruneOutcome::Completed, "{effect:?} {operation}: {}", report.message);
            assert_eq!(report.deleted.objects, 30);
            assert_true(&site, &report, 30).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_stays_away_while_files_are_deleted_fails_the_run_and_nothing_is_counted() {
    let site = Site::start().await;
    site.jobs.add("done", finished());
    site.put_clips("done", 30);
    site.proxy.set_faults(vec![Fault::always(Effect::Unavailable).on("DeleteObjects")]).unwrap();
    let report = site.prune().await;
    assert_eq!(report.outcome, PruneOutcome::Failed);
    assert!(report.message.contains("the server is unavailable"), "{}", report.message);
    assert_eq!((report.deleted, report.failed), (Tally::default(), Tally { objects: 30, bytes: 300 }));
    assert_true(&site, &report, 30).await;
    // What failed may be gone all the same, so the job is marked.
    assert_eq!(site.jobs.pruned("done"), [ObjectKind::Clips]);
    site.proxy.set_faults(Vec::new()).unwrap();
    let report = site.prune().await;
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Completed, 30));
}

#[tokio::test]
async fn a_bucket_that_cannot_be_listed_is_not_pruned() {
    let site = Site::start().await;
    site.put_clips("gone", 3);
    let fault = Fault::always(Effect::Unavailable).on("ListObjects").after(3);
    site.proxy.set_faults(vec![fault]).unwrap();
    let report = site.prune().await;
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Failed, 0));
    assert_eq!((report.usage.clone(), report.plan_key.clone()), (None, None));
    assert_eq!(site.keys().await.len(), 3);
}

#[tokio::test]
async fn single_files_that_cannot_be_deleted_are_counted_and_the_others_go() {
    let site = Site::start().await;
    site.put_clips("gone", 30);
    let fault = Fault::always(Effect::DenyKeys).for_keys("studio/clips/**/*0001?.mp4");
    site.proxy.set_faults(vec![fault]).unwrap();
    let report = site.prune().await;
    assert_eq!(report.outcome, PruneOutcome::Failed);
    assert!(report.message.starts_with("10 files could not be deleted"), "{}", report.message);
    assert!(report.message.contains("the credentials were refused (AccessDenied)"), "{}", report.message);
    assert_eq!((report.deleted.objects, report.failed.objects), (20, 10));
    assert_eq!(report.calls.deletes, 1, "a refusal was tried again");
    assert_true(&site, &report, 30).await;
    assert_eq!(report.usage, Some(measure(&site.bucket()).await.unwrap().usage));
}

#[tokio::test]
async fn single_files_that_fail_for_a_moment_are_tried_again() {
    let site = Site::start().await;
    site.put_clips("gone", 30);
    let fault = Fault::always(Effect::FailKeys).for_keys("studio/clips/**/*0001?.mp4").times(2);
    site.proxy.set_faults(vec![fault]).unwrap();
    let report = site.prune().await;
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Completed, 30), "{}", report.message);
    assert_eq!(report.calls.deletes, 3);
}

#[tokio::test]
async fn one_file_that_always_fails_keeps_no_other_from_being_deleted() {
    let site = Site::start().await;
    site.put_clips("gone", 8_000);
    let fault = Fault::always(Effect::FailKeys).for_keys("studio/clips/**/*00000.mp4");
    site.proxy.set_faults(vec![fault]).unwrap();
    let report = site.prune().await;
    assert_eq!((report.deleted.objects, report.failed.objects), (7_999, 1), "{}", report.message);
    assert!(report.message.starts_with("1 files could not be deleted"), "it ended early: {}", report.message);
    assert_true(&site, &report, 8_000).await;
}

#[tokio::test]
async fn keys_that_may_not_be_deleted_at_all_end_the_run_after_a_batch() {
    let site = Site::start().await;
    site.put_clips("gone", 8_000);
    site.proxy.set_faults(vec![Fault::always(Effect::DenyKeys)]).unwrap();
    let report = site.prune().await;
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Failed, 0));
    assert!(report.calls.deletes < 8, "{:?}", report.calls);
    assert!(kept_of(&report, "run ended before its turn") >= 1_000, "{:?}", report.kept);
    assert_true(&site, &report, 8_000).await;
}

#[tokio::test]
async fn a_server_without_batch_deletes_is_served_one_by_one() {
    let site = Site::start().await;
    site.put_clips("gone", 30);
    site.proxy.set_faults(vec![Fault::always(Effect::DemandContentMd5)]).unwrap();
    let report = site.prune().await;
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Completed, 30), "{}", report.message);
}

#[tokio::test]
async fn a_listing_in_another_order_or_with_keys_listed_twice_changes_nothing() {
    for effects in [
        vec![Effect::ReverseListings],
        vec![Effect::RepeatKeys],
        vec![Effect::ReverseListings, Effect::RepeatKeys],
    ] {
        let site = Site::start().await;
        site.put_clips("gone", 1_200);
        site.put(&super::film("newest"), 10, super::DAY);
        site.proxy.set_faults(effects.iter().map(|effect| Fault::always(*effect)).collect()).unwrap();
        let measured = measure(&site.bucket()).await.unwrap();
        assert_eq!(measured.usage.total, Tally { objects: 1_201, bytes: 12_010 }, "{effects:?}");
        let report = site.prune().await;
        assert_eq!(
            (report.outcome, report.deleted.objects),
            (PruneOutcome::Completed, 1_200),
            "{}",
            report.message
        );
        assert_true(&site, &report, 1_201).await;
    }
}

#[tokio::test]
async fn a_listing_that_goes_round_in_circles_ends_and_nothing_is_deleted() {
    let site = Site::start().await;
    site.put_clips("gone", 3);
    site.proxy.set_faults(vec![Fault::always(Effect::RepeatPages)]).unwrap();
    let report = site.prune().await;
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Failed, 0));
    assert!(report.message.contains("it goes round in circles"), "{}", report.message);
    assert!(measure(&site.bucket()).await.is_err());
    assert_eq!(site.keys().await.len(), 3);
}

#[tokio::test]
async fn a_full_bucket_is_pruned_although_its_plan_cannot_be_written_first() {
    let site = Site::start().await;
    site.put_clips("gone", 3);
    site.proxy.set_faults(vec![Fault::always(Effect::OutOfSpace).times(1)]).unwrap();
    let report = site.prune().await;
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Completed, 3), "{}", report.message);
    assert!(report.plan_key.is_some(), "the plan was not written when there was room again");
    assert!(report.message.contains("the plan was not written: "), "{}", report.message);
}

#[tokio::test]
async fn wrong_credentials_and_a_missing_bucket_are_reported_and_no_job_is_asked() {
    let site = Site::start().await;
    let spoilt: [fn(&mut BucketConfig); 2] =
        [|config| config.secret_key = "wrong".into(), |config| config.bucket = "nowhere".into()];
    for (spoil, says) in spoilt.into_iter().zip(["the credentials were refused", "there is no such bucket"]) {
        let mut config = site.server.config(&site.proxy.url());
        spoil(&mut config);
        let bucket = Bucket::connect(&config).unwrap();
        let report = site.run_on(&bucket, &run_request()).await;
        assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Failed, 0));
        assert!(report.message.contains(says), "{}", report.message);
    }
    assert_eq!(site.jobs.calls(Call::List), 0);
}

#[tokio::test]
async fn other_peoples_files_beside_the_prefix_are_never_seen() {
    let site = Site::start().await;
    site.put_clips("gone", 3);
    let outside = site.server.directory.join(BUCKET).join(super::clip("gone", 10));
    super::put_file(&outside, 10, 90 * super::DAY);
    let report = site.prune().await;
    assert_eq!(report.deleted.objects, 3);
    assert!(outside.exists());
    assert_eq!(report.usage.unwrap().total.objects, 1, "the plan alone");
    assert_eq!(site.keys().await, [""; 0]);
}

#[tokio::test]
async fn requests_that_time_out_are_made_again_and_after_a_while_no_more() {
    let [once, ever] = [Site::start().await, Site::start().await];
    for site in [&once, &ever] {
        site.put_clips("gone", 30);
    }
    // Both times the files are deleted, and nobody says so in time.
    let held = Fault::always(Effect::HoldAnswer).on("DeleteObjects");
    once.proxy.set_faults(vec![held.clone().times(1)]).unwrap();
    ever.proxy.set_faults(vec![held]).unwrap();
    let (first, second) = tokio::join!(once.prune(), ever.prune());
    assert_eq!((first.outcome, first.deleted.objects), (PruneOutcome::Completed, 30), "{}", first.message);
    assert_eq!(second.outcome, PruneOutcome::Failed);
    assert!(second.message.contains("the server cannot be reached"), "{}", second.message);
    // Of these nothing is known: the next measurement shows.
    assert_eq!((second.deleted.objects, second.failed.objects), (0, 30));
    ever.proxy.set_faults(Vec::new()).unwrap();
    let third = ever.run(&RunRequest { cause: PruneCause::Resumed, ..run_request() }).await;
    assert_eq!((third.outcome, third.deleted.objects), (PruneOutcome::Completed, 0), "{}", third.message);
    assert_eq!(third.usage, Some(measure(&ever.bucket()).await.unwrap().usage));
}
