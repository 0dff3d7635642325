//! From what a service has taken to what is in the bucket. What was paid for is polled until the service has spoken of
//! it, and what has come is kept in memory and stored for as long as this attempt lives, however long the bucket is
//! away.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;
use videofactory_pipeline::Digest;
use videofactory_providers::ProviderError;
use videofactory_storage::StorageError;

use super::account::Account;
use super::polling::{self, PollBackoff};
use super::probe::Milestone;
use super::question::{Question, Why};
use super::request::PaidRequest;
use super::slots::{Acceptance, Ending, RetryBudget, Taken};
use super::usage::UsageEntry;
use crate::outcome::StepError;
use crate::traces::OpenSpan;

/// The pause before what was paid for is stored again; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// A submission that the service has accepted, while it is polled.
#[derive(Clone)]
pub(super) struct TrackedRequest {
    pub taken: Taken,
    /// Its usage entry, if this attempt has submitted it.
    pub entry: Option<UsageEntry>,
}

impl TrackedRequest {
    /// One that an earlier attempt has submitted.
    pub fn found(taken: Taken) -> Self {
        Self { taken, entry: None }
    }
}

/// What came of a poll.
enum Polled {
    /// It is in the bucket.
    Stored,
    /// It is being made.
    Pending,
    Error(ProviderError),
}

/// What follows from an error of a poll.
enum AfterError {
    /// The request has ended so.
    Over(Ending),
    /// It is polled again.
    Later,
    /// The service does not find it, and nothing shows whose fault that is.
    NotFound,
    /// This attempt gets no further.
    Stuck,
}

impl Account {
    /// Polls accepted requests until one of them is stored.
    pub(super) async fn poll_until_done<R: PaidRequest>(
        &self,
        request: &R,
        mut ids: Vec<TrackedRequest>,
        retry_budget: RetryBudget,
    ) -> Result<(), StepError> {
        let mut backoff = PollBackoff::new(request.digest().seed());
        let mut last = StepError::Stop;
        // What was submitted just now cannot be ready.
        let mut is_new = ids.iter().all(|tracked| tracked.entry.is_some());
        let mut span = self.session.config.traces.call("poll", &self.name);
        while !ids.is_empty() {
            if is_new {
                self.or_stop(tokio::time::sleep(backoff.pause())).await?;
            }
            is_new = true;
            for tracked in ids.clone() {
                let number = tracked.taken.number;
                let error = match self.poll(request, &tracked, &mut backoff, &mut span).await? {
                    Polled::Stored => return Ok(()),
                    Polled::Pending => continue,
                    Polled::Error(error) => error,
                };
                match self.judge_error(&tracked.taken, &mut backoff, &error, retry_budget.may_resubmit) {
                    AfterError::Later => tracing::info!(number, %error, "polled again later"),
                    AfterError::Over(ending) => {
                        span.set_outcome(Err(&error));
                        let (message, cost) = (error.to_string(), request.price());
                        self.end(request, number, ending, &message, backoff.seconds(), cost).await;
                        self.remaining
                            .set(request.digest(), ending == Ending::Failed && !retry_budget.is_last);
                        ids.retain(|known| known.taken.number != number);
                        last = error.into();
                    }
                    AfterError::NotFound => {
                        span.set_outcome(Err(&error));
                        self.halt(&error);
                        self.remaining.set(request.digest(), false);
                        return Err(ask_person(
                            request,
                            retry_budget.submissions,
                            Why::NotFound(error.to_string()),
                        ));
                    }
                    AfterError::Stuck => {
                        span.set_outcome(Err(&error));
                        self.halt(&error);
                        return Err(error.into());
                    }
                }
            }
        }
        Err(last)
    }

    async fn poll<R: PaidRequest>(
        &self,
        request: &R,
        tracked: &TrackedRequest,
        backoff: &mut PollBackoff,
        span: &mut OpenSpan,
    ) -> Result<Polled, StepError> {
        let TrackedRequest { taken, entry } = tracked;
        // One that brings something holds its place until that is stored: so only a few are in memory. Never closed.
        let _place = self.or_stop(self.polls.acquire()).await?;
        span.round();
        // The poll that brings something is reported as a download.
        let download = self.session.config.traces.call("download", &self.name);
        let answer = self.or_stop(request.poll(&taken.id)).await;
        match &answer {
            Ok(Ok(Some(_))) => download.ended(Ok("delivered")),
            _ => download.forget(),
        }
        match answer? {
            Ok(Some(artifact)) => {
                span.set_outcome(Ok("delivered"));
                self.has_answered(taken.attempt);
                let seconds = if entry.is_some() { backoff.seconds() } else { 0 };
                self.keep(request, taken.number, artifact, seconds, *entry).await?;
                Ok(Polled::Stored)
            }
            Ok(None) => {
                self.has_answered(taken.attempt);
                backoff.reset();
                Ok(Polled::Pending)
            }
            Err(error) => Ok(Polled::Error(error)),
        }
    }

