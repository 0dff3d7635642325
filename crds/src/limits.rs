//! The usual bounds of texts and lists, and the schema that is given them where it names no other.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// Most bytes of a text, where the schema names no other bound.
pub const MAX_TEXT_BYTES: usize = 1024;
/// Most items of a list, where the schema names no other bound.
pub const MAX_ITEMS: i64 = 100;
/// Most conditions of an object.
const MAX_CONDITIONS: i64 = 10;
/// Most characters of a word.
const MAX_WORD: i64 = 64;

/// Gives every text and list of a status that has no bound the usual one.
pub(crate) fn bound(schema: &mut JSONSchemaProps) {
    match schema.type_.as_deref() {
        Some("string") if schema.enum_.is_none() && schema.format.is_none() => {
            schema.max_length.get_or_insert(i64::try_from(MAX_TEXT_BYTES).unwrap_or(i64::MAX));
        }
        Some("array") => {
            schema.max_items.get_or_insert(MAX_ITEMS);
        }
        Some("object") if schema.additional_properties.is_some() => {
            schema.max_properties.get_or_insert(MAX_ITEMS);
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
    conditions.max_items = Some(MAX_CONDITIONS);
    let Some(JSONSchemaPropsOrArray::Schema(condition)) = &mut conditions.items else { return };
    for word in ["type", "status", "reason"] {
        if let Some(word) = condition.properties.as_mut().and_then(|fields| fields.get_mut(word)) {
            word.max_length = Some(MAX_WORD);
        }
    }
}
