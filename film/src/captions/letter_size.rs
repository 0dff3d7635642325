//! How large the letters of captions are.

use crate::request::{CaptionStyle, Format};

/// Pixels of an em of a style that names no size, by the shorter side of a portrait frame and by the height of any other.
const EM_PORTRAIT: f64 = 0.074;
const EM_LANDSCAPE: f64 = 0.058;

/// Pixels of an em.
#[must_use]
pub fn em(format: Format, style: &CaptionStyle) -> f64 {
    if style.size > 0 {
        return f64::from(style.size);
    }
    if format.width < format.height {
        f64::from(format.width) * EM_PORTRAIT
    } else {
        f64::from(format.height) * EM_LANDSCAPE
    }
}
