//! Whether an answer is what the OpenAPI document says of it: as far as our own schemas go.

use serde_json::Value;

/// Everything in which a value is not as its schema says.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    look(document, schema, value, "$", &mut faults);
    faults
}

fn look(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
        assert!(target.is_object(), "{reference} leads nowhere");
        return look(document, target, value, at, faults);
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(all) = schema[several].as_array() {
            if !all.iter().any(|one| self::faults(document, one, value).is_empty()) {
                faults.push(format!("{at}: {value} is none of {several}"));
            }
            return;
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind, value)) {
        faults.push(format!("{at}: {value} is no {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        faults.push(format!("{at}: {value} is none of the words"));
    }
    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
        look(document, &schema["items"], item, &format!("{at}[{place}]"), faults);
    }
    if value.is_object() && kinds.contains(&"object") {
        of_object(document, schema, value, at, faults);
    }
}

fn of_object(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    for required in schema["required"].as_array().into_iter().flatten() {
        if value.get(required.as_str().unwrap()).is_none() {
            faults.push(format!("{at}: {required} is missing"));
        }
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        let others = &schema["additionalProperties"];
        match schema["properties"].get(name).or(Some(others).filter(|others| others.is_object())) {
            Some(schema) => look(document, schema, field, &format!("{at}.{name}"), faults),
            None if *others == false => faults.push(format!("{at}: {name} does not belong there")),
            None => {}
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}
