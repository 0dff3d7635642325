//! The books of what has ended: folds the outcome of every ended attempt into its step's status.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use videofactory_crds::StepName;
use videofactory_crds::condition::{Reason, whole_seconds};
use videofactory_crds::units::Money;
use videofactory_crds::videojob::{
    ArtifactStatus, Publication, PublicationState, RateLimitStatus, ScenesStatus, SpentUnits, StepStatus,
};
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::{Artifact, ExitCode, Publication as Published, Spent, StepOutcome};

use super::super::attempts::{self, Attempt, End};
use super::super::measured::{Ending, is_unknown};
use super::super::model::Action;
use super::draft::{Draft, later};
use super::step::{Transitions, by_scene, completed};
use super::tell::NO_WORDS;
use super::{demands, doubt, lost, permits};
use crate::meter::Change;

/// How the attempts that have not ended stand.
pub(super) type Standing = BTreeMap<StepName, Attempt>;

/// Interruptions in a row, without a scene made, that are nobody's fault.
const FREE_INTERRUPTIONS: i32 = 10;
/// Seconds before the first retry; doubled for each further one.
const FIRST_DELAY: i64 = 5;
/// Most seconds between two tries.
pub(super) const LONGEST_DELAY: i64 = 600;

/// Books every attempt that has ended; tells of the others how they stand.
pub(super) fn settle(draft: &mut Draft<'_>) -> Standing {
    let open: Vec<_> = attempts::open(&draft.status).collect();
    let mut standing = Standing::new();
    for (step, attempt) in open {
        match attempts::stand(draft.observed, step, attempt, draft.now) {
            Attempt::Ended { end, at } => book(draft, step, end, at),
            Attempt::Absent if never_was(draft, step, attempt) => {}
            Attempt::Absent if draft.step(step).is_some_and(|step| step.reason.is_some()) => {
                // We have stopped it, and nothing is left of it.
                draft.step_mut(step).pending();
            }
            other => {
                standing.insert(step, other);
            }
        }
    }
    standing
}

/// Books an attempt that the API server would not have, if it was granted something: others shall have that, and the next
/// attempt asks anew after a while. One that holds nothing is tried again as it is.
fn never_was(draft: &mut Draft<'_>, name: StepName, attempt: i32) -> bool {
    let refusal = draft.observed.refused.get(&(name, attempt)).filter(|refusal| refusal.unmade);
    let Some(refusal) = refusal else { return false };
    let (now, jitter, limit) = (draft.now, jitter_of(draft, name), draft.observed.job.spec.retry.limit);
    let step = draft.step_mut(name);
    if !demands::give_back(step) {
        return false;
    }
    step.job = None;
    let mut ledger = Ledger { step, now, limit, jitter, asks_a_person: false, without_quota: None };
    ledger.again(Reason::ConfigurationInvalid, &refusal.words);
    true
}

fn book(draft: &mut Draft<'_>, name: StepName, end: End, at: Option<Timestamp>) {
    let now = draft.now;
    let stopped_by_us = draft.step(name).is_some_and(|step| step.reason.is_some());
    let jitter = jitter_of(draft, name);
    let limit = draft.observed.job.spec.retry.limit;
    let accepted = draft.status.handled.as_ref().and_then(|handled| handled.accept_quality.clone());
    let (mut asks_a_person, mut without_quota) = (false, None);
    let ending = Ending::read(&end, stopped_by_us);
    if let End::Told(outcome) = &end {
        skip_begun(draft, name, outcome);
        without_quota = doubt::without_quota(draft, name, outcome);
        account(draft, name, outcome);
        doubt::tell(draft, name, outcome);
        count(draft, outcome, at.unwrap_or(now));
        if !outcome.note.is_empty() {
            draft.event(false, "TextLeftOut", name.as_str(), format!("{name}: {}", outcome.note));
        }
        asks_a_person = lost::is_paid(draft, outcome);
    }
    let step = draft.step_mut(name);
    step.end(at.unwrap_or(now));
    let mut ledger = Ledger { step, now, limit, jitter, asks_a_person, without_quota };
    match end {
        End::Told(outcome) if Some(outcome.input.as_str()) == ledger.step.input_digest.as_deref() => {
            ledger.told(&outcome, accepted.as_deref(), stopped_by_us);
            remember(draft, &outcome, asks_a_person);
        }
        End::Told(_) => ledger.interrupted("it worked on other inputs", true),
        End::Interrupted(why) => ledger.interrupted(&why, stopped_by_us),
        End::OutOfMemory => ledger.failed(
            Reason::RetryScheduled,
            "its container was killed for its memory; raise compute.steps resources if this happens again",
        ),
        End::Deadline => ledger.failed(Reason::DeadlineExceeded, "its deadline passed"),
        End::Silent(code) => ledger.silent(code),
    }
    let measured = ending.booked(draft.observed, draft.step_mut(name));
    draft.measured.extend(measured);
}

