//! Reading a backup: all of it, or a sentence that says why not. Pure.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use videofactory_pipeline::Digest;

use super::bounds::MAX_HEAD_BYTES;
use super::item::{Item, read_item};
use super::raw_items::RawItems;
use super::seal::Seal;
use super::{API_VERSION, KIND, ReadBackupError};

/// A backup that was read and is whole.
#[derive(Clone, Debug)]
pub struct Backup<'a> {
    /// The namespace of which it is; absent: of all.
    pub namespace: Option<String>,
    /// What stands in it, in its own order.
    pub items: Vec<Item<'a>>,
    /// Whether a digest vouches for it; earlier versions wrote none.
    pub is_sealed: bool,
    /// The digest of all that it says, whether or not it vouches for itself: by it a restore is known.
    pub digest: Digest,
}

/// The fields as they stand there: each is read once its length is known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Wire<'a> {
    #[serde(borrow)]
    api_version: Option<&'a RawValue>,
    kind: Option<&'a RawValue>,
    created_at: Option<&'a RawValue>,
    namespace: Option<&'a RawValue>,
    items: Option<&'a RawValue>,
    item_count: Option<&'a RawValue>,
    digest: Option<&'a RawValue>,
}

impl<'a> Backup<'a> {
    /// Reads the whole of it before anything is done with a part.
    pub fn read(text: &'a str) -> Result<Self, ReadBackupError> {
        let unreadable = |error: serde_json::Error| match error.to_string() {
            // A number that was cut in the middle is none.
            why if error.is_eof() || why.starts_with("invalid number") => {
                ReadBackupError::ReadToEnd(text.len())
            }
            why => ReadBackupError::ParseJson(why),
        };
        // Errors of other types than an object's would repeat the whole text.
        if !text.trim_start().starts_with('{') && !text.trim_start().is_empty() {
            return Err(ReadBackupError::ParseJson("it does not begin with a brace".to_owned()));
        }
        let wire: Wire<'a> = serde_json::from_str(text).map_err(unreadable)?;
        let kind: String = head(wire.kind)?.unwrap_or_default();
        if kind != KIND {
            return Err(ReadBackupError::MatchKind(kind));
        }
        let version: String = head(wire.api_version)?.unwrap_or_default();
        if version != API_VERSION {
            return Err(ReadBackupError::MatchVersion(version));
        }
        let created_at: String = head(wire.created_at)?.unwrap_or_default();
        let namespace: Option<String> = head(wire.namespace)?;
        let digest: Option<String> = head(wire.digest)?;
        let raw = RawItems::of(wire.items)?;
        if let Some(said) =
            head::<u64>(wire.item_count)?.filter(|said| u64::try_from(raw.0.len()) != Ok(*said))
        {
            return Err(ReadBackupError::MatchCount { said, found: raw.0.len() });
        }
        let mut seal = Seal::new(&created_at, namespace.as_deref());
        let mut items = Vec::with_capacity(raw.0.len());
        let mut names = HashSet::new();
        for (place, raw) in raw.0.iter().enumerate() {
            let item = read_item(place + 1, raw, namespace.as_deref(), &mut seal)?;
            if let Some(own) = namespace.as_ref().filter(|own| **own != item.namespace) {
                let namespace = own.clone();
                return Err(ReadBackupError::MatchNamespace { item: item.to_string(), namespace });
            }
            if !names.insert((item.kind, item.namespace.clone(), item.name.clone())) {
                return Err(ReadBackupError::RepeatItem(item.to_string()));
            }
            items.push(item);
        }
        let (said, digest) = (digest, seal.end());
        if said.as_ref().is_some_and(|said| *said != digest.to_string()) {
            return Err(ReadBackupError::MatchDigest);
        }
        Ok(Self { namespace, items, is_sealed: said.is_some(), digest })
    }
}

impl Backup<'_> {
    /// Leaves what is of one namespace, if there is anything.
    pub fn retain(&mut self, namespace: &str) -> Result<(), ReadBackupError> {
        let there: BTreeSet<String> = self.items.iter().map(|item| item.namespace.clone()).collect();
        if !there.contains(namespace) {
            let wanted = namespace.to_owned();
            return Err(ReadBackupError::FindNamespace { wanted, there: there.into_iter().collect() });
        }
        self.items.retain(|item| item.namespace == namespace);
        Ok(())
    }
}

