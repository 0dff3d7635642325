//! animate-scenes: a clip for every scene. The embedded way makes no file: the scene's picture moves
//! within the film's own pass, and the document says so with an empty key. An external animator is asked for as
//! many seconds as the scene's voice needs, rounded up to what it sells. A clip that was bought for a voice that has
//! grown a little since is kept, unless `fit` is `Regenerate`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use videofactory_crds::StepName;
use videofactory_crds::settings::{ClipFit, TransitionKind};
use videofactory_crds::units::Money;
use videofactory_pipeline::documents::{Clips, Images, SceneClip, SceneImage, Voices};
use videofactory_pipeline::inputs::clip_digest;
use videofactory_pipeline::storyboard::{Scene, Storyboard};
use videofactory_pipeline::timeline::{
    FrameRate, Samples, SceneNeeds, Sold as Lengths, Timeline, bought_seconds, nearly_enough,
};
use videofactory_pipeline::{Digest, Settings};
use videofactory_providers::{
    Animator, Clip, ClipRequest, ClipState, Lengths as Offered, ProviderError, Sold, Ticket,
};
use videofactory_storage::PutOptions;

use super::external_client::{self, EMBEDDED_MODEL, ExternalClient};
use super::scenes::{SceneWork, each_scene, require_asset};
use super::{credits, keep_document, pictures, read_document};
use crate::context::Context;
use crate::outcome::{Made, StepError};
use crate::paid::{Answer, PaidRequest};

/// Settles how every scene moves.
pub async fn run(context: &Context) -> Result<Made, StepError> {
    let storyboard: Storyboard = read_document(context, StepName::WriteScript).await?;
    let images: Images = read_document(context, StepName::GenerateImages).await?;
    let external = external_client::animator(context).await?;
    let mut model = EMBEDDED_MODEL.to_owned();
    let mut lengths = BTreeMap::new();
    if let Some(external) = &external {
        model = external.model_name(context, Sold::VideoSecond);
        lengths = bought(context, &storyboard, external).await?;
    }
    let images = images.scenes.into_iter().map(|image| (image.id.clone(), image)).collect();
    let work = Motions { context, images, lengths, external };
    let scenes = each_scene(context, &storyboard.scenes, &work).await?;
    let mut credits = BTreeMap::new();
    if work.external.as_ref().is_some_and(ExternalClient::chooses) {
        let made = scenes.iter().map(|scene| (scene.id.clone(), scene.digest.clone())).collect();
        credits = credits::of_scenes(context, made).await?;
    }
    let clips = scenes.iter().filter(|scene| !scene.key.is_empty()).count();
    let message = format!("{clips} scenes have a clip, {} move as pictures", scenes.len() - clips);
    let (_, output) = keep_document(context, Clips { scenes, credits }, false).await?;
    Ok(Made { output: Some(output), model, message, ..Made::default() })
}

/// How long a scene's clip is to be, in seconds.
struct Length {
    /// What is bought: the picture's time in the film, as the animator sells it.
    bought: u32,
    /// What will do instead if it is there, best first.
    instead: Vec<u32>,
}

/// The length of each scene's clip.
async fn bought(
    context: &Context,
    storyboard: &Storyboard,
    external: &ExternalClient<dyn Animator>,
) -> Result<BTreeMap<String, Length>, StepError> {
    let voices: Voices = read_document(context, StepName::NarrateScenes).await?;
    let voices: BTreeMap<&str, f64> =
        voices.scenes.iter().map(|voice| (voice.id.as_str(), voice.seconds)).collect();
    let timeline = lay_out(&context.input.settings, storyboard, &voices)?;
    let offered = external.client.lengths(&external.model);
    let sold = match offered {
        Offered::Range(least, most) => Lengths::Range(least, most),
        Offered::Only(lengths) => Lengths::Lengths(lengths),
    };
    let seconds = timeline.scenes.iter().map(|place| timeline.rate.seconds(place.picture));
    let ids = storyboard.scenes.iter().map(|scene| scene.id.clone());
    let animation = context.input.settings.providers.animation.as_ref();
    let regenerates = animation.is_some_and(|provider| provider.fit == ClipFit::Regenerate);
    let length = |needed: f64| Length {
        bought: bought_seconds(needed, sold),
        instead: if regenerates { Vec::new() } else { nearly_enough(needed, sold) },
    };
    Ok(ids.zip(seconds.map(length)).collect())
}

