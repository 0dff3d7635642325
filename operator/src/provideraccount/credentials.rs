//! Whether an account's Secret has the keys that its provider needs, and whether two accounts have the same.
//!
//! A Secret is read when its version has changed. What is kept of it is a digest, in memory: the keys themselves are
//! kept nowhere, and neither is ever written or logged.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};
use parking_lot::Mutex;
use videofactory_crds::provideraccount::Provider;
use videofactory_crds::{ProviderAccount, ProviderAccountSpec};
use videofactory_net::{AllowedHosts, Network};
use videofactory_pipeline::Digest;
use videofactory_providers::Connection;

use crate::caches::{Caches, allowed_hosts};
use videofactory_client::call::{CallError, within};

/// The keys that a provider needs.
#[must_use]
pub const fn keys(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Xai
        | Provider::Gemini
        | Provider::HuggingFace
        | Provider::OpenAiCompatible
        | Provider::ComfyUi
        | Provider::Pexels
        | Provider::Pixabay => &["apiKey"],
        Provider::YouTube => &["clientId", "clientSecret", "refreshToken"],
        Provider::Webhook => &["url", "signingKey"],
        Provider::Embedded => &[],
    }
}

/// What is known of a Secret: a digest of what the provider needs of it, or what stands in its way.
pub type Known = Result<Digest, Lacking>;

/// What an account lacks; a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// The Secret.
    Secret(String),
    /// One of its keys.
    Key(String),
    /// Permission to send the keys to the account's endpoint.
    Leave(String),
}

/// What was read of Secrets, by what it was read for and in which version.
#[derive(Debug, Default)]
pub struct Keyring {
    known: Mutex<HashMap<Purpose, (String, Known)>>,
}

/// Namespace, name of the Secret, provider and endpoint.
type Purpose = (String, String, Provider, String);

impl Keyring {
    /// What is known of the Secret of this account; nothing if its provider needs none.
    pub async fn of(
        &self,
        client: &Client,
        caches: &Caches,
        network: &Network,
        account: &ProviderAccount,
    ) -> Result<Option<Known>, CallError> {
        let spec = &account.spec;
        if keys(spec.provider).is_empty() || spec.is_keyless() {
            return Ok(None);
        }
        let namespace = account.namespace().unwrap_or_default();
        let Some(name) = spec.secret_ref.as_ref().map(|secret| secret.name.clone()) else {
            let message = "secretRef is missing: name the Secret with the credentials".to_owned();
            return Ok(Some(Err(Lacking::Secret(message))));
        };
        let Some(version) = caches.secret_version(&namespace, &name) else {
            return Ok(Some(Err(missing(&name, spec.provider))));
        };
        // Its annotations count as its version, too.
        let purpose =
            (namespace.clone(), name.clone(), spec.provider, spec.endpoint.clone().unwrap_or_default());
        let known = self
            .known
            .lock()
            .get(&purpose)
            .filter(|(read, _)| *read == version)
            .map(|(_, known)| known.clone());
        if let Some(known) = known {
            return Ok(Some(known));
        }
        let known = match read(client, &namespace, &name).await? {
            Some(secret) => fingerprint(account, &name, &secret, network),
            None => Err(missing(&name, spec.provider)),
        };
        self.known.lock().insert(purpose, (version, known.clone()));
        Ok(Some(known))
    }
}

/// A Secret's content.
#[derive(Clone, Default)]
pub struct Content {
    /// Its keys.
    pub keys: BTreeMap<String, String>,
    /// Hosts that they may be sent to, besides the provider's own.
    pub allowed_hosts: AllowedHosts,
}

/// The Secret's content, read live.
pub async fn read(client: &Client, namespace: &str, name: &str) -> Result<Option<Content>, CallError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret = within(format!("get Secret {namespace}/{name}"), api.get_opt(name)).await?;
    Ok(secret.map(|secret| {
        let allowed_hosts = allowed_hosts(secret.annotations());
        let data = secret.data.unwrap_or_default().into_iter();
        // A key that is no text is as good as none.
        let keys = data
            .filter_map(|(key, value)| Some((key, String::from_utf8(value.0).ok()?.trim().to_owned())))
            .collect();
        Content { keys, allowed_hosts }
    }))
}

