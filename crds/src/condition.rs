//! Conditions, reasons, phases and step states: what an object says about itself.
//!
//! Reasons are a stable interface (alerts and scripts match on them). A condition's
//! `lastTransitionTime` changes only when its status does, so a settled object is never written again.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `Display` of a wire enum: the text that serde writes.
macro_rules! display_wire_name {
    ($type:ty) => {
        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                // Unit variants whose wire name is the Rust name.
                ::std::fmt::Debug::fmt(self, f)
            }
        }
    };
}
pub(crate) use display_wire_name;

/// The condition types of all kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The object does what its spec asks; of a `VideoJob`: the film is made and published.
    Ready,
    /// Of a `VideoJob`: it has ended well (True) or for good badly (False).
    Succeeded,
    /// Work is going on, or waits for something that comes by itself.
    Reconciling,
    /// Nothing goes on until a person or another object changes something.
    Stalled,
    /// Of a `VideoJob`: it waits because a provider refused for now. While it waits for the account's quota, `Ready` alone
    /// says so, with the reason `AwaitingQuota`.
    RateLimited,
    /// Of a `VideoJob`: the bucket can be reached and has room.
    StorageAvailable,
    /// Of a `VideoJob`: the review gate that it stands at is passed.
    Approved,
    /// Of a `ProviderAccount` or `StoragePolicy`: the service answers.
    Healthy,
    /// Of a `ProviderAccount`: the Secret is there, complete and accepted.
    CredentialsValid,
    /// Of a `StoragePolicy`: the bucket is below its limit, or can be brought below it.
    WithinLimit,
}
display_wire_name!(ConditionType);

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Not known yet.
    Unknown,
}
display_wire_name!(ConditionStatus);

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// Why a condition or a step is as it is. Names are stable; the message beside one says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum Reason {
    /// Work is going on.
    Progressing,
    /// The account's quota is used up by us; the next unit's time is known.
    AwaitingQuota,
    /// The provider itself refused for now (429); resumes at the time it gave.
    RateLimited,
    /// The bucket is above its water mark; resumes when there is room.
    StorageFull,
    /// The bucket does not answer; resumes by itself.
    StorageUnavailable,
    /// The estimate exceeds what is left of the budget; raise the budget or change the video.
    BudgetExceeded,
    /// There is a budget, and nobody knows what the next step costs; name it in the `ProviderAccount`'s prices.
    PriceUnknown,
    /// A review gate waits for a person's approval.
    AwaitingReview,
    /// A person rejected the output; the job has failed.
    Rejected,
    /// `spec.suspend` is true.
    Suspended,
    /// The hold annotation is set.
    Held,
    /// The attempt failed; the next one starts at a known time.
    RetryScheduled,
    /// The pod was stopped, evicted or lost more than ten times in a row without progress; a failure is counted.
    Interrupted,
    /// The provider refuses the content; change the prompt or skip the scene.
    ContentRefused,
    /// The Secret is missing, incomplete or not accepted.
    CredentialsInvalid,
    /// The provider does not answer or answers with errors; resumes by itself.
    ProviderUnavailable,
    /// Something referred to is missing, or the settings do not fit together.
    ConfigurationInvalid,
    /// A paid call may or may not have been made; a person decides by a retry.
    OutcomeUnknown,
    /// What the job would need was pruned; making it again costs, so a person decides.
    ArtifactsPruned,
    /// The film failed one of its checks; accept it or change the video.
    QualityCheckFailed,
    /// More attempts in a row failed than `spec.retry.limit` tries again.
    RetriesExhausted,
    /// An attempt did not end within its time.
    DeadlineExceeded,
    /// All is done.
    Completed,
    /// The same film was made before under this name, and its job deleted by `ttlAfterFinished`: nothing is made or
    /// published again. A changed spec, or a restart requested since, makes it anew.
    AlreadyMade,
    /// Another tool has restored the job without its status, and a job of its name has files in the bucket: a retry makes
    /// the film anew and pays for it, a status that is restored goes on.
    RestoreIncomplete,
    /// The operator runs with `--side-effects=Suspend`: nothing is paid for, published or deleted.
    SideEffectsSuspended,
    /// Of a `StoragePolicy` or `ProviderAccount`: it can be used.
    Available,
    /// Of a `StoragePolicy`: the bucket ignores write-once preconditions, so that jobs may not use it.
    PreconditionsUnsupported,
    /// Of a `StoragePolicy`: the bucket is too full and no rule may delete enough.
    NothingPrunable,
    /// Of a `StoragePolicy`: its place holds more files than one prune run can hold in memory.
    TooManyFiles,
    /// Of a `StoragePolicy`: an older one has the same bucket, or a part of it, and prunes it.
    DuplicatePolicy,
    /// Of a `ProviderAccount`: an older account has the same key and spends its quota.
    DuplicateAccount,
    /// Of a `ProviderAccount`: its credentials end soon; put new ones into the Secret.
    CredentialsExpiring,
}
display_wire_name!(Reason);

