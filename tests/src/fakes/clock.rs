//! The fakes' own clock, as an outside service has one: it runs on tokio's time, so that a test can stop it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serializer;
use tokio::time::Instant;

/// A moment by both clocks: the one that is measured with, and the one on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) wall: Timestamp,
}

impl Now {
    /// So much later.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        let wall =
            SignedDuration::try_from(duration).ok().and_then(|duration| self.wall.checked_add(duration).ok());
        Self { instant: self.instant + duration, wall: wall.unwrap_or(Timestamp::MAX) }
    }
}

/// Tokio's clock, tied to the wall's once.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Now,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "an outside service has a clock of its own, and tests measure milliseconds by its ledger"
    )]
    pub(crate) fn start() -> Self {
        Self::starting_at(Timestamp::now())
    }

    pub(crate) fn starting_at(wall: Timestamp) -> Self {
        Self { began: Now { instant: Instant::now(), wall } }
    }

    pub(crate) fn now(&self) -> Now {
        self.began.plus(self.began.instant.elapsed())
    }
}

/// RFC 3339 with exactly three digits after the second.
pub(super) fn in_milliseconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.3}"))
}