/// Attempts that the status does not know of have begun, because it was put back to what it was before them: the next one
/// comes after them, or it would stop at each of their fences.
fn skip_begun(draft: &mut Draft<'_>, name: StepName, outcome: &StepOutcome) {
    let step = draft.step_mut(name);
    step.attempt = step.attempt.max(outcome.latest);
}

/// Why an attempt has ended, in its worker's words if it has any.
fn said(outcome: &StepOutcome) -> &str {
    if outcome.message.trim().is_empty() { NO_WORDS } else { &outcome.message }
}

/// What was added to the bucket is to be counted, and what was refused for want of room to be told.
fn count(draft: &mut Draft<'_>, outcome: &StepOutcome, at: Timestamp) {
    if outcome.full {
        draft.actions.push(Action::TellFull(at));
    }
    if outcome.wrote.is_empty() {
        return;
    }
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let changes = outcome
        .wrote
        .iter()
        .map(|(kind, wrote)| (*kind, Change { objects: signed(wrote.objects), bytes: signed(wrote.bytes) }));
    draft.actions.push(Action::Count(changes.collect()));
}

/// What was spent is known: it stands in the demands until their accounts have booked it.
fn account(draft: &mut Draft<'_>, name: StepName, outcome: &StepOutcome) {
    let step = draft.step_mut(name);
    if outcome.did_nothing || (step.survey == Some(true) && !outcome.accounted) {
        // It does not know: a survey does.
        return;
    }
    // An outcome from the bucket may name each submission; the status keeps as much as a pod's message does.
    let spent = Spent::few(outcome.spent.clone());
    for demand in step.demands.iter_mut().filter(|demand| demands::is_owed(demand)) {
        demand.settled = Some(true);
        demand.spent =
            spent.iter().filter(|spent| spent.account == demand.account).map(spent_units).collect();
        let refused = outcome.rate_limit.as_ref().filter(|limit| limit.account == demand.account);
        demand.blocked_until = refused.and_then(|limit| limit.until).map(never_before);
    }
    match &outcome.rate_limit {
        Some(limit) => {
            let hits = step.rate_limit.as_ref().and_then(|limit| limit.hits).unwrap_or_default();
            step.rate_limit = Some(RateLimitStatus {
                resume_at: limit.until.map(never_before),
                hits: Some(hits.saturating_add(1)),
            });
        }
        None => step.rate_limit = None,
    }
    let cost: Money = outcome.spent.iter().map(|spent| spent.cost).sum();
    if cost == Money::ZERO {
        return;
    }
    if demands::is_of_earlier_run(step) {
        let whole = draft.status.cost.get_or_insert_default();
        whole.earlier_runs = Some(whole.earlier_runs.unwrap_or_default().plus(cost));
        return;
    }
    demands::add_cost(step, cost);
}

fn spent_units(spent: &Spent) -> SpentUnits {
    SpentUnits {
        at: never_before(spent.at),
        submissions: i64::from(spent.submissions),
        seconds: (spent.seconds > 0).then_some(i64::from(spent.seconds)),
        cost: (spent.cost != Money::ZERO).then_some(spent.cost),
    }
}

/// The next whole second, as the API keeps no parts of one: what is spent must not seem free again too early, and a time
/// that a service named is not shortened.
fn never_before(at: Timestamp) -> Time {
    whole_seconds(at.saturating_add(SignedDuration::from_nanos(999_999_999)).unwrap_or(at))
}