impl Reason {
    /// Whether what keeps a bucket or an account from use ends without a person: who waits for it has only to wait.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::StorageFull | Self::StorageUnavailable | Self::ProviderUnavailable)
    }
}

/// Where a `VideoJob` stands, in a word.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum Phase {
    /// Nothing has been started.
    #[default]
    Pending,
    /// A step is running.
    Running,
    /// It waits for a quota, a time, a service, a changed object or a decision about money.
    Waiting,
    /// It waits for a person to approve a step's output.
    Review,
    /// It is suspended or held.
    Suspended,
    /// The video is made, and published where asked for.
    Succeeded,
    /// It has ended without a video, until a retry or restart is asked for.
    Failed,
}
display_wire_name!(Phase);

impl Phase {
    /// All of them, in the order in which a job comes to them.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Running,
        Self::Waiting,
        Self::Review,
        Self::Suspended,
        Self::Succeeded,
        Self::Failed,
    ];

    /// Its name on the wire and the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Waiting => "Waiting",
            Self::Review => "Review",
            Self::Suspended => "Suspended",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Whether nothing more happens without a new request.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// Where one step stands.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum StepState {
    /// Its turn has not come.
    #[default]
    Pending,
    /// Its turn has come, but something holds it; the reason says what.
    Waiting,
    /// An attempt is running.
    Running,
    /// Done with the inputs recorded beside it.
    Succeeded,
    /// Ended for good.
    Failed,
    /// It has nothing to do in this job.
    Skipped,
}
display_wire_name!(StepState);

impl StepState {
    /// Whether the steps after it may start.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Succeeded | Self::Skipped)
    }
}

/// What a condition is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionState {
    /// Which condition.
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why.
    pub reason: Reason,
    /// What, how long, and what a person can do.
    pub message: String,
}

/// A condition's reason, if it is one of ours.
#[must_use]
pub fn reason(condition: &Condition) -> Option<Reason> {
    serde_json::from_value(condition.reason.as_str().into()).ok()
}

/// The condition of this type, if the object has one.
#[must_use]
pub fn get(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    let name = kind.to_string();
    conditions.iter().find(|condition| condition.type_ == name)
}

/// Whether the condition is there and True.
#[must_use]
pub fn is_true(conditions: &[Condition], kind: ConditionType) -> bool {
    get(conditions, kind).is_some_and(|condition| condition.status == "True")
}

/// Puts the condition in place; true if that changed anything.
///
/// `lastTransitionTime` becomes `now` (cut to whole seconds, as Kubernetes writes it) only when the
/// status changes. A new condition goes to the end, so the order stays.
pub fn set(
    conditions: &mut Vec<Condition>,
    state: ConditionState,
    observed_generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let name = state.kind.to_string();
    let mut wanted = Condition {
        last_transition_time: whole_seconds(now),
        message: state.message,
        observed_generation,
        reason: state.reason.to_string(),
        status: state.status.to_string(),
        type_: name,
    };
    match conditions.iter_mut().find(|condition| condition.type_ == wanted.type_) {
        None => {
            conditions.push(wanted);
            true
        }
        Some(present) => {
            if present.status == wanted.status {
                wanted.last_transition_time = present.last_transition_time.clone();
            }
            let changed = *present != wanted;
            *present = wanted;
            changed
        }
    }
}

