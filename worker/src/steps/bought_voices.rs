//! Voices that are bought: one request for the scenes that are missing, or one each. What comes is stored as
//! it is; each scene's voice is then cut out of what is stored, so that an attempt that dies in between buys
//! nothing again, and two attempts cut out the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use serde_json::json;
use videofactory_crds::settings::Grouping;
use videofactory_crds::units::Money;
use videofactory_pipeline::Digest;
use videofactory_pipeline::storyboard::Scene;
use videofactory_providers::wav::{self, Sound};
use videofactory_providers::{NarrationRequest, Narrator, ProviderError, Sold, Speech, Ticket, TimingLevel};
use videofactory_storage::PutOptions;

use super::external_client::ExternalClient;
use super::scene_voice::{is_silent, store_voice, voice_for};
use super::scenes::{count, log_failure};
use crate::context::Context;
use crate::outcome::StepError;
use crate::paid::{Answer, PaidRequest};
use videofactory_film::speech::{self, Heard};

/// One request speaks at most so many seconds: services cut off longer ones.
const MAX_SECONDS: f64 = 480.0;
/// Most bytes of a stored narration.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// The silence between speeches that came one by one, in seconds.
const SILENCE: u32 = 1;

/// Which scenes a narration speaks, in order: written before it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What their voices are made from.
    scenes: Vec<Digest>,
    /// What they say.
    texts: Vec<String>,
}

impl Plan {
    fn digest(&self) -> Digest {
        Digest::of(&json!({"narration": self.scenes}))
    }
}

/// One request for voices.
struct NarrationBatch<'a> {
    context: &'a Context,
    external: &'a ExternalClient<dyn Narrator>,
    plan: Plan,
    digest: Digest,
    voice: String,
    /// The scenes' places in the storyboard.
    places: Vec<usize>,
}

/// A speech that came, as it is stored.
struct Spoken {
    wav: Bytes,
    seconds: f64,
    /// The words' times, if the service reported them.
    heard: Option<Heard>,
}

impl Spoken {
    fn of(speech: &Speech, texts: &[String]) -> Self {
        let heard = speech::reported(speech, texts);
        Self { wav: speech.to_wav().into(), seconds: speech.duration().as_secs_f64(), heard }
    }
}

impl PaidRequest for NarrationBatch<'_> {
    type Artifact = Spoken;
    type Prepared = NarrationRequest;

    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn price(&self) -> Money {
        self.of_seconds(self.plan.texts.iter().map(|text| speech::expected_seconds(text)).sum())
    }

    fn cost(&self, speech: &Spoken) -> Money {
        self.of_seconds(speech.seconds)
    }

    async fn is_there(&self) -> Result<bool, StepError> {
        Ok(self.context.bucket.head(&self.context.keys.narration(&self.digest)).await?.is_some())
    }

    async fn prepare(&self) -> Result<NarrationRequest, StepError> {
        let plan = self.context.keys.narration_plan(&self.digest);
        self.context.bucket.put_json_once(&plan, &self.plan).await?;
        let settings = &self.context.input.settings;
        Ok(NarrationRequest {
            model: self.external.model.clone(),
            texts: self.plan.texts.clone(),
            language: settings.language.clone(),
            voice: self.voice.clone(),
            speed: settings.providers.narration.as_ref().map_or(1.0, |provider| provider.speed),
        })
    }

    async fn submit(&self, request: &NarrationRequest, _: &Ticket) -> Result<Answer<Spoken>, ProviderError> {
        let speeches = self.external.client.narrate(request).await?;
        let whole = joined(speeches).map(|whole| Spoken::of(&whole, &self.plan.texts));
        whole.map(Answer::Delivered).ok_or_else(|| ProviderError::Unexpected {
            provider: "The narrator",
            message: "it answered without a speech".to_owned(),
        })
    }

    async fn poll(&self, _: &str) -> Result<Option<Spoken>, ProviderError> {
        Err(ProviderError::Unexpected {
            provider: "The narrator",
            message: "speeches have no ids".to_owned(),
        })
    }

    async fn store(&self, speech: &Spoken) -> Result<(), StepError> {
        let key = self.context.keys.narration(&self.digest);
        let bucket = &self.context.bucket;
        let stored = bucket.put_once(&key, speech.wav.clone(), &PutOptions::of_type("audio/wav")).await?;
        // Times are those of this sound only. If they are not stored, they are found in the sound.
        if let Some(heard) = speech.heard.as_ref().filter(|_| stored.is_created()) {
            bucket.put_json_once(&self.context.keys.narration_words(&self.digest), heard).await?;
        }
        Ok(())
    }
}

