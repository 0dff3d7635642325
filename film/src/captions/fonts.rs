//! The fonts that captions are set in: one found for every character before anything is rendered, so
//! that no empty box is ever burned into a film.

use std::collections::HashMap;

use fontdb::{Database, Family, ID, Query, Weight};
use harfrust::{ShaperData, UnicodeBuffer};
use skrifa::instance::{LocationRef, Size};
use skrifa::raw::TableProvider;
use skrifa::{FontRef, GlyphId, MetadataProvider};
use unicode_script::{Script, UnicodeScript};

use crate::error::FilmError;

/// Families that have what a script's own does not.
const SPARE_FAMILIES: [&str; 5] =
    ["Noto Sans", "Noto Sans Symbols", "Noto Sans Symbols2", "Noto Sans Math", "DejaVu Sans"];

/// The installed fonts, and those in use.
pub struct Fonts {
    installed: Database,
    faces: Vec<Face>,
    by_id: HashMap<ID, FaceIndex>,
    named: Option<String>,
    han: &'static str,
}

/// One face in use.
pub struct Face {
    /// As libass looks it up.
    pub family: String,
    /// Whether it is a bold face.
    pub bold: bool,
    data: Vec<u8>,
    index: u32,
    shaper: ShaperData,
    units_per_em: f64,
    /// libass scales a font so that this, by Windows' measure, is the size asked for.
    height: f64,
}

/// Place of a face among those in use.
pub type FaceIndex = usize;

/// Text in one face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub face: FaceIndex,
    /// In logical order.
    pub text: String,
}

impl Fonts {
    /// The system's fonts. `family` is preferred if not empty; `language` (BCP-47) decides whose
    /// forms Han characters take.
    pub fn installed(family: &str, language: &str) -> Result<Self, FilmError> {
        let mut installed = Database::new();
        installed.load_system_fonts();
        let named = (!family.is_empty()).then(|| family.to_owned());
        if named.as_deref().is_some_and(|name| find(&installed, name).is_none()) {
            return Err(FilmError::FindFontFamily(family.to_owned()));
        }
        Ok(Self { installed, faces: Vec::new(), by_id: HashMap::new(), named, han: han_family(language) })
    }

    /// These files and no others.
    #[cfg(test)]
    pub(super) fn of_files(files: &[std::path::PathBuf], language: &str) -> Self {
        let mut installed = Database::new();
        for file in files {
            installed.load_font_file(file).unwrap();
        }
        Self { installed, faces: Vec::new(), by_id: HashMap::new(), named: None, han: han_family(language) }
    }

    /// A face in use.
    #[must_use]
    pub fn face(&self, index: FaceIndex) -> &Face {
        &self.faces[index]
    }

    /// Splits text by face; `before` is the face of what stands before it, which punctuation keeps.
    pub fn runs(&mut self, text: &str, before: Option<FaceIndex>) -> Result<Vec<Run>, FilmError> {
        let mut runs: Vec<Run> = Vec::new();
        for character in text.chars() {
            let last = runs.last().map(|run| run.face).or(before);
            let face = self.face_for(character, last)?;
            match runs.last_mut() {
                Some(run) if run.face == face => run.text.push(character),
                _ => runs.push(Run { face, text: character.to_string() }),
            }
        }
        Ok(runs)
    }

    /// Whether a face has this character.
    #[must_use]
    pub fn any_has(&self, character: char) -> bool {
        self.installed.faces().any(|face| self.covers(face.id, character))
    }

    fn face_for(&mut self, character: char, before: Option<FaceIndex>) -> Result<FaceIndex, FilmError> {
        let script = character.script();
        let neutral = matches!(script, Script::Common | Script::Inherited);
        if let Some(before) = before
            && (neutral || self.faces[before].suits(script))
            && (invisible(character) || self.faces[before].has(character))
        {
            return Ok(before);
        }
        let own = match script {
            Script::Han | Script::Hiragana | Script::Katakana | Script::Bopomofo | Script::Hangul => {
                self.han.to_owned()
            }
            Script::Latin | Script::Greek | Script::Cyrillic | Script::Common | Script::Inherited => {
                "Noto Sans".to_owned()
            }
            other => format!("Noto Sans {}", other.full_name().replace('_', " ")),
        };
        let families: Vec<String> =
            self.named.iter().cloned().chain([own]).chain(SPARE_FAMILIES.map(str::to_owned)).collect();
        for family in families {
            if let Some(id) = find(&self.installed, &family)
                && let Some(index) = self.use_face(id)
                && (invisible(character) || self.faces[index].has(character))
            {
                return Ok(index);
            }
        }
        self.any_face(character)
    }

