//! Files in parts.
//!
//! All parts but the last are of one size, as R2 demands. A few parts are in memory at a time, whatever the file's
//! size. A failed upload is aborted; one whose process died shows in no listing and is left to
//! [`Bucket::abort_stale_uploads`].

use std::io::SeekFrom;
use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use uuid::Uuid;

use crate::bucket::Bucket;
use crate::error::{Result, StorageError};
use crate::object::{Mode, PutOnce, PutOptions, Stored, timestamp};

/// Files up to this size go in one request, in bytes.
pub const SINGLE_PUT_BYTES: u64 = 16 * MIB;
/// Size of a part, in bytes, unless the file would need more than [`MAX_PARTS`].
pub const PART_BYTES: u64 = 8 * MIB;
/// Smallest part that S3 and R2 take, in bytes; the last may be smaller.
pub const MIN_PART_BYTES: u64 = 5 * MIB;
/// Most parts of one upload.
pub const MAX_PARTS: u64 = 10_000;
/// Largest object that S3 and R2 take, in bytes.
pub const MAX_OBJECT_BYTES: u64 = 5 * 1024 * 1024 * MIB;
const MIB: u64 = 1024 * 1024;
/// Parts that are sent, and so held in memory, at a time.
const PART_CONCURRENCY: usize = 3;

/// One upload under way.
struct Upload<'a> {
    bucket: &'a Bucket,
    key: &'a str,
    full_key: String,
    id: String,
}

impl Bucket {
    pub(crate) async fn put_parts(
        &self,
        key: &str,
        path: &Path,
        size: u64,
        sha256: &str,
        options: &PutOptions,
        mode: Mode,
    ) -> Result<PutOnce> {
        if size > MAX_OBJECT_BYTES {
            let detail = format!("{size} bytes, the most is {MAX_OBJECT_BYTES}");
            return Err(StorageError::TooLarge { tried: self.tried("put", key), detail });
        }
        let mark = Uuid::new_v4().simple().to_string();
        let upload = self.begin_upload(key, sha256, &mark, options).await?;
        let ended = match upload.send_parts(path, size).await {
            Ok(parts) => upload.complete(parts, mode).await,
            Err(error) => Err(error),
        };
        let error = match ended {
            Ok(etag) => {
                let stored = Stored { key: key.to_owned(), size, etag, sha256: sha256.to_owned() };
                return Ok(PutOnce::Created(stored));
            }
            Err(error) => error,
        };
        // The answer to a completion may be lost although it happened: then the object has our metadata.
        let settled = match self.head(key).await {
            Ok(Some(info)) if info.writer.as_deref() == Some(&mark) => {
                let stored = Stored { key: key.to_owned(), size, etag: info.etag, sha256: sha256.to_owned() };
                return Ok(PutOnce::Created(stored));
            }
            _ if mode == Mode::Once => self.confirm_outcome(key, &mark, error).await,
            _ => Err(error),
        };
        upload.abort().await;
        settled
    }

    async fn begin_upload<'a>(
        &'a self,
        key: &'a str,
        sha256: &str,
        mark: &str,
        options: &PutOptions,
    ) -> Result<Upload<'a>> {
        let full_key = self.keys().full(key)?;
        let begun = self
            .small()
            .create_multipart_upload()
            .bucket(self.name())
            .key(&full_key)
            .set_content_type(options.content_type.clone())
            .set_content_disposition(options.content_disposition.clone())
            .set_metadata(Some(options.metadata_for(sha256, mark)?))
            .send()
            .await
            .map_err(|error| self.failed("begin an upload of", key, &error))?;
        let id = begun.upload_id().unwrap_or_default().to_owned();
        Ok(Upload { bucket: self, key, full_key, id })
    }

    /// Aborts uploads that were begun before `older_than` and never completed; their parts take space and show
    /// in no listing. Only those whose keys `may_go`. Returns how many. Free of charge on R2, but for the listing.
    pub async fn abort_stale_uploads(
        &self,
        may_go: impl Fn(&str) -> bool + Send,
        older_than: Timestamp,
    ) -> Result<u64> {
        let mut aborted = 0;
        let (mut key_marker, mut id_marker): (Option<String>, Option<String>) = (None, None);
        loop {
            let page = self
                .small()
                .list_multipart_uploads()
                .bucket(self.name())
                .set_prefix(Some(self.prefix().to_owned()).filter(|prefix| !prefix.is_empty()))
                .set_key_marker(key_marker.clone())
                .set_upload_id_marker(id_marker.clone())
                .send()
                .await
                .map_err(|error| self.failed("list unfinished uploads", "", &error))?;
            for upload in page.uploads() {
                let begun = upload.initiated().and_then(timestamp);
                let (Some(full_key), Some(id)) = (upload.key(), upload.upload_id()) else { continue };
                let Some(key) = self.keys().relative(full_key) else { continue };
                if begun.is_some_and(|begun| begun < older_than) && may_go(key) {
                    let stale =
                        Upload { bucket: self, key, full_key: full_key.to_owned(), id: id.to_owned() };
                    aborted += u64::from(stale.try_abort().await?);
                }
            }
            let next =
                (page.next_key_marker().map(str::to_owned), page.next_upload_id_marker().map(str::to_owned));
            // A server that sends us back to where we were would do so for ever.
            let same = next == (key_marker, id_marker);
            if !page.is_truncated().unwrap_or_default() || next.0.is_none() || same {
                return Ok(aborted);
            }
            (key_marker, id_marker) = next;
        }
    }
}

