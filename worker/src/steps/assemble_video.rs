//! assemble-video: the film, its thumbnail and captions, from what the steps before have made. A film
//! that fails its check is kept and named; a person decides.

use std::path::Path;

use videofactory_crds::StepName;
use videofactory_pipeline::contract::{Artifact, Artifacts};
use videofactory_pipeline::documents::{self, CheckOutcome, CheckResult, Film};
use videofactory_pipeline::keys::CaptionFormat;
use videofactory_pipeline::{Digest, clock};
use videofactory_storage::{PutOptions, Stored};

use super::film_request::{self, Parts};
use super::sections::Sections;
use super::{credits, find_own_document, keep_document, read_document};
use crate::context::Context;
use crate::outcome::{Made, StepError};
use videofactory_film as film;
use videofactory_film::request::{CheckResult as Checked, Film as Rendered, Format, SectionFile};

/// The rendering's share of the step's progress; fetching comes before, storing after.
const FETCHED: f64 = 0.05;
const RENDERED: f64 = 0.95;

/// Makes the film.
pub async fn run(context: &Context) -> Result<Made, StepError> {
    if let Some(film) = find_own_document::<Film>(context).await?
        && all_there(context, &film).await?
    {
        let output = documents::digest_of(&film);
        return Ok(conclude(context, film, output, "the film was there already"));
    }
    let parts = Parts {
        storyboard: read_document(context, StepName::WriteScript).await?,
        images: read_document(context, StepName::GenerateImages).await?,
        voices: read_document(context, StepName::NarrateScenes).await?,
        clips: read_document(context, StepName::AnimateScenes).await?,
    };
    context.progress.say(0.0, "fetching pictures and voices");
    let fetching = context.traces.begin("fetch");
    let mut request = film_request::build(context, &parts).await?;
    let sections = Sections::prepare(context, &request).await?;
    request.section_cache = sections.folder();
    if context.stop.is_cancelled() {
        return Err(StepError::Stop);
    }
    fetching.ended(Ok("succeeded"));

    let folder = context.paths.work().join("film");
    tokio::fs::create_dir_all(&folder).await.map_err(|error| StepError::use_file("make", &folder, &error))?;
    let progress = context.progress.clone();
    let say = move |share: f32| {
        progress.say(FETCHED + f64::from(share) * (RENDERED - FETCHED), "rendering the film");
    };
    let (finished, sections_done) = tokio::sync::mpsc::unbounded_channel();
    // Nobody listens any more only if this attempt is being dropped.
    let on_section = move |section: &_| drop(finished.send(SectionFile::clone(section)));
    let began = clock::exact();
    let making = film::assemble(&request, &folder, say, on_section);
    let (rendered, kept) = tokio::join!(making, sections.keep(context, sections_done));
    let rendered = rendered?;
    let seconds = |name: &'static str| Some((name, *rendered.stages.get(name)?));
    context.traces.stages(began, film::STAGES.into_iter().filter_map(seconds));
    for note in &rendered.notes {
        tracing::warn!(note, "the film differs from what was asked for");
    }
    let reused = rendered.sections.iter().filter(|section| section.reused).count();
    tracing::info!(stages = ?rendered.stages, sections = rendered.sections.len(), reused, "the film is rendered");

    context.progress.say(RENDERED, "storing the film");
    let mut storing = context.traces.begin("store");
    storing.say("videofactory.film.bytes", rendered.bytes);
    let sections = sections.store(context, &rendered.sections, &kept).await?;
    let film = store(context, &request.format, &rendered, sections).await?;
    let credits = credits::of_film(&parts.storyboard.scenes, &parts.images, &parts.clips);
    let film = Film { credits, ..film };
    // What an attempt before has said of a film that is gone gives way to this one.
    let (film, output) = keep_document(context, film, true).await?;
    storing.ended(Ok("succeeded"));
    Ok(conclude(context, film, output, "the film is made"))
}

/// Whether the film of an attempt before is still there, byte for byte, with what belongs to it.
async fn all_there(context: &Context, film: &Film) -> Result<bool, StepError> {
    let Some(video) = &film.artifacts.video else { return Ok(false) };
    let stored = context.bucket.head(&video.key).await?;
    if stored.and_then(|stored| stored.sha256) != Some(film.sha256.clone()) {
        return Ok(false);
    }
    for artifact in film.artifacts.thumbnail.iter().chain(&film.artifacts.captions) {
        if context.bucket.head(&artifact.key).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn store(
    context: &Context,
    format: &Format,
    rendered: &Rendered,
    sections: Vec<Artifact>,
) -> Result<Film, StepError> {
    let (keys, input) = (&context.keys, &context.input.input);
    let mut captions = Vec::new();
    if let Some(sidecar) = &rendered.sidecar {
        for (path, format) in [(&sidecar.srt, CaptionFormat::Srt), (&sidecar.vtt, CaptionFormat::Vtt)] {
            let key = keys.captions(input, format);
            let stored = store_file(context, &key, path, format.media_type()).await?;
            captions.push(artifact(stored, 0.0));
        }
    }
    let thumbnail = store_file(context, &keys.thumbnail(input), &rendered.thumbnail, "image/jpeg").await?;
    let video = store_file(context, &keys.film(input), &rendered.path, "video/mp4").await?;
    Ok(Film {
        sha256: video.sha256.clone(),
        artifacts: Artifacts {
            video: Some(artifact(video, rendered.seconds)),
            thumbnail: Some(artifact(thumbnail, 0.0)),
            captions,
        },
        width: format.width,
        height: format.height,
        checks: rendered.checks.iter().map(check_result).collect(),
        sections,
        notes: rendered.notes.clone(),
        credits: Vec::new(),
    })
}

/// Stores a file of the film. What an attempt before left under this key is replaced: either no
/// document speaks of it yet, or the one that does is about to be replaced too.
async fn store_file(
    context: &Context,
    key: &str,
    path: &Path,
    media_type: &str,
) -> Result<Stored, StepError> {
    Ok(context.bucket.put_file(key, path, &PutOptions::of_type(media_type)).await?)
}

fn artifact(stored: Stored, seconds: f64) -> Artifact {
    Artifact {
        key: stored.key,
        size: i64::try_from(stored.size).unwrap_or(i64::MAX),
        seconds: round(seconds),
    }
}

fn check_result(check: &Checked) -> CheckResult {
    CheckResult { name: check.name, outcome: check.outcome, message: check.message.clone() }
}

/// Done, or kept for a person to decide.
fn conclude(context: &Context, film: Film, output: Digest, done: &str) -> Made {
    let failed: Vec<String> = film
        .checks
        .iter()
        .filter(|check| check.outcome == CheckOutcome::Failed)
        .map(|check| format!("{}: {}", check.name, check.message))
        .collect();
    let accepted = context.input.accepted_quality.as_ref() == Some(&output);
    let failed_check = !failed.is_empty() && !accepted;
    let warned =
        film.checks.iter().filter(|check| check.outcome == CheckOutcome::Warned).map(|check| &check.message);
    let reported = warned.chain(&film.notes);
    let message = if failed_check {
        format!("the film is kept, but failed its check: {}", failed.join("; "))
    } else {
        [done.to_owned()].into_iter().chain(reported.cloned()).collect::<Vec<_>>().join("; ")
    };
    Made { output: Some(output), artifacts: film.artifacts, message, failed_check, ..Made::default() }
}

/// To the microsecond: a shorter number reads back from JSON as the same one.
fn round(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}
