//! What a label `outcome` may say. The values are a stable interface: alerts and dashboards ask for them.

use videofactory_crds::storagepolicy::{BackupOutcome, PruneOutcome};

/// An enum of outcomes, each with the value that the label has for it.
macro_rules! outcomes {
    ($(#[$doc:meta])* $name:ident { $($(#[$of_variant:meta])* $variant:ident = $value:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$of_variant])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The label's value.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }
    };
}

outcomes! {
    /// How one reconcile ended.
    ReconcileOutcome {
        /// All that was decided is done.
        Done = "ok",
        /// The object had changed meanwhile.
        Conflict = "conflict",
        /// It is tried again later.
        Failed = "error",
    }
}

outcomes! {
    /// How a `VideoJob` came to rest.
    JobOutcome {
        /// Made, and published where asked for.
        Succeeded = "succeeded",
        /// Ended without a film.
        Failed = "failed",
        /// A person did not want it.
        Rejected = "rejected",
    }
}

outcomes! {
    /// How an attempt of a step ended.
    AttemptOutcome {
        /// What it made counts.
        Succeeded = "succeeded",
        /// A part is left for the next attempt, as a rule because no quota is left.
        Paused = "paused",
        /// The service refuses for a while.
        RateLimited = "rate_limited",
        /// The bucket has no space left.
        StorageFull = "storage_full",
        /// The bucket does not answer.
        StorageUnavailable = "storage_unavailable",
        /// The service does not answer.
        ProviderUnavailable = "provider_unavailable",
        /// The service refuses the content.
        ContentRefused = "content_refused",
        /// The service does not accept the credentials.
        CredentialsInvalid = "credentials_invalid",
        /// The settings cannot be followed.
        ConfigurationInvalid = "configuration_invalid",
        /// The film failed one of its checks.
        QualityCheckFailed = "quality_check_failed",
        /// It may or may not have submitted something.
        OutcomeUnknown = "outcome_unknown",
        /// The operator stopped it, because of a suspension, an edit or a request.
        Stopped = "stopped",
        /// Something else stopped it.
        Interrupted = "interrupted",
        /// It worked on inputs that have changed since.
        Superseded = "superseded",
        /// It failed for another reason.
        Failed = "failed",
        /// What a step before had made is gone.
        MissingInput = "missing_input",
        /// It was killed because it used too much memory.
        OutOfMemory = "out_of_memory",
        /// It did not end in time.
        DeadlineExceeded = "deadline_exceeded",
    }
}

outcomes! {
    /// What became of a publication.
    PublishOutcome {
        /// The target shows the film.
        Published = "published",
        /// The target has the film and shows it at its time.
        Scheduled = "scheduled",
        /// The target refuses it.
        Refused = "refused",
        /// It may or may not have been published.
        Unknown = "unknown",
        /// The target could not be asked, or refuses whoever asks.
        Failed = "failed",
    }
}

outcomes! {
    /// What became of a submission to a service.
    RequestOutcome {
        /// The service took it: it counts, whatever became of what was asked for.
        Taken = "taken",
        /// The service refused for a while; one for each attempt that it refused.
        RateLimited = "rate_limited",
        /// It is not known: it counts.
        Unknown = "unknown",
    }
}

/// The label's value for a prune run.
pub(super) const fn of_prune(outcome: PruneOutcome) -> &'static str {
    match outcome {
        PruneOutcome::Completed => "completed",
        PruneOutcome::Braked => "braked",
        PruneOutcome::Interrupted => "interrupted",
        PruneOutcome::Cancelled => "cancelled",
        PruneOutcome::Failed => "failed",
    }
}

/// The label's value for a backup.
pub(super) const fn of_backup(outcome: BackupOutcome) -> &'static str {
    match outcome {
        BackupOutcome::Completed => "completed",
        BackupOutcome::Interrupted => "interrupted",
        BackupOutcome::Failed => "failed",
    }
}
