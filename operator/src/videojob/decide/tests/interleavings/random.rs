//! Paths that are taken at random, with more mishaps than can be searched through.

use std::cell::RefCell;
use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::model::{Event, Model};
use super::search::comes_to_rest;
use super::{BOTH_AT_ONCE, ONE_AFTER_THE_OTHER, Scenario};

/// Things that go wrong on one path.
const FAULTS: usize = 6;

fn walk(scenario: Scenario) {
    let known = RefCell::new((Model::new(scenario), HashSet::new()));
    let choices = prop::collection::vec(any::<usize>(), 0..120);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() });
    let walked = runner.run(&choices, |choices| {
        let (model, peaceful) = &mut *known.borrow_mut();
        let (mut state, mut faults) = (model.start(), 0);
        for choice in choices {
            let goes_wrong = choice % 8 == 0 && faults < FAULTS;
            let events: Vec<Event> = if goes_wrong { model.faults(&state) } else { model.events(&state) };
            let next = model.after(&state, events[choice / 8 % events.len()]);
            if let Some(next) = next.map_err(TestCaseError::fail)? {
                state = next;
                faults += usize::from(goes_wrong);
            }
        }
        comes_to_rest(model, state, peaceful).map_err(TestCaseError::fail)
    });
    walked.unwrap();
}

#[test]
fn no_path_with_many_mishaps_holds_or_spends_what_it_must_not() {
    walk(ONE_AFTER_THE_OTHER);
    walk(BOTH_AT_ONCE);
}
