//! Which jobs change, published to whoever follows them; while nobody does, that costs nothing.

use tokio::sync::broadcast::{self, Receiver, Sender};
use videofactory_client::JobRef;

/// Changes that a follower may be behind; one that is further behind looks at all jobs again.
const MAX_BEHIND: usize = 1024;

/// What may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This job: it came, went, or says something else.
    Job(JobRef),
    /// Any of them.
    All,
}

/// Where changes are published. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ChangeFeed(Sender<Change>);

impl Default for ChangeFeed {
    fn default() -> Self {
        Self(broadcast::channel(MAX_BEHIND).0)
    }
}

impl ChangeFeed {
    /// Publishes to those who follow, if there are any. To be called once the store shows the change.
    pub fn publish(&self, change: impl FnOnce() -> Change) {
        if self.has_subscribers() {
            // The last follower may have gone just now.
            let _ = self.0.send(change());
        }
    }

    /// Whether anybody follows.
    #[must_use]
    pub fn has_subscribers(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Every change from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.0.subscribe())
    }
}

/// Changes as one follower hears of them.
#[derive(Debug)]
pub struct Subscription(Receiver<Change>);

impl Subscription {
    /// The next change; [`Change::All`] to somebody who was too far behind to hear of each. Never, once nobody is left who
    /// could publish any.
    pub async fn next(&mut self) -> Change {
        match self.0.recv().await {
            Ok(change) => change,
            Err(broadcast::error::RecvError::Lagged(_)) => Change::All,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    /// The next change that was published already.
    pub fn try_next(&mut self) -> Option<Change> {
        match self.0.try_recv() {
            Ok(change) => Some(change),
            Err(broadcast::error::TryRecvError::Lagged(_)) => Some(Change::All),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: usize) -> Change {
        Change::Job(JobRef { namespace: "films".to_owned(), name: format!("film-{number}") })
    }

    #[test]
    fn what_nobody_follows_is_not_even_made() {
        let changes = ChangeFeed::default();
        changes.publish(|| panic!("nobody listens"));
        drop(changes.subscribe());
        changes.publish(|| panic!("nobody listens any more"));
    }

    #[tokio::test]
    async fn who_is_too_far_behind_learns_that_all_may_have_changed() {
        let changes = ChangeFeed::default();
        let (mut quick, mut slow) = (changes.subscribe(), changes.subscribe());
        for number in 0..=MAX_BEHIND {
            changes.publish(|| job(number));
            assert_eq!(quick.next().await, job(number));
        }
        assert_eq!(slow.next().await, Change::All);
        // What came since the oldest change that is kept still comes one by one.
        assert_eq!(slow.try_next(), Some(job(1)));
        assert_eq!(quick.try_next(), None);
    }
}
