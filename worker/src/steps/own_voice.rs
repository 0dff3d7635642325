//! A recording of the user's own in place of a spoken voice. Nobody says when its words are spoken, so they are looked
//! for as in any other voice.

use std::path::Path;
use std::sync::Arc;

use videofactory_pipeline::storyboard::Scene;
use videofactory_pipeline::timeline::SAMPLE_RATE;
use videofactory_providers::{Speech, TimingLevel};
use videofactory_storage::StorageError;

use crate::context::Context;
use crate::outcome::StepError;
use videofactory_film::error::FilmError;
use videofactory_film::ffmpeg::Ffmpeg;
use videofactory_film::sniff;
use videofactory_film::speech;

/// A recording that lasts longer than any scene is refused, in seconds.
const MAX_SECONDS: usize = 600;

/// The scene's recording with the times of its words.
pub async fn read(context: &Context, scene: &Scene) -> Result<Speech, StepError> {
    let samples = decode(context, scene).await?;
    let level = TimingLevel::Estimated;
    let recording = Arc::new(Speech { samples, sample_rate: SAMPLE_RATE, words: Vec::new(), level });
    let texts = [scene.narration.clone()];
    let heard = speech::listen(&recording, &texts, &context.input.settings.language).await;
    let words = heard.parts.into_iter().flat_map(|part| part.words).collect();
    // The recording stays whole, with the silence that its maker left around it.
    Ok(Speech { words, level: heard.level, ..Arc::unwrap_or_clone(recording) })
}

/// The sound of a file in mono, up to a second more than may be.
async fn samples_of(path: &Path) -> Result<Vec<i16>, FilmError> {
    let mut samples = Vec::new();
    let folder = path.parent().unwrap_or(Path::new("/"));
    Ffmpeg::new("decode the recording", folder)
        .input(&["-vn"], sniff::of("the recording", path)?, path)
        .args(["-t", &(MAX_SECONDS + 1).to_string(), "-map", "0:a:0", "-ac", "1"])
        .args(["-ar", &SAMPLE_RATE.to_string(), "-f", "s16le", "pipe:1"])
        .blocks(size_of::<i16>(), |pair| samples.push(i16::from_le_bytes([pair[0], pair[1]])))
        .await?;
    Ok(samples)
}

async fn decode(context: &Context, scene: &Scene) -> Result<Vec<i16>, StepError> {
    let key = &scene.assets.voice;
    let refuse = |why: &str| {
        StepError::FollowSettings(format!(
            "failed to use {key} as the voice of scene {}: {why}; put a sound file there, or correct sceneOverrides",
            scene.id
        ))
    };
    let path = context.paths.work().join(format!("voice-{}", scene.id));
    context.bucket.get_to_file(key, &path).await.map_err(|error| match error {
        StorageError::NoSuchKey { .. } => refuse("it is not in the bucket"),
        other => other.into(),
    })?;
    let read = samples_of(&path).await;
    if let Err(error) = tokio::fs::remove_file(&path).await {
        tracing::debug!(path = %path.display(), %error, "failed to remove a file");
    }
    let samples = match read {
        Ok(samples) if samples.is_empty() => return Err(refuse("it holds no sound")),
        Ok(samples) => samples,
        Err(FilmError::RunFfmpeg { last_words, .. }) => return Err(refuse(&last_words)),
        Err(FilmError::ReadInput { why, .. }) => return Err(refuse(&why)),
        Err(other) => return Err(other.into()),
    };
    if samples.len() > MAX_SECONDS * SAMPLE_RATE as usize {
        return Err(refuse(&format!("it lasts longer than {MAX_SECONDS} s")));
    }
    Ok(samples)
}
