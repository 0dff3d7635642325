//! A test harness: jobs that ask, pods that submit, and a service that counts by its own clock.

pub mod offline;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use videofactory_crds::provideraccount::{Grant, Holder, Operation, ProviderAccountStatus};
use videofactory_crds::units::Money;
use videofactory_crds::videojob::SpentUnits;
use videofactory_crds::{ProviderAccount, ProviderAccountSpec, StepName};

use super::calendar::{end_of_period, plus};
use super::demand::{Claim, ClaimState, Demand, HolderState, Settlement};
use super::grant::{GrantBatch, grant};
use super::holders::Holders;
use super::last_turns;
use super::ledger::Ledger;
use super::model::{Credentials, Health, Observed};
use super::window::Kind;

/// A moment, in seconds of the test.
pub fn at(second: i64) -> Timestamp {
    plus("2026-01-01T00:00:00Z".parse().unwrap(), second)
}

/// Seconds of the test.
pub fn second(moment: Timestamp) -> i64 {
    moment.duration_since(at(0)).as_secs()
}

/// The one with the fields of the other.
pub fn with(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
    }
    base
}

/// An account's spec: `quotas` and whatever else there is.
pub fn spec(more: Value) -> ProviderAccountSpec {
    serde_json::from_value(with(json!({"provider": "XAI", "secretRef": {"name": "grok"}}), more)).unwrap()
}

/// A demand for so many submissions, waited for since the beginning.
pub fn demand(name: &str, submissions: i64) -> Demand {
    Demand {
        holder: holder(name, 1),
        operation: Some(Operation::Animate),
        model: "m".into(),
        submissions,
        seconds_each: 10,
        price_each: Money::ZERO,
        priority: 0,
        channel: None,
        left: submissions,
        since: at(0),
        created: at(0),
    }
}

pub fn holder(name: &str, attempt: i32) -> Holder {
    Holder {
        uid: format!("uid-{name}"),
        name: Some(name.to_owned()),
        run: Some(1),
        step: Some(StepName::AnimateScenes),
        attempt: Some(attempt),
    }
}

/// One look, written down: what the next one reads.
pub fn reconcile_once(
    spec: &ProviderAccountSpec,
    status: &mut ProviderAccountStatus,
    holder_states: &[(Grant, HolderState)],
    demands: &[Demand],
    now: Timestamp,
) -> GrantBatch {
    let mut ledger = Ledger::read(spec, status, now);
    ledger.close_grants(holder_states, now);
    let batch = grant(&ledger, demands, now);
    ledger.remember(&batch, demands, now);
    ledger.grants.extend(batch.grants.iter().cloned());
    ledger.reserve();
    status.quotas = ledger.quota_status(now);
    status.spend = ledger.spend_status(now);
    status.turns = last_turns::status(&ledger.turns);
    status.grants = ledger.grants;
    batch
}

/// What a service has counted, at its own times.
#[derive(Clone, Debug)]
pub struct Service {
    pub kind: Kind,
    pub period: i64,
    pub limit: i64,
    pub counted: Vec<i64>,
}

impl Service {
    pub fn new(kind: Kind, period: i64, limit: i64) -> Self {
        Self { kind, period, limit, counted: Vec::new() }
    }

    /// Counts a request; more than the limit in a window is what a service refuses.
    pub fn count(&mut self, moment: i64) -> Result<(), String> {
        self.counted.push(moment);
        self.counted.sort_unstable();
        let most = self.most();
        if most > self.limit {
            return Err(format!("{most} in a window of {}: {:?}", self.limit, self.counted));
        }
        Ok(())
    }