/// What the whole job keeps of an outcome.
fn remember(draft: &mut Draft<'_>, outcome: &StepOutcome, asks_a_person: bool) {
    if let Some(missing) = outcome.missing_from.filter(|_| outcome.exit == ExitCode::MissingInput) {
        // One that has not succeeded is to be made anyway, and may say why it waits.
        let earlier = draft.step_mut(missing);
        if earlier.drop_result() {
            earlier.pending();
            if asks_a_person {
                earlier.lose(said(outcome));
            }
        }
    }
    if outcome.output.is_none() {
        return;
    }
    if outcome.step == StepName::AssembleVideo {
        let files = &outcome.artifacts;
        let kept = draft.status.artifacts.get_or_insert_default();
        kept.video = files.video.as_ref().map(artifact_status);
        kept.thumbnail = files.thumbnail.as_ref().map(artifact_status);
        kept.captions = files.captions.iter().map(artifact_status).collect();
        lost::film_is_back(&mut kept.pruned);
    }
    if outcome.step == StepName::PublishVideo {
        draft.status.publications = outcome.publications.iter().map(publication_status).collect();
        // What was last decided upon: an edit that came while it ended is no part of it.
        draft.status.published_generation = draft.status.observed_generation;
    }
}

fn artifact_status(artifact: &Artifact) -> ArtifactStatus {
    ArtifactStatus {
        key: artifact.key.clone(),
        size: Some(artifact.size),
        duration: (artifact.seconds > 0.0).then_some(artifact.seconds),
    }
}

fn publication_status(publication: &Published) -> Publication {
    let state =
        serde_json::from_value(publication.state.as_str().into()).unwrap_or(PublicationState::Unknown);
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    Publication {
        target: publication.target.clone(),
        state: Some(state),
        id: given(&publication.id),
        url: given(&publication.url),
        at: publication.at.parse().ok().map(whole_seconds),
    }
}

/// The step's entry, with what is needed to book an end.
struct Ledger<'a> {
    step: &'a mut StepStatus,
    now: Timestamp,
    limit: i32,
    jitter: f64,
    /// What is missing was paid for: the step before it waits for a person, and this one for that step.
    asks_a_person: bool,
    /// Why its account has no quota for it, if it seems so.
    without_quota: Option<String>,
}

