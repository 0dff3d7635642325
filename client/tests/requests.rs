//! What the plugin asks of a `VideoJob` is what Argo CD's actions ask: both go by `tests/gitops/requests.yaml`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use videofactory_client::job_action::{Action, Plan, Request};
use videofactory_crds::{StepName, VideoJob};

const NOW: &str = "2026-11-29T12:00:00Z";
const WHY: &str = "another text is coming";
/// The objects that the table speaks of.
const OBJECTS: &str = "manifests/argocd/resource_customizations/videofactory.dev/VideoJob/testdata";

/// By object, by action.
type Table = BTreeMap<String, BTreeMap<String, Value>>;

fn read<T: for<'de> Deserialize<'de>>(path: &str) -> T {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap();
    serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The value with what NOW, WHY and OUTPUT stand for.
fn filled(value: Value, job: &VideoJob) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, filled(field, job))).collect(),
        Value::String(text) => match text.as_str() {
            "NOW" => json!(NOW),
            "WHY" => json!(WHY),
            "OUTPUT" => json!(output(job)),
            _ => json!(text),
        },
        other => other,
    }
}

fn output(job: &VideoJob) -> String {
    let step = job.status.as_ref().unwrap().step(StepName::AssembleVideo).unwrap();
    format!("{}@{}", step.name, step.output_digest.as_ref().unwrap())
}

/// Each action, with what the table gives it.
fn actions() -> [Action; 6] {
    [
        Action::Retry,
        Action::Restart,
        Action::Suspend { reason: WHY.to_owned() },
        Action::resume(None),
        Action::Approve { result: None },
        Action::Reject { result: None },
    ]
}

#[test]
fn the_plugin_asks_what_the_table_says() {
    let table: Table = read("tests/gitops/requests.yaml");
    assert!(table.len() > 8, "only {} objects are in the table", table.len());
    for (name, mut rows) in table {
        let job: VideoJob = read(&format!("{OBJECTS}/{name}.yaml"));
        for action in actions() {
            let reported = rows.remove(action.name().as_str()).unwrap();
            let request = Request::of_named(action, NOW.parse().unwrap());
            let planned = match request.plan(&job) {
                Plan::Patch(patch) => json!({"patch": patch}),
                Plan::Unchanged(how) => json!({"unchanged": how}),
                Plan::Refused(why) => json!({"refused": why}),
            };
            assert_eq!(planned, filled(reported, &job), "{:?} of {name}", request.action);
        }
        assert!(rows.is_empty(), "{name}: {rows:?}");
    }
}
