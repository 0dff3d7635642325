//! The texts of a speech as the sentences and words that are looked for in it.

use videofactory_providers::words::{self, Word, ends_sentence};

use super::syllables;

/// A sentence of a text.
pub(super) struct Sentence {
    /// Which text it is of.
    pub text: usize,
    pub words: Vec<Word>,
    /// How long each word takes to say, in syllables.
    pub syllables: Vec<u32>,
}

impl Sentence {
    /// How long it takes to say.
    pub fn length(&self) -> u32 {
        self.syllables.iter().sum()
    }
}

/// All sentences of all texts; of a text without a word, none.
pub(super) fn of(texts: &[String]) -> Vec<Sentence> {
    let mut all: Vec<Sentence> = Vec::new();
    for (text, content) in texts.iter().enumerate() {
        let mut open = false;
        for word in words::split(content) {
            let ends = ends_sentence(&word.text);
            if !open {
                all.push(Sentence { text, words: Vec::new(), syllables: Vec::new() });
            }
            if let Some(sentence) = all.last_mut() {
                sentence.syllables.push(syllables::count(&word.text));
                sentence.words.push(word);
            }
            open = !ends;
        }
    }
    all
}

/// Syllables that a narrator speaks in a second, pauses included.
const SYLLABLES_A_SECOND: f64 = 4.5;

/// About how long a text takes to say.
pub(super) fn expected_seconds(text: &str) -> f64 {
    let syllables =
        words::split(text).iter().map(|word| f64::from(syllables::count(&word.text))).sum::<f64>();
    syllables / SYLLABLES_A_SECOND
}
