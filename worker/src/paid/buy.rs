//! The driver: from what the slots say to what was asked for in the bucket. All that is paid goes through
//! [`Account::buy`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex as Guarded, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use videofactory_crds::units::Money;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::Allowance;
use videofactory_providers::{ProviderError, Resume};

use super::account::Account;
use super::books::Entry;
use super::deliver::{Watched, ask};
use super::desk::Desk;
use super::left::Left;
use super::order::{Answer, Order};
use super::pace::{Pace, Turn};
use super::probe::{Good, Probe};
use super::question::Why;
use super::slots::{End, Ending, History, Outlook, Standing, Submission, Taken};
use super::watch;
use crate::outcome::StepError;
use crate::progress::Progress;

/// Submissions under way at a time, with what they need in memory.
const SUBMISSIONS_AT_A_TIME: usize = 32;
/// Polls at a time: the last one brings what was made.
const POLLS_AT_A_TIME: usize = 6;
/// How often a service may find us too fast before that counts as a limit.
const MOST_SLOW_DOWNS: u32 = 5;

/// How a slot ends that was not used.
const NOT_SUBMITTED: &str = "nothing was submitted";

/// How a submission went.
enum Submitted {
    /// What was asked for is in the bucket.
    Delivered,
    /// The service is at it.
    Accepted(Watched),
    /// The slots have changed, or nothing was taken: they are looked at again.
    Again,
}

/// A submission that was sent.
struct Sent<'a> {
    number: u32,
    outlook: Outlook,
    turn: Turn<'a>,
    entry: Entry,
    slow_downs: &'a mut u32,
}

impl Account {
    /// The account `name`, with what it allows this attempt.
    #[must_use]
    pub fn new(desk: Arc<Desk>, name: &str, allowance: &Allowance, progress: Progress) -> Self {
        let nothing = Allowance::default();
        let allowance = if desk.terms.survey { &nothing } else { allowance };
        Self {
            name: name.to_owned(),
            pace: Pace::new(allowance, desk.terms.clock.clone()),
            left: Left::new(progress),
            probe: Probe::new(),
            answered: Guarded::default(),
            submissions: Semaphore::new(SUBMISSIONS_AT_A_TIME),
            polls: Semaphore::new(POLLS_AT_A_TIME),
            halted: CancellationToken::new(),
            cause: OnceLock::new(),
            orders: Guarded::default(),
            histories: Guarded::default(),
            desk,
        }
    }

    /// What will be ordered: once all was looked at, it is told how much of it is still to be submitted. What was
    /// submitted for it before is read now, so that turns are taken in the order of the orders.
    pub async fn expect(&self, digests: impl IntoIterator<Item = Digest>) -> Result<(), StepError> {
        let digests: BTreeSet<Digest> = digests.into_iter().collect();
        let histories = self.desk.histories(&digests).await?;
        for history in histories.values() {
            self.probe.heed(&history.fruitless());
        }
        self.histories.lock().unwrap_or_else(PoisonError::into_inner).extend(histories);
        self.left.expect(digests);
        Ok(())
    }

    /// What has this digest need not be bought after all.
    pub fn is_not_needed(&self, digest: &Digest) {
        self.left.set(digest, false);
    }

    /// Buys what is ordered, or goes on where an earlier attempt has left it; then it is in the bucket.
    pub async fn buy<O: Order>(&self, order: &O) -> Result<(), StepError> {
        let digest = order.digest();
        // Two scenes may be made from the same: then one of them waits for the other.
        let alone = self.alone(digest);
        let mut tried = alone.lock().await;
        if *tried && order.is_there().await? {
            return Ok(());
        }
        let first = !std::mem::replace(&mut *tried, true);
        let mut history = if first { self.first_history(digest) } else { self.look(digest).await? };
        let leave = self.desk.leave(digest, order.may_repeat());
        let mut slow_downs = 0;
        loop {
            if history.was_delivered() && order.is_there().await? {
                self.left.set(digest, false);
                return Ok(());
            }
            let standing = history.standing(&leave);
            self.left.set(digest, matches!(standing, Standing::Open(_)));
            let number = match standing {
                Standing::Open(number) => number,
                Standing::Accepted(ids) => {
                    let ids = ids.into_iter().map(Watched::found).collect();
                    return self.watch(order, ids, history.outlook(&leave, false)).await;
                }
                Standing::Gone(submissions) => return Err(ask(order, submissions, Why::Gone)),
                Standing::Refused(message) => return Err(StepError::KeepRefusal(message)),
                Standing::Fruitless(found) => {
                    return Err(ask(order, found.submissions, Why::Fruitless(found)));
                }
            };
            // Held until what is submitted is here.
            let ahead = self.until_stopped(self.probe.pass()).await?;
            let outlook = history.outlook(&leave, true);
            match self.submit(order, number, &history, outlook, &mut slow_downs).await? {
                Submitted::Delivered => return Ok(()),
                Submitted::Accepted(watched) => {
                    let ended = self.watch(order, vec![watched], outlook).await;
                    if let (Some(_), Err(StepError::AskProvider(error @ ProviderError::Unexpected { .. }))) =
                        (&ahead, &ended)
                    {
                        // The second in a row that came to nothing: the others wait for the next attempt.
                        self.halt(error);
                    }
                    return ended;
                }
                Submitted::Again => {}
            }
            history = self.look(digest).await?;
        }
    }

