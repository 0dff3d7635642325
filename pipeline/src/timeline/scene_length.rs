//! How long a scene lasts: what its voice takes, with the silence around it.

use super::{FrameRate, Frames, SceneNeeds};

/// Silence before a voice, where the crossfade does not ask for more.
const LEAD_SECONDS: f64 = 0.3;
/// Silence after a voice.
const TAIL_SECONDS: f64 = 0.25;
/// A scene without a voice and without a length of its own.
const SILENT_SECONDS: f64 = 3.0;

/// From a scene's first frame to its voice: the crossfade that opens the scene lies in it.
pub(super) fn lead(rate: FrameRate, crossfade: Frames) -> Frames {
    crossfade.max(rate.covering(LEAD_SECONDS))
}

/// From a scene's first frame to that of the next.
pub(super) fn of(rate: FrameRate, lead: Frames, needs: &SceneNeeds) -> Frames {
    let least = rate.covering(needs.least_seconds);
    // A picture of its own after the crossfade: a section may be cut there.
    let least = least.max(lead + rate.covering(TAIL_SECONDS));
    match needs.voice {
        Some(voice) => least.max(lead + rate.holding(voice) + rate.covering(TAIL_SECONDS)),
        None if needs.least_seconds > 0.0 => least,
        None => least.max(rate.covering(SILENT_SECONDS)),
    }
}
