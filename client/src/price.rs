//! What a film's steps would cost: by the prices of the account that a step names, or else by its service's usual ones.
//! Pure.

use videofactory_crds::StepName;
use videofactory_crds::provideraccount::{Provider as Service, ProviderAccountSpec};
use videofactory_crds::settings::Grouping;
use videofactory_crds::units::Money;
use videofactory_crds::videojob::VideoJobSpec;
use videofactory_pipeline::Settings;
use videofactory_pipeline::settings::Provider;
use videofactory_providers::{Model, Sold, sold_seconds, usual_price};

/// Seconds of a provider's time that one picture takes, as long as nothing better is known.
const SECONDS_A_PICTURE: i64 = 15;

/// What something is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// Nothing, but time.
    Nothing,
    /// About so much.
    About(Money),
    /// Something, and nobody knows how much.
    Unknown,
}

impl Price {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Nothing, price) | (price, Self::Nothing) => price,
            (Self::About(one), Self::About(other)) => Self::About(one.plus(other)),
        }
    }
}

/// What all of a step would cost, made from nothing with this account for so many scenes.
#[must_use]
pub fn of_all(
    spec: &VideoJobSpec,
    settings: &Settings,
    name: StepName,
    account: &ProviderAccountSpec,
    scenes: i64,
) -> Price {
    of(settings, name, account, scenes, submissions(spec, settings, name, account, scenes))
}

/// What so many submissions of a step would cost, for a film of so many scenes.
#[must_use]
pub fn of(
    settings: &Settings,
    name: StepName,
    account: &ProviderAccountSpec,
    scenes: i64,
    submissions: i64,
) -> Price {
    if submissions == 0 {
        return Price::Nothing;
    }
    let each = price_each(settings, name, account, seconds_each(settings, name, scenes));
    each.map_or(Price::Unknown, |each| Price::About(each.times(submissions)))
}

/// How often an account is asked for all of a step, made from nothing for so many scenes.
#[must_use]
pub fn submissions(
    spec: &VideoJobSpec,
    settings: &Settings,
    name: StepName,
    account: &ProviderAccountSpec,
    scenes: i64,
) -> i64 {
    match name {
        _ if account.provider == Service::Embedded => 0,
        StepName::WriteScript => i64::from(given_scenes(spec).is_none()),
        StepName::NarrateScenes if speaks_all_at_once(settings) => 1,
        StepName::GenerateImages | StepName::NarrateScenes | StepName::AnimateScenes => scenes,
        StepName::AssembleVideo | StepName::PublishVideo => 0,
    }
}

/// Who does a step's work; absent: what comes with Video Factory.
#[must_use]
pub fn provider_of(settings: &Settings, name: StepName) -> Option<&Provider> {
    let providers = &settings.providers;
    match name {
        StepName::WriteScript => providers.script.as_ref(),
        StepName::GenerateImages => providers.images.as_ref(),
        StepName::NarrateScenes => providers.narration.as_ref(),
        StepName::AnimateScenes => providers.animation.as_ref(),
        StepName::AssembleVideo | StepName::PublishVideo => None,
    }
}

/// Scenes that were not left to a script writer.
#[must_use]
pub fn given_scenes(spec: &VideoJobSpec) -> Option<i64> {
    let given = spec.scenes.as_ref().map(Vec::len).filter(|given| *given > 0)?;
    i64::try_from(given).ok()
}

/// Whether one request speaks the film.
#[must_use]
pub fn speaks_all_at_once(settings: &Settings) -> bool {
    settings.providers.narration.as_ref().is_some_and(|provider| provider.grouping == Grouping::Film)
}

/// Seconds of what is bought for a film of so many scenes: of a clip or of speech; of computing, for a picture.
#[must_use]
pub fn seconds_each(settings: &Settings, name: StepName, scenes: i64) -> i64 {
    let target = i64::try_from(settings.length.target.as_secs()).unwrap_or(i64::MAX);
    let scenes = scenes.max(1);
    match name {
        StepName::GenerateImages => SECONDS_A_PICTURE,
        StepName::AnimateScenes => (target / scenes + 1).clamp(1, 15),
        // One request speaks the film, or each scene has its own.
        StepName::NarrateScenes if speaks_all_at_once(settings) => target,
        StepName::NarrateScenes => preview_seconds(settings, name, scenes),
        StepName::WriteScript | StepName::AssembleVideo | StepName::PublishVideo => 1,
    }
}

/// The same for the preview of a film of so many scenes.
#[must_use]
pub fn preview_seconds(settings: &Settings, name: StepName, scenes: i64) -> i64 {
    if name != StepName::NarrateScenes {
        return seconds_each(settings, name, scenes);
    }
    let target = i64::try_from(settings.length.target.as_secs()).unwrap_or(i64::MAX);
    (target / scenes.max(1) + 1).min(target)
}

/// What a step is sold; nothing where nobody asks for money.
#[must_use]
pub const fn sold(name: StepName) -> Option<Sold> {
    match name {
        StepName::WriteScript => Some(Sold::Script),
        StepName::GenerateImages => Some(Sold::Image),
        StepName::NarrateScenes => Some(Sold::NarrationSecond),
        StepName::AnimateScenes => Some(Sold::VideoSecond),
        StepName::AssembleVideo | StepName::PublishVideo => None,
    }
}

/// What one submission of so many seconds is expected to cost: by the account's own prices, or else by the usual ones;
/// nothing where nobody knows.
#[must_use]
pub fn price_each(
    settings: &Settings,
    name: StepName,
    account: &ProviderAccountSpec,
    seconds: i64,
) -> Option<Money> {
    let sold = sold(name)?;
    let model = provider_of(settings, name)
        .map(|provider| Model { name: provider.model.clone(), parameters: provider.parameters.clone() })
        .unwrap_or_default();
    let service = account.provider.as_str();
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    let units = match sold {
        Sold::VideoSecond => sold_seconds(service, &model, seconds),
        Sold::NarrationSecond => seconds,
        Sold::Script | Sold::Image => 1,
    };
    if let Some(own) = account.prices.as_ref().and_then(|prices| prices.get(sold.as_str())) {
        return Some(own.times(i64::from(units)));
    }
    let (width, height) = settings.frame();
    let usual = usual_price(service, &model, sold, width, height)?;
    Some(Money::from_micros(usual.of_request(units)))
}

/// That nobody knows what a step's model costs. `model`: empty or absent is the account's usual one.
#[must_use]
pub fn nobody_knows(name: StepName, model: Option<&str>, account: &str) -> String {
    let model = model.filter(|model| !model.is_empty());
    let model = model.map_or_else(|| "the usual model".to_owned(), |model| format!("model {model:?}"));
    format!("{name}: nobody knows what {model} of account {account} costs")
}
