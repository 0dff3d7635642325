//! generate-images: a picture for every scene, drawn, bought or the user's own. Its key holds the digest of
//! what it was made from.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use videofactory_crds::StepName;
use videofactory_crds::units::Money;
use videofactory_embedded::Embedded;
use videofactory_pipeline::Digest;
use videofactory_pipeline::documents::{Images, SceneImage};
use videofactory_pipeline::inputs::image_digest;
use videofactory_pipeline::keys::ImageFormat;
use videofactory_pipeline::storyboard::{Scene, Storyboard};
use videofactory_providers::{
    Artist, Character, Drawn, Illustrator, Picture, PictureRequest, ProviderError, Sold, Ticket,
};
use videofactory_storage::PutOptions;

use super::external_client::{self, EMBEDDED_MODEL, ExternalClient};
use super::scenes::{SceneWork, each_scene, require_asset};
use super::{credits, keep_document, pictures, read_document};
use crate::context::Context;
use crate::outcome::{Made, StepError};
use crate::paid::{Answer, PaidRequest};

/// Makes the pictures that are missing.
pub async fn run(context: &Context) -> Result<Made, StepError> {
    let storyboard: Storyboard = read_document(context, StepName::WriteScript).await?;
    let external = external_client::artist(context).await?;
    let model = external
        .as_ref()
        .map_or_else(|| EMBEDDED_MODEL.to_owned(), |external| external.model_name(context, Sold::Image));
    let work = Pictures { context, storyboard: &storyboard.scenes, external };
    let scenes = each_scene(context, &storyboard.scenes, &work).await?;
    let mut credits = BTreeMap::new();
    if work.external.as_ref().is_some_and(ExternalClient::chooses) {
        let made = scenes.iter().map(|scene| (scene.id.clone(), scene.digest.clone())).collect();
        credits = credits::of_scenes(context, made).await?;
    }
    let made = context.progress.report().unwrap_or_default().made;
    let message = format!("{} scenes have a picture, {made} of them new", scenes.len());
    let (_, output) = keep_document(context, Images { scenes, credits }, made > 0).await?;
    Ok(Made { output: Some(output), model, message, ..Made::default() })
}

struct Pictures<'a> {
    context: &'a Context,
    storyboard: &'a [Scene],
    external: Option<ExternalClient<dyn Illustrator>>,
}

impl SceneWork for Pictures<'_> {
    type Entry = SceneImage;

    fn is_external(&self) -> bool {
        self.external.is_some()
    }

    async fn find(&self, scene: &Scene) -> Result<Option<SceneImage>, StepError> {
        let digest = self.digest(scene);
        if !scene.assets.image.is_empty() {
            require_asset(self.context, scene, &scene.assets.image).await?;
            return Ok(Some(SceneImage { id: scene.id.clone(), digest, key: scene.assets.image.clone() }));
        }
        let key = find_picture(self.context, &digest).await?;
        Ok(key.map(|key| SceneImage { id: scene.id.clone(), digest, key }))
    }

    async fn begin(&self, missing: &[&Scene]) -> Result<(), StepError> {
        let Some(external) = &self.external else { return Ok(()) };
        if external.chooses() {
            external.client.avoid(&external.account.known_ids().await?);
        }
        let digests: BTreeSet<Digest> = missing.iter().map(|scene| self.digest(scene)).collect();
        external.cancel_unwanted(&self.wanted(&digests)).await?;
        external.account.expect(digests).await
    }

    async fn make(&self, scene: &Scene) -> Result<SceneImage, StepError> {
        let digest = self.digest(scene);
        let key = match &self.external {
            None => {
                let request = request(self.context, scene, &digest, embedded_cast(self.context, scene));
                store(self.context, &digest, &Embedded.draw(&request).await?.into()).await?
            }
            Some(external) => {
                let context = self.context;
                external
                    .account
                    .submit(&Drawing { context, external, scene, digest: digest.clone() })
                    .await?;
                find_picture(context, &digest).await?.ok_or_else(|| StepError::FindArtifact {
                    what: format!("the new picture of scene {}", scene.id),
                    from: StepName::GenerateImages,
                })?
            }
        };
        Ok(SceneImage { id: scene.id.clone(), digest, key })
    }
}

