//! Where the part of a speech that says a text begins and ends, and how much silence it keeps.

use videofactory_providers::{Speech, WordTiming};

use super::activity::{Activity, Stretch};
use super::sentences::Sentence;
use super::{Heard, Part, Place};

/// Silence that is left before the first word of a part, in milliseconds …
pub(super) const SILENCE_BEFORE: u64 = 60;
/// … and after its last.
pub(super) const SILENCE_AFTER: u64 = 120;

/// The sound of each part by itself, with its words.
#[must_use]
pub fn cut(speech: &Speech, heard: &Heard) -> Vec<Speech> {
    heard
        .parts
        .iter()
        .map(|part| {
            let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(speech.samples.len());
            let place = |at: u64| at.clamp(part.from, part.to.max(part.from)) - part.from;
            let own = |word: &WordTiming| WordTiming {
                start: place(word.start),
                end: place(word.end),
                ..word.clone()
            };
            Speech {
                samples: speech.samples[index(part.from)..index(part.to.max(part.from))].to_vec(),
                sample_rate: speech.sample_rate,
                words: part.words.iter().map(own).collect(),
                level: heard.level,
            }
        })
        .collect()
}

/// What is known of one text's place in the sound.
#[derive(Clone, Default)]
pub(super) struct Shape {
    whole: Option<Stretch>,
    spoken: Option<Stretch>,
    words: Vec<WordTiming>,
}

impl Shape {
    pub fn add(&mut self, activity: &Activity, sentence: &Sentence, place: Place) {
        let join = |known: Option<Stretch>, more: Stretch| {
            Some(known.map_or(more, |known| Stretch { from: known.from, to: more.to }))
        };
        self.whole = join(self.whole, place.whole);
        let spoken = activity.within(place.whole);
        if let (Some(first), Some(last)) = (spoken.first(), spoken.last()) {
            self.spoken = join(self.spoken, Stretch { from: first.from, to: last.to });
        }
        self.words.extend(sentence.words.iter().zip(place.words).map(|(word, (start, end))| WordTiming {
            text: word.text.clone(),
            joins_previous: word.joins_previous,
            start,
            end,
        }));
    }

    /// The part, with little silence around it.
    pub fn finish(self, rate: u32) -> Part {
        let rate = u64::from(rate);
        let whole = self.whole.unwrap_or(Stretch { from: 0, to: 0 });
        let spoken = self.spoken.unwrap_or(whole);
        let from = spoken.from.saturating_sub(rate * SILENCE_BEFORE / 1000).max(whole.from);
        let to = (spoken.to + rate * SILENCE_AFTER / 1000).min(whole.to).max(from);
        Part { from, to, words: self.words }
    }
}
