//! The model: what may come next in a state, and what comes of it. A state is made of numbers, each of a part that is
//! kept once, and a step of a part is computed once for what it reads.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::json;
use videofactory_crds::provideraccount::Operation;
use videofactory_crds::{ProviderAccount, StepName, VideoJob};

use super::job::{Job, Run};
use super::{ACCOUNT, STEP, Scenario};
use crate::metrics::RequestOutcome;
use crate::provideraccount::testing::offline::reconcile;
use crate::provideraccount::{BEGIN_WITHIN, Decision as Answer, claims};

/// A part of a state: its place in its list.
type Id = usize;

/// Values that are equal by their keys are one.
struct Parts<T> {
    all: Vec<Rc<T>>,
    known: HashMap<u128, Id>,
}

impl<T> Parts<T> {
    fn new() -> Self {
        Self { all: Vec::new(), known: HashMap::new() }
    }

    fn of(&self, id: Id) -> Rc<T> {
        Rc::clone(&self.all[id])
    }

    fn id(&mut self, key: &str, value: impl FnOnce() -> T) -> Id {
        let half = |salt: u64| {
            let mut hasher = DefaultHasher::new();
            (salt, key).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        let next = self.all.len();
        let id = *self.known.entry(half(1) << 64 | half(2)).or_insert(next);
        if id == next {
            self.all.push(Rc::new(value()));
        }
        id
    }
}

/// A job, and what of it is asked again and again.
struct JobPart {
    job: Job,
    /// As accounts see it.
    view: Id,
    stage: Stage,
    pod: Pod,
    may_fail: bool,
    is_held: bool,
    /// It keeps a refusal in mind.
    remembers: bool,
    grant: Option<String>,
    counted: Vec<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    Decided,
    Written,
    Confirmed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pod {
    None,
    MaySpend,
    MayEnd,
}

/// Where everything stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    jobs: [Id; 2],
    /// As the account's cache shows them.
    cached: [Id; 2],
    account: Id,
    /// What the account's controller has decided and is about to write.
    pending_decision: Option<Id>,
    recorded: i64,
    /// In seconds.
    now: i64,
}

impl Hash for State {
    /// In one number: with unoptimised code that is much faster than one field after the other.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let [a, b] = self.jobs;
        let [seen_a, seen_b] = self.cached;
        let parts = [
            b,
            seen_a,
            seen_b,
            self.account,
            self.pending_decision.map_or(0, |pending_decision| pending_decision + 1),
        ];
        let mix = |mixed: u64, part: &Id| mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ *part as u64;
        let mixed = parts.iter().fold(a as u64, mix);
        hasher.write_u64(mixed ^ (self.now + self.recorded).unsigned_abs());
    }
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Event {
    JobReconciles(usize),
    /// Whether the account's cache has seen what is overwritten.
    JobWrites(usize, bool),
    JobAsksAgain(usize),
    JobActs(usize),
    PodSpends(usize),
    PodEnds(usize),
    /// At its caches, of which these have caught up, and then at the holders live.
    AccountReconciles([bool; 2]),
    AccountWrites,
    /// From here on: what may go wrong. A side crashes between two of its steps; what it was about to do is forgotten.
    JobCrashes(usize),
    AccountCrashes,
    PodDies(usize),
    /// Whether the account's cache has seen how it was before.
    IsHeld(usize, bool),
    ParallelStepFails(usize),
    /// The API server refuses the Job of an attempt that has just confirmed its grants.
    JobIsRefused(usize),
    TimePasses,
}

impl Event {
    pub fn is_crash(self) -> bool {
        matches!(self, Self::JobCrashes(_) | Self::AccountCrashes)
    }
}

/// Why a step must not come.
pub(super) type Broken = String;

pub(super) struct Model {
    scenario: Scenario,
    jobs: Parts<JobPart>,
    views: Parts<VideoJob>,
    accounts: Parts<ProviderAccount>,
    answers: Parts<Answer>,
    /// The account after each answer.
    answered: HashMap<(Id, Id), Id>,
    job_steps: HashMap<(JobStep, Id, Id, i64), Option<Id>>,
    account_steps: HashMap<Seen, Option<Id>>,
}

/// What an account's look sees: itself, its cache, the live jobs, and the time.
type Seen = (Id, [Id; 2], [Id; 2], i64);

/// What can come of a job alone, or of a job and what its account says.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum JobStep {
    Looks,
    Writes,
    AsksAgain,
    Acts,
    Spends,
    Ends,
    Crashes,
    PodDies,
    IsHeld,
    IsLetGo,
    NarrationFails,
    IsRefused,
}

