//! Where in a sound somebody speaks: stretches that are not much quieter than its loud parts.

use videofactory_pipeline::timeline::Interval;

use super::pcm::{CHANNELS, Pcm};
use crate::error::FilmError;
use crate::speech_level;

/// Frames over which the level is taken: 10 ms.
const WINDOW: usize = 480;
const WINDOW_SECONDS: f64 = 0.01;
/// A shorter pause is part of the speech, in windows: music does not come back for it. Longer than for whoever looks for the
/// words of a speech, whom each pause helps (`speech/activity.rs`).
const SHORTEST_PAUSE: usize = 12;

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
    let Some(loud) = speech_level::of_loud_parts(&speech_level::ascending(levels)) else { return Vec::new() };
    let seconds = |window: usize| f64::from(u32::try_from(window).unwrap_or(u32::MAX)) * WINDOW_SECONDS;
    speech_level::stretches(levels, speech_level::threshold(loud), SHORTEST_PAUSE)
        .into_iter()
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
