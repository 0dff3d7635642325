//! Interleavings, chosen at random, of two jobs and the account that they share, with crashes of each side between any
//! two of its steps, holds, pods that die, a failing parallel step and caches that are behind; the deciding functions are
//! the real ones.
//!
//! In every state that comes: nothing is spent under a grant that the account does not list, no window holds more than its
//! limit, no spending is missing from the books; and from the last one on, left in peace, everything that was granted
//! comes back, is booked exactly once, and each job ends or says why it does not.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use kube::ResourceExt;
use proptest::prelude::*;
use serde_json::json;
use videofactory_crds::condition::{Phase, StepState};
use videofactory_crds::provideraccount::{Holder, Operation};
use videofactory_crds::videojob::Demand;
use videofactory_crds::{ProviderAccount, StepName, VideoJob, requests};
use videofactory_pipeline::contract::{ExitCode, Spent};

use super::super::model::{Account, Action, Decision, HiredAccount};
use super::decide;
use super::world::World;
use crate::provideraccount::desk::Look;
use crate::provideraccount::{BEGIN_WITHIN, Decision as Answer, Ended, Word, word};

const STEP: StepName = StepName::GenerateImages;
const LIMIT: u32 = 3;
const PERIOD: i64 = 7_200;
/// Things that go wrong on one path.
const FAULTS: u8 = 4;

/// What a job's controller is about to do.
#[derive(Clone)]
enum Run {
    /// It has decided, by this version of the job: the status is written next.
    Decided(u64, Box<Decision>),
    /// The status is written: the account is asked once more.
    Written(Vec<Action>),
    /// The account was asked: now it acts.
    Confirmed(Vec<Action>),
}

/// What the account's controller is about to do.
#[derive(Clone)]
enum Desk {
    /// It has read the account of this version, and the caches: the holders are read next.
    Read(u64, Box<Look>),
    /// It has decided.
    Decided(u64, Box<Answer>),
}

#[derive(Clone)]
struct Job {
    world: World,
    version: u64,
    /// As the account's cache shows it.
    cached: VideoJob,
    run: Option<Run>,
    /// Units whose spending the status has told.
    told: i64,
}

#[derive(Clone)]
struct State {
    account: ProviderAccount,
    version: u64,
    desk: Option<Desk>,
    jobs: [Job; 2],
    /// When the service counted a unit.
    counted: Vec<i64>,
    booked: i64,
    faults: u8,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    JobLooks(usize),
    JobWrites(usize),
    JobAsksAgain(usize),
    JobActs(usize),
    PodSpends(usize),
    PodEnds(usize),
    CacheCatchesUp(usize),
    AccountReads,
    AccountLooks,
    AccountWrites,
    /// From here on: what may go wrong.
    JobCrashes(usize),
    AccountCrashes,
    PodDies(usize),
    IsHeld(usize),
    ParallelStepFails(usize),
    TimePasses(i64),
}

impl Event {
    fn is_fault(self) -> bool {
        use Event as E;
        matches!(
            self,
            E::JobCrashes(_)
                | E::AccountCrashes
                | E::PodDies(_)
                | E::IsHeld(_)
                | E::ParallelStepFails(_)
                | E::TimePasses(_)
        )
    }
}

impl Job {
    /// Its script is written; its pictures are asked for.
    fn new(name: &str, account: &ProviderAccount) -> Self {
        let mut world = World::new(json!({
            "topic": "x", "retry": {"limit": 0}, "providers": {"images": {"accountRef": {"name": "grok"}}},
        }));
        world.observed.job.metadata.name = Some(name.to_owned());
        world.observed.job.metadata.uid = Some(format!("3f9c2a1e-{name}"));
        let mut job = Self { cached: world.observed.job.clone(), world, version: 0, run: None, told: 0 };
        job.read(account);
        job.world.settle();
        job.world.end(StepName::WriteScript, ExitCode::Done);
        job.world.settle();
        job.cached = job.world.observed.job.clone();
        job
    }

