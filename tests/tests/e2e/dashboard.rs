//! The dashboard in a real browser, by both ways in: the plugin's proxy, and oauth2-proxy, which logs people in.

use std::fs;
use std::time::Duration;

use anyhow::ensure;
use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::{Phase, requests};
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::clients::{self, Proxy};
use videofactory_tests::e2e::film::{Film, NewFilm};
use videofactory_tests::e2e::login_proxy::LoginProxy;
use videofactory_tests::e2e::paid::Account;
use videofactory_tests::e2e::site;
use videofactory_tests::e2e::test_env::{TestEnv, in_named_test_env, in_test_env};
use videofactory_tests::fakes::Service;
use videofactory_tests::http;

/// Longest time of a browser's visit.
const VISIT: Duration = Duration::from_mins(10);
/// The Channel whose clips an account is asked for.
const CHANNEL: &str = "moving";

/// What is spoken in the film, and what its pictures show: people see both in the pictures of docs/dashboard.md.
const SCENES: [(&str, &str); 4] = [
    ("Here is the deep ocean, where no sunlight has ever been.", "Sunlight that fades in deep blue water"),
    ("An octopus has three hearts, and two of them stop when it swims.", "A red octopus over corals"),
    ("Hardly anyone has seen the bottom: we have better maps of Mars.", "A small submarine in black water"),
    ("Sound is four times faster here than in air.", "A whale and its calf in green water"),
];

/// What a visit looks at: a film that is made, and one that is held.
struct Films {
    made: Film,
    held: Film,
}

impl Films {
    async fn create(env: &TestEnv) -> anyhow::Result<Self> {
        let grok = Account::new(env, "grok", Service::Xai).await?;
        grok.open(json!({"quotas": [{"name": "clips", "limit": 3, "period": "2h"}]})).await?;
        env.put(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "Channel", "metadata": {"name": CHANNEL},
            "spec": {"defaults": {"providers": {"animation": {"accountRef": {"name": "grok"}}}}},
        }))
        .await?;
        let made = env.create_film(ocean_facts()).await?;
        let corals = NewFilm::of(1).named("coral-reefs").with(json!({"topic": "How corals build reefs"}));
        let held = env.create_film(corals.suspended()).await?;
        held.phase(Phase::Suspended).await?;
        made.succeeded().await?;
        Ok(Self { made, held })
    }

    /// A browser that is let in at this address, plays the film, edits the held one in two tabs and lets it go.
    fn visit(&self, env: &TestEnv, entry: &str) -> anyhow::Result<Command> {
        let axe = site::node_clients()?.join("node_modules/axe-core/axe.min.js");
        let mut command = clients::browser("dashboard.py")?;
        command.args(["--entry", entry, "--namespace", &env.namespace, "--channel", CHANNEL]).args([
            "--film",
            &self.made.name,
            "--scene",
            "s1",
            "--held",
            &self.held.name,
        ]);
        command.arg("--axe").arg(axe);
        Ok(command)
    }
}

fn ocean_facts() -> NewFilm {
    let scene = |((narration, picture), number): (&(&str, &str), usize)| {
        let id = format!("s{number}");
        json!({"id": id, "narration": narration, "imagePrompt": picture})
    };
    let scenes: Vec<Value> = SCENES.iter().zip(1..).map(scene).collect();
    let topic = "Three surprising facts about the deep ocean";
    NewFilm::of(0).named("ocean-facts").with(json!({"topic": topic, "scenes": scenes}))
}

/// A film that waits for somebody who makes the account that it names.
fn tides() -> NewFilm {
    NewFilm::of(3).named("tides").with(json!({
        "topic": "Why there are two tides a day",
        "providers": {"animation": {"accountRef": {"name": "misspelt"}}},
    }))
}

/// Texts that would be mark-up, or a script, if they were not written as text.
fn payloads() -> anyhow::Result<Vec<String>> {
    let all = fs::read_to_string(videofactory_tests::root().join("api/src/testing/payloads.txt"))?;
    Ok(all.lines().map(str::to_owned).collect())
}

/// A film that says each of them in a scene of its own, and is held for one of them.
fn marks() -> anyhow::Result<NewFilm> {
    let payloads = payloads()?;
    let scene = |(text, number): (&String, usize)| {
        let id = format!("s{number}");
        json!({"id": id, "narration": text, "imagePrompt": text, "motionPrompt": text})
    };
    let scenes: Vec<Value> = payloads.iter().zip(1..).map(scene).collect();
    let film = NewFilm::of(0).named("marks").with(json!({"scenes": scenes}));
    Ok(film.annotated(requests::HOLD, "<img src=x onerror=alert(1)>"))
}

