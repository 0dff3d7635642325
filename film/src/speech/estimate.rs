//! Which pause ends which sentence, by the sound alone: the way through the pauses on which every sentence takes about
//! as long as its syllables let expect, and long pauses stand at the ends of texts. Inside a sentence each word gets
//! its share of the time that is spoken.

use super::Place as Found;
use super::activity::{self, Activity, Stretch};
use super::sentences::Sentence;

/// A sentence, as far as its length in the sound is concerned.
struct Piece {
    /// Its share of the speaking.
    weight: f64,
    /// A text ends with it, so that a longer pause follows.
    ends_text: bool,
}

/// A sentence may take this much more or less than expected before that counts, as a part of its length …
const SPREAD: f64 = 0.25;
/// … and in seconds.
const MIN_SPREAD: f64 = 0.2;
/// How much a full pause at the end of a sentence, and of a text, speaks for it.
const AT_SENTENCE: f64 = 1.5;
const AT_TEXT: f64 = 4.0;
/// Pauses of so many seconds are full ones.
const FULL_PAUSE: f64 = 0.35;
const FULL_TEXT_PAUSE: f64 = 0.9;
/// How much it speaks against an end that no pause is there.
const NO_PAUSE: f64 = 4.0;
/// A sentence takes from 1/4 to 4 times its expected length.
const MAX_TIMES: f64 = 4.0;

/// A place at which a sentence may end.
#[derive(Clone, Copy)]
struct Place {
    /// Seconds of speech before it.
    spoken: f64,
    /// The sample at which the sound is cut.
    sample: u64,
    /// Seconds of silence around it; `None` where nobody pauses.
    pause: Option<f64>,
}

/// A step on the best way to a place.
#[derive(Clone, Copy)]
struct Step {
    cost: f64,
    from: usize,
}

/// Where each sentence is likely to be.
pub(super) fn places(activity: &Activity, sentences: &[Sentence]) -> Vec<Found> {
    let pieces: Vec<Piece> = sentences
        .iter()
        .enumerate()
        .map(|(place, sentence)| Piece {
            weight: f64::from(sentence.length()),
            ends_text: sentences.get(place + 1).is_none_or(|next| next.text != sentence.text),
        })
        .collect();
    let mut from = 0;
    let mut found = Vec::with_capacity(sentences.len());
    for (sentence, to) in sentences.iter().zip(ends(activity, &pieces)) {
        let whole = Stretch { from, to };
        found.push(Found { whole, words: shares(&activity.within(whole), sentence, whole) });
        from = to;
    }
    found
}

/// The words of a sentence, each with its share of the time that is spoken.
fn shares(spoken: &[Stretch], sentence: &Sentence, whole: Stretch) -> Vec<(u64, u64)> {
    let silent = [whole];
    let spoken = if spoken.is_empty() { &silent[..] } else { spoken };
    let total: u64 = spoken.iter().map(Stretch::length).sum();
    let all = u64::from(sentence.length().max(1));
    let mut before = 0;
    let mut times = Vec::with_capacity(sentence.words.len());
    for syllables in &sentence.syllables {
        let after = before + u64::from(*syllables);
        times.push((
            activity::start_at(spoken, total * before / all),
            activity::end_at(spoken, total * after / all),
        ));
        before = after;
    }
    times
}

