//! The search that visits every state once, and what must hold in each.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::model::{Broken, Event, Model, State};
use crate::provideraccount::BEGIN_WITHIN;

/// How much may go wrong on one path.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub faults: usize,
    /// Crashes are no faults, and there may be any number of them.
    pub crashes_at_will: bool,
}

pub(super) struct Search {
    model: Model,
    bound: Bound,
    /// The states that were met; whether the path on which one was met is still being followed.
    met: HashMap<State, bool>,
    /// Quiet states from which all is known to come to rest.
    peaceful: HashSet<State>,
    /// What is still to be followed with as many faults as now.
    begins: Vec<(State, Path)>,
    /// What is to be followed with one more.
    later: Vec<(State, Path)>,
}

/// The events that have led to a state, the last one first.
type Path = Option<Rc<Step>>;

struct Step {
    event: Event,
    before: Path,
}

/// A state on the path that is being followed.
struct Place {
    state: State,
    path: Path,
    /// What may come and was not tried yet.
    events: Vec<Event>,
    continues: bool,
}

impl Search {
    pub fn new(model: Model, bound: Bound) -> Self {
        let (met, peaceful) = (HashMap::new(), HashSet::new());
        Self { model, bound, met, peaceful, begins: Vec::new(), later: Vec::new() }
    }

    /// Visits all that may come within the bound; how many states that are. Faults are spent as late as can be: so a state
    /// that is met again, after as many faults or more, has nothing new behind it.
    pub fn exhaust(mut self) -> usize {
        self.begins = vec![(self.model.start(), None)];
        for faults in 0..=self.bound.faults {
            while let Some((state, path)) = self.begins.pop() {
                self.follow(state, path, faults < self.bound.faults);
            }
            self.begins = std::mem::take(&mut self.later);
        }
        self.met.len()
    }

    /// Visits all that comes of a state when nothing goes wrong. None of that leads back to where it was: so whatever comes
    /// in whatever order, in the end all is quiet.
    fn follow(&mut self, state: State, path: Path, may_fail: bool) {
        let mut places = Vec::new();
        if !self.met.contains_key(&state) {
            places.push(self.meet(state, path, may_fail));
        }
        while let Some(place) = places.last_mut() {
            let Some(event) = place.events.pop() else {
                self.met.insert(place.state, false);
                if !place.continues
                    && let Err(broken) = self.comes_to_rest(place.state)
                {
                    self.fail(place, &broken);
                }
                places.pop();
                continue;
            };
            let next = match self.model.after(&place.state, event) {
                Ok(Some(next)) => next,
                Ok(None) => continue,
                Err(broken) => self.fail(place, &format!("{event:?}: {broken}")),
            };
            place.continues = true;
            match self.met.get(&next) {
                None => {
                    let path = Some(after(&place.path, event));
                    places.push(self.meet(next, path, may_fail));
                }
                Some(true) => self.fail(place, &format!("{event:?}: it goes round in circles")),
                Some(false) => {}
            }
        }
    }

    /// A state that is met for the first time. What may go wrong in it is followed later.
    fn meet(&mut self, state: State, path: Path, may_fail: bool) -> Place {
        self.met.insert(state, true);
        for fault in self.model.faults(&state) {
            let is_free = self.bound.crashes_at_will && fault.is_crash();
            if !is_free && !may_fail {
                continue;
            }
            let next = match self.model.after(&state, fault) {
                Ok(next) => next,
                Err(broken) => {
                    let place = Place { state, path, events: Vec::new(), continues: false };
                    self.fail(&place, &format!("{fault:?}: {broken}"));
                }
            };
            if let Some(next) = next.filter(|next| !self.met.contains_key(next)) {
                let begins = if is_free { &mut self.begins } else { &mut self.later };
                begins.push((next, Some(after(&path, fault))));
            }
        }
        Place { events: self.model.events(&state), state, path, continues: false }
    }

    /// Lets time pass from a state that is quiet, and nothing goes wrong.
    fn comes_to_rest(&mut self, state: State) -> Result<(), Broken> {
        comes_to_rest(&mut self.model, state, &mut self.peaceful)
    }

    fn fail(&self, place: &Place, broken: &str) -> ! {
        let mut events = Vec::new();
        let mut step = &place.path;
        while let Some(last) = step {
            events.push(last.event);
            step = &last.before;
        }
        events.reverse();
        panic!("{broken}\nafter {events:?}\n{}", self.model.describe(&place.state));
    }
}

fn after(path: &Path, event: Event) -> Rc<Step> {
    Rc::new(Step { event, before: path.clone() })
}

/// Left in peace, everything that was granted comes back and is recorded exactly once, and each job ends or says why it does
/// not: first both sides do what there is to do, then holds end and time passes, and so on.
pub(super) fn comes_to_rest(
    model: &mut Model,
    mut state: State,
    peaceful: &mut HashSet<State>,
) -> Result<(), Broken> {
    let mut seen = Vec::new();
    for wait in [BEGIN_WITHIN, model.period()].repeat(4) {
        state = until_quiet(model, state)?;
        let is_at_rest = model.is_at_rest(&state);
        if is_at_rest {
            model.check_ledger(&state)?;
        }
        if is_at_rest || peaceful.contains(&state) {
            peaceful.extend(seen);
            return Ok(());
        }
        seen.push(state);
        state = model.later(state, wait);
    }
    Err(format!("it never comes to rest, and is in the end {}", model.describe(&state)))
}

/// The first event that there is, and so on until there is none.
fn until_quiet(model: &mut Model, mut state: State) -> Result<State, Broken> {
    let mut seen = HashSet::new();
    'next: while seen.insert(state) {
        for event in model.events(&state) {
            if let Some(next) = model.after(&state, event)? {
                state = next;
                continue 'next;
            }
        }
        return Ok(state);
    }
    Err(format!("it goes round in circles at {}", model.describe(&state)))
}
