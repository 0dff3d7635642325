//! Decide: what was observed becomes the account's next status, which is also its ledger. Pure.
//!
//! First the grants are closed that are accounted for, then what is free is granted: both go into one write.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use videofactory_crds::bounds;
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::provideraccount::{AccountHealth, Grant, Waiter};
use videofactory_crds::{ProviderAccount, ProviderAccountStatus};

use super::calendar::plus;
use super::close_grants::ClosedGrants;
use super::conditions;
use super::demand::{Claim, ClaimState, Demand, HolderState, same_attempt};
use super::grant::{GrantBatch, grant};
use super::last_turns;
use super::ledger::{Ledger, quota_use};
use super::model::{Finding, Health, Observed};
use super::object_size;
use crate::events::{Event, EventReason};

/// Seconds after which a finding that says the same is written again.
const TOLD_AGAIN: i64 = 3_600;

/// What is to be written, reported and counted.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The status, to be written if it differs.
    pub status: ProviderAccountStatus,
    /// For people; once the status is written.
    pub events: Vec<Event>,
    /// How long each new grant was waited for, in seconds.
    pub waited: Vec<i64>,
    /// What the closed grants have brought to light.
    pub closed_grants: ClosedGrants,
    /// When to look again although nothing changed.
    pub wake_at: Option<Timestamp>,
}

/// Decides about one account.
#[must_use]
pub fn decide(observed: &Observed, now: Timestamp) -> Decision {
    let spec = &observed.account.spec;
    let before = observed.account.status.clone().unwrap_or_default();
    let mut ledger = Ledger::read(spec, &before, now);
    let closed_grants = ledger.close_grants(&observed.holders.holder_states, now);
    observed.holders.unknown.iter().for_each(|claim| ledger.adopt(claim, now));
    let closes_at = ledger.mark(&observed.holders.cached, now);
    ledger.forget_expired(&observed.holders.claims);

    // The cache may still show as asking who was just seen to ask no more.
    let seen = |claim: &Claim| {
        let is = |(grant, holder_state): &(Grant, HolderState)| {
            let asks = matches!(holder_state, HolderState::Holds | HolderState::Asks);
            !asks && same_attempt(&grant.holder, &claim.demand.holder)
        };
        observed.holders.holder_states.iter().any(is)
    };
    let lost = |claim: &Claim| ledger.has_expired(&claim.demand);
    let asking = |claim: &&Claim| claim.state == ClaimState::Asks && !seen(claim) && !lost(claim);
    let demands: Vec<Demand> =
        observed.holders.claims.iter().filter(asking).map(|claim| claim.demand.clone()).collect();
    let found = conditions::assess(observed, now);
    let mut batch =
        if found.may_grant { grant(&ledger, &demands, now) } else { nothing(&ledger, &demands, now) };
    ledger.name(&mut batch.grants, observed.account.metadata.uid.as_deref().unwrap_or_default(), now);
    let granted = batch.grants.iter().zip(&batch.granted);
    let waited = granted.map(|(grant, place)| waited(grant, &demands[*place], now)).collect();
    ledger.remember(&batch, &demands, now);
    let waiters: Vec<&Demand> = batch.waiters.iter().map(|place| &demands[*place]).collect();
    let named = waiters.iter().take(object_size::MAX_WAITERS).map(|demand| waiter(&ledger, demand));
    let named = object_size::first(named, object_size::WAITERS);
    let mut events = unsatisfiable(&ledger, &waiters, &before);
    ledger.grants.extend(batch.grants);
    ledger.reserve();

    let mut status = ProviderAccountStatus {
        observed_generation: observed.account.metadata.generation,
        quotas: ledger.quota_status(now),
        spend: ledger.spend_status(now),
        grants: ledger.grants.clone(),
        last_grant: ledger.last_grant,
        expired: ledger.expired.clone(),
        turns: last_turns::status(&ledger.turns),
        waiters: named,
        waiting: Some(i32::try_from(waiters.len()).unwrap_or(i32::MAX)),
        health: health(before.health.as_ref(), &observed.health),
        conditions: before.conditions.clone(),
    };
    events.extend(conditions::set(&mut status.conditions, found.states, &observed.account, now));
    let countable = ledger.quotas.iter().filter(|tally| tally.can_count_all());
    object_size::say_once(&mut status, countable.map(|tally| tally.quota.name.as_str()));
    let mut status = bounds::fit::<ProviderAccount, _>(status);
    spare_a_write(&mut status, &before);
    let warns_at = conditions::warns_at(spec).filter(|at| *at > now);
    let wake_at = batch.next_wake.into_iter().chain(warns_at).chain(closes_at).min();
    Decision { status, events, waited, closed_grants, wake_at }
}