/// The sample at which each piece ends, ascending; the last one ends with the sound.
fn ends(activity: &Activity, pieces: &[Piece]) -> Vec<u64> {
    let Some(last) = pieces.len().checked_sub(1) else { return Vec::new() };
    let rate = seconds(activity.window * 100);
    let total: f64 = activity.speech.iter().map(|stretch| seconds(stretch.length()) / rate).sum();
    let weights: f64 = pieces.iter().map(|piece| piece.weight).sum();
    let expected: Vec<f64> = pieces.iter().map(|piece| piece.weight / weights.max(1.0) * total).collect();
    let places = candidates(activity, &expected, rate);
    let mut steps: Vec<Vec<Option<Step>>> = Vec::with_capacity(last);
    for piece in 0..last {
        let before = piece.checked_sub(1).map(|before| &steps[before]);
        let row = (0..places.len()).map(|place| {
            best(&places, before, place, expected[piece], |at| pause_cost(at, pieces[piece].ends_text))
        });
        let row = row.collect();
        steps.push(row);
    }
    let mut ends = vec![activity.length; pieces.len()];
    let Some(row) = steps.last() else { return ends };
    let rest = |place: usize| stretch_cost(total - places[place].spoken, expected[last]);
    let mut place = row
        .iter()
        .enumerate()
        .filter_map(|(place, step)| Some((place, (*step)?.cost + rest(place))))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(place, _)| place);
    for piece in (0..last).rev() {
        let Some(at) = place else { break };
        ends[piece] = places[at].sample;
        place = steps[piece][at].map(|step| step.from).filter(|_| piece > 0);
    }
    ends
}

/// The cheapest way on which a piece ends at `place`.
fn best(
    places: &[Place],
    before: Option<&Vec<Option<Step>>>,
    place: usize,
    expected: f64,
    pause: impl Fn(&Place) -> f64,
) -> Option<Step> {
    let here = &places[place];
    let cost = |from: f64| stretch_cost(here.spoken - from, expected);
    let fits = |from: f64| {
        let length = here.spoken - from;
        length > 0.0 && length <= expected * MAX_TIMES + 1.0 && length * MAX_TIMES >= expected
    };
    let found = match before {
        None => fits(0.0).then(|| Step { cost: cost(0.0), from: 0 }),
        Some(row) => (0..place)
            .rev()
            .take_while(|from| here.spoken - places[*from].spoken <= expected * MAX_TIMES + 1.0)
            .filter(|from| fits(places[*from].spoken) && places[*from].sample < here.sample)
            .filter_map(|from| Some(Step { cost: row[from]?.cost + cost(places[from].spoken), from }))
            .min_by(|a, b| a.cost.total_cmp(&b.cost)),
    };
    found.map(|step| Step { cost: step.cost + pause(here), ..step })
}

/// Every pause, and for every piece the place at which it would end at an even pace: so there always is a way.
fn candidates(activity: &Activity, expected: &[f64], rate: f64) -> Vec<Place> {
    let mut places = Vec::new();
    let mut spoken = 0.0;
    for pair in activity.speech.windows(2) {
        spoken += seconds(pair[0].length()) / rate;
        places.push(Place {
            spoken,
            sample: u64::midpoint(pair[0].to, pair[1].from),
            pause: Some(seconds(pair[1].from - pair[0].to) / rate),
        });
    }
    let mut due = 0.0;
    for (piece, length) in expected.iter().enumerate().take(expected.len().saturating_sub(1)) {
        due += length;
        let reach = (length.min(expected[piece + 1]) / 4.0).min(0.2);
        let near = activity.quietest_near(sample_after(activity, due, rate), samples(reach * rate));
        places.push(Place { spoken: due, sample: near, pause: None });
    }
    places.sort_by(|a, b| a.spoken.total_cmp(&b.spoken));
    places
}

fn sample_after(activity: &Activity, spoken: f64, rate: f64) -> u64 {
    activity::end_at(&activity.speech, samples(spoken * rate))
}

fn stretch_cost(length: f64, expected: f64) -> f64 {
    ((length - expected) / (SPREAD * expected + MIN_SPREAD)).powi(2)
}

fn pause_cost(place: &Place, ends_text: bool) -> f64 {
    let Some(pause) = place.pause else { return NO_PAUSE };
    let of_text = if ends_text { AT_TEXT * (pause / FULL_TEXT_PAUSE).min(1.0) } else { 0.0 };
    -AT_SENTENCE * (pause / FULL_PAUSE).min(1.0) - of_text
}

fn seconds(samples: u64) -> f64 {
    samples as f64
}

fn samples(number: f64) -> u64 {
    number.max(0.0) as u64
}
