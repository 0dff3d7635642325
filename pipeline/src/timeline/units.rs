//! Frames and samples: whole numbers that cannot be taken for each other.

use std::iter::Sum;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Sound has this many samples a second, everywhere.
pub const SAMPLE_RATE: u32 = 48_000;

/// The frame rates for which a frame holds a whole number of samples and of ASS hundredths, twice.
const RATES: [u32; 6] = [24, 25, 30, 48, 50, 60];

/// A number of frames, or the place of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Frames(pub u64);

/// A number of samples at [`SAMPLE_RATE`], or the place of one; all channels of an instant are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Samples(pub u64);

/// Frames a second; one of 24, 25, 30, 48, 50, 60.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct FrameRate(u32);

/// A frame rate that films are not made in.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("failed to use {0} frames a second; set format.fps to 24, 25, 30, 48, 50 or 60")]
pub struct UnsupportedRate(pub u32);

impl FrameRate {
    /// A supported rate.
    pub fn new(per_second: u32) -> Result<Self, UnsupportedRate> {
        if RATES.contains(&per_second) { Ok(Self(per_second)) } else { Err(UnsupportedRate(per_second)) }
    }

    /// Frames a second.
    #[must_use]
    pub fn per_second(self) -> u32 {
        self.0
    }

    /// How many samples these frames hold; exact.
    #[must_use]
    pub fn samples(self, frames: Frames) -> Samples {
        Samples(frames.0 * u64::from(SAMPLE_RATE / self.0))
    }

    /// How many frames it takes to hold these samples.
    #[must_use]
    pub fn holding(self, samples: Samples) -> Frames {
        Frames(samples.0.div_ceil(u64::from(SAMPLE_RATE / self.0)))
    }

    /// The frame that is shown while this sample is heard.
    #[must_use]
    pub fn during(self, sample: Samples) -> Frames {
        Frames(sample.0 / u64::from(SAMPLE_RATE / self.0))
    }

    /// The fewest frames that last this many seconds.
    #[must_use]
    pub fn covering(self, seconds: f64) -> Frames {
        // A length that was itself made from frames must not gain one by its last binary digit.
        Frames(whole((seconds * f64::from(self.0) - 1e-6).ceil()))
    }

    /// The number of frames nearest to this many seconds.
    #[must_use]
    pub fn nearest(self, seconds: f64) -> Frames {
        Frames(whole((seconds * f64::from(self.0)).round()))
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self, frames: Frames) -> f64 {
        float(frames.0) / f64::from(self.0)
    }

    /// In milliseconds, to the nearest.
    #[must_use]
    pub fn milliseconds(self, frames: Frames) -> u64 {
        let rate = u64::from(self.0);
        (frames.0 * 1000 + rate / 2) / rate
    }
}

impl TryFrom<u32> for FrameRate {
    type Error = UnsupportedRate;

    fn try_from(per_second: u32) -> Result<Self, UnsupportedRate> {
        Self::new(per_second)
    }
}

impl From<FrameRate> for u32 {
    fn from(rate: FrameRate) -> Self {
        rate.0
    }
}

impl Frames {
    /// What is left after taking `other` away; 0 if that is more.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Samples {
    /// The sample nearest to this many seconds.
    #[must_use]
    pub fn nearest(seconds: f64) -> Self {
        Self(whole((seconds * f64::from(SAMPLE_RATE)).round()))
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        float(self.0) / f64::from(SAMPLE_RATE)
    }
}

impl Add for Frames {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Frames {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for Frames {
    fn sum<I: Iterator<Item = Self>>(frames: I) -> Self {
        Self(frames.map(|frames| frames.0).sum())
    }
}

impl Add for Samples {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a length from 0, well below 2^53"
)]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

#[expect(clippy::cast_precision_loss, reason = "frames and samples of a film are well below 2^53")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}
