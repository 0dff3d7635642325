//! What vouches for a backup: a digest of all that it says. It is one of meaning, not of bytes, so that a file which a
//! program has indented is still whole.

use serde_json::{Number, Value};
use videofactory_pipeline::Digest;
use videofactory_pipeline::digest::{InPieces, verbatim};

/// The digest of a backup, item by item.
#[derive(Clone, Debug)]
pub struct Seal(InPieces);

impl Seal {
    /// One of a backup with this head.
    #[must_use]
    pub fn new(created_at: &str, namespace: Option<&str>) -> Self {
        let mut digest = InPieces::default();
        digest.add(format!("{created_at}\n{}\n", namespace.unwrap_or_default()).as_bytes());
        Self(digest)
    }

    /// Takes the next item.
    pub fn add(&mut self, item: &Value) {
        let digest = Digest::of(&verbatim(&same_numbers(item)));
        self.0.add(format!("{digest}\n").as_bytes());
    }

    /// The digest.
    #[must_use]
    pub fn end(self) -> Digest {
        self.0.end()
    }
}

/// Numbers as one program writes them that others write otherwise: `1.0` is `1`.
fn same_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole(number)),
        Value::Array(items) => items.iter().map(same_numbers).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, field)| (name.clone(), same_numbers(field))).collect())
        }
        other => other.clone(),
    }
}

fn whole(number: &Number) -> Number {
    /// Whole numbers up to here are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole =
        number.as_f64().filter(|_| number.is_f64()).filter(|of| of.fract() == 0.0 && of.abs() < EXACT);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and in range")]
    whole.map_or_else(|| number.clone(), |of| Number::from(of as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seal(items: &[Value]) -> Digest {
        let mut seal = Seal::new("2026-01-04T04:00:00Z", Some("films"));
        for item in items {
            seal.add(item);
        }
        seal.end()
    }

    #[test]
    fn what_means_the_same_has_one_digest_and_whatever_else_is_changed_another() {
        let (one, two) = (json!({"a": 1, "b": [2.5, {"c": "d"}]}), json!({"e": ""}));
        let whole = seal(&[one.clone(), two.clone()]);
        let rewritten: Value =
            serde_json::from_str("{ \"b\": [2.50, {\"c\":\"d\"}],\n \"a\": 1.0 }").unwrap();
        assert_eq!(whole, seal(&[rewritten, two.clone()]));
        for changed in [
            vec![one.clone()],
            vec![two.clone(), one.clone()],
            vec![one.clone(), json!({})],
            vec![json!({"a": 2, "b": [2.5, {"c": "d"}]}), two.clone()],
            vec![one.clone(), two.clone(), two.clone()],
        ] {
            assert_ne!(whole, seal(&changed), "{changed:?}");
        }
        let mut elsewhere = Seal::new("2026-01-04T04:00:00Z", Some("shows"));
        for item in [one, two] {
            elsewhere.add(&item);
        }
        assert_ne!(whole, elsewhere.end());
    }
}
