//! Runs that are broken off: the next one finishes, and no count is wrong.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

use tokio_util::sync::CancellationToken;
use videofactory_crds::storagepolicy::{ObjectKind, PruneCause, PruneOutcome};
use videofactory_operator::storagepolicy::plan::{JobLifecycle, RunRequest};
use videofactory_operator::storagepolicy::prune::measure;
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::jobs::{Call, finished};
use super::{Site, kept, run_request};

/// Polls a future at most so many times, then drops it; whether it ended.
async fn drop_after<T>(polls: u32, work: impl Future<Output = T>) -> bool {
    let mut work = pin!(work);
    let mut left = polls;
    std::future::poll_fn(|context: &mut Context<'_>| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        work.as_mut().poll(context).map(|_| true)
    })
    .await
}

async fn site() -> Site {
    let site = Site::start().await;
    site.jobs.add("done", finished());
    site.jobs.add("busy", JobLifecycle::Live);
    for owner in ["done", "busy", "gone"] {
        site.put_clips(owner, 700);
    }
    site
}

#[tokio::test]
async fn a_run_that_is_dropped_at_any_moment_is_finished_by_the_next() {
    let resumed = RunRequest { cause: PruneCause::Resumed, ..run_request() };
    let mut polls = 1;
    loop {
        let site = site().await;
        let ended = drop_after(polls, site.prune()).await;
        let left = site.keys().await.len();
        assert!(left >= 700, "after {polls} polls a file of an unfinished job was gone");
        let report = site.run(&resumed).await;
        assert_eq!(report.outcome, PruneOutcome::Completed, "after {polls} polls: {}", report.message);
        let now = site.keys().await;
        assert_eq!(now.len(), 700, "after {polls} polls");
        assert!(now.iter().all(|key| key.contains("/busy-00000001/")), "after {polls} polls");
        // Requests that were under way when the first run was dropped may have been carried out since.
        assert!(report.deleted.objects <= left as u64, "after {polls} polls: {report:?}");
        assert_eq!(site.jobs.pruned("done"), [ObjectKind::Clips], "after {polls} polls");
        assert_eq!(site.jobs.pruned("busy"), []);
        assert_eq!(report.usage, Some(measure(&site.bucket()).await.unwrap().usage), "after {polls} polls");
        if ended {
            break;
        }
        polls += 1 + polls / 6;
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_says_what_it_has_done_and_no_more() {
    let site = Site::start().await;
    site.put_clips("gone", 9_000);
    let stop = CancellationToken::new();
    // There is a look at the jobs before each batch: stopped at the third, which is the last that is begun.
    site.jobs.before(Call::Versions, 3, {
        let stop = stop.clone();
        move |_| stop.cancel()
    });
    let report = site.run_until(&run_request(), &stop).await;
    assert_eq!(report.outcome, PruneOutcome::Interrupted, "{}", report.message);
    let left = site.keys().await.len() as u64;
    assert_eq!((report.deleted.objects, left), (3_000, 6_000));
    assert_eq!(kept(&report)["run ended before its turn"], left);
    assert_eq!(report.usage, Some(measure(&site.bucket()).await.unwrap().usage));
    let report = site.run(&RunRequest { cause: PruneCause::Resumed, ..run_request() }).await;
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Completed, left));
}

#[tokio::test]
async fn a_run_that_is_stopped_while_the_server_is_silent_ends_at_once() {
    let site = Site::start().await;
    site.put_clips("gone", 10);
    site.proxy.set_faults(vec![Fault::always(Effect::Hold).on("ListObjects")]).unwrap();
    let stop = CancellationToken::new();
    let run_request = run_request();
    let (report, ()) = tokio::join!(site.run_until(&run_request, &stop), async { stop.cancel() });
    assert_eq!((report.outcome, report.deleted.objects), (PruneOutcome::Interrupted, 0));
    site.proxy.set_faults(Vec::new()).unwrap();
    assert_eq!(site.keys().await.len(), 10);
}
