//! What the keys of the embedded S3 server open.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use videofactory_tests::e2e::lab::{Lab, in_lab};
use videofactory_tests::e2e::{site, wait};

/// The keys that each namespace gets are those of an account with one bucket: the server's root would be obeyed here.
#[tokio::test]
async fn keys_of_a_namespace_do_not_administer_the_server() {
    in_lab("keys_of_a_namespace_do_not_administer_the_server", async |lab: Lab| {
        lab.put(administrator()).await?;
        let (code, words) =
            wait::until(&lab.api::<Pod>(), wait::named("administrator"), "the pod's end", |all| {
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
