//! Which answers are sent compressed: text that is worth it, to whoever asks for it.
//!
//! The length of a compressed answer betrays whether what its request made it repeat stands in it a second time (BREACH).
//! Here that tells nothing that is secret. Tokens and keys are in no answer; the signed links of a film's files are in one
//! that repeats nothing of its request but the film's name; what repeats more, such as the filter of a list, shows objects
//! alone. A token that the plugin's proxy gives to its page comes from the proxy itself, which compresses nothing.

use axum::http::header::CONTENT_TYPE;
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// Shorter answers, in bytes, take one packet anyhow.
const LEAST_BYTES: u64 = 1024;

/// Neither films and pictures, which are compressed already, nor events, which are to arrive one by one.
const TEXTS: [&str; 6] = [
    "text/html",
    "text/css",
    "text/javascript",
    "image/svg+xml",
    "application/json",
    "application/problem+json",
];

/// To be put around what answers. Ranges, and what has an encoding already, stay as they are, too. The fastest level: answers
/// are made anew for each request, and a reader waits for the first byte longer than for the last few.
pub fn layer() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(LEAST_BYTES).and(is_text))
}

fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    TEXTS.contains(&media_type.split(';').next().unwrap_or_default().trim())
}
