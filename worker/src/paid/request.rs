//! Paid requests: one trait for services that answer at once and for those that are polled.

use videofactory_crds::units::Money;
use videofactory_pipeline::Digest;
use videofactory_providers::{ProviderError, Ticket};

use crate::outcome::StepError;

/// A service's answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<G> {
    /// Here it is.
    Delivered(G),
    /// It is being made; the service's id of it.
    Accepted(String),
}

/// A request that is paid for, accepted at most once under one digest.
pub trait PaidRequest: Sync {
    /// What is delivered.
    type Artifact: Send + Sync;
    /// What a submission needs besides the request; fetched before its slot is taken.
    type Prepared: Send + Sync;

    /// What it is made from: its slots lie under this.
    fn digest(&self) -> &Digest;

    /// Whether it does no harm to submit it again after an answer was lost, as often as that happens.
    fn may_repeat(&self) -> bool {
        false
    }

    /// What it is expected to cost.
    fn price(&self) -> Money;

    /// What it did cost.
    fn cost(&self, artifact: &Self::Artifact) -> Money;

    /// Whether it is in the bucket already.
    fn is_there(&self) -> impl Future<Output = Result<bool, StepError>> + Send;

    /// Fetches what the submission needs.
    fn prepare(&self) -> impl Future<Output = Result<Self::Prepared, StepError>> + Send;

    /// The service's id of what is submitted with this ticket, where it takes ids of ours: what became of such a
    /// submission can be looked up although its answer was lost.
    fn id_of(&self, ticket: &Ticket) -> Option<String> {
        let _ = ticket;
        None
    }

    /// Submits it: once. Retries are the caller's. The ticket is this submission's own.
    fn submit(
        &self,
        prepared: &Self::Prepared,
        ticket: &Ticket,
    ) -> impl Future<Output = Result<Answer<Self::Artifact>, ProviderError>> + Send;

    /// Polls it; `None` while it is being generated.
    fn poll(&self, id: &str) -> impl Future<Output = Result<Option<Self::Artifact>, ProviderError>> + Send;

    /// Puts it into the bucket, unless it is there. Tried again if the bucket fails.
    fn store(&self, artifact: &Self::Artifact) -> impl Future<Output = Result<(), StepError>> + Send;
}
