//! Moments: so many seconds later, in whole seconds, and where the periods of a `Fixed` window end, by the clock of a time
//! zone. Pure.
//!
//! Periods of up to a day are counted from each local midnight, and the last of a day ends at the next one; longer
//! periods are counted from the midnight that began Monday 5 January 1970. All by what a clock on the wall there shows,
//! so that a day lasts 23 or 25 hours where the clock is changed.

use jiff::civil::{DateTime, Time, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const DAY: i64 = 86_400;

/// The moment so many seconds later; the end of time if there is none.
#[must_use]
pub fn plus(at: Timestamp, seconds: i64) -> Timestamp {
    let end = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(end)
}

/// The first whole second that is not earlier: the API keeps no fraction, and nothing may seem free too early.
#[must_use]
pub fn whole(at: Timestamp) -> Timestamp {
    let floor = Timestamp::from_second(at.as_second()).unwrap_or(at);
    if floor < at { plus(floor, 1) } else { floor }
}

/// End of the period that contains `at`, in periods of `period` seconds; always later than `at`.
#[must_use]
pub fn end_of_period(zone: &TimeZone, period: i64, at: Timestamp) -> Timestamp {
    let local = zone.to_datetime(at);
    boundaries(local, period.max(1))
        .map_while(|boundary| boundary.and_then(|boundary| zone.to_timestamp(boundary).ok()))
        // Where the clock is put back, a boundary of the first pass may lie before a moment of the second.
        .find(|boundary| *boundary > at)
        .unwrap_or_else(|| plus(at, period))
}

/// The boundaries after a local time, in order; `None` past the end of the calendar.
fn boundaries(local: DateTime, period: i64) -> impl Iterator<Item = Option<DateTime>> {
    let midnight = local.date().to_datetime(Time::midnight());
    let origin = if period <= DAY { midnight } else { date(1970, 1, 5).to_datetime(Time::midnight()) };
    let passed = local.duration_since(origin).as_secs().div_euclid(period);
    (1..).map(move |next| {
        let mut seconds = passed.saturating_add(next).saturating_mul(period);
        if period <= DAY && seconds >= DAY {
            // The day's last period ends with it; what lies beyond begins with the next midnight.
            let days = seconds.div_euclid(DAY).max(1);
            seconds = days.saturating_mul(DAY);
        }
        origin.checked_add(SignedDuration::from_secs(seconds)).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(zone: &str, period: i64, at: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let end = end_of_period(&zone, period, at.parse().unwrap());
        end.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    #[test]
    fn a_day_ends_at_midnight_by_the_clock_of_its_zone() {
        assert_eq!(end("Etc/UTC", DAY, "2026-01-01T00:00:00Z"), "2026-01-02 00:00:00 +00:00");
        assert_eq!(end("Etc/UTC", DAY, "2026-01-01T23:59:59Z"), "2026-01-02 00:00:00 +00:00");
        assert_eq!(end("America/Los_Angeles", DAY, "2026-01-01T07:59:59Z"), "2026-01-01 00:00:00 -08:00");
        assert_eq!(end("America/Los_Angeles", DAY, "2026-01-01T08:00:00Z"), "2026-01-02 00:00:00 -08:00");
        assert_eq!(end("Asia/Kolkata", DAY, "2026-01-01T18:29:59Z"), "2026-01-02 00:00:00 +05:30");
    }

    #[test]
    fn a_day_lasts_23_or_25_hours_where_the_clock_is_changed() {
        assert_eq!(end("America/Los_Angeles", DAY, "2026-03-08T08:00:00Z"), "2026-03-09 00:00:00 -07:00");
        assert_eq!(end("America/Los_Angeles", DAY, "2026-03-09T06:59:59Z"), "2026-03-09 00:00:00 -07:00");
        assert_eq!(end("America/Los_Angeles", DAY, "2026-11-01T07:00:00Z"), "2026-11-02 00:00:00 -08:00");
        assert_eq!(end("America/Los_Angeles", DAY, "2026-11-02T07:59:59Z"), "2026-11-02 00:00:00 -08:00");
    }

    #[test]
    fn a_midnight_that_the_clock_skips_is_the_first_moment_of_its_day() {
        // Cairo goes from 24 April 00:00 to 01:00.
        assert_eq!(end("Africa/Cairo", DAY, "2026-04-23T20:00:00Z"), "2026-04-24 01:00:00 +03:00");
        assert_eq!(end("Africa/Cairo", DAY, "2026-04-23T22:00:00Z"), "2026-04-25 00:00:00 +03:00");
    }

    #[test]
    fn shorter_periods_are_counted_from_midnight_and_the_last_ends_with_the_day() {
        assert_eq!(end("Etc/UTC", 7_200, "2026-01-01T03:00:00Z"), "2026-01-01 04:00:00 +00:00");
        assert_eq!(end("Etc/UTC", 25_200, "2026-01-01T20:59:59Z"), "2026-01-01 21:00:00 +00:00");
        assert_eq!(end("Etc/UTC", 25_200, "2026-01-01T21:00:00Z"), "2026-01-02 00:00:00 +00:00");
        assert_eq!(end("Etc/UTC", 25_200, "2026-01-02T00:00:00Z"), "2026-01-02 07:00:00 +00:00");
    }

    #[test]
    fn longer_periods_are_counted_from_a_monday() {
        assert_eq!(end("Etc/UTC", 7 * DAY, "2026-01-01T12:00:00Z"), "2026-01-05 00:00:00 +00:00");
        assert_eq!(end("Etc/UTC", 7 * DAY, "2026-01-05T00:00:00Z"), "2026-01-12 00:00:00 +00:00");
        assert_eq!(end("Etc/UTC", 7 * DAY, "1969-12-31T00:00:00Z"), "1970-01-05 00:00:00 +00:00");
    }

    #[test]
    fn every_end_is_later_than_its_moment_also_while_the_clock_is_changed() {
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        for begin in ["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"] {
            let begin: Timestamp = begin.parse().unwrap();
            for period in [600, 1_800, 3_600, 5_400, 7_200, 25_200, DAY, 2 * DAY] {
                let mut last = Timestamp::MIN;
                for step in 0..(30 * 12) {
                    let at = plus(begin, step * 300);
                    let end = end_of_period(&zone, period, at);
                    assert!(end > at, "{period} {at} {end}");
                    assert!(end >= last, "{period} {at}: ends never go back");
                    last = end;
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_calendar_break_nothing() {
        let zone = TimeZone::get("Pacific/Auckland").unwrap();
        for period in [1, DAY, 864_000_000_000_i64] {
            for at in [Timestamp::MIN, Timestamp::MAX] {
                let _ = end_of_period(&zone, period, at);
            }
        }
    }
}
