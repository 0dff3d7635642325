//! Text as voices, captions and services can use it. Whatever enters from outside goes through here: the spec on its way
//! to a step, a script on its way to the storyboard.
//!
//! Ordinary text stays as it is, to the letter, line ends and tabs too: digests are made from it.

mod directions;
mod markup;

pub use directions::of_a_model;
pub use markup::of_a_person;

use serde_json::Value;

/// What stands in the place of C1 controls in text that was taken for Latin-1 and was Windows-1252.
const WINDOWS_1252: [(char, char); 15] = [
    ('\u{80}', '€'),
    ('\u{8a}', 'Š'),
    ('\u{8c}', 'Œ'),
    ('\u{8e}', 'Ž'),
    ('\u{91}', '‘'),
    ('\u{92}', '’'),
    ('\u{93}', '“'),
    ('\u{94}', '”'),
    ('\u{95}', '•'),
    ('\u{96}', '–'),
    ('\u{97}', '—'),
    ('\u{99}', '™'),
    ('\u{9a}', 'š'),
    ('\u{9c}', 'œ'),
    ('\u{9e}', 'ž'),
];

/// The text without characters that are none: controls, directional overrides (whose end is lost where captions are cut),
/// byte order marks, noncharacters. Tabs and line ends stay.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\t' | '\n' | '\r' => out.push(c),
            // Language models write "caf\u0000e9" for "café".
            '\0' | '\u{1}' => {
                if let Some((meant, digits)) = misspelt(c, rest.as_str()) {
                    out.push(meant);
                    rest = rest.as_str()[digits..].chars();
                }
            }
            '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push(' '),
            '\u{80}'..='\u{9f}' => {
                out.extend(WINDOWS_1252.iter().find(|(control, _)| *control == c).map(|(_, meant)| meant));
            }
            c if c.is_control() || is_no_text(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// The same in one line: tabs, line ends and runs of spaces become a space.
#[must_use]
pub fn line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most so many characters of the text; the last of one that was cut shows it.
#[must_use]
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Every text within a value, cleaned; names of fields stay.
#[must_use]
pub fn clean_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(clean_value).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, field)| (name, clean_value(field))).collect())
        }
        other => other,
    }
}

/// A letter whose escape was written with zeros in front: the letter, and how many digits it took.
fn misspelt(control: char, rest: &str) -> Option<(char, usize)> {
    let digits = if control == '\0' { 2 } else { 4 };
    let code = u32::from_str_radix(rest.get(..digits)?, 16).ok()? + u32::from(control) * 0x1_0000;
    let meant = char::from_u32(code)?;
    // A Latin letter or a picture: anything else was not meant.
    let likely = if control == '\0' {
        meant.is_alphabetic() && code >= 0xc0
    } else {
        (0x1_f300..0x1_fb00).contains(&code)
    };
    likely.then_some((meant, digits))
}

fn is_no_text(c: char) -> bool {
    let overrides = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let marks = matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    let none = matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    overrides || marks || none
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_text_goes_and_what_was_meant_is_in_its_place() {
        for (given, expected) in [
            ("Das Caf\0e9 ist offen.", "Das Café ist offen."),
            ("\u{1}f600 hello", "😀 hello"),
            ("nul\0 in\0side", "nul inside"),
            ("bell\u{7}, escape\u{1b}[0m, delete\u{7f}", "bell, escape[0m, delete"),
            ("slide:\u{b} one,\u{c}two", "slide:  one, two"),
            ("it\u{92}s \u{93}quoted\u{94} \u{96} yes\u{85}no\u{81}", "it’s “quoted” – yes no"),
            ("line\u{2028}paragraph\u{2029}end", "line paragraph end"),
            ("\u{feff}marked", "marked"),
            ("evil\u{202e}txt.exe\u{202c} \u{2066}isolated\u{2069}", "eviltxt.exe isolated"),
            ("non\u{fffe}char\u{1ffff}acters\u{fdd0}", "noncharacters"),
        ] {
            assert_eq!(clean(given), expected, "{given:?}");
        }
    }

    #[test]
    fn ordinary_text_stays_to_the_letter() {
        for text in [
            "3 * 4 = 12, snake_case, #1 at 10:30",
            "Zeile\nzwei\tund drei\r\n",
            "深海は暗くて冷たい。",
            "שלום\u{200f}!",
            "می\u{200c}خواهم",
            "👩\u{200d}👩\u{200d}👧 🏴\u{e0067}\u{e0062}\u{e007f}",
            "ภาษาไทย\u{200b}ไม่เว้นวรรค",
            "co\u{ad}operate",
            "l’été",
            "naïve \u{301}",
            "\u{61c}عربي",
            "…",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn a_line_has_no_line_ends() {
        assert_eq!(line(" Mountains <Part 1>\nand\t\tmore\u{2028} "), "Mountains <Part 1> and more");
    }

    #[test]
    fn every_text_of_a_value_is_cleaned() {
        let value = json!({"a": ["x\u{7}", {"b": "y\0"}], "c": 1, "d": null});
        assert_eq!(clean_value(value), json!({"a": ["x", {"b": "y"}], "c": 1, "d": null}));
    }

    proptest! {
        #[test]
        fn cleaned_text_is_clean(text: String) {
            let once = clean(&text);
            prop_assert!(once.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')));
            prop_assert_eq!(clean(&once), once.clone());
            prop_assert!(!line(&text).contains(['\n', '\t', '\r']));
        }
    }
}
