//! What is heard of a film's file, decoded as a player does.

use std::path::Path;

use videofactory_pipeline::timeline::Interval;

use super::loudness::{Loudness, Meter};
use super::speech_segments::level;
use crate::error::FilmError;
use crate::ffmpeg::Ffmpeg;
use crate::sniff::MP4;

/// Samples of both channels in 10 ms, and their bytes.
const WINDOW: usize = 960;
const WINDOW_BYTES: usize = WINDOW * size_of::<f32>();
const WINDOWS_A_SECOND: f64 = 100.0;

/// A film's sound as it was encoded.
pub struct Heard {
    /// Of the whole.
    pub loudness: Loudness,
    /// In dBFS, one for each 10 ms.
    levels: Vec<f64>,
}

impl Heard {
    /// Decodes the sound of a file; `dir` is where ffmpeg works.
    pub async fn of(path: &Path, dir: &Path) -> Result<Self, FilmError> {
        let mut meter = Meter::with_true_peaks()?;
        let mut levels = Vec::new();
        let mut samples = vec![0.0; WINDOW];
        Ffmpeg::new("listen to the film", dir)
            .input(&["-vn"], MP4, path)
            .args(["-ar", "48000", "-ac", "2", "-f", "f32le", "pipe:1"])
            .blocks(WINDOW_BYTES, |bytes| {
                for (sample, bytes) in samples.iter_mut().zip(bytes.as_chunks().0) {
                    *sample = f32::from_le_bytes(*bytes);
                }
                meter.take(&samples);
                levels.push(level(&samples));
            })
            .await?;
        Ok(Self { loudness: meter.read()?, levels })
    }

    /// The mean level within intervals that begin at `from`, in dBFS; far down if there are none.
    #[must_use]
    pub fn level_in(&self, from: f64, speech: &[Interval]) -> f64 {
        let (mut power, mut windows): (f64, f64) = (0.0, 0.0);
        for stretch in speech {
            for level in &self.levels[self.window(from + stretch.start)..self.window(from + stretch.end)] {
                power += 10f64.powf(level / 10.0);
                windows += 1.0;
            }
        }
        if windows == 0.0 { -120.0 } else { 10.0 * (power / windows).max(1e-12).log10() }
    }

    /// The longest stretch below a level between `from` and `until`: its start and length, in seconds.
    #[must_use]
    pub fn longest_below(&self, limit: f64, from: f64, until: f64) -> (f64, f64) {
        let (mut longest, mut run) = ((0.0, 0.0), 0.0);
        let (first, end) = (self.window(from), self.window(until));
        for (level, place) in self.levels[..end].iter().zip(1u32..).skip(first) {
            run = if *level < limit { run + 1.0 } else { 0.0 };
            if run > longest.1 {
                longest = (f64::from(place) - run, run);
            }
        }
        (longest.0 / WINDOWS_A_SECOND, longest.1 / WINDOWS_A_SECOND)
    }

    fn window(&self, seconds: f64) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "hundredths of a film")]
        let window = (seconds * WINDOWS_A_SECOND).max(0.0) as usize;
        window.min(self.levels.len())
    }
}
