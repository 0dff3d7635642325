//! Jobs that change between plan and delete keep their files.

use std::time::Duration;

use videofactory_crds::storagepolicy::{ObjectKind, PruneOutcome};
use videofactory_operator::storagepolicy::plan::{JobLifecycle, JobReference};
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::jobs::{Call, finished, job, write};
use super::{HOUR, Site, clip, kept};

/// A finished job `done` with three clips, to which something happens before a call of the run.
async fn run_while(
    call: Call,
    number: usize,
    change: impl FnOnce(&mut JobReference) + Send + 'static,
) -> Site {
    let site = Site::start().await;
    site.jobs.add("done", finished());
    site.put_clips("done", 3);
    site.put_clips("gone", 1);
    site.jobs.before(call, number, |jobs| write(jobs.get_mut("done").unwrap(), change));
    let report = site.prune().await;
    assert_eq!(report.outcome, PruneOutcome::Completed, "{}", report.message);
    assert_eq!(report.deleted.objects, 1, "{:?}", report.kept);
    assert_eq!(kept(&report)["job changed after the plan"], 3);
    assert_eq!(site.keys().await, [clip("done", 0), clip("done", 1), clip("done", 2)]);
    site
}

fn edit(job: &mut JobReference) {
    job.facts.generation += 1;
}

fn retry(job: &mut JobReference) {
    job.facts.requests.insert("videofactory.dev/retry-requested-at".into(), "2026-11-26T03:00:01Z".into());
}

fn restart(job: &mut JobReference) {
    job.facts.run += 1;
    job.facts.lifecycle = JobLifecycle::Live;
}

fn resume(job: &mut JobReference) {
    job.facts.lifecycle = JobLifecycle::Live;
}

fn label(job: &mut JobReference) {
    job.facts.labels.insert("keep".into(), "true".into());
}

#[tokio::test]
async fn a_job_that_is_edited_after_the_plan_keeps_its_files_and_is_not_marked() {
    for change in [edit, retry, restart, resume, label] {
        let site = run_while(Call::Versions, 1, change).await;
        assert_eq!(site.jobs.pruned("done"), []);
        assert_eq!(site.jobs.calls(Call::Mark), 0);
    }
}

#[tokio::test]
async fn a_job_that_is_edited_while_it_is_marked_keeps_its_files() {
    let site = run_while(Call::Mark, 1, edit).await;
    assert_eq!(site.jobs.pruned("done"), []);
}

#[tokio::test]
async fn a_job_that_is_edited_after_it_was_marked_keeps_its_files_and_loses_the_mark() {
    let site = run_while(Call::Versions, 2, edit).await;
    assert_eq!(site.jobs.pruned("done"), []);
    assert_eq!(site.jobs.calls(Call::Mark), 3, "one mark, and one to take it back at the second try");
}

#[tokio::test]
async fn a_job_whose_status_is_written_for_another_reason_is_pruned_all_the_same() {
    let site = Site::start().await;
    site.jobs.add("done", finished());
    site.put_clips("done", 3);
    for (call, number) in [(Call::Versions, 1), (Call::Mark, 1), (Call::Versions, 2)] {
        site.jobs.before(call, number, |jobs| write(jobs.get_mut("done").unwrap(), |_| ()));
    }
    let report = site.prune().await;
    assert_eq!(report.deleted.objects, 3, "{}", report.message);
    assert_eq!(site.jobs.pruned("done"), [ObjectKind::Clips]);
}

#[tokio::test]
async fn a_job_that_somebody_else_writes_without_end_keeps_its_files() {
    let site = Site::start().await;
    site.jobs.add("done", finished());
    site.put_clips("done", 3);
    for number in 1..10 {
        site.jobs.before(Call::Mark, number, |jobs| write(jobs.get_mut("done").unwrap(), |_| ()));
    }
    let report = site.prune().await;
    assert_eq!(report.deleted.objects, 0);
    assert_eq!(kept(&report)["job changed after the plan"], 3);
    assert_eq!(site.jobs.calls(Call::Mark), 5);
}

