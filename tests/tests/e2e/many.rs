//! The API and the dashboard with ten thousand jobs, beside the API server that holds them; a job of as many scenes as there
//! may be; and a hundred jobs that are stopped at once.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::http::Request;
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};
use videofactory_crds::condition::Phase;
use videofactory_crds::{GROUP, StepName, VERSION, VideoJob};
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::bucket::{Artifacts, untouched};
use videofactory_tests::e2e::clips::{CLIPS, gulls, gulls_rest};
use videofactory_tests::e2e::film::{NewFilm, attempts};
use videofactory_tests::e2e::login_proxy::LoginProxy;
use videofactory_tests::e2e::metrics::Metrics;
use videofactory_tests::e2e::paid::Account;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{clients, operator, wait};
use videofactory_tests::fakes::{Operation, Service};
use videofactory_tests::percentile;

const JOBS: usize = 10_000;
/// Requests of one measurement, at [`RATE`] a second.
const REQUESTS: usize = 1_000;
const RATE: u32 = 50;
/// Requests one after the other, as they are compared with the peer's: at [`RATE`] a second, the API server would answer
/// after ten seconds, and nobody else meanwhile.
const COMPARED: usize = 50;
/// Milliseconds that a page of 100 may take at the 99th percentile.
const MAX_MILLISECONDS: f64 = 50.0;
/// Milliseconds that the dashboard's list of them may take at the 99th percentile.
const MAX_LIST_MILLISECONDS: f64 = 100.0;
/// And its page of a job of [`SCENES`] scenes.
const MAX_JOB_MILLISECONDS: f64 = 200.0;
/// Milliseconds until a page's document is interactive in a browser, at most, in 19 of 20 visits.
const MAX_INTERACTIVE_MILLISECONDS: f64 = 1_000.0;
/// Longest time in which a browser visits pages some times.
const VISITS: Duration = Duration::from_mins(5);
/// Memory that the operator may have in use then.
const MAX_MEBIBYTES: f64 = 250.0;
/// And at any time since it was started, with a backup of all and requests for events; its limit is 512.
const MAX_MEBIBYTES_EVER: f64 = 450.0;
/// Requests for events that one caller may have at once: docs/operating.md.
const EVENTS_AT_ONCE: usize = 2;

/// Prints the percentiles and the memory, and fails above the bounds; `tests/bench/api` runs it.
#[tokio::test]
#[ignore = "a measurement: run tests/bench/api"]
async fn bench_a_page_of_ten_thousand_jobs() {
    in_test_env("bench_a_page", async |env: TestEnv| {
        let caller = Caller::viewer().await?;
        let typical = env.create_film(NewFilm::of(6).named("typical")).await?.succeeded().await?;
        let jobs: Vec<VideoJob> = (0..JOBS)
            .map(|number| {
                let new_film = NewFilm::of(6).named(&film(number)).with(json!({"suspend": true}));
                serde_json::from_value(new_film.manifest())
            })
            .collect::<Result<_, _>>()?;
        let api: &Api<VideoJob> = &env.api();
        stream::iter(jobs)
            .map(|job| async move { api.create(&PostParams::default(), &job).await })
            .buffer_unordered(32)
            .try_for_each(async |_| Ok(()))
            .await?;
        all_are("Suspended").await?;
        // What a job that has made a film has on record is most of what it takes in memory.
        let made = &json!({"status": typical});
        stream::iter(0..JOBS)
            .map(|number| async move {
                api.patch_status(&film(number), &PatchParams::default(), &Patch::Merge(made)).await
            })
            .buffer_unordered(32)
            .try_for_each(async |_| Ok(()))
            .await?;
        operator::kill(&env.client).await?;
        all_are("Succeeded").await?;
        is_settled().await?;
        let ours = format!("/jobs?namespace={}&limit=100", env.namespace);
        let theirs = format!("/apis/{GROUP}/{VERSION}/namespaces/{}/videojobs?limit=100", env.namespace);
        let mut pages = measure(async || page(&caller, &ours).await).await?;
        let list = format!("/dashboard?namespace={}", env.namespace);
        let mut lists = measure(async || html(&caller, &list).await).await?;
        let mut compared = one_by_one(async || page(&caller, &ours).await).await?;
        let mut peer = one_by_one(async || raw(&env.client, &theirs).await).await?;
        let memory = operator::resident_mebibytes(&env.client).await?;
        let (median, p99) = (percentile(&mut pages, 50), percentile(&mut pages, 99));
        let (ours_alone, theirs_alone) = (percentile(&mut compared, 50), percentile(&mut peer, 50));
        println!(
            "{ours} of {JOBS} jobs at {RATE} requests a second: p50 {median:.1} ms, p99 {p99:.1} ms (at most \
             {MAX_MILLISECONDS}); one by one: p50 {ours_alone:.1} ms; kubectl get --raw {theirs}: p50 \
             {theirs_alone:.1} ms; ratio {:.2}; the operator has {memory:.0} MiB (at most {MAX_MEBIBYTES})",
            ours_alone / theirs_alone,
        );
        let of_list = percentile(&mut lists, 99);
        println!(
            "{list} of {JOBS} jobs at {RATE} requests a second: p50 {:.1} ms, p99 {of_list:.1} ms (at most \
             {MAX_LIST_MILLISECONDS})",
            percentile(&mut lists, 50),
        );
        is_soon_interactive(&caller, &[&list]).await?;
        heavy_reads(&env, &caller).await?;
        let most = operator::most_resident_mebibytes(&env.client).await?;
        println!("with a backup and events, it had {most:.0} MiB (at most {MAX_MEBIBYTES_EVER})");
        ensure!(p99 <= MAX_MILLISECONDS, "a page takes {p99:.1} ms at the 99th percentile");
        ensure!(of_list <= MAX_LIST_MILLISECONDS, "the list takes {of_list:.1} ms at the 99th percentile");
        ensure!(memory <= MAX_MEBIBYTES, "the operator has {memory:.0} MiB");
        ensure!(most <= MAX_MEBIBYTES_EVER, "the operator had {most:.0} MiB");
        Ok(())
    })
    .await;
}

