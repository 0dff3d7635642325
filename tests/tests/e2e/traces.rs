//! Films as those see them who look at traces.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use serde_json::json;
use videofactory_crds::{StepName, requests};
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::paid::Account;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{site, wait};
use videofactory_tests::fakes::{FakesAdmin, Service};
use videofactory_tests::otlp::Received;

/// Who has ordered the film, in the trace that he has begun.
const OUTSIDE: &str = "b7ad6b7169203331";

#[tokio::test]
async fn a_film_is_one_trace_of_its_steps_with_their_waits_apart() {
    in_test_env("a_film_is_one_trace", async |env: TestEnv| {
        let trace = uuid::Uuid::new_v4().simple().to_string();
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.open(json!({"quotas": [{"name": "generations", "limit": 100, "period": "1h"}]})).await?;
        let new_film = NewFilm::of(2)
            .with(json!({"providers": {"animation": {"accountRef": {"name": "grok"}}}}))
            .annotated(requests::TRACEPARENT, &format!("00-{trace}-{OUTSIDE}-01"));
        let film = env.create_film(new_film).await?;
        film.succeeded().await?;

        let admin = FakesAdmin::at(site::fakes_url()?);
        let spans = wait::asked("the span of the run", async || {
            let spans = admin.spans(&trace).await?;
            Ok(spans.iter().any(|span| span.parent == OUTSIDE).then_some(spans))
        })
        .await?;
        let run = spans.iter().find(|span| span.parent == OUTSIDE).context("no run")?;
        ensure!(run.name == format!("video {}/film run 1", env.namespace), "{}", run.name);
        let children =
            |of: &Received| -> Vec<&Received> { spans.iter().filter(|span| span.parent == of.id).collect() };
        let steps = children(run);
        let names: BTreeSet<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        ensure!(names == StepName::ALL.map(StepName::as_str).into() && steps.len() == 6, "{names:?}");
        for step in steps {
            ensure!(run.from <= step.from && step.to <= run.to, "{step:?} is not within {run:?}");
            let parts = children(step);
            let names: BTreeSet<&str> = parts.iter().map(|part| part.name.as_str()).collect();
            let mut expected = BTreeSet::from(["queue wait", "execution"]);
            expected.extend((step.name == "animate-scenes").then_some("quota wait"));
            ensure!(names == expected, "{}: {names:?}", step.name);
            let execution = parts.iter().find(|part| part.name == "execution").context("no execution")?;
            let done: BTreeSet<&str> = children(execution).iter().map(|part| part.name.as_str()).collect();
            let expected: &[&str] = match step.name.as_str() {
                "animate-scenes" => &["download", "poll", "submit"],
                "assemble-video" => &["checks", "fetch", "join", "picture", "prepare", "sound", "store"],
                _ => &[],
            };
            ensure!(done == expected.iter().copied().collect(), "{}: {done:?}", step.name);
        }
        let all = format!("{spans:?}");
        ensure!(!all.contains("fathoms") && !all.contains(&grok.key), "a prompt or a key is in {all}");
        Ok(())
    })
    .await;
}
