//! How English reads what is no plain word.

mod numbers;
mod words;

use super::number::{Number, Signs, clock, date, iso_date, mixed, range, roman, split_figures};
use super::token::{Reading, Token};
use numbers::{cardinal, decade, digits, number, ordinal, year};
use words::{
    ABBREVIATIONS, AT_THE_END, CURRENCIES, FRACTIONS, MONTHS, RULERS, SCALES, SHORT_MONTHS, SHORT_SCALES,
    UNITS,
};

/// Signs between words that have a name.
pub(super) const SIGNS: &[(char, &str)] =
    &[('&', "and"), ('=', "equals"), ('+', "plus"), ('×', "times"), ('§', "section")];
const NUMBERS: Signs = Signs { decimal: '.', group: ',' };

pub(super) fn read_american(tokens: &[Token], at: usize) -> Option<Reading> {
    Reader { tokens, at, british: false }.read()
}

pub(super) fn read_british(tokens: &[Token], at: usize) -> Option<Reading> {
    Reader { tokens, at, british: true }.read()
}

/// A word among its neighbours.
struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    british: bool,
}

impl Reader<'_> {
    fn read(&self) -> Option<Reading> {
        self.abbreviation().or_else(|| self.said().map(Reading::from))
    }

    fn said(&self) -> Option<String> {
        let core = self.core();
        self.money()
            .or_else(|| self.scale_of_money())
            .or_else(|| self.hour(core))
            .or_else(|| self.date(core))
            .or_else(|| fraction(core))
            .or_else(|| decade_in_figures(core))
            .or_else(|| self.plain(core))
            .or_else(|| Self::range(core))
            .or_else(|| ordinal_in_figures(core))
            .or_else(|| measured(core))
            .or_else(|| self.unit(core))
            .or_else(|| self.roman(core))
            .or_else(|| sign_and_word(core))
            .or_else(|| version(core))
            .or_else(|| mixed(core, 2, cardinal, digits).map(|said| spelt(&said)))
    }

    fn core(&self) -> &str {
        &self.tokens[self.at].core
    }

    fn previous(&self) -> Option<&Token> {
        self.at.checked_sub(1).map(|before| &self.tokens[before])
    }

    fn next(&self) -> Option<&Token> {
        // Words on both sides of a comma do not belong together.
        self.tokens.get(self.at + 1).filter(|_| !self.tokens[self.at].ends_clause())
    }

    fn next_is(&self, test: impl Fn(&str) -> bool) -> bool {
        self.next().is_some_and(|next| test(&next.core))
    }

    fn abbreviation(&self) -> Option<Reading> {
        let token = &self.tokens[self.at];
        if let Some(half) = self.half_of_day(&token.core) {
            return Some(Reading { said: half.to_owned(), takes_stop: !self.sentence_follows() });
        }
        let stopped = token.with_stop()?;
        let next = self.tokens.get(self.at + 1).map_or("", |next| next.core.as_str());
        let capital = next.starts_with(char::is_uppercase);
        let figures = next.starts_with(|sign: char| sign.is_ascii_digit());
        let said = match stopped.as_str() {
            "St." => if capital { "Saint" } else { "Street" }.to_owned(),
            "No." | "no." | "Nos." if figures => "number".to_owned(),
            _ => match ABBREVIATIONS.iter().find(|(short, _)| *short == stopped) {
                Some((_, said)) => (*said).to_owned(),
                None => month_in_short(&token.core).filter(|_| figures)?,
            },
        };
        let ends = next.is_empty() || (AT_THE_END.contains(&stopped.as_str()) && self.sentence_follows());
        Some(Reading { said, takes_stop: !ends })
    }

    /// Whether the next word may begin a sentence.
    fn sentence_follows(&self) -> bool {
        self.tokens.get(self.at + 1).is_none_or(|next| next.core.starts_with(char::is_uppercase))
    }

    /// A sum with its currency, but for a scale that is the next word.
    fn money(&self) -> Option<String> {
        let (currency, amount) = currency(self.core())?;
        if self.next_is(|next| SCALES.contains(&next)) {
            return Some(number(&Number::of(amount, NUMBERS)?));
        }
        if let Some((from, to)) = range(amount) {
            let (from, to) = (Number::of(from, NUMBERS)?, Number::of(to, NUMBERS)?);
            return Some(format!("{} to {} {}", number(&from), number(&to), currency.2));
        }
        let (figures, scale) = split_figures(amount);
        let value = Number::of(figures, NUMBERS)?;
        if let Some((_, scale)) = SHORT_SCALES.iter().find(|(short, _)| *short == scale) {
            return Some(format!("{} {scale} {}", number(&value), currency.2));
        }
        if !scale.is_empty() {
            return None;
        }
        let unit = if value.is_one() { currency.1 } else { currency.2 };
        if value.fraction.len() != 2 {
            return Some(format!("{} {unit}", number(&value)));
        }
        let hundredths: u64 = value.fraction.parse().ok()?;
        let small = if hundredths == 1 { currency.3 } else { currency.4 };
        let unit = if value.whole == 1 { currency.1 } else { currency.2 };
        let whole = Number { fraction: String::new(), ..value };
        Some(match (whole.whole, hundredths) {
            (_, 0) => format!("{} {unit}", number(&whole)),
            (0, _) => format!("{} {small}", cardinal(hundredths)),
            _ => format!("{} {unit} and {} {small}", number(&whole), cardinal(hundredths)),
        })
    }

    /// "million" behind "$5": the currency is said behind it.
    fn scale_of_money(&self) -> Option<String> {
        let core = self.core();
        let previous = self.previous().filter(|previous| !previous.ends_clause())?;
        let (currency, _) = currency(&previous.core).filter(|_| SCALES.contains(&core))?;
        Some(format!("{core} {}", currency.2))
    }

    /// `10:30`, with or without `am` and `pm` at its end.
    fn hour(&self, core: &str) -> Option<String> {
        let lower = core.to_ascii_lowercase();
        let half = ["a.m", "p.m", "am", "pm"].into_iter().find(|half| lower.ends_with(half));
        let time = half.map_or(core, |half| &core[..core.len() - half.len()]);
        let said =
            half.map(|half| if half.starts_with('a') { " ay em" } else { " pee em" }).unwrap_or_default();
        let Some((hours, minutes)) = clock(time, ':') else {
            let hours: u64 = time.parse().ok().filter(|hours| half.is_some() && *hours <= 12)?;
            return Some(format!("{}{said}", cardinal(hours)));
        };
        let followed =
            self.next_is(|next| matches!(next.to_ascii_lowercase().as_str(), "am" | "pm" | "a.m" | "p.m"));
        let hours = cardinal(hours);
        Some(match minutes {
            0 if half.is_some() || followed => format!("{hours}{said}"),
            0 => format!("{hours} o'clock"),
            1..=9 => format!("{hours} oh {}{said}", cardinal(minutes)),
            _ => format!("{hours} {}{said}", cardinal(minutes)),
        })
    }

    /// `pm` behind a time.
    fn half_of_day(&self, core: &str) -> Option<&'static str> {
        let previous = self.previous()?;
        if !previous.core.ends_with(|sign: char| sign.is_ascii_digit()) {
            return None;
        }
        match core.to_ascii_lowercase().as_str() {
            "am" | "a.m" => Some("ay em"),
            "pm" | "p.m" => Some("pee em"),
            _ => None,
        }
    }

    fn date(&self, core: &str) -> Option<String> {
        let slashed = || {
            let parts: Vec<&str> = core.split('/').collect();
            let &[first, second, year] = parts.as_slice() else { return None };
            if self.british { date(year, second, first) } else { date(year, first, second) }
        };
        let (full, month, day) = iso_date(core).or_else(slashed)?;
        let (month, day, full) = (MONTHS[month - 1], ordinal(day), year(full));
        Some(if self.british {
            format!("the {day} of {month}, {full}")
        } else {
            format!("{month} {day}, {full}")
        })
    }

    /// A number alone: a day beside a month, a year, or a quantity.
    fn plain(&self, core: &str) -> Option<String> {
        let value = Number::of(core, NUMBERS)?;
        let is_day = value.fraction.is_empty() && (1..=31).contains(&value.whole) && !value.negative;
        if is_day && self.previous().is_some_and(|previous| is_month(&previous.core)) {
            return Some(ordinal(value.whole));
        }
        if is_day && self.next_is(is_month) {
            let article = self.previous().is_some_and(|previous| previous.core.eq_ignore_ascii_case("the"));
            let article = if article { "" } else { "the " };
            return Some(format!("{article}{} of", ordinal(value.whole)));
        }
        let is_year = value.is_like_a_year() && !self.next_is(|next| unit(next).is_some());
        Some(if is_year { year(value.whole) } else { number(&value) })
    }

    fn range(core: &str) -> Option<String> {
        let (from, to) = range(core)?;
        let (figures, measure) = split_figures(to);
        let values = (Number::of(from, NUMBERS)?, Number::of(figures, NUMBERS)?);
        if !measure.is_empty() {
            let (_, many) = unit(measure)?;
            return Some(format!("{} to {} {many}", number(&values.0), number(&values.1)));
        }
        let years = values.0.is_like_a_year() && (values.1.is_like_a_year() || values.1.figures == 2);
        let said =
            |value: &Number| if years && value.is_like_a_year() { year(value.whole) } else { number(value) };
        Some(format!("{} to {}", said(&values.0), said(&values.1)))
    }

    /// `km` behind a number.
    fn unit(&self, core: &str) -> Option<String> {
        let previous = self.previous().filter(|previous| !previous.ends_clause())?;
        let (one, many) = unit(core)?;
        let value = Number::of(&previous.core, NUMBERS);
        let numeric = value.is_some() || range(&previous.core).is_some();
        numeric.then(|| if value.is_some_and(|value| value.is_one()) { one } else { many }.to_owned())
    }

    /// `XIV` behind a name.
    fn roman(&self, core: &str) -> Option<String> {
        let previous = self.previous().filter(|previous| !previous.ends_clause())?;
        let is_ruler = RULERS.contains(&previous.core.as_str());
        let value = roman(core).filter(|_| core.len() > 1 || (is_ruler && !self.next_is(|_| true)))?;
        if is_ruler {
            return Some(format!("the {}", ordinal(value)));
        }
        previous.core.starts_with(char::is_uppercase).then(|| cardinal(value))
    }
}