    fn read(&mut self, account: &ProviderAccount) {
        let hired = HiredAccount {
            uid: account.uid().unwrap_or_default(),
            spec: account.spec.clone(),
            status: account.status.clone().unwrap_or_default(),
            credentials: Some("1".to_owned()),
            allowed_host: String::new(),
            obstacle: None,
        };
        self.world.observed.accounts.insert("grok".to_owned(), Account::Hired(Box::new(hired)));
    }

    fn demands(&self) -> &[Demand] {
        let status = self.world.observed.job.status.as_ref().unwrap();
        status.step(STEP).map(|step| step.demands.as_slice()).unwrap_or_default()
    }

    /// The attempt that has a pod.
    fn attempt(&self) -> Option<i32> {
        let alive = self.world.alive(STEP) > 0;
        self.world.begun.iter().rev().find(|(step, _)| alive && *step == STEP).map(|(_, attempt)| *attempt)
    }

    fn has_spent(&self, attempt: i32) -> bool {
        self.world.spent.contains_key(&(STEP, attempt))
    }

    /// What a look would change.
    fn decision(&self) -> Option<Decision> {
        let mut world = self.world.clone();
        world.look_up();
        let decision = decide(&world.observed, world.now);
        let same = world.observed.job.status.as_ref() == Some(&decision.status);
        (!same || !decision.actions.is_empty()).then_some(decision)
    }

    fn is_held(&self) -> bool {
        self.world.observed.job.annotations().contains_key(requests::HOLD)
    }
}

