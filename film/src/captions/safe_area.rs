//! Where in the frame text may stand.

use crate::request::Format;

/// The part of the frame that no player's own controls cover, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
}

impl Area {
    /// For a frame of this size: in portrait, the phone apps' own controls lie at the right and below.
    #[must_use]
    pub fn safe(format: Format) -> Self {
        let (width, height) = (f64::from(format.width), f64::from(format.height));
        let (left, right, top, bottom) =
            if width < height { (0.08, 0.84, 0.12, 0.75) } else { (0.05, 0.95, 0.05, 0.95) };
        Self { left: left * width, top: top * height, right: right * width, bottom: bottom * height }
    }
}