impl Ledger<'_> {
    fn told(&mut self, outcome: &StepOutcome, accepted: Option<&str>, stopped_by_us: bool) {
        self.scenes(outcome);
        permits::ask(self.step, outcome);
        if !outcome.model.is_empty() {
            self.step.model = Some(outcome.model.clone());
        }
        let message = said(outcome);
        match outcome.exit {
            ExitCode::Done => self.step.succeed(outcome.output.as_ref(), &outcome.message),
            ExitCode::QualityCheck => {
                let output = outcome.output.as_ref().map(Digest::as_str);
                self.step.output_digest = output.map(ToOwned::to_owned);
                if output.is_some() && output == accepted {
                    self.step.succeed(outcome.output.as_ref(), "");
                } else {
                    self.step.wait(Reason::QualityCheckFailed, message);
                }
            }
            ExitCode::ContentRefused if is_unknown(outcome) => {
                self.step.wait(Reason::OutcomeUnknown, message)
            }
            ExitCode::ContentRefused => self.step.wait(Reason::ContentRefused, message),
            // Somebody has to add some, and only the service is told of it.
            ExitCode::Credentials if outcome.without_credit => {
                self.again(Reason::CredentialsInvalid, message);
            }
            ExitCode::Credentials => self.step.wait(Reason::CredentialsInvalid, message),
            ExitCode::Configuration => self.step.wait(Reason::ConfigurationInvalid, message),
            ExitCode::ProviderDown => self.again(Reason::ProviderUnavailable, message),
            ExitCode::Storage if outcome.full => self.again(Reason::StorageFull, message),
            ExitCode::Storage => self.again(Reason::StorageUnavailable, message),
            ExitCode::TryLater if outcome.interrupted => self.interrupted(message, stopped_by_us),
            ExitCode::TryLater if let Some(why) = self.without_quota.take() => {
                self.step.wait(Reason::CredentialsInvalid, &why);
            }
            ExitCode::TryLater if leaves_some(outcome) => self.goes_on(outcome),
            ExitCode::TryLater if let Some(at) = outcome.resume_at => {
                self.step.wait_until(Reason::RetryScheduled, message, at.min(later(self.now, LONGEST_DELAY)));
            }
            ExitCode::TryLater => self.again(Reason::RateLimited, message),
            ExitCode::MissingInput if self.asks_a_person => self.step.pending(),
            ExitCode::MissingInput | ExitCode::Bug => self.failed(Reason::RetryScheduled, message),
        }
    }

    /// An exit code whose words were lost.
    fn silent(&mut self, code: i32) {
        match ExitCode::from_code(code) {
            Some(ExitCode::ProviderDown) => self.again(Reason::ProviderUnavailable, "the provider is down"),
            Some(ExitCode::Storage) => self.again(Reason::StorageUnavailable, "the bucket is out of reach"),
            Some(ExitCode::Credentials) => {
                self.step.wait(Reason::CredentialsInvalid, "see the log of its pod")
            }
            Some(ExitCode::Configuration) => {
                self.step.wait(Reason::ConfigurationInvalid, "see the log of its pod");
            }
            _ => self.failed(
                Reason::RetryScheduled,
                &format!("its container ended with exit code {code} and no outcome; see the pod's log"),
            ),
        }
    }

    fn scenes(&mut self, outcome: &StepOutcome) {
        let Some(report) = &outcome.scenes else { return };
        let before = completed(self.step).len();
        if report.completed.len() > before || report.made > 0 {
            self.step.reset_counters();
        }
        self.step.scenes = Some(ScenesStatus {
            total: Some(i32::try_from(report.total).unwrap_or(i32::MAX)),
            completed: by_scene(outcome.step).then(|| report.completed.to_string()),
            refused: (!report.refused.is_empty()).then(|| report.refused.to_string()),
            unknown: (!report.unknown.is_empty()).then(|| report.unknown.to_string()),
            left: report.left.and_then(|left| i32::try_from(left).ok()),
        });
    }

    /// Some is left for the next attempt, which asks its account; at once, if this one has got anywhere.
    fn goes_on(&mut self, outcome: &StepOutcome) {
        let made = outcome.scenes.as_ref().is_some_and(|report| report.made > 0);
        let surveyed = self.step.survey == Some(true);
        if made || surveyed || !outcome.spent.is_empty() || outcome.rate_limit.is_some() {
            self.step.go_on(said(outcome));
        } else {
            self.again(Reason::RateLimited, said(outcome));
        }
    }

    /// Waits for a service to come back, however long that takes.
    fn again(&mut self, reason: Reason, message: &str) {
        let tries = self.step.count_retry();
        let at = self.back_off(tries);
        self.step.wait_until(reason, message, at);
    }

    /// A fault of ours or of the film: tried again, up to the limit.
    fn failed(&mut self, reason: Reason, message: &str) {
        let failures = self.step.count_failure();
        if failures > self.limit {
            // Nobody looks after a failed step's grant: others shall have it.
            demands::write_off(self.step, self.now);
            self.step.fail(format!("{message} ({failures} failures, limit {})", self.limit));
            return;
        }
        let at = self.back_off(failures - 1);
        self.step.wait_until(reason, message, at);
    }

    /// Stopped from outside: begun again at once, unless it never gets anywhere.
    fn interrupted(&mut self, why: &str, stopped_by_us: bool) {
        self.step.pending();
        if stopped_by_us {
            return;
        }
        let interruptions = self.step.count_interruption();
        if interruptions > FREE_INTERRUPTIONS {
            self.failed(
                Reason::Interrupted,
                &format!("interrupted {interruptions} times in a row without progress: {why}"),
            );
        }
    }

    fn back_off(&self, tries: i32) -> Timestamp {
        let doublings = u32::try_from(tries.clamp(0, 10)).unwrap_or_default();
        let delay = FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "at most 600 seconds"
        )]
        let spread = (delay as f64 * (0.8 + 0.2 * self.jitter)).ceil() as i64;
        later(self.now, spread)
    }
}

/// Whether the worker knows that there is more to submit than it was granted, or the service refuses for a while.
fn leaves_some(outcome: &StepOutcome) -> bool {
    outcome.rate_limit.is_some()
        || outcome.scenes.as_ref().is_some_and(|report| report.left.is_some_and(|left| left > 0))
}

/// Between 0 and 1, the same for the same attempt: jobs that failed together do not return together.
fn jitter_of(draft: &Draft<'_>, name: StepName) -> f64 {
    let uid = draft.observed.job.metadata.uid.as_deref().unwrap_or_default();
    let attempt = draft.step(name).and_then(|step| step.attempt).unwrap_or_default();
    let seed = Digest::of_bytes(format!("{uid}/{name}/{attempt}").as_bytes()).seed();
    f64::from(u32::try_from(seed % 1000).unwrap_or_default()) / 1000.0
}
