//! What this cluster is known by in the marks of buckets, as its operator knows it: by the UID of kube-system, or of the
//! operator's own namespace where it watches some namespaces alone.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use videofactory_client::within;
use videofactory_crds::labels::{OPERATOR_CONTAINER, OPERATOR_NAME};

use super::pods::DEFAULT_NAMESPACE;
use crate::cluster::Cluster;

/// The setting of the operator that says which namespaces it watches.
const WATCHED: &str = "VIDEOFACTORY_WATCH_NAMESPACES";

/// The UID; none if the person may not read by what it is. A restore may come before the operator: one that is not there
/// yet is taken for one of the whole cluster.
pub async fn known_as(cluster: &Cluster) -> Option<String> {
    let client = cluster.client().ok()?;
    let home = cluster.operator_namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), home);
    let operator = within("get the operator's Deployment", deployments.get_opt(OPERATOR_NAME)).await.ok()?;
    let name = if operator.is_some_and(|operator| watches_some(&operator)) { home } else { "kube-system" };
    let namespaces: Api<Namespace> = Api::all(client);
    within(format!("get Namespace {name}"), namespaces.get(name)).await.ok()?.uid()
}

fn watches_some(operator: &Deployment) -> bool {
    let pod = operator.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let containers = pod.into_iter().flat_map(|pod| &pod.containers);
    containers
        .filter(|container| container.name == OPERATOR_CONTAINER)
        .flat_map(|container| container.env.iter().flatten())
        .filter(|variable| variable.name == WATCHED)
        .any(|variable| variable.value.as_deref().is_some_and(|names| !names.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::Fake;

    const DEPLOYMENT: &str =
        "GET /apis/apps/v1/namespaces/videofactory-system/deployments/videofactory-operator";

    fn operator(env: &Value) -> Value {
        let containers = json!([{"name": "operator", "env": env}]);
        let template = json!({"metadata": {}, "spec": {"containers": containers}});
        json!({"metadata": {"name": "videofactory-operator"}, "spec": {"selector": {}, "template": template}})
    }

    async fn uid(fake: Fake) -> Option<String> {
        let fake = fake
            .on(
                "GET /api/v1/namespaces/kube-system",
                json!({"metadata": {"name": "kube-system", "uid": "whole"}}),
            )
            .on(
                "GET /api/v1/namespaces/videofactory-system",
                json!({"metadata": {"name": "videofactory-system", "uid": "own"}}),
            );
        known_as(&Cluster::of_client(fake.client(), "films")).await
    }

    #[tokio::test]
    async fn it_is_known_as_to_its_operator() {
        for (env, known) in [
            (json!([]), "whole"),
            (json!([{"name": WATCHED, "value": ""}]), "whole"),
            (json!([{"name": WATCHED, "value": "films,trailers"}]), "own"),
        ] {
            let fake = Fake::default().on(DEPLOYMENT, operator(&env));
            assert_eq!(uid(fake).await.as_deref(), Some(known), "{env}");
        }
    }

    #[tokio::test]
    async fn before_the_operator_it_is_the_whole_cluster_and_what_may_not_be_read_is_not_known() {
        let absent = Fake::default().refuses(DEPLOYMENT, 404, "NotFound", "there is none");
        assert_eq!(uid(absent).await.as_deref(), Some("whole"));
        let hidden = Fake::default().refuses(DEPLOYMENT, 403, "Forbidden", "you may not");
        assert_eq!(uid(hidden).await, None);
    }
}
