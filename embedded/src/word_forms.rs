//! Whether a word of a text is one of a list, in whatever form: in the plural, in another case, with an article grown onto it.
//!
//! No dictionary: each language changes the ends of its words in a few ways, and where more of a word changes, a list names
//! both. What is taken for a form of another word costs nothing but a picture that shows something else.

/// A language, or several whose words end alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
    French,
    /// Spanish and Portuguese.
    Iberian,
    Italian,
    Russian,
    Arabic,
    Hindi,
    /// Its words change nothing, and no spaces stand between them.
    Japanese,
    /// Whichever: the word as it stands, of which another form is a word of another language.
    Exact,
}

/// A word of so many letters is a stem that may continue in any way: shorter ones begin too many other words.
const LONG: usize = 5;

const GERMAN: [&str; 9] = ["", "e", "em", "en", "er", "ern", "es", "n", "s"];
const FRENCH: [&str; 3] = ["", "s", "x"];
const RUSSIAN: [&str; 41] = [
    "", "а", "я", "о", "е", "и", "ы", "у", "ю", "ь", "ой", "ей", "ою", "ом", "ем", "ам", "ям", "ах", "ях",
    "ов", "ев", "ами", "ями", "ью", "ый", "ий", "ая", "яя", "ое", "ее", "ые", "ие", "ого", "его", "ому",
    "ему", "ым", "им", "ых", "их", "ую",
];
/// What Arabic writes together with the word after it: the article, "and", "with", "to", "as".
const PROCLITICS: [&str; 15] =
    ["", "ال", "و", "وال", "ب", "بال", "وب", "ل", "لل", "ولل", "ف", "فال", "ك", "كال", "وبال"];

/// A text as it is compared: small letters, without accents and other signs that are often left out.
pub(super) fn folded(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            'à'..='å' => plain.push('a'),
            'ç' => plain.push('c'),
            'è'..='ë' => plain.push('e'),
            'ì'..='ï' => plain.push('i'),
            'ñ' => plain.push('n'),
            'ò'..='ö' => plain.push('o'),
            'ù'..='ü' => plain.push('u'),
            'ß' => plain.push_str("ss"),
            'œ' => plain.push_str("oe"),
            'ё' => plain.push('е'),
            'أ' | 'إ' | 'آ' => plain.push('ا'),
            // Candrabindu and anusvara, letters with a dot below.
            'ँ' => plain.push('ं'),
            '\u{095c}' => plain.push('ड'),
            '\u{095d}' => plain.push('ढ'),
            // Accents by themselves, that dot, Arabic vowels and the line that stretches words.
            '\u{0300}'..='\u{036f}' | '\u{093c}' | '\u{064b}'..='\u{0652}' | '\u{0640}' => {}
            other => plain.push(other),
        }
    }
    plain
}

/// The words of a text that are forms of a word, or phrases that end in one. Both are [`folded`].
pub(super) fn forms<'t>(text: &'t str, word: &str, language: Language) -> Vec<&'t str> {
    if language == Language::Japanese {
        return text.matches(word).collect();
    }
    let mut found = Vec::new();
    for (stem, is_end) in patterns(word, language) {
        for (at, _) in text.match_indices(stem) {
            let before = letters_before(&text[..at]);
            let begins = before.is_empty() || language == Language::Arabic && PROCLITICS.contains(&before);
            let after = letters_after(&text[at + stem.len()..]);
            if begins && is_end(after) {
                found.push(&text[at - before.len()..at + stem.len() + after.len()]);
            }
        }
    }
    found
}

/// A stem, and what may follow it to the end of the word.
type Pattern<'w> = (&'w str, fn(&str) -> bool);

