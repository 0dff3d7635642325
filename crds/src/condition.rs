//! Conditions, reasons, phases and step states: what an object says about itself.
//!
//! Each kind has its own reasons, which are a stable interface (alerts and scripts match on them). A condition's
//! `lastTransitionTime` changes only when its status does, so a settled object is never written again.

mod reason;

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use reason::{ConditionReason, ProviderAccountReason, StoragePolicyReason, VideoJobReason};

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
    /// Work is in progress, or waits for something that comes automatically.
    Reconciling,
    /// Nothing continues until a person or another object changes something.
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

/// What a condition of a kind with these reasons is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionState<R> {
    /// The condition's type.
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The condition's reason.
    pub reason: R,
    /// What, how long, and what a person can do.
    pub message: String,
}

/// A condition's reason, if it is one of its kind's.
#[must_use]
pub fn reason<R: ConditionReason>(condition: &Condition) -> Option<R> {
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
pub fn set<R: fmt::Display>(
    conditions: &mut Vec<Condition>,
    state: ConditionState<R>,
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
pub fn set_ready<R: ConditionReason>(
    conditions: &mut Vec<Condition>,
    ready: ConditionState<R>,
    observed_generation: Option<i64>,
    now: Timestamp,
) {
    let needs_a_person = ready.status == ConditionStatus::False && !ready.reason.clears_automatically();
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

    fn ready(status: ConditionStatus, message: &str) -> ConditionState<StoragePolicyReason> {
        ConditionState {
            kind: ConditionType::Ready,
            status,
            reason: StoragePolicyReason::Progressing,
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
            (False, StoragePolicyReason::CredentialsInvalid, true),
            (False, StoragePolicyReason::StorageUnavailable, false),
            (False, StoragePolicyReason::DuplicatePolicy, true),
            (False, StoragePolicyReason::StorageFull, false),
            (Unknown, StoragePolicyReason::CredentialsInvalid, false),
            (False, StoragePolicyReason::ConfigurationInvalid, true),
            (True, StoragePolicyReason::Available, false),
        ] {
            let state = ConditionState { reason, ..ready(status, "what to do") };
            set_ready(&mut conditions, state, Some(2), at(1));
            let state_of = |kind| {
                let condition = get(&conditions, kind)?;
                Some((condition.reason.clone(), condition.message.clone(), condition.observed_generation))
            };
            let wanted = Some((reason.to_string(), "what to do".to_owned(), Some(2)));
            assert_eq!(state_of(ConditionType::Ready), wanted);
            assert_eq!(state_of(ConditionType::Stalled), wanted.filter(|_| stalled));
            assert_eq!(is_true(&conditions, ConditionType::Stalled), stalled, "{reason}");
        }
    }

    #[test]
    fn a_reason_prints_as_it_is_written_on_the_wire() {
        let wire = serde_json::to_value(VideoJobReason::RateLimited).unwrap();
        assert_eq!(wire, VideoJobReason::RateLimited.to_string());
        for phase in Phase::ALL {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.as_str());
        }
    }

    #[test]
    fn a_reason_is_read_by_the_kind_that_has_it() {
        let mut conditions = Vec::new();
        let state =
            ConditionState { reason: StoragePolicyReason::TooManyFiles, ..ready(ConditionStatus::False, "") };
        set(&mut conditions, state, None, at(1));
        assert_eq!(reason(&conditions[0]), Some(StoragePolicyReason::TooManyFiles));
        assert_eq!(reason::<VideoJobReason>(&conditions[0]), None);
    }
}
