//! How a provider can fail. The variants are exactly the distinctions that a caller acts upon: wait, try
//! again, ask a person, or give this one scene up. Every text says what was tried and what to do next.

use std::time::Duration;

use jiff::Timestamp;

/// Why a provider did not deliver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The service read the request and will not fulfil it; the same request would be refused again.
    #[error(
        "{provider} refused the request: {why}. Change the text of the scene, or give the result yourself"
    )]
    Refused {
        /// The provider's name, as people know it.
        provider: &'static str,
        /// The service's own reason, or the nearest thing to it.
        why: String,
    },
    /// A limit of the service is used up; nothing was made.
    #[error("{provider} is rate limited: {message}")]
    RateLimited {
        /// The provider's name.
        provider: &'static str,
        /// What the service said.
        message: String,
        /// When the service will take requests again, as far as it said.
        resume: Resume,
    },
    /// The service cannot be reached or is broken at the moment; trying again later is right.
    #[error("{provider} is unavailable: {message}. It is tried again")]
    Unavailable {
        /// The provider's name.
        provider: &'static str,
        /// What was tried and what came back.
        message: String,
    },
    /// The key is missing, wrong or expired; only a person can fix it.
    #[error("{provider} does not accept the credentials: {message}")]
    Credentials {
        /// The provider's name.
        provider: &'static str,
        /// What is wrong with them and where they are set.
        message: String,
    },
    /// The account is out of credit; nothing was made. Somebody adds some with the service, and nothing here says so.
    #[error("{provider} needs a payment: {message}")]
    CreditsUsedUp {
        /// The provider's name.
        provider: &'static str,
        /// The service's own words, and what to do.
        message: String,
    },
    /// The request can never work as it is set up: an unknown voice, language, model or size.
    #[error("{provider} cannot do this: {message}")]
    Configuration {
        /// The provider's name.
        provider: &'static str,
        /// What was asked for, what there is, and which setting to change.
        message: String,
    },
    /// The answer to a submission was lost: whether the service took it, nobody knows.
    #[error("{provider} may or may not have taken the request: {message}")]
    OutcomeUnknown {
        /// The provider's name.
        provider: &'static str,
        /// What was tried and how the answer was lost.
        message: String,
    },
    /// Asked for what it has taken, the service does not find it. Whether that is gone, or the question went to the wrong
    /// place or with another key than the request, this answer does not say.
    #[error("{provider} does not find what it took: {message}")]
    NotFound {
        /// The provider's name.
        provider: &'static str,
        /// What was asked for, and what came back.
        message: String,
    },
    /// The work was stopped from our side before it ended, for example because the pod is shutting down.
    #[error("{provider} was interrupted: {message}")]
    Interrupted {
        /// The provider's name.
        provider: &'static str,
        /// What was under way.
        message: String,
    },
    /// The provider, or our client of it, did something that it never should; a retry may help, a report will.
    #[error("{provider} failed unexpectedly: {message}")]
    Unexpected {
        /// The provider's name.
        provider: &'static str,
        /// What was tried and what happened instead.
        message: String,
    },
}

impl ProviderError {
    /// While an accepted request is polled, an unexpected answer says nothing of the request: it is polled again.
    #[must_use]
    pub(crate) fn into_transient(self) -> Self {
        match self {
            Self::Unexpected { provider, message } => Self::Unavailable { provider, message },
            error => error,
        }
    }
}

/// When a rate-limited service takes requests again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// So long after its answer.
    After(Duration),
    /// At this moment.
    At(Timestamp),
    /// It did not say: the caller's own limits and back-off decide.
    Unknown,
}

/// Its kind, as tables of tests name it.
#[cfg(test)]
pub(crate) fn kind(error: &ProviderError) -> &'static str {
    use ProviderError as E;
    match error {
        E::Refused { .. } => "refused",
        E::RateLimited { .. } => "limited",
        E::Unavailable { .. } => "unavailable",
        E::Credentials { .. } => "credentials",
        E::CreditsUsedUp { .. } => "credits",
        E::Configuration { .. } => "configuration",
        E::OutcomeUnknown { .. } => "unknown",
        E::NotFound { .. } => "not found",
        E::Interrupted { .. } => "interrupted",
        E::Unexpected { .. } => "unexpected",
    }
}
