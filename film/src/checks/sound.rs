//! The film's sound as it was encoded: its loudness, and whether somebody is heard where somebody
//! should speak.

use super::{Finding, Plan};
use crate::request::{AudioSource, Music};
use crate::sound::heard::Heard;
use crate::sound::mix::FADE_OUT;
use crate::sound::music_span;

/// The film's loudness may miss its target by this, in LU.
const TOLERANCE: f64 = 0.5;
/// A voice this far below the film's loudness is not there, in dB.
const FAINT: f64 = 16.0;
/// Music this quiet is not there, in dBFS; for longer than so many seconds it should be.
const NO_MUSIC: f64 = -65.0;
const PAUSE_SECONDS: f64 = 1.5;

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
        let span = music_span(plan.request, plan.timeline, plan.sources);
        let rate = plan.timeline.rate;
        let (from, until) =
            (rate.seconds(span.from + span.fade_in), rate.seconds(span.to) - FADE_OUT.seconds());
        let (start, length) = heard.longest_below(NO_MUSIC, from, until);
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
