//! Compares limits with their table in docs/operating.md. Each module compares its own.

use videofactory_client::json::MOST_VALUES;

use crate::MOST_BODY_BYTES;
use crate::body::LONGEST;

/// Fails unless the table of limits has this row, as far as given.
#[track_caller]
pub fn limit(row: &str) {
    let page = include_str!("../../docs/operating.md");
    let beginning = format!("| {row}");
    assert!(
        page.lines().any(|line| line.starts_with(&beginning)),
        "docs/operating.md has no row {beginning}"
    );
}

/// A number from 1,000 to 999,999 as the page writes it.
pub fn thousands(number: usize) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}

/// A whole number of MiB as the page writes it.
#[track_caller]
pub fn mib(bytes: usize) -> String {
    assert!(bytes.is_multiple_of(1 << 20), "{bytes} bytes");
    format!("{} MiB", bytes >> 20)
}

#[test]
fn the_limits_of_bodies_are_documented() {
    let (bytes, values, seconds) = (mib(MOST_BODY_BYTES), thousands(MOST_VALUES), LONGEST.as_secs());
    limit(&format!("Body of a request | {bytes}, {values} values, {seconds} s |"));
}
