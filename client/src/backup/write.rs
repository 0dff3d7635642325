//! Writing a backup. Pure.

use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::core::TypeMeta;
use serde_json::json;
use videofactory_crds::labels::LAST_APPLIED;
use videofactory_crds::requests;

use super::seal::Seal;
use super::{API_VERSION, KIND, Kind};

/// Bytes by which the memory of a backup grows: to double it would take as much again for a while.
const STEP: usize = 4 * 1024 * 1024;

/// A backup that is being written: as text from the start, which takes a fraction of what objects take in memory.
#[derive(Debug)]
pub struct Document {
    text: Vec<u8>,
    seal: Seal,
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
    /// A backup of this namespace, or of all, made now.
    #[must_use]
    pub fn begin(now: Timestamp, namespace: Option<&str>) -> Self {
        let created_at = now.to_string();
        let seal = Seal::new(&created_at, namespace);
        let mut head = json!({"apiVersion": API_VERSION, "kind": KIND, "createdAt": created_at});
        if let Some(namespace) = namespace {
            head["namespace"] = json!(namespace);
        }
        let mut text = head.to_string().into_bytes();
        // The items go before the closing brace.
        text.pop();
        text.extend_from_slice(br#","items":["#);
        Self { text, seal, items: 0, jobs: 0 }
    }

    /// Adds an object of this kind, without what only the API server has a use for.
    pub fn add(&mut self, kind: Kind, mut object: DynamicObject) {
        object.metadata.managed_fields = None;
        leave_secrets_out(kind, &mut object);
        // Of a restore that is under way: whoever restores this backup begins one of his own.
        if let Some(annotations) = &mut object.metadata.annotations {
            annotations.remove(requests::RESTORING);
        }
        let resource = kind.resource();
        object.types = Some(TypeMeta { api_version: resource.api_version, kind: resource.kind });
        // An object that came as JSON can be written as JSON.
        let Ok(json) = serde_json::to_value(&object) else { return };
        let comma = if self.items > 0 { "," } else { "" };
        self.write(&format!("{comma}{json}"));
        self.seal.add(&json);
        self.items += 1;
        self.jobs += i64::from(kind == Kind::VideoJob);
    }

    fn write(&mut self, text: &str) {
        if self.text.capacity() - self.text.len() < text.len() {
            self.text.reserve_exact(text.len().max(STEP));
        }
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.text.capacity()
    }

    /// The backup with all that was added.
    #[must_use]
    pub fn end(self) -> Written {
        let Self { mut text, seal, items, jobs, .. } = self;
        let tail = format!("],\"itemCount\":{items},\"digest\":\"{}\"}}\n", seal.end());
        // It must not double what the text takes.
        text.reserve_exact(tail.len());
        text.extend_from_slice(tail.as_bytes());
        Written { text, items, jobs }
    }
}

/// The URL of a Webhook account is a secret. It has been in the Secret alone since the first release; an older object may
/// still name it.
fn leave_secrets_out(kind: Kind, object: &mut DynamicObject) {
    if kind == Kind::ProviderAccount && object.data["spec"]["provider"] == "Webhook" {
        if let Some(spec) = object.data["spec"].as_object_mut() {
            spec.remove("endpoint");
        }
        object.metadata.annotations.get_or_insert_default().remove(LAST_APPLIED);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn object(name: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "namespace": "films", "labels": {"keep": "true"},
                "annotations": {"videofactory.dev/restoring": "2026-01-04T04:00:00Z", "team": "films"},
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {"topic": "mountains", "unheardOf": {"by": ["this", "version"]}},
            "status": {"phase": "Succeeded", "id": "3f9c2a1e"},
        }))
        .unwrap()
    }

    fn now() -> Timestamp {
        "2026-01-04T04:00:01Z".parse().unwrap()
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
            let mut document = Document::begin(now(), Some("films"));
            document.add(Kind::ProviderAccount, account(provider));
            String::from_utf8(document.end().text).unwrap()
        };
        assert!(!text("Webhook").contains("a-secret-path") && text("Webhook").contains("team"));
        assert!(text("XAI").contains(url), "another account's endpoint is no secret");
    }

    #[test]
    fn a_backup_holds_objects_as_they_are_without_managed_fields() {
        let mut document = Document::begin(now(), Some("films"));
        for name in ["one", "two"] {
            document.add(Kind::VideoJob, object(name));
        }
        document.add(Kind::Channel, object("three"));
        let Written { text, items, jobs } = document.end();
        let read: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((items, jobs), (3, 2));
        assert_eq!((&read["kind"], &read["itemCount"]), (&json!("Backup"), &json!(3)));
        assert_eq!(read["createdAt"], "2026-01-04T04:00:01Z");
        assert_eq!(read["namespace"], "films");
        let second = &read["items"][1];
        assert_eq!((&second["kind"], &second["metadata"]["name"]), (&json!("VideoJob"), &json!("two")));
        assert_eq!(second["status"]["id"], "3f9c2a1e");
        assert_eq!(second["spec"]["unheardOf"]["by"][1], "version");
        assert_eq!(second["metadata"].get("managedFields"), None);
        assert_eq!(second["metadata"]["annotations"], json!({"team": "films"}), "a restore has an end");
    }

    #[test]
    fn a_namespace_without_objects_is_backed_up_too() {
        let Written { text, items, .. } = Document::begin(now(), Some("films")).end();
        let read: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((items, &read["items"]), (0, &json!([])));
        let all: Value = serde_json::from_slice(&Document::begin(now(), None).end().text).unwrap();
        assert_eq!(all.get("namespace"), None);
    }
}
