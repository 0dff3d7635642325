//! What a step would ask its accounts for: submissions, their seconds and their price.

use std::collections::BTreeMap;

use videofactory_client::price::{
    self, Price, given_scenes, price_each, provider_of, seconds_each, sold, speaks_all_at_once,
};
use videofactory_crds::StepName;
use videofactory_crds::condition::{Reason, StepState};
use videofactory_crds::settings::PublishTarget;
use videofactory_crds::units::Money;
use videofactory_crds::videojob::{Demand, PublicationState};
use videofactory_pipeline::Settings;

use super::super::model::HiredAccount;
use super::super::verdict::Verdict;
use super::draft::Draft;
use super::hire::hired_accounts;
use super::returns::{is_of_earlier_run, paid};
use super::step::completed;

/// The accounts that a step spends from.
pub(super) fn accounts_of(name: StepName, settings: &Settings) -> Vec<&str> {
    let providers = &settings.providers;
    let one = match name {
        StepName::WriteScript => providers.script.as_ref(),
        StepName::GenerateImages => providers.images.as_ref(),
        StepName::NarrateScenes => providers.narration.as_ref(),
        StepName::AnimateScenes => providers.animation.as_ref(),
        StepName::AssembleVideo => None,
        StepName::PublishVideo => {
            let targets = settings.publish.targets.iter();
            return targets.filter_map(|target| Some(target.account_ref.as_ref()?.name.as_str())).collect();
        }
    };
    one.and_then(|provider| Some(provider.account_ref.as_ref()?.name.as_str())).into_iter().collect()
}

/// Whether the step has effects outside the cluster, by an account with an outside service or by publishing, and there
/// are to be none.
pub(super) fn is_barred(draft: &Draft<'_>, settings: &Settings, name: StepName) -> bool {
    let outward = || name == StepName::PublishVideo || !hired_accounts(draft, settings, name).is_empty();
    draft.observed.side_effects.are_suspended() && outward()
}

/// What the step asks its accounts for, one demand each; none where nothing is to be submitted.
pub(super) fn needs(
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
    accounts: &BTreeMap<String, HiredAccount>,
) -> Vec<Demand> {
    accounts
        .iter()
        .filter_map(|(account, hired)| {
            let submissions = submissions(draft, settings, name, account);
            let provider = provider_of(settings, name);
            let seconds = seconds_each(settings, name, scenes(draft, settings));
            (submissions > 0).then(|| Demand {
                account: account.clone(),
                model: provider.map(|provider| provider.model.clone()).filter(|model| !model.is_empty()),
                submissions: Some(submissions),
                seconds_each: Some(seconds),
                price_each: price_each(settings, name, &hired.spec, seconds),
                ..Demand::default()
            })
        })
        .collect()
}

/// What all of a step would cost, made from nothing.
pub(super) fn price_of_all(draft: &Draft<'_>, settings: &Settings, name: StepName) -> Price {
    let spec = &draft.observed.job.spec;
    let account = hired_accounts(draft, settings, name).into_values().next();
    account.map_or(Price::Nothing, |account| {
        price::of_all(spec, settings, name, &account.spec, scenes(draft, settings))
    })
}

/// How many submissions are still to be made to an account: as the last attempt counted them, or else as many as there
/// can be.
fn submissions(draft: &Draft<'_>, settings: &Settings, name: StepName, account: &str) -> i64 {
    let step = draft.step(name);
    let left = step.and_then(|step| step.scenes.as_ref()?.left).map(i64::from);
    match name {
        StepName::AssembleVideo => 0,
        StepName::PublishVideo => {
            let mine = |target: &&PublishTarget| {
                target.account_ref.as_ref().is_some_and(|reference| reference.name == account)
            };
            let published = |target: &&PublishTarget| {
                let known =
                    draft.status.publications.iter().find(|publication| publication.target == target.name);
                known.and_then(|publication| publication.state).is_some_and(PublicationState::is_done)
            };
            let targets = settings.publish.targets.iter().filter(mine).filter(|target| !published(target));
            i64::try_from(targets.count()).unwrap_or(i64::MAX)
        }
        StepName::WriteScript => {
            let given = given_scenes(&draft.observed.job.spec).is_some();
            if given { 0 } else { left.unwrap_or(1).min(1) }
        }
        StepName::GenerateImages | StepName::NarrateScenes | StepName::AnimateScenes => {
            let total = scenes(draft, settings);
            let done = step.map_or(0, |step| i64::from(completed(step).len()));
            // One request speaks the film, as long as the worker knows of no more than one voice.
            let whole = name == StepName::NarrateScenes && speaks_all_at_once(settings);
            let most = if whole { 1 } else { i64::MAX };
            left.unwrap_or((total - done).min(most)).max(0)
        }
    }
}

/// Scenes of the film; as long as there is no script, as many as it is to have.
fn scenes(draft: &Draft<'_>, settings: &Settings) -> i64 {
    let written = draft.step(StepName::WriteScript).and_then(|step| step.scenes.as_ref()?.total);
    written
        .map(i64::from)
        .or(given_scenes(&draft.observed.job.spec))
        .unwrap_or(i64::from(settings.scene_count))
}

/// What the whole run is expected to cost: what was paid, and what the steps that are not done will ask for, each at the
/// price that it asked with. Of a service that has no price, nothing.
pub(super) fn estimate(draft: &mut Draft<'_>, settings: &Settings) {
    let rest = StepName::ALL.into_iter().map(|name| {
        let step = draft.step(name);
        if step.and_then(|step| step.state).is_some_and(StepState::is_done) {
            return Money::ZERO;
        }
        let asked = step.filter(|step| !is_of_earlier_run(step)).map(|step| step.demands.clone());
        // While an attempt is at work, its progress is not paid for yet.
        let mut open = asked.unwrap_or_default();
        open.retain(|demand| demand.settled != Some(true));
        let wanted = if open.is_empty() {
            needs(draft, settings, name, &hired_accounts(draft, settings, name))
        } else {
            open
        };
        let price = |demand: &Demand| {
            demand.price_each.unwrap_or_default().times(demand.submissions.unwrap_or_default())
        };
        wanted.iter().map(price).fold(Money::ZERO, Money::plus)
    });
    let rest = rest.fold(Money::ZERO, Money::plus);
    let whole = rest.plus(paid(&draft.status));
    if whole != Money::ZERO || draft.status.cost.is_some() {
        draft.status.cost.get_or_insert_default().estimated = Some(whole);
    }
}

/// Whether what is asked for would take the film over its budget, or nobody can tell: nothing is asked then.
pub(super) fn over_budget(
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
    demands: &[Demand],
) -> Option<Verdict> {
    let limit = settings.budget.as_ref()?.limit?;
    if let Some(message) = without_price(name, demands, limit) {
        return Some(Verdict::Stalled { reason: Reason::PriceUnknown, message, step: Some(name) });
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
        reason: Reason::BudgetExceeded,
        message: format!(
            "{name} needs about ${wanted}, ${} of budget ${limit} are spent or reserved; raise budget.limit, or ask for \
             less",
            paid.plus(reserved)
        ),
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
