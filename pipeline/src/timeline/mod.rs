//! The film's arithmetic, in whole frames and samples: when each scene, voice, crossfade, caption
//! and section begins and ends.
//!
//! Scene `i` lasts `F_i` = lead + voice + tail and its picture `F_i + X`, `X` being the crossfade; the
//! film lasts `ΣF_i + X`. A crossfade lies in the lead of the scene that it opens, so a voice is never
//! crossfaded. Everything that carries a time is derived from here.

mod camera_motion;
mod clip_length;
mod cues;
mod scene_length;
mod sections;
mod units;

pub use camera_motion::{Easing, Motion, Rect};
pub use clip_length::{MAX_STRETCH, Sold, bought_seconds, nearly_enough};
pub use cues::{Cue, Interval, Span, ass_time, srt, vtt};
pub use sections::{MAX_SCENES_A_SECTION, ScenePart, Section};
pub use units::{FrameRate, Frames, SAMPLE_RATE, Samples, UnsupportedRate};

use serde::{Deserialize, Serialize};

/// A crossfade of more would leave the shortest scenes no picture of their own.
const MAX_CROSSFADE_SECONDS: f64 = 2.0;

/// What a scene asks of the timeline.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SceneNeeds {
    /// How long its voice lasts; `None` without one.
    pub voice: Option<Samples>,
    /// The scene lasts at least this long, in seconds; 0 = as its voice asks for.
    pub least_seconds: f64,
}

/// Where a scene lies in the film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScenePlace {
    /// Its first frame.
    pub start: Frames,
    /// `F_i`: from its first frame to that of the next scene.
    pub length: Frames,
    /// `F_i + X`: what its picture has to fill.
    pub picture: Frames,
    /// Where its voice begins, from the start of the film.
    pub voice_at: Samples,
    /// How long its voice lasts; 0 without one.
    pub voice: Samples,
}

/// A film laid out: scenes without a gap, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Frames a second.
    pub rate: FrameRate,
    /// `X`; 0 for a hard cut.
    pub crossfade: Frames,
    /// In order of the film.
    pub scenes: Vec<ScenePlace>,
}

/// Why a film cannot be laid out.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum LayOutError {
    /// There is nothing to show.
    #[error("failed to lay out the film: it has no scene; give at least one")]
    FindNoScene,
    /// A length that is no length.
    #[error(
        "failed to lay out scene {scene}: a least length of {seconds} s is no length; give seconds from 0"
    )]
    ReadLength {
        /// Place of the scene, from 0.
        scene: usize,
        /// What was given.
        seconds: f64,
    },
    /// A crossfade that no scene has room for.
    #[error(
        "failed to lay out the film: a transition of {0} s is outside 0 to {MAX_CROSSFADE_SECONDS} s; set transition.seconds within it"
    )]
    ReadCrossfade(f64),
}

impl Timeline {
    /// Lays out scenes one after the other; `crossfade` is in seconds, 0 for hard cuts.
    pub fn lay_out(rate: FrameRate, crossfade: f64, scenes: &[SceneNeeds]) -> Result<Self, LayOutError> {
        if scenes.is_empty() {
            return Err(LayOutError::FindNoScene);
        }
        if !(0.0..=MAX_CROSSFADE_SECONDS).contains(&crossfade) {
            return Err(LayOutError::ReadCrossfade(crossfade));
        }
        let crossfade = rate.nearest(crossfade);
        let lead = scene_length::lead(rate, crossfade);
        let mut start = Frames(0);
        let mut places = Vec::with_capacity(scenes.len());
        for (scene, needs) in scenes.iter().enumerate() {
            if !needs.least_seconds.is_finite() || needs.least_seconds < 0.0 {
                return Err(LayOutError::ReadLength { scene, seconds: needs.least_seconds });
            }
            let length = scene_length::of(rate, lead, needs);
            places.push(ScenePlace {
                start,
                length,
                picture: length + crossfade,
                voice_at: rate.samples(start + lead),
                voice: needs.voice.unwrap_or_default(),
            });
            start = start + length;
        }
        Ok(Self { rate, crossfade, scenes: places })
    }

    /// The whole film: `ΣF_i + X`.
    #[must_use]
    pub fn frames(&self) -> Frames {
        self.scenes.last().map_or(Frames(0), |last| last.start + last.picture)
    }

    /// The length of the film's sound.
    #[must_use]
    pub fn samples(&self) -> Samples {
        self.rate.samples(self.frames())
    }

    /// The length of the film in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.rate.seconds(self.frames())
    }
}

#[cfg(test)]
mod tests;
