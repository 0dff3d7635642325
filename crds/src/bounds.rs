//! How large a status may be.
//!
//! etcd takes no object above about 1.5 MiB, and everybody who watches one gets all of it with each write. So every text
//! and list of a status has a bound in the schema, lists are kept within theirs where they are written, and texts are cut
//! here: what is told never keeps a decision from being written.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::generate;

/// Most bytes of a status, as JSON.
pub const MOST_STATUS_BYTES: usize = 256 * 1024;
/// Most bytes of a text, where the schema names no other bound.
pub const MOST_TEXT_BYTES: usize = 1024;
/// Most items of a list, where the schema names no other bound.
pub const MOST_ITEMS: i64 = 100;
/// Most conditions of an object.
const MOST_CONDITIONS: i64 = 10;
/// Most characters of a word.
const MOST_WORD: i64 = 64;
/// Most bytes of a Channel's spec as a run keeps it. What a step can be told is less.
pub const MOST_CHANNEL_BYTES: usize = 48 * 1024;

/// Most bytes of the prune runs that a policy's status remembers, whatever `spec.history` says.
pub const MOST_HISTORY_BYTES: usize = 144 * 1024;

/// The schemas of all kinds' statuses.
static STATUSES: LazyLock<BTreeMap<String, JSONSchemaProps>> = LazyLock::new(|| {
    let status = |crd: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition| {
        let version = crd.spec.versions.into_iter().next()?;
        let status = version.schema?.open_api_v3_schema?.properties?.remove("status")?;
        Some((crd.spec.names.kind, status))
    };
    generate::all().into_iter().filter_map(status).collect()
});

/// The schema of the status of this kind, if it has one.
#[must_use]
pub fn status_schema(kind: &str) -> Option<&'static JSONSchemaProps> {
    STATUSES.get(kind)
}

/// The status with each text cut to its bound.
#[must_use]
pub fn fit<K, S>(status: S) -> S
where
    K: Resource<DynamicType = ()>,
    S: Serialize + DeserializeOwned,
{
    let Some(schema) = status_schema(&K::kind(&())) else { return status };
    let Ok(mut value) = serde_json::to_value(&status) else { return status };
    if !cut_texts(&mut value, schema) {
        return status;
    }
    serde_json::from_value(value).unwrap_or(status)
}

/// Cuts the texts of a value that are longer than its schema allows; whether any was.
pub fn cut_texts(value: &mut Value, schema: &JSONSchemaProps) -> bool {
    match value {
        Value::String(text) => {
            let most = schema.max_length.and_then(|most| usize::try_from(most).ok());
            match most.filter(|most| text.len() > *most) {
                Some(most) => {
                    *text = cut(text, most);
                    true
                }
                None => false,
            }
        }
        Value::Array(items) => match &schema.items {
            Some(JSONSchemaPropsOrArray::Schema(of_item)) => {
                // Each item is cut, whatever the ones before it were.
                let cut: Vec<bool> = items.iter_mut().map(|item| cut_texts(item, of_item)).collect();
                cut.contains(&true)
            }
            _ => false,
        },
        Value::Object(fields) => fields.iter_mut().fold(false, |any, (name, field)| {
            let known = schema.properties.as_ref().and_then(|properties| properties.get(name));
            let of_field = known.or(match &schema.additional_properties {
                Some(JSONSchemaPropsOrBool::Schema(of_value)) => Some(of_value),
                _ => None,
            });
            of_field.is_some_and(|of_field| cut_texts(field, of_field)) || any
        }),
        _ => false,
    }
}

