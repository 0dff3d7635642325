//! What a policy says may be deleted, made ready for a plan.

use std::collections::{BTreeMap, HashMap};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};
use videofactory_crds::StoragePolicy;
use videofactory_crds::storagepolicy::{ObjectKind, Protect, PruneRule, WaterMark, WaterMarks};

use super::super::location::arrived;

/// A policy whose rules cannot be followed: nothing is deleted.
#[derive(Debug, thiserror::Error)]
pub enum ReadRulesError {
    /// A pattern of keys is none.
    #[error(
        "protect.keys: {pattern:?} is not a pattern of keys ({problem}): write one such as videos/*/brand-*/**"
    )]
    ReadPattern {
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
    /// The same of another policy for the same place.
    #[error("StoragePolicy {policy}, whose files are in the same place: {problem}")]
    ReadSharing {
        /// Its namespace and name.
        policy: String,
        /// What cannot be read.
        problem: Box<Self>,
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
    /// Patterns of all policies that have their files here.
    keys: Vec<GlobSet>,
    jobs: Vec<Selector>,
    /// When each namespace's first policy came to this place.
    seen_since: HashMap<String, i64>,
}

impl Rules {
    /// Reads them. What other policies for the same place protect is protected too, and the longest grace counts.
    pub fn of(policy: &StoragePolicy, sharing: &[StoragePolicy]) -> Result<Self, ReadRulesError> {
        let spec = &policy.spec;
        let mut rules = Self {
            rules: spec.rules.clone(),
            marks: spec.capacity.water_marks(),
            grace: seconds(spec.grace),
            max_objects: u64::try_from(spec.brakes.max_objects).unwrap_or_default(),
            max_percent: u64::try_from(spec.brakes.max_percent).unwrap_or_default(),
            keys: Vec::new(),
            jobs: Vec::new(),
            seen_since: HashMap::new(),
        };
        rules.heed(policy)?;
        rules.sees(policy, arrived(policy).map_or(i64::MIN, |there| there.since.0.as_second()));
        for other in sharing {
            if let Some(there) = arrived(other) {
                rules.sees(other, there.since.0.as_second());
            }
            rules.heed(other).map_err(|problem| ReadRulesError::ReadSharing {
                policy: format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()),
                problem: Box::new(problem),
            })?;
            rules.grace = rules.grace.max(seconds(other.spec.grace));
        }
        Ok(rules)
    }

    /// Takes in what a policy protects.
    fn heed(&mut self, policy: &StoragePolicy) -> Result<(), ReadRulesError> {
        let Protect { keys, jobs } = policy.spec.protect.clone().unwrap_or_default();
        let patterns = keys.unwrap_or_default();
        if !patterns.is_empty() {
            self.keys.push(globs(&patterns)?);
        }
        // As everywhere in Kubernetes, an empty selector selects all.
        let jobs = jobs.map(Selector::try_from).transpose();
        self.jobs.extend(jobs.map_err(|error| ReadRulesError::ReadSelector { problem: error.to_string() })?);
        Ok(())
    }

    /// A policy lets us see the jobs of its namespace since it came here.
    fn sees(&mut self, policy: &StoragePolicy, came: i64) {
        let made = policy.creation_timestamp().map_or(i64::MIN, |made| made.0.as_second());
        let came = came.max(made);
        let since = self.seen_since.entry(policy.namespace().unwrap_or_default()).or_insert(came);
        *since = came.min(*since);
    }

    /// Since when the jobs of a namespace have had a policy for this place; as late as can be where they have none.
    pub(super) fn seen_since(&self, namespace: &str) -> i64 {
        self.seen_since.get(namespace).copied().unwrap_or(i64::MAX)
    }

    /// Whether any pattern protects keys.
    #[must_use]
    pub const fn protects_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether a pattern protects this key (without the bucket's prefix).
    #[must_use]
    pub fn protects_key(&self, key: &str) -> bool {
        self.keys.iter().any(|keys| keys.is_match(key))
    }

    /// Whether the files of a job with these labels are protected.
    #[must_use]
    pub fn protects_job(&self, labels: &BTreeMap<String, String>) -> bool {
        self.jobs.iter().any(|jobs| jobs.matches(labels))
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
