//! One object in a backup: whether it is one of ours, and how it is kept in little memory. Pure.

use std::fmt;

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;
use serde_json::value::RawValue;

use super::bounds;
use super::seal::Seal;
use super::{API_VERSION, Kind, ReadBackupError};
use crate::job_ref::is_label;

/// An object in a backup.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
    /// As it stands there: a tenth of what the object takes in memory.
    text: &'a str,
}

impl Item<'_> {
    /// The object.
    ///
    /// # Panics
    /// Never: the text was parsed when the backup was read.
    #[must_use]
    pub fn object(&self) -> DynamicObject {
        parse(self.text)
            .and_then(serde_json::from_value)
            .expect("it was parsed in the same way when it was read")
    }
}

/// By way of a value, as the digest is taken: of a field that stands twice, both see the last one.
fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// Reads an item, and adds it to the seal. `number`: counted from 1; `own`: the namespace of the backup.
pub fn read_item<'a>(
    number: usize,
    raw: &'a RawValue,
    own: Option<&str>,
    seal: &mut Seal,
) -> Result<Item<'a>, ReadBackupError> {
    let unreadable = |problem: String| ReadBackupError::ReadItem { number, problem: bounds::cut(&problem) };
    if !bounds::is_an_objects(raw.get()) {
        return Err(ReadBackupError::BoundItemSize(number));
    }
    let value = parse(raw.get()).map_err(|error| unreadable(error.to_string()))?;
    seal.add(&value);
    let word = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let (version, kind) = (word("apiVersion"), word("kind"));
    let Some(kind) = Kind::named(&kind).filter(|_| version == API_VERSION) else {
        let what =
            if kind.is_empty() { "no manifest".to_owned() } else { format!("{kind:?} of {version:?}") };
        return Err(ReadBackupError::KnowItem { number, what: bounds::cut(&what) });
    };
    let object: DynamicObject =
        serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
    let name = object.name_any();
    let namespace = object.namespace().or_else(|| own.map(str::to_owned)).unwrap_or_default();
    if !is_label(&name) || !is_label(&namespace) {
        return Err(unreadable(format!("a {kind} has no name and namespace as Kubernetes has them")));
    }
    Ok(Item { kind, namespace, name, text: raw.get() })
}
