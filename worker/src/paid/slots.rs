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
use videofactory_pipeline::{Digest, Keys};

use super::shelf::Shelf;
use crate::outcome::StepError;

/// Submissions with an unknown outcome that are allowed without asking a person.
const FREE_UNKNOWN: u32 = 2;
/// How many slots are read at a time.
const READS_AT_A_TIME: usize = 16;

/// Who has begun a submission: written before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Submission {
    /// The attempt.
    pub attempt: i32,
    /// UID of its pod.
    pub pod: String,
    /// The account that pays.
    pub account: String,
    /// When it was begun.
    pub at: Timestamp,
    /// What it is expected to cost.
    #[serde(default)]
    pub cost: Money,
}

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

/// How a submission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ending {
    /// The service has certainly not taken it.
    Nothing,
    /// What was asked for is in the bucket.
    Delivered,
    /// The service refuses the content.
    Refused,
    /// The service took it and made nothing of it.
    Failed,
}

/// The end of a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct End {
    /// How.
    #[serde(rename = "end")]
    pub how: Ending,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
    /// When the service answered, and a second.
    pub at: Timestamp,
    /// Seconds of its time, as far as is known.
    #[serde(default)]
    pub seconds: u32,
    /// What it cost, as far as is known.
    #[serde(default)]
    pub cost: Money,
}

/// One slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub number: u32,
    pub submission: Submission,
    pub acceptance: Option<Acceptance>,
    pub end: Option<End>,
}

impl Slot {
    fn is_unknown(&self) -> bool {
        self.acceptance.is_none() && self.end.is_none()
    }

    /// What it has taken from its account; an unknown one counts as taken at the time of the look.
    fn spent(&self, look: Timestamp) -> Option<Spent> {
        let account = self.submission.account.clone();
        let end = self.end.as_ref();
        if end.is_some_and(|end| end.how == Ending::Nothing) {
            return None;
        }
        // A service counts a submission when it takes it, not when it has made something of it.
        let at = self.acceptance.as_ref().map(|taken| taken.at).or(end.map(|end| end.at)).unwrap_or(look);
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

/// What is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// To be submitted, in the slot of this number.
    Open(u32),
    /// Taken by the service: these slots are looked after by these ids.
    Accepted(Vec<(u32, String)>),
    /// In the bucket, or gone from there: so many times it was delivered, and the slot `next` would be the next.
    Delivered { times: u32, next: u32 },
    /// Refused, and why.
    Refused(String),
    /// So many submissions have gone nobody knows where: a person decides.
    Unknown(u32),
}

impl History {
    /// What is to be done; `permits` are submissions that a person has allowed beyond the usual ones.
    pub fn standing(&self, permits: u32) -> Standing {
        let ended =
            |ending| self.0.iter().filter_map(|slot| slot.end.as_ref()).find(move |end| end.how == ending);
        let next = self.0.last().map_or(1, |slot| slot.number + 1);
        let delivered = self.0.iter().filter_map(|slot| slot.end.as_ref());
        let times = delivered.filter(|end| end.how == Ending::Delivered).count();
        if times > 0 {
            return Standing::Delivered { times: u32::try_from(times).unwrap_or(u32::MAX), next };
        }
        let taken = self.0.iter().filter(|slot| slot.end.is_none());
        let ids: Vec<(u32, String)> =
            taken.filter_map(|slot| Some((slot.number, slot.acceptance.as_ref()?.id.clone()))).collect();
        if !ids.is_empty() {
            return Standing::Accepted(ids);
        }
        if let Some(refusal) = ended(Ending::Refused) {
            return Standing::Refused(refusal.message.clone());
        }
        let unknown = self.unknown();
        if is_beyond(unknown, permits) { Standing::Unknown(unknown) } else { Standing::Open(next) }
    }

    /// How many submissions have gone nobody knows where.
    pub fn unknown(&self) -> u32 {
        u32::try_from(self.0.iter().filter(|slot| slot.is_unknown()).count()).unwrap_or(u32::MAX)
    }
}

/// Whether so many unknown submissions are as many as are allowed.
pub(super) fn is_beyond(unknown: u32, permits: u32) -> bool {
    unknown >= FREE_UNKNOWN.saturating_add(permits)
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
    /// Reads keys such as `<digest>/submit-2.id.json`, without what they all begin with.
    fn read<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for name in names {
            let Some((digest, file)) = name.split_once('/') else { continue };
            let Some(digest) = Digest::from_hex(digest) else { continue };
            let Some(file) = file.strip_prefix("submit-").and_then(|file| file.strip_suffix(".json")) else {
                continue;
            };
            let (number, part) = file.split_once('.').unwrap_or((file, ""));
            let Ok(number) = number.parse() else { continue };
            let parts = all.0.entry(digest).or_default().entry(number).or_default();
            match part {
                "" => parts.begun = true,
                "id" => parts.taken = true,
                "end" => parts.ended = true,
                _ => {}
            }
        }
        all
    }

    /// Whether anything was ever begun for this digest.
    pub fn knows(&self, digest: &Digest) -> bool {
        self.0.contains_key(digest)
    }
}

/// The slots of one step.
#[derive(Clone)]
pub(super) struct Slots {
    pub shelf: Arc<dyn Shelf>,
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