impl Model {
    pub fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            jobs: Parts::new(),
            views: Parts::new(),
            accounts: Parts::new(),
            answers: Parts::new(),
            answered: HashMap::new(),
            job_steps: HashMap::new(),
            account_steps: HashMap::new(),
        }
    }

    pub fn start(&mut self) -> State {
        let Scenario { limit, period, at_once, have_asked } = self.scenario;
        let account: ProviderAccount = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
            "metadata": {"name": ACCOUNT, "namespace": "films", "uid": "a1", "generation": 1},
            "spec": {"provider": "XAI", "secretRef": {"name": "k"}, "maxConcurrent": at_once,
                     "quotas": [{"name": "all", "limit": limit, "period": format!("{period}s")}]},
            "status": {"observedGeneration": 1},
        }))
        .unwrap();
        let jobs = ["a", "b"].map(|name| Job::new(name, &account, have_asked));
        let now = jobs[0].harness.now.as_second();
        let jobs = jobs.map(|job| self.job(&job));
        let cached = jobs.map(|job| self.jobs.of(job).view);
        let account = self.account(account);
        State { jobs, cached, account, pending_decision: None, recorded: 0, now }
    }

    fn job(&mut self, job: &Job) -> Id {
        let observed = &job.harness.observed.job;
        let view =
            self.views.id(&show(&(&observed.metadata.uid, claims(observed, ACCOUNT))), || observed.clone());
        self.jobs.id(&job.key(), || JobPart {
            view,
            stage: match &job.run {
                Run::Idle => Stage::Idle,
                Run::Decided { .. } => Stage::Decided,
                Run::Written(_) => Stage::Written,
                Run::Confirmed(_) => Stage::Confirmed,
            },
            pod: match (job.has_pod(), job.may_spend()) {
                (false, _) => Pod::None,
                (true, true) => Pod::MaySpend,
                (true, false) => Pod::MayEnd,
            },
            may_fail: job.harness.alive(StepName::NarrateScenes) > 0,
            is_held: job.is_held(),
            remembers: !job.harness.observed.refused.is_empty(),
            grant: job.grant(),
            counted: job.counted(),
            job: job.clone(),
        })
    }

    fn account(&mut self, account: ProviderAccount) -> Id {
        self.accounts.id(&show(&account.status), || account)
    }

    /// Everything that can come next.
    pub fn events(&self, state: &State) -> Vec<Event> {
        use Event as E;
        let mut events = Vec::new();
        let lags = |n: usize| state.cached[n] != self.jobs.all[state.jobs[n]].view;
        for n in 0..2 {
            let job = &self.jobs.all[state.jobs[n]];
            match job.stage {
                Stage::Idle => events.push(E::JobReconciles(n)),
                Stage::Decided => {
                    events.push(E::JobWrites(n, false));
                    events.extend(lags(n).then_some(E::JobWrites(n, true)));
                }
                Stage::Written => events.push(E::JobAsksAgain(n)),
                Stage::Confirmed => events.push(E::JobActs(n)),
            }
            match job.pod {
                Pod::None => {}
                Pod::MaySpend => events.push(E::PodSpends(n)),
                Pod::MayEnd => events.push(E::PodEnds(n)),
            }
        }
        if state.pending_decision.is_some() {
            events.push(E::AccountWrites);
            return events;
        }
        for a in [true, false] {
            for b in [true, false] {
                if (a || lags(0)) && (b || lags(1)) {
                    events.push(E::AccountReconciles([a, b]));
                }
            }
        }
        events
    }

    /// Everything that can go wrong next.
    pub fn faults(&self, state: &State) -> Vec<Event> {
        use Event as E;
        let mut faults = Vec::new();
        for n in 0..2 {
            let job = &self.jobs.all[state.jobs[n]];
            let lags = state.cached[n] != job.view;
            let may = [
                (job.stage != Stage::Idle || job.remembers, E::JobCrashes(n)),
                (job.pod != Pod::None, E::PodDies(n)),
                (!job.is_held, E::IsHeld(n, false)),
                (!job.is_held && lags, E::IsHeld(n, true)),
                (job.may_fail, E::ParallelStepFails(n)),
                (job.stage == Stage::Written, E::JobIsRefused(n)),
            ];
            faults.extend(may.into_iter().filter(|(may, _)| *may).map(|(_, event)| event));
        }
        faults.extend(state.pending_decision.is_some().then_some(E::AccountCrashes));
        faults.push(E::TimePasses);
        faults
    }

    /// The state after an event; none if it changes nothing.
    pub fn after(&mut self, state: &State, event: Event) -> Result<Option<State>, Broken> {
        use Event as E;
        let mut next = *state;
        let (n, step) = match event {
            E::AccountReconciles(caught_up) => return Ok(self.account_reconciles(next, caught_up)),
            E::AccountWrites => return self.account_writes(next).map(Some),
            E::AccountCrashes => {
                next.pending_decision = None;
                return Ok(Some(next));
            }
            E::TimePasses => {
                next.now += BEGIN_WITHIN;
                return Ok(Some(next));
            }
            E::JobReconciles(n) => (n, JobStep::Looks),
            E::JobWrites(n, caught_up) => {
                self.catch_up(&mut next, n, caught_up);
                (n, JobStep::Writes)
            }
            E::JobAsksAgain(n) => (n, JobStep::AsksAgain),
            E::JobActs(n) => (n, JobStep::Acts),
            E::PodSpends(n) => (n, JobStep::Spends),
            E::PodEnds(n) => (n, JobStep::Ends),
            E::JobCrashes(n) => (n, JobStep::Crashes),
            E::PodDies(n) => (n, JobStep::PodDies),
            E::IsHeld(n, caught_up) => {
                self.catch_up(&mut next, n, caught_up);
                (n, JobStep::IsHeld)
            }
            E::ParallelStepFails(n) => (n, JobStep::NarrationFails),
            E::JobIsRefused(n) => (n, JobStep::IsRefused),
        };
        let Some(job) = self.job_step(state, n, step) else { return Ok(None) };
        next.jobs[n] = job;
        if step == JobStep::Spends {
            self.check_spending(state, &next, n)?;
        }
        Ok(Some(next))
    }

    fn catch_up(&self, state: &mut State, n: usize, caught_up: bool) {
        if caught_up {
            state.cached[n] = self.jobs.all[state.jobs[n]].view;
        }
    }

    fn job_step(&mut self, state: &State, n: usize, step: JobStep) -> Option<Id> {
        use JobStep as S;
        let reads = matches!(step, S::Looks | S::AsksAgain).then_some(state.account).unwrap_or_default();
        let key = (step, state.jobs[n], reads, state.now);
        if let Some(known) = self.job_steps.get(&key) {
            return *known;
        }
        let account = self.accounts.of(state.account);
        let mut job = self.jobs.of(state.jobs[n]).job.clone();
        job.harness.now = Timestamp::from_second(state.now).unwrap();
        let next = match step {
            S::Looks => job.reconciles(&account),
            S::Writes => Some(job.writes()),
            S::AsksAgain => Some(job.asks_again(&account)),
            S::Acts => Some(job.acts()),
            S::Spends => Some(job.spends()),
            S::Ends => Some(job.ends()),
            S::Crashes => Some(job.crashes()),
            S::PodDies => Some(job.pod_dies()),
            S::IsHeld => Some(job.gets_held()),
            S::IsLetGo => Some(job.gets_let_go()),
            S::NarrationFails => Some(job.narration_fails()),
            S::IsRefused => Some(job.meets_a_refusal()),
        };
        let next = next.map(|job| self.job(&job));
        self.job_steps.insert(key, next);
        next
    }

    /// The account's look, first at its caches and then at the live holders. Nothing can come between that it would see:
    /// caches may be as late as they like, and nobody else writes the account.
    fn account_reconciles(&mut self, mut state: State, caught_up: [bool; 2]) -> Option<State> {
        for (n, caught_up) in caught_up.into_iter().enumerate() {
            self.catch_up(&mut state, n, caught_up);
        }
        let live = state.jobs.map(|job| self.jobs.all[job].view);
        let key = (state.account, state.cached, live, state.now);
        if !self.account_steps.contains_key(&key) {
            let account = self.accounts.of(state.account);
            let (cached, live) =
                (state.cached.map(|job| self.views.of(job)), live.map(|job| self.views.of(job)));
            let now = Timestamp::from_second(state.now).unwrap();
            let answer = reconcile(&account, &[&cached[0], &cached[1]], &[&live[0], &live[1]], now);
            let same = account.status.as_ref() == Some(&answer.status);
            let reported = (&answer.status, &answer.closed_grants);
            let answer = (!same).then(|| self.answers.id(&show(&reported), || answer.clone()));
            self.account_steps.insert(key, answer);
        }
        state.pending_decision = self.account_steps[&key];
        state.pending_decision.is_some().then_some(state)
    }

    fn account_writes(&mut self, mut state: State) -> Result<State, Broken> {
        let Some(answer) = state.pending_decision.take() else { return Ok(state) };
        let (before, reported) = (state.account, self.answers.of(answer));
        let ended = reported
            .closed_grants
            .requests
            .get(&(Operation::Draw, RequestOutcome::Taken))
            .copied()
            .unwrap_or_default();
        state.recorded += ended;
        state.account = if let Some(known) = self.answered.get(&(before, answer)) {
            *known
        } else {
            let account = self.accounts.of(before);
            let account = ProviderAccount { status: Some(reported.status.clone()), ..(*account).clone() };
            let account = self.account(account);
            self.answered.insert((before, answer), account);
            account
        };
        let quota = &reported.status.quotas[0];
        let known = quota.used.unwrap_or_default() + quota.reserved.unwrap_or_default();
        let from = state.now - self.scenario.period;
        let counted = self.counted(&state).into_iter().filter(|at| *at > from).count();
        if known < i64::try_from(counted).unwrap() {
            return Err(format!("the service counts {counted}, and the ledger knows of {known}"));
        }
        Ok(state)
    }

    /// When the service counted each unit.
    fn counted(&self, state: &State) -> Vec<i64> {
        state.jobs.iter().flat_map(|job| self.jobs.all[*job].counted.iter().copied()).collect()
    }

    /// Nothing is spent under a grant that is closed, and no window holds more than its limit.
    fn check_spending(&self, before: &State, after: &State, n: usize) -> Result<(), Broken> {
        let id = self.jobs.all[before.jobs[n]].grant.as_deref();
        let account = &self.accounts.all[before.account];
        let mut grants = account.status.iter().flat_map(|status| &status.grants);
        if id.is_none() || !grants.any(|grant| grant.id.as_deref() == id) {
            return Err(format!("{n} spends under {id:?}, which is closed"));
        }
        let counted = self.counted(after);
        let window = |from: i64| from..from + self.scenario.period;
        let most = counted.iter().map(|from| counted.iter().filter(|at| window(*from).contains(at)).count());
        let most = most.max().unwrap_or_default();
        if most > self.scenario.limit {
            return Err(format!("{most} in a window: {counted:?}"));
        }
        Ok(())
    }

    /// Whether nothing is held, and each job has its pictures or says why not.
    pub fn is_at_rest(&self, state: &State) -> bool {
        let account = &self.accounts.all[state.account];
        let held = account.status.iter().flat_map(|status| &status.grants).next().is_some();
        !held && state.jobs.iter().all(|job| self.jobs.all[*job].job.is_at_rest())
    }

    /// Whether everything that the service has counted is recorded, and was reported. What is written off under a grant
    /// that was closed meanwhile is reported, and not recorded.
    pub fn check_ledger(&self, state: &State) -> Result<(), Broken> {
        let reported: i64 = state.jobs.iter().map(|job| self.jobs.all[*job].job.reported).sum();
        let counted = i64::try_from(self.counted(state).len()).unwrap();
        let State { recorded, .. } = *state;
        if counted <= recorded && recorded <= reported {
            return Ok(());
        }
        Err(format!("{counted} counted, {recorded} recorded, {reported} reported"))
    }

    /// Holds end, and time passes.
    pub fn later(&mut self, mut state: State, seconds: i64) -> State {
        for n in 0..2 {
            if self.jobs.all[state.jobs[n]].is_held
                && let Some(job) = self.job_step(&state, n, JobStep::IsLetGo)
            {
                state.jobs[n] = job;
            }
        }
        state.now += seconds;
        state
    }

    /// For people: where everything stands.
    pub fn describe(&self, state: &State) -> String {
        let jobs = state.jobs.map(|job| self.jobs.all[job].job.harness.step(STEP).clone());
        format!("{:#?}\n{jobs:#?}\n{state:?}", self.accounts.all[state.account].status)
    }

    pub fn period(&self) -> i64 {
        self.scenario.period
    }
}

fn show(value: &impl Debug) -> String {
    format!("{value:?}")
}
