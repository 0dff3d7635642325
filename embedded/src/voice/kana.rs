//! espeak-ng reads Japanese from kana only. Words with kanji are turned into their reading by kakasi first, and so are
//! numbers.

use videofactory_providers::error::ProviderError;
use videofactory_providers::words::Word;

use super::engine::{configuration, run};
use super::numerals::{Counting, in_characters};
use crate::signs::without_pictographs;

/// How each word is pronounced, in kana.
pub(super) async fn readings(words: &[Word]) -> Result<Vec<String>, ProviderError> {
    let spelt = |word: &Word| in_characters(&without_pictographs(&word.text), Counting::Japanese);
    let texts: Vec<String> = words.iter().map(spelt).collect();
    let Some(example) = texts.iter().find(|text| text.chars().any(is_kanji)) else {
        return Ok(texts);
    };
    let input = texts.join("\n") + "\n";
    let arguments = ["-JH", "-i", "utf8", "-o", "utf8"];
    let output = match run("kakasi", &arguments, input.as_bytes()).await {
        Err(ProviderError::Configuration { .. }) => return Err(unreadable(example)),
        other => other?,
    };
    let readings: Vec<String> = String::from_utf8_lossy(&output).lines().map(str::to_owned).collect();
    match readings.iter().zip(&texts).find(|(reading, _)| reading.chars().any(is_kanji)) {
        Some((_, text)) => Err(unreadable(text)),
        None if readings.len() == texts.len() => Ok(readings),
        None => Err(unreadable(example)),
    }
}

fn is_kanji(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn unreadable(word: &str) -> ProviderError {
    configuration(format!(
        "the kanji in \"{word}\" cannot be read here; write the narration in kana, install the package kakasi, or name an account that narrates"
    ))
}
