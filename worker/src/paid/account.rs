//! The state of an account that this attempt may submit to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex, OnceLock};

use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use videofactory_pipeline::Digest;
use videofactory_providers::ProviderError;

use super::probe::Probe;
use super::remaining::Remaining;
use super::session::SubmissionSession;
use super::slots::History;
use super::submit_permits::Pace;

/// An account that this attempt may submit to.
pub struct Account {
    pub(super) session: Arc<SubmissionSession>,
    pub(crate) name: String,
    pub(super) pace: Pace,
    pub(super) remaining: Remaining,
    pub(super) probe: Probe,
    pub(super) submissions: Semaphore,
    pub(super) polls: Semaphore,
    /// Cancelled when nothing more may be submitted to it.
    pub(super) halted: CancellationToken,
    /// When the service last spoke of something that an attempt had submitted, by the attempt.
    pub(super) answered: SyncMutex<HashMap<i32, Instant>>,
    pub(super) cause: OnceLock<ProviderError>,
    /// One at a time for each digest; whether this attempt has tried it before.
    pub(super) locks: SyncMutex<HashMap<Digest, Arc<Mutex<bool>>>>,
    /// What was submitted before this attempt.
    pub(super) histories: SyncMutex<HashMap<Digest, History>>,
}
