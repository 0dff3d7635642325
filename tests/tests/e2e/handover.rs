//! How soon the next step begins: from the API server's commit of a pod's end to its commit of the next Job; beside the
//! floor under it, which is one status update and one create by the same client against the same API server.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::time::Instant;
use videofactory_crds::{Phase, StepName, VideoJob};
use videofactory_pipeline::graph::STEPS;
use videofactory_tests::e2e::audit::{self, Entry};
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::percentile;

/// A suspended job that the floor is measured on.
const FLOOR: &str = "floor";
/// Samples of the floor after each film.
const FLOOR_SAMPLES: usize = 10;

/// The most that a handover may take at the median, as a multiple of the floor.
const MAX_RATIO: f64 = 2.0;

/// Prints the percentiles, and fails above [`MAX_RATIO`]; `tests/bench/handover` runs it.
#[tokio::test]
#[ignore = "a measurement: run tests/bench/handover"]
async fn bench_handover() {
    in_test_env("bench_handover", async |env: TestEnv| {
        let films: usize = std::env::var("FILMS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
        env.policy_says("default", "True", "Available").await?;
        let client = videofactory_client::call::connect(Config::infer().await?, "videofactory-tests")?;
        let mut floor = Vec::new();
        let mark = audit::mark()?;
        for number in 0..films {
            // One after another: what is measured is the operator, not the queue for two processors.
            let film = env.create_film(NewFilm::of(2).named(&format!("film-{number}"))).await?;
            film.succeeded().await?;
            floor.append(&mut floor_samples(&env, &client, number).await?);
        }
        let entries = audit::since(mark, &env.client).await?;
        let mut waits = handovers(&entries, &env.namespace);
        let expected = films * 4;
        ensure!(waits.len() >= expected, "{} handovers were found of {expected}", waits.len());
        let writes = entries
            .iter()
            .filter(|entry| entry.by_operator() && entry.is_write() && entry.namespace() == env.namespace)
            .filter(|entry| entry.resource() != "configmaps" && entry.name() != FLOOR)
            .count();
        #[expect(clippy::cast_precision_loss, reason = "a handful of writes")]
        let writes = writes as f64 / films as f64;
        let (median, least) = (percentile(&mut waits, 50), percentile(&mut floor, 50));
        let ratio = median / least;
        println!(
            "handover: p50 {median:.0} ms, p99 {:.0} ms of {}; floor: p50 {least:.0} ms, p99 {:.0} ms of {}; \
             ratio at the median {ratio:.2} (at most {MAX_RATIO}); {writes:.1} API writes a film of six steps (aim: 14)",
            percentile(&mut waits, 99),
            waits.len(),
            percentile(&mut floor, 99),
            floor.len(),
        );
        ensure!(
            ratio <= MAX_RATIO,
            "a handover takes {ratio:.2} times the floor under it at the median, above {MAX_RATIO}"
        );
        Ok(())
    })
    .await;
}

/// Milliseconds of a status update and a create, one after the other: what any operator must do that records an attempt
/// before it starts it. The Job is a copy of a step's, suspended, so that no pod comes of it.
async fn floor_samples(env: &TestEnv, client: &Client, film: usize) -> anyhow::Result<Vec<f64>> {
    let jobs: Api<Job> = Api::namespaced(client.clone(), &env.namespace);
    let steps = jobs.list(&ListParams::default().labels("videofactory.dev/step")).await?.items;
    let template = steps
        .into_iter()
        .next()
        .context("no step's Job is left to copy")?
        .spec
        .context("a Job without spec")?;
    if film == 0 {
        env.create_film(NewFilm::of(2).named(FLOOR).with(json!({"suspend": true})))
            .await?
            .phase(Phase::Suspended)
            .await?;
    }
    let videos: Api<VideoJob> = Api::namespaced(client.clone(), &env.namespace);
    let mut samples = Vec::new();
    for number in 0..FLOOR_SAMPLES {
        let mut video = videos.get(FLOOR).await?;
        video.status.get_or_insert_default().progress = Some(format!("{number}/{FLOOR_SAMPLES}"));
        let mut job = Job { spec: Some(template.clone()), ..Job::default() };
        job.metadata.name = Some(format!("{FLOOR}-{film}-{number}"));
        let spec = job.spec.get_or_insert_default();
        (spec.selector, spec.suspend) = (None, Some(true));
        spec.template.metadata = None;
        let begun = Instant::now();
        match videos.replace_status(FLOOR, &PostParams::default(), &video).await {
            // The operator has just put its own words back.
            Err(kube::Error::Api(status)) if status.is_conflict() => continue,
            written => drop(written?),
        }
        jobs.create(&PostParams::default(), &job).await?;
        samples.push(begun.elapsed().as_secs_f64() * 1000.0);
        jobs.delete(job.metadata.name.as_deref().unwrap_or_default(), &DeleteParams::background()).await?;
    }
    Ok(samples)
}

/// Milliseconds from the last needed pod's end to the next step's Job.
fn handovers(entries: &[Entry], namespace: &str) -> Vec<f64> {
    let mut ends: BTreeMap<(String, StepName), Timestamp> = BTreeMap::new();
    let mut starts: BTreeMap<(String, StepName), Timestamp> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.namespace() == namespace && entry.went_well()) {
        let Some(place) = place(entry.name()) else { continue };
        if entry.resource() == "pods/status" && shows_end(&entry.request_object["status"]) {
            ends.entry(place).or_insert(entry.at);
        } else if entry.resource() == "jobs" && entry.verb == "create" {
            starts.entry(place).or_insert(entry.at);
        }
    }
    let mut waits = Vec::new();
    for ((film, step), start) in &starts {
        let Some(entry) = STEPS.iter().find(|entry| entry.name == *step) else { continue };
        let needed = entry.needs.iter().filter_map(|need| ends.get(&(film.clone(), *need)));
        if let Some(end) = needed.max() {
            waits.push(start.duration_since(*end).as_secs_f64() * 1000.0);
        }
    }
    waits
}

/// Whether this status says that the pod's work is over: the kubelet shows the end of the container first, and that of
/// the pod a second later.
fn shows_end(status: &Value) -> bool {
    status["phase"] == "Succeeded" || status["containerStatuses"][0]["state"]["terminated"].is_object()
}

/// The film and step that a Job's or a pod's name speaks of: `film-3-write-script-1-abcdef…`.
fn place(name: &str) -> Option<(String, StepName)> {
    StepName::ALL.into_iter().find_map(|step| {
        let (film, _) = name.split_once(&format!("-{step}-"))?;
        Some((film.to_owned(), step))
    })
}
