//! Objects of the last release stay valid: no field of its definitions is gone, no value that they take is refused.
//!
//! `released/` holds the definitions of the last release; its README says how to renew them.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use videofactory_crds::generate;

/// Faults that are meant, word for word as the test names them, each with its reason in a comment: a rule about a field
/// that is new refuses nothing that was stored, and what breaks on purpose is in the changelog.
const MEANT: [&str; 10] = [
    // These are reasons of policies and accounts: no step has ever had one.
    "videojobs.videofactory.dev v1alpha1.status.steps[].reason: \"PreconditionsUnsupported\" is refused now",
    "videojobs.videofactory.dev v1alpha1.status.steps[].reason: \"NothingPrunable\" is refused now",
    "videojobs.videofactory.dev v1alpha1.status.steps[].reason: \"TooManyFiles\" is refused now",
    "videojobs.videofactory.dev v1alpha1.status.steps[].reason: \"DuplicatePolicy\" is refused now",
    "videojobs.videofactory.dev v1alpha1.status.steps[].reason: \"DuplicateAccount\" is refused now",
    "videojobs.videofactory.dev v1alpha1.status.steps[].reason: \"CredentialsExpiring\" is refused now",
    // These are about providers and fields that are new.
    "provideraccounts.videofactory.dev v1alpha1.spec: the rule \"!(self.provider in ['OpenAICompatible', 'ComfyUI']) || (has(self.endpoint) && self.endpoint != '')\" is new",
    "provideraccounts.videofactory.dev v1alpha1.spec: the rule \"(self.provider == 'ComfyUI') == has(self.workflowsRef)\" is new",
    "channels.videofactory.dev v1alpha1.spec: the rule \"!has(self.watermark) || (has(self.watermarkKey) && self.watermarkKey != '')\" is new",
    // It takes the place of one that let the embedded provider alone go without a Secret.
    "provideraccounts.videofactory.dev v1alpha1.spec: the rule \"self.provider in ['Embedded', 'OpenAICompatible', 'ComfyUI'] || has(self.secretRef)\" is new",
];

/// What may only grow.
const UPPER: [&str; 4] = ["maxLength", "maxItems", "maxProperties", "maximum"];
/// What may only shrink.
const LOWER: [&str; 4] = ["minLength", "minItems", "minProperties", "minimum"];
/// What may not change: it is not known whether the new one takes all that the old one took, or what is stored would
/// mean something else.
const FIXED: [&str; 13] = [
    "type",
    "format",
    "pattern",
    "default",
    "multipleOf",
    "anyOf",
    "allOf",
    "oneOf",
    "not",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
];
/// What has nothing to do with what is valid.
const WORDS: [&str; 3] = ["description", "title", "example"];
/// What is compared in a way of its own.
const OWN: [&str; 6] =
    ["properties", "items", "additionalProperties", "required", "enum", "x-kubernetes-validations"];

type Faults = Vec<String>;

fn definitions(yaml: impl IntoIterator<Item = String>) -> BTreeMap<String, Value> {
    let read = |text: String| -> (String, Value) {
        let definition: Value = serde_yaml_ng::from_str(&text).unwrap();
        (definition["metadata"]["name"].as_str().unwrap().to_owned(), definition)
    };
    yaml.into_iter().map(read).collect()
}

fn released() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    definitions(yaml.map(|path| fs::read_to_string(path).unwrap()))
}

fn today() -> BTreeMap<String, Value> {
    definitions(generate::manifests().unwrap().into_iter().map(|manifest| manifest.yaml))
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
}

fn named<'a>(list: &'a Value, key: &str) -> BTreeMap<&'a str, &'a Value> {
    list.as_array().into_iter().flatten().filter_map(|one| Some((one[key].as_str()?, one))).collect()
}

/// What is wrong with a definition that takes the place of another.
fn between_definitions(name: &str, old: &Value, new: &Value, faults: &mut Faults) {
    for field in
        ["/spec/group", "/spec/scope", "/spec/names/kind", "/spec/names/plural", "/spec/names/singular"]
    {
        if old.pointer(field) != new.pointer(field) {
            faults.push(format!("{name}: {field} is another"));
        }
    }
    for list in ["shortNames", "categories"] {
        let kept = texts(&new["spec"]["names"][list]);
        let gone = texts(&old["spec"]["names"][list]).into_iter().filter(|word| !kept.contains(word));
        faults.extend(gone.map(|word| format!("{name}: {list} has no {word} any more")));
    }
    let versions = named(&new["spec"]["versions"], "name");
    for (version, old) in named(&old["spec"]["versions"], "name") {
        let place = format!("{name} {version}");
        let Some(new) = versions.get(version) else {
            faults.push(format!("{place}: the version is gone"));
            continue;
        };
        if old["served"] == true && new["served"] != true {
            faults.push(format!("{place}: the version is not served any more"));
        }
        let selected = named(&new["selectableFields"], "jsonPath");
        for (path, _) in named(&old["selectableFields"], "jsonPath") {
            if !selected.contains_key(path) {
                faults.push(format!("{place}: nobody can select by {path} any more"));
            }
        }
        for part in old["subresources"].as_object().into_iter().flat_map(Map::keys) {
            if new["subresources"].get(part).is_none() {
                faults.push(format!("{place}: there is no subresource {part} any more"));
            }
        }
        let schema = |version: &Value| version["schema"]["openAPIV3Schema"].clone();
        between_schemas(&place, &schema(old), &schema(new), faults);
    }
}