impl Pictures<'_> {
    /// What may be under way: the pictures that are missing, and those that a preview leaves to a later attempt.
    fn wanted(&self, missing: &BTreeSet<Digest>) -> BTreeSet<Digest> {
        let later = self
            .storyboard
            .iter()
            .filter(|scene| self.context.input.preview_scene.is_some() && scene.assets.image.is_empty());
        later.map(|scene| self.digest(scene)).chain(missing.iter().cloned()).collect()
    }

    fn digest(&self, scene: &Scene) -> Digest {
        image_digest(self.context.input.job.run, &self.context.input.settings, scene)
    }
}

/// A picture that is bought.
struct Drawing<'a> {
    context: &'a Context,
    external: &'a ExternalClient<dyn Illustrator>,
    scene: &'a Scene,
    digest: Digest,
}

/// A picture that came, as it is stored.
struct Stored {
    bytes: Bytes,
    media_type: String,
    cost: Option<Money>,
}

impl From<Picture> for Stored {
    fn from(picture: Picture) -> Self {
        let cost = picture.cost_micros.map(Money::from_micros);
        Self { bytes: picture.bytes.into(), media_type: picture.media_type, cost }
    }
}

impl PaidRequest for Drawing<'_> {
    type Artifact = Stored;
    type Prepared = PictureRequest;

    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn price(&self) -> Money {
        self.external.price(self.context, Sold::Image, 1)
    }

    fn cost(&self, picture: &Stored) -> Money {
        picture.cost.unwrap_or_else(|| self.price())
    }

    async fn is_there(&self) -> Result<bool, StepError> {
        Ok(find_picture(self.context, &self.digest).await?.is_some())
    }

    async fn prepare(&self) -> Result<PictureRequest, StepError> {
        let cast = pictures::cast(self.context, self.scene).await?;
        let request = request(self.context, self.scene, &self.digest, cast);
        Ok(PictureRequest { model: self.external.model.clone(), ..request })
    }

    fn id_of(&self, ticket: &Ticket) -> Option<String> {
        self.external.client.id_of(ticket)
    }

    async fn submit(
        &self,
        request: &PictureRequest,
        ticket: &Ticket,
    ) -> Result<Answer<Stored>, ProviderError> {
        Ok(match self.external.client.submit(request, ticket).await? {
            Drawn::Picture(picture) => Answer::Delivered(picture.into()),
            Drawn::Queued(id) => Answer::Accepted(id),
        })
    }

    async fn poll(&self, id: &str) -> Result<Option<Stored>, ProviderError> {
        Ok(self.external.client.poll(id).await?.map(Stored::from))
    }

    async fn store(&self, picture: &Stored) -> Result<(), StepError> {
        store(self.context, &self.digest, picture).await.map(drop)
    }
}

async fn find_picture(context: &Context, digest: &Digest) -> Result<Option<String>, StepError> {
    for format in ImageFormat::ALL {
        let key = context.keys.image(digest, format);
        if context.bucket.head(&key).await?.is_some() {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

async fn store(context: &Context, digest: &Digest, picture: &Stored) -> Result<String, StepError> {
    let known = ImageFormat::ALL.into_iter().find(|format| format.media_type() == picture.media_type);
    let Some(format) = known else {
        return Err(StepError::Break(format!("a picture of type {:?} came", picture.media_type)));
    };
    let key = context.keys.image(digest, format);
    context.bucket.put_once(&key, picture.bytes.clone(), &PutOptions::of_type(format.media_type())).await?;
    Ok(key)
}

fn request(context: &Context, scene: &Scene, digest: &Digest, characters: Vec<Character>) -> PictureRequest {
    let settings = &context.input.settings;
    let (width, height) = settings.frame();
    let prompt = [scene.image_prompt.as_str(), scene.camera.as_str()];
    PictureRequest {
        model: videofactory_providers::Model::default(),
        prompt: prompt.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "),
        style: settings.style.suffix.clone(),
        width,
        height,
        seed: digest.seed(),
        characters,
    }
}

/// Who appears, in words: the embedded illustrator takes no pictures.
fn embedded_cast(context: &Context, scene: &Scene) -> Vec<Character> {
    let all = context.input.settings.characters.iter();
    all.filter(|character| scene.characters.contains(&character.name))
        .map(|character| Character {
            name: character.name.clone(),
            description: character.description.clone().unwrap_or_default(),
            references: Vec::new(),
        })
        .collect()
}