impl NarrationBatch<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the seconds of a film, at least 0"
    )]
    fn of_seconds(&self, seconds: f64) -> Money {
        self.external.price(self.context, Sold::NarrationSecond, seconds.ceil() as u32)
    }
}

/// Buys the voices of these scenes, those that earlier attempts have paid for left out; the failures, each
/// with a scene's id.
pub async fn narrate_missing(
    context: &Context,
    external: &ExternalClient<dyn Narrator>,
    scenes: &[Scene],
    digest: impl Fn(&Scene) -> Digest,
    missing: &[usize],
) -> Result<Vec<(String, StepError)>, StepError> {
    let wanted: BTreeSet<Digest> = missing.iter().map(|place| digest(&scenes[*place])).collect();
    let there = recover_stored(context, &wanted).await?;
    for place in missing.iter().filter(|place| there.contains(&digest(&scenes[**place]))) {
        context.progress.made(count(*place));
    }
    let left: Vec<(usize, Digest)> = missing
        .iter()
        .map(|place| (*place, digest(&scenes[*place])))
        .filter(|(_, digest)| !there.contains(digest))
        .collect();
    let batches = batches(context, external, scenes, left);
    external.account.expect(batches.iter().map(|batch| batch.digest.clone())).await?;
    let all = batches.len().max(1);
    let spoken = stream::iter(0..batches.len()).map(|place| narrate_batch(context, scenes, &batches[place]));
    let failed: Vec<Option<(String, StepError)>> = spoken.buffer_unordered(all).collect().await;
    Ok(failed.into_iter().flatten().collect())
}

async fn narrate_batch(
    context: &Context,
    scenes: &[Scene],
    batch: &NarrationBatch<'_>,
) -> Option<(String, StepError)> {
    let spoken = match batch.external.account.submit(batch).await {
        Ok(()) => cut_up(context, &batch.digest, &batch.plan).await,
        Err(error) => Err(error),
    };
    let Err(error) = spoken else {
        for place in &batch.places {
            context.progress.made(count(*place));
        }
        return None;
    };
    let id = batch.places.first().map(|place| scenes[*place].id.clone()).unwrap_or_default();
    log_failure(context, &batch.places, &id, &error);
    Some((id, error))
}

/// One for each voice, or one for each scene. Scenes that say the same in the same voice are spoken once.
fn batches<'a>(
    context: &'a Context,
    external: &'a ExternalClient<dyn Narrator>,
    scenes: &[Scene],
    left: Vec<(usize, Digest)>,
) -> Vec<NarrationBatch<'a>> {
    let settings = &context.input.settings;
    let grouping = settings.providers.narration.as_ref().map(|provider| provider.grouping);
    let together = grouping.unwrap_or(Grouping::Film) == Grouping::Film;
    let mut open: BTreeMap<String, (NarrationBatch<'a>, f64)> = BTreeMap::new();
    let mut closed = Vec::new();
    for (place, digest) in left {
        let scene = &scenes[place];
        let voice = voice_for(settings, scene);
        let seconds = speech::expected_seconds(&scene.narration);
        let is_full = |(batch, length): &(NarrationBatch<'_>, f64)| {
            !batch.plan.scenes.contains(&digest) && (!together || length + seconds > MAX_SECONDS)
        };
        if open.get(&voice).is_some_and(is_full) {
            closed.extend(open.remove(&voice));
        }
        let (batch, length) = open.entry(voice.clone()).or_insert_with(|| {
            let plan = Plan { scenes: Vec::new(), texts: Vec::new() };
            (
                NarrationBatch { context, external, digest: plan.digest(), plan, voice, places: Vec::new() },
                0.0,
            )
        });
        batch.places.push(place);
        if !batch.plan.scenes.contains(&digest) {
            batch.plan.scenes.push(digest);
            batch.plan.texts.push(scene.narration.clone());
            *length += seconds;
        }
    }
    closed.extend(open.into_values());
    let named = closed.into_iter().map(|(batch, _)| NarrationBatch { digest: batch.plan.digest(), ..batch });
    let mut named: Vec<_> = named.collect();
    named.sort_by_key(|batch| batch.places.first().copied());
    named
}

