//! The NetworkPolicies of manifests/network and manifests/operator, followed: films are made, and what no policy names is out
//! of reach.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::{Selector, SelectorExt};
use serde_json::json;
use videofactory_crds::StepName;
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::half_drawn::half_drawn;
use videofactory_tests::e2e::kubectl::{ask, bash_in};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{operator, pods, site, wait};

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/network");

/// The rule beside it that lets steps reach the tests' bucket, as the documentation shows it.
async fn allow_the_bucket(env: &TestEnv) -> anyhow::Result<()> {
    env.put(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "bucket"},
        "spec": {
            "podSelector": {"matchExpressions": [{"key": pods::STEP, "operator": "Exists"}]},
            "policyTypes": ["Egress"],
            "egress": [{
                "ports": [{"port": 9000}],
                "to": [{
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site::SYSTEM}},
                    "podSelector": {"matchLabels": {"app.kubernetes.io/component": "r2"}},
                }],
            }],
        },
    }))
    .await
}

/// Whether a pod can connect to a host and port: `open` or `shut`.
const CONNECT: &str = r#"
if timeout 3 bash -c ': <>"/dev/tcp/$1/$2"' bash "$1" "$2" 2>/dev/null; then echo open; else echo shut; fi
"#;

/// Waits until a pod finds a host and port like this.
async fn finds(env: &TestEnv, pod: &str, (host, port): (&str, &str), state: &str) -> anyhow::Result<()> {
    wait::asked(&format!("{host}:{port} to be {state} to a step"), async || {
        let found = bash_in(&env.namespace, pod, CONNECT, &[host, port]).await?;
        Ok((found.trim() == state).then_some(()))
    })
    .await
}

#[tokio::test]
async fn networkpolicy_a_steps_pod_reaches_what_its_policy_names_and_nothing_else() {
    in_test_env("reaches_what_is_named", async |env: TestEnv| {
        let (film, _) = half_drawn(&env).await?;
        let pod = film.running_pod(StepName::GenerateImages).await?.name_any();
        let named =
            [("videofactory-operator.videofactory-system.svc", "8000"), ("r2.videofactory-system", "9000")];
        let others = [
            ("kubernetes.default.svc", "443"),
            ("fakes.videofactory-system.svc", "9100"),
            ("r2.videofactory-system", "9001"),
        ];
        for place in named.into_iter().chain(others) {
            finds(&env, &pod, place, "open").await?;
        }
        ask(&["-n", &env.namespace, "apply", "--server-side", "-k", MANIFEST]).await?;
        allow_the_bucket(&env).await?;
        for place in others {
            finds(&env, &pod, place, "shut").await?;
        }
        for place in named {
            finds(&env, &pod, place, "open").await?;
        }
        env.faults(Vec::new()).await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

/// By the policy that the operator is installed with: the port of its probes is for the node alone.
#[tokio::test]
async fn networkpolicy_a_steps_pod_reaches_the_operator_at_its_http_port_alone() {
    in_test_env("reaches_http_alone", async |env: TestEnv| {
        let (film, _) = half_drawn(&env).await?;
        let pod = film.running_pod(StepName::GenerateImages).await?.name_any();
        let replicas = operator::replicas(&env.client, 1).await?;
        let address = replicas.iter().find_map(|replica| replica.status.as_ref()?.pod_ip.clone());
        let address = address.context("the operator's pod has no address")?;
        finds(&env, &pod, (&address, "8000"), "open").await?;
        finds(&env, &pod, (&address, "8081"), "shut").await?;
        env.faults(Vec::new()).await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn networkpolicy_a_film_is_made_under_the_steps_network_policy_which_selects_all_its_pods() {
    in_test_env("under_a_network_policy", async |env: TestEnv| {
        ask(&["-n", &env.namespace, "apply", "--server-side", "-k", MANIFEST]).await?;
        allow_the_bucket(&env).await?;
        let film = env.create_film(NewFilm::of(1)).await?;
        film.succeeded().await?;
        let policy = env.api::<NetworkPolicy>().get("videofactory-steps").await?;
        let spec = policy.spec.unwrap_or_default();
        ensure!(spec.ingress.is_none_or(|rules| rules.is_empty()), "something gets in");
        let selector: Selector = spec.pod_selector.unwrap_or_default().try_into()?;
        let steps = env.api::<Pod>().list(&ListParams::default().labels(pods::UID)).await?.items;
        ensure!(!steps.is_empty(), "no pod of the film is left");
        for pod in steps {
            let labels = pod.metadata.labels.clone().unwrap_or_default();
            ensure!(selector.matches(&labels), "a step's pod is not selected: {labels:?}");
        }
        Ok(())
    })
    .await;
}
