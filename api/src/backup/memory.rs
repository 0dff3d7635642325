//! A budget of memory for what must be there as a whole: backups, on their way in and out. All else is streamed, or small.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, oneshot};
use tokio::time::timeout;

use crate::body::too_slow;
use crate::problem::Problem;

/// For backups: a third of what the operator's Deployment may take.
pub static BACKUP_MEMORY: MemoryBudget = MemoryBudget::new(160);
/// Bytes that are sent at once.
const PIECE: usize = 64 * 1024;

/// Memory that is shared.
#[derive(Debug)]
pub struct MemoryBudget {
    /// MiB in all.
    mib: u32,
    /// A permit is a MiB.
    semaphore: Semaphore,
    /// Notified when a part is given back.
    freed: Notify,
}

/// A part of the budget, until this is dropped.
#[derive(Debug)]
pub struct MemoryPermit {
    budget: &'static MemoryBudget,
    permits: Vec<SemaphorePermit<'static>>,
}

impl MemoryBudget {
    /// With so many MiB.
    pub const fn new(mib: u32) -> Self {
        Self { mib, semaphore: Semaphore::const_new(mib as usize), freed: Notify::const_new() }
    }

    /// A part for so many bytes, if so much is left.
    pub fn try_acquire(&'static self, bytes: usize) -> Result<MemoryPermit, Problem> {
        let mut permit = self.nothing();
        permit.try_grow_to(bytes)?;
        Ok(permit)
    }

    /// The same once so much is left, for who can wait. It takes nothing meanwhile: whoever asks for less gets it before.
    pub async fn acquire(&'static self, bytes: usize) -> MemoryPermit {
        loop {
            // Hears of what is freed from now on.
            let freed = self.freed.notified();
            if let Ok(permit) = self.try_acquire(bytes) {
                return permit;
            }
            freed.await;
        }
    }

    /// A part for nothing yet.
    pub const fn nothing(&'static self) -> MemoryPermit {
        MemoryPermit { budget: self, permits: Vec::new() }
    }

    /// What is larger than the whole budget takes all of it, and is alone.
    fn mib_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(1024 * 1024)).unwrap_or(self.mib).min(self.mib)
    }

    fn try_acquire_mib(&'static self, mib: u32) -> Result<SemaphorePermit<'static>, Problem> {
        let full = |_| Problem::later("other backups fill the memory; try again", 10);
        self.semaphore.try_acquire_many(mib).map_err(full)
    }

    /// A body, read whole within this time. Its part of the budget grows with what has come of it: who is slow takes no
    /// more than they have sent.
    pub async fn read(
        &'static self,
        body: Body,
        most: usize,
        within: Duration,
    ) -> Result<(Vec<u8>, MemoryPermit), Problem> {
        let too_large =
            || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {most} bytes"));
        if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
            return Err(too_large());
        }
        let mut permit = self.try_acquire(1)?;
        let mut pieces = body.into_data_stream();
        let mut content = Vec::new();
        let reading = async {
            while let Some(piece) = pieces.next().await {
                let piece =
                    piece.map_err(|_| Problem::bad_request("the body ended before it was complete"))?;
                if content.len() + piece.len() > most {
                    return Err(too_large());
                }
                permit.try_grow_to(content.len() + piece.len())?;
                content.extend_from_slice(&piece);
            }
            Ok(())
        };
        timeout(within, reading).await.map_err(|_| too_slow(within))??;
        Ok((content, permit))
    }
}

impl MemoryPermit {
    /// A larger part, for so many bytes, if so much is left.
    pub fn try_grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        if let Some(more) = self.missing(bytes) {
            self.permits.push(self.budget.try_acquire_mib(more)?);
        }
        Ok(())
    }

    /// Whether the whole budget is enough for so many bytes.
    pub fn may_hold(&self, bytes: usize) -> bool {
        bytes.div_ceil(1024 * 1024) <= self.budget.mib as usize
    }

    fn missing(&self, bytes: usize) -> Option<u32> {
        let taken: usize = self.permits.iter().map(SemaphorePermit::num_permits).sum();
        let taken = u32::try_from(taken).unwrap_or(self.budget.mib);
        self.budget.mib_of(bytes).checked_sub(taken).filter(|more| *more > 0)
    }
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        if !self.permits.is_empty() {
            self.permits.clear();
            self.budget.freed.notify_waiters();
        }
    }
}

