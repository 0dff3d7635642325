//! Finding out whether a bucket is fit for use.
//!
//! Four questions, each meaningful only after the one before it: is the server reachable, does it take the
//! credentials, is the bucket there, does it write once. The last is asked by writing, because servers that
//! ignore `If-None-Match` say so nowhere: a second put after a first, then two at once.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::bucket::Bucket;
use crate::error::{Result, StorageError};
use crate::key::PROBES;
use crate::object::{PutOnce, PutOptions};

/// What a probe found to be in order; each rung presupposes those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Nothing answered.
    Nothing,
    /// A server answers.
    Server,
    /// It takes the credentials.
    Credentials,
    /// The bucket exists and can be listed.
    Bucket,
    /// Objects can be written, and once only where that is asked for.
    WriteOnce,
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// How far the bucket came.
    pub reached: Rung,
    /// How long the first question took to be answered, or to be given up.
    pub latency: Duration,
    /// What stood in the way of the next rung; `None` if the bucket is fit for use.
    pub problem: Option<StorageError>,
}

impl ProbeReport {
    /// Whether the bucket is fit for use.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.problem.is_none()
    }
}

impl Bucket {
    /// Asks the four questions, within about a minute at worst and two seconds as a rule. Five class A
    /// operations; the keys written, under `probes/`, are deleted again.
    pub async fn probe(&self) -> ProbeReport {
        let bucket = self.with_short_timeouts();
        let begun = Instant::now();
        let listed = bucket.list_one().await;
        let latency = begun.elapsed();
        let (reached, problem) = match listed {
            Err(error) => (rung_before(&error), Some(error)),
            Ok(()) => match Box::pin(bucket.writes_once()).await {
                Err(error) => (Rung::Bucket, Some(error)),
                Ok(()) => (Rung::WriteOnce, None),
            },
        };
        ProbeReport { reached, latency, problem }
    }

    /// Asks only whether the server answers, takes the credentials and knows the bucket. One class B operation,
    /// and a class A one when the answer is no: only that says why.
    pub async fn check(&self) -> Result<()> {
        let bucket = self.with_short_timeouts();
        match bucket.small().head_bucket().bucket(bucket.name()).send().await {
            Ok(_) => Ok(()),
            Err(error) => match bucket.failed("head", "", &error) {
                StorageError::NoSuchKey { .. }
                | StorageError::Credentials { .. }
                | StorageError::Other { .. } => bucket.list_one().await,
                other => Err(other),
            },
        }
    }

    async fn list_one(&self) -> Result<()> {
        let request = self.small().list_objects_v2().bucket(self.name()).prefix(self.prefix()).max_keys(1);
        request.send().await.map(drop).map_err(|error| match self.failed("list", "", &error) {
            // It asks for no object: an S3 server would miss the bucket.
            StorageError::NoSuchKey { tried } => StorageError::NotS3 { tried, code: "HTTP 404".to_owned() },
            other => other,
        })
    }

    async fn writes_once(&self) -> Result<()> {
        let [in_turn, at_once] = [(); 2].map(|()| format!("{PROBES}{}", Uuid::new_v4().simple()));
        let ended = Box::pin(self.try_both(&in_turn, &at_once)).await;
        for (key, error) in self.delete(&[in_turn, at_once]).await.failed {
            tracing::debug!(key, %error, "a probe's object stays behind");
        }
        ended
    }

    async fn try_both(&self, in_turn: &str, at_once: &str) -> Result<()> {
        let put = |key| async move { self.put_once(key, "probe", &PutOptions::of_type("text/plain")).await };
        let winners = |ends: [&PutOnce; 2]| ends.iter().filter(|end| end.is_created()).count();
        let (first, second) = (put(in_turn).await?, put(in_turn).await?);
        if winners([&first, &second]) != 1 {
            return Err(self.ignores_preconditions("a second put of the same key was not refused"));
        }
        let (one, other) = tokio::join!(put(at_once), put(at_once));
        if winners([&one?, &other?]) != 1 {
            return Err(self.ignores_preconditions("of two puts at once not exactly one was refused"));
        }
        Ok(())
    }

    fn ignores_preconditions(&self, detail: &str) -> StorageError {
        StorageError::PreconditionsUnsupported { bucket: self.name().to_owned(), detail: detail.to_owned() }
    }
}

/// How far a listing came that failed.
fn rung_before(error: &StorageError) -> Rung {
    match error {
        StorageError::Unreachable { .. } => Rung::Nothing,
        StorageError::NoSuchBucket { .. } => Rung::Credentials,
        _ => Rung::Server,
    }
}
