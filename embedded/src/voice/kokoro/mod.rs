//! Kokoro-82M, a neural voice, on this machine: words become phonemes, phonemes symbols, and a phrase of symbols a piece
//! of sound. The model itself says how long each symbol lasts, so the times of words are the engine's own.

mod japanese;
mod mandarin;
mod model;
mod phonemes;
mod phrase;
mod symbols;
mod track;
mod voices;

use videofactory_providers::error::ProviderError;
use videofactory_providers::wav::Sound;
use videofactory_providers::words::Word;

use self::phrase::{Clause, Symbol};
use self::track::Track;
use self::voices::Accent;
pub(super) use self::voices::{Choice, Voice, choose, names};
use super::letters::require_latin;
use super::numerals::{Counting, in_characters};
use super::{kana, normalise, phones};
use crate::signs::without_pictographs;

/// Speaks `words` and returns for each the seconds between which it is heard.
pub(super) async fn speak(
    words: &[Word],
    voice: &Voice,
    speed: f64,
) -> Result<(Sound, Vec<(f64, f64)>), ProviderError> {
    if voice.accent.is_latin() {
        require_latin(words, &voice.name)?;
    }
    let model = model::load().await?;
    let styles = model::styles(&voice.name).await?;
    let said = readings(words, voice.accent).await?;
    let clauses = phrase::clauses(&said);
    let symbols = symbols_of(&clauses, &said, voice.accent).await?;
    let mut track = Track::default();
    let mut spans: Vec<Option<(f64, f64)>> = vec![None; words.len()];
    let mut pause = 0.0;
    for phrase in phrase::phrases(&clauses, &symbols, phrase::MAX) {
        let known = phrase.symbols.iter().filter_map(|(symbol, word)| Some((model.number(*symbol)?, *word)));
        let (numbers, owners): (Vec<i32>, Vec<Option<usize>>) = known.unzip();
        let spoken = model::speak(&model, numbers, &styles, speed).await?;
        let start = track.add(&spoken.samples, pause / speed);
        place(&owners, &spoken.durations, start, &mut spans);
        pause = phrase.pause();
    }
    let sound = Sound { samples: track.finish(), rate: model::RATE };
    let seconds = sound.samples.len() as f64 / f64::from(sound.rate);
    Ok((sound, phones::fill(&spans, seconds)))
}

/// Each word lasts from its first symbol to its last. `durations` begin with the silence before all symbols.
fn place(owners: &[Option<usize>], durations: &[usize], start: i64, spans: &mut [Option<(f64, f64)>]) {
    let mut at = start + durations.first().copied().unwrap_or_default() as i64;
    let seconds = |at: i64| at.max(0) as f64 / f64::from(model::RATE);
    for (owner, duration) in owners.iter().zip(durations.iter().skip(1)) {
        let end = at + *duration as i64;
        if let Some(span) = owner.and_then(|word| spans.get_mut(word)) {
            *span = Some(span.map_or((seconds(at), seconds(end)), |(first, _)| (first, seconds(end))));
        }
        at = end;
    }
}

/// How each word is said.
async fn readings(words: &[Word], accent: Accent) -> Result<Vec<String>, ProviderError> {
    let plain = || words.iter().map(|word| without_pictographs(&word.text));
    Ok(match accent {
        Accent::Japanese => kana::readings(words).await?,
        Accent::Mandarin => plain().map(|word| in_characters(&word, Counting::Chinese)).collect(),
        _ => normalise::readings(&plain().collect::<Vec<_>>(), accent.espeak()),
    })
}

async fn symbols_of(
    clauses: &[Clause],
    said: &[String],
    accent: Accent,
) -> Result<Vec<Vec<Symbol>>, ProviderError> {
    let spell: fn(&str) -> String = match accent {
        Accent::Japanese => japanese::symbols,
        Accent::Mandarin => mandarin::symbols,
        _ => return phonemes::of_clauses(clauses, said, accent).await,
    };
    let symbols = |clause: &Clause| {
        let mut symbols: Vec<Symbol> = Vec::new();
        for word in clause.words.clone() {
            if !symbols.is_empty() {
                symbols.push((' ', None));
            }
            symbols.extend(spell(&said[word]).chars().map(|symbol| (symbol, Some(word))));
        }
        symbols
    };
    Ok(clauses.iter().map(symbols).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_lasts_as_long_as_its_symbols() {
        let mut spans = vec![None; 3];
        // Silence, two symbols of word 0, a space, one of word 2, silence.
        let durations = [2_400, 2_400, 2_400, 1_200, 4_800, 2_400];
        place(&[Some(0), Some(0), None, Some(2)], &durations, -1_200, &mut spans);
        let heard = |from: f64, to: f64| Some((from, to));
        assert_eq!(spans, [heard(0.05, 0.25), None, heard(0.3, 0.5)]);
    }
}
