//! How long a text takes to say, by language: what writers aim at, and what their scripts are judged by. Measured on the
//! embedded voices at normal speed, the neural ones where they speak the language; real voices are near it.

use crate::language;

/// The time at a sentence's end, in seconds.
const SENTENCE_PAUSE: f64 = 0.42;
/// The time at a comma, in seconds.
const COMMA_PAUSE: f64 = 0.15;
/// What a scene lasts beyond its voice, in seconds.
pub const SCENE_PAUSE: f64 = 0.55;

/// Seconds that a voice spends on a letter, by primary BCP-47 subtag.
const LETTER_SECONDS: [(&str, f64); 10] = [
    ("en", 0.063),
    ("de", 0.069),
    ("fr", 0.056),
    ("es", 0.066),
    ("it", 0.065),
    ("pt", 0.065),
    ("ru", 0.068),
    ("ja", 0.119),
    ("hi", 0.09),
    ("ar", 0.115),
];

/// The pace of a language.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    letter_seconds: f64,
}

impl Pace {
    /// The pace of a language with this BCP-47 tag; `None` where it was not measured.
    #[must_use]
    pub fn of(language: &str) -> Option<Self> {
        let primary = language::primary(language);
        let known = LETTER_SECONDS.iter().find(|(name, _)| *name == primary)?;
        Some(Self { letter_seconds: known.1 })
    }

    /// Seconds that this text takes.
    #[must_use]
    pub fn seconds(self, text: &str) -> f64 {
        let letter_seconds = self.letter_seconds;
        let mut total = 0.0;
        for letter in text.chars() {
            total += match letter {
                '.' | '!' | '?' | '…' | '。' | '！' | '？' | '؟' | '।' | ':' | '：' => {
                    SENTENCE_PAUSE
                }
                ',' | ';' | '、' | '،' | '–' | '—' => COMMA_PAUSE,
                // Vowel signs of Indic scripts count as letters; so do digits, several times over.
                '\u{0900}'..='\u{0963}' => letter_seconds,
                _ if letter.is_numeric() => 4.0 * letter_seconds,
                '\u{4e00}'..='\u{9fff}' => 1.8 * letter_seconds,
                _ if letter.is_alphabetic() => letter_seconds,
                _ => 0.0,
            };
        }
        total
    }

    /// Seconds that a film of these narrations lasts, a scene each.
    pub fn film_seconds<'a>(self, narrations: impl Iterator<Item = &'a str>) -> f64 {
        narrations.map(|narration| self.seconds(narration) + SCENE_PAUSE).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_that_was_timed_is_estimated_within_a_tenth() {
        let text = "Today we talk about something that everybody knows and hardly anybody understands. Most people \
            walk past it every single day. And yet it hides an astonishing story. Stay with me, the best comes at \
            the end.";
        let estimate = Pace::of("en-GB").unwrap().seconds(text);
        for (voice, seconds) in [("af_heart", 12.20), ("slt", 12.94)] {
            assert!((estimate / seconds - 1.0).abs() < 0.1, "{estimate} s by {voice}");
        }
    }

    #[test]
    fn a_language_that_was_not_measured_has_no_pace() {
        assert_eq!(Pace::of("tlh"), None);
        assert!(Pace::of("PT_br").is_some());
    }
}