#[tokio::test]
async fn a_browser_shows_each_page_of_the_dashboard_plays_a_film_and_follows_a_job() {
    // Its name is seen in the pictures, too.
    in_named_test_env("films".to_owned(), "dashboard", async |env: TestEnv| {
        let tides = env.create_film(tides()).await?;
        let films = Films::create(&env).await?;
        tides.says(VideoJobReason::ConfigurationInvalid).await?;
        let proxy = Proxy::start().await?;
        let mut visit = films.visit(&env, &proxy.entry("/dashboard"))?;
        visit.arg("--screenshots").arg(site::screenshots()?);
        let report = clients::report(&mut visit, VISIT).await?;
        ensure!(!report["first"].as_str().unwrap_or("token").contains("token"), "{report}");
        ensure!(report["pages"].as_object().is_some_and(|pages| pages.len() >= 11), "{report}");
        for (name, looks) in report["pages"].as_object().into_iter().flatten() {
            for (look, page) in looks.as_object().into_iter().flatten() {
                ensure!(page["sideways"] == json!(false), "{name} as {look} is too wide: {page}");
                for found in ["outside", "nameless", "violations", "faults"] {
                    ensure!(page[found] == json!([]), "{name} as {look}: {page}");
                }
                let title = page["title"].as_str().unwrap_or_default();
                ensure!(title.ends_with(" · Video Factory"), "{name} as {look}: {page}");
            }
        }
        works(&report)?;
        films.held.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn behind_a_proxy_that_logs_people_in_pages_media_and_the_stream_work_as_well() {
    in_test_env("logged_in", async |env: TestEnv| {
        let films = Films::create(&env).await?;
        let marks = env.create_film(marks()?).await?;
        marks.phase(Phase::Suspended).await?;
        let proxy = LoginProxy::start(&Caller::with_role(&env, "editor", "edit").await?).await?;
        let of_reader = LoginProxy::start(&Caller::with_role(&env, "reader", "view").await?).await?;
        let job = format!("/jobs/{}/{}", env.namespace, films.held.name);
        let ask = async |cookie: &str, site: &str| {
            let asked = http::client().request(Method::POST, format!("{}{job}/resume", proxy.url));
            let answer = asked.header(COOKIE, cookie).header("sec-fetch-site", site).send().await?;
            anyhow::Ok(answer.status())
        };
        let stranger = ask("", "same-origin").await?;
        ensure!(stranger == StatusCode::FORBIDDEN, "nobody has logged in: {stranger}");
        // The browser sends its cookie with what a page of another site asks for, and the proxy adds the token.
        let foreign = ask(&proxy.cookie().await?, "cross-site").await?;
        ensure!(foreign == StatusCode::FORBIDDEN, "another site's page lets the job go: {foreign}");
        films.held.phase(Phase::Suspended).await?;
        let mut visit = films.visit(&env, &proxy.entry())?;
        visit.args(["--reader", &of_reader.entry(), "--marks", &marks.name]);
        let report = clients::report(&mut visit, VISIT).await?;
        ensure!(report["first"] == json!(format!("{}/dashboard", proxy.url)), "{report}");
        let refused = &report["refused"];
        let why = refused["text"].as_str().unwrap_or_default();
        let sees_why = refused["look"] == "bad" && why.contains("you may not patch videojobs in namespace");
        ensure!(sees_why, "whoever may only read does not see why: {refused}");
        let marks = &report["marks"];
        for found in ["foreign", "faults"] {
            ensure!(marks[found] == json!([]), "text becomes a part of a page: {found}: {}", marks[found]);
        }
        ensure!(marks["texts"] == json!(payloads()?), "texts are shown otherwise: {marks}");
        works(&report)?;
        films.held.succeeded().await.map(drop)
    })
    .await;
}

/// Whether the film played, its player moved to another place of it, a price was shown, the second of two tabs showed the first
/// one's edit, and the held job's page followed it.
fn works(report: &Value) -> anyhow::Result<()> {
    let seen = &report["film"];
    let (at, length) = (seen["at"].as_f64().unwrap_or_default(), seen["of"].as_f64().unwrap_or_default());
    ensure!(at > length / 2.0 && length > 0.0, "the film does not play from its middle: {seen}");
    pages_are_not_in_step(&report["refused_streams"])?;
    let estimate = report["estimate"].as_str().unwrap_or_default();
    for shown in [
        "The 2 films would cost about $",
        "12 of the quota clips of grok, which has 3 left",
        "if nobody else asks",
    ] {
        ensure!(estimate.contains(shown), "it does not show {shown:?}: {estimate}");
    }
    let edited = &report["edited"];
    let looks = (&edited["first"]["look"], &edited["second"]["look"]);
    let conflict = edited["second"]["text"].as_str().unwrap_or_default();
    ensure!(
        looks == (&json!("good"), &json!("bad"))
            && conflict.contains("somebody else has changed the scene s1"),
        "the second tab does not see that the first one has saved: {edited}"
    );
    ensure!(edited["saved"] == "As the first tab has it.", "{edited}");
    let resumed = &report["resumed"];
    let reported = (&resumed["before"], &resumed["same_page"], &resumed["faults"]);
    ensure!(reported == (&json!("Suspended"), &json!(true), &json!([])), "{resumed}");
    Ok(())
}

/// Whether pages that are refused a stream try again at times of their own, and fetch themselves after about ten seconds.
fn pages_are_not_in_step(refused: &Value) -> anyhow::Result<()> {
    ensure!(refused[0]["waits"] != refused[1]["waits"], "all pages return at once: {refused}");
    for page in [&refused[0], &refused[1]] {
        let fetched = page["fetched"].as_f64().unwrap_or(f64::INFINITY);
        ensure!(fetched <= 15_000.0, "a page that follows nothing stays as it is: {refused}");
        let waits = page["waits"].as_array().into_iter().flatten().filter_map(Value::as_f64);
        ensure!(waits.skip(6).all(|wait| (5_000.0..=15_000.0).contains(&wait)), "{refused}");
    }
    Ok(())
}
