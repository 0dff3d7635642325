//! What would keep a later step from beginning if its turn came now: told while there is time to mend it.

use videofactory_crds::StepName;
use videofactory_crds::condition::{self, ConditionType, Reason, StepState};
use videofactory_pipeline::Settings;

use super::super::model::{Account, HiredAccount};
use super::super::verdict::Verdict;
use super::accounts::accounts_of;
use super::draft::Draft;
use super::obstacles::unfit;
use crate::events::{MOST_TEXT_BYTES, cut};

/// Adds to what is told of a job that goes on what would keep a step from beginning if its turn came now: there is time to
/// mend it.
pub(super) fn warn(draft: &mut Draft<'_>, settings: &Settings, verdict: &mut Verdict) {
    let (Verdict::Running { message, .. } | Verdict::Waiting { message, .. }) = verdict else { return };
    let Some(Warning { step, reason, text }) = warning(draft, settings) else { return };
    let text = cut(&format!("{step}, which comes later: {text}"), MOST_TEXT_BYTES / 2 - 2);
    // Both are told whole or in part, so that it is seen in the status whether the warning was told before.
    *message = format!("{}; {text}", cut(message, MOST_TEXT_BYTES / 2));
    let conditions = draft.observed.job.status.as_ref().map(|status| status.conditions.as_slice());
    let told = condition::get(conditions.unwrap_or_default(), ConditionType::Ready);
    if told.is_none_or(|told| !told.message.contains(&text)) {
        draft.event(true, reason, step.as_str(), text);
    }
}

struct Warning {
    step: StepName,
    reason: Reason,
    text: String,
}

fn warning(draft: &Draft<'_>, settings: &Settings) -> Option<Warning> {
    let is_to_come = |name: &StepName| {
        let state = draft.step(*name).and_then(|step| step.state);
        state.is_none_or(|state| state == StepState::Pending)
    };
    StepName::ALL.into_iter().filter(is_to_come).find_map(|step| {
        if let Some(text) = unfit(draft, settings, step) {
            return Some(Warning { step, reason: Reason::ConfigurationInvalid, text });
        }
        accounts_of(step, settings).into_iter().find_map(|name| {
            let Some(Account::Hired(account)) = draft.observed.accounts.get(name) else { return None };
            let (reason, text) = trouble(name, account)?;
            Some(Warning { step, reason, text })
        })
    })
}

/// Why an account cannot be used now: a reason and a sentence.
fn trouble(name: &str, account: &HiredAccount) -> Option<(Reason, String)> {
    if let Some(obstacle) = &account.obstacle {
        return Some((Reason::ConfigurationInvalid, obstacle.clone()));
    }
    let is_false = |kind| {
        condition::get(&account.status.conditions, kind).filter(|condition| condition.status == "False")
    };
    let said = is_false(ConditionType::Ready).or_else(|| is_false(ConditionType::Healthy))?;
    let reason = condition::reason(said).unwrap_or(Reason::ProviderUnavailable);
    Some((reason, format!("ProviderAccount {name:?}: {}", said.message)))
}
