//! How an input gets into a pod: in its environment, and what may be large in files beside it.
//!
//! The environment is part of the pod template, which Kubernetes keeps in Job and pod; a `ConfigMap` holds more. So that
//! whatever the schema takes runs, all that has no small bound goes by reference where it is large: settings, topic,
//! takes, allowed submissions, brand, bucket, and all of an account but what may be submitted to it.

use serde_json::{Map, Value};

use super::{MAX_INPUT_BYTES, PREVIEW_VERSION, StepInput, VERSION};
use crate::digest::Digest;

/// Most bytes of a part of a document: a `ConfigMap` holds 1 MiB.
pub const MAX_PART_BYTES: usize = 700 * 1024;

/// Fields of a [`StepInput`] that may be large.
const LARGE: [&str; 6] = ["settings", "topic", "takes", "allowedSubmissions", "brand", "bucket"];
/// The field with the digest of what stands in the document.
const REFERENCE: &str = "reference";
/// The field with the accounts, of which a part may be large.
const ACCOUNTS: &str = "accounts";
/// Of an account, what stays.
const ALLOWANCE: &str = "allowance";

/// An input on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The environment variable's value.
    pub variable: String,
    /// What it refers to, if anything.
    pub document: Option<String>,
}

/// Why an input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadInput {
    /// It is not JSON, or not an input.
    #[error("{0}")]
    Parse(#[from] serde_json::Error),
    /// Another release wrote it.
    #[error("it is of version {0}, and this worker reads versions {VERSION} and {PREVIEW_VERSION}")]
    MatchVersion(u64),
    /// The file that it refers to cannot be read.
    #[error("the rest of it cannot be read: {0}")]
    Fetch(String),
    /// The file that it refers to is not the one that was meant.
    #[error("the rest of it is not what was written: its digest is {found}, not {wanted}")]
    MatchDigest {
        /// Of what is there.
        found: Digest,
        /// Of what was meant.
        wanted: String,
    },
}

impl StepInput {
    /// The input as a pod is given it.
    #[must_use]
    pub fn carry(&self) -> Carried {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let whole = variable(&value);
        if whole.len() <= MAX_INPUT_BYTES {
            return Carried { variable: whole, document: None };
        }
        let Some(fields) = value.as_object_mut() else {
            return Carried { variable: whole, document: None };
        };
        let taken = LARGE.iter().filter_map(|name| Some(((*name).to_owned(), fields.remove(*name)?)));
        let mut document: Map<String, Value> = taken.collect();
        document.insert(ACCOUNTS.to_owned(), take_access(fields.get_mut(ACCOUNTS)));
        let document = Value::Object(document).to_string();
        let reference = Digest::of_bytes(document.as_bytes());
        fields.insert(REFERENCE.to_owned(), Value::String(reference.to_string()));
        Carried { variable: variable(&value), document: Some(document) }
    }

    /// Reads an input back; `document` is asked for what it refers to.
    pub fn collect(
        variable: &str,
        document: impl FnOnce() -> Result<Vec<u8>, String>,
    ) -> Result<Self, ReadInput> {
        let mut value: Value = serde_json::from_str(variable)?;
        let version = value.get("version").and_then(Value::as_u64).unwrap_or_default();
        if ![VERSION, PREVIEW_VERSION].map(u64::from).contains(&version) {
            return Err(ReadInput::MatchVersion(version));
        }
        if let Some(wanted) = value.get(REFERENCE).and_then(Value::as_str).map(str::to_owned) {
            let bytes = document().map_err(ReadInput::Fetch)?;
            let found = Digest::of_bytes(&bytes);
            if found.as_str() != wanted {
                return Err(ReadInput::MatchDigest { found, wanted });
            }
            join(&mut value, serde_json::from_slice(&bytes)?);
        }
        Ok(serde_json::from_value(value)?)
    }
}

/// As text of an environment variable: Kubernetes reads `$$` and `$(NAME)` there; in JSON a `$` can be written without
/// one.
fn variable(value: &Value) -> String {
    value.to_string().replace('$', "\\u0024")
}

/// Takes out of each account all but its allowance, which differs from attempt to attempt.
fn take_access(access: Option<&mut Value>) -> Value {
    let accounts = access.and_then(Value::as_object_mut).into_iter().flatten();
    let terms = accounts.map(|(name, account)| {
        let allowance = account.get(ALLOWANCE).cloned().unwrap_or_default();
        let mut terms = std::mem::replace(account, serde_json::json!({ ALLOWANCE: allowance }));
        if let Some(fields) = terms.as_object_mut() {
            fields.remove(ALLOWANCE);
        }
        (name.clone(), terms)
    });
    Value::Object(terms.collect())
}

/// Puts the fields of `more` into `value`, in depth.
fn join(value: &mut Value, more: Value) {
    match (value, more) {
        (Value::Object(fields), Value::Object(more)) => {
            for (name, field) in more {
                match fields.get_mut(&name) {
                    Some(present) => join(present, field),
                    None => drop(fields.insert(name, field)),
                }
            }
        }
        (value, more) => *value = more,
    }
}

