//! The generated schema: what it refuses and with which sentence, what it accepts, and that the files in
//! git are the ones generated. The refusals are run against a real API server by the end-to-end tests too.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kube_cel::{Validator, apply_defaults};
use serde::Deserialize;
use serde_json::{Value, json};
use videofactory_crds::{Channel, ProviderAccount, StoragePolicy, VideoJob, generate, yaml};

/// Refused by an unknown zone ending the rule with an error, which needs the API server's own zones.
const TIME_ZONE: &str = "a time zone is a name of the IANA database";

struct Refusal {
    file: String,
    sentence: String,
    object: Value,
    after: Option<Value>,
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

fn read(path: &Path) -> (String, Value) {
    let text = fs::read_to_string(path).unwrap();
    let object = serde_yaml_ng::from_str(&text).unwrap();
    (text, object)
}

fn refusals() -> Vec<Refusal> {
    let header = |text: &str, name: &str| {
        text.lines().find_map(|line| line.strip_prefix(&format!("# {name}: "))).map(str::to_owned)
    };
    let folder = repository("tests/refusals");
    yaml_files("tests/refusals")
        .iter()
        .map(|path| {
            let (text, object) = read(path);
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let sentence =
                header(&text, "refused").unwrap_or_else(|| panic!("{file} says not what refuses it"));
            let after = header(&text, "after").map(|base| read(&folder.join(base)).1);
            Refusal { file, sentence, object, after }
        })
        .collect()
}

fn schemas() -> BTreeMap<String, Value> {
    let schema = |crd: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition| {
        let version = &crd.spec.versions[0];
        let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()).unwrap();
        (crd.spec.names.kind.clone(), serde_json::to_value(schema).unwrap())
    };
    generate::all().into_iter().map(schema).collect()
}

/// As the API server does: nulls of fields that are not nullable fall away, then defaults are put in.
fn stored(schema: &Value, object: &Value) -> Value {
    fn without_nulls(value: &Value) -> Value {
        match value {
            Value::Object(fields) => fields
                .iter()
                .filter(|(_, field)| !field.is_null())
                .map(|(name, field)| (name.clone(), without_nulls(field)))
                .collect(),
            Value::Array(items) => items.iter().map(without_nulls).collect(),
            other => other.clone(),
        }
    }
    apply_defaults(schema, &without_nulls(object))
}

fn broken_rules(schema: &Value, object: &Value, old: Option<&Value>) -> Vec<String> {
    let object = stored(schema, object);
    let old = old.map(|old| stored(schema, old));
    match Validator::new().validate(schema, &object, old.as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_vec().into_iter().map(|error| error.message).collect(),
    }
}

fn rule_messages(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            for rule in fields.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten()
            {
                found.insert(rule["message"].as_str().unwrap().to_owned());
            }
            fields.values().for_each(|field| rule_messages(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| rule_messages(item, found)),
        _ => {}
    }
}

fn all_messages() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for schema in schemas().values() {
        rule_messages(schema, &mut found);
    }
    found
}

#[test]
fn every_refused_manifest_breaks_the_rule_that_it_names_and_no_other() {
    let schemas = schemas();
    let messages = all_messages();
    let mut by_rule = 0;
    for refusal in refusals() {
        let named = messages.iter().any(|message| message.contains(&refusal.sentence));
        if !named || refusal.sentence.starts_with(TIME_ZONE) {
            // A bound, an enum or a list key: only the API server says that sentence.
            continue;
        }
        by_rule += 1;
        let schema = &schemas[refusal.object["kind"].as_str().unwrap()];
        let broken = broken_rules(schema, &refusal.object, refusal.after.as_ref());
        assert!(
            broken.len() == 1 && broken[0].contains(&refusal.sentence),
            "{} should break only {:?}, but breaks {broken:?}",
            refusal.file,
            refusal.sentence
        );
    }
    assert!(by_rule > 40, "only {by_rule} refusals name a rule");
}

#[test]
fn every_rule_has_a_manifest_that_it_refuses() {
    let sentences: Vec<String> = refusals().into_iter().map(|refusal| refusal.sentence).collect();
    let unshown: Vec<String> = all_messages()
        .into_iter()
        .filter(|message| !sentences.iter().any(|sentence| message.contains(sentence)))
        .collect();
    assert!(unshown.is_empty(), "no file of tests/refusals shows {unshown:#?}");
}

