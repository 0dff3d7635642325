//! How times, sizes, amounts and states read on the pages. Pure.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::{Money, Phase, StepName, StepState};
use videofactory_pipeline::ExitCode;

/// A time: for programs, and for people. A script writes it again in the reader's own time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub iso: String,
    pub text: String,
}

/// A time as people read it.
pub fn moment(at: Timestamp) -> Moment {
    Moment { iso: at.to_string(), text: at.strftime("%-d %b %Y, %H:%M UTC").to_string() }
}

/// What a colour stands for. The word beside it says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Quiet,
    Busy,
    Good,
    Warn,
    Bad,
    Person,
}

impl Tone {
    /// Its name in the stylesheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Busy => "busy",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Person => "person",
        }
    }
}

/// The colour of a phase.
pub const fn tone_of(phase: Phase) -> Tone {
    match phase {
        Phase::Pending | Phase::Suspended => Tone::Quiet,
        Phase::Running => Tone::Busy,
        Phase::Waiting => Tone::Warn,
        Phase::Review => Tone::Person,
        Phase::Succeeded => Tone::Good,
        Phase::Failed => Tone::Bad,
    }
}

/// A step, by what it makes.
pub const fn step(name: StepName) -> &'static str {
    match name {
        StepName::WriteScript => "Script",
        StepName::GenerateImages => "Pictures",
        StepName::NarrateScenes => "Voices",
        StepName::AnimateScenes => "Clips",
        StepName::AssembleVideo => "Film",
        StepName::PublishVideo => "Publication",
    }
}

/// The state of a step in words, its sign and its colour.
pub const fn state(state: StepState) -> (&'static str, &'static str, Tone) {
    match state {
        StepState::Pending => ("to come", "·", Tone::Quiet),
        StepState::Waiting => ("waits", "◷", Tone::Warn),
        StepState::Running => ("at work", "▸", Tone::Busy),
        StepState::Succeeded => ("done", "✓", Tone::Good),
        StepState::Failed => ("failed", "✕", Tone::Bad),
        StepState::Skipped => ("not needed", "–", Tone::Quiet),
    }
}

/// How an attempt ended.
pub const fn ending(exit: ExitCode) -> &'static str {
    match exit {
        ExitCode::Done => "done",
        ExitCode::ContentRefused => "content refused",
        ExitCode::MissingInput => "an earlier file is gone",
        ExitCode::ProviderDown => "service down",
        ExitCode::Bug => "a fault of the program",
        ExitCode::Storage => "bucket out of reach",
        ExitCode::TryLater => "to be tried later",
        ExitCode::Credentials => "credentials refused",
        ExitCode::Configuration => "settings that cannot be followed",
        ExitCode::QualityCheck => "the film failed its checks",
    }
}

/// An amount of money.
pub fn money(amount: Money) -> String {
    format!("${amount}")
}

const SIZES: [(i64, &str); 4] =
    [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];

/// A size in decimal units, as buckets are billed.
pub fn bytes(size: i64) -> String {
    let Some((unit, name)) = SIZES.iter().find(|(unit, _)| size >= *unit) else { return format!("{size} B") };
    let tenths = i128::from(size) * 10 / i128::from(*unit);
    if tenths >= 1000 || tenths % 10 == 0 {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// A span of time in its two largest units.
pub fn span(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds = seconds.max(0);
    let Some(first) = units.iter().position(|(unit, _)| seconds >= *unit) else { return "0 s".to_owned() };
    let (unit, name) = units[first];
    let rest = units
        .get(first + 1)
        .map(|(less, name)| (seconds % unit / less, name))
        .filter(|(count, _)| *count > 0);
    match rest {
        Some((count, less)) => format!("{} {name} {count} {less}", seconds / unit),
        None => format!("{} {name}", seconds / unit),
    }
}

/// The time from one to another in words.
pub fn between(from: Timestamp, to: Timestamp) -> String {
    span(to.duration_since(from).as_secs())
}

/// How long ago, or in how long.
pub fn from_now(at: Timestamp, now: Timestamp) -> String {
    let apart = at.duration_since(now);
    if apart >= SignedDuration::ZERO {
        format!("in {}", span(apart.as_secs()))
    } else {
        format!("{} ago", span(-apart.as_secs()))
    }
}

/// A number with its noun.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A number with commas between thousands.
pub fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// A place in a line.
pub fn ordinal(place: usize) -> String {
    let ending = match (place % 10, place % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_sizes_and_places_read_as_people_write_them() {
        for (seconds, text) in [
            (-5, "0 s"),
            (0, "0 s"),
            (45, "45 s"),
            (60, "1 min"),
            (3_661, "1 h 1 min"),
            (3_601, "1 h"),
            (180_000, "2 d 2 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
        for (size, text) in
            [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2_000_000, "2 MB"), (123_400_000, "123 MB")]
        {
            assert_eq!(bytes(size), text);
        }
        assert_eq!(bytes(i64::MAX), "9223372 TB");
        assert_eq!([0, 999, 1_000, -1_234_567].map(number), ["0", "999", "1,000", "-1,234,567"]);
        let places = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal);
        assert_eq!(places, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]);
        let (now, later) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(90).unwrap());
        assert_eq!(
            (from_now(later, now), from_now(now, later)),
            ("in 1 min 30 s".to_owned(), "1 min 30 s ago".to_owned())
        );
        assert_eq!(moment(now).text, "1 Jan 1970, 00:00 UTC");
    }
}
