//! Asks accounts before anything is spent on them: demand, grant, attempt, books; then the next demand.
//!
//! The status holds the demand until the account has booked what was spent of it, so that a crash anywhere loses no
//! unit: an attempt is raised only when nothing of the one before is left to be booked.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::StepName;
use videofactory_crds::condition::{Reason, whole_seconds};
use videofactory_crds::provideraccount::{Grant, GrantState};
use videofactory_crds::settings::OnRateLimit;
use videofactory_crds::videojob::{Demand, StepStatus};
use videofactory_pipeline::contract::{Allowance, Hired, Opening};
use videofactory_pipeline::{Digest, Settings};

use super::super::model::{Account, HiredAccount};
use super::super::verdict::Verdict;
use super::accounts::{hired_accounts, versions};
use super::budget::over_budget;
use super::demands::{forget_booked, is_owed, unaccounted, withdraw, write_off};
use super::draft::{Draft, later};
use super::grants::{grant_for, holder, unbooked};
use super::lost;
use super::needs::needs;
use super::step::Transitions;
use super::waits::{asks_for, waiting, waits};
use crate::provideraccount::{Word, has_expired, word};

/// How long accounts are given to answer, where something else can be done.
const ANSWER_WITHIN: i64 = 10;

/// How an attempt may begin.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Engagement {
    /// The accounts, with what may be submitted to each.
    pub hired: BTreeMap<String, Hired>,
    /// Their Secrets.
    pub secrets: BTreeMap<String, String>,
    /// Nothing is submitted: what there is is fetched and told.
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

/// Whether the step may begin, and as which attempt; the verdict says what it waits for. Who may not ask may still take
/// stock of what was paid for.
pub(super) fn hire(
    draft: &mut Draft<'_>,
    settings: &Settings,
    name: StepName,
    input: &Digest,
    may_ask: bool,
) -> Result<(i32, Engagement), Box<Verdict>> {
    let accounts = hired_accounts(draft, settings, name);
    let next = draft.step(name).and_then(|step| step.attempt).unwrap_or_default() + 1;
    let due = due_survey(draft, &accounts, name, input);
    if let Some(Survey::Spending(accounts_for)) = due {
        return Ok((next, Engagement { accounts_for, ..survey(&accounts) }));
    }
    if unaccounted(draft, name).is_some() {
        let now = draft.now;
        write_off(draft.step_mut(name), now);
    }
    if let Some(account) = unbooked(draft, name) {
        return Err(Box::new(Verdict::Waiting {
            reason: Reason::AwaitingQuota,
            message: format!("{name}: account {account} books what was spent"),
            step: Some(name),
            at: None,
        }));
    }
    let since = forget_booked(draft.step_mut(name));
    if accounts.is_empty() {
        draft.step_mut(name).demands.clear();
        return Ok((next, Engagement::default()));
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
        return Err(Box::new(waits(name, Reason::AwaitingQuota, message, None)));
    }
    if draft.step(name).is_none_or(|step| step.demands.is_empty()) {
        return demand(draft, settings, name, input, &accounts, since, next);
    }
    answered(draft, settings, name, input, &accounts)
}

/// Whether the step's next attempt would submit nothing, and only bring and tell what was paid for.
pub(super) fn is_survey(draft: &Draft<'_>, settings: &Settings, name: StepName, input: &Digest) -> bool {
    due_survey(draft, &hired_accounts(draft, settings, name), name, input).is_some()
}

/// What only a worker that submits nothing can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Survey {
    /// What this attempt has spent.
    Spending(Option<i32>),
    /// Which part of what is wanted now is there.
    Artifacts,
}

fn due_survey(
    draft: &Draft<'_>,
    accounts: &BTreeMap<String, HiredAccount>,
    name: StepName,
    input: &Digest,
) -> Option<Survey> {
    let step = draft.step(name)?;
    let same = step.input_digest.as_deref() == Some(input.as_str());
    match unaccounted(draft, name) {
        Some(owed) if same && accounts.contains_key(&owed.account) => Some(Survey::Spending(owed.attempt)),
        _ => (may_have_other_artifacts(step, input) && was_at_work(step) && !accounts.is_empty())
            .then_some(Survey::Artifacts),
    }
}

/// Whether what the step's last attempt has told of is not, or may not be, what is there of what is wanted now.
fn may_have_other_artifacts(step: &StepStatus, input: &Digest) -> bool {
    step.input_digest.as_deref() != Some(input.as_str()) || lost::is_to_be_looked_through(step)
}

/// Whether an attempt may have left something: one that was edited while it waited for its first grant has not.
fn was_at_work(step: &StepStatus) -> bool {
    step.input_digest.is_some() && step.started_at.is_some()
}

/// How an attempt goes on that is on record as begun, and of which there is no Job.
pub(super) enum Again {
    /// Its Job is made: the engagement is the same as when it was begun.
    Begins(Engagement),
    /// This account was about to take back what it had granted, and sees by its next look that it was begun with.
    Awaits(String),
    /// What it was granted was closed before it had begun: there never was a Job, and nothing is spent.
    Anew,
    /// The grant is gone, and with it the account that gave it: nobody can tell what is spent.
    Lost,
}

