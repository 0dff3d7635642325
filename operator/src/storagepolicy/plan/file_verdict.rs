//! Why an object stays or goes.
//!
//! The reasons are asked in the order in which they stand here; the first that holds is the one that is reported. Up to
//! [`Why::NewestFilm`] no rule is asked. After that, of all rules that speak of the object's kind the one counts by
//! which it came furthest.

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileVerdict {
    /// It is deleted by this rule, counted from 0.
    Deleted(u8),
    /// It stays.
    Kept(Why),
}

/// Why an object stays. A number is that of the rule, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// It is people's own.
    Assets,
    /// It is a backup; backups have a keeper of their own.
    Backup,
    /// It is the plan of a run; the last few are kept.
    Plan,
    /// It keeps a film from being made and paid for again.
    Tombstone,
    /// Its key is none that we make.
    Unknown,
    /// Its namespace has no policy for this bucket, or one that is suspended, so that its job cannot be seen.
    OtherNamespace,
    /// Its job is being deleted, and takes its files with it.
    Deleting,
    /// A pattern of `protect.keys` protects it.
    ProtectedKey,
    /// A label of its job protects it.
    ProtectedJob,
    /// Its job needs it, or may at any moment.
    Live,
    /// It says that and where its job's film was published.
    PublicationRecord,
    /// It is a film that is still to be published.
    AwaitsPublication,
    /// It is younger than `grace`.
    InGrace,
    /// It is the newest finished film of its namespace.
    NewestFilm,
    /// No rule speaks of its kind.
    NoRule,
    /// Its job is not finished, as the rule wants it.
    NotFinished(u8),
    /// It is younger than the rule wants it.
    TooYoung(u8),
    /// Its job is among the newest, which the rule keeps.
    KeepLast(u8),
    /// The bucket is not above the rule's mark, or is at target without it.
    BelowMark(u8),
    /// The rule would delete it, but the run may not delete more.
    Brakes(u8),
    /// Its job changed after the plan was made.
    JobChanged,
    /// It was written again after it was listed.
    Rewritten,
    /// The run ended before its turn came.
    NotReached,
}

impl Why {
    /// The reason in a few words, which stand after a number of files.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Assets => "assets are people's own",
            Self::Backup => "backups are kept by spec.backup",
            Self::Plan => "plans are kept by spec.history",
            Self::Tombstone => "tombstones keep films from being made again",
            Self::Unknown => "unknown to Video Factory",
            Self::OtherNamespace => "namespace without an active policy for this bucket",
            Self::Deleting => "job is being deleted",
            Self::ProtectedKey => "protected by protect.keys",
            Self::ProtectedJob => "protected by protect.jobs",
            Self::Live => "job is unfinished",
            Self::PublicationRecord => "record of a publication",
            Self::AwaitsPublication => "film is still to be published",
            Self::InGrace => "younger than grace",
            Self::NewestFilm => "newest film of its namespace",
            Self::NoRule => "no rule for this kind",
            Self::NotFinished(_) => "job has not finished well",
            Self::TooYoung(_) => "younger than olderThan",
            Self::KeepLast(_) => "within keepLast",
            Self::BelowMark(_) => "bucket is not above whenAbove",
            Self::Brakes(_) => "stopped by brakes",
            Self::JobChanged => "job changed after the plan",
            Self::Rewritten => "file changed after the plan",
            Self::NotReached => "run ended before its turn",
        }
    }

    /// The rule by which the object came furthest, counted from 0.
    #[must_use]
    pub const fn rule(self) -> Option<u8> {
        match self {
            Self::NotFinished(rule)
            | Self::TooYoung(rule)
            | Self::KeepLast(rule)
            | Self::BelowMark(rule)
            | Self::Brakes(rule) => Some(rule),
            _ => None,
        }
    }

    /// How far an object comes that stays for this reason; the number of the rule does not count.
    pub(super) const fn distance(self) -> u8 {
        match self {
            Self::NotFinished(_) => 1,
            Self::TooYoung(_) => 2,
            Self::KeepLast(_) => 3,
            Self::BelowMark(_) => 4,
            Self::Brakes(_) => 5,
            _ => 0,
        }
    }
}
