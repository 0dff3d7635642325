//! A `VideoJob` without what no request looks at, which is nearly all of it: lists of thousands have room in memory. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use videofactory_crds::labels::LAST_APPLIED;
use videofactory_crds::videojob::{VideoJobSpec, VideoJobStatus};
use videofactory_crds::{StepStatus, VideoJob};

/// The job with its names, versions and annotations, whether it is suspended, and how far it is.
#[must_use]
pub fn lean(job: VideoJob) -> VideoJob {
    let VideoJob { metadata, spec, status } = job;
    VideoJob {
        metadata: of_metadata(metadata),
        spec: VideoJobSpec { suspend: spec.suspend, ..VideoJobSpec::default() },
        status: status.map(of_status),
    }
}

fn of_metadata(metadata: ObjectMeta) -> ObjectMeta {
    let mut annotations = metadata.annotations;
    if let Some(annotations) = &mut annotations {
        annotations.remove(LAST_APPLIED);
    }
    ObjectMeta {
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        resource_version: metadata.resource_version,
        generation: metadata.generation,
        deletion_timestamp: metadata.deletion_timestamp,
        annotations,
        ..ObjectMeta::default()
    }
}

fn of_status(status: VideoJobStatus) -> VideoJobStatus {
    VideoJobStatus {
        observed_generation: status.observed_generation,
        id: status.id,
        phase: status.phase,
        run: status.run,
        progress: status.progress,
        current_step: status.current_step,
        steps: status.steps.into_iter().map(of_step).collect(),
        preview: status.preview,
        handled: status.handled,
        conditions: status.conditions,
        ..VideoJobStatus::default()
    }
}

fn of_step(step: StepStatus) -> StepStatus {
    StepStatus {
        message: None,
        scenes: None,
        demands: Vec::new(),
        unresolved: Vec::new(),
        permitted: Vec::new(),
        ..step
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use videofactory_crds::videojob::has_ended;

    use super::*;
    use crate::job_action::{Action, Request};

    fn job(phase: &str, reason: &str, suspend: bool, hold: bool) -> VideoJob {
        let scene = |number| json!({"id": format!("s{number}"), "narration": "x".repeat(100)});
        let mut annotations = json!({LAST_APPLIED: "x".repeat(10_000)});
        if hold {
            annotations["videofactory.dev/hold"] = json!("the bill");
        }
        let step = json!({
            "name": "assemble-video", "state": "Waiting", "reason": reason, "outputDigest": "3f9c",
            "message": "x".repeat(1_000),
        });
        serde_json::from_value(json!({
            "metadata": {
                "name": "ocean", "namespace": "films", "resourceVersion": "7", "annotations": annotations,
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {"scenes": (0..100).map(scene).collect::<Vec<Value>>(), "suspend": suspend},
            "status": {"phase": phase, "steps": [step], "preview": {"result": "a@3f9c"}},
        }))
        .unwrap()
    }

    /// All that can be asked, of a job that is named and of many.
    fn requests() -> Vec<Request> {
        let why = || Some("why".to_owned());
        let actions = [
            Action::Retry,
            Action::Restart,
            Action::suspend(why(), ""),
            Action::resume(None),
            Action::resume(why()),
            Action::Approve { result: None },
            Action::Reject { result: None },
        ];
        let at = "2026-12-24T18:00:00Z".parse().unwrap();
        actions
            .into_iter()
            .flat_map(|action| [Request::of_named(action.clone(), at), Request::of_many(action, at)])
            .collect()
    }

    #[test]
    fn whatever_is_asked_of_a_job_the_plan_is_that_for_the_whole_of_it() {
        for phase in ["Pending", "Running", "Waiting", "Review", "Suspended", "Succeeded", "Failed"] {
            for reason in ["AwaitingReview", "PreviewReady", "OutcomeUnknown", "RetriesExhausted"] {
                for (suspend, hold) in [(false, false), (true, false), (false, true)] {
                    let whole = job(phase, reason, suspend, hold);
                    let small = lean(whole.clone());
                    assert_eq!(has_ended(&small), has_ended(&whole));
                    for request in requests() {
                        assert_eq!(
                            (request.plan(&small), request.remark(&small)),
                            (request.plan(&whole), request.remark(&whole)),
                            "{phase} {reason} {request:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn it_is_small() {
        let whole = job("Running", "OutcomeUnknown", false, true);
        let bytes = |job: &VideoJob| serde_json::to_string(job).unwrap().len();
        assert!(bytes(&whole) > 20_000);
        assert!(bytes(&lean(whole)) < 500);
    }
}
