//! What a step would ask its accounts for: submissions, their seconds and their price.

use std::collections::BTreeMap;

use videofactory_client::price::{
    given_scenes, price_each, provider_of, seconds_each, seconds_of_one, speaks_all_at_once,
};
use videofactory_crds::StepName;
use videofactory_crds::settings::PublishTarget;
use videofactory_crds::videojob::{Demand, PublicationState};
use videofactory_pipeline::Settings;

use super::super::model::ExternalAccount;
use super::draft::Draft;
use super::prices::scenes;
use super::step::completed;

/// What the step's next attempt asks its accounts for, one demand each; none where nothing is to be submitted. For a scene
/// that is made before all others, one submission.
pub(super) fn needs(
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
    accounts: &BTreeMap<String, ExternalAccount>,
) -> Vec<Demand> {
    demands(draft, settings, name, accounts, draft.previews.contains(&name))
}

/// What the step asks them for until all its scenes are there.
pub(super) fn needs_of_all(
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
    accounts: &BTreeMap<String, ExternalAccount>,
) -> Vec<Demand> {
    demands(draft, settings, name, accounts, false)
}

fn demands(
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
    accounts: &BTreeMap<String, ExternalAccount>,
    of_one: bool,
) -> Vec<Demand> {
    let seconds = if of_one { seconds_of_one } else { seconds_each };
    let seconds = seconds(settings, name, scenes(draft, settings));
    accounts
        .iter()
        .filter_map(|(account, external)| {
            let submissions = submissions(draft, settings, name, account, of_one);
            let provider = provider_of(settings, name);
            (submissions > 0).then(|| Demand {
                account: account.clone(),
                model: provider.map(|provider| provider.model.clone()).filter(|model| !model.is_empty()),
                submissions: Some(submissions),
                seconds_each: Some(seconds),
                price_each: price_each(settings, name, &external.spec, seconds),
                ..Demand::default()
            })
        })
        .collect()
}

/// How many submissions are still to be made to an account: as the last attempt counted them, or else as many as there
/// can be. `of_one`: for one scene alone.
fn submissions(draft: &Draft<'_>, settings: &Settings, name: StepName, account: &str, of_one: bool) -> i64 {
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
            if of_one {
                return left.unwrap_or(1).clamp(0, 1);
            }
            // Of the one scene alone an attempt has counted what is left of it.
            let left = left.filter(|_| !draft.previews.contains(&name));
            let total = scenes(draft, settings);
            let done = step.map_or(0, |step| i64::from(completed(step).len()));
            // One request speaks the film, as long as the worker knows of no more than one voice.
            let whole = name == StepName::NarrateScenes && speaks_all_at_once(settings);
            let most = if whole { 1 } else { i64::MAX };
            left.unwrap_or((total - done).min(most)).max(0)
        }
    }
}
