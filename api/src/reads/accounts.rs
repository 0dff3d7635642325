//! GET `/accounts`: what is used of the services' quotas, what is left, and who waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::provideraccount::{Provider, QuotaStatus, QuotaUnit, Waiter, Window};
use videofactory_crds::{Money, ProviderAccount, ProviderAccountStatus, StepName};

use super::allowed_namespaces;
use super::storage::at;
use crate::access::Caller;
use crate::problem::Problem;
use crate::query::{NamespaceQuery, Parameters, check_name};
use crate::schemas;
use crate::state::{Guarded, State};

/// The accounts that a caller may see.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountList {
    /// The accounts, ordered by namespace and name.
    pub items: Vec<AccountStats>,
}

/// Usage of an account, and the steps that wait for it.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountStats {
    /// The account, as `<namespace>/<name>`.
    pub id: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The service.
    #[schema(value_type = schemas::Provider)]
    pub provider: Provider,
    /// Whether it can be used.
    pub ready: bool,
    /// The reason why it cannot be used, if it cannot.
    pub message: Option<String>,
    /// Whether the service answers.
    pub health: Option<HealthStats>,
    /// Expiry of its credentials, if `credentialsExpireAt` of the account says so.
    pub credentials_expire_at: Option<Timestamp>,
    /// Its quotas.
    pub quotas: Vec<QuotaStats>,
    /// How many steps wait for a unit.
    pub waiting: i32,
    /// The first of them, at most 50, in order.
    pub waiters: Vec<WaiterStats>,
    /// Money spent in the current period.
    pub spend: Option<SpendStats>,
}

/// Whether a service answers.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthStats {
    /// Whether the last check succeeded.
    pub healthy: bool,
    /// How long it took.
    pub latency_milliseconds: Option<i64>,
    /// When it was.
    pub checked_at: Option<Timestamp>,
    /// The result of the last check.
    pub message: Option<String>,
}

/// A quota's current window.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuotaStats {
    /// Its name.
    pub name: String,
    /// The unit that it counts.
    #[schema(value_type = Option<schemas::QuotaUnit>)]
    pub unit: Option<QuotaUnit>,
    /// How its window moves.
    #[schema(value_type = Option<schemas::QuotaWindow>)]
    pub window: Option<Window>,
    /// How long its window is.
    #[schema(example = "2h")]
    pub period: Option<String>,
    /// Units in a window.
    pub limit: i64,
    /// Units spent in the current one.
    pub used: i64,
    /// Units granted and not accounted for yet.
    pub reserved: i64,
    /// Units neither spent nor granted.
    pub remaining: i64,
    /// When the next unit is free, if none is now.
    pub next_unit_at: Option<Timestamp>,
    /// Until when the service itself refuses.
    pub blocked_until: Option<Timestamp>,
}

/// A step that waits.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaiterStats {
    /// Its job, as `<namespace>/<name>`.
    #[schema(value_type = schemas::JobId)]
    pub job: String,
    /// The step.
    #[schema(value_type = Option<schemas::StepName>)]
    pub step: Option<StepName>,
    /// Units wanted, by quota.
    pub units: BTreeMap<String, i64>,
    /// Since when it waits.
    pub since: Option<Timestamp>,
}

/// Money spent in the current period.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpendStats {
    /// Most that may be spent in a period. Absent: no limit.
    #[schema(value_type = Option<schemas::Usd>)]
    pub limit: Option<Money>,
    /// Length of the period.
    #[schema(example = "30d")]
    pub period: Option<String>,
    /// Spent.
    #[schema(value_type = schemas::Usd)]
    pub used: Money,
    /// Estimated for what is granted and not accounted for yet.
    #[schema(value_type = schemas::Usd)]
    pub reserved: Money,
}

/// Usage of the services' quotas, what is left, and the steps that wait.
#[utoipa::path(get, path = "/accounts", operation_id = "list_accounts", tag = "accounts", params(NamespaceQuery), responses(
    (status = 200, description = "Each account that you may see", body = AccountList),
))]
pub async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Parameters(query): Parameters<NamespaceQuery>,
) -> Result<Json<AccountList>, Problem> {
    let listed = listed(&state, &caller, &query).await?;
    let readable = listed.iter().filter_map(|account| account.0.as_ref().ok());
    let mut items: Vec<AccountStats> = readable.map(AccountStats::of).collect();
    items.sort_unstable_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
    Ok(Json(AccountList { items }))
}

/// The accounts that the caller may list, of those that are asked for.
pub async fn listed(
    state: &State,
    caller: &Caller,
    query: &NamespaceQuery,
) -> Result<Vec<Arc<Guarded<ProviderAccount>>>, Problem> {
    let named = query.namespace.as_deref();
    check_name("namespace", named)?;
    let mut accounts = state.stores.accounts.state();
    let there: BTreeSet<String> = accounts.iter().filter_map(|account| account.namespace()).collect();
    let scope = allowed_namespaces::of(state, caller, "provideraccounts", named, there).await?;
    accounts.retain(|account| scope.holds(account.meta().namespace.as_deref().unwrap_or_default()));
    Ok(accounts)
}

