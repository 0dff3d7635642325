//! How long to wait before a failed reconcile is repeated.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_mins(1);
/// Failures further apart than this are not in a row.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);

/// How long to wait after failures, by the object's UID: half a second, doubled each time, at most a minute.
#[derive(Debug, Default)]
pub struct BackOff {
    failures: Mutex<HashMap<String, (u32, Instant)>>,
}

impl BackOff {
    /// One more failure; how long to wait after it.
    pub fn failed(&self, uid: &str) -> Duration {
        let mut failures = self.failures.lock();
        failures.retain(|_, (_, at)| at.elapsed() < FORGOTTEN_AFTER);
        let (count, at) = failures.entry(uid.to_owned()).or_insert((0, Instant::now()));
        let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(*count)).min(MAX_WAIT);
        *count = count.saturating_add(1);
        *at = Instant::now();
        wait
    }

    /// It went well.
    pub fn succeeded(&self, uid: &str) {
        self.failures.lock().remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_to_a_minute_and_start_again_after_success() {
        let back_off = BackOff::default();
        let waits: Vec<u64> = (0..9).map(|_| back_off.failed("a").as_secs()).collect();
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(back_off.failed("b"), FIRST_WAIT, "another object waits for itself alone");
        back_off.succeeded("a");
        assert_eq!(back_off.failed("a"), FIRST_WAIT);
    }
}
