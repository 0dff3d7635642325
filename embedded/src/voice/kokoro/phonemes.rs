//! Phonemes by espeak-ng, clause by clause, because a word sounds as its neighbours want it to. Which word each of them
//! belongs to is found by having every word pronounced alone and laying the two rows of phonemes side by side.

use videofactory_providers::error::ProviderError;

use super::phrase::{Clause, Symbol};
use super::symbols::{TIE, is_sound, of_ipa};
use super::voices::Accent;
use crate::voice::engine::run;
use crate::voice::espeak::ESPEAK;
use crate::voice::phones;

/// The symbols of each clause.
pub(super) async fn of_clauses(
    clauses: &[Clause],
    said: &[String],
    accent: Accent,
) -> Result<Vec<Vec<Symbol>>, ProviderError> {
    let bare: Vec<String> = said.iter().map(|word| bare(word)).collect();
    let lines: Vec<String> = clauses.iter().map(|clause| bare[clause.words.clone()].join(" ")).collect();
    let (whole, alone) = tokio::try_join!(read(&lines, accent), read(&bare, accent))?;
    let owned = |(clause, symbols): (&Clause, &String)| {
        let words = &alone[clause.words.clone()];
        own(symbols, words, clause.words.start)
    };
    Ok(clauses.iter().zip(&whole).map(owned).collect())
}

/// Gives each symbol to the word that it belongs to.
fn own(symbols: &str, alone: &[String], first: usize) -> Vec<Symbol> {
    let name = |symbol: char| symbol.to_string();
    let expected: Vec<(usize, String)> = alone
        .iter()
        .enumerate()
        .flat_map(|(word, symbols)| {
            symbols.chars().filter(|symbol| is_sound(*symbol)).map(move |symbol| (word, name(symbol)))
        })
        .collect();
    let spoken: Vec<String> = symbols.chars().filter(|symbol| is_sound(*symbol)).map(name).collect();
    let mut words = vec![0; spoken.len()];
    for (expected_at, spoken_at) in phones::align(&expected, &spoken) {
        words[spoken_at] = expected[expected_at].0;
    }
    let mut sounds = words.into_iter().map(|word| first + word).peekable();
    let mut last = None;
    symbols
        .chars()
        .map(|symbol| {
            let word = match symbol {
                ' ' => None,
                _ if is_sound(symbol) => {
                    last = sounds.next();
                    last
                }
                // Stress stands before its vowel, length behind its sound.
                'ˈ' | 'ˌ' => sounds.peek().copied().or(last),
                _ => last,
            };
            (symbol, word)
        })
        .collect()
}

/// The symbols of each line: by one run, or by one a line if espeak-ng makes another number of lines of them.
async fn read(lines: &[String], accent: Accent) -> Result<Vec<String>, ProviderError> {
    let together = ipa(&(lines.join("\n") + "\n"), accent).await?;
    if together.len() == lines.len() {
        return Ok(together.iter().map(|line| of_ipa(line, accent)).collect());
    }
    let mut symbols = Vec::with_capacity(lines.len());
    for line in lines {
        symbols.push(of_ipa(&ipa(line, accent).await?.join(" "), accent));
    }
    Ok(symbols)
}

async fn ipa(text: &str, accent: Accent) -> Result<Vec<String>, ProviderError> {
    let tie = format!("--tie={TIE}");
    let arguments = ["-q", "--ipa", &tie, "-v", accent.espeak(), "--stdin"];
    let output = run(ESPEAK, &arguments, text.as_bytes()).await?;
    Ok(String::from_utf8_lossy(&output).lines().map(|line| line.trim().to_owned()).collect())
}

/// A word without the signs around and in it that make a pause: pauses are the clauses' own.
fn bare(word: &str) -> String {
    let signs: Vec<char> = word.chars().collect();
    let near = |at: Option<usize>| at.and_then(|at| signs.get(at)).is_some_and(char::is_ascii_digit);
    let keep = |at: usize, sign: char| match sign {
        '.' | ',' | ':' | '/' => near(at.checked_sub(1)) && near(Some(at + 1)),
        '\'' | '’' | '-' => at > 0 && signs.get(at + 1).is_some_and(|next| next.is_alphanumeric()),
        _ => sign.is_alphanumeric() || is_mark(sign) || matches!(sign, '%' | '°' | '€' | '$' | '£'),
    };
    let kept: String =
        signs.iter().enumerate().map(|(at, sign)| if keep(at, *sign) { *sign } else { ' ' }).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Signs that are part of the letter before them, as the vowels of Hindi.
fn is_mark(sign: char) -> bool {
    matches!(sign, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{903}' | '\u{93a}'..='\u{94f}' | '\u{951}'..='\u{957}'
        | '\u{200c}' | '\u{200d}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(symbols: &str, alone: &[&str]) -> Vec<String> {
        let alone: Vec<String> = alone.iter().map(|word| (*word).to_owned()).collect();
        let mut words = vec![String::new(); alone.len()];
        for (symbol, word) in own(symbols, &alone, 0) {
            if let Some(word) = word {
                words[word].push(symbol);
            }
        }
        words
    }

    #[test]
    fn words_that_are_spoken_as_one_keep_their_own_sounds() {
        assert_eq!(
            spans("ʌvðə ɡɹˈAt vˈYɪʤᵻz", &["ˈʌv", "ðˈə", "ɡɹˈAt", "vˈYɪʤᵻz"]),
            ["ʌv", "ðə", "ɡɹˈAt", "vˈYɪʤᵻz"]
        );
        assert_eq!(spans("ðɛɹwˌɜɹ nˈʌn", &["ðˈɛɹ", "wˈɜɹ", "nˈʌn"]), ["ðɛɹ", "wˌɜɹ", "nˈʌn"]);
    }

    #[test]
    fn a_number_of_several_words_is_one_word_of_the_text() {
        assert_eq!(spans("ɪn nˌIntˈin sˈɪksti", &["ˈɪn", "nˌIntˈin sˈɪksti"]), ["ɪn", "nˌIntˈinsˈɪksti"]);
    }

    #[test]
    fn signs_that_would_end_a_clause_are_left_out() {
        for (word, plain) in [
            ("“don’t!”", "don’t"),
            ("ship-to-shore", "ship-to-shore"),
            ("3.5%", "3.5%"),
            ("(so)", "so"),
            ("गहरा।", "गहरा"),
            ("U.S.", "U S"),
            ("3.", "3"),
        ] {
            assert_eq!(bare(word), plain);
        }
    }
}
