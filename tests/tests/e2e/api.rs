//! What the HTTP API answers to whom, and that what is asked there happens.

use std::collections::BTreeSet;

use anyhow::ensure;
use kube::ResourceExt;
use kube::runtime::watcher;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use videofactory_crds::VideoJob;
use videofactory_crds::condition::{Phase, VideoJobReason};
use videofactory_tests::e2e::api::{Answer, Caller};
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::half_drawn::half_drawn;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::wait;

#[tokio::test]
async fn a_stranger_sees_nothing_but_that_the_process_is_alive() {
    in_test_env("a_stranger", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).named("secret-film")).await?;
        let stranger = Caller::stranger();
        ensure!(stranger.get("/health").await?.status == StatusCode::OK);
        let namespace = &env.namespace;
        for path in [
            "/health/full".to_owned(),
            "/metrics".to_owned(),
            "/jobs".to_owned(),
            format!("/jobs/{namespace}/secret-film"),
            format!("/jobs/{}", film.uid),
            "/storage/stats".to_owned(),
            "/accounts".to_owned(),
            "/docs".to_owned(),
            "/openapi.json".to_owned(),
            "/no-such-path".to_owned(),
        ] {
            let answer = stranger.get(&path).await?;
            ensure!(answer.status == StatusCode::UNAUTHORIZED, "{path}: {answer:?}");
            ensure!(!answer.body.to_string().contains("secret-film"), "{path}: {answer:?}");
        }
        for path in ["/jobs/force-stop-all".to_owned(), format!("/jobs/{}/retry", film.uid)] {
            let answer = stranger.post(&path).await?;
            ensure!(answer.status == StatusCode::UNAUTHORIZED, "{path}: {answer:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_token_of_another_namespace_learns_not_even_what_there_is() {
    in_test_env("a_token_of_another", async |env: TestEnv| {
        in_test_env("another_namespace", async |other: TestEnv| {
            let caller = Caller::with_role(&env, "caller", "edit").await?;
            let theirs = other.create_film(NewFilm::of(1).named("secret-film")).await?;
            let namespace = &other.namespace;
            let there = caller.get(&format!("/jobs/{namespace}/secret-film")).await?;
            let missing = caller.get(&format!("/jobs/{namespace}/no-such-film")).await?;
            ensure!(there.status == StatusCode::FORBIDDEN, "{there:?}");
            ensure!(there.body == missing.body, "{there:?} {missing:?}");
            for answer in [
                caller.get(&format!("/jobs/{}", theirs.uid)).await?,
                caller.get("/jobs").await?,
                caller.post(&format!("/jobs/{namespace}/secret-film/retry")).await?,
                caller.post(&format!("/jobs/force-stop-all?namespace={namespace}")).await?,
                caller.post("/jobs/force-stop-all").await?,
            ] {
                ensure!(answer.status == StatusCode::FORBIDDEN, "{answer:?}");
                ensure!(!answer.body.to_string().contains("\"phase\""), "{answer:?}");
            }
            let own = caller.get(&format!("/jobs?namespace={}", env.namespace)).await?;
            ensure!(own.status == StatusCode::OK, "{own:?}");
            Ok(())
        })
        .await;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_is_asked_of_a_job_happens_in_the_name_of_whoever_asks() {
    in_test_env("asked_by_http", async |env: TestEnv| {
        let editor = Caller::with_role(&env, "editor", "edit").await?;
        let viewer = Caller::with_role(&env, "viewer", "view").await?;
        let (film, _) = half_drawn(&env).await?;
        let path = format!("/jobs/{}/{}", env.namespace, film.name);
        let forbidden = viewer.post(&format!("{path}/suspend")).await?;
        ensure!(forbidden.status == StatusCode::FORBIDDEN, "{forbidden:?}");
        let held =
            editor.call(Method::POST, &format!("{path}/suspend"), Some(json!({"reason": "lunch"}))).await?;
        ensure!(held.status == StatusCode::ACCEPTED, "{held:?}");
        film.phase(Phase::Suspended).await?;
        ensure!(film.says(VideoJobReason::Held).await?.contains("lunch"));
        let managers = film.now().await?;
        let by_api = |entry: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry| {
            entry.manager.as_deref() == Some("videofactory-api")
        };
        ensure!(managers.managed_fields().iter().any(by_api), "{:?}", managers.managed_fields());
        let again = editor.post(&format!("/jobs/{}/suspend", film.uid)).await?;
        ensure!(again.status == StatusCode::OK && again.body["outcome"] == "unchanged", "{again:?}");
        let refused = editor.post(&format!("{path}/retry")).await?;
        ensure!(refused.status == StatusCode::CONFLICT, "{refused:?}");
        env.faults(Vec::new()).await?;
        ensure!(editor.post(&format!("{path}/resume")).await?.status == StatusCode::ACCEPTED);
        film.succeeded().await?;
        // The operator's own watch may be behind the test's.
        let seen = wait::asked("the API to show the film's end", async || {
            let seen = viewer.get(&path).await?;
            ensure!(seen.status == StatusCode::OK, "{seen:?}");
            Ok((seen.body["phase"] == "Succeeded").then_some(seen))
        })
        .await?;
        ensure!(seen.body["checkpoint"]["steps"].is_array(), "{seen:?}");
        Ok(())
    })
    .await;
}

/// A request for two suspended jobs.
fn batch(env: &TestEnv) -> Value {
    let spec = json!({"suspend": true, "sceneCount": 2});
    json!({"namespace": env.namespace, "topics": ["rivers", "lakes"], "spec": spec})
}

/// Waits until the namespace has these jobs and no others.
async fn has_only(env: &TestEnv, jobs: &[&str]) -> anyhow::Result<()> {
    let expected: BTreeSet<&str> = jobs.iter().copied().collect();
    wait::until(&env.api::<VideoJob>(), watcher::Config::default(), &format!("only {jobs:?}"), |all| {
        let found: BTreeSet<&str> = all.keys().map(String::as_str).collect();
        (found == expected).then_some(())
    })
    .await
}

/// The names of the jobs that an answer lists, each as `<namespace>/<name>`.
fn names(answer: &Answer) -> Vec<&str> {
    let jobs = answer.body["items"].as_array().into_iter().flatten();
    jobs.filter_map(|job| Some(job["id"].as_str()?.split_once('/')?.1)).collect()
}

#[tokio::test]
async fn a_batch_of_which_one_job_cannot_be_made_leaves_none() {
    in_test_env("a_batch_or_none", async |env: TestEnv| {
        let editor = Caller::with_role(&env, "editor", "edit").await?;
        let mut misspelt = batch(&env);
        misspelt["spec"] = json!({"sceneCout": 2});
        let refused = editor.call(Method::POST, "/jobs", Some(misspelt)).await?;
        ensure!(refused.status.is_client_error(), "{refused:?}");
        ensure!(
            refused.body["detail"].as_str().is_some_and(|text| text.contains("sceneCout")),
            "{refused:?}"
        );

        // The key decides the names, and a dry run shows them. The last one is taken, so that the first is made before
        // it turns out that both cannot be.
        let planned = editor.post_with_key("/jobs?dry_run=true", "key", batch(&env)).await?;
        ensure!(planned.status == StatusCode::OK && names(&planned).len() == 2, "{planned:?}");
        let taken = names(&planned)[1];
        env.create_film(NewFilm::of(1).named(taken).suspended()).await?;
        let refused = editor.post_with_key("/jobs", "key", batch(&env)).await?;
        ensure!(refused.status == StatusCode::CONFLICT, "{refused:?}");
        has_only(&env, &[taken]).await
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_sent_twice_with_one_key_is_made_once() {
    in_test_env("a_batch_once", async |env: TestEnv| {
        let editor = Caller::with_role(&env, "editor", "edit").await?;
        let made = editor.post_with_key("/jobs", "key", batch(&env)).await?;
        ensure!(made.status == StatusCode::CREATED && names(&made).len() == 2, "{made:?}");
        let again = editor.post_with_key("/jobs", "key", batch(&env)).await?;
        ensure!(again.status == StatusCode::CREATED && again.body == made.body, "{made:?}, then {again:?}");
        has_only(&env, &names(&made)).await?;

        let mut other = batch(&env);
        other["spec"]["sceneCount"] = json!(3);
        let refused = editor.post_with_key("/jobs", "key", other).await?;
        ensure!(refused.status == StatusCode::CONFLICT, "the key of another request: {refused:?}");

        let without_key = editor.call(Method::POST, "/jobs", Some(batch(&env))).await?;
        ensure!(without_key.status == StatusCode::CREATED, "{without_key:?}");
        let both = [names(&made), names(&without_key)].concat();
        ensure!(both.len() == 4, "{both:?}");
        has_only(&env, &both).await
    })
    .await;
}
