//! How much callers may ask for: how often each of them, how many at once all together, how many long answers, and in how
//! long words.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::problem::Problem;

/// Longest label selector, in characters.
pub const MAX_SELECTOR: usize = 1024;
/// Longest reason of a suspension, in characters.
pub const MAX_REASON: usize = 1024;
/// Requests a second that a caller may make for long, and at once after a pause.
const PER_SECOND: NonZeroU32 = at_least_one(50);
const BURST: NonZeroU32 = at_least_one(100);
/// Callers that are remembered before those are forgotten who have not come for a while.
const MAX_REMEMBERED: usize = 4096;
/// Requests that are answered at once, and those of one caller.
const CONCURRENCY: usize = 256;
const CONCURRENCY_PER_CALLER: usize = 64;
/// Films and logs that are streamed at once, and those of one caller: each holds a connection to the bucket or the API
/// server.
const STREAMS: usize = 64;
const STREAMS_EACH: usize = 16;
/// Readers who follow the jobs at once, and those of one caller. They stay for long, and must not take the places of films.
const FOLLOWERS: usize = 64;
const FOLLOWERS_EACH: usize = 16;

/// Requests at once that have the API server list what may be much of a namespace; those beyond wait for so long. One caller
/// has so many in work and waiting.
const LISTINGS: usize = 4;
const LISTINGS_EACH: usize = 2;
const LISTING_WAIT: Duration = Duration::from_secs(10);

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
    requests_each: KeyedSemaphore<String>,
    streams: Arc<Semaphore>,
    streams_each: KeyedSemaphore<String>,
    followers: Arc<Semaphore>,
    followers_each: KeyedSemaphore<String>,
    listings: Arc<Semaphore>,
    listings_each: KeyedSemaphore<String>,
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
            requests: Arc::new(Semaphore::new(CONCURRENCY)),
            requests_each: KeyedSemaphore::new(CONCURRENCY_PER_CALLER),
            streams: Arc::new(Semaphore::new(STREAMS)),
            streams_each: KeyedSemaphore::new(STREAMS_EACH),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            followers_each: KeyedSemaphore::new(FOLLOWERS_EACH),
            listings: Arc::new(Semaphore::new(LISTINGS)),
            listings_each: KeyedSemaphore::new(LISTINGS_EACH),
        }
    }

    /// Counts a request of this caller; fails if there were too many.
    pub fn count(&self, caller: &str) -> Result<(), Problem> {
        if self.callers.len() > MAX_REMEMBERED {
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

    /// A place among the requests of this caller that are answered at once.
    pub fn request_of(&self, caller: &str) -> Result<KeyedPermit<String>, Problem> {
        share_of(caller, &self.requests_each, "too many of your requests are being answered")
    }

    /// A place among the requests for which the API server lists much, once there is one, for this caller.
    pub async fn listing(&self, caller: &str) -> Result<SharedPermit, Problem> {
        let too_many = "too many of your requests list what is in a namespace";
        let share = share_of(caller, &self.listings_each, too_many)?;
        let waiting = timeout(LISTING_WAIT, Arc::clone(&self.listings).acquire_owned());
        let full = || Problem::later("too many requests list what is in a namespace; try again", 5);
        let place = waiting.await.ok().and_then(Result::ok).ok_or_else(full)?;
        Ok(SharedPermit { _share: share, _place: place })
    }

    /// A place among those who follow the jobs, for this caller.
    pub fn follower(&self, caller: &str) -> Result<SharedPermit, Problem> {
        let share = share_of(caller, &self.followers_each, "too many of your readers follow the jobs")?;
        let place = take(&self.followers, "too many readers follow the jobs")?;
        Ok(SharedPermit { _share: share, _place: place })
    }

    /// A place among the films and logs that are streamed, for this caller.
    pub fn stream(&self, caller: &str) -> Result<SharedPermit, Problem> {
        let share =
            share_of(caller, &self.streams_each, "too many films and logs are being streamed to you")?;
        let place = take(&self.streams, "too many films and logs are being streamed")?;
        Ok(SharedPermit { _share: share, _place: place })
    }
}

/// A place of a caller's share and among those of all, until this is dropped.
#[derive(Debug)]
pub struct SharedPermit {
    _share: KeyedPermit<String>,
    _place: OwnedSemaphorePermit,
}

/// A semaphore for each key: so many places for each of those who share some.
#[derive(Debug)]
pub struct KeyedSemaphore<K: Eq + Hash> {
    most: usize,
    taken: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash + Clone> KeyedSemaphore<K> {
    /// So many for each.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// A place for this one, if they have any left.
    #[must_use]
    pub fn take(&self, whose: &K) -> Option<KeyedPermit<K>> {
        let mut all = self.taken.lock();
        let taken = all.entry(whose.clone()).or_default();
        if *taken >= self.most {
            return None;
        }
        *taken += 1;
        Some(KeyedPermit { whose: whose.clone(), taken: Arc::clone(&self.taken) })
    }
}

/// A place of one key, until this is dropped.
#[derive(Debug)]
pub struct KeyedPermit<K: Eq + Hash> {
    whose: K,
    taken: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash> Drop for KeyedPermit<K> {
    fn drop(&mut self) {
        let mut all = self.taken.lock();
        if let Some(taken) = all.get_mut(&self.whose) {
            *taken -= 1;
            if *taken == 0 {
                all.remove(&self.whose);
            }
        }
    }
}

/// A place of a caller's share.
fn share_of(
    caller: &str,
    shares: &KeyedSemaphore<String>,
    full: &str,
) -> Result<KeyedPermit<String>, Problem> {
    shares.take(&caller.to_owned()).ok_or_else(|| {
        let detail = format!("{full}: {} at once", shares.most);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).after(1)
    })
}

fn take(places: &Arc<Semaphore>, full: &str) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(places).try_acquire_owned().map_err(|_| Problem::later(format!("{full}; try again"), 1))
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::testing::documented;

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
        let caller = |number: usize| format!("caller {}", number % STREAMS.div_ceil(STREAMS_EACH));
        let held: Vec<_> = (0..STREAMS).map(|number| limits.stream(&caller(number)).unwrap()).collect();
        let refused = limits.stream("another").unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::SERVICE_UNAVAILABLE, Some(1)));
        drop(held);
        assert!(limits.stream("another").is_ok());
        let caller = |number: usize| format!("caller {}", number / FOLLOWERS_EACH);
        let held: Vec<_> = (0..FOLLOWERS).map(|number| limits.follower(&caller(number)).unwrap()).collect();
        let refused = limits.follower("another").unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::SERVICE_UNAVAILABLE, Some(1)));
        drop(held);
        assert!(limits.follower("another").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn few_list_at_once_and_others_wait_their_turn_and_not_for_ever() {
        let limits = Limits::default();
        let mut held = Vec::new();
        for number in 0..LISTINGS {
            held.push(limits.listing(&format!("caller {}", number / LISTINGS_EACH)).await.unwrap());
        }
        let refused = limits.listing("another").await.unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::SERVICE_UNAVAILABLE, Some(5)));
        let (next, ()) = tokio::join!(limits.listing("another"), async { drop(held.pop()) });
        assert!(next.is_ok());
        let refused = limits.listing("caller 0").await.unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::TOO_MANY_REQUESTS, Some(1)));
    }

    #[test]
    fn no_caller_takes_all_places() {
        let limits = Limits::default();
        let held: Vec<_> = (0..STREAMS_EACH).map(|_| limits.stream("ada").unwrap()).collect();
        let refused = limits.stream("ada").unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::TOO_MANY_REQUESTS, Some(1)));
        assert!(limits.stream("bob").is_ok());
        drop(held);
        assert!(limits.stream("ada").is_ok());
        let held: Vec<_> = (0..FOLLOWERS_EACH).map(|_| limits.follower("ada").unwrap()).collect();
        let refused = limits.follower("ada").unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::TOO_MANY_REQUESTS, Some(1)));
        assert!(limits.follower("bob").is_ok() && limits.stream("ada").is_ok());
        drop(held);
        assert!(limits.follower("ada").is_ok());
        let held: Vec<_> = (0..CONCURRENCY_PER_CALLER).map(|_| limits.request_of("ada").unwrap()).collect();
        assert!(limits.request_of("ada").is_err() && limits.request_of("bob").is_ok());
        drop(held);
        assert!(limits.requests_each.taken.lock().is_empty(), "nobody is remembered for nothing");
    }

    #[test]
    fn the_limits_of_requests_are_documented() {
        let rate = format!("{PER_SECOND} per second, {BURST} at once after a pause");
        documented::limit(&format!(
            "Requests of one caller | {rate}; {CONCURRENCY_PER_CALLER} being answered |"
        ));
        let with_guard = "a request counts until its answer is read";
        documented::limit(&format!(
            "Requests being answered, of all callers; {with_guard} | {CONCURRENCY} |"
        ));
        documented::limit(&format!(
            "Downloads of films and logs: of one caller, of all | {STREAMS_EACH}, {STREAMS} |"
        ));
        documented::limit(&format!(
            "Readers of `GET /stream`: of one caller, of all | {FOLLOWERS_EACH}, {FOLLOWERS} |"
        ));
        let wait = LISTING_WAIT.as_secs();
        documented::limit(&format!(
            "Requests for the events of a job | {LISTINGS} at a time; others wait for up to {wait} s; {LISTINGS_EACH} of one \
             caller |"
        ));
    }
}
