//! The voice of one scene: whether it has one, whose it is, and how it is stored with the time of each word beside it.
//! The words are stored last: where they are, the voice is whole.

use videofactory_pipeline::Digest;
use videofactory_pipeline::documents::{SpokenWord, WordLevel, Words};
use videofactory_pipeline::settings::Settings;
use videofactory_pipeline::storyboard::Scene;
use videofactory_providers::{Speech, TimingLevel};
use videofactory_storage::PutOptions;

use crate::context::Context;
use crate::outcome::StepError;

/// Whether nobody speaks in the scene: no word, and no voice of the user's own.
pub(super) fn is_silent(scene: &Scene) -> bool {
    scene.assets.voice.is_empty() && !scene.narration.chars().any(char::is_alphanumeric)
}

/// The voice of the first character of the scene that has one, or else the narrator's.
pub(super) fn voice_for(settings: &Settings, scene: &Scene) -> String {
    let of_character = settings
        .characters
        .iter()
        .filter(|character| scene.characters.contains(&character.name))
        .find_map(|character| character.voice.clone());
    of_character
        .or_else(|| settings.providers.narration.as_ref().map(|provider| provider.voice.clone()))
        .unwrap_or_default()
}

/// Stores a scene's voice and then its words; how many seconds it lasts.
pub(super) async fn store_voice(
    context: &Context,
    digest: &Digest,
    speech: &Speech,
) -> Result<f64, StepError> {
    let (key, words_key) = (context.keys.voice(digest), context.keys.words(digest));
    let (bucket, words) = (&context.bucket, words_of(speech));
    bucket.put_once(&key, speech.to_wav(), &PutOptions::of_type("audio/wav")).await?;
    bucket.put_json_once(&words_key, &words).await?;
    Ok(words.seconds)
}

fn words_of(speech: &Speech) -> Words {
    let level = match speech.level {
        TimingLevel::Estimated => WordLevel::Estimated,
        TimingLevel::Aligned => WordLevel::Aligned,
        TimingLevel::Exact => WordLevel::Exact,
    };
    let seconds = |samples: u64| to_seconds(samples, speech.sample_rate);
    Words {
        level,
        seconds: seconds(speech.samples.len() as u64),
        words: speech
            .words
            .iter()
            .map(|word| SpokenWord {
                text: word.text.clone(),
                joins_previous: word.joins_previous,
                start: seconds(word.start),
                end: seconds(word.end),
            })
            .collect(),
    }
}

/// To the microsecond: a shorter number reads back from JSON as the same one.
#[expect(clippy::cast_precision_loss, reason = "the samples of a scene are well below 2^53")]
fn to_seconds(samples: u64, rate: u32) -> f64 {
    (samples as f64 * 1e6 / f64::from(rate.max(1))).round() / 1e6
}

#[cfg(test)]
mod tests {
    use videofactory_embedded::Embedded;
    use videofactory_pipeline::settings::QUICK_VOICE;

    #[tokio::test]
    async fn the_voice_of_drafts_is_one_of_the_embedded_provider() {
        for language in ["en", "de", "ja"] {
            Embedded::require_voice(language, QUICK_VOICE).await.unwrap();
        }
    }
}