/// Puts `Ready` of a `ProviderAccount` or `StoragePolicy` in place, and `Stalled` beside it: it is there, and True, where it
/// takes a person to make the object ready.
pub fn set_ready(
    conditions: &mut Vec<Condition>,
    ready: ConditionState,
    observed_generation: Option<i64>,
    now: Timestamp,
) {
    let needs_a_person = ready.status == ConditionStatus::False && !ready.reason.is_temporary();
    let stalled =
        ConditionState { kind: ConditionType::Stalled, status: ConditionStatus::True, ..ready.clone() };
    set(conditions, ready, observed_generation, now);
    if needs_a_person {
        set(conditions, stalled, observed_generation, now);
    } else {
        remove(conditions, ConditionType::Stalled);
    }
}

/// Takes the condition away; true if it was there.
pub fn remove(conditions: &mut Vec<Condition>, kind: ConditionType) -> bool {
    let name = kind.to_string();
    let before = conditions.len();
    conditions.retain(|condition| condition.type_ != name);
    conditions.len() != before
}

/// A time as Kubernetes stores it: without the fraction of a second, which would be lost and make
/// the object look changed.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::new(second, 123).unwrap()
    }

    fn ready(status: ConditionStatus, message: &str) -> ConditionState {
        ConditionState {
            kind: ConditionType::Ready,
            status,
            reason: Reason::Progressing,
            message: message.to_owned(),
        }
    }

    #[test]
    fn transition_time_moves_only_when_the_status_changes() {
        let mut conditions = Vec::new();
        assert!(set(&mut conditions, ready(ConditionStatus::Unknown, "first"), Some(1), at(10)));
        assert!(set(&mut conditions, ready(ConditionStatus::Unknown, "second"), Some(1), at(20)));
        assert_eq!(conditions[0].last_transition_time, whole_seconds(at(10)));
        assert_eq!(conditions[0].message, "second");
        assert!(set(&mut conditions, ready(ConditionStatus::True, "third"), Some(1), at(30)));
        assert_eq!(conditions[0].last_transition_time, whole_seconds(at(30)));
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn setting_the_same_again_later_changes_nothing() {
        let mut conditions = Vec::new();
        set(&mut conditions, ready(ConditionStatus::False, "same"), Some(1), at(10));
        let before = conditions.clone();
        assert!(!set(&mut conditions, ready(ConditionStatus::False, "same"), Some(1), at(99)));
        assert_eq!(conditions, before);
    }

    #[test]
    fn a_removed_condition_is_gone_and_others_stay() {
        let mut conditions = Vec::new();
        set(&mut conditions, ready(ConditionStatus::True, ""), None, at(1));
        let stalled = ConditionState { kind: ConditionType::Stalled, ..ready(ConditionStatus::True, "") };
        set(&mut conditions, stalled, None, at(1));
        assert!(is_true(&conditions, ConditionType::Ready));
        assert!(remove(&mut conditions, ConditionType::Ready));
        assert!(!remove(&mut conditions, ConditionType::Ready));
        assert!(get(&conditions, ConditionType::Ready).is_none());
        assert!(get(&conditions, ConditionType::Stalled).is_some());
    }

    #[test]
    fn stalled_is_beside_ready_while_it_takes_a_person_to_make_an_object_ready() {
        use ConditionStatus::{False, True, Unknown};
        let mut conditions = Vec::new();
        for (status, reason, stalled) in [
            (False, Reason::CredentialsInvalid, true),
            (False, Reason::StorageUnavailable, false),
            (False, Reason::DuplicateAccount, true),
            (False, Reason::StorageFull, false),
            (Unknown, Reason::CredentialsInvalid, false),
            (False, Reason::ConfigurationInvalid, true),
            (True, Reason::Available, false),
        ] {
            let state = ConditionState { reason, ..ready(status, "what to do") };
            set_ready(&mut conditions, state, Some(2), at(1));
            let told = |kind| {
                let condition = get(&conditions, kind)?;
                Some((condition.reason.clone(), condition.message.clone(), condition.observed_generation))
            };
            let wanted = Some((reason.to_string(), "what to do".to_owned(), Some(2)));
            assert_eq!(told(ConditionType::Ready), wanted);
            assert_eq!(told(ConditionType::Stalled), wanted.filter(|_| stalled));
            assert_eq!(is_true(&conditions, ConditionType::Stalled), stalled, "{reason}");
        }
    }

    #[test]
    fn a_reason_prints_as_it_is_written_on_the_wire() {
        let wire = serde_json::to_value(Reason::RateLimited).unwrap();
        assert_eq!(wire, Reason::RateLimited.to_string());
        for phase in Phase::ALL {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.as_str());
        }
    }
}
