//! What an attempt is begun with: its accounts, and what it may submit to each.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::ProviderAccountSpec;
use videofactory_crds::provideraccount::Grant;
use videofactory_pipeline::contract::{AccountAccess, Allowance, Opening};

use super::super::model::ExternalAccount;
use super::accounts::versions;

/// How an attempt may begin.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LaunchPlan {
    /// The accounts, with what may be submitted to each.
    pub accounts: BTreeMap<String, AccountAccess>,
    /// Their Secrets.
    pub secrets: BTreeMap<String, String>,
    /// Nothing is submitted: what there is is fetched and reported.
    pub survey: bool,
    /// The attempt for which a survey accounts.
    pub accounts_for: Option<i32>,
    /// Scenes for which nothing may be submitted move as pictures.
    pub still_motion: bool,
    /// Version of the credentials.
    pub credentials: Option<String>,
    /// The attempt may have been started before.
    pub again: bool,
}

/// A launch plan with nothing to submit.
pub(super) fn idle(accounts: &BTreeMap<String, ExternalAccount>) -> LaunchPlan {
    let accesses = accounts.iter().map(|(name, account)| {
        let access = AccountAccess {
            provider: account.spec.provider,
            endpoint: account.spec.endpoint.clone().unwrap_or_default(),
            allowed_host: account.allowed_host.clone(),
            ca: account.spec.ca_ref.clone(),
            workflows: workflows(&account.spec),
            prices: account.spec.prices.clone().unwrap_or_default(),
            keyless: account.spec.is_keyless(),
            requests_at_once: requests_at_once(&account.spec),
            allowance: Allowance::default(),
        };
        (name.clone(), access)
    });
    let secrets = accounts
        .iter()
        .filter_map(|(name, account)| Some((name.clone(), account.spec.secret_ref.as_ref()?.name.clone())));
    LaunchPlan {
        accounts: accesses.collect(),
        secrets: secrets.collect(),
        credentials: versions(accounts),
        ..LaunchPlan::default()
    }
}

/// The `ConfigMap` with the account's workflows; empty: none.
fn workflows(spec: &ProviderAccountSpec) -> String {
    spec.workflows_ref.as_ref().map(|workflows| workflows.name.clone()).unwrap_or_default()
}

/// Most requests of one attempt at once; none: as many as the worker makes.
fn requests_at_once(spec: &ProviderAccountSpec) -> Option<u32> {
    let most = spec.most_at_once().filter(|_| spec.provider.is_self_hosted())?;
    u32::try_from(most).ok()
}

/// A launch plan to fetch and report what was paid for, and to submit nothing.
pub(super) fn survey(accounts: &BTreeMap<String, ExternalAccount>) -> LaunchPlan {
    LaunchPlan { survey: true, ..idle(accounts) }
}

/// Lets an attempt submit what this account has granted.
pub(super) fn allow(plan: &mut LaunchPlan, account: &str, grant: &Grant) {
    let Some(access) = plan.accounts.get_mut(account) else { return };
    let count = |submissions: i64| u32::try_from(submissions.max(0)).unwrap_or(u32::MAX);
    access.allowance = Allowance {
        submissions: count(grant.submissions.unwrap_or_default()),
        openings: grant
            .openings
            .iter()
            .map(|opening| Opening { at: opening.at.0, submissions: count(opening.submissions) })
            .collect(),
        requests_per_second: grant.requests_per_second,
    };
}

/// Seconds until the last submission of a launch plan may be made: its attempt takes so much longer.
pub(super) fn opening_delay(plan: &LaunchPlan, now: Timestamp) -> u32 {
    let last =
        plan.accounts.values().flat_map(|access| &access.allowance.openings).map(|opening| opening.at).max();
    let delay = last.map_or(SignedDuration::ZERO, |last| last.duration_since(now));
    u32::try_from(delay.as_secs().max(0)).unwrap_or(u32::MAX)
}
