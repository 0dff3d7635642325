//! Messages about a job that is being deleted: why it stays, what becomes of its files, and where they lie.

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::VideoJob;

use super::model::Kept;
use crate::videojob::attempts::gone_at_the_latest;
use crate::videojob::model::PodFacts;

/// A pod that should have been gone for a while, and what to do.
pub fn stuck_terminating(job: &VideoJob, pods: &[PodFacts], now: Timestamp) -> Option<String> {
    let late = pods.iter().find(|pod| gone_at_the_latest(pod).is_some_and(|at| at <= now))?;
    let (namespace, pod) = (job.namespace().unwrap_or_default(), &late.name);
    Some(format!(
        "its pod {pod} is being stopped and should have been gone minutes ago; its node may be lost: kubectl -n \
         {namespace} delete pod {pod} --force once the node is gone for good"
    ))
}

/// Why the job is still there, and the ways out.
#[must_use]
pub fn why_it_stays(job: &VideoJob, what: &str) -> String {
    format!(
        "it is being deleted, and its files are to go with it: {what}; this is tried again and again. To let it go and \
         keep the files: kubectl -n {} patch vj {} --type merge -p \
         '{{\"spec\":{{\"artifacts\":{{\"onDelete\":\"Retain\"}}}}}}'",
        job.namespace().unwrap_or_default(),
        job.name_any()
    )
}

/// What was deleted, and what was not.
#[must_use]
pub fn swept_words(kept: &Kept) -> String {
    if kept.count == 0 {
        return "all its files are deleted".to_owned();
    }
    let more = if kept.count > kept.examples.len() { " and others" } else { "" };
    format!(
        "its files are deleted, but for {}, which protect.keys keeps or which are not Video Factory's: {}{more}",
        kept.count,
        kept.examples.join(", ")
    )
}

/// What is left behind because there is no way to it, and where.
#[must_use]
pub fn left_behind(job: &VideoJob, why: &str) -> String {
    format!(
        "its files could not be deleted and it is let go without: {why}. If the bucket still exists, they lie there \
         under {}; delete them there, or let a StoragePolicy for that bucket prune them",
        where_they_lie(job)
    )
}

/// What is left behind on purpose, and where.
#[must_use]
pub fn kept(job: &VideoJob, why: &str) -> String {
    format!("its files are kept and it is let go without: {why}. They lie under {}", where_they_lie(job))
}

fn where_they_lie(job: &VideoJob) -> String {
    let (namespace, name) = (job.namespace().unwrap_or_default(), job.name_any());
    let id = job.status.as_ref().and_then(|status| status.id.clone()).unwrap_or_default();
    format!("<kind>/{namespace}/{name}-{id}/ (kinds: work, clips, videos, thumbnails, captions, published)")
}
