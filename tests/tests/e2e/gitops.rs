//! What Argo CD, Flux and Helm see of objects: the states that `tests/gitops` judges are those of a cluster, and a sync of
//! what is synced already changes nothing.
//!
//! `RENEW=1 tests/run gitops` writes the objects of `manifests/argocd` again, as the cluster has them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use kube::Api;
use kube::api::DeleteParams;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use videofactory_crds::condition::{self, ConditionType, Phase, StepState, VideoJobReason};
use videofactory_crds::{ProviderAccount, StepName, StoragePolicy, requests};
use videofactory_tests::e2e::clips::animated;
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::half_drawn::{few_pictures, until_half_drawn};
use videofactory_tests::e2e::kubectl::{ask, kubectl};
use videofactory_tests::e2e::paid::{Account, clip_limit, quota};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{site, wait};
use videofactory_tests::fakes::{Effect, Fault, Service};
use videofactory_tests::{r2_proxy, root};

/// Fails unless the object has the state of the one of this name that is known of its kind; or writes that one again.
async fn is_known(env: &TestEnv, kind: &str, name: &str, known: &str) -> anyhow::Result<()> {
    let text = ask(&["-n", &env.namespace, "get", kind, name, "-o", "yaml"]).await?;
    let text = text.replace(&env.namespace, "films");
    let file =
        format!("manifests/argocd/resource_customizations/videofactory.dev/{kind}/testdata/{known}.yaml");
    let path = root().join(&file);
    if std::env::var_os("RENEW").is_some() {
        return fs::write(&path, text).with_context(|| format!("failed to write {file}"));
    }
    let recorded = fs::read_to_string(&path).with_context(|| format!("failed to read {file}"))?;
    let (found, recorded) = (judged(&text)?, judged(&recorded)?);
    ensure!(
        found == recorded,
        "{found} on the cluster, but {recorded} in {file}: RENEW=1 tests/run gitops writes it again"
    );
    Ok(())
}

/// What others judge an object by, without what depends on when it was looked at.
fn judged(text: &str) -> anyhow::Result<Value> {
    let object: Value = serde_yaml_ng::from_str(text)?;
    let status = &object["status"];
    let entries = |list: &str, key: &str, what: &[&str]| -> Map<String, Value> {
        let list = status[list].as_array().into_iter().flatten();
        list.filter(|entry| what.iter().all(|field| !entry[field].is_null()))
            .map(|entry| {
                (
                    entry[key].as_str().unwrap_or_default().to_owned(),
                    what.iter().map(|field| &entry[field]).cloned().collect(),
                )
            })
            .collect()
    };
    let mut conditions = entries("conditions", "type", &["status", "reason"]);
    for changing in [ConditionType::Healthy, ConditionType::StorageAvailable, ConditionType::WithinLimit] {
        conditions.remove(&changing.to_string());
    }
    Ok(json!({
        "phase": status["phase"],
        "observed": status["observedGeneration"] == object["metadata"]["generation"],
        "conditions": conditions,
        "reasons of steps": entries("steps", "name", &["reason"]),
    }))
}

#[tokio::test]
async fn a_film_at_work_or_stopped_has_the_health_that_gitops_tools_expect() {
    in_test_env("gitops_at_work", async |env: TestEnv| {
        env.faults(vec![few_pictures()]).await?;
        let film = env.create_film(NewFilm::of(12)).await?;
        until_half_drawn(&film).await?;
        is_known(&env, "VideoJob", "film", "running").await?;
        film.annotate(requests::HOLD, "the voice is too quick").await?;
        film.says(VideoJobReason::Held).await?;
        film.until("nothing to be at work", |status| {
            status.steps.iter().all(|step| step.state != Some(StepState::Running))
        })
        .await?;
        is_known(&env, "VideoJob", "film", "held").await?;
        film.patch(json!({"metadata": {"annotations": {requests::HOLD: null}}, "spec": {"suspend": true}}))
            .await?;
        film.says(VideoJobReason::Suspended).await?;
        is_known(&env, "VideoJob", "film", "suspended").await
    })
    .await;
}