/// A document in parts that `ConfigMap`s can hold, in order; each is whole text.
#[must_use]
pub fn in_parts(document: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = document;
    while rest.len() > MAX_PART_BYTES {
        let (part, after) = rest.split_at(rest.floor_char_boundary(MAX_PART_BYTES));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// The name of a part's file: the first has the document's own.
#[must_use]
pub fn part_name(file: &str, part: usize) -> String {
    if part == 0 { file.to_owned() } else { format!("{file}.{part}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(topic: &str) -> StepInput {
        serde_json::from_value(json!({
            "version": VERSION, "step": "generate-images", "attempt": 2,
            "job": {"namespace": "films", "name": "ocean", "uid": "u", "id": "3f9c2a1e", "run": 1},
            "input": "0123456789abcdef0123456789abcdef", "settings": {"language": "de"}, "topic": topic,
            "accounts": {"grok": {"provider": "XAI", "endpoint": "https://x", "allowance": {"submissions": 3}}},
            "deadlineSeconds": 60, "bucket": {"name": "videos"},
        }))
        .unwrap()
    }

    #[test]
    fn a_small_input_is_carried_whole_without_what_kubernetes_would_expand() {
        let input = input("Costs $$ and $(POD_NAME)");
        let carried = input.carry();
        assert_eq!((carried.document, carried.variable.contains('$')), (None, false));
        let back = StepInput::collect(&carried.variable, || Err("there is none".to_owned())).unwrap();
        assert_eq!(back, input);
    }

    #[test]
    fn only_the_versions_that_are_known_are_read() {
        for (version, is_read) in
            [(0, false), (VERSION, true), (PREVIEW_VERSION, true), (PREVIEW_VERSION + 1, false)]
        {
            let variable = StepInput { version, ..input("Rivers") }.carry().variable;
            let read = StepInput::collect(&variable, || Err("there is none".to_owned()));
            let refused = matches!(read, Err(ReadInput::MatchVersion(found)) if found == u64::from(version));
            assert_eq!((read.is_ok(), refused), (is_read, !is_read), "{version}");
        }
    }

    #[test]
    fn a_large_input_goes_by_reference_and_is_read_back_whole() {
        for topic in ["🐙".repeat(5_000), "$".repeat(20_000), "\"".repeat(20_000)] {
            let input = input(&topic);
            let carried = input.carry();
            let document = carried.document.unwrap();
            assert!(carried.variable.len() < 1024, "{} bytes", carried.variable.len());
            assert!(carried.variable.contains("submissions"), "the allowance is the attempt's own");
            assert!(!document.contains("submissions") && document.contains("https://x"));
            let back = StepInput::collect(&carried.variable, || Ok(document.into_bytes())).unwrap();
            assert_eq!(back, input);
        }
    }

    #[test]
    fn an_input_from_before_an_upgrade_is_read_by_the_earlier_names_of_its_fields() {
        let topic = "🐙".repeat(5_000);
        let mut input = input(&topic);
        input.allowed_submissions.insert(Digest::of_bytes(b"a picture"), 3);
        let mut old = serde_json::to_value(&input).unwrap();
        let fields = old.as_object_mut().unwrap();
        for (name, earlier) in [(ACCOUNTS, "hired"), ("allowedSubmissions", "permits")] {
            let field = fields.remove(name).unwrap();
            fields.insert(earlier.to_owned(), field);
        }
        let whole = StepInput::collect(&old.to_string(), || Err("there is none".to_owned())).unwrap();
        assert_eq!(whole, input);

        let carried = input.carry();
        let earlier = |text: &str| {
            text.replace("\"accounts\"", "\"hired\"").replace("\"allowedSubmissions\"", "\"permits\"")
        };
        let document = earlier(&carried.document.unwrap());
        let mut old: Value = serde_json::from_str(&earlier(&carried.variable)).unwrap();
        old[REFERENCE] = Digest::of_bytes(document.as_bytes()).to_string().into();
        let back = StepInput::collect(&old.to_string(), || Ok(document.into_bytes())).unwrap();
        assert_eq!(back, input);
    }

    #[test]
    fn attempts_with_the_same_settings_share_a_document() {
        let mut input = input(&"🐙".repeat(5_000));
        let first = input.carry();
        input.attempt = 3;
        input.accounts.get_mut("grok").unwrap().allowance.submissions = 1;
        let second = input.carry();
        assert_eq!(first.document, second.document);
        assert_ne!(first.variable, second.variable);
    }

    #[test]
    fn what_is_not_meant_is_not_read() {
        let carried = input(&"🐙".repeat(5_000)).carry();
        let other = StepInput::collect(&carried.variable, || Ok(b"{}".to_vec())).unwrap_err();
        assert!(other.to_string().contains("not what was written"), "{other}");
        let missing = StepInput::collect(&carried.variable, || Err("no such file".to_owned())).unwrap_err();
        assert!(missing.to_string().contains("no such file"), "{missing}");
        let old = StepInput::collect("{\"version\": 0}", || Ok(Vec::new())).unwrap_err();
        assert!(old.to_string().contains("version 0"), "{old}");
    }

    #[test]
    fn parts_of_a_document_are_whole_text_and_make_it_up() {
        let document = format!("a{}", "🐙".repeat(500_000));
        let parts = in_parts(&document);
        assert!(parts.len() == 3 && parts.iter().all(|part| part.len() <= MAX_PART_BYTES));
        assert_eq!(parts.concat(), document);
        assert_eq!(in_parts("").len(), 1, "an empty file is a file");
        assert_eq!([part_name("x.json", 0), part_name("x.json", 2)], ["x.json", "x.json.2"]);
    }
}