fn film(number: usize) -> String {
    format!("film-{number}")
}

/// Waits until the operator has looked at all jobs, and says of each that it is in this phase; in parts, because there is
/// a time limit for each wait of a test.
async fn all_are(phase: &str) -> anyhow::Result<()> {
    for part in 1..=10 {
        wait::asked("the operator to have looked at another tenth of the jobs", async || {
            // One that was just started does not answer yet, or knows of none.
            let reported =
                async { Metrics::scrape().await?.sum("videofactory_jobs", ("phase", phase)) }.await;
            #[expect(clippy::cast_precision_loss, reason = "ten thousand")]
            let are_enough = reported.is_ok_and(|jobs| jobs >= (JOBS / 10 * part) as f64);
            Ok(are_enough.then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Waits until the operator has reconciled each job since it was started, and none for a second: what is measured is the API
/// of an operator that has ten thousand jobs, not that of one that has just begun to lead.
async fn is_settled() -> anyhow::Result<()> {
    let (mut before, mut unchanged) = (0.0, 0);
    wait::asked("the operator to have reconciled all jobs", async || {
        let reconciled =
            Metrics::scrape().await?.sum("videofactory_reconcile_total", ("kind", "VideoJob"))?;
        unchanged = if reconciled > before { 0 } else { unchanged + 1 };
        before = reconciled;
        #[expect(clippy::cast_precision_loss, reason = "ten thousand")]
        let is_settled = reconciled >= JOBS as f64 && unchanged >= 10;
        Ok(is_settled.then_some(()))
    })
    .await
}

/// A backup of all jobs, while two callers ask for as many events as each may at once.
async fn heavy_reads(env: &TestEnv, viewer: &Caller) -> anyhow::Result<()> {
    let editor = &Caller::with_role(env, "editor", "edit").await?;
    let backup = async {
        let backup = read(editor, format!("/backup?namespace={}", env.namespace)).await?;
        ensure!(backup["items"].as_array().is_some_and(|items| items.len() > JOBS), "it is not whole");
        anyhow::Ok(())
    };
    let events = async |caller: &Caller| {
        stream::iter(0..20)
            .map(|number| read(caller, format!("/jobs/{}/{}/events", env.namespace, film(number))))
            .buffer_unordered(EVENTS_AT_ONCE)
            .try_for_each(async |_| Ok(()))
            .await
    };
    tokio::try_join!(backup, events(editor), events(viewer))?;
    Ok(())
}

async fn read(caller: &Caller, path: String) -> anyhow::Result<Value> {
    let answer = caller.get(&path).await?;
    ensure!(answer.status == StatusCode::OK, "{path}: {}", answer.status);
    Ok(answer.body)
}

/// Most scenes of a job, and takes of each picture.
const SCENES: usize = 200;
const TAKES: usize = 5;

/// Prints the percentiles of the page of a large job and of one of its scenes, and fails above the bound;
/// `tests/bench/api` runs it.
#[tokio::test]
#[ignore = "a measurement: run tests/bench/api"]
async fn bench_a_job_of_two_hundred_scenes() {
    in_test_env("bench_a_job", async |env: TestEnv| {
        let (viewer, editor) = (Caller::viewer().await?, Caller::with_role(&env, "editor", "edit").await?);
        let large = NewFilm::of(SCENES).with(json!({"review": {"after": ["animate-scenes"]}}));
        let film = env.create_film(large).await?;
        // In parts, because there is a time limit for each wait of a test.
        for part in 1..=10 {
            film.has_made("/voices/", SCENES / 10 * part).await?;
        }
        film.phase(Phase::Review).await?;
        let job = format!("{}/{}", env.namespace, film.name);
        let scenes: Vec<String> = (1..=SCENES).map(|number| format!("s{number}")).collect();
        for take in 2..=TAKES {
            let wish = json!({"scenes": scenes, "what": "image"});
            let path = format!("/jobs/{job}/regenerate");
            let asked = editor.call(Method::POST, &path, Some(wish)).await?;
            ensure!(asked.status == StatusCode::ACCEPTED, "{asked:?}");
            film.has_made("/images/", SCENES * take).await?;
            film.until("the film to wait with its new pictures", |status| {
                let raised = status.takes.iter().filter(|takes| takes.image == i32::try_from(take).ok());
                status.phase == Some(Phase::Review) && raised.count() == SCENES
            })
            .await?;
        }
        let mut worst: f64 = 0.0;
        let paths = [format!("/dashboard/jobs/{job}"), format!("/dashboard/jobs/{job}/scenes/s{SCENES}")];
        for path in &paths {
            let mut pages = measure(async || html(&viewer, path).await).await?;
            let (median, p99) = (percentile(&mut pages, 50), percentile(&mut pages, 99));
            println!(
                "{path} of {SCENES} scenes with {TAKES} takes at {RATE} requests a second: p50 {median:.1} ms, p99 \
                 {p99:.1} ms (at most {MAX_JOB_MILLISECONDS})"
            );
            worst = worst.max(p99);
        }
        ensure!(worst <= MAX_JOB_MILLISECONDS, "a page takes {worst:.1} ms at the 99th percentile");
        is_soon_interactive(&viewer, &[&paths[0], &paths[1]]).await?;
        let memory = operator::resident_mebibytes(&env.client).await?;
        println!("the operator has {memory:.0} MiB then (at most {MAX_MEBIBYTES})");
        ensure!(memory <= MAX_MEBIBYTES, "the operator has {memory:.0} MiB");
        Ok(())
    })
    .await;
}

/// Prints how soon a browser can use these pages, and fails above the bound.
async fn is_soon_interactive(viewer: &Caller, paths: &[&str]) -> anyhow::Result<()> {
    let proxy = LoginProxy::start(viewer).await?;
    let mut visits = clients::browser("interactive.py")?;
    visits.args(["--entry", &proxy.entry()]).args(paths);
    let report = clients::report(&mut visits, VISITS).await?;
    for path in paths {
        let found = report[path].as_array().into_iter().flatten().filter_map(Value::as_f64);
        let mut found: Vec<f64> = found.collect();
        ensure!(!found.is_empty(), "{path} was not visited: {report}");
        let (median, p95) = (percentile(&mut found, 50), percentile(&mut found, 95));
        println!(
            "{path} in Chromium, until it is interactive: p50 {median:.0} ms, p95 {p95:.0} ms (at most \
             {MAX_INTERACTIVE_MILLISECONDS})"
        );
        ensure!(p95 <= MAX_INTERACTIVE_MILLISECONDS, "{path} is interactive after {p95:.0} ms");
    }
    Ok(())
}

/// Films that are stopped while each has its first clip, and two more under way.
const FILMS: usize = 100;
/// Seconds that it may take until all are held and each of their pods is asked to end. How soon they have ended is the
/// node's doing: it stops some pods a second.
const MAX_SECONDS: f64 = 10.0;

/// Holds a hundred jobs at work within ten seconds; an apply from git changes nothing of it, and each continues from the
/// clip that it had reached.
#[tokio::test]
#[ignore = "a measurement: run tests/bench/api"]
async fn bench_stop_all_of_a_hundred() {
    in_test_env("bench_stop_all", async |env: TestEnv| {
        let editor = Caller::with_role(&env, "editor", "edit").await?;
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.open(json!({})).await?;
        grok.faults(&[gulls_rest()]).await?;
        let mut films = Vec::new();
        for number in 0..FILMS {
            films.push(env.create_film(filming(number)).await?);
        }
        // In parts, because there is a time limit for each wait of a test.
        for part in 1..=FILMS {
            grok.has_accepted(Operation::Video, CLIPS * part).await?;
        }
        let mut before = Artifacts::new();
        for film in &films {
            film.has_made("/clips/", 1).await?;
            before.extend(film.artifacts().await?);
        }

        let begun = Instant::now();
        let answer = editor.post(&format!("/jobs/force-stop-all?namespace={}", env.namespace)).await?;
        ensure!(answer.body["counts"] == json!({"requested": FILMS}), "{answer:?}");
        let answered = begun.elapsed().as_secs_f64();
        env.no_pod_continues().await?;
        let took = begun.elapsed().as_secs_f64();
        for film in &films {
            film.phase(Phase::Suspended).await?;
        }
        println!(
            "force-stop-all of {FILMS} jobs: answered after {answered:.1} s, every pod asked to end after {took:.1} s (at \
             most {MAX_SECONDS}); the node had ended them, and each job was Suspended, after {:.1} s",
            begun.elapsed().as_secs_f64()
        );
        ensure!(took <= MAX_SECONDS, "they took {took:.1} s");

        env.no_live_pods().await?;
        // As a commit comes from git; the operator has looked at it when its generation is reported.
        let committed: Vec<_> =
            (0..FILMS).map(|number| filming(number).with(json!({"priority": 5})).manifest()).collect();
        env.put(json!({"apiVersion": "v1", "kind": "List", "items": committed})).await?;
        for film in &films {
            let status = film.phase(Phase::Suspended).await?;
            ensure!(
                attempts(&status, StepName::AnimateScenes) == 1,
                "{} continues although it is held",
                film.name
            );
        }

        grok.faults(&[]).await?;
        let wish = json!({"action": "resume", "filter": {"namespace": env.namespace, "phase": "Suspended"}});
        let resumed = editor.call(Method::POST, "/jobs/actions", Some(wish)).await?;
        ensure!(resumed.body["counts"] == json!({"requested": FILMS}), "{resumed:?}");
        for film in &films {
            let status = film.phase(Phase::Review).await?;
            ensure!(attempts(&status, StepName::AnimateScenes) > 1, "{} was not stopped", film.name);
        }
        untouched(&before, &env.bucket_view.list("").await?)?;
        // The films are alike: what is asked for has the same digest in each.
        let paid = grok.paid(Operation::Video).await?;
        ensure!(paid.len() == CLIPS && paid.values().all(|times| *times == FILMS), "not one each: {paid:?}");
        Ok(())
    })
    .await;
}

/// A film that ends with its clips, of which a hundred fit on one node at once. It fails if a stop is counted as a failure.
fn filming(number: usize) -> NewFilm {
    let small = json!({"resources": {"requests": {"cpu": "1m", "memory": "16Mi"}}});
    gulls().named(&format!("film-{number}")).without_retries().with(json!({
        "review": {"after": ["animate-scenes"]},
        "compute": {"steps": {
            "write-script": small, "generate-images": small, "narrate-scenes": small, "animate-scenes": small,
        }},
    }))
}

async fn page(caller: &Caller, path: &str) -> anyhow::Result<()> {
    let answer = caller.get(path).await?;
    ensure!(answer.status == StatusCode::OK, "{answer:?}");
    ensure!(answer.body["items"].as_array().is_some_and(|items| items.len() == 100));
    Ok(())
}

/// A page of the dashboard, whole.
async fn html(caller: &Caller, path: &str) -> anyhow::Result<()> {
    let page = caller.text(path).await?;
    ensure!(page.trim_end().ends_with("</html>") && page.contains("film"), "{path}: {page}");
    Ok(())
}

async fn raw(client: &Client, path: &str) -> anyhow::Result<()> {
    let text = client.request_text(Request::get(path).body(Vec::new())?).await?;
    ensure!(text.contains("\"items\""));
    Ok(())
}

/// Milliseconds of [`COMPARED`] calls, each after the end of the one before.
async fn one_by_one(call: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<Vec<f64>> {
    let mut took = Vec::new();
    for _ in 0..COMPARED {
        took.push(milliseconds_of(&call).await?);
    }
    Ok(took)
}

async fn milliseconds_of(call: &impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let begun = Instant::now();
    call().await?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
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
        .map(|()| milliseconds_of(&call))
        .buffer_unordered(REQUESTS)
        .try_collect()
        .await
        .context("a call failed")
}
