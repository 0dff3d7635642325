//! The voices of Kokoro: their names, the languages that they speak, and the files that hold their style.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use videofactory_providers::language;

/// Where the worker's image has the model.
const FOLDER: &str = "/usr/share/videofactory/kokoro";
/// Names another folder.
const FOLDER_VARIABLE: &str = "VIDEOFACTORY_KOKORO";
/// Numbers of a style.
pub(super) const STYLE: usize = 256;

/// How a voice pronounces; the first letter of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accent {
    American,
    British,
    Spanish,
    French,
    Hindi,
    Italian,
    Japanese,
    Brazilian,
    Mandarin,
}

use Accent::{American, Brazilian, British, French, Hindi, Italian, Japanese, Mandarin, Spanish};

/// Accents: the letter, the primary subtag, the voice that is taken when none is chosen, and espeak-ng's language.
const ACCENTS: [(Accent, char, &str, &str, &str); 9] = [
    (American, 'a', "en", "af_heart", "en-us"),
    (British, 'b', "en", "bf_emma", "en-gb"),
    (Spanish, 'e', "es", "ef_dora", "es"),
    (French, 'f', "fr", "ff_siwis", "fr-fr"),
    (Hindi, 'h', "hi", "hf_alpha", "hi"),
    (Italian, 'i', "it", "if_sara", "it"),
    (Japanese, 'j', "ja", "jf_alpha", "ja"),
    (Brazilian, 'p', "pt", "pf_dora", "pt-br"),
    (Mandarin, 'z', "zh", "zf_xiaoxiao", "cmn"),
];
/// Tags that begin like a language of Kokoro's, but are spoken otherwise.
const OTHERS: [&str; 5] = ["pt-pt", "zh-hk", "zh-mo", "zh-yue", "zh-hant-hk"];
/// Where English is spoken as in Britain rather than as in America.
const LIKE_BRITAIN: [&str; 6] = ["en-gb", "en-ie", "en-au", "en-nz", "en-za", "en-in"];

impl Accent {
    fn row(self) -> &'static (Accent, char, &'static str, &'static str, &'static str) {
        // Every accent has a row, which a test holds.
        ACCENTS.iter().find(|row| row.0 == self).unwrap_or(&ACCENTS[0])
    }

    /// How a language is spoken, if Kokoro speaks it.
    fn of_language(tag: &str) -> Option<Self> {
        let tag = tag.to_ascii_lowercase().replace('_', "-");
        let is = |other: &str| tag == other || tag.starts_with(&format!("{other}-"));
        if OTHERS.iter().any(|other| is(other)) {
            return None;
        }
        if LIKE_BRITAIN.iter().any(|tag| is(tag)) {
            return Some(British);
        }
        let tag_of_mandarin = is("cmn").then_some(Mandarin);
        ACCENTS.iter().find(|row| is(row.2)).map(|row| row.0).or(tag_of_mandarin)
    }

    /// Whether its language is written in Latin letters.
    pub(super) fn is_latin(self) -> bool {
        !matches!(self, Hindi | Japanese | Mandarin)
    }

    /// What espeak-ng calls it.
    pub(super) fn espeak(self) -> &'static str {
        self.row().4
    }

    fn of_voice(name: &str) -> Option<Self> {
        let (kind, rest) = name.split_once('_')?;
        let mut letters = kind.chars();
        let accent = letters.next()?;
        let gendered = matches!(letters.next(), Some('f' | 'm')) && letters.next().is_none();
        let plain = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase());
        ACCENTS.iter().find(|row| row.1 == accent && gendered && plain).map(|row| row.0)
    }
}

/// A voice that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::voice) struct Voice {
    /// For example `af_heart`.
    pub(super) name: String,
    pub(super) accent: Accent,
}

/// What a wish for a voice comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::voice) enum Choice {
    /// This one speaks.
    Speaks(Voice),
    /// It is one of Kokoro's, and Kokoro is not installed.
    Missing,
    /// Another engine is asked.
    Other,
}

/// The voice for a language: the one that is wanted, or the language's own if `wanted` is empty.
pub(in crate::voice) fn choose(language: &str, wanted: &str) -> Choice {
    choose_in(folder(), language, wanted)
}

