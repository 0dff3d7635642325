//! Attempts whose Job the API server would not take: kept in memory, so that the next look can say so.
//!
//! Losing it changes nothing for good: the attempt is tried again, and refused again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use videofactory_crds::StepName;

use crate::videojob::model::Refusal;

/// A refusal that was not repeated for so long is forgotten; an attempt is tried every minute at least.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);
/// For how long something may come of a creation that was not answered: the API server drops a request after a minute.
const DOUBTED_FOR: Duration = Duration::from_mins(5);

/// The last word on each step's attempt.
#[derive(Debug, Default)]
pub struct Refusals {
    last: Mutex<HashMap<(String, StepName), Tried>>,
}

#[derive(Debug)]
struct Tried {
    attempt: i32,
    refusal: Option<Refusal>,
    at: Instant,
    unanswered: Option<Instant>,
}

impl Refusals {
    /// The API server refused this attempt of `owner`, a `VideoJob`'s UID.
    pub fn refused(&self, owner: &str, step: StepName, attempt: i32, refusal: Refusal) {
        self.tried(owner, step, attempt, |tried| {
            let doubted = tried.unanswered.is_some_and(|at| at.elapsed() < DOUBTED_FOR);
            tried.refusal = Some(Refusal { unmade: refusal.unmade && !doubted, ..refusal });
        });
    }

    /// It was asked for this attempt's Job, and nobody knows whether it has made it.
    pub fn unanswered(&self, owner: &str, step: StepName, attempt: i32) {
        self.tried(owner, step, attempt, |tried| {
            tried.unanswered = Some(Instant::now());
            if let Some(refusal) = &mut tried.refusal {
                refusal.unmade = false;
            }
        });
    }

    fn tried(&self, owner: &str, step: StepName, attempt: i32, note: impl FnOnce(&mut Tried)) {
        let mut last = self.last.lock();
        last.retain(|_, tried| tried.at.elapsed() < FORGOTTEN_AFTER);
        let new = Tried { attempt, refusal: None, at: Instant::now(), unanswered: None };
        let known = last.remove(&(owner.to_owned(), step)).filter(|known| known.attempt == attempt);
        let mut tried = Tried { at: Instant::now(), ..known.unwrap_or(new) };
        note(&mut tried);
        last.insert((owner.to_owned(), step), tried);
    }

    /// It took it.
    pub fn taken(&self, owner: &str, step: StepName) {
        self.last.lock().remove(&(owner.to_owned(), step));
    }

    /// What was refused to this owner.
    #[must_use]
    pub fn of(&self, owner: &str) -> BTreeMap<(StepName, i32), Refusal> {
        let last = self.last.lock();
        let mine = last.iter().filter(|((uid, _), _)| uid == owner);
        mine.filter_map(|((_, step), tried)| Some(((*step, tried.attempt), tried.refusal.clone()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: StepName = StepName::WriteScript;

    fn refusal(words: &str) -> Refusal {
        Refusal { words: words.to_owned(), unmade: true }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_counts_for_its_attempt_until_it_is_taken() {
        let refusals = Refusals::default();
        refusals.refused("vj", SCRIPT, 1, refusal("no"));
        refusals.refused("other", SCRIPT, 7, refusal("no"));
        refusals.refused("vj", SCRIPT, 2, refusal("still no"));
        assert_eq!(refusals.of("vj"), BTreeMap::from([((SCRIPT, 2), refusal("still no"))]));
        refusals.taken("vj", SCRIPT);
        assert!(refusals.of("vj").is_empty());
        tokio::time::advance(FORGOTTEN_AFTER).await;
        refusals.refused("vj", SCRIPT, 3, refusal("no"));
        assert!(refusals.of("other").is_empty(), "what nobody tries any more is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_says_nothing_of_a_creation_that_was_not_answered() {
        let refusals = Refusals::default();
        let unmade = |attempt: i32| refusals.of("vj").get(&(SCRIPT, attempt)).map(|refusal| refusal.unmade);
        refusals.unanswered("vj", SCRIPT, 1);
        assert_eq!(unmade(1), None, "no answer is no refusal");
        refusals.refused("vj", SCRIPT, 1, refusal("no"));
        assert_eq!(unmade(1), Some(false));
        tokio::time::advance(DOUBTED_FOR).await;
        refusals.refused("vj", SCRIPT, 1, refusal("no"));
        assert_eq!(unmade(1), Some(true), "it would have been made by now");
        refusals.unanswered("vj", SCRIPT, 1);
        assert_eq!(unmade(1), Some(false));
        refusals.refused("vj", SCRIPT, 2, refusal("no"));
        assert_eq!(unmade(2), Some(true), "another attempt is another Job");
    }
}
