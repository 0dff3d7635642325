//! `StoragePolicy`: a bucket, its limits, and what may be deleted when.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::object_refs::{CaRef, LocalRef};
use crate::schedule::{CronSchedule, TimeZone};
use crate::units::{Duration, Quantity};

mod status;

pub use status::{
    BackupOutcome, BackupRun, KeptBecause, KindUsage, OperationsEstimate, PolicyHandled, PolicyPlace,
    PruneCause, PruneOutcome, PruneRun, StorageLevel, StoragePolicyStatus, StorageUsage,
};

/// A bucket, its limits, and what may be deleted when.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "videofactory.dev",
    version = "v1alpha1",
    kind = "StoragePolicy",
    plural = "storagepolicies",
    shortname = "sp",
    category = "videofactory",
    namespaced,
    doc = "A bucket of Cloudflare R2 or any S3, its limits, and what may be deleted when. Nothing is deleted \
           outside its rules, nor what an unfinished job needs.",
    status = "StoragePolicyStatus",
    derive = "PartialEq",
    printcolumn(name = "Bucket", type_ = "string", json_path = ".spec.bucket.name"),
    printcolumn(name = "Level", type_ = "string", json_path = ".status.level"),
    printcolumn(
        name = "Used", type_ = "integer", json_path = ".status.usage.percent",
        description = "Per cent of the limit"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.nextRunAt", priority = 1),
    printcolumn(
        name = "Message", type_ = "string", priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new(
        "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')"
    ).message(
        "the name of a StoragePolicy is a DNS label of at most 63 characters: lower-case letters, digits and \
         dashes"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct StoragePolicySpec {
    /// The bucket, and how to reach it.
    pub bucket: Bucket,

    /// How full the bucket may become.
    pub capacity: Capacity,

    /// When to prune, as five cron fields in timeZone. Default: "0 3 * * *", every day at 03:00.
    #[serde(default = "default_schedule")]
    pub schedule: CronSchedule,

    /// Time zone of the schedules, by its name in the IANA database. Default: Etc/UTC.
    #[serde(default = "default_time_zone")]
    pub time_zone: TimeZone,

    /// What may be deleted, in this order; at most 20 rules. Absent or empty: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub rules: Vec<PruneRule>,

    /// What is never deleted, whatever the rules say.
    pub protect: Option<Protect>,

    /// Age below which nothing is deleted. Default: 1h.
    #[serde(default = "default_grace")]
    pub grace: Duration,

    /// How much one run may delete; a run that would delete more stops and says so.
    #[serde(default)]
    pub brakes: Brakes,

    /// Age from which unfinished uploads are aborted. Default: 1d.
    #[serde(default = "default_abort_uploads_after")]
    pub abort_uploads_after: Duration,

    /// Whether to plan only: runs say what they would delete and delete nothing. Default: false.
    #[serde(default)]
    pub dry_run: bool,

    /// Backups of all Channels, ProviderAccounts, StoragePolicies and VideoJobs of the namespace, to backups/ in the
    /// bucket. Absent: none.
    pub backup: Option<Backup>,

    /// How many runs to remember, with their plans, 1 to 100. Default: 10.
    #[serde(default = "default_history")]
    #[schemars(range(min = 1, max = 100))]
    pub history: i32,

    /// Whether to stop pruning, backups, and deletion with jobs (artifacts.onDelete: Delete): the files of a job that is
    /// deleted meanwhile are left to the rules. Jobs continue. Default: false.
    #[serde(default)]
    pub suspend: bool,
}

fn default_schedule() -> CronSchedule {
    CronSchedule::new("0 3 * * *")
}

fn default_time_zone() -> TimeZone {
    TimeZone::new("Etc/UTC")
}

const fn default_grace() -> Duration {
    Duration::from_hours(1)
}

const fn default_abort_uploads_after() -> Duration {
    Duration::from_days(1)
}

const fn default_history() -> i32 {
    10
}

/// A bucket, and how to reach it.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// URL of the S3 service: for example https://<account>.r2.cloudflarestorage.com.
    #[schemars(length(min = 1, max = 500))]
    #[x_kube(validation = Rule::new("isURL(self) && url(self).getScheme() in ['http', 'https']").message(
        "endpoint must be an http or https URL"
    ))]
    pub endpoint: String,

    /// URL under which others reach the same bucket, for links to films. Default: "", none: a Webhook target is given a
    /// link to endpoint, which a receiver outside the cluster may not reach, and what is published in the bucket has no
    /// link.
    #[schemars(length(max = 500))]
    #[x_kube(validation = Rule::new(
        "self == '' || (isURL(self) && url(self).getScheme() in ['http', 'https'])"
    ).message("publicEndpoint must be an http or https URL"))]
    pub public_endpoint: Option<String>,

    /// Name of the bucket.
    #[schemars(length(min = 3, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9][a-z0-9.-]*[a-z0-9]$')").message(
        "a bucket's name has lower-case letters, digits, dots and dashes"
    ))]
    pub name: String,

    /// Region. Default: auto, as R2 has it.
    #[serde(default = "default_region")]
    #[schemars(length(min = 1, max = 63))]
    pub region: String,

    /// Put before every key, so that a bucket can be shared: for example factory/. Nothing outside it is ever
    /// touched. Default: "", none.
    #[serde(default)]
    #[schemars(length(max = 200))]
    #[x_kube(validation = Rule::new("self.matches('^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*$')").message(
        "a prefix is empty or ends with a slash: for example factory/"
    ))]
    pub prefix: String,

    /// The Secret with the keys accessKeyId and secretAccessKey. If it has the annotation
    /// videofactory.dev/allowed-hosts, they are used at these hosts alone.
    pub secret_ref: LocalRef,

    /// Where the bucket's name stands in a request: Path (https://host/bucket), VirtualHost (https://bucket.host) or Auto
    /// (Path, and VirtualHost where the server refuses that). Default: Auto.
    #[serde(default)]
    pub addressing: Addressing,

    /// A ConfigMap or Secret with the certificates, in PEM, of the authority that signed the server's own, where it is not
    /// one that everybody trusts. Absent: those that the system and the operator trust.
    pub ca_ref: Option<CaRef>,
}