    /// What an error means for the request. That the service does not find it is believed of the request only while it
    /// answers well for another of the same attempt, which was submitted with the same key to the same address; or
    /// when a person has given leave; or where nothing has ever shown that it arrived, because the answer was lost.
    fn judge_error(
        &self,
        taken: &Taken,
        backoff: &mut PollBackoff,
        error: &ProviderError,
        may_resubmit: bool,
    ) -> AfterError {
        let attempt = taken.attempt;
        if let Some(ending) = polling::ending_of(error) {
            self.has_answered(attempt);
            return AfterError::Over(ending);
        }
        if taken.is_presumed && matches!(error, ProviderError::NotFound { .. }) {
            return if backoff.awaits_arrival() {
                AfterError::Later
            } else {
                AfterError::Over(Ending::Failed)
            };
        }
        if backoff.tolerates(error) {
            return AfterError::Later;
        }
        match error {
            ProviderError::NotFound { .. }
                if may_resubmit || self.answers_since(attempt, backoff.trouble()) =>
            {
                AfterError::Over(Ending::Failed)
            }
            ProviderError::NotFound { .. } => AfterError::NotFound,
            _ => AfterError::Stuck,
        }
    }

    /// The service has spoken of something that this attempt had submitted.
    fn has_answered(&self, attempt: i32) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.insert(attempt, Instant::now());
    }

    fn answers_since(&self, attempt: i32, since: Option<Instant>) -> bool {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| answered.get(&attempt).is_some_and(|last| *last > since))
    }

    /// Keeps the service's id: as long as it is not kept, only this attempt knows it.
    pub(super) async fn keep_id<R: PaidRequest>(&self, request: &R, number: u32, id: &str) {
        let (at, cost) = (self.session.config.clock.answered(), request.price());
        let taken = Acceptance { id: id.to_owned(), at, seconds: 0, cost };
        let digest = request.digest();
        if let Err(error) =
            self.retry_until_stored(digest, || self.session.slots.accept(digest, number, &taken)).await
        {
            // Should this attempt die now, only this line knows it.
            tracing::error!(%digest, number, id, %error, "failed to keep the id of a request");
        }
    }

    /// Stores what was delivered, and only then says so.
    pub(super) async fn keep<R: PaidRequest>(
        &self,
        request: &R,
        number: u32,
        artifact: R::Artifact,
        seconds: u32,
        entry: Option<UsageEntry>,
    ) -> Result<(), StepError> {
        let cost = request.cost(&artifact);
        if let Some(entry) = entry {
            self.session.config.usage.record_cost(entry, seconds, cost);
        }
        match self.retry_until_stored(request.digest(), || request.store(&artifact)).await {
            Ok(()) => {
                self.probe.reached(Milestone::Delivered);
                self.end(request, number, Ending::Delivered, "", seconds, cost).await;
                Ok(())
            }
            // The bucket has failed, not the service: what has an id is fetched again.
            Err(error @ StepError::UseBucket(_)) => Err(error),
            Err(error) => {
                self.end(request, number, Ending::Failed, &error.to_string(), seconds, cost).await;
                Err(error)
            }
        }
    }

    /// Writes until it is written: it is paid for, and nobody else has it. This ends with the attempt, which the deadline
    /// or a signal ends.
    async fn retry_until_stored<F, W>(&self, digest: &Digest, write: F) -> Result<(), StepError>
    where
        F: Fn() -> W,
        W: Future<Output = Result<(), StepError>>,
    {
        let _held = self.session.config.usage.mark_in_flight();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match write().await {
                Err(StepError::UseBucket(error)) if may_recover(&error) => error,
                written => return written,
            };
            if error.is_full() {
                // There is no room for what else would be paid for either.
                self.halted.cancel();
            }
            tracing::warn!(%digest, %error, "what was paid for is kept in memory until the bucket takes it");
            self.remaining.progress().await_bucket(&error);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }
}

/// A question to a person about this request.
pub(super) fn ask_person<R: PaidRequest>(request: &R, submissions: u32, why: Why) -> StepError {
    let (digest, price) = (request.digest().clone(), request.price());
    StepError::AskPerson(Box::new(Question { digest, submissions, price, why }))
}

/// Whether the same may be stored later.
fn may_recover(error: &StorageError) -> bool {
    !matches!(
        error,
        StorageError::InvalidRequest { .. }
            | StorageError::TooLarge { .. }
            | StorageError::LocalFile { .. }
            | StorageError::PreconditionsUnsupported { .. }
    )
}