    fn any_face(&mut self, character: char) -> Result<FaceIndex, FilmError> {
        let refuse = || FilmError::FindFont {
            script: character.script().full_name().replace('_', " "),
            character,
            code: u32::from(character),
        };
        let mut having: Vec<_> =
            self.installed.faces().filter(|face| self.covers(face.id, character)).collect();
        // Upright, near bold, without serifs; the name decides between equals.
        having.sort_by_key(|face| {
            let family = &face.families[0].0;
            let slanted = face.style != fontdb::Style::Normal;
            (slanted, !family.contains("Sans"), face.weight.0.abs_diff(700), family.clone())
        });
        let found = having.first().map(|face| face.id).ok_or_else(refuse)?;
        self.use_face(found).ok_or_else(refuse)
    }

    fn covers(&self, id: ID, character: char) -> bool {
        let has = |data: &[u8], index: u32| has_glyph(data, index, character);
        self.installed.with_face_data(id, has).unwrap_or(false)
    }

    fn use_face(&mut self, id: ID) -> Option<FaceIndex> {
        if let Some(index) = self.by_id.get(&id) {
            return Some(*index);
        }
        let info = self.installed.face(id)?;
        let (family, bold) = (info.families.first()?.0.clone(), info.weight >= Weight::SEMIBOLD);
        let (data, index) = self.installed.with_face_data(id, |data, index| (data.to_vec(), index))?;
        let face = Face::new(family, bold, data, index)?;
        self.faces.push(face);
        self.by_id.insert(id, self.faces.len() - 1);
        Some(self.faces.len() - 1)
    }
}

impl Face {
    /// The face at this place of a font file; `None` if it is none.
    fn new(family: String, bold: bool, data: Vec<u8>, index: u32) -> Option<Self> {
        let font = FontRef::from_index(&data, index).ok()?;
        let metrics = font.metrics(Size::unscaled(), LocationRef::default());
        let windows =
            font.os2().map_or(0.0, |os2| f64::from(os2.us_win_ascent()) + f64::from(os2.us_win_descent()));
        let height = if windows > 0.0 { windows } else { f64::from(metrics.ascent - metrics.descent) };
        let (units_per_em, shaper) = (f64::from(metrics.units_per_em), ShaperData::new(&font));
        Some(Self { family, bold, data, index, shaper, units_per_em, height })
    }

    /// The ASS font size at which an em has this many pixels.
    #[must_use]
    pub fn ass_size(&self, em: f64) -> f64 {
        em * self.height / self.units_per_em
    }

    /// How wide text is when shaped, in ems.
    #[must_use]
    pub fn width(&self, text: &str) -> f64 {
        let Ok(font) = FontRef::from_index(&self.data, self.index) else { return 0.0 };
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        let shaped = self.shaper.shaper(&font).build().shape(buffer, &[]);
        let advance: i32 = shaped.glyph_positions().iter().map(|glyph| glyph.x_advance).sum();
        f64::from(advance) / self.units_per_em
    }

    fn has(&self, character: char) -> bool {
        has_glyph(&self.data, self.index, character)
    }

    /// Whether letters of this script are best kept in this face once it is in use: Latin words in
    /// Japanese are, Latin words in a face made for another script are not.
    fn suits(&self, script: Script) -> bool {
        let general =
            self.family == "Noto Sans" || self.family.contains("CJK") || !self.family.starts_with("Noto");
        general || self.family.ends_with(&script.full_name().replace('_', " "))
    }
}

fn has_glyph(data: &[u8], index: u32, character: char) -> bool {
    let glyph = |font: FontRef<'_>| font.charmap().map(character);
    FontRef::from_index(data, index).ok().and_then(glyph).is_some_and(|glyph| glyph != GlyphId::NOTDEF)
}

/// Characters that are never drawn by themselves.
fn invisible(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ad}')
}

fn find(installed: &Database, family: &str) -> Option<ID> {
    installed.query(&Query { families: &[Family::Name(family)], weight: Weight::BOLD, ..Query::default() })
}

/// Whose forms of Han characters a language uses.
fn han_family(language: &str) -> &'static str {
    let language = language.to_ascii_lowercase();
    let mut parts = language.split('-');
    match parts.next() {
        Some("ko") => "Noto Sans CJK KR",
        Some("zh") if parts.clone().any(|part| part == "hk" || part == "mo") => "Noto Sans CJK HK",
        Some("zh") if parts.any(|part| part == "tw" || part == "hant") => "Noto Sans CJK TC",
        Some("zh") => "Noto Sans CJK SC",
        _ => "Noto Sans CJK JP",
    }
}
