//! Which accounts a step spends from.

use std::collections::{BTreeMap, BTreeSet};

use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_pipeline::Settings;

use super::super::model::{Account, ExternalAccount};
use super::draft::Draft;

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

/// The external accounts of a step.
pub(super) fn external_accounts(
    draft: &Draft<'_>,
    settings: &Settings,
    name: StepName,
) -> BTreeMap<String, ExternalAccount> {
    let named: BTreeSet<&str> = accounts_of(name, settings).into_iter().collect();
    named
        .into_iter()
        .filter_map(|account| match draft.observed.accounts.get(account) {
            Some(Account::External(external)) => Some((account.to_owned(), (**external).clone())),
            _ => None,
        })
        .collect()
}

/// Whether the step has effects outside the cluster, by an account with an outside service or by publishing, and there
/// are to be none.
pub(super) fn is_barred(draft: &Draft<'_>, settings: &Settings, name: StepName) -> bool {
    let outward = || name == StepName::PublishVideo || !external_accounts(draft, settings, name).is_empty();
    draft.observed.side_effects.are_suspended() && outward()
}

/// The versions of all credentials of a step, as one text.
pub(super) fn versions(accounts: &BTreeMap<String, ExternalAccount>) -> Option<String> {
    let all: Vec<&str> = accounts.values().filter_map(|account| account.credentials.as_deref()).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// Whether other credentials are there than those that the step's last attempt complained of.
pub(super) fn has_new_credentials(draft: &Draft<'_>, settings: &Settings, name: StepName) -> bool {
    let Some(step) = draft.step(name) else { return false };
    let now = versions(&external_accounts(draft, settings, name));
    step.reason == Some(VideoJobReason::CredentialsInvalid) && now.is_some() && step.credentials != now
}
