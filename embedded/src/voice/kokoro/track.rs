//! Spoken phrases in a row: without the silence that the model puts around each, with a pause between them, without
//! clicks where they meet, and at one loudness.

use ebur128::{EbuR128, Mode};

use super::model::RATE;

/// Softer than this, of 1, is silence.
const SILENCE: f32 = 0.006;
/// What is kept before the first sound of a phrase, in seconds …
const BEFORE: f64 = 0.04;
/// … and after the last.
const AFTER: f64 = 0.09;
/// Over this time a phrase rises from silence and falls into it, in seconds.
const FADE: f64 = 0.005;
/// How loud every narration is, in LUFS: soft enough that the peaks of speech, up to 22 dB above, fit below [`PEAK`], and so
/// hold none of them down.
const LOUDNESS: f64 = -23.0;
/// The highest peak, of 1.
const PEAK: f32 = 0.95;

#[derive(Debug, Default)]
pub(super) struct Track {
    samples: Vec<f32>,
}

impl Track {
    /// Adds a phrase after so many seconds of pause; where its sample 0 lies, which may be before the track.
    pub(super) fn add(&mut self, phrase: &[f32], pause: f64) -> i64 {
        let is_heard = |sample: &f32| sample.abs() > SILENCE;
        let (Some(first), Some(last)) = (phrase.iter().position(is_heard), phrase.iter().rposition(is_heard))
        else {
            return self.samples.len() as i64;
        };
        let from = first.saturating_sub(samples(BEFORE));
        let to = (last + samples(AFTER)).min(phrase.len());
        if !self.samples.is_empty() {
            self.samples.extend(std::iter::repeat_n(0.0, samples(pause)));
        }
        let start = self.samples.len();
        let (length, fade) = (to - from, samples(FADE).max(1));
        self.samples.extend(phrase[from..to].iter().enumerate().map(|(at, sample)| {
            let nearest_end = at.min(length - 1 - at);
            sample * (nearest_end as f32 / fade as f32).min(1.0)
        }));
        start as i64 - from as i64
    }

    /// The sound at its loudness, as 16 bits.
    pub(super) fn finish(self) -> Vec<i16> {
        let peak = self.samples.iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
        let wanted = loudness(&self.samples).map_or(1.0, |found| 10f64.powf((LOUDNESS - found) / 20.0));
        let gain = (wanted as f32).min(PEAK / peak.max(f32::EPSILON));
        self.samples.iter().map(|sample| (sample * gain * 32_767.0).round() as i16).collect()
    }
}

/// In LUFS; none for what is too short or too soft to have one.
fn loudness(samples: &[f32]) -> Option<f64> {
    let mut meter = EbuR128::new(1, RATE, Mode::I).ok()?;
    meter.add_frames_f32(samples).ok()?;
    meter.loudness_global().ok().filter(|loudness| loudness.is_finite())
}

fn samples(seconds: f64) -> usize {
    (seconds * f64::from(RATE)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone of whole periods between silences.
    fn phrase(level: f32) -> Vec<f32> {
        let tone = (0..24_000).map(|at| level * (at as f32 * std::f32::consts::TAU / 125.0).sin());
        let silence = || std::iter::repeat_n(0.0, 12_000);
        silence().chain(tone).chain(silence()).collect()
    }

    #[test]
    fn phrases_meet_without_clicks_and_with_the_pause_alone_between_them() {
        let mut track = Track::default();
        let first = track.add(&phrase(0.5), 0.3);
        let length = track.samples.len();
        let second = track.add(&phrase(0.5), 0.3);
        assert_eq!(first, samples(BEFORE) as i64 - 12_001);
        assert_eq!(second, first + (length + samples(0.3)) as i64);
        assert!(length < 24_000 + samples(BEFORE) + samples(AFTER) + 2);
        let steps = track.samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        assert!(steps.fold(0.0, f32::max) <= 0.5 * std::f32::consts::TAU / 125.0 + 0.001);
    }

    #[test]
    fn soft_and_loud_narrations_become_equally_loud_and_none_is_clipped() {
        let level = |amplitude: f32| {
            let mut track = Track::default();
            track.add(&phrase(amplitude), 0.0);
            let sound: Vec<f32> = track.finish().iter().map(|sample| f32::from(*sample) / 32_767.0).collect();
            assert!(sound.iter().all(|sample| sample.abs() <= PEAK + 0.001));
            loudness(&sound).unwrap()
        };
        for amplitude in [0.02, 0.2, 1.5] {
            assert!((level(amplitude) - LOUDNESS).abs() < 0.3, "{}", level(amplitude));
        }
    }

    #[test]
    fn what_is_silent_adds_nothing() {
        let mut track = Track::default();
        assert_eq!(track.add(&[0.0; 100], 1.0), 0);
        assert!(track.finish().is_empty());
    }
}
