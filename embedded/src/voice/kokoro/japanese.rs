//! Japanese: kana into Kokoro's symbols, sound by sound. Pitch is the model's own.

/// Kana by consonant, in the order of their vowels, and their symbols.
const ROWS: [(&str, [&str; 5]); 17] = [
    ("あいうえお", ["a", "i", "ɯ", "e", "o"]),
    ("ぁぃぅぇぉ", ["a", "i", "ɯ", "e", "o"]),
    ("かきくけこ", ["ka", "kʲi", "kɯ", "ke", "ko"]),
    ("がぎぐげご", ["ɡa", "ɡʲi", "ɡɯ", "ɡe", "ɡo"]),
    ("さしすせそ", ["sa", "ɕi", "sɨ", "se", "so"]),
    ("ざじずぜぞ", ["ʣa", "ʥi", "zɨ", "ʣe", "ʣo"]),
    ("たちつてと", ["ta", "ʨi", "ʦɨ", "te", "to"]),
    ("だぢづでど", ["da", "ʥi", "zɨ", "de", "do"]),
    ("なにぬねの", ["na", "ɲi", "nɯ", "ne", "no"]),
    ("はひふへほ", ["ha", "çi", "ɸɯ", "he", "ho"]),
    ("ばびぶべぼ", ["ba", "bʲi", "bɯ", "be", "bo"]),
    ("ぱぴぷぺぽ", ["pa", "pʲi", "pɯ", "pe", "po"]),
    ("まみむめも", ["ma", "mʲi", "mɯ", "me", "mo"]),
    ("らりるれろ", ["ɾa", "ɾʲi", "ɾɯ", "ɾe", "ɾo"]),
    ("やいゆえよ", ["ja", "i", "jɯ", "e", "jo"]),
    ("わゐうゑを", ["βa", "i", "ɯ", "e", "o"]),
    ("ゎゔゔゔゔ", ["βa", "vɯ", "vɯ", "vɯ", "vɯ"]),
];
/// Vowels of small kana that are spoken with the kana before them.
const SMALL: [(char, &str); 8] =
    [('ゃ', "a"), ('ゅ', "ɨ"), ('ょ', "o"), ('ぁ', "a"), ('ぃ', "i"), ('ぅ', "ɯ"), ('ぇ', "e"), ('ぉ', "o")];

/// The symbols of a word in kana; what is no kana is left out.
pub(super) fn symbols(word: &str) -> String {
    let kana: Vec<char> = word.chars().map(hiragana).filter(|sign| is_kana(*sign)).collect();
    let mut symbols = String::new();
    let mut at = 0;
    while at < kana.len() {
        let next = kana.get(at + 1).copied();
        match kana[at] {
            'ー' => symbols.push('ː'),
            'っ' => symbols.push('ʔ'),
            'ん' => symbols.push_str(nasal(next)),
            // Particles are written by their history.
            'は' if at > 0 && next.is_none() => symbols.push_str("βa"),
            'へ' if at > 0 && next.is_none() => symbols.push('e'),
            'う' if symbols.ends_with(['o', 'ɯ', 'ɨ']) && !is_small(next) => symbols.push('ː'),
            'い' if symbols.ends_with('e') => symbols.push('ː'),
            first => {
                let sound = sound(first);
                match next.and_then(|next| SMALL.iter().find(|(small, _)| *small == next)) {
                    Some((small, vowel)) => {
                        symbols.push_str(&joined(first, sound, *small, vowel));
                        at += 1;
                    }
                    None => symbols.push_str(sound),
                }
            }
        }
        at += 1;
    }
    symbols
}

/// Katakana as hiragana.
fn hiragana(sign: char) -> char {
    match sign {
        'ァ'..='ヶ' => char::from_u32(u32::from(sign) - 0x60).unwrap_or(sign),
        _ => sign,
    }
}

fn is_kana(sign: char) -> bool {
    matches!(sign, 'ー' | 'っ' | 'ん')
        || !sound(sign).is_empty()
        || SMALL.iter().any(|(small, _)| *small == sign)
}

fn is_small(sign: Option<char>) -> bool {
    sign.is_some_and(|sign| SMALL.iter().any(|(small, _)| *small == sign))
}

fn sound(kana: char) -> &'static str {
    let place = |row: &(&str, [&'static str; 5])| {
        row.0.chars().position(|sign| sign == kana).map(|vowel| row.1[vowel])
    };
    ROWS.iter().find_map(place).unwrap_or_default()
}

/// A kana and the small one behind it: the first one's consonant with the other's vowel.
fn joined(first: char, sound: &str, small: char, vowel: &str) -> String {
    if first == 'う' {
        return format!("β{vowel}");
    }
    let consonant = sound.trim_end_matches(['a', 'i', 'ɯ', 'ɨ', 'e', 'o']);
    let soft = consonant.ends_with(['ʲ', 'ɕ', 'ʥ', 'ʨ', 'ɲ', 'ç']);
    let glide = if (small == 'ゅ' || small == 'ぃ') && !soft { "ʲ" } else { "" };
    format!("{consonant}{glide}{vowel}")
}

/// ん takes the place of the sound behind it.
fn nasal(next: Option<char>) -> &'static str {
    match next.and_then(|next| sound(next).chars().next()) {
        Some('p' | 'b' | 'm') => "m",
        Some('k' | 'ɡ') => "ŋ",
        Some('ɲ' | 'ʨ' | 'ʥ') => "ɲ",
        Some('n' | 't' | 'd' | 'ɾ' | 'z' | 'ʣ' | 'ʦ') => "n",
        _ => "ɴ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kana_become_sounds() {
        for (kana, said) in [
            ("うみは", "ɯmʲiβa"),
            ("とうきょう", "toːkʲoː"),
            ("せんせい", "seɴseː"),
            ("がっこうへ", "ɡaʔkoːe"),
            ("しんぶん", "ɕimbɯɴ"),
            ("こんにちは", "koɲɲiʨiβa"),
            ("パーティー", "paːtʲiː"),
            ("ファン、", "ɸaɴ"),
            ("ウィキ", "βikʲi"),
            ("でんきを", "deŋkʲio"),
            ("はは", "haβa"),
            ("ABC", ""),
        ] {
            assert_eq!(symbols(kana), said, "{kana}");
        }
    }
}
