//! What a policy says may be deleted, made ready for a plan.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jiff::Timestamp;
use kube::core::{Selector, SelectorExt};
use videofactory_crds::StoragePolicySpec;
use videofactory_crds::storagepolicy::{ObjectKind, PruneRule, WaterMark, WaterMarks};

/// A policy whose rules cannot be followed: nothing is deleted.
#[derive(Debug, thiserror::Error)]
pub enum ReadRulesError {
    /// A pattern of keys is none.
    #[error(
        "protect.keys: {pattern:?} is not a pattern of keys ({problem}): write one such as videos/*/brand-*/**"
    )]
    ReadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A label selector is none.
    #[error(
        "protect.jobs cannot be read ({problem}): use matchLabels, or matchExpressions with In, NotIn, Exists \
             or DoesNotExist"
    )]
    ReadSelector {
        /// What is wrong with it.
        problem: String,
    },
}

/// A policy's rules, made ready.
#[derive(Clone, Debug)]
pub struct Rules {
    /// In order.
    pub rules: Vec<PruneRule>,
    /// The bucket's four sizes.
    pub marks: WaterMarks,
    /// Seconds below which nothing is deleted.
    pub grace: i64,
    /// Most objects of one run.
    pub max_objects: u64,
    /// Most of the bucket's bytes in one run, in per cent.
    pub max_percent: u64,
    keys: Option<GlobSet>,
    jobs: Option<Selector>,
}

impl Rules {
    /// Reads them.
    pub fn of(spec: &StoragePolicySpec) -> Result<Self, ReadRulesError> {
        let protect = spec.protect.clone().unwrap_or_default();
        let patterns = protect.keys.unwrap_or_default();
        // As everywhere in Kubernetes, an empty selector selects all.
        let jobs = protect
            .jobs
            .map(Selector::try_from)
            .transpose()
            .map_err(|error| ReadRulesError::ReadSelector { problem: error.to_string() })?;
        Ok(Self {
            rules: spec.rules.clone(),
            marks: spec.capacity.water_marks(),
            grace: seconds(spec.grace),
            max_objects: u64::try_from(spec.brakes.max_objects).unwrap_or_default(),
            max_percent: u64::try_from(spec.brakes.max_percent).unwrap_or_default(),
            keys: (!patterns.is_empty()).then(|| globs(&patterns)).transpose()?,
            jobs,
        })
    }

    /// Whether any pattern protects keys.
    #[must_use]
    pub const fn protects_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Whether a pattern protects this key (without the bucket's prefix).
    #[must_use]
    pub fn protects_key(&self, key: &str) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.is_match(key))
    }

    /// Whether the files of a job with these labels are protected.
    #[must_use]
    pub fn protects_job(&self, labels: &BTreeMap<String, String>) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.matches(labels))
    }

    /// A mark's size.
    #[must_use]
    pub const fn mark(&self, mark: WaterMark) -> i64 {
        match mark {
            WaterMark::Target => self.marks.target,
            WaterMark::Warn => self.marks.warn,
            WaterMark::Stop => self.marks.stop,
        }
    }
}

/// Whether a rule speaks of this kind.
pub(super) fn covers(rule: &PruneRule, kind: ObjectKind) -> bool {
    rule.kinds.contains(&kind)
}

/// The latest time at which what is at least `age` seconds old can have been written.
pub(super) fn written_by(now: Timestamp, age: i64) -> i64 {
    now.as_second().saturating_sub(age)
}

/// A span in seconds, for arithmetic with times.
pub(super) fn seconds(span: videofactory_crds::units::Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

fn globs(patterns: &[String]) -> Result<GlobSet, ReadRulesError> {
    let refuse = |pattern: &str, error: &globset::Error| ReadRulesError::ReadPattern {
        pattern: pattern.to_owned(),
        problem: error.kind().to_string(),
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        // `*` ends at a slash, `**` does not.
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        set.add(glob.map_err(|error| refuse(pattern, &error))?);
    }
    set.build().map_err(|error| refuse(&patterns.join(", "), &error))
}