fn lay_out(
    settings: &Settings,
    storyboard: &Storyboard,
    voices: &BTreeMap<&str, f64>,
) -> Result<Timeline, StepError> {
    let fps = u32::try_from(settings.format.fps).unwrap_or_default();
    let rate = FrameRate::new(fps).map_err(|error| StepError::FollowSettings(error.to_string()))?;
    let crossfade = match settings.transition.kind {
        TransitionKind::Crossfade => settings.transition.seconds,
        TransitionKind::Cut => 0.0,
    };
    let needs = storyboard.scenes.iter().map(|scene| SceneNeeds {
        voice: voices.get(scene.id.as_str()).filter(|seconds| **seconds > 0.0).map(|s| Samples::nearest(*s)),
        least_seconds: scene.min_seconds,
    });
    Timeline::lay_out(rate, crossfade, &needs.collect::<Vec<_>>())
        .map_err(|error| StepError::FollowSettings(error.to_string()))
}

struct Motions<'a> {
    context: &'a Context,
    images: BTreeMap<String, SceneImage>,
    /// Empty without an external account.
    lengths: BTreeMap<String, Length>,
    external: Option<ExternalClient<dyn Animator>>,
}

impl SceneWork for Motions<'_> {
    type Entry = SceneClip;

    fn is_external(&self) -> bool {
        self.external.is_some()
    }

    async fn find(&self, scene: &Scene) -> Result<Option<SceneClip>, StepError> {
        let digest = self.digest(scene)?;
        let key = scene.assets.clip.clone();
        if !key.is_empty() {
            require_asset(self.context, scene, &key).await?;
        }
        if self.external.is_none() || !key.is_empty() {
            return Ok(Some(SceneClip { id: scene.id.clone(), digest, key }));
        }
        let instead = self.lengths.get(&scene.id).map_or(&[][..], |length| &length.instead);
        for seconds in std::iter::once(self.seconds(scene)).chain(instead.iter().copied()) {
            let digest = self.digest_of(scene, seconds)?;
            let key = self.context.keys.clip(&digest);
            if self.context.bucket.head(&key).await?.is_some() {
                return Ok(Some(SceneClip { id: scene.id.clone(), digest, key }));
            }
        }
        Ok(None)
    }

    async fn begin(&self, missing: &[&Scene]) -> Result<(), StepError> {
        let Some(external) = &self.external else { return Ok(()) };
        if external.chooses() {
            external.client.avoid(&external.account.known_ids().await?);
        }
        let digests: Result<BTreeSet<_>, _> = missing.iter().map(|scene| self.digest(scene)).collect();
        let digests = digests?;
        // In a preview nobody knows which other clips are wanted: the pictures that they move may still have to be made.
        if self.context.input.preview_scene.is_none() {
            external.cancel_unwanted(&digests).await?;
        }
        external.account.expect(digests).await
    }

    async fn make(&self, scene: &Scene) -> Result<SceneClip, StepError> {
        let Some(external) = &self.external else {
            // `find` answers for every scene.
            return Err(StepError::Break(format!("scene {} has neither a picture nor a clip", scene.id)));
        };
        let digest = self.digest(scene)?;
        let seconds = self.seconds(scene);
        let image = self.image(scene)?;
        let context = self.context;
        let animation = Animation { context, external, scene, image, seconds, digest: digest.clone() };
        match external.account.submit(&animation).await {
            Ok(()) => {
                let key = context.keys.clip(&digest);
                Ok(SceneClip { id: scene.id.clone(), digest, key })
            }
            Err(error) if self.may_stand_still(external, &error) => {
                tracing::info!(scene = scene.id, %error, "the scene moves as a picture");
                external.account.is_not_needed(&digest);
                Ok(SceneClip { id: scene.id.clone(), digest, key: String::new() })
            }
            Err(error) => Err(error),
        }
    }
}

