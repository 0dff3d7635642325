//! Where in a sound somebody speaks.

use crate::speech_level;

/// A shorter pause belongs to the speech, in windows of 10 ms.
const SHORTEST_PAUSE: usize = 8;
/// Speech is so much louder than a noise that never ends, in dB …
const ABOVE_NOISE: f64 = 6.0;
/// … which is so much quieter than its loud parts; anything louder is no noise but speech without a pause.
const BELOW_SPEECH: f64 = 12.0;
/// Nearest is a pause in which a sentence ends if it is no further away, in seconds.
const REACH: f64 = 0.5;
/// A pause that is further away must be longer by so many times as much.
const FAR: i64 = 4;

/// A stretch of samples, the last one not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub from: u64,
    pub to: u64,
}

impl Stretch {
    pub fn length(&self) -> u64 {
        self.to - self.from
    }

    /// Samples between it and another stretch; 0 if they touch.
    fn distance(&self, from: u64, to: u64) -> u64 {
        from.saturating_sub(self.to).max(self.from.saturating_sub(to))
    }
}

/// A sound's speech.
pub(super) struct Activity {
    /// Samples in a window.
    pub window: u64,
    /// The loudness of each window in dBFS.
    levels: Vec<f64>,
    /// Where somebody speaks, ascending; the whole sound if nobody seems to.
    pub speech: Vec<Stretch>,
    /// Samples in all.
    pub length: u64,
    /// Nobody seems to speak.
    pub is_silent: bool,
}

impl Activity {
    pub fn of(samples: &[i16], rate: u32) -> Self {
        let window = usize::try_from(rate / 100).unwrap_or(1).max(1);
        let length = samples.len() as u64;
        let levels: Vec<f64> = samples.chunks(window).map(level).collect();
        let window = window as u64;
        let stretch = |(from, to): (usize, usize)| Stretch {
            from: from as u64 * window,
            to: (to as u64 * window).min(length),
        };
        let mut speech: Vec<Stretch> = loud(&levels).into_iter().map(stretch).collect();
        let is_silent = speech.is_empty();
        if is_silent {
            speech.push(Stretch { from: 0, to: length });
        }
        Self { window, levels, speech, length, is_silent }
    }

    /// The speech inside a stretch.
    pub fn within(&self, place: Stretch) -> Vec<Stretch> {
        let clip =
            |speech: &Stretch| Stretch { from: speech.from.max(place.from), to: speech.to.min(place.to) };
        let inside = |speech: &&Stretch| speech.from < place.to && speech.to > place.from;
        self.speech.iter().filter(inside).map(clip).collect()
    }

    /// Samples of speech in all.
    pub fn spoken(&self) -> u64 {
        self.speech.iter().map(Stretch::length).sum()
    }

    /// Samples of speech between two.
    pub fn spoken_within(&self, from: u64, to: u64) -> u64 {
        self.within(Stretch { from, to }).iter().map(Stretch::length).sum()
    }

    /// The pauses between speech.
    fn pauses(&self) -> impl Iterator<Item = Stretch> + '_ {
        self.speech.windows(2).map(|pair| Stretch { from: pair[0].to, to: pair[1].from })
    }

    /// The pause in which a sample lies, or of which an end is at most `reach` samples away; the nearest.
    pub fn pause_near(&self, at: u64, reach: u64) -> Option<Stretch> {
        self.pauses()
            .filter(|pause| pause.distance(at, at) <= reach)
            .min_by_key(|pause| pause.distance(at, at))
    }

    /// Where to cut between two words: in the middle of the pause there, a long one rather than a short one; without
    /// one, where it is quietest.
    pub fn cut_between(&self, last: (u64, u64), next: (u64, u64)) -> u64 {
        let second = self.window * 100;
        let reach = (REACH * second as f64) as u64;
        let middle = |pause: &Stretch| u64::midpoint(pause.from, pause.to);
        let distance = |pause: &Stretch| pause.distance(last.1, next.0);
        // Neither word may come to lie on the other's side.
        let fits = |pause: &Stretch| {
            distance(pause) <= reach && (last.0..next.1.max(last.0 + 1)).contains(&middle(pause))
        };
        let worth = |pause: &Stretch| pause.length().min(second) as i64 - FAR * distance(pause) as i64;
        let near = self.pauses().filter(fits).max_by_key(worth);
        near.as_ref().map_or_else(|| self.quietest_near(u64::midpoint(last.1, next.0), second / 10), middle)
    }

    /// The middle of the quietest window at most `reach` samples away; of several, the nearest.
    pub fn quietest_near(&self, at: u64, reach: u64) -> u64 {
        let place = |at: u64| usize::try_from(at / self.window).unwrap_or(usize::MAX);
        let middle = |window: usize| (window as u64 * self.window + self.window / 2).min(self.length);
        let (first, last) =
            (place(at.saturating_sub(reach)), place(at + reach).min(self.levels.len().max(1) - 1));
        // A decibel makes no difference.
        let order = |a: &usize, b: &usize| {
            let quieter = self.level(*a).round().total_cmp(&self.level(*b).round());
            quieter.then(middle(*a).abs_diff(at).cmp(&middle(*b).abs_diff(at)))
        };
        (first..=last).min_by(order).map_or(at, middle)
    }

    fn level(&self, window: usize) -> f64 {
        self.levels.get(window).copied().unwrap_or(f64::MAX)
    }
}

/// The sample that is heard once so much of the speech is over; at a pause, the one after it.
pub(super) fn start_at(speech: &[Stretch], spoken: u64) -> u64 {
    at(speech, spoken, |left, length| left < length)
}

/// The same, but at a pause the sample before it.
pub(super) fn end_at(speech: &[Stretch], spoken: u64) -> u64 {
    at(speech, spoken, |left, length| left <= length)
}

fn at(speech: &[Stretch], spoken: u64, is_inside: impl Fn(u64, u64) -> bool) -> u64 {
    let mut left = spoken;
    for stretch in speech {
        if is_inside(left, stretch.length()) {
            return stretch.from + left;
        }
        left -= stretch.length().min(left);
    }
    speech.last().map_or(spoken, |last| last.to)
}

/// In dBFS.
fn level(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|sample| (f64::from(*sample) / 32_768.0).powi(2)).sum();
    let count = f64::from(u32::try_from(samples.len()).unwrap_or(u32::MAX).max(1));
    10.0 * (power / count).max(1e-20).log10()
}

fn loud(levels: &[f64]) -> Vec<(usize, usize)> {
    let sorted = speech_level::ascending(levels);
    let Some(loud) = speech_level::of_loud_parts(&sorted) else { return Vec::new() };
    let noise = sorted.get(sorted.len() / 20).filter(|noise| **noise < loud - BELOW_SPEECH);
    let quietest = speech_level::threshold(loud);
    let threshold = noise.map_or(quietest, |noise| quietest.max(noise + ABOVE_NOISE));
    speech_level::stretches(levels, threshold, SHORTEST_PAUSE)
}
