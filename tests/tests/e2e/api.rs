//! What the HTTP API answers to whom, and that what is asked there happens.

use anyhow::ensure;
use kube::ResourceExt;
use reqwest::{Method, StatusCode};
use serde_json::json;
use videofactory_crds::condition::{Phase, Reason};
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::film::Order;
use videofactory_tests::e2e::lab::{Lab, in_lab};
use videofactory_tests::e2e::wait;

use crate::faults::half_drawn;

#[tokio::test]
async fn a_stranger_sees_nothing_but_that_the_process_is_alive() {
    in_lab("a_stranger", async |lab: Lab| {
        let film = lab.order(Order::of(1).named("secret-film")).await?;
        let stranger = Caller::stranger();
        ensure!(stranger.get("/health").await?.status == StatusCode::OK);
        let namespace = &lab.namespace;
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
    in_lab("a_token_of_another", async |lab: Lab| {
        in_lab("another_namespace", async |other: Lab| {
            let caller = Caller::with_role(&lab, "caller", "edit").await?;
            let theirs = other.order(Order::of(1).named("secret-film")).await?;
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
            let own = caller.get(&format!("/jobs?namespace={}", lab.namespace)).await?;
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
    in_lab("asked_by_http", async |lab: Lab| {
        let editor = Caller::with_role(&lab, "editor", "edit").await?;
        let viewer = Caller::with_role(&lab, "viewer", "view").await?;
        let (film, _) = half_drawn(&lab).await?;
        let path = format!("/jobs/{}/{}", lab.namespace, film.name);
        let forbidden = viewer.post(&format!("{path}/suspend")).await?;
        ensure!(forbidden.status == StatusCode::FORBIDDEN, "{forbidden:?}");
        let held =
            editor.call(Method::POST, &format!("{path}/suspend"), Some(json!({"reason": "lunch"}))).await?;
        ensure!(held.status == StatusCode::ACCEPTED, "{held:?}");
        film.phase(Phase::Suspended).await?;
        ensure!(film.says(Reason::Held).await?.contains("lunch"));
        let managers = film.now().await?;
        let by_api = |entry: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry| {
            entry.manager.as_deref() == Some("videofactory-api")
        };
        ensure!(managers.managed_fields().iter().any(by_api), "{:?}", managers.managed_fields());
        let again = editor.post(&format!("/jobs/{}/suspend", film.uid)).await?;
        ensure!(again.status == StatusCode::OK && again.body["outcome"] == "unchanged", "{again:?}");
        let refused = editor.post(&format!("{path}/retry")).await?;
        ensure!(refused.status == StatusCode::CONFLICT, "{refused:?}");
        lab.faults(Vec::new()).await?;
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

#[tokio::test]
async fn jobs_of_a_batch_are_made_all_or_none_and_once_for_each_key() {
    in_lab("a_batch", async |lab: Lab| {
        let editor = Caller::with_role(&lab, "editor", "edit").await?;
        let spec = json!({"suspend": true, "sceneCount": 2});
        let wish = |spec: &serde_json::Value| {
            Some(json!({"namespace": lab.namespace, "topics": ["rivers", "lakes"], "spec": spec}))
        };
        let misspelt = editor.call(Method::POST, "/jobs", wish(&json!({"sceneCout": 2}))).await?;
        ensure!(misspelt.status.is_client_error(), "{misspelt:?}");
        ensure!(
            misspelt.body["detail"].as_str().is_some_and(|text| text.contains("sceneCout")),
            "{misspelt:?}"
        );
        let made = editor.call(Method::POST, "/jobs", wish(&spec)).await?;
        ensure!(made.status == StatusCode::CREATED, "{made:?}");
        ensure!(made.body["items"].as_array().is_some_and(|jobs| jobs.len() == 2), "{made:?}");
        let listed = editor.get(&format!("/jobs?namespace={}", lab.namespace)).await?;
        ensure!(listed.body["items"].as_array().is_some_and(|jobs| jobs.len() == 2), "{listed:?}");
        Ok(())
    })
    .await;
}
