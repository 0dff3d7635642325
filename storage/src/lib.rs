//! Typed access to one S3 bucket (Cloudflare R2 or any other S3 server).
//!
//! Callers speak of keys inside the configured prefix; a key outside it can be neither read, written nor
//! deleted through this crate. Every call has time-outs, retries what is worth retrying, and fails with a
//! [`StorageError`] that says what was tried and what to do. Credentials come from the [`BucketConfig`] alone:
//! no environment variable and no file is consulted. What may be called, and by which way, is said by [`Access`].

mod bucket;
mod config;
mod delete;
mod error;
mod get;
mod key;
mod list;
mod multipart;
mod object;
mod presign;
mod probe;
mod put;
mod reach;
mod retry;
mod tally;
mod translate;
mod xml;

pub use bucket::Bucket;
pub use config::{BucketConfig, SecretText};
pub use delete::{DeleteReport, KEYS_A_REQUEST};
pub use error::{Result, StorageError};
pub use get::{ByteRange, Download};
pub use key::PROBES;
pub use list::TopLevel;
pub use multipart::{MAX_OBJECT_BYTES, MAX_PARTS, MIN_PART_BYTES, PART_BYTES, SINGLE_PUT_BYTES};
pub use object::{ObjectInfo, PutOnce, PutOptions, Stored};
pub use presign::{MAX_LINK, PresignedLink};
pub use probe::{ProbeReport, Rung};
pub use reach::{Access, Addressing};
pub use tally::Written;
