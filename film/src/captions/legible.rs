//! Whether letters can be drawn, asked as soon as their text is known: long before a film is made of it.

use std::collections::BTreeSet;

use unicode_script::{Script, UnicodeScript};

use super::fonts::Fonts;
use crate::error::FilmError;
use crate::request::CaptionStyle;

/// Letters that a message names, and texts.
const MAX_TOLD: usize = 8;

/// A text that is to be drawn.
pub struct Text<'a> {
    /// Whose it is, for messages.
    pub of: String,
    /// Itself.
    pub text: &'a str,
}

/// Refuses captions and a thumbnail's text if the installed fonts lack a letter of theirs.
pub fn require_fonts(
    style: &CaptionStyle,
    language: &str,
    captions: &[Text<'_>],
    thumbnail: &str,
) -> Result<(), FilmError> {
    let title = [Text { of: "thumbnail.text".to_owned(), text: thumbnail }];
    let mut fonts = Fonts::installed(&style.font, language)?;
    require(&mut fonts, style.uppercase, captions, "set captions.mode to Sidecar or None")?;
    require(&mut fonts, style.uppercase, &title, "leave thumbnail.text empty")
}

fn require(fonts: &mut Fonts, uppercase: bool, texts: &[Text<'_>], way_out: &str) -> Result<(), FilmError> {
    let (mut letters, mut known) = (BTreeSet::new(), BTreeSet::new());
    let mut of: Vec<&str> = Vec::new();
    for text in texts {
        let written = if uppercase { text.text.to_uppercase() } else { text.text.to_owned() };
        let here: Vec<char> = written.chars().filter(|c| is_letter(*c)).collect();
        for letter in &here {
            if known.insert(*letter) && fonts.runs(&letter.to_string(), None).is_err() {
                letters.insert(*letter);
            }
        }
        if here.iter().any(|letter| letters.contains(letter)) {
            of.push(&text.of);
        }
    }
    if letters.is_empty() {
        return Ok(());
    }
    let scripts: BTreeSet<&str> = letters.iter().map(|letter| letter.script().full_name()).collect();
    let some = |all: Vec<String>| match all.len() {
        0..=MAX_TOLD => all.join(", "),
        count => format!("{} and {} more", all[..MAX_TOLD].join(", "), count - MAX_TOLD),
    };
    Err(FilmError::FindFonts {
        scripts: scripts.into_iter().collect::<Vec<_>>().join(" and ").replace('_', " "),
        letters: some(letters.iter().map(|c| format!("{c} (U+{:04X})", u32::from(*c))).collect()),
        of: some(of.into_iter().map(str::to_owned).collect()),
        way_out: way_out.to_owned(),
    })
}

/// Signs that belong to no script are left out of captions where no font has them.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || !matches!(c.script(), Script::Common | Script::Inherited)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A text in each language that somebody might ask for, by the script that it is written in.
    const SAMPLES: [(&str, &str, &str); 30] = [
        ("en", "Latin", "The cat purrs; naïve façade, Straße, Ăn, İğne, Þórr, ŵy, Ɗan"),
        ("vi", "Latin", "Mèo kêu rừ rừ, người ta chẳng biết vì sao"),
        ("el", "Greek", "Γιατί γουργουρίζουν οι γάτες; ᾠδή"),
        ("ru", "Cyrillic", "Почему кошки мурлычут, ґанок, ўзор, қазақ, ӊ"),
        ("he", "Hebrew", "למה חתולים מגרגרים שָׁלוֹם"),
        ("ar", "Arabic", "لماذا تخرخر القطط؟ گربه چرا، ٹوپی"),
        ("hi", "Devanagari", "बिल्लियाँ क्यों घुरघुराती हैं"),
        ("bn", "Bengali", "বিড়াল কেন ঘড়ঘড় করে"),
        ("pa", "Gurmukhi", "ਬਿੱਲੀਆਂ ਕਿਉਂ ਘੁਰਘੁਰਾਉਂਦੀਆਂ ਹਨ"),
        ("gu", "Gujarati", "બિલાડીઓ શા માટે ઘૂરકે છે"),
        ("or", "Oriya", "ବିଲେଇ କାହିଁକି ଘୁରୁଘୁରୁ କରେ"),
        ("ta", "Tamil", "பூனைகள் ஏன் உறுமுகின்றன"),
        ("te", "Telugu", "పిల్లులు ఎందుకు గుర్రుమంటాయి"),
        ("kn", "Kannada", "ಬೆಕ್ಕುಗಳು ಏಕೆ ಗುರುಗುಟ್ಟುತ್ತವೆ"),
        ("ml", "Malayalam", "പൂച്ചകൾ എന്തിനാണ് മുരളുന്നത്"),
        ("si", "Sinhala", "පූසන් ගොරවන්නේ ඇයි"),
        ("th", "Thai", "ทำไมแมวถึงครางเสียงเบา"),
        ("lo", "Lao", "ເປັນຫຍັງແມວຈຶ່ງຄາງ"),
        ("km", "Khmer", "ហេតុអ្វីបានជាឆ្មាស្រែក"),
        ("my", "Myanmar", "ကြောင်တွေ ဘာကြောင့် အသံပြုကြသလဲ"),
        ("ka", "Georgian", "კავკასიონი მაღალი მთაა"),
        ("hy", "Armenian", "Ինչու են կատուները մռռում"),
        ("am", "Ethiopic", "ድመቶች ለምን ያጉረመርማሉ"),
        ("dv", "Thaana", "ބުޅާ ކީއްވެ"),
        ("chr", "Cherokee", "ᏪᏌ ᏣᎳᎩ"),
        ("bo", "Tibetan", "བྱི་ལ"),
        ("mn", "Mongolian", "ᠮᠤᠤᠷ"),
        ("ja", "Hiragana and Katakana", "猫はなぜのどをゴロゴロ鳴らすのか"),
        ("ko", "Hangul", "고양이는 왜 가르랑거릴까"),
        ("zh", "Han", "猫为什么会打呼噜，貓為什麼"),
    ];

    const DOCKERFILE: &str = include_str!("../../../Dockerfile");
    const DOCS: &str = include_str!("../../../docs/languages.md");

    /// The faces that the worker's image keeps, by the one list that there is of them.
    fn image_faces() -> Vec<&'static str> {
        let list = DOCKERFILE.split_once("for face in ").unwrap().1.split_once("; do").unwrap().0;
        list.split_whitespace().filter(|word| *word != "\\").collect()
    }

    /// The fonts of the worker's image, found among those of this machine.
    fn image_fonts(language: &str) -> Fonts {
        let folder = Path::new("/usr/share/fonts");
        let mut files = vec![
            folder.join("opentype/noto/NotoSansCJK-Regular.ttc"),
            folder.join("opentype/noto/NotoSansCJK-Bold.ttc"),
        ];
        for face in image_faces() {
            let of =
                ["Regular", "Bold"].map(|weight| folder.join(format!("truetype/noto/{face}-{weight}.ttf")));
            let there: Vec<_> = of.into_iter().filter(|file| file.exists()).collect();
            assert!(!there.is_empty(), "fonts-noto-core has no {face}");
            files.extend(there);
        }
        Fonts::of_files(&files, language)
    }

    fn check(text: &str, language: &str) -> Result<(), String> {
        let texts = [Text { of: "scene s1".to_owned(), text }];
        let refused = require(&mut image_fonts(language), false, &texts, "set captions.mode to Sidecar");
        refused.map_err(|error| error.to_string())
    }

    #[test]
    fn the_image_has_letters_for_every_script_that_the_docs_promise() {
        for (language, script, text) in SAMPLES {
            assert!(DOCS.contains(&format!("| {script} |")), "docs/languages.md promises no {script}");
            check(text, language).unwrap_or_else(|refused| panic!("{language}: {refused}"));
        }
    }

    #[test]
    fn the_docs_name_every_face_of_the_image() {
        for face in image_faces() {
            assert!(DOCS.contains(&format!("`{face}`")), "docs/languages.md leaves {face} out");
        }
    }

    #[test]
    fn a_script_that_the_image_has_no_face_for_is_refused_with_its_letters_and_a_way_out() {
        let refused = check("Deep 𐌰𐌱 sea", "got").unwrap_err();
        for part in ["Gothic", "𐌰 (U+10330), 𐌱 (U+10331)", "scene s1", "captions.mode", "languages.md"]
        {
            assert!(refused.contains(part), "{refused}");
        }
    }

    #[test]
    fn signs_that_no_font_has_are_no_reason_to_refuse() {
        check("Deep \u{1FAE8} sea — 3 × 4", "en").unwrap();
    }

    #[test]
    fn a_long_refusal_names_some_letters_and_counts_the_rest() {
        let letters: String = ('𐌰'..='𐍉').collect();
        let refused = check(&letters, "got").unwrap_err();
        assert!(refused.contains("and 18 more") && refused.len() < 700, "{refused}");
    }
}
