//! How long an attempt may take to end once it was asked to: the one place from which a pod's
//! `terminationGracePeriodSeconds` and the worker's own time limit follow.

use std::time::Duration;

use videofactory_crds::StepName;
use videofactory_crds::provideraccount::Provider;

use super::StepInput;

/// For a step with nothing under way that was paid for.
const STOP: u64 = 10;
/// The longest that a service takes to answer a request that makes something at once: scripts, pictures, voices. Nobody
/// else gets the answer, so it is waited for.
const MADE_AT_ONCE: u64 = 300;
/// The longest that a service takes to accept a clip; what it has accepted is fetched by its id later.
const ACCEPTED: u64 = 180;
/// The longest that it takes to open an upload session or to make an announcement.
const OPENED: u64 = 60;
/// For storing what has come.
const STORE: u64 = 30;
/// What the pod is given beyond the worker's own time limit, to abort the step, and to write outcome and log.
const LAST_WORDS: u64 = 30;

/// How long an attempt may take to end once it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    /// With nothing paid for under way.
    pub idle: Duration,
    /// With a request that was not answered, or an answer that is not stored.
    pub in_flight: Duration,
}

impl Grace {
    /// What suits this attempt.
    #[must_use]
    pub fn of(input: &StepInput) -> Self {
        let is_external = input.accounts.values().any(|access| access.provider != Provider::Embedded);
        // A survey submits nothing; what it has fetched is stored.
        let answer = if is_external && !input.survey { longest_answer(input.step) } else { Duration::ZERO };
        Self { idle: Duration::from_secs(STOP), in_flight: answer + Duration::from_secs(STORE) }
    }

    /// The pod's `terminationGracePeriodSeconds`: after it, nothing of the worker is left.
    #[must_use]
    pub fn pod_seconds(self) -> i64 {
        i64::try_from(self.in_flight.max(self.idle).as_secs() + LAST_WORDS).unwrap_or(i64::MAX)
    }
}

/// The longest that an outside service may take to answer a request of this step that is paid for, or seen by others.
#[must_use]
pub fn longest_answer(step: StepName) -> Duration {
    Duration::from_secs(match step {
        StepName::WriteScript | StepName::GenerateImages | StepName::NarrateScenes => MADE_AT_ONCE,
        StepName::AnimateScenes => ACCEPTED,
        StepName::AssembleVideo => 0,
        StepName::PublishVideo => OPENED,
    })
}
