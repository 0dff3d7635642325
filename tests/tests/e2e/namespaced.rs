//! manifests/namespaced: an operator that watches the namespaces in which it has a Role, and has no permission beyond them.

use anyhow::ensure;
use serde_json::{Value, json};
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::finally::finally;
use videofactory_tests::e2e::kubectl::ask;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{operator, site};

const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests");
const DEPLOYMENT: &str = "deployment/videofactory-operator";
/// What is bound in the whole cluster. The questions who calls stay: workers report with a token that only they answer.
const BOUND: [&str; 2] = ["videofactory-operator-read", "videofactory-operator"];

/// Lets the operator watch these namespaces alone, or all; returns when the one before is gone.
async fn watch(env: &TestEnv, namespaces: &str) -> anyhow::Result<()> {
    let variable = format!("VIDEOFACTORY_WATCH_NAMESPACES={namespaces}");
    ask(&["-n", site::SYSTEM, "set", "env", DEPLOYMENT, &variable]).await?;
    ask(&["-n", site::SYSTEM, "rollout", "status", DEPLOYMENT, "--timeout=240s"]).await?;
    operator::replicas(&env.client, 1).await.map(drop)
}

/// A film, and an operator that has nothing to do with the rest of the cluster.
async fn confined(env: &TestEnv) -> anyhow::Result<()> {
    watch(env, &env.namespace).await?;
    for binding in BOUND {
        ask(&["delete", "clusterrolebinding", binding]).await?;
    }
    // Another tenant has taken its rights away: it is ready all the same, after a while.
    watch(env, &format!("{},{}", env.namespace, site::FORBIDDEN)).await?;
    // The place of the policy that the lab has made belongs to the operator of the whole cluster.
    let mut own: Value = env.policy("own");
    own["spec"]["bucket"]["prefix"] = json!(format!("{}/own/", env.namespace));
    env.put(own).await?;
    env.policy_says("default", "False", "ConfigurationInvalid").await?;
    let new_film = NewFilm::of(1).with(json!({"storageRef": {"name": "own"}}));
    let film = env.create_film(new_film).await?;
    film.succeeded().await?;
    let panics = operator::panics().await?;
    ensure!(panics.is_empty(), "{panics:?}");
    Ok(())
}

#[tokio::test]
async fn serial_an_operator_makes_films_where_it_has_a_role_and_needs_no_other_permission() {
    in_test_env("one_namespace", async |env: TestEnv| {
        env.policy_says("default", "True", "Available").await?;
        let work = async {
            let watched = format!("{MANIFESTS}/namespaced/watched");
            ask(&["-n", &env.namespace, "apply", "--server-side", "-k", &watched]).await?;
            let own = format!("{MANIFESTS}/namespaced/own-namespace.yaml");
            ask(&["apply", "--server-side", "-f", &own]).await?;
            confined(&env).await
        };
        let undo = async {
            ask(&["apply", "-f", &format!("{MANIFESTS}/operator/rbac.yaml")]).await?;
            watch(&env, "").await
        };
        finally(work, undo).await
    })
    .await;
}
