//! Ten films of clips that are paid for, which are at work together while something is disrupted, and the checks that
//! nothing of them is made or paid for twice.

use std::collections::BTreeMap;

use anyhow::ensure;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::runtime::watcher;
use serde_json::{Value, json};
use videofactory_crds::VideoJob;
use videofactory_crds::condition::Phase;

use super::bucket;
use super::clips::animated;
use super::film::{Film, NewFilm};
use super::paid::{Account, roomy};
use super::test_env::TestEnv;
use super::wait;
use crate::fakes::Operation;

/// How many films there are in a batch.
pub const FILMS: usize = 10;
/// Of so many scenes each.
const SCENES: usize = 3;

/// The films that were ordered so far, and the account that all of them use.
pub struct Batch {
    env: TestEnv,
    grok: Account,
    films: Vec<Film>,
}

impl Batch {
    /// Without a film yet.
    pub async fn begin(env: &TestEnv) -> anyhow::Result<Self> {
        env.policy_says("default", "True", "Available").await?;
        Ok(Self { env: env.clone(), grok: roomy(env).await?, films: Vec::new() })
    }

    /// With all films.
    pub async fn whole(env: &TestEnv) -> anyhow::Result<Self> {
        let mut batch = Self::begin(env).await?;
        while batch.films.len() < FILMS {
            batch.add_film().await?;
        }
        Ok(batch)
    }

    /// One film more.
    pub async fn add_film(&mut self) -> anyhow::Result<()> {
        let film = self.env.create_film(film(self.films.len() + 1)).await?;
        self.films.push(film);
        Ok(())
    }

    /// Waits until somebody has written one of the films since now. Fails where none is at work any more: a disruption
    /// would then disrupt nothing.
    pub async fn next_write(&self) -> anyhow::Result<()> {
        let jobs = self.env.api::<VideoJob>();
        let done =
            |job: &VideoJob| job.status.as_ref().and_then(|status| status.phase) == Some(Phase::Succeeded);
        let at_work = !jobs.list(&ListParams::default()).await?.iter().all(done);
        ensure!(at_work, "the batch has ended too early");
        let mut before = None;
        wait::until(&jobs, watcher::Config::default(), "another write of a film", |all| {
            let versions: Vec<_> = all.values().map(ResourceExt::resource_version).collect();
            let first = before.get_or_insert_with(|| versions.clone());
            (*first != versions).then_some(())
        })
        .await
    }

    /// All films are finished, each scene was made once and each clip paid for once, and the account's ledger says the
    /// same.
    pub async fn finishes_unharmed(&self) -> anyhow::Result<()> {
        for film in &self.films {
            film.succeeded().await?;
        }
        let scenes = SCENES * FILMS;
        let paid = self.grok.paid(Operation::Video).await?;
        ensure!(paid.len() == scenes && paid.values().all(|times| *times == 1), "paid: {paid:?}");
        let made = bucket::writes(&format!("{}/clips/", self.env.namespace)).await?;
        let twice: BTreeMap<_, _> = made.iter().filter(|(_, times)| **times > 1).collect();
        ensure!(twice.is_empty(), "made more than once: {twice:?}");
        for part in ["/images/", "/r1/clips/"] {
            let keys = made.keys().filter(|key| key.contains(part)).count();
            ensure!(keys >= scenes, "{keys} keys with {part} were counted of {scenes} scenes");
        }
        self.grok.usage_agrees("generations", Operation::Video).await
    }
}

/// A film of which no scene is like another film's, so that what is paid for twice would be seen. It fails if any of what
/// strikes it is counted as a failure.
fn film(number: usize) -> NewFilm {
    let scene = |scene: usize| {
        json!({
            "id": format!("s{scene}"),
            "narration": "The sea.",
            "imagePrompt": format!("Wave {scene} of sea {number}"),
            "motionPrompt": format!("Wave {scene} of sea {number} breaks"),
        })
    };
    let scenes: Vec<Value> = (1..=SCENES).map(scene).collect();
    // As small as the others', so that all of them find a place.
    let small = json!({"resources": {"requests": {"cpu": "50m"}}});
    animated(SCENES).named(&format!("film-{number}")).without_retries().with(json!({
        "scenes": scenes,
        "compute": {"steps": {"write-script": small, "animate-scenes": small}},
    }))
}
