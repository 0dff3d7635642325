//! Reads what it can from the words of a topic: its title, how to speak of it, how many things it promises.

use videofactory_providers::MAX_TITLE_CHARACTERS;

/// The longest topic that is spoken whole, in characters.
const SPOKEN: usize = 120;
const NUMBERS: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
const STOP_WORDS: &[&str] = &[
    "about",
    "with",
    "that",
    "this",
    "from",
    "what",
    "when",
    "where",
    "which",
    "your",
    "have",
    "does",
    "facts",
    "surprising",
    "things",
    "über",
    "sobre",
    "dans",
    "pour",
    "della",
    "eine",
    "einen",
    "nicht",
];

/// A topic, understood as far as its form goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    /// For people to read, at most 100 characters.
    pub title: String,
    /// For a sentence to hold: no full stop, the first letter small where it is only a sentence's capital.
    pub spoken: String,
    /// It asks something and ends with a question mark.
    pub is_question: bool,
    /// How many items it promises ("Three facts about …").
    pub promised: Option<usize>,
    /// Search words.
    pub tags: Vec<String>,
}

/// Understands a topic; `english` allows to look at its words.
pub(super) fn read(topic: &str, english: bool) -> Topic {
    let whole = topic.split_whitespace().collect::<Vec<_>>().join(" ");
    let trimmed = whole.trim_end_matches(['.', '。', '।', '!', ' ', ',', ':', ';']).replace('"', "'");
    let is_question = trimmed.ends_with(['?', '？', '؟']);
    let title = shorten(&capitalised(&trimmed), MAX_TITLE_CHARACTERS);
    let subject = match trimmed.to_lowercase().find(" about ") {
        // Lower-casing may move byte positions outside ASCII, where " about " is no word anyway.
        Some(at) if english && !is_question && trimmed.is_ascii() => {
            trimmed[at + " about ".len()..].to_owned()
        }
        _ => trimmed.clone(),
    };
    let spoken = if english { small_start(&subject) } else { subject };
    let promised = if english { promised(&trimmed) } else { None };
    Topic { title, spoken: shorten(&spoken, SPOKEN), is_question, promised, tags: tags(&trimmed) }
}

fn promised(topic: &str) -> Option<usize> {
    let first = topic.split_whitespace().next()?.to_lowercase();
    let number =
        first.parse().ok().or_else(|| NUMBERS.iter().position(|name| *name == first).map(|at| at + 1));
    number.filter(|count| (2..=100).contains(count))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// "The deep ocean" becomes "the deep ocean"; names keep their capital, as only known openers lose it.
fn small_start(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or_default();
    let openers = [
        "The", "A", "An", "Why", "How", "What", "When", "Where", "Who", "Our", "My", "Your", "Some", "Is",
        "Are", "Can", "Do", "Does",
    ];
    let is_number = NUMBERS.contains(&first.to_lowercase().as_str());
    if openers.contains(&first) || is_number {
        first.to_lowercase() + &text[first.len()..]
    } else {
        text.to_owned()
    }
}

/// Cut at a word's end to at most `most` characters, the last of which shows that it was cut.
fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most - 1).collect();
    let whole_words = cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head);
    format!("{}…", whole_words.trim_end_matches([',', ';', ':']))
}

fn tags(topic: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for word in topic.split(|letter: char| !letter.is_alphanumeric() && letter != '-' && !is_mark(letter)) {
        let word = word.to_lowercase();
        let length = word.chars().count();
        let long_enough = length >= 4 || (length >= 2 && !word.is_ascii());
        if long_enough
            && length <= 30
            && !STOP_WORDS.contains(&word.as_str())
            && !NUMBERS.contains(&word.as_str())
            && !tags.contains(&word)
        {
            tags.push(word);
        }
    }
    tags.truncate(8);
    tags
}

/// Signs that belong to a letter in Indic and Arabic scripts.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{0900}'..='\u{0963}' | '\u{064b}'..='\u{065f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_topic_gives_its_subject_and_its_number() {
        let topic = read("Three surprising facts about the deep ocean.", true);
        assert_eq!(topic.title, "Three surprising facts about the deep ocean");
        assert_eq!((topic.spoken.as_str(), topic.promised), ("the deep ocean", Some(3)));
        assert_eq!(topic.tags, ["deep", "ocean"]);
    }

    #[test]
    fn names_keep_their_capital_and_questions_their_mark() {
        assert_eq!(read("Kubernetes", true).spoken, "Kubernetes");
        assert_eq!(read("Why do cats purr?", true).spoken, "why do cats purr?");
        assert!(read("Why do cats purr?", true).is_question);
    }

    #[test]
    fn a_long_topic_is_cut_at_a_word() {
        let topic = read(&"word ".repeat(80), true);
        assert!(topic.title.chars().count() <= 100 && topic.title.ends_with("word…"), "{}", topic.title);
    }
}