#[test]
fn accepted_manifests_break_no_rule_and_survive_the_way_through_the_types() {
    let schemas = schemas();
    let mut objects = objects_below("tests/refusals/base");
    objects.extend(objects_below("manifests/samples"));
    assert!(objects.len() > 20, "only {} manifests were found", objects.len());
    for (path, object) in objects {
        let kind = object["kind"].as_str().unwrap();
        let broken: Vec<String> = broken_rules(&schemas[kind], &object, None)
            .into_iter()
            .filter(|message| !message.contains(TIME_ZONE))
            .collect();
        assert!(broken.is_empty(), "{} breaks {broken:?}", path.display());
        survives(&path, kind, &stored(&schemas[kind], &object));
    }
}

#[test]
fn what_tests_of_gitops_take_for_stored_objects_could_be_such() {
    let schemas = schemas();
    let objects = objects_below("manifests/argocd/resource_customizations");
    assert!(objects.len() > 20, "only {} objects were found", objects.len());
    for (path, object) in objects {
        let kind = object["kind"].as_str().unwrap();
        assert_eq!(stored(&schemas[kind], &object), object, "{} lacks defaults", path.display());
        survives(&path, kind, &object);
    }
}

#[test]
fn the_full_sample_of_a_job_has_every_field() {
    let (_, sample) = read(&repository("manifests/samples/jobs/full.yaml"));
    let fields = &schemas()["VideoJob"]["properties"]["spec"]["properties"];
    let missing: Vec<&String> =
        fields.as_object().unwrap().keys().filter(|name| sample["spec"].get(name).is_none()).collect();
    assert!(missing.is_empty(), "it lacks {missing:?}");
}

/// The objects of our kinds in the files below `folder`, each with its file.
fn objects_below(folder: &str) -> Vec<(PathBuf, Value)> {
    let mut files = Vec::new();
    yaml_below(&repository(folder), &mut files);
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for document in serde_yaml_ng::Deserializer::from_str(&text) {
            let object = Value::deserialize(document).unwrap();
            if object["apiVersion"] == "videofactory.dev/v1alpha1" {
                found.push((file.clone(), object));
            }
        }
    }
    found
}

/// Its type keeps all of the object.
fn survives(path: &Path, kind: &str, object: &Value) {
    let back =
        through_type(kind, object.clone()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lost = lost_fields(object, &back, "");
    assert!(lost.is_empty(), "{} loses {lost:?}", path.display());
}

fn through_type(kind: &str, object: Value) -> serde_json::Result<Value> {
    match kind {
        "VideoJob" => serde_json::to_value(serde_json::from_value::<VideoJob>(object)?),
        "Channel" => serde_json::to_value(serde_json::from_value::<Channel>(object)?),
        "ProviderAccount" => serde_json::to_value(serde_json::from_value::<ProviderAccount>(object)?),
        "StoragePolicy" => serde_json::to_value(serde_json::from_value::<StoragePolicy>(object)?),
        other => panic!("no kind is called {other}"),
    }
}

/// Paths that `back` lacks. Values are not compared: units have a canonical form.
fn lost_fields(object: &Value, back: &Value, path: &str) -> Vec<String> {
    match (object, back) {
        (Value::Object(fields), Value::Object(back)) => fields
            .iter()
            .flat_map(|(name, field)| {
                let path = format!("{path}.{name}");
                back.get(name).map_or_else(|| vec![path.clone()], |back| lost_fields(field, back, &path))
            })
            .collect(),
        (Value::Array(items), Value::Array(back)) if items.len() == back.len() => items
            .iter()
            .zip(back)
            .enumerate()
            .flat_map(|(index, (item, back))| lost_fields(item, back, &format!("{path}[{index}]")))
            .filter(|lost| !lost.is_empty())
            .collect(),
        (Value::Array(_) | Value::Object(_), _) => vec![path.to_owned()],
        _ => Vec::new(),
    }
}

#[test]
fn what_a_job_leaves_out_stays_left_out() {
    let minimal = json!({
        "apiVersion": "videofactory.dev/v1alpha1",
        "kind": "VideoJob",
        "metadata": { "name": "minimal" },
        "spec": { "topic": "The sea" },
    });
    let stored = stored(&schemas()["VideoJob"], &minimal);
    let spec: BTreeSet<&str> = stored["spec"].as_object().unwrap().keys().map(String::as_str).collect();
    let defaulted = ["artifacts", "mode", "priority", "retry", "storageRef", "suspend", "topic"];
    assert_eq!(spec, BTreeSet::from(defaulted));
    assert_eq!(stored["status"], json!({ "observedGeneration": -1 }));

    let job: VideoJob = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(job.spec.settings, videofactory_crds::VideoSettings::default());
    assert_eq!(serde_json::to_value(&job).unwrap()["spec"], stored["spec"]);
}

#[test]
fn the_manifests_in_git_are_those_generated() {
    for manifest in generate::manifests().unwrap() {
        let path = repository("manifests/crds").join(&manifest.file);
        let present = fs::read_to_string(&path).unwrap_or_default();
        assert!(present == manifest.yaml, "{} differs from the types: run `make generate`", path.display());
    }
}

/// Every YAML file under `folder`.
fn yaml_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn no_manifest_holds_a_word_that_older_readers_take_for_something_else() {
    let mut files = vec![repository("kind-config.yaml")];
    for folder in ["manifests", "charts", "cluster", "tests/refusals/base"] {
        let folder = repository(folder);
        if folder.is_dir() {
            yaml_below(&folder, &mut files);
        }
    }
    assert!(files.len() > 30, "only {} manifests were found", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let scalars = yaml::plain_scalars(&text).into_iter().map(|place| &text[place]);
        wrong.extend(
            scalars
                .filter(|scalar| yaml::is_ambiguous(scalar))
                .map(|scalar| format!("{}: {scalar}", file.display())),
        );
    }
    assert!(wrong.is_empty(), "put quotes round {wrong:#?}");
}

/// A cluster may have nodes of another system, on which none of our images runs.
#[test]
fn every_pod_of_the_manifests_runs_on_linux() {
    fn pods<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("containers").is_some_and(Value::is_array).then_some(value));
                fields.values().for_each(|field| pods(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| pods(item, found)),
            _ => {}
        }
    }
    let mut files = Vec::new();
    yaml_below(&repository("manifests"), &mut files);
    let mut seen = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for document in serde_yaml_ng::Deserializer::from_str(&text) {
            let object = Value::deserialize(document).unwrap();
            let mut found = Vec::new();
            pods(&object, &mut found);
            seen += found.len();
            for pod in found {
                assert_eq!(pod["nodeSelector"]["kubernetes.io/os"], "linux", "{}", file.display());
            }
        }
    }
    assert!(seen >= 5, "only {seen} pods were found");
}

