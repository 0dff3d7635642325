//! The driver: from what the slots say to what was asked for in the bucket. All that is paid goes through
//! [`Account::submit`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex as SyncMutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use videofactory_crds::units::Money;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::Allowance;
use videofactory_providers::{ProviderError, Resume, Ticket};

use super::account::Account;
use super::deliver::{TrackedRequest, ask_person};
use super::polling;
use super::probe::{Milestone, Probe};
use super::question::Why;
use super::remaining::Remaining;
use super::request::{Answer, PaidRequest};
use super::session::SubmissionSession;
use super::slots::{Ending, History, RetryBudget, Submission, SubmissionEnd, SubmissionState, Taken};
use super::submit_permits::{Pace, SubmitPermit};
use super::usage::UsageEntry;
use crate::outcome::StepError;
use crate::progress::Progress;

/// Submissions under way at a time, with what they need in memory.
const SUBMISSION_CONCURRENCY: usize = 32;
/// Polls at a time: the last one brings what was made.
const POLL_CONCURRENCY: usize = 6;
/// How often a service may find us too fast before that counts as a limit.
const MAX_SLOW_DOWNS: u32 = 5;

/// How a slot ends that was not used.
const NOT_SUBMITTED: &str = "nothing was submitted";

/// How a submission went.
enum Submitted {
    /// What was asked for is in the bucket.
    Delivered,
    /// The service is at it.
    Accepted(TrackedRequest),
    /// The slots have changed, or nothing was accepted: they are read again.
    Retry,
}

/// A submission that was sent.
struct Sent<'a> {
    number: u32,
    retry_budget: RetryBudget,
    permit: SubmitPermit<'a>,
    entry: UsageEntry,
    slow_downs: &'a mut u32,
}

impl Account {
    /// The account `name`, with what it allows this attempt.
    #[must_use]
    pub fn new(
        session: Arc<SubmissionSession>,
        name: &str,
        allowance: &Allowance,
        progress: Progress,
    ) -> Self {
        let nothing = Allowance::default();
        let allowance = if session.config.survey { &nothing } else { allowance };
        Self {
            name: name.to_owned(),
            pace: Pace::new(allowance, session.config.clock.clone()),
            remaining: Remaining::new(progress),
            probe: Probe::new(),
            answered: SyncMutex::default(),
            submissions: Semaphore::new(SUBMISSION_CONCURRENCY),
            polls: Semaphore::new(POLL_CONCURRENCY),
            halted: CancellationToken::new(),
            cause: OnceLock::new(),
            locks: SyncMutex::default(),
            histories: SyncMutex::default(),
            session,
        }
    }

    /// The same with so many requests under way at a time.
    #[must_use]
    pub fn with_requests_at_once(self, most: Option<u32>) -> Self {
        let most = most.map_or(SUBMISSION_CONCURRENCY, |most| usize::try_from(most).unwrap_or(usize::MAX));
        Self { submissions: Semaphore::new(most.clamp(1, SUBMISSION_CONCURRENCY)), ..self }
    }

    /// Announces the requests that will come: once all were checked, the number of remaining submissions is reported.
    /// What was submitted for them before is read now, so that permits are taken in the order of the requests.
    pub async fn expect(&self, digests: impl IntoIterator<Item = Digest>) -> Result<(), StepError> {
        let digests: BTreeSet<Digest> = digests.into_iter().collect();
        let histories = self.session.histories(&digests).await?;
        for history in histories.values() {
            self.probe.observe(&history.failed_submissions());
        }
        self.histories.lock().unwrap_or_else(PoisonError::into_inner).extend(histories);
        self.remaining.expect(digests);
        Ok(())
    }

    /// The services' ids of all that was submitted for this step before this attempt.
    pub async fn known_ids(&self) -> Result<Vec<String>, StepError> {
        self.session.known_ids().await
    }

    /// The request with this digest is not needed after all.
    pub fn is_not_needed(&self, digest: &Digest) {
        self.remaining.set(digest, false);
    }

