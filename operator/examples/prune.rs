//! Prunes a bucket of which no job is left: `cargo run --release --example prune ENDPOINT BUCKET`, with the keys in
//! `ACCESS_KEY` and `SECRET_KEY`. Prints what it took as one line of JSON.

use std::collections::{BTreeSet, HashMap};

use anyhow::Context;
use async_trait::async_trait;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use videofactory_client::call::CallError;
use videofactory_crds::StoragePolicy;
use videofactory_crds::storagepolicy::{ObjectKind, PruneCause};
use videofactory_operator::storagepolicy::plan::{JobReference, RunRequest};
use videofactory_operator::storagepolicy::prune::{
    JobVersion, Jobs, ListingMemory, Marked, RECHECK_AFTER, RunContext, measure, prune,
};
use videofactory_pipeline::clock;
use videofactory_storage::{Bucket, BucketConfig, SecretText};

/// All jobs are gone: only the bucket is measured.
struct Nobody;

#[async_trait]
impl Jobs for Nobody {
    async fn list(&self, _: &str) -> Result<Vec<JobReference>, CallError> {
        Ok(Vec::new())
    }

    async fn versions(&self, _: &str) -> Result<HashMap<String, JobVersion>, CallError> {
        Ok(HashMap::new())
    }

    async fn get(&self, _: &str, _: &str) -> Result<Option<JobReference>, CallError> {
        Ok(None)
    }

    async fn mark(&self, _: &JobReference, _: &BTreeSet<ObjectKind>) -> Result<Marked, CallError> {
        Ok(Marked::Gone)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().context("say the endpoint")?;
    let name = arguments.next().context("say the bucket")?;
    let key = |name: &str| std::env::var(name).map(SecretText::new).with_context(|| format!("set {name}"));
    let bucket = Bucket::connect(&BucketConfig {
        endpoint: endpoint.clone(),
        public_endpoint: None,
        bucket: name.clone(),
        region: "auto".to_owned(),
        prefix: String::new(),
        access_key: key("ACCESS_KEY")?,
        secret_key: key("SECRET_KEY")?,
    })?;
    let policy: StoragePolicy = serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
        "metadata": {"name": "default", "namespace": "films"},
        "spec": {
            "bucket": {"endpoint": endpoint, "name": name, "secretRef": {"name": "s3"}},
            "capacity": {"limit": "10T"},
            "rules": [{"kinds": ["clips"], "olderThan": "1d"}],
            "brakes": {"maxObjects": 10_000_000, "maxPercent": 100},
        },
    }))?;
    // What a client of the bucket needs at all is there before anything is counted.
    bucket.check().await?;
    let idle = memory("VmRSS:")?;
    let namespaces = ["films".to_owned()].into();
    let now = clock::now();
    let listing_memory = ListingMemory::of_this_container();
    let run_context = RunContext {
        jobs: &Nobody,
        namespaces: &namespaces,
        sharing: &[],
        listing_memory: &listing_memory,
        now,
        recheck_after: RECHECK_AFTER,
    };
    let run_request = RunRequest { slot: now, cause: PruneCause::Schedule, dry_run: false, older_than: None };
    let report = prune(&run_context, &policy, &bucket, &run_request, &CancellationToken::new()).await;
    let left = measure(&bucket).await?;
    let figures = json!({
        "outcome": report.outcome,
        "message": report.message,
        "deleted": report.deleted.objects,
        "left": left.usage.by_kind.get(&ObjectKind::Clips).map_or(0, |clips| clips.objects),
        "seconds": report.duration.as_secs_f64(),
        "listCalls": report.calls.lists,
        "deleteCalls": report.calls.deletes,
        "mibAboveIdle": (memory("VmHWM:")? - idle) / 1024,
    });
    #[expect(clippy::print_stdout, reason = "its output is what it is for")]
    {
        println!("{figures}");
    }
    Ok(())
}

/// A figure of this process's memory in KiB.
fn memory(name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
