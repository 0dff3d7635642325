//! Loudness as EBU R 128 defines it.

use ebur128::{EbuR128, Mode};
use videofactory_pipeline::timeline::SAMPLE_RATE;

use super::pcm::{CHANNELS, Pcm};
use crate::film::error::FilmError;

/// Loudness and peak of a sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// LUFS; minus infinity for silence and for less than 0.4 s of sound.
    pub integrated: f64,
    /// dBTP; minus infinity for silence.
    pub true_peak: f64,
}

/// Measures as samples come by.
pub struct Meter {
    meter: EbuR128,
    broken: Option<String>,
}

impl Meter {
    /// At 48 kHz, in stereo.
    pub fn new() -> Result<Self, FilmError> {
        let channels = u32::try_from(CHANNELS).unwrap_or(2);
        let meter = EbuR128::new(channels, SAMPLE_RATE, Mode::I | Mode::TRUE_PEAK)
            .map_err(|error| broken(&error.to_string()))?;
        Ok(Self { meter, broken: None })
    }

    /// Takes samples, left and right in turn.
    pub fn take(&mut self, samples: &[f32]) {
        if let Err(error) = self.meter.add_frames_f32(samples) {
            self.broken = Some(error.to_string());
        }
    }

    /// What was measured.
    pub fn read(&self) -> Result<Loudness, FilmError> {
        if let Some(error) = &self.broken {
            return Err(broken(error));
        }
        let integrated = self.meter.loudness_global().map_err(|error| broken(&error.to_string()))?;
        let mut peak: f64 = 0.0;
        for channel in 0..self.meter.channels() {
            peak = peak.max(self.meter.true_peak(channel).map_err(|error| broken(&error.to_string()))?);
        }
        Ok(Loudness { integrated, true_peak: 20.0 * peak.log10() })
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