/// A body with this content, which is there for so long: who has not read it by then gets no more of it.
pub fn body(content: Vec<u8>, permit: MemoryPermit, within: Duration) -> Body {
    let kept = Arc::new(Mutex::new(Some((Bytes::from(content), permit))));
    let (read, ended) = oneshot::channel::<()>();
    let lent = Arc::clone(&kept);
    tokio::spawn(async move {
        let _ = timeout(within, ended).await;
        lent.lock().take();
    });
    let pieces = stream::unfold((kept, read), |(kept, read)| async move {
        let piece = match &mut *kept.lock() {
            Some((content, _)) if content.is_empty() => return None,
            // A copy: a part of the whole would keep all of it.
            Some((content, _)) => Ok(Bytes::copy_from_slice(&content.split_to(content.len().min(PIECE)))),
            None => Err(std::io::Error::from(std::io::ErrorKind::TimedOut)),
        };
        Some((piece, (kept, read)))
    });
    // Who compresses it asks once more after its end.
    Body::from_stream(pieces.fuse())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::testing::documented;

    const MINUTE: Duration = Duration::from_mins(1);
    /// The whole budget of these tests.
    const ALL: usize = 4 * 1024 * 1024;

    fn budget() -> &'static MemoryBudget {
        Box::leak(Box::new(MemoryBudget::new(4)))
    }

    fn content() -> Vec<u8> {
        vec![7; 3 * PIECE + 1]
    }

    #[tokio::test]
    async fn what_is_read_takes_memory_until_it_is_dropped() {
        let budget = budget();
        let (read, permit) = budget.read(Body::from(vec![7; ALL / 2 + 1]), ALL, MINUTE).await.unwrap();
        assert_eq!((read.len(), budget.semaphore.available_permits()), (ALL / 2 + 1, 1));
        let refused = budget.read(Body::from(vec![7; ALL / 2]), ALL, MINUTE).await.unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::SERVICE_UNAVAILABLE, Some(10)));
        drop(permit);
        assert_eq!(budget.semaphore.available_permits(), 4);
        let large = budget.read(Body::from(content()), content().len() - 1, MINUTE).await.unwrap_err();
        assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_too_slowly_is_given_up_and_takes_no_more_memory_than_has_come() {
        let budget = budget();
        let trickle = stream::repeat(()).then(|()| async {
            tokio::time::sleep(MINUTE / 4).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b"{"))
        });
        let reading = budget.read(Body::from_stream(trickle), ALL, MINUTE);
        let look = async {
            tokio::time::sleep(MINUTE / 2).await;
            budget.semaphore.available_permits()
        };
        let (read, left) = tokio::join!(reading, look);
        assert_eq!((read.err().unwrap().status, left), (StatusCode::REQUEST_TIMEOUT, 3));
        assert_eq!(budget.semaphore.available_permits(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_takes_memory_until_its_last_byte_or_its_time() {
        let budget = budget();
        let sent = body(content(), budget.try_acquire(2 * ALL).unwrap(), MINUTE);
        assert!(budget.try_acquire(1).is_err(), "what is larger than the budget is alone");
        assert_eq!(sent.collect().await.unwrap().to_bytes(), content());
        drop(budget.semaphore.acquire_many(4).await.unwrap());

        let mut slow = body(content(), budget.try_acquire(ALL).unwrap(), MINUTE);
        assert_eq!(slow.frame().await.unwrap().unwrap().into_data().unwrap().len(), PIECE);
        let before = tokio::time::Instant::now();
        drop(budget.semaphore.acquire_many(4).await.unwrap());
        assert!(before.elapsed() >= MINUTE);
        assert!(slow.collect().await.is_err(), "what is cut short is no whole backup");
    }

    #[tokio::test]
    async fn what_was_sent_whole_can_be_asked_for_more_and_has_none() {
        let mut sent = body(vec![7], budget().try_acquire(1).unwrap(), MINUTE).into_data_stream();
        assert_eq!(sent.next().await.unwrap().unwrap().len(), 1);
        for _ in 0..2 {
            assert!(sent.next().await.is_none());
        }
    }

    #[test]
    fn the_memory_for_backups_is_documented() {
        let row = format!(
            "Backups in memory, in requests and answers, and scheduled ones | {} MiB together;",
            BACKUP_MEMORY.mib
        );
        documented::limit(&row);
    }
}