/// Which bounds of a schema are tighter.
fn between_bounds(place: &str, old: &Value, new: &Value, faults: &mut Faults) {
    for key in UPPER.into_iter().chain(LOWER) {
        let (Some(now), was) = (new[key].as_f64(), old[key].as_f64()) else { continue };
        match was {
            None => faults.push(format!("{place}: {key} is {now} now, and was not limited")),
            Some(was) if if UPPER.contains(&key) { now < was } else { now > was } => {
                faults.push(format!("{place}: {key} is {now} now, and was {was}"));
            }
            Some(_) => {}
        }
    }
}

/// What is wrong with a schema that takes the place of another. `place`: whose, in words.
fn between_schemas(place: &str, old: &Value, new: &Value, faults: &mut Faults) {
    between_bounds(place, old, new, faults);
    let mut fault = |what: String| faults.push(format!("{place}: {what}"));
    for key in FIXED {
        if old[key] != new[key] {
            fault(format!("{key} is {} now, and was {}", new[key], old[key]));
        }
    }
    let required = texts(&old["required"]);
    for field in texts(&new["required"]).into_iter().filter(|field| !required.contains(field)) {
        // A default is put in where a stored object is read.
        if new["properties"][&field]["default"].is_null() {
            fault(format!("{field} is required now"));
        }
    }
    let values = new["enum"].as_array();
    match (old["enum"].as_array(), values) {
        (None, Some(_)) => fault("enum is new".to_owned()),
        (Some(old), Some(new)) => {
            old.iter()
                .filter(|value| !new.contains(value))
                .for_each(|value| fault(format!("{value} is refused now")));
        }
        (_, None) => {}
    }
    let rules = named(&old["x-kubernetes-validations"], "rule");
    for (rule, _) in named(&new["x-kubernetes-validations"], "rule") {
        if !rules.contains_key(rule) {
            fault(format!("the rule {rule:?} is new"));
        }
    }
    let known = |key: &&String| {
        [&UPPER[..], &LOWER, &FIXED, &WORDS, &OWN].iter().any(|all| all.contains(&key.as_str()))
    };
    for key in new.as_object().into_iter().flat_map(Map::keys).filter(|key| !known(key)) {
        if old[key] != new[key] {
            fault(format!(
                "{key} is {} now, and was {}; this test does not know what that means",
                new[key], old[key]
            ));
        }
    }
    let properties = &new["properties"];
    for (field, old) in old["properties"].as_object().into_iter().flatten() {
        match properties.get(field) {
            Some(new) => between_schemas(&format!("{place}.{field}"), old, new, faults),
            None => faults.push(format!("{place}.{field}: the field is gone")),
        }
    }
    for (key, shown) in [("items", "[]"), ("additionalProperties", "{}")] {
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => between_schemas(&format!("{place}{shown}"), old, new, faults),
            (None, None) => {}
            _ => faults.push(format!("{place}: {key} came or went")),
        }
    }
}

fn compare(old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>) -> Faults {
    let mut faults = Faults::new();
    for (name, old) in old {
        match new.get(name) {
            Some(new) => between_definitions(name, old, new, &mut faults),
            None => faults.push(format!("{name}: the definition is gone")),
        }
    }
    faults
}

#[test]
fn objects_of_the_last_release_stay_valid() {
    let mut faults = compare(&released(), &today());
    let unused: Vec<&str> =
        MEANT.iter().filter(|meant| !faults.iter().any(|fault| fault == *meant)).copied().collect();
    assert!(unused.is_empty(), "these are meant, and not found any more: {unused:#?}");
    faults.retain(|fault| !MEANT.contains(&fault.as_str()));
    assert!(
        faults.is_empty(),
        "objects that were valid in the last release are not any more, or mean something else:\n{}",
        faults.join("\n")
    );
}

