//! Durations, money and sizes as people write them in a manifest, and as integers inside.
//!
//! Each is a string on the wire (`2h`, `2.50`, `10G`), refused by the API server when it is malformed,
//! and written back in one canonical form, so that equal values are equal text.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Why a string is no duration, amount or size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseUnitError {
    /// Not a whole number and a unit, or longer than a million units.
    #[error(
        "cannot read {0:?} as a duration: write a whole number above 0 and s, m, h or d, such as 90s or 7d"
    )]
    ReadDuration(String),
    /// Not a decimal number, negative, or finer than a millionth of a dollar.
    #[error(
        "cannot read {0:?} as US dollars: write a number of at least 0 with at most six decimals, such as 2.50"
    )]
    ReadMoney(String),
    /// Not a number with a size suffix, or not a whole number of bytes.
    #[error("cannot read {0:?} as a size: write a number and k, M, G, T, Ki, Mi, Gi or Ti, such as 10G")]
    ReadSize(String),
}

/// Serde and schema of a newtype whose wire form is a checked string.
macro_rules! wire_string {
    ($type:ident, max: $max:literal, rule: $rule:literal, message: $message:literal) => {
        impl TryFrom<String> for $type {
            type Error = ParseUnitError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "maxLength": $max,
                    "x-kubernetes-validations": [{ "rule": $rule, "message": $message }],
                })
            }
        }
    };
}

/// A span of whole seconds, written as a whole number and one unit: `90s`, `30m`, `2h`, `7d`. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration {
    seconds: u64,
}

wire_string!(
    Duration,
    max: 8,
    rule: "self.matches('^[1-9][0-9]{0,6}(s|m|h|d)$')",
    message: "a duration is a whole number above 0 and s, m, h or d: for example 90s, 2h or 7d"
);

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Duration {
    /// So many seconds; at least one.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self { seconds: if seconds == 0 { 1 } else { seconds } }
    }

    /// So many minutes; at least a second.
    #[must_use]
    pub const fn from_mins(minutes: u64) -> Self {
        Self::from_secs(minutes.saturating_mul(60))
    }

    /// So many hours; at least a second.
    #[must_use]
    pub const fn from_hours(hours: u64) -> Self {
        Self::from_secs(hours.saturating_mul(3_600))
    }

    /// So many days of 24 hours; at least a second.
    #[must_use]
    pub const fn from_days(days: u64) -> Self {
        Self::from_secs(days.saturating_mul(86_400))
    }

    /// The span in seconds.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.seconds
    }
}

impl From<Duration> for std::time::Duration {
    fn from(value: Duration) -> Self {
        Self::from_secs(value.seconds)
    }
}

impl FromStr for Duration {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseUnitError::ReadDuration(text.to_owned());
        let (unit, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit)).ok_or_else(refuse)?;
        let digits = text.trim_end_matches(*unit);
        let canonical = digits.len() + 1 == text.len()
            && (1..=7).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit());
        if !canonical {
            return Err(refuse());
        }
        let count: u64 = digits.parse().map_err(|_| refuse())?;
        Ok(Self { seconds: count * seconds })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, seconds) =
            UNITS.iter().find(|(_, seconds)| self.seconds.is_multiple_of(*seconds)).unwrap_or(&('s', 1));
        write!(f, "{}{unit}", self.seconds / seconds)
    }
}

/// An amount of US dollars, never negative, exact to a millionth: `2.50`, `0.002`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Money {
    micros: i64,
}

wire_string!(
    Money,
    max: 16,
    rule: "self.matches('^[0-9]{1,9}([.][0-9]{1,6})?$')",
    message: "an amount is US dollars in quotes, at least 0: for example \"2.50\""
);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self { micros: 0 };

    /// So many millionths of a dollar; below zero counts as nothing.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros: if micros < 0 { 0 } else { micros } }
    }

    /// The amount in millionths of a dollar.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// Both together; stops at the largest amount.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { micros: self.micros.saturating_add(other.micros) }
    }

    /// What is left of this after `other`; never below zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self::from_micros(self.micros.saturating_sub(other.micros))
    }

    /// The amount `count` times; a negative count is none.
    #[must_use]
    pub const fn times(self, count: i64) -> Self {
        Self::from_micros(self.micros.saturating_mul(count))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

impl FromStr for Money {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseUnitError::ReadMoney(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || whole.len() > 9 || fraction.len() > 6 {
            return Err(refuse());
        }
        let dollars: i64 = whole.parse().map_err(|_| refuse())?;
        let micros: i64 = format!("{fraction:0<6}").parse().map_err(|_| refuse())?;
        Ok(Self { micros: dollars * 1_000_000 + micros })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:06}", self.micros % 1_000_000);
        let shown = fraction.trim_end_matches('0');
        write!(f, "{}.{shown:0<2}", self.micros / 1_000_000)
    }
}

/// A number of bytes, written as a number and a suffix: `10G` is 10¹⁰ bytes, `10Gi` is 10 × 2³⁰.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quantity {
    bytes: i64,
}

