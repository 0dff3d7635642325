//! What services sell.

use std::fmt;

/// What a service sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sold {
    Script,
    Image,
    /// A second of clip.
    VideoSecond,
    /// A second of narration.
    NarrationSecond,
}

impl Sold {
    /// All that is sold.
    pub const ALL: [Self; 4] = [Self::Script, Self::Image, Self::VideoSecond, Self::NarrationSecond];

    /// Its name in an account's prices.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Image => "image",
            Self::VideoSecond => "videoSecond",
            Self::NarrationSecond => "narrationSecond",
        }
    }
}

impl fmt::Display for Sold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
