//! What an account says of itself: Ready, Stalled, Healthy and `CredentialsValid`. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use videofactory_crds::condition::{self, ConditionState, ConditionStatus, ConditionType};
use videofactory_crds::provideraccount::{CREDENTIALS_EXPIRE_SOON, Provider};
use videofactory_crds::{ProviderAccount, ProviderAccountReason, ProviderAccountSpec};

use super::calendar::plus;
use super::model::{Checked, Credentials, Finding, Health, Observed};
use crate::events::Event;

/// What one of its conditions is to say.
type State = ConditionState<ProviderAccountReason>;

/// What was found out about an account.
pub struct Assessment {
    /// Whether it may grant anything.
    pub may_grant: bool,
    /// What its conditions are to say; `Stalled` follows from Ready.
    pub states: Vec<State>,
}

/// When the end of the credentials is warned of.
#[must_use]
pub fn warns_at(spec: &ProviderAccountSpec) -> Option<Timestamp> {
    spec.credentials_expire_at.as_ref().map(|end| plus(end.0, -CREDENTIALS_EXPIRE_SOON.as_secs()))
}

/// What is to be said of an account.
#[must_use]
pub fn assess(observed: &Observed, now: Timestamp) -> Assessment {
    let credentials = credentials(observed, now);
    let usable = credentials.status == ConditionStatus::True;
    let ready = match &observed.duplicate {
        Some(duplicate) => state(
            ConditionType::Ready,
            ConditionStatus::False,
            ProviderAccountReason::DuplicateAccount,
            format!(
                "ProviderAccount {duplicate:?} is older and has the same key: it alone spends the key's quota. Use \
                 that one, or give this one a key of its own"
            ),
        ),
        None if usable => {
            let expiring = credentials.reason == ProviderAccountReason::CredentialsExpiring;
            let note = if expiring { format!("; {}", credentials.message) } else { String::new() };
            let message = format!("can be used{note}");
            state(ConditionType::Ready, ConditionStatus::True, ProviderAccountReason::Available, message)
        }
        None => State { kind: ConditionType::Ready, ..credentials.clone() },
    };
    // A service that does not take the credentials is not asked by us whether it has changed its mind: the attempts do
    // that, and say in their jobs what is wrong. Without a Secret none could begin.
    let may_grant = observed.duplicate.is_none()
        && !matches!(observed.credentials, Credentials::Missing(_) | Credentials::Forbidden(_));
    Assessment { may_grant, states: vec![ready, healthy(observed), credentials] }
}

fn state(
    kind: ConditionType,
    status: ConditionStatus,
    reason: ProviderAccountReason,
    message: impl Into<String>,
) -> State {
    State { kind, status, reason, message: message.into() }
}

fn healthy(observed: &Observed) -> State {
    let kind = ConditionType::Healthy;
    if observed.account.spec.provider == Provider::Embedded {
        return state(kind, ConditionStatus::True, ProviderAccountReason::Available, "works offline");
    }
    match observed.health.finding() {
        None => said(observed, kind).unwrap_or_else(|| {
            state(
                kind,
                ConditionStatus::Unknown,
                ProviderAccountReason::Progressing,
                "the service has not been asked yet",
            )
        }),
        Some(Finding::Down(message)) => {
            state(kind, ConditionStatus::False, ProviderAccountReason::ProviderUnavailable, message)
        }
        Some(Finding::Fine | Finding::Refused(_)) => {
            state(kind, ConditionStatus::True, ProviderAccountReason::Available, "the service answers")
        }
    }
}

/// What the status says, as long as nobody knows better.
fn said(observed: &Observed, kind: ConditionType) -> Option<State> {
    use ProviderAccountReason::{CredentialsInvalid, ProviderUnavailable};
    let conditions = observed.account.status.as_ref().map(|status| status.conditions.as_slice())?;
    let said = condition::get(conditions, kind)?;
    let (status, reason) = match (said.status.as_str(), condition::reason(said)) {
        ("True", _) => (ConditionStatus::True, ProviderAccountReason::Available),
        ("False", Some(bad @ (CredentialsInvalid | ProviderUnavailable))) => (ConditionStatus::False, bad),
        _ => return None,
    };
    Some(state(kind, status, reason, said.message.clone()))
}

