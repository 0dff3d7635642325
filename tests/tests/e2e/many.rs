//! The API with ten thousand jobs, beside the API server that holds them; and a hundred jobs that are stopped at once.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::http::Request;
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::PostParams;
use kube::{Api, Client};
use reqwest::StatusCode;
use serde_json::json;
use tokio::time::{Instant, interval};
use videofactory_crds::condition::Phase;
use videofactory_crds::{GROUP, VERSION, VideoJob};
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::film::Order;
use videofactory_tests::e2e::lab::{Lab, in_lab};
use videofactory_tests::e2e::metrics::Metrics;
use videofactory_tests::e2e::{operator, wait};
use videofactory_tests::percentile;

const JOBS: usize = 10_000;
/// Requests of one measurement, at [`RATE`] a second.
const REQUESTS: usize = 1_000;
const RATE: u32 = 50;
/// Milliseconds that a page of 100 may take at the 99th percentile.
const MOST_MILLISECONDS: f64 = 50.0;
/// Memory that the operator may have in use then.
const MOST_MEBIBYTES: f64 = 250.0;

/// Prints the percentiles and the memory, and fails above the bounds; `tests/bench/api` runs it.
#[tokio::test]
#[ignore = "a measurement: run tests/bench/api"]
async fn bench_a_page_of_ten_thousand_jobs() {
    in_lab("bench_a_page", async |lab: Lab| {
        let caller = Caller::viewer().await?;
        let jobs: Vec<VideoJob> = (0..JOBS)
            .map(|number| {
                let order = Order::of(6).named(&format!("film-{number}")).with(json!({"suspend": true}));
                serde_json::from_value(order.manifest())
            })
            .collect::<Result<_, _>>()?;
        let api: &Api<VideoJob> = &lab.api();
        stream::iter(jobs)
            .map(|job| async move { api.create(&PostParams::default(), &job).await })
            .buffer_unordered(32)
            .try_for_each(async |_| Ok(()))
            .await?;
        wait::asked("the operator to have looked at all jobs", async || {
            let suspended = Metrics::scrape().await?.sum("videofactory_jobs", ("phase", "Suspended"))?;
            #[expect(clippy::cast_precision_loss, reason = "ten thousand")]
            Ok((suspended >= JOBS as f64).then_some(()))
        })
        .await?;
        let ours = format!("/jobs?namespace={}&limit=100", lab.namespace);
        let theirs =
            format!("/apis/{GROUP}/{VERSION}/namespaces/{}/videojobs?limit=100", lab.namespace);
        let mut pages = measure(async || page(&caller, &ours).await).await?;
        let mut peer = measure(async || raw(&lab.client, &theirs).await).await?;
        let memory = operator::resident_mebibytes(&lab.client).await?;
        let (median, p99) = (percentile(&mut pages, 50), percentile(&mut pages, 99));
        println!(
            "{ours} of {JOBS} jobs at {RATE} requests a second: p50 {median:.1} ms, p99 {p99:.1} ms (at most \
             {MOST_MILLISECONDS}); kubectl get --raw {theirs}: p50 {:.1} ms, p99 {:.1} ms; ratio at the median {:.2}; the \
             operator has {memory:.0} MiB (at most {MOST_MEBIBYTES})",
            percentile(&mut peer, 50),
            percentile(&mut peer, 99),
            median / percentile(&mut peer, 50),
        );
        ensure!(p99 <= MOST_MILLISECONDS, "a page takes {p99:.1} ms at the 99th percentile");
        ensure!(memory <= MOST_MEBIBYTES, "the operator has {memory:.0} MiB");
        Ok(())
    })
    .await;
}

/// Holds a hundred jobs at work within ten seconds, and lets some of them go on.
#[tokio::test]
#[ignore = "a measurement: run tests/bench/api"]
async fn bench_stop_all_of_a_hundred() {
    in_lab("bench_stop_all", async |lab: Lab| {
        let editor = Caller::with_role(&lab, "editor", "edit").await?;
        let mut films = Vec::new();
        for number in 0..100 {
            films.push(lab.order(Order::of(2).named(&format!("film-{number}"))).await?);
        }
        for film in &films {
            film.until("the first step to begin", |status| {
                status.phase.is_some_and(|phase| phase != Phase::Pending)
            })
            .await?;
        }
        let begun = Instant::now();
        let answer = editor.post(&format!("/jobs/force-stop-all?namespace={}", lab.namespace)).await?;
        ensure!(answer.status == StatusCode::OK, "{answer:?}");
        for film in &films {
            film.until("to rest", |status| matches!(status.phase, Some(Phase::Suspended | Phase::Succeeded)))
                .await?;
        }
        let took = begun.elapsed().as_secs_f64();
        println!("force-stop-all of a hundred jobs: {took:.1} s (at most 10): {}", answer.body["counts"]);
        ensure!(took <= 10.0, "they took {took:.1} s");
        for film in films.iter().take(3) {
            editor.post(&format!("/jobs/{}/resume", film.uid)).await?;
            film.succeeded().await?;
        }
        Ok(())
    })
    .await;
}

async fn page(caller: &Caller, path: &str) -> anyhow::Result<()> {
    let answer = caller.get(path).await?;
    ensure!(answer.status == StatusCode::OK, "{answer:?}");
    ensure!(answer.body["items"].as_array().is_some_and(|items| items.len() == 100));
    Ok(())
}

async fn raw(client: &Client, path: &str) -> anyhow::Result<()> {
    let text = client.request_text(Request::get(path).body(Vec::new())?).await?;
    ensure!(text.contains("\"items\""));
    Ok(())
}

/// Milliseconds of [`REQUESTS`] calls that begin at [`RATE`] a second, whether the one before has ended or not.
async fn measure(call: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<Vec<f64>> {
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    let calls = stream::unfold((0, &mut ticks), async |(count, ticks)| {
        if count == REQUESTS {
            return None;
        }
        ticks.tick().await;
        Some(((), (count + 1, ticks)))
    });
    calls
        .map(|()| async {
            let begun = Instant::now();
            call().await?;
            anyhow::Ok(begun.elapsed().as_secs_f64() * 1000.0)
        })
        .buffer_unordered(REQUESTS)
        .try_collect()
        .await
        .context("a call failed")
}
