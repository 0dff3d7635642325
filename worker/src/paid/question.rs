//! What only a person can decide: whether something that was paid for, or may have been, is paid for once more.

use std::fmt;

use videofactory_crds::units::Money;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::Unresolved;

/// A question to a person about one digest. A retry allows one more submission for it, and for nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What it is about.
    pub digest: Digest,
    /// Submissions for it that were taken, or may have been.
    pub submissions: u32,
    /// What one more would cost, as far as is known.
    pub price: Money,
    /// What has happened.
    pub why: Why,
}

/// Why a person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// As often as may be without asking, nothing came of it.
    FailedSubmissions(FailedSubmissions),
    /// What was paid for and delivered is not in the bucket any more.
    Gone,
    /// The service does not find what it took, and answers well for nothing else that was submitted with it.
    NotFound(String),
}

/// Submissions without a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedSubmissions {
    /// All that were taken, or may have been.
    pub submissions: u32,
    /// Of those nobody knows what became.
    pub unknown: u32,
    /// These were taken, and came to nothing.
    pub failed: u32,
    /// What they cost, as far as is known.
    pub cost: Money,
    /// Why the last of them failed.
    pub why: String,
}

impl Question {
    /// As the operator keeps it.
    #[must_use]
    pub fn unresolved(&self) -> Unresolved {
        Unresolved { digest: self.digest.clone(), submissions: self.submissions }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = Price(self.price);
        match &self.why {
            Why::FailedSubmissions(found) => {
                write!(f, "{} submissions brought nothing", found.unknown + found.failed)?;
                if found.unknown > 0 {
                    write!(f, ", of {} the answer was lost", found.unknown)?;
                }
                if found.failed > 0 {
                    write!(f, ", {} were taken and came to nothing ({})", found.failed, found.why)?;
                }
                if found.cost != Money::ZERO {
                    write!(f, "; they may have cost ${}", found.cost)?;
                }
                write!(
                    f,
                    "; look at the service's own list, then request a retry, which submits once more{about}, or \
                     change the scene"
                )
            }
            Why::Gone => write!(
                f,
                "what was paid for and delivered is gone from the bucket; put it back, or request a retry, which pays \
                 for it again{about}"
            ),
            Why::NotFound(reported) => write!(
                f,
                "{reported}; nothing shows whether the request is gone, or the account's endpoint or key is not the one \
                 that it was submitted with: check both, then request a retry, which asks for it again and, if it is \
                 still not found, submits it once more{about}"
            ),
        }
    }
}

struct Price(Money);

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Money::ZERO {
            f.write_str(" and may cost again")
        } else {
            write!(f, " for about ${}", self.0)
        }
    }
}
