//! The steps: one module each, named as in the graph. Every step reads the documents of the steps
//! before, makes what is missing, and writes its own document once.

mod animate_scenes;
mod assemble_video;
mod bought_voices;
mod credits;
mod external_client;
mod film_request;
mod generate_images;
mod narrate_scenes;
mod own_voice;
mod pictures;
mod preflight;
mod publish_outside;
mod publish_video;
mod scene_voice;
mod scenes;
mod script_review;
mod script_versions;
mod sections;
mod spoken;
mod write_script;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use videofactory_crds::StepName;
use videofactory_pipeline::{Digest, documents};
use videofactory_storage::PutOptions;

use crate::context::Context;
use crate::outcome::{Made, StepError};

/// Runs the step that the input names.
pub async fn run(context: &Context) -> Result<Made, StepError> {
    match context.input.step {
        StepName::WriteScript => write_script::run(context).await,
        StepName::GenerateImages => generate_images::run(context).await,
        StepName::NarrateScenes => narrate_scenes::run(context).await,
        StepName::AnimateScenes => animate_scenes::run(context).await,
        StepName::AssembleVideo => assemble_video::run(context).await,
        StepName::PublishVideo => publish_video::run(context).await,
    }
}

/// The document of a step before, which must be what it was when this attempt was planned.
async fn read_document<T: DeserializeOwned>(context: &Context, from: StepName) -> Result<T, StepError> {
    let gone = || StepError::FindArtifact { what: format!("the result of {from}"), from };
    let upstream = context.input.upstream.get(&from).ok_or_else(gone)?;
    let key = context.keys.document(from, &upstream.input);
    let document: Value = context.bucket.get_json(&key).await?.ok_or_else(gone)?;
    if Digest::of(&document) != upstream.output {
        return Err(StepError::FindArtifact {
            what: format!("the result of {from} as it was ({key})"),
            from,
        });
    }
    parse_document(&key, document)
}

/// This step's own document, if an attempt before has written it.
async fn find_own_document<T: DeserializeOwned>(context: &Context) -> Result<Option<T>, StepError> {
    let key = context.keys.document(context.input.step, &context.input.input);
    match context.bucket.get_json::<Value>(&key).await? {
        Some(document) => parse_document(&key, document).map(Some),
        None => Ok(None),
    }
}

/// Writes this step's document, unless one exists for the same inputs: that one wins. Only when this
/// attempt has `remade` what the document speaks of, because it was gone, and it came out differently,
/// the new one takes its place. Returns the document in force and its digest.
async fn keep_document<T>(context: &Context, document: T, remade: bool) -> Result<(T, Digest), StepError>
where
    T: Serialize + DeserializeOwned + Sync,
{
    let key = context.keys.document(context.input.step, &context.input.input);
    let output = documents::digest_of(&document);
    if context.bucket.put_json_once(&key, &document).await?.is_created() {
        return Ok((document, output));
    }
    let Some(existing) = context.bucket.get_json::<Value>(&key).await? else { return Ok((document, output)) };
    let existing_output = Digest::of(&existing);
    if !remade || existing_output == output {
        return Ok((parse_document(&key, existing)?, existing_output));
    }
    let text = serde_json::to_vec(&document).map_err(|error| StepError::Break(error.to_string()))?;
    context.bucket.put(&key, text, &PutOptions::of_type("application/json")).await?;
    Ok((document, output))
}

fn parse_document<T: DeserializeOwned>(key: &str, document: Value) -> Result<T, StepError> {
    serde_json::from_value(document)
        .map_err(|error| StepError::Break(format!("{key} does not read: {error}")))
}
