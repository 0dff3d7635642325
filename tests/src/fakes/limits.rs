//! What an account may do in a time, and how the service counts it.
//!
//! Limits are held against the whole history of what an account used, so that a changed limit counts what was used
//! before.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::clock::Now;
use super::service::{Operation, Service};

/// One limit of one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    /// The account. Absent: the one that the order is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only requests to this service. Absent: to any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Only this operation. Absent: every submission, which polls and downloads are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// How the window moves.
    #[serde(default)]
    pub kind: Kind,
    /// Most requests in a window.
    pub limit: usize,
    /// Length of the window in seconds; of a pace it is always 1.
    #[serde(default = "one_second")]
    pub window_seconds: f64,
    /// Whether a refusal says for how long, in the service's own way.
    #[serde(default)]
    pub retry_after: bool,
}

/// How a window moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Each unit is free again one window after it was used.
    #[default]
    Rolling,
    /// All units are free again when the wall clock, in seconds since 1970, reaches a multiple of the window.
    Fixed,
    /// All units are free again one window after the first use.
    Anchored,
    /// Requests a second.
    Pace,
}

/// A request that counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    pub(crate) at: Now,
    pub(crate) service: Service,
    pub(crate) operation: Operation,
    /// By somebody else who has the same key.
    pub(crate) stranger: bool,
}

/// A limit that a request does not fit into.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exceeded {
    pub(crate) limit: Limit,
    /// Until it fits.
    pub(crate) wait: Duration,
    /// Whether the account's own use alone fills the window: its owner could have known.
    pub(crate) avoidable: bool,
}

impl Limit {
    /// So many submissions to a service in a rolling window.
    #[must_use]
    pub fn rolling(service: Service, limit: usize, window: Duration) -> Self {
        Self {
            key: None,
            service: Some(service),
            operation: None,
            kind: Kind::Rolling,
            limit,
            window_seconds: window.as_secs_f64(),
            retry_after: false,
        }
    }

    /// The same in another kind of window.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The same for one operation only.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// The same, and a refusal says for how long.
    #[must_use]
    pub fn saying_when(mut self) -> Self {
        self.retry_after = true;
        self
    }

    pub(crate) fn is_sensible(&self) -> bool {
        self.window_seconds.is_finite() && self.window_seconds > 0.0 && self.window_seconds < 1e9
    }

    fn counts(&self, service: Service, operation: Operation) -> bool {
        self.service.is_none_or(|only| only == service)
            && self.operation.map_or(operation.submits(), |only| only == operation)
    }

    fn window(&self) -> Duration {
        if self.kind == Kind::Pace {
            Duration::from_secs(1)
        } else {
            Duration::from_secs_f64(self.window_seconds)
        }
    }

    /// Whether one more request fits, after all that `history` holds.
    pub(crate) fn check(
        &self,
        service: Service,
        operation: Operation,
        history: &[Use],
        now: Now,
    ) -> Result<(), Exceeded> {
        if !self.counts(service, operation) {
            return Ok(());
        }
        let counted: Vec<&Use> =
            history.iter().filter(|used| self.counts(used.service, used.operation)).collect();
        let opened = self.opened(&counted, now);
        let inside = &counted[opened.first..];
        if inside.len() < self.limit {
            return Ok(());
        }
        let free = match opened.closes {
            Some(closes) => closes,
            // A rolling window: when enough of the oldest uses have left it.
            None => {
                inside.get(inside.len() - self.limit).map_or(now.instant, |used| used.at.instant)
                    + self.window()
            }
        };
        let own = inside.iter().filter(|used| !used.stranger).count();
        Err(Exceeded {
            limit: self.clone(),
            wait: free.saturating_duration_since(now.instant),
            avoidable: own >= self.limit,
        })
    }

    fn opened(&self, counted: &[&Use], now: Now) -> Opened {
        let window = self.window();
        match self.kind {
            Kind::Rolling | Kind::Pace => Opened {
                first: counted.partition_point(|used| used.at.instant + window <= now.instant),
                closes: None,
            },
            Kind::Fixed => {
                let period = i128::try_from(window.as_nanos()).unwrap_or(i128::MAX);
                let begun = now.wall.as_nanosecond().div_euclid(period) * period;
                let left = Duration::from_nanos(
                    u64::try_from(begun + period - now.wall.as_nanosecond()).unwrap_or(u64::MAX),
                );
                Opened {
                    first: counted.partition_point(|used| used.at.wall.as_nanosecond() < begun),
                    closes: Some(now.instant + left),
                }
            }
            Kind::Anchored => anchored(counted, window, now.instant),
        }
    }
}

/// The window that is open: its first use, and when it closes as a whole.
struct Opened {
    first: usize,
    closes: Option<Instant>,
}

