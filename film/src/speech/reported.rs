//! Words whose times the engine itself has reported with the sound.

use videofactory_providers::{Speech, TimingLevel, words};

use super::part_bounds::{SILENCE_AFTER, SILENCE_BEFORE};
use super::{Heard, Part};

/// Where `speech` speaks each of `texts`, by the words that came with it: those of all texts in a row. Nothing if they are
/// not those, or none came.
#[must_use]
pub fn reported(speech: &Speech, texts: &[String]) -> Option<Heard> {
    if speech.level != TimingLevel::Exact {
        return None;
    }
    let mut rest = speech.words.as_slice();
    let mut parts = Vec::with_capacity(texts.len());
    for text in texts {
        let expected = words::split(text);
        let (own, after) = rest.split_at_checked(expected.len())?;
        if own.is_empty() || expected.iter().zip(own).any(|(word, timed)| word.text != timed.text) {
            return None;
        }
        parts.push(Part { from: own[0].start, to: own[own.len() - 1].end, words: own.to_vec() });
        rest = after;
    }
    rest.is_empty().then(|| Heard { level: speech.level, parts: with_silence(parts, speech) })
}

/// The parts with a little silence around each, but no more than to the middle of the pause between two.
fn with_silence(mut parts: Vec<Part>, speech: &Speech) -> Vec<Part> {
    let samples = |milliseconds: u64| u64::from(speech.sample_rate) * milliseconds / 1000;
    let middles: Vec<u64> =
        parts.windows(2).map(|pair| pair[0].to.midpoint(pair[1].from.max(pair[0].to))).collect();
    let last = parts.len().saturating_sub(1);
    for (place, part) in parts.iter_mut().enumerate() {
        let lowest = if place == 0 { 0 } else { middles[place - 1] };
        let most = if place == last { speech.samples.len() as u64 } else { middles[place] };
        part.from = part.from.saturating_sub(samples(SILENCE_BEFORE)).max(lowest);
        part.to = (part.to + samples(SILENCE_AFTER)).min(most);
    }
    parts
}

#[cfg(test)]
mod tests {
    use videofactory_providers::WordTiming;

    use super::super::cut;
    use super::*;

    fn speech(words: &[(&str, u64, u64)], level: TimingLevel) -> Speech {
        let word = |(text, start, end): &(&str, u64, u64)| WordTiming {
            text: (*text).to_owned(),
            joins_previous: false,
            start: *start,
            end: *end,
        };
        Speech { samples: vec![1; 3_000], sample_rate: 1_000, words: words.iter().map(word).collect(), level }
    }

    fn texts() -> Vec<String> {
        vec!["One two.".to_owned(), "Three.".to_owned()]
    }

    #[test]
    fn each_text_has_its_words_and_half_of_a_short_pause() {
        let whole =
            speech(&[("One", 30, 400), ("two.", 450, 900), ("Three.", 1_000, 1_500)], TimingLevel::Exact);
        let heard = reported(&whole, &texts()).unwrap();
        let places: Vec<(u64, u64)> = heard.parts.iter().map(|part| (part.from, part.to)).collect();
        assert_eq!(places, [(0, 950), (950, 1_620)]);
        let parts = cut(&whole, &heard);
        assert_eq!((parts[1].samples.len(), parts[1].words[0].start, parts[1].words[0].end), (670, 50, 550));
        assert_eq!(parts[1].level, TimingLevel::Exact);
    }

    #[test]
    fn words_that_are_not_the_texts_are_not_believed() {
        for words in [
            &[][..],
            &[("One", 0, 400), ("two.", 450, 900)],
            &[("One", 0, 400), ("too.", 450, 900), ("Three.", 1_000, 1_500)],
            &[("One", 0, 400), ("two.", 450, 900), ("Three.", 1_000, 1_500), ("Four.", 1_600, 1_700)],
        ] {
            assert_eq!(reported(&speech(words, TimingLevel::Exact), &texts()), None, "{words:?}");
        }
        let guessed = [("One", 0, 400), ("two.", 450, 900), ("Three.", 1_000, 1_500)];
        assert_eq!(reported(&speech(&guessed, TimingLevel::Estimated), &texts()), None);
    }
}
