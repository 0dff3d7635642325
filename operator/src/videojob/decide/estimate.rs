//! What the whole run is expected to cost.

use videofactory_crds::StepName;
use videofactory_crds::condition::StepState;
use videofactory_crds::units::Money;
use videofactory_crds::videojob::Demand;
use videofactory_pipeline::Settings;

use super::accounts::external_accounts;
use super::demands::paid;
use super::draft::Draft;
use super::quota_needs::needs_of_all;
use super::step::is_of_earlier_run;

/// Writes down what the whole run is expected to cost: what was paid, and what the steps that are not done will ask for,
/// each at the price that it asked with. Of a service that has no price, nothing.
pub(super) fn estimate(draft: &mut Draft<'_>, settings: &Settings) {
    let whole = to_come(draft, settings).plus(paid(&draft.status));
    if whole != Money::ZERO || draft.status.cost.is_some() {
        draft.status.cost.get_or_insert_default().estimated = Some(whole);
    }
}

/// What the steps that are not done will ask for.
fn to_come(draft: &Draft<'_>, settings: &Settings) -> Money {
    let each = StepName::ALL.into_iter().map(|name| {
        let step = draft.step(name);
        if step.and_then(|step| step.state).is_some_and(StepState::is_done) {
            return Money::ZERO;
        }
        // What is asked for a preview says nothing of the other scenes.
        let asked = step.filter(|step| !is_of_earlier_run(step) && !draft.preview_steps.contains(&name));
        let mut open = asked.map(|step| step.demands.clone()).unwrap_or_default();
        // While an attempt is at work, its progress is not paid for yet.
        open.retain(|demand| demand.settled != Some(true));
        let wanted = if open.is_empty() {
            needs_of_all(draft, settings, name, &external_accounts(draft, settings, name))
        } else {
            open
        };
        let price = |demand: &Demand| {
            demand.price_each.unwrap_or_default().times(demand.submissions.unwrap_or_default())
        };
        wanted.iter().map(price).fold(Money::ZERO, Money::plus)
    });
    each.sum()
}
