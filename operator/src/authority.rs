//! Certificates of authorities that a `caRef` names, read live where something is called.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};
use videofactory_crds::{CaKind, CaRef};
use videofactory_net::Authority;

use crate::client::{CallError, within};

/// Certificates that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadAuthorityError {
    /// They are not where the reference says, or are none.
    #[error(
        "key {key:?} of {kind} {name:?}, which caRef names, {why}; put the authority's certificates there, in PEM"
    )]
    Unusable {
        /// `ConfigMap` or Secret.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// They could not be read.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The authorities that the reference names; none if there is no reference.
pub async fn read(
    client: &Client,
    namespace: &str,
    reference: Option<&CaRef>,
) -> Result<Option<Authority>, ReadAuthorityError> {
    let Some(CaRef { kind, name, key }) = reference else { return Ok(None) };
    let (kind_name, pem) = match kind {
        CaKind::ConfigMap => {
            let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
            let read = within(format!("get ConfigMap {namespace}/{name}"), api.get_opt(name)).await?;
            ("ConfigMap", read.and_then(|found| found.data?.remove(key)))
        }
        CaKind::Secret => {
            let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
            let read = within(format!("get Secret {namespace}/{name}"), api.get_opt(name)).await?;
            ("Secret", read.and_then(|found| String::from_utf8(found.data?.remove(key)?.0).ok()))
        }
    };
    let parsed = pem.ok_or_else(|| "does not exist".to_owned()).and_then(|pem| Authority::parse(&pem));
    parsed.map(Some).map_err(|why| ReadAuthorityError::Unusable {
        kind: kind_name,
        name: name.clone(),
        key: key.clone(),
        why,
    })
}
