//! What a pod or a Job says about its attempt. Pure.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod, PodStatus};
use kube::ResourceExt;
use videofactory_pipeline::StepOutcome;

use super::build::CONTAINER;
use super::labels::Labels;
use super::model::{JobEnd, JobFacts, PodEnd, PodFacts, PodProblem, PodState};

/// Reasons for which an image cannot be had.
const IMAGE_REASONS: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
];
/// Reasons for which a container cannot be made although its image is there.
const CONFIGURATION_REASONS: [&str; 5] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "CreatePodSandboxError",
];

/// What a Job says.
#[must_use]
pub fn job_facts(job: &Job, labels: &Labels) -> JobFacts {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    // `SuccessCriteriaMet` and `FailureTarget` are announcements: the Job has not ended yet.
    let ended =
        conditions.iter().filter(|condition| condition.status == "True").find_map(
            |condition| match condition.type_.as_str() {
                "Complete" => Some(JobEnd::Complete),
                "Failed" => Some(JobEnd::Failed(condition.reason.clone().unwrap_or_default())),
                _ => None,
            },
        );
    JobFacts {
        name: job.name_any(),
        uid: job.uid().unwrap_or_default(),
        run: labels.run,
        step: labels.step,
        attempt: labels.attempt,
        created: job.metadata.creation_timestamp.as_ref().map(|time| time.0),
        deleting: job.metadata.deletion_timestamp.is_some(),
        ended,
    }
}

/// Why a Job makes no pod, by its Events; the newest counts.
#[must_use]
pub fn pod_refusal(events: &[Event]) -> Option<String> {
    let refusals = events.iter().filter(|event| event.reason.as_deref() == Some("FailedCreate"));
    let newest = refusals.max_by_key(|event| {
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        last.or_else(|| event.event_time.as_ref().map(|time| time.0))
    })?;
    let message = newest.message.as_deref()?;
    // Before these words stands the name that the pod would have had: another one at each try.
    let words = [" is forbidden: ", " is invalid: ", "Error creating: "];
    let said = words.iter().find_map(|before| message.split_once(before)).map_or(message, |(_, said)| said);
    Some(said.trim().to_owned()).filter(|said| !said.is_empty())
}

/// What a pod says.
#[must_use]
pub fn pod_facts(pod: &Pod, labels: &Labels) -> PodFacts {
    let status = pod.status.clone().unwrap_or_default();
    // A cluster may put containers of its own beside ours, before it too.
    let container = status.container_statuses.iter().flatten().find(|container| container.name == CONTAINER);
    let end = pod_end(&status, container);
    let terminal = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let company = has_company(pod, &status);
    let outlived = !terminal && end.exit_code.is_some() && company;
    let state = match status.phase.as_deref() {
        _ if terminal => PodState::Ended(end),
        // The kubelet shows the end of the container a second before that of the pod. One that is done, and says
        // so, will do no more: what follows from it need not wait.
        _ if end.exit_code == Some(0) && end.outcome.is_some() => PodState::Ended(end),
        // A container that somebody put beside ours may run for ever, and the pod with it. Ours is never started again
        // in its pod, so that its end is the attempt's.
        _ if outlived => PodState::Ended(end),
        // A pod counts as Pending until each of its containers has started, ours may long be at work.
        Some("Pending") | None if !runs(container) => PodState::Pending(problem(&status, container)),
        _ => PodState::Running,
    };
    PodFacts {
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        run: labels.run,
        step: labels.step,
        attempt: labels.attempt,
        // The API server has added the grace period already.
        gone_by: pod.metadata.deletion_timestamp.as_ref().map(|time| time.0),
        outlived,
        state,
    }
}

/// Whether our container may still be at work in it.
pub(super) fn is_alive(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let outlived = Labels::read(&pod.metadata).is_some_and(|labels| pod_facts(pod, &labels).outlived);
    !matches!(phase, Some("Succeeded" | "Failed")) && !outlived
}

