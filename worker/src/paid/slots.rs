//! The slots of submissions, as they lie in the bucket: `submit-<n>.json` when one is begun, then
//! `submit-<n>.id.json` when the service has taken it and `submit-<n>.end.json` when it is over. None of them
//! is ever written again. A slot with neither is a submission of which nobody knows what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use videofactory_crds::StepName;
use videofactory_crds::units::Money;
use videofactory_pipeline::contract::Spent;
pub(super) use videofactory_pipeline::contract::{Ending, Submission, SubmissionEnd};
use videofactory_pipeline::keys::SlotPart;
use videofactory_pipeline::{Digest, Keys};

use super::question::FailedSubmissions;
use super::store::WriteOnceStore;
use crate::outcome::StepError;

/// Submissions that may bring nothing before a person is asked: lost, or taken and come to nothing.
const FREE: u32 = 2;
/// How many slots are read at a time.
const READ_CONCURRENCY: usize = 16;

/// A submission that the service has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Acceptance {
    /// The service's id.
    pub id: String,
    /// When it answered, and a second.
    pub at: Timestamp,
    /// Seconds of its time, as far as is known.
    #[serde(default)]
    pub seconds: u32,
    /// What it costs, as far as is known.
    #[serde(default)]
    pub cost: Money,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub number: u32,
    pub submission: Submission,
    pub acceptance: Option<Acceptance>,
    pub end: Option<SubmissionEnd>,
    /// The id under which the service knows it if it has taken it, where it takes ids of ours.
    pub presumed: Option<String>,
}

impl Slot {
    fn is_unknown(&self) -> bool {
        self.acceptance.is_none() && self.end.is_none() && self.presumed.is_none()
    }

    /// The service's id, and whether nothing shows yet that it has taken it.
    fn id(&self) -> Option<(String, bool)> {
        let reported = self.acceptance.as_ref().map(|taken| (taken.id.clone(), false));
        reported.or_else(|| Some((self.presumed.clone()?, true)))
    }

    /// As the service has taken it, or may have; `None` without an id.
    fn taken(&self) -> Option<Taken> {
        let (id, is_presumed) = self.id()?;
        Some(Taken { number: self.number, id, attempt: self.submission.attempt, is_presumed })
    }

    fn has_ended(&self, how: Ending) -> bool {
        self.end.as_ref().is_some_and(|end| end.how == how)
    }

    /// What it costs, as far as is known.
    fn cost(&self) -> Money {
        let accepted = self.acceptance.as_ref().map(|taken| taken.cost);
        self.end.as_ref().map(|end| end.cost).or(accepted).unwrap_or(self.submission.cost)
    }

    /// What it has taken from its account; an unknown one counts as taken at the time of the look.
    fn spent(&self, now: Timestamp) -> Option<Spent> {
        let account = self.submission.account.clone();
        let end = self.end.as_ref();
        if end.is_some_and(|end| end.how == Ending::Nothing) {
            return None;
        }
        // A service counts a submission when it takes it, not when it has made something of it.
        let at = self.acceptance.as_ref().map(|taken| taken.at).or(end.map(|end| end.at)).unwrap_or(now);
        let (seconds, cost) = match (end, &self.acceptance) {
            (Some(end), _) => (end.seconds, end.cost),
            (None, Some(taken)) => (taken.seconds, taken.cost),
            (None, None) => (0, self.submission.cost),
        };
        Some(Spent { account, at, submissions: 1, seconds, cost })
    }
}

/// All submissions for one digest, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History(Vec<Slot>);

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SubmissionState {
    /// To be submitted, in the slot of this number.
    Open(u32),
    /// Accepted by the service, and polled: these slots.
    Accepted(Vec<Taken>),
    /// It was delivered, and is gone: a person decides. So many submissions were taken.
    Gone(u32),
    /// Refused, and why.
    Refused(String),
    /// What was submitted has brought nothing: a person decides.
    FailedSubmissions(FailedSubmissions),
}

/// A submission that the service has taken and not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The slot's number.
    pub number: u32,
    /// The service's id.
    pub id: String,
    /// The attempt that submitted it.
    pub attempt: i32,
    /// Nothing shows yet that the service has taken it: the id is ours, and the answer was lost or never came.
    pub is_presumed: bool,
}

/// Under which conditions a digest may be submitted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ResubmitPolicy {
    /// So many submissions in all.
    pub submissions: u32,
    /// What was delivered before and is gone may be bought once more.
    pub again_before: Option<Timestamp>,
    /// It does no harm to submit it as often as that may be.
    pub repeats: bool,
}

/// What is left if a submission that is in flight fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetryBudget {
    /// Submissions that were taken in all, with this one.
    pub submissions: u32,
    /// A person has allowed one more.
    pub may_resubmit: bool,
    /// If this one brings nothing, a person is asked.
    pub is_last: bool,
}

impl History {
    /// The same where the service takes ids of ours: what was begun, and of which nobody knows what became, is looked
    /// after under its id.
    #[must_use]
    pub fn with_ids(mut self, id_of: impl Fn(u32) -> Option<String>) -> Self {
        for slot in self.0.iter_mut().filter(|slot| slot.is_unknown()) {
            slot.presumed = id_of(slot.number);
        }
        self
    }

