//! From `kubectl apply` to a film that plays.

use anyhow::{Context as _, ensure};
use videofactory_crds::StepName;
use videofactory_crds::condition::StepState;
use videofactory_tests::e2e::bucket::only;
use videofactory_tests::e2e::ffprobe::check_film;
use videofactory_tests::e2e::film::{NewFilm, attempts};
use videofactory_tests::e2e::kubectl::{ask, kubectl};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::wait;

#[tokio::test]
async fn a_job_becomes_a_film() {
    in_test_env("a_job_becomes_a_film", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(3)).await?;
        let status = film.succeeded().await?;
        for step in StepName::ALL {
            let state = status.step(step).and_then(|step| step.state);
            ensure!(state == Some(StepState::Succeeded), "{step} is {state:?}");
            ensure!(attempts(&status, step) == 1, "{step} took several attempts");
        }
        ensure!(status.progress.as_deref() == Some("12/12"), "progress is {:?}", status.progress);
        let artifacts = status.artifacts.context("no artifacts")?;
        let kept = film.artifacts().await?;
        let named = artifacts.video.iter().chain(&artifacts.thumbnail).chain(&artifacts.captions);
        for file in named {
            ensure!(kept.contains_key(&file.key), "{} is named but not in the bucket", file.key);
        }
        ensure!(!only(kept.keys(), "published/").is_empty(), "nothing was published: {kept:?}");
        let video = artifacts.video.context("no film")?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("film.mp4");
        env.bucket_view.bucket().get_to_file(&video.key, &path).await?;
        check_film(&path, video.duration.unwrap_or_default()).await
    })
    .await;
}

#[tokio::test]
async fn kubectl_shows_a_job_as_people_read_it() {
    in_test_env("kubectl_shows_a_job", async |env: TestEnv| {
        let manifest = NewFilm::of(1).manifest().to_string();
        let ns = env.namespace.as_str();
        let applied = kubectl(&["-n", ns, "apply", "-f", "-"], &manifest).await?;
        ensure!(applied.well, "{}", applied.err);
        let timeout = format!("--timeout={}s", wait::TIMEOUT.as_secs());
        let waited = ask(&["-n", ns, "wait", "--for=condition=Succeeded", "vj/film", &timeout]).await?;
        ensure!(waited.contains("condition met"), "{waited}");
        let wide = ask(&["-n", ns, "get", "vj", "-o", "wide"]).await?;
        let mut lines = wide.lines();
        let heads: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
        ensure!(
            heads == ["NAME", "PHASE", "STEP", "PROGRESS", "RESUME", "COST", "READY", "MESSAGE", "AGE"],
            "{wide}"
        );
        let row = lines.next().unwrap_or_default();
        ensure!(row.contains("Succeeded") && row.contains("6/6") && row.contains("published"), "{wide}");
        let explained = ask(&["explain", "videojob.spec.sceneOverrides.narration"]).await?;
        ensure!(explained.contains("Spoken instead of the storyboard's narration"), "{explained}");
        let described = ask(&["-n", ns, "describe", "vj", "film"]).await?;
        ensure!(described.contains("Completed"), "{described}");
        Ok(())
    })
    .await;
}
