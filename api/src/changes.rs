//! Which jobs change, told to whoever follows them; while nobody does, telling costs nothing.

use tokio::sync::broadcast::{self, Receiver, Sender};
use videofactory_client::JobRef;

/// Changes that a follower may be behind; one that is further behind looks at all jobs again.
const MOST_BEHIND: usize = 1024;

/// What may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This job: it came, went, or says something else.
    Job(JobRef),
    /// Any of them.
    All,
}

/// Where changes are told. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Changes(Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::channel(MOST_BEHIND).0)
    }
}

impl Changes {
    /// Tells those who follow, if there are any. To be called once the store shows the change.
    pub fn tell(&self, change: impl FnOnce() -> Change) {
        if self.are_followed() {
            // The last follower may have gone just now.
            let _ = self.0.send(change());
        }
    }

    /// Whether anybody follows.
    #[must_use]
    pub fn are_followed(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Every change from now on.
    #[must_use]
    pub fn follow(&self) -> Follow {
        Follow(self.0.subscribe())
    }
}

/// Changes as one follower hears of them.
#[derive(Debug)]
pub struct Follow(Receiver<Change>);

impl Follow {
    /// The next change; [`Change::All`] to somebody who was too far behind to hear of each. Never, once nobody is left who
    /// could tell of any.
    pub async fn next(&mut self) -> Change {
        match self.0.recv().await {
            Ok(change) => change,
            Err(broadcast::error::RecvError::Lagged(_)) => Change::All,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    /// The next change that was told already.
    pub fn told(&mut self) -> Option<Change> {
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
        let changes = Changes::default();
        changes.tell(|| panic!("nobody listens"));
        drop(changes.follow());
        changes.tell(|| panic!("nobody listens any more"));
    }

    #[tokio::test]
    async fn who_is_too_far_behind_hears_that_all_may_have_changed() {
        let changes = Changes::default();
        let (mut quick, mut slow) = (changes.follow(), changes.follow());
        for number in 0..=MOST_BEHIND {
            changes.tell(|| job(number));
            assert_eq!(quick.next().await, job(number));
        }
        assert_eq!(slow.next().await, Change::All);
        // What came since the oldest change that is kept is still told one by one.
        assert_eq!(slow.told(), Some(job(1)));
        assert_eq!(quick.told(), None);
    }
}
