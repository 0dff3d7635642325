//! Requests quota before anything is spent: demand, grant, attempt, record in the ledger; then the next demand.
//!
//! The status holds the demand until the account has recorded what was spent of it, so that a crash anywhere loses no
//! unit: an attempt is raised only when nothing of the one before is left to be recorded.

use std::collections::BTreeMap;

use jiff::Timestamp;
use videofactory_crds::StepName;
use videofactory_crds::condition::{VideoJobReason, whole_seconds};
use videofactory_crds::provideraccount::GrantState;
use videofactory_crds::settings::OnRateLimit;
use videofactory_crds::videojob::Demand;
use videofactory_pipeline::{Digest, Settings};

use super::super::model::ExternalAccount;
use super::super::verdict::Verdict;
use super::accounts::external_accounts;
use super::begin_attempt::launch;
use super::budget::over_budget;
use super::demands::{forget_recorded, withdraw, write_off};
use super::draft::{Draft, later};
use super::grants::{grant_for, unrecorded};
use super::launch_plan::{LaunchPlan, allow, idle, survey};
use super::messages::asks_for;
use super::quota_needs::needs;
use super::quota_waits::waiting;
use super::step::Transitions;
use super::survey::{Survey, due_survey, may_be_made, may_have_other_artifacts, unaccounted};
use super::walk::Walk;
use crate::provideraccount::has_expired;

/// How long accounts are given to answer, where something else can be done.
const ANSWER_WITHIN: i64 = 10;

/// Begins the step with what its accounts have granted, or says what it waits for.
pub(super) fn request_quota(
    walk: &mut Walk<'_>,
    draft: &mut Draft<'_>,
    name: StepName,
    input: &Digest,
    may_ask: bool,
) {
    match may_begin(draft, walk.film.settings, name, input, may_ask) {
        Ok((attempt, plan)) => launch(walk, draft, name, input, attempt, plan),
        Err(verdict) => {
            draft.asking.insert(name);
            walk.verdicts.push(*verdict);
        }
    }
}

/// Whether the step may begin, and as which attempt; the verdict says what it waits for. Who may not ask may still take
/// stock of what was paid for.
fn may_begin(
    draft: &mut Draft<'_>,
    settings: &Settings,
    name: StepName,
    input: &Digest,
    may_ask: bool,
) -> Result<(i32, LaunchPlan), Box<Verdict>> {
    let accounts = external_accounts(draft, settings, name);
    let next = draft.step(name).and_then(|step| step.attempt).unwrap_or_default() + 1;
    let due = due_survey(draft, &accounts, name, input);
    if let Some(Survey::Spending(accounts_for)) = due {
        return Ok((next, LaunchPlan { accounts_for, ..survey(&accounts) }));
    }
    if unaccounted(draft, name).is_some() {
        let now = draft.now;
        write_off(draft.step_mut(name), now);
    }
    if let Some(account) = unrecorded(draft, name) {
        return Err(Box::new(Verdict::Waiting {
            reason: VideoJobReason::AwaitingQuota,
            message: format!("{name}: account {account} records what was spent").into(),
            step: Some(name),
            at: None,
        }));
    }
    let since = forget_recorded(draft.step_mut(name));
    if accounts.is_empty() {
        draft.step_mut(name).demands.clear();
        return Ok((next, LaunchPlan::default()));
    }
    if draft.step(name).is_some_and(|step| may_have_other_artifacts(step, input)) {
        draft.step_mut(name).demands.clear();
    }
    if let Some(Survey::Artifacts) = due {
        return Ok((next, survey(&accounts)));
    }
    if !may_ask {
        withdraw(draft.step_mut(name));
        let message = "asks for nothing, because the job has failed";
        return Err(Box::new(Verdict::waits(name, VideoJobReason::AwaitingQuota, message, None)));
    }
    if draft.step(name).is_none_or(|step| step.demands.is_empty()) {
        return demand(draft, settings, name, input, &accounts, since, next);
    }
    answered(draft, settings, name, input, &accounts)
}

