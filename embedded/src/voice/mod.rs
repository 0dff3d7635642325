//! The embedded voice: Kokoro where its model is installed and speaks the language, flite for English, espeak-ng for
//! all others, these two as child processes. Every speech comes with the time of each of its words.

mod engine;
mod espeak;
mod flite;
mod kana;
mod kokoro;
mod letters;
mod normalise;
mod numerals;
mod phones;
mod reading;

use videofactory_providers::capability::{NarrationRequest, Speech, TimingLevel, WordTiming};
use videofactory_providers::error::ProviderError;
use videofactory_providers::language;
use videofactory_providers::wav::Sound;
use videofactory_providers::words::{self, Word};

use self::engine::configuration;
pub(super) use self::espeak::languages;
pub(super) use self::reading::read;
use crate::signs::without_pictographs;

/// The voice name that asks for espeak-ng in English too.
const ESPEAK_VOICE: &str = "espeak-ng";

/// The voice name that asks for the engines that need no model: flite in English, else espeak-ng.
const QUICK_VOICE: &str = "quick";

/// Which engine speaks, in which of its voices.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Voice {
    Kokoro(kokoro::Voice),
    Flite(String),
    Espeak(String),
}

/// Speaks every text of the request, in order.
pub(super) async fn narrate(request: &NarrationRequest) -> Result<Vec<Speech>, ProviderError> {
    if !(0.5..=2.0).contains(&request.speed) {
        return Err(configuration(format!("a speed of {} is not between 0.5 and 2.0", request.speed)));
    }
    let voice = choose(&request.language, &request.voice).await?;
    let mut speeches = Vec::with_capacity(request.texts.len());
    for (index, text) in request.texts.iter().enumerate() {
        let words = words::split(text);
        if words.is_empty() {
            return Err(configuration(format!(
                "text {} of {} has no word to speak: {text:?}. Give the scene a narration with words",
                index + 1,
                request.texts.len()
            )));
        }
        speeches.push(speak(&words, &voice, request).await?);
    }
    Ok(speeches)
}

/// Refuses what could not be spoken, whatever the text.
pub(super) async fn require(language: &str, voice: &str) -> Result<(), ProviderError> {
    choose(language, voice).await.map(drop)
}

async fn speak(words: &[Word], voice: &Voice, request: &NarrationRequest) -> Result<Speech, ProviderError> {
    let (sound, times, level) = match voice {
        Voice::Kokoro(voice) => {
            let (sound, times) = kokoro::speak(words, voice, request.speed).await?;
            (sound, times, TimingLevel::Exact)
        }
        Voice::Flite(name) => {
            let (sound, times) = flite::speak(words, name, request.speed).await?;
            (sound, times, TimingLevel::Exact)
        }
        Voice::Espeak(name) => {
            let said = spelling(words, name).await?;
            espeak::speak(words, &said, name, request.speed).await?
        }
    };
    if sound.samples.iter().all(|sample| sample.unsigned_abs() < 64) {
        let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        return Err(configuration(format!(
            "the voice has no sound for \"{}\" in the language \"{}\"; check that text and language belong together",
            text.join(" "),
            request.language
        )));
    }
    let words = timings(words, &times, &sound);
    Ok(Speech { samples: sound.samples, sample_rate: sound.rate, words, level })
}

/// The words as an espeak-ng voice pronounces them: numbers and abbreviations in words, without pictures, whose names it
/// would say; in Japanese their kana.
async fn spelling(words: &[Word], voice: &str) -> Result<Vec<String>, ProviderError> {
    if voice.starts_with("ja") {
        return kana::readings(words).await;
    }
    let texts: Vec<String> = words.iter().map(|word| without_pictographs(&word.text)).collect();
    let language = voice.split('+').next().unwrap_or(voice);
    Ok(normalise::readings(&texts, language))
}

/// Seconds to samples; in order, without overlap, inside the sound, each at least one sample long.
fn timings(words: &[Word], times: &[(f64, f64)], sound: &Sound) -> Vec<WordTiming> {
    let total = sound.samples.len() as u64;
    let mut earliest = 0;
    words
        .iter()
        .zip(times)
        .enumerate()
        .map(|(index, (word, (start, end)))| {
            let sample = |seconds: f64| (seconds.max(0.0) * f64::from(sound.rate)).round() as u64;
            let room_after = (words.len() - index) as u64;
            let start = sample(*start).clamp(earliest, total.saturating_sub(room_after).max(earliest));
            let end = sample(*end).clamp(start + 1, (total + 1).saturating_sub(room_after).max(start + 1));
            earliest = end;
            WordTiming { text: word.text.clone(), joins_previous: word.joins_previous, start, end }
        })
        .collect()
}

async fn choose(language: &str, wanted: &str) -> Result<Voice, ProviderError> {
    if wanted == QUICK_VOICE {
        return choose_quick(language, "").await;
    }
    match kokoro::choose(language, wanted) {
        kokoro::Choice::Speaks(voice) => Ok(Voice::Kokoro(voice)),
        kokoro::Choice::Missing => Err(configuration(format!(
            "the model of the voice {wanted} is not in this image; leave `voice` empty for the voices that are, or use \
             the worker image of a release"
        ))),
        kokoro::Choice::Other => choose_quick(language, wanted).await,
    }
}

/// One of the voices that need no model.
async fn choose_quick(language: &str, wanted: &str) -> Result<Voice, ProviderError> {
    let primary = language::primary(language);
    let is_variant = espeak::VARIANTS.contains(&wanted);
    let is_default = wanted.is_empty() || wanted == ESPEAK_VOICE;
    if primary == "en" && wanted != ESPEAK_VOICE && !is_variant {
        let installed = flite::voices().await?;
        let name = if wanted.is_empty() { flite::DEFAULT_VOICE } else { wanted };
        return if installed.iter().any(|voice| voice == name) {
            Ok(Voice::Flite(name.to_owned()))
        } else {
            Err(unknown_voice(wanted, language, &installed))
        };
    }
    if !is_default && !is_variant {
        return Err(unknown_voice(wanted, language, &[]));
    }
    let base = espeak::language(language).await?;
    Ok(Voice::Espeak(if is_variant { format!("{base}+{wanted}") } else { base }))
}

fn unknown_voice(wanted: &str, language: &str, flite: &[String]) -> ProviderError {
    let kokoro = kokoro::names(language);
    let mut voices: Vec<&str> = kokoro.iter().chain(flite).map(String::as_str).collect();
    voices.extend([QUICK_VOICE, ESPEAK_VOICE]);
    voices.extend(espeak::VARIANTS);
    configuration(format!(
        "there is no voice \"{wanted}\" for the language \"{language}\"; the voices are {}",
        voices.join(", ")
    ))
}

#[cfg(test)]
mod tests;
