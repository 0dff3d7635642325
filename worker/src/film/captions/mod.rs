//! Captions: what is said, cut into pages that fit the safe area, each word lit while it is spoken.

pub mod ass;
pub mod fonts;
pub mod layout;
pub mod text;

use unicode_script::{Script, UnicodeScript};
use videofactory_pipeline::timeline::{Cue, Frames, Interval, Span, Timeline};

use self::ass::Look;
use self::fonts::Fonts;
use self::layout::{Area, Limits, TimedPage, one_page, paginate, set, time};
use self::text::Token;
use super::error::FilmError;
use super::request::{CaptionMode, CaptionStyle, FilmRequest, Format, Highlight, Scene, WordLevel};

/// Pixels of an em, by the shorter side of a portrait frame and by the height of any other.
const EM_PORTRAIT: f64 = 0.074;
const EM_LANDSCAPE: f64 = 0.058;
/// The letters of a thumbnail against those of captions, and their most lines.
const TITLE_SIZE: f64 = 1.9;
const TITLE_LINES: usize = 4;

/// The film's captions.
pub struct Captions {
    fonts: Fonts,
    format: Format,
    look: Look,
    /// In order of the film.
    pub pages: Vec<TimedPage>,
    /// The least certain word times used.
    pub level: Option<WordLevel>,
    /// What was left out.
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
        let mut captions = Self {
            fonts: Fonts::installed(&style.font, &request.language)?,
            format: request.format,
            look: look(style)?,
            pages: Vec::new(),
            level: None,
            notes: Vec::new(),
        };
        for (place, scene) in request.scenes.iter().enumerate() {
            captions.add_scene(timeline, place, scene, &speech[place], style)?;
        }
        Ok(Some(captions))
    }

    /// The captions in these frames of the film, as ASS timed from the first of them.
    #[must_use]
    pub fn ass(&self, within: Span) -> String {
        ass::document(&self.fonts, &self.pages, within, self.format, &self.look)
    }

    /// Every page for one frame, as ASS.
    #[must_use]
    pub fn proof(&self) -> String {
        ass::proof(&self.fonts, &self.pages, self.format, &self.look)
    }

    /// For SRT and `WebVTT`.
    #[must_use]
    pub fn cues(&self) -> Vec<Cue> {
        self.pages.iter().map(|page| Cue { span: page.span, lines: page.page.text() }).collect()
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
        let text = self.without_pictographs(&written, &scene.id);
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
        let words = set(&mut self.fonts, tokens, style.uppercase)?;
        let pages = paginate(words, limits(self.format, style));
        self.pages.extend(time(timeline, place, pages));
        Ok(())
    }

    /// Emoji and other signs that no font has are not spoken, so the film does without them.
    fn without_pictographs(&mut self, text: &str, scene: &str) -> String {
        let sign = |c: char| {
            !c.is_alphanumeric()
                && !c.is_ascii()
                && !c.is_whitespace()
                && !c.is_control()
                && matches!(c.script(), Script::Common | Script::Inherited)
        };
        let joins = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}');
        let missing: Vec<char> =
            text.chars().filter(|c| sign(*c) && !joins(*c) && !self.fonts.any_has(*c)).collect();
        if missing.is_empty() {
            return text.to_owned();
        }
        let list = missing.iter().map(|c| format!("U+{:04X}", u32::from(*c))).collect::<Vec<_>>().join(", ");
        self.notes
            .push(format!("left {list} out of the captions of scene {scene}: no installed font has it"));
        text.chars().filter(|c| !missing.contains(c)).collect()
    }
}

/// Large letters in the safe area, as ASS; shrunk until they fit on one page.
pub fn title(request: &FilmRequest, text: &str) -> Result<String, FilmError> {
    let style = &request.captions.style;
    let mut fonts = Fonts::installed(&style.font, &request.language)?;
    let tokens = text::split(text).into_iter().map(|(text, space)| Token {
        text,
        space,
        spoken: Interval { start: 0.0, end: 0.0 },
    });
    let words = set(&mut fonts, tokens.collect(), style.uppercase)?;
    let usual = limits(request.format, style);
    let mut room = Limits { em: usual.em * TITLE_SIZE, lines: TITLE_LINES, words: 0, ..usual };
    let page = loop {
        match one_page(words.clone(), room) {
            Some(page) => break page,
            None => room.em *= 0.92,
        }
    };
    let span = Span { from: Frames(0), to: Frames(u64::from(request.format.fps.per_second()) * 3600) };
    let look = Look { highlight: Highlight::None, ..look(style)? };
    let page = TimedPage { page, span, words: Vec::new() };
    Ok(ass::document(&fonts, &[page], span, request.format, &look))
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
    let em = if style.size == 0 { usual } else { f64::from(style.size) };
    Limits { width: area.right - area.left, em, lines: style.max_lines.max(1), words: style.max_words }
}
