//! What one run is asked to do, and its name.

use jiff::Timestamp;
use videofactory_crds::units::Duration;

/// Why a run takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Its time has come.
    Schedule,
    /// The bucket has grown to `warn`.
    WarnCrossed,
    /// A person asked for it.
    Request,
    /// An earlier run of this slot was broken off.
    Resumed,
}

impl Cause {
    /// The cause in words that stand after "because": for status and events.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Schedule => "it was due",
            Self::WarnCrossed => "the bucket grew above warn",
            Self::Request => "a person asked for it",
            Self::Resumed => "an earlier run was broken off",
        }
    }

    /// What the name of its plan ends with, so that runs of one slot do not share a plan.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Schedule => "",
            Self::WarnCrossed => "-warn",
            Self::Request => "-request",
            Self::Resumed => "-resumed",
        }
    }
}

/// What one run is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// When it was due; with the cause, its name.
    pub slot: Timestamp,
    /// Why it takes place.
    pub cause: Cause,
    /// Whether to plan only.
    pub dry_run: bool,
    /// A person's age, instead of each rule's own; whenAbove then counts for nothing. Everything else stays.
    pub older_than: Option<Duration>,
}

impl Order {
    /// The run's name, the same for the same order and later ones sort after earlier ones: `20261126T030000Z`,
    /// `20261126T031204Z-warn`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}{}", self.slot.strftime("%Y%m%dT%H%M%SZ"), self.cause.suffix())
    }

    /// Where its plan is kept, below the bucket's prefix.
    #[must_use]
    pub fn plan_key(&self, policy: &str) -> String {
        format!("plans/{policy}/{}.jsonl.gz", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_slot_with_different_causes_have_plans_of_their_own() {
        let order = |cause| Order {
            slot: "2026-11-26T03:00:00Z".parse().unwrap(),
            cause,
            dry_run: false,
            older_than: None,
        };
        assert_eq!(order(Cause::Schedule).plan_key("default"), "plans/default/20261126T030000Z.jsonl.gz");
        assert_eq!(order(Cause::WarnCrossed).name(), "20261126T030000Z-warn");
        assert_eq!(order(Cause::Request).name(), "20261126T030000Z-request");
        assert_eq!(order(Cause::Resumed).name(), "20261126T030000Z-resumed");
    }
}