/// Whether anything is in the pod besides our container and what ends before it starts.
fn has_company(pod: &Pod, status: &PodStatus) -> bool {
    let spec = pod.spec.as_ref();
    let beside = spec.is_some_and(|spec| spec.containers.iter().any(|beside| beside.name != CONTAINER));
    let native = spec.and_then(|spec| spec.init_containers.as_ref()).is_some_and(|containers| {
        containers.iter().any(|container| container.restart_policy.as_deref() == Some("Always"))
    });
    let seen = status.container_statuses.iter().flatten().any(|beside| beside.name != CONTAINER);
    beside || native || seen
}

fn runs(container: Option<&ContainerStatus>) -> bool {
    container.and_then(|container| container.state.as_ref()).is_some_and(|state| state.running.is_some())
}

fn pod_end(status: &PodStatus, container: Option<&ContainerStatus>) -> PodEnd {
    let state = container.and_then(|container| container.state.as_ref());
    let terminated = state.and_then(|state| state.terminated.as_ref());
    let message = terminated.and_then(|end| end.message.as_deref());
    PodEnd {
        exit_code: terminated.map(|end| end.exit_code),
        out_of_memory: terminated.is_some_and(|end| end.reason.as_deref() == Some("OOMKilled")),
        reason: status.reason.clone().or_else(|| disruption(status)).unwrap_or_default(),
        outcome: message.and_then(StepOutcome::from_message).map(Box::new),
        started: terminated.and_then(|end| end.started_at.as_ref()).map(|time| time.0),
        at: terminated.and_then(|end| end.finished_at.as_ref()).map(|time| time.0),
    }
}

/// Why Kubernetes itself stopped a pod (`EvictionByEvictionAPI`, `PreemptionByScheduler`, …).
fn disruption(status: &PodStatus) -> Option<String> {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let target = conditions
        .iter()
        .find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True");
    target.and_then(|condition| condition.reason.clone())
}

/// What keeps the pod from starting: our own container first, then those that a cluster has put before or beside it.
fn problem(status: &PodStatus, container: Option<&ContainerStatus>) -> Option<PodProblem> {
    let others = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let mut problems = container.into_iter().chain(others).filter_map(container_problem);
    if let Some(problem) = problems.next() {
        return Some(problem);
    }
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let unscheduled = conditions.iter().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    });
    unscheduled.map(|condition| PodProblem::Unschedulable(condition.message.clone().unwrap_or_default()))
}

