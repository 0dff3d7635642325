//! When an attempt may submit: never more than it was allowed, none before its opening, and with the pause
//! that the account's rate limit asks for. Permits are given in the order of requests, the earliest opening first.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard as Guard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex as Queue, MutexGuard, Notify};
use tokio::time::Instant;
use videofactory_pipeline::contract::Allowance;

use super::clock::Clock;

/// How long before its submission a slot is taken, where submissions have a pace: an open slot that is lost
/// would be an unknown outcome.
const SLOT_TAKES: Duration = Duration::from_millis(250);

/// The submit permits of one account within an attempt.
pub(super) struct Pace {
    clock: Clock,
    /// The pause between two submissions; none without a limit.
    pause: Option<Duration>,
    /// Submissions that may still be made: from when on, and a number to distinguish them.
    free: Mutex<BTreeSet<(Timestamp, u32)>>,
    /// One was given back.
    returned: Notify,
    /// Until when nothing is submitted.
    quiet_until: Mutex<Option<Instant>>,
    /// When the last submission was made; held by who makes the next.
    last: Queue<Option<Instant>>,
}

/// Permission to make one submission. Dropped without [`SubmitPermit::consume`], it is given back.
pub(super) struct SubmitPermit<'a> {
    pace: &'a Pace,
    unit: Option<(Timestamp, u32)>,
    last: Option<MutexGuard<'a, Option<Instant>>>,
}

impl Pace {
    pub fn new(allowance: &Allowance, clock: Clock) -> Self {
        let mut free = BTreeSet::new();
        let openings = allowance.openings.iter().flat_map(|opening| {
            std::iter::repeat_n(opening.at, usize::try_from(opening.submissions).unwrap_or(usize::MAX))
        });
        // Whatever openings leave out comes with the last of them.
        let last = allowance.openings.iter().map(|opening| opening.at).max().unwrap_or(Timestamp::MIN);
        for (number, at) in (0..allowance.submissions).zip(openings.chain(std::iter::repeat(last))) {
            free.insert((at, number));
        }
        let pause = allowance.requests_per_second.filter(|rate| *rate > 0.0);
        Self {
            clock,
            pause: pause.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok()),
            free: Mutex::new(free),
            returned: Notify::new(),
            quiet_until: Mutex::new(None),
            last: Queue::new(None),
        }
    }

    /// The next permit, in the order of requests; `None` if none is left.
    pub fn permit(&self) -> Option<SubmitPermit<'_>> {
        let unit = self.free().pop_first()?;
        Some(SubmitPermit { pace: self, unit: Some(unit), last: None })
    }

    /// Nothing is submitted for so long: the service finds us too fast.
    pub fn slow_down(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut quiet = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = Some(quiet.map_or(until, |known| known.max(until)));
    }

    /// Waits until `early` before the next submission's time.
    async fn rest(&self, last: Option<Instant>, early: Duration) {
        if let Some(next) = self.pause.and_then(|pause| Some(last? + pause)) {
            tokio::time::sleep_until(next.checked_sub(early).unwrap_or(next)).await;
        }
        let quiet = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = quiet {
            tokio::time::sleep_until(until).await;
        }
    }

    fn free(&self) -> Guard<'_, BTreeSet<(Timestamp, u32)>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SubmitPermit<'_> {
    /// Waits until its slot may be taken.
    pub async fn wait_for_opening(&mut self) {
        let pace = self.pace;
        loop {
            let returned = pace.returned.notified();
            self.swap_for_earlier();
            let Some((at, _)) = self.unit.filter(|(at, _)| *at > pace.clock.now()) else { break };
            tokio::select! {
                () = pace.clock.reach(at) => break,
                () = returned => {}
            }
        }
        let last = pace.last.lock().await;
        pace.rest(*last, SLOT_TAKES).await;
        if pace.pause.is_some() {
            self.last = Some(last);
        }
    }

    /// Takes a permit that was given back, if it opens earlier than this one.
    fn swap_for_earlier(&mut self) {
        let mut free = self.pace.free();
        if let Some(unit) = self.unit.filter(|unit| free.first().is_some_and(|first| first < unit)) {
            self.unit = free.pop_first();
            free.insert(unit);
        }
    }

    /// Waits for the very moment of the submission, which is to be made right after this. Whether it is used
    /// up is said by [`SubmitPermit::consume`].
    pub async fn wait_for_pace(&mut self) {
        if let Some(mut last) = self.last.take() {
            self.pace.rest(*last, Duration::ZERO).await;
            *last = Some(Instant::now());
        }
    }

    /// The submission was taken, or may have been.
    pub fn consume(mut self) {
        self.unit = None;
    }
}