    fn alone(&self, digest: &Digest) -> Arc<Mutex<bool>> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.entry(digest.clone()).or_default().clone()
    }

    fn first_history(&self, digest: &Digest) -> History {
        let mut histories = self.histories.lock().unwrap_or_else(PoisonError::into_inner);
        histories.remove(digest).unwrap_or_default()
    }

    async fn look(&self, digest: &Digest) -> Result<History, StepError> {
        self.desk.slots.history(digest).await
    }

    /// Submits in the slot `number`, if it is this attempt's turn and the slot becomes its own.
    async fn submit<O: Order>(
        &self,
        order: &O,
        number: u32,
        history: &History,
        outlook: Outlook,
        slow_downs: &mut u32,
    ) -> Result<Submitted, StepError> {
        let _hand = self.until_stopped(self.submissions.acquire()).await?;
        // Before anything that takes time: so turns go to the scenes in their order.
        let mut turn = self.pace.turn().ok_or(StepError::AwaitQuota)?;
        let parts = self.until_stopped(order.prepare()).await??;
        self.until_stopped(turn.come()).await?;
        if history.fruitless().unknown > 0 && !self.is_still_open(order, history).await? {
            return Ok(Submitted::Again);
        }
        if !self.take_slot(order, number).await? {
            return Ok(Submitted::Again);
        }
        turn.go().await;
        // Last of all, so that hardly any time is between this look and the request.
        let may_submit = self.may_submit().await;
        if may_submit.is_err() {
            self.end(order, number, Ending::Nothing, NOT_SUBMITTED, 0, Money::ZERO).await;
        }
        may_submit?;
        let entry = self.desk.terms.books.begin(&self.name, order.price());
        let (began, call) = (Instant::now(), self.desk.terms.traces.call("submit", &self.name));
        let answer = order.submit(&parts).await;
        call.ended(answer.as_ref().map(|answer| match answer {
            Answer::Delivered(_) => "delivered",
            Answer::Accepted(_) => "accepted",
        }));
        let seconds = watch::whole_seconds(began.elapsed());
        match answer {
            Ok(Answer::Delivered(goods)) => {
                self.taken(order, turn, entry);
                self.keep(order, number, goods, seconds, Some(entry)).await?;
                Ok(Submitted::Delivered)
            }
            Ok(Answer::Accepted(id)) => {
                self.taken(order, turn, entry);
                self.probe.came(Good::Answered);
                self.keep_id(order, number, &id).await;
                let taken = Taken { number, id, attempt: self.desk.terms.attempt };
                Ok(Submitted::Accepted(Watched { taken, entry: Some(entry) }))
            }
            Err(error) => {
                self.not_made(order, Sent { number, outlook, turn, entry, slow_downs }, error).await
            }
        }
    }

    /// Whether nothing has come to light since: an id that came late, or what was asked for itself.
    async fn is_still_open<O: Order>(&self, order: &O, history: &History) -> Result<bool, StepError> {
        Ok(self.look(order.digest()).await? == *history && !order.is_there().await?)
    }

    /// Takes the slot; whether it is this attempt's.
    async fn take_slot<O: Order>(&self, order: &O, number: u32) -> Result<bool, StepError> {
        let (desk, terms) = (&self.desk, &self.desk.terms);
        let submission = Submission {
            attempt: terms.attempt,
            pod: terms.pod.clone(),
            account: self.name.clone(),
            at: terms.clock.now(),
            cost: order.price(),
        };
        desk.slots.take(order.digest(), number, &submission).await
    }

    /// Whether the slot that was taken may be used. A later attempt's fence, seen after that, means that it may not.
    async fn may_submit(&self) -> Result<(), StepError> {
        if self.desk.fence.is_passed().await? {
            self.desk.terms.stop.cancel();
        }
        if self.desk.terms.stop.is_cancelled() || self.halted.is_cancelled() {
            return Err(self.why_not());
        }
        Ok(())
    }

    fn taken<O: Order>(&self, order: &O, turn: Turn<'_>, entry: Entry) {
        turn.spend();
        self.desk.terms.books.taken(entry, self.desk.terms.clock.answered());
        self.left.set(order.digest(), false);
    }

    /// A submission that the service has answered with an error, or not at all.
    async fn not_made<O: Order>(
        &self,
        order: &O,
        sent: Sent<'_>,
        error: ProviderError,
    ) -> Result<Submitted, StepError> {
        use ProviderError as E;
        let Sent { number, outlook, turn, entry, slow_downs } = sent;
        let books = &self.desk.terms.books;
        let wait = match &error {
            E::Unavailable { .. } => watch::back_soon(self.probe.away()),
            error => watch::momentary(error).filter(|_| *slow_downs < MOST_SLOW_DOWNS),
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
            books.not_taken(entry);
            drop(turn);
        } else {
            self.taken(order, turn, entry);
        }
        let brings_nothing = matches!(ending, None | Some(Ending::Failed));
        let is_over = ending == Some(Ending::Refused) || (brings_nothing && outlook.is_last);
        self.left.set(order.digest(), !is_over);
        if let Some(ending) = ending {
            let cost = if ending == Ending::Nothing { Money::ZERO } else { order.price() };
            self.end(order, number, ending, &error.to_string(), 0, cost).await;
        }
        if wait.is_some() {
            *slow_downs += u32::from(matches!(error, E::RateLimited { .. }));
            tracing::info!(account = self.name, "{error}");
            return Ok(Submitted::Again);
        }
        // That nobody can tell any more is for the next attempt to say, which goes on with what this one leaves.
        Err(error.into())
    }

    /// Nothing more is submitted to this account; what it has taken is still looked after.
    pub(super) fn halt(&self, error: &ProviderError) {
        self.note(error);
        if self.cause.set(error.clone()).is_ok() {
            tracing::warn!(account = self.name, "nothing more is submitted: {error}");
        }
        self.halted.cancel();
    }

    /// Writes it into the books if the service refuses for a while.
    pub fn note(&self, error: &ProviderError) {
        let ProviderError::RateLimited { resume, .. } = error else { return };
        let until = match resume {
            Resume::At(at) => Some(*at),
            // The clock shows whole seconds.
            Resume::After(wait) => Some(self.desk.terms.clock.after(*wait + Duration::from_secs(1))),
            Resume::Unknown => None,
        };
        self.desk.terms.books.refuses(&self.name, until);
    }

    /// Whether a later attempt has begun, so that this one leaves everything to it.
    pub async fn is_passed(&self) -> Result<bool, StepError> {
        self.desk.fence.is_passed().await
    }

    /// Whether the account itself refuses for a while.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        matches!(self.cause.get(), Some(ProviderError::RateLimited { .. }))
    }

    pub(super) async fn end<O: Order>(
        &self,
        order: &O,
        number: u32,
        how: Ending,
        message: &str,
        seconds: u32,
        cost: Money,
    ) {
        let (message, at) = (message.to_owned(), self.desk.terms.clock.answered());
        self.desk.slots.end(order.digest(), number, &End { how, message, at, seconds, cost }).await;
    }

    /// The work's result, unless nothing more may be submitted.
    async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, StepError> {
        tokio::select! {
            biased;
            () = self.desk.terms.stop.cancelled() => Err(StepError::Stop),
            () = self.halted.cancelled() => Err(self.why_not()),
            result = work => Ok(result),
        }
    }

    /// The work's result, unless the attempt is stopped.
    pub(super) async fn or_stop<T>(&self, work: impl Future<Output = T>) -> Result<T, StepError> {
        tokio::select! {
            biased;
            () = self.desk.terms.stop.cancelled() => Err(StepError::Stop),
            result = work => Ok(result),
        }
    }

    fn why_not(&self) -> StepError {
        if self.desk.terms.stop.is_cancelled() { StepError::Stop } else { StepError::SkipAfterFailure }
    }
}