impl State {
    fn new() -> Self {
        let account: ProviderAccount = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
            "metadata": {"name": "grok", "namespace": "films", "uid": "a1", "generation": 1},
            "spec": {"provider": "XAI", "secretRef": {"name": "k"}, "maxConcurrent": 1,
                     "quotas": [{"name": "all", "limit": LIMIT, "period": format!("{PERIOD}s")}]},
            "status": {"observedGeneration": 1},
        }))
        .unwrap();
        #[expect(clippy::large_stack_arrays, reason = "two worlds, made once")]
        let jobs = [Job::new("a", &account), Job::new("b", &account)];
        Self { account, version: 0, desk: None, jobs, counted: Vec::new(), booked: 0, faults: FAULTS }
    }

    fn now(&self) -> jiff::Timestamp {
        self.jobs[0].world.now
    }

    fn lists(&self, id: Option<&str>) -> bool {
        let mut grants = self.account.status.iter().flat_map(|status| &status.grants);
        grants.any(|grant| grant.id.as_deref() == id)
    }

    /// Everything that can come next.
    fn events(&self) -> Vec<Event> {
        use Event as E;
        let mut events = Vec::new();
        for (n, job) in self.jobs.iter().enumerate() {
            match &job.run {
                None => events.push(E::JobLooks(n)),
                Some(Run::Decided(..)) => events.push(E::JobWrites(n)),
                Some(Run::Written(_)) => events.push(E::JobAsksAgain(n)),
                Some(Run::Confirmed(_)) => events.push(E::JobActs(n)),
            }
            if let Some(attempt) = job.attempt() {
                let input = &job.world.inputs[&(STEP, attempt)];
                let may_spend = input.hired.values().any(|hired| hired.allowance.submissions > 0);
                events.push(if may_spend && !job.has_spent(attempt) {
                    E::PodSpends(n)
                } else {
                    E::PodEnds(n)
                });
            }
            if job.cached != job.world.observed.job {
                events.push(E::CacheCatchesUp(n));
            }
        }
        events.push(match &self.desk {
            None => E::AccountReads,
            Some(Desk::Read(..)) => E::AccountLooks,
            Some(Desk::Decided(..)) => E::AccountWrites,
        });
        if self.faults > 0 {
            for (n, job) in self.jobs.iter().enumerate() {
                let more = [
                    (job.run.is_some(), E::JobCrashes(n)),
                    (job.attempt().is_some(), E::PodDies(n)),
                    (!job.is_held(), E::IsHeld(n)),
                    (job.world.alive(StepName::NarrateScenes) > 0, E::ParallelStepFails(n)),
                ];
                events.extend(more.into_iter().filter(|(may, _)| *may).map(|(_, event)| event));
            }
            events.extend(self.desk.is_some().then_some(E::AccountCrashes));
            events.push(E::TimePasses(BEGIN_WITHIN));
        }
        events
    }

    /// The state after an event; none if it changes nothing.
    fn after(&self, event: Event) -> Option<Self> {
        use Event as E;
        let mut next = self.clone();
        next.faults -= u8::from(event.is_fault());
        match event {
            E::JobLooks(n) => {
                let job = &mut next.jobs[n];
                job.read(&self.account);
                job.run = Some(Run::Decided(job.version, Box::new(job.decision()?)));
            }
            E::JobWrites(n) => next.write(n),
            E::JobAsksAgain(n) => next.ask_again(n),
            E::JobActs(n) => {
                if let Some(Run::Confirmed(actions)) = next.jobs[n].run.take() {
                    for action in actions {
                        next.jobs[n].world.act(action);
                    }
                }
            }
            E::PodSpends(n) => next.spend(n),
            E::PodEnds(n) => next.end(n),
            E::CacheCatchesUp(n) => next.jobs[n].cached = self.jobs[n].world.observed.job.clone(),
            E::AccountReads => {
                let cached = [&self.jobs[0].cached, &self.jobs[1].cached];
                next.desk = Some(Desk::Read(self.version, Box::new(Look::begin(&self.account, &cached))));
            }
            E::AccountLooks => {
                let Some(Desk::Read(version, look)) = next.desk.take() else { return None };
                let live = self.jobs.each_ref().map(|job| &job.world.observed.job);
                let answer = look.end(&live, self.now());
                let same = version == self.version && self.account.status.as_ref() == Some(&answer.status);
                next.desk = (!same).then(|| Desk::Decided(version, Box::new(answer)));
            }
            E::AccountWrites => next.account_writes(),
            E::JobCrashes(n) => next.jobs[n].run = None,
            E::AccountCrashes => next.desk = None,
            E::PodDies(n) => next.jobs[n].world.end_silently(STEP, 137, false),
            E::IsHeld(n) => {
                next.jobs[n].world.annotate(requests::HOLD, "x");
                next.jobs[n].version += 1;
            }
            E::ParallelStepFails(n) => {
                next.jobs[n].world.end_silently(StepName::NarrateScenes, 137, true);
            }
            E::TimePasses(seconds) => next.pass(seconds),
        }
        Some(next)
    }

    fn pass(&mut self, seconds: i64) {
        self.jobs.iter_mut().for_each(|job| job.world.pass(seconds));
    }

    /// A write names the version that was read; one that comes too late does nothing, and all is looked at anew.
    fn write(&mut self, n: usize) {
        let job = &mut self.jobs[n];
        let Some(Run::Decided(version, decision)) = job.run.take() else { return };
        if version != job.version {
            return;
        }
        let before = job.demands().to_vec();
        if job.world.observed.job.status.as_ref() != Some(&decision.status) {
            job.world.observed.job.status = Some(decision.status);
            job.version += 1;
        }
        let known = |demand: &Demand| before.iter().any(|known| known.settled.is_some() && known == demand);
        let told = job.demands().iter().filter(|demand| demand.settled.is_some() && !known(demand));
        let told: i64 = told.flat_map(|demand| &demand.spent).map(|spent| spent.submissions).sum();
        job.told += told;
        let starts = |action: &Action| matches!(action, Action::StartStep(order) if order.input.step == STEP);
        let actions = decision.actions;
        job.run =
            Some(if actions.iter().any(starts) { Run::Written(actions) } else { Run::Confirmed(actions) });
    }

    /// The last look before an attempt begins, as `confirm` has it.
    fn ask_again(&mut self, n: usize) {
        let job = &mut self.jobs[n];
        let Some(Run::Written(actions)) = job.run.take() else { return };
        let status = self.account.status.clone().unwrap_or_default();
        let is_open = |demand: &Demand| {
            let holder = Holder {
                uid: job.world.observed.job.uid().unwrap_or_default(),
                step: Some(STEP),
                attempt: demand.attempt,
                ..Holder::default()
            };
            matches!(word("a1", &status, &holder, demand.grant.as_deref()), Word::Open(_))
        };
        let all_open = actions.iter().all(|action| match action {
            Action::StartStep(order) => order.begun_with.iter().all(is_open),
            _ => true,
        });
        job.run = all_open.then_some(Run::Confirmed(actions));
    }

    /// A pod submits all that it was granted, each when it opens.
    fn spend(&mut self, n: usize) {
        let Some(attempt) = self.jobs[n].attempt() else { return };
        let input = self.jobs[n].world.inputs[&(STEP, attempt)].clone();
        let id =
            self.jobs[n].demands().iter().find(|d| d.attempt == Some(attempt)).and_then(|d| d.grant.clone());
        assert!(id.is_some() && self.lists(id.as_deref()), "spends under {id:?}, which is closed");
        let mut told = Vec::new();
        for (account, hired) in &input.hired {
            for opening in &hired.allowance.openings {
                let at = opening.at.max(self.now());
                self.counted.extend(vec![at.as_second(); opening.submissions as usize]);
                told.push(Spent {
                    account: account.clone(),
                    at,
                    submissions: opening.submissions,
                    seconds: 0,
                    cost: "0".parse().unwrap(),
                });
            }
        }
        self.jobs[n].world.spent.insert((STEP, attempt), told);
        let window = |from: i64| self.counted.iter().filter(|at| (from..from + PERIOD).contains(*at)).count();
        let most = self.counted.iter().map(|at| window(*at)).max().unwrap_or_default();
        assert!(most <= LIMIT as usize, "{most} in a window: {:?}", self.counted);
    }

    /// A pod ends; a survey tells what the attempt before it has spent.
    fn end(&mut self, n: usize) {
        let job = &mut self.jobs[n];
        let Some(attempt) = job.attempt() else { return };
        let input = job.world.inputs[&(STEP, attempt)].clone();
        let of = input.accounts_for.unwrap_or(attempt);
        let spent = job.world.spent.get(&(STEP, of)).cloned().unwrap_or_default();
        job.world.end_told(STEP, ExitCode::Done, |outcome| {
            outcome.accounted = input.survey;
            outcome.spent = spent;
        });
    }

    fn account_writes(&mut self) {
        let Some(Desk::Decided(version, answer)) = self.desk.take() else { return };
        if version != self.version {
            return;
        }
        self.booked +=
            answer.booked.requests.get(&(Operation::Draw, Ended::Taken)).copied().unwrap_or_default();
        self.account.status = Some(answer.status);
        self.version += 1;
        let quota = &self.account.status.as_ref().unwrap().quotas[0];
        let known = quota.used.unwrap_or_default() + quota.reserved.unwrap_or_default();
        let from = self.now().as_second() - PERIOD;
        let counted = self.counted.iter().filter(|at| **at > from).count();
        assert!(known >= i64::try_from(counted).unwrap(), "{counted} counted, {known} known");
    }

    /// What two states must have in common to go on in the same ways.
    fn key(&self) -> u128 {
        let mut parts = vec![
            show(&(&self.account.status, self.now(), self.faults, &self.counted, self.booked)),
            match &self.desk {
                None => String::new(),
                Some(Desk::Read(version, look)) => show(&(*version == self.version, look)),
                Some(Desk::Decided(version, answer)) => show(&(*version == self.version, &answer.status)),
            },
        ];
        for job in &self.jobs {
            let observed = &job.world.observed;
            parts.push(show(&(&observed.job.status, &observed.job.metadata.annotations, job.told)));
            parts.push(show(&(&observed.jobs, &observed.pods, &job.world.spent)));
            parts.push(show(&(&job.cached.status, &job.cached.metadata.annotations)));
            parts.push(match &job.run {
                None => String::new(),
                Some(Run::Decided(version, decision)) => show(&(*version == job.version, decision)),
                Some(Run::Written(actions)) => show(&("written", actions)),
                Some(Run::Confirmed(actions)) => show(&("confirmed", actions)),
            });
        }
        let half = |salt: u64| {
            let mut hasher = DefaultHasher::new();
            (salt, &parts).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        half(1) << 64 | half(2)
    }

    /// Whether nothing is held, and each job has its pictures or says why not.
    fn is_at_rest(&self) -> bool {
        let held = self.account.status.iter().flat_map(|status| &status.grants).next().is_some();
        let ends = |job: &Job| {
            let step = job.world.step(STEP).state;
            step == Some(StepState::Succeeded) || job.world.phase() == Phase::Failed
        };
        !held && self.jobs.iter().all(|job| ends(job) && job.demands().iter().all(|d| d.granted.is_some()))
    }
}

