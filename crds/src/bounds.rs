//! How large a status may be.
//!
//! etcd takes no object above about 1.5 MiB, and everybody who watches one gets all of it with each write. So every text
//! and list of a status has a bound in the schema, lists are kept within theirs where they are written, and texts are cut
//! here: no message keeps a decision from being written. Bytes are those of JSON, in which a quotation mark takes
//! two and a control character six.

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
pub use crate::limits::{MAX_ITEMS, MAX_TEXT_BYTES};

/// Most bytes of a status, as JSON.
pub const MAX_STATUS_BYTES: usize = 256 * 1024;

/// Most bytes of a Channel's spec as a run keeps it. What a step can be given is less.
pub const MAX_CHANNEL_BYTES: usize = 48 * 1024;
/// Most times at which one attempt reports that it has submitted something, to all its accounts together. Its step keeps
/// them until the accounts have recorded them, and asks for nothing more before.
pub const MAX_SPENT: usize = 20;

/// Most bytes of the prune runs that a policy's status remembers, whatever `spec.history` says.
pub const MAX_HISTORY_BYTES: usize = 144 * 1024;

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
            match most.filter(|most| bytes(text) > *most) {
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

/// The text, or as much of it as has room, to the end of a character.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if bytes(text) <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub('…'.len_utf8());
    let mut used = 0;
    let fits = |character: &char| {
        used += bytes_of(*character);
        used <= room
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push('…');
    short
}

/// What a text takes between the quotation marks of JSON.
fn bytes(text: &str) -> usize {
    text.chars().map(bytes_of).sum()
}

/// As the API server writes it, in Go: it escapes also what HTML and `JavaScript` would misread.
const fn bytes_of(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        other => other.len_utf8(),
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
    fn a_text_is_cut_to_its_bound_wherever_it_is_and_what_fits_is_left_alone() {
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
            assert!(text.len() <= MAX_TEXT_BYTES && text.ends_with('…'), "{} bytes", text.len());
        }
        assert!(step.demands[0].model.as_ref().unwrap().len() <= 200);
        assert_eq!(step.job.as_deref(), Some("j"));
        let schema = status_schema("VideoJob").unwrap();
        assert!(!violations(&serde_json::to_value(&status).unwrap(), schema).is_empty());
        assert_eq!(violations(&serde_json::to_value(&fitted).unwrap(), schema), Vec::<String>::new());
        assert_eq!(fit::<VideoJob, _>(fitted.clone()), fitted);
    }

    /// Letters, what JSON escapes in two bytes and in six, and characters of several bytes.
    const FILLERS: [&str; 6] = ["x", "\"", "\u{1}", "<", "é", "\u{1f3ac}"];

    /// The text as the API server writes it.
    fn in_go(json: &str) -> String {
        let escaped = json.replace(['<', '>', '&'], "\\u0000");
        escaped.replace(['\u{2028}', '\u{2029}'], "\\u0000")
    }

    #[test]
    fn a_text_is_cut_to_what_it_takes_in_json() {
        for filler in FILLERS.into_iter().chain(["\\", "\n", "\u{8}", "\u{c}", "\u{7f}", "\u{2028}"]) {
            let in_json = |text: &str| in_go(&serde_json::to_string(text).unwrap()).len() - 2;
            let short = cut(&filler.repeat(500), 100);
            assert!((90..=100).contains(&in_json(&short)) && short.ends_with('…'), "{filler:?}: {short:?}");
            let many = 100 / in_json(filler);
            assert_eq!(cut(&filler.repeat(many), 100), filler.repeat(many), "it has room");
        }
    }

    /// A value with every list filled to its bound, but for the lists of which so many items are given by path, and with
    /// more text in each place than it takes.
    fn largest(path: &str, schema: &JSONSchemaProps, filler: &str, lists: &BTreeMap<&str, usize>) -> Value {
        let size = |most: Option<i64>| usize::try_from(most.unwrap_or(1)).unwrap();
        match schema.type_.as_deref() {
            Some("string") => match (&schema.enum_, schema.format.as_deref()) {
                (Some(names), _) => {
                    names.iter().map(|name| name.0.clone()).max_by_key(|name| name.to_string().len()).unwrap()
                }
                (None, Some(_)) => json!("2026-11-28T18:11:02Z"),
                (None, None) => json!(filler.repeat(size(schema.max_length) + 1)),
            },
            Some("integer") => json!(i64::MIN),
            Some("number") => json!(f64::MIN_POSITIVE),
            Some("boolean") => json!(false),
            Some("array") => {
                let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items else { panic!("{path}") };
                let many = lists.get(path).copied().unwrap_or_else(|| size(schema.max_items));
                vec![largest(&format!("{path}[]"), items, filler, lists); many].into()
            }
            _ if schema.x_kubernetes_preserve_unknown_fields == Some(true) => {
                json!({"x": "x".repeat(MAX_CHANNEL_BYTES)})
            }
            _ => {
                let fields = schema.properties.iter().flatten();
                let fields = fields
                    .map(|(name, of)| (name.clone(), largest(&format!("{path}.{name}"), of, filler, lists)));
                fields.collect()
            }
        }
    }

    /// The size of the largest status that is written of this kind: its texts are cut as they always are.
    fn size_of_largest(kind: &str, lists: &[(&str, usize)]) -> usize {
        let schema = status_schema(kind).unwrap();
        let lists: BTreeMap<&str, usize> = lists.iter().copied().collect();
        let size = |filler| {
            let mut value = largest("", schema, filler, &lists);
            cut_texts(&mut value, schema);
            in_go(&serde_json::to_string(&value).unwrap()).len()
        };
        FILLERS.into_iter().map(size).max().unwrap()
    }

    #[test]
    fn every_status_that_is_filled_to_its_bounds_has_less_than_256_kib() {
        let demands = most_items("VideoJob", &["steps", "demands"]);
        assert_eq!(most_items("VideoJob", &["steps", "demands", "spent"]), MAX_SPENT, "all of one account");
        // What an attempt has spent is shared among its demands; each may have been written off in one entry more.
        let spent = (MAX_SPENT + demands).div_ceil(demands);
        let job = size_of_largest("VideoJob", &[(".steps[].demands[].spent", spent)]);
        // What has a room in bytes is added as that. The account's own parts are filled by its own tests.
        let policy = size_of_largest("StoragePolicy", &[(".runs", 0)]) + MAX_HISTORY_BYTES;
        let account =
            [(".grants", 0), (".quotas[].spent", 0), (".turns", 0), (".waiters", 0), (".spend.spent", 0)];
        let account = size_of_largest("ProviderAccount", &account);
        println!(
            "at most: VideoJob {job}, StoragePolicy {policy}, ProviderAccount without its lists {account} bytes"
        );
        assert!(job < MAX_STATUS_BYTES, "VideoJob: {job}");
        assert!(policy < MAX_STATUS_BYTES, "StoragePolicy: {policy}");
        assert!(account < MAX_STATUS_BYTES / 4, "ProviderAccount: {account}");
    }

    /// The bound of a list of lists.
    fn most_items(kind: &str, path: &[&str]) -> usize {
        let mut schema = status_schema(kind).unwrap();
        for (depth, name) in path.iter().enumerate() {
            schema = &schema.properties.as_ref().unwrap()[*name];
            if depth + 1 < path.len() {
                let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items else { panic!("{name}") };
                schema = items;
            }
        }
        usize::try_from(schema.max_items.unwrap()).unwrap()
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
