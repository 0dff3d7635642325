//! A caption's text in the pieces that are lit one after the other, and when each is spoken.

use icu_segmenter::options::{LineBreakOptions, WordBreakInvariantOptions};
use icu_segmenter::{LineSegmenter, WordSegmenter};
use videofactory_pipeline::timeline::Interval;

use crate::request::Word;

/// A piece of text after which a line may be broken, with when it is spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Without the space after it.
    pub text: String,
    /// Whether a space follows.
    pub space: bool,
    /// Seconds from the start of the voice.
    pub spoken: Interval,
}

/// Splits text where Unicode (UAX 14) allows a line to be broken and a word ends.
#[must_use]
pub fn split(text: &str) -> Vec<(String, bool)> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let words: Vec<usize> =
        WordSegmenter::new_auto(WordBreakInvariantOptions::default()).segment_str(&text).collect();
    let lines = LineSegmenter::new_auto(LineBreakOptions::default()).segment_str(&text);
    let mut pieces: Vec<(String, bool)> = Vec::new();
    let mut start = 0;
    for end in lines.filter(|at| words.binary_search(at).is_ok()) {
        let piece = &text[start..end];
        start = end;
        let trimmed = piece.trim_end();
        if trimmed.is_empty() {
            continue;
        }
        let space = trimmed.len() < piece.len();
        let silent = !trimmed.chars().any(char::is_alphanumeric);
        match pieces.last_mut() {
            // A dash by itself is nothing to light up: it stays with the word before.
            Some((before, followed)) if silent => {
                if *followed {
                    before.push(' ');
                }
                before.push_str(trimmed);
                *followed = space;
            }
            _ => pieces.push((trimmed.to_owned(), space)),
        }
    }
    pieces
}

/// The caption's tokens, timed by the voice's words.
///
/// The words may be cut differently from the tokens: letters are counted on both sides. A caption
/// that differs from what is spoken (`3` for `three`) is laid over it in proportion.
#[must_use]
pub fn timed_by_words(text: &str, words: &[Word]) -> Vec<Token> {
    let spans: Vec<(f64, Interval)> = words
        .iter()
        .map(|word| (letters(&word.text), Interval { start: word.start, end: word.end }))
        .collect();
    lay_over(text, letters, &spans)
}

/// The caption's tokens, timed by syllables within the stretches of speech.
#[must_use]
pub fn estimated(text: &str, speech: &[Interval], seconds: f64) -> Vec<Token> {
    let whole = [Interval { start: 0.0, end: seconds }];
    let speech = if speech.is_empty() { &whole } else { speech };
    let spans: Vec<(f64, Interval)> =
        speech.iter().map(|stretch| (stretch.end - stretch.start, *stretch)).collect();
    lay_over(text, syllables, &spans)
}

/// Lays tokens over spans, both by weight.
fn lay_over(text: &str, weigh: impl Fn(&str) -> f64, spans: &[(f64, Interval)]) -> Vec<Token> {
    let pieces = split(text);
    let weights: Vec<f64> = pieces.iter().map(|(text, _)| weigh(text)).collect();
    let there: f64 = spans.iter().map(|(weight, _)| weight).sum();
    let scale = there / weights.iter().sum::<f64>().max(1e-9);
    let mut from = 0.0;
    let tokens = pieces.into_iter().zip(weights).map(|((text, space), weight)| {
        let to = from + weight * scale;
        let spoken = Interval { start: time_at(spans, from, false), end: time_at(spans, to, true) };
        from = to;
        Token { text, space, spoken }
    });
    tokens.collect()
}

/// The time at a weight from the start; where two spans meet, the end of the first or the start of
/// the second.
fn time_at(spans: &[(f64, Interval)], at: f64, end: bool) -> f64 {
    let mut passed = 0.0;
    let nearly = 1e-6;
    for (weight, span) in spans {
        let inside = if end { at <= passed + weight + nearly } else { at < passed + weight - nearly };
        if inside && *weight > 0.0 {
            return span.start + (span.end - span.start) * ((at - passed) / weight).clamp(0.0, 1.0);
        }
        passed += weight;
    }
    spans.last().map_or(0.0, |(_, span)| span.end)
}

#[expect(clippy::cast_precision_loss, reason = "letters of a word")]
fn letters(text: &str) -> f64 {
    text.chars().filter(|c| c.is_alphanumeric()).count() as f64
}

/// About how many syllables a piece of text has: groups of vowels in alphabets that write them, else
/// letters; a figure is about two.
fn syllables(text: &str) -> f64 {
    let mut count: f64 = 0.0;
    let (mut in_vowels, mut consonants) = (false, false);
    for c in text.chars().flat_map(char::to_lowercase) {
        let vowel = "aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýÿœаеёиоуыэюяєіїαεηιουωάέήίόύώ".contains(c);
        match c {
            _ if vowel && !in_vowels => count += 1.0,
            _ if c.is_numeric() => count += 2.0,
            _ if vowel || !c.is_alphanumeric() => {}
            'a'..='z' | 'à'..='ʯ' | 'α'..='ω' | 'а'..='џ' => consonants = true,
            '\u{4e00}'..='\u{9fff}' => count += 1.7,
            _ => count += 0.8,
        }
        in_vowels = vowel;
    }
    if count == 0.0 && consonants { 1.0 } else { count }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        split(text).into_iter().map(|(text, _)| text).collect()
    }

    fn word(text: &str, start: f64, end: f64) -> Word {
        Word { text: text.to_owned(), start, end }
    }

    #[test]
    fn words_keep_their_punctuation() {
        assert_eq!(
            texts("Hello,  world \u{2014} it's 3.5 km deep!"),
            ["Hello,", "world \u{2014}", "it's", "3.5", "km", "deep!"]
        );
    }

    #[test]
    fn languages_without_spaces_are_cut_at_words() {
        let japanese = texts("深海には、光が届かない世界があります。");
        assert!(japanese.len() >= 6, "{japanese:?}");
        assert!(japanese.iter().all(|piece| !piece.starts_with(['、', '。'])), "{japanese:?}");
        let thai = texts("มหาสมุทรลึกมากกว่าที่คิด");
        assert!(thai.len() >= 4, "{thai:?}");
    }

    #[test]
    fn tokens_take_their_words_times() {
        let words = [word("Hello", 0.1, 0.5), word("world", 0.8, 1.2)];
        let tokens = timed_by_words("Hello, world!", &words);
        assert_eq!(tokens[0].spoken, Interval { start: 0.1, end: 0.5 });
        assert_eq!(tokens[1].spoken, Interval { start: 0.8, end: 1.2 });
    }

    #[test]
    fn a_sentence_given_as_one_word_is_shared_out() {
        let tokens = timed_by_words("ab cd", &[word("abcd", 1.0, 3.0)]);
        assert_eq!(tokens[0].spoken, Interval { start: 1.0, end: 2.0 });
        assert_eq!(tokens[1].spoken, Interval { start: 2.0, end: 3.0 });
    }

    #[test]
    fn estimates_begin_with_the_speech_and_skip_its_pauses() {
        let speech = [Interval { start: 0.4, end: 1.4 }, Interval { start: 2.0, end: 3.0 }];
        let tokens = estimated("banana potato", &speech, 3.4);
        assert_eq!(tokens[0].spoken, Interval { start: 0.4, end: 1.4 });
        assert_eq!(tokens[1].spoken, Interval { start: 2.0, end: 3.0 });
    }
}
