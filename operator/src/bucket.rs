//! The bucket of a `StoragePolicy`, opened with credentials that are read live and kept nowhere.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use videofactory_crds::Reason;
use videofactory_crds::storagepolicy::Bucket as BucketSpec;
use videofactory_storage::{Bucket, BucketConfig, SecretText, StorageError};

use crate::client::{CallError, within};

/// Key of the access key's id in the Secret.
pub const ACCESS_KEY: &str = "accessKeyId";
/// Key of the secret access key in the Secret.
pub const SECRET_KEY: &str = "secretAccessKey";

/// A bucket that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenBucketError {
    /// The Secret does not exist.
    #[error("Secret {name:?} does not exist: create it with the keys accessKeyId and secretAccessKey")]
    SecretMissing {
        /// Its name.
        name: String,
    },
    /// It lacks a key.
    #[error("Secret {name:?} has no key {key:?}: add it")]
    KeyMissing {
        /// Name of the Secret.
        name: String,
        /// The key.
        key: &'static str,
    },
    /// The Secret could not be read.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The settings cannot be followed.
    #[error(transparent)]
    Settings(#[from] StorageError),
}

/// Opens the bucket; nothing is asked of it yet.
pub async fn open(client: &Client, namespace: &str, spec: &BucketSpec) -> Result<Bucket, OpenBucketError> {
    let name = &spec.secret_ref.name;
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let read = within(format!("get Secret {namespace}/{name}"), api.get_opt(name)).await?;
    let secret = read.ok_or_else(|| OpenBucketError::SecretMissing { name: name.clone() })?;
    Ok(Bucket::connect(&BucketConfig {
        endpoint: spec.endpoint.clone(),
        public_endpoint: spec.public_endpoint.clone().filter(|url| !url.is_empty()),
        bucket: spec.name.clone(),
        region: spec.region.clone(),
        prefix: spec.prefix.clone(),
        access_key: key(&secret, name, ACCESS_KEY)?,
        secret_key: key(&secret, name, SECRET_KEY)?,
    })?)
}

/// What stands in the way, as a condition's reason.
#[must_use]
pub fn reason(error: &StorageError) -> Reason {
    match error {
        StorageError::Credentials { .. } => Reason::CredentialsInvalid,
        StorageError::NoSuchBucket { .. } | StorageError::InvalidRequest { .. } => {
            Reason::ConfigurationInvalid
        }
        // A wrong region.
        StorageError::Other { code, .. } if code == "AuthorizationHeaderMalformed" => {
            Reason::ConfigurationInvalid
        }
        StorageError::PreconditionsUnsupported { .. } => Reason::PreconditionsUnsupported,
        StorageError::Full { .. } => Reason::StorageFull,
        _ => Reason::StorageUnavailable,
    }
}

fn key(secret: &Secret, name: &str, key: &'static str) -> Result<SecretText, OpenBucketError> {
    let value = secret
        .data
        .as_ref()
        .and_then(|data| data.get(key))
        .and_then(|value| std::str::from_utf8(&value.0).ok());
    value
        .filter(|text| !text.is_empty())
        .map(SecretText::new)
        .ok_or_else(|| OpenBucketError::KeyMissing { name: name.to_owned(), key })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[test]
    fn an_absent_or_empty_key_is_named() {
        let mut secret = Secret::default();
        for value in [None, Some(ByteString(Vec::new()))] {
            secret.data = value.map(|value| [(ACCESS_KEY.to_owned(), value)].into());
            let refused = key(&secret, "r2", ACCESS_KEY).unwrap_err().to_string();
            assert_eq!(refused, "Secret \"r2\" has no key \"accessKeyId\": add it");
        }
    }
}
