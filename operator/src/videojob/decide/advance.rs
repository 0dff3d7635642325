//! Walks the graph: what is done stays, what is stale and can begin begins, what is at work on the
//! wrong inputs is stopped. Ends in how the whole job stands.

use std::collections::BTreeMap;

use videofactory_crds::condition::{Reason, StepState};
use videofactory_crds::videojob::StepStatus;
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::{Brand, GivenScenes};
use videofactory_pipeline::graph::{self, STEPS};
use videofactory_pipeline::inputs::{self, FilmInputs};
use videofactory_pipeline::storyboard::Takes;
use videofactory_pipeline::{Digest, Settings};

use super::super::attempts::{Attempt, Standing};
use super::super::model::{Action, Storage};
use super::super::verdict::Verdict;
use super::accounts::{has_new_credentials, hired_accounts, is_barred};
use super::again::{Again, again};
use super::draft::{BUCKET_PATIENCE, Draft};
use super::engagement::Engagement;
use super::hire;
use super::lost::Needed;
use super::messages::{finished_message, hindered, review_message};
use super::retry::waiting;
use super::step::{Start, Transitions, result_of};
use super::survey::is_survey;
use super::{Results, budget, demands, leftovers, lost, obstacles, order, progress, room};
use crate::config::SUSPENDED_SIDE_EFFECTS;

/// Seconds within which an account says what becomes of a grant that it was about to close; its word wakes us as a rule.
const WORD_WITHIN: i64 = 2;

/// Makes every step that is stale and can begin begin, and tells how the job stands.
pub(super) fn advance(draft: &mut Draft<'_>, settings: &Settings, standing: &Standing) -> Verdict {
    let given = order::given_scenes(draft);
    let takes = order::takes(draft);
    let brand = order::brand(draft);
    let mut walk = Walk {
        settings,
        given: &given,
        takes: &takes,
        brand: &brand,
        standing,
        held: draft.held(),
        results: Results::new(),
        asks: Vec::new(),
        verdicts: Vec::new(),
        gate: None,
        rejected: None,
    };
    for entry in STEPS {
        walk.step(draft, entry.name);
    }
    walk.ask(draft);
    progress::count(draft);
    budget::estimate(draft, settings);
    let mut verdict = walk.verdict(draft);
    obstacles::warn(draft, settings, &mut verdict);
    verdict
}

/// One walk over the graph.
pub(super) struct Walk<'a> {
    pub(super) settings: &'a Settings,
    pub(super) given: &'a GivenScenes,
    pub(super) takes: &'a BTreeMap<String, Takes>,
    pub(super) brand: &'a Brand,
    standing: &'a Standing,
    held: Option<(Reason, String)>,
    /// Steps that are done with the inputs they would have now.
    pub(super) results: Results,
    /// Steps that may begin as soon as their accounts grant them something.
    asks: Vec<(StepName, Digest)>,
    /// How each step that is not done stands.
    verdicts: Vec<Verdict>,
    /// A result that nobody has approved yet: nothing that reads it begins.
    gate: Option<StepName>,
    /// A result that a person refused: nothing that reads it goes on.
    rejected: Option<StepName>,
}

