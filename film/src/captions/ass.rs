//! Captions as ASS: the frame is the page, every line is broken and placed here, and the renderer has
//! nothing left to decide.

use std::fmt::Write as _;

use videofactory_pipeline::timeline::{FrameRate, Frames, Span, ass_time};

use super::fonts::Fonts;
use super::layout::{OUTLINE, Page, SetWord, TimedPage};
use super::safe_area::Area;
use crate::error::FilmError;
use crate::request::{CaptionHighlight, CaptionPosition, CaptionStyle, Format};

/// Letters of a style that names no colour, and what is round them.
const LETTERS: &str = "#FFFFFF";
const ROUND_LETTERS: &str = "#101010";
/// The lit word, as `BBGGRR`.
const LIT: &str = "3CD2FF";

/// How captions look.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Letters, as `BBGGRR`.
    pub color: String,
    /// Round the letters, as `BBGGRR`.
    pub outline: String,
    /// Where in the safe area.
    pub position: CaptionPosition,
    /// Whether the spoken word stands out.
    pub highlight: CaptionHighlight,
}

impl Look {
    /// Of captions of this style.
    pub fn of(style: &CaptionStyle) -> Result<Self, FilmError> {
        let read = |text: &str, otherwise: &str| {
            let text = if text.is_empty() { otherwise } else { text };
            color(text).ok_or_else(|| FilmError::ReadSettings {
                what: format!("{text:?} is no colour"),
                advice: "write captions.style.color and outline as #RRGGBB".to_owned(),
            })
        };
        Ok(Self {
            color: read(&style.color, LETTERS)?,
            outline: read(&style.outline, ROUND_LETTERS)?,
            position: style.position,
            highlight: style.highlight,
        })
    }
}

/// `#RRGGBB` as ASS has it, `BBGGRR`; `None` if it is no colour.
#[must_use]
pub fn color(text: &str) -> Option<String> {
    let digits = text.strip_prefix('#')?;
    let valid = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    valid.then(|| format!("{}{}{}", &digits[4..6], &digits[2..4], &digits[0..2]))
}

/// The captions that lie in these frames of the film, timed from the first of them; empty if there
/// are none.
#[must_use]
pub fn document(fonts: &Fonts, pages: &[TimedPage], within: Span, format: Format, look: &Look) -> String {
    let mut events = String::new();
    for page in pages.iter().filter(|page| page.span.from < within.to && page.span.to > within.from) {
        let lit = if look.highlight == CaptionHighlight::Word { page.words.as_slice() } else { &[] };
        if lit.is_empty() {
            event(
                &mut events,
                format.fps,
                clip(page.span, within),
                &body(fonts, &page.page, None, format, look),
            );
        }
        for (word, span) in lit.iter().enumerate() {
            event(
                &mut events,
                format.fps,
                clip(*span, within),
                &body(fonts, &page.page, Some(word), format, look),
            );
        }
    }
    if events.is_empty() { events } else { header(format, look) + &events }
}

/// Each page for one frame, one after the other: what all of them look like.
#[must_use]
pub fn proof(fonts: &Fonts, pages: &[TimedPage], format: Format, look: &Look) -> String {
    let mut text = header(format, look);
    for (page, place) in pages.iter().zip(0..) {
        let span = Span { from: Frames(place), to: Frames(place + 1) };
        event(&mut text, format.fps, span, &body(fonts, &page.page, Some(0), format, look));
    }
    text
}

fn header(format: Format, look: &Look) -> String {
    format!(
        "[Script Info]\nScriptType: v4.00+\nPlayResX: {}\nPlayResY: {}\nWrapStyle: 2\n\
         ScaledBorderAndShadow: yes\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, \
         SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, \
         Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n\
         Style: Caption,Noto Sans,40,&H00{},&H00{},&H00{},&H80000000,0,0,0,0,100,100,0,0,1,2,0,2,0,0,0,-1\n\n\
         [Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n",
        format.width, format.height, look.color, look.color, look.outline
    )
}

fn clip(span: Span, within: Span) -> Span {
    let inside = |frame: Frames| frame.max(within.from).min(within.to) - within.from;
    Span { from: inside(span.from), to: inside(span.to) }
}

fn event(text: &mut String, rate: FrameRate, span: Span, body: &str) {
    if span.from < span.to {
        let (from, to) = (ass_time(rate, span.from), ass_time(rate, span.to));
        let _ = writeln!(text, "Dialogue: 0,{from},{to},Caption,,0,0,0,,{body}");
    }
}

/// A page's text with its place and faces; `lit` is the place of the word that stands out.
fn body(fonts: &Fonts, page: &Page, lit: Option<usize>, format: Format, look: &Look) -> String {
    let area = Area::safe(format);
    let outline = page.em * OUTLINE;
    let across = f64::midpoint(area.left, area.right);
    let (anchor, down) = match look.position {
        CaptionPosition::Top => (8, area.top + outline),
        CaptionPosition::Middle => (5, f64::midpoint(area.top, area.bottom)),
        CaptionPosition::Bottom => (2, area.bottom - outline),
    };
    let mut text = format!("{{\\an{anchor}\\pos({across:.1},{down:.1})\\bord{outline:.1}}}");
    let mut place = 0;
    let mut face = None;
    for (line, words) in page.lines.iter().enumerate() {
        if line > 0 {
            text.push_str("\\N");
        }
        for (index, word) in words.iter().enumerate() {
            let stands_out = lit == Some(place);
            if stands_out {
                let _ = write!(text, "{{\\c&H{LIT}&}}");
            }
            write_word(&mut text, fonts, word, page.em, &mut face);
            if stands_out {
                let _ = write!(text, "{{\\c&H{}&}}", look.color);
            }
            if word.space && index + 1 < words.len() {
                text.push(' ');
            }
            place += 1;
        }
    }
    text
}

fn write_word(text: &mut String, fonts: &Fonts, word: &SetWord, em: f64, current: &mut Option<usize>) {
    for run in &word.runs {
        if *current != Some(run.face) {
            let face = fonts.face(run.face);
            let bold = u8::from(face.bold);
            let _ = write!(text, "{{\\fn{}\\fs{:.1}\\b{bold}}}", face.family, face.ass_size(em));
            *current = Some(run.face);
        }
        // Braces and backslashes begin commands, and nobody speaks them.
        text.extend(run.text.chars().map(|c| match c {
            '{' => '(',
            '}' => ')',
            '\\' => '/',
            other => other,
        }));
    }
}