impl AccountStats {
    /// Of this one.
    pub fn of(account: &ProviderAccount) -> Self {
        let namespace = account.namespace().unwrap_or_default();
        let status = account.status.clone().unwrap_or_default();
        let ready = condition::get(&status.conditions, ConditionType::Ready);
        let is_ready = ready.is_some_and(|ready| ready.status == "True");
        Self {
            id: format!("{namespace}/{}", account.name_any()),
            name: account.name_any(),
            provider: account.spec.provider,
            ready: is_ready,
            message: ready.filter(|_| !is_ready).map(|ready| ready.message.clone()),
            credentials_expire_at: at(account.spec.credentials_expire_at.clone()),
            quotas: quotas(account),
            waiting: status.waiting.unwrap_or_default(),
            spend: spend(account, &status),
            health: status.health.map(|health| HealthStats {
                healthy: health.healthy.unwrap_or_default(),
                latency_milliseconds: health.latency_milliseconds,
                checked_at: at(health.checked_at),
                message: health.message,
            }),
            waiters: status.waiters.into_iter().map(|waiter| WaiterStats::of(&namespace, waiter)).collect(),
            namespace,
        }
    }
}

impl WaiterStats {
    fn of(namespace: &str, waiter: Waiter) -> Self {
        Self {
            job: format!("{namespace}/{}", waiter.name),
            step: waiter.step,
            units: waiter.units,
            since: at(waiter.since),
        }
    }
}

/// The quotas of an account: those in its status, with what its spec says of them.
pub fn quotas(account: &ProviderAccount) -> Vec<QuotaStats> {
    let reported = account.status.iter().flat_map(|status| &status.quotas);
    reported.map(|quota| quota_stats(account, quota)).collect()
}

fn quota_stats(account: &ProviderAccount, quota: &QuotaStatus) -> QuotaStats {
    let asked = account.spec.quotas.iter().flatten().find(|asked| asked.name == quota.name);
    let [limit, used, reserved] = [quota.limit, quota.used, quota.reserved].map(Option::unwrap_or_default);
    QuotaStats {
        name: quota.name.clone(),
        unit: asked.map(|asked| asked.unit),
        window: asked.map(|asked| asked.window),
        period: asked.map(|asked| asked.period.to_string()),
        limit,
        used,
        reserved,
        remaining: limit.saturating_sub(used).saturating_sub(reserved).max(0),
        next_unit_at: at(quota.next_unit_at.clone()),
        blocked_until: at(quota.blocked_until.clone()),
    }
}

fn spend(account: &ProviderAccount, status: &ProviderAccountStatus) -> Option<SpendStats> {
    let limit = account.spec.spend.as_ref();
    let spend = status.spend.as_ref();
    (limit.is_some() || spend.is_some()).then(|| SpendStats {
        limit: limit.map(|limit| limit.limit),
        period: limit.map(|limit| limit.period.to_string()),
        used: spend.and_then(|spend| spend.used).unwrap_or_default(),
        reserved: spend.and_then(|spend| spend.reserved).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_account_shows_what_is_left_and_who_waits() {
        let account: ProviderAccount = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
            "metadata": {"name": "grok", "namespace": "films"},
            "spec": {"provider": "XAI", "secretRef": {"name": "grok"},
                     "quotas": [{"name": "generations", "limit": 25, "period": "2h"}],
                     "spend": {"limit": "100", "period": "30d"}},
            "status": {
                "quotas": [{"name": "generations", "limit": 25, "used": 20, "reserved": 7,
                            "nextUnitAt": "2026-12-24T18:00:00Z"}],
                "waiting": 2, "waiters": [{"name": "ocean", "step": "animate-scenes", "units": {"generations": 3}}],
                "health": {"healthy": true, "latencyMilliseconds": 12},
            },
        }))
        .unwrap();
        let reported = serde_json::to_value(AccountStats::of(&account)).unwrap();
        assert_eq!(
            reported["quotas"][0],
            json!({
                "name": "generations", "unit": "Requests", "window": "Rolling", "period": "2h", "limit": 25, "used": 20,
                "reserved": 7, "remaining": 0, "nextUnitAt": "2026-12-24T18:00:00Z",
            })
        );
        assert_eq!(reported["waiters"][0]["job"], "films/ocean");
        assert_eq!(
            reported["spend"],
            json!({"limit": "100.00", "period": "30d", "used": "0.00", "reserved": "0.00"})
        );
        assert_eq!(
            (&reported["id"], &reported["health"]["latencyMilliseconds"], &reported["ready"]),
            (&json!("films/grok"), &json!(12), &json!(false))
        );
    }
}