    /// Submits the request, or continues where an earlier attempt has stopped; returns once its artifact is in the
    /// bucket.
    pub async fn submit<R: PaidRequest>(&self, request: &R) -> Result<(), StepError> {
        let digest = request.digest();
        // Two scenes may be made from the same: then one of them waits for the other.
        let digest_lock = self.digest_lock(digest);
        let mut tried = digest_lock.lock().await;
        if *tried && request.is_there().await? {
            return Ok(());
        }
        let first = !std::mem::replace(&mut *tried, true);
        let mut history =
            if first { self.first_history(request) } else { self.read_history(request).await? };
        let policy = self.session.policy(digest, request.may_repeat());
        let mut slow_downs = 0;
        loop {
            if history.was_delivered() && request.is_there().await? {
                self.remaining.set(digest, false);
                return Ok(());
            }
            let state = history.state(&policy);
            self.remaining.set(digest, matches!(state, SubmissionState::Open(_)));
            let number = match state {
                SubmissionState::Open(number) => number,
                SubmissionState::Accepted(ids) => {
                    let is_presumed = ids.iter().all(|taken| taken.is_presumed);
                    let ids = ids.into_iter().map(TrackedRequest::found).collect();
                    let ended =
                        self.poll_until_done(request, ids, history.retry_budget(&policy, false)).await;
                    if is_presumed && never_arrived(&ended) {
                        history = self.read_history(request).await?;
                        continue;
                    }
                    return ended;
                }
                SubmissionState::Gone(submissions) => {
                    return Err(ask_person(request, submissions, Why::Gone));
                }
                SubmissionState::Refused(message) => return Err(StepError::KeepRefusal(message)),
                SubmissionState::FailedSubmissions(found) => {
                    return Err(ask_person(request, found.submissions, Why::FailedSubmissions(found)));
                }
            };
            // Held until what is submitted is here.
            let ahead = self.until_stopped(self.probe.pass()).await?;
            let retry_budget = history.retry_budget(&policy, true);
            match self.submit_in_slot(request, number, &history, retry_budget, &mut slow_downs).await? {
                Submitted::Delivered => return Ok(()),
                Submitted::Accepted(tracked) => {
                    let is_presumed = tracked.taken.is_presumed;
                    let ended = self.poll_until_done(request, vec![tracked], retry_budget).await;
                    if is_presumed && never_arrived(&ended) {
                        history = self.read_history(request).await?;
                        continue;
                    }
                    if let (Some(_), Err(StepError::AskProvider(error @ ProviderError::Unexpected { .. }))) =
                        (&ahead, &ended)
                    {
                        // The second in a row that came to nothing: the others wait for the next attempt.
                        self.halt(error);
                    }
                    return ended;
                }
                Submitted::Retry => {}
            }
            history = self.read_history(request).await?;
        }
    }

    /// The ticket of a slot.
    fn ticket<O: PaidRequest>(&self, request: &O, number: u32) -> Ticket {
        self.ticket_of(request.digest(), number)
    }

    pub(super) fn ticket_of(&self, digest: &Digest, number: u32) -> Ticket {
        let slots = &self.session.slots;
        Ticket::new(&slots.keys.slot(slots.step, digest, number))
    }

