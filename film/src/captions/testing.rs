//! What tests of captions share.

use videofactory_pipeline::timeline::FrameRate;

use crate::request::{Audio, Captions, Checks, FilmRequest, Format, Thumbnail, Transition};

/// A film without scenes whose thumbnail says this.
pub fn request(text: &str) -> FilmRequest {
    FilmRequest {
        format: Format { width: 720, height: 1280, fps: FrameRate::new(30).unwrap() },
        language: "en".to_owned(),
        scenes: Vec::new(),
        watermark: None,
        captions: Captions::default(),
        audio: Audio::default(),
        transition: Transition::default(),
        thumbnail: Thumbnail { text: text.to_owned(), ..Thumbnail::default() },
        checks: Checks::default(),
        section_cache: None,
        most_seconds: 0.0,
    }
}
