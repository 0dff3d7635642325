//! The one word on how a job stands: what the walk over its steps ends in, and what phase and conditions are made of.

use std::fmt;

use jiff::Timestamp;
use videofactory_crds::StepName;
use videofactory_crds::condition::{ConditionReason, Phase, VideoJobReason};

/// What people read of a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    text: String,
    numbers: Option<String>,
}

impl Message {
    /// One that ends in numbers, which change while it is the same wait: a time, how full a bucket is.
    pub(super) fn with_numbers(text: String, numbers: String) -> Self {
        Self { text, numbers: Some(numbers) }
    }

    /// Whether people have read the same before, with other numbers.
    #[must_use]
    pub fn differs_only_in_numbers(&self, reported: &str) -> bool {
        self.numbers.is_some() && reported.starts_with(&self.text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self { text, numbers: None }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, self.numbers.as_deref().unwrap_or_default())
    }
}

/// How the whole job stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Something is at work.
    Running {
        /// The step that leads.
        step: StepName,
        /// For people.
        message: String,
    },
    /// It continues by itself.
    Waiting {
        /// The reason of the job's conditions.
        reason: VideoJobReason,
        /// For people.
        message: Message,
        /// The step that waits.
        step: Option<StepName>,
        /// When, if a time is known.
        at: Option<Timestamp>,
    },
    /// It continues when a person has changed something.
    Stalled {
        /// The reason of the job's conditions.
        reason: VideoJobReason,
        /// What to do.
        message: Message,
        /// The step that waits.
        step: Option<StepName>,
    },
    /// A result waits for a person's eyes.
    Review {
        /// The reason of the job's conditions: `AwaitingReview` or `PreviewReady`.
        reason: VideoJobReason,
        /// The step.
        step: StepName,
        /// How to approve.
        message: String,
    },
    /// Held or suspended.
    Suspended {
        /// `Held` or `Suspended`.
        reason: VideoJobReason,
        /// For people.
        message: String,
    },
    /// It ended without success.
    Failed {
        /// `RetriesExhausted` or `Rejected`.
        reason: VideoJobReason,
        /// What to do.
        message: String,
        /// The step.
        step: StepName,
    },
    /// All is done.
    Succeeded {
        /// `Completed`, or `AlreadyMade` where another job of this name has done it.
        reason: VideoJobReason,
        /// What there is.
        message: String,
    },
}

impl Verdict {
    /// A step waits.
    pub(super) fn waits(
        step: StepName,
        reason: VideoJobReason,
        message: &str,
        at: Option<Timestamp>,
    ) -> Self {
        Self::Waiting { reason, message: format!("{step}: {message}").into(), step: Some(step), at }
    }

    /// Something about the job is asked of the bucket, which has not answered yet.
    pub(super) fn awaits_bucket(message: String) -> Self {
        Self::Waiting {
            reason: VideoJobReason::StorageUnavailable,
            message: message.into(),
            step: None,
            at: None,
        }
    }

    /// The bucket cannot be used, for this reason.
    pub(super) fn of_storage(reason: VideoJobReason, message: String, step: Option<StepName>) -> Self {
        let message = message.into();
        if reason.clears_automatically() {
            Self::Waiting { reason, message, step, at: None }
        } else {
            Self::Stalled { reason, message, step }
        }
    }

    /// The step that it speaks of, if it speaks of one.
    #[must_use]
    pub const fn step(&self) -> Option<StepName> {
        match self {
            Self::Running { step, .. } | Self::Review { step, .. } | Self::Failed { step, .. } => Some(*step),
            Self::Waiting { step, .. } | Self::Stalled { step, .. } => *step,
            Self::Suspended { .. } | Self::Succeeded { .. } => None,
        }
    }

    /// The phase that people see.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Self::Running { .. } => Phase::Running,
            Self::Waiting { .. } | Self::Stalled { .. } => Phase::Waiting,
            Self::Review { .. } => Phase::Review,
            Self::Suspended { .. } => Phase::Suspended,
            Self::Failed { .. } => Phase::Failed,
            Self::Succeeded { .. } => Phase::Succeeded,
        }
    }

    /// Of several steps' states, the one that is shown: smallest first. What runs is shown before what
    /// waits, because the job continues; a pod that cannot start is reported at once.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Failed { .. } => 0,
            // Unlike a job that is held, its other steps may continue.
            Self::Suspended { reason, .. } if *reason != VideoJobReason::SideEffectsSuspended => 1,
            Self::Running { .. } => 2,
            Self::Suspended { .. } | Self::Stalled { .. } => 3,
            Self::Waiting { .. } => 4,
            Self::Review { .. } => 5,
            Self::Succeeded { .. } => 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_wait_with_another_time_is_known_as_the_same() {
        let at =
            |time: &str| Message::with_numbers("it is down; tries again at ".to_owned(), time.to_owned());
        assert_eq!(at("10:00").to_string(), "it is down; tries again at 10:00");
        assert!(at("10:05").differs_only_in_numbers(&at("10:00").to_string()));
        assert!(!at("10:05").differs_only_in_numbers("it is down; edit the job"));
        let fixed = Message::from("it is down".to_owned());
        assert!(!fixed.differs_only_in_numbers(&at("10:00").to_string()), "it has another end");
    }
}
