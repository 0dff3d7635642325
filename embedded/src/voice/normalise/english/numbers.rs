//! English numbers in words.

use super::super::number::Number;

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
/// From a thousand on, each a thousand times the one before.
const SCALES: [&str; 5] = ["", " thousand", " million", " billion", " trillion"];
/// Ordinals that are not the cardinal with "th".
const IRREGULAR: [(&str, &str); 8] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
    ("ty", "tieth"),
];

/// A whole number.
pub(super) fn cardinal(value: u64) -> String {
    if value == 0 {
        return ONES[0].to_owned();
    }
    let mut groups = Vec::new();
    let mut rest = value;
    for scale in SCALES {
        let group = if scale == SCALES[SCALES.len() - 1] { rest } else { rest % 1000 };
        if group > 0 {
            groups.push(format!("{}{scale}", below_thousand(group)));
        }
        rest = if group == rest { 0 } else { rest / 1000 };
    }
    groups.reverse();
    groups.join(" ")
}

fn below_thousand(value: u64) -> String {
    let (hundreds, rest) = (value / 100, value % 100);
    let tens = match (rest / 10, rest % 10) {
        _ if rest == 0 => String::new(),
        _ if rest < 20 => ONES[rest as usize].to_owned(),
        (tens, 0) => TENS[tens as usize].to_owned(),
        (tens, ones) => format!("{}-{}", TENS[tens as usize], ONES[ones as usize]),
    };
    match (hundreds, tens.is_empty()) {
        (0, _) => tens,
        (_, true) => format!("{} hundred", cardinal(hundreds)),
        (_, false) => format!("{} hundred {tens}", cardinal(hundreds)),
    }
}

/// The place in a row: first, second, twenty-first.
pub(super) fn ordinal(value: u64) -> String {
    let cardinal = cardinal(value);
    for (end, instead) in IRREGULAR {
        if let Some(head) = cardinal.strip_suffix(end)
            && (head.is_empty() || head.ends_with(['-', ' ']) || end == "ty")
        {
            return format!("{head}{instead}");
        }
    }
    format!("{cardinal}th")
}

/// A year: by hundreds, but for those around a millennium.
pub(super) fn year(value: u64) -> String {
    let (century, rest) = (value / 100, value % 100);
    match rest {
        _ if century % 10 == 0 && rest < 10 => cardinal(value),
        0 => format!("{} hundred", cardinal(century)),
        1..=9 => format!("{} oh {}", cardinal(century), cardinal(rest)),
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// Ten years by their first: nineties, two thousands.
pub(super) fn decade(value: u64) -> String {
    let first = if value < 100 { cardinal(value) } else { year(value) };
    match first.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{first}s"),
    }
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
        format!("{sign}{whole} point {}", digits(&number.fraction))
    }
}

/// Figure by figure.
pub(super) fn digits(text: &str) -> String {
    let names: Vec<&str> =
        text.chars().filter_map(|figure| figure.to_digit(10)).map(|figure| ONES[figure as usize]).collect();
    names.join(" ")
}
