//! What is tried again later and later: the longest tests. By their module's name they begin first, so that none is still
//! at work when all others have ended.

use anyhow::ensure;
use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_tests::e2e::bucket::untouched;
use videofactory_tests::e2e::film::{NewFilm, attempts};
use videofactory_tests::e2e::finally::finally;
use videofactory_tests::e2e::kubectl::kubectl;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::r2_proxy::{Effect, Fault};

#[tokio::test]
async fn a_bucket_out_of_reach_is_waited_for_and_nothing_is_lost() {
    in_test_env("a_bucket_out_of_reach", async |env: TestEnv| {
        env.policy_says("default", "True", "Available").await?;
        // The film itself is held, so that it cannot be finished before the bucket goes away.
        env.faults(vec![Fault::always(Effect::Hold).for_keys("videos/**")]).await?;
        let film = env.create_film(NewFilm::of(2)).await?;
        film.has_made("/voices/", 1).await?;
        let before = film.artifacts().await?;
        env.faults(vec![Fault::always(Effect::RefuseConnections)]).await?;
        film.says(VideoJobReason::StorageUnavailable).await?;
        env.faults(Vec::new()).await?;
        let status = film.succeeded().await?;
        untouched(&before, &film.artifacts().await?)?;
        ensure!(attempts(&status, StepName::WriteScript) == 1, "write-script ran again");
        Ok(())
    })
    .await;
}

/// A platform's rule for the pods of this test's namespace.
fn label_is_required(namespace: &str) -> String {
    let name = json!({"name": format!("cost-center-{namespace}")});
    let rule =
        json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]);
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": name,
        "spec": {
            "failurePolicy": "Fail", "matchConstraints": {"resourceRules": rule},
            "validations": [{
                "expression": "has(object.metadata.labels) && 'cost-center' in object.metadata.labels",
                "message": "the label cost-center is required",
            }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": name,
        "spec": {
            "policyName": name["name"], "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
        },
    });
    format!("{policy}\n---\n{binding}\n")
}

#[tokio::test]
async fn a_pod_that_a_platform_refuses_is_reported_and_starts_with_the_label_that_it_asks_for() {
    in_test_env("pod_is_refused", async |env: TestEnv| {
        let rule = label_is_required(&env.namespace);
        let applied = kubectl(&["apply", "-f", "-"], &rule).await?;
        ensure!(applied.well, "{}", applied.err);
        let work = async {
            // Where the API server takes the rule up only after the first pod, it holds for the next step's.
            let film = env.create_film(NewFilm::of(1)).await?;
            let message = film.says(VideoJobReason::ConfigurationInvalid).await?;
            ensure!(message.contains("the label cost-center is required"), "{message}");
            film.edit(json!({"compute": {"labels": {"cost-center": "42"}, "annotations": {"note": "a, b"}}}))
                .await?;
            film.succeeded().await.map(drop)
        };
        finally(work, async { kubectl(&["delete", "-f", "-"], &rule).await.map(drop) }).await
    })
    .await;
}
