//! Jobs and requests of the tests of this folder.

use jiff::Timestamp;
use serde_json::{Value, json};
use videofactory_crds::VideoJob;

use super::{Action, Plan, Request};

pub fn job(phase: &str, reason: &str) -> VideoJob {
    let status = json!({
        "phase": phase,
        "steps": [{"name": "assemble-video", "state": "Waiting", "reason": reason, "outputDigest": "3f9c"}],
    });
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {"name": "ocean", "namespace": "films"}, "spec": {"topic": "the ocean"}, "status": status,
    }))
    .unwrap()
}

/// Of a job that is named.
pub fn asked(action: Action) -> Request {
    Request::of_named(action, at())
}

pub fn at() -> Timestamp {
    "2026-12-24T18:00:00Z".parse().unwrap()
}

pub fn suspend() -> Action {
    Action::Suspend { reason: "asked by a person".to_owned() }
}

pub fn patch(plan: Plan) -> Value {
    match plan {
        Plan::Patch(patch) => patch,
        other => panic!("{other:?}"),
    }
}

pub fn refusal(plan: Plan) -> String {
    match plan {
        Plan::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}
