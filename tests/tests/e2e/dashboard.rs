//! The dashboard in a real browser, by both ways in: the plugin's proxy, and a proxy that logs people in.

use std::time::Duration;

use anyhow::ensure;
use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;
use videofactory_crds::Phase;
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::clients::{self, Proxy};
use videofactory_tests::e2e::film::{Film, NewFilm};
use videofactory_tests::e2e::login_proxy::{LOG_IN, LoginProxy};
use videofactory_tests::e2e::paid::Account;
use videofactory_tests::e2e::site;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::fakes::Service;
use videofactory_tests::http;

/// Longest time of a browser's visit.
const VISIT: Duration = Duration::from_mins(10);
/// The Channel whose clips an account is asked for.
const CHANNEL: &str = "moving";

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
        let made = env.create_film(NewFilm::of(2)).await?;
        let held = env.create_film(NewFilm::of(1).named("held").suspended()).await?;
        held.phase(Phase::Suspended).await?;
        made.succeeded().await?;
        Ok(Self { made, held })
    }

    /// A browser that is let in at this address, plays the film, looks up a price and lets the held one go.
    fn visit(&self, env: &TestEnv, entry: &str) -> anyhow::Result<Command> {
        let mut command = clients::browser("dashboard.py")?;
        command.args(["--entry", entry, "--namespace", &env.namespace, "--channel", CHANNEL]).args([
            "--film",
            &self.made.name,
            "--held",
            &self.held.name,
            "--scene",
            "s1",
        ]);
        Ok(command)
    }
}

#[tokio::test]
async fn a_browser_shows_each_page_of_the_dashboard_plays_a_film_and_follows_a_job() {
    in_test_env("dashboard", async |env: TestEnv| {
        let films = Films::create(&env).await?;
        let proxy = Proxy::start().await?;
        let mut visit = films.visit(&env, &proxy.entry("/dashboard"))?;
        visit.arg("--screenshots").arg(site::screenshots()?);
        let report = clients::report(&mut visit, VISIT).await?;
        ensure!(!report["first"].as_str().unwrap_or("token").contains("token"), "{report}");
        ensure!(report["pages"].as_object().is_some_and(|pages| pages.len() >= 10), "{report}");
        for (name, looks) in report["pages"].as_object().into_iter().flatten() {
            for (look, page) in looks.as_object().into_iter().flatten() {
                let whole = (&page["sideways"], &page["outside"], &page["nameless"], &page["faults"]);
                let none = json!([]);
                ensure!(whole == (&json!(false), &none, &none, &none), "{name} as {look}: {page}");
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
        let editor = Caller::with_role(&env, "editor", "edit").await?;
        let proxy = LoginProxy::start(&editor).await?;
        let job = format!("/jobs/{}/{}", env.namespace, films.held.name);
        let ask = async |method: Method, cookie: &str, site: &str| {
            let asked = http::client().request(method, format!("{}{job}/resume", proxy.url));
            let answer = asked.header(COOKIE, cookie).header("sec-fetch-site", site).send().await?;
            anyhow::Ok(answer.status())
        };
        let stranger = ask(Method::POST, "", "same-origin").await?;
        ensure!(stranger == StatusCode::FORBIDDEN, "nobody has logged in: {stranger}");
        // The browser sends its cookie with what a page of another site asks for, and the proxy adds the token.
        let foreign = ask(Method::POST, &proxy.cookie, "cross-site").await?;
        ensure!(foreign == StatusCode::FORBIDDEN, "another site's page lets the job go: {foreign}");
        films.held.phase(Phase::Suspended).await?;
        let entry = format!("{}{LOG_IN}", proxy.url);
        let report = clients::report(&mut films.visit(&env, &entry)?, VISIT).await?;
        ensure!(report["first"] == json!(format!("{}/dashboard", proxy.url)), "{report}");
        works(&report)?;
        films.held.succeeded().await.map(drop)
    })
    .await;
}

/// Whether the film played, its player moved to another place of it, a price was shown, and the held job's page followed it.
fn works(report: &Value) -> anyhow::Result<()> {
    let seen = &report["film"];
    let (at, length) = (seen["at"].as_f64().unwrap_or_default(), seen["of"].as_f64().unwrap_or_default());
    ensure!(at > length / 2.0 && length > 0.0, "the film does not play from its middle: {seen}");
    let estimate = report["estimate"].as_str().unwrap_or_default();
    for shown in [
        "The 2 films would cost about $",
        "12 of the quota clips of grok, which has 3 left",
        "if nobody else asks",
    ] {
        ensure!(estimate.contains(shown), "it does not show {shown:?}: {estimate}");
    }
    let resumed = &report["resumed"];
    let reported = (&resumed["before"], &resumed["same_page"], &resumed["faults"]);
    ensure!(reported == (&json!("Suspended"), &json!(true), &json!([])), "{resumed}");
    Ok(())
}
