//! At which loudness voices, and what is heard beside them, are mixed, and how far their peaks may stand above it.

use std::path::Path;

use super::limiter::Limiter;
use super::loudness::{MAX_GAIN, factor, measure};
use super::pcm::{Pcm, PcmWriter};
use super::speech_segments::level;
use crate::error::FilmError;

/// Every voice is brought to this loudness before it is mixed, in LUFS.
pub(super) const VOICE_LEVEL: f64 = -18.0;
/// Peaks of a voice stand at most this far above its loudness, in dB, before it is mixed: what stands
/// higher than that would hold the whole film down. Speech as it is recorded lies below.
const MAX_CREST: f64 = 20.0;
/// A voice whose peaks are its loudness has them taken down so often; then they stay.
const CREST_ROUNDS: usize = 3;

/// A voice without the peaks that stand too far above its loudness; as it is, if none do. `path` takes
/// what it becomes on the way.
pub(super) fn without_spikes(mut sound: Pcm, path: &Path) -> Result<Pcm, FilmError> {
    for round in 0..CREST_ROUNDS {
        let found = measure(&sound)?;
        if !found.integrated.is_finite() || found.peak - found.integrated <= MAX_CREST {
            break;
        }
        let mut limiter = Limiter::quick(factor(found.integrated + MAX_CREST));
        let mut writer = PcmWriter::create(&path.with_extension(format!("{round}.f32")))?;
        let mut out = Vec::new();
        sound.each_block(|samples| limiter.push(samples, &mut out))?;
        limiter.finish(&mut out);
        writer.write(&out)?;
        sound = writer.finish()?;
    }
    Ok(sound)
}

/// The gain that brings a sound to a loudness, in dB. Sound too short to have a loudness is taken by
/// its level; silence stays silence.
pub(super) fn gain_to(target: f64, sound: &Pcm) -> Result<f64, FilmError> {
    let mut integrated = measure(sound)?.integrated;
    if !integrated.is_finite() {
        let mut loudest = f64::NEG_INFINITY;
        sound.each_block(|samples| loudest = loudest.max(level(samples)))?;
        integrated = loudest;
    }
    Ok(if integrated < -70.0 { 0.0 } else { (target - integrated).min(MAX_GAIN) })
}
