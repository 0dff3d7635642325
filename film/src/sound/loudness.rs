//! Loudness as EBU R 128 defines it.

use ebur128::{EbuR128, Mode};
use videofactory_pipeline::timeline::SAMPLE_RATE;

use super::pcm::{CHANNELS, Pcm};
use crate::error::FilmError;

/// A sound is raised by at most this, in dB: hiss is not raised to music.
pub const MAX_GAIN: f64 = 40.0;

/// Loudness and peak of a sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// LUFS; minus infinity for silence and for less than 0.4 s of sound.
    pub integrated: f64,
    /// The highest sample, in dBFS; minus infinity for silence.
    pub peak: f64,
    /// dBTP, where it was asked for, else as `peak`.
    pub true_peak: f64,
}

/// Measures as samples come by.
pub struct Meter {
    ebur128: EbuR128,
    true_peaks: bool,
    broken: Option<String>,
}

impl Meter {
    /// At 48 kHz, in stereo.
    pub fn new() -> Result<Self, FilmError> {
        Self::measuring(false)
    }

    /// One that looks for peaks between samples too, which costs more than all the rest.
    pub fn with_true_peaks() -> Result<Self, FilmError> {
        Self::measuring(true)
    }

    fn measuring(true_peaks: bool) -> Result<Self, FilmError> {
        let channels = u32::try_from(CHANNELS).unwrap_or(2);
        let mode = if true_peaks { Mode::TRUE_PEAK } else { Mode::SAMPLE_PEAK };
        let ebur128 = EbuR128::new(channels, SAMPLE_RATE, Mode::I | mode)
            .map_err(|error| broken(&error.to_string()))?;
        Ok(Self { ebur128, true_peaks, broken: None })
    }

    /// Takes samples, left and right in turn.
    pub fn take(&mut self, samples: &[f32]) {
        if let Err(error) = self.ebur128.add_frames_f32(samples) {
            self.broken = Some(error.to_string());
        }
    }

    /// What was measured.
    pub fn read(&self) -> Result<Loudness, FilmError> {
        if let Some(error) = &self.broken {
            return Err(broken(error));
        }
        let integrated = self.ebur128.loudness_global().map_err(|error| broken(&error.to_string()))?;
        let (mut peak, mut true_peak): (f64, f64) = (0.0, 0.0);
        for channel in 0..self.ebur128.channels() {
            let read = |value: Result<f64, ebur128::Error>| value.map_err(|error| broken(&error.to_string()));
            peak = peak.max(read(self.ebur128.sample_peak(channel))?);
            if self.true_peaks {
                true_peak = true_peak.max(read(self.ebur128.true_peak(channel))?);
            }
        }
        let decibels = |factor: f64| 20.0 * factor.log10();
        Ok(Loudness { integrated, peak: decibels(peak), true_peak: decibels(true_peak.max(peak)) })
    }
}

/// Measures a whole sound.
pub fn measure(sound: &Pcm) -> Result<Loudness, FilmError> {
    let mut meter = Meter::new()?;
    sound.each_block(|samples| meter.take(samples))?;
    meter.read()
}

/// A factor for a number of decibels.
#[must_use]
pub fn factor(decibels: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "samples are f32; the rounding is inaudible")]
    let factor = 10f64.powf(decibels / 20.0) as f32;
    factor
}

fn broken(why: &str) -> FilmError {
    FilmError::KeepPromise { task: "measure the sound".to_owned(), why: why.to_owned() }
}
