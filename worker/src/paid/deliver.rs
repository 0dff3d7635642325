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
use super::books::Entry;
use super::order::Order;
use super::probe::Good;
use super::question::{Question, Why};
use super::slots::{Acceptance, Ending, Outlook, Taken};
use super::watch::{self, Patience};
use crate::outcome::StepError;
use crate::traces::Going;

/// The pause before what was paid for is stored again; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A submission that the service has taken, as it is looked after.
#[derive(Clone)]
pub(super) struct Watched {
    pub taken: Taken,
    /// In the books of this attempt, if it was submitted by it.
    pub entry: Option<Entry>,
}

impl Watched {
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

/// What an error of a poll means.
enum Meaning {
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
    /// Looks after what the service has taken until it is here.
    pub(super) async fn watch<O: Order>(
        &self,
        order: &O,
        mut ids: Vec<Watched>,
        outlook: Outlook,
    ) -> Result<(), StepError> {
        let mut patience = Patience::new(order.digest().seed());
        let mut last = StepError::Stop;
        // What was submitted just now cannot be ready.
        let mut is_new = ids.iter().all(|watched| watched.entry.is_some());
        let mut looks = self.desk.terms.traces.call("poll", &self.name);
        while !ids.is_empty() {
            if is_new {
                self.or_stop(tokio::time::sleep(patience.pause())).await?;
            }
            is_new = true;
            for watched in ids.clone() {
                let number = watched.taken.number;
                let error = match self.poll(order, &watched, &mut patience, &mut looks).await? {
                    Polled::Stored => return Ok(()),
                    Polled::Pending => continue,
                    Polled::Error(error) => error,
                };
                match self.meaning(watched.taken.attempt, &mut patience, &error, outlook.has_leave) {
                    Meaning::Later => tracing::info!(number, "{error}"),
                    Meaning::Over(ending) => {
                        looks.stands(Err(&error));
                        let (message, cost) = (error.to_string(), order.price());
                        self.end(order, number, ending, &message, patience.seconds(), cost).await;
                        self.left.set(order.digest(), ending == Ending::Failed && !outlook.is_last);
                        ids.retain(|known| known.taken.number != number);
                        last = error.into();
                    }
                    Meaning::NotFound => {
                        looks.stands(Err(&error));
                        self.halt(&error);
                        self.left.set(order.digest(), false);
                        return Err(ask(order, outlook.submissions, Why::NotFound(error.to_string())));
                    }
                    Meaning::Stuck => {
                        looks.stands(Err(&error));
                        self.halt(&error);
                        return Err(error.into());
                    }
                }
            }
        }
        Err(last)
    }

    async fn poll<O: Order>(
        &self,
        order: &O,
        watched: &Watched,
        patience: &mut Patience,
        looks: &mut Going,
    ) -> Result<Polled, StepError> {
        let Watched { taken, entry } = watched;
        // One that brings something holds its place until that is stored: so only a few are in memory. Never closed.
        let _place = self.or_stop(self.polls.acquire()).await?;
        looks.round();
        // The look that brings something is told as a download.
        let look = self.desk.terms.traces.call("download", &self.name);
        let answer = self.or_stop(order.poll(&taken.id)).await;
        match &answer {
            Ok(Ok(Some(_))) => look.ended(Ok("delivered")),
            _ => look.forget(),
        }
        match answer? {
            Ok(Some(goods)) => {
                looks.stands(Ok("delivered"));
                self.has_answered(taken.attempt);
                let seconds = if entry.is_some() { patience.seconds() } else { 0 };
                self.keep(order, taken.number, goods, seconds, *entry).await?;
                Ok(Polled::Stored)
            }
            Ok(None) => {
                self.has_answered(taken.attempt);
                patience.calm();
                Ok(Polled::Pending)
            }
            Err(error) => Ok(Polled::Error(error)),
        }
    }

    /// What an error means for the request. That the service does not find it is believed of the request only while it
    /// answers well for another of the same attempt, which was submitted with the same key to the same address; or
    /// when a person has given leave.
    fn meaning(
        &self,
        attempt: i32,
        patience: &mut Patience,
        error: &ProviderError,
        has_leave: bool,
    ) -> Meaning {
        if let Some(ending) = watch::verdict(error) {
            self.has_answered(attempt);
            return Meaning::Over(ending);
        }
        if patience.bears(error) {
            return Meaning::Later;
        }
        match error {
            ProviderError::NotFound { .. }
                if has_leave || self.answers_since(attempt, patience.trouble()) =>
            {
                Meaning::Over(Ending::Failed)
            }
            ProviderError::NotFound { .. } => Meaning::NotFound,
            _ => Meaning::Stuck,
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
    pub(super) async fn keep_id<O: Order>(&self, order: &O, number: u32, id: &str) {
        let (at, cost) = (self.desk.terms.clock.answered(), order.price());
        let taken = Acceptance { id: id.to_owned(), at, seconds: 0, cost };
        let digest = order.digest();
        if let Err(error) = self.insist(digest, || self.desk.slots.accept(digest, number, &taken)).await {
            // Should this attempt die now, only this line knows it.
            tracing::error!(%digest, number, id, "failed to keep the id of a request: {error}");
        }
    }

    /// Stores what was delivered, and only then says so.
    pub(super) async fn keep<O: Order>(
        &self,
        order: &O,
        number: u32,
        goods: O::Goods,
        seconds: u32,
        entry: Option<Entry>,
    ) -> Result<(), StepError> {
        let cost = order.cost(&goods);
        if let Some(entry) = entry {
            self.desk.terms.books.paid(entry, seconds, cost);
        }
        match self.insist(order.digest(), || order.store(&goods)).await {
            Ok(()) => {
                self.probe.came(Good::Delivered);
                self.end(order, number, Ending::Delivered, "", seconds, cost).await;
                Ok(())
            }
            // The bucket has failed, not the service: what has an id is fetched again.
            Err(error @ StepError::UseBucket(_)) => Err(error),
            Err(error) => {
                self.end(order, number, Ending::Failed, &error.to_string(), seconds, cost).await;
                Err(error)
            }
        }
    }

    /// Writes until it is written: it is paid for, and nobody else has it. This ends with the attempt, which the deadline
    /// or a signal ends.
    async fn insist<F, W>(&self, digest: &Digest, write: F) -> Result<(), StepError>
    where
        F: Fn() -> W,
        W: Future<Output = Result<(), StepError>>,
    {
        let _held = self.desk.terms.books.hold();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match write().await {
                Err(StepError::UseBucket(error)) if may_pass(&error) => error,
                written => return written,
            };
            if error.is_full() {
                // There is no room for what else would be paid for either.
                self.halted.cancel();
            }
            tracing::warn!(%digest, "what was paid for is kept in memory until the bucket takes it: {error}");
            self.left.progress().await_bucket(&error);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// A question to a person about this order.
pub(super) fn ask<O: Order>(order: &O, submissions: u32, why: Why) -> StepError {
    let (digest, price) = (order.digest().clone(), order.price());
    StepError::AskPerson(Box::new(Question { digest, submissions, price, why }))
}

/// Whether the same may be stored later.
fn may_pass(error: &StorageError) -> bool {
    !matches!(
        error,
        StorageError::InvalidRequest { .. }
            | StorageError::TooLarge { .. }
            | StorageError::LocalFile { .. }
            | StorageError::PreconditionsUnsupported { .. }
    )
}
