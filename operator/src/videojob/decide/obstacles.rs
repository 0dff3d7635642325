//! What keeps a step from beginning although its inputs are there: a gate, the bucket, the operator's own settings, or an
//! account of its own.

use std::borrow::Cow;

use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::provideraccount::Provider;
use videofactory_pipeline::{Settings, graph};

use super::super::model::{Account, Storage};
use super::super::verdict::Verdict;
use super::accounts::{accounts_of, is_barred};
use super::draft::Draft;
use super::messages::in_review;
use crate::config::SUSPENDED_SIDE_EFFECTS;

/// What keeps a step from beginning, behind this gate if there is one.
pub(super) fn obstacle(
    draft: &Draft<'_>,
    settings: &Settings,
    gate: Option<StepName>,
    name: StepName,
) -> Option<Verdict> {
    if let Some(gate) = gate.filter(|gate| graph::downstream(*gate).contains(&name)) {
        return Some(in_review(draft, gate));
    }
    if let Storage::NotReady { reason, message } = &draft.observed.storage {
        return Some(Verdict::of_storage(*reason, message.clone(), Some(name)));
    }
    if is_barred(draft, settings, name) {
        let message = format!("{name}: {SUSPENDED_SIDE_EFFECTS}");
        return Some(Verdict::Suspended { reason: VideoJobReason::SideEffectsSuspended, message });
    }
    of_accounts(draft, settings, name)
}

/// What keeps a step from using the accounts that it names.
fn of_accounts(draft: &Draft<'_>, settings: &Settings, name: StepName) -> Option<Verdict> {
    let stalled =
        |reason, message: String| Verdict::Stalled { reason, message: message.into(), step: Some(name) };
    let mut accounts = accounts_of(name, settings).into_iter().map(|account| observed(draft, account));
    let unusable = accounts.find_map(|account| match &*account {
        Account::Embedded => None,
        Account::Held(why) => Some(Verdict::Waiting {
            reason: VideoJobReason::AwaitingQuota,
            message: format!("{name}: {why}").into(),
            step: Some(name),
            at: None,
        }),
        Account::External(external) => {
            external.obstacle.clone().map(|message| stalled(VideoJobReason::ConfigurationInvalid, message))
        }
        Account::Unusable { reason, message } => Some(stalled(*reason, message.clone())),
    });
    unusable.or_else(|| Some(stalled(VideoJobReason::ConfigurationInvalid, unfit(draft, settings, name)?)))
}

/// An account as it was observed.
fn observed<'a>(draft: &Draft<'a>, name: &str) -> Cow<'a, Account> {
    let found = draft.observed.accounts.get(name);
    found.map_or_else(|| Cow::Owned(Account::missing(name)), Cow::Borrowed)
}

/// Why a step can never use an account that it names, as that account is now, and what to do.
pub(super) fn unfit(draft: &Draft<'_>, settings: &Settings, name: StepName) -> Option<String> {
    uses(settings, name).into_iter().find_map(|Use { account, user, wanted }| {
        let provider = match &*observed(draft, account) {
            Account::Unusable { message, .. } => return Some(message.clone()),
            // What it is, is known once it is restored.
            Account::Held(_) => return None,
            Account::Embedded => Provider::Embedded,
            Account::External(external) => external.spec.provider,
        };
        (!wanted.contains(&provider)).then(|| {
            let wanted: Vec<&str> = wanted.into_iter().map(Provider::as_str).collect();
            format!(
                "{user} needs an account of provider {}, and ProviderAccount {account:?} is of provider {}: name another one",
                wanted.join(" or "),
                provider.as_str()
            )
        })
    })
}

/// What an account is named for.
struct Use<'a> {
    account: &'a str,
    /// The step or target that names it.
    user: String,
    /// The providers that can do it.
    wanted: Vec<Provider>,
}

/// What a step names accounts for.
fn uses(settings: &Settings, name: StepName) -> Vec<Use<'_>> {
    if name == StepName::PublishVideo {
        let targets = settings.publish.targets.iter().filter_map(|target| {
            let wanted = vec![target.type_.provider()?];
            let account = target.account_ref.as_ref()?.name.as_str();
            Some(Use { account, user: format!("target {:?}", target.name), wanted })
        });
        return targets.collect();
    }
    let wanted: Vec<Provider> =
        Provider::ALL.into_iter().filter(|provider| provider.supports(name)).collect();
    let accounts = accounts_of(name, settings).into_iter();
    accounts.map(|account| Use { account, user: name.to_string(), wanted: wanted.clone() }).collect()
}
