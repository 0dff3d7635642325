//! How an attempt ended, in a word and in a number.

use serde::{Deserialize, Serialize};

/// How an attempt ended. The numbers are the process's exit codes, after sysexits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExitCode {
    /// All that was asked is done.
    Done,
    /// A service refused some content; a person changes it.
    ContentRefused,
    /// Something that a step before had made is gone.
    MissingInput,
    /// A service is down.
    ProviderDown,
    /// A fault of ours.
    Bug,
    /// The bucket is out of reach.
    Storage,
    /// Rate limited or interrupted.
    TryLater,
    /// Credentials were refused.
    Credentials,
    /// The settings cannot be followed.
    Configuration,
    /// The film failed its check.
    QualityCheck,
}

impl ExitCode {
    const ALL: [(Self, i32); 10] = [
        (Self::Done, 0),
        (Self::ContentRefused, 65),
        (Self::MissingInput, 66),
        (Self::ProviderDown, 69),
        (Self::Bug, 70),
        (Self::Storage, 74),
        (Self::TryLater, 75),
        (Self::Credentials, 77),
        (Self::Configuration, 78),
        (Self::QualityCheck, 79),
    ];

    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> i32 {
        Self::ALL.iter().find(|(code, _)| *code == self).map_or(70, |(_, number)| *number)
    }

    /// What a process's exit code means; `None` for one that is none of ours (137, say).
    #[must_use]
    pub fn from_code(number: i32) -> Option<Self> {
        Self::ALL.iter().find(|(_, candidate)| *candidate == number).map(|(code, _)| *code)
    }

    /// Of several ways to end, the one that is reported: what a person must fix first, then what time
    /// fixes, and a refusal only when nothing else is left to do.
    #[must_use]
    pub fn worst(codes: impl IntoIterator<Item = Self>) -> Self {
        let rank = |code: &Self| match code {
            Self::Credentials | Self::Configuration => 6,
            Self::MissingInput => 5,
            Self::TryLater => 4,
            Self::ProviderDown | Self::Bug | Self::Storage => 3,
            Self::ContentRefused => 2,
            Self::QualityCheck => 1,
            Self::Done => 0,
        };
        codes.into_iter().max_by_key(rank).unwrap_or(Self::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_go_there_and_back() {
        for (code, number) in ExitCode::ALL {
            assert_eq!(ExitCode::from_code(number), Some(code));
            assert_eq!(code.code(), number);
        }
        assert_eq!(ExitCode::from_code(137), None);
    }

    #[test]
    fn a_refusal_is_reported_only_when_nothing_else_is_left_to_do() {
        use ExitCode::{Configuration, ContentRefused, Done, ProviderDown, TryLater};
        assert_eq!(ExitCode::worst([ContentRefused, TryLater, Done]), TryLater);
        assert_eq!(ExitCode::worst([ContentRefused, Done]), ContentRefused);
        assert_eq!(ExitCode::worst([ProviderDown, Configuration, TryLater]), Configuration);
        assert_eq!(ExitCode::worst([]), Done);
    }
}
