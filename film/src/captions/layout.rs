//! Captions as pages of lines that fit the safe area, by the real widths of their shaped letters.

use unicode_script::{Script, UnicodeScript};
use videofactory_pipeline::timeline::{Interval, Span, Timeline};

use super::fonts::{FaceIndex, Fonts, Run};
use super::letter_size::em;
use super::safe_area::Area;
use super::text::Token;
use crate::error::FilmError;
use crate::request::{CaptionStyle, Format};

/// Share of a line that has to be full before a comma ends the page.
const COMMA_SHARE: f64 = 0.55;
/// Width of the outline, in ems.
pub const OUTLINE: f64 = 0.085;
/// No line of captions is longer than this, in ems: wide frames would have lines as long as a page.
const MAX_LINE: f64 = 22.0;

/// About how wide a letter is in most fonts, and the space between words, in ems.
const LETTER: f64 = 0.55;
const SPACE: f64 = 0.26;

/// How much fits on a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Of a line, in pixels, outline included.
    pub width: f64,
    /// Of a page, in pixels, outline included.
    pub height: f64,
    /// Pixels of an em.
    pub em: f64,
    pub lines: usize,
    /// Words; 0 = as many as fit.
    pub words: usize,
    /// Ems of a line, however wide the frame.
    pub longest: f64,
}

/// A word as it is set.
#[derive(Clone, Debug, PartialEq)]
pub struct SetWord {
    /// Its letters, by face.
    pub runs: Vec<Run>,
    /// Whether a space follows.
    pub space: bool,
    /// When it is spoken.
    pub spoken: Interval,
    /// In ems, without the space.
    width: f64,
    /// Of a line that it stands in, in ems; 0 = a player decides.
    tall: f64,
    /// Of the space after it, in ems.
    gap: f64,
    pause: Pause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    None,
    Comma,
    Sentence,
}

/// What is shown at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Its lines, from the top.
    pub lines: Vec<Vec<SetWord>>,
    /// Pixels of an em: less than usual if a word would not fit.
    pub em: f64,
}

/// A page with its times.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedPage {
    pub page: Page,
    /// When it is shown.
    pub span: Span,
    /// When each word is lit: they tile the page's span.
    pub words: Vec<Span>,
}

impl Page {
    /// Its text, line by line.
    #[must_use]
    pub fn text(&self) -> Vec<String> {
        let line = |words: &Vec<SetWord>| {
            let mut text = String::new();
            for (index, word) in words.iter().enumerate() {
                word.runs.iter().for_each(|run| text.push_str(&run.text));
                if word.space && index + 1 < words.len() {
                    text.push(' ');
                }
            }
            text
        };
        self.lines.iter().map(line).collect()
    }

    fn spoken(&self) -> Interval {
        let mut words = self.lines.iter().flatten();
        let start = words.next().map_or(0.0, |word| word.spoken.start);
        let end = self.lines.iter().flatten().next_back().map_or(start, |word| word.spoken.end);
        Interval { start, end }
    }
}

/// Finds the faces of each token and measures it.
pub fn set(fonts: &mut Fonts, tokens: Vec<Token>, uppercase: bool) -> Result<Vec<SetWord>, FilmError> {
    let mut before: Option<FaceIndex> = None;
    let mut words = Vec::with_capacity(tokens.len());
    for token in tokens {
        let pause = pause_after(&token.text);
        let text = if uppercase { token.text.to_uppercase() } else { token.text };
        let runs = fonts.runs(&text, before)?;
        before = runs.last().map(|run| run.face).or(before);
        let width = runs.iter().map(|run| fonts.face(run.face).width(&run.text)).sum();
        let gap = before.filter(|_| token.space).map_or(0.0, |face| fonts.face(face).width(" "));
        let tall = runs.iter().map(|run| fonts.face(run.face).ass_size(1.0)).fold(0.0, f64::max);
        words.push(SetWord { runs, space: token.space, spoken: token.spoken, width, tall, gap, pause });
    }
    Ok(words)
}

/// Measures each token by its characters alone, for captions that a player sets in fonts of its own.
#[must_use]
pub fn set_by_characters(tokens: Vec<Token>, uppercase: bool) -> Vec<SetWord> {
    let words = tokens.into_iter().map(|token| {
        let pause = pause_after(&token.text);
        let text = if uppercase { token.text.to_uppercase() } else { token.text };
        let width = text.chars().map(usual_width).sum();
        let gap = if token.space { SPACE } else { 0.0 };
        let runs = vec![Run { face: 0, text }];
        SetWord { runs, space: token.space, spoken: token.spoken, width, tall: 0.0, gap, pause }
    });
    words.collect()
}

fn usual_width(character: char) -> f64 {
    match character.script() {
        Script::Inherited => 0.0,
        Script::Han | Script::Hiragana | Script::Katakana | Script::Bopomofo | Script::Hangul => 1.0,
        _ if matches!(character, '\u{3000}'..='\u{303f}' | '\u{ff01}'..='\u{ff60}') => 1.0,
        _ => LETTER,
    }
}

