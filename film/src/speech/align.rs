//! Finds the words of a speech by comparing it with another reading of the same texts, whose words are known.

use videofactory_providers::Speech;

use super::Place;
use super::activity::{Activity, Stretch};
use super::features::{self, A_SECOND, COARSE, Moment};
use super::trust::Evidence;
use super::warp::{self, WarpPath};

/// How far from an even pace a speaker may get, in seconds …
const REACH_SECONDS: f64 = 2.0;
/// … and as a part of the whole.
const REACH_PART: f64 = 0.1;
/// How far from the coarse way the fine one is looked for, in moments.
const FINE_REACH: usize = 100;
/// A word that follows a pause in both speeches begins where the pause ends, if that is so near, in seconds.
const NEAR: f64 = 0.2;
/// The words of a reading pause if there is so much between them, in seconds.
const PAUSE: f64 = 0.05;

/// What the comparison found.
pub(super) struct Found {
    /// The first sample of each word of the reading, and one past its last; ascending.
    pub words: Vec<(u64, u64)>,
    /// How much it is to be believed.
    pub evidence: Evidence,
}

/// Compares a speech with a reading. `ends` are the words, counted from 0, that end a sentence. Nothing if one of them
/// is silent, or one is so much longer that they cannot be the same.
pub(super) fn compare(
    speech: &Speech,
    activity: &Activity,
    reading: &Speech,
    ends: &[usize],
) -> Option<Found> {
    let read = Activity::of(&reading.samples, reading.sample_rate);
    let pace = seconds(activity.spoken(), speech.sample_rate) / seconds(read.spoken(), reading.sample_rate);
    if activity.is_silent || read.is_silent || !Evidence::may_have(pace) {
        return None;
    }
    let highest = features::highest([speech.sample_rate, reading.sample_rate]);
    let heard = features::of(&speech.samples, speech.sample_rate, activity, highest, 1.0);
    let readings =
        features::SIZES.map(|size| features::of(&reading.samples, reading.sample_rate, &read, highest, size));
    let (known, coarse, likeness) = anchor(&heard, readings)?;
    let corridor = warp::around(&coarse, COARSE, heard.len(), known.len(), FINE_REACH);
    let way = warp::warp(&corridor, |one, other| features::distance(&heard[one], &known[other]))?;
    let places = Places::new(speech, &heard, reading, &known, &way);
    let words = places.words(activity, reading);
    let steadiness = steadiness(&words, activity, speech.sample_rate, reading, &read, ends, pace);
    Some(Found { words, evidence: Evidence { likeness, pace, steadiness } })
}

/// The reading that is most like the speech, the way through moments of 40 ms, and what it costs beside the way through
/// the same reading run backwards: two sounds in which nothing is alike but the voices.
fn anchor(
    heard: &[Moment],
    readings: [Vec<Moment>; features::SIZES.len()],
) -> Option<(Vec<Moment>, WarpPath, f64)> {
    let heard = features::coarse(heard);
    let a_second = f64::from(A_SECOND) / COARSE as f64;
    let through = |reading: &[Moment]| {
        let reach = (REACH_SECONDS * a_second + REACH_PART * reading.len() as f64) as usize;
        let corridor = warp::diagonal(heard.len(), reading.len(), reach);
        warp::warp(&corridor, |one, other| features::distance(&heard[one], &reading[other]))
    };
    let found = readings.into_iter().filter_map(|reading| {
        let coarse = features::coarse(&reading);
        let way = through(&coarse)?;
        Some((reading, coarse, way))
    });
    let (reading, mut coarse, way) = found.min_by(|one, other| one.2.cost.total_cmp(&other.2.cost))?;
    coarse.reverse();
    let likeness = way.cost / through(&coarse)?.cost.max(1e-6);
    Some((reading, way, likeness))
}

/// From a reading's samples to those of a speech.
struct Places<'a> {
    known: &'a [Moment],
    /// For each moment of the reading the first sample of the speech that belongs to it, and one past the last.
    spans: Vec<(u64, u64)>,
    rate: u32,
}

impl<'a> Places<'a> {
    fn new(speech: &Speech, heard: &[Moment], reading: &Speech, known: &'a [Moment], way: &WarpPath) -> Self {
        let mut spans = vec![(u64::MAX, 0); known.len()];
        let length = speech.samples.len() as u64;
        let hop = u64::from(speech.sample_rate / A_SECOND).max(1);
        for (row, column) in &way.steps {
            let span: &mut (u64, u64) = &mut spans[*column];
            let next = heard.get(row + 1).map_or(length, |next| next.at);
            *span = (span.0.min(heard[*row].at), span.1.max((heard[*row].at + hop).min(next)));
        }
        Self { known, spans, rate: reading.sample_rate }
    }

