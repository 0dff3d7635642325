//! What the way of a request needs to know of a service.

use std::time::Duration;

use super::State;
use super::accounts::Work;
use super::answer::Answer;
use super::call::{Ask, Call};
use super::faults::{Effect, Shape};
use super::limits::{Exceeded, Kind};

/// A service's protocol.
pub(crate) trait Protocol {
    /// What a request asks for.
    fn read(state: &State, call: &Call) -> Result<Ask, Misread>;

    /// A refusal, in the service's own words.
    fn refuse(ask: &Ask, why: &Refused) -> Answer;

    /// How the service says that a limit is exceeded.
    fn shape(ask: &Ask, exceeded: &Exceeded) -> Shape;

    /// Does what was asked for. `work` is what was accepted, if it was a submission. An error closes the connection.
    async fn perform(
        state: &State,
        call: &mut Call,
        ask: &Ask,
        work: Option<&Work>,
        fault: Option<&Effect>,
    ) -> anyhow::Result<Answer>;
}

/// A request that asks for nothing that there is.
#[derive(Debug)]
pub(crate) enum Misread {
    /// A path or method that the service does not have.
    NoRoute,
    /// A request that the service refuses for what it says.
    Refused(Box<Ask>, Refused),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    NoKey,
    WrongKey,
    TokenRevoked,
    Forbidden,
    NotFound(String),
    Invalid(String),
    RateLimited(Shape, Duration),
    CreditsUsedUp,
    Moderated,
    Status(u16),
    Loading(u16),
}

impl Misread {
    pub(crate) fn refused(ask: Ask, why: Refused) -> Self {
        Self::Refused(Box::new(ask), why)
    }

    pub(crate) fn invalid(ask: Ask, message: impl Into<String>) -> Self {
        Self::refused(ask, Refused::Invalid(message.into()))
    }
}

impl Refused {
    /// As the ledger has it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::WrongKey | Self::TokenRevoked => "wrong-key",
            Self::NotFound(_) => "not-found",
            _ => "invalid",
        }
    }

    /// What a fault refuses a request for before anything is accepted.
    pub(crate) fn by(fault: &Effect) -> Option<Self> {
        Some(match fault {
            Effect::RateLimited { shape, seconds } => {
                Self::RateLimited(*shape, Duration::from_secs(*seconds))
            }
            Effect::CreditsUsedUp => Self::CreditsUsedUp,
            Effect::Status { code } => Self::Status(*code),
            Effect::WrongKey => Self::WrongKey,
            Effect::TokenRevoked => Self::TokenRevoked,
            Effect::Forbidden => Self::Forbidden,
            Effect::Loading { code } => Self::Loading(*code),
            _ => return None,
        })
    }
}

/// Whole seconds, rounded up: a client that waits so long is not refused again.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// As the ledger has it.
pub(crate) fn limit_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Rolling => "limit:rolling",
        Kind::Fixed => "limit:fixed",
        Kind::Anchored => "limit:anchored",
        Kind::Pace => "limit:pace",
    }
}
