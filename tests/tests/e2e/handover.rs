//! How soon the next step begins: from the API server's commit of a pod's end to its commit of the next Job.

use std::collections::BTreeMap;

use anyhow::ensure;
use jiff::Timestamp;
use serde_json::Value;
use videofactory_crds::StepName;
use videofactory_pipeline::graph::STEPS;
use videofactory_tests::e2e::audit::{self, Entry};
use videofactory_tests::e2e::film::Order;
use videofactory_tests::e2e::lab::{Lab, in_lab};

/// Prints the percentiles; `tests/bench/handover` runs it.
#[tokio::test]
#[ignore = "a measurement: run tests/bench/handover"]
async fn bench_handover() {
    in_lab("bench_handover", async |lab: Lab| {
        let films: usize = std::env::var("FILMS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
        lab.policy_says("default", "True", "Available").await?;
        let mark = audit::mark()?;
        for number in 0..films {
            // One after another: what is measured is the operator, not the queue for two processors.
            let film = lab.order(Order::of(2).named(&format!("film-{number}"))).await?;
            film.succeeded().await?;
        }
        let entries = audit::since(mark, &lab.client).await?;
        let mut waits = handovers(&entries, &lab.namespace);
        let expected = films * 4;
        ensure!(waits.len() >= expected, "{} handovers were found of {expected}", waits.len());
        waits.sort_unstable();
        let of = |percent: usize| waits[(waits.len() * percent).div_ceil(100).saturating_sub(1)];
        let writes = entries
            .iter()
            .filter(|entry| entry.by_operator() && entry.is_write() && entry.namespace() == lab.namespace)
            .filter(|entry| entry.resource() != "configmaps")
            .count();
        #[expect(clippy::cast_precision_loss, reason = "a handful of writes")]
        let writes = writes as f64 / films as f64;
        println!(
            "handover: p50 {} ms, p99 {} ms of {} (aim: 20 and 100); {writes:.1} API writes a film of six steps (aim: 14)",
            of(50),
            of(99),
            waits.len(),
        );
        Ok(())
    })
    .await;
}

/// Milliseconds from the last needed pod's end to the next step's Job.
fn handovers(entries: &[Entry], namespace: &str) -> Vec<i64> {
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
            waits.push(start.duration_since(*end).as_millis().try_into().unwrap_or(i64::MAX));
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