#[tokio::test]
async fn a_job_that_is_restored_after_the_plan_keeps_its_files() {
    for id in [Some(super::ID.to_owned()), None] {
        let site = Site::start().await;
        site.put_clips("back", 3);
        site.put_clips("gone", 1);
        site.jobs.before(Call::Versions, 1, |jobs| {
            let mut back = job("back", JobLifecycle::Live);
            back.facts.id = id;
            jobs.insert("back".into(), back);
        });
        let report = site.prune().await;
        assert_eq!(report.deleted.objects, 1, "{}", report.message);
        assert_eq!(kept(&report)["job changed after the plan"], 3);
    }
}

#[tokio::test]
async fn a_new_job_of_an_old_name_holds_none_of_the_old_files() {
    let site = Site::start().await;
    site.put_clips("again", 3);
    site.jobs.before(Call::Versions, 1, |jobs| {
        let mut again = job("again", JobLifecycle::Live);
        again.facts.id = Some("2".into());
        jobs.insert("again".into(), again);
    });
    let report = site.prune().await;
    assert_eq!(report.deleted.objects, 3, "{}", report.message);
}

#[tokio::test]
async fn a_job_that_is_deleted_after_the_plan_is_left_to_the_next_run() {
    let site = Site::start().await;
    site.jobs.add("done", finished());
    site.put_clips("done", 3);
    site.jobs.before(Call::Versions, 1, |jobs| {
        jobs.remove("done");
    });
    assert_eq!(site.prune().await.deleted.objects, 0);
    assert_eq!(site.prune().await.deleted.objects, 3);
}

#[tokio::test]
async fn a_retry_between_two_batches_saves_what_is_left() {
    let site = Site::start().await;
    site.jobs.add("done", finished());
    site.put_clips("done", 1_500);
    // One look before the first batch, one after its mark, one before the second batch.
    site.jobs.before(Call::Versions, 3, |jobs| write(jobs.get_mut("done").unwrap(), retry));
    let report = site.prune().await;
    assert_eq!(report.deleted.objects, 1_000, "{}", report.message);
    assert_eq!(kept(&report)["job changed after the plan"], 500);
    assert_eq!(site.jobs.pruned("done"), [ObjectKind::Clips], "some are gone: the mark stays");
}

#[tokio::test]
async fn without_an_answer_about_the_jobs_nothing_is_deleted() {
    for call in [Call::List, Call::Versions, Call::Mark] {
        let site = Site::start().await;
        site.jobs.add("done", finished());
        site.put_clips("done", 3);
        site.jobs.down_from(call, 1);
        let report = site.prune().await;
        assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Failed, 0), "{call:?}");
        assert!(report.message.contains("the API server gave no answer"), "{}", report.message);
        assert_eq!(site.keys().await.len(), 3);
    }
}

#[tokio::test]
async fn a_job_that_is_edited_while_its_files_are_inspected_keeps_them() {
    let site = Site::with_rules(serde_json::json!([{"kinds": ["clips"], "olderThan": "1h"}])).await;
    site.jobs.add("done", finished());
    site.put(&clip("done", 0), 10, HOUR + 60);
    site.proxy.set_faults(vec![Fault::always(Effect::Hold).on("HeadObject")]).unwrap();
    let edited = async {
        while site.proxy.held().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        site.jobs.change("done", edit);
        site.proxy.set_faults(Vec::new()).unwrap();
    };
    let (report, ()) = tokio::join!(site.prune(), edited);
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Completed, 0), "{}", report.message);
    assert_eq!(kept(&report)["job changed after the plan"], 1);
    assert_eq!((site.jobs.pruned("done"), site.jobs.calls(Call::Mark)), (vec![], 0));
    assert_eq!(site.keys().await, [clip("done", 0)]);
}

#[tokio::test]
async fn a_job_that_is_edited_before_a_failed_request_is_repeated_keeps_what_is_left() {
    let site = Site::start().await;
    site.jobs.add("done", finished());
    site.put_clips("done", 3);
    site.proxy.set_faults(vec![Fault::always(Effect::Unavailable).on("DeleteObjects").times(1)]).unwrap();
    // Looked at before and after the mark, and before the second try.
    site.jobs.before(Call::Versions, 3, |jobs| write(jobs.get_mut("done").unwrap(), retry));
    let report = site.prune().await;
    // Whether the first try deleted something nobody knows.
    assert_eq!((report.deleted.objects, report.failed.objects), (0, 3), "{}", report.message);
    assert_eq!(site.keys().await.len(), 3);
    assert_eq!(site.proxy.counters().operations.get("DeleteObjects"), None, "it was sent again");
}
