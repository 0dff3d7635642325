//! A recording of the user's own in place of a spoken voice. Nobody says when its words are spoken, so
//! the embedded voice's reading of the same text is stretched over it: estimated, and said to be.

use std::process::Stdio;

use tokio::process::Command;
use videofactory_pipeline::storyboard::Scene;
use videofactory_pipeline::timeline::SAMPLE_RATE;
use videofactory_providers::{Embedded, NarrationRequest, Narrator, Speech, TimingLevel, WordTiming};
use videofactory_storage::StorageError;

use crate::context::Context;
use crate::outcome::StepError;

/// A recording that lasts longer than any scene is refused, in seconds.
const MOST_SECONDS: usize = 600;
/// Sound above this part of the loudest counts as speech.
const SPEECH_ABOVE: i32 = 50;
/// Speech is looked for in stretches of so many samples: 10 ms.
const STRETCH: usize = SAMPLE_RATE as usize / 100;

/// The scene's recording with estimated word times.
pub async fn read(context: &Context, scene: &Scene) -> Result<Speech, StepError> {
    let samples = decode(context, scene).await?;
    let reading = reading(context, scene).await;
    let words = stretch(&reading, speech_in(&samples));
    Ok(Speech { samples, sample_rate: SAMPLE_RATE, words, level: TimingLevel::Estimated })
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
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-protocol_whitelist", "file", "-i"])
        .arg(&path)
        .args(["-t", &(MOST_SECONDS + 1).to_string(), "-map", "0:a:0", "-ac", "1"])
        .args(["-ar", &SAMPLE_RATE.to_string(), "-f", "s16le", "pipe:1"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| StepError::Break(format!("ffmpeg does not start: {error}")))?;
    if let Err(error) = tokio::fs::remove_file(&path).await {
        tracing::debug!("failed to remove {}: {error}", path.display());
    }
    let samples: Vec<i16> =
        output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    if !output.status.success() || samples.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(refuse(said.lines().next_back().unwrap_or("it holds no sound")));
    }
    if samples.len() > MOST_SECONDS * SAMPLE_RATE as usize {
        return Err(refuse(&format!("it lasts longer than {MOST_SECONDS} s")));
    }
    Ok(samples)
}

/// The words and their times in the embedded voice's reading. In a language that it does not speak
/// each word takes time by its letters.
async fn reading(context: &Context, scene: &Scene) -> Vec<WordTiming> {
    if !scene.narration.chars().any(char::is_alphanumeric) {
        return Vec::new();
    }
    let request = NarrationRequest {
        model: videofactory_providers::Model::default(),
        texts: vec![scene.narration.clone()],
        language: context.input.settings.language.clone(),
        voice: String::new(),
        speed: 1.0,
    };
    match Embedded.narrate(&request).await {
        Ok(speeches) => speeches.into_iter().flat_map(|speech| speech.words).collect(),
        Err(error) => {
            tracing::info!(scene = scene.id, "word times are estimated by letters: {error}");
            by_letters(&scene.narration)
        }
    }
}

fn by_letters(text: &str) -> Vec<WordTiming> {
    let mut at = 0;
    text.split_whitespace()
        .map(|word| {
            let start = at;
            at += word.chars().count() as u64 + 1;
            WordTiming { text: word.to_owned(), joins_previous: false, start, end: at - 1 }
        })
        .collect()
}

/// From the first to the last sample that is speech; the whole sound if it is silent throughout.
fn speech_in(samples: &[i16]) -> (u64, u64) {
    let loudness = |stretch: &[i16]| stretch.iter().map(|sample| i32::from(*sample).abs()).max().unwrap_or(0);
    let loudest = loudness(samples);
    let speaks = |stretch: &[i16]| loudness(stretch) > loudest / SPEECH_ABOVE;
    let first = samples.chunks(STRETCH).position(speaks).unwrap_or(0);
    let last = samples.chunks(STRETCH).rposition(speaks).unwrap_or(samples.len() / STRETCH);
    ((first * STRETCH) as u64, ((last + 1) * STRETCH).min(samples.len()) as u64)
}

/// The times of a reading, stretched over the speech of another.
fn stretch(reading: &[WordTiming], (from, to): (u64, u64)) -> Vec<WordTiming> {
    let (Some(first), Some(last)) = (reading.first(), reading.last()) else { return Vec::new() };
    let (start, length) = (first.start, (last.end - first.start).max(1));
    let place = |sample: u64| from + (sample.saturating_sub(start)) * (to - from) / length;
    reading
        .iter()
        .map(|word| WordTiming { start: place(word.start), end: place(word.end), ..word.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fill_the_speech_and_leave_the_silence_around_it() {
        let mut samples = vec![0; STRETCH * 100];
        samples.extend(vec![8000; STRETCH * 200]);
        samples.extend(vec![3; STRETCH * 50]);
        let words = stretch(&by_letters("one three"), speech_in(&samples));
        assert_eq!(words[0].start, (STRETCH * 100) as u64);
        assert_eq!(words[1].end, (STRETCH * 300) as u64);
        assert!(
            words[0].end <= words[1].start && words[0].end - words[0].start < words[1].end - words[1].start
        );
    }

    #[test]
    fn a_silent_recording_has_words_all_the_same() {
        let words = stretch(&by_letters("one two"), speech_in(&[0; 4800]));
        assert_eq!((words.len(), words[1].end), (2, 4800));
    }
}
