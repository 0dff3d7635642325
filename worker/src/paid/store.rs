//! The operations of a bucket that the protocol needs.

use async_trait::async_trait;
use futures::TryStreamExt;
use videofactory_storage::{Bucket, PutOptions, StorageError};

/// Most bytes of one object here.
const MAX_BYTES: u64 = 256 * 1024;

/// A store in which each object is written once.
#[async_trait]
pub trait WriteOnceStore: Send + Sync {
    /// Writes an object unless it exists; returns whether this call created it.
    async fn put_once(&self, key: &str, json: Vec<u8>) -> Result<bool, StorageError>;

    /// An object's bytes; `None` if there is none.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError>;

    /// All keys that begin with `prefix`, as they are now.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError>;
}

#[async_trait]
impl WriteOnceStore for Bucket {
    async fn put_once(&self, key: &str, json: Vec<u8>) -> Result<bool, StorageError> {
        let options = PutOptions::of_type("application/json");
        Ok(Self::put_once(self, key, json, &options).await?.is_created())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        match Self::get(self, key, MAX_BYTES).await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        Self::list(self, prefix).map_ok(|object| object.key).try_collect().await
    }
}