/// How an attempt goes on that is on record as begun, by a look at its accounts that is later than that record. Its Job
/// was made only if an earlier look has found all its grants open; so if one of them was closed, it was not.
pub(super) fn again(draft: &Draft<'_>, settings: &Settings, name: StepName) -> Again {
    let accounts = hired_accounts(draft, settings, name);
    let Some(step) = draft.step(name) else { return Again::Lost };
    if step.survey == Some(true) {
        let owed = step.demands.iter().find(|demand| is_owed(demand)).and_then(|demand| demand.attempt);
        return Again::Begins(Engagement { accounts_for: owed, again: true, ..survey(&accounts) });
    }
    let mut engagement = Engagement { again: true, ..idle(&accounts) };
    let (mut closing, mut is_lost) = (None, false);
    for demand in step.demands.iter().filter(|demand| demand.attempt == step.attempt) {
        let Some(Account::Hired(account)) = draft.observed.accounts.get(&demand.account) else {
            is_lost = true;
            continue;
        };
        let holder = holder(draft, name, demand);
        match word(&account.uid, &account.status, &holder, demand.grant.as_deref()) {
            Word::Open(grant) => allow(&mut engagement, &demand.account, grant),
            Word::Closing => closing = Some(demand.account.clone()),
            Word::Closed => return Again::Anew,
            Word::Unknown => is_lost = true,
        }
    }
    if is_lost {
        return Again::Lost;
    }
    engagement.still_motion = step.demands.is_empty() && may_not_wait(settings, name);
    closing.map_or(Again::Begins(engagement), Again::Awaits)
}

/// Hired, with nothing to submit.
fn idle(accounts: &BTreeMap<String, HiredAccount>) -> Engagement {
    let hired = accounts.iter().map(|(name, account)| {
        let hired = Hired {
            provider: account.spec.provider,
            endpoint: account.spec.endpoint.clone().unwrap_or_default(),
            allowed_host: account.allowed_host.clone(),
            ca: account.spec.ca_ref.clone(),
            prices: account.spec.prices.clone().unwrap_or_default(),
            allowance: Allowance::default(),
        };
        (name.clone(), hired)
    });
    let secrets = accounts
        .iter()
        .filter_map(|(name, account)| Some((name.clone(), account.spec.secret_ref.as_ref()?.name.clone())));
    Engagement {
        hired: hired.collect(),
        secrets: secrets.collect(),
        credentials: versions(accounts),
        ..Engagement::default()
    }
}

fn survey(accounts: &BTreeMap<String, HiredAccount>) -> Engagement {
    Engagement { survey: true, ..idle(accounts) }
}

fn allow(engagement: &mut Engagement, account: &str, grant: &Grant) {
    let Some(hired) = engagement.hired.get_mut(account) else { return };
    let count = |submissions: i64| u32::try_from(submissions.max(0)).unwrap_or(u32::MAX);
    hired.allowance = Allowance {
        submissions: count(grant.submissions.unwrap_or_default()),
        openings: grant
            .openings
            .iter()
            .map(|opening| Opening { at: opening.at.0, submissions: count(opening.submissions) })
            .collect(),
        requests_per_second: grant.requests_per_second,
    };
}

/// Writes down what is asked for, unless nothing has to be.
fn demand(
    draft: &mut Draft<'_>,
    settings: &Settings,
    name: StepName,
    input: &Digest,
    accounts: &BTreeMap<String, HiredAccount>,
    since: Option<Timestamp>,
    next: i32,
) -> Result<(i32, Engagement), Box<Verdict>> {
    let demands = needs(draft, settings, name, accounts);
    if demands.is_empty() {
        return Ok((next, idle(accounts)));
    }
    if let Some(verdict) = over_budget(draft, settings, name, &demands) {
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
        reason: Reason::AwaitingQuota,
        message: format!("{name}: {message}"),
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
    accounts: &BTreeMap<String, HiredAccount>,
) -> Result<(i32, Engagement), Box<Verdict>> {
    let demands = draft.step(name).map(|step| step.demands.clone()).unwrap_or_default();
    let attempt = draft.step(name).and_then(|step| step.attempt).unwrap_or_default();
    let is_to_ask_anew = |demand: &Demand| {
        let account = accounts.get(&demand.account);
        account.is_none_or(|account| has_expired(&account.status, &holder(draft, name, demand)))
    };
    if demands.iter().any(is_to_ask_anew) {
        // Another account is asked now, or this one has given up waiting.
        withdraw(draft.step_mut(name));
        return demand(draft, settings, name, input, accounts, None, attempt + 1);
    }
    if let Some(verdict) = over_budget(draft, settings, name, &demands) {
        // The budget, or a price, was edited after it had asked.
        withdraw(draft.step_mut(name));
        return Err(Box::new(verdict));
    }
    let mut engagement = idle(accounts);
    let mut begun = Vec::new();
    for demand in &demands {
        let grant = grant_for(draft, name, demand);
        let Some(grant) = grant.filter(|grant| grant.state != Some(GrantState::Closing)) else { continue };
        allow(&mut engagement, &demand.account, grant);
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
        return Ok((attempt, engagement));
    }
    if !begun.is_empty() {
        draft.wake(answer_by);
    }
    if may_not_wait(settings, name) {
        if answer_by <= draft.now {
            draft.step_mut(name).demands.clear();
            return Ok((attempt + 1, Engagement { still_motion: true, ..idle(accounts) }));
        }
        draft.wake(answer_by);
    }
    Err(Box::new(waiting(draft, name, &demands, accounts)))
}

fn may_not_wait(settings: &Settings, name: StepName) -> bool {
    let animation = settings.providers.animation.as_ref();
    name == StepName::AnimateScenes
        && animation.is_some_and(|provider| provider.on_rate_limit == OnRateLimit::StillMotion)
}

/// Seconds until the last submission of an engagement may be made: its attempt takes so much longer.
pub(super) fn opening_delay(engagement: &Engagement, now: Timestamp) -> u32 {
    let last =
        engagement.hired.values().flat_map(|hired| &hired.allowance.openings).map(|opening| opening.at).max();
    let delay = last.map_or(SignedDuration::ZERO, |last| last.duration_since(now));
    u32::try_from(delay.as_secs().max(0)).unwrap_or(u32::MAX)
}