/// Where a bucket's name stands in a request.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum Addressing {
    /// As the server takes it.
    #[default]
    Auto,
    /// In the path.
    Path,
    /// In the host.
    VirtualHost,
}

fn default_region() -> String {
    "auto".to_owned()
}

/// How full the bucket may become.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("!isQuantity(self.limit) || quantity(self.limit).isGreaterThan(quantity('0'))").message(
        "capacity.limit must be above 0"
    ),
    validation = Rule::new(not_above(&[("target", "limit"), ("warn", "limit"), ("stop", "limit")])).message(
        "capacity must rise: target, warn and stop must not be above limit"
    ),
    validation = Rule::new(not_above(&[("target", "warn"), ("warn", "stop"), ("target", "stop")])).message(
        "capacity must rise: target <= warn <= stop <= limit"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// Size at which only assembling and publishing still start: for example "10G".
    pub limit: Quantity,

    /// Size that pruning brings the bucket down to. Absent: 80 per cent of the limit, or warn where that is less.
    pub target: Option<Quantity>,

    /// Size at which a prune run starts. Absent: 90 per cent of the limit, or as near as target and stop allow.
    pub warn: Option<Quantity>,

    /// Size at which jobs that have written nothing yet wait. Absent: 95 per cent of the limit, or warn where
    /// that is more.
    pub stop: Option<Quantity>,
}

/// A CEL rule: in each pair the first size is at most the second, where both are there and readable.
fn not_above(pairs: &[(&str, &str)]) -> String {
    let rule = |(low, high): &(&str, &str)| {
        format!(
            "(!has(self.{low}) || !has(self.{high}) || !isQuantity(self.{low}) || !isQuantity(self.{high}) || \
             quantity(self.{low}).compareTo(quantity(self.{high})) <= 0)"
        )
    };
    pairs.iter().map(rule).collect::<Vec<_>>().join(" && ")
}

/// A policy's four sizes in bytes; `target <= warn <= stop <= limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaterMarks {
    /// What pruning brings the bucket down to.
    pub target: i64,
    /// Where a prune run starts.
    pub warn: i64,
    /// Where new jobs wait.
    pub stop: i64,
    /// Where only assembling and publishing start.
    pub limit: i64,
}

impl Capacity {
    /// All four sizes, those left out filled in.
    #[must_use]
    pub fn water_marks(&self) -> WaterMarks {
        let limit = self.limit.bytes();
        let share = |percent: i64| limit / 100 * percent;
        let target = self.target.map(Quantity::bytes);
        let stop = self.stop.map(Quantity::bytes);
        let lowest = target.unwrap_or(0);
        let warn =
            self.warn.map_or_else(|| share(90).min(stop.unwrap_or(limit)).max(lowest), Quantity::bytes);
        let stop = stop.unwrap_or_else(|| share(95).max(warn));
        let target = target.unwrap_or_else(|| share(80).min(warn));
        WaterMarks { target, warn, stop, limit }
    }
}

