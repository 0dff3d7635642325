//! Pieces of schema that the derives cannot write as `kubectl explain` and the API server need them.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

/// An enum of names as a plain list of strings, without the Rust type's own documentation.
///
/// Documented variants become a `oneOf` otherwise, and for an optional field kube then puts the type's
/// documentation in the place of the field's.
pub fn plain_enum(schema: &mut Schema) {
    let Some(fields) = schema.as_object_mut() else { return };
    fields.remove("description");
    if let Some(Value::Array(variants)) = fields.remove("oneOf") {
        let names = variants.into_iter().flat_map(|variant| match variant {
            Value::Object(mut variant) => match (variant.remove("const"), variant.remove("enum")) {
                (Some(name), _) => vec![name],
                (None, Some(Value::Array(names))) => names,
                _ => Vec::new(),
            },
            _ => Vec::new(),
        });
        fields.insert("enum".to_owned(), Value::Array(names.collect()));
        fields.insert("type".to_owned(), Value::from("string"));
    }
}

/// Labels of pods.
pub fn pod_labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": 32, "additionalProperties": { "type": "string", "maxLength": 63 },
    })
}

/// Annotations of pods.
pub fn pod_annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": 32, "additionalProperties": { "type": "string", "maxLength": 4096 },
    })
}

/// A provider's own parameters: any JSON object.
pub fn parameters(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 50,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// CPU and memory of a container; without `claims`, which a Job of ours could not make use of.
pub fn resources(_: &mut SchemaGenerator) -> Schema {
    let amounts = |description: &str| {
        json_schema!({
            "description": description,
            "type": "object",
            "maxProperties": 16,
            "additionalProperties": {
                "x-kubernetes-int-or-string": true,
                "maxLength": 32,
                "pattern": "^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$",
            },
        })
    };
    json_schema!({
        "type": "object",
        "properties": {
            "limits": amounts("Most that the pod may use: for example {cpu: \"2\", memory: 2Gi}."),
            "requests": amounts("What the pod asks for: for example {cpu: 500m, memory: 512Mi}."),
        },
    })
}
