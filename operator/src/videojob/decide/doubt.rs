//! Services that refuse for a while, again and again: a plan may have no quota for a model at all, which no wait mends and
//! which not every service says.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::StepName;
use videofactory_pipeline::contract::{RateLimit, StepOutcome};

use super::super::model::Account;
use super::{Draft, waits};
use crate::provideraccount::Ledger;

/// Refusals in a row, with nothing made, after which a person is told.
const DOUBTFUL_HITS: i32 = 3;
/// A refusal for so long is one for a day, of which next to nothing has passed.
const WHOLE_DAY: SignedDuration = SignedDuration::from_hours(20);

/// Why a person is needed, if so: the service has refused for the rest of a day, and now refuses for a whole one, though
/// nothing was submitted to it in between. A quota that is used up before its day has begun is none.
pub(super) fn without_quota(draft: &Draft<'_>, name: StepName, outcome: &StepOutcome) -> Option<String> {
    let limit = outcome.rate_limit.as_ref()?;
    let last = draft.step(name)?.rate_limit.as_ref()?.resume_at.as_ref()?.0;
    let for_a_day = limit.until? >= draft.now.saturating_add(WHOLE_DAY).unwrap_or(Timestamp::MAX);
    let came_back = for_a_day && last <= draft.now && !is_making(outcome, limit);
    (came_back && !has_taken_some(draft, name, limit, last)).then(|| {
        format!(
            "{} refuses for another day, although nothing was submitted to it since the last: its plan seems to have no quota \
             for this model ({}); enable billing for it, or choose another model or account",
            limit.account, outcome.message
        )
    })
}

/// Tells a person of a service that refuses again after each wait that it asked for, while nothing comes of it.
pub(super) fn tell(draft: &mut Draft<'_>, name: StepName, outcome: &StepOutcome) {
    let Some(limit) = &outcome.rate_limit else { return };
    let hits = draft.step(name).and_then(|step| step.rate_limit.as_ref()?.hits).unwrap_or_default();
    let made = outcome.scenes.as_ref().is_some_and(|report| report.made > 0);
    if !made && hits == DOUBTFUL_HITS {
        let note = format!(
            "{name}: {} has refused {hits} times in a row, each time after the wait that it asked for, and nothing was made in \
             between: look up whether its plan has a quota for this model ({})",
            limit.account, outcome.message
        );
        draft.event(true, "QuotaDoubtful", name.as_str(), note);
    }
}

/// Whether this attempt has got anywhere with the service.
fn is_making(outcome: &StepOutcome, limit: &RateLimit) -> bool {
    let made = outcome.scenes.as_ref().is_some_and(|report| report.made > 0);
    made || outcome.spent.iter().any(|spent| spent.account == limit.account && spent.submissions > 0)
}

/// Whether the account's books know of anything that the service has taken of such work since then.
fn has_taken_some(draft: &Draft<'_>, name: StepName, limit: &RateLimit, since: Timestamp) -> bool {
    let Some(Account::Hired(account)) = draft.observed.accounts.get(&limit.account) else { return false };
    let Some(asked) = waits::asked(draft, name, &limit.account) else { return false };
    let ledger = Ledger::read(&account.spec, &account.status, draft.now);
    let mut counted = ledger.quotas.iter().filter(|tally| tally.counts(asked.operation, &asked.model));
    counted.any(|tally| tally.window.spent.iter().any(|entry| entry.at >= since && entry.units > 0))
}