    /// What this account has taken, or may have, and not ended.
    pub fn under_way(&self, account: &str) -> Vec<Taken> {
        let open = self.0.iter().filter(|slot| slot.end.is_none() && slot.submission.account == account);
        open.filter_map(Slot::taken).collect()
    }

    /// Whether it was ever delivered.
    pub fn was_delivered(&self) -> bool {
        self.0.iter().any(|slot| slot.has_ended(Ending::Delivered))
    }

    /// What is to be done. What was delivered, if anything was, is gone: what came after it decides.
    pub fn state(&self, policy: &ResubmitPolicy) -> SubmissionState {
        let next = self.0.last().map_or(1, |slot| slot.number + 1);
        let delivered = self.0.iter().rposition(|slot| slot.has_ended(Ending::Delivered));
        let open = &self.0[delivered.map_or(0, |place| place + 1)..];
        let last = delivered.and_then(|place| self.0[place].end.as_ref());
        if let Some(last) = last.filter(|_| open.iter().all(|slot| slot.has_ended(Ending::Nothing))) {
            let is_allowed =
                self.may_resubmit(policy) || policy.again_before.is_some_and(|before| last.at < before);
            return if is_allowed {
                SubmissionState::Open(next)
            } else {
                SubmissionState::Gone(self.taken())
            };
        }
        let taken: Vec<Taken> =
            open.iter().filter(|slot| slot.end.is_none()).filter_map(Slot::taken).collect();
        if !taken.is_empty() {
            return SubmissionState::Accepted(taken);
        }
        let mut ends = open.iter().filter_map(|slot| slot.end.as_ref());
        if let Some(refusal) = ends.find(|end| end.how == Ending::Refused) {
            return SubmissionState::Refused(refusal.message.clone());
        }
        let failed_submissions = self.failed_submissions_of(open);
        let is_free = failed_submissions.unknown + failed_submissions.failed < FREE;
        if is_free || self.may_resubmit(policy) {
            SubmissionState::Open(next)
        } else {
            SubmissionState::FailedSubmissions(failed_submissions)
        }
    }

    /// Whether a person has allowed more submissions than were taken.
    pub fn may_resubmit(&self, policy: &ResubmitPolicy) -> bool {
        policy.repeats || policy.submissions > self.taken()
    }

    /// The submissions without a result so far.
    pub fn failed_submissions(&self) -> FailedSubmissions {
        self.failed_submissions_of(&self.0)
    }

    /// What may follow if what is under way brings nothing either: a new submission, or one of these slots.
    pub fn retry_budget(&self, policy: &ResubmitPolicy, is_new: bool) -> RetryBudget {
        let FailedSubmissions { unknown, failed, .. } = self.failed_submissions();
        let submissions = self.taken() + u32::from(is_new);
        let may_resubmit = policy.repeats || policy.submissions > submissions;
        RetryBudget { submissions, may_resubmit, is_last: !may_resubmit && unknown + failed + 1 >= FREE }
    }

    /// How many submissions were taken, or may have been.
    pub fn taken(&self) -> u32 {
        count(self.0.iter().filter(|slot| !slot.has_ended(Ending::Nothing)))
    }

    fn failed_submissions_of(&self, slots: &[Slot]) -> FailedSubmissions {
        let failed = || slots.iter().filter(|slot| slot.has_ended(Ending::Failed));
        let unknown = || slots.iter().filter(|slot| slot.is_unknown());
        let why = failed().next_back().and_then(|slot| slot.end.as_ref()).map(|end| end.message.clone());
        FailedSubmissions {
            submissions: self.taken(),
            unknown: count(unknown()),
            failed: count(failed()),
            cost: failed().chain(unknown()).map(Slot::cost).sum(),
            why: why.unwrap_or_default(),
        }
    }
}

fn count<'a>(slots: impl Iterator<Item = &'a Slot>) -> u32 {
    u32::try_from(slots.count()).unwrap_or(u32::MAX)
}

/// Which parts of a slot are there.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    begun: bool,
    taken: bool,
    ended: bool,
}

/// The slots that are there, by digest and number.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing(BTreeMap<Digest, BTreeMap<u32, Parts>>);

impl Listing {
    fn add(&mut self, (digest, number, part): (Digest, u32, SlotPart)) {
        let parts = self.0.entry(digest).or_default().entry(number).or_default();
        match part {
            SlotPart::Begin => parts.begun = true,
            SlotPart::Id => parts.taken = true,
            SlotPart::End => parts.ended = true,
        }
    }

    /// The digests for which something was begun and has not ended.
    pub fn under_way(&self) -> impl Iterator<Item = &Digest> {
        let is_open = |parts: &Parts| parts.begun && !parts.ended;
        self.0.iter().filter(move |(_, slots)| slots.values().any(is_open)).map(|(digest, _)| digest)
    }

    /// Whether anything was ever begun for this digest.
    pub fn knows(&self, digest: &Digest) -> bool {
        self.0.contains_key(digest)
    }
}

