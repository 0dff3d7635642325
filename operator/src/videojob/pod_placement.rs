//! What a step's pod carries for others, and where it may run: labels, annotations, nodes. Pure.
//!
//! The administrator's word, given by the operator's own settings, goes before a job's, and a job's before its Channel's.
//! What the operator finds its pods by is nobody's to set, and what belongs to Kubernetes' own domains is the
//! administrator's alone: with such annotations a pod could undo what confines it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;
use kube::ResourceExt;
use videofactory_crds::VideoJob;

use super::labels::Labels;
use crate::config::WorkerConfig;

type Map = BTreeMap<String, String>;

/// Where every pod of ours runs, unless the administrator says otherwise: there are images for nothing else.
const SYSTEM: (&str, &str) = ("kubernetes.io/os", "linux");
/// Of Kubernetes' domains, those that a job may use.
const COMMON_DOMAINS: [&str; 2] = ["app.kubernetes.io", "cluster-autoscaler.kubernetes.io"];
/// What Kubernetes puts on a Job's pods itself.
const OF_JOBS: [&str; 2] = ["controller-uid", "job-name"];

/// What a pod carries and where it may run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    /// Labels, ours among them.
    pub labels: Map,
    pub annotations: Map,
    /// Labels that a node must have.
    pub node_selector: Map,
    /// Taints of nodes that are no obstacle.
    pub tolerations: Vec<Toleration>,
    /// What was asked for and is not given, each as a part of a sentence.
    pub ignored: Vec<String>,
}

/// The placement of an attempt's pod.
#[must_use]
pub fn of(owner: &VideoJob, ours: &Labels, worker: &WorkerConfig) -> Placement {
    let mut ignored = Vec::new();
    let compute = owner.spec.compute.clone().unwrap_or_default();
    let frozen = owner.status.as_ref().and_then(|status| status.channel.as_ref());
    let channel = frozen.and_then(|channel| channel.spec.compute.clone()).unwrap_or_default();
    let own = ours.to_map();
    let propagated = owner.labels().iter().filter(|(key, _)| worker.propagate_labels.contains(*key));
    let mut labels: Map = propagated.map(|(key, value)| (key.clone(), value.clone())).collect();
    for (from, more) in [("the Channel's compute.labels", channel.labels), ("compute.labels", compute.labels)]
    {
        labels.extend(permitted(from, more, &own, &mut ignored));
    }
    labels.extend(worker.labels.clone());
    labels.extend(own.clone());
    let mut annotations = Map::new();
    for (from, more) in [
        ("the Channel's compute.annotations", channel.annotations),
        ("compute.annotations", compute.annotations),
    ] {
        annotations.extend(permitted(from, more, &own, &mut ignored));
    }
    annotations.extend(worker.annotations.clone());
    Placement {
        labels,
        annotations,
        node_selector: nodes(compute.node_selector.unwrap_or_default(), worker, &mut ignored),
        tolerations: tolerations(compute.tolerations.unwrap_or_default(), worker, &mut ignored),
        ignored,
    }
}

/// Those that a job or a Channel may set.
fn permitted(from: &str, asked: Option<Map>, own: &Map, ignored: &mut Vec<String>) -> Map {
    let mut asked = asked.unwrap_or_default();
    asked.retain(|key, _| {
        let reserved = own.contains_key(key) || is_reserved(key);
        if reserved {
            ignored.push(format!("{key} of {from}, which only the operator's settings may set"));
        }
        !reserved
    });
    asked
}

fn is_reserved(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return OF_JOBS.contains(&key) };
    let within = |parent: &str| domain == parent || domain.ends_with(&format!(".{parent}"));
    within("videofactory.dev") || within("kubernetes.io") && !COMMON_DOMAINS.contains(&domain)
}

