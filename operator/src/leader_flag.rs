//! Whether this replica leads, where the one that leads answers, and whether the API server still answers this one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// After so long without an answer of the API server a replica that stands by is not ready: what it knows is old, and it may
/// be the only one without a way there. One call that is lost takes less.
const OUT_OF_TOUCH: Duration = Duration::from_secs(15);

/// Whether this replica leads, the address of the replica that does, and whether the API server answers this one.
#[derive(Clone, Debug, Default)]
pub struct LeaderFlag(Arc<LeaderState>);

#[derive(Debug, Default)]
struct LeaderState {
    leading: AtomicBool,
    leader_address: Mutex<Option<SocketAddr>>,
    /// When the API server was last heard by this replica as it stood by.
    heard: Mutex<Option<Instant>>,
}

impl LeaderFlag {
    /// From now on this replica leads.
    pub fn set_leading(&self) {
        self.0.leading.store(true, Ordering::Release);
        self.set_leader_address(None);
    }

    /// From now on this replica does not lead, and is about to end.
    pub fn set_standby(&self) {
        self.0.leading.store(false, Ordering::Release);
    }

    #[must_use]
    pub fn is_leading(&self) -> bool {
        self.0.leading.load(Ordering::Acquire)
    }

    /// The API server has answered this replica while it stands by.
    pub fn record_contact(&self) {
        *self.0.heard.lock() = Some(Instant::now());
    }

    /// Whether the API server still answers this replica, as far as anybody asks: who leads without an answer ends.
    #[must_use]
    pub fn is_in_touch(&self) -> bool {
        let heard = *self.0.heard.lock();
        self.is_leading() || heard.is_none_or(|at| at.elapsed() < OUT_OF_TOUCH)
    }

    /// Where the replica that leads answers HTTP; `None`: not known, or this one leads.
    pub fn set_leader_address(&self, address: Option<SocketAddr>) {
        *self.0.leader_address.lock() = address;
    }

    /// Where the replica that leads answers HTTP; `None`: not known, or this one leads.
    #[must_use]
    pub fn leader_address(&self) -> Option<SocketAddr> {
        *self.0.leader_address.lock()
    }
}

#[cfg(test)]
mod tests {
    use videofactory_client::call::CALL_TIMEOUT;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_stands_by_is_out_of_touch_some_time_after_the_last_answer_and_who_leads_never_is() {
        let leader_flag = LeaderFlag::default();
        assert!(leader_flag.is_in_touch(), "nobody has asked yet");
        leader_flag.record_contact();
        tokio::time::advance(CALL_TIMEOUT + Duration::from_secs(1)).await;
        assert!(leader_flag.is_in_touch(), "one call was lost");
        tokio::time::advance(OUT_OF_TOUCH).await;
        assert!(!leader_flag.is_in_touch());
        leader_flag.record_contact();
        assert!(leader_flag.is_in_touch());
        tokio::time::advance(OUT_OF_TOUCH).await;
        leader_flag.set_leading();
        assert!(leader_flag.is_in_touch());
    }
}
