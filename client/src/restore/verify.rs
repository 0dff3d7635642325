//! Whether the API server has kept what it was given: it drops fields that its definitions do not know. Pure.

use serde_json::Value;

/// The first field of what was sent that is not there, or is another one; fields that were added do not matter.
#[must_use]
pub fn lost(sent: &Value, kept: &Value) -> Option<String> {
    match (sent, kept) {
        (Value::Object(fields), _) => {
            fields.iter().filter(|(_, field)| !is_empty(field)).find_map(|(name, field)| {
                match kept.get(name) {
                    Some(kept) => lost(field, kept).map(|deeper| join(name, &deeper)),
                    None => Some(name.clone()),
                }
            })
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let pairs = items.iter().zip(others).enumerate();
            let mut lost = pairs.filter_map(|(place, (item, other))| {
                self::lost(item, other).map(|deeper| join(&format!("[{place}]"), &deeper))
            });
            lost.next()
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => None,
        _ if sent == kept => None,
        _ => Some(String::new()),
    }
}

/// Whether a field says as much as its absence.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn join(name: &str, deeper: &str) -> String {
    match deeper {
        "" => name.to_owned(),
        deeper if deeper.starts_with('[') => format!("{name}{deeper}"),
        deeper => format!("{name}.{deeper}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_dropped_or_changed_is_named() {
        let sent = json!({"a": {"b": [1, {"c": "d"}]}, "e": 45.0, "none": [], "gone": null});
        assert_eq!(
            lost(&sent, &json!({"a": {"b": [1, {"c": "d", "more": 1}]}, "e": 45, "added": true})),
            None
        );
        for (kept, field) in [
            (json!({"e": 45}), "a"),
            (json!({"a": {"b": [1, {}]}, "e": 45}), "a.b[1].c"),
            (json!({"a": {"b": [1]}, "e": 45}), "a.b"),
            (json!({"a": {"b": [1, {"c": "d"}]}, "e": 46}), "e"),
            (json!({"a": 7, "e": 45}), "a.b"),
        ] {
            assert_eq!(lost(&sent, &kept).as_deref(), Some(field), "{kept}");
        }
    }
}
