//! Where in a sound somebody speaks.

/// A shorter pause belongs to the speech, in windows of 10 ms.
const SHORTEST_PAUSE: usize = 8;
/// A shorter sound is a click, likewise.
const SHORTEST_SPEECH: usize = 4;
/// Speech is at most this much quieter than its loud parts, in dB.
const RANGE: f64 = 32.0;
/// Nothing quieter than this is speech, in dBFS.
const FLOOR: f64 = -55.0;

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
        if speech.is_empty() {
            speech.push(Stretch { from: 0, to: length });
        }
        Self { window, levels, speech, length }
    }

    /// The speech inside a stretch.
    pub fn within(&self, place: Stretch) -> Vec<Stretch> {
        let clip =
            |speech: &Stretch| Stretch { from: speech.from.max(place.from), to: speech.to.min(place.to) };
        let inside = |speech: &&Stretch| speech.from < place.to && speech.to > place.from;
        self.speech.iter().filter(inside).map(clip).collect()
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
    let mut sorted = levels.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(loud) = sorted.get(sorted.len() * 95 / 100) else { return Vec::new() };
    let threshold = (loud - RANGE).max(FLOOR);
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for (window, _) in levels.iter().enumerate().filter(|(_, level)| **level > threshold) {
        match stretches.last_mut() {
            Some((_, end)) if window - *end < SHORTEST_PAUSE => *end = window + 1,
            _ => stretches.push((window, window + 1)),
        }
    }
    stretches.retain(|(from, to)| to - from >= SHORTEST_SPEECH);
    stretches
}
