//! What stands in a backup, and how it is read from the API server.
//!
//! The format is a list of manifests, one object of JSON: `apiVersion`, `kind: Backup`, `createdAt`, `namespace`,
//! `items`.

use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::core::{ApiResource, TypeMeta};
use kube::{Api, Client};
use serde_json::json;
use videofactory_crds::{Channel, ProviderAccount, StoragePolicy, VideoJob};

use crate::call::{CallError, list_all};

/// A backup that is being written: as text from the start, which takes a fraction of what objects take in memory.
#[derive(Debug)]
pub struct Document {
    text: Vec<u8>,
    items: i64,
    jobs: i64,
}

/// A backup that is written.
#[derive(Debug)]
pub struct Written {
    /// The whole text.
    pub text: Vec<u8>,
    /// The number of objects.
    pub items: i64,
    /// How many of them are `VideoJob`s.
    pub jobs: i64,
}

impl Document {
    /// A backup of this namespace, made now.
    #[must_use]
    pub fn begin(now: Timestamp, namespace: &str) -> Self {
        let head = json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "Backup",
            "createdAt": now.to_string(), "namespace": namespace,
        });
        let mut text = head.to_string().into_bytes();
        // The items go before the closing brace.
        text.pop();
        text.extend_from_slice(br#","items":["#);
        Self { text, items: 0, jobs: 0 }
    }

    /// Adds an object of this kind, without what only the API server has a use for.
    pub fn add(&mut self, api_version: &str, kind: &str, mut object: DynamicObject) {
        object.metadata.managed_fields = None;
        leave_secrets_out(kind, &mut object);
        object.types = Some(TypeMeta { api_version: api_version.to_owned(), kind: kind.to_owned() });
        // An object that came as JSON can be written as JSON.
        let Ok(json) = serde_json::to_vec(&object) else { return };
        if self.items > 0 {
            self.text.push(b',');
        }
        self.text.extend_from_slice(&json);
        self.items += 1;
        self.jobs += i64::from(kind == "VideoJob");
    }

    /// The backup with all that was added.
    #[must_use]
    pub fn end(mut self) -> Written {
        self.text.extend_from_slice(b"]}\n");
        Written { text: self.text, items: self.items, jobs: self.jobs }
    }
}

/// The URL of a Webhook account is a secret. It has been in the Secret alone since the first release; an older object may
/// still name it.
fn leave_secrets_out(kind: &str, object: &mut DynamicObject) {
    if kind == "ProviderAccount" && object.data["spec"]["provider"] == "Webhook" {
        if let Some(spec) = object.data["spec"].as_object_mut() {
            spec.remove("endpoint");
        }
        object
            .metadata
            .annotations
            .get_or_insert_default()
            .remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

/// Reads all objects of a namespace into a backup, as the API server has them: what this version does not know of them is
/// kept too.
pub async fn read(client: &Client, namespace: &str, now: Timestamp) -> Result<Written, CallError> {
    let mut document = Document::begin(now, namespace);
    for kind in [
        ApiResource::erase::<Channel>(&()),
        ApiResource::erase::<ProviderAccount>(&()),
        ApiResource::erase::<StoragePolicy>(&()),
        ApiResource::erase::<VideoJob>(&()),
    ] {
        let api: &Api<DynamicObject> = &Api::namespaced_with(client.clone(), namespace, &kind);
        let ask = |params| async move { api.list(&params).await };
        let take = |object| document.add(&kind.api_version, &kind.kind, object);
        list_all(&format!("list the {} of {namespace}", kind.plural), ask, take).await?;
    }
    Ok(document.end())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn object(name: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "namespace": "films", "labels": {"keep": "true"},
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {"topic": "mountains", "unheardOf": {"by": ["this", "version"]}},
            "status": {"phase": "Succeeded", "id": "3f9c2a1e"},
        }))
        .unwrap()
    }

    #[test]
    fn a_webhooks_url_is_in_no_backup() {
        let url = "https://hooks.example/a-secret-path";
        let account = |provider: &str| -> DynamicObject {
            serde_json::from_value(json!({
                "metadata": {"name": "hook", "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": url, "team": "films",
                }},
                "spec": {"provider": provider, "endpoint": url},
            }))
            .unwrap()
        };
        let text = |provider: &str| {
            let mut document = Document::begin("2026-01-04T04:00:01Z".parse().unwrap(), "films");
            document.add("videofactory.dev/v1alpha1", "ProviderAccount", account(provider));
            String::from_utf8(document.end().text).unwrap()
        };
        assert!(!text("Webhook").contains("a-secret-path") && text("Webhook").contains("team"));
        assert!(text("XAI").contains(url), "another account's endpoint is no secret");
    }

    #[test]
    fn a_backup_holds_objects_as_they_are_without_managed_fields() {
        let mut document = Document::begin("2026-01-04T04:00:01Z".parse().unwrap(), "films");
        for name in ["one", "two"] {
            document.add("videofactory.dev/v1alpha1", "VideoJob", object(name));
        }
        document.add("videofactory.dev/v1alpha1", "Channel", object("three"));
        let Written { text, items, jobs } = document.end();
        let read: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((items, jobs), (3, 2));
        assert_eq!(read["kind"], "Backup");
        assert_eq!(read["createdAt"], "2026-01-04T04:00:01Z");
        assert_eq!(read["namespace"], "films");
        let second = &read["items"][1];
        assert_eq!((&second["kind"], &second["metadata"]["name"]), (&json!("VideoJob"), &json!("two")));
        assert_eq!(second["status"]["id"], "3f9c2a1e");
        assert_eq!(second["spec"]["unheardOf"]["by"][1], "version");
        assert_eq!(second["metadata"].get("managedFields"), None);
    }

    #[test]
    fn a_namespace_without_objects_is_backed_up_too() {
        let Written { text, items, .. } =
            Document::begin("2026-01-04T04:00:01Z".parse().unwrap(), "films").end();
        let read: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((items, &read["items"]), (0, &json!([])));
    }
}
