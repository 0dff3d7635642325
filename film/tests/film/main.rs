//! Films made by the real ffmpeg, measured on the finished files.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "pixels, frames and samples of films of a few seconds"
)]

mod alpha;
mod captions;
mod channel;
mod checks;
mod embedded;
mod picture;
mod refusals;
mod sections;
mod sound;
mod support;
mod time;
