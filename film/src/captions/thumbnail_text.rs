//! The text of the thumbnail: like a caption, in larger letters.

use videofactory_pipeline::timeline::{Frames, Interval, Span};

use super::ass::{self, Look};
use super::fonts::Fonts;
use super::layout::{Limits, TimedPage, one_page, set};
use super::pictographs::without_pictographs;
use super::text::{self, Token};
use crate::error::FilmError;
use crate::request::{CaptionHighlight, FilmRequest};

/// The letters of a thumbnail against those of captions, and their most lines.
const TITLE_SIZE: f64 = 1.9;
const TITLE_LINES: usize = 4;

/// The thumbnail's text in large letters in the safe area, as ASS, shrunk until it fits on one page; `None` if there is
/// nothing to write. `notes` takes what was left out.
pub fn title(request: &FilmRequest, notes: &mut Vec<String>) -> Result<Option<String>, FilmError> {
    if request.thumbnail.text.trim().is_empty() {
        return Ok(None);
    }
    let style = &request.captions.style;
    let mut fonts = Fonts::installed(&style.font, &request.language)?;
    let text = without_pictographs(&fonts, &request.thumbnail.text, "the thumbnail's text", notes);
    let tokens = text::split(&text).into_iter().map(|(text, space)| Token {
        text,
        space,
        spoken: Interval { start: 0.0, end: 0.0 },
    });
    let words = set(&mut fonts, tokens.collect(), style.uppercase).map_err(of_title)?;
    if words.is_empty() {
        return Ok(None);
    }
    let usual = Limits::of(request.format, style);
    // However long the text, it fits once its letters are small: no length of a line may stand against that.
    let (em, longest) = (usual.em * TITLE_SIZE, f64::INFINITY);
    let mut room = Limits { em, lines: TITLE_LINES, words: 0, longest, ..usual };
    let page = loop {
        match one_page(words.clone(), room) {
            Some(page) => break page,
            None => room.em *= 0.92,
        }
    };
    let span = Span { from: Frames(0), to: Frames(u64::from(request.format.fps.per_second()) * 3600) };
    let look = Look { highlight: CaptionHighlight::None, ..Look::of(style)? };
    let page = TimedPage { page, span, words: Vec::new() };
    Ok(Some(ass::document(&fonts, &[page], span, request.format, &look)))
}

/// What is advised for captions helps no title.
fn of_title(error: FilmError) -> FilmError {
    match error {
        FilmError::FindFont { script, character, code } => FilmError::ReadSettings {
            what: format!("no installed font has {character:?} (U+{code:04X}) of thumbnail.text"),
            advice: format!("install a font for {script}, or leave it out"),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captions::testing::request;

    #[test]
    fn a_title_of_any_length_fits_on_its_page() {
        // The smallest that letters may become: no smaller than they must.
        for (text, smallest) in [
            ("deep ocean ".repeat(18), 20.0),
            ("深海".repeat(45), 20.0),
            ("x".repeat(80), 12.0),
            ("W".repeat(200), 3.0),
        ] {
            let set = title(&request(&text), &mut Vec::new()).unwrap().unwrap();
            assert!(set.matches("\\N").count() < TITLE_LINES, "{set}");
            let size: f64 = set.split_once("\\fs").unwrap().1.split_once('\\').unwrap().0.parse().unwrap();
            assert!(size > smallest, "{size}: {set}");
        }
    }

    #[test]
    fn a_title_does_without_signs_that_no_font_has() {
        let mut notes = Vec::new();
        let set = title(&request("Deep \u{1FAE8} sea"), &mut notes).unwrap().unwrap();
        assert!(set.contains("Deep") && !set.contains('\u{1FAE8}'), "{set}");
        assert_eq!(notes, ["left U+1FAE8 out of the thumbnail's text: no installed font has it"]);
        assert_eq!(title(&request("\u{1FAE8}"), &mut notes).unwrap(), None);
    }

    #[test]
    fn a_title_in_a_script_without_a_font_says_what_to_do() {
        let error = title(&request("abc \u{10570}"), &mut Vec::new()).unwrap_err().to_string();
        assert!(
            error.contains("U+10570") && error.contains("thumbnail.text") && !error.contains("Sidecar"),
            "{error}"
        );
    }
}
