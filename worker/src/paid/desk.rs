//! Where one attempt buys: its fence, its slots, and the books of what it finds and spends.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use videofactory_crds::StepName;
use videofactory_pipeline::{Digest, Keys};

use super::books::Books;
use super::clock::Clock;
use super::fence::Fence;
use super::shelf::Shelf;
use super::slots::{History, Leave, Listing, Slots};
use crate::outcome::StepError;
use crate::traces::Traces;

/// How many histories are read at a time.
const READS_AT_A_TIME: usize = 16;

/// What a desk is opened with.
#[derive(Clone)]
pub struct Terms {
    /// Where slots and fences lie.
    pub shelf: Arc<dyn Shelf>,
    /// Their names.
    pub keys: Keys,
    pub step: StepName,
    pub attempt: i32,
    /// UID of its pod.
    pub pod: String,
    /// How many submissions in all a person has allowed, by digest.
    pub permits: BTreeMap<Digest, u32>,
    /// What was delivered before and is gone may be bought once more.
    pub again_before: Option<Timestamp>,
    /// Nothing is submitted.
    pub survey: bool,
    /// The attempt whose spending is to be found out.
    pub accounts_for: Option<i32>,
    /// Where it is written down.
    pub books: Books,
    /// What of it took time.
    pub traces: Traces,
    /// What time it is.
    pub clock: Clock,
    /// Cancelled when nothing more may be begun.
    pub stop: CancellationToken,
}

/// One attempt's desk.
pub struct Desk {
    pub(super) terms: Terms,
    pub(super) slots: Slots,
    pub(super) fence: Fence,
    /// What was there when the attempt began, after its fence was raised: what was not there then was begun
    /// by nobody who may still submit.
    listing: Listing,
}

impl Desk {
    /// Raises the attempt's fence, and in a survey finds out what the attempt before has spent.
    pub async fn open(terms: Terms) -> Result<Self, StepError> {
        let Terms { shelf, keys, step, attempt, .. } = &terms;
        let fence = Fence::raise(shelf.clone(), keys, *step, *attempt, &terms.pod).await?;
        terms.books.is_fenced();
        let slots = Slots { shelf: shelf.clone(), keys: keys.clone(), step: *step };
        let listing = slots.list().await?;
        if let Some(earlier) = terms.accounts_for.filter(|_| terms.survey) {
            let look = terms.clock.answered();
            terms.books.account_for(slots.spent_by(earlier, &listing, look).await?);
        }
        Ok(Self { terms, slots, fence, listing })
    }

    /// What a person has allowed for this digest.
    pub(super) fn leave(&self, digest: &Digest, repeats: bool) -> Leave {
        let submissions = self.terms.permits.get(digest).copied().unwrap_or_default();
        Leave { submissions, again_before: self.terms.again_before, repeats }
    }

    /// What was submitted before this attempt for those of the digests for which anything was.
    pub(super) async fn histories(
        &self,
        digests: &BTreeSet<Digest>,
    ) -> Result<HashMap<Digest, History>, StepError> {
        let known = digests.iter().filter(|digest| self.listing.knows(digest)).cloned();
        stream::iter(known.collect::<Vec<_>>())
            .map(|digest| async move { Ok((digest.clone(), self.slots.history(&digest).await?)) })
            .buffer_unordered(READS_AT_A_TIME)
            .try_collect()
            .await
    }
}
