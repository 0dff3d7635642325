//! All jobs are stopped at once: a job stays held whatever is applied from git, and continues from the scene it had
//! reached.

use anyhow::ensure;
use reqwest::Method;
use serde_json::{Value, json};
use videofactory_crds::StepName;
use videofactory_crds::condition::{Phase, VideoJobReason};
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::bucket::untouched;
use videofactory_tests::e2e::clips::{CLIPS, gulls, gulls_rest};
use videofactory_tests::e2e::film::{Film, NewFilm, attempts};
use videofactory_tests::e2e::half_drawn::{SCENES, few_pictures, until_half_drawn};
use videofactory_tests::e2e::kubectl::kubectl;
use videofactory_tests::e2e::paid::roomy;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::fakes::Operation;

/// As Flux and Argo CD apply on the server.
const ON_THE_SERVER: &[&str] = &["--server-side", "--force-conflicts", "--field-manager=gitops"];
/// As kubectl does by itself, and Argo CD unless it is configured otherwise.
const ON_THE_CLIENT: &[&str] = &[];

/// Applies a manifest as it lies in git.
async fn apply(env: &TestEnv, manifest: &Value, how: &[&str]) -> anyhow::Result<()> {
    let command = [&["-n", env.namespace.as_str(), "apply", "-f", "-"] as &[&str], how].concat();
    let said = kubectl(&command, &manifest.to_string()).await?;
    ensure!(said.well, "{}", said.err);
    Ok(())
}

/// Applies a new film.
async fn create(env: &TestEnv, manifest: &Value, how: &[&str]) -> anyhow::Result<Film> {
    apply(env, manifest, how).await?;
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    Ok(Film::new(env.clone(), &env.api().get(name).await?))
}

#[tokio::test]
async fn stop_all_outlives_an_apply_from_git_and_a_resume_makes_no_scene_twice() {
    in_test_env("stop_all", async |env: TestEnv| {
        let editor = Caller::with_role(&env, "editor", "edit").await?;
        let ended = env.create_film(NewFilm::of(1).named("ended")).await?;
        ended.succeeded().await?;
        let grok = roomy(&env).await?;
        grok.faults(&[gulls_rest()]).await?;
        let buying = gulls().without_retries();
        let bought = create(&env, &buying.manifest(), ON_THE_CLIENT).await?;
        bought.has_made("/clips/", 1).await?;
        grok.has_accepted(Operation::Video, CLIPS).await?;
        let pictures = bought.artifacts().await?;
        env.faults(vec![few_pictures()]).await?;
        let drawing = NewFilm::of(SCENES).named("drawn").without_retries();
        let drawn = create(&env, &drawing.manifest(), ON_THE_SERVER).await?;
        let drawings = until_half_drawn(&drawn).await?;

        let path = format!("/jobs/force-stop-all?namespace={}", env.namespace);
        let foreseen = editor.post(&format!("{path}&dry_run=true")).await?;
        ensure!(foreseen.body["counts"] == json!({"would_request": 2}), "{foreseen:?}");
        let stopped = editor.post(&path).await?;
        ensure!(stopped.body["counts"] == json!({"requested": 2}), "{stopped:?}");
        for film in [&bought, &drawn] {
            film.phase(Phase::Suspended).await?;
        }
        // What is held back is held until then, so that no pod can end well by itself.
        env.no_live_pods().await?;
        // The same once more, and then a commit: the operator has to have looked at it, by its generation.
        for more in [json!({}), json!({"priority": 5})] {
            apply(&env, &buying.clone().with(more.clone()).manifest(), ON_THE_CLIENT).await?;
            apply(&env, &drawing.clone().with(more).manifest(), ON_THE_SERVER).await?;
        }
        for (film, step) in [(&bought, StepName::AnimateScenes), (&drawn, StepName::GenerateImages)] {
            let priority = film.now().await?.spec.priority;
            ensure!(priority == 5, "what was applied has not come: {priority}");
            let status = film.phase(Phase::Suspended).await?;
            ensure!(film.says(VideoJobReason::Held).await?.contains("held: stop-all"));
            ensure!(attempts(&status, step) == 1, "{step} continues although it is held");
        }

        env.faults(Vec::new()).await?;
        grok.faults(&[]).await?;
        let aside = env.create_film(NewFilm::of(1).with(json!({"suspend": true})).named("aside")).await?;
        aside.phase(Phase::Suspended).await?;
        let wish = json!({"action": "resume", "filter": {"namespace": env.namespace, "phase": "Suspended"}});
        let resumed = editor.call(Method::POST, "/jobs/actions", Some(wish)).await?;
        ensure!(resumed.body["counts"] == json!({"requested": 2, "refused": 1}), "{resumed:?}");
        for (film, before, step) in
            [(&bought, &pictures, StepName::AnimateScenes), (&drawn, &drawings, StepName::GenerateImages)]
        {
            let status = film.succeeded().await?;
            untouched(before, &film.artifacts().await?)?;
            ensure!(attempts(&status, step) > 1, "{step} was not stopped");
        }
        aside.phase(Phase::Suspended).await?;
        let paid = grok.paid(Operation::Video).await?;
        ensure!(paid.len() == CLIPS && paid.values().all(|times| *times == 1), "paid: {paid:?}");
        grok.usage_agrees("generations", Operation::Video).await
    })
    .await;
}
