//! Deleting, by the thousand or one by one.
//!
//! What became of each key is reported separately: a prune must know what is gone. Deleting what does not exist succeeds.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::delete_objects::DeleteObjectsError;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::stream::{self, StreamExt};

use crate::bucket::Bucket;
use crate::error::{Result, StorageError};
use crate::translate::{Answer, from_answer};

/// Most keys of one request.
pub const KEYS_A_REQUEST: usize = 1000;
/// Single deletes under way at a time.
const SINGLE_CONCURRENCY: usize = 8;

/// What became of each key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteReport {
    /// Keys that are gone now.
    pub deleted: Vec<String>,
    /// Keys that are still there, or of which nothing is known, and why.
    pub failed: Vec<(String, StorageError)>,
    /// Requests that it took, those repeated within not counted.
    pub requests: u64,
}

impl Bucket {
    /// Deletes one object; succeeds if it does not exist.
    pub async fn delete_one(&self, key: &str) -> Result<()> {
        let answer =
            self.small().delete_object().bucket(self.name()).key(self.keys().full(key)?).send().await;
        match answer.map_err(|error| self.failed("delete", key, &error)) {
            Err(StorageError::NoSuchKey { .. }) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes objects in requests of 1,000, or one by one where the server insists on a Content-MD5.
    /// When the whole bucket is out of reach, the keys not yet asked for are reported as failed.
    pub async fn delete(&self, keys: &[String]) -> DeleteReport {
        let mut report = DeleteReport::default();
        let mut batches = keys.chunks(KEYS_A_REQUEST);
        while let Some(batch) = batches.next() {
            let outage = if self.deletes_singly() {
                self.delete_singly(batch, &mut report).await;
                None
            } else {
                self.delete_batch(batch, &mut report).await.err()
            };
            if let Some(error) = outage {
                let untried = std::iter::once(batch).chain(batches.by_ref()).flatten();
                report.failed.extend(untried.map(|key| (key.clone(), error.clone())));
            }
        }
        report
    }

    async fn delete_batch(&self, keys: &[String], report: &mut DeleteReport) -> Result<()> {
        let mut identifiers = Vec::with_capacity(keys.len());
        let mut asked = Vec::with_capacity(keys.len());
        for key in keys {
            match self.identifier(key) {
                Ok(identifier) => {
                    identifiers.push(identifier);
                    asked.push(key);
                }
                Err(error) => report.failed.push((key.clone(), error)),
            }
        }
        if identifiers.is_empty() {
            return Ok(());
        }
        let order = Delete::builder().set_objects(Some(identifiers)).quiet(true).build();
        let order = order.map_err(|error| not_built("", &error))?;
        report.requests += 1;
        let answer = self.small().delete_objects().bucket(self.name()).delete(order).send().await;
        let output = match answer {
            Err(error) if wants_md5(&error) => {
                self.delete_singly_from_now_on();
                self.delete_singly(asked, report).await;
                return Ok(());
            }
            other => other.map_err(|error| self.failed("delete a batch", "", &error))?,
        };
        let mut refused = std::collections::HashMap::new();
        for error in output.errors() {
            let Some(key) = error.key().and_then(|full| self.keys().relative(full)) else { continue };
            let tried = self.tried("delete", key);
            let answer = Answer { code: error.code(), words: error.message(), ..Answer::default() };
            refused.insert(key, from_answer(tried, &answer));
        }
        for key in asked {
            match refused.remove(key.as_str()) {
                None | Some(StorageError::NoSuchKey { .. }) => report.deleted.push(key.clone()),
                Some(error) => report.failed.push((key.clone(), error)),
            }
        }
        Ok(())
    }

    fn identifier(&self, key: &str) -> Result<ObjectIdentifier> {
        let identifier = ObjectIdentifier::builder().key(self.keys().full(key)?).build();
        identifier.map_err(|error| not_built(key, &error))
    }

    async fn delete_singly(&self, keys: impl IntoIterator<Item = &String>, report: &mut DeleteReport) {
        // Owned keys: a closure over borrowed ones would keep this future from being sent to other threads.
        let keys: Vec<String> = keys.into_iter().cloned().collect();
        let mut ends = stream::iter(keys)
            .map(|key| async move {
                let end = self.delete_one(&key).await;
                (key, end)
            })
            .buffer_unordered(SINGLE_CONCURRENCY);
        while let Some((key, end)) = ends.next().await {
            report.requests += 1;
            match end {
                Ok(()) => report.deleted.push(key),
                Err(error) => report.failed.push((key, error)),
            }
        }
    }
}

fn not_built(key: &str, error: &BuildError) -> StorageError {
    StorageError::InvalidRequest {
        what: format!("the request to delete {key} cannot be built ({error})"),
        remedy: "correct the key".into(),
    }
}

fn wants_md5(error: &SdkError<DeleteObjectsError, HttpResponse>) -> bool {
    let md5 = error.message().is_some_and(|message| message.contains("Content-MD5"));
    matches!(error.code(), Some("MissingContentMD5" | "NotImplemented"))
        || md5 && matches!(error.code(), Some("InvalidRequest" | "InvalidDigest" | "InvalidArgument"))
}