/// What keeps a container from starting; one that is not ours is named.
fn container_problem(container: &ContainerStatus) -> Option<PodProblem> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    let message = match waiting.message.as_deref() {
        Some(message) if !message.is_empty() => format!("{reason}: {message}"),
        _ => reason.to_owned(),
    };
    let of = if container.name == CONTAINER {
        String::new()
    } else {
        format!("container {:?}, which is not ours: ", container.name)
    };
    if IMAGE_REASONS.contains(&reason) {
        // Kubernetes reports the failure and the wait after it in turn: what both have in common stays.
        let failure = message.rsplit_once("ErrImagePull: ").map_or(message.as_str(), |(_, failure)| failure);
        return Some(PodProblem::Image(format!("{of}{failure}")));
    }
    CONFIGURATION_REASONS.contains(&reason).then(|| PodProblem::Configuration(format!("{of}{message}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use videofactory_crds::StepName;

    use super::*;

    fn labels() -> Labels {
        Labels { uid: "u".into(), job: "ocean".into(), run: 1, step: StepName::WriteScript, attempt: 2 }
    }

    fn pod(status: &Value) -> PodState {
        let pod = json!({"metadata": {"name": "p", "uid": "x"}, "status": status});
        pod_facts(&serde_json::from_value(pod).unwrap(), &labels()).state
    }

    fn ended(status: &Value) -> PodEnd {
        match pod(status) {
            PodState::Ended(end) => end,
            other => panic!("{other:?} has not ended"),
        }
    }

    fn container(state: &Value) -> Value {
        json!([{"name": "worker", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}])
    }

    fn waiting(reason: &str) -> PodState {
        let state = json!({"waiting": {"reason": reason, "message": "details"}});
        pod(&json!({"phase": "Pending", "containerStatuses": container(&state)}))
    }

    #[test]
    fn a_container_that_is_not_ours_says_nothing_of_the_step() {
        let status = |name: &str, state: Value| json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        let sidecar = status("proxy", json!({"terminated": {"exitCode": 1, "reason": "OOMKilled"}}));
        let worker = status("worker", json!({"terminated": {"exitCode": 70, "reason": "Error"}}));
        let end = ended(&json!({"phase": "Failed", "containerStatuses": [sidecar, worker]}));
        assert_eq!((end.exit_code, end.out_of_memory), (Some(70), false));
    }

    #[test]
    fn a_pod_that_is_being_stopped_says_when_it_should_be_gone() {
        let pod = json!({"metadata": {"name": "p", "deletionTimestamp": "2026-11-23T10:00:00Z"}, "status": {"phase": "Running"}});
        let facts = pod_facts(&serde_json::from_value(pod).unwrap(), &labels());
        assert_eq!(facts.gone_by, Some("2026-11-23T10:00:00Z".parse().unwrap()));
        assert_eq!(facts.state, PodState::Running);
    }

    #[test]
    fn a_pod_that_waits_for_its_image_says_so() {
        assert_eq!(waiting("ErrImagePull"), PodState::Pending(Some(PodProblem::Image("details".into()))));
        for reason in ["ImagePullBackOff", "InvalidImageName"] {
            assert_eq!(
                waiting(reason),
                PodState::Pending(Some(PodProblem::Image(format!("{reason}: details"))))
            );
        }
    }

    #[test]
    fn a_failed_pull_and_the_wait_after_it_read_the_same() {
        let waits = |reason: &str, message: &str| {
            let state = json!({"waiting": {"reason": reason, "message": message}});
            pod(&json!({"phase": "Pending", "containerStatuses": container(&state)}))
        };
        let failed = waits("ErrImagePull", "failed to pull image \"x\": not found");
        let message = "Back-off pulling image \"x\": ErrImagePull: failed to pull image \"x\": not found";
        assert_eq!(waits("ImagePullBackOff", message), failed);
    }

    #[test]
    fn a_pod_whose_container_cannot_be_made_has_a_wrong_configuration() {
        let expected = PodProblem::Configuration("CreateContainerConfigError: details".into());
        assert_eq!(waiting("CreateContainerConfigError"), PodState::Pending(Some(expected)));
    }

    #[test]
    fn a_pod_that_is_being_made_has_no_problem() {
        assert_eq!(waiting("ContainerCreating"), PodState::Pending(None));
        assert_eq!(pod(&json!({"phase": "Pending"})), PodState::Pending(None));
    }

    #[test]
    fn a_pod_without_a_node_says_why() {
        let conditions = json!([{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient cpu.",
        }]);
        let expected = PodProblem::Unschedulable("0/1 nodes are available: 1 Insufficient cpu.".into());
        let seen = pod(&json!({"phase": "Pending", "conditions": conditions}));
        assert_eq!(seen, PodState::Pending(Some(expected)));
    }

    #[test]
    fn a_pod_that_is_being_stopped_still_runs() {
        let state = json!({"running": {"startedAt": "2026-11-23T10:00:00Z"}});
        let status = json!({"phase": "Running", "containerStatuses": container(&state)});
        assert_eq!(pod(&status), PodState::Running);
    }

    #[test]
    fn an_outcome_is_read_from_the_termination_message() {
        let message = json!({
            "version": 1, "step": "write-script", "attempt": 2,
            "input": "0123456789abcdef0123456789abcdef", "exit": "Done", "message": "ok",
        });
        let state = json!({"terminated": {
            "exitCode": 0, "reason": "Completed", "message": message.to_string(),
            "startedAt": "2026-11-23T10:00:02Z", "finishedAt": "2026-11-23T10:00:07Z",
        }});
        let end = ended(&json!({"phase": "Succeeded", "containerStatuses": container(&state)}));
        assert_eq!(end.exit_code, Some(0));
        assert_eq!(end.outcome.unwrap().attempt, 2);
        assert_eq!(end.started, Some("2026-11-23T10:00:02Z".parse().unwrap()));
        assert_eq!(end.at, Some("2026-11-23T10:00:07Z".parse().unwrap()));
    }

    #[test]
    fn a_container_that_is_done_counts_before_its_pod_has_ended() {
        let message = |exit: &str| {
            json!({
                "version": 1, "step": "write-script", "attempt": 2,
                "input": "0123456789abcdef0123456789abcdef", "exit": exit,
            })
            .to_string()
        };
        let with = |exit_code: i32, message: String| {
            let state =
                json!({"terminated": {"exitCode": exit_code, "reason": "Completed", "message": message}});
            pod(&json!({"phase": "Running", "containerStatuses": container(&state)}))
        };
        assert!(matches!(with(0, message("Done")), PodState::Ended(_)));
        assert_eq!(
            with(75, message("TryLater")),
            PodState::Running,
            "a further attempt waits for the pod's own end"
        );
        assert_eq!(with(0, "no outcome".into()), PodState::Running);
    }

    /// A pod in which `beside` runs; its worker ended with this code.
    fn with_a_sidecar(phase: &str, exit_code: i32, beside: &Value) -> PodFacts {
        let status = |name: &str, state: &Value| json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        let ended = json!({"terminated": {"exitCode": exit_code, "reason": "Error", "finishedAt": "2026-11-23T10:00:07Z"}});
        let statuses = [status("worker", &ended), status("istio-proxy", beside)];
        let pod =
            json!({"metadata": {"name": "p"}, "status": {"phase": phase, "containerStatuses": statuses}});
        pod_facts(&serde_json::from_value(pod).unwrap(), &labels())
    }

    #[test]
    fn the_end_of_the_worker_ends_an_attempt_whatever_runs_on_beside_it() {
        let running = json!({"running": {"startedAt": "2026-11-23T10:00:00Z"}});
        for exit_code in [0, 65, 66, 69, 70, 74, 75, 77, 78, 79, 137, 143] {
            let facts = with_a_sidecar("Running", exit_code, &running);
            let PodState::Ended(end) = &facts.state else { panic!("{exit_code}: {:?}", facts.state) };
            assert_eq!((end.exit_code, facts.outlived), (Some(exit_code), true));
        }
        // The sidecar's image cannot be had: the pod counts as Pending for ever.
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff"}});
        let facts = with_a_sidecar("Pending", 69, &waiting);
        assert!(matches!(facts.state, PodState::Ended(_)) && facts.outlived, "{facts:?}");
        // It was stopped, and the kubelet has not reported the pod's end yet: no step back from what was seen.
        let stopped = json!({"terminated": {"exitCode": 0}});
        assert!(matches!(with_a_sidecar("Running", 69, &stopped).state, PodState::Ended(_)));
        assert!(!with_a_sidecar("Failed", 69, &stopped).outlived, "nothing is left of a pod that has ended");
    }

    #[test]
    fn a_native_sidecar_holds_nothing_up_either() {
        let ended = json!({"terminated": {"exitCode": 69, "reason": "Error"}});
        let pod = json!({
            "metadata": {"name": "p"},
            "spec": {
                "containers": [{"name": "worker"}],
                "initContainers": [{"name": "proxy", "restartPolicy": "Always"}],
            },
            "status": {"phase": "Running", "containerStatuses": container(&ended)},
        });
        let facts = pod_facts(&serde_json::from_value(pod).unwrap(), &labels());
        assert!(matches!(facts.state, PodState::Ended(_)) && facts.outlived, "{facts:?}");
    }

    #[test]
    fn a_worker_that_runs_in_a_pod_whose_sidecar_waits_is_at_work() {
        let state = json!({"running": {"startedAt": "2026-11-23T10:00:00Z"}});
        assert_eq!(
            pod(&json!({"phase": "Pending", "containerStatuses": container(&state)})),
            PodState::Running
        );
    }

    #[test]
    fn a_container_of_others_that_keeps_the_pod_from_starting_is_named() {
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}});
        let of = |name: &str, state: Value| json!([{"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}]);
        let seen = pod(&json!({
            "phase": "Pending", "initContainerStatuses": of("istio-init", waiting),
            "containerStatuses": of("worker", json!({"waiting": {"reason": "PodInitializing"}})),
        }));
        let PodState::Pending(Some(PodProblem::Image(why))) = seen else { panic!("{seen:?}") };
        assert!(why.contains("istio-init") && why.contains("not found"), "{why}");
    }

    #[test]
    fn a_message_that_is_no_outcome_is_none() {
        let state = json!({"terminated": {"exitCode": 70, "reason": "Error", "message": "thread panicked"}});
        let end = ended(&json!({"phase": "Failed", "containerStatuses": container(&state)}));
        assert_eq!((end.exit_code, end.outcome), (Some(70), None));
    }

    #[test]
    fn a_pod_killed_for_its_memory_is_distinguished_from_one_that_was_stopped() {
        let killed = |reason: &str| {
            let state = json!({"terminated": {"exitCode": 137, "reason": reason}});
            ended(&json!({"phase": "Failed", "containerStatuses": container(&state)})).out_of_memory
        };
        assert!(killed("OOMKilled"));
        assert!(!killed("Error"));
    }

    #[test]
    fn an_evicted_pod_says_so_even_if_its_container_never_ran() {
        let end = ended(&json!({"phase": "Failed", "reason": "Evicted"}));
        assert_eq!((end.reason.as_str(), end.exit_code), ("Evicted", None));
        let conditions =
            json!([{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]);
        assert_eq!(
            ended(&json!({"phase": "Failed", "conditions": conditions})).reason,
            "EvictionByEvictionAPI"
        );
    }

    #[test]
    fn why_a_job_makes_no_pod_is_said_alike_at_each_try() {
        let event = |reason: &str, message: &str, second: u8| {
            json!({
                "metadata": {}, "involvedObject": {}, "reason": reason, "message": message,
                "lastTimestamp": format!("2026-11-23T10:00:{second:02}Z"),
            })
        };
        let said =
            |events: &[Value]| pod_refusal(&serde_json::from_value::<Vec<Event>>(json!(events)).unwrap());
        let policy = "ValidatingAdmissionPolicy 'cost-center' with binding 'cost-center' denied request: the label \
                      cost-center is required";
        let forbidden = |pod: &str| format!("Error creating: pods \"{pod}\" is forbidden: {policy}");
        let first = event("FailedCreate", &forbidden("ocean-abc12"), 1);
        let second = event("FailedCreate", &forbidden("ocean-xyz89"), 30);
        assert_eq!(said(std::slice::from_ref(&first)).as_deref(), Some(policy));
        assert_eq!(said(&[first.clone(), second]).as_deref(), Some(policy));
        let webhook = "admission webhook \"v.example.com\" denied the request: no";
        let newer = event("FailedCreate", &format!("Error creating: {webhook}"), 40);
        assert_eq!(said(&[newer, first]).as_deref(), Some(webhook));
        assert_eq!(said(&[event("SuccessfulCreate", "Created pod: x", 50)]), None);
    }

    #[test]
    fn only_the_last_word_of_a_job_counts() {
        let job = |kind: &str| {
            let conditions = json!([{"type": kind, "status": "True", "reason": "DeadlineExceeded"}]);
            let job = json!({"metadata": {"name": "j"}, "status": {"conditions": conditions}});
            job_facts(&serde_json::from_value(job).unwrap(), &labels()).ended
        };
        assert_eq!(job("FailureTarget"), None);
        assert_eq!(job("SuccessCriteriaMet"), None);
        assert_eq!(job("Failed"), Some(JobEnd::Failed("DeadlineExceeded".into())));
        assert_eq!(job("Complete"), Some(JobEnd::Complete));
    }

    #[test]
    fn a_pod_in_which_only_others_run_on_is_in_nobodys_way() {
        let pod = |worker: &Value| -> Pod {
            let status = |name: &str, state: &Value| json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
            let statuses = [status("worker", worker), status("proxy", &json!({"running": {}}))];
            let labels = labels().to_map();
            serde_json::from_value(json!({
                "metadata": {"name": "p", "labels": labels}, "status": {"phase": "Running", "containerStatuses": statuses},
            }))
            .unwrap()
        };
        assert!(is_alive(&pod(&json!({"running": {}}))));
        assert!(!is_alive(&pod(&json!({"terminated": {"exitCode": 69}}))));
    }
}
