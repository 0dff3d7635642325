//! Jobs and requests of the tests of this folder.

use serde_json::{Value, json};
use videofactory_crds::VideoJob;

use super::{JobAction, Plan, Request};

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

pub fn asked(action: JobAction) -> Request {
    Request {
        action,
        at: "2026-12-24T18:00:00Z".parse().unwrap(),
        reason: "asked by a person".to_owned(),
        output: None,
        of_many: false,
    }
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
