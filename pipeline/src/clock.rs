//! The one place that reads the wall clock. Everything else takes `now` as a parameter.

use jiff::Timestamp;

/// The time now, to the second: no status, log or digest of ours carries a finer one.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Timestamp {
    let exact = Timestamp::now();
    Timestamp::from_second(exact.as_second()).unwrap_or(exact)
}

/// The time now as exactly as it is known: for spans, which may be shorter than a second, for tests that measure, and for
/// nothing else.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn exact() -> Timestamp {
    Timestamp::now()
}
