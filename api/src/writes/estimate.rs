//! An estimate as JSON: what films would cost, and what they need of their accounts' quotas.

use jiff::Timestamp;
use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;
use videofactory_client::{Estimate, QuotaNeed};
use videofactory_crds::Money;
use videofactory_crds::provideraccount::QuotaUnit;

use crate::schemas;

/// The expected cost of jobs of which nothing is made yet, and what they need of their accounts' quotas.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateEstimate {
    /// The part that is known.
    #[schema(value_type = schemas::Usd)]
    cost: Money,
    /// What is missing in it because its price is not known: why, and what to do. Empty: nothing is missing.
    unknown: Vec<String>,
    /// Units of quotas that are needed, as far as the accounts are known. Empty: no quota counts what is made.
    quotas: Vec<QuotaEstimate>,
    /// When the last of all these units is free, if whoever waits already comes first. Absent: all are free now.
    last_unit_at: Option<Timestamp>,
}

/// Units that jobs need of a quota of an account.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuotaEstimate {
    /// Name of the account.
    account: String,
    /// Name of the quota.
    quota: String,
    /// The unit that it counts.
    #[schema(value_type = schemas::QuotaUnit)]
    unit: QuotaUnit,
    /// Units that are needed.
    units: i64,
    /// Units that are neither spent nor granted now.
    remaining: i64,
    /// When the last of the units is free, if whoever waits already comes first. Absent: all are free now.
    last_unit_at: Option<Timestamp>,
}

impl CreateEstimate {
    /// What is estimated, as it reads now.
    pub(super) fn of(estimate: Estimate, now: Timestamp) -> Self {
        let last_unit_at = estimate.last_unit_at(now);
        let Estimate { cost, unknown, needs } = estimate;
        let quotas = needs.into_iter().map(|need| QuotaEstimate::of(need, now));
        Self { cost, unknown, quotas: quotas.collect(), last_unit_at }
    }
}

impl QuotaEstimate {
    fn of(need: QuotaNeed, now: Timestamp) -> Self {
        Self {
            remaining: need.remaining(now),
            last_unit_at: need.last_unit_at(now),
            account: need.account,
            quota: need.quota,
            unit: need.unit,
            units: need.units,
        }
    }
}
