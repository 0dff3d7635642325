//! Captions: what is said, cut into pages that fit the safe area, each word lit while it is spoken.

pub mod ass;
pub mod fonts;
pub mod layout;
pub mod legible;
pub mod text;

use std::ops::Range;

use unicode_script::{Script, UnicodeScript};
use videofactory_pipeline::timeline::{Cue, Frames, Interval, Span, Timeline};

use self::ass::Look;
use self::fonts::Fonts;
use self::layout::{Area, Limits, MAX_LINE, TimedPage, one_page, paginate, set, set_by_characters, time};
use self::text::Token;
use super::error::FilmError;
use super::request::{
    CaptionHighlight, CaptionMode, CaptionPosition, CaptionStyle, FilmRequest, Format, Scene, WordLevel,
};

/// Pixels of an em, by the shorter side of a portrait frame and by the height of any other.
const EM_PORTRAIT: f64 = 0.074;
const EM_LANDSCAPE: f64 = 0.058;
/// What stands beside captions keeps so far from them, in ems.
const CLEAR: f64 = 0.25;
/// The letters of a thumbnail against those of captions, and their most lines.
const TITLE_SIZE: f64 = 1.9;
const TITLE_LINES: usize = 4;

/// The film's captions.
pub struct Captions {
    /// None are needed for files of their own: players set those.
    fonts: Option<Fonts>,
    format: Format,
    look: Look,
    /// In order of the film.
    pub pages: Vec<TimedPage>,
    /// The least certain word times used.
    pub level: Option<WordLevel>,
    /// What was left out or made smaller.
    pub notes: Vec<String>,
}

/// Where in its voice, in seconds, each scene's speech lies; empty for a scene without a voice.
pub type Speech = Vec<Interval>;

impl Captions {
    /// Sets all captions; `None` if the request wants none. `speech` has an entry for each scene.
    pub fn set(
        request: &FilmRequest,
        timeline: &Timeline,
        speech: &[Speech],
    ) -> Result<Option<Self>, FilmError> {
        if request.captions.mode == CaptionMode::None {
            return Ok(None);
        }
        let style = &request.captions.style;
        let burned = request.captions.mode != CaptionMode::Sidecar;
        let mut captions = Self {
            fonts: burned.then(|| Fonts::installed(&style.font, &request.language)).transpose()?,
            format: request.format,
            look: look(style)?,
            pages: Vec::new(),
            level: None,
            notes: Vec::new(),
        };
        for (place, scene) in request.scenes.iter().enumerate() {
            captions.add_scene(timeline, place, scene, &speech[place], style)?;
        }
        captions.note_smaller_letters(style);
        Ok(Some(captions))
    }

    /// The captions in these frames of the film, as ASS timed from the first of them; empty where none are burned.
    #[must_use]
    pub fn ass(&self, within: Span) -> String {
        let burned = self.fonts.as_ref();
        burned.map_or_else(String::new, |fonts| {
            ass::document(fonts, &self.pages, within, self.format, &self.look)
        })
    }

    /// Every page for one frame, as ASS; empty where none are burned.
    #[must_use]
    pub fn proof(&self) -> String {
        let burned = self.fonts.as_ref();
        burned.map_or_else(String::new, |fonts| ass::proof(fonts, &self.pages, self.format, &self.look))
    }

    /// The rows of the frame that captions of this style may cover, with as many lines as a page may have; `None` where
    /// none are burned.
    #[must_use]
    pub fn rows(&self, style: &CaptionStyle) -> Option<Range<f64>> {
        let limits = limits(self.format, style);
        let words = self.pages.iter().flat_map(|page| page.page.lines.iter().flatten());
        let height = limits.most_height(words).min(limits.height);
        if self.fonts.is_none() || height <= 0.0 {
            return None;
        }
        let area = Area::safe(self.format);
        let top = match self.look.position {
            CaptionPosition::Top => area.top,
            CaptionPosition::Middle => f64::midpoint(area.top, area.bottom) - height / 2.0,
            CaptionPosition::Bottom => area.bottom - height,
        };
        let clear = CLEAR * limits.em;
        Some(top - clear..top + height + clear)
    }

    /// For SRT and `WebVTT`.
    #[must_use]
    pub fn cues(&self) -> Vec<Cue> {
        self.pages.iter().map(|page| Cue { span: page.span, lines: page.page.text() }).collect()
    }

    /// Says where letters became smaller than was asked for.
    fn note_smaller_letters(&mut self, style: &CaptionStyle) {
        let asked = limits(self.format, style).em;
        let smaller = self.pages.iter().map(|page| page.page.em).filter(|em| *em < asked - 0.5);
        let (count, smallest) = smaller.fold((0, asked), |(count, least), em| (count + 1, em.min(least)));
        if count > 0 && self.fonts.is_some() {
            self.notes.push(format!(
                "the letters of {count} of {} captions are smaller than {asked:.0} px, down to {smallest:.0} px: larger ones do \
                 not fit the safe area",
                self.pages.len()
            ));
        }
    }