/// Fills pages: none holds more than the limits, sentences end pages, lines are evenly long.
#[must_use]
pub fn paginate(words: Vec<SetWord>, limits: Limits) -> Vec<Page> {
    let limits = limits.with_room_for(&words);
    let mut pages = Vec::new();
    let mut page: Vec<SetWord> = Vec::new();
    for word in words {
        page.push(word);
        let full = limits.words > 0 && page.len() > limits.words;
        if page.len() > 1 && (full || lines_needed(&page, limits.line()) > limits.lines) {
            let next = page.split_off(page.len() - 1);
            pages.push(make_page(std::mem::replace(&mut page, next), limits));
        }
        let filled = width_of(&page) / limits.line();
        let ends = match page.last().map(|word| word.pause) {
            Some(Pause::Sentence) => true,
            Some(Pause::Comma) => filled > COMMA_SHARE * limits.lines_wide(),
            _ => false,
        };
        if ends {
            pages.push(make_page(std::mem::take(&mut page), limits));
        }
    }
    if !page.is_empty() {
        pages.push(make_page(page, limits));
    }
    pages
}

/// All words on one page; `None` if they do not fit.
#[must_use]
pub fn one_page(words: Vec<SetWord>, limits: Limits) -> Option<Page> {
    let widest = words.iter().map(|word| word.width).fold(0.0, f64::max);
    let fits = widest <= limits.line()
        && lines_needed(&words, limits.line()) <= limits.lines
        && limits.em <= limits.with_room_for(&words).em;
    fits.then(|| make_page(words, limits))
}

/// Gives the pages of a scene their frames.
#[must_use]
pub fn time(timeline: &Timeline, scene: usize, pages: Vec<Page>) -> Vec<TimedPage> {
    let spoken: Vec<Interval> = pages.iter().map(Page::spoken).collect();
    let spans = timeline.spans(scene, &spoken);
    let timed = pages.into_iter().zip(spans).map(|(page, span)| {
        let words: Vec<Interval> = page.lines.iter().flatten().map(|word| word.spoken).collect();
        let mut starts: Vec<_> = timeline.spans(scene, &words).iter().map(|word| word.from).collect();
        if let Some(first) = starts.first_mut() {
            *first = span.from;
        }
        let ends = starts.iter().skip(1).copied().chain([span.to]);
        let clamp = |frame| span.from.max(span.to.min(frame));
        let words =
            starts.iter().zip(ends).map(|(from, to)| Span { from: clamp(*from), to: clamp(to) }).collect();
        TimedPage { page, span, words }
    });
    timed.collect()
}

impl Limits {
    /// Of captions of this style.
    #[must_use]
    pub fn of(format: Format, style: &CaptionStyle) -> Self {
        let area = Area::safe(format);
        Self {
            width: area.right - area.left,
            height: area.bottom - area.top,
            em: em(format, style),
            lines: usize::try_from(style.max_lines).unwrap_or(1).max(1),
            words: usize::try_from(style.max_words).unwrap_or_default(),
            longest: MAX_LINE,
        }
    }

    /// A line's room in ems.
    fn line(&self) -> f64 {
        (self.width / self.em - 2.0 * OUTLINE).min(self.longest)
    }

    /// With letters no larger than lets as many lines of these words as may be shown at once fit the
    /// height. One size for all of them: letters that change from page to page look like a fault.
    #[must_use]
    pub fn with_room_for(self, words: &[SetWord]) -> Self {
        let tallest = words.iter().map(|word| word.tall).fold(0.0, f64::max);
        let needed = self.lines_wide() * tallest + 2.0 * OUTLINE;
        Self { em: self.em.min(self.height / needed), ..self }
    }

    /// Pixels that a page of these words is high at most, outline included; 0 if none of them is set here.
    #[must_use]
    pub fn most_height<'a>(&self, words: impl Iterator<Item = &'a SetWord>) -> f64 {
        let tallest = words.map(|word| word.tall).fold(0.0, f64::max);
        if tallest > 0.0 { self.em * (self.lines_wide() * tallest + 2.0 * OUTLINE) } else { 0.0 }
    }

    fn lines_wide(&self) -> f64 {
        f64::from(u32::try_from(self.lines).unwrap_or(1))
    }
}

fn make_page(words: Vec<SetWord>, limits: Limits) -> Page {
    let widest = words.iter().map(|word| word.width).fold(0.0, f64::max);
    let em = if widest > limits.line() { limits.em * limits.line() / widest } else { limits.em };
    let room = (limits.width / em - 2.0 * OUTLINE).min(limits.longest * limits.em / em);
    let needed = lines_needed(&words, room);
    // The narrowest room in which as many lines suffice makes them evenly long.
    let (mut narrow, mut wide) = (0.0, room);
    for _ in 0..24 {
        let middle = f64::midpoint(narrow, wide);
        if lines_needed(&words, middle) <= needed { wide = middle } else { narrow = middle }
    }
    Page { lines: fill(words, wide), em }
}

fn width_of(words: &[SetWord]) -> f64 {
    let gaps: f64 = words.iter().rev().skip(1).map(|word| word.gap).sum();
    words.iter().map(|word| word.width).sum::<f64>() + gaps
}

