//! Speech, as far as an alignment by silence needs it: a tone for each word, with gaps.

use std::f64::consts::TAU;

/// Samples a second.
pub(crate) const SAMPLE_RATE: u32 = 24_000;

/// Seconds of silence before the first word and after the last.
const MARGIN: f64 = 0.1;
const BETWEEN_WORDS: f64 = 0.06;
const AFTER_COMMA: f64 = 0.18;
const AFTER_SENTENCE: f64 = 0.4;
const BETWEEN_PARAGRAPHS: f64 = 0.6;
const A_LETTER: f64 = 0.055;
const SHORTEST_WORD: f64 = 0.12;
/// A word does not begin or end with a click.
const FADE: f64 = 0.01;
const LOUDNESS: f64 = 9_000.0;

/// Mono samples of a text that is spoken. A first paragraph that ends in a colon is a direction and is not.
pub(crate) fn speech(text: &str) -> Vec<i16> {
    let mut samples = silence(MARGIN);
    let paragraphs: Vec<&str> = text.split("\n\n").collect();
    let directions = usize::from(paragraphs.len() > 1 && paragraphs[0].trim_end().ends_with(':'));
    for (place, paragraph) in paragraphs[directions..].iter().enumerate() {
        if place > 0 {
            samples.extend(silence(BETWEEN_PARAGRAPHS));
        }
        samples.extend(spoken(paragraph));
    }
    samples.extend(silence(MARGIN));
    samples
}

/// When each word is heard, in seconds: the stretches of sound between gaps.
pub(crate) fn spans(samples: &[i16]) -> Vec<(f64, f64)> {
    let gap = samples_in(BETWEEN_WORDS / 2.0) as usize;
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for at in samples.iter().enumerate().filter(|(_, sample)| **sample != 0).map(|(at, _)| at) {
        match spans.last_mut().filter(|(_, end)| at - *end < gap) {
            Some((_, end)) => *end = at,
            None => spans.push((at, at)),
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "sounds have fewer samples")]
    let seconds = |at: usize| at as f64 / f64::from(SAMPLE_RATE);
    spans.into_iter().map(|(start, end)| (seconds(start), seconds(end + 1))).collect()
}

fn spoken(paragraph: &str) -> Vec<i16> {
    let mut samples = Vec::new();
    for (place, word) in words(paragraph).into_iter().enumerate() {
        let letters = word.chars().filter(|letter| letter.is_alphanumeric()).count();
        if letters == 0 {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "no word is so long, no text has so many")]
        let (letters, pitch) = (letters as f64, 180.0 + 20.0 * (place % 5) as f64);
        samples.extend(tone((letters * A_LETTER).max(SHORTEST_WORD), pitch));
        samples.extend(silence(match word.trim_end_matches(['"', '\'', '”', '’', ')']).chars().last() {
            Some('.' | '!' | '?' | '…' | '。' | '！' | '？') => AFTER_SENTENCE,
            Some(',' | ';' | ':' | '、' | '，') => AFTER_COMMA,
            _ => BETWEEN_WORDS,
        }));
    }
    samples
}

/// What is between spaces; each letter by itself where a script has no spaces.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in text.chars() {
        let alone = ('\u{2e80}'..='\u{fffd}').contains(&letter) && letter.is_alphabetic();
        if letter.is_whitespace() || alone {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !letter.is_whitespace()) {
            word.push(letter);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn samples_in(seconds: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "lengths are positive and small"
    )]
    let samples = (seconds * f64::from(SAMPLE_RATE)) as u32;
    samples
}

fn silence(seconds: f64) -> Vec<i16> {
    vec![0; samples_in(seconds) as usize]
}

fn tone(seconds: f64, pitch: f64) -> impl Iterator<Item = i16> {
    (0..samples_in(seconds)).map(move |sample| {
        let at = f64::from(sample) / f64::from(SAMPLE_RATE);
        let fade = (at / FADE).min((seconds - at) / FADE).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, reason = "the loudness is within the type")]
        let value = ((TAU * pitch * at).sin() * LOUDNESS * fade) as i16;
        value
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many stretches of sound there are, with silences of at least so many seconds between them.
    fn bursts(samples: &[i16], gap: f64) -> usize {
        let (mut bursts, mut silent) = (0, u32::MAX);
        for sample in samples {
            if *sample == 0 {
                silent = silent.saturating_add(1);
            } else {
                bursts += usize::from(silent >= samples_in(gap));
                silent = 0;
            }
        }
        bursts
    }

    #[test]
    fn each_word_is_a_burst_and_each_sentence_has_a_longer_gap() {
        let samples = speech("The tide goes out. The moon, far away, pulls it!");
        assert_eq!(bursts(&samples, BETWEEN_WORDS * 0.9), 10);
        assert_eq!(bursts(&samples, AFTER_SENTENCE * 0.9), 2);
    }

    #[test]
    fn each_word_is_found_again_in_the_sound() {
        let spans = spans(&speech("One, two.\n\nThree."));
        assert_eq!(spans.len(), 3);
        assert!(spans.windows(2).all(|pair| pair[0].1 < pair[1].0), "{spans:?}");
        let length = spans[2].1 - spans[2].0;
        assert!((length - 5.0 * A_LETTER).abs() < 0.01, "{length}");
    }

    #[test]
    fn paragraphs_are_a_second_apart_and_directions_are_not_spoken() {
        let whole = AFTER_SENTENCE + BETWEEN_PARAGRAPHS;
        assert_eq!(bursts(&speech("One. Two.\n\nThree."), whole * 0.95), 2);
        assert_eq!(speech("Read this aloud:\n\nOne. Two."), speech("One. Two."));
    }

    #[test]
    fn scripts_without_spaces_are_spoken_letter_by_letter() {
        assert_eq!(words("海は青い。空も"), ["海", "は", "青", "い。", "空", "も"]);
    }

    #[test]
    fn longer_texts_take_longer_and_none_is_silence() {
        assert!(speech("A much longer text").len() > speech("short").len());
        assert!(speech(" … ").iter().all(|sample| *sample == 0));
    }
}
