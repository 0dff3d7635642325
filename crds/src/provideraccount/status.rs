//! What of an account's limits is spent, reserved and waited for: its status is its ledger.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::step::StepName;
use crate::units::Money;

/// What is spent, reserved and waited for.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderAccountStatus {
    /// Generation of the spec that this status speaks of; -1 until it was first looked at.
    pub observed_generation: Option<i64>,

    /// The quotas' windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 21))]
    pub quotas: Vec<QuotaStatus>,

    /// Open reservations: what steps may spend and have not accounted for yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 1000))]
    pub grants: Vec<Grant>,

    /// Number of the last grant that was given; no number is given twice.
    pub last_grant: Option<i64>,

    /// Attempts that did not begin with what they were granted in time, and whose grant was closed. They are granted
    /// nothing more: who still wants it asks again, as the next attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub expired: Vec<Holder>,

    /// The first 50 who wait, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 50))]
    pub waiters: Vec<Waiter>,

    /// How many wait in all.
    pub waiting: Option<i32>,

    /// When those who wait, or did until a short while ago, had their last turn: who gets nothing rises from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 200))]
    pub turns: Vec<LastTurn>,

    /// Money spent and reserved in the current period.
    pub spend: Option<SpendStatus>,

    /// Whether the service answers.
    pub health: Option<AccountHealth>,

    /// Ready, Stalled, Healthy and CredentialsValid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A quota's window.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaStatus {
    /// Name of the quota.
    #[schemars(length(max = 63))]
    pub name: String,

    /// Units in a window.
    pub limit: Option<i64>,

    /// Units spent in the current window.
    pub used: Option<i64>,

    /// Units granted and not accounted for yet.
    pub reserved: Option<i64>,

    /// When the next unit is free, if none is now.
    pub next_unit_at: Option<Time>,

    /// Until when the service itself refuses.
    pub blocked_until: Option<Time>,

    /// Of an Anchored quota: by when its last window had ended.
    pub reset_at: Option<Time>,

    /// Whether every open grant of such work counts here, also one that does not say so: the quota was added while so
    /// many were open that there was no room to say it in each.
    pub counts_all_grants: Option<bool>,

    /// Units spent, oldest first; for large limits, and where there are many quotas, in buckets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 250))]
    pub spent: Vec<SpentAt>,
}

/// Units of one quota that were spent at one time.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpentAt {
    /// When; of a bucket, its latest time.
    pub at: Time,

    /// How many units.
    pub units: i64,

    /// The channel that they were spent for, where that is known.
    #[schemars(length(max = 253))]
    pub channel: Option<String>,
}

/// A reservation for one attempt of one step.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Its own name, which no other grant of any account has: the account's UID and a number.
    #[schemars(length(max = 80))]
    pub id: Option<String>,

    /// Whose it is.
    pub holder: Holder,

    /// When it was given. Who does not begin with it within some minutes loses it.
    pub given_at: Option<Time>,

    /// Closing or Begun; absent: it is there to be begun with.
    pub state: Option<GrantState>,

    /// Units, by quota.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, i64>,

    /// Submissions that the attempt may make.
    pub submissions: Option<i64>,

    /// When the submissions may be made, first ones first; absent: at once. A grant is given a pod's start-up time before
    /// its first opening, so that a window is used from its first moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 1000))]
    pub openings: Vec<Opening>,

    /// What they are expected to cost, in US dollars.
    pub price: Option<Money>,

    /// The attempt's share of the account's requestsPerSecond.
    pub requests_per_second: Option<f64>,

    /// The channel that they are for.
    #[schemars(length(max = 253))]
    pub channel: Option<String>,
}

/// What becomes of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum GrantState {
    /// It is about to be taken back. Its holder must not begin with it; if it had begun before, it keeps it.
    Closing,
    /// It was about to be taken back, and its holder had begun: it is held until that attempt is accounted for.
    Begun,
}

/// Submissions that may be made from a time on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// From when on.
    pub at: Time,

    /// Number of submissions.
    pub submissions: i64,
}

/// The attempt that a grant belongs to.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// UID of the VideoJob.
    #[schemars(length(max = 63))]
    pub uid: String,

    /// Name of the VideoJob.
    #[schemars(length(max = 63))]
    pub name: Option<String>,

    /// Its run.
    pub run: Option<i64>,

    /// The step.
    pub step: Option<StepName>,

    /// The attempt.
    pub attempt: Option<i32>,
}

/// Who waits for a unit.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiter {
    /// Name of the VideoJob.
    #[schemars(length(max = 63))]
    pub name: String,

    /// The step that waits.
    pub step: Option<StepName>,

    /// Units wanted, by quota.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, i64>,

    /// Since when.
    pub since: Option<Time>,
}

/// When the films of a channel that ask for the same work with the same priority were last granted something.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastTurn {
    /// The channel; absent: films without one.
    #[schemars(length(max = 253))]
    pub channel: Option<String>,

    /// The step that asks.
    pub step: Option<StepName>,

    /// The model, if one is named.
    #[schemars(length(max = 200))]
    pub model: Option<String>,

    /// The films' priority; absent: 0.
    pub priority: Option<i32>,

    /// When the last of what they were granted opened.
    pub at: Time,
}

/// Money spent and reserved in the current period.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpendStatus {
    /// US dollars spent.
    pub used: Option<Money>,

    /// US dollars estimated for what is granted and not accounted for yet.
    pub reserved: Option<Money>,

    /// What was spent in the current period, oldest first, in buckets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 250))]
    pub spent: Vec<PaidAt>,
}

/// Money that was spent at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaidAt {
    /// When; of a bucket, its latest time.
    pub at: Time,

    /// US dollars.
    pub amount: Money,
}

/// Whether the service answers.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountHealth {
    /// Whether the last look went well.
    pub healthy: Option<bool>,

    /// How long it took, in milliseconds.
    pub latency_milliseconds: Option<i64>,

    /// When it was.
    pub checked_at: Option<Time>,

    /// What was found.
    pub message: Option<String>,
}
