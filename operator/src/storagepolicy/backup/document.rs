//! What a backup is called and what stands in it. Pure.
//!
//! The format is a list of manifests, one object of JSON: `apiVersion`, `kind: Backup`, `createdAt`, `namespace`,
//! `items`.

use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::core::TypeMeta;
use serde_json::json;

use super::super::plan::SLOT;

/// What the backups of a policy begin with. Policies of several namespaces may share a bucket, under the same name.
#[must_use]
pub fn prefix(namespace: &str, policy: &str) -> String {
    format!("backups/{namespace}/{policy}/")
}

/// The backup of a slot.
#[must_use]
pub fn key(namespace: &str, policy: &str, slot: Timestamp) -> String {
    format!("{}{}.json", prefix(namespace, policy), slot.strftime(SLOT))
}

/// The backups of a folder that stay, the newest last, and the oldest beyond so many, but never the one that was just
/// written, whatever a clock made of its name. What is not called like a backup is somebody else's.
#[must_use]
pub fn superfluous(folder: &str, keys: Vec<String>, new: &str, keep: usize) -> (Vec<String>, Vec<String>) {
    let is_backup = |key: &String| {
        let name = key.strip_prefix(folder).and_then(|name| name.strip_suffix(".json"));
        name.is_some_and(|name| jiff::civil::DateTime::strptime(SLOT, name).is_ok())
    };
    let mut backups: Vec<String> = keys.into_iter().filter(is_backup).collect();
    backups.sort_unstable_by(|one, other| (one == new, one).cmp(&(other == new, other)));
    let kept = backups.split_off(backups.len().saturating_sub(keep.max(1)));
    (kept, backups)
}

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

    #[test]
    fn names_say_whose_they_are_and_when() {
        let slot = "2026-01-04T04:00:00Z".parse().unwrap();
        assert_eq!(key("films", "default", slot), "backups/films/default/20260104T040000Z.json");
    }

    #[test]
    fn the_newest_backups_stay_and_what_is_no_backup_is_left_alone() {
        let folder = prefix("films", "default");
        let key = |name: &str| format!("{folder}{name}");
        let names = [
            "20260104T040000Z.json",
            "notes.json",
            "20251228T040000Z.json",
            "20260111T040000Z.json",
            "2026.json",
            "20251221T040000Z.json.bak",
        ];
        let keys = || names.map(key).to_vec();
        let superfluous = |keep, new: &str| {
            let (kept, gone) = super::superfluous(&folder, keys(), new, keep);
            (kept.len(), gone)
        };
        assert_eq!(superfluous(2, ""), (2, vec![key("20251228T040000Z.json")]));
        assert_eq!(superfluous(3, ""), (3, vec![]));
        assert_eq!(superfluous(9, ""), (3, vec![]));
        assert_eq!(superfluous(0, "").0, 1, "one always stays");
        // A clock that was ahead has named the others.
        let new = key("20251228T040000Z.json");
        let (kept, gone) = superfluous(1, &new);
        assert_eq!((kept, gone.len(), gone.contains(&new)), (1, 2, false));
    }
}
