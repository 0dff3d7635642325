//! Whether what a step asks for is within the run's budget.

use videofactory_client::price::{self, Price, sold};
use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::units::Money;
use videofactory_crds::videojob::Demand;
use videofactory_pipeline::Settings;

use super::super::verdict::Verdict;
use super::demands::{is_owed, paid};
use super::draft::Draft;
use super::prices::price_of_all;
use super::step::is_of_earlier_run;

/// How many scripts the budget has room for, from this attempt of write-script on, beside the rest of the film; none: as many
/// as it takes. A better script must not cost a film its end, and of another script all is made again, whatever is there.
pub(super) fn affordable_scripts(draft: &Draft<'_>, settings: &Settings, attempt: i32) -> Option<u32> {
    let limit = settings.budget.as_ref()?.limit?;
    let price = |name: StepName| match price_of_all(draft, settings, name) {
        Price::About(cost) => cost,
        Price::Nothing | Price::Unknown => Money::ZERO,
    };
    let each = Some(price(StepName::WriteScript)).filter(|each| *each != Money::ZERO)?;
    let rest: Money =
        StepName::ALL.into_iter().filter(|name| *name != StepName::WriteScript).map(price).sum();
    // What an earlier attempt may have bought and never reported: a survey is to find that.
    let demands = draft.step(StepName::WriteScript).map(|step| step.demands.as_slice()).unwrap_or_default();
    let earlier = demands.iter().filter(|demand| is_owed(demand) && demand.attempt != Some(attempt));
    let owed: Money = earlier.map(|demand| each.times(demand.granted.unwrap_or_default())).sum();
    let room = limit.minus(paid(&draft.status)).minus(owed).minus(rest);
    Some(u32::try_from(room.micros() / each.micros()).unwrap_or(u32::MAX))
}

/// Whether what is asked for would take the film over its budget, or that is not known: nothing is asked then.
pub(super) fn over_budget(
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
    demands: &[Demand],
) -> Option<Verdict> {
    let limit = settings.budget.as_ref()?.limit?;
    if let Some(message) = without_price(name, demands, limit) {
        return Some(Verdict::Stalled {
            reason: VideoJobReason::PriceUnknown,
            message: message.into(),
            step: Some(name),
        });
    }
    let price = |demand: &Demand| {
        demand.price_each.unwrap_or_default().times(demand.granted.or(demand.submissions).unwrap_or_default())
    };
    let sum = |demands: &[Demand]| demands.iter().map(price).fold(Money::ZERO, Money::plus);
    let paid = paid(&draft.status);
    let others = draft.status.steps.iter().filter(|step| step.name != name && !is_of_earlier_run(step));
    let reserved = others
        .flat_map(|step| &step.demands)
        .filter(|demand| demand.settled != Some(true))
        .map(price)
        .fold(Money::ZERO, Money::plus);
    let wanted = sum(demands);
    (paid.plus(reserved).plus(wanted) > limit).then(|| Verdict::Stalled {
        reason: VideoJobReason::BudgetExceeded,
        message: format!(
            "{name} needs about ${wanted}, ${} of budget ${limit} are spent or reserved; raise budget.limit, or ask for \
             less",
            paid.plus(reserved)
        )
        .into(),
        step: Some(name),
    })
}

/// What is to be done about a demand whose price nobody knows, if there is one: money that cannot be estimated is under no
/// limit.
fn without_price(name: StepName, demands: &[Demand], limit: Money) -> Option<String> {
    let sold = sold(name)?;
    let demand = demands.iter().find(|demand| demand.price_each.is_none())?;
    Some(format!(
        "{}, so that budget.limit (${limit}) cannot be kept; name it as {sold} in the prices of that ProviderAccount \
         (\"0\" if it costs nothing), choose another model, or remove budget.limit",
        price::nobody_knows(name, demand.model.as_deref(), &demand.account)
    ))
}