impl Motions<'_> {
    fn image(&self, scene: &Scene) -> Result<&SceneImage, StepError> {
        self.images.get(&scene.id).ok_or_else(|| StepError::FindArtifact {
            what: format!("the picture of scene {}", scene.id),
            from: StepName::GenerateImages,
        })
    }

    /// What is bought for a scene.
    fn seconds(&self, scene: &Scene) -> u32 {
        self.lengths.get(&scene.id).map_or(0, |length| length.bought)
    }

    fn digest(&self, scene: &Scene) -> Result<Digest, StepError> {
        self.digest_of(scene, self.seconds(scene))
    }

    fn digest_of(&self, scene: &Scene, seconds: u32) -> Result<Digest, StepError> {
        let input = &self.context.input;
        Ok(clip_digest(input.job.run, &input.settings, scene, &self.image(scene)?.digest, seconds))
    }

    /// Whether the scene is to move as a picture instead of waiting for the account.
    fn may_stand_still(&self, external: &ExternalClient<dyn Animator>, error: &StepError) -> bool {
        let waits = match error {
            StepError::AwaitQuota | StepError::AskProvider(ProviderError::RateLimited { .. }) => true,
            StepError::SkipAfterFailure => external.account.is_rate_limited(),
            _ => false,
        };
        waits && self.context.input.still_motion && !self.context.input.survey
    }
}

/// A clip that is bought.
struct Animation<'a> {
    context: &'a Context,
    external: &'a ExternalClient<dyn Animator>,
    scene: &'a Scene,
    image: &'a SceneImage,
    seconds: u32,
    digest: Digest,
}

/// A clip that came.
struct Bought {
    bytes: Bytes,
    cost: Option<Money>,
}

impl From<Clip> for Bought {
    fn from(clip: Clip) -> Self {
        Self { bytes: clip.bytes.into(), cost: clip.cost_micros.map(Money::from_micros) }
    }
}

impl PaidRequest for Animation<'_> {
    type Artifact = Bought;
    type Prepared = ClipRequest;

    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn price(&self) -> Money {
        self.external.price(self.context, Sold::VideoSecond, self.seconds)
    }

    fn cost(&self, clip: &Bought) -> Money {
        clip.cost.unwrap_or_else(|| self.price())
    }

    async fn is_there(&self) -> Result<bool, StepError> {
        Ok(self.context.bucket.head(&self.context.keys.clip(&self.digest)).await?.is_some())
    }

    async fn prepare(&self) -> Result<ClipRequest, StepError> {
        let picture = pictures::fetch(self.context, &self.image.key).await?;
        let picture = picture.ok_or_else(|| StepError::FindArtifact {
            what: self.image.key.clone(),
            from: StepName::GenerateImages,
        })?;
        let (width, height) = self.context.input.settings.frame();
        // A scene that says nothing of its motion shows what its picture shows.
        let moves = &self.scene.motion_prompt;
        let moves = if moves.trim().is_empty() { &self.scene.image_prompt } else { moves };
        let prompt = [moves.as_str(), self.scene.camera.as_str()];
        Ok(ClipRequest {
            model: self.external.model.clone(),
            prompt: prompt.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "),
            picture,
            seconds: self.seconds,
            width,
            height,
        })
    }

    fn id_of(&self, ticket: &Ticket) -> Option<String> {
        self.external.client.id_of(ticket)
    }

    async fn submit(&self, request: &ClipRequest, ticket: &Ticket) -> Result<Answer<Bought>, ProviderError> {
        self.external.client.submit(request, ticket).await.map(Answer::Accepted)
    }

    async fn poll(&self, id: &str) -> Result<Option<Bought>, ProviderError> {
        match self.external.client.poll(id).await? {
            ClipState::Pending { percent } => {
                tracing::debug!(scene = self.scene.id, id, percent, "the clip is being made");
                Ok(None)
            }
            ClipState::Done(clip) => Ok(Some(clip.into())),
        }
    }

    async fn store(&self, clip: &Bought) -> Result<(), StepError> {
        let key = self.context.keys.clip(&self.digest);
        self.context.bucket.put_once(&key, clip.bytes.clone(), &PutOptions::of_type("video/mp4")).await?;
        Ok(())
    }
}
