//! Reading objects: whole, in part, into a file, as JSON; and asking whether they exist.
//!
//! Nothing is read into memory without a bound that the caller gave. What is read whole is checked against the
//! SHA-256 that was stored with it.

use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::bucket::Bucket;
use crate::error::{Result, StorageError};
use crate::object::{ObjectInfo, sha256_of};

/// Largest JSON object that is read, in bytes.
const MAX_JSON_BYTES: u64 = 4 * 1024 * 1024;

/// A part of an object, in bytes; positions count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From a position to the end.
    From(u64),
    /// From a position to another, both included.
    Inclusive(u64, u64),
    /// The last bytes, at most this many.
    Last(u64),
}

impl ByteRange {
    fn header(self) -> String {
        match self {
            Self::From(first) => format!("bytes={first}-"),
            Self::Inclusive(first, last) => format!("bytes={first}-{last}"),
            Self::Last(count) => format!("bytes=-{count}"),
        }
    }
}

/// An object being read: what it is, and its bytes as they come.
#[derive(Debug)]
pub struct Download {
    /// The object. Its size is that of the whole object, also when a range is read.
    pub info: ObjectInfo,
    /// Bytes that this answer carries.
    pub length: u64,
    /// The `Content-Range` of the answer, such as `bytes 0-9/200`, if a range was asked for.
    pub content_range: Option<String>,
    tried: String,
    body: ByteStream,
}

impl Download {
    /// The bytes, piece by piece. Nothing is checked: a part has no digest.
    #[must_use]
    pub fn into_stream(self) -> BoxStream<'static, Result<Bytes>> {
        let Self { tried, body, .. } = self;
        stream::unfold((body, tried), |(mut body, tried)| async move {
            let piece = next_piece(&mut body, &tried).await.transpose()?;
            Some((piece, (body, tried)))
        })
        .boxed()
    }
}

impl Bucket {
    /// What the server knows of an object; `None` if there is none. One class B operation.
    ///
    /// An answer to HEAD has no body, so that a missing bucket looks like a missing object, and to versitygw's
    /// clients so does an unknown access key: [`Bucket::check`] distinguishes these.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        let answer = self.small().head_object().bucket(self.name()).key(self.keys().full(key)?).send().await;
        match answer {
            Ok(head) => Ok(Some(
                ObjectInfo::new(key, head.content_length(), head.e_tag(), head.last_modified())
                    .with_headers(head.content_type(), head.metadata()),
            )),
            Err(error) => match self.failed("head", key, &error) {
                StorageError::NoSuchKey { .. } => Ok(None),
                other => Err(other),
            },
        }
    }

    /// Opens an object, or a range of it, for reading as it comes.
    pub async fn open(&self, key: &str, range: Option<ByteRange>) -> Result<Download> {
        let answer = self
            .bulk()
            .get_object()
            .bucket(self.name())
            .key(self.keys().full(key)?)
            .set_range(range.map(ByteRange::header))
            .send()
            .await
            .map_err(|error| self.failed("get", key, &error))?;
        let content_range = answer.content_range().map(str::to_owned);
        let whole = content_range.as_deref().and_then(|text| text.rsplit('/').next()?.parse().ok());
        let info =
            ObjectInfo::new(key, whole.or(answer.content_length()), answer.e_tag(), answer.last_modified())
                .with_headers(answer.content_type(), answer.metadata());
        let length = answer.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
        Ok(Download { info, length, content_range, tried: self.tried("get", key), body: answer.body })
    }

    /// A whole object of at most `max_bytes`, checked against its digest.
    pub async fn get(&self, key: &str, max_bytes: u64) -> Result<Bytes> {
        let mut download = self.open(key, None).await?;
        let content = collect(&mut download, max_bytes).await?;
        check_digest(&download, || sha256_of(&content))?;
        Ok(content)
    }

    /// A range of an object; at most `max_bytes` are taken.
    pub async fn get_range(&self, key: &str, range: ByteRange, max_bytes: u64) -> Result<Bytes> {
        collect(&mut self.open(key, Some(range)).await?, max_bytes).await
    }

    /// A JSON object of at most 4 MiB; `None` if there is none.
    pub async fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let content = match self.get(key, MAX_JSON_BYTES).await {
            Err(error) if error.is_missing() => return Ok(None),
            other => other?,
        };
        serde_json::from_slice(&content).map(Some).map_err(|error| StorageError::Corrupt {
            tried: self.tried("get", key),
            detail: format!("it does not read as the JSON expected: {error}"),
        })
    }

    /// Reads a whole object into a file, checked against its digest. The file appears under `path` when it is
    /// complete, replacing what was there, and not at all on failure.
    pub async fn get_to_file(&self, key: &str, path: &Path) -> Result<ObjectInfo> {
        let download = self.open(key, None).await?;
        let partial = partial_path(path);
        let ended = match write_to(download, &partial).await {
            Ok(info) => tokio::fs::rename(&partial, path)
                .await
                .map(|()| info)
                .map_err(|error| StorageError::local("rename to", path, &error)),
            Err(error) => Err(error),
        };
        if ended.is_err() {
            // Already failing: what cannot be removed now is only litter beside the target.
            drop(tokio::fs::remove_file(&partial).await);
        }
        ended
    }
}