fn lines_needed(words: &[SetWord], room: f64) -> usize {
    breaks(words, room).len() + 1
}

/// The places before which a line of at most this room begins, but for the first.
fn breaks(words: &[SetWord], room: f64) -> Vec<usize> {
    let mut breaks = Vec::new();
    let mut used = 0.0;
    for (place, word) in words.iter().enumerate() {
        if place > 0 && used + word.width > room + 1e-9 {
            breaks.push(place);
            used = 0.0;
        }
        used += word.width + word.gap;
    }
    breaks
}

fn fill(words: Vec<SetWord>, room: f64) -> Vec<Vec<SetWord>> {
    let breaks = breaks(&words, room);
    let mut lines = vec![Vec::new()];
    for (place, word) in words.into_iter().enumerate() {
        if breaks.contains(&place) {
            lines.push(Vec::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push(word);
        }
    }
    lines
}

fn pause_after(text: &str) -> Pause {
    let end =
        text.trim_end_matches(['"', '\'', ')', '\u{201d}', '\u{2019}', '」', '』', '»']).chars().next_back();
    match end {
        Some('.' | '!' | '?' | '…' | '。' | '！' | '？' | '।' | '؟' | '۔') => Pause::Sentence,
        Some(',' | ';' | ':' | '、' | '，' | '；' | '،' | '؛' | '—' | '–') => Pause::Comma,
        _ => Pause::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(fonts_em: f64) -> Limits {
        Limits { width: 547.0, height: 800.0, em: fonts_em, lines: 2, words: 0, longest: MAX_LINE }
    }

    fn pages(text: &str, language: &str, limits: Limits) -> Vec<Page> {
        let mut fonts = Fonts::installed("", language).unwrap();
        let speech = [Interval { start: 0.0, end: 10.0 }];
        let tokens = crate::captions::text::estimated(text, &speech, 10.0);
        paginate(set(&mut fonts, tokens, false).unwrap(), limits)
    }

    #[test]
    fn no_line_is_wider_than_the_safe_area() {
        for (text, language) in [
            ("The deep ocean is darker, colder and far more alive than anybody had expected it to be.", "en"),
            ("深海には光が届かない世界があり、そこでは多くの生き物が自分で光を作り出しています。", "ja"),
            ("В глубине океана почти нет света, но жизнь там удивительно разнообразна.", "ru"),
            ("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "de"),
        ] {
            let limits = limits(52.0);
            for page in pages(text, language, limits) {
                assert!(page.lines.len() <= 2, "{:?}", page.text());
                for line in &page.lines {
                    let width = (width_of(line) + 2.0 * OUTLINE) * page.em;
                    assert!(width <= limits.width + 0.01, "{width} px: {:?}", page.text());
                }
            }
        }
    }

    #[test]
    fn no_page_is_taller_than_the_safe_area() {
        for em in [20.0, 130.0, 400.0] {
            let limits = Limits { width: 576.0, height: 324.0, ..limits(em) };
            for page in pages("The deep sea is dark and cold and full of life.", "en", limits) {
                let line = |words: &Vec<SetWord>| words.iter().map(|word| word.tall).fold(0.0, f64::max);
                let tall = page.lines.iter().map(line).sum::<f64>() + 2.0 * OUTLINE;
                assert!(tall * page.em <= limits.height + 0.01, "{em}: {} px", tall * page.em);
                assert!(em > 100.0 || (page.em - em).abs() < 1e-9, "{em} px fit, and became {}", page.em);
            }
        }
    }

    #[test]
    fn lines_measured_by_characters_are_about_as_long_as_set_ones() {
        for text in [
            "The deep ocean is darker, colder and far more alive than anybody had expected it to be.",
            "深海には光が届かない世界があり、そこでは多くの生き物が自分で光を作り出しています。",
        ] {
            let speech = [Interval { start: 0.0, end: 10.0 }];
            let tokens = crate::captions::text::estimated(text, &speech, 10.0);
            let unseen = paginate(set_by_characters(tokens, false), limits(52.0));
            let set = pages(text, "ja", limits(52.0));
            assert!(unseen.len().abs_diff(set.len()) <= 1, "{} pages and {}", unseen.len(), set.len());
        }
    }

    #[test]
    fn lines_of_a_page_are_about_equally_long() {
        let pages = pages("Nobody has ever seen the bottom of it", "en", limits(52.0));
        let lines: Vec<f64> = pages[0].lines.iter().map(|line| width_of(line)).collect();
        assert_eq!(lines.len(), 2, "{:?}", pages[0].text());
        assert!((lines[0] - lines[1]).abs() < 4.0, "{:?}", pages[0].text());
    }

    #[test]
    fn a_sentence_ends_a_page() {
        let pages = pages("It glows. Why?", "en", limits(52.0));
        assert_eq!(pages.len(), 2);
    }

    #[test]
    fn no_more_words_than_asked_for_are_shown_at_once() {
        let pages = pages("one two three four five six seven", "en", Limits { words: 3, ..limits(30.0) });
        assert_eq!(pages.iter().map(|page| page.lines.concat().len()).collect::<Vec<_>>(), [3, 3, 1]);
    }
}
