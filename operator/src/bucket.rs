//! The bucket of a `StoragePolicy`, opened with credentials that are read live. Nothing here keeps them; of the HTTP side,
//! which opens it for each request, `http/versioned_cache.rs` says for how long.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};
use videofactory_crds::storagepolicy::Addressing as Asked;
use videofactory_crds::{StoragePolicy, StoragePolicyReason, VideoJobReason};
use videofactory_net::{ALLOWED_HOSTS_ANNOTATION, AllowedHosts, Network};
use videofactory_storage::{Access, Addressing, Bucket, BucketConfig, SecretText, StorageError};

use crate::authority::{self, ReadAuthorityError};
use videofactory_client::call::{CallError, within};

/// Key of the access key's id in the Secret.
pub const ACCESS_KEY: &str = "accessKeyId";
/// Key of the secret access key in the Secret.
pub const SECRET_KEY: &str = "secretAccessKey";

/// A bucket that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenBucketError {
    /// The Secret does not exist.
    #[error("Secret {name:?} does not exist: create it with the keys accessKeyId and secretAccessKey")]
    FindSecret { name: String },
    /// It lacks a key.
    #[error("Secret {name:?} has no key {key:?}: add it")]
    FindKey {
        /// Name of the Secret.
        name: String,
        /// The key.
        key: &'static str,
    },
    /// It names other hosts for its keys.
    #[error(
        "Secret {name:?} allows its keys for other hosts than {endpoint} by its annotation {ALLOWED_HOSTS_ANNOTATION}: add \
         the host to it, or correct bucket.endpoint"
    )]
    AllowHost {
        /// Name of the Secret.
        name: String,
        endpoint: String,
    },
    /// Who vouches for its server is not known.
    #[error(transparent)]
    ReadAuthority(#[from] ReadAuthorityError),
    /// The Secret could not be read.
    #[error(transparent)]
    CallApiServer(#[from] CallError),
    /// The settings cannot be followed.
    #[error(transparent)]
    UseSettings(#[from] StorageError),
}

/// Opens the bucket of a policy; nothing is asked of it yet.
pub async fn open(
    client: &Client,
    network: &Network,
    policy: &StoragePolicy,
) -> Result<Bucket, OpenBucketError> {
    let namespace = policy.namespace().unwrap_or_default();
    let spec = &policy.spec.bucket;
    let name = &spec.secret_ref.name;
    let api: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let read = within(format!("get Secret {namespace}/{name}"), api.get_opt(name)).await?;
    let secret = read.ok_or_else(|| OpenBucketError::FindSecret { name: name.clone() })?;
    if !allows(&secret, &spec.endpoint) {
        return Err(OpenBucketError::AllowHost { name: name.clone(), endpoint: spec.endpoint.clone() });
    }
    let config = BucketConfig {
        endpoint: spec.endpoint.clone(),
        public_endpoint: spec.public_endpoint.clone().filter(|url| !url.is_empty()),
        bucket: spec.name.clone(),
        region: spec.region.clone(),
        prefix: spec.prefix.clone(),
        access_key: key(&secret, name, ACCESS_KEY)?,
        secret_key: key(&secret, name, SECRET_KEY)?,
    };
    let authority = authority::read(client, &namespace, spec.ca_ref.as_ref()).await?;
    let network = network.clone().with_authorities(authority);
    let access = Access { network, addressing: addressing(policy) };
    Ok(Bucket::connect_over(&config, &access)?)
}

/// Where the bucket's name stands in requests: as the spec says, or else as the server was found to take it.
#[must_use]
pub fn addressing(policy: &StoragePolicy) -> Addressing {
    let found = policy.status.as_ref().and_then(|status| status.addressing);
    let asked = policy.spec.bucket.addressing;
    match if asked == Asked::Auto { found.unwrap_or_default() } else { asked } {
        Asked::Auto | Asked::Path => Addressing::Path,
        Asked::VirtualHost => Addressing::VirtualHost,
    }
}

/// Whether the Secret lets its keys be used at this endpoint. Unlike an account's, a bucket's secret key never leaves
/// us: requests are signed with it, and a signature is good for one request to one host. So a Secret that says nothing
/// allows every host; one that names hosts means it.
fn allows(secret: &Secret, endpoint: &str) -> bool {
    let Some(hosts) = secret.annotations().get(ALLOWED_HOSTS_ANNOTATION) else { return true };
    endpoint.parse().is_ok_and(|url| AllowedHosts::parse(hosts).allow(&url))
}

/// What stands in the way, as a reason of a policy's condition.
#[must_use]
pub fn reason(error: &StorageError) -> StoragePolicyReason {
    match error {
        StorageError::Credentials { .. } => StoragePolicyReason::CredentialsInvalid,
        StorageError::NoSuchBucket { .. }
        | StorageError::InvalidRequest { .. }
        | StorageError::Addressing { .. } => StoragePolicyReason::ConfigurationInvalid,
        // A wrong region.
        StorageError::Other { code, .. } if code == "AuthorizationHeaderMalformed" => {
            StoragePolicyReason::ConfigurationInvalid
        }
        StorageError::PreconditionsUnsupported { .. } => StoragePolicyReason::PreconditionsUnsupported,
        StorageError::Full { .. } => StoragePolicyReason::StorageFull,
        _ => StoragePolicyReason::StorageUnavailable,
    }
}

/// What a policy's reason means for its jobs: a bucket without preconditions is a matter of configuration.
#[must_use]
pub fn job_reason(of_policy: StoragePolicyReason) -> VideoJobReason {
    match of_policy {
        StoragePolicyReason::CredentialsInvalid => VideoJobReason::CredentialsInvalid,
        StoragePolicyReason::ConfigurationInvalid | StoragePolicyReason::PreconditionsUnsupported => {
            VideoJobReason::ConfigurationInvalid
        }
        StoragePolicyReason::StorageFull => VideoJobReason::StorageFull,
        StoragePolicyReason::StorageUnavailable
        | StoragePolicyReason::Available
        | StoragePolicyReason::Progressing
        | StoragePolicyReason::NothingPrunable
        | StoragePolicyReason::TooManyFiles
        | StoragePolicyReason::DuplicatePolicy => VideoJobReason::StorageUnavailable,
    }
}

fn key(secret: &Secret, name: &str, key: &'static str) -> Result<SecretText, OpenBucketError> {
    let value = secret
        .data
        .as_ref()
        .and_then(|data| data.get(key))
        .and_then(|value| std::str::from_utf8(&value.0).ok())
        // Files that Secrets are made from often end with a line's end.
        .map(str::trim);
    value
        .filter(|text| !text.is_empty())
        .map(SecretText::new)
        .ok_or_else(|| OpenBucketError::FindKey { name: name.to_owned(), key })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[test]
    fn a_key_is_taken_without_the_lines_end_behind_it() {
        let value = ByteString(b"the-key\r\n".to_vec());
        let secret = Secret { data: Some([(ACCESS_KEY.to_owned(), value)].into()), ..Secret::default() };
        assert_eq!(key(&secret, "s3", ACCESS_KEY).unwrap().reveal(), "the-key");
    }

    #[test]
    fn a_secret_that_names_hosts_is_for_these_alone() {
        let mut secret = Secret::default();
        assert!(allows(&secret, "https://anywhere.example"));
        let hosts = (ALLOWED_HOSTS_ANNOTATION.to_owned(), "s3.demo.svc:9000".to_owned());
        secret.metadata.annotations = Some([hosts].into());
        assert!(allows(&secret, "http://s3.demo.svc:9000"));
        assert!(!allows(&secret, "http://s3.evil.svc:9000") && !allows(&secret, "no url"));
    }

    #[test]
    fn an_absent_or_empty_key_is_named() {
        let mut secret = Secret::default();
        for value in [None, Some(ByteString(Vec::new())), Some(ByteString(b"\n".to_vec()))] {
            secret.data = value.map(|value| [(ACCESS_KEY.to_owned(), value)].into());
            let refused = key(&secret, "r2", ACCESS_KEY).unwrap_err().to_string();
            assert_eq!(refused, "Secret \"r2\" has no key \"accessKeyId\": add it");
        }
    }
}
