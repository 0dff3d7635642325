//! Cuts a text into the words that are timed. The words in order make up the text again: punctuation stays
//! with its word, and a sign standing alone goes with the word before it.

use icu_segmenter::{WordSegmenter, options::WordBreakInvariantOptions};

/// A piece of the text that is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As it stands in the text, with its punctuation.
    pub text: String,
    /// No space stands between it and the word before it.
    pub joins_previous: bool,
}

/// The words of `text`; empty if it holds no letter and no digit.
#[must_use]
pub fn split(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    // Signs before the first word (an opening dash, a bullet) wait for it.
    let mut leading = String::new();
    for token in text.split_whitespace() {
        for (index, piece) in pieces(token).into_iter().enumerate() {
            let joined = index > 0;
            if is_spoken(&piece) {
                let text = std::mem::take(&mut leading) + &piece;
                words.push(Word { text, joins_previous: joined && !words.is_empty() });
            } else if let Some(last) = words.last_mut() {
                if !joined {
                    last.text.push(' ');
                }
                last.text.push_str(&piece);
            } else {
                leading.push_str(&piece);
                if !joined {
                    leading.push(' ');
                }
            }
        }
    }
    words
}

/// Whether a sentence ends with this word, so that the voice starts afresh after it.
#[must_use]
pub fn ends_sentence(word: &str) -> bool {
    let bare = word.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']', '」', '』', ' ']);
    bare.ends_with(['.', '!', '?', '…', ':', ';', '。', '！', '？', '؟', '۔', '।', '：', '；'])
}

fn is_spoken(piece: &str) -> bool {
    piece.chars().any(char::is_alphanumeric)
}

/// Scripts that put no space between words are cut where a reader would; every other token is one piece.
fn pieces(token: &str) -> Vec<String> {
    if !token.chars().any(is_unspaced) {
        return vec![token.to_owned()];
    }
    let segmenter = WordSegmenter::new_auto(WordBreakInvariantOptions::default());
    let ends: Vec<usize> = segmenter.segment_str(token).collect();
    let mut pieces: Vec<String> = Vec::new();
    for pair in ends.windows(2) {
        let piece = &token[pair[0]..pair[1]];
        match pieces.last_mut() {
            Some(last) if !is_spoken(last) || !is_spoken(piece) || (is_ending(piece) && !is_closed(last)) => {
                last.push_str(piece);
            }
            _ => pieces.push(piece.to_owned()),
        }
    }
    pieces
}

/// Letters of scripts that are written without spaces.
fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' | '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

/// Japanese endings of one or two kana belong to the word before them, on screen as in speech.
fn is_ending(piece: &str) -> bool {
    piece.chars().count() <= 2 && piece.chars().all(|letter| ('\u{3041}'..='\u{309f}').contains(&letter))
}

/// A particle has closed the word.
fn is_closed(word: &str) -> bool {
    word.ends_with(['は', 'が', 'を', 'に', 'の', 'と', 'も', 'へ', 'で', '。', '、'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<String> {
        split(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn punctuation_stays_with_its_word() {
        assert_eq!(texts("“Hello,” – she said: 3.5% off!"), ["“Hello,” –", "she", "said:", "3.5%", "off!"]);
        assert_eq!(texts("• one"), ["• one"]);
        assert_eq!(texts("ship-to-shore"), ["ship-to-shore"]);
    }

    #[test]
    fn a_text_without_letters_has_no_words() {
        assert!(texts(" … !? \n 🎉").is_empty());
    }

    #[test]
    fn japanese_is_cut_where_a_reader_would_and_knows_that_no_space_was_there() {
        let words = split("深海はとても暗い。光は届きません。");
        assert!(words.len() >= 5, "{words:?}");
        assert!(words[1..].iter().all(|word| word.joins_previous), "{words:?}");
        assert_eq!(
            words.iter().map(|word| word.text.as_str()).collect::<String>(),
            "深海はとても暗い。光は届きません。"
        );
    }

    #[test]
    fn thai_is_cut_although_it_has_no_spaces() {
        assert!(texts("มหาสมุทรลึกมืดมาก").len() > 1);
    }

    proptest! {
        #[test]
        fn the_words_make_up_the_text(text in "[a-zé ,.!?–\"“”0-9海深いのไทย]{0,60}") {
            let words = split(&text);
            let mut joined = String::new();
            for word in &words {
                if !word.joins_previous && !joined.is_empty() {
                    joined.push(' ');
                }
                joined.push_str(&word.text);
            }
            let expected = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if words.is_empty() {
                prop_assert!(!text.chars().any(char::is_alphanumeric));
            } else {
                prop_assert_eq!(joined, expected);
            }
        }
    }
}
