//! After a submission that brought nothing, one goes ahead and the others wait for what comes of it: a service that is
//! broken, or a download that is blocked, costs one submission and not one for each scene.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::slots::Fruitless;

/// What has to come before all may be submitted at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Good {
    /// A submission that is answered: an answer was lost before.
    Answered,
    /// Something that is delivered: what was taken came to nothing before.
    Delivered,
}

/// One goes ahead.
pub(super) struct Probe {
    awaited: Mutex<Option<Good>>,
    one: Semaphore,
}

impl Probe {
    pub fn new() -> Self {
        Self { awaited: Mutex::default(), one: Semaphore::new(1) }
    }

    /// Tells what has become of earlier submissions.
    pub fn heed(&self, found: &Fruitless) {
        let needed = match found {
            Fruitless { failed: 0, unknown: 0, .. } => None,
            Fruitless { failed: 0, .. } => Some(Good::Answered),
            _ => Some(Good::Delivered),
        };
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        *awaited = needed.max(*awaited);
    }

    /// Something good has come.
    pub fn came(&self, good: Good) {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        *awaited = awaited.filter(|needed| *needed > good);
    }

    /// Waits until this one may go ahead; it is the only one for as long as it holds what is returned.
    pub async fn pass(&self) -> Option<SemaphorePermit<'_>> {
        if !self.is_narrow() {
            return None;
        }
        // Never closed.
        let alone = self.one.acquire().await.ok()?;
        self.is_narrow().then_some(alone)
    }

    fn is_narrow(&self) -> bool {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}