/// Nobody is granted anything; all wait, in their order.
fn nothing(ledger: &Ledger, demands: &[Demand], now: Timestamp) -> GrantBatch {
    let blocked_by = Ledger { max_concurrent: Some(0), ..ledger.clone() };
    grant(&blocked_by, demands, now)
}

fn waited(grant: &Grant, demand: &Demand, now: Timestamp) -> i64 {
    // A grant may be given before its first opening, which is what was waited for.
    let begins = grant.openings.first().map_or(now, |opening| opening.at.0.max(now));
    begins.duration_since(demand.since).as_secs().max(0)
}

fn waiter(ledger: &Ledger, demand: &Demand) -> Waiter {
    let units: BTreeMap<String, i64> = quota_use(ledger, demand)
        .into_iter()
        .filter_map(|(window, each)| {
            let tally = ledger.quotas.get(window)?;
            Some((tally.quota.name.clone(), each.saturating_mul(demand.submissions)))
        })
        .collect();
    Waiter {
        name: demand.holder.name.clone().unwrap_or_default(),
        step: demand.holder.step,
        units,
        since: Some(whole_seconds(demand.since)),
    }
}

/// Events for demands that have become unsatisfiable.
fn unsatisfiable(ledger: &Ledger, waiters: &[&Demand], before: &ProviderAccountStatus) -> Vec<Event> {
    let new = |demand: &&&Demand| {
        let same = |waiter: &Waiter| {
            Some(&waiter.name) == demand.holder.name.as_ref() && waiter.step == demand.holder.step
        };
        !before.waiters.iter().any(same)
    };
    let reported = waiters.iter().take(object_size::MAX_WAITERS).filter(new).filter_map(|demand| {
        let step = demand.holder.step.map(|step| step.to_string()).unwrap_or_default();
        let name = demand.holder.name.as_deref().unwrap_or_default();
        let note = format!("{step} of VideoJob {name} waits for ever: {}", ledger.why_unsatisfiable(demand)?);
        Some(Event { warning: true, reason: EventReason::NeverGranted, action: "Grant".to_owned(), note })
    });
    reported.collect()
}

/// The finding, unless it only says again what stands there since a short while.
fn health(before: Option<&AccountHealth>, found: &Health) -> Option<AccountHealth> {
    let Health::Found(checked) = found else { return before.cloned() };
    let message = match &checked.finding {
        Finding::Fine => None,
        Finding::Refused(message) | Finding::Down(message) => Some(message.clone()),
    };
    let healthy = Some(!matches!(checked.finding, Finding::Down(_)));
    let fresh = |before: &&AccountHealth| {
        let at = before.checked_at.as_ref().map(|at| at.0);
        before.healthy == healthy
            && before.message == message
            && at.is_some_and(|at| checked.at < plus(at, TOLD_AGAIN) && at <= checked.at)
    };
    if let Some(before) = before.filter(fresh) {
        return Some(before.clone());
    }
    Some(AccountHealth {
        healthy,
        latency_milliseconds: i64::try_from(checked.took.as_millis()).ok(),
        checked_at: Some(Time(whole_seconds(checked.at).0)),
        message,
    })
}

/// Where the list of waiters is full, one more or less of the others is no reason to write.
fn spare_a_write(status: &mut ProviderAccountStatus, before: &ProviderAccountStatus) {
    let (Some(reported), Some(now)) = (before.waiting, status.waiting) else { return };
    let most = i32::try_from(object_size::MAX_WAITERS).unwrap_or(i32::MAX);
    let about_the_same =
        reported > most && now > most && (now - reported).abs().saturating_mul(10) < reported;
    let nothing_else = *before == ProviderAccountStatus { waiting: before.waiting, ..status.clone() };
    if about_the_same && nothing_else {
        status.waiting = before.waiting;
    }
}

#[cfg(test)]
mod tests;
