//! Prune runs against a real S3 server, with scripted jobs, behind a proxy that fails on demand.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod backups;
mod broken_off;
mod faults;
mod jobs;
mod ownership;
mod races;
mod runs;
mod second_server;
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use futures::TryStreamExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use videofactory_crds::StoragePolicy;
use videofactory_crds::storagepolicy::PruneCause;
use videofactory_operator::storagepolicy::plan::RunRequest;
use videofactory_operator::storagepolicy::prune::{ListingMemory, RunContext, RunReport, prune};
use videofactory_storage::Bucket;
use videofactory_tests::r2_proxy::{ProxyOptions, R2Proxy};

use jobs::Script;
use servers::Server;

const BUCKET: &str = "films";
const PREFIX: &str = "studio";
/// The `status.id` of all jobs.
const ID: &str = "00000001";
const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;

/// A bucket, the jobs of its namespace, and the policy for it.
struct Site {
    server: Server,
    proxy: R2Proxy,
    jobs: Script,
    namespaces: BTreeSet<String>,
    spec: Value,
    listing_memory: ListingMemory,
}

impl Site {
    /// An empty bucket whose policy has these rules and no brakes.
    async fn with_rules(rules: Value) -> Self {
        Self::on(Server::versitygw().await, rules).await
    }

    async fn on(server: Server, rules: Value) -> Self {
        let options =
            ProxyOptions { keys: Some(server.keys.clone()), ..ProxyOptions::before(server.url.as_str()) };
        let proxy = R2Proxy::start(options).await.unwrap();
        let spec = json!({
            "bucket": {
                "endpoint": server.url, "name": BUCKET, "prefix": "studio/", "secretRef": {"name": "s3"},
            },
            "capacity": {"limit": "1G"},
            "rules": rules,
            "brakes": {"maxObjects": 10_000_000, "maxPercent": 100},
        });
        let namespaces = ["films".to_owned()].into();
        let listing_memory = ListingMemory::in_memory_of(None);
        Self { server, proxy, jobs: Script::default(), namespaces, spec, listing_memory }
    }

    /// Clips of finished jobs go after a week.
    async fn start() -> Self {
        Self::with_rules(json!([{"kinds": ["clips"], "olderThan": "7d"}])).await
    }

    /// The bucket through the proxy.
    fn bucket(&self) -> Bucket {
        Bucket::connect(&self.server.config(&self.proxy.url())).unwrap()
    }

    fn policy(&self) -> StoragePolicy {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": "default", "namespace": "films"},
            "spec": self.spec,
        }))
        .unwrap()
    }

    /// Puts an object of so many bytes and seconds of age into the bucket.
    fn put(&self, key: &str, bytes: usize, age: u64) {
        put_file(&self.server.directory.join(BUCKET).join(PREFIX).join(key), bytes, age);
    }

    /// So many clips of one job, all eight days old.
    fn put_clips(&self, owner: &str, count: usize) {
        for number in 0..count {
            self.put(&clip(owner, number), 10, 8 * DAY);
        }
    }

    /// What is left, without plans.
    async fn keys(&self) -> Vec<String> {
        let direct = Bucket::connect(&self.server.config(&self.server.url)).unwrap();
        let all: Vec<_> = direct.list("").try_collect().await.unwrap();
        all.into_iter().map(|object| object.key).filter(|key| !key.starts_with("plans/")).collect()
    }

    async fn run(&self, run_request: &RunRequest) -> RunReport {
        self.run_until(run_request, &CancellationToken::new()).await
    }

    async fn run_until(&self, run_request: &RunRequest, stop: &CancellationToken) -> RunReport {
        prune(&self.run_context(), &self.policy(), &self.bucket(), run_request, stop).await
    }

    async fn run_on(&self, bucket: &Bucket, run_request: &RunRequest) -> RunReport {
        prune(&self.run_context(), &self.policy(), bucket, run_request, &CancellationToken::new()).await
    }

    fn run_context(&self) -> RunContext<'_> {
        RunContext {
            jobs: &self.jobs,
            namespaces: &self.namespaces,
            sharing: &[],
            listing_memory: &self.listing_memory,
            now: now(),
            recheck_after: Duration::ZERO,
        }
    }

    /// The run that was due.
    async fn prune(&self) -> RunReport {
        self.run(&run_request()).await
    }
}

fn put_file(path: &std::path::Path, bytes: usize, age: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, vec![7_u8; bytes]).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::from(now()) - Duration::from_secs(age)).unwrap();
}

/// Now, to the second.
fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(videofactory_pipeline::clock::now().as_second()).unwrap()
}

fn run_request() -> RunRequest {
    let slot = "2026-11-26T03:00:00Z".parse().unwrap();
    RunRequest { slot, cause: PruneCause::Schedule, dry_run: false, older_than: None }
}

fn dry() -> RunRequest {
    RunRequest { dry_run: true, ..run_request() }
}

fn clip(owner: &str, number: usize) -> String {
    clip_of_run(owner, 1, number)
}

fn clip_of_run(owner: &str, run: i64, number: usize) -> String {
    format!("clips/films/{owner}-{ID}/r{run}/clips/{number:032}.mp4")
}

fn film(owner: &str) -> String {
    format!("videos/films/{owner}-{ID}/r1/{:032x}.mp4", 10)
}

/// What a report says was kept, by reason.
fn kept(report: &RunReport) -> BTreeMap<&str, u64> {
    report.kept.iter().map(|kept| (kept.reason.as_str(), kept.tally.objects)).collect()
}
