//! Where in a sound somebody speaks: stretches that are not much quieter than its loud parts.

use videofactory_pipeline::timeline::Interval;

use super::pcm::{CHANNELS, Pcm};
use crate::error::FilmError;

/// Frames over which the level is taken: 10 ms.
const WINDOW: usize = 480;
const WINDOW_SECONDS: f64 = 0.01;
/// Speech is at most this much quieter than its loud parts, in dB.
const RANGE: f64 = 32.0;
/// Nothing quieter than this is speech, in dBFS.
const FLOOR: f64 = -55.0;
/// A shorter pause is part of the speech, in windows.
const SHORTEST_PAUSE: usize = 12;
/// A shorter sound is a click, in windows.
const SHORTEST_SPEECH: usize = 4;

/// The stretches of speech in a voice, in seconds, ascending; empty for silence.
pub fn segments(voice: &Pcm) -> Result<Vec<Interval>, FilmError> {
    let mut levels = Vec::new();
    voice.each_block(|samples| levels.extend(samples.chunks(WINDOW * CHANNELS).map(level)))?;
    Ok(loud_stretches(&levels))
}

/// The level of samples in dBFS.
#[must_use]
pub fn level(samples: &[f32]) -> f64 {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let count = u32::try_from(samples.len()).unwrap_or(u32::MAX).max(1);
    10.0 * (power / f64::from(count)).max(1e-20).log10()
}

fn loud_stretches(levels: &[f64]) -> Vec<Interval> {
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
    let seconds = |window: usize| f64::from(u32::try_from(window).unwrap_or(u32::MAX)) * WINDOW_SECONDS;
    stretches
        .into_iter()
        .filter(|(start, end)| end - start >= SHORTEST_SPEECH)
        .map(|(start, end)| Interval { start: seconds(start), end: seconds(end) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_lies_between_its_pauses() {
        let mut levels = vec![-90.0; 30];
        levels.extend(vec![-20.0; 50]);
        levels.extend(vec![-80.0; 5]);
        levels.extend(vec![-25.0; 20]);
        levels.extend(vec![-80.0; 40]);
        levels.extend(vec![-22.0; 30]);
        let stretches = loud_stretches(&levels);
        assert_eq!(
            stretches,
            [Interval { start: 0.3, end: 1.05 }, Interval { start: 1.45, end: 1.75 }],
            "a short pause parts, or a long one joins"
        );
    }

    #[test]
    fn silence_is_no_speech() {
        assert!(loud_stretches(&[-70.0; 100]).is_empty());
        assert!(loud_stretches(&[]).is_empty());
    }
}
