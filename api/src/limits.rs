//! How much callers may ask for: how often each of them, how many at once all together, and how many long answers.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::StatusCode;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Requests a second that a caller may make for long, and at once after a pause.
const PER_SECOND: NonZeroU32 = at_least_one(50);
const BURST: NonZeroU32 = at_least_one(100);
/// Callers that are remembered before those are forgotten who have not come for a while.
const MOST_REMEMBERED: usize = 4096;
/// Requests that are answered at once.
const AT_ONCE: usize = 256;
/// Films and logs that are streamed at once: each holds a connection to the bucket or the API server.
const STREAMS: usize = 64;
/// Readers who follow the jobs at once. They stay for long, and must not take the places of films.
const FOLLOWERS: usize = 64;

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

type PerCaller<C> = RateLimiter<String, HashMapStateStore<String>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// What is left to callers.
pub struct Limits<C: Clock = MonotonicClock> {
    callers: PerCaller<C>,
    clock: C,
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    followers: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(MonotonicClock)
    }
}

impl<C: Clock + Clone> Limits<C> {
    /// With nothing used yet.
    pub fn new(clock: C) -> Self {
        let quota = Quota::per_second(PER_SECOND).allow_burst(BURST);
        Self {
            callers: RateLimiter::hashmap_with_clock(quota, clock.clone()),
            clock,
            requests: Arc::new(Semaphore::new(AT_ONCE)),
            streams: Arc::new(Semaphore::new(STREAMS)),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
        }
    }

    /// Counts a request of this caller; fails if there were too many.
    pub fn count(&self, caller: &str) -> Result<(), Problem> {
        if self.callers.len() > MOST_REMEMBERED {
            self.callers.retain_recent();
        }
        self.callers.check_key(&caller.to_owned()).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now()).as_millis().div_ceil(1000).max(1);
            let detail = format!("you ask too often: {PER_SECOND} requests a second, {BURST} at once");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
                .hint("wait as long as Retry-After says; GET /jobs gives up to 500 jobs at once")
                .after(u32::try_from(wait).unwrap_or(u32::MAX))
        })
    }

    /// A place among the requests that are answered at once.
    pub fn request(&self) -> Result<OwnedSemaphorePermit, Problem> {
        take(&self.requests, "too many requests are being answered")
    }

    /// A place among the long answers.
    pub fn stream(&self) -> Result<OwnedSemaphorePermit, Problem> {
        take(&self.streams, "too many films and logs are being streamed")
    }

    /// A place among those who follow the jobs.
    pub fn follower(&self) -> Result<OwnedSemaphorePermit, Problem> {
        take(&self.followers, "too many readers follow the jobs")
    }
}

fn take(places: &Arc<Semaphore>, full: &str) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(places).try_acquire_owned().map_err(|_| Problem::later(format!("{full}; try again"), 1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn each_caller_has_a_rate_of_their_own() {
        let clock = FakeRelativeClock::default();
        let limits = Limits::new(clock.clone());
        for _ in 0..BURST.get() {
            limits.count("ada").unwrap();
        }
        let refused = limits.count("ada").unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::TOO_MANY_REQUESTS, Some(1)));
        limits.count("bob").unwrap();
        clock.advance(Duration::from_secs(1));
        for _ in 0..PER_SECOND.get() {
            limits.count("ada").unwrap();
        }
        assert!(limits.count("ada").is_err());
    }

    #[test]
    fn a_place_is_free_again_when_an_answer_has_ended() {
        let limits = Limits::default();
        let held: Vec<_> = (0..STREAMS).map(|_| limits.stream().unwrap()).collect();
        let refused = limits.stream().unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::SERVICE_UNAVAILABLE, Some(1)));
        drop(held);
        assert!(limits.stream().is_ok());
    }
}
