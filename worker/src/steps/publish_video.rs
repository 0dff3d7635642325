//! publish-video: the film to every target, once a run. A target of type Bucket gets film and metadata under
//! `published/`, a `YouTube` channel an upload, a webhook a call. The record of a publication is asked for
//! first and written last: where it is, nothing is published again, and another film than it speaks of is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use videofactory_crds::StepName;
use videofactory_crds::settings::{PublishTarget, TargetType, Visibility};
use videofactory_crds::videojob::PublicationState;
use videofactory_pipeline::clock;
use videofactory_pipeline::contract::{Artifact, Publication};
use videofactory_pipeline::documents::{CheckResult, Film, Publications};
use videofactory_pipeline::keys::{CaptionFormat, PublishedFile};
use videofactory_pipeline::storyboard::Storyboard;
use videofactory_storage::PutOptions;

use super::external_client::{self, named};
use super::publish_outside::{self as outside, FilmText};
use super::{credits, keep_document, read_document};
use crate::context::Context;
use crate::outcome::{Made, StepError};
use crate::paid::{Account, SubmissionSession};
use crate::publishing::record;

/// Publishes to every target.
pub async fn run(context: &Context) -> Result<Made, StepError> {
    let storyboard: Storyboard = read_document(context, StepName::WriteScript).await?;
    let film: Film = read_document(context, StepName::AssembleVideo).await?;
    let targets = &context.input.settings.publish.targets;
    let accounts = accounts(context).await?;
    let (mut publications, mut failed, mut notes) =
        (Vec::with_capacity(targets.len()), Vec::new(), Vec::new());
    for (place, target) in targets.iter().enumerate() {
        context.progress.say(share(place, targets.len()), &format!("publishing to {}", target.name));
        match publish(context, target, &accounts, &storyboard, &film, &mut notes).await {
            Ok(publication) => {
                context.usage.record_publication(publication.clone());
                publications.push(publication);
            }
            Err(error) => {
                tracing::error!(to = target.name, %error, "failed to publish");
                if matches!(error, StepError::LosePublication { .. }) {
                    context.usage.record_publication(unknown(target));
                }
                failed.push((target.name.clone(), error));
            }
        }
    }
    if !failed.is_empty() {
        return Err(StepError::PublishTargets { failed, total: targets.len() });
    }
    let names: Vec<&str> = publications.iter().map(|publication| publication.target.as_str()).collect();
    let mut message = format!("published to {}", names.join(", "));
    for note in &notes {
        message.push_str("; ");
        message.push_str(note);
    }
    let document = Publications { targets: publications.clone() };
    let (document, output) = keep_document(context, document, false).await?;
    Ok(Made { output: Some(output), publications: document.targets, message, ..Made::default() })
}

/// The accounts that targets name, with what this attempt may publish with them.
async fn accounts(context: &Context) -> Result<BTreeMap<String, Account>, StepError> {
    let mut accounts = BTreeMap::new();
    let mut opened: Option<Arc<SubmissionSession>> = None;
    for target in &context.input.settings.publish.targets {
        let reference = target.account_ref.as_ref().map(|account| account.name.as_str());
        let Some((name, access)) = named(context, reference) else { continue };
        let session = match &opened {
            Some(session) => session.clone(),
            None => opened.insert(external_client::session(context).await?).clone(),
        };
        let progress = context.progress.clone();
        accounts.insert(name.to_owned(), Account::new(session, name, &access.allowance, progress));
    }
    Ok(accounts)
}

fn unknown(target: &PublishTarget) -> Publication {
    Publication { target: target.name.clone(), state: PublicationState::Unknown, ..Publication::default() }
}

/// What is announced of the film beside it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    title: String,
    description: String,
    tags: Vec<String>,
    language: String,
    visibility: Visibility,
    made_for_kids: bool,
    synthetic_media: bool,
    width: u32,
    height: u32,
    seconds: f64,
    sha256: String,
    checks: Vec<CheckResult>,
}

async fn publish(
    context: &Context,
    target: &PublishTarget,
    accounts: &BTreeMap<String, Account>,
    storyboard: &Storyboard,
    film: &Film,
    notes: &mut Vec<String>,
) -> Result<Publication, StepError> {
    if target.type_ == TargetType::Webhook {
        notes.extend(outside::unreachable(context).map(|note| format!("{}: {note}", target.name)));
    }
    if let Some(publication) = record::find(context, &target.name, &film.sha256).await? {
        return Ok(publication);
    }
    require_not_stopped(context)?;
    let metadata = metadata(context, target, storyboard, film);
    let film_text = FilmText {
        title: &metadata.title,
        description: &metadata.description,
        tags: &metadata.tags,
        language: &metadata.language,
    };
    match target.type_ {
        TargetType::Bucket => to_bucket(context, target, film, &metadata).await,
        TargetType::YouTube => outside::to_site(context, target, accounts, film, &film_text, notes).await,
        TargetType::Webhook => outside::to_announcer(context, target, accounts, film, &film_text).await,
    }
}

