//! Cuts a text into the words that are timed: all of them in order make up the text again.

use icu_segmenter::WordSegmenter;
use icu_segmenter::options::WordBreakInvariantOptions;

use super::syllables;

/// A word as it stands in the text, with the signs that touch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    /// No space stands between it and the word before it.
    pub joins_previous: bool,
    pub syllables: u32,
}

impl Word {
    /// Whether the voice pauses and starts afresh after it.
    pub fn ends_sentence(&self) -> bool {
        let bare = self.text.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']', '」', '』', ' ']);
        bare.ends_with(['.', '!', '?', '…', ':', ';', '。', '！', '？', '؟', '۔', '।', '：', '；'])
    }
}

/// The words of a text; none if it has neither a letter nor a digit.
pub(super) fn split(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    // Signs before the first word wait for it.
    let mut leading = String::new();
    for token in text.split_whitespace() {
        for (place, piece) in pieces(token).into_iter().enumerate() {
            let joined = place > 0;
            match words.last_mut() {
                _ if is_spoken(piece) => {
                    let joins_previous = joined && !words.is_empty();
                    let syllables = syllables::count(piece);
                    words.push(Word {
                        text: std::mem::take(&mut leading) + piece,
                        joins_previous,
                        syllables,
                    });
                }
                Some(last) => {
                    last.text.extend((!joined).then_some(' '));
                    last.text.push_str(piece);
                }
                None => {
                    leading.push_str(piece);
                    leading.extend((!joined).then_some(' '));
                }
            }
        }
    }
    words
}

/// Scripts without spaces are cut where a reader would; every other token is one piece.
fn pieces(token: &str) -> Vec<&str> {
    if !token.chars().any(is_unspaced) {
        return vec![token];
    }
    let segmenter = WordSegmenter::new_auto(WordBreakInvariantOptions::default());
    let ends: Vec<usize> = segmenter.segment_str(token).collect();
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    for pair in ends.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        match pieces.last_mut() {
            // Signs stay with what they touch.
            Some(last) if !is_spoken(&token[last.0..last.1]) || !is_spoken(&token[from..to]) => last.1 = to,
            _ => pieces.push((from, to)),
        }
    }
    pieces.into_iter().map(|(from, to)| &token[from..to]).collect()
}

fn is_spoken(piece: &str) -> bool {
    piece.chars().any(char::is_alphanumeric)
}

/// Letters of scripts that are written without spaces.
fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' | '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_end_with_their_signs() {
        let ends: Vec<bool> =
            split("He said: \"Go (now)!\" And she went").iter().map(Word::ends_sentence).collect();
        assert_eq!(ends, [false, true, false, true, false, false, false]);
    }

    proptest! {
        #[test]
        fn the_words_make_up_the_text(text in "[a-zé ,.!?–\"“”0-9海深いのไทย]{0,60}") {
            let mut joined = String::new();
            for word in split(&text) {
                if !word.joins_previous && !joined.is_empty() {
                    joined.push(' ');
                }
                joined.push_str(&word.text);
            }
            let expected = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if joined.is_empty() {
                prop_assert!(!text.chars().any(char::is_alphanumeric));
            } else {
                prop_assert_eq!(joined, expected);
            }
        }
    }
}
