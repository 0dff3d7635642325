//! Signs that are shown and not spoken.

use unicode_script::{Script, UnicodeScript};

use super::fonts::Fonts;

/// Emoji and other signs that no font has are not spoken, so the film does without them; `notes` says so.
pub(super) fn without_pictographs(fonts: &Fonts, text: &str, what: &str, notes: &mut Vec<String>) -> String {
    let sign = |c: char| {
        !c.is_alphanumeric()
            && !c.is_ascii()
            && !c.is_whitespace()
            && !c.is_control()
            && matches!(c.script(), Script::Common | Script::Inherited)
    };
    let joins =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}');
    let missing: Vec<char> = text.chars().filter(|c| sign(*c) && !joins(*c) && !fonts.any_has(*c)).collect();
    if missing.is_empty() {
        return text.to_owned();
    }
    let list = missing.iter().map(|c| format!("U+{:04X}", u32::from(*c))).collect::<Vec<_>>().join(", ");
    notes.push(format!("left {list} out of {what}: no installed font has it"));
    text.chars().filter(|c| !missing.contains(c)).collect()
}