async fn to_bucket(
    context: &Context,
    target: &PublishTarget,
    film: &Film,
    metadata: &Metadata,
) -> Result<Publication, StepError> {
    let gone = |what: &str| StepError::FindArtifact { what: what.to_owned(), from: StepName::AssembleVideo };
    let video = film.artifacts.video.as_ref().ok_or_else(|| gone("the film"))?;
    let key = copy(context, target, video, PublishedFile::Film, "video/mp4").await?;
    if let Some(thumbnail) = &film.artifacts.thumbnail {
        copy(context, target, thumbnail, PublishedFile::Thumbnail, "image/jpeg").await?;
    }
    for captions in &film.artifacts.captions {
        let format = match captions.key.rsplit_once('.') {
            Some((_, "vtt")) => CaptionFormat::Vtt,
            _ => CaptionFormat::Srt,
        };
        copy(context, target, captions, PublishedFile::Captions(format), format.media_type()).await?;
    }
    let text = serde_json::to_vec_pretty(metadata).map_err(|error| StepError::Break(error.to_string()))?;
    let options = PutOptions::of_type("application/json");
    context
        .bucket
        .put(&context.keys.published(&target.name, PublishedFile::Metadata), text, &options)
        .await?;

    let publication = Publication {
        target: target.name.clone(),
        state: PublicationState::Published,
        url: public_url(context, &key),
        id: key,
        at: clock::now().to_string(),
    };
    // An edit stops a publication: from the record on, this film is the one that was published.
    require_not_stopped(context)?;
    record::keep(context, &target.name, &film.sha256, publication).await
}

/// Nothing more is begun once the attempt was asked to stop.
fn require_not_stopped(context: &Context) -> Result<(), StepError> {
    if context.stop.is_cancelled() { Err(StepError::Stop) } else { Ok(()) }
}

/// Copies one artifact of the film beside the others; what is there with the same bytes stays. Without
/// a record nobody knows what lies there, so an older film may be replaced.
async fn copy(
    context: &Context,
    target: &PublishTarget,
    artifact: &Artifact,
    file: PublishedFile,
    media_type: &str,
) -> Result<String, StepError> {
    let from = context.bucket.head(&artifact.key).await?.ok_or_else(|| StepError::FindArtifact {
        what: artifact.key.clone(),
        from: StepName::AssembleVideo,
    })?;
    let key = context.keys.published(&target.name, file);
    let present = context.bucket.head(&key).await?;
    if from.sha256.is_some() && present.is_some_and(|present| present.sha256 == from.sha256) {
        return Ok(key);
    }
    let path: PathBuf = context.paths.work().join(file.name());
    context.bucket.get_to_file(&artifact.key, &path).await?;
    context.bucket.put_file(&key, &path, &PutOptions::of_type(media_type)).await?;
    Ok(key)
}

fn metadata(context: &Context, target: &PublishTarget, storyboard: &Storyboard, film: &Film) -> Metadata {
    let with_names = |text: &str| fill_in(text, context, storyboard);
    let chosen = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut tags: Vec<String> = Vec::new();
    for word in storyboard.tags.iter().chain(&context.input.brand.tags).chain(target.tags.iter().flatten()) {
        if !tags.contains(word) {
            tags.push(word.clone());
        }
    }
    let description =
        chosen(&target.description).map_or_else(|| storyboard.description.clone(), |text| with_names(&text));
    Metadata {
        title: chosen(&target.title).map_or_else(|| storyboard.title.clone(), |text| with_names(&text)),
        description: credits::below(description, &film.credits),
        tags,
        language: storyboard.language.clone(),
        visibility: target.visibility.unwrap_or(Visibility::Private),
        made_for_kids: target.made_for_kids.unwrap_or(false),
        synthetic_media: target.synthetic_media.unwrap_or(true),
        width: film.width,
        height: film.height,
        seconds: film.artifacts.video.as_ref().map_or(0.0, |video| video.seconds),
        sha256: film.sha256.clone(),
        checks: film.checks.clone(),
    }
}

/// Fills in `{{title}}`, `{{description}}`, `{{topic}}` and `{{name}}`. What is filled in is not looked
/// at again.
fn fill_in(text: &str, context: &Context, storyboard: &Storyboard) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        filled.push_str(before);
        match name.trim() {
            "title" => filled.push_str(&storyboard.title),
            "description" => filled.push_str(&storyboard.description),
            "topic" => filled.push_str(&context.input.topic),
            "name" => filled.push_str(&context.input.job.name),
            _ => filled.extend(["{{", name, "}}"]),
        }
        rest = after;
    }
    filled + rest
}

/// Where browsers find the key, if they reach the bucket at all.
fn public_url(context: &Context, key: &str) -> String {
    let bucket = &context.input.bucket;
    if bucket.public_endpoint.is_empty() {
        return String::new();
    }
    format!(
        "{}/{}/{}{key}",
        bucket.public_endpoint.trim_end_matches('/'),
        bucket.name,
        context.bucket.prefix()
    )
}

#[expect(clippy::cast_precision_loss, reason = "there are at most ten targets")]
fn share(done: usize, of: usize) -> f64 {
    done as f64 / of.max(1) as f64
}
