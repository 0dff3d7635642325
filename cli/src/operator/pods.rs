//! Which pods are the operator's.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use videofactory_api::PORT;
use videofactory_client::{CallError, within};

use crate::cluster::Cluster;
use crate::exit::Error;

pub use videofactory_crds::labels::{OPERATOR as LABELS, OPERATOR_NAMESPACE as DEFAULT_NAMESPACE};

/// The Role of the operator's namespace by which people reach it.
pub const PORT_FORWARD: &str = "videofactory-port-forward";
/// The name of its port.
const PORT_NAME: &str = "http";

/// The operator's namespace: as it is named, or as it is usual. It is never taken from a search: whoever may create pods
/// anywhere may label them as the operator's, and would be shown the person's token.
pub async fn namespace_of(cluster: &Cluster) -> Result<String, Error> {
    if let Some(namespace) = &cluster.operator_namespace {
        return Ok(namespace.clone());
    }
    let client = cluster.client()?;
    let usual = list(&Api::namespaced(client.clone(), DEFAULT_NAMESPACE)).await;
    if usual.as_ref().is_ok_and(|pods| !pods.is_empty()) {
        return Ok(DEFAULT_NAMESPACE.to_owned());
    }
    // Who may not look into the usual namespace seldom may look into all; the permission for the former is enough.
    let Ok(everywhere) = list(&Api::all(client)).await else {
        return usual.map(|_| DEFAULT_NAMESPACE.to_owned()).map_err(|error| hidden(error, DEFAULT_NAMESPACE));
    };
    Err(absent(&everywhere))
}

/// That there is no operator where it should be, and where pods say that they are it.
fn absent(elsewhere: &[Pod]) -> Error {
    let namespaces: BTreeSet<String> = elsewhere.iter().filter_map(ResourceExt::namespace).collect();
    if namespaces.is_empty() {
        return Error::new("there is no operator in this cluster").hint(
            "`kubectl videofactory install generate | kubectl apply --server-side -f -` installs it; \
             --operator-namespace names its namespace where you may not look into all of them",
        );
    }
    let names: Vec<String> = namespaces.into_iter().collect();
    Error::new(format!("there is no pod of the operator in namespace {DEFAULT_NAMESPACE}")).hint(format!(
        "pods with its labels are in: {}; if it was installed there, name the namespace by --operator-namespace (anybody \
         who may create pods can label them so, and the operator is shown your token)",
        names.join(", ")
    ))
}

/// Why the operator's pods cannot be seen, and what to ask for.
fn hidden(error: CallError, namespace: &str) -> Error {
    let rejected = error.is_rejected();
    let error = Error::from(error);
    if !rejected {
        return error;
    }
    error.hint(format!(
        "ask for the Role {PORT_FORWARD} in namespace {namespace}; --operator-namespace names another namespace"
    ))
}

async fn list(api: &Api<Pod>) -> Result<Vec<Pod>, CallError> {
    let params = ListParams::default().labels(LABELS);
    Ok(within("list the operator's pods", api.list(&params)).await?.items)
}

/// A pod that answers, and its port.
pub async fn ready(client: &Client, namespace: &str) -> Result<(String, u16), Error> {
    let pods = list(&Api::namespaced(client.clone(), namespace)).await;
    let mut pods = pods.map_err(|error| hidden(error, namespace))?;
    pods.sort_by_key(ResourceExt::name_any);
    let found = pods.iter().find(|pod| is_ready(pod));
    found.map(|pod| (pod.name_any(), port(pod))).ok_or_else(|| {
        Error::new(format!("no pod of the operator in namespace {namespace} is ready"))
            .hint("`kubectl videofactory doctor` says why; --operator-namespace names another namespace")
    })
}

/// Whether the pod says that it can serve, and is not about to end.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.into_iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none()
}

