//! The plain data between the stages: what was observed of an account.

use std::time::Duration;

use jiff::Timestamp;
use videofactory_crds::ProviderAccount;

use super::holders::Holders;

/// Everything that one decision may know.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The account, as the API server had it.
    pub account: ProviderAccount,
    /// Who asks, and what has become of those who hold its grants.
    pub holders: Holders,
    /// Whether there are credentials.
    pub credentials: Credentials,
    /// An older account with the same key.
    pub duplicate: Option<String>,
    /// What the last check found.
    pub health: Health,
}

/// Whether an account has what it needs to introduce itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Its provider needs nothing.
    NotNeeded,
    /// The Secret has all keys.
    Here,
    /// It lacks one; a sentence that says what to do.
    Incomplete(String),
    /// There is no Secret; a sentence that says what to do.
    Missing(String),
    /// Its keys may not be sent to the account's endpoint; a sentence that says what to do.
    Forbidden(String),
}

/// What is known of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Nobody has asked since we started: what the status says may still be so.
    #[default]
    Unasked,
    /// Spec or Secret have changed since it was asked: nothing speaks against them.
    Changed,
    /// What was found.
    Found(Checked),
}

impl Health {
    /// What was found, if anything.
    #[must_use]
    pub const fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Found(checked) => Some(&checked.finding),
            Self::Unasked | Self::Changed => None,
        }
    }
}

/// What a check of the service found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What it was.
    pub finding: Finding,
    /// How long it took.
    pub took: Duration,
    /// When it was.
    pub at: Timestamp,
}

/// What a check of the service can find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It answers and takes the credentials.
    Fine,
    /// It answers, and does not take the credentials.
    Refused(String),
    /// It does not answer as it should.
    Down(String),
}
