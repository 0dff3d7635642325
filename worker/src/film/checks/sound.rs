//! The film's sound as it was encoded: its loudness, and whether somebody is heard where somebody
//! should speak.

use std::path::Path;

use videofactory_pipeline::timeline::Interval;

use super::{Finding, Plan};
use crate::film::error::FilmError;
use crate::film::ffmpeg::Ffmpeg;
use crate::film::request::{AudioSource, Music};
use crate::film::sound::loudness::{Loudness, Meter};
use crate::film::sound::speech::level;

/// Samples of both channels in 10 ms, and their bytes.
const WINDOW: usize = 960;
const WINDOW_BYTES: usize = WINDOW * size_of::<f32>();
const WINDOWS_A_SECOND: f64 = 100.0;
/// The film's loudness may miss its target by this, in LU.
const TOLERANCE: f64 = 0.5;
/// A voice this far below the film's loudness is not there, in dB.
const FAINT: f64 = 16.0;
/// Music this quiet is not there, in dBFS; for longer than so many seconds it should be.
const NO_MUSIC: f64 = -65.0;
const PAUSE_SECONDS: f64 = 1.5;
/// Music is on its way out.
const FADE_OUT_SECONDS: f64 = 2.0;

/// What was heard of the film.
pub(super) struct Heard {
    loudness: Loudness,
    /// In dBFS, one for each 10 ms.
    levels: Vec<f64>,
}

/// Decodes the film's sound.
pub(super) async fn listen(plan: &Plan<'_>, path: &Path) -> Result<Heard, FilmError> {
    let mut meter = Meter::new()?;
    let mut levels = Vec::new();
    let mut samples = vec![0.0; WINDOW];
    Ffmpeg::new("listen to the film", plan.work)
        .input(&["-vn"], path)
        .args(["-ar", "48000", "-ac", "2", "-f", "f32le", "pipe:1"])
        .blocks(WINDOW_BYTES, |bytes| {
            for (sample, bytes) in samples.iter_mut().zip(bytes.as_chunks().0) {
                *sample = f32::from_le_bytes(*bytes);
            }
            meter.take(&samples);
            levels.push(level(&samples));
        })
        .await?;
    Ok(Heard { loudness: meter.read()?, levels })
}

/// Loudness and true peak; `None` for a film that is to be silent.
pub(super) fn loudness(plan: &Plan<'_>, heard: &Heard) -> Option<Finding> {
    let audio = &plan.request.audio;
    let audible = audio.music != Music::None || plan.speech.iter().any(|speech| !speech.is_empty());
    let found = heard.loudness;
    if !audible && !found.integrated.is_finite() {
        return None;
    }
    let good = (found.integrated - audio.loudness).abs() <= TOLERANCE && found.true_peak <= audio.true_peak;
    let message = format!(
        "{:.1} LUFS and {:.1} dBTP, where {:.1} LUFS and at most {:.1} dBTP are asked for",
        found.integrated, found.true_peak, audio.loudness, audio.true_peak
    );
    let value = if found.integrated.is_finite() { found.integrated } else { -120.0 };
    Some(Finding { good, value, message })
}

/// Whether every voice is heard, and music where there is to be music; `None` where neither is to be.
pub(super) fn silence(plan: &Plan<'_>, heard: &Heard) -> Option<Finding> {
    let mut faults = Vec::new();
    let mut faintest: Option<f64> = None;
    let voices = plan.timeline.scenes.iter().zip(plan.speech).zip(&plan.request.scenes);
    for ((place, speech), scene) in voices {
        let speaks = scene.voice.is_some() && plan.request.audio.source == AudioSource::Narration;
        if !speaks {
            continue;
        }
        let level = heard.level_in(place.voice_at.seconds(), speech);
        if level < plan.request.audio.loudness - FAINT {
            faults.push(format!("the voice of scene {} is not heard ({level:.0} dBFS)", scene.id));
        }
        faintest = Some(faintest.map_or(level, |faintest| faintest.min(level)));
    }
    if plan.request.audio.music != Music::None {
        let (start, length) = heard.longest_below(NO_MUSIC, plan.timeline.seconds() - FADE_OUT_SECONDS);
        if length > PAUSE_SECONDS {
            faults.push(format!("no sound for {length:.1} s from {start:.1} s"));
        }
        faintest = faintest.or(Some(heard.loudness.integrated.max(-120.0)));
    }
    let value = faintest?;
    let good = faults.is_empty();
    let message = if good {
        format!("every voice is heard, the faintest at {value:.0} dBFS")
    } else {
        faults.join("; ")
    };
    Some(Finding { good, value, message })
}

impl Heard {
    /// The mean level within intervals that begin at `from`, in dBFS; far down if there are none.
    fn level_in(&self, from: f64, speech: &[Interval]) -> f64 {
        let (mut power, mut windows): (f64, f64) = (0.0, 0.0);
        for stretch in speech {
            for level in &self.levels[self.window(from + stretch.start)..self.window(from + stretch.end)] {
                power += 10f64.powf(level / 10.0);
                windows += 1.0;
            }
        }
        if windows == 0.0 { -120.0 } else { 10.0 * (power / windows).max(1e-12).log10() }
    }

    /// The longest stretch below a level before `until`: its start and length, in seconds.
    fn longest_below(&self, limit: f64, until: f64) -> (f64, f64) {
        let (mut longest, mut run) = ((0.0, 0.0), 0.0);
        for (level, place) in self.levels[..self.window(until)].iter().zip(1u32..) {
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
