//! What keeps a step from beginning although its inputs are there: a gate, the bucket, the operator's own settings, or an
//! account.
//!
//! A step waits for its own accounts. For those of the others, which the film needs, too, it waits as soon as something is to
//! be paid for, if they are not there or do something else: a film that cannot be finished is not worth its first scene.
//! What may be well by the time that it is needed is told, and keeps nobody.

use std::collections::BTreeSet;

use videofactory_crds::StepName;
use videofactory_crds::condition::{Reason, StepState};
use videofactory_crds::provideraccount::Provider;
use videofactory_crds::settings::PublishTarget;
use videofactory_pipeline::{Settings, graph};

use super::super::model::{Account, Storage};
use super::super::verdict::Verdict;
use super::accounts::{accounts_of, hired_accounts, is_barred};
use super::draft::Draft;
use super::messages::in_review;
use super::needs::needs;
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
        return Some(Verdict::Suspended { reason: Reason::SideEffectsSuspended, message });
    }
    of_accounts(draft, settings, name)
}

/// What keeps a step from using the accounts that it names.
fn of_accounts(draft: &Draft<'_>, settings: &Settings, name: StepName) -> Option<Verdict> {
    let stalled = |reason, message| Verdict::Stalled { reason, message, step: Some(name) };
    let mut accounts = accounts_of(name, settings).into_iter();
    let unusable = accounts.find_map(|account| match draft.observed.accounts.get(account)? {
        Account::Embedded => None,
        Account::Held(why) => Some(Verdict::Waiting {
            reason: Reason::AwaitingQuota,
            message: format!("{name}: {why}"),
            step: Some(name),
            at: None,
        }),
        Account::Hired(hired) => {
            hired.obstacle.clone().map(|message| stalled(Reason::ConfigurationInvalid, message))
        }
        Account::Unusable { reason, message } => Some(stalled(*reason, message.clone())),
    });
    unusable.or_else(|| Some(stalled(Reason::ConfigurationInvalid, unfit(draft, settings, name)?)))
}

/// What keeps a step waiting that would buy something: another one, which the film needs, too, can never use an account that
/// it names, as that is now.
pub(super) fn obstacle_to_come(draft: &Draft<'_>, settings: &Settings, name: StepName) -> Option<Verdict> {
    let with_it = graph::downstream(name);
    let others = StepName::ALL.into_iter().filter(|other| *other != name);
    let mut to_come = others.filter(|other| with_it.contains(other) || !is_done(draft, *other));
    let (other, why) = to_come.find_map(|other| Some((other, unfit(draft, settings, other)?)))?;
    let buys = !needs(draft, settings, name, &hired_accounts(draft, settings, name)).is_empty();
    buys.then(|| Verdict::Stalled {
        reason: Reason::ConfigurationInvalid,
        message: format!("{name}: nothing is paid for, because {other} could not finish the film: {why}"),
        step: Some(name),
    })
}

fn is_done(draft: &Draft<'_>, name: StepName) -> bool {
    draft.step(name).and_then(|step| step.state).is_some_and(StepState::is_done)
}

/// Why a step can never use an account that it names, as that account is now, and what to do.
pub(super) fn unfit(draft: &Draft<'_>, settings: &Settings, name: StepName) -> Option<String> {
    accounts_of(name, settings).into_iter().find_map(|account| {
        let provider = match draft.observed.accounts.get(account) {
            None => {
                return Some(format!(
                    "ProviderAccount {account:?} does not exist in this namespace; create it, or correct providers"
                ));
            }
            Some(Account::Unusable { message, .. }) => return Some(message.clone()),
            // What it is, is known once it is restored.
            Some(Account::Held(_)) => return None,
            Some(Account::Embedded) => Provider::Embedded,
            Some(Account::Hired(hired)) => hired.spec.provider,
        };
        let wanted = providers_for(name, account, settings);
        (!wanted.contains(&provider)).then(|| {
            let wanted: Vec<&str> = wanted.into_iter().map(Provider::as_str).collect();
            format!(
                "ProviderAccount {account:?} is of provider {}, which is of no use for {name}: name an account of one that is \
                 ({})",
                provider.as_str(),
                wanted.join(", ")
            )
        })
    })
}

/// The providers that do what a step names this account for.
fn providers_for(name: StepName, account: &str, settings: &Settings) -> BTreeSet<Provider> {
    let is_named = |target: &&PublishTarget| {
        target.account_ref.as_ref().is_some_and(|reference| reference.name == account)
    };
    let does = |provider: &Provider| match name {
        StepName::PublishVideo => {
            let mut targets = settings.publish.targets.iter().filter(is_named);
            targets.all(|target| target.type_.provider().is_none_or(|wanted| wanted == *provider))
        }
        name => provider.does(name),
    };
    Provider::ALL.into_iter().filter(does).collect()
}
