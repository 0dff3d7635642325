//! A job of the model: its world, and how far its controller is with its look.

use kube::ResourceExt;
use serde_json::json;
use videofactory_crds::condition::{Phase, StepState};
use videofactory_crds::videojob::Demand;
use videofactory_crds::{ProviderAccount, StepName, requests};
use videofactory_pipeline::SceneSet;
use videofactory_pipeline::contract::{ExitCode, SceneReport, Spent, StepInput};

use super::super::super::super::confirm_grants::is_open;
use super::super::super::super::model::{Account, Action, Decision, ExternalAccount, Refusal};
use super::super::super::decide;
use super::super::super::testing::{Harness, SCENES};
use super::{ACCOUNT, STEP};

/// What a job's controller is about to do.
#[derive(Clone, Debug)]
pub(super) enum Run {
    /// To look.
    Idle,
    /// It has decided: the status is written next, unless the object has changed since.
    Decided { decision: Box<Decision>, outdated: bool },
    /// The status is written: the account is asked once more.
    Written(Vec<Action>),
    /// Now it acts.
    Confirmed(Vec<Action>),
}

#[derive(Clone)]
pub(super) struct Job {
    pub harness: Harness,
    pub run: Run,
    /// Units whose spending the status has reported.
    pub reported: i64,
}

impl Job {
    /// Its script is written; its pictures are to be asked for, or were.
    pub fn new(name: &str, account: &ProviderAccount, has_asked: bool) -> Self {
        let mut harness = Harness::new(json!({
            "topic": "x", "retry": {"limit": 0}, "providers": {"images": {"accountRef": {"name": ACCOUNT}}},
        }));
        harness.observed.job.metadata.name = Some(name.to_owned());
        harness.observed.job.metadata.uid = Some(format!("3f9c2a1e-{name}"));
        read(&mut harness, account);
        harness.converge();
        harness.end(StepName::WriteScript, ExitCode::Done);
        if has_asked {
            harness.converge();
        }
        Self { harness, run: Run::Idle, reported: 0 }.tidied()
    }

    /// Without what only describes the past.
    fn tidied(mut self) -> Self {
        self.harness.forget();
        self
    }

    /// What two jobs must have in common to continue in the same ways.
    pub fn key(&self) -> String {
        format!("{}{:?}{}", self.harness.key(), self.run, self.reported)
    }

    pub fn demands(&self) -> &[Demand] {
        let status = self.harness.observed.job.status.as_ref().unwrap();
        status.step(STEP).map(|step| step.demands.as_slice()).unwrap_or_default()
    }

    /// The attempt that has a pod, and what it was begun with.
    fn attempt(&self) -> Option<&StepInput> {
        let alive = self.harness.alive(STEP) > 0;
        let begun = self.harness.begun.iter().rev().find(|(step, _)| alive && *step == STEP);
        begun.map(|attempt| &self.harness.inputs[attempt])
    }

    pub fn has_pod(&self) -> bool {
        self.attempt().is_some()
    }

    /// Whether its pod has something to submit, and has not done so.
    pub fn may_spend(&self) -> bool {
        self.attempt().is_some_and(|input| {
            let granted = input.accounts.values().any(|external| external.allowance.submissions > 0);
            granted && !self.harness.spent.contains_key(&(STEP, input.attempt))
        })
    }

    /// The id of the grant under which its pod would spend.
    pub fn grant(&self) -> Option<String> {
        let attempt = self.attempt()?.attempt;
        self.demands().iter().find(|demand| demand.attempt == Some(attempt))?.grant.clone()
    }

    /// When the service counted each of its units.
    pub fn counted(&self) -> Vec<i64> {
        let all = self.harness.spent.values().flatten();
        all.flat_map(|spent| vec![spent.at.as_second(); spent.submissions as usize]).collect()
    }

    pub fn is_held(&self) -> bool {
        self.harness.observed.job.annotations().contains_key(requests::HOLD)
    }

    /// Whether it has its pictures or says why not, and owes its account nothing.
    pub fn is_at_rest(&self) -> bool {
        let done = self.harness.step(STEP).state == Some(StepState::Succeeded);
        let ended = done || self.harness.phase() == Phase::Failed;
        ended && self.demands().iter().all(|demand| demand.granted.is_some())
    }

    /// Reads everything and decides; none if there is nothing to do.
    pub fn reconciles(&self, account: &ProviderAccount) -> Option<Self> {
        let mut harness = self.harness.clone();
        read(&mut harness, account);
        harness.look_up();
        let decision = decide(&harness.observed, harness.now);
        let same = harness.observed.job.status.as_ref() == Some(&decision.status);
        let has_something_to_do = !same || !decision.actions.is_empty();
        let run = Run::Decided { decision: Box::new(decision), outdated: false };
        has_something_to_do.then(|| Self { run, ..self.clone() })
    }

