//! What becomes of an attempt that is on record as begun, and of which there is no Job.

use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_pipeline::{Digest, Settings};

use super::super::model::Account;
use super::super::verdict::Verdict;
use super::accounts::external_accounts;
use super::begin_attempt::launch;
use super::begin_step::begin;
use super::demands::{is_owed, write_off};
use super::draft::Draft;
use super::launch_plan::{LaunchPlan, allow, idle, survey};
use super::quota_request::may_not_wait;
use super::step::Transitions;
use super::walk::Walk;
use crate::provideraccount::{GrantCheck, check_grant};

/// Seconds within which an account says what becomes of a grant that it was about to close; its word wakes us as a rule.
const ANSWER_TIMEOUT: i64 = 2;

/// An attempt that is on record as begun, and of which there is no Job.
pub(super) fn relaunch_or_begin(
    walk: &mut Walk<'_>,
    draft: &mut Draft<'_>,
    name: StepName,
    input: &Digest,
    attempt: i32,
) {
    let now = draft.now;
    match relaunch(draft, walk.film.settings, name) {
        Relaunch::Begins(plan) => return launch(walk, draft, name, input, attempt, plan),
        Relaunch::AwaitsAccount(account) => {
            draft.wake_in(ANSWER_TIMEOUT);
            walk.verdicts.push(Verdict::Waiting {
                reason: VideoJobReason::AwaitingQuota,
                message: format!("{name}: account {account} looks whether what it granted was begun with")
                    .into(),
                step: Some(name),
                at: None,
            });
            return;
        }
        Relaunch::NeverStarted => draft.step_mut(name).demands.clear(),
        Relaunch::GrantLost => write_off(draft.step_mut(name), now),
    }
    draft.step_mut(name).pending();
    begin(walk, draft, name, input);
}

/// What becomes of an attempt that is on record as begun, and of which there is no Job.
enum Relaunch {
    /// Its Job is created with the launch plan that it was begun with.
    Begins(LaunchPlan),
    /// This account was about to take back what it had granted, and sees by its next look that it was begun with.
    AwaitsAccount(String),
    /// What it was granted was closed before it had begun: there never was a Job, and nothing is spent.
    NeverStarted,
    /// The grant is gone, and with it the account that gave it: nobody knows what is spent.
    GrantLost,
}

/// What becomes of an attempt that is on record as begun, by a look at its accounts that is later than that record. Its Job
/// was made only if an earlier look has found all its grants open; so if one of them was closed, it was not.
fn relaunch(draft: &Draft<'_>, settings: &Settings, name: StepName) -> Relaunch {
    let accounts = external_accounts(draft, settings, name);
    let Some(step) = draft.step(name) else { return Relaunch::GrantLost };
    if step.survey == Some(true) {
        let owed = step.demands.iter().find(|demand| is_owed(demand)).and_then(|demand| demand.attempt);
        return Relaunch::Begins(LaunchPlan { accounts_for: owed, again: true, ..survey(&accounts) });
    }
    let mut plan = LaunchPlan { again: true, ..idle(&accounts) };
    let (mut closing, mut is_missing) = (None, false);
    for demand in step.demands.iter().filter(|demand| demand.attempt == step.attempt) {
        let Some(Account::External(account)) = draft.observed.accounts.get(&demand.account) else {
            is_missing = true;
            continue;
        };
        let holder = draft.holder(name, demand);
        match check_grant(&account.uid, &account.status, &holder, demand.grant.as_deref()) {
            GrantCheck::Open(grant) => allow(&mut plan, &demand.account, grant),
            GrantCheck::Closing => closing = Some(demand.account.clone()),
            GrantCheck::Closed => return Relaunch::NeverStarted,
            GrantCheck::Unknown => is_missing = true,
        }
    }
    if is_missing {
        return Relaunch::GrantLost;
    }
    plan.still_motion = step.demands.is_empty() && may_not_wait(settings, name);
    closing.map_or(Relaunch::Begins(plan), Relaunch::AwaitsAccount)
}