    /// The fullest window.
    fn most(&self) -> i64 {
        let count = |from: i64, to: i64| {
            i64::try_from(self.counted.iter().filter(|one| (from..to).contains(*one)).count()).unwrap()
        };
        match &self.kind {
            Kind::Rolling => {
                self.counted.iter().map(|one| count(*one, one + self.period)).max().unwrap_or_default()
            }
            Kind::Fixed(zone) => {
                let mut periods: BTreeMap<Timestamp, i64> = BTreeMap::new();
                for one in &self.counted {
                    *periods.entry(end_of_period(zone, self.period, at(*one))).or_default() += 1;
                }
                periods.values().max().copied().unwrap_or_default()
            }
            Kind::Anchored => {
                let (mut end, mut most) = (i64::MIN, 0);
                for one in &self.counted {
                    if *one >= end {
                        end = one + self.period;
                        most = most.max(count(*one, end));
                    }
                }
                most
            }
        }
    }
}

/// How far a job of the harness is.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// It asks for nothing.
    Idle,
    /// It waits for a grant.
    Asks,
    /// Its pod may submit: the grant, what was spent so far with its times, and submissions made.
    Spends(Box<Grant>, Vec<SpentUnits>, i64),
    /// It reported what it has spent.
    Reported(Vec<SpentUnits>),
    /// It does not exist any more.
    Gone,
}

/// A job of the harness.
#[derive(Clone, Debug)]
pub struct Job {
    pub demand: Demand,
    pub phase: Phase,
}

/// Jobs, an account and its service.
pub struct Harness {
    pub spec: ProviderAccountSpec,
    pub status: ProviderAccountStatus,
    pub service: Service,
    pub jobs: Vec<Job>,
    /// True time, by which the service counts.
    pub now: i64,
    /// Seconds by which our clocks were put back.
    pub behind: i64,
}

impl Harness {
    pub fn new(kind: Kind, period: i64, limit: i64, jobs: usize) -> Self {
        let (window, zone) = match &kind {
            Kind::Rolling => ("Rolling", None),
            Kind::Anchored => ("Anchored", None),
            Kind::Fixed(zone) => ("Fixed", zone.iana_name()),
        };
        let quota = json!({
            "name": "clips", "limit": limit, "period": format!("{period}s"), "window": window, "unit": "Requests",
            "timeZone": zone,
        });
        let jobs = (0..jobs).map(|n| Job { demand: demand(&format!("j{n}"), 1), phase: Phase::Idle });
        Self {
            spec: spec(json!({"quotas": [quota]})),
            status: ProviderAccountStatus::default(),
            service: Service::new(kind, period, limit),
            jobs: jobs.collect(),
            now: 0,
            behind: 0,
        }
    }

    pub fn zone(name: &str) -> Kind {
        Kind::Fixed(TimeZone::get(name).unwrap())
    }

    /// What our clocks show.
    pub fn clock(&self) -> i64 {
        self.now - self.behind
    }

    pub fn holder_state(&self, grant: &Grant) -> HolderState {
        let Some(job) = self.jobs.iter().find(|job| job.demand.holder.uid == grant.holder.uid) else {
            return HolderState::Gone;
        };
        let same = job.demand.holder.attempt == grant.holder.attempt;
        match &job.phase {
            Phase::Gone => HolderState::Gone,
            Phase::Reported(spent) if same => {
                let settlement = Settlement { spent: spent.clone(), ..Settlement::default() };
                HolderState::Settled(Box::new(Claim {
                    demand: job.demand.clone(),
                    state: ClaimState::Settled(settlement),
                }))
            }
            Phase::Asks if same => HolderState::Asks,
            Phase::Spends(..) if same => HolderState::Holds,
            _ => HolderState::Withdrawn,
        }
    }

    /// The account's controller looks, and jobs read what they were granted.
    pub fn reconcile_once(&mut self) -> GrantBatch {
        let asking: Vec<Demand> =
            self.jobs.iter().filter(|job| job.phase == Phase::Asks).map(|job| job.demand.clone()).collect();
        let batch = self.reconcile_as_if(&asking);
        (0..self.jobs.len()).for_each(|job| self.read(job));
        batch
    }