/// A definition with everything that is compared.
fn sample() -> Value {
    json!({
        "metadata": {"name": "films"},
        "spec": {
            "group": "g", "scope": "Namespaced",
            "names": {"kind": "Film", "plural": "films", "singular": "film", "shortNames": ["f"], "categories": ["all"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.a"}],
                "schema": {"openAPIV3Schema": {"type": "object", "required": ["a"], "properties": {
                    "a": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a", "enum": ["a", "ab"]},
                    "b": {"type": "array", "maxItems": 3, "items": {"type": "integer", "minimum": 0, "maximum": 5}},
                    "c": {"type": "object", "additionalProperties": {"type": "string"}, "default": {},
                          "x-kubernetes-validations": [{"rule": "size(self) > 0", "message": "say something"}]},
                }}},
            }],
        },
    })
}

/// The faults that a change of the sample makes.
fn changed(pointer: &str, value: Value) -> Faults {
    let (old, mut new) = (sample(), sample());
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = match parent.strip_prefix('~') {
        Some(schema) => format!("/spec/versions/0/schema/openAPIV3Schema{schema}"),
        None => parent.to_owned(),
    };
    let parent = new.pointer_mut(&parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(key).unwrap();
    } else {
        parent.insert(key.to_owned(), value);
    }
    compare(&BTreeMap::from([("films".to_owned(), old)]), &BTreeMap::from([("films".to_owned(), new)]))
}

#[test]
fn what_refuses_or_changes_a_stored_object_is_found() {
    let rule = json!([{"rule": "size(self) > 0"}, {"rule": "size(self) > 1"}]);
    for (pointer, value, fault) in [
        ("/spec/scope", json!("Cluster"), "films: /spec/scope is another"),
        ("/spec/names/shortNames", json!([]), "films: shortNames has no f any more"),
        ("/spec/versions", json!([]), "films v1: the version is gone"),
        ("/spec/versions/0/served", json!(false), "films v1: the version is not served any more"),
        ("/spec/versions/0/selectableFields", Value::Null, "films v1: nobody can select by .spec.a any more"),
        ("/spec/versions/0/subresources", json!({}), "films v1: there is no subresource status any more"),
        ("~/properties/b", Value::Null, "films v1.b: the field is gone"),
        ("~/required", json!(["a", "b"]), "films v1: b is required now"),
        ("~/properties/a/type", json!("integer"), "films v1.a: type is \"integer\" now, and was \"string\""),
        ("~/properties/a/maxLength", json!(8), "films v1.a: maxLength is 8 now, and was 9"),
        ("~/properties/a/minLength", json!(2), "films v1.a: minLength is 2 now, and was 1"),
        ("~/properties/a/pattern", json!("^ab"), "films v1.a: pattern is \"^ab\" now, and was \"^a\""),
        ("~/properties/a/enum", json!(["a"]), "films v1.a: \"ab\" is refused now"),
        ("~/properties/b/items/maximum", json!(4), "films v1.b[]: maximum is 4 now, and was 5"),
        ("~/properties/b/minItems", json!(1), "films v1.b: minItems is 1 now, and was not limited"),
        ("~/properties/c/default", Value::Null, "films v1.c: default is null now, and was {}"),
        ("~/properties/c/additionalProperties/enum", json!(["a"]), "films v1.c{}: enum is new"),
        ("~/properties/c/x-kubernetes-validations", rule, "films v1.c: the rule \"size(self) > 1\" is new"),
        (
            "~/properties/c/nullable",
            json!(false),
            "films v1.c: nullable is false now, and was null; this test does not know what that means",
        ),
    ] {
        assert_eq!(changed(pointer, value), [fault], "{pointer}");
    }
}

#[test]
fn what_only_takes_more_is_no_fault() {
    for (pointer, value) in [
        ("/spec/names/shortNames", json!(["f", "fi"])),
        ("~/properties/d", json!({"type": "string", "maxLength": 1})),
        ("~/required", Value::Null),
        ("~/required", json!(["a", "c"])),
        ("~/properties/a/maxLength", json!(10)),
        ("~/properties/a/minLength", Value::Null),
        ("~/properties/a/enum", json!(["ab", "abc", "a"])),
        ("~/properties/a/enum", Value::Null),
        ("~/properties/a/description", json!("A letter.")),
        (
            "~/properties/c/x-kubernetes-validations",
            json!([{"rule": "size(self) > 0", "message": "other words"}]),
        ),
        ("~/properties/c/x-kubernetes-validations", Value::Null),
    ] {
        let faults = changed(pointer, value.clone());
        assert!(faults.is_empty(), "{pointer} {value}: {faults:?}");
    }
}