    /// A write names the version that was read; one that comes too late does nothing, and all is looked at again.
    pub fn writes(&self) -> Self {
        let mut next = Self { run: Run::Idle, ..self.clone() };
        let Run::Decided { decision, outdated: false } = &self.run else { return next };
        let before = self.demands();
        next.harness.observed.job.status = Some(decision.status.clone());
        let known = |demand: &&Demand| before.iter().any(|known| known.settled.is_some() && known == *demand);
        let reported = next.demands().iter().filter(|demand| demand.settled.is_some() && !known(demand));
        next.reported +=
            reported.flat_map(|demand| &demand.spent).map(|spent| spent.submissions).sum::<i64>();
        let actions = decision.actions.clone();
        next.run = if actions.iter().any(starts) { Run::Written(actions) } else { Run::Confirmed(actions) };
        next.acts_unseen()
    }

    /// The last look before an attempt begins.
    pub fn asks_again(&self, account: &ProviderAccount) -> Self {
        let mut next = Self { run: Run::Idle, ..self.clone() };
        let Run::Written(actions) = &self.run else { return next };
        let all_open = actions.iter().all(|action| match action {
            Action::StartStep(start) => start.begun_with.iter().all(|demand| is_open(account, start, demand)),
            _ => true,
        });
        if all_open {
            next.run = Run::Confirmed(actions.clone());
        }
        next.acts_unseen()
    }

    /// What it does to its own Jobs, nobody but its own pod can distinguish from its having been done earlier.
    fn acts_unseen(self) -> Self {
        if matches!(self.run, Run::Confirmed(_)) && !self.has_pod() { self.acts() } else { self.tidied() }
    }

    pub fn acts(mut self) -> Self {
        if let Run::Confirmed(actions) = std::mem::replace(&mut self.run, Run::Idle) {
            if actions.iter().any(starts) {
                self.harness.observed.refused.clear();
            }
            for action in actions {
                self.harness.act(action);
            }
        }
        self.tidied()
    }

    /// Its pod submits all that it was granted, each when it opens.
    pub fn spends(mut self) -> Self {
        let Some(input) = self.attempt().cloned() else { return self };
        let mut reported = Vec::new();
        for (account, external) in &input.accounts {
            reported.extend(external.allowance.openings.iter().map(|opening| Spent {
                account: account.clone(),
                at: opening.at.max(self.harness.now),
                submissions: opening.submissions,
                seconds: 0,
                cost: "0".parse().unwrap(),
            }));
        }
        self.harness.spent.insert((STEP, input.attempt), reported);
        self
    }

    /// Its pod ends with a picture for each unit; a survey reports what the attempt before it has spent.
    pub fn ends(mut self) -> Self {
        let Some(input) = self.attempt().cloned() else { return self };
        let of = input.accounts_for.unwrap_or(input.attempt);
        let spent = self.harness.spent.get(&(STEP, of)).cloned().unwrap_or_default();
        let made = u32::try_from(self.counted().len()).unwrap();
        let left = SCENES.saturating_sub(made);
        let exit = if left == 0 { ExitCode::Done } else { ExitCode::TryLater };
        self.harness.end_reported(STEP, exit, |outcome| {
            outcome.accounted = input.survey;
            let completed = SceneSet::first(made);
            let report = SceneReport { total: SCENES, completed, left: Some(left), ..SceneReport::default() };
            outcome.scenes = Some(SceneReport { made: u32::from(!spent.is_empty()), ..report });
            outcome.spent = spent;
        });
        self.tidied()
    }

    /// What was refused is kept in memory alone.
    pub fn crashes(mut self) -> Self {
        self.harness.observed.refused.clear();
        Self { run: Run::Idle, ..self }
    }

    pub fn meets_a_refusal(mut self) -> Self {
        let Run::Written(actions) = std::mem::replace(&mut self.run, Run::Idle) else { return self };
        for action in actions {
            match action {
                Action::StartStep(start) if start.input.step == STEP => {
                    let refusal = Refusal { words: "no".to_owned(), unmade: true };
                    self.harness.observed.refused.insert((STEP, start.input.attempt), refusal);
                }
                other => self.harness.act(other),
            }
        }
        self.tidied()
    }

    /// Its pod is killed before it can say anything.
    pub fn pod_dies(mut self) -> Self {
        self.harness.end_silently(STEP, 137, false);
        self
    }

    pub fn narration_fails(mut self) -> Self {
        self.harness.end_silently(StepName::NarrateScenes, 137, true);
        self
    }

    pub fn gets_held(mut self) -> Self {
        self.harness.annotate(requests::HOLD, "x");
        self.outdated()
    }

    pub fn gets_let_go(mut self) -> Self {
        self.harness.strip(requests::HOLD);
        self.outdated()
    }

    fn outdated(mut self) -> Self {
        if let Run::Decided { outdated, .. } = &mut self.run {
            *outdated = true;
        }
        self
    }
}

fn starts(action: &Action) -> bool {
    matches!(action, Action::StartStep(start) if start.input.step == STEP)
}

fn read(harness: &mut Harness, account: &ProviderAccount) {
    let external = ExternalAccount {
        uid: account.uid().unwrap_or_default(),
        spec: account.spec.clone(),
        status: account.status.clone().unwrap_or_default(),
        credentials: Some("1".to_owned()),
        allowed_host: String::new(),
        obstacle: None,
    };
    harness.observed.accounts.insert(ACCOUNT.to_owned(), Account::External(Box::new(external)));
}
