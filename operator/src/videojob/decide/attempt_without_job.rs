//! How an attempt goes on that is on record as begun, and of which there is no Job.

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
use super::engagement::{Engagement, allow, idle, survey};
use super::hire::may_not_wait;
use super::step::Transitions;
use super::walk::Walk;
use crate::provideraccount::{Word, word};

/// Seconds within which an account says what becomes of a grant that it was about to close; its word wakes us as a rule.
const WORD_WITHIN: i64 = 2;

/// An attempt that is on record as begun, and of which there is no Job.
pub(super) fn begin_again(
    walk: &mut Walk<'_>,
    draft: &mut Draft<'_>,
    name: StepName,
    input: &Digest,
    attempt: i32,
) {
    let now = draft.now;
    match again(draft, walk.film.settings, name) {
        Again::Begins(engagement) => return launch(walk, draft, name, input, attempt, engagement),
        Again::Awaits(account) => {
            draft.wake_in(WORD_WITHIN);
            walk.verdicts.push(Verdict::Waiting {
                reason: VideoJobReason::AwaitingQuota,
                message: format!("{name}: account {account} looks whether what it granted was begun with")
                    .into(),
                step: Some(name),
                at: None,
            });
            return;
        }
        Again::Anew => draft.step_mut(name).demands.clear(),
        Again::Lost => write_off(draft.step_mut(name), now),
    }
    draft.step_mut(name).pending();
    begin(walk, draft, name, input);
}

/// How an attempt goes on that is on record as begun, and of which there is no Job.
enum Again {
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
fn again(draft: &Draft<'_>, settings: &Settings, name: StepName) -> Again {
    let accounts = external_accounts(draft, settings, name);
    let Some(step) = draft.step(name) else { return Again::Lost };
    if step.survey == Some(true) {
        let owed = step.demands.iter().find(|demand| is_owed(demand)).and_then(|demand| demand.attempt);
        return Again::Begins(Engagement { accounts_for: owed, again: true, ..survey(&accounts) });
    }
    let mut engagement = Engagement { again: true, ..idle(&accounts) };
    let (mut closing, mut is_lost) = (None, false);
    for demand in step.demands.iter().filter(|demand| demand.attempt == step.attempt) {
        let Some(Account::External(account)) = draft.observed.accounts.get(&demand.account) else {
            is_lost = true;
            continue;
        };
        let holder = draft.holder(name, demand);
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
