//! Objects as they are printed.

use clap::ValueEnum;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};
use videofactory_crds::yaml::quote_for_old_readers;

use crate::exit::Error;

/// How objects are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As columns
    #[default]
    Table,
    /// As columns, with more of them
    Wide,
    /// As JSON
    Json,
    /// As YAML
    Yaml,
    /// By their names alone
    Name,
}

/// How a view of one thing is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// As JSON
    Json,
    /// As YAML
    Yaml,
}

impl Format {
    /// Whether it is a document of whole objects, and which.
    #[must_use]
    pub const fn document(self) -> Option<Document> {
        match self {
            Self::Json => Some(Document::Json),
            Self::Yaml => Some(Document::Yaml),
            Self::Table | Self::Wide | Self::Name => None,
        }
    }
}

/// `videojob.videofactory.dev/ocean`, as kubectl takes it.
#[must_use]
pub fn name<K: Resource<DynamicType = ()>>(object: &K) -> String {
    format!("{}.{}/{}", K::kind(&()).to_lowercase(), K::group(&()), object.name_any())
}

/// An object as kubectl prints it: without what only the API server has a use for.
pub fn object<K>(object: &K) -> Result<Value, Error>
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let mut value = serde_json::to_value(object).map_err(|error| unwritable(&error))?;
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    value["apiVersion"] = json!(K::api_version(&()));
    value["kind"] = json!(K::kind(&()));
    Ok(value)
}

/// Objects as kubectl prints them: a list.
pub fn list<K>(objects: &[K]) -> Result<Value, Error>
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let items = objects.iter().map(object).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}))
}

/// The text of a document, ending with a newline.
pub fn write(format: Document, value: &impl Serialize) -> Result<String, Error> {
    match format {
        Document::Json => {
            let text = serde_json::to_string_pretty(value).map_err(|error| unwritable(&error))?;
            Ok(text + "\n")
        }
        Document::Yaml => {
            let text = serde_yaml_ng::to_string(value).map_err(|error| unwritable(&error))?;
            Ok(quote_for_old_readers(&text))
        }
    }
}

fn unwritable(error: &dyn std::fmt::Display) -> Error {
    Error::new(format!("an object cannot be written out: {error}"))
}

#[cfg(test)]
mod tests {
    use videofactory_crds::VideoJob;

    use super::*;

    fn job() -> VideoJob {
        serde_json::from_value(json!({
            "metadata": {"name": "ocean", "namespace": "films", "managedFields": [{"manager": "kubectl"}]},
            "spec": {"topic": "the ocean", "captions": {"mode": "None"}, "format": {"aspectRatio": "9:16"}},
        }))
        .unwrap()
    }

    #[test]
    fn an_object_has_its_kind_and_no_managed_fields() {
        let value = object(&job()).unwrap();
        assert_eq!(
            (&value["kind"], &value["apiVersion"]),
            (&json!("VideoJob"), &json!("videofactory.dev/v1alpha1"))
        );
        assert!(value["metadata"].get("managedFields").is_none());
        assert_eq!(name(&job()), "videojob.videofactory.dev/ocean");
        assert_eq!(list(&[job()]).unwrap()["items"][0]["kind"], "VideoJob");
    }

    #[test]
    fn yaml_is_read_alike_by_old_readers() {
        let text = write(Document::Yaml, &object(&job()).unwrap()).unwrap();
        assert!(text.contains("aspectRatio: \"9:16\"") || text.contains("aspectRatio: '9:16'"), "{text}");
    }
}