/// The administrator's nodes; a job may only choose among them.
fn nodes(asked: Map, worker: &WorkerConfig, ignored: &mut Vec<String>) -> Map {
    let mut nodes = Map::from([(SYSTEM.0.to_owned(), SYSTEM.1.to_owned())]);
    nodes.extend(worker.node_selector.clone());
    for (key, value) in asked {
        match nodes.get(&key) {
            Some(settled) if *settled != value => ignored.push(format!(
                "{key}={value} of compute.nodeSelector, because this operator's pods need {key}={settled}"
            )),
            _ => drop(nodes.insert(key, value)),
        }
    }
    nodes
}

/// The administrator's, and those of a job's that it may have.
fn tolerations(asked: Vec<Toleration>, worker: &WorkerConfig, ignored: &mut Vec<String>) -> Vec<Toleration> {
    let mut all = worker.tolerations.0.clone();
    for toleration in asked {
        let key = toleration.key.as_deref().unwrap_or_default();
        if worker.job_tolerations.allow(key) {
            all.push(toleration);
        } else if key.is_empty() {
            ignored
                .push("a toleration of every taint in compute.tolerations: name the taint's key".to_owned());
        } else {
            ignored.push(format!(
                "the toleration of {key} in compute.tolerations, which this operator does not allow"
            ));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};
    use videofactory_crds::StepName;

    use super::*;
    use crate::config::Config;

    fn worker(arguments: &[&str]) -> WorkerConfig {
        let all = ["operator", "--worker-image", "worker:1"].iter().chain(arguments);
        Config::try_parse_from(all).unwrap().worker
    }

    fn placed(job: &Value, arguments: &[&str]) -> Placement {
        let mut object = json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films", "uid": "u"}, "spec": {"topic": "x"},
        });
        merge(&mut object, job);
        let ours =
            Labels { uid: "u".into(), job: "ocean".into(), run: 1, step: StepName::WriteScript, attempt: 2 };
        of(&serde_json::from_value(object).unwrap(), &ours, &worker(arguments))
    }

    fn merge(into: &mut Value, more: &Value) {
        for (name, field) in more.as_object().unwrap() {
            match into.get_mut(name) {
                Some(present) if present.is_object() => merge(present, field),
                _ => into[name] = field.clone(),
            }
        }
    }

    #[test]
    fn labels_come_from_operator_job_channel_and_the_jobs_own_in_this_order() {
        let job = json!({
            "metadata": {"labels": {"cost-center": "42", "secret-project": "x", "team": "own"}},
            "spec": {"compute": {"labels": {"team": "job", "tier": "job"}, "annotations": {"note": "job"}}},
            "status": {"channel": {"name": "c", "compute": {
                "labels": {"team": "channel", "tier": "channel", "brand": "whales"},
                "annotations": {"note": "channel", "more": "channel"},
            }}},
        });
        let arguments = [
            "--worker-labels",
            "tier=operator",
            "--propagate-labels",
            "cost-center,team,absent",
            "--worker-annotations",
        ];
        let placed = placed(&job, &[&arguments[..], &["sidecar.istio.io/inject=false"]].concat());
        let label = |key: &str| placed.labels.get(key).map(String::as_str);
        assert_eq!(label("cost-center"), Some("42"), "propagated");
        assert_eq!(label("secret-project"), None, "the operator is not configured to");
        assert_eq!(
            (label("team"), label("tier"), label("brand")),
            (Some("job"), Some("operator"), Some("whales"))
        );
        let annotations: Vec<_> = placed.annotations.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(annotations, [("more", "channel"), ("note", "job"), ("sidecar.istio.io/inject", "false")]);
        assert_eq!(placed.ignored, [""; 0]);
    }

    #[test]
    fn what_the_operator_finds_its_pods_by_is_nobodys_to_set() {
        let stolen = json!({
            "videofactory.dev/uid": "another", "videofactory.dev/step": "publish-video", "x.videofactory.dev/y": "z",
            "app.kubernetes.io/instance": "another", "app.kubernetes.io/managed-by": "me", "job-name": "j",
            "batch.kubernetes.io/controller-uid": "u", "app.kubernetes.io/part-of": "studio",
        });
        let channel = json!({"name": "c", "compute": {"labels": stolen}});
        let own = placed(&json!({}), &[]).labels;
        for job in [
            json!({"spec": {"compute": {"labels": stolen}}}),
            json!({"status": {"channel": channel}}),
            json!({"metadata": {"labels": stolen}}),
        ] {
            let propagate = "videofactory.dev/uid,app.kubernetes.io/instance,app.kubernetes.io/part-of";
            let placed =
                placed(&job, &["--propagate-labels", propagate, "--worker-labels", "videofactory.dev/run=9"]);
            let mut labels = placed.labels.clone();
            assert_eq!(labels.remove("app.kubernetes.io/part-of").as_deref(), Some("studio"));
            assert_eq!(labels, own);
        }
        let ignored = placed(&json!({"spec": {"compute": {"labels": stolen}}}), &[]).ignored;
        assert_eq!(ignored.len(), 7, "{ignored:?}");
        assert!(
            ignored.iter().any(|what| what.starts_with("videofactory.dev/uid of compute.labels")),
            "{ignored:?}"
        );
    }

    #[test]
    fn annotations_that_undo_what_confines_a_pod_are_the_administrators_alone() {
        let asked = json!({
            "container.apparmor.security.beta.kubernetes.io/worker": "unconfined",
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        });
        let placed = placed(&json!({"spec": {"compute": {"annotations": asked}}}), &[]);
        assert_eq!(
            placed.annotations.keys().collect::<Vec<_>>(),
            ["cluster-autoscaler.kubernetes.io/safe-to-evict"]
        );
        assert_eq!(placed.ignored.len(), 1);
    }

    #[test]
    fn a_job_chooses_among_the_administrators_nodes_and_no_others() {
        let asked = json!({"spec": {"compute": {"nodeSelector": {"pool": "system", "disk": "fast", "kubernetes.io/os": "windows"}}}});
        let placed = placed(&asked, &["--worker-node-selector", "pool=video"]);
        let nodes: Vec<_> = placed.node_selector.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(nodes, [("disk", "fast"), ("kubernetes.io/os", "linux"), ("pool", "video")]);
        assert_eq!(placed.ignored.len(), 2);
        assert!(
            placed.ignored.iter().any(|what| what.contains("pods need pool=video")),
            "{:?}",
            placed.ignored
        );
    }

    #[test]
    fn every_pod_runs_on_linux_unless_the_administrator_says_otherwise() {
        assert_eq!(placed(&json!({}), &[]).node_selector["kubernetes.io/os"], "linux");
        let other = placed(&json!({}), &["--worker-node-selector", "kubernetes.io/os=other"]);
        assert_eq!(other.node_selector["kubernetes.io/os"], "other");
    }

    #[test]
    fn a_jobs_tolerations_come_beside_the_administrators_as_far_as_they_are_allowed() {
        let asked = json!({"spec": {"compute": {"tolerations": [
            {"key": "spot", "operator": "Exists"}, {"operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"},
        ]}}});
        let keys = |placed: &Placement| -> Vec<String> {
            placed.tolerations.iter().filter_map(|toleration| toleration.key.clone()).collect()
        };
        let always = ["--worker-tolerations", r#"[{"key": "video", "operator": "Exists"}]"#];
        let usual = placed(&asked, &always);
        assert_eq!((keys(&usual), usual.ignored.len()), (vec!["video".to_owned(), "spot".to_owned()], 2));
        let none = placed(&asked, &[&always[..], &["--job-tolerations", "none"]].concat());
        assert_eq!((keys(&none), none.ignored.len()), (vec!["video".to_owned()], 3));
        let named = placed(&asked, &["--job-tolerations", "spot,node-role.kubernetes.io/control-plane"]);
        assert_eq!(keys(&named).len(), 2);
    }
}