impl Drop for SubmitPermit<'_> {
    fn drop(&mut self) {
        if let Some(unit) = self.unit.take() {
            self.pace.free().insert(unit);
            self.pace.returned.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;
    use videofactory_pipeline::contract::Opening;

    use super::*;

    /// A clock that goes with tokio's paused time, and shows whole seconds as the real one does.
    fn clock() -> (Clock, Timestamp) {
        let (began, start) = (Instant::now(), Timestamp::from_second(1_800_000_000).unwrap());
        let now = move || {
            let exact = start.checked_add(began.elapsed()).unwrap();
            Timestamp::from_second(exact.as_second()).unwrap()
        };
        (Clock::new(now), start)
    }

    /// When each of `wanted` submissions is made, in milliseconds; fewer if they are used up.
    async fn times(allowance: &Allowance, clock: Clock, wanted: usize) -> Vec<u128> {
        let (pace, began) = (Pace::new(allowance, clock), Instant::now());
        let one = async || {
            let mut permit = pace.permit()?;
            permit.wait_for_opening().await;
            permit.wait_for_pace().await;
            let at = began.elapsed().as_millis();
            permit.consume();
            Some(at)
        };
        let all = futures::future::join_all((0..wanted).map(|_| one())).await;
        all.into_iter().flatten().collect()
    }

    #[tokio::test(start_paused = true)]
    async fn openings_are_honoured_within_moments_and_nothing_goes_beyond_the_allowance() {
        let (clock, start) = clock();
        let opening =
            |seconds, submissions| Opening { at: start + SignedDuration::from_secs(seconds), submissions };
        let allowance = Allowance {
            submissions: 5,
            openings: vec![opening(-5, 2), opening(90, 2)],
            requests_per_second: None,
        };
        let times = times(&allowance, clock, 9).await;
        assert_eq!(times.len(), 5, "{times:?}");
        assert_eq!(times[..2], [0, 0]);
        assert!(times[2..].iter().all(|at| (90_000..90_050).contains(at)), "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn submissions_keep_the_pace() {
        let (clock, _) = clock();
        let allowance = Allowance { submissions: 4, openings: Vec::new(), requests_per_second: Some(0.5) };
        assert_eq!(times(&allowance, clock, 4).await, [0, 2000, 4000, 6000]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_taken_is_given_back_to_who_waits() {
        let (clock, start) = clock();
        let openings = vec![
            Opening { at: start, submissions: 1 },
            Opening { at: start + SignedDuration::from_secs(100), submissions: 1 },
        ];
        let pace = Pace::new(&Allowance { submissions: 2, openings, requests_per_second: None }, clock);
        let began = Instant::now();
        let (first, mut second) = (pace.permit().unwrap(), pace.permit().unwrap());
        assert!(pace.permit().is_none());
        tokio::join!(second.wait_for_opening(), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(first);
        });
        assert_eq!(began.elapsed().as_secs(), 3);
        second.consume();
        let mut third = pace.permit().unwrap();
        third.wait_for_opening().await;
        assert_eq!(began.elapsed().as_secs(), 100);
        third.consume();
        assert!(pace.permit().is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_submission_comes_before_its_opening(
            submissions in 0u32..12,
            openings in proptest::collection::vec((0i64..200, 0u32..5), 0..5),
            pace in proptest::option::of(0.2f64..5.0),
            wanted in 0usize..15,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let (clock, start) = clock();
                let mut opens: Vec<i64> = openings.iter().flat_map(|(at, many)| vec![*at; *many as usize]).collect();
                opens.sort_unstable();
                let openings = openings.iter().map(|(at, submissions)| Opening {
                    at: start + SignedDuration::from_secs(*at), submissions: *submissions,
                });
                let allowance = Allowance { submissions, openings: openings.collect(), requests_per_second: pace };
                let mut times = times(&allowance, clock, wanted).await;
                times.sort_unstable();
                prop_assert_eq!(times.len(), wanted.min(submissions as usize));
                for (time, opens) in times.iter().zip(&opens) {
                    prop_assert!(*time >= u128::try_from(*opens * 1000).unwrap(), "{} before {}", time, opens);
                }
                for pair in times.windows(2) {
                    let least = pace.map_or(Duration::ZERO, |pace| Duration::from_secs_f64(1.0 / pace));
                    prop_assert!(pair[1] - pair[0] + 2 >= least.as_millis());
                }
                Ok(())
            })?;
        }
    }
}