/// A name of its own beside `path`, however long that one is: most file systems end at 255 bytes.
fn partial_path(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}.part", Uuid::new_v4().simple()))
}

async fn write_to(mut download: Download, path: &Path) -> Result<ObjectInfo> {
    let failed = |error: std::io::Error| StorageError::local("write", path, &error);
    let mut file = tokio::fs::File::create(path).await.map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut size = 0;
    while let Some(piece) = next_piece(&mut download.body, &download.tried).await? {
        hasher.update(&piece);
        size += piece.len() as u64;
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    check_length(&download, size)?;
    check_digest(&download, || hex::encode(hasher.finalize()))?;
    Ok(download.info)
}

async fn collect(download: &mut Download, max_bytes: u64) -> Result<Bytes> {
    let too_large = |size: u64| StorageError::TooLarge {
        tried: download.tried.clone(),
        detail: format!("{size} bytes, the most is {max_bytes}"),
    };
    if download.length > max_bytes {
        return Err(too_large(download.length));
    }
    let mut content = BytesMut::new();
    while let Some(piece) = next_piece(&mut download.body, &download.tried).await? {
        content.extend_from_slice(&piece);
        if content.len() as u64 > max_bytes {
            return Err(too_large(content.len() as u64));
        }
    }
    check_length(download, content.len() as u64)?;
    Ok(content.freeze())
}

async fn next_piece(body: &mut ByteStream, tried: &str) -> Result<Option<Bytes>> {
    body.try_next().await.map_err(|error| StorageError::Unreachable {
        tried: tried.to_owned(),
        reason: format!("the connection broke while reading: {error}"),
    })
}

fn check_length(download: &Download, size: u64) -> Result<()> {
    if size == download.length {
        return Ok(());
    }
    Err(StorageError::Unreachable {
        tried: download.tried.clone(),
        reason: format!("{size} of {} bytes came", download.length),
    })
}

fn check_digest(download: &Download, found: impl FnOnce() -> String) -> Result<()> {
    let Some(expected) = &download.info.sha256 else { return Ok(()) };
    let found = found();
    if found == *expected {
        return Ok(());
    }
    Err(StorageError::Corrupt {
        tried: download.tried.clone(),
        detail: format!("SHA-256 {found}, stored with {expected}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_has_room_while_it_is_written() {
        let path = Path::new("/work").join("a".repeat(255));
        let partial = partial_path(&path);
        assert_eq!(partial.parent(), path.parent());
        assert!(partial.file_name().unwrap().len() <= 255);
        assert_ne!(partial, partial_path(&path));
    }
}
