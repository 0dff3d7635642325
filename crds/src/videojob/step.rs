//! How far one step is, what it asks its accounts for, and what it has spent of them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::condition::StepState;
use crate::step::StepName;
use crate::units::Money;

/// How far one step is.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// The step.
    pub name: StepName,

    /// Pending, Waiting, Running, Succeeded, Failed or Skipped.
    pub state: Option<StepState>,

    /// Why it is in this state.
    pub reason: Option<crate::condition::VideoJobReason>,

    /// What that means, how long it lasts, and what a person can do.
    pub message: Option<String>,

    /// Number of the current or last attempt of this job; each is one Job with one pod, and a new run counts on.
    pub attempt: Option<i32>,

    /// Failures in a row; a finished scene starts the count again.
    pub failures: Option<i32>,

    /// Interruptions in a row (pods stopped, evicted or lost) without progress.
    pub interruptions: Option<i32>,
    /// Tries in a row that a service or the bucket turned away; decides how long the next one waits.
    pub retries: Option<i32>,

    /// Name of the attempt's Job.
    #[schemars(length(max = 63))]
    pub job: Option<String>,

    /// Digest of everything that this step's output depends on.
    #[schemars(length(max = 64))]
    pub input_digest: Option<String>,

    /// Digest of its output.
    #[schemars(length(max = 64))]
    pub output_digest: Option<String>,

    /// The model in use, once resolved.
    #[schemars(length(max = 200))]
    pub model: Option<String>,

    /// Its scenes, if it works scene by scene.
    pub scenes: Option<ScenesStatus>,

    /// What it asks its accounts for, and what it has spent of what it was granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["account".into()]))]
    #[schemars(length(max = 12))]
    pub demands: Vec<Demand>,

    /// What was paid for, or may have been, and is not there: a retry allows one more submission for each of these, by the
    /// digest of what it is made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["digest".into()]))]
    pub unresolved: Vec<DigestSubmissions>,

    /// How many submissions in all a person has allowed for these digests; for any other, two may bring nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["digest".into()]))]
    pub permitted: Vec<DigestSubmissions>,

    /// A person's permission to pay once more for what was delivered before this time and is gone.
    pub permitted_before: Option<Time>,

    /// Digest of the output that a person approved.
    #[schemars(length(max = 64))]
    pub approved: Option<String>,

    /// A provider's refusal that lasts.
    pub rate_limit: Option<RateLimitStatus>,

    /// When the next attempt may start, after a failure.
    pub retry_at: Option<Time>,

    /// When the current or last attempt started.
    pub started_at: Option<Time>,

    /// When the step ended.
    pub finished_at: Option<Time>,

    /// What it has cost so far, in US dollars.
    pub cost: Option<Money>,

    /// Version of the account's credentials that the last attempt used; others may fix what it complained of.
    #[schemars(length(max = 300))]
    pub credentials: Option<String>,

    /// Whether what it had made, and was paid for, has vanished from the bucket: a person decides whether it is made again.
    pub gone: Option<bool>,

    /// Whether the attempt is a survey: it takes stock and downloads what is paid for, and submits nothing.
    pub survey: Option<bool>,

    /// Whether the attempt makes one scene alone, the one of spec.preview.
    pub preview: Option<bool>,
}

impl StepStatus {
    /// The record of a step that nothing is known of.
    #[must_use]
    pub const fn new(name: StepName) -> Self {
        Self {
            name,
            state: None,
            reason: None,
            message: None,
            attempt: None,
            failures: None,
            interruptions: None,
            retries: None,
            job: None,
            input_digest: None,
            output_digest: None,
            model: None,
            scenes: None,
            demands: Vec::new(),
            unresolved: Vec::new(),
            permitted: Vec::new(),
            permitted_before: None,
            approved: None,
            rate_limit: None,
            retry_at: None,
            started_at: None,
            finished_at: None,
            cost: None,
            credentials: None,
            gone: None,
            survey: None,
            preview: None,
        }
    }
}

/// Submissions for one thing.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DigestSubmissions {
    /// Digest of what it is made from.
    #[schemars(length(max = 32))]
    pub digest: String,

    /// How many, in all.
    pub submissions: Option<i64>,
}

/// A step's scenes, counted from 0 in the storyboard's order; sets are written as intervals: `0-4,7`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScenesStatus {
    /// How many there are.
    pub total: Option<i32>,

    /// Those that are done: for example 0-4,7.
    #[schemars(length(max = 400))]
    pub completed: Option<String>,

    /// Those whose content the provider refuses.
    #[schemars(length(max = 400))]
    pub refused: Option<String>,

    /// Those for which a paid call may or may not have been made.
    #[schemars(length(max = 400))]
    pub unknown: Option<String>,

    /// How many are still to be submitted to a paid service, as far as the last attempt knew.
    pub left: Option<i32>,
}

/// What one attempt of a step asks one account for. The account answers with a grant in its own status; what was spent
/// of it stands here until the account has recorded it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Demand {
    /// Name of the ProviderAccount.
    #[schemars(length(max = 63))]
    pub account: String,

    /// The attempt that asks.
    pub attempt: Option<i32>,

    /// The model that is to be used; empty: the provider's usual one.
    #[schemars(length(max = 200))]
    pub model: Option<String>,

    /// Submissions wanted.
    pub submissions: Option<i64>,

    /// Seconds of the provider's time that each is expected to take, for quotas that count seconds.
    pub seconds_each: Option<i64>,

    /// What each is expected to cost, in US dollars.
    pub price_each: Option<Money>,

    /// Since when it is asked for; kept from attempt to attempt while the step waits.
    pub since: Option<Time>,

    /// When this attempt asked for it.
    pub asked_at: Option<Time>,

    /// Submissions that were granted, once the attempt was begun with them.
    pub granted: Option<i64>,

    /// Id of the grant that the attempt was begun with.
    #[schemars(length(max = 80))]
    pub grant: Option<String>,

    /// Whether the attempt's spending is known: `spent` is all of it.
    pub settled: Option<bool>,

    /// What the attempt has spent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 20))]
    pub spent: Vec<SpentUnits>,

    /// Until when the service itself refuses, as far as it said.
    pub blocked_until: Option<Time>,
}

/// Submissions that were spent at one time.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpentUnits {
    /// When the provider answered; an upper bound of when it counted.
    pub at: Time,

    /// How many submissions.
    pub submissions: i64,

    /// Seconds of the provider's time that they took, where that is counted.
    pub seconds: Option<i64>,

    /// What they cost, in US dollars.
    pub cost: Option<Money>,
}

/// A provider's refusal that lasts.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitStatus {
    /// When it ends.
    pub resume_at: Option<Time>,

    /// How many times in a row the provider has refused.
    pub hits: Option<i32>,
}