/// One rule of what may be deleted.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PruneRule {
    /// Kinds of files: work (storyboards, logs), clips (images, clips, voices), videos, thumbnails, captions or
    /// published.
    #[schemars(length(min = 1, max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub kinds: Vec<ObjectKind>,

    /// Age from which a file may be deleted: for example 7d.
    pub older_than: Duration,

    /// Keep the files of the newest so many finished jobs of each namespace, 0 to 100000. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub keep_last: i32,

    /// Delete only while the bucket is above this mark: target, warn or stop. Absent: always.
    pub when_above: Option<WaterMark>,

    /// Delete only files of finished jobs: those that are published everywhere, or succeeded with nothing to
    /// publish. Default: true.
    #[serde(default = "default_only_finished")]
    pub only_finished: bool,
}

const fn default_only_finished() -> bool {
    true
}

/// A kind of file in the bucket, the first part of its key; lower case on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::schema::plain_enum)]
pub enum ObjectKind {
    /// Storyboards, slots, outcomes, logs.
    Work,
    /// Images, clips and voices of scenes.
    Clips,
    /// Films.
    Videos,
    /// Still images that stand for films.
    Thumbnails,
    /// Caption files.
    Captions,
    /// What was published to the bucket.
    Published,
}

/// A mark of the bucket's fill level; lower case on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::schema::plain_enum)]
pub enum WaterMark {
    /// `capacity.target`.
    Target,
    /// `capacity.warn`.
    Warn,
    /// `capacity.stop`.
    Stop,
}

/// What is never deleted.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Protect {
    /// Patterns of keys, without the prefix: * is anything up to the next slash, ** anything. At most 50. For
    /// example videos/*/brand-*/**.
    #[schemars(length(max = 50), inner(length(min = 1, max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub keys: Option<Vec<String>>,

    /// Files of the VideoJobs with these labels.
    pub jobs: Option<LabelSelector>,
}

/// How much one run may delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Brakes {
    /// Most files in one run, 1 to 10000000. Default: 10000.
    #[serde(default = "default_max_objects")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_objects: i64,

    /// Most of the bucket's bytes in one run, in per cent, 1 to 100. Default: 50.
    #[serde(default = "default_max_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub max_percent: i32,
}

const fn default_max_objects() -> i64 {
    10_000
}

const fn default_max_percent() -> i32 {
    50
}

impl Default for Brakes {
    fn default() -> Self {
        Self { max_objects: default_max_objects(), max_percent: default_max_percent() }
    }
}

/// When to back up, and how many backups to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// When, as five cron fields in the policy's timeZone: for example "0 4 * * 0".
    pub schedule: CronSchedule,

    /// How many backups to keep, 1 to 1000. Default: 8.
    #[serde(default = "default_keep_backups")]
    #[schemars(range(min = 1, max = 1000))]
    pub keep_last: i32,
}

const fn default_keep_backups() -> i32 {
    8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity(target: Option<&str>, warn: Option<&str>, stop: Option<&str>) -> WaterMarks {
        let read = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        Capacity { limit: "10G".parse().unwrap(), target: read(target), warn: read(warn), stop: read(stop) }
            .water_marks()
    }

    #[test]
    fn absent_water_marks_are_eighty_ninety_and_ninety_five_per_cent() {
        let marks = capacity(None, None, None);
        assert_eq!(
            marks,
            WaterMarks {
                target: 8_000_000_000,
                warn: 9_000_000_000,
                stop: 9_500_000_000,
                limit: 10_000_000_000
            }
        );
    }

    #[test]
    fn absent_water_marks_never_break_the_order() {
        let choices = [None, Some("1G"), Some("5G"), Some("9900M"), Some("10G")];
        for target in choices {
            for warn in choices {
                for stop in choices {
                    let given = [target, warn, stop].map(|text| text.map(|t| t.parse::<Quantity>().unwrap()));
                    if !given.iter().flatten().is_sorted() {
                        continue;
                    }
                    let marks = capacity(target, warn, stop);
                    assert!(
                        [marks.target, marks.warn, marks.stop, marks.limit].is_sorted(),
                        "{target:?} {warn:?} {stop:?} became {marks:?}"
                    );
                }
            }
        }
    }
}