fn show(value: &impl Debug) -> String {
    format!("{value:?}")
}

/// Lets both sides go on in peace: nothing goes wrong, holds end, time passes when there is nothing else to do.
fn drain(from: &State, known: &mut HashSet<u128>) {
    let mut state = from.clone();
    state.faults = 0;
    let mut seen = Vec::new();
    for _ in 0..40 {
        'quiet: loop {
            let key = state.key();
            if known.contains(&key) {
                known.extend(seen);
                return;
            }
            assert!(!seen.contains(&key), "it goes round in circles");
            seen.push(key);
            for event in state.events() {
                if let Some(next) = state.after(event).filter(|next| next.key() != key) {
                    // A look that changes nothing is no step.
                    let idle = event == Event::AccountReads
                        && next.after(Event::AccountLooks).is_some_and(|after| after.desk.is_none());
                    if !idle {
                        state = next;
                        continue 'quiet;
                    }
                }
            }
            break;
        }
        if state.is_at_rest() {
            let told: i64 = state.jobs.iter().map(|job| job.told).sum();
            // What is written off under a grant that was closed meanwhile is told, and not booked.
            let counted = i64::try_from(state.counted.len()).unwrap();
            let (booked, spent) = (state.booked, &state.counted);
            assert!(counted <= booked && booked <= told, "{booked} booked of {told} told: {spent:?}");
            known.extend(seen);
            return;
        }
        for job in state.jobs.iter_mut().filter(|job| job.is_held()) {
            job.world.strip(requests::HOLD);
            job.version += 1;
        }
        state.pass(BEGIN_WITHIN.max(PERIOD / 8));
    }
    let jobs = state.jobs.each_ref().map(|job| show(&job.world.observed.job.status));
    panic!("it never comes to rest: {:?} {jobs:#?}", state.account.status);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_interleaving_of_two_jobs_and_their_account_holds_or_spends_what_it_must_not(
        choices in prop::collection::vec(any::<usize>(), 0..90),
    ) {
        let mut state = State::new();
        for choice in choices {
            let (bad, good): (Vec<Event>, Vec<Event>) =
                state.events().into_iter().partition(|event| event.is_fault());
            let events = if choice % 8 == 0 && !bad.is_empty() { bad } else { good };
            if let Some(next) = state.after(events[choice / 8 % events.len()]) {
                state = next;
            }
        }
        drain(&state, &mut HashSet::new());
    }
}
