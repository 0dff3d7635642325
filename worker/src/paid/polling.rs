//! How accepted requests are polled: how often, and which errors are tolerated for how long.

use std::time::Duration;

use tokio::time::Instant;
use videofactory_providers::{ProviderError, Resume};

use super::slots::Ending;

/// The pause between polls at first …
const SOON: Duration = Duration::from_secs(2);
/// … for so long …
const SOON_FOR: Duration = Duration::from_secs(30);
/// … and later.
const LATER: Duration = Duration::from_secs(5);
/// The pause after a service found us too fast and did not say for how long.
const TOO_FAST: Duration = Duration::from_secs(15);
/// The longest pause that is made because a service asks for it: its clips are lost if they are never fetched.
const MAX_PAUSE: Duration = Duration::from_mins(2);
/// How long a service may be away while it is polled, or not find what it has taken.
const AWAY_FOR: Duration = Duration::from_mins(5);
/// How long a submission whose answer was lost may be on its way to the service.
const ARRIVES_WITHIN: Duration = Duration::from_secs(20);
/// A limit that is over so soon is waited out on the spot.
const MOMENT: Duration = Duration::from_secs(3);
/// How long a service is waited for on the spot that is away when something is to be submitted.
const BACK_WITHIN: Duration = Duration::from_secs(15);
/// The shortest and the longest pause then.
const AWAY_PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

/// The poll interval of one request, and since when it fails.
pub(super) struct PollBackoff {
    began: Instant,
    trouble_since: Option<Instant>,
    asked: Option<Duration>,
    /// Spreads the polls of many requests.
    seed: u64,
}

impl PollBackoff {
    pub fn new(seed: u64) -> Self {
        Self { began: Instant::now(), trouble_since: None, asked: None, seed }
    }

    /// How long to wait before the next poll.
    pub fn pause(&mut self) -> Duration {
        let usual = if self.began.elapsed() < SOON_FOR { SOON } else { LATER };
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // 80 to 120 percent.
        let percent = 80 + u32::try_from((self.seed >> 33) % 41).unwrap_or_default();
        self.asked.take().unwrap_or(usual * percent / 100)
    }

    /// The service has answered.
    pub fn reset(&mut self) {
        self.trouble_since = None;
    }

    /// Whether the request is polled on in spite of this error.
    pub fn tolerates(&mut self, error: &ProviderError) -> bool {
        match error {
            ProviderError::RateLimited { resume, .. } => {
                let asked = if let Resume::After(wait) = resume { *wait } else { TOO_FAST };
                self.asked = Some(asked.clamp(SOON, MAX_PAUSE));
                true
            }
            ProviderError::Unavailable { .. }
            | ProviderError::OutcomeUnknown { .. }
            | ProviderError::NotFound { .. }
            | ProviderError::Interrupted { .. } => {
                self.trouble_since.get_or_insert_with(Instant::now).elapsed() < AWAY_FOR
            }
            _ => false,
        }
    }

    /// Whether a service that does not find a request may still get it.
    pub fn awaits_arrival(&mut self) -> bool {
        self.trouble_since.get_or_insert_with(Instant::now).elapsed() < ARRIVES_WITHIN
    }

    /// Since when there is trouble without a break.
    pub fn trouble(&self) -> Option<Instant> {
        self.trouble_since
    }

    /// Seconds since the request is polled.
    pub fn seconds(&self) -> u32 {
        whole_seconds(self.began.elapsed())
    }
}

/// Whether an error of a poll is the end of the request: the service has made nothing of it, and never will.
pub(super) fn ending_of(error: &ProviderError) -> Option<Ending> {
    match error {
        ProviderError::Refused { .. } => Some(Ending::Refused),
        ProviderError::Unexpected { .. } => Some(Ending::Failed),
        _ => None,
    }
}

/// How long to wait out a limit that is over in a moment; `None` for any other error.
pub(super) fn momentary(error: &ProviderError) -> Option<Duration> {
    let ProviderError::RateLimited { message, resume, .. } = error else { return None };
    let message = message.to_lowercase();
    let of_seconds = ["per second", "/second", "per-second"].iter().any(|word| message.contains(word));
    match resume {
        Resume::After(wait) if *wait <= MOMENT => Some((*wait).max(Duration::from_secs(1))),
        Resume::Unknown if of_seconds => Some(Duration::from_secs(2)),
        _ => None,
    }
}

/// How long to wait until a service is asked again that has been away for so long; `None` once it is left to the next
/// attempt, which begins only when all that this one has submitted has come: that may take long.
pub(super) fn back_soon(away: Duration) -> Option<Duration> {
    let (shortest, longest) = AWAY_PAUSES;
    (away < BACK_WITHIN).then(|| (away / 2).clamp(shortest, longest))
}

/// Rounded up.
pub(super) fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs() + u64::from(time.subsec_nanos() > 0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(message: &str, resume: Resume) -> ProviderError {
        ProviderError::RateLimited { provider: "A service", message: message.to_owned(), resume }
    }

    #[test]
    fn only_a_limit_of_seconds_is_waited_out_on_the_spot() {
        let second = "Too many requests for team 1 and model m. Requests per Second (actual/limit): 2/2";
        for (message, resume, waits) in [
            (second, Resume::Unknown, Some(2)),
            (second, Resume::After(Duration::ZERO), Some(1)),
            (second, Resume::After(Duration::from_mins(10)), None),
            ("slow down", Resume::After(Duration::from_secs(3)), Some(3)),
            ("25 of 25 generations in 2 h", Resume::Unknown, None),
        ] {
            assert_eq!(momentary(&limited(message, resume)).map(|wait| wait.as_secs()), waits, "{message}");
        }
    }

    #[test]
    fn a_service_that_is_away_is_asked_again_a_few_times_on_the_spot() {
        let (mut away, mut asked) = (Duration::ZERO, 0);
        while let Some(pause) = back_soon(away) {
            (away, asked) = (away + pause, asked + 1);
        }
        assert_eq!((away.as_secs_f64(), asked), (18.5, 6));
    }

    #[tokio::test(start_paused = true)]
    async fn polls_are_frequent_at_first_and_spread() {
        let mut backoff = PollBackoff::new(7);
        let early: Vec<u128> = (0..20).map(|_| backoff.pause().as_millis()).collect();
        assert!(early.iter().all(|pause| (1600..=2400).contains(pause)), "{early:?}");
        assert!(early.iter().any(|pause| *pause != early[0]));
        tokio::time::advance(SOON_FOR).await;
        assert!((4000..=6000).contains(&backoff.pause().as_millis()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_away_is_borne_for_a_while() {
        let away = ProviderError::Unavailable { provider: "A service", message: "m".to_owned() };
        let mut backoff = PollBackoff::new(7);
        assert!(backoff.tolerates(&away));
        tokio::time::advance(AWAY_FOR / 2).await;
        backoff.reset();
        assert!(backoff.tolerates(&away));
        tokio::time::advance(AWAY_FOR).await;
        assert!(!backoff.tolerates(&away));
        assert!(backoff.tolerates(&limited("m", Resume::After(Duration::from_hours(3)))));
        assert_eq!(backoff.pause(), MAX_PAUSE);
    }
}