/// A field that says what the rest is.
fn head<T: DeserializeOwned>(field: Option<&RawValue>) -> Result<Option<T>, ReadBackupError> {
    let Some(raw) = field else { return Ok(None) };
    if raw.get().len() > MAX_HEAD_BYTES {
        let why = format!("one of its own fields has more than {MAX_HEAD_BYTES} bytes");
        return Err(ReadBackupError::ParseJson(why));
    }
    serde_json::from_str(raw.get()).map(Some).map_err(|error| ReadBackupError::ParseJson(error.to_string()))
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt;
    use kube::api::DynamicObject;
    use serde_json::{Value, json};

    use super::super::bounds::{MAX_ITEM_BYTES, MAX_ITEMS};
    use super::super::{Document, Kind};
    use super::*;
    use crate::json::MAX_VALUES;

    fn object(name: &str, namespace: &str) -> DynamicObject {
        let metadata = json!({"name": name, "namespace": namespace, "uid": format!("uid-{name}")});
        serde_json::from_value(json!({
            "metadata": metadata, "spec": {"topic": "the sea"},
            "status": {"id": "3f9c2a1e", "artifacts": {"video": {"key": "k", "duration": 45.0}}},
        }))
        .unwrap()
    }

    fn text(namespace: Option<&str>) -> String {
        let mut document = Document::begin("2026-01-04T04:00:01Z".parse().unwrap(), namespace);
        document.add(Kind::VideoJob, object("ocean", "films"));
        document.add(Kind::Channel, object("sea", "films"));
        String::from_utf8(document.end().text).unwrap()
    }

    fn changed(change: impl FnOnce(&mut Value)) -> ReadBackupError {
        let mut value: Value = serde_json::from_str(&text(Some("films"))).unwrap();
        change(&mut value);
        Backup::read(&value.to_string()).unwrap_err()
    }

    /// The same without what vouches for it, as earlier versions wrote it.
    fn unsealed(change: impl FnOnce(&mut Value)) -> ReadBackupError {
        changed(|value| {
            let fields = value.as_object_mut().unwrap();
            fields.remove("itemCount");
            fields.remove("digest");
            change(value);
        })
    }

    #[test]
    fn one_namespace_of_all_can_be_taken_and_one_that_is_not_there_is_reported() {
        let mut document = Document::begin("2026-01-04T04:00:01Z".parse().unwrap(), None);
        document.add(Kind::VideoJob, object("ocean", "films"));
        document.add(Kind::VideoJob, object("ocean", "shows"));
        let text = String::from_utf8(document.end().text).unwrap();
        let mut backup = Backup::read(&text).unwrap();
        backup.retain("films").unwrap();
        assert_eq!(
            backup.items.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["VideoJob films/ocean"]
        );
        let none = Backup::read(&text).unwrap().retain("demo").unwrap_err();
        assert!(none.to_string().ends_with("of namespace demo; it has objects of films, shows"), "{none}");
    }

    #[test]
    fn what_was_written_is_read() {
        let text = text(Some("films"));
        let backup = Backup::read(&text).unwrap();
        assert!(backup.is_sealed);
        let names: Vec<String> = backup.items.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["VideoJob films/ocean", "Channel films/sea"]);
        assert_eq!(backup.items[0].object().data["status"]["id"], "3f9c2a1e");
    }

    #[test]
    fn a_file_that_a_program_has_indented_is_whole() {
        let value: Value = serde_json::from_str(&text(Some("films"))).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap().replace("45.0", "45");
        assert!(Backup::read(&pretty).unwrap().is_sealed);
    }

    #[test]
    fn what_is_read_can_be_restored_also_where_a_field_is_given_twice() {
        let text = format!(
            r#"{{"apiVersion": "{API_VERSION}", "kind": "Backup", "items": [{{"apiVersion": "{API_VERSION}",
                "kind": "Channel", "metadata": {{"name": "lake"}}, "metadata": {{"name": "sea", "namespace": "films"}}}}]}}"#
        );
        let backup = Backup::read(&text).unwrap();
        let item = &backup.items[0];
        assert_eq!((item.name.as_str(), item.object().name_any().as_str()), ("sea", "sea"));
    }

    #[test]
    fn one_of_an_earlier_version_has_no_digest_and_is_read() {
        let mut value: Value = serde_json::from_str(&text(Some("films"))).unwrap();
        let fields = value.as_object_mut().unwrap();
        fields.remove("itemCount");
        fields.remove("digest");
        let text = value.to_string();
        let backup = Backup::read(&text).unwrap();
        assert_eq!((backup.items.len(), backup.is_sealed), (2, false));
    }

    #[test]
    fn what_was_made_to_fill_the_memory_is_refused_with_few_words() {
        use ReadBackupError as E;
        let numbers = |count: usize| format!("[{}0]", "0,".repeat(count));
        let with =
            |item: &str| format!(r#"{{"apiVersion":"{API_VERSION}","kind":"Backup","items":[{item}]}}"#);
        let refused = |text: &str| Backup::read(text).unwrap_err();
        assert_eq!(refused(&with(&format!(r#"{{"x":{}}}"#, numbers(MAX_VALUES)))), E::BoundItemSize(1));
        assert_eq!(refused(&with(&format!("\"{}\"", "x".repeat(MAX_ITEM_BYTES)))), E::BoundItemSize(1));
        assert_eq!(refused(&with(&format!("{}{{}}", "{},".repeat(MAX_ITEMS)))), E::BoundItems(MAX_ITEMS + 1));
        let long = "\u{7f}".repeat(1_000_000);
        for text in [
            format!("\"{long}\""),
            format!("[\"{long}\"]"),
            format!(r#"{{"kind":"{long}"}}"#),
            format!(r#"{{"kind":"Backup","apiVersion":"{long}"}}"#),
            format!(r#"{{"kind":"Backup","apiVersion":"{API_VERSION}","items":"{long}"}}"#),
            format!(r#"{{"kind":"Backup","apiVersion":"{API_VERSION}","items":[],"itemCount":"{long}"}}"#),
            format!(r#"{{"kind":"Backup","apiVersion":"{API_VERSION}","items":[],"createdAt":"{long}"}}"#),
            with(&format!("\"{long}\"")),
            with(&format!(r#"{{"kind":"{long}"}}"#)),
            with(&format!(r#"{{"apiVersion":"{API_VERSION}","kind":"VideoJob","metadata":"{long}"}}"#)),
        ] {
            let reported = refused(&text).to_string();
            assert!(reported.len() < 3_000, "{} bytes for {}", reported.len(), &text[..60]);
        }
    }

    #[test]
    fn wherever_it_is_cut_it_is_refused() {
        let text = text(Some("films"));
        for end in 0..text.trim_end().len() {
            let refused = Backup::read(&text[..end]).unwrap_err();
            assert_eq!(refused, ReadBackupError::ReadToEnd(end));
        }
    }

    #[test]
    fn whatever_is_changed_in_it_is_seen() {
        use ReadBackupError as E;
        let altered = |change: &dyn Fn(&mut Value)| assert_eq!(changed(change), E::MatchDigest);
        altered(&|value| value["items"][0]["status"]["id"] = json!("00000000"));
        altered(&|value| value["createdAt"] = json!("2027-01-04T04:00:01Z"));
        altered(&|value| value["items"][1]["metadata"]["annotations"] = json!({"videofactory.dev/hold": ""}));
        altered(&|value| value["items"].as_array_mut().unwrap().reverse());
        let removed = changed(|value| drop(value["items"].as_array_mut().unwrap().pop()));
        assert_eq!(removed, E::MatchCount { said: 2, found: 1 });
    }

    #[test]
    fn what_is_no_backup_of_this_version_is_refused_by_name() {
        use ReadBackupError as E;
        assert_eq!(changed(|value| value["kind"] = json!("List")), E::MatchKind("List".into()));
        let newer = changed(|value| value["apiVersion"] = json!("videofactory.dev/v2"));
        assert_eq!(newer, E::MatchVersion("videofactory.dev/v2".into()));
        assert!(newer.to_string().contains("the release that wrote it"), "{newer}");
        assert!(matches!(Backup::read("a: b"), Err(E::ParseJson(_))));
        assert!(matches!(Backup::read("{} x"), Err(E::ParseJson(_))));
        assert!(matches!(
            unsealed(|value| drop(value.as_object_mut().unwrap().remove("items"))),
            E::ParseJson(_)
        ));
    }

    #[test]
    fn one_item_that_is_not_ours_refuses_the_whole() {
        use ReadBackupError as E;
        let secret = unsealed(|value| value["items"][1]["kind"] = json!("Secret"));
        assert!(matches!(&secret, E::KnowItem { number: 2, what } if what.contains("Secret")), "{secret}");
        let other = unsealed(|value| value["items"][0]["apiVersion"] = json!("example.com/v1"));
        assert!(matches!(other, E::KnowItem { number: 1, .. }), "{other}");
        assert!(matches!(unsealed(|value| value["items"][0] = json!(7)), E::KnowItem { number: 1, .. }));
        let nameless = unsealed(|value| value["items"][0]["metadata"]["name"] = json!("../other"));
        assert!(matches!(nameless, E::ReadItem { number: 1, .. }), "{nameless}");
        let labels = unsealed(|value| value["items"][0]["metadata"]["labels"] = json!(5));
        assert!(matches!(labels, E::ReadItem { number: 1, .. }), "{labels}");
        let twice = unsealed(|value| value["items"][1] = value["items"][0].clone());
        assert_eq!(twice, E::RepeatItem("VideoJob films/ocean".into()));
    }

    #[test]
    fn objects_of_another_namespace_than_the_backups_are_refused() {
        let foreign = unsealed(|value| value["namespace"] = json!("shows"));
        assert!(
            matches!(&foreign, ReadBackupError::MatchNamespace { namespace, .. } if namespace == "shows")
        );
        let mut value: Value = serde_json::from_str(&text(None)).unwrap();
        assert_eq!(Backup::read(&value.to_string()).unwrap().items.len(), 2, "it is of all");
        value["items"][0]["metadata"].as_object_mut().unwrap().remove("namespace");
        value.as_object_mut().unwrap().remove("digest");
        assert!(Backup::read(&value.to_string()).is_err(), "nobody says where it belongs");
        value["namespace"] = json!("films");
        assert_eq!(
            Backup::read(&value.to_string()).unwrap().items[0].namespace,
            "films",
            "where the backup belongs"
        );
    }
}
