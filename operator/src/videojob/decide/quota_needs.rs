//! What a step would ask its accounts for: submissions, their seconds and their price.

use std::collections::BTreeMap;

use videofactory_client::price::{
    given_scenes, preview_seconds, price_each, provider_of, seconds_each, speaks_all_at_once,
};
use videofactory_crds::StepName;
use videofactory_crds::settings::PublishTarget;
use videofactory_crds::videojob::{Demand, PublicationState};
use videofactory_pipeline::Settings;

use super::super::model::ExternalAccount;
use super::draft::Draft;
use super::prices::scenes;
use super::step::completed;

/// For which scenes a step asks its accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// All that are still to be made.
    AllScenes,
    /// The previewed one alone.
    Preview,
}

/// What the step's next attempt asks its accounts for, one demand each; none where nothing is to be submitted. For a
/// preview, one submission.
pub(super) fn needs(
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
    accounts: &BTreeMap<String, ExternalAccount>,
) -> Vec<Demand> {
    let scope = if draft.preview_steps.contains(&name) { Scope::Preview } else { Scope::AllScenes };
    needs_for(scope, draft, settings, name, accounts)
}

/// What the step asks them for until all its scenes are there.
pub(super) fn needs_of_all(
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
    accounts: &BTreeMap<String, ExternalAccount>,
) -> Vec<Demand> {
    needs_for(Scope::AllScenes, draft, settings, name, accounts)
}

fn needs_for(
    scope: Scope,
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
    accounts: &BTreeMap<String, ExternalAccount>,
) -> Vec<Demand> {
    let total = scenes(draft, settings);
    let seconds = match scope {
        Scope::AllScenes => seconds_each(settings, name, total),
        Scope::Preview => preview_seconds(settings, name, total),
    };
    accounts
        .iter()
        .filter_map(|(account, external)| {
            let submissions = submissions(scope, draft, settings, name, account);
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
/// can be.
fn submissions(scope: Scope, draft: &Draft<'_>, settings: &Settings, name: StepName, account: &str) -> i64 {
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
            if scope == Scope::Preview {
                return left.unwrap_or(1).clamp(0, 1);
            }
            // In a preview an attempt has counted what is left of the previewed scene alone.
            let left = left.filter(|_| !draft.preview_steps.contains(&name));
            let total = scenes(draft, settings);
            let done = step.map_or(0, |step| i64::from(completed(step).len()));
            // One request speaks the film, as long as the worker knows of no more than one voice.
            let whole = name == StepName::NarrateScenes && speaks_all_at_once(settings);
            let most = if whole { 1 } else { i64::MAX };
            left.unwrap_or((total - done).min(most)).max(0)
        }
    }
}
