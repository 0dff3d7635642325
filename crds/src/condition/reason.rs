//! The reasons of each kind. Names are a stable interface; the message beside one says what to do.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::display_wire_name;

/// The reasons of one kind, as its conditions name them.
pub trait ConditionReason: Copy + fmt::Display + DeserializeOwned {
    /// Whether what keeps a bucket or an account from use ends without a person: who waits for it has only to wait.
    fn clears_automatically(self) -> bool;
}

/// Why a `VideoJob`, or one of its steps, is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum VideoJobReason {
    /// Work is in progress.
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
    /// The scene of `spec.preview` is made; the others are made once a person has approved it.
    PreviewReady,
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
    /// published again. A changed spec, or a restart requested since, makes it again.
    AlreadyMade,
    /// Another tool has restored the job without its status, and a job of its name has files in the bucket: a retry makes
    /// the film again and pays for it, a status that is restored continues.
    RestoreIncomplete,
    /// The operator runs with `--side-effects=Suspend`: nothing is paid for, published or deleted.
    SideEffectsSuspended,
    /// The bucket can be used.
    Available,
}
display_wire_name!(VideoJobReason);

impl ConditionReason for VideoJobReason {
    fn clears_automatically(self) -> bool {
        matches!(self, Self::StorageFull | Self::StorageUnavailable | Self::ProviderUnavailable)
    }
}

/// Why a `ProviderAccount` is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum ProviderAccountReason {
    /// It can be used.
    Available,
    /// The service has not been asked yet.
    Progressing,
    /// The service does not answer or answers with errors; it is asked again.
    ProviderUnavailable,
    /// The Secret is missing, incomplete or not accepted.
    CredentialsInvalid,
    /// Its credentials end soon; put new ones into the Secret.
    CredentialsExpiring,
    /// The Secret does not allow its keys for the endpoint, or another setting does not fit.
    ConfigurationInvalid,
    /// An older account has the same key and spends its quota.
    DuplicateAccount,
}
display_wire_name!(ProviderAccountReason);

impl ConditionReason for ProviderAccountReason {
    fn clears_automatically(self) -> bool {
        matches!(self, Self::ProviderUnavailable)
    }
}

/// Why a `StoragePolicy` is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum StoragePolicyReason {
    /// It can be used; of `WithinLimit`: the bucket is below its water mark `warn`.
    Available,
    /// What the bucket holds has not been measured yet.
    Progressing,
    /// The bucket is above its water mark, or its server has no space left.
    StorageFull,
    /// The bucket does not answer; it is asked again.
    StorageUnavailable,
    /// The bucket does not accept the credentials.
    CredentialsInvalid,
    /// The Secret, the bucket or another thing referred to is missing, or the settings do not fit together.
    ConfigurationInvalid,
    /// The bucket ignores write-once preconditions, so that jobs may not use it.
    PreconditionsUnsupported,
    /// The bucket is too full and no rule may delete enough.
    NothingPrunable,
    /// Its place holds more files than one prune run can hold in memory.
    TooManyFiles,
    /// An older one has the same bucket, or a part of it, and prunes it.
    DuplicatePolicy,
}
display_wire_name!(StoragePolicyReason);

impl ConditionReason for StoragePolicyReason {
    fn clears_automatically(self) -> bool {
        matches!(self, Self::StorageFull | Self::StorageUnavailable)
    }
}
