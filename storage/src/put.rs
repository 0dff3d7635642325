//! Writing whole objects, once or again.
//!
//! Every write leaves a random mark in the object's metadata. A write-once put that is answered "exists already" asks
//! whose mark is there: an answer lost on the way and tried again is thereby still known as our own creation.

use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use crate::bucket::Bucket;
use crate::error::{Result, StorageError};
use crate::multipart::SINGLE_PUT_BYTES;
use crate::object::{Mode, PutOnce, PutOptions, Stored, measure_file, sha256_of};

impl Bucket {
    /// Stores bytes under `key`, replacing what is there. Films belong to [`Bucket::put_file`].
    pub async fn put(&self, key: &str, body: impl Into<Bytes>, options: &PutOptions) -> Result<Stored> {
        let end = Box::pin(self.put_bytes(key, body.into(), options, Mode::Replace)).await?;
        created(self, key, self.counted(end))
    }

    /// Stores bytes under `key` only if nothing is there. Of any number of writers exactly one gets the answer
    /// [`PutOnce::Created`], given a server that passes [`Bucket::probe`].
    pub async fn put_once(&self, key: &str, body: impl Into<Bytes>, options: &PutOptions) -> Result<PutOnce> {
        Ok(self.counted(Box::pin(self.put_bytes(key, body.into(), options, Mode::Once)).await?))
    }

    /// Stores a value as JSON under `key` only if nothing is there.
    pub async fn put_json_once<T: Serialize + Sync>(&self, key: &str, value: &T) -> Result<PutOnce> {
        let body = serde_json::to_vec(value).map_err(|error| StorageError::InvalidRequest {
            what: format!("the value for {key} cannot be written as JSON ({error})"),
            remedy: "use string keys and finite numbers".into(),
        })?;
        self.put_once(key, body, &PutOptions::of_type("application/json")).await
    }

    /// Stores a file under `key`, replacing what is there; above [`SINGLE_PUT_BYTES`] in parts, with a few parts
    /// in memory at a time. The file must not change meanwhile.
    pub async fn put_file(&self, key: &str, path: &Path, options: &PutOptions) -> Result<Stored> {
        let end = Box::pin(self.put_path(key, path, options, Mode::Replace)).await?;
        created(self, key, self.counted(end))
    }

    /// Stores a file under `key` only if nothing is there; otherwise like [`Bucket::put_file`].
    pub async fn put_file_once(&self, key: &str, path: &Path, options: &PutOptions) -> Result<PutOnce> {
        Ok(self.counted(Box::pin(self.put_path(key, path, options, Mode::Once)).await?))
    }

    fn counted(&self, end: PutOnce) -> PutOnce {
        if let PutOnce::Created(stored) = &end {
            self.tally().count(&stored.key, stored.size);
        }
        end
    }

    async fn put_path(&self, key: &str, path: &Path, options: &PutOptions, mode: Mode) -> Result<PutOnce> {
        let (size, sha256) = measure_file(path).await?;
        if size > SINGLE_PUT_BYTES {
            return self.put_parts(key, path, size, &sha256, options, mode).await;
        }
        let body = tokio::fs::read(path).await.map_err(|error| StorageError::local("read", path, &error))?;
        self.put_bytes(key, body.into(), options, mode).await
    }

    async fn put_bytes(&self, key: &str, body: Bytes, options: &PutOptions, mode: Mode) -> Result<PutOnce> {
        let sha256 = sha256_of(&body);
        let size = body.len() as u64;
        let mark = Uuid::new_v4().simple().to_string();
        let answer = self
            .bulk()
            .put_object()
            .bucket(self.name())
            .key(self.keys().full(key)?)
            .set_content_type(options.content_type.clone())
            .set_content_disposition(options.content_disposition.clone())
            .set_metadata(Some(options.metadata_for(&sha256, &mark)?))
            .set_if_none_match((mode == Mode::Once).then(|| "*".to_owned()))
            .body(ByteStream::from(body))
            .send()
            .await;
        match answer {
            Ok(output) => {
                let etag = output.e_tag().unwrap_or_default().trim_matches('"').to_owned();
                Ok(PutOnce::Created(Stored { key: key.to_owned(), size, etag, sha256 }))
            }
            Err(error) => {
                let error = self.failed("put", key, &error);
                if mode == Mode::Once { self.confirm_outcome(key, &mark, error).await } else { Err(error) }
            }
        }
    }

    /// Decides a write-once call that was refused: whose object is there? A refusal for rate counts too, for
    /// on R2 it means that somebody writes this key just now.
    pub(crate) async fn confirm_outcome(
        &self,
        key: &str,
        mark: &str,
        refusal: StorageError,
    ) -> Result<PutOnce> {
        let contested =
            matches!(refusal, StorageError::PreconditionFailed { .. } | StorageError::TooManyRequests { .. });
        if !contested {
            return Err(refusal);
        }
        match self.head(key).await? {
            Some(info) if info.writer.as_deref() == Some(mark) => Ok(PutOnce::Created(Stored {
                key: info.key,
                size: info.size,
                etag: info.etag,
                sha256: info.sha256.unwrap_or_default(),
            })),
            Some(info) => Ok(PutOnce::AlreadyExists(Box::new(info))),
            None => Err(refusal),
        }
    }
}

/// A replacing write knows no "exists already"; a server that says so all the same gets an error.
fn created(bucket: &Bucket, key: &str, end: PutOnce) -> Result<Stored> {
    match end {
        PutOnce::Created(stored) => Ok(stored),
        PutOnce::AlreadyExists(_) => {
            Err(StorageError::PreconditionFailed { tried: bucket.tried("put", key) })
        }
    }
}
