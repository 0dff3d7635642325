//! narrate-scenes: a voice for every scene that says something, with the time of each word beside it.

use videofactory_crds::StepName;
use videofactory_embedded::Embedded;
use videofactory_pipeline::Digest;
use videofactory_pipeline::documents::{SceneVoice, Voices, Words};
use videofactory_pipeline::inputs::voice_digest;
use videofactory_pipeline::storyboard::{Scene, Storyboard};
use videofactory_providers::{NarrationRequest, Narrator, Sold, Speech};

use super::external_client::{self, EMBEDDED_MODEL, ExternalClient};
use super::scene_voice::{is_silent, store_voice, voice_for};
use super::scenes::{SceneWork, conclude, each_scene, find_scenes, make_scenes, wanted_places};
use super::{bought_voices, keep_document, own_voice, read_document};
use crate::context::Context;
use crate::outcome::{Made, StepError};

/// Makes the voices that are missing.
///
/// The embedded voice is asked scene by scene whatever `grouping` says: it speaks each text alike, and
/// what is spoken is kept.
pub async fn run(context: &Context) -> Result<Made, StepError> {
    let storyboard: Storyboard = read_document(context, StepName::WriteScript).await?;
    let external = external_client::narrator(context).await?;
    let (scenes, model) = match &external {
        None => (
            each_scene(context, &storyboard.scenes, &Narration { context }).await?,
            EMBEDDED_MODEL.to_owned(),
        ),
        Some(external) => (
            bought(context, external, &storyboard.scenes).await?,
            external.model_name(context, Sold::NarrationSecond),
        ),
    };
    let made = context.progress.report().unwrap_or_default().made;
    let spoken = scenes.iter().filter(|scene| !scene.key.is_empty()).count();
    let message = format!("{spoken} scenes have a voice, {made} of them new");
    let (_, output) = keep_document(context, Voices { scenes }, made > 0).await?;
    Ok(Made { output: Some(output), model, message, ..Made::default() })
}

/// Recordings of the user's own are read, all other voices bought.
async fn bought(
    context: &Context,
    external: &ExternalClient<dyn Narrator>,
    scenes: &[Scene],
) -> Result<Vec<SceneVoice>, StepError> {
    let work = Narration { context };
    let wanted = wanted_places(context, scenes)?;
    let mut entries = find_scenes(context, scenes, &wanted, &work).await?;
    let missing: Vec<usize> = wanted.iter().copied().filter(|place| entries[*place].is_none()).collect();
    let (spoken, own): (Vec<usize>, Vec<usize>) =
        missing.into_iter().partition(|place| bought_voices::needs_paid_voice(&scenes[*place]));
    let mut failed = make_scenes(context, scenes, &work, &own, &mut entries).await;
    failed.extend(
        bought_voices::narrate_missing(context, external, scenes, |scene| work.digest(scene), &spoken)
            .await?,
    );
    for place in spoken {
        entries[place] = work.find(&scenes[place]).await?;
    }
    conclude(context, &wanted, entries, failed)
}

struct Narration<'a> {
    context: &'a Context,
}

impl SceneWork for Narration<'_> {
    type Entry = SceneVoice;

    async fn find(&self, scene: &Scene) -> Result<Option<SceneVoice>, StepError> {
        let digest = self.digest(scene);
        if is_silent(scene) {
            let (key, words) = (String::new(), String::new());
            return Ok(Some(SceneVoice { id: scene.id.clone(), digest, key, words, seconds: 0.0 }));
        }
        let (key, words_key) = (self.context.keys.voice(&digest), self.context.keys.words(&digest));
        let Some(words) = self.context.bucket.get_json::<Words>(&words_key).await? else { return Ok(None) };
        if self.context.bucket.head(&key).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(SceneVoice { id: scene.id.clone(), digest, key, words: words_key, seconds: words.seconds }))
    }

    async fn make(&self, scene: &Scene) -> Result<SceneVoice, StepError> {
        let speech = if scene.assets.voice.is_empty() {
            self.speak(scene).await?
        } else {
            own_voice::read(self.context, scene).await?
        };
        let digest = self.digest(scene);
        let seconds = store_voice(self.context, &digest, &speech).await?;
        let (key, words) = (self.context.keys.voice(&digest), self.context.keys.words(&digest));
        Ok(SceneVoice { id: scene.id.clone(), digest, key, words, seconds })
    }
}

impl Narration<'_> {
    fn digest(&self, scene: &Scene) -> Digest {
        voice_digest(self.context.input.job.run, &self.context.input.settings, scene)
    }

    async fn speak(&self, scene: &Scene) -> Result<Speech, StepError> {
        let settings = &self.context.input.settings;
        let request = NarrationRequest {
            model: videofactory_providers::Model::default(),
            texts: vec![scene.narration.clone()],
            language: settings.language.clone(),
            voice: voice_for(settings, scene),
            speed: settings.providers.narration.as_ref().map_or(1.0, |provider| provider.speed),
        };
        let speeches = Embedded.narrate(&request).await?;
        speeches
            .into_iter()
            .next()
            .ok_or_else(|| StepError::Break("a narration without a speech came".to_owned()))
    }
}
