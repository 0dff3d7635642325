//! Edits before publication: what they make stale is made again, and nothing else.

use anyhow::ensure;
use serde_json::json;
use videofactory_crds::condition::Phase;
use videofactory_crds::videojob::VideoJobStatus;
use videofactory_crds::{StepName, requests};
use videofactory_tests::e2e::bucket::{Artifacts, only, untouched, written};
use videofactory_tests::e2e::film::{Film, NewFilm, attempts, digest};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};

/// What was made, by sort.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    images: usize,
    voices: usize,
    clips: usize,
    films: usize,
}

fn made(before: &Artifacts, after: &Artifacts) -> Made {
    let keys = written(before, after);
    let count =
        |part: &str, extension: &str| only(&keys, part).iter().filter(|key| key.ends_with(extension)).count();
    Made {
        images: count("/images/", ""),
        voices: count("/voices/", ".wav"),
        clips: count("/clips/", ".mp4"),
        films: count("videos/", ".mp4"),
    }
}

async fn at_review(film: &Film) -> anyhow::Result<(VideoJobStatus, Artifacts)> {
    Ok((film.phase(Phase::Review).await?, film.artifacts().await?))
}

/// Waits for a review of another film than the last one.
async fn at_next_review(film: &Film, last: &VideoJobStatus) -> anyhow::Result<(VideoJobStatus, Artifacts)> {
    let old = digest(last);
    let status = film
        .until("another film to wait for review", |status| {
            status.phase == Some(Phase::Review) && digest(status) != old
        })
        .await?;
    Ok((status, film.artifacts().await?))
}

#[tokio::test]
async fn an_edit_of_a_scene_makes_again_what_it_touches_and_the_film() {
    in_test_env("an_edit_of_a_scene", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(3).reviewed()).await?;
        let (first, before) = at_review(&film).await?;
        film.edit(json!({"sceneOverrides": [{"id": "s2", "narration": "Here the sea is darker than the night."}]})).await?;
        let (second, after) = at_next_review(&film, &first).await?;
        untouched(&before, &after)?;
        ensure!(made(&before, &after) == Made { images: 0, voices: 1, clips: 0, films: 1 }, "narration: {:?}", written(&before, &after));
        let before = after;
        film.edit(json!({"sceneOverrides": [
            {"id": "s2", "narration": "Here the sea is darker than the night.", "imagePrompt": "A lantern fish"},
        ]}))
        .await?;
        let (third, after) = at_next_review(&film, &second).await?;
        untouched(&before, &after)?;
        ensure!(made(&before, &after) == Made { images: 1, voices: 0, clips: 0, films: 1 }, "picture: {:?}", written(&before, &after));
        let before = after;
        let request = json!({"at": "2026-01-01T00:00:01Z", "scenes": ["s1"], "what": "image"}).to_string();
        film.annotate(requests::REGENERATE, request).await?;
        let (_, after) = at_next_review(&film, &third).await?;
        untouched(&before, &after)?;
        ensure!(made(&before, &after) == Made { images: 1, voices: 0, clips: 0, films: 1 }, "take: {:?}", written(&before, &after));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_approval_holds_for_the_film_that_was_seen() {
    in_test_env("an_approval", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(2).reviewed()).await?;
        let (first, _) = at_review(&film).await?;
        film.edit(json!({"sceneOverrides": [{"id": "s1", "narration": "Another beginning."}]})).await?;
        film.annotate(requests::APPROVED, format!("assemble-video@{}", digest(&first))).await?;
        let (second, unpublished) = at_next_review(&film, &first).await?;
        ensure!(
            only(unpublished.keys(), "published/").is_empty(),
            "the older film's approval published: {unpublished:?}"
        );
        film.annotate(requests::APPROVED, format!("assemble-video@{}", digest(&second))).await?;
        let status = film.succeeded().await?;
        let published = film.artifacts().await?;
        ensure!(!only(published.keys(), "published/").is_empty(), "approved, but not published: {status:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_rejected_film_is_not_published() {
    in_test_env("a_rejected_film", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).reviewed()).await?;
        let (status, _) = at_review(&film).await?;
        film.annotate(requests::REJECTED, format!("assemble-video@{}", digest(&status))).await?;
        film.phase(Phase::Failed).await?;
        ensure!(only(film.artifacts().await?.keys(), "published/").is_empty(), "it was published");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_final_reuses_the_script_of_its_draft() {
    in_test_env("a_final_of_a_draft", async |env: TestEnv| {
        let new_film = NewFilm::of(0).with(json!({
            "scenes": null, "topic": "Three facts about whales", "sceneCount": 2, "length": {"target": "8s"}, "mode": "Draft",
            "format": {"resolution": "480p"},
        }));
        let film = env.create_film(new_film).await?;
        let draft = film.succeeded().await?;
        let before = film.artifacts().await?;
        ensure!(only(before.keys(), "published/").is_empty(), "a draft was published");
        film.edit(json!({"mode": "Final"})).await?;
        let status = film
            .until("the final", |status| status.phase == Some(Phase::Succeeded) && digest(status) != digest(&draft))
            .await?;
        let after = film.artifacts().await?;
        untouched(&before, &after)?;
        ensure!(only(&written(&before, &after), "/scripts/").is_empty(), "the script was written again");
        ensure!(attempts(&status, StepName::WriteScript) == 1, "write-script ran again");
        ensure!(!only(after.keys(), "published/").is_empty(), "the final was not published");
        Ok(())
    })
    .await;
}
