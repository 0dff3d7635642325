//! How long a word takes to say, in syllables: roughly, for any script.

/// At least 1.
pub(super) fn count(word: &str) -> u32 {
    let mut count = 0;
    let mut in_vowels = false;
    let mut thirds = 0;
    for letter in word.chars().flat_map(char::to_lowercase) {
        let vowel = is_vowel(letter);
        match letter {
            // Digits are words of their own.
            _ if letter.is_numeric() => count += 2,
            // A sign a syllable; most Chinese characters in Japanese have two.
            '\u{3041}'..='\u{30ff}' | '\u{ac00}'..='\u{d7af}' => count += u32::from(!is_small_kana(letter)),
            '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => count += 2,
            _ if vowel => count += u32::from(!in_vowels),
            // Scripts that leave vowels unwritten, or write them around consonants.
            _ if letter.is_alphabetic() && !is_voweled(letter) => thirds += 1,
            _ => {}
        }
        in_vowels = vowel;
    }
    (count + thirds / 2).max(1)
}

fn is_vowel(letter: char) -> bool {
    const VOWELS: &str = "aeiouyäöüáàâãåæéèêëíìîïóòôõøœúùûůýÿąęěőűıāēīōūăîșțаеёиоуыэюяіїєαεηιουωάέήίόύώ";
    VOWELS.contains(letter)
}

/// Scripts whose vowels are letters: Latin, Greek, Cyrillic and their extensions.
fn is_voweled(letter: char) -> bool {
    matches!(letter, 'a'..='z' | '\u{00c0}'..='\u{052f}' | '\u{1e00}'..='\u{1fff}')
}

fn is_small_kana(letter: char) -> bool {
    matches!(
        letter,
        'ぁ' | 'ぃ'
            | 'ぅ'
            | 'ぇ'
            | 'ぉ'
            | 'ゃ'
            | 'ゅ'
            | 'ょ'
            | 'っ'
            | 'ァ'
            | 'ィ'
            | 'ゥ'
            | 'ェ'
            | 'ォ'
            | 'ャ'
            | 'ュ'
            | 'ョ'
            | 'ッ'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_scripts_have_about_as_many_syllables_as_people_hear() {
        for (word, syllables) in [
            ("sea", 1),
            ("ocean", 2),
            ("Tiefsee", 2),
            ("1960", 8),
            ("море", 2),
            ("θάλασσα", 3),
            ("さかな", 3),
            ("深海", 4),
            ("바다", 2),
            ("بحر", 1),
            ("…", 1),
        ] {
            assert_eq!(count(word), syllables, "{word}");
        }
    }
}