type Currency = (char, &'static str, &'static str, &'static str, &'static str);

/// The currency whose sign stands before or behind a sum, and the sum.
fn currency(core: &str) -> Option<(Currency, &str)> {
    CURRENCIES.into_iter().find_map(|currency| {
        let amount = core.strip_prefix(currency.0).or_else(|| core.strip_suffix(currency.0))?;
        amount.starts_with(|sign: char| sign.is_ascii_digit()).then_some((currency, amount))
    })
}

fn is_month(core: &str) -> bool {
    MONTHS.contains(&core) || month_in_short(core).is_some()
}

fn month_in_short(core: &str) -> Option<String> {
    let (_, month) = SHORT_MONTHS.iter().find(|(short, _)| *short == core)?;
    Some(MONTHS[month - 1].to_owned())
}

/// A letter A by itself would be taken for the article.
fn spelt(said: &str) -> String {
    let letter = |word| if word == "A" { "ay" } else { word };
    said.split(' ').map(letter).collect::<Vec<_>>().join(" ")
}

/// One and several of a unit.
fn unit(core: &str) -> Option<(&'static str, &'static str)> {
    UNITS.iter().find(|(short, _, _)| *short == core).map(|(_, one, many)| (*one, *many))
}

/// `1990s`, `'90s`.
fn decade_in_figures(core: &str) -> Option<String> {
    let figures =
        core.strip_suffix("'s").or_else(|| core.strip_suffix("’s")).or_else(|| core.strip_suffix('s'))?;
    let value: u64 = figures.parse().ok()?;
    let named = (figures.len() == 4 && value.is_multiple_of(10))
        || (figures.len() == 2 && value >= 20 && value.is_multiple_of(10));
    named.then(|| decade(value))
}

