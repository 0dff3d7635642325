//! Numbers as they are written, whichever signs a language puts between their figures.

/// A number that is written in figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    /// It has a minus before it.
    pub(super) negative: bool,
    /// The whole part.
    pub(super) whole: u64,
    /// The figures behind the decimal sign; empty if there is none.
    pub(super) fraction: String,
    /// Its whole part is written in groups of three figures, so it is no year.
    pub(super) grouped: bool,
    /// How many figures the whole part has.
    pub(super) figures: usize,
}

/// Signs of a language's numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signs {
    /// Between whole part and fraction.
    pub(super) decimal: char,
    /// Between groups of three figures.
    pub(super) group: char,
}

impl Number {
    /// The number that `text` is, as a whole.
    pub(super) fn of(text: &str, signs: Signs) -> Option<Self> {
        let bare = text.strip_prefix(['-', '−']);
        let digits = bare.unwrap_or(text);
        let (whole, fraction) = match digits.split_once(signs.decimal) {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (digits, ""),
        };
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let groups: Vec<&str> = whole.split(signs.group).collect();
        let is_figures = |group: &&str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
        let is_grouped =
            groups.len() == 1 || (groups[0].len() <= 3 && groups[1..].iter().all(|group| group.len() == 3));
        if !groups.iter().all(is_figures) || !is_grouped {
            return None;
        }
        let joined = groups.concat();
        // Longer ones are no quantities, but codes.
        let value = joined.parse().ok().filter(|_| joined.len() <= 15)?;
        Some(Self {
            negative: bare.is_some(),
            whole: value,
            fraction: fraction.to_owned(),
            grouped: groups.len() > 1,
            figures: joined.len(),
        })
    }

    /// Nothing else than 1.
    pub(super) fn is_one(&self) -> bool {
        self.whole == 1 && self.fraction.is_empty()
    }

    /// Written as years are: four figures, and nothing else.
    pub(super) fn is_like_a_year(&self) -> bool {
        self.figures == 4
            && !self.grouped
            && !self.negative
            && self.fraction.is_empty()
            && (1100..=2099).contains(&self.whole)
    }

    /// Figures that begin with a nought are a code, such as 007.
    pub(super) fn is_code(&self) -> bool {
        self.figures > 1 && self.figures != self.whole.to_string().len()
    }
}

/// A word's leading figures, with the signs between them, and the rest.
pub(super) fn split_figures(text: &str) -> (&str, &str) {
    let end = text
        .char_indices()
        .rfind(|(_, sign)| sign.is_ascii_digit())
        .map_or(0, |(at, sign)| at + sign.len_utf8());
    let is_number = |sign: char| sign.is_ascii_digit() || matches!(sign, '.' | ',' | '-' | '−');
    let until = text.find(|sign| !is_number(sign)).unwrap_or(text.len());
    text.split_at(until.min(end))
}

/// What stands on both sides of a dash that means "to".
pub(super) fn range(text: &str) -> Option<(&str, &str)> {
    let (from, to) = text.split_once(['–', '—']).or_else(|| text.split_once('-'))?;
    let begins = |side: &str| side.starts_with(|sign: char| sign.is_ascii_digit());
    (begins(from) && begins(to)).then_some((from, to))
}

/// Year, month and day of `2024-03-15`.
pub(super) fn iso_date(text: &str) -> Option<(u64, usize, u64)> {
    let parts: Vec<&str> = text.split('-').collect();
    let &[year, month, day] = parts.as_slice() else { return None };
    if [year.len(), month.len(), day.len()] != [4, 2, 2] {
        return None;
    }
    date(year, month, day)
}

/// A date of figures, if it is one.
pub(super) fn date(year: &str, month: &str, day: &str) -> Option<(u64, usize, u64)> {
    let year: u64 = year.parse().ok().filter(|_| year.len() == 4)?;
    let month: usize = month.parse().ok().filter(|month| (1..=12).contains(month))?;
    let day: u64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    Some((year, month, day))
}

/// Hours and minutes of `10:30`.
pub(super) fn clock(text: &str, between: char) -> Option<(u64, u64)> {
    let (hours, minutes) = text.split_once(between)?;
    let valid = (1..=2).contains(&hours.len()) && minutes.len() == 2;
    let hours: u64 = hours.parse().ok().filter(|hours| valid && *hours <= 24)?;
    let minutes: u64 = minutes.parse().ok().filter(|minutes| *minutes < 60)?;
    Some((hours, minutes))
}

/// The value of a Roman number of at least two letters, and of I, V and X.
pub(super) fn roman(text: &str) -> Option<u64> {
    let value = |letter: u8| match letter {
        b'I' => Some(1),
        b'V' => Some(5),
        b'X' => Some(10),
        b'L' => Some(50),
        _ => None,
    };
    let values: Vec<u64> = text.bytes().map(value).collect::<Option<_>>()?;
    let smaller_first = |at: usize| values.get(at + 1).is_some_and(|next| values[at] < *next);
    let signed = |at: usize| if smaller_first(at) { (0, values[at]) } else { (values[at], 0) };
    let (plus, minus) = (0..values.len()).map(signed).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (1..40).contains(&(plus - minus)).then_some(plus - minus)
}

/// Letters in capitals and figures in one, such as `CO2`: short letters are spelt, and numbers of up to `longest`
/// figures read as numbers.
pub(super) fn mixed(
    text: &str,
    longest: usize,
    cardinal: fn(u64) -> String,
    digits: fn(&str) -> String,
) -> Option<String> {
    let is_read = |sign: char| sign.is_ascii_uppercase() || sign.is_ascii_digit() || sign == '-';
    if !text.chars().any(|sign| sign.is_ascii_digit()) || !text.chars().all(is_read) {
        return None;
    }
    let mut parts: Vec<String> = Vec::new();
    for part in text.split('-') {
        let mut rest = part;
        while !rest.is_empty() {
            let figures = rest.starts_with(|sign: char| sign.is_ascii_digit());
            let end = rest.find(|sign: char| sign.is_ascii_digit() != figures).unwrap_or(rest.len());
            let (run, left) = rest.split_at(end);
            parts.push(match (figures, run.len()) {
                (true, length) if length <= longest && !run.starts_with('0') => cardinal(run.parse().ok()?),
                (true, _) => digits(run),
                (false, 1..=3) => run.chars().map(String::from).collect::<Vec<_>>().join(" "),
                // A longer one may be a word.
                (false, _) => run.to_owned(),
            });
            rest = left;
        }
    }
    Some(parts.join(" "))
}