fn patterns(word: &str, language: Language) -> Vec<Pattern<'_>> {
    let is_long = word.chars().count() >= LONG;
    let ends: fn(&str) -> bool = match language {
        _ if is_long && !matches!(language, Language::Arabic | Language::Exact) => |_| true,
        // Compounds, too: seashore, snowstorm.
        Language::English => |rest| rest.is_empty() || rest.starts_with('s'),
        Language::German => |rest| GERMAN.contains(&rest),
        Language::French => |rest| FRENCH.contains(&rest),
        Language::Iberian if word.ends_with(['a', 'e', 'i', 'o', 'u']) => |rest| ["", "s"].contains(&rest),
        Language::Iberian => |rest| ["", "es"].contains(&rest),
        Language::Italian | Language::Japanese | Language::Exact => str::is_empty,
        Language::Russian => |rest| RUSSIAN.contains(&rest),
        Language::Arabic => |rest| rest.chars().count() <= 3,
        Language::Hindi => |_| true,
    };
    let mut patterns = vec![(word, ends)];
    let mut changed = |end: &str, ends: fn(&str) -> bool| {
        patterns.extend(word.strip_suffix(end).filter(|stem| stem.len() > 2).map(|stem| (stem, ends)));
    };
    match language {
        Language::English if word.ends_with(['x', 'z', 'h', 's']) => changed("", |rest| rest == "es"),
        Language::French => changed("al", |rest| rest == "aux"),
        Language::Iberian => {
            changed("o", |rest| ["a", "as"].contains(&rest));
            changed("ao", |rest| ["oes", "aes", "aos"].contains(&rest));
        }
        Language::Italian => {
            for vowel in ["a", "e", "o"] {
                changed(vowel, |rest| ["a", "e", "i", "o", "he", "hi"].contains(&rest));
            }
            changed("ia", |rest| rest == "e");
        }
        _ => {}
    }
    patterns
}

/// The part of a word that stands at the end of a text.
fn letters_before(text: &str) -> &str {
    let end = text.char_indices().rev().find(|(_, letter)| !is_letter(*letter));
    &text[end.map_or(0, |(at, letter)| at + letter.len_utf8())..]
}

/// The part of a word that a text begins with.
fn letters_after(text: &str) -> &str {
    &text[..text.find(|letter| !is_letter(letter)).unwrap_or(text.len())]
}

/// Letters, and the signs that belong to them in Hindi.
fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '\u{0900}'..='\u{0963}')
}

#[cfg(test)]
mod tests {
    use super::Language::{
        Arabic, English, Exact, French, German, Hindi, Iberian, Italian, Japanese, Russian,
    };
    use super::*;

    fn holds(text: &str, word: &str, language: Language) -> bool {
        !forms(&folded(text), &folded(word), language).is_empty()
    }

    #[test]
    fn a_word_is_found_in_its_other_forms() {
        for (language, word, texts) in [
            (English, "fox", "a fox|the foxes|FOX'S den"),
            (English, "snow", "snows|a snowstorm"),
            (German, "berg", "Berg|die Berge|in den Bergen|des Berges"),
            (German, "wald", "Wald|Wälder|in den Wäldern|des Waldes"),
            (German, "baum", "Bäume|unter Bäumen"),
            (German, "garten", "Gärten"),
            (French, "animal", "les animaux"),
            (French, "île", "des îles|une ile"),
            (Iberian, "flor", "las flores"),
            (Iberian, "gato", "gatos|una gata|gatas"),
            (Iberian, "vulcão", "vulcões"),
            (Italian, "isola", "le isole"),
            (Italian, "spiaggia", "spiagge"),
            (Italian, "gatto", "i gatti|due gatte"),
            (Russian, "лес", "в лесу|леса|лесами"),
            (Russian, "звезд", "Звёзды|звездой"),
            (Arabic, "قط", "القطط|وقطة|بالقط"),
            (Arabic, "شجر", "الشجرة"),
            (Hindi, "पहाड़", "पहाड़ों में"),
            (Japanese, "山", "高い山々"),
            (Exact, "mond", "Der Mond"),
            (Exact, "monden", "Unter den Monden"),
        ] {
            for text in texts.split('|') {
                assert!(holds(text, word, language), "{text:?} holds {word:?}");
            }
        }
    }

    #[test]
    fn another_word_that_begins_or_ends_alike_is_none_of_its_forms() {
        for (language, word, texts) in [
            (English, "car", "caravan|care|scar"),
            (English, "ox", "box|oxygen"),
            (German, "hund", "hundert|hunderte"),
            (French, "mer", "la mère|merci"),
            (Iberian, "gato", "gate|gates"),
            (Italian, "cane", "can"),
            (Russian, "лес", "лестница"),
            (Russian, "гор", "город|города"),
            (Arabic, "قط", "نقطة"),
            (Hindi, "वन", "जीवन"),
            (Exact, "mond", "le monde|les mondes"),
            (Exact, "monden", "mondene"),
        ] {
            for text in texts.split('|') {
                assert!(!holds(text, word, language), "{text:?} does not hold {word:?}");
            }
        }
    }

    #[test]
    fn a_phrase_is_found_whole_and_its_last_word_in_other_forms() {
        let text = folded("Of Black Holes, and holes that are black");
        assert_eq!(forms(&text, "black hole", Language::English), ["black holes"]);
    }
}