fn fraction(core: &str) -> Option<String> {
    if let Some((sign, said)) = FRACTIONS.iter().find(|(sign, _)| core.ends_with(sign)) {
        let whole = core.strip_suffix(sign)?;
        if whole.is_empty() {
            return Some((*said).to_owned());
        }
        let said = said.replacen("one half", "a half", 1).replacen("one quarter", "a quarter", 1);
        return Some(format!("{} and {said}", number(&Number::of(whole, NUMBERS)?)));
    }
    let (above, below) = core.split_once('/')?;
    let (above, below): (u64, u64) = (above.parse().ok()?, below.parse().ok()?);
    if (above, below) == (24, 7) {
        return Some("twenty-four seven".to_owned());
    }
    let part = match below {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        3 | 5..=100 if above < below => ordinal(below),
        _ => return None,
    };
    let plural = if above == 1 { "" } else { "s" };
    Some(if part == "half" && above > 1 {
        return None;
    } else {
        format!("{} {part}{plural}", cardinal(above))
    })
}

/// `21st`
fn ordinal_in_figures(core: &str) -> Option<String> {
    let (figures, end) = split_figures(core);
    let value = Number::of(figures, NUMBERS)?;
    matches!(end, "st" | "nd" | "rd" | "th").then(|| ordinal(value.whole))
}

/// `5km`, `20%`, `10x`
fn measured(core: &str) -> Option<String> {
    let (figures, measure) = split_figures(core);
    let value = Number::of(figures, NUMBERS)?;
    if measure == "x" {
        return Some(format!("{} times", number(&value)));
    }
    if let Some(rest) = measure.strip_prefix('-').filter(|rest| rest.starts_with(char::is_alphabetic)) {
        return Some(match unit(rest) {
            Some((one, _)) => format!("{} {one}", number(&value)),
            None => format!("{} {rest}", number(&value)),
        });
    }
    let (one, many) = unit(measure)?;
    Some(format!("{} {}", number(&value), if value.is_one() { one } else { many }))
}

/// `#1`, `@name`, `+5`
fn sign_and_word(core: &str) -> Option<String> {
    let mut rest = core.chars();
    let (sign, rest) = (rest.next()?, rest.as_str());
    let value = || Number::of(rest, NUMBERS).map(|value| number(&value));
    match sign {
        '#' => value().map(|value| format!("number {value}")),
        '@' => Some(format!("at {rest}")),
        '+' => value().map(|value| format!("plus {value}")),
        '~' => value().map(|value| format!("about {value}")),
        '±' => value().map(|value| format!("plus or minus {value}")),
        _ => None,
    }
}

/// `2.0.1`
fn version(core: &str) -> Option<String> {
    let parts: Vec<&str> = core.split('.').collect();
    let numbers: Option<Vec<String>> = parts.iter().map(|part| part.parse().ok().map(cardinal)).collect();
    numbers.filter(|numbers| numbers.len() > 2).map(|numbers| numbers.join(" point "))
}