fn choose_in(folder: Option<&Path>, language: &str, wanted: &str) -> Choice {
    let (name, accent) = if wanted.is_empty() {
        let Some(accent) = Accent::of_language(language) else { return Choice::Other };
        (accent.row().3, accent)
    } else {
        let Some(accent) = Accent::of_voice(wanted) else { return Choice::Other };
        (wanted, accent)
    };
    let Some(folder) = folder else {
        return if wanted.is_empty() { Choice::Other } else { Choice::Missing };
    };
    let fits = primary(language) == accent.row().2 && style_file(folder, name).is_file();
    if fits { Choice::Speaks(Voice { name: name.to_owned(), accent }) } else { Choice::Other }
}

/// The names of all voices for a language.
pub(in crate::voice) fn names(language: &str) -> Vec<String> {
    let files = folder().and_then(|folder| std::fs::read_dir(folder.join("voices")).ok());
    let mut names: Vec<String> = files
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .filter(|name| Accent::of_voice(name).is_some_and(|accent| accent.row().2 == primary(language)))
        .collect();
    names.sort_unstable();
    names
}

/// Mandarin has two primary subtags.
fn primary(language: &str) -> String {
    let primary = language::primary(language);
    if primary == "cmn" { "zh".to_owned() } else { primary }
}

/// Where the model is, if it is installed.
pub(super) fn folder() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let folder = std::env::var_os(FOLDER_VARIABLE).map_or_else(|| PathBuf::from(FOLDER), PathBuf::from);
        model_file(&folder).is_file().then_some(folder)
    };
    FOUND.get_or_init(find).as_deref()
}

pub(super) fn model_file(folder: &Path) -> PathBuf {
    folder.join("kokoro.onnx")
}

/// The numbers of the model's symbols.
pub(super) fn vocabulary_file(folder: &Path) -> PathBuf {
    folder.join("vocab.json")
}

/// A voice's styles: one for each number of symbols, each of [`STYLE`] numbers.
pub(super) fn style_file(folder: &Path, name: &str) -> PathBuf {
    folder.join("voices").join(format!("{name}.bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("voices")).unwrap();
        for name in names {
            std::fs::write(style_file(folder.path(), name), "").unwrap();
        }
        folder
    }

    #[test]
    fn each_language_has_a_voice_of_its_own() {
        let folder = installed(&ACCENTS.map(|row| row.3));
        for (language, voice) in [
            ("en", "af_heart"),
            ("en-US", "af_heart"),
            ("en_GB", "bf_emma"),
            ("es-MX", "ef_dora"),
            ("fr", "ff_siwis"),
            ("hi", "hf_alpha"),
            ("it", "if_sara"),
            ("ja-JP", "jf_alpha"),
            ("pt-BR", "pf_dora"),
            ("pt", "pf_dora"),
            ("zh-CN", "zf_xiaoxiao"),
            ("cmn", "zf_xiaoxiao"),
        ] {
            let Choice::Speaks(chosen) = choose_in(Some(folder.path()), language, "") else {
                panic!("{language} is not spoken");
            };
            assert_eq!(chosen.name, voice, "{language}");
            assert_eq!(Some(chosen.accent), Accent::of_voice(voice));
        }
        for language in ["de", "pt-PT", "zh-HK", "yue", "english", ""] {
            assert_eq!(choose_in(Some(folder.path()), language, ""), Choice::Other, "{language}");
        }
    }

    #[test]
    fn a_voice_is_taken_by_its_name_in_its_language_only() {
        let folder = installed(&["am_adam"]);
        let choose = |language, wanted| choose_in(Some(folder.path()), language, wanted);
        assert!(matches!(choose("en-GB", "am_adam"), Choice::Speaks(voice) if voice.accent == American));
        for (language, wanted) in
            [("de", "am_adam"), ("en", "am_eric"), ("en", "slt"), ("en", "../am_adam"), ("en", "ax_adam")]
        {
            assert_eq!(choose(language, wanted), Choice::Other, "{wanted}");
        }
    }

    #[test]
    fn without_the_model_only_its_own_names_are_missed() {
        assert_eq!(choose_in(None, "en", ""), Choice::Other);
        assert_eq!(choose_in(None, "en", "slt"), Choice::Other);
        assert_eq!(choose_in(None, "en", "af_heart"), Choice::Missing);
    }
}
