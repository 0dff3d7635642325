//! What holds of all that manifests/ applies to a cluster, by reading it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use videofactory_tests::root;

fn manifests() -> PathBuf {
    root().join("manifests")
}

/// The objects of a file.
fn objects(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

/// All files below a folder that hold YAML.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.append(&mut files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "yaml") {
            found.push(entry);
        }
    }
    found
}

/// What the profile `restricted` of Kubernetes and we ask of a pod beyond it, and this one does not keep.
fn faults(pod: &Value) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let whole = &pod["securityContext"];
    let mut check = |holds: bool, fault| {
        if !holds {
            faults.push(fault);
        }
    };
    check(whole["runAsNonRoot"] == true, "runs as root");
    check(whole["seccompProfile"]["type"] == "RuntimeDefault", "no seccomp profile");
    check(pod["enableServiceLinks"] == false, "Services in its environment");
    check(pod["automountServiceAccountToken"].is_boolean(), "a token that nobody decided about");
    check(["hostNetwork", "hostPID", "hostIPC"].iter().all(|part| pod[*part].is_null()), "parts of the host");
    let volumes = pod["volumes"].as_array().into_iter().flatten();
    check(volumes.clone().all(|volume| volume["hostPath"].is_null()), "a folder of the host");
    for container in
        ["containers", "initContainers"].iter().filter_map(|kind| pod[*kind].as_array()).flatten()
    {
        let own = &container["securityContext"];
        check(own["allowPrivilegeEscalation"] == false, "privileges can grow");
        check(own["readOnlyRootFilesystem"] == true, "a root file system to write to");
        check(own["capabilities"] == json!({"drop": ["ALL"]}), "capabilities");
        check(own["privileged"].is_null(), "privileged");
        check(!container["resources"]["limits"]["memory"].is_null(), "memory without limit");
    }
    faults
}

#[test]
fn every_pod_is_restricted() {
    let mut seen = 0;
    for file in files(&manifests()) {
        for object in objects(&file) {
            let pod = &object["spec"]["template"]["spec"];
            if !pod["containers"].is_array() {
                continue;
            }
            seen += 1;
            assert_eq!(faults(pod), [""; 0], "{}: {}", file.display(), object["metadata"]["name"]);
        }
    }
    assert!(seen >= 5, "only {seen} pods were found");
}

#[test]
fn a_pod_that_is_not_restricted_is_found() {
    let container = json!({"securityContext": {"privileged": true, "capabilities": {"add": ["NET_ADMIN"]}}});
    let volumes = json!([{"name": "host", "hostPath": {"path": "/"}}]);
    let found = faults(&json!({"containers": [container], "volumes": volumes, "hostNetwork": true}));
    assert_eq!(found.len(), 11, "{found:?}");
}

#[test]
fn every_namespace_asks_for_restricted_pods() {
    let all = files(&manifests()).iter().flat_map(|file| objects(file)).collect::<Vec<_>>();
    let namespaces: Vec<&Value> = all.iter().filter(|object| object["kind"] == "Namespace").collect();
    assert!(namespaces.len() >= 2);
    for namespace in namespaces {
        for mode in ["enforce", "warn", "audit"] {
            let label = format!("pod-security.kubernetes.io/{mode}");
            assert_eq!(namespace["metadata"]["labels"][label], "restricted", "{namespace}");
        }
    }
}

/// The rules of roles with this name and kind.
fn rules(file: &str, kind: &str, name: &str) -> BTreeSet<String> {
    let objects = objects(&manifests().join(file));
    let is_meant = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    let role = objects.iter().find(is_meant).unwrap();
    role["rules"].as_array().unwrap().iter().map(Value::to_string).collect()
}

#[test]
fn the_roles_of_one_namespace_are_those_of_all() {
    for (file, whole, watched, one) in [
        ("rbac", "videofactory-operator-read", "rbac", "videofactory-operator-read"),
        ("rbac", "videofactory-operator", "rbac", "videofactory-operator-write"),
        ("roles", "videofactory-viewer", "viewer", "videofactory-viewer"),
    ] {
        let mut everywhere = rules(&format!("operator/{file}.yaml"), "ClusterRole", whole);
        // Namespaces are in none, and paths of the operator neither; its own namespace is read by a role of its own.
        everywhere.retain(|rule| !rule.contains("\"kube-system\"") && !rule.contains("nonResourceURLs"));
        assert_eq!(rules(&format!("namespaced/watched/{watched}.yaml"), "Role", one), everywhere, "{one}");
    }
}

/// The kinds and names of objects.
fn kinds_and_names(objects: impl IntoIterator<Item = Value>) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    objects.into_iter().map(|object| (text(&object["kind"]), text(&object["metadata"]["name"]))).collect()
}

#[test]
fn an_operator_of_some_namespaces_is_bound_to_nothing_in_the_whole_cluster() {
    let folder = manifests().join("namespaced");
    let kustomization = objects(&folder.join("kustomization.yaml")).remove(0);
    let (mut applied, mut deleted) = (Vec::new(), Vec::new());
    for resource in kustomization["resources"].as_array().unwrap() {
        let path = folder.join(resource.as_str().unwrap());
        let files = if path.is_dir() { files(&path) } else { vec![path] };
        applied.extend(files.iter().flat_map(|file| objects(file)));
    }
    for patch in kustomization["patches"].as_array().unwrap() {
        let patch: Value = serde_yaml_ng::from_str(patch["patch"].as_str().unwrap()).unwrap();
        if patch["$patch"] == "delete" {
            deleted.push(patch);
        }
    }
    applied.retain(|object| object["kind"] == "ClusterRoleBinding");
    let (bound, deleted) = (kinds_and_names(applied), kinds_and_names(deleted));
    assert!(bound.len() >= 4, "{bound:?}");
    assert!(bound.is_subset(&deleted), "{:?}", bound.difference(&deleted));
}

#[test]
fn an_operator_of_its_own_namespace_keeps_the_roles_that_it_has_there() {
    let named = |file: &str| -> BTreeSet<String> {
        let all = objects(&manifests().join(file));
        let inside = all.iter().filter(|object| {
            object["kind"].as_str().is_some_and(|kind| ["Role", "RoleBinding"].contains(&kind))
        });
        inside.map(|object| format!("{} {}", object["kind"], object["metadata"]["name"])).collect()
    };
    let watched = named("namespaced/watched/rbac.yaml");
    assert_eq!(watched.len(), 4, "{watched:?}");
    for file in ["operator/rbac.yaml", "namespaced/own-namespace.yaml"] {
        let own = named(file);
        assert!(!own.is_empty() && own.is_disjoint(&watched), "{file}: {own:?}");
    }
}

#[test]
fn one_replica_may_be_away_and_updates_take_one_at_a_time() {
    let deployment = objects(&manifests().join("operator/deployment.yaml")).remove(0);
    let budget = objects(&manifests().join("operator/poddisruptionbudget.yaml")).remove(0);
    let (spec, labels) = (&deployment["spec"], &deployment["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(budget["spec"]["selector"]["matchLabels"], *labels);
    assert_eq!(budget["spec"]["maxUnavailable"], 1);
    assert!(spec["replicas"].as_u64().unwrap() > 1, "a drain would take all");
    assert_eq!(spec["strategy"]["type"], "RollingUpdate");
    assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
}