#[test]
fn quotes_change_nothing_for_readers_of_today() {
    for (crd, manifest) in generate::all().into_iter().zip(generate::manifests().unwrap()) {
        let read: Value = serde_yaml_ng::from_str(&manifest.yaml).unwrap();
        assert_eq!(read, serde_json::to_value(&crd).unwrap(), "{}", manifest.file);
    }
}

#[test]
fn two_hundred_scenes_of_the_greatest_length_stay_under_512_kib() {
    let schema = &schemas()["VideoJob"];
    let scene = &schema["properties"]["spec"]["properties"]["scenes"];
    let most = scene["maxItems"].as_u64().unwrap();
    let texts = ["narration", "imagePrompt", "motionPrompt", "camera"];
    let letters: u64 =
        texts.iter().map(|text| scene["items"]["properties"][text]["maxLength"].as_u64().unwrap()).sum();
    assert_eq!(most, 200);
    assert!(most * letters < 512 * 1024, "{most} scenes of {letters} letters");
}

/// An id stands in the keys of all files: one of another make would make a job's files nobody's.
#[test]
fn an_id_that_keys_do_not_take_is_refused() {
    let id = &schemas()["VideoJob"]["properties"]["status"]["properties"]["id"];
    assert_eq!((&id["pattern"], &id["maxLength"]), (&json!("^[0-9a-f]{8}$"), &json!(8)));
}

#[test]
fn every_field_of_a_spec_is_described_and_bounded() {
    fn check(schema: &Value, path: &str, problems: &mut Vec<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if field["description"].as_str().is_none_or(str::is_empty) {
                problems.push(format!("{path} has no description"));
            }
            check(field, &path, problems);
        }
        let bounded = match schema["type"].as_str() {
            Some("string") => {
                ["maxLength", "enum"].iter().any(|bound| schema.get(bound).is_some())
                    || schema["format"] == "date-time"
            }
            Some("array") => schema.get("maxItems").is_some(),
            _ => true,
        };
        // Kubernetes' own types carry no bounds, and no rule of ours looks into them.
        let foreign =
            [".nodeSelector", ".tolerations", ".protect.jobs"].iter().any(|part| path.contains(part));
        if !bounded && !foreign {
            problems.push(format!("{path} is unbounded"));
        }
        check_item(&schema["items"], path, problems);
        check_item(&schema["additionalProperties"], path, problems);
    }
    fn check_item(schema: &Value, path: &str, problems: &mut Vec<String>) {
        if schema.is_object() {
            check(schema, &format!("{path}[]"), problems);
        }
    }
    let mut problems = Vec::new();
    for (kind, schema) in schemas() {
        check(&schema["properties"]["spec"], &kind, &mut problems);
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
