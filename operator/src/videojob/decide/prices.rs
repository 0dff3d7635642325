//! What a step costs that is made from nothing.

use videofactory_client::price::{self, Price, given_scenes};
use videofactory_crds::StepName;
use videofactory_pipeline::Settings;

use super::accounts::external_accounts;
use super::draft::Draft;

/// What all of a step would cost, made from nothing.
pub(super) fn price_of_all(draft: &Draft<'_>, settings: &Settings, name: StepName) -> Price {
    let spec = &draft.observed.job.spec;
    let account = external_accounts(draft, settings, name).into_values().next();
    account.map_or(Price::Nothing, |account| {
        price::of_all(spec, settings, name, &account.spec, scenes(draft, settings))
    })
}

/// Scenes of the film; as long as there is no script, as many as it is to have.
pub(super) fn scenes(draft: &Draft<'_>, settings: &Settings) -> i64 {
    let counted = draft.step(StepName::WriteScript).and_then(|step| step.scenes.as_ref());
    // With something left to be submitted, it counts scripts.
    let written = counted.filter(|scenes| scenes.left.is_none()).and_then(|scenes| scenes.total);
    written
        .map(i64::from)
        .or(given_scenes(&draft.observed.job.spec))
        .unwrap_or(i64::from(settings.scene_count))
}
