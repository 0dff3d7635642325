//! Words found in voices that say nothing of their times: synthesised ones whose times are known here, and are not
//! told to what is tested.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "samples and seconds of short sounds"
)]

mod material;
mod quality;
mod trust;
