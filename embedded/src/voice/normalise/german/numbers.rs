//! German numbers in words.

use super::super::number::Number;

const ONES: [&str; 20] = [
    "null",
    "eins",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
];
const TENS: [&str; 10] =
    ["", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"];
/// From a million on, each a thousand times the one before: one and several.
const SCALES: [(&str, &str); 3] =
    [("Million", "Millionen"), ("Milliarde", "Milliarden"), ("Billion", "Billionen")];
/// Ordinals that are not the cardinal with "t" or "st".
const IRREGULAR: [(u64, &str); 4] = [(1, "erst"), (3, "dritt"), (7, "siebt"), (8, "acht")];

/// A whole number.
pub(super) fn cardinal(value: u64) -> String {
    let (large, small) = (value / 1_000_000, value % 1_000_000);
    let mut parts = Vec::new();
    let mut rest = large;
    for (place, (one, several)) in SCALES.into_iter().enumerate() {
        let group = if place + 1 == SCALES.len() { rest } else { rest % 1000 };
        match group {
            0 => {}
            1 => parts.push(format!("eine {one}")),
            _ => parts.push(format!("{} {several}", below_million(group))),
        }
        rest = if group == rest { 0 } else { rest / 1000 };
    }
    parts.reverse();
    if small > 0 || parts.is_empty() {
        parts.push(below_million(small));
    }
    parts.join(" ")
}

fn below_million(value: u64) -> String {
    let (thousands, rest) = (value / 1000, value % 1000);
    match (thousands, rest) {
        (0, rest) => below_thousand(rest),
        (thousands, 0) => format!("{}tausend", joined(thousands)),
        (thousands, rest) => format!("{}tausend{}", joined(thousands), below_thousand(rest)),
    }
}

fn below_thousand(value: u64) -> String {
    let (hundreds, rest) = (value / 100, value % 100);
    let tens = match (rest / 10, rest % 10) {
        _ if rest < 20 => ONES[rest as usize].to_owned(),
        (tens, 0) => TENS[tens as usize].to_owned(),
        (tens, ones) => format!("{}und{}", joined(ones), TENS[tens as usize]),
    };
    match (hundreds, rest) {
        (0, _) => tens,
        (_, 0) => format!("{}hundert", joined(hundreds)),
        _ => format!("{}hundert{tens}", joined(hundreds)),
    }
}

/// As the first part of a word: "ein" instead of "eins".
fn joined(value: u64) -> String {
    let whole = below_thousand(value);
    whole.strip_suffix("eins").map_or(whole.clone(), |head| format!("{head}ein"))
}

/// Before a noun: "ein" instead of "eins".
pub(super) fn counting(value: u64) -> String {
    if value == 1 { "ein".to_owned() } else { cardinal(value) }
}

/// The place in a row, with the ending that its noun asks for.
pub(super) fn ordinal(value: u64, ending: &str) -> String {
    let (head, last) = if value < 100 { (0, value) } else { (value - value % 100, value % 100) };
    let before = if head > 0 { cardinal(head) } else { String::new() };
    let stem = match IRREGULAR.iter().find(|(irregular, _)| *irregular == last) {
        Some((_, stem)) => (*stem).to_owned(),
        None if last == 0 => return format!("{before}st{ending}"),
        None if last < 20 => format!("{}t", below_thousand(last)),
        None => format!("{}st", below_thousand(last)),
    };
    format!("{before}{stem}{ending}")
}

/// A year: by hundreds before 2000.
pub(super) fn year(value: u64) -> String {
    let (century, rest) = (value / 100, value % 100);
    if !(11..20).contains(&century) {
        return cardinal(value);
    }
    let rest = if rest > 0 { below_thousand(rest) } else { String::new() };
    format!("{}hundert{rest}", below_thousand(century))
}

/// A number with its sign and fraction.
pub(super) fn number(number: &Number) -> String {
    let sign = if number.negative { "minus " } else { "" };
    if number.is_code() && number.fraction.is_empty() {
        return format!("{sign}{}", digits(&format!("{:0width$}", number.whole, width = number.figures)));
    }
    let whole = cardinal(number.whole);
    if number.fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole} Komma {}", digits(&number.fraction))
    }
}

/// A number before a noun.
pub(super) fn amount(value: &Number) -> String {
    if value.is_one() && !value.negative { counting(1) } else { number(value) }
}

/// Figure by figure.
pub(super) fn digits(text: &str) -> String {
    let names: Vec<&str> =
        text.chars().filter_map(|figure| figure.to_digit(10)).map(|figure| ONES[figure as usize]).collect();
    names.join(" ")
}
