//! What can be known before money is spent. A film that could never be assembled is refused by the first
//! step, before its pictures, voices and clips are paid for.

use std::time::Duration;

use videofactory_crds::settings::{CaptionMode, MusicSource, ThumbnailSource};
use videofactory_embedded::Embedded;
use videofactory_pipeline::storyboard::{Scene, Storyboard};

use super::scene_voice::{is_silent, voice_for};
use crate::context::Context;
use crate::outcome::StepError;
use videofactory_film::captions::legible::{Text, require_fonts};

/// Refuses what the settings alone show: before a script is bought.
pub async fn settings(context: &Context) -> Result<(), StepError> {
    let (settings, brand) = (&context.input.settings, &context.input.brand);
    let (music, thumbnail) = (&settings.audio.music, &settings.thumbnail);
    let files = [
        ("audio.music.key", &music.key, music.origin() == MusicSource::Asset),
        ("thumbnail.key", &thumbnail.key, thumbnail.origin() == ThumbnailSource::Asset),
        ("introKey of the Channel", &brand.intro, !brand.intro.is_empty()),
        ("outroKey of the Channel", &brand.outro, !brand.outro.is_empty()),
        ("watermarkKey of the Channel", &brand.watermark, !brand.watermark.is_empty()),
    ];
    for (field, key, _) in files.iter().filter(|(_, _, used)| *used) {
        require_file(context, key, field).await?;
    }
    let topic = [Text { of: "the topic".to_owned(), text: &context.input.topic }];
    fonts(context, if is_burned(context) { &topic } else { &[] })
}

/// How long the Channel's intro and outro last together. Refuses what no film can have there.
pub async fn channel_clips(context: &Context) -> Result<Duration, StepError> {
    let (brand, folder) = (&context.input.brand, context.paths.work());
    let clips = [("the intro", &brand.intro), ("the outro", &brand.outro)];
    tokio::fs::create_dir_all(&folder).await.map_err(|error| StepError::use_file("make", &folder, &error))?;
    let mut seconds = 0.0;
    for (what, key) in clips.into_iter().filter(|(_, key)| !key.is_empty()) {
        let path = folder.join("channel-clip");
        context.bucket.get_to_file(key, &path).await?;
        seconds += videofactory_film::clip_seconds(what, &path).await?;
    }
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// Refuses what the storyboard shows: before anything is made of it.
pub async fn storyboard(context: &Context, storyboard: &Storyboard) -> Result<(), StepError> {
    if is_burned(context) {
        let scenes = storyboard.scenes.iter();
        let texts: Vec<Text<'_>> =
            scenes.map(|scene| Text { of: format!("scene {}", scene.id), text: &scene.narration }).collect();
        fonts(context, &texts)?;
    }
    for scene in &storyboard.scenes {
        // The picture is asked for by the step that buys pictures, before it buys any.
        for key in [&scene.assets.clip, &scene.assets.voice].into_iter().filter(|key| !key.is_empty()) {
            require_file(context, key, &format!("sceneOverrides of scene {}", scene.id)).await?;
        }
    }
    voices(context, storyboard).await
}

fn is_burned(context: &Context) -> bool {
    matches!(context.input.settings.captions.mode, CaptionMode::Burned | CaptionMode::Both)
}

/// Whether the letters of these texts, and of the thumbnail's, can be drawn.
fn fonts(context: &Context, captions: &[Text<'_>]) -> Result<(), StepError> {
    let settings = &context.input.settings;
    let style = &settings.captions.style;
    Ok(require_fonts(style, &settings.language, captions, &settings.thumbnail.text)?)
}

/// Whether the embedded voice speaks the language, if it is asked to.
async fn voices(context: &Context, storyboard: &Storyboard) -> Result<(), StepError> {
    let settings = &context.input.settings;
    if settings.providers.narration.as_ref().is_some_and(|provider| provider.account_ref.is_some()) {
        return Ok(());
    }
    let speaks = |scene: &&Scene| scene.assets.voice.is_empty() && !is_silent(scene);
    let mut names: Vec<String> =
        storyboard.scenes.iter().filter(speaks).map(|scene| voice_for(settings, scene)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        Embedded::require_voice(&settings.language, &name).await?;
    }
    Ok(())
}

async fn require_file(context: &Context, key: &str, field: &str) -> Result<(), StepError> {
    if context.bucket.head(key).await?.is_some() {
        return Ok(());
    }
    Err(StepError::FollowSettings(format!(
        "failed to find {key}, which {field} names: it is not in the bucket; upload it or correct the setting"
    )))
}
