//! From the settings to how the film engine is asked for captions.

use videofactory_crds::settings::{CaptionHighlight, CaptionMode, CaptionPosition};
use videofactory_film::request as film;
use videofactory_pipeline::settings::Settings;

/// How captions are asked for.
pub fn captions(settings: &Settings) -> film::Captions {
    let style = &settings.captions.style;
    film::Captions {
        mode: match settings.captions.mode {
            CaptionMode::Burned => film::CaptionMode::Burned,
            CaptionMode::Sidecar => film::CaptionMode::Sidecar,
            CaptionMode::Both => film::CaptionMode::Both,
            CaptionMode::None => film::CaptionMode::None,
        },
        style: film::CaptionStyle {
            font: style.font.clone(),
            size: u32::try_from(style.size).unwrap_or_default(),
            color: style.color.clone(),
            outline: style.outline.clone(),
            position: match style.position {
                CaptionPosition::Top => film::Position::Top,
                CaptionPosition::Middle => film::Position::Middle,
                CaptionPosition::Bottom => film::Position::Bottom,
            },
            max_words: usize::try_from(style.max_words).unwrap_or_default(),
            max_lines: usize::try_from(style.max_lines).unwrap_or(1).max(1),
            uppercase: style.uppercase,
            highlight: match style.highlight {
                CaptionHighlight::Word => film::Highlight::Word,
                CaptionHighlight::None => film::Highlight::None,
            },
        },
    }
}