/// Cuts the voices that are wanted out of narrations that were stored before; whose voices are there then.
async fn recover_stored(context: &Context, wanted: &BTreeSet<Digest>) -> Result<BTreeSet<Digest>, StepError> {
    let mut there = BTreeSet::new();
    if wanted.is_empty() {
        return Ok(there);
    }
    for key in stored(context).await? {
        let name = key.rsplit('/').next().and_then(|name| name.strip_suffix(".wav"));
        let Some(digest) = name.and_then(Digest::from_hex) else { continue };
        let Some(plan) = context.bucket.get_json::<Plan>(&context.keys.narration_plan(&digest)).await? else {
            continue;
        };
        if plan.scenes.iter().any(|scene| wanted.contains(scene) && !there.contains(scene)) {
            cut_up(context, &digest, &plan).await?;
            there.extend(plan.scenes.iter().filter(|scene| wanted.contains(scene)).cloned());
        }
    }
    Ok(there)
}

async fn stored(context: &Context) -> Result<Vec<String>, StepError> {
    let objects = context.bucket.list(&context.keys.narrations());
    Ok(objects.map_ok(|object| object.key).try_collect().await?)
}

/// Stores each scene's part of a narration as its voice.
async fn cut_up(context: &Context, digest: &Digest, plan: &Plan) -> Result<(), StepError> {
    let bytes = context.bucket.get(&context.keys.narration(digest), MAX_BYTES).await?;
    let whole = decode(&bytes).ok_or_else(|| {
        StepError::Break(format!("{} is no sound of one channel", context.keys.narration(digest)))
    })?;
    let whole = Arc::new(whole);
    let heard = heard(context, digest, plan, &whole).await?;
    for (scene, part) in plan.scenes.iter().zip(speech::cut(&whole, &heard)) {
        store_voice(context, scene, &part).await?;
    }
    Ok(())
}

/// Where the narration speaks each scene. What was found first holds: an attempt that finds something else, because a
/// program was slow or is another version, would cut out parts that do not fit those which are there.
async fn heard(
    context: &Context,
    digest: &Digest,
    plan: &Plan,
    whole: &Arc<Speech>,
) -> Result<Heard, StepError> {
    let key = context.keys.narration_words(digest);
    if let Some(heard) = context.bucket.get_json::<Heard>(&key).await? {
        return Ok(heard);
    }
    let heard = speech::listen(whole, &plan.texts, &context.input.settings.language).await;
    context.bucket.put_json_once(&key, &heard).await?;
    Ok(context.bucket.get_json::<Heard>(&key).await?.unwrap_or(heard))
}

fn decode(file: &[u8]) -> Option<Speech> {
    let Sound { samples, rate } = wav::read(file)?;
    Some(Speech { samples, sample_rate: rate, words: Vec::new(), level: TimingLevel::Estimated })
}

/// The speeches as one, with silence between them where there are several; `None` without any sound.
fn joined(speeches: Vec<Speech>) -> Option<Speech> {
    let mut all = speeches.into_iter();
    let mut whole = all.next()?;
    for next in all {
        if next.sample_rate != whole.sample_rate {
            return None;
        }
        let silence = usize::try_from(whole.sample_rate * SILENCE).unwrap_or_default();
        whole.samples.extend(std::iter::repeat_n(0, silence));
        whole.samples.extend(next.samples);
    }
    (!whole.samples.is_empty()).then_some(whole)
}

/// Whether the scene's voice is paid for, if narration has an external account.
pub fn needs_paid_voice(scene: &Scene) -> bool {
    scene.assets.voice.is_empty() && !is_silent(scene)
}
