//! Text normalisation: numbers, dates, times, sums of money, units and abbreviations as the words in which they are
//! read out, in English and German. Every written word keeps a reading of its own, which is never empty, so that what
//! is heard can be laid beside what is written. Other languages are left to the engine.

mod english;
mod german;
mod number;
mod token;

use self::token::{Reading, Token};

/// How a language reads.
struct Language {
    /// The reading of one of the words, if it is another than the word itself.
    read: fn(&[Token], usize) -> Option<Reading>,
    /// Signs between words that have a name.
    signs: &'static [(char, &'static str)],
}

/// How each of `words` is said in the language of a BCP-47 tag.
pub(super) fn readings(words: &[String], language: &str) -> Vec<String> {
    let Some(language) = find(&language.to_ascii_lowercase()) else {
        return words.to_vec();
    };
    let tokens: Vec<Token> = words.iter().map(|word| Token::of(word)).collect();
    let reading = |(at, token): (usize, &Token)| {
        let reading = (language.read)(&tokens, at).unwrap_or_else(|| token.core.clone().into());
        token.around(&reading, language.signs)
    };
    tokens.iter().enumerate().map(reading).collect()
}

fn find(tag: &str) -> Option<Language> {
    let is = |primary: &str| tag == primary || tag.starts_with(&format!("{primary}-"));
    if is("en-gb") {
        Some(Language { read: english::read_british, signs: english::SIGNS })
    } else if is("en") {
        Some(Language { read: english::read_american, signs: english::SIGNS })
    } else if is("de") {
        Some(Language { read: german::read, signs: german::SIGNS })
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
