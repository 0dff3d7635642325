//! Objects, and what became of them, as they are printed.

use clap::ValueEnum;
use kube::Resource;
use serde::Serialize;
use serde_json::{Value, json};
use videofactory_client::{ItemOutcome, Results};
use videofactory_crds::GROUP;
use videofactory_crds::yaml::quote_for_old_readers;

use crate::exit::Error;

/// How a verb prints that shows objects as columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As JSON
    Json,
    /// As YAML
    Yaml,
    /// By their names alone
    Name,
    /// As columns, with more of them
    Wide,
}

/// How a verb prints that makes or changes objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Written {
    /// As JSON
    Json,
    /// As YAML
    Yaml,
    /// By their names alone
    Name,
}

/// How a verb prints what is no object of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// As JSON
    Json,
    /// As YAML
    Yaml,
}

impl Written {
    /// The document that is wanted; none: names alone.
    #[must_use]
    pub const fn document(self) -> Option<Document> {
        match self {
            Self::Json => Some(Document::Json),
            Self::Yaml => Some(Document::Yaml),
            Self::Name => None,
        }
    }
}

impl From<Written> for Format {
    fn from(written: Written) -> Self {
        match written {
            Written::Json => Self::Json,
            Written::Yaml => Self::Yaml,
            Written::Name => Self::Name,
        }
    }
}

/// `videojob.videofactory.dev/ocean`, as kubectl takes it.
#[must_use]
pub fn name<K: Resource<DynamicType = ()>>(name: &str) -> String {
    name_of(&K::kind(&()), name)
}

/// The same, of one of our kinds by its name.
#[must_use]
pub fn name_of(kind: &str, name: &str) -> String {
    format!("{}.{GROUP}/{name}", kind.to_lowercase())
}

/// What became of an object, in kubectl's form: `videojob.videofactory.dev/ocean approved`. `home`: the namespace that is
/// meant anyhow, which is not named.
#[must_use]
pub fn sentence(name: &str, became: &str, namespace: &str, home: &str) -> String {
    if namespace == home {
        format!("{name} {became}")
    } else {
        format!("{name} {became} in namespace {namespace}")
    }
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

/// Objects as kubectl prints them; none where they are wanted as columns. `is_one`: it is one, which is no list.
pub fn objects(objects: &[Value], is_one: bool, format: Format) -> Result<Option<String>, Error> {
    let document = match format {
        Format::Json => Document::Json,
        Format::Yaml => Document::Yaml,
        Format::Name => {
            let word = |word: &Value| word.as_str().unwrap_or_default().to_owned();
            let line =
                |object: &Value| name_of(&word(&object["kind"]), &word(&object["metadata"]["name"])) + "\n";
            return Ok(Some(objects.iter().map(line).collect()));
        }
        Format::Wide => return Ok(None),
    };
    if let ([one], true) = (objects, is_one) {
        return write(document, one).map(Some);
    }
    let list =
        json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": objects});
    write(document, &list).map(Some)
}

/// What is no object of Kubernetes, as a list of the same shape.
pub fn items(items: &impl Serialize, format: Document) -> Result<String, Error> {
    write(format, &json!({ "items": items }))
}

/// What became of a request, as it is wanted: as `document`, or by the names of those objects alone that are as they were
/// asked for. `name`: that of one.
pub fn results<T: ItemOutcome>(
    document: &impl Serialize,
    results: &Results<T>,
    name: impl Fn(&T) -> String,
    output: Written,
) -> Result<String, Error> {
    match output.document() {
        Some(format) => write(format, document),
        None => Ok(results.done().map(|item| name(item) + "\n").collect()),
    }
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
    }

    #[test]
    fn one_object_is_itself_and_several_are_a_list() {
        let one = [object(&job()).unwrap()];
        let json = |is_one| objects(&one, is_one, Format::Json).unwrap().unwrap();
        let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        assert_eq!(read(json(true)), one[0]);
        let list = read(json(false));
        assert_eq!((&list["kind"], &list["items"][0]), (&json!("List"), &one[0]));
        let names = objects(&one, true, Format::Name).unwrap();
        assert_eq!(names.as_deref(), Some("videojob.videofactory.dev/ocean\n"));
        assert_eq!(objects(&one, true, Format::Wide).unwrap(), None);
    }

    #[test]
    fn a_namespace_that_is_not_meant_anyhow_is_named() {
        let said = |namespace: &str| sentence(&name::<VideoJob>("ocean"), "retried", namespace, "films");
        assert_eq!(said("films"), "videojob.videofactory.dev/ocean retried");
        assert_eq!(said("demo"), "videojob.videofactory.dev/ocean retried in namespace demo");
    }

    #[test]
    fn yaml_is_read_alike_by_old_readers() {
        let text = write(Document::Yaml, &object(&job()).unwrap()).unwrap();
        assert!(text.contains("aspectRatio: \"9:16\"") || text.contains("aspectRatio: '9:16'"), "{text}");
    }
}