/// Writes down what is asked for, unless nothing has to be.
fn demand(
    draft: &mut Draft<'_>,
    settings: &Settings,
    name: StepName,
    input: &Digest,
    accounts: &BTreeMap<String, ExternalAccount>,
    since: Option<Timestamp>,
    next: i32,
) -> Result<(i32, LaunchPlan), Box<Verdict>> {
    let demands = needs(draft, settings, name, accounts);
    if demands.is_empty() {
        return Ok((next, idle(accounts)));
    }
    if let Some(verdict) = over_budget(draft, settings, name, &demands) {
        if draft.step(name).is_some_and(|step| may_be_made(step, input)) {
            return Ok((next, survey(accounts)));
        }
        return Err(Box::new(verdict));
    }
    // A film that may not wait gives each of its demands the same time to be answered.
    let since = since.filter(|_| !may_not_wait(settings, name));
    let asked_at = whole_seconds(draft.now);
    let since = since.map_or_else(|| asked_at.clone(), whole_seconds);
    let message = asks_for(&demands);
    let asked = demands.into_iter().map(|demand| Demand {
        attempt: Some(next),
        since: Some(since.clone()),
        asked_at: Some(asked_at.clone()),
        ..demand
    });
    draft.step_mut(name).ask(next, input, &message, asked.collect());
    Err(Box::new(Verdict::Waiting {
        reason: VideoJobReason::AwaitingQuota,
        message: format!("{name}: {message}").into(),
        step: Some(name),
        at: None,
    }))
}

/// The accounts have been asked: begins with what they have granted, or waits.
fn answered(
    draft: &mut Draft<'_>,
    settings: &Settings,
    name: StepName,
    input: &Digest,
    accounts: &BTreeMap<String, ExternalAccount>,
) -> Result<(i32, LaunchPlan), Box<Verdict>> {
    let demands = draft.step(name).map(|step| step.demands.clone()).unwrap_or_default();
    let attempt = draft.step(name).and_then(|step| step.attempt).unwrap_or_default();
    let must_ask_again = |demand: &Demand| {
        let account = accounts.get(&demand.account);
        account.is_none_or(|account| has_expired(&account.status, &draft.holder(name, demand)))
    };
    if demands.iter().any(must_ask_again) {
        // Another account is asked now, or this one has given up waiting.
        withdraw(draft.step_mut(name));
        return demand(draft, settings, name, input, accounts, None, attempt + 1);
    }
    if let Some(verdict) = over_budget(draft, settings, name, &demands) {
        // The budget, or a price, was edited after it had asked.
        withdraw(draft.step_mut(name));
        return Err(Box::new(verdict));
    }
    let mut plan = idle(accounts);
    let mut begun = Vec::new();
    for demand in &demands {
        let grant = grant_for(draft, name, demand);
        let Some(grant) = grant.filter(|grant| grant.state != Some(GrantState::Closing)) else { continue };
        allow(&mut plan, &demand.account, grant);
        begun.push(Demand {
            granted: Some(grant.submissions.unwrap_or_default()),
            grant: grant.id.clone(),
            ..demand.clone()
        });
    }
    let since = demands.iter().filter_map(|demand| demand.since.as_ref()).map(|since| since.0).min();
    let answer_by = later(since.unwrap_or(draft.now), ANSWER_WITHIN);
    // With several accounts, nothing is held of one for long while another is waited for: two films that each hold what
    // the other wants would wait for ever.
    if begun.len() == demands.len() || !begun.is_empty() && answer_by <= draft.now {
        draft.step_mut(name).demands = begun;
        return Ok((attempt, plan));
    }
    if !begun.is_empty() {
        draft.wake(answer_by);
    }
    if may_not_wait(settings, name) {
        if answer_by <= draft.now {
            draft.step_mut(name).demands.clear();
            return Ok((attempt + 1, LaunchPlan { still_motion: true, ..idle(accounts) }));
        }
        draft.wake(answer_by);
    }
    Err(Box::new(waiting(draft, name, &demands, accounts)))
}

/// Whether the step moves pictures instead of waiting for an account.
pub(super) fn may_not_wait(settings: &Settings, name: StepName) -> bool {
    let animation = settings.providers.animation.as_ref();
    name == StepName::AnimateScenes
        && animation.is_some_and(|provider| provider.on_rate_limit == OnRateLimit::StillMotion)
}