    /// What one attempt has submitted; `look` is now.
    pub async fn spent_by(
        &self,
        attempt: i32,
        listing: &Listing,
        look: Timestamp,
    ) -> Result<Vec<Spent>, StepError> {
        let all = listing.0.iter().flat_map(|(digest, slots)| {
            slots.iter().map(move |(number, parts)| (digest.clone(), *number, *parts))
        });
        let all: Vec<_> = all.collect();
        let slots: Vec<Option<Slot>> = stream::iter(all)
            .map(|(digest, number, parts)| async move { self.read(&digest, number, parts).await })
            .buffered(READS_AT_A_TIME)
            .try_collect()
            .await?;
        let mine = slots.into_iter().flatten().filter(|slot| slot.submission.attempt == attempt);
        Ok(mine.filter_map(|slot| slot.spent(look)).collect())
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
    pub async fn end(&self, digest: &Digest, number: u32, end: &End) {
        if let Err(error) = self.write(&self.keys.slot_end(self.step, digest, number), end).await {
            tracing::warn!(%digest, number, "failed to keep how a submission ended: {error}");
        }
    }

    async fn list_under(&self, prefix: &str) -> Result<Listing, StepError> {
        let base = self.keys.slots(self.step);
        let keys = self.shelf.list(prefix).await?;
        Ok(Listing::read(keys.iter().filter_map(|key| key.strip_prefix(&base))))
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
        Ok(Some(Slot { number, submission, acceptance, end }))
    }

    async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StepError> {
        let Some(bytes) = self.shelf.get(key).await? else { return Ok(None) };
        let read = serde_json::from_slice(&bytes);
        read.map(Some).map_err(|error| StepError::Break(format!("{key} does not read: {error}")))
    }

    async fn write<T: Serialize + Sync>(&self, key: &str, value: &T) -> Result<bool, StepError> {
        let json = serde_json::to_vec(value).map_err(|error| StepError::Break(error.to_string()))?;
        Ok(self.shelf.put_once(key, json).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// A slot by what became of it: `?` nobody knows, `i` an id, or the first letter of its end.
    fn slot(number: u32, fate: char) -> Slot {
        let ending = match fate {
            'n' => Some(Ending::Nothing),
            'd' => Some(Ending::Delivered),
            'r' => Some(Ending::Refused),
            'f' => Some(Ending::Failed),
            _ => None,
        };
        let cost = Money::from_micros(7);
        Slot {
            number,
            submission: Submission {
                attempt: 1,
                pod: "p".to_owned(),
                account: "grok".to_owned(),
                at: at(0),
                cost,
            },
            acceptance: (fate == 'i').then(|| Acceptance {
                id: format!("id-{number}"),
                at: at(2),
                seconds: 0,
                cost,
            }),
            end: ending.map(|how| End { how, message: "why".to_owned(), at: at(5), seconds: 3, cost }),
        }
    }

    fn history(fates: &str) -> History {
        History((1..).zip(fates.chars()).map(|(number, fate)| slot(number, fate)).collect())
    }

    #[test]
    fn what_the_slots_say_decides_what_is_done() {
        let ids = |numbers: &[u32]| {
            Standing::Accepted(numbers.iter().map(|number| (*number, format!("id-{number}"))).collect())
        };
        for (fates, permits, expected) in [
            ("", 0, Standing::Open(1)),
            ("n", 0, Standing::Open(2)),
            ("f", 0, Standing::Open(2)),
            ("nnf", 0, Standing::Open(4)),
            ("d", 0, Standing::Delivered { times: 1, next: 2 }),
            ("?d", 0, Standing::Delivered { times: 1, next: 3 }),
            ("dd", 1, Standing::Delivered { times: 2, next: 3 }),
            ("i", 0, ids(&[1])),
            ("fi", 0, ids(&[2])),
            // An id that came late is looked after, also where everything else has gone wrong.
            ("i?", 0, ids(&[1])),
            ("ir", 0, ids(&[1])),
            ("ii", 0, ids(&[1, 2])),
            ("r", 0, Standing::Refused("why".to_owned())),
            ("?r", 0, Standing::Refused("why".to_owned())),
            ("?", 0, Standing::Open(2)),
            ("?n", 0, Standing::Open(3)),
            ("??", 0, Standing::Unknown(2)),
            ("?n?", 0, Standing::Unknown(2)),
            ("??n", 0, Standing::Unknown(2)),
            ("??", 1, Standing::Open(3)),
            ("???", 1, Standing::Unknown(3)),
        ] {
            assert_eq!(history(fates).standing(permits), expected, "{fates:?} with {permits} permits");
        }
    }

    #[test]
    fn what_was_not_taken_is_not_spent_and_what_nobody_knows_is() {
        let spent = |fate| slot(1, fate).spent(at(100)).map(|spent| (spent.at, spent.seconds));
        assert_eq!(spent('n'), None);
        assert_eq!(spent('?'), Some((at(100), 0)));
        assert_eq!(spent('i'), Some((at(2), 0)));
        assert_eq!(spent('r'), Some((at(5), 3)));
        assert_eq!(spent('d'), Some((at(5), 3)));
    }

    #[test]
    fn other_files_among_the_slots_are_no_slots() {
        let digest = Digest::of_bytes(b"x");
        let names = [
            format!("{digest}/submit-1.json"),
            format!("{digest}/submit-1.id.json"),
            format!("{digest}/submit-x.json"),
            format!("{digest}/notes.txt"),
            "nonsense/submit-1.json".to_owned(),
        ];
        let listing = Listing::read(names.iter().map(String::as_str));
        assert_eq!(listing.0.len(), 1);
        let parts = listing.0[&digest][&1];
        assert!(parts.begun && parts.taken && !parts.ended && listing.0[&digest].len() == 1);
    }
}