    fn add_scene(
        &mut self,
        timeline: &Timeline,
        place: usize,
        scene: &Scene,
        speech: &[Interval],
        style: &CaptionStyle,
    ) -> Result<(), FilmError> {
        let Some(voice) = &scene.voice else { return Ok(()) };
        let spoken = voice.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let written = if scene.caption.trim().is_empty() { spoken } else { scene.caption.clone() };
        let text = match &self.fonts {
            Some(fonts) => without_pictographs(
                fonts,
                &written,
                &format!("the captions of scene {}", scene.id),
                &mut self.notes,
            ),
            None => written,
        };
        if text.trim().is_empty() {
            return Ok(());
        }
        let seconds = timeline.scenes[place].voice.seconds();
        let (tokens, level) = if voice.words.is_empty() {
            (text::estimated(&text, speech, seconds), WordLevel::Estimated)
        } else {
            (text::timed_by_words(&text, &voice.words), voice.level)
        };
        self.level = Some(self.level.map_or(level, |least| least.min(level)));
        let words = match &mut self.fonts {
            Some(fonts) => set(fonts, tokens, style.uppercase)?,
            None => set_by_characters(tokens, style.uppercase),
        };
        let pages = paginate(words, limits(self.format, style));
        self.pages.extend(time(timeline, place, pages));
        Ok(())
    }
}

/// Emoji and other signs that no font has are not spoken, so the film does without them; `notes` says so.
fn without_pictographs(fonts: &Fonts, text: &str, what: &str, notes: &mut Vec<String>) -> String {
    let sign = |c: char| {
        !c.is_alphanumeric()
            && !c.is_ascii()
            && !c.is_whitespace()
            && !c.is_control()
            && matches!(c.script(), Script::Common | Script::Inherited)
    };
    let joins =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}');
    let missing: Vec<char> = text.chars().filter(|c| sign(*c) && !joins(*c) && !fonts.any_has(*c)).collect();
    if missing.is_empty() {
        return text.to_owned();
    }
    let list = missing.iter().map(|c| format!("U+{:04X}", u32::from(*c))).collect::<Vec<_>>().join(", ");
    notes.push(format!("left {list} out of {what}: no installed font has it"));
    text.chars().filter(|c| !missing.contains(c)).collect()
}

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
    let usual = limits(request.format, style);
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
    let look = Look { highlight: CaptionHighlight::None, ..look(style)? };
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

fn look(style: &CaptionStyle) -> Result<Look, FilmError> {
    let read = |text: &str, otherwise: &str| {
        let text = if text.is_empty() { otherwise } else { text };
        ass::color(text).ok_or_else(|| FilmError::ReadSettings {
            what: format!("{text:?} is no colour"),
            advice: "write captions.style.color and outline as #RRGGBB".to_owned(),
        })
    };
    Ok(Look {
        color: read(&style.color, "#FFFFFF")?,
        outline: read(&style.outline, "#101010")?,
        position: style.position,
        highlight: style.highlight,
    })
}

fn limits(format: Format, style: &CaptionStyle) -> Limits {
    let area = Area::safe(format);
    let usual = if format.width < format.height {
        f64::from(format.width) * EM_PORTRAIT
    } else {
        f64::from(format.height) * EM_LANDSCAPE
    };
    let em = if style.size <= 0 { usual } else { f64::from(style.size) };
    Limits {
        width: area.right - area.left,
        height: area.bottom - area.top,
        em,
        lines: usize::try_from(style.max_lines).unwrap_or(1).max(1),
        words: usize::try_from(style.max_words).unwrap_or_default(),
        longest: MAX_LINE,
    }
}

#[cfg(test)]
mod tests {
    use videofactory_pipeline::timeline::FrameRate;

    use super::*;
    use crate::request::{Audio, Checks, Picture, Thumbnail, Transition, Voice, Word};

    fn request(text: &str) -> FilmRequest {
        FilmRequest {
            format: Format { width: 720, height: 1280, fps: FrameRate::new(30).unwrap() },
            language: "en".to_owned(),
            scenes: Vec::new(),
            watermark: None,
            captions: crate::request::Captions::default(),
            audio: Audio::default(),
            transition: Transition::default(),
            thumbnail: Thumbnail { text: text.to_owned(), ..Thumbnail::default() },
            checks: Checks::default(),
            section_cache: None,
            most_seconds: 0.0,
        }
    }

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

    #[test]
    fn captions_as_files_need_no_font() {
        let word = |text: &str, at: f64| Word { text: text.to_owned(), start: at, end: at + 0.9 };
        let mut request = request("");
        request.captions.mode = CaptionMode::Sidecar;
        request.captions.style.font = "No Such Sans".to_owned();
        request.scenes.push(Scene {
            id: "s1".to_owned(),
            role: crate::request::SceneRole::Story,
            picture: Picture::Clip { path: "a.mp4".into() },
            fit: crate::request::ClipFit::Slow,
            voice: Some(Voice {
                path: "v.wav".into(),
                words: vec![word("\u{10570}\u{10597}", 0.0), word("\u{1FAE8}", 1.0), word("深海", 2.0)],
                level: WordLevel::Exact,
            }),
            caption: String::new(),
            min_seconds: 0.0,
        });
        let needs = videofactory_pipeline::timeline::SceneNeeds {
            voice: Some(videofactory_pipeline::timeline::Samples(144_000)),
            least_seconds: 0.0,
        };
        let timeline = Timeline::lay_out(request.format.fps, 0.4, &[needs]).unwrap();
        let captions = Captions::set(&request, &timeline, &[Vec::new()]).unwrap().unwrap();
        let text: String = captions.cues().iter().flat_map(|cue| cue.lines.clone()).collect();
        assert_eq!(text, "\u{10570}\u{10597} \u{1FAE8} 深海");
        assert!(captions.notes.is_empty(), "{:?}", captions.notes);
    }
}