fn credentials(observed: &Observed, now: Timestamp) -> State {
    let kind = ConditionType::CredentialsValid;
    let invalid = |message: &str| {
        state(kind, ConditionStatus::False, ProviderAccountReason::CredentialsInvalid, message)
    };
    match (&observed.credentials, &observed.health) {
        // A server of one's own may ask for a key although the account names none.
        (
            Credentials::NotNeeded | Credentials::Here,
            Health::Found(Checked { finding: Finding::Refused(message), .. }),
        )
        | (Credentials::Incomplete(message) | Credentials::Missing(message), _) => invalid(message),
        (Credentials::NotNeeded, _) => {
            state(kind, ConditionStatus::True, ProviderAccountReason::Available, "needs no credentials")
        }
        (Credentials::Forbidden(message), _) => {
            state(kind, ConditionStatus::False, ProviderAccountReason::ConfigurationInvalid, message)
        }
        (Credentials::Here, Health::Unasked) => {
            let refused = said(observed, kind).filter(|said| said.status == ConditionStatus::False);
            refused.unwrap_or_else(|| here(observed, now))
        }
        (Credentials::Here, _) => here(observed, now),
    }
}

/// The Secret is complete, and nothing speaks against what it says.
fn here(observed: &Observed, now: Timestamp) -> State {
    let kind = ConditionType::CredentialsValid;
    let spec = &observed.account.spec;
    let secret = spec.secret_ref.as_ref().map(|secret| secret.name.as_str()).unwrap_or_default();
    match &spec.credentials_expire_at {
        Some(end) if warns_at(spec).is_some_and(|at| at <= now) => {
            let verb = if end.0 <= now { "ended" } else { "end" };
            let message = format!(
                "the credentials {verb} at {:.0}: put new ones into Secret {secret:?} and \
                 update credentialsExpireAt",
                end.0
            );
            state(kind, ConditionStatus::True, ProviderAccountReason::CredentialsExpiring, message)
        }
        _ => {
            let message = format!("Secret {secret:?} has all keys that it needs");
            state(kind, ConditionStatus::True, ProviderAccountReason::Available, message)
        }
    }
}

/// Puts the conditions in place, `Stalled` with Ready; Events for those that have come to say something else.
pub fn set(
    conditions: &mut Vec<Condition>,
    states: Vec<State>,
    account: &ProviderAccount,
    now: Timestamp,
) -> Vec<Event> {
    let mut events = Vec::new();
    for state in states {
        let before = condition::get(conditions, state.kind)
            .map(|c| (c.status.clone(), c.reason.clone(), c.message.clone()));
        let says = (state.status.to_string(), state.reason.to_string(), state.message.clone());
        let bad = state.status == ConditionStatus::False;
        let warning = bad || state.reason == ProviderAccountReason::CredentialsExpiring;
        // Ready repeats what the others say.
        let repeats =
            state.kind == ConditionType::Ready && state.reason != ProviderAccountReason::DuplicateAccount;
        let was_bad = before.as_ref().is_some_and(|(status, ..)| status == "False");
        let recovered = was_bad && state.status == ConditionStatus::True;
        if before.as_ref() != Some(&says) && !repeats && (warning || recovered) {
            events.push(Event {
                warning,
                reason: state.reason.into(),
                action: state.kind.to_string(),
                note: state.message.clone(),
            });
        }
        let generation = account.metadata.generation;
        if state.kind == ConditionType::Ready {
            condition::set_ready(conditions, state, generation, now);
        } else {
            condition::set(conditions, state, generation, now);
        }
    }
    events
}