/// Goes from window to window, each opened by the first use after the one before it closed.
fn anchored(counted: &[&Use], window: Duration, now: Instant) -> Opened {
    let mut opened = Opened { first: counted.len(), closes: Some(now + window) };
    let mut closed = None;
    for (place, used) in counted.iter().enumerate() {
        if closed.is_none_or(|closed| used.at.instant >= closed) {
            opened.first = place;
            closed = Some(used.at.instant + window);
        }
    }
    match closed {
        Some(closed) if closed > now => opened.closes = Some(closed),
        _ => opened.first = counted.len(),
    }
    opened
}

fn one_second() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::clock::Clock;
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    struct Account {
        clock: Clock,
        limit: Limit,
        history: Vec<Use>,
    }

    impl Account {
        fn with(limit: Limit) -> Self {
            let wall = Timestamp::from_second(1_800_000_030).unwrap();
            Self { clock: Clock::starting_at(wall), limit, history: Vec::new() }
        }

        /// One request; how long it has to wait, if it is refused.
        fn ask(&mut self, operation: Operation) -> Option<Duration> {
            let now = self.clock.now();
            if let Err(exceeded) = self.limit.check(Service::Xai, operation, &self.history, now) {
                return Some(exceeded.wait);
            }
            self.history.push(Use { at: now, service: Service::Xai, operation, stranger: false });
            None
        }
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_rolling_window_frees_each_unit_for_itself() {
        let mut account = Account::with(Limit::rolling(Service::Xai, 2, MINUTE));
        assert_eq!(account.ask(Operation::Video), None);
        pass(20).await;
        assert_eq!(account.ask(Operation::Video), None);
        assert_eq!(account.ask(Operation::Video), Some(Duration::from_secs(40)));
        pass(40).await;
        assert_eq!(account.ask(Operation::Video), None);
        assert_eq!(account.ask(Operation::Video), Some(Duration::from_secs(20)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fixed_window_frees_all_by_the_wall_clock() {
        // The wall clock stands half a minute into a minute.
        let mut account = Account::with(Limit::rolling(Service::Xai, 1, MINUTE).of_kind(Kind::Fixed));
        assert_eq!(account.ask(Operation::Video), None);
        assert_eq!(account.ask(Operation::Video), Some(Duration::from_secs(30)));
        pass(30).await;
        assert_eq!(account.ask(Operation::Video), None);
        assert_eq!(account.ask(Operation::Video), Some(MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn an_anchored_window_opens_with_the_first_use() {
        let mut account = Account::with(Limit::rolling(Service::Xai, 2, MINUTE).of_kind(Kind::Anchored));
        pass(100).await;
        assert_eq!(account.ask(Operation::Video), None);
        pass(50).await;
        assert_eq!(account.ask(Operation::Video), None);
        assert_eq!(account.ask(Operation::Video), Some(Duration::from_secs(10)));
        pass(10).await;
        assert_eq!((account.ask(Operation::Video), account.ask(Operation::Video)), (None, None));
        assert_eq!(account.ask(Operation::Video), Some(MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_counts_one_second_and_no_polls() {
        let mut account = Account::with(Limit::rolling(Service::Xai, 1, MINUTE).of_kind(Kind::Pace));
        assert_eq!(account.ask(Operation::Video), None);
        assert_eq!(account.ask(Operation::Poll), None);
        assert_eq!(account.ask(Operation::Video), Some(Duration::from_secs(1)));
        pass(1).await;
        assert_eq!(account.ask(Operation::Video), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_of_one_operation_or_service_leaves_the_others_alone() {
        let mut account = Account::with(Limit::rolling(Service::Xai, 0, MINUTE).on(Operation::Poll));
        assert_eq!(account.ask(Operation::Video), None);
        assert!(account.ask(Operation::Poll).is_some());
        let mut account = Account::with(Limit::rolling(Service::Gemini, 0, MINUTE));
        assert_eq!(account.ask(Operation::Video), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lower_limit_counts_what_was_used_before() {
        let mut account = Account::with(Limit::rolling(Service::Xai, 3, MINUTE));
        for _ in 0..3 {
            assert_eq!(account.ask(Operation::Video), None);
            pass(10).await;
        }
        account.limit.limit = 1;
        assert_eq!(account.ask(Operation::Video), Some(Duration::from_secs(50)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_stranger_fills_could_not_be_avoided() {
        let mut account = Account::with(Limit::rolling(Service::Xai, 2, MINUTE));
        account.ask(Operation::Video);
        let now = account.clock.now();
        account.history.push(Use {
            at: now,
            service: Service::Xai,
            operation: Operation::Video,
            stranger: true,
        });
        let refused = account.limit.check(Service::Xai, Operation::Video, &account.history, now).unwrap_err();
        assert!(!refused.avoidable);
        account.history.push(Use {
            at: now,
            service: Service::Xai,
            operation: Operation::Video,
            stranger: false,
        });
        let refused = account.limit.check(Service::Xai, Operation::Video, &account.history, now).unwrap_err();
        assert!(refused.avoidable);
    }
}
