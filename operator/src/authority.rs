//! Certificates of authorities that a `caRef` names, read live where something is called.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};
use videofactory_crds::{CaKind, CaRef};
use videofactory_net::Authority;

use videofactory_client::call::{CallError, within};

/// Certificates that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadAuthorityError {
    /// They are not where the reference says, or are none.
    #[error(
        "key {key:?} of {kind} {name:?}, which caRef names, {why}; put the authority's certificates there, in PEM"
    )]
    FindCertificates {
        /// `ConfigMap` or Secret.
        kind: &'static str,
        name: String,
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// They could not be read.
    #[error(transparent)]
    CallApiServer(#[from] CallError),
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
    parsed.map(Some).map_err(|why| ReadAuthorityError::FindCertificates {
        kind: kind_name,
        name: name.clone(),
        key: key.clone(),
        why,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use k8s_openapi::ByteString;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use serde_json::{Value, json};
    use videofactory_tests::api_server::ApiServer;

    use super::*;
    use videofactory_client::call::connect;

    /// A certificate of an authority of its own, in PEM.
    pub(crate) fn pem() -> String {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    /// What a reference brings where these are the data of a `ConfigMap` and of a Secret, both named `company`.
    async fn referred(
        reference: &Value,
        map: &[(&str, &str)],
        secret: &[(&str, &str)],
    ) -> Result<Option<Authority>, ReadAuthorityError> {
        let server = ApiServer::start().await.unwrap();
        let data = |data: &[(&str, &str)], as_stored: fn(&str) -> Value| -> Value {
            data.iter().map(|(key, text)| ((*key).to_owned(), as_stored(text))).collect()
        };
        let metadata = json!({"name": "company", "namespace": "films"});
        server.put("configmaps", json!({"metadata": metadata, "data": data(map, |text| json!(text))}));
        let bytes = |text: &str| json!(ByteString(text.as_bytes().to_vec()));
        server.put("secrets", json!({"metadata": metadata, "data": data(secret, bytes)}));
        let client = connect(kube::Config::new(server.url().parse().unwrap()), "test").unwrap();
        let reference: CaRef = serde_json::from_value(reference.clone()).unwrap();
        read(&client, "films", Some(&reference)).await
    }

    #[tokio::test]
    async fn an_authority_is_read_from_the_key_of_the_object_that_is_named() {
        let (one, other) = (pem(), pem());
        let of_map = json!({"kind": "ConfigMap", "name": "company", "key": "root.pem"});
        let of_secret = json!({"kind": "Secret", "name": "company", "key": "root.pem"});
        let (map, secret) = ([("root.pem", one.as_str()), ("x", "")], [("root.pem", other.as_str())]);
        let pem_of = async |reference: &Value| {
            referred(reference, &map, &secret).await.unwrap().unwrap().pem().to_owned()
        };
        assert_eq!((pem_of(&of_map).await, pem_of(&of_secret).await), (one.clone(), other.clone()));
        let usual = pem();
        let found = referred(&json!({"name": "company"}), &[("ca.crt", &usual)], &[]).await.unwrap();
        assert_eq!(found.unwrap().pem(), usual, "ca.crt of a ConfigMap, where nothing else is said");
    }

    #[tokio::test]
    async fn what_is_missing_or_no_certificate_is_reported_by_its_key() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for kind in ["ConfigMap", "Secret"] {
            let reference = json!({"kind": kind, "name": "company", "key": "root.pem"});
            for (data, why) in [
                (&[("other.pem", "x")][..], "does not exist"),
                (&[], "does not exist"),
                (&[("root.pem", "hello")], "no certificate in PEM"),
                (&[("root.pem", key)], "no certificate in PEM"),
            ] {
                let reported = referred(&reference, data, data).await.unwrap_err().to_string();
                let named = format!("key \"root.pem\" of {kind} \"company\", which caRef names");
                assert!(reported.starts_with(&named) && reported.contains(why), "{reported}");
            }
            let elsewhere = json!({"kind": kind, "name": "nobody", "key": "root.pem"});
            let reported = referred(&elsewhere, &[], &[]).await.unwrap_err().to_string();
            assert!(reported.contains("\"nobody\"") && reported.contains("does not exist"), "{reported}");
        }
    }
}