impl Walk<'_> {
    fn step(&mut self, draft: &mut Draft<'_>, name: StepName) {
        let wanted = self.wanted(draft, name);
        if name == StepName::PublishVideo && self.settings.publish.targets.is_empty() {
            if let Some(attempt) = self.standing.get(&name) {
                draft.stop([name], Reason::Progressing);
                self.verdicts.push(leftovers::stopping(draft, name, attempt));
                return;
            }
            draft.step_mut(name).skip();
            return;
        }
        let step = draft.step_mut(name);
        if let Some(attempt) = self.standing.get(&name) {
            self.at_work(draft, name, wanted.as_ref(), attempt);
            return;
        }
        if let Some(done) = result_of(step)
            && wanted.as_ref() == Some(&done.input)
        {
            step.stay_done();
            self.results.insert(name, done);
            self.look(draft, name);
            return;
        }
        match wanted {
            // A wait goes on while what is before it is made again.
            None if step.retry_at.is_some() || step.state == Some(StepState::Failed) => {
                demands::withdraw(step);
            }
            None => {
                demands::withdraw(step);
                step.unsettle();
            }
            Some(input) => self.begin(draft, name, &input),
        }
    }

    /// The inputs that the step would have now; none while something before it is not done.
    fn wanted(&self, draft: &Draft<'_>, name: StepName) -> Option<Digest> {
        let ready = graph::step(name).needs.iter().all(|need| self.results.contains_key(need));
        ready.then(|| {
            let film = self.film(draft);
            inputs::step_digest(name, &film, &self.results)
        })
    }

    fn film<'b>(&'b self, draft: &'b Draft<'_>) -> FilmInputs<'b> {
        FilmInputs {
            run: draft.status.run.unwrap_or(1),
            topic: draft.observed.job.spec.topic.as_deref().unwrap_or_default(),
            given: self.given,
            takes: self.takes,
            settings: self.settings,
            brand: self.brand,
        }
    }

    /// An attempt that has not ended.
    fn at_work(&mut self, draft: &mut Draft<'_>, name: StepName, wanted: Option<&Digest>, attempt: &Attempt) {
        let edited = draft.status.observed_generation != draft.observed.job.metadata.generation;
        let barred = is_barred(draft, self.settings, name);
        let step = draft.step_mut(name);
        // While something before it is made again it may still turn out to be wanted, but for a
        // publication, which cannot be taken back, and for what belongs to an earlier run.
        let stale = match wanted {
            Some(wanted) => Some(wanted.as_str()) != step.input_digest.as_deref(),
            None => name == StepName::PublishVideo || step.input_digest.is_none(),
        };
        // A pod that cannot start gives way when the job is edited or a retry is asked for: what kept it may be mended.
        let stopping = step.reason == Some(Reason::Progressing);
        let gives_way = matches!(attempt, Attempt::Alive(Some(_))) && (edited || stopping);
        let rejected = self.rejected.is_some_and(|gate| graph::downstream(gate).contains(&name));
        let end_it = match &self.held {
            Some((reason, _)) => Some(*reason),
            None if rejected => Some(Reason::Rejected),
            None if barred => Some(Reason::SideEffectsSuspended),
            None => (stale || gives_way).then_some(Reason::Progressing),
        };
        let number = step.attempt.unwrap_or_default();
        match (end_it, attempt) {
            (Some(_), Attempt::Absent) => {
                draft.step_mut(name).pending();
                if let Some(input) = wanted {
                    self.begin(draft, name, input);
                }
            }
            (Some(reason), _) => {
                draft.stop([name], reason);
                self.verdicts.push(leftovers::stopping(draft, name, attempt));
            }
            (None, Attempt::Absent) => {
                let Some(input) = wanted else {
                    draft.step_mut(name).pending();
                    return;
                };
                if let Some(verdict) = self.obstacle(draft, name) {
                    draft.step_mut(name).pending();
                    self.verdicts.push(verdict);
                } else if let Some(verdict) = leftovers::occupied(draft, name) {
                    self.verdicts.push(verdict);
                } else {
                    self.again(draft, name, input, number);
                }
            }
            (None, Attempt::Unknown(why)) => {
                draft.wake_in(BUCKET_PATIENCE);
                self.verdicts.push(Verdict::Waiting {
                    reason: Reason::StorageUnavailable,
                    message: format!("{name}: {why}"),
                    step: Some(name),
                    at: None,
                });
            }
            (None, Attempt::Alive(hindrance)) => {
                leftovers::wake_when_late(draft, name);
                self.verdicts.push(hindered(&draft.observed.job, name, number, hindrance.as_ref()));
                progress::tell(draft, name);
            }
            (None, _) => self.verdicts.push(hindered(&draft.observed.job, name, number, None)),
        }
    }

    /// An attempt that is on record as begun, and of which there is no Job.
    fn again(&mut self, draft: &mut Draft<'_>, name: StepName, input: &Digest, attempt: i32) {
        let now = draft.now;
        match again(draft, self.settings, name) {
            Again::Begins(engagement) => return self.launch(draft, name, input, attempt, engagement),
            Again::Awaits(account) => {
                draft.wake_in(WORD_WITHIN);
                self.verdicts.push(Verdict::Waiting {
                    reason: Reason::AwaitingQuota,
                    message: format!(
                        "{name}: account {account} looks whether what it granted was begun with"
                    ),
                    step: Some(name),
                    at: None,
                });
                return;
            }
            Again::Anew => draft.step_mut(name).demands.clear(),
            Again::Lost => demands::write_off(draft.step_mut(name), now),
        }
        draft.step_mut(name).pending();
        self.begin(draft, name, input);
    }

    /// A step that is stale and whose inputs are all there.
    fn begin(&mut self, draft: &mut Draft<'_>, name: StepName, input: &Digest) {
        let (now, job, storage) = (draft.now, &draft.observed.job, &draft.observed.storage);
        let mended = has_new_credentials(draft, self.settings, name);
        let edited = draft.status.observed_generation != draft.observed.job.metadata.generation;
        let step = draft.step_mut(name);
        let waits = step.state == Some(StepState::Waiting) && step.reason != Some(Reason::AwaitingQuota);
        let mended_by_a_person = [Some(Reason::CredentialsInvalid), Some(Reason::ConfigurationInvalid)];
        let by_a_person = step.retry_at.is_none() || mended_by_a_person.contains(&step.reason);
        if (edited || mended) && waits && by_a_person && result_is_void(step) {
            // Whatever was changed may be what it waited for.
            step.unsettle();
        }
        if bucket_came_back(step, storage) {
            step.unsettle();
        }
        if let Some((reason, message)) = &self.held {
            let verdict = Verdict::Suspended { reason: *reason, message: message.clone() };
            self.keep_waiting(draft, name, verdict);
            return;
        }
        if let Some(verdict) = lost::gone(draft, self.settings, name) {
            self.verdicts.push(verdict);
            return;
        }
        let step = draft.step_mut(name);
        let tried = step.input_digest.as_deref() == Some(input.as_str());
        let asks = step.reason == Some(Reason::ArtifactsPruned);
        if tried
            && !asks
            && let Some(verdict) = waiting(job, step, now)
        {
            if let Some(at) = step.retry_at.as_ref().map(|at| at.0).filter(|at| *at > now) {
                draft.wake(at);
            }
            self.verdicts.push(verdict);
            return;
        }
        if let Some(verdict) = self.obstacle(draft, name) {
            self.keep_waiting(draft, name, verdict);
            return;
        }
        if self.lacks(draft, name, input) {
            return;
        }
        if let Some(verdict) = obstacles::obstacle_to_come(draft, self.settings, name)
            && !is_survey(draft, self.settings, name, input)
        {
            self.keep_waiting(draft, name, verdict);
            return;
        }
        if !tried {
            draft.step_mut(name).change_inputs();
        }
        if let Some(verdict) = leftovers::occupied(draft, name) {
            draft.asking.insert(name);
            self.verdicts.push(verdict);
            return;
        }
        if hired_accounts(draft, self.settings, name).is_empty() {
            self.hire(draft, name, input, true);
        } else {
            self.asks.push((name, input.clone()));
        }
    }

    /// Asks the accounts once it is known how all steps stand: a job that has failed asks for nothing more.
    fn ask(&mut self, draft: &mut Draft<'_>) {
        let may_ask = !self.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Failed { .. }));
        for (name, input) in std::mem::take(&mut self.asks) {
            self.hire(draft, name, &input, may_ask);
        }
    }

    fn hire(&mut self, draft: &mut Draft<'_>, name: StepName, input: &Digest, may_ask: bool) {
        match hire::hire(draft, self.settings, name, input, may_ask) {
            Ok((attempt, engagement)) => self.launch(draft, name, input, attempt, engagement),
            Err(verdict) => {
                draft.asking.insert(name);
                self.verdicts.push(*verdict);
            }
        }
    }

    /// Whether files that are gone, or a bucket without room, keep the step from beginning; then that is told.
    fn lacks(&mut self, draft: &mut Draft<'_>, name: StepName, input: &Digest) -> bool {
        match lost::needed(draft, self.settings, name) {
            Needed::Nothing => {}
            Needed::APersonsWord(verdict) => {
                self.verdicts.push(*verdict);
                return true;
            }
            Needed::TheFilm => {
                demands::withdraw(draft.step_mut(name));
                draft.step_mut(name).unsettle();
                self.results.remove(&StepName::AssembleVideo);
                self.step(draft, StepName::AssembleVideo);
                return true;
            }
        }
        let Some(verdict) = room::shut(draft, name) else { return false };
        // A survey brings what was paid for, whose links expire.
        if is_survey(draft, self.settings, name, input) {
            return false;
        }
        let now = draft.now;
        demands::write_off(draft.step_mut(name), now);
        self.keep_waiting(draft, name, verdict);
        true
    }

    /// Something keeps the step from beginning: it asks no account for anything meanwhile.
    fn keep_waiting(&mut self, draft: &mut Draft<'_>, name: StepName, verdict: Verdict) {
        let step = draft.step_mut(name);
        demands::withdraw(step);
        if step.reason == Some(Reason::AwaitingQuota) || !matches!(verdict, Verdict::Suspended { .. }) {
            draft.step_mut(name).pending();
        }
        self.verdicts.push(verdict);
    }

    /// What keeps a step from beginning, although its inputs are there.
    fn obstacle(&self, draft: &Draft<'_>, name: StepName) -> Option<Verdict> {
        if let Some(gate) = self.gate.filter(|gate| graph::downstream(*gate).contains(&name)) {
            let digest = draft.step(gate).and_then(|step| step.output_digest.clone()).unwrap_or_default();
            return Some(Verdict::Review {
                step: gate,
                message: review_message(&draft.observed.job, gate, &digest),
            });
        }
        if let Storage::NotReady { reason, message } = &draft.observed.storage {
            return Some(Verdict::of_storage(*reason, message.clone(), Some(name)));
        }
        if is_barred(draft, self.settings, name) {
            let message = format!("{name}: {SUSPENDED_SIDE_EFFECTS}");
            return Some(Verdict::Suspended { reason: Reason::SideEffectsSuspended, message });
        }
        obstacles::obstacle(draft, self.settings, name)
    }

    /// Records the intent, and orders the Job: the status is written first.
    fn launch(
        &mut self,
        draft: &mut Draft<'_>,
        name: StepName,
        input: &Digest,
        attempt: i32,
        engagement: Engagement,
    ) {
        let (survey, credentials) = (engagement.survey, engagement.credentials.clone());
        let order = self.order(draft, name, input, attempt, engagement);
        let now = draft.now;
        let job = super::super::names::job_name(&order.input.job, name, attempt);
        draft.step_mut(name).start(Start { attempt, job, input, survey, credentials }, now);
        draft.actions.push(Action::StartStep(Box::new(order)));
        self.verdicts.push(match draft.observed.refused.get(&(name, attempt)) {
            None => Verdict::Running { step: name, message: format!("{name}: attempt {attempt}") },
            Some(refusal) => Verdict::Stalled {
                reason: Reason::ConfigurationInvalid,
                message: format!("{name}: {}", refusal.words),
                step: Some(name),
            },
        });
    }

    /// Whether a person is to look at what was just found done, and what they said.
    fn look(&mut self, draft: &mut Draft<'_>, name: StepName) {
        // It is said anew below, if it is so still.
        draft.step_mut(name).forget_review();
        if !self.settings.review.after.contains(&name) {
            return;
        }
        let output = draft.step(name).and_then(|step| step.output_digest.clone()).unwrap_or_default();
        let says = |decision: &Option<requests::Decision>| {
            decision.as_ref().is_some_and(|decision| decision.step == name && decision.digest == output)
        };
        let (approved, rejected) = (says(&draft.requests.approved), says(&draft.requests.rejected));
        let step = draft.step_mut(name);
        if rejected {
            // Whatever was approved before: a person may think better of it.
            step.reject();
            self.gate.get_or_insert(name);
            self.rejected.get_or_insert(name);
            self.verdicts.push(Verdict::Failed {
                reason: Reason::Rejected,
                message: format!(
                    "{name} was rejected; edit the job, take the annotation {} off to decide again, or request a restart",
                    requests::REJECTED
                ),
                step: name,
            });
            return;
        }
        if self.gate.is_some() {
            return;
        }
        if approved {
            step.approve(&output);
        }
        if step.approved.as_deref() != Some(output.as_str()) {
            step.await_review();
            self.gate = Some(name);
            let of_this_step = |decision: &&requests::Decision| decision.step == name;
            if let Some(other) = draft.requests.approved.clone().as_ref().filter(of_this_step) {
                let note = format!(
                    "the approval of {name}@{} is not for what is under review, {name}@{output}: look at it, and approve it \
                     if you like it",
                    other.digest
                );
                draft.event(false, "RequestIgnored", "Reconcile", note);
            }
        }
    }

    /// How the whole job stands: what is lost, then what is at work, then what waits.
    fn verdict(mut self, draft: &mut Draft<'_>) -> Verdict {
        if self.verdicts.is_empty()
            && let Some(gate) = self.gate
        {
            let digest = draft.step(gate).and_then(|step| step.output_digest.clone()).unwrap_or_default();
            return Verdict::Review {
                step: gate,
                message: review_message(&draft.observed.job, gate, &digest),
            };
        }
        self.verdicts.sort_by_key(|verdict| (verdict.rank(), verdict.step()));
        self.verdicts.into_iter().next().unwrap_or_else(|| nothing_to_tell(draft))
    }
}

