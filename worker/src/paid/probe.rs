//! After a submission that brought nothing, one goes ahead and the others wait for what comes of it: a service that is
//! broken, or a download that is blocked, costs one submission and not one for each scene; a service that is away is
//! asked by one whether it is back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::Instant;

use super::question::FailedSubmissions;

/// The event that ends the probing, after which all may submit concurrently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Milestone {
    /// A submission that is answered: an answer was lost before.
    Answered,
    /// Something that is delivered: what was taken came to nothing before.
    Delivered,
}

/// One goes ahead.
pub(super) struct Probe {
    awaited: watch::Sender<Option<Milestone>>,
    one: Semaphore,
    away_since: Mutex<Option<Instant>>,
}

impl Probe {
    pub fn new() -> Self {
        Self { awaited: watch::Sender::default(), one: Semaphore::new(1), away_since: Mutex::default() }
    }

    /// Takes the failures of earlier submissions into account.
    pub fn observe(&self, found: &FailedSubmissions) {
        let needed = match found {
            FailedSubmissions { failed: 0, unknown: 0, .. } => None,
            FailedSubmissions { failed: 0, .. } => Some(Milestone::Answered),
            _ => Some(Milestone::Delivered),
        };
        self.needs(needed);
    }

    /// The service is away, and nothing was submitted; for how long it has been away by now.
    pub fn away(&self) -> Duration {
        self.needs(Some(Milestone::Answered));
        let mut since = self.away_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.get_or_insert_with(Instant::now).elapsed()
    }

    fn needs(&self, needed: Option<Milestone>) {
        self.awaited.send_modify(|awaited| *awaited = needed.max(*awaited));
    }

    /// A milestone was reached.
    pub fn reached(&self, milestone: Milestone) {
        *self.away_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.awaited.send_modify(|awaited| *awaited = awaited.filter(|needed| *needed > milestone));
    }

    /// Waits until this one may go ahead, alone for as long as it holds what is returned, or all may.
    pub async fn pass(&self) -> Option<SemaphorePermit<'_>> {
        let mut awaited = self.awaited.subscribe();
        tokio::select! {
            biased;
            // Never closed, neither of them.
            _ = awaited.wait_for(Option::is_none) => None,
            alone = self.one.acquire() => alone.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_asks_whether_a_service_is_back_and_all_continue_once_it_has_answered() {
        let probe = Probe::new();
        assert!(probe.pass().await.is_none(), "nothing went wrong");
        assert_eq!(probe.away(), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(probe.away(), Duration::from_secs(3));
        let first = probe.pass().await;
        assert!(first.is_some());
        assert!(timeout(Duration::from_secs(1), probe.pass()).await.is_err(), "one goes ahead");
        let (second, third, ()) =
            tokio::join!(probe.pass(), probe.pass(), async { probe.reached(Milestone::Answered) });
        assert!(second.is_none() && third.is_none(), "what the first has submitted need not have come");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(probe.away(), Duration::ZERO, "it was back");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_not_enough_where_what_was_taken_came_to_nothing() {
        let probe = Probe::new();
        probe.observe(&FailedSubmissions { failed: 1, ..FailedSubmissions::default() });
        probe.away();
        probe.reached(Milestone::Answered);
        assert!(probe.pass().await.is_some());
        probe.reached(Milestone::Delivered);
        assert!(probe.pass().await.is_none());
    }
}
