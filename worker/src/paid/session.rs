//! The session in which one attempt submits: its fencing token, its slots, and its usage recorder.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use videofactory_crds::StepName;
use videofactory_pipeline::{Digest, Keys};

use super::clock::Clock;
use super::fencing_token::FencingToken;
use super::slots::{History, Listing, ResubmitPolicy, Slots};
use super::store::WriteOnceStore;
use super::usage::UsageRecorder;
use crate::outcome::StepError;
use crate::traces::Traces;

/// How many histories are read at a time.
const READ_CONCURRENCY: usize = 16;

/// The configuration of a session.
#[derive(Clone)]
pub struct SessionConfig {
    /// Holds slots and fencing tokens.
    pub store: Arc<dyn WriteOnceStore>,
    /// Their names.
    pub keys: Keys,
    pub step: StepName,
    pub attempt: i32,
    /// UID of its pod.
    pub pod: String,
    /// How many submissions in all a person has allowed, by digest.
    pub allowed_submissions: BTreeMap<Digest, u32>,
    /// What was delivered before and is gone may be bought once more.
    pub again_before: Option<Timestamp>,
    /// Nothing is submitted.
    pub survey: bool,
    /// The attempt whose spending is to be found out.
    pub accounts_for: Option<i32>,
    /// Where it is written down.
    pub usage: UsageRecorder,
    /// What of it took time.
    pub traces: Traces,
    /// What time it is.
    pub clock: Clock,
    /// Cancelled when nothing more may be begun.
    pub stop: CancellationToken,
}

/// The submission session of one attempt.
pub struct SubmissionSession {
    pub(super) config: SessionConfig,
    pub(super) slots: Slots,
    pub(super) fencing_token: FencingToken,
    /// The slots at the beginning of the attempt, after its token was acquired: no other execution may submit for a
    /// digest without a slot in it.
    listing: Listing,
}

impl SubmissionSession {
    /// Acquires the attempt's fencing token, and in a survey reads what the earlier attempt has spent.
    pub async fn open(config: SessionConfig) -> Result<Self, StepError> {
        let SessionConfig { store, keys, step, attempt, .. } = &config;
        let fencing_token = FencingToken::acquire(store.clone(), keys, *step, *attempt, &config.pod).await?;
        config.usage.set_holds_fencing_token();
        let slots = Slots { store: store.clone(), keys: keys.clone(), step: *step };
        let listing = slots.list().await?;
        if let Some(earlier) = config.accounts_for.filter(|_| config.survey) {
            let now = config.clock.answered();
            config.usage.record_survey(slots.spent_by(earlier, &listing, now).await?);
        }
        Ok(Self { config, slots, fencing_token, listing })
    }

    /// What a person has allowed for this digest.
    pub(super) fn policy(&self, digest: &Digest, repeats: bool) -> ResubmitPolicy {
        let submissions = self.config.allowed_submissions.get(digest).copied().unwrap_or_default();
        ResubmitPolicy { submissions, again_before: self.config.again_before, repeats }
    }

    /// The services' ids of all that was submitted for this step before this attempt.
    pub(super) async fn known_ids(&self) -> Result<Vec<String>, StepError> {
        self.slots.ids(&self.listing).await
    }

    /// What was submitted before this attempt for other digests than these, where any of it may be under way.
    pub(super) async fn histories_beside(
        &self,
        wanted: &BTreeSet<Digest>,
    ) -> Result<HashMap<Digest, History>, StepError> {
        let others = self.listing.under_way().filter(|digest| !wanted.contains(digest)).cloned().collect();
        self.histories(&others).await
    }

    /// What was submitted before this attempt for those of the digests for which anything was.
    pub(super) async fn histories(
        &self,
        digests: &BTreeSet<Digest>,
    ) -> Result<HashMap<Digest, History>, StepError> {
        let known = digests.iter().filter(|digest| self.listing.knows(digest)).cloned();
        stream::iter(known.collect::<Vec<_>>())
            .map(|digest| async move { Ok((digest.clone(), self.slots.history(&digest).await?)) })
            .buffer_unordered(READ_CONCURRENCY)
            .try_collect()
            .await
    }
}