    /// The moment of the reading in which a sample lies.
    fn moment(&self, sample: u64) -> usize {
        self.known.partition_point(|moment| moment.at <= sample).saturating_sub(1)
    }

    fn words(&self, activity: &Activity, reading: &Speech) -> Vec<(u64, u64)> {
        let rate = seconds(activity.window * u64::from(A_SECOND), 1);
        let near = (NEAR * rate) as u64;
        let mut words: Vec<(u64, u64)> = Vec::with_capacity(reading.words.len());
        let mut before = 0;
        for word in &reading.words {
            let mut start = self.spans[self.moment(word.start)].0;
            let mut end = self.spans[self.moment(word.end.saturating_sub(1))].1;
            let pauses = before > 0 && seconds(word.start - before, self.rate) >= PAUSE;
            before = word.end;
            let reach = if pauses { near } else { 0 };
            if let Some(pause) = activity.pause_near(start, reach) {
                start = pause.to;
                if let Some(last) = words.last_mut() {
                    last.1 = last.1.clamp(last.0, pause.from.max(last.0));
                }
            }
            let earliest = words.last().map_or(0, |last| last.0);
            start = start.max(earliest);
            end = end.max(start);
            if let Some(last) = words.last_mut() {
                last.1 = last.1.min(start);
            }
            words.push((start, end));
        }
        words
    }
}

/// How many times faster or slower than the whole the sentence is spoken that differs most.
fn steadiness(
    words: &[(u64, u64)],
    activity: &Activity,
    rate: u32,
    reading: &Speech,
    read: &Activity,
    ends: &[usize],
    pace: f64,
) -> f64 {
    let mut worst: f64 = 1.0;
    let mut first = 0;
    for last in &stretches(ends) {
        let spoken = |activity: &Activity, from: u64, to: u64, rate: u32| {
            seconds(activity.spoken_within(from, to), rate) + LENIENCE
        };
        let heard = spoken(activity, words[first].0, words[*last].1, rate);
        let known = spoken(read, reading.words[first].start, reading.words[*last].end, reading.sample_rate);
        let ratio = heard / known / pace;
        worst = worst.max(ratio).max(1.0 / ratio);
        first = last + 1;
    }
    worst
}

/// The ends of stretches of at most so many words, every end of a sentence among them: within a long sentence, too,
/// something may be left out.
fn stretches(ends: &[usize]) -> Vec<usize> {
    let mut all = Vec::with_capacity(ends.len());
    let mut first = 0;
    for end in ends {
        while end + 1 - first > WORDS_A_STRETCH + WORDS_A_STRETCH / 2 {
            first += WORDS_A_STRETCH;
            all.push(first - 1);
        }
        all.push(*end);
        first = end + 1;
    }
    all
}

/// Words whose pace is looked at together.
const WORDS_A_STRETCH: usize = 8;
/// Short sentences differ by more, in seconds.
const LENIENCE: f64 = 0.4;

fn seconds(samples: u64, rate: u32) -> f64 {
    samples as f64 / f64::from(rate.max(1))
}

/// Where each sentence is, with the pauses around it: cut in the pause that is nearest to where it ends.
pub(super) fn sentences(activity: &Activity, ends: &[usize], words: &[(u64, u64)]) -> Vec<Place> {
    let mut places = Vec::with_capacity(ends.len());
    let (mut first, mut from) = (0, 0);
    for (place, last) in ends.iter().enumerate() {
        let to = if place + 1 == ends.len() {
            activity.length
        } else {
            activity.cut_between(words[*last], words[last + 1]).max(from)
        };
        let whole = Stretch { from, to };
        let mut own: Vec<(u64, u64)> = words[first..=*last]
            .iter()
            .map(|(start, end)| (start.clamp(&from, &to), end.clamp(&from, &to)))
            .map(|(start, end)| (*start, *end))
            .collect();
        // Before its first word and after its last a sentence has nothing to say.
        let spoken = activity.within(whole);
        if let (Some(begin), Some(end)) = (spoken.first(), spoken.last()) {
            if let Some(word) = own.first_mut() {
                *word = (begin.from, word.1.max(begin.from));
            }
            if let Some(word) = own.last_mut() {
                *word = (word.0.min(end.to), end.to);
            }
        }
        places.push(Place { whole, words: own });
        (first, from) = (last + 1, to);
    }
    places
}