/// The text, or as much of it as fits, to the end of a character.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Gives every text and list of a status that has no bound the usual one.
pub(crate) fn bound(schema: &mut JSONSchemaProps) {
    match schema.type_.as_deref() {
        Some("string") if schema.enum_.is_none() && schema.format.is_none() => {
            schema.max_length.get_or_insert(i64::try_from(MOST_TEXT_BYTES).unwrap_or(i64::MAX));
        }
        Some("array") => {
            schema.max_items.get_or_insert(MOST_ITEMS);
        }
        Some("object") if schema.additional_properties.is_some() => {
            schema.max_properties.get_or_insert(MOST_ITEMS);
        }
        _ => {}
    }
    for (name, property) in schema.properties.iter_mut().flatten() {
        if name == "conditions" {
            bound_conditions(property);
        }
        bound(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        bound(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        bound(values);
    }
}

/// Conditions are Kubernetes' own type, and say of their words only how they are written.
fn bound_conditions(conditions: &mut JSONSchemaProps) {
    conditions.max_items = Some(MOST_CONDITIONS);
    let Some(JSONSchemaPropsOrArray::Schema(condition)) = &mut conditions.items else { return };
    for word in ["type", "status", "reason"] {
        if let Some(word) = condition.properties.as_mut().and_then(|fields| fields.get_mut(word)) {
            word.max_length = Some(MOST_WORD);
        }
    }
}

/// Where a value does not keep to the bounds of its schema; for tests.
#[must_use]
pub fn violations(value: &Value, schema: &JSONSchemaProps) -> Vec<String> {
    let mut found = Vec::new();
    violations_at("", value, schema, &mut found);
    found
}

fn violations_at(path: &str, value: &Value, schema: &JSONSchemaProps, found: &mut Vec<String>) {
    let exceeds = |size: usize, most: Option<i64>| {
        most.is_some_and(|most| i64::try_from(size).unwrap_or(i64::MAX) > most)
    };
    match value {
        Value::String(text) if exceeds(text.chars().count(), schema.max_length) => {
            found.push(format!(
                "{path}: {} characters, {:?} at most",
                text.chars().count(),
                schema.max_length
            ));
        }
        Value::Array(items) => {
            if exceeds(items.len(), schema.max_items) {
                found.push(format!("{path}: {} items, {:?} at most", items.len(), schema.max_items));
            }
            if let Some(JSONSchemaPropsOrArray::Schema(of_item)) = &schema.items {
                for item in items {
                    violations_at(&format!("{path}[]"), item, of_item, found);
                }
            }
        }
        Value::Object(fields) => {
            if exceeds(fields.len(), schema.max_properties) {
                found.push(format!("{path}: {} fields, {:?} at most", fields.len(), schema.max_properties));
            }
            for (name, field) in fields {
                let known = schema.properties.as_ref().and_then(|properties| properties.get(name));
                let of_field = known.or(match &schema.additional_properties {
                    Some(JSONSchemaPropsOrBool::Schema(of_value)) => Some(of_value),
                    _ => None,
                });
                if let Some(of_field) = of_field {
                    violations_at(&format!("{path}.{name}"), field, of_field, found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{VideoJob, VideoJobStatus};

    #[test]
    fn a_text_is_cut_to_its_bound_wherever_it_stands_and_what_fits_is_left_alone() {
        let long = "é".repeat(3_000);
        let status: VideoJobStatus = serde_json::from_value(json!({
            "steps": [{"name": "write-script", "message": long, "job": "j", "demands": [{"account": "a", "model": long}]}],
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "R", "message": long, "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        }))
        .unwrap();
        let fitted = fit::<VideoJob, _>(status.clone());
        let step = &fitted.steps[0];
        for text in [step.message.as_ref().unwrap(), &fitted.conditions[0].message] {
            assert!(text.len() <= MOST_TEXT_BYTES && text.ends_with('…'), "{} bytes", text.len());
        }
        assert!(step.demands[0].model.as_ref().unwrap().len() <= 200);
        assert_eq!(step.job.as_deref(), Some("j"));
        let schema = status_schema("VideoJob").unwrap();
        assert!(!violations(&serde_json::to_value(&status).unwrap(), schema).is_empty());
        assert_eq!(violations(&serde_json::to_value(&fitted).unwrap(), schema), Vec::<String>::new());
        assert_eq!(fit::<VideoJob, _>(fitted.clone()), fitted);
    }

    /// A value with every text and list filled to its bound, but for the lists of which so many items are given by path.
    fn largest(path: &str, schema: &JSONSchemaProps, lists: &BTreeMap<&str, i64>) -> Value {
        let size = |most: Option<i64>| usize::try_from(most.unwrap_or(1)).unwrap();
        match schema.type_.as_deref() {
            Some("string") => match (&schema.enum_, schema.format.as_deref()) {
                (Some(names), _) => {
                    names.iter().map(|name| name.0.clone()).max_by_key(|name| name.to_string().len()).unwrap()
                }
                (None, Some(_)) => json!("2026-11-28T18:11:02Z"),
                (None, None) => json!("x".repeat(size(schema.max_length))),
            },
            Some("integer") => json!(i64::MIN),
            Some("number") => json!(f64::MIN_POSITIVE),
            Some("boolean") => json!(false),
            Some("array") => {
                let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items else { panic!("{path}") };
                let many = size(lists.get(path).copied().or(schema.max_items));
                vec![largest(&format!("{path}[]"), items, lists); many].into()
            }
            _ if schema.x_kubernetes_preserve_unknown_fields == Some(true) => {
                json!({"x": "x".repeat(MOST_CHANNEL_BYTES)})
            }
            _ => {
                let fields = schema.properties.iter().flatten();
                let fields =
                    fields.map(|(name, of)| (name.clone(), largest(&format!("{path}.{name}"), of, lists)));
                fields.collect()
            }
        }
    }

    fn size_of_largest(kind: &str, lists: &[(&str, i64)]) -> usize {
        let lists: BTreeMap<&str, i64> = lists.iter().copied().collect();
        let value = largest("", status_schema(kind).unwrap(), &lists);
        serde_json::to_string(&value).unwrap().len()
    }

    #[test]
    fn every_status_that_is_filled_to_its_bounds_has_less_than_256_kib() {
        // An outcome names 20 submissions at most, of all its accounts together.
        let job = size_of_largest("VideoJob", &[(".steps[].demands[].spent", 2)]);
        // What has a room in bytes is added as that. The account's own parts are filled by its own tests.
        let policy = size_of_largest("StoragePolicy", &[(".runs", 0)]) + MOST_HISTORY_BYTES;
        let account =
            [(".grants", 0), (".quotas[].spent", 0), (".turns", 0), (".waiters", 0), (".spend.spent", 0)];
        let account = size_of_largest("ProviderAccount", &account);
        println!(
            "at most: VideoJob {job}, StoragePolicy {policy}, ProviderAccount without its lists {account} bytes"
        );
        assert!(job < MOST_STATUS_BYTES, "VideoJob: {job}");
        assert!(policy < MOST_STATUS_BYTES, "StoragePolicy: {policy}");
        assert!(account < MOST_STATUS_BYTES / 4, "ProviderAccount: {account}");
    }

    /// What has no bound of its own gets the usual one; only the frozen Channel is left open, and bounded in bytes.
    #[test]
    fn every_text_and_list_of_a_status_has_a_bound() {
        fn unbounded(path: &str, schema: &JSONSchemaProps, found: &mut Vec<String>) {
            let open = match schema.type_.as_deref() {
                Some("string") => {
                    schema.enum_.is_none() && schema.format.is_none() && schema.max_length.is_none()
                }
                Some("array") => schema.max_items.is_none(),
                Some("object") => schema.additional_properties.is_some() && schema.max_properties.is_none(),
                _ => false,
            };
            let preserved = schema.x_kubernetes_preserve_unknown_fields == Some(true);
            found.extend((open || preserved).then(|| path.to_owned()));
            for (name, property) in schema.properties.iter().flatten() {
                unbounded(&format!("{path}.{name}"), property, found);
            }
            if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
                unbounded(&format!("{path}[]"), items, found);
            }
        }
        let mut found = Vec::new();
        assert_eq!(STATUSES.len(), 3, "a Channel has no status");
        STATUSES.iter().for_each(|(kind, schema)| unbounded(kind, schema, &mut found));
        assert_eq!(found, ["VideoJob.channel"]);
    }
}
