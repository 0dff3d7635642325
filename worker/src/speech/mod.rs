//! One speech of several texts in a row, taken apart: where each text begins and ends in the sound, and when
//! each of its words is heard. Found by pauses and syllables alone, so the times are estimates.

mod activity;
mod align;
mod syllables;
mod words;

use videofactory_providers::{Speech, TimingLevel, WordTiming};

use self::activity::{Activity, Stretch};
use self::words::Word;

/// Silence that is left before the first word of a part, in milliseconds …
const SILENCE_BEFORE: u64 = 60;
/// … and after its last.
const SILENCE_AFTER: u64 = 120;

/// A sentence of a text.
struct Sentence {
    /// Which text it is of.
    text: usize,
    words: Vec<Word>,
    /// Its share of the speaking, in syllables.
    syllables: u32,
}

/// Syllables that a narrator speaks in a second, pauses included.
const SYLLABLES_A_SECOND: f64 = 4.5;

/// About how long a text takes to say.
#[must_use]
pub fn expected_seconds(text: &str) -> f64 {
    words::split(text).iter().map(|word| f64::from(word.syllables)).sum::<f64>() / SYLLABLES_A_SECOND
}

/// The part of `speech` that speaks each of `texts`, in their order, with estimated times for the words.
#[must_use]
pub fn split(speech: &Speech, texts: &[String]) -> Vec<Speech> {
    let activity = Activity::of(&speech.samples, speech.sample_rate);
    let sentences = sentences(texts);
    let asked: Vec<align::Piece> = sentences
        .iter()
        .enumerate()
        .map(|(place, sentence)| align::Piece {
            weight: f64::from(sentence.syllables),
            ends_text: sentences.get(place + 1).is_none_or(|next| next.text != sentence.text),
        })
        .collect();
    let ends = align::ends(&activity, &asked);
    let mut parts: Vec<Part> = texts.iter().map(|_| Part::default()).collect();
    let mut from = 0;
    for (sentence, to) in sentences.iter().zip(ends) {
        parts[sentence.text].add(&activity, sentence, Stretch { from, to });
        from = to;
    }
    parts.into_iter().map(|part| part.cut_out(speech)).collect()
}

/// What is known of one text's place in the sound.
#[derive(Default)]
struct Part {
    whole: Option<Stretch>,
    spoken: Option<Stretch>,
    words: Vec<WordTiming>,
}

impl Part {
    fn add(&mut self, activity: &Activity, sentence: &Sentence, place: Stretch) {
        let join = |known: Option<Stretch>, more: Stretch| {
            Some(known.map_or(more, |known| Stretch { from: known.from, to: more.to }))
        };
        self.whole = join(self.whole, place);
        let spoken = activity.within(place);
        if let (Some(first), Some(last)) = (spoken.first(), spoken.last()) {
            self.spoken = join(self.spoken, Stretch { from: first.from, to: last.to });
        }
        self.words.extend(timings(&spoken, sentence, place));
    }

    /// The part's own sound, with little silence around it.
    fn cut_out(self, speech: &Speech) -> Speech {
        let rate = u64::from(speech.sample_rate);
        let whole = self.whole.unwrap_or(Stretch { from: 0, to: 0 });
        let spoken = self.spoken.unwrap_or(whole);
        let from = spoken.from.saturating_sub(rate * SILENCE_BEFORE / 1000).max(whole.from);
        let to = (spoken.to + rate * SILENCE_AFTER / 1000).min(whole.to).max(from);
        let place = |at: u64| at.clamp(from, to) - from;
        let words = self.words.into_iter();
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(speech.samples.len());
        Speech {
            samples: speech.samples[index(from)..index(to)].to_vec(),
            sample_rate: speech.sample_rate,
            words: words
                .map(|word| WordTiming { start: place(word.start), end: place(word.end), ..word })
                .collect(),
            level: TimingLevel::Estimated,
        }
    }
}

/// The words of a sentence, each with its share of the time that is spoken.
fn timings(spoken: &[Stretch], sentence: &Sentence, place: Stretch) -> Vec<WordTiming> {
    let silent = [place];
    let spoken = if spoken.is_empty() { &silent[..] } else { spoken };
    let total: u64 = spoken.iter().map(Stretch::length).sum();
    let all = u64::from(sentence.syllables.max(1));
    let mut before = 0;
    let mut timings = Vec::with_capacity(sentence.words.len());
    for word in &sentence.words {
        let after = before + u64::from(word.syllables);
        timings.push(WordTiming {
            text: word.text.clone(),
            joins_previous: word.joins_previous,
            start: activity::start_at(spoken, total * before / all),
            end: activity::end_at(spoken, total * after / all),
        });
        before = after;
    }
    timings
}

fn sentences(texts: &[String]) -> Vec<Sentence> {
    let mut all: Vec<Sentence> = Vec::new();
    for (text, content) in texts.iter().enumerate() {
        let mut open = false;
        for word in words::split(content) {
            let ends = word.ends_sentence();
            if !open {
                all.push(Sentence { text, words: Vec::new(), syllables: 0 });
            }
            if let Some(sentence) = all.last_mut() {
                sentence.syllables += word.syllables;
                sentence.words.push(word);
            }
            open = !ends;
        }
    }
    all
}

#[cfg(test)]
mod tests;
