//! What somebody can open who has taken over a step's pod: what is in that pod, and nothing else.
//!
//! What such a pod reaches in the network, network.rs shows.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::ListParams;
use kube::config::AuthInfo;
use kube::{Api, Client, Config, ResourceExt};
use reqwest::StatusCode;
use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::condition::StepState;
use videofactory_pipeline::contract::TOKEN_FILE;
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::clips::clips_alone;
use videofactory_tests::e2e::kubectl::bash_in;
use videofactory_tests::e2e::paid::{Account, roomy};
use videofactory_tests::e2e::site;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::fakes::{Effect, Fault, Operation, Service};

/// Asks the operator for a path, from within a pod, without a token: the first line of the answer.
const ASK_OPERATOR: &str = r#"
exec 3<>/dev/tcp/videofactory-operator.videofactory-system.svc/8000
printf 'GET %s HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n' "$1" >&3
head -n 1 <&3
"#;

/// The names of the Secrets that come into a pod.
fn secrets_of(pod: &Pod) -> BTreeSet<String> {
    let spec = pod.spec.clone().unwrap_or_default();
    let mut names = BTreeSet::new();
    for volume in spec.volumes.into_iter().flatten() {
        names.extend(volume.secret.and_then(|secret| secret.secret_name));
        let sources =
            volume.projected.into_iter().flat_map(|projected| projected.sources.unwrap_or_default());
        names.extend(sources.filter_map(|source| source.secret).map(|secret| secret.name));
    }
    for container in spec.containers {
        let values = container.env.into_iter().flatten().filter_map(|variable| variable.value_from);
        names.extend(values.filter_map(|from| from.secret_key_ref).map(|key| key.name));
        names.extend(
            container.env_from.into_iter().flatten().filter_map(|from| from.secret_ref).map(|all| all.name),
        );
    }
    names
}

/// With which status the API server refuses to show the Secrets of a namespace to who has this token.
async fn refused(token: &str, namespace: &str) -> anyhow::Result<u16> {
    let mut config = Config::infer().await?;
    config.auth_info = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
    let secrets: Api<Secret> = Api::namespaced(Client::try_from(config)?, namespace);
    match secrets.list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) => Ok(status.code),
        answered => anyhow::bail!("no refusal: {:?}", answered.map(|all| all.items.len())),
    }
}

#[tokio::test]
async fn a_steps_pod_has_its_own_secrets_and_a_token_that_opens_nothing() {
    in_test_env("what_a_pod_opens", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        // Of another job in the same namespace.
        Account::new(&env, "spare", Service::Xai).await?.open(json!({})).await?;
        grok.faults(&[Fault::always(Effect::Pending).of(Service::Xai).on(Operation::Poll)]).await?;
        let film = env.create_film(clips_alone(1)).await?;
        let pod = film.running_pod(StepName::AnimateScenes).await?;
        let own = BTreeSet::from([site::SECRET.to_owned(), "grok-keys".to_owned()]);
        ensure!(secrets_of(&pod) == own, "{:?}", secrets_of(&pod));
        let drawing = ListParams::default().labels("videofactory.dev/step=generate-images");
        let earlier = env.api::<Pod>().list(&drawing).await?.items;
        ensure!(!earlier.is_empty(), "no pod of generate-images is left");
        for pod in &earlier {
            let bucket = BTreeSet::from([site::SECRET.to_owned()]);
            ensure!(secrets_of(pod) == bucket, "generate-images: {:?}", secrets_of(pod));
        }

        let (namespace, name) = (env.namespace.as_str(), pod.name_any());
        let answer = async |path: &str| bash_in(namespace, &name, ASK_OPERATOR, &[path]).await;
        let alive = answer("/health").await?;
        ensure!(alive.contains(" 200 "), "the pod does not reach the operator: {alive}");
        for path in ["/jobs", "/metrics", "/backup"] {
            let stranger = answer(path).await?;
            ensure!(stranger.contains(" 401 "), "{path} without a token: {stranger}");
        }

        let token = bash_in(namespace, &name, r#"cat "$1""#, &[TOKEN_FILE]).await?;
        let by_it = Caller::with_token(token.clone()).get(&format!("/jobs?namespace={namespace}")).await?;
        ensure!(by_it.status == StatusCode::UNAUTHORIZED, "by the pod's own token: {by_it:?}");
        let code = refused(&token, namespace).await?;
        ensure!(code == 401, "the API server knows the pod's own token: {code}");
        let script = "ls /var/run/secrets/kubernetes.io 2>/dev/null || echo none";
        let folder = bash_in(namespace, &name, script, &[]).await?;
        ensure!(folder.trim() == "none", "the pod has a token for the API server: {folder}");

        // Even a token that it does not have, of the account that it runs as, would open nothing.
        let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref());
        let caller = Caller::account(&env, account.context("the pod runs as nobody")?).await?;
        for namespace in [namespace, site::SYSTEM] {
            let jobs = caller.get(&format!("/jobs?namespace={namespace}")).await?;
            ensure!(jobs.status == StatusCode::FORBIDDEN, "jobs of {namespace}: {jobs:?}");
            let code = refused(caller.token(), namespace).await?;
            ensure!(code == 403, "Secrets of {namespace}: {code}");
        }
        grok.faults(&[]).await?;
        film.step(StepName::AnimateScenes, StepState::Succeeded).await.map(drop)
    })
    .await;
}
