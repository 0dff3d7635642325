//! How a still picture moves: a window that glides over it, decided by a seed alone, so that a scene
//! keeps its movement whatever happens around it.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The window's side at its widest and narrowest, as a share of the picture's.
const WIDE: f64 = 0.985;
const NARROW: f64 = 0.86;

/// A window on the picture: shares of its width and height, from its upper left corner. Width and
/// height are equal shares, so the window has the picture's proportions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

/// How the way from the first window to the last is covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Easing {
    /// Slower at both ends, never at rest.
    #[default]
    InOut,
    /// At one speed.
    Linear,
}

/// A glide from one window to another over the whole time of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// At the first frame.
    pub from: Rect,
    /// At the last.
    pub to: Rect,
    /// The way between.
    pub easing: Easing,
}

impl Rect {
    /// The whole picture.
    pub const WHOLE: Self = Self { x: 0.0, y: 0.0, w: 1.0, h: 1.0 };

    /// A window of this side whose free room is shared out: 0 = at the left or top, 1 = right or bottom.
    #[must_use]
    pub fn placed(side: f64, across: f64, down: f64) -> Self {
        Self { x: (1.0 - side) * across, y: (1.0 - side) * down, w: side, h: side }
    }
}

impl Easing {
    /// How far along after this share of the time, both from 0 to 1.
    #[must_use]
    pub fn at(self, time: f64) -> f64 {
        match self {
            Self::Linear => time,
            // Half steady, half smoothstep: a picture that comes to rest looks frozen.
            Self::InOut => 0.5 * time + 0.5 * time * time * (3.0 - 2.0 * time),
        }
    }
}

impl Motion {
    /// The movement of the scene with this seed; `aspect` is the frame's width by its height.
    ///
    /// Pans go along the longer side.
    #[must_use]
    pub fn for_scene(seed: &str, aspect: f64) -> Self {
        let bits = Digest::of_bytes(seed.as_bytes()).seed();
        let share = |shift: u32| f64::from(u8::try_from((bits >> shift) & 0xff).unwrap_or_default()) / 255.0;
        let (across, down) = (0.2 + 0.6 * share(8), 0.2 + 0.6 * share(16));
        let wide = Rect::placed(WIDE, across, down);
        let near = Rect::placed(NARROW, across, down);
        let pan = |end: f64| {
            if aspect < 1.0 { Rect::placed(NARROW, across, end) } else { Rect::placed(NARROW, end, down) }
        };
        let (from, to) = match (bits >> 24) % 6 {
            0 | 1 => (wide, near),
            2 | 3 => (near, wide),
            4 => (pan(0.05), pan(0.95)),
            _ => (pan(0.95), pan(0.05)),
        };
        Self { from, to, easing: Easing::InOut }
    }

    /// No movement.
    #[must_use]
    pub fn still() -> Self {
        Self { from: Rect::WHOLE, to: Rect::WHOLE, easing: Easing::Linear }
    }

    /// The window after this share of the time, from 0 to 1.
    #[must_use]
    pub fn at(&self, time: f64) -> Rect {
        let way = self.easing.at(time.clamp(0.0, 1.0));
        let between = |from: f64, to: f64| from + (to - from) * way;
        Rect {
            x: between(self.from.x, self.to.x),
            y: between(self.from.y, self.to.y),
            w: between(self.from.w, self.to.w),
            h: between(self.from.h, self.to.h),
        }
    }
}
