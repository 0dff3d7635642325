//! What a step waits for at its accounts, in words and numbers, and until when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::provideraccount::Waiter;
use videofactory_crds::videojob::Demand;

use super::super::model::ExternalAccount;
use super::super::verdict::Verdict;
use super::draft::Draft;
use super::grants::asked;
use super::messages::asks_for;
use super::step::Transitions;
use crate::provideraccount::{Ledger, Limit, forecast};

/// What is waited for, in numbers: shown to those at the front of the wait queue. Once shown, it is shown again only when
/// its time has passed. Nothing is written into a job whose turn has not come; its account wakes it when it has.
pub(super) fn waiting(
    draft: &mut Draft<'_>,
    name: StepName,
    demands: &[Demand],
    accounts: &BTreeMap<String, ExternalAccount>,
) -> Verdict {
    let resume_at =
        draft.observed.job.status.as_ref().and_then(|status| status.resume_at.as_ref()).map(|at| at.0);
    let step = draft.step_mut(name);
    // An edit or a retry has taken what it said: it still asks, and says again why it waits.
    let resume_at = resume_at.filter(|_| step.message.is_some());
    let (reason, message) = step.keep_asking(|| asks_for(demands));
    let in_front = demands.iter().any(|demand| is_in_front(draft, name, accounts.get(&demand.account)));
    if let Some(at) = resume_at.filter(|at| *at > draft.now) {
        if in_front {
            draft.wake(at);
        }
        return Verdict::waits(name, reason, &message, Some(at));
    }
    if let Some(why) = demands.iter().find_map(|demand| why_unsatisfiable(draft, name, demand, accounts)) {
        let message = format!("{name}: {why}").into();
        return Verdict::Stalled { reason: VideoJobReason::BudgetExceeded, message, step: Some(name) };
    }
    if !in_front {
        return Verdict::waits(name, reason, &message, resume_at);
    }
    let left: i64 = demands.iter().filter_map(|demand| demand.submissions).sum();
    let blocked_by = demands
        .iter()
        .filter_map(|demand| blocked_by(draft, name, &demand.account, accounts.get(&demand.account)?, left));
    let Some((reason, message, at)) =
        blocked_by.max_by_key(|blocked_by| blocked_by.2.unwrap_or(Timestamp::MAX))
    else {
        return Verdict::waits(name, VideoJobReason::AwaitingQuota, &message, None);
    };
    draft.step_mut(name).wait(reason, message.as_str());
    if let Some(at) = at {
        draft.wake(at);
    }
    Verdict::waits(name, reason, &message, at)
}

/// Whether an account names a step among the first who wait. Those behind are shown nothing.
fn is_in_front(draft: &Draft<'_>, name: StepName, account: Option<&ExternalAccount>) -> bool {
    let job = draft.observed.job.metadata.name.as_deref().unwrap_or_default();
    let is = |waiter: &Waiter| waiter.name == job && waiter.step == Some(name);
    account.is_some_and(|account| account.status.waiters.iter().any(is))
}

/// Why a demand can never be met, if so.
fn why_unsatisfiable(
    draft: &Draft<'_>,
    name: StepName,
    demand: &Demand,
    accounts: &BTreeMap<String, ExternalAccount>,
) -> Option<String> {
    let ExternalAccount { spec, status, .. } = accounts.get(&demand.account)?;
    let asked = asked(draft, name, &demand.account)?;
    let why = Ledger::read(spec, status, draft.now).why_unsatisfiable(&asked)?;
    Some(format!("account {}: {why}", demand.account))
}

/// What of an account keeps a step waiting, in words, and until when.
fn blocked_by(
    draft: &Draft<'_>,
    name: StepName,
    account_name: &str,
    account: &ExternalAccount,
    left: i64,
) -> Option<(VideoJobReason, String, Option<Timestamp>)> {
    let asked = asked(draft, name, account_name)?;
    let forecast = forecast(&account.spec, &account.status, &asked, draft.now)?;
    let (reason, what) = match forecast.limit {
        Limit::Refusal { .. } => (VideoJobReason::RateLimited, format!("{account_name} refuses for a while")),
        Limit::Quota { name: quota, used, limit, period } => (
            VideoJobReason::AwaitingQuota,
            format!("{account_name} quota {quota:?} used up ({used} of {limit} in {period})"),
        ),
        Limit::Money { used, limit, period } => (
            VideoJobReason::AwaitingQuota,
            format!("{account_name} spend limit used up (${used} of ${limit} in {period})"),
        ),
        Limit::Concurrency { most } => (
            VideoJobReason::AwaitingQuota,
            format!("{account_name} is used by {most} steps already, as many as may at once"),
        ),
    };
    let when = forecast.opens_at.map(|at| format!("; next unit at {at:.0}")).unwrap_or_default();
    Some((reason, format!("{what}; {left} submissions left{when}"), forecast.opens_at))
}