    fn digest_lock(&self, digest: &Digest) -> Arc<Mutex<bool>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(digest.clone()).or_default().clone()
    }

    fn first_history<O: PaidRequest>(&self, request: &O) -> History {
        let mut histories = self.histories.lock().unwrap_or_else(PoisonError::into_inner);
        let known = histories.remove(request.digest()).unwrap_or_default();
        known.with_ids(|number| request.id_of(&self.ticket(request, number)))
    }

    async fn read_history<O: PaidRequest>(&self, request: &O) -> Result<History, StepError> {
        let known = self.session.slots.history(request.digest()).await?;
        Ok(known.with_ids(|number| request.id_of(&self.ticket(request, number))))
    }

    /// Submits in the slot `number`, once a permit is there and if this attempt creates the slot.
    async fn submit_in_slot<R: PaidRequest>(
        &self,
        request: &R,
        number: u32,
        history: &History,
        retry_budget: RetryBudget,
        slow_downs: &mut u32,
    ) -> Result<Submitted, StepError> {
        let _hand = self.until_stopped(self.submissions.acquire()).await?;
        // Before anything that takes time: so permits go to the scenes in their order.
        let mut permit = self.pace.permit().ok_or(StepError::AwaitQuota)?;
        let prepared = self.until_stopped(request.prepare()).await??;
        self.until_stopped(permit.wait_for_opening()).await?;
        if history.failed_submissions().unknown > 0 && !self.is_still_open(request, history).await? {
            return Ok(Submitted::Retry);
        }
        if !self.take_slot(request, number).await? {
            return Ok(Submitted::Retry);
        }
        permit.wait_for_pace().await;
        // Last of all, so that hardly any time is between this look and the request.
        let may_submit = self.may_submit().await;
        if may_submit.is_err() {
            self.end(request, number, Ending::Nothing, NOT_SUBMITTED, 0, Money::ZERO).await;
        }
        may_submit?;
        let entry = self.session.config.usage.record_submission(&self.name, request.price());
        let (began, call) = (Instant::now(), self.session.config.traces.call("submit", &self.name));
        let ticket = self.ticket(request, number);
        let answer = request.submit(&prepared, &ticket).await;
        call.ended(answer.as_ref().map(|answer| match answer {
            Answer::Delivered(_) => "delivered",
            Answer::Accepted(_) => "accepted",
        }));
        let seconds = polling::whole_seconds(began.elapsed());
        let attempt = self.session.config.attempt;
        if let (Err(error @ ProviderError::OutcomeUnknown { .. }), Some(id)) =
            (&answer, request.id_of(&ticket))
        {
            // If it was taken at all, it is known by this id.
            tracing::info!(account = self.name, number, %error, "the answer is lost; the request is looked up");
            self.taken(request, permit, entry);
            let taken = Taken { number, id, attempt, is_presumed: true };
            return Ok(Submitted::Accepted(TrackedRequest { taken, entry: Some(entry) }));
        }
        match answer {
            Ok(Answer::Delivered(artifact)) => {
                self.taken(request, permit, entry);
                self.keep(request, number, artifact, seconds, Some(entry)).await?;
                Ok(Submitted::Delivered)
            }
            Ok(Answer::Accepted(id)) => {
                self.taken(request, permit, entry);
                self.probe.reached(Milestone::Answered);
                self.keep_id(request, number, &id).await;
                let taken = Taken { number, id, attempt, is_presumed: false };
                Ok(Submitted::Accepted(TrackedRequest { taken, entry: Some(entry) }))
            }
            Err(error) => {
                self.not_made(request, Sent { number, retry_budget, permit, entry, slow_downs }, error).await
            }
        }
    }

    /// Whether nothing has come to light since: an id that came late, or what was asked for itself.
    async fn is_still_open<R: PaidRequest>(&self, request: &R, history: &History) -> Result<bool, StepError> {
        Ok(self.read_history(request).await? == *history && !request.is_there().await?)
    }

    /// Takes the slot; whether it is this attempt's.
    async fn take_slot<R: PaidRequest>(&self, request: &R, number: u32) -> Result<bool, StepError> {
        let (session, config) = (&self.session, &self.session.config);
        let submission = Submission {
            attempt: config.attempt,
            pod: config.pod.clone(),
            account: self.name.clone(),
            at: config.clock.now(),
            cost: request.price(),
        };
        session.slots.take(request.digest(), number, &submission).await
    }

    /// Whether the slot that was taken may be used: not if a later attempt has acquired its fencing token by then.
    pub(super) async fn may_submit(&self) -> Result<(), StepError> {
        if self.session.fencing_token.is_superseded().await? {
            self.session.config.stop.cancel();
        }
        if self.session.config.stop.is_cancelled() || self.halted.is_cancelled() {
            return Err(self.why_not());
        }
        Ok(())
    }

    fn taken<R: PaidRequest>(&self, request: &R, permit: SubmitPermit<'_>, entry: UsageEntry) {
        permit.consume();
        self.session.config.usage.record_accepted(entry, self.session.config.clock.answered());
        self.remaining.set(request.digest(), false);
    }

    /// A submission that the service has answered with an error, or not at all.
    async fn not_made<R: PaidRequest>(
        &self,
        request: &R,
        sent: Sent<'_>,
        error: ProviderError,
    ) -> Result<Submitted, StepError> {
        use ProviderError as E;
        let Sent { number, retry_budget, permit, entry, slow_downs } = sent;
        let usage = &self.session.config.usage;
        let wait = match &error {
            E::Unavailable { .. } => polling::back_soon(self.probe.away()),
            error => polling::momentary(error).filter(|_| *slow_downs < MAX_SLOW_DOWNS),
        };
        // Before anything is written: meanwhile the next would be submitted.
        match wait {
            Some(wait) => self.pace.slow_down(wait),
            None if matches!(error, E::Refused { .. }) => {}
            None => self.halt(&error),
        }
        let ending = match &error {
            E::Refused { .. } => Some(Ending::Refused),
            // It was answered, so it was taken: what came is of no use.
            E::Unexpected { .. } | E::NotFound { .. } => Some(Ending::Failed),
            E::OutcomeUnknown { .. } | E::Interrupted { .. } => None,
            E::RateLimited { .. }
            | E::Unavailable { .. }
            | E::Credentials { .. }
            | E::CreditsUsedUp { .. }
            | E::Configuration { .. } => Some(Ending::Nothing),
        };
        if ending == Some(Ending::Nothing) {
            usage.record_rejected(entry);
            drop(permit);
        } else {
            self.taken(request, permit, entry);
        }
        let brings_nothing = matches!(ending, None | Some(Ending::Failed));
        let is_over = ending == Some(Ending::Refused) || (brings_nothing && retry_budget.is_last);
        self.remaining.set(request.digest(), !is_over);
        if let Some(ending) = ending {
            let cost = if ending == Ending::Nothing { Money::ZERO } else { request.price() };
            self.end(request, number, ending, &error.to_string(), 0, cost).await;
        }
        if wait.is_some() {
            *slow_downs += u32::from(matches!(error, E::RateLimited { .. }));
            tracing::info!(account = self.name, %error, "submitted again later");
            return Ok(Submitted::Retry);
        }
        // That nobody knows any more is for the next attempt to say, which continues with what this one leaves.
        Err(error.into())
    }

    /// Nothing more is submitted to this account; accepted requests are still polled.
    pub(super) fn halt(&self, error: &ProviderError) {
        self.note(error);
        if self.cause.set(error.clone()).is_ok() {
            tracing::warn!(account = self.name, %error, "nothing more is submitted");
        }
        self.halted.cancel();
    }

    /// Records it if the service is rate limited.
    pub fn note(&self, error: &ProviderError) {
        let ProviderError::RateLimited { resume, .. } = error else { return };
        let until = match resume {
            Resume::At(at) => Some(*at),
            // The clock shows whole seconds.
            Resume::After(wait) => Some(self.session.config.clock.after(*wait + Duration::from_secs(1))),
            Resume::Unknown => None,
        };
        self.session.config.usage.record_rate_limit(&self.name, until);
    }

    /// Whether a later attempt has begun, which takes over everything.
    pub async fn is_superseded(&self) -> Result<bool, StepError> {
        self.session.fencing_token.is_superseded().await
    }

    /// Whether the account itself refuses for a while.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        matches!(self.cause.get(), Some(ProviderError::RateLimited { .. }))
    }

    pub(super) async fn end<R: PaidRequest>(
        &self,
        request: &R,
        number: u32,
        how: Ending,
        message: &str,
        seconds: u32,
        cost: Money,
    ) {
        let (message, at) = (message.to_owned(), self.session.config.clock.answered());
        self.session
            .slots
            .end(request.digest(), number, &SubmissionEnd { how, message, at, seconds, cost })
            .await;
    }

    /// The work's result, unless nothing more may be submitted.
    async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, StepError> {
        tokio::select! {
            biased;
            () = self.session.config.stop.cancelled() => Err(StepError::Stop),
            () = self.halted.cancelled() => Err(self.why_not()),
            result = work => Ok(result),
        }
    }

    /// The work's result, unless the attempt is stopped.
    pub(super) async fn or_stop<T>(&self, work: impl Future<Output = T>) -> Result<T, StepError> {
        tokio::select! {
            biased;
            () = self.session.config.stop.cancelled() => Err(StepError::Stop),
            result = work => Ok(result),
        }
    }

    fn why_not(&self) -> StepError {
        if self.session.config.stop.is_cancelled() { StepError::Stop } else { StepError::SkipAfterFailure }
    }
}

/// Whether what was looked up under an id of ours is not with the service, so that it is submitted again if it may be.
fn never_arrived(ended: &Result<(), StepError>) -> bool {
    matches!(ended, Err(StepError::AskProvider(ProviderError::NotFound { .. })))
}
