//! Times, sizes and tables as kubectl reads and writes them. Pure.

use std::io::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use tabwriter::TabWriter;

/// What stands where there is nothing.
pub const NONE: &str = "-";

/// A span of seconds in at most two units, as kubectl writes ages.
#[must_use]
pub fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |large: i64, unit: char, small: i64, small_unit: char| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{small_unit}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, 'd', hours % 24, 'h'),
        691_200..63_072_000 => format!("{days}d"),
        _ => two(days / 365, 'y', days % 365, 'd'),
    }
}

/// How long ago a time was.
#[must_use]
pub fn age(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or_else(|| "<unknown>".to_owned(), |at| span(now.as_second() - at.as_second()))
}

/// How far off a time is.
#[must_use]
pub fn until(at: Timestamp, now: Timestamp) -> String {
    let left = at.as_second() - now.as_second();
    if left <= 0 { "now".to_owned() } else { format!("in {}", span(left)) }
}

/// A time to wait, such as `90s` or `2h`; `0` is for ever.
pub fn read_timeout(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") {
        return Ok(Duration::MAX);
    }
    let plain: Option<u64> = text.parse().ok();
    match plain {
        // Without a unit kubectl takes seconds.
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => {
            text.parse::<videofactory_crds::Duration>().map(Duration::from).map_err(|error| error.to_string())
        }
    }
}

/// A number of bytes with a decimal suffix, as buckets are billed.
#[must_use]
pub fn bytes(bytes: i64) -> String {
    const UNITS: [(&str, i64); 4] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    let unit = UNITS.into_iter().find(|(_, factor)| bytes >= *factor);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(unit, factor)| {
            let tenths = i128::from(bytes) * 10 / i128::from(factor);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        },
    )
}

/// `1 job`, `2 jobs`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A text from elsewhere on one line: what would move the cursor or colour the terminal is left out.
#[must_use]
pub fn plain(text: &str) -> String {
    let spaced = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    spaced.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text that may hold some from elsewhere, with its lines as they are, and without what would move the cursor or colour
/// the terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    let kept = |letter: char| if letter.is_control() && letter != '\n' { ' ' } else { letter };
    text.chars().map(kept).collect()
}

/// The text, or a dash.
#[must_use]
pub fn or_none(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| NONE.to_owned())
}

/// Columns as kubectl aligns them, with three spaces between. Ends with a newline.
#[must_use]
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut lines = Vec::with_capacity(rows.len() + 1);
    if !header.is_empty() {
        lines.push(header.join("\t"));
    }
    lines.extend(rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect::<Vec<_>>().join("\t")));
    let mut writer = TabWriter::new(Vec::new()).padding(3);
    // A vector takes all that is written.
    let _ = writer.write_all(lines.join("\n").as_bytes());
    let aligned = writer.into_inner().unwrap_or_default();
    let aligned = String::from_utf8_lossy(&aligned);
    let mut text: String = aligned.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_kubectl_writes_them() {
        for (seconds, text) in [
            (-5, "0s"),
            (119, "119s"),
            (120, "2m"),
            (245, "4m5s"),
            (3_600, "60m"),
            (11_100, "3h5m"),
            (36_000, "10h"),
            (180_000, "2d2h"),
            (2_592_000, "30d"),
            (70_000_000, "2y80d"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn a_time_may_be_plain_seconds_and_nought_is_for_ever() {
        assert_eq!(read_timeout("30"), Ok(Duration::from_secs(30)));
        assert_eq!(read_timeout("2h"), Ok(Duration::from_hours(2)));
        assert_eq!(read_timeout("0"), Ok(Duration::MAX));
        assert!(read_timeout("soon").unwrap_err().contains("90s"));
    }

    #[test]
    fn a_future_time_is_distinguished_from_the_present() {
        let now: Timestamp = "2026-12-24T18:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(until(at("2026-12-24T19:12:00Z"), now), "in 72m");
        assert_eq!(until(at("2026-12-24T17:59:59Z"), now), "now");
        assert_eq!(age(None, now), "<unknown>");
    }

    #[test]
    fn sizes_have_one_decimal() {
        for (size, text) in [(0, "0 B"), (999, "999 B"), (12_449_999, "12.4 MB"), (9_500_000_000, "9.5 GB")] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn columns_are_aligned_and_lines_end_with_text() {
        let rows = vec![
            vec!["ocean".to_owned(), "Running".to_owned(), String::new()],
            vec!["sea".to_owned(), "Waiting".to_owned(), "x\u{1b}[31m\ny".to_owned()],
        ];
        let expected = "NAME    PHASE     NOTE\nocean   Running\nsea     Waiting   x [31m y\n";
        assert_eq!(table(&["NAME", "PHASE", "NOTE"], &rows), expected);
    }

    #[test]
    fn what_a_terminal_would_obey_is_left_out_and_lines_stay() {
        assert_eq!(printable("error: a\u{1b}]0;b\u{7}\r\u{9b}2J\n`next`"), "error: a ]0;b   2J\n`next`");
    }

    #[test]
    fn nothing_is_one_line_of_headers() {
        assert_eq!(table(&["NAME"], &[]), "NAME\n");
    }
}