/// The slots of one step.
#[derive(Clone)]
pub(super) struct Slots {
    pub store: Arc<dyn WriteOnceStore>,
    pub keys: Keys,
    pub step: StepName,
}

impl Slots {
    /// What is there now.
    pub async fn list(&self) -> Result<Listing, StepError> {
        self.list_under(&self.keys.slots(self.step)).await
    }

    /// All submissions for a digest so far.
    pub async fn history(&self, digest: &Digest) -> Result<History, StepError> {
        let listing = self.list_under(&self.keys.slots_of(self.step, digest)).await?;
        let Some(slots) = listing.0.get(digest) else { return Ok(History::default()) };
        let mut all = Vec::with_capacity(slots.len());
        for (number, parts) in slots {
            all.extend(self.read(digest, *number, *parts).await?);
        }
        Ok(History(all))
    }

    /// What one attempt has submitted; `now` is now.
    pub async fn spent_by(
        &self,
        attempt: i32,
        listing: &Listing,
        now: Timestamp,
    ) -> Result<Vec<Spent>, StepError> {
        let all = listing.0.iter().flat_map(|(digest, slots)| {
            slots.iter().map(move |(number, parts)| (digest.clone(), *number, *parts))
        });
        let all: Vec<_> = all.collect();
        let slots: Vec<Option<Slot>> = stream::iter(all)
            .map(|(digest, number, parts)| async move { self.read(&digest, number, parts).await })
            .buffered(READ_CONCURRENCY)
            .try_collect()
            .await?;
        let mine = slots.into_iter().flatten().filter(|slot| slot.submission.attempt == attempt);
        Ok(mine.filter_map(|slot| slot.spent(now)).collect())
    }

    /// The service's ids of all that was taken.
    pub async fn ids(&self, listing: &Listing) -> Result<Vec<String>, StepError> {
        let taken = listing.0.iter().flat_map(|(digest, slots)| {
            let taken = slots.iter().filter(|(_, parts)| parts.taken);
            taken.map(move |(number, _)| self.keys.slot_id(self.step, digest, *number))
        });
        let keys: Vec<String> = taken.collect();
        let taken: Vec<Option<Acceptance>> = stream::iter(keys)
            .map(|key| async move { self.get(&key).await })
            .buffer_unordered(READ_CONCURRENCY)
            .try_collect()
            .await?;
        Ok(taken.into_iter().flatten().map(|taken| taken.id).collect())
    }

    /// Takes the slot; whether it is now this attempt's.
    pub async fn take(
        &self,
        digest: &Digest,
        number: u32,
        submission: &Submission,
    ) -> Result<bool, StepError> {
        self.write(&self.keys.slot(self.step, digest, number), submission).await
    }

    /// Keeps the service's id.
    pub async fn accept(&self, digest: &Digest, number: u32, taken: &Acceptance) -> Result<(), StepError> {
        self.write(&self.keys.slot_id(self.step, digest, number), taken).await.map(drop)
    }

    /// Keeps how it ended. Without this the next attempt finds the artifact, polls once more, or takes the
    /// outcome for unknown: nothing is lost, so a bucket that fails here fails nothing.
    pub async fn end(&self, digest: &Digest, number: u32, end: &SubmissionEnd) {
        if let Err(error) = self.write(&self.keys.slot_end(self.step, digest, number), end).await {
            tracing::warn!(%digest, number, %error, "failed to keep how a submission ended");
        }
    }

    async fn list_under(&self, prefix: &str) -> Result<Listing, StepError> {
        let mut listing = Listing::default();
        let keys = self.store.list(prefix).await?;
        keys.iter().filter_map(|key| self.keys.read_slot(self.step, key)).for_each(|part| listing.add(part));
        Ok(listing)
    }

    /// `None` for what is no slot: an end or an id whose beginning is gone.
    async fn read(&self, digest: &Digest, number: u32, parts: Parts) -> Result<Option<Slot>, StepError> {
        if !parts.begun {
            return Ok(None);
        }
        let (keys, step) = (&self.keys, self.step);
        let Some(submission) = self.get(&keys.slot(step, digest, number)).await? else { return Ok(None) };
        let acceptance =
            if parts.taken { self.get(&keys.slot_id(step, digest, number)).await? } else { None };
        let end = if parts.ended { self.get(&keys.slot_end(step, digest, number)).await? } else { None };
        Ok(Some(Slot { number, submission, acceptance, end, presumed: None }))
    }

    async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StepError> {
        let Some(bytes) = self.store.get(key).await? else { return Ok(None) };
        let read = serde_json::from_slice(&bytes);
        read.map(Some).map_err(|error| StepError::Break(format!("{key} does not read: {error}")))
    }

    async fn write<T: Serialize + Sync>(&self, key: &str, value: &T) -> Result<bool, StepError> {
        let json = serde_json::to_vec(value).map_err(|error| StepError::Break(error.to_string()))?;
        Ok(self.store.put_once(key, json).await?)
    }
}

#[cfg(test)]
mod tests;
