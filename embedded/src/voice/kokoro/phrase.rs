//! A narration as the model takes it: sentences of symbols, each of which belongs to a word.

use std::ops::Range;

use videofactory_providers::words::ends_sentence;

use super::symbols::pause;

/// The most symbols of one run. A run's memory grows with its length, and so does its wait for a turn.
pub(super) const MAX: usize = 220;
/// The pause behind a sentence, in seconds at the natural pace …
const SENTENCE_PAUSE: f64 = 0.3;
/// … and behind a part of one that is too long to be spoken at once.
const PART_PAUSE: f64 = 0.1;
/// How a sentence ends that has no sign at its end.
const FULL_STOP: char = '.';

/// Words up to a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// Places in the list of words.
    pub(super) words: Range<usize>,
    /// The pause behind them, as a symbol.
    pub(super) pause: Option<char>,
    /// A sentence ends with it.
    pub(super) ends_sentence: bool,
}

/// A symbol and the word that it belongs to; spaces and pauses belong to none.
pub(super) type Symbol = (char, Option<usize>);

/// What the model speaks in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase {
    pub(super) symbols: Vec<Symbol>,
    /// A sentence ends with it, so that a longer pause follows.
    pub(super) ends_sentence: bool,
}

impl Phrase {
    /// Seconds of silence behind it, at the natural pace.
    pub(super) fn pause(&self) -> f64 {
        if self.ends_sentence { SENTENCE_PAUSE } else { PART_PAUSE }
    }
}

/// Cuts words, as they are said, where they make a pause.
pub(super) fn clauses(said: &[String]) -> Vec<Clause> {
    let mut clauses = Vec::new();
    let mut from = 0;
    for (at, word) in said.iter().enumerate() {
        let behind = word.rfind(char::is_alphanumeric).map_or(word.as_str(), |last| &word[last..]);
        let sign = behind.chars().filter_map(pause).next_back();
        if sign.is_some() || at + 1 == said.len() {
            let ends_sentence = ends_sentence(word) || at + 1 == said.len();
            let end = at + 1;
            clauses.push(Clause { words: from..end, pause: sign, ends_sentence });
            from = end;
        }
    }
    clauses
}

/// Joins the symbols of clauses to phrases: a sentence each, and a sentence that is too long cut between clauses, or else
/// between words.
pub(super) fn phrases(clauses: &[Clause], symbols: &[Vec<Symbol>], most: usize) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    let mut open: Vec<Symbol> = Vec::new();
    for (clause, symbols) in clauses.iter().zip(symbols) {
        let mut whole = symbols.clone();
        let sign = clause.pause.or_else(|| clause.ends_sentence.then_some(FULL_STOP));
        whole.extend(sign.map(|sign| (sign, None)));
        if !open.is_empty() && open.len() + 1 + whole.len() > most {
            phrases.push(Phrase { symbols: std::mem::take(&mut open), ends_sentence: false });
        }
        while whole.len() > most {
            let cut = last_space(&whole[..=most]).unwrap_or(most);
            let rest = whole.split_off(cut);
            phrases.push(Phrase { symbols: whole, ends_sentence: false });
            whole = rest.into_iter().skip_while(|(symbol, _)| *symbol == ' ').collect();
        }
        if !open.is_empty() {
            open.push((' ', None));
        }
        open.extend(whole);
        if clause.ends_sentence && !open.is_empty() {
            phrases.push(Phrase { symbols: std::mem::take(&mut open), ends_sentence: true });
        }
    }
    phrases.extend((!open.is_empty()).then_some(Phrase { symbols: open, ends_sentence: true }));
    phrases.retain(|phrase| phrase.symbols.iter().any(|(_, word)| word.is_some()));
    phrases
}

fn last_space(symbols: &[Symbol]) -> Option<usize> {
    symbols.iter().rposition(|(symbol, _)| *symbol == ' ').filter(|at| *at > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    /// Each word's own letters as its symbols.
    fn spelt(said: &[String], clauses: &[Clause]) -> Vec<Vec<Symbol>> {
        let spell = |clause: &Clause| {
            let mut symbols: Vec<Symbol> = Vec::new();
            for word in clause.words.clone() {
                if !symbols.is_empty() {
                    symbols.push((' ', None));
                }
                symbols.extend(
                    said[word].chars().filter(|sign| sign.is_alphanumeric()).map(|sign| (sign, Some(word))),
                );
            }
            symbols
        };
        clauses.iter().map(spell).collect()
    }

    fn cut(text: &str, most: usize) -> Vec<(String, bool)> {
        let said = said(text);
        let clauses = clauses(&said);
        phrases(&clauses, &spelt(&said, &clauses), most)
            .into_iter()
            .map(|phrase| (phrase.symbols.iter().map(|(symbol, _)| symbol).collect(), phrase.ends_sentence))
            .collect()
    }

    #[test]
    fn a_sentence_is_a_phrase_with_its_pauses() {
        let phrases = cut("It is deep, dark and cold! “Really?” he said", 200);
        let expected = [("It is deep, dark and cold!", true), ("Really?", true), ("he said.", true)];
        assert_eq!(phrases, expected.map(|(phrase, ends)| (phrase.to_owned(), ends)));
    }

    #[test]
    fn a_long_sentence_is_cut_between_clauses_and_else_between_words() {
        let expected = [("one two,", false), ("three", false), ("four.", true)];
        assert_eq!(cut("one two, three four.", 10), expected.map(|(phrase, ends)| (phrase.to_owned(), ends)));
        for (phrase, _) in cut("word ".repeat(200).trim(), 50) {
            assert!(phrase.len() <= 50, "{phrase}");
            assert!(phrase.split(' ').all(|word| word.trim_end_matches('.') == "word"), "{phrase}");
        }
    }

    #[test]
    fn a_word_without_a_space_is_cut_when_it_must_be() {
        let phrases = cut(&"a".repeat(25), 10);
        assert_eq!(phrases.iter().map(|(phrase, _)| phrase.len()).collect::<Vec<_>>(), [10, 10, 6]);
    }
}