#[tokio::test]
async fn a_film_that_is_done_has_the_health_that_gitops_tools_expect() {
    in_test_env("gitops_done", async |env: TestEnv| {
        env.create_film(NewFilm::of(1)).await?.succeeded().await?;
        is_known(&env, "VideoJob", "film", "done").await
    })
    .await;
}

#[tokio::test]
async fn a_film_that_is_reviewed_has_the_health_that_gitops_tools_expect() {
    in_test_env("gitops_reviewed", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).reviewed()).await?;
        let status = film.phase(Phase::Review).await?;
        is_known(&env, "VideoJob", "film", "in-review").await?;
        let step = status.step(StepName::AssembleVideo).context("no step")?;
        let output = format!("{}@{}", step.name, step.output_digest.as_deref().unwrap_or_default());
        film.annotate(requests::REJECTED, output).await?;
        film.says(VideoJobReason::Rejected).await?;
        is_known(&env, "VideoJob", "film", "rejected").await
    })
    .await;
}

#[tokio::test]
async fn a_film_whose_first_scene_waits_for_a_person_has_the_health_that_gitops_tools_expect() {
    in_test_env("gitops_preview", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(2).with(json!({"preview": {"scene": "s2"}}))).await?;
        film.says(VideoJobReason::PreviewReady).await?;
        is_known(&env, "VideoJob", "film", "in-preview").await
    })
    .await;
}

#[tokio::test]
async fn a_film_that_failed_has_the_health_that_gitops_tools_expect() {
    in_test_env("gitops_failed", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).starved().with(json!({"retry": {"limit": 0}}))).await?;
        film.says(VideoJobReason::RetriesExhausted).await?;
        is_known(&env, "VideoJob", "film", "failed").await
    })
    .await;
}

#[tokio::test]
async fn a_film_that_needs_a_person_has_the_health_that_gitops_tools_expect() {
    in_test_env("gitops_needs_a_person", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).with(json!({"channelRef": {"name": "deep-sea"}}))).await?;
        film.says(VideoJobReason::ConfigurationInvalid).await?;
        is_known(&env, "VideoJob", "film", "configuration-invalid").await
    })
    .await;
}

#[tokio::test]
async fn a_film_that_waits_for_quota_has_the_health_that_gitops_tools_expect() {
    in_test_env("gitops_awaits_quota", async |env: TestEnv| {
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.open(quota(1, "2h")).await?;
        let film = env.create_film(animated(2)).await?;
        film.until("a wait until a known time", |status| status.resume_at.is_some()).await?;
        film.says(VideoJobReason::AwaitingQuota).await?;
        is_known(&env, "VideoJob", "film", "awaiting-quota").await
    })
    .await;
}

#[tokio::test]
async fn a_film_whose_service_refuses_has_the_health_that_gitops_tools_expect() {
    in_test_env("gitops_rate_limited", async |env: TestEnv| {
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.limits(&[clip_limit(1, 3600.0)]).await?;
        grok.open(json!({})).await?;
        let film = env.create_film(animated(2)).await?;
        film.says(VideoJobReason::RateLimited).await?;
        is_known(&env, "VideoJob", "film", "rate-limited").await
    })
    .await;
}

#[tokio::test]
async fn accounts_have_the_health_that_gitops_tools_expect() {
    in_test_env("gitops_accounts", async |env: TestEnv| {
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.open(quota(1, "2h")).await?;
        account_says(&env, ConditionType::Healthy, "True").await?;
        is_known(&env, "ProviderAccount", "grok", "ready").await?;
        grok.delete().await?;
        grok.faults(&[Fault::always(Effect::Status { code: 503 }).of(Service::Xai)]).await?;
        grok.open(quota(1, "2h")).await?;
        account_says(&env, ConditionType::Healthy, "False").await?;
        is_known(&env, "ProviderAccount", "grok", "provider-down").await?;
        grok.delete().await?;
        let secrets: Api<k8s_openapi::api::core::v1::Secret> = env.api();
        secrets.delete("grok-keys", &DeleteParams::default()).await?;
        grok.open(quota(1, "2h")).await?;
        account_says(&env, ConditionType::Ready, "False").await?;
        is_known(&env, "ProviderAccount", "grok", "credentials-missing").await
    })
    .await;
}

