//! Which letters a voice can read.

use videofactory_providers::error::ProviderError;
use videofactory_providers::words::Word;

use super::engine::configuration;

/// Refuses what is mostly in other letters: a voice would spell them out by their names, or be silent.
pub(super) fn require_latin(words: &[Word], voice: &str) -> Result<(), ProviderError> {
    let letters = || words.iter().flat_map(|word| word.text.chars()).filter(|letter| letter.is_alphabetic());
    let foreign = letters().filter(|letter| !is_latin(*letter)).count();
    if foreign * 2 <= letters().count() {
        return Ok(());
    }
    let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    Err(configuration(format!(
        "the voice {voice} reads Latin letters only, and most letters of \"{}\" are not Latin; set `language` to the narration's own, or name an account that narrates",
        text.join(" ")
    )))
}

fn is_latin(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || matches!(letter, '\u{aa}' | '\u{ba}' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}'
            | '\u{fb00}'..='\u{fb06}' | '\u{ff21}'..='\u{ff5a}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narration_in_other_letters_is_refused_with_what_to_set() {
        let words = |text: &str| videofactory_providers::words::split(text);
        for text in ["Hello, dear Москва!", "Ünïcödé über", "3.5 % in 2026", "The word 深海 means deep sea."]
        {
            assert!(require_latin(&words(text), "slt").is_ok(), "{text}");
        }
        for text in ["深海はとても暗い。", "Глубокий океан, NASA", "समुद्र"]
        {
            let error = require_latin(&words(text), "slt").unwrap_err();
            assert!(matches!(error, ProviderError::Configuration { .. }), "{error:?}");
            assert!(error.to_string().contains("set `language`"), "{error}");
        }
    }
}