impl Upload<'_> {
    async fn send_parts(&self, path: &Path, size: u64) -> Result<Vec<CompletedPart>> {
        let part_size = part_size(size);
        let mut parts: Vec<CompletedPart> = stream::iter(0..size.div_ceil(part_size))
            .map(|index| async move {
                let offset = index * part_size;
                let body = read_part(path, offset, part_size.min(size - offset)).await?;
                self.send_part(index + 1, body).await
            })
            .buffer_unordered(PART_CONCURRENCY)
            .try_collect()
            .await?;
        parts.sort_by_key(CompletedPart::part_number);
        Ok(parts)
    }

    async fn send_part(&self, number: u64, body: Vec<u8>) -> Result<CompletedPart> {
        // At most MAX_PARTS, so it fits.
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        let sent = self
            .bucket
            .bulk()
            .upload_part()
            .bucket(self.bucket.name())
            .key(&self.full_key)
            .upload_id(&self.id)
            .part_number(number)
            .body(ByteStream::from(body))
            .send()
            .await
            .map_err(|error| self.bucket.failed(&format!("send part {number} of"), self.key, &error))?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag().map(str::to_owned)).build())
    }

    async fn complete(&self, parts: Vec<CompletedPart>, mode: Mode) -> Result<String> {
        let done = self
            .bucket
            .bulk()
            .complete_multipart_upload()
            .bucket(self.bucket.name())
            .key(&self.full_key)
            .upload_id(&self.id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .set_if_none_match((mode == Mode::Once).then(|| "*".to_owned()))
            .send()
            .await
            .map_err(|error| self.bucket.failed("complete the upload of", self.key, &error))?;
        Ok(done.e_tag().unwrap_or_default().trim_matches('"').to_owned())
    }

    /// Aborts what has failed already; a second failure is only logged, since stale uploads are swept later.
    async fn abort(&self) {
        if let Err(error) = self.try_abort().await {
            tracing::warn!(key = self.key, %error, "an unfinished upload stays behind until it is swept");
        }
    }

    /// Aborts the upload; `false` if it was gone already.
    async fn try_abort(&self) -> Result<bool> {
        let answer = self
            .bucket
            .small()
            .abort_multipart_upload()
            .bucket(self.bucket.name())
            .key(&self.full_key)
            .upload_id(&self.id)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 404) => Ok(false),
            Err(error) => Err(self.bucket.failed("abort the upload of", self.key, &error)),
        }
    }
}

/// The usual size of a part, or for very large files the least whole number of MiB that needs no more than
/// [`MAX_PARTS`].
fn part_size(size: u64) -> u64 {
    PART_BYTES.max(size.div_ceil(MAX_PARTS).next_multiple_of(MIB))
}

async fn read_part(path: &Path, offset: u64, length: u64) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| StorageError::local("read", path, &error);
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    file.seek(SeekFrom::Start(offset)).await.map_err(failed)?;
    let mut body = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_exact(&mut body).await.map_err(failed)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_within_every_limit_of_s3_and_r2() {
        for size in [
            SINGLE_PUT_BYTES + 1,
            23 * MIB,
            PART_BYTES * MAX_PARTS,
            PART_BYTES * MAX_PARTS + 1,
            MAX_OBJECT_BYTES,
        ] {
            let part = part_size(size);
            assert!(part >= MIN_PART_BYTES, "{size}: parts of {part}");
            assert!(size.div_ceil(part) <= MAX_PARTS, "{size}: {} parts", size.div_ceil(part));
        }
        assert_eq!(part_size(23 * MIB), PART_BYTES);
    }

    #[tokio::test]
    async fn a_file_that_shrank_is_an_error_and_not_a_short_part() {
        let error = read_part(Path::new("/dev/null"), 0, 1).await.unwrap_err();
        assert_eq!(error.reason(), "LocalFile");
    }
}
