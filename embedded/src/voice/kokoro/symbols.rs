//! From the International Phonetic Alphabet as espeak-ng writes it to the symbols that Kokoro was trained with: sounds
//! of two parts are one symbol, and some sounds of English have another sign.

use super::voices::Accent;

/// What ties the parts of one sound together in espeak-ng's output.
pub(super) const TIE: char = '^';

/// In all languages.
const ALL: &[(&str, &str)] = &[
    ("d^ʒ", "ʤ"),
    ("t^ʃ", "ʧ"),
    ("t^s", "ʦ"),
    ("d^z", "ʣ"),
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("ɔ^ɪ", "Y"),
    ("e^ɪ", "A"),
    ("o^ʊ", "O"),
    ("ə^ʊ", "Q"),
];
const ENGLISH: &[(&str, &str)] = &[
    ("e^ə", "ɛː"),
    ("i^ə", "ɪə"),
    ("ə^l", "ᵊl"),
    ("ʔˌn\u{329}", "tᵊn"),
    ("ʔn\u{329}", "tᵊn"),
    ("n\u{329}", "ᵊn"),
    ("l\u{329}", "ᵊl"),
    ("ʔ", "t"),
    ("ʲ", ""),
    ("ɚ", "əɹ"),
    ("r", "ɹ"),
    ("ɹɹ", "ɹ"),
    ("x", "k"),
    ("ç", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("\u{303}", ""),
    ("e", "A"),
];
const AMERICAN: &[(&str, &str)] =
    &[("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("ɾ", "T"), ("o", "ɔ")];

/// The symbols of a line of espeak-ng's; words are separated by single spaces.
pub(super) fn of_ipa(ipa: &str, accent: Accent) -> String {
    let mut text = without_languages(ipa);
    let mut replace = |pairs: &[(&str, &str)]| {
        for (from, to) in pairs {
            text = text.replace(from, to);
        }
    };
    replace(ALL);
    match accent {
        Accent::American => {
            replace(ENGLISH);
            replace(AMERICAN);
        }
        Accent::British => replace(ENGLISH),
        _ => {}
    }
    let kept: String = text.chars().filter(|sign| !matches!(*sign, TIE | '-' | '\u{200d}')).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without the names of languages in parentheses, where espeak-ng goes over to another one.
fn without_languages(ipa: &str) -> String {
    let mut kept = String::with_capacity(ipa.len());
    let mut inside = false;
    for sign in ipa.chars() {
        match sign {
            '(' => inside = true,
            ')' => inside = false,
            _ if !inside => kept.push(sign),
            _ => {}
        }
    }
    kept
}

/// Whether a symbol is a sound of its own: no stress, no length, no pause.
pub(super) fn is_sound(symbol: char) -> bool {
    symbol.is_alphabetic() && !matches!(symbol, 'ˈ' | 'ˌ' | 'ː' | 'ʰ' | 'ʲ')
}

/// The pause that a sign of a text stands for, as a symbol.
pub(super) fn pause(sign: char) -> Option<char> {
    Some(match sign {
        ',' | '、' | '，' | '،' => ',',
        ';' | '；' => ';',
        ':' | '：' => ':',
        '.' | '。' | '।' => '.',
        '!' | '！' => '!',
        '?' | '？' | '؟' => '?',
        '—' | '–' => '—',
        '…' => '…',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_of_two_parts_are_one_symbol() {
        for (accent, ipa, symbols) in [
            (
                Accent::American,
                "d^ʒˈʌmpɪŋ t^ʃˈɛ^ɹ bˈɔ^ɪ ma^ɪ nˈa^ʊ ðe^ɪ ɡˈo^ʊ",
                "ʤˈʌmpɪŋ ʧˈɛɹ bˈY mI nˈW ðA ɡˈO",
            ),
            (
                Accent::American,
                "bˈɜːd fˈa^ɪ^ɚɹ lˈɪɾə^l bˈʌʔn\u{329} stˈoːɹi",
                "bˈɜɹd fˈIəɹ lˈɪTᵊl bˈʌtᵊn stˈɔɹi",
            ),
            (Accent::British, "hˈe^ə nˌi^ə ɡˌə^ʊ bˈɜːd", "hˈɛː nˌɪə ɡˌQ bˈɜːd"),
            (Accent::Italian, "la pˈit^sːa e il ɡjˈat^ʃːo", "la pˈiʦːa e il ɡjˈaʧːo"),
            (Accent::French, "le-z amˈi (en)wˈiːkɛnd(fr)  ɔ̃", "lez amˈi wˈiːkɛnd ɔ̃"),
        ] {
            assert_eq!(of_ipa(ipa, accent), symbols);
        }
    }
}
