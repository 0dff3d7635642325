//! What the keys of the embedded S3 server open.

use anyhow::{Context as _, ensure};
use hyper::{Method, StatusCode};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Api;
use serde_json::json;
use videofactory_tests::e2e::bucket::ask_for;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{site, wait};
use videofactory_tests::r2_proxy::Keys;

/// The keys that each namespace gets are those of an account with one bucket: the server's root would be obeyed here.
#[tokio::test]
async fn keys_of_a_namespace_do_not_administer_the_server() {
    in_test_env("keys_of_a_namespace_do_not_administer_the_server", async |env: TestEnv| {
        env.put(administrator()).await?;
        let (code, words) =
            wait::until(&env.api::<Pod>(), wait::named("administrator"), "the pod's end", |all| {
                let status =
                    all.values().next()?.status.as_ref()?.container_statuses.as_ref()?.first()?.state.clone();
                let ended = status?.terminated?;
                Some((ended.exit_code, ended.message.unwrap_or_default()))
            })
            .await
            .context("the embedded server was asked for its accounts")?;
        ensure!(code != 0 && words.contains("AccessDenied"), "exit code {code}: {words}");
        Ok(())
    })
    .await;
}

/// Their own bucket alone: they can make no other, and are not shown what is in one that is somebody else's.
#[tokio::test]
async fn keys_of_a_namespace_open_its_bucket_and_no_other() {
    in_test_env("keys_of_a_namespace_open_its_bucket_and_no_other", async |env: TestEnv| {
        let own = keys(&env, &env.namespace, site::SECRET).await?;
        let root = keys(&env, site::SYSTEM, "s3-root").await?;
        let others = format!("{}-s", env.namespace);
        let refused = |(code, words): &(StatusCode, String)| {
            *code == StatusCode::FORBIDDEN && words.contains("AccessDenied")
        };
        let made = ask_for(Method::PUT, &others, &own).await?;
        ensure!(refused(&made), "a bucket was made: {made:?}");
        let made = ask_for(Method::PUT, &others, &root).await?;
        ensure!(made.0.is_success(), "the server's root could make no bucket: {made:?}");
        let listed = [ask_for(Method::GET, &others, &own).await, ask_for(Method::GET, &others, &root).await];
        let removed = ask_for(Method::DELETE, &others, &root).await?;
        ensure!(removed.0.is_success(), "the bucket stayed: {removed:?}");
        let [by_others, by_root] = listed;
        let (by_others, by_root) = (by_others?, by_root?);
        ensure!(refused(&by_others), "somebody else's bucket was listed: {by_others:?}");
        ensure!(by_root.0 == StatusCode::OK, "its owner could not list it: {by_root:?}");
        let listed = ask_for(Method::GET, site::BUCKET, &own).await?;
        ensure!(listed.0 == StatusCode::OK, "their own bucket: {listed:?}");
        Ok(())
    })
    .await;
}

/// The keys that a Secret holds.
async fn keys(env: &TestEnv, namespace: &str, secret: &str) -> anyhow::Result<Keys> {
    let found = Api::<Secret>::namespaced(env.client.clone(), namespace).get(secret).await?;
    let data = found.data.unwrap_or_default();
    let text = |key: &str| -> anyhow::Result<String> {
        let value = data.get(key).with_context(|| format!("Secret {namespace}/{secret} has no {key}"))?;
        Ok(String::from_utf8(value.0.clone())?)
    };
    Ok(Keys { access_key: text("accessKeyId")?, secret_key: text("secretAccessKey")? })
}

/// A pod that asks the server for all of its accounts, with the keys of the test's namespace.
fn administrator() -> serde_json::Value {
    let key = |name: &str, key: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": site::SECRET, "key": key}}});
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "administrator"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "administrator", "image": "localhost/videofactory-s3:dev", "imagePullPolicy": "IfNotPresent",
                "args": ["admin", "--region", "auto", "--endpoint-url", format!("http://s3.{}.svc:9000", site::SYSTEM), "list-users"],
                "env": [key("ADMIN_ACCESS_KEY_ID", "accessKeyId"), key("ADMIN_SECRET_ACCESS_KEY", "secretAccessKey")],
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    })
}
