//! Films that are interrupted in the middle of their pictures, and what must be left of them.

use anyhow::ensure;
use videofactory_crds::StepName;

use super::bucket::{Artifacts, untouched};
use super::film::{Film, NewFilm, attempts};
use super::test_env::TestEnv;
use crate::r2_proxy::{Effect, Fault};

/// Scenes of a film that is interrupted while its pictures are drawn. On two processors some are made then, two are
/// being made, and some are not begun; more would only take longer.
pub const SCENES: usize = 6;
/// How many of their pictures reach the bucket before the others are held.
const DRAWN: usize = 2;

/// The first pictures reach the bucket, and no others before faults are removed: a disruption at that time falls in the
/// middle of them.
#[must_use]
pub fn few_pictures() -> Fault {
    Fault::always(Effect::Hold).after(DRAWN as u64).for_keys("clips/**/images/*").on("PutObject")
}

/// A film that is held when its first pictures are made, and that the first counted failure fails: what it has by then.
pub async fn half_drawn(env: &TestEnv) -> anyhow::Result<(Film, Artifacts)> {
    env.faults(vec![few_pictures()]).await?;
    let film = env.create_film(NewFilm::of(SCENES).without_retries()).await?;
    let before = until_half_drawn(&film).await?;
    Ok((film, before))
}

/// Waits until a film of which [`few_pictures`] are let through has these.
pub async fn until_half_drawn(film: &Film) -> anyhow::Result<Artifacts> {
    film.running_pod(StepName::GenerateImages).await?;
    film.has_made("/images/", DRAWN).await?;
    // Beside it a voice may still be on its way; it is no part of what is disrupted.
    let mut before = film.artifacts().await?;
    before.retain(|key, _| key.contains("/images/"));
    Ok(before)
}

/// A film of [`half_drawn`] is finished after a disruption that is nobody's fault and counts as no failure, and what
/// there was before it was not touched. Pictures are held until another attempt is at work, so that the one that was
/// killed cannot end well by itself.
pub async fn finishes_unharmed(env: &TestEnv, film: &Film, before: &Artifacts) -> anyhow::Result<()> {
    film.until("another attempt of generate-images", |status| {
        attempts(status, StepName::GenerateImages) >= 2
    })
    .await?;
    env.faults(Vec::new()).await?;
    let status = film.succeeded().await?;
    untouched(before, &film.artifacts().await?)?;
    let scripts = attempts(&status, StepName::WriteScript);
    ensure!(scripts == 1, "write-script was done and was tried {scripts} times");
    Ok(())
}
