//! Jobs that the API server refused to create: kept in memory, so that the next reconcile can report it.
//!
//! Losing it changes nothing for good: the attempt is tried again, and refused again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use videofactory_crds::StepName;

use crate::caches::OwnerKey;
use crate::videojob::model::Refusal;

/// A refusal that was not repeated for so long is forgotten; an attempt is tried every minute at least.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);
/// For how long something may come of a creation that was not answered: the API server drops a request after a minute.
const DOUBTED_FOR: Duration = Duration::from_mins(5);

/// The latest failure of each step's attempt.
#[derive(Debug, Default)]
pub struct CreateFailures {
    last: Mutex<HashMap<(OwnerKey, StepName), CreateAttempt>>,
    /// Since when this process leads: what another asked for before may not be answered yet.
    leads_since: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct CreateAttempt {
    attempt: i32,
    refusal: Option<Refusal>,
    at: Instant,
    unanswered: Option<Instant>,
}

impl CreateFailures {
    /// This process leads from now on.
    pub fn began_leading(&self) {
        *self.leads_since.lock() = Some(Instant::now());
    }

    /// The API server refused this attempt of `owner`.
    pub fn refused(&self, owner: &OwnerKey, step: StepName, attempt: i32, refusal: Refusal) {
        let leads_since = *self.leads_since.lock();
        self.tried(owner, step, attempt, |tried| {
            let doubted =
                [tried.unanswered, leads_since].into_iter().flatten().any(|at| at.elapsed() < DOUBTED_FOR);
            tried.refusal = Some(Refusal { unmade: refusal.unmade && !doubted, ..refusal });
        });
    }

    /// It is asked for this attempt's Job: until [`Self::answered`], nobody knows whether it has made it. Gives what was
    /// unanswered before.
    pub fn asked(&self, owner: &OwnerKey, step: StepName, attempt: i32) -> Option<Instant> {
        let mut before = None;
        self.tried(owner, step, attempt, |tried| {
            before = tried.unanswered.replace(Instant::now());
            if let Some(refusal) = &mut tried.refusal {
                refusal.unmade = false;
            }
        });
        before
    }

    /// It has answered what was asked last; `before` is what [`Self::asked`] gave.
    pub fn answered(&self, owner: &OwnerKey, step: StepName, attempt: i32, before: Option<Instant>) {
        self.tried(owner, step, attempt, |tried| tried.unanswered = before);
    }

    fn tried(&self, owner: &OwnerKey, step: StepName, attempt: i32, note: impl FnOnce(&mut CreateAttempt)) {
        let mut last = self.last.lock();
        last.retain(|_, tried| tried.at.elapsed() < FORGOTTEN_AFTER);
        let new = CreateAttempt { attempt, refusal: None, at: Instant::now(), unanswered: None };
        let known = last.remove(&(owner.clone(), step)).filter(|known| known.attempt == attempt);
        let mut tried = CreateAttempt { at: Instant::now(), ..known.unwrap_or(new) };
        note(&mut tried);
        last.insert((owner.clone(), step), tried);
    }

    /// It took it.
    pub fn taken(&self, owner: &OwnerKey, step: StepName) {
        self.last.lock().remove(&(owner.clone(), step));
    }

    /// What was refused to this owner.
    #[must_use]
    pub fn of(&self, owner: &OwnerKey) -> BTreeMap<(StepName, i32), Refusal> {
        let last = self.last.lock();
        let mine = last.iter().filter(|((of, _), _)| of == owner);
        mine.filter_map(|((_, step), tried)| Some(((*step, tried.attempt), tried.refusal.clone()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: StepName = StepName::WriteScript;

    fn owner(uid: &str) -> OwnerKey {
        OwnerKey::new("films", uid)
    }

    fn refusal(words: &str) -> Refusal {
        Refusal { words: words.to_owned(), unmade: true }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_counts_for_its_attempt_until_it_is_taken() {
        let create_failures = CreateFailures::default();
        create_failures.refused(&owner("vj"), SCRIPT, 1, refusal("no"));
        create_failures.refused(&owner("other"), SCRIPT, 7, refusal("no"));
        create_failures.refused(&owner("vj"), SCRIPT, 2, refusal("still no"));
        assert_eq!(create_failures.of(&owner("vj")), BTreeMap::from([((SCRIPT, 2), refusal("still no"))]));
        create_failures.taken(&owner("vj"), SCRIPT);
        assert!(create_failures.of(&owner("vj")).is_empty());
        tokio::time::advance(FORGOTTEN_AFTER).await;
        create_failures.refused(&owner("vj"), SCRIPT, 3, refusal("no"));
        assert!(create_failures.of(&owner("other")).is_empty(), "what nobody tries any more is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_says_nothing_of_a_creation_that_was_not_answered() {
        let create_failures = CreateFailures::default();
        let unmade = |attempt: i32| {
            create_failures.of(&owner("vj")).get(&(SCRIPT, attempt)).map(|refusal| refusal.unmade)
        };
        create_failures.asked(&owner("vj"), SCRIPT, 1);
        assert_eq!(unmade(1), None, "no answer is no refusal");
        create_failures.refused(&owner("vj"), SCRIPT, 1, refusal("no"));
        assert_eq!(unmade(1), Some(false));
        tokio::time::advance(DOUBTED_FOR).await;
        create_failures.refused(&owner("vj"), SCRIPT, 1, refusal("no"));
        assert_eq!(unmade(1), Some(true), "it would have been made by now");
        create_failures.asked(&owner("vj"), SCRIPT, 1);
        assert_eq!(unmade(1), Some(false));
        create_failures.refused(&owner("vj"), SCRIPT, 2, refusal("no"));
        assert_eq!(unmade(2), Some(true), "another attempt is another Job");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_counts_once_its_own_request_and_those_of_leaders_before_are_over() {
        let create_failures = CreateFailures::default();
        let unmade = || create_failures.of(&owner("vj")).get(&(SCRIPT, 1)).map(|refusal| refusal.unmade);
        let ask = || {
            let before = create_failures.asked(&owner("vj"), SCRIPT, 1);
            create_failures.answered(&owner("vj"), SCRIPT, 1, before);
            create_failures.refused(&owner("vj"), SCRIPT, 1, refusal("no"));
        };
        ask();
        assert_eq!(unmade(), Some(true));
        create_failures.asked(&owner("vj"), SCRIPT, 1);
        ask();
        assert_eq!(unmade(), Some(false), "a request of before was dropped without an answer");
        tokio::time::advance(DOUBTED_FOR).await;
        create_failures.began_leading();
        ask();
        assert_eq!(unmade(), Some(false), "the leader before may have asked");
        tokio::time::advance(DOUBTED_FOR).await;
        ask();
        assert_eq!(unmade(), Some(true));
    }
}
