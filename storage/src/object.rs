//! What is known of an object, and what a writer may say about one.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use aws_smithy_types::DateTime;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::error::{Result, StorageError};

/// Metadata name under which the content's SHA-256 (lower-case hex) is kept.
pub(crate) const SHA256: &str = "sha256";
/// Metadata name under which a write leaves its own random mark, by which it knows its object again.
pub(crate) const WRITER: &str = "writer";
/// S3's limit on all user metadata of an object together, in bytes.
const MAX_METADATA_BYTES: usize = 2048;

/// Whether a write may replace what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Replace,
    Once,
}

/// An object as HEAD, GET or a listing describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Key without the bucket's prefix.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Entity tag without quotes; changes when the content does. Empty if the server gave none.
    pub etag: String,
    /// When it was last written, by the server's clock; `None` if the server did not say.
    pub modified: Option<Timestamp>,
    /// SHA-256 of the content, lower-case hex. `None` in listings and for objects of other writers.
    pub sha256: Option<String>,
    /// Media type. `None` in listings.
    pub content_type: Option<String>,
    /// User metadata that the writer gave. Empty in listings.
    pub metadata: BTreeMap<String, String>,
    pub(crate) writer: Option<String>,
}

impl ObjectInfo {
    pub(crate) fn new(key: &str, size: Option<i64>, etag: Option<&str>, modified: Option<&DateTime>) -> Self {
        Self {
            key: key.to_owned(),
            size: size.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
            etag: etag.unwrap_or_default().trim_matches('"').to_owned(),
            modified: modified.and_then(timestamp),
            sha256: None,
            content_type: None,
            metadata: BTreeMap::new(),
            writer: None,
        }
    }

    pub(crate) fn with_headers(
        mut self,
        content_type: Option<&str>,
        metadata: Option<&HashMap<String, String>>,
    ) -> Self {
        self.content_type = content_type.map(str::to_owned);
        for (name, value) in metadata.into_iter().flatten() {
            match name.to_ascii_lowercase().as_str() {
                SHA256 => self.sha256 = Some(value.clone()),
                WRITER => self.writer = Some(value.clone()),
                other => drop(self.metadata.insert(other.to_owned(), value.clone())),
            }
        }
        self
    }
}

/// What a writer says about an object beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// Media type, such as `video/mp4`.
    pub content_type: Option<String>,
    /// How browsers shall save it, such as `attachment; filename="film.mp4"`.
    pub content_disposition: Option<String>,
    /// User metadata: names of `a-z`, `0-9` and `-`; values of visible ASCII; 2 KiB together.
    /// The names `sha256` and `writer` are the crate's own.
    pub metadata: BTreeMap<String, String>,
}

impl PutOptions {
    /// Options with a media type only.
    #[must_use]
    pub fn of_type(content_type: impl Into<String>) -> Self {
        Self { content_type: Some(content_type.into()), ..Self::default() }
    }

    /// Adds a content disposition.
    #[must_use]
    pub fn disposition(mut self, content_disposition: impl Into<String>) -> Self {
        self.content_disposition = Some(content_disposition.into());
        self
    }

    /// Adds a metadata entry.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// All metadata of one write: the caller's, the content's digest and the write's own mark.
    pub(crate) fn metadata_for(&self, sha256: &str, writer: &str) -> Result<HashMap<String, String>> {
        let mut all =
            HashMap::from([(SHA256.to_owned(), sha256.to_owned()), (WRITER.to_owned(), writer.to_owned())]);
        for (name, value) in &self.metadata {
            let named = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            if !named || !printable || all.contains_key(name) {
                return Err(StorageError::InvalidRequest {
                    what: format!("the metadata entry {name:?} cannot be stored"),
                    remedy:
                        "use names of a-z, 0-9 and -, other than sha256 and writer, and values of visible \
                             ASCII"
                            .into(),
                });
            }
            all.insert(name.clone(), value.clone());
        }
        let bytes: usize = all.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_METADATA_BYTES {
            return Err(StorageError::InvalidRequest {
                what: format!("the metadata is {bytes} bytes long"),
                remedy: format!("keep it within {MAX_METADATA_BYTES} bytes"),
            });
        }
        Ok(all)
    }
}

/// What a successful write stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Key without the bucket's prefix.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Entity tag without quotes.
    pub etag: String,
    /// SHA-256 of the content, lower-case hex.
    pub sha256: String,
}

/// How a write-once put ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutOnce {
    /// This call created the object; nobody else did.
    Created(Stored),
    /// Somebody else's object is there, unchanged.
    AlreadyExists(Box<ObjectInfo>),
}

impl PutOnce {
    /// Whether this call created the object.
    #[must_use]
    pub fn is_created(&self) -> bool {
        matches!(self, Self::Created(_))
    }
}

/// Lower-case hex SHA-256 of bytes in memory.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Size and lower-case hex SHA-256 of a file, read in pieces.
pub(crate) async fn measure_file(path: &Path) -> Result<(u64, String)> {
    let failed = |error: std::io::Error| StorageError::local("read", path, &error);
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1024 * 1024];
    let mut size = 0;
    loop {
        let read = file.read(&mut piece).await.map_err(failed)?;
        if read == 0 {
            return Ok((size, hex::encode(hasher.finalize())));
        }
        hasher.update(&piece[..read]);
        size += read as u64;
    }
}

pub(crate) fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_that_headers_cannot_carry_is_refused() {
        for (name, value) in [
            ("Title", "x"),
            ("", "x"),
            ("title", "日本"),
            ("title", "a\nb"),
            ("sha256", "0"),
            ("writer", "me"),
        ] {
            let refused = PutOptions::default().with(name, value).metadata_for("digest", "mark").unwrap_err();
            assert_eq!(refused.reason(), "InvalidRequest", "{name}={value}");
        }
        let long = PutOptions::default().with("note", "x".repeat(2048)).metadata_for("digest", "mark");
        assert_eq!(long.unwrap_err().reason(), "InvalidRequest");
    }

    #[test]
    fn own_metadata_is_kept_apart_from_the_callers() {
        let stored = PutOptions::default().with("scene", "s4").metadata_for("digest", "mark").unwrap();
        let info = ObjectInfo::new("a", Some(3), Some("\"tag\""), None)
            .with_headers(Some("text/plain"), Some(&stored));
        assert_eq!(info.sha256.as_deref(), Some("digest"));
        assert_eq!(info.metadata, BTreeMap::from([("scene".into(), "s4".into())]));
        assert_eq!((info.etag.as_str(), info.size), ("tag", 3));
    }
}
