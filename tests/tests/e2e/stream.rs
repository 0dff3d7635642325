//! Jobs as they are followed over HTTP, from any replica of the operator, and how it ends when a replica does.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use kube::ResourceExt;
use kube::api::DeleteParams;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;
use videofactory_crds::VideoJob;
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::half_drawn::half_drawn;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{operator, site, wait};

/// Longest that what has been said at once may take to arrive, on a machine that others use too.
const MAX_DELAY: Duration = Duration::from_secs(20);
/// Less than the grace period, after which a process is killed.
const IN_TIME: Duration = Duration::from_secs(25);

/// What the worker that draws pictures says, in an event of a stream.
fn drawing(event: &str, data: &Value) -> Option<String> {
    let live = data["live"].as_array().filter(|_| event == "job")?;
    let said = live.iter().find(|live| live["step"] == "generate-images")?;
    said["message"].as_str().filter(|message| message.contains("scenes")).map(str::to_owned)
}

#[tokio::test]
async fn a_stream_reports_a_job_from_when_it_is_made_until_it_is_gone() {
    in_test_env("a_stream_tells", async |env: TestEnv| {
        let viewer = Caller::with_role(&env, "viewer", "view").await?;
        for path in ["/stream".to_owned(), format!("/stream?namespace={}", site::SYSTEM)] {
            let refused = viewer.get(&path).await?;
            ensure!(refused.status == StatusCode::FORBIDDEN, "{path}: {refused:?}");
        }
        let mut events = viewer.follow(&format!("/stream?namespace={}", env.namespace)).await?;
        let first = events.next().await?;
        ensure!(first == Some(("synced".to_owned(), json!({"jobs": 0}))), "{first:?}");
        let (film, _) = half_drawn(&env).await?;
        let made = events.next().await?.context("the stream ended")?;
        ensure!(made.0 == "job" && made.1["uid"] == film.uid.as_str(), "{made:?}");
        events.until("what the worker says", drawing).await?;
        env.faults(Vec::new()).await?;
        events
            .until("the end of the film", |event, data| {
                (event == "job" && data["phase"] == "Succeeded" && data["video"].is_object()).then_some(())
            })
            .await?;
        env.api::<VideoJob>().delete(&film.name, &DeleteParams::default()).await?;
        let gone =
            events.until("the deletion", |event, data| (event == "deleted").then(|| data.clone())).await?;
        ensure!(gone["uid"] == film.uid.as_str() && gone["name"] == film.name.as_str(), "{gone}");
        Ok(())
    })
    .await;
}

/// The replica that leads, and the URL of the one that does not.
async fn leader_and_other(env: &TestEnv) -> anyhow::Result<(String, String)> {
    let replicas = operator::replicas(&env.client, 2).await?;
    let leader = operator::leader(&env.client).await?;
    let other = replicas.iter().find(|pod| pod.name_any() != leader).context("all replicas lead")?;
    Ok((leader, operator::url_of(other)?))
}

/// Waits until this replica shows what the worker says that draws pictures; and that it does not lead.
async fn shows_progress(replica: &Caller, path: &str) -> anyhow::Result<()> {
    wait::asked("live progress on a replica that does not lead", async || {
        let answer = replica.get(path).await?;
        let steps = answer.body["checkpoint"]["steps"].as_array().cloned().unwrap_or_default();
        let drawn = steps.iter().find(|step| step["step"] == "generate-images");
        Ok(drawn.filter(|step| step["live"]["message"].is_string()).map(|_| ()))
    })
    .await?;
    let role = replica.get("/ready").await?;
    ensure!(role.body["leader"] == false, "it leads itself: {role:?}");
    Ok(())
}

#[tokio::test]
async fn serial_local_a_replica_that_does_not_lead_shows_live_progress_whoever_leads() {
    in_test_env("shows_live_progress", async |env: TestEnv| {
        let work = async {
            let viewer = Caller::with_role(&env, "viewer", "view").await?;
            let (leader, url) = leader_and_other(&env).await?;
            let other = viewer.at(url);
            let mut events = other.follow(&format!("/stream?namespace={}", env.namespace)).await?;
            let (film, _) = half_drawn(&env).await?;
            events.until("what the worker says, by the other replica", drawing).await?;
            let path = format!("/jobs/{}/{}", env.namespace, film.name);
            shows_progress(&other, &path).await?;
            operator::stop(&env.client, &leader).await?;
            let (next, url) = leader_and_other(&env).await?;
            ensure!(next != leader, "{leader} is gone and leads");
            shows_progress(&viewer.at(url), &path).await?;
            env.faults(Vec::new()).await?;
            film.succeeded().await?;
            anyhow::Ok(())
        };
        operator::beside_replicas(&env.client, 2, work).await
    })
    .await;
}

#[tokio::test]
async fn timed_local_an_operator_that_is_asked_to_stop_ends_its_streams_in_time() {
    in_test_env("ends_its_streams", async |env: TestEnv| {
        let editor = Caller::with_role(&env, "editor", "edit").await?;
        let (film, _) = half_drawn(&env).await?;
        let pod = operator::replicas(&env.client, 1).await?.remove(0);
        let replica = editor.at(operator::url_of(&pod)?);
        let mut events = replica.follow(&format!("/stream?namespace={}", env.namespace)).await?;
        events.until("the first state", |event, _| (event == "synced").then_some(())).await?;
        let mut log = replica
            .open(&format!("/jobs/{}/{}/logs?step=generate-images&follow=true", env.namespace, film.name))
            .await?;
        let begun = Instant::now();
        let ends_with_problem = async {
            let problem =
                events.until("why it ends", |event, data| (event == "problem").then(|| data.clone())).await?;
            ensure!(problem["status"] == 503, "{problem}");
            ensure!(begun.elapsed() < MAX_DELAY, "it was sent after {:?}", begun.elapsed());
            ensure!(events.next().await?.is_none(), "the stream continues");
            // A log that is followed has no end of its own: it is broken off.
            while let Ok(Some(_)) = log.chunk().await {}
            ensure!(begun.elapsed() < IN_TIME, "the log ended after {:?}", begun.elapsed());
            anyhow::Ok(())
        };
        let name = pod.name_any();
        let (ends_with_problem, gone) = tokio::join!(ends_with_problem, operator::stop(&env.client, &name));
        ends_with_problem?;
        gone?;
        ensure!(begun.elapsed() < IN_TIME, "the process was killed: it took {:?}", begun.elapsed());
        let next = operator::leader(&env.client).await?;
        ensure!(next != pod.name_any(), "the Lease was not given up");
        env.faults(Vec::new()).await?;
        film.succeeded().await?;
        Ok(())
    })
    .await;
}
