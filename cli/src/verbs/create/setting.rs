//! `--set path=value`: a setting of the spec by its path, read as the schema says.

use std::str::FromStr;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Value, json};

use crate::exit::Error;

/// Reads `captions.mode=None` into its path and the value, of the kind that the schema names.
pub fn read(text: &str) -> Result<(String, Value), Error> {
    let (path, value) = text.split_once('=').ok_or_else(|| {
        Error::usage(format!("{text:?} sets nothing: write it as path=value, such as captions.mode=None"))
    })?;
    let path = path.strip_prefix("spec.").unwrap_or(path);
    let schema = schema();
    let field = find(&schema, path)?;
    Ok((path.to_owned(), of_kind(field, path, value)?))
}

/// Puts a value at a path, making what is above it.
pub fn put(spec: &mut Value, path: &str, value: Value) {
    let mut place = spec;
    for part in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[part];
    }
    *place = value;
}

/// The schema of a `VideoJob`'s spec.
fn schema() -> JSONSchemaProps {
    let definitions = videofactory_crds::generate::all();
    let job = definitions.into_iter().find(|definition| definition.spec.names.kind == "VideoJob");
    let version = job.and_then(|job| job.spec.versions.into_iter().next());
    let whole = version.and_then(|version| version.schema?.open_api_v3_schema);
    whole.and_then(|whole| whole.properties?.remove("spec")).unwrap_or_default()
}

fn find<'a>(schema: &'a JSONSchemaProps, path: &str) -> Result<&'a JSONSchemaProps, Error> {
    let mut field = schema;
    for part in path.split('.') {
        let named = field.properties.as_ref().and_then(|fields| fields.get(part));
        let any = match &field.additional_properties {
            Some(JSONSchemaPropsOrBool::Schema(values)) => Some(&**values),
            _ => None,
        };
        field = named.or(any).ok_or_else(|| unknown(field, path, part))?;
    }
    Ok(field)
}

fn unknown(parent: &JSONSchemaProps, path: &str, part: &str) -> Error {
    let names: Vec<&str> = parent.properties.iter().flatten().map(|(name, _)| name.as_str()).collect();
    let hint = if names.is_empty() {
        "there is nothing below it".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    };
    Error::usage(format!("--set {path}: there is no setting {part:?}")).hint(hint)
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn of_kind(field: &JSONSchemaProps, path: &str, text: &str) -> Result<Value, Error> {
    let wrong = |what: &str| Error::usage(format!("--set {path}={text}: {what} is wanted"));
    match field.type_.as_deref() {
        Some("string") => Ok(json!(text)),
        Some("integer") => parse::<i64>(text).map(Value::from).ok_or_else(|| wrong("a whole number")),
        Some("number") => parse::<f64>(text).map(Value::from).ok_or_else(|| wrong("a number")),
        Some("boolean") => parse::<bool>(text).map(Value::from).ok_or_else(|| wrong("true or false")),
        Some("array") => match serde_json::from_str::<Value>(text) {
            Ok(list @ Value::Array(_)) => Ok(list),
            // A list of words needs no brackets.
            _ => Ok(json!(text.split(',').collect::<Vec<_>>())),
        },
        _ => serde_json::from_str(text).map_err(|_| wrong("JSON")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_of_the_kind_that_its_field_has() {
        for (text, value) in [
            ("budget.limit=2.50", json!("2.50")),
            ("spec.sceneCount=4", json!(4)),
            ("suspend=true", json!(true)),
            ("review.after=write-script,assemble-video", json!(["write-script", "assemble-video"])),
            ("providers.images.accountRef.name=hf", json!("hf")),
            ("compute.nodeSelector.disk=1", json!("1")),
        ] {
            assert_eq!(read(text).unwrap().1, value, "{text}");
        }
    }

    #[test]
    fn what_is_misspelt_or_of_another_kind_is_refused_with_what_there_is() {
        let error = read("captions.mod=None").unwrap_err();
        assert!(error.message.contains("\"mod\"") && error.hint.unwrap().contains("mode"));
        assert!(read("sceneCount=many").unwrap_err().message.contains("a whole number is wanted"));
        assert!(read("captions").unwrap_err().message.contains("path=value"));
    }

    #[test]
    fn what_is_above_a_setting_is_made() {
        let mut spec = json!({"format": {"fps": 30}});
        put(&mut spec, "format.aspectRatio", json!("1:1"));
        put(&mut spec, "audio.music.bed", json!(-18));
        assert_eq!(
            spec,
            json!({"format": {"fps": 30, "aspectRatio": "1:1"}, "audio": {"music": {"bed": -18}}})
        );
    }
}
