//! The clock by which usage is recorded and openings are waited for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How often the clock is looked at in the last second before a time.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Says what time it is. Clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(videofactory_pipeline::clock::now)
    }
}

impl Clock {
    /// A clock that shows what `now` returns, which may be rounded down to the second.
    #[must_use]
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// The time of an answer that has just come, as it is recorded: a second more than now, so that it is not
    /// before the moment at which the service counted.
    #[must_use]
    pub fn answered(&self) -> Timestamp {
        let now = self.now();
        now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now)
    }

    /// So long after now.
    #[must_use]
    pub fn after(&self, wait: Duration) -> Timestamp {
        let now = self.now();
        now.checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    /// Waits until `at`, also when the clock is set meanwhile.
    pub async fn reach(&self, at: Timestamp) {
        loop {
            let left = at.duration_since(self.now());
            if left <= SignedDuration::ZERO {
                return;
            }
            // The time is given in whole seconds: the last one is watched closely.
            let sure = Duration::try_from(left).unwrap_or_default().saturating_sub(Duration::from_secs(1));
            tokio::time::sleep(sure.clamp(POLL_INTERVAL, Duration::from_mins(1))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_time_is_reached_within_moments_although_the_clock_shows_whole_seconds() {
        let (began, start) = (Instant::now(), Timestamp::from_millisecond(1_700_000_000_700).unwrap());
        let clock = Clock::new(move || {
            let exact = start.checked_add(began.elapsed()).unwrap();
            Timestamp::from_second(exact.as_second()).unwrap()
        });
        clock.reach(Timestamp::from_second(1_700_000_130).unwrap()).await;
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(129_300) && took < Duration::from_millis(129_350), "{took:?}");
    }
}
