//! What is searched for: the few words of a scene's prompt that say what is seen. Libraries find nothing for sentences.

/// Most words of a search.
const MAX_WORDS: usize = 4;
/// Of so many words, the second search has the first.
const FEWER_WORDS: usize = 2;
/// Words that say how something is shown, or nothing at all.
const LEFT_OUT: [&str; 84] = [
    "a",
    "an",
    "the",
    "and",
    "or",
    "of",
    "in",
    "on",
    "at",
    "to",
    "from",
    "with",
    "without",
    "by",
    "for",
    "as",
    "is",
    "are",
    "be",
    "its",
    "it",
    "their",
    "his",
    "her",
    "this",
    "that",
    "into",
    "over",
    "under",
    "above",
    "below",
    "through",
    "across",
    "around",
    "behind",
    "between",
    "near",
    "very",
    "while",
    "where",
    "one",
    "some",
    "other",
    "shot",
    "view",
    "close",
    "closeup",
    "close-up",
    "wide",
    "macro",
    "aerial",
    "angle",
    "camera",
    "frame",
    "framing",
    "scene",
    "image",
    "picture",
    "photo",
    "still",
    "footage",
    "cinematic",
    "dramatic",
    "soft",
    "light",
    "lighting",
    "volumetric",
    "golden",
    "hour",
    "detailed",
    "realistic",
    "style",
    "background",
    "foreground",
    "slow",
    "slowly",
    "pan",
    "zoom",
    "zooms",
    "drifts",
    "moves",
    "gently",
    "softly",
    "beautiful",
];

/// The words of a prompt to be searched for, the first ones first.
pub(super) fn words(prompt: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let all = prompt.split(|letter: char| !letter.is_alphanumeric() && letter != '-' && letter != '\'');
    for word in all {
        let word = word.trim_matches(['-', '\'']).to_lowercase();
        if word.chars().count() > 1 && !LEFT_OUT.contains(&word.as_str()) && !words.contains(&word) {
            words.push(word);
        }
        if words.len() == MAX_WORDS {
            break;
        }
    }
    words
}

/// The words of each search in turn.
pub(super) fn narrowing(words: &[String]) -> impl Iterator<Item = &[String]> {
    let fewer = words.get(..FEWER_WORDS).filter(|fewer| fewer.len() < words.len());
    std::iter::once(words).chain(fewer)
}