/// Whether what a step waits for has nothing to do with a result that a person might still accept, or that is gone.
fn result_is_void(step: &StepStatus) -> bool {
    step.reason != Some(Reason::QualityCheckFailed) && step.gone != Some(true)
}

/// Whether the bucket was away and came back after a worker complained of what may have been the bucket's.
fn bucket_came_back(step: &StepStatus, storage: &Storage) -> bool {
    let Storage::Ready { since: Some(since), .. } = storage else { return false };
    let complained = matches!(step.reason, Some(Reason::CredentialsInvalid | Reason::ConfigurationInvalid));
    let waits = step.state == Some(StepState::Waiting) && step.retry_at.is_none();
    complained && waits && step.finished_at.as_ref().is_some_and(|ended| *since > ended.0)
}

/// Where no step has anything to tell, all are done; one that is not is looked at again.
fn nothing_to_tell(draft: &mut Draft<'_>) -> Verdict {
    let done = |name| draft.step(name).and_then(|step| step.state).is_some_and(StepState::is_done);
    match StepName::ALL.into_iter().find(|name| !done(*name)) {
        None => Verdict::Succeeded { reason: Reason::Completed, message: finished_message(draft) },
        Some(step) => {
            draft.wake_in(BUCKET_PATIENCE);
            Verdict::Running { step, message: format!("{step}: its turn has not come") }
        }
    }
}
