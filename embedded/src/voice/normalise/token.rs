//! A written word, taken apart into the punctuation around it and what is read.

/// A word as rules look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// The signs before it, such as an opening quotation mark.
    before: String,
    /// What is read: letters, figures, and the signs that are read with them.
    pub(super) core: String,
    /// The signs after it, such as a comma.
    pub(super) after: String,
}

/// How a word is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// The words to say.
    pub(super) said: String,
    /// The full stop behind the word is part of it and ends no sentence.
    pub(super) takes_stop: bool,
}

impl From<String> for Reading {
    fn from(said: String) -> Self {
        Self { said, takes_stop: false }
    }
}

/// Signs before a word that are read with it.
const READ_BEFORE: [char; 12] = ['$', '€', '£', '¥', '#', '@', '+', '-', '−', '±', '~', '°'];
/// Signs after a word that are read with it.
const READ_AFTER: [char; 9] = ['%', '°', '€', '$', '£', '¥', '+', '²', '³'];

impl Token {
    pub(super) fn of(word: &str) -> Self {
        let read = |sign: char, with: &[char]| sign.is_alphanumeric() || with.contains(&sign);
        let start = word.find(|sign| read(sign, &READ_BEFORE)).unwrap_or(0);
        let end = word
            .char_indices()
            .rfind(|(_, sign)| read(*sign, &READ_AFTER))
            .map_or(word.len(), |(at, sign)| at + sign.len_utf8())
            .max(start);
        let mut core = word[start..end].to_owned();
        // A sign of its own after a number: "5 €", "20 %".
        if core.contains(' ') {
            core.retain(|sign| !sign.is_whitespace());
        }
        // A bullet is no minus.
        if let Some(rest) = core.strip_prefix(['-', '−', '~', '+'])
            && !rest.starts_with(|sign: char| sign.is_ascii_digit() || READ_BEFORE.contains(&sign))
        {
            core = rest.into();
        }
        Self { before: word[..start].to_owned(), core, after: word[end..].to_owned() }
    }

    /// Its core with the full stop of an abbreviation or an ordinal, if it has one.
    pub(super) fn with_stop(&self) -> Option<String> {
        self.after.starts_with('.').then(|| format!("{}.", self.core))
    }

    /// A reading with the signs around it, which are heard as pauses; those of `names` are said.
    pub(super) fn around(&self, reading: &Reading, names: &[(char, &str)]) -> String {
        let name = |sign: char| names.iter().find(|(named, _)| *named == sign).map(|(_, name)| *name);
        let mut whole = String::new();
        for sign in self.before.chars() {
            match name(sign) {
                Some(name) => whole.extend([name, " "]),
                None => whole.push(sign),
            }
        }
        whole.push_str(&reading.said);
        let after = if reading.takes_stop { self.after.strip_prefix('.') } else { None };
        for sign in after.unwrap_or(&self.after).chars() {
            match name(sign) {
                Some(name) => whole.extend([" ", name]),
                None => whole.push(sign),
            }
        }
        whole.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Whether a clause or sentence ends with it.
    pub(super) fn ends_clause(&self) -> bool {
        self.after.contains([',', '.', '!', '?', ';', ':', '…', '–', '—', ')'])
    }
}