/// Waits until the account says so.
async fn account_says(env: &TestEnv, kind: ConditionType, status: &str) -> anyhow::Result<()> {
    let what = format!("the account's {kind} to be {status}");
    wait::until(&env.api::<ProviderAccount>(), wait::named("grok"), &what, |all| {
        let conditions = &all.get("grok")?.status.as_ref()?.conditions;
        (condition::get(conditions, kind)?.status == status).then_some(())
    })
    .await
}

#[tokio::test]
async fn policies_have_the_health_that_gitops_tools_expect() {
    in_test_env("gitops_policies", async |env: TestEnv| {
        env.policy_says("default", "True", "Available").await?;
        is_known(&env, "StoragePolicy", "default", "ready").await?;
        for (name, effect, reason, known) in [
            ("down", r2_proxy::Effect::Unavailable, "StorageUnavailable", "storage-unavailable"),
            (
                "careless",
                r2_proxy::Effect::IgnorePreconditions,
                "PreconditionsUnsupported",
                "preconditions-unsupported",
            ),
        ] {
            env.faults(vec![r2_proxy::Fault::always(effect)]).await?;
            env.put(env.policy(name)).await?;
            env.policy_says(name, "False", reason).await?;
            is_known(&env, "StoragePolicy", name, known).await?;
        }
        Ok(())
    })
    .await;
}

/// Nothing of them has any effect: the namespace has no keys, so that every film waits for its bucket.
#[tokio::test]
async fn samples_that_are_applied_leave_no_difference() {
    in_test_env("samples_leave_no_difference", async |env: TestEnv| {
        env.api::<StoragePolicy>().delete("default", &DeleteParams::default()).await?;
        env.api::<k8s_openapi::api::core::v1::Secret>()
            .delete(site::SECRET, &DeleteParams::default())
            .await?;
        let mut applied = String::new();
        for file in samples()? {
            let text = fs::read_to_string(&file)?
                .replace("namespace: demo", &format!("namespace: {}", env.namespace));
            apply(&text, "none").await.with_context(|| file.display().to_string())?;
            applied.push_str(&text);
            applied.push_str("---\n");
        }
        observed(&env).await?;
        let mut last = String::new();
        let same = wait::asked("no difference after a sync", async || {
            let said =
                kubectl(&["diff", "--server-side", "--field-manager", "gitops", "-f", "-"], &applied).await?;
            last = said.out + &said.err;
            Ok(said.well.then_some(()))
        })
        .await;
        same.with_context(|| last.clone())?;
        for folder in ["", "jobs", "accounts", "storage", "local"] {
            let folder = root().join("manifests/samples").join(folder);
            let built = ask(&["kustomize", &folder.to_string_lossy()]).await?;
            let built = built.replace("namespace: demo", &format!("namespace: {}", env.namespace));
            apply(&built, "server").await.with_context(|| folder.display().to_string())?;
        }
        Ok(())
    })
    .await;
}

/// The files of `manifests/samples` with objects in a namespace.
fn samples() -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("manifests/samples")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let mut objects = serde_yaml_ng::Deserializer::from_str(&text).map(Value::deserialize);
            if objects.any(|object| object.is_ok_and(|object| object["metadata"]["namespace"] == "demo")) {
                found.push(path);
            }
        }
    }
    ensure!(found.len() > 10, "only {} samples were found", found.len());
    found.sort();
    Ok(found)
}

async fn apply(manifest: &str, dry_run: &str) -> anyhow::Result<()> {
    let dry_run = format!("--dry-run={dry_run}");
    let said =
        kubectl(&["apply", "--server-side", "--field-manager", "gitops", &dry_run, "-f", "-"], manifest)
            .await?;
    ensure!(said.well, "it was refused: {}", said.err);
    Ok(())
}

/// Waits until the operator has looked at all objects of the namespace.
async fn observed(env: &TestEnv) -> anyhow::Result<()> {
    wait::asked("every object to be observed", async || {
        let all = ask(&["-n", &env.namespace, "get", "vj,sp,pa", "-o", "json"]).await?;
        let all: Value = serde_json::from_str(&all)?;
        let mut all = all["items"].as_array().into_iter().flatten();
        let observed =
            |object: &Value| object["status"]["observedGeneration"] == object["metadata"]["generation"];
        Ok(all.all(observed).then_some(()))
    })
    .await
}