/// The entry of the allowed hosts by which the account's keys may be sent to its endpoint; empty if that is the
/// provider's own. An error is a sentence that says what to do.
pub fn allowed_host(
    spec: &ProviderAccountSpec,
    allowed_hosts: &AllowedHosts,
    network: &Network,
) -> Result<String, String> {
    let connection = Connection {
        endpoint: spec.endpoint.clone().unwrap_or_default(),
        keyless: spec.is_keyless(),
        allowed_hosts: allowed_hosts.clone(),
        network: network.clone(),
        ..Connection::default()
    };
    videofactory_providers::allowed_host(spec.provider.as_str(), &connection)
}

fn missing(name: &str, provider: Provider) -> Lacking {
    let keys = keys(provider).join(", ");
    Lacking::Secret(format!("Secret {name:?} does not exist: create it with {keys}"))
}

/// A digest that is the same for accounts that spend the same quota.
fn fingerprint(account: &ProviderAccount, name: &str, secret: &Content, network: &Network) -> Known {
    let spec = &account.spec;
    let mut text = format!("{:?}\n", spec.provider);
    allowed_host(spec, &secret.allowed_hosts, network)
        .map_err(|why| Lacking::Leave(format!("Secret {name:?}: {why}")))?;
    if spec.provider.is_self_hosted() {
        // A key of one server is nothing to another, and many take any.
        text.push_str(spec.endpoint.as_deref().unwrap_or_default().trim_end_matches('/'));
    }
    for key in keys(spec.provider) {
        let value = secret.keys.get(*key).filter(|value| !value.is_empty());
        let value =
            value.ok_or_else(|| Lacking::Key(format!("Secret {name:?} has no key {key:?}: add it")))?;
        text.push('\n');
        text.push_str(value);
    }
    Ok(Digest::of_bytes(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn account(provider: &str, endpoint: &str) -> ProviderAccount {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "a"},
            "spec": {"provider": provider, "secretRef": {"name": "s"}, "endpoint": endpoint},
        }))
        .unwrap()
    }

    fn of(provider: &str, endpoint: &str, secret: Value) -> Known {
        let content = Content {
            keys: serde_json::from_value(secret).unwrap(),
            allowed_hosts: AllowedHosts::parse("proxy.example"),
        };
        fingerprint(&account(provider, endpoint), "s", &content, &Network::default())
    }

    #[test]
    fn a_key_is_for_hosts_that_its_secret_allows() {
        let key = json!({"apiKey": "very-secret"});
        assert!(of("XAI", "https://proxy.example/v1", key.clone()).is_ok());
        let Err(Lacking::Leave(message)) = of("XAI", "https://evil.example", key) else { panic!("allowed") };
        assert!(message.contains("add evil.example to the Secret's annotation"), "{message}");
        assert!(!message.contains("very-secret"));
    }

    #[test]
    fn a_key_that_is_absent_or_empty_is_named() {
        for secret in [json!({}), json!({"apiKey": ""}), json!({"other": "x"})] {
            let message = "Secret \"s\" has no key \"apiKey\": add it".to_owned();
            assert_eq!(of("XAI", "", secret), Err(Lacking::Key(message)));
        }
        let known = of("YouTube", "", json!({"clientId": "a", "clientSecret": "b"}));
        assert!(matches!(known, Err(Lacking::Key(message)) if message.contains("refreshToken")));
    }

    #[test]
    fn the_same_key_of_the_same_provider_is_the_same_account() {
        let key = |key: &str| json!({"apiKey": key, "comment": "not a key"});
        assert_eq!(of("XAI", "", key("k")), of("XAI", "https://proxy.example", json!({"apiKey": "k"})));
        assert_ne!(of("XAI", "", key("k")), of("XAI", "", key("other")));
        assert_ne!(of("XAI", "", key("k")), of("Gemini", "", key("k")));
        let hook = |url: &str| json!({"signingKey": "k", "url": url});
        assert_ne!(
            of("Webhook", "", hook("https://a.example")),
            of("Webhook", "", hook("https://b.example"))
        );
    }

    #[test]
    fn the_same_key_of_two_servers_is_two_accounts() {
        let of = |endpoint: &str| of("OpenAICompatible", endpoint, json!({"apiKey": "none"}));
        assert!(of("https://proxy.example/v1").is_ok());
        assert_eq!(of("https://proxy.example/v1"), of("https://proxy.example/v1/"));
        assert_ne!(of("https://proxy.example/v1"), of("https://proxy.example:8443/v1"));
    }

    #[test]
    fn nothing_of_a_key_is_in_what_is_kept() {
        let known = of("XAI", "", json!({"apiKey": "very-secret"}));
        assert!(!format!("{known:?}").contains("very-secret"));
    }
}
