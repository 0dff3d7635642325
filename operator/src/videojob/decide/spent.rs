//! What an ended attempt has spent, and what it has written into the bucket.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use videofactory_crds::StepName;
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::units::Money;
use videofactory_crds::videojob::{RateLimitStatus, SpentUnits};
use videofactory_pipeline::contract::{Spent, StepOutcome};

use super::super::model::Action;
use super::demands::{add_cost, is_owed};
use super::draft::Draft;
use super::step::is_of_earlier_run;
use crate::usage_deltas::Change;

/// What was spent is known: it stands in the demands until their accounts have recorded it.
pub(super) fn record_usage(draft: &mut Draft<'_>, name: StepName, outcome: &StepOutcome) {
    let step = draft.step_mut(name);
    if outcome.did_nothing || (step.survey == Some(true) && !outcome.accounted) {
        // It does not know: a survey does.
        return;
    }
    // An outcome from the bucket may name each submission; the status keeps as much as a pod's message does.
    let spent = Spent::few(outcome.spent.clone());
    for demand in step.demands.iter_mut().filter(|demand| is_owed(demand)) {
        demand.settled = Some(true);
        demand.spent =
            spent.iter().filter(|spent| spent.account == demand.account).map(spent_units).collect();
        let refused = outcome.rate_limit.as_ref().filter(|limit| limit.account == demand.account);
        demand.blocked_until = refused.and_then(|limit| limit.until).map(never_before);
    }
    match &outcome.rate_limit {
        Some(limit) => {
            let hits = step.rate_limit.as_ref().and_then(|limit| limit.hits).unwrap_or_default();
            step.rate_limit = Some(RateLimitStatus {
                resume_at: limit.until.map(never_before),
                hits: Some(hits.saturating_add(1)),
            });
        }
        None => step.rate_limit = None,
    }
    let cost: Money = outcome.spent.iter().map(|spent| spent.cost).sum();
    if cost == Money::ZERO {
        return;
    }
    if is_of_earlier_run(step) {
        let whole = draft.status.cost.get_or_insert_default();
        whole.earlier_runs = Some(whole.earlier_runs.unwrap_or_default().plus(cost));
        return;
    }
    add_cost(step, cost);
}

fn spent_units(spent: &Spent) -> SpentUnits {
    SpentUnits {
        at: never_before(spent.at),
        submissions: i64::from(spent.submissions),
        seconds: (spent.seconds > 0).then_some(i64::from(spent.seconds)),
        cost: (spent.cost != Money::ZERO).then_some(spent.cost),
    }
}

/// The next whole second, as the API keeps no parts of one: what is spent must not seem free again too early, and a time
/// that a service named is not shortened.
fn never_before(at: Timestamp) -> Time {
    whole_seconds(at.saturating_add(SignedDuration::from_nanos(999_999_999)).unwrap_or(at))
}

/// What was added to the bucket is to be counted, and what was refused for want of room to be reported.
pub(super) fn count(draft: &mut Draft<'_>, outcome: &StepOutcome, at: Timestamp) {
    if outcome.full {
        draft.actions.push(Action::ReportFull(at));
    }
    if outcome.files_written.is_empty() {
        return;
    }
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let changes = outcome.files_written.iter().map(|(kind, files_written)| {
        (*kind, Change { objects: signed(files_written.objects), bytes: signed(files_written.bytes) })
    });
    draft.actions.push(Action::Count(changes.collect()));
}
