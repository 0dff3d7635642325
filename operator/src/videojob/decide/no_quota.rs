//! Services that refuse for a while, again and again: a plan may have no quota for a model at all, which no wait fixes and
//! which not every service says.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::StepName;
use videofactory_crds::provideraccount::Grant;
use videofactory_pipeline::contract::{RateLimit, StepOutcome};

use super::super::model::Account;
use super::draft::Draft;
use super::grants::asked;
use crate::events::EventReason;
use crate::provideraccount::Ledger;

/// Refusals in a row, with nothing made, after which a person is needed.
const DOUBTFUL_HITS: i32 = 3;
/// How long a day may be, in hours: daylight saving begins and ends.
const DAYS: [i64; 3] = [23, 24, 25];

/// Why a person is needed, if so: the service has refused until the end of a day, and now refuses until the end of the
/// next, though nothing was submitted to it in between. A quota that is used up before its day has begun is none.
pub(super) fn without_quota(draft: &Draft<'_>, name: StepName, outcome: &StepOutcome) -> Option<String> {
    let limit = outcome.rate_limit.as_ref()?;
    let last = draft.step(name)?.rate_limit.as_ref()?.resume_at.as_ref()?.0;
    let came_back =
        is_a_day(limit.until?.duration_since(last)) && last <= draft.now && !is_making(outcome, limit);
    (came_back && !has_taken_some(draft, name, limit, last)).then(|| {
        format!(
            "{} refuses for another day, although nothing was submitted to it since the last: its plan seems to have no quota \
             for this model ({}); enable billing for it, or choose another model or account",
            limit.account, outcome.message
        )
    })
}

/// Informs a person of a service that refuses again after each wait that it asked for, while nothing comes of it.
pub(super) fn report(draft: &mut Draft<'_>, name: StepName, outcome: &StepOutcome) {
    let Some(limit) = &outcome.rate_limit else { return };
    let hits = draft.step(name).and_then(|step| step.rate_limit.as_ref()?.hits).unwrap_or_default();
    let made = outcome.scenes.as_ref().is_some_and(|report| report.made > 0);
    if !made && hits == DOUBTFUL_HITS {
        let note = format!(
            "{name}: {} has refused {hits} times in a row, each time after the wait that it asked for, and nothing was made in \
             between: look up whether its plan has a quota for this model ({})",
            limit.account, outcome.message
        );
        draft.event(true, EventReason::QuotaDoubtful, name.as_str(), note);
    }
}

/// A minute's refusal does not end with the day, but for one in some ten thousand.
fn is_a_day(between: SignedDuration) -> bool {
    DAYS.into_iter()
        .any(|hours| (between - SignedDuration::from_hours(hours)).abs() <= SignedDuration::from_secs(1))
}

/// Whether this attempt has got anywhere with the service.
fn is_making(outcome: &StepOutcome, limit: &RateLimit) -> bool {
    let made = outcome.scenes.as_ref().is_some_and(|report| report.made > 0);
    made || outcome.spent.iter().any(|spent| spent.account == limit.account && spent.submissions > 0)
}

/// Whether the service has taken something of such work since then, by the account's ledger, or may have: others that
/// are at work report what they have spent when they end.
fn has_taken_some(draft: &Draft<'_>, name: StepName, limit: &RateLimit, since: Timestamp) -> bool {
    let Some(Account::External(account)) = draft.observed.accounts.get(&limit.account) else { return false };
    let Some(asked) = asked(draft, name, &limit.account) else { return false };
    let uid = draft.observed.job.metadata.uid.as_deref();
    let is_of_another = |grant: &Grant| uid != Some(&grant.holder.uid) || grant.holder.step != Some(name);
    if account.status.grants.iter().any(is_of_another) {
        return true;
    }
    let ledger = Ledger::read(&account.spec, &account.status, draft.now);
    let mut counted = ledger.quotas.iter().filter(|tally| tally.counts(asked.operation, &asked.model));
    counted.any(|tally| tally.window.spent.iter().any(|entry| entry.at >= since && entry.units > 0))
}