wire_string!(
    Quantity,
    max: 16,
    rule: "self.matches('^[0-9]{1,15}([.][0-9]{1,3})?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$')",
    message: "a size is a number and k, M, G, T, Ki, Mi, Gi or Ti, in quotes: for example \"10G\""
);

/// Largest first, so that the first exact one is the shortest text; decimal before binary.
const SUFFIXES: [(&str, i64); 10] = [
    ("P", 1_000_000_000_000_000),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
    ("Pi", 1 << 50),
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
];

impl Quantity {
    /// So many bytes; below zero counts as none.
    #[must_use]
    pub const fn from_bytes(bytes: i64) -> Self {
        Self { bytes: if bytes < 0 { 0 } else { bytes } }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> i64 {
        self.bytes
    }
}

impl FromStr for Quantity {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseUnitError::ReadSize(text.to_owned());
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let suffix = &text[digits.len()..];
        let factor = match suffix {
            "" => 1,
            _ => SUFFIXES.iter().find(|(name, _)| *name == suffix).ok_or_else(refuse)?.1,
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || fraction.len() > 3 {
            return Err(refuse());
        }
        let thousandths: i128 = format!("{whole}{fraction:0<3}").parse().map_err(|_| refuse())?;
        let scaled = thousandths.checked_mul(i128::from(factor)).ok_or_else(refuse)? / 1_000;
        Ok(Self { bytes: i64::try_from(scaled).map_err(|_| refuse())? })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = SUFFIXES.iter().find(|(_, factor)| self.bytes > 0 && self.bytes % factor == 0);
        match exact {
            Some((suffix, factor)) => write!(f, "{}{suffix}", self.bytes / factor),
            None => write!(f, "{}", self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: FromStr<Err = ParseUnitError> + fmt::Display>(text: &str) -> String {
        text.parse::<T>().unwrap().to_string()
    }

    #[test]
    fn a_duration_reads_as_written_and_prints_in_its_largest_unit() {
        assert_eq!("90s".parse::<Duration>().unwrap().as_secs(), 90);
        assert_eq!("7d".parse::<Duration>().unwrap().as_secs(), 604_800);
        assert_eq!(round_trip::<Duration>("90s"), "90s");
        assert_eq!(round_trip::<Duration>("120m"), "2h");
        assert_eq!(round_trip::<Duration>("9999999d"), "9999999d");
    }

    #[test]
    fn a_duration_of_zero_without_a_unit_or_in_two_parts_is_refused() {
        for text in
            ["", "0s", "00s", "05m", "90", "s", "1h30m", "-1s", "1.5h", "10ss", "12345678s", "1w", "é"]
        {
            assert_eq!(
                text.parse::<Duration>(),
                Err(ParseUnitError::ReadDuration(text.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn money_is_exact_to_a_millionth_and_prints_at_least_cents() {
        assert_eq!("2.50".parse::<Money>().unwrap().micros(), 2_500_000);
        assert_eq!(round_trip::<Money>("2.5"), "2.50");
        assert_eq!(round_trip::<Money>("100"), "100.00");
        assert_eq!(round_trip::<Money>("0.002"), "0.002");
        let bill: Money = [Money::from_micros(70_000); 8].into_iter().sum();
        assert_eq!(bill.to_string(), "0.56");
        assert_eq!(Money::from_micros(1).minus(Money::from_micros(2)), Money::ZERO);
    }

    #[test]
    fn money_that_is_negative_or_finer_than_a_millionth_is_refused() {
        for text in ["", "-1", "+1", "1.", ".5", "1e3", "$2", "0.0000001", "1,5", "1234567890"] {
            assert_eq!(text.parse::<Money>(), Err(ParseUnitError::ReadMoney(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_size_is_decimal_or_binary_and_prints_in_the_largest_exact_suffix() {
        assert_eq!("10G".parse::<Quantity>().unwrap().bytes(), 10_000_000_000);
        assert_eq!("1.5Gi".parse::<Quantity>().unwrap().bytes(), 1_610_612_736);
        assert_eq!(round_trip::<Quantity>("9500M"), "9500M");
        assert_eq!(round_trip::<Quantity>("9.5G"), "9500M");
        assert_eq!(round_trip::<Quantity>("4Ki"), "4Ki");
        assert_eq!(round_trip::<Quantity>("0"), "0");
        assert_eq!(round_trip::<Quantity>("123"), "123");
    }

    #[test]
    fn a_size_with_an_unknown_suffix_or_too_large_is_refused() {
        for text in ["", "G", "-1G", "10GB", "10g", "1e9", "10 G", "99999999999P", "1.2345k"] {
            assert_eq!(text.parse::<Quantity>(), Err(ParseUnitError::ReadSize(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn units_travel_as_strings_in_json() {
        let span: Duration = serde_json::from_str("\"2h\"").unwrap();
        assert_eq!(serde_json::to_string(&span).unwrap(), "\"2h\"");
        assert!(serde_json::from_str::<Money>("2.5").is_err(), "an unquoted amount would be a float");
    }
}
