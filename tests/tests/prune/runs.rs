//! Whole runs: what they delete, leave, write and report.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use videofactory_crds::storagepolicy::{ObjectKind, PruneCause, PruneOutcome};
use videofactory_operator::storagepolicy::plan::{JobLifecycle, RunRequest, Tally};
use videofactory_operator::storagepolicy::prune::{ListingMemory, RunContext, measure, prune};
use videofactory_storage::PutOptions;
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::jobs::{Call, finished};
use super::servers::Server;
use super::{DAY, HOUR, ID, Site, clip, clip_of_run, dry, film, kept, run_request};

/// The lines of a plan in the bucket.
pub(crate) async fn lines(site: &Site, key: &str) -> Vec<Value> {
    let file = site.bucket().get(key, 1 << 20).await.unwrap();
    let mut text = String::new();
    GzDecoder::new(file.as_ref()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn varied() -> Site {
    varied_on(Server::versitygw().await).await
}

/// Something of everything.
pub(crate) async fn varied_on(server: Server) -> Site {
    let rules = json!([
        {"kinds": ["clips"], "olderThan": "7d"},
        {"kinds": ["videos"], "olderThan": "7d", "keepLast": 1},
        {"kinds": ["work"], "olderThan": "1d", "whenAbove": "target"},
    ]);
    let mut site = Site::on(server, rules).await;
    site.spec["capacity"] = json!({"limit": "10k", "target": "2k", "warn": "3k", "stop": "4k"});
    site.spec["protect"] = json!({"keys": ["clips/*/brand-*/**"]});
    site.jobs.add("done", finished());
    site.jobs.add("busy", JobLifecycle::Live);
    site.jobs.add("brand-a", finished());
    for owner in ["done", "busy", "brand-a", "gone"] {
        site.put(&clip(owner, 0), 100, 8 * DAY);
        site.put(&film(owner), 200, 9 * DAY);
        for number in 0..3 {
            site.put(
                &format!("work/films/{owner}-{ID}/r1/logs/write-script-1/{number:05}.jsonl"),
                300,
                (2 + number) * DAY,
            );
        }
    }
    site.put(&clip("a", 0).replace("films", "elsewhere"), 10, 90 * DAY);
    site.put("clips/readme.txt", 10, 90 * DAY);
    site.put("assets/logo.png", 10, 90 * DAY);
    site.put("holiday/beach.jpg", 10, 90 * DAY);
    site
}

#[tokio::test]
async fn a_dry_run_deletes_nothing_and_predicts_the_next_run_file_for_file() {
    predicts(&varied().await).await;
}

/// Compares a dry run with the run after it, file for file.
pub(crate) async fn predicts(site: &Site) {
    let before = site.keys().await;
    let predicted = site.run(&dry()).await;
    assert_eq!(predicted.outcome, PruneOutcome::Completed, "{}", predicted.message);
    assert_eq!(site.keys().await, before);
    assert_eq!(site.jobs.calls(Call::Mark), 0);
    let plan = lines(site, predicted.plan_key.as_deref().unwrap()).await;
    let expiring = plan.iter().filter(|line| line["verdict"] == "delete");
    let mut expiring: Vec<&str> = expiring.map(|line| line["key"].as_str().unwrap()).collect();
    expiring.sort_unstable();

    let real = site.run(&RunRequest { cause: PruneCause::Request, ..run_request() }).await;
    assert_eq!(real.outcome, PruneOutcome::Completed, "{}", real.message);
    let after = site.keys().await;
    let mut gone: Vec<&str> = before.iter().filter(|key| !after.contains(key)).map(String::as_str).collect();
    gone.sort_unstable();
    assert_eq!(gone, expiring);
    assert!(gone.len() > 3, "{gone:?}");
    assert_eq!((real.deleted, real.failed), (predicted.deleted, Tally::default()));
    assert_eq!(real.deleted.objects, gone.len() as u64);
}

#[tokio::test]
async fn the_plan_names_every_file_and_the_report_adds_them_up() {
    let site = varied().await;
    let report = site.prune().await;
    let plan = lines(&site, "plans/films/default/20261126T030000Z.jsonl.gz").await;
    assert_eq!(report.plan_key.as_deref(), Some("plans/films/default/20261126T030000Z.jsonl.gz"));
    let of = |key: &str| plan.iter().find(|line| line["key"] == key).unwrap_or(&Value::Null);
    assert_eq!(plan.len(), 23);
    assert_eq!(of(&clip("done", 0))["why"], "clips older than 7d");
    assert_eq!(of(&clip("brand-a", 0))["why"], "protected by protect.keys");
    assert_eq!(of("holiday/beach.jpg"), &Value::Null, "a folder of others was looked into");
    let reasons = kept(&report);
    assert_eq!(reasons["job is unfinished"], 5);
    assert_eq!(reasons["unknown to Video Factory"], 1);
    assert_eq!(reasons["namespace without an active policy for this bucket"], 1);
    assert_eq!(reasons["assets are people's own"], 1);
    assert_eq!(report.unknown.examples, ["clips/readme.txt"]);
    assert_eq!(report.foreign, ["holiday/"]);
    let all = report.kept.iter().map(|kept| kept.tally.objects).sum::<u64>() + report.deleted.objects;
    assert_eq!(all, plan.len() as u64);
}

#[tokio::test]
async fn usage_after_a_run_is_what_a_listing_would_measure() {
    let site = varied().await;
    let report = site.prune().await;
    let measured = measure(&site.bucket()).await.unwrap();
    assert_eq!(report.usage, Some(measured.usage));
}

#[tokio::test]
async fn jobs_that_are_there_are_informed_before_their_files_go() {
    let site = Site::start().await;
    site.jobs.add("done", finished());
    site.put_clips("done", 3);
    site.put_clips("gone", 3);
    site.put(&clip_of_run("done", 2, 10), 10, DAY);
    let report = site.prune().await;
    assert_eq!(report.deleted.objects, 6, "{}", report.message);
    assert_eq!(site.jobs.pruned("done"), [ObjectKind::Clips]);
    assert_eq!(site.jobs.calls(Call::Mark), 1);
    // A second run has nothing to do, and writes nothing.
    let report = site.prune().await;
    assert_eq!((report.deleted.objects, report.outcome), (0, PruneOutcome::Completed));
    assert_eq!(site.jobs.calls(Call::Mark), 1);
}

#[tokio::test]
async fn files_of_an_earlier_run_go_without_a_word_to_the_job() {
    let site = Site::with_rules(json!([
        {"kinds": ["clips"], "olderThan": "7d", "onlyFinished": false},
    ]))
    .await;
    site.jobs.add("busy", JobLifecycle::Live);
    site.jobs.before(Call::List, 1, |jobs| jobs.get_mut("busy").unwrap().facts.run = 2);
    site.put(&clip("busy", 10), 10, 9 * DAY);
    site.put(&clip_of_run("busy", 2, 10), 10, 9 * DAY);
    let report = site.prune().await;
    assert_eq!(report.deleted.objects, 1, "{}", report.message);
    assert_eq!(site.keys().await, [clip_of_run("busy", 2, 10)]);
    assert_eq!(site.jobs.calls(Call::Mark), 0);
}

#[tokio::test]
async fn only_the_last_plans_are_kept() {
    let mut site = Site::start().await;
    site.spec["history"] = json!(2);
    let mut keys = Vec::new();
    for day in 1..5 {
        let slot = format!("2026-11-{day:02}T03:00:00Z").parse().unwrap();
        let report = site.run(&RunRequest { slot, ..run_request() }).await;
        keys.push(report.plan_key.unwrap());
        assert_eq!(report.usage, Some(measure(&site.bucket()).await.unwrap().usage), "day {day}");
    }
    for (key, kept) in keys.iter().zip([false, false, true, true]) {
        assert_eq!(site.bucket().head(key).await.unwrap().is_some(), kept, "{key}");
    }
}

#[tokio::test]
async fn a_file_near_the_end_of_grace_is_inspected_once_more() {
    let site = Site::with_rules(json!([{"kinds": ["clips"], "olderThan": "1h"}])).await;
    site.put(&clip("gone", 0), 10, HOUR + 60);
    site.put(&clip("gone", 1), 10, 3 * HOUR);
    let path = site.server.directory.join("films/studio").join(clip("gone", 0));
    site.jobs.before(Call::List, 1, move |_| super::put_file(&path, 10, 0));
    let report = site.prune().await;
    assert_eq!(report.deleted.objects, 1, "{}", report.message);
    assert_eq!(kept(&report)["file changed after the plan"], 1);
    assert_eq!(site.keys().await, [clip("gone", 0)]);
    assert_eq!(report.calls.heads, 1);
}

#[tokio::test]
async fn stale_uploads_of_ours_are_aborted_and_those_of_people_are_not() {
    let site = Site::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("film");
    std::fs::write(&file, vec![7; 17 << 20]).unwrap();
    let faults = [
        Fault::always(Effect::OutOfSpace).on("UploadPart"),
        Fault::always(Effect::Unavailable).on("AbortMultipartUpload"),
    ];
    site.proxy.set_faults(faults.into()).unwrap();
    for key in [film("busy").as_str(), "assets/intro.mp4"] {
        site.bucket().put_file(key, &file, &PutOptions::default()).await.unwrap_err();
    }
    site.proxy.set_faults(Vec::new()).unwrap();
    assert_eq!(site.prune().await.aborted_uploads, Some(0), "they are young");
    let later = RunContext { now: super::now() + Duration::from_secs(2 * DAY), ..site.run_context() };
    let stop = CancellationToken::new();
    let dry = prune(&later, &site.policy(), &site.bucket(), &dry(), &stop).await;
    assert_eq!(dry.aborted_uploads, None);
    let report = prune(&later, &site.policy(), &site.bucket(), &run_request(), &stop).await;
    assert_eq!(report.aborted_uploads, Some(1), "{}", report.message);
}

#[tokio::test]
async fn uploads_of_jobs_at_work_and_of_unknown_files_are_left_alone_however_short_the_age() {
    let mut site = Site::start().await;
    site.spec["abortUploadsAfter"] = json!("1s");
    site.spec["grace"] = json!("1s");
    site.jobs.add("busy", JobLifecycle::Live);
    site.jobs.add("lost", JobLifecycle::Failed { awaits_publication: true });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("film");
    std::fs::write(&file, vec![7; 17 << 20]).unwrap();
    let faults = [
        Fault::always(Effect::OutOfSpace).on("UploadPart"),
        Fault::always(Effect::Unavailable).on("AbortMultipartUpload"),
    ];
    site.proxy.set_faults(faults.into()).unwrap();
    let elsewhere = film("lost").replace("films/lost", "elsewhere/lost");
    let persons = "videos/films/trip-2024/r1/beach.mp4".to_owned();
    let all = BTreeSet::from([film("busy"), film("lost"), elsewhere, persons]);
    for key in &all {
        site.bucket().put_file(key, &file, &PutOptions::default()).await.unwrap_err();
    }
    site.proxy.set_faults(Vec::new()).unwrap();
    assert_eq!(unfinished(&site).await, all);
    let later = RunContext { now: super::now() + Duration::from_secs(DAY), ..site.run_context() };
    let stop = CancellationToken::new();
    let report = prune(&later, &site.policy(), &site.bucket(), &run_request(), &stop).await;
    assert_eq!(report.aborted_uploads, Some(1), "{}", report.message);
    let gone: Vec<String> = all.difference(&unfinished(&site).await).cloned().collect();
    assert_eq!(gone, [film("lost")], "nobody is at it any more");
}

/// The keys of all uploads that were begun and neither completed nor aborted.
async fn unfinished(site: &Site) -> BTreeSet<String> {
    let keys = parking_lot::Mutex::new(BTreeSet::new());
    let stays = |key: &str| {
        keys.lock().insert(key.to_owned());
        false
    };
    let later = super::now() + Duration::from_secs(DAY);
    assert_eq!(site.bucket().abort_stale_uploads(stays, later).await, Ok(0));
    keys.into_inner()
}

#[tokio::test]
async fn a_persons_file_that_is_called_like_a_jobs_is_kept_and_protects_nothing() {
    let site = Site::with_rules(json!([{"kinds": ["videos"], "olderThan": "1d"}])).await;
    let beach = ["videos/films/trip-2024/r1/beach.mp4", "videos/films/trip-20240807/r1/beach.mp4"];
    for key in beach {
        site.put(key, 10, 3 * DAY);
    }
    site.put(&film("older"), 10, 9 * DAY);
    site.put(&film("newest"), 10, 8 * DAY);
    let report = site.prune().await;
    assert_eq!((report.deleted.objects, report.unknown.tally.objects), (1, 2), "{}", report.message);
    let newest = film("newest");
    let left: BTreeSet<String> = site.keys().await.into_iter().collect();
    assert_eq!(left, [newest.as_str(), beach[0], beach[1]].map(str::to_owned).into());
}

#[tokio::test]
async fn a_bucket_of_more_files_than_memory_holds_is_not_pruned_and_the_run_says_what_to_do() {
    let mut site = Site::start().await;
    // As little as there can be: 50,000 files.
    site.listing_memory = ListingMemory::in_memory_of(Some(1));
    let folder = site.server.directory.join("films/studio/clips/films");
    for job in 0..51 {
        let folder = folder.join(format!("gone{job}-00000001/r1/clips"));
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..1_000 {
            std::fs::write(folder.join(format!("{number:032x}.mp4")), "").unwrap();
        }
    }
    let report = site.prune().await;
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Failed, 0));
    for part in ["more than the 50000 files", "raise the memory limit", "a prefix of its own"] {
        assert!(report.message.contains(part), "{}", report.message);
    }
    assert_eq!(measure(&site.bucket()).await.unwrap().usage.total.objects, 51_000);
    site.listing_memory = ListingMemory::in_memory_of(None);
    assert_eq!(site.run(&dry()).await.outcome, PruneOutcome::Completed);
}

#[tokio::test]
async fn a_pattern_that_cannot_be_read_stops_the_run_before_anything_is_asked() {
    let mut site = Site::start().await;
    site.put_clips("gone", 1);
    site.spec["protect"] = json!({"keys": ["clips/[a"]});
    let report = site.prune().await;
    assert_eq!(report.outcome, PruneOutcome::Failed);
    assert!(report.message.contains("is not a pattern of keys"), "{}", report.message);
    assert_eq!(site.keys().await.len(), 1);
}

#[tokio::test]
async fn a_run_takes_no_more_calls_than_it_must() {
    let site = Site::start().await;
    site.put_clips("gone", 2_500);
    let report = site.prune().await;
    assert_eq!(report.deleted.objects, 2_500, "{}", report.message);
    assert_eq!(report.calls.deletes, 3);
    let counters = site.proxy.counters();
    assert_eq!(counters.operations["DeleteObjects"], 3);
    // Ten folders, one of them of three pages, and what lies beside them.
    assert_eq!(counters.operations["ListObjects"], 13);
    assert_eq!(counters.operations["ListMultipartUploads"], 1);
    assert_eq!(report.calls.lists, 14);
}
