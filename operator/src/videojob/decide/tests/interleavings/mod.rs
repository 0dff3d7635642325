//! All interleavings of two jobs and the account that they share, until both are served; the deciding functions are the
//! real ones.
//!
//! In every state that comes: nothing is spent under a grant that the account does not list, no window holds more than its
//! limit, no spending is missing from the ledger. As long as nothing more goes wrong, no state comes twice: so both
//! sides end in quiet, whichever is faster; and as time passes from there on, everything that was granted comes back,
//! is recorded exactly once, and each job ends or says why it does not.
//!
//! **The bound.** What may go wrong on one path: each side crashes between any two of its steps, a pod dies, a person holds a
//! job, a step beside fails for good, a Job is refused, five minutes pass at once. Where the jobs take turns, from before they ask, crashes
//! come at will and beside them one of the others; where they are served at once, from when they have asked, one of all.
//! Paths with more are walked at random.
//!
//! **What is left out** is only what nobody could distinguish. What an account sees of a job is its claims, so other
//! changes of a job are none of its cache. A cache catches up when the account looks or when what it would have shown is
//! overwritten, as it is not read between. The account looks at its cache and at the holders in one step, because the cache
//! may be as late as it likes, and nobody else writes the account. Once it has confirmed, a job creates its Job at once,
//! which nobody else sees; where a pod of its own is alive, that may be first.

mod job;
mod model;
mod random;
mod search;

use videofactory_crds::StepName;

use model::Model;
use search::{Bound, Search};

/// The step that is paid for.
const STEP: StepName = StepName::GenerateImages;
const ACCOUNT: &str = "grok";

/// What the account allows.
#[derive(Clone, Copy)]
struct Scenario {
    /// Pictures in a period; each of the jobs wants three.
    limit: usize,
    /// In seconds.
    period: i64,
    /// Grants that are open at once.
    at_once: i64,
    have_asked: bool,
}

/// One job waits until the other's grant is closed, and then for the window.
const ONE_AFTER_THE_OTHER: Scenario = Scenario { limit: 3, period: 7_200, at_once: 1, have_asked: false };
/// Both are granted something at once, and one of them less than it wants.
const BOTH_AT_ONCE: Scenario = Scenario { limit: 5, at_once: 2, have_asked: true, ..ONE_AFTER_THE_OTHER };

#[test]
fn no_interleaving_of_two_jobs_that_take_turns_holds_or_spends_what_it_must_not() {
    let bound = Bound { faults: 1, crashes_at_will: true };
    let states = Search::new(Model::new(ONE_AFTER_THE_OTHER), bound).exhaust();
    assert!(states > 50_000, "{states}: the search is cut short");
}

#[test]
fn no_interleaving_of_two_jobs_that_are_served_at_once_holds_or_spends_what_it_must_not() {
    let bound = Bound { faults: 1, crashes_at_will: false };
    let states = Search::new(Model::new(BOTH_AT_ONCE), bound).exhaust();
    assert!(states > 50_000, "{states}: the search is cut short");
}
