//! How long a plan over a million files takes, and how much memory: `cargo run --release --example plan [FILES]`.
//!
//! Prints one line of JSON, and fails if a file takes more memory than is set aside for it. The listing is made first, and
//! the plan's file is written last: both count in the memory, not in the time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use serde_json::json;
use videofactory_crds::StoragePolicy;
use videofactory_crds::storagepolicy::PruneCause;
use videofactory_operator::storagepolicy::plan::{
    Folder, JobLifecycle, JobReference, Listing, References, Rules, RunRequest, VideoJobFacts, plan,
};
use videofactory_operator::storagepolicy::prune::{BYTES_PER_FILE, write_plan};
use videofactory_pipeline::Digest;

const DAY: i64 = 86_400;
const NOW: i64 = 20_000 * DAY;
const FILES_A_JOB: usize = 100;

fn main() -> anyhow::Result<()> {
    let files = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse::<usize>())?;
    let policy = policy()?;
    let rules = Rules::of(&policy, &[])?;
    let idle = resident()?;
    let listing = listing(files);
    let references = references(files / FILES_A_JOB)?;
    let listed = resident()?;
    let now = Timestamp::from_second(NOW)?;
    let run_request = RunRequest { slot: now, cause: PruneCause::Schedule, dry_run: false, older_than: None };
    let started = Instant::now();
    let plan = plan(&listing, &rules, &references, &run_request, now);
    let seconds = started.elapsed().as_secs_f64();
    let file = write_plan(&listing, &plan, &rules.rules)?;
    let (at_most, files) = (peak()? - idle, listing.objects().len() as u64);
    let bytes_a_file = at_most * 1024 / files;
    let figures = json!({
        "files": files,
        "deleted": plan.deletions.len(),
        "seconds": seconds,
        "mib_listed": (listed - idle) / 1024,
        "mib_at_most": at_most / 1024,
        "mib_of_plans_file": file.len() / 1024 / 1024,
        "bytes_a_file": bytes_a_file,
        "most_bytes_a_file": BYTES_PER_FILE,
    });
    #[expect(clippy::print_stdout, reason = "its output is what it is for")]
    {
        println!("{figures}");
    }
    ensure!(
        bytes_a_file <= BYTES_PER_FILE,
        "a file takes {bytes_a_file} bytes of memory until its run ends, more than the {BYTES_PER_FILE} that are set aside"
    );
    Ok(())
}

fn policy() -> anyhow::Result<StoragePolicy> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
        "metadata": {"name": "default", "namespace": "films"},
        "spec": {
            "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
            "capacity": {"limit": "10T"},
            "rules": [
                {"kinds": ["clips"], "olderThan": "7d"},
                {"kinds": ["videos"], "olderThan": "30d", "keepLast": 5},
                {"kinds": ["clips"], "olderThan": "3d", "whenAbove": "target"},
                {"kinds": ["work", "thumbnails", "captions"], "olderThan": "30d"},
                {"kinds": ["videos"], "olderThan": "2d", "whenAbove": "target"},
            ],
            "protect": {"keys": ["videos/*/brand-*/**"], "jobs": {"matchLabels": {"keep": "true"}}},
            "brakes": {"maxObjects": 10_000_000, "maxPercent": 100},
        },
    }))?)
}

/// Files of jobs as they are in a bucket: half clips, half of the rest; over 90 days. Each folder is listed by itself, as
/// a run does.
fn listing(files: usize) -> Listing {
    let mut folder_listings: BTreeMap<Folder, Listing> = BTreeMap::new();
    for number in 0..files {
        let (job, file) = (number / FILES_A_JOB, number % FILES_A_JOB);
        // Digits that no compression makes shorter.
        let digest = Digest::of_bytes(&number.to_be_bytes());
        let (folder, name) = match file {
            0 => ("videos", format!("{digest}.mp4")),
            1 => ("thumbnails", format!("{digest}.jpg")),
            2 | 3 => ("captions", format!("{digest}.srt")),
            4..50 => ("work", format!("slots/animate-scenes/{digest}/submit-1.json")),
            _ => ("clips", format!("clips/{digest}.mp4")),
        };
        let Some(folder) =
            Folder::ALL.into_iter().find(|known| known.prefix().trim_end_matches('/') == folder)
        else {
            continue;
        };
        let key = format!("{}films/video-{job:06}-3f9c2a1e/r1/{name}", folder.prefix());
        let days = i64::try_from(job % 90).unwrap_or_default();
        let spread = i64::try_from(number % 80_000).unwrap_or_default();
        let modified = u32::try_from(NOW - days * DAY - spread).unwrap_or_default();
        let folder_listing = folder_listings.entry(folder).or_default();
        folder_listing.add(folder, &key, 1_000_000 + number as u64 % 1_000, modified);
    }
    let mut listing = Listing::default();
    for folder_listing in folder_listings.into_values() {
        listing.absorb(folder_listing);
    }
    listing.shrink();
    listing
}

/// Three of four jobs are there, one of ten of them unfinished.
fn references(jobs: usize) -> anyhow::Result<References> {
    let at = Timestamp::from_second(NOW - 10 * DAY)?;
    let there = (0..jobs).filter(|job| job % 4 != 0).map(|job| JobReference {
        namespace: "films".to_owned(),
        name: format!("video-{job:06}"),
        version: "1".to_owned(),
        facts: VideoJobFacts {
            uid: job.to_string(),
            generation: 1,
            id: Some("3f9c2a1e".to_owned()),
            run: 1,
            lifecycle: if job % 10 == 1 { JobLifecycle::Live } else { JobLifecycle::Finished { at } },
            labels: [("keep".to_owned(), (job % 50 == 3).to_string())].into(),
            requests: std::collections::BTreeMap::new(),
        },
        pruned: BTreeSet::new(),
    });
    Ok(References::new(["films".to_owned()].into(), there))
}

/// Resident memory in KiB.
fn resident() -> anyhow::Result<u64> {
    field("VmRSS:")
}

/// The most there was, in KiB.
fn peak() -> anyhow::Result<u64> {
    field("VmHWM:")
}

fn field(name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
