//! Digests over canonical JSON: equal inputs have equal digests, whatever the order of their keys,
//! and a field that holds its default is as if it were not there, so that a new field with a
//! default makes nothing stale.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The first 128 bits of a SHA-256, as 32 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of these bytes as they are.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(hex::encode(&Sha256::digest(bytes)[..16]))
    }

    /// The digest of a value's canonical JSON: keys sorted; null, empty strings, lists and objects
    /// left out of objects. Zero and false stay: where they are no default, somebody chose them.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let mut text = String::new();
        write_canonical(value, &mut text);
        Self::of_bytes(text.as_bytes())
    }

    /// A digest read back from a status, key or annotation.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        Self::is_hex(text).then(|| Self(text.to_owned()))
    }

    /// Whether a text is a digest as it is written.
    #[must_use]
    pub fn is_hex(text: &str) -> bool {
        text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }

    /// The 32 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A number that is the same for the same digest: seeds pictures, motions and jitter.
    #[must_use]
    pub fn seed(&self) -> u64 {
        u64::from_str_radix(&self.0[..16], 16).unwrap_or_default()
    }
}

/// The digest of bytes that come in pieces: as of all of them at once.
#[derive(Clone, Debug, Default)]
pub struct InPieces(Sha256);

impl InPieces {
    /// Takes the next piece.
    pub fn add(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn end(self) -> Digest {
        Digest(hex::encode(&self.0.finalize()[..16]))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Removes from `value` what equals `default` at the same place, so that only what a person chose is
/// left. Lists are compared whole.
#[must_use]
pub fn without_defaults(value: &Value, default: &Value) -> Value {
    match (value, default) {
        (Value::Object(fields), Value::Object(defaults)) => Value::Object(
            fields
                .iter()
                .filter(|(name, field)| defaults.get(*name) != Some(field))
                .map(|(name, field)| match defaults.get(name) {
                    Some(default) => (name.clone(), without_defaults(field, default)),
                    None => (name.clone(), field.clone()),
                })
                .collect(),
        ),
        _ => value.clone(),
    }
}

/// The value with its empty fields written out, for [`Digest::of`] to count them too: where a field is a person's own,
/// an empty one says something. Without any, the digest is that of the value itself.
#[must_use]
pub fn verbatim(value: &Value) -> Value {
    let field = |field: &Value| {
        if is_empty(field) { json!({ "verbatim": field.to_string() }) } else { verbatim(field) }
    };
    match value {
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), field(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(verbatim).collect()),
        scalar => scalar.clone(),
    }
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().filter(|(_, field)| !is_empty(field)).collect();
            fields.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (index, (name, field)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                write_canonical(field, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// Whether a field says as much as its absence.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_of_keys_and_empty_fields_do_not_matter() {
        let one = json!({"b": [1, 2], "a": {"x": "y", "gone": null}, "none": ""});
        let other = json!({"a": {"x": "y"}, "b": [1, 2], "list": [], "deep": {"n": null}});
        assert_eq!(Digest::of(&one), Digest::of(&other));
    }

    #[test]
    fn verbatim_an_empty_field_is_a_value_and_the_rest_stays_as_it_was() {
        let of = |value: Value| Digest::of(&verbatim(&value));
        for empty in [json!(""), json!(null), json!([]), json!({}), json!({"y": ""})] {
            assert_ne!(of(json!({"x": empty})), of(json!({})), "{empty}");
            assert_ne!(of(json!([{"x": empty}])), of(json!([{}])), "{empty}");
        }
        assert_ne!(of(json!({"x": ""})), of(json!({"x": null})));
        let full = json!({"b": [1, {"c": "d"}, ""], "a": {"x": 0}});
        assert_eq!(of(full.clone()), Digest::of(&full));
        for nothing in [json!({}), json!([])] {
            assert_eq!(of(json!({"a": verbatim(&nothing)})), of(json!({"a": nothing})));
        }
    }

    #[test]
    fn zero_and_false_are_values() {
        assert_ne!(Digest::of(&json!({"duck": 0})), Digest::of(&json!({})));
        assert_ne!(Digest::of(&json!({"synthetic": false})), Digest::of(&json!({})));
    }

    #[test]
    fn order_of_list_items_matters() {
        assert_ne!(Digest::of(&json!([1, 2])), Digest::of(&json!([2, 1])));
    }

    #[test]
    fn a_list_keeps_its_empty_items() {
        assert_ne!(Digest::of(&json!(["", "a"])), Digest::of(&json!(["a"])));
    }

    #[test]
    fn the_canonical_form_is_frozen() {
        let value =
            json!({"v": 1, "step": "write-script", "topic": "Ozean \"tief\"", "length": {"target": 45.5}});
        assert_eq!(Digest::of(&value).as_str(), "49981a90c54b70985b4906761ca1fb3f");
    }

    #[test]
    fn pieces_have_the_digest_of_the_whole() {
        let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        for size in [1, 64, 999, 100_000] {
            let mut pieces = InPieces::default();
            bytes.chunks(size).for_each(|piece| pieces.add(piece));
            assert_eq!(pieces.end(), Digest::of_bytes(&bytes));
        }
    }

    #[test]
    fn only_what_differs_from_the_default_is_left() {
        let value = json!({"a": 1, "b": {"c": 2, "d": [3]}, "e": 5});
        let default = json!({"a": 1, "b": {"c": 9, "d": [3]}});
        assert_eq!(without_defaults(&value, &default), json!({"b": {"c": 2}, "e": 5}));
    }

    proptest! {
        #[test]
        fn any_text_may_be_asked_whether_it_is_a_digest(text in ".{0,40}") {
            if let Some(digest) = Digest::from_hex(&text) {
                prop_assert_eq!(digest.as_str(), text.as_str());
                let _ = digest.seed();
            }
        }
    }
}
