//! Mandarin: characters by their pinyin into Kokoro's symbols, with an arrow for each tone. A character has its most usual
//! reading, whatever stands beside it.

use pinyin::ToPinyin;

/// Initials, the longer ones first.
const INITIALS: [(&str, &str); 21] = [
    ("zh", "ꭧ"),
    ("ch", "ꭧʰ"),
    ("sh", "ʂ"),
    ("b", "p"),
    ("p", "pʰ"),
    ("m", "m"),
    ("f", "f"),
    ("d", "t"),
    ("t", "tʰ"),
    ("n", "n"),
    ("l", "l"),
    ("g", "k"),
    ("k", "kʰ"),
    ("h", "x"),
    ("j", "ʨ"),
    ("q", "ʨʰ"),
    ("x", "ɕ"),
    ("r", "ɻ"),
    ("z", "ʦ"),
    ("c", "ʦʰ"),
    ("s", "s"),
];
/// Finals: up to the end of their vowel, where the tone is, and the rest.
const FINALS: [(&str, &str, &str); 36] = [
    ("a", "a", ""),
    ("o", "wo", ""),
    ("e", "ɤ", ""),
    ("ai", "ai", ""),
    ("ei", "ei", ""),
    ("ao", "au", ""),
    ("ou", "ou", ""),
    ("an", "a", "n"),
    ("en", "ə", "n"),
    ("ang", "a", "ŋ"),
    ("eng", "ə", "ŋ"),
    ("er", "aɚ", ""),
    ("ong", "ʊ", "ŋ"),
    ("i", "i", ""),
    ("ia", "ja", ""),
    ("ie", "je", ""),
    ("iao", "jau", ""),
    ("iu", "jou", ""),
    ("iou", "jou", ""),
    ("ian", "jɛ", "n"),
    ("in", "i", "n"),
    ("iang", "ja", "ŋ"),
    ("ing", "i", "ŋ"),
    ("iong", "jʊ", "ŋ"),
    ("u", "u", ""),
    ("ua", "wa", ""),
    ("uo", "wo", ""),
    ("uai", "wai", ""),
    ("ui", "wei", ""),
    ("uan", "wa", "n"),
    ("un", "wə", "n"),
    ("uang", "wa", "ŋ"),
    ("v", "y", ""),
    ("ve", "ɥe", ""),
    ("van", "ɥɛ", "n"),
    ("vn", "y", "n"),
];
const TONES: [&str; 5] = ["", "→", "↗", "↓", "↘"];

/// The symbols of a word; what is no Chinese character is left out.
pub(super) fn symbols(word: &str) -> String {
    word.to_pinyin().flatten().filter_map(|reading| syllable(reading.with_tone_num_end())).collect()
}

/// The symbols of a syllable such as `zhong1`.
fn syllable(pinyin: &str) -> Option<String> {
    let letters = pinyin.trim_end_matches(|sign: char| sign.is_ascii_digit());
    let tone: usize = pinyin[letters.len()..].parse().unwrap_or(0);
    let letters = spelt_out(&letters.replace('ü', "v"));
    let initial = INITIALS.iter().find(|(initial, _)| letters.starts_with(initial));
    let (initial, onset) = initial.copied().unwrap_or(("", ""));
    let rest = &letters[initial.len()..];
    let tone = TONES.get(tone).copied().unwrap_or_default();
    // The vowel of "zhi" and "si" is their consonant's own.
    if rest == "i" && matches!(initial, "zh" | "ch" | "sh" | "r" | "z" | "c" | "s") {
        return Some(format!("{onset}ɨ{tone}"));
    }
    // "ju" is written for "jü".
    let rest = match rest.strip_prefix('u') {
        Some(end) if matches!(initial, "j" | "q" | "x") => format!("v{end}"),
        _ => rest.to_owned(),
    };
    let (_, vowel, coda) = FINALS.iter().find(|(written, _, _)| *written == rest)?;
    Some(format!("{onset}{vowel}{tone}{coda}"))
}

/// A syllable without a consonant as it is written behind one: "yi" is "i", "wu" is "u".
fn spelt_out(letters: &str) -> String {
    match (letters, letters.split_at_checked(1)) {
        ("yi" | "yin" | "ying", Some((_, rest))) => rest.to_owned(),
        ("wu", _) => "u".to_owned(),
        (_, Some(("y", rest))) if rest.starts_with('u') => format!("v{}", &rest[1..]),
        (_, Some(("y", "ou"))) => "iu".to_owned(),
        (_, Some(("y", rest))) => format!("i{rest}"),
        (_, Some(("w", "ei"))) => "ui".to_owned(),
        (_, Some(("w", "en"))) => "un".to_owned(),
        ("weng", _) => "ong".to_owned(),
        (_, Some(("w", rest))) => format!("u{rest}"),
        _ => letters.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_are_sounds_with_a_tone() {
        for (pinyin, said) in [
            ("zhong1", "ꭧʊ→ŋ"),
            ("guo2", "kwo↗"),
            ("ni3", "ni↓"),
            ("hao3", "xau↓"),
            ("shi4", "ʂɨ↘"),
            ("yi1", "i→"),
            ("wo3", "wo↓"),
            ("yue4", "ɥe↘"),
            ("yuan2", "ɥɛ↗n"),
            ("qu4", "ʨʰy↘"),
            ("xue2", "ɕɥe↗"),
            ("lü4", "ly↘"),
            ("you3", "jou↓"),
            ("wei4", "wei↘"),
            ("ma", "ma"),
            ("er4", "aɚ↘"),
        ] {
            assert_eq!(syllable(pinyin).as_deref(), Some(said), "{pinyin}");
        }
    }

    #[test]
    fn every_usual_character_has_a_sound() {
        for sign in "深海很黑也冷光到不了那里的一是在人有我他这中大来上国个和你地出道说时年得就下过子去如何没能对多为可自己".chars() {
            assert!(!symbols(&sign.to_string()).is_empty(), "{sign}");
        }
    }
}
