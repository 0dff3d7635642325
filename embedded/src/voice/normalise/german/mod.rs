//! How German reads what is no plain word.

mod numbers;
mod words;

use super::number::{Number, Signs, clock, date, iso_date, mixed, range, roman, split_figures};
use super::token::{Reading, Token};
use numbers::{amount, cardinal, counting, digits, number, ordinal, year};
use words::{
    ABBREVIATIONS, BEFORE_E, BEFORE_EN, BEFORE_ER, COUNTED, CURRENCIES, FRACTIONS, MONTHS, PAIRS, RULERS,
    SCALES, UNITS, WITH_DATIVE,
};

/// Signs between words that have a name.
pub(super) const SIGNS: &[(char, &str)] =
    &[('&', "und"), ('=', "gleich"), ('+', "plus"), ('×', "mal"), ('§', "Paragraf")];
const NUMBERS: Signs = Signs { decimal: ',', group: '.' };

pub(super) fn read(tokens: &[Token], at: usize) -> Option<Reading> {
    Reader { tokens, at }.read()
}

/// A word among its neighbours.
struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Reader<'_> {
    fn read(&self) -> Option<Reading> {
        self.pair()
            .or_else(|| self.abbreviation())
            .or_else(|| self.ordinal())
            .or_else(|| self.ruler())
            .or_else(|| self.said().map(Reading::from))
    }

    fn said(&self) -> Option<String> {
        let core = self.core();
        self.money()
            .or_else(|| self.hour(core))
            .or_else(|| self.minutes(core))
            .or_else(|| self.date(core))
            .or_else(|| fraction(core))
            .or_else(|| decade(core))
            .or_else(|| self.plain(core))
            .or_else(|| range_of(core))
            .or_else(|| measured(core))
            .or_else(|| self.unit(core))
            .or_else(|| roman(core).filter(|_| core.len() > 1 && self.follows_a_name()).map(cardinal))
            .or_else(|| sign_and_word(core))
            .or_else(|| version(core))
            .or_else(|| mixed(core, 3, cardinal, digits))
    }

    fn core(&self) -> &str {
        &self.tokens[self.at].core
    }

    fn previous(&self) -> Option<&Token> {
        self.at.checked_sub(1).map(|before| &self.tokens[before])
    }

    fn next(&self) -> Option<&Token> {
        self.tokens.get(self.at + 1)
    }

    fn next_core(&self) -> &str {
        self.next().map_or("", |next| &next.core)
    }

    fn follows_a_name(&self) -> bool {
        self.previous()
            .is_some_and(|previous| !previous.ends_clause() && previous.core.starts_with(char::is_uppercase))
    }

    /// One of the two words of an abbreviation such as `z. B.`
    fn pair(&self) -> Option<Reading> {
        let stopped = self.tokens[self.at].with_stop()?;
        let is =
            |token: Option<&Token>, short: &str| token.and_then(Token::with_stop).as_deref() == Some(short);
        let first = PAIRS.iter().find(|pair| pair.0 == stopped && is(self.next(), pair.1));
        if let Some((_, _, said, _)) = first {
            return Some(Reading { said: (*said).to_owned(), takes_stop: true });
        }
        let second = PAIRS.iter().find(|pair| pair.1 == stopped && is(self.previous(), pair.0));
        second.map(|(_, _, _, said)| self.shortened((*said).to_owned()))
    }

    fn abbreviation(&self) -> Option<Reading> {
        let stopped = self.tokens[self.at].with_stop()?;
        if let Some((_, said)) = ABBREVIATIONS.iter().find(|(short, _)| *short == stopped) {
            let one = self
                .previous()
                .is_some_and(|previous| matches!(previous.core.as_str(), "1" | "eine" | "einer"));
            let said = match (stopped.as_str(), one) {
                ("Mio.", true) => "Million",
                ("Mrd.", true) => "Milliarde",
                ("Std.", true) => "Stunde",
                ("Min.", true) => "Minute",
                ("Sek.", true) => "Sekunde",
                _ => said,
            };
            return Some(self.shortened(said.to_owned()));
        }
        // "5 Mio. €" is two words: the sign belongs to the second.
        let page = stopped == "S." && self.next_core().starts_with(|sign: char| sign.is_ascii_digit());
        page.then(|| Reading { said: "Seite".to_owned(), takes_stop: true })
    }

    /// What is shortened ends a sentence only at the end of the text.
    fn shortened(&self, said: String) -> Reading {
        Reading { said, takes_stop: self.next().is_some() }
    }

    /// `3.` before what it counts.
    fn ordinal(&self) -> Option<Reading> {
        let token = &self.tokens[self.at];
        let value = Number::of(&token.core, NUMBERS)?;
        let next = self.next()?;
        if !token.after.starts_with('.') || !value.fraction.is_empty() || value.grouped || value.is_code() {
            return None;
        }
        let before =
            self.previous().filter(|previous| !previous.ends_clause()).map(|token| token.core.to_lowercase());
        let before = before.as_deref().unwrap_or_default();
        let ending = if BEFORE_EN.contains(&before) {
            "en"
        } else if BEFORE_E.contains(&before) {
            if before == "der" && self.is_dative() { "en" } else { "e" }
        } else if BEFORE_ER.contains(&before) || MONTHS.contains(&next.core.as_str()) {
            "er"
        } else if COUNTED.contains(&next.core.as_str()) {
            "es"
        } else {
            return None;
        };
        Some(Reading { said: ordinal(value.whole, ending), takes_stop: true })
    }

    /// Whether a preposition before "der" makes it a dative.
    fn is_dative(&self) -> bool {
        let preposition = self.at.checked_sub(2).map(|before| self.tokens[before].core.to_lowercase());
        preposition.is_some_and(|word| WITH_DATIVE.contains(&word.as_str()))
    }

    /// `XIV.` behind a name.
    fn ruler(&self) -> Option<Reading> {
        let token = &self.tokens[self.at];
        let previous = self.previous().filter(|previous| RULERS.contains(&previous.core.as_str()))?;
        let value = roman(&token.core).filter(|_| token.after.starts_with('.') && !previous.ends_clause())?;
        Some(self.shortened(format!("der {}", capital(&ordinal(value, "e")))))
    }

    /// A sum with its currency, before or behind it; a scale may stand between.
    fn money(&self) -> Option<String> {
        let core = self.core();
        let currency = |text: &str| CURRENCIES.iter().find(|(sign, _)| *sign == text).map(|(_, name)| *name);
        let (name, sum) = CURRENCIES.iter().find_map(|(sign, name)| {
            let sum = core.strip_suffix(sign).or_else(|| core.strip_prefix(sign))?;
            Some((*name, sum))
        })?;
        // "Mio. €" is one word, as is a scale with the sign joined.
        let scale = sum.trim_end_matches('.');
        if SCALES.contains(&scale) {
            let stopped = format!("{scale}.");
            let said =
                ABBREVIATIONS.iter().find(|(short, _)| *short == stopped).map_or(scale, |(_, said)| said);
            return Some(format!("{said} {name}"));
        }
        if sum.is_empty() {
            return currency(core).filter(|_| self.follows_a_number()).map(str::to_owned);
        }
        let value = match range(sum) {
            Some((from, to)) => {
                let (from, to) = (Number::of(from, NUMBERS)?, Number::of(to, NUMBERS)?);
                return Some(format!("{} bis {} {name}", number(&from), number(&to)));
            }
            None => Number::of(sum, NUMBERS)?,
        };
        if value.fraction.len() != 2 {
            return Some(format!("{} {name}", amount(&value)));
        }
        let hundredths: u64 = value.fraction.parse().ok()?;
        let whole = Number { fraction: String::new(), ..value };
        Some(match (whole.whole, hundredths) {
            (_, 0) => format!("{} {name}", amount(&whole)),
            (0, _) => format!("{} Cent", counting(hundredths)),
            _ => format!("{} {name} {}", amount(&whole), cardinal(hundredths)),
        })
    }

    fn follows_a_number(&self) -> bool {
        self.previous().is_some_and(|previous| {
            Number::of(&previous.core, NUMBERS).is_some() || SCALES.contains(&previous.core.as_str())
        })
    }

    /// `10:30`, and `10.30` before "Uhr".
    fn hour(&self, core: &str) -> Option<String> {
        let before_uhr = self.next_core() == "Uhr";
        let (hours, minutes) = clock(core, ':').or_else(|| clock(core, '.').filter(|_| before_uhr))?;
        let hours = counting(hours);
        Some(match minutes {
            _ if before_uhr => hours,
            0 => format!("{hours} Uhr"),
            _ => format!("{hours} Uhr {}", cardinal(minutes)),
        })
    }

    /// "Uhr" behind `10:30`: the minutes are said behind it.
    fn minutes(&self, core: &str) -> Option<String> {
        let previous = self.previous().filter(|_| core == "Uhr")?;
        let (_, minutes) = clock(&previous.core, ':').or_else(|| clock(&previous.core, '.'))?;
        Some(if minutes == 0 { core.to_owned() } else { format!("Uhr {}", cardinal(minutes)) })
    }

    /// `3.10.1990`
    fn date(&self, core: &str) -> Option<String> {
        let dotted = || {
            let parts: Vec<&str> = core.split('.').collect();
            let &[day, month, year] = parts.as_slice() else { return None };
            date(year, month, day)
        };
        let (full, month, day) = dotted().or_else(|| iso_date(core))?;
        let before = self.previous().map(|token| token.core.to_lowercase());
        let before = before.as_deref().unwrap_or_default();
        let ending = match before {
            _ if BEFORE_EN.contains(&before) => "en",
            _ if BEFORE_E.contains(&before) => "e",
            _ => "er",
        };
        Some(format!("{} {} {}", ordinal(day, ending), MONTHS[month - 1], year(full)))
    }

    /// A number alone: a year or a quantity.
    fn plain(&self, core: &str) -> Option<String> {
        let value = Number::of(core, NUMBERS)?;
        let next =
            self.next().filter(|_| !self.tokens[self.at].ends_clause()).map_or("", |next| next.core.as_str());
        if let Some((one, _)) = unit(next).filter(|_| value.is_one()) {
            return Some(one.split(' ').next().unwrap_or(one).to_owned());
        }
        if value.is_one()
            && (SCALES.iter().any(|scale| next.starts_with(scale)) || matches!(next, "Std" | "Min" | "Sek"))
        {
            return Some("eine".to_owned());
        }
        if value.is_one()
            && (next == "Uhr" || CURRENCIES.iter().any(|(sign, name)| next == *sign || next == *name))
        {
            return Some("ein".to_owned());
        }
        let is_year = value.is_like_a_year() && unit(next).is_none();
        Some(if is_year { year(value.whole) } else { number(&value) })
    }

    /// `km` behind a number.
    fn unit(&self, core: &str) -> Option<String> {
        let (one, several) = unit(core)?;
        let previous = self.previous().filter(|previous| !previous.ends_clause())?;
        let value = Number::of(&previous.core, NUMBERS);
        if value.is_none() && range(&previous.core).is_none() {
            return None;
        }
        let is_one = value.is_some_and(|value| value.is_one());
        Some(if is_one { one.split_once(' ').map_or(one, |(_, noun)| noun) } else { several }.to_owned())
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// One, with its article, and several of a unit.
fn unit(core: &str) -> Option<(&'static str, &'static str)> {
    UNITS.iter().find(|(short, _, _)| *short == core).map(|(_, one, several)| (*one, *several))
}

fn fraction(core: &str) -> Option<String> {
    if let Some((sign, said)) = FRACTIONS.iter().find(|(sign, _)| core.ends_with(sign)) {
        let whole = core.strip_suffix(sign)?;
        if whole.is_empty() {
            return Some(said.replacen("einhalb", "ein halb", 1));
        }
        let whole = cardinal(Number::of(whole, NUMBERS)?.whole);
        return Some(if *sign == "½" { format!("{whole}{said}") } else { format!("{whole} {said}") });
    }
    let (above, below) = core.split_once('/')?;
    let (above, below): (u64, u64) = (above.parse().ok()?, below.parse().ok()?);
    let part = match below {
        2 if above == 1 => return Some("ein halb".to_owned()),
        3 => "Drittel".to_owned(),
        4..=100 if above < below => capital(&format!("{}el", ordinal(below, ""))),
        _ => return None,
    };
    Some(format!("{} {part}", counting(above)))
}

/// `1990er`
fn decade(core: &str) -> Option<String> {
    let figures = core.strip_suffix("er")?;
    let value: u64 = figures.parse().ok()?;
    match figures.len() {
        2 if value.is_multiple_of(10) && value >= 20 => Some(format!("{}er", cardinal(value))),
        4 => Some(format!("{}er", year(value))),
        _ => None,
    }
}

/// `10–20`, `1914–1918`, `5–10km`
fn range_of(core: &str) -> Option<String> {
    let (from, to) = range(core)?;
    let (figures, measure) = split_figures(to);
    let (from, to) = (Number::of(from, NUMBERS)?, Number::of(figures, NUMBERS)?);
    if !measure.is_empty() {
        let (_, several) = unit(measure)?;
        return Some(format!("{} bis {} {several}", number(&from), number(&to)));
    }
    let years = from.is_like_a_year() && (to.is_like_a_year() || to.figures == 2);
    let said =
        |value: &Number| if years && value.is_like_a_year() { year(value.whole) } else { number(value) };
    Some(format!("{} bis {}", said(&from), said(&to)))
}

/// `5km`, `20%`, `10-mal`, `5-jährig`
fn measured(core: &str) -> Option<String> {
    let (figures, measure) = split_figures(core);
    let value = Number::of(figures, NUMBERS)?;
    if let Some(rest) = measure.strip_prefix('-').filter(|rest| rest.starts_with(char::is_alphabetic)) {
        let joined = rest.starts_with(char::is_lowercase);
        return Some(match unit(rest) {
            Some((_, several)) => format!("{}-{several}", amount(&value)),
            None if joined => format!("{}{rest}", amount(&value)),
            None => format!("{}-{rest}", amount(&value)),
        });
    }
    if measure == "x" || measure == "mal" {
        return Some(format!("{}mal", amount(&value)));
    }
    let (one, several) = unit(measure)?;
    Some(if value.is_one() { one.to_owned() } else { format!("{} {several}", number(&value)) })
}

/// `#1`, `+5`
fn sign_and_word(core: &str) -> Option<String> {
    let mut rest = core.chars();
    let (sign, rest) = (rest.next()?, rest.as_str());
    let value = || Number::of(rest, NUMBERS).map(|value| number(&value));
    match sign {
        '#' => value().map(|value| format!("Nummer {value}")),
        '@' => Some(format!("ät {rest}")),
        '+' => value().map(|value| format!("plus {value}")),
        '~' => value().map(|value| format!("etwa {value}")),
        '±' => value().map(|value| format!("plus minus {value}")),
        _ => None,
    }
}

/// `2.0.1`
fn version(core: &str) -> Option<String> {
    let parts: Vec<&str> = core.split('.').collect();
    let numbers: Option<Vec<String>> = parts.iter().map(|part| part.parse().ok().map(cardinal)).collect();
    numbers.filter(|numbers| numbers.len() > 1).map(|numbers| numbers.join(" Punkt "))
}
