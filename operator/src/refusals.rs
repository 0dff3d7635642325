//! Attempts whose Job the API server would not take: kept in memory, so that the next look can say so.
//!
//! Losing it changes nothing but the display: the attempt is tried again, and refused again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use videofactory_crds::StepName;

/// A refusal that was not repeated for so long is forgotten; an attempt is tried every minute at least.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// The last refusal of each step's attempt.
#[derive(Debug, Default)]
pub struct Refusals {
    last: Mutex<HashMap<(String, StepName), Refusal>>,
}

#[derive(Debug)]
struct Refusal {
    attempt: i32,
    words: String,
    at: Instant,
}

impl Refusals {
    /// The API server refused this attempt of `owner`, a `VideoJob`'s UID.
    pub fn refused(&self, owner: &str, step: StepName, attempt: i32, words: String) {
        let mut last = self.last.lock();
        last.retain(|_, refusal| refusal.at.elapsed() < FORGOTTEN_AFTER);
        last.insert((owner.to_owned(), step), Refusal { attempt, words, at: Instant::now() });
    }

    /// It took it.
    pub fn taken(&self, owner: &str, step: StepName) {
        self.last.lock().remove(&(owner.to_owned(), step));
    }

    /// What was refused to this owner, and in which words.
    #[must_use]
    pub fn of(&self, owner: &str) -> BTreeMap<(StepName, i32), String> {
        let last = self.last.lock();
        let mine = last.iter().filter(|((uid, _), _)| uid == owner);
        mine.map(|((_, step), refusal)| ((*step, refusal.attempt), refusal.words.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: StepName = StepName::WriteScript;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_counts_for_its_attempt_until_it_is_taken() {
        let refusals = Refusals::default();
        refusals.refused("vj", SCRIPT, 1, "no".into());
        refusals.refused("other", SCRIPT, 7, "no".into());
        refusals.refused("vj", SCRIPT, 2, "still no".into());
        assert_eq!(refusals.of("vj"), BTreeMap::from([((SCRIPT, 2), "still no".to_owned())]));
        refusals.taken("vj", SCRIPT);
        assert!(refusals.of("vj").is_empty());
        tokio::time::advance(FORGOTTEN_AFTER).await;
        refusals.refused("vj", SCRIPT, 3, "no".into());
        assert!(refusals.of("other").is_empty(), "what nobody tries any more is forgotten");
    }
}
