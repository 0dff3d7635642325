//! Captions: what is said, cut into pages that fit the safe area, each word lit while it is spoken.

pub mod ass;
pub mod fonts;
pub mod layout;
pub mod legible;
mod letter_size;
mod pictographs;
pub mod safe_area;
#[cfg(test)]
mod testing;
pub mod text;
mod thumbnail_text;

use std::ops::Range;

use videofactory_pipeline::timeline::{Cue, Interval, Span, Timeline};

use self::ass::Look;
use self::fonts::Fonts;
use self::layout::{Limits, TimedPage, paginate, set, set_by_characters, time};
use self::pictographs::without_pictographs;
use self::safe_area::Area;
pub use self::thumbnail_text::title;
use super::error::FilmError;
use super::request::{CaptionMode, CaptionPosition, CaptionStyle, FilmRequest, Format, Scene, WordLevel};

/// What stands beside captions keeps so far from them, in ems.
const CLEAR: f64 = 0.25;

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
            look: Look::of(style)?,
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
        let limits = Limits::of(self.format, style);
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
        let asked = Limits::of(self.format, style).em;
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
        let pages = paginate(words, Limits::of(self.format, style));
        self.pages.extend(time(timeline, place, pages));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::testing::request;
    use super::*;
    use crate::request::{Picture, Voice, Word};

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