fn port(pod: &Pod) -> u16 {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let named = ports.find(|port| port.name.as_deref() == Some(PORT_NAME));
    named.and_then(|port| u16::try_from(port.container_port).ok()).unwrap_or(PORT)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::operator::Operator;
    use crate::testing::{Fake, list_of};

    fn pod(name: &str, ready: &str) -> Value {
        json!({
            "metadata": {"name": name, "namespace": "factory"},
            "spec": {"containers": [{"name": "operator", "ports": [
                {"name": "metrics", "containerPort": 9000}, {"name": "http", "containerPort": 8080},
            ]}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        })
    }

    #[tokio::test]
    async fn a_ready_pod_is_found_in_the_namespace_that_is_named() {
        let fake = Fake::default()
            .on("GET /api/v1/namespaces/factory/pods", list_of(&[pod("a", "False"), pod("b", "True")]));
        let mut cluster = Cluster::of_client(fake.client(), "films");
        cluster.operator_namespace = Some("factory".to_owned());
        let namespace = namespace_of(&cluster).await.unwrap();
        assert_eq!(namespace, "factory");
        let found = ready(&fake.client(), &namespace).await.unwrap();
        assert_eq!(found, ("b".to_owned(), 8080));
        assert!(fake.seen()[0].query.contains("component%3Doperator"), "{:?}", fake.seen());
    }

    #[tokio::test]
    async fn pods_of_another_namespace_are_not_taken_for_the_operator_unless_it_is_named() {
        let fake = Fake::default()
            .on("GET /api/v1/namespaces/videofactory-system/pods", list_of(&[]))
            .on("GET /api/v1/pods", list_of(&[pod("b", "True")]))
            .on("GET /api/v1/namespaces/factory/pods", list_of(&[pod("b", "True")]));
        let cluster = Cluster::of_client(fake.client(), "films");
        let error = namespace_of(&cluster).await.unwrap_err();
        assert!(error.message.contains("no pod of the operator in namespace videofactory-system"), "{error}");
        let hint = error.hint.unwrap();
        assert!(hint.contains("in: factory;") && hint.contains("--operator-namespace"), "{hint}");
        assert!(Operator::find(&cluster).await.is_err(), "no port is forwarded, and no token is shown");
        let asked = fake.seen();
        assert!(asked.iter().all(|seen| !seen.what.contains("/namespaces/factory/")), "{asked:?}");
    }

    #[tokio::test]
    async fn where_there_is_none_the_error_says_how_to_install_it() {
        let fake = Fake::default()
            .on("GET /api/v1/namespaces/videofactory-system/pods", list_of(&[pod("a", "False")]))
            .on("GET /api/v1/pods", list_of(&[]));
        let error = ready(&fake.client(), "videofactory-system").await.unwrap_err();
        assert!(error.hint.unwrap().contains("doctor"));
        let fake = Fake::default()
            .refuses(
                "GET /api/v1/namespaces/videofactory-system/pods",
                403,
                "Forbidden",
                "you cannot list pods",
            )
            .on("GET /api/v1/pods", list_of(&[]));
        let error = namespace_of(&Cluster::of_client(fake.client(), "films")).await.unwrap_err();
        assert!(error.hint.unwrap().contains("install generate"));
    }

    #[tokio::test]
    async fn who_may_read_nowhere_is_shown_the_namespace_alone() {
        let usual = "you cannot list pods in videofactory-system";
        let fake = Fake::default()
            .refuses("GET /api/v1/namespaces/videofactory-system/pods", 403, "Forbidden", usual)
            .refuses("GET /api/v1/pods", 403, "Forbidden", "you cannot list pods at the cluster scope");
        let error = namespace_of(&Cluster::of_client(fake.client(), "films")).await.unwrap_err();
        assert!(error.message.contains(usual), "{error}");
        assert!(error.hint.unwrap().contains("videofactory-port-forward in namespace videofactory-system"));
        let error = ready(&fake.client(), "videofactory-system").await.unwrap_err();
        assert!(error.hint.unwrap().contains("videofactory-port-forward"));
    }
}