    /// The same with a view of the demands that may be old.
    pub fn reconcile_as_if(&mut self, asking: &[Demand]) -> GrantBatch {
        let holder_states: Vec<(Grant, HolderState)> =
            self.status.grants.iter().map(|grant| (grant.clone(), self.holder_state(grant))).collect();
        let now = at(self.clock());
        let batch = reconcile_once(&self.spec, &mut self.status, &holder_states, asking, now);
        // Through the wire, as it lies in the cluster.
        self.status = serde_json::from_str(&serde_json::to_string(&self.status).unwrap()).unwrap();
        batch
    }

    /// A job looks at the account: it begins with what it was granted, and forgets what was recorded.
    pub fn read(&mut self, job: usize) {
        let job = &mut self.jobs[job];
        let listed = self.status.grants.iter().find(|grant| grant.holder == job.demand.holder);
        match (&job.phase, listed) {
            (Phase::Reported(_), None) => job.phase = Phase::Idle,
            (Phase::Asks, Some(grant)) => job.phase = Phase::Spends(Box::new(grant.clone()), Vec::new(), 0),
            _ => {}
        }
    }

    /// A pod submits, if it may; the answer comes so much later. What the service says to it.
    pub fn submit(&mut self, job: usize, answered_after: i64) -> Result<(), String> {
        let (now, clock) = (self.now, self.clock());
        let Phase::Spends(grant, spent, made) = &mut self.jobs[job].phase else { return Ok(()) };
        let open: i64 = grant
            .openings
            .iter()
            .filter(|o| second(o.at.0) <= clock)
            .map(|opening| opening.submissions)
            .sum();
        if *made >= open {
            return Ok(());
        }
        *made += 1;
        let answered_at = Time(at(clock + answered_after + 1));
        spent.push(SpentUnits { at: answered_at, submissions: 1, seconds: None, cost: None });
        self.service.count(now)
    }

    /// An attempt ends and reports what it has spent; its answers are all there by then.
    pub fn record_spending(&mut self, job: usize) {
        if let Phase::Spends(_, spent, _) = &self.jobs[job].phase {
            let last = spent.iter().map(|spent| second(spent.at.0)).max().unwrap_or(self.clock());
            self.now += (last - 1 - self.clock()).max(0);
            self.jobs[job].phase = Phase::Reported(spent.clone());
        }
    }

    pub fn ask(&mut self, job: usize, submissions: i64) {
        let clock = self.clock();
        let job = &mut self.jobs[job];
        if job.phase == Phase::Idle {
            job.demand.holder.attempt = job.demand.holder.attempt.map(|attempt| attempt + 1);
            job.demand.submissions = submissions;
            job.demand.left = submissions;
            job.demand.since = at(clock);
            job.phase = Phase::Asks;
        }
    }

    /// Takes a demand back; the same write asks again, as a later attempt.
    pub fn withdraw(&mut self, job: usize, again: bool) {
        let job = &mut self.jobs[job];
        if job.phase == Phase::Asks {
            job.demand.holder.attempt = job.demand.holder.attempt.map(|attempt| attempt + 1);
            job.phase = if again { Phase::Asks } else { Phase::Idle };
        }
    }

    /// A job is deleted, whatever it was doing.
    pub fn vanish(&mut self, job: usize) {
        self.jobs[job].phase = Phase::Gone;
    }

    /// Another job takes its place.
    pub fn appear(&mut self, job: usize) {
        if self.jobs[job].phase == Phase::Gone {
            let uid = format!("{}x", self.jobs[job].demand.holder.uid);
            self.jobs[job].demand.holder.uid = uid;
            self.jobs[job].phase = Phase::Idle;
        }
    }
}

/// An account with its Secret, of whose service nothing is known yet.
pub fn observed(account: ProviderAccount, claims: Vec<Claim>) -> Observed {
    Observed {
        account,
        holders: Holders { claims, ..Holders::default() },
        credentials: Credentials::Here,
        duplicate: None,
        health: Health::Unasked,
    }
}
