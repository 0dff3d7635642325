//! When a schedule is due, by the clock of its time zone. Pure.
//!
//! Fields mean what cron means by them: where both day fields are restricted, either of them suffices. Where the clock is
//! put forward, a schedule of one time a day that would fall into the hour that is skipped is due at the first moment
//! after it, and one of several times or steps leaves the skipped times out. Where the clock is put back, one time a day
//! is due once, at the first of the two, and steps are due in both hours. A slot that nobody was there for is not made
//! up.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone as Zone;
use jiff::{SignedDuration, Timestamp};
use videofactory_crds::schedule::{CronSchedule, TimeZone};

/// How late a slot may be noticed and still be due: a change of leader takes less, an outage does not count.
const LATE_BY: SignedDuration = SignedDuration::from_mins(10);
/// How long after its time a slot is missed.
pub const TOO_LATE: SignedDuration = SignedDuration::from_secs(10 * 60 + 1);
/// Where a search fails over a day that a zone left out altogether, it continues from behind it.
const BEHIND: [SignedDuration; 2] = [SignedDuration::from_hours(23), SignedDuration::from_hours(24)];

/// A schedule that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadScheduleError {
    /// No such time zone is known here.
    #[error(
        "time zone {zone:?} is not known: write a name of the IANA database such as Etc/UTC or Europe/Paris"
    )]
    FindZone {
        /// What was written.
        zone: String,
    },
    /// No five fields of cron.
    #[error(
        "schedule {schedule:?} cannot be read: {problem}; write five cron fields such as \"0 3 * * *\" for 03:00 every day"
    )]
    ReadFields {
        /// What was written.
        schedule: String,
        /// What is wrong.
        problem: String,
    },
}

/// A schedule in its time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: Zone,
}

impl Schedule {
    /// Reads a schedule and looks its zone up.
    pub fn read(schedule: &CronSchedule, zone: &TimeZone) -> Result<Self, ReadScheduleError> {
        let unknown = |_| ReadScheduleError::FindZone { zone: zone.to_string() };
        let zone = Zone::get(zone.as_str()).map_err(unknown)?;
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            // `5/15` is every 15 from 5 on, as a CronJob has it.
            .sloppy_ranges(true)
            .build();
        let cron = parser.parse(schedule.as_str()).map_err(|error| ReadScheduleError::ReadFields {
            schedule: schedule.to_string(),
            problem: error.to_string(),
        })?;
        Ok(Self { cron, zone })
    }

    /// The first slot after this time; none if there never is one, as on 30 February.
    #[must_use]
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let from = |time: Timestamp| {
            let start = time.to_zoned(self.zone.clone());
            self.cron.find_next_occurrence(&start, false).ok().map(|slot| slot.timestamp())
        };
        from(time).or_else(|| BEHIND.into_iter().find_map(|gap| from(time.checked_add(gap).ok()?)))
    }

    /// Whether this time is one of its slots.
    #[must_use]
    pub fn has(&self, slot: Timestamp) -> bool {
        let before = slot.checked_sub(SignedDuration::from_secs(1)).ok();
        before.and_then(|before| self.next_after(before)) == Some(slot)
    }

    /// What is due now and what comes after, given the slot that was announced as next before.
    #[must_use]
    pub fn due_slot(&self, announced: Option<Timestamp>, now: Timestamp) -> DueSlot {
        // What another schedule had announced says nothing.
        let announced = announced.filter(|slot| self.has(*slot));
        let Some(slot) = announced else { return DueSlot { due: None, next: self.next_after(now) } };
        if slot > now {
            // Which the schedule may have become earlier than, or the clock that announced it was ahead of ours.
            return DueSlot { due: None, next: self.next_after(now) };
        }
        let earliest = now.checked_sub(LATE_BY).unwrap_or(Timestamp::MIN).max(slot);
        // The last slot that is not too old: those before it are not made up.
        let mut due = None;
        let mut next = if earliest == slot { Some(slot) } else { self.next_after(earliest) };
        while let Some(slot) = next.filter(|slot| *slot <= now) {
            due = Some(slot);
            next = self.next_after(slot);
        }
        DueSlot { due, next }
    }
}

/// What a schedule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueSlot {
    /// The slot that is due now.
    pub due: Option<Timestamp>,
    /// The next one, later than now.
    pub next: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(fields: &str, zone: &str) -> Schedule {
        Schedule::read(&CronSchedule::new(fields), &TimeZone::new(zone)).unwrap()
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    /// The slots after a time, as the clock of the zone shows them.
    fn slots(fields: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let schedule = schedule(fields, zone);
        let zone = Zone::get(zone).unwrap();
        let mut last = at(after);
        let mut shown = Vec::new();
        while shown.len() < count {
            let Some(slot) = schedule.next_after(last) else { break };
            assert!(slot > last, "{slot} after {last}");
            shown.push(slot.to_zoned(zone.clone()).strftime("%m-%d %a %H:%M%:z").to_string());
            last = slot;
        }
        shown
    }

    #[test]
    fn fields_mean_what_cron_means_by_them() {
        // 2026-01-01 is a Thursday.
        for (fields, expected) in [
            ("0 3 * * *", ["01-01 Thu 03:00+00:00", "01-02 Fri 03:00+00:00"]),
            ("*/20 * * * *", ["01-01 Thu 00:20+00:00", "01-01 Thu 00:40+00:00"]),
            ("5/20 1 * * *", ["01-01 Thu 01:05+00:00", "01-01 Thu 01:25+00:00"]),
            ("0 0 * * 0", ["01-04 Sun 00:00+00:00", "01-11 Sun 00:00+00:00"]),
            ("0 0 * * 7", ["01-04 Sun 00:00+00:00", "01-11 Sun 00:00+00:00"]),
            ("0 0 * * SUN", ["01-04 Sun 00:00+00:00", "01-11 Sun 00:00+00:00"]),
            ("0 0 * * 5-7", ["01-02 Fri 00:00+00:00", "01-03 Sat 00:00+00:00"]),
            ("30 4 1,15 * *", ["01-01 Thu 04:30+00:00", "01-15 Thu 04:30+00:00"]),
            ("0 0 31 * *", ["01-31 Sat 00:00+00:00", "03-31 Tue 00:00+00:00"]),
            ("0 0 1 MAR *", ["03-01 Sun 00:00+00:00", "03-01 Mon 00:00+00:00"]),
            ("15-45/15 9-10 * * MON-FRI", ["01-01 Thu 09:15+00:00", "01-01 Thu 09:30+00:00"]),
            // Both day fields: either suffices.
            ("0 0 3 * 1", ["01-03 Sat 00:00+00:00", "01-05 Mon 00:00+00:00"]),
        ] {
            assert_eq!(slots(fields, "Etc/UTC", "2026-01-01T00:00:00Z", 2), expected, "{fields}");
        }
    }

    #[test]
    fn a_leap_day_comes_every_four_years_and_30_february_never() {
        let leap = schedule("0 0 29 2 *", "Etc/UTC");
        assert_eq!(leap.next_after(at("2026-01-01T00:00:00Z")), Some(at("2028-02-29T00:00:00Z")));
        assert_eq!(schedule("0 0 30 2 *", "Etc/UTC").next_after(at("2026-01-01T00:00:00Z")), None);
    }

    #[test]
    fn a_time_that_the_clock_skips_is_due_right_after() {
        // New York goes from 02:00 to 03:00 on 8 March 2026.
        assert_eq!(
            slots("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2),
            ["03-08 Sun 03:00-04:00", "03-09 Mon 02:30-04:00"]
        );
        // Several times or steps: those that do not exist are left out.
        assert_eq!(
            slots("*/30 * * * *", "America/New_York", "2026-03-08T06:15:00Z", 3),
            ["03-08 Sun 01:30-05:00", "03-08 Sun 03:00-04:00", "03-08 Sun 03:30-04:00"]
        );
        // Cairo skips midnight.
        assert_eq!(
            slots("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", 2),
            ["04-24 Fri 01:00+03:00", "04-25 Sat 00:00+03:00"]
        );
    }

    #[test]
    fn a_time_that_comes_twice_is_due_once_and_steps_continue() {
        // New York goes from 02:00 back to 01:00 on 1 November 2026.
        assert_eq!(
            slots("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2),
            ["11-01 Sun 01:30-04:00", "11-02 Mon 01:30-05:00"]
        );
        assert_eq!(
            slots("30 * * * *", "America/New_York", "2026-11-01T05:00:00Z", 3),
            ["11-01 Sun 01:30-04:00", "11-01 Sun 01:30-05:00", "11-01 Sun 02:30-05:00"]
        );
        // Lord Howe's clock is put back by half an hour.
        assert_eq!(
            slots("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T02:00:00Z", 2),
            ["04-05 Sun 01:45+11:00", "04-06 Mon 01:45+10:30"]
        );
    }

    #[test]
    fn a_day_that_a_zone_left_out_breaks_nothing() {
        // Samoa had no 30 December 2011.
        assert_eq!(
            slots("0 3 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 2),
            ["12-29 Thu 03:00-10:00", "12-31 Sat 03:00+14:00"]
        );
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        let read = |fields: &str, zone: &str| {
            Schedule::read(&CronSchedule::new(fields), &TimeZone::new(zone)).map(drop)
        };
        let unknown = read("0 3 * * *", "Mars/Olympus").unwrap_err();
        assert!(unknown.to_string().contains("Mars/Olympus"), "{unknown}");
        for fields in ["", "0 3 * *", "0 0 3 * * *", "60 * * * *", "0 3 * * 5-2", "@daily x"] {
            let refused = read(fields, "Etc/UTC").unwrap_err();
            assert!(matches!(refused, ReadScheduleError::ReadFields { .. }), "{fields}: {refused}");
        }
    }

    fn due_slot(fields: &str, announced: Option<&str>, now: &str) -> (Option<Timestamp>, Option<Timestamp>) {
        let due_slot = schedule(fields, "Etc/UTC").due_slot(announced.map(at), at(now));
        (due_slot.due, due_slot.next)
    }

    #[test]
    fn a_slot_is_due_from_its_time_on_and_not_when_it_was_missed() {
        let (three, tomorrow) = ("2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z");
        let daily = "0 3 * * *";
        assert_eq!(due_slot(daily, None, "2026-01-01T02:00:00Z"), (None, Some(at(three))));
        assert_eq!(due_slot(daily, Some(three), "2026-01-01T02:59:59Z"), (None, Some(at(three))));
        assert_eq!(due_slot(daily, Some(three), three), (Some(at(three)), Some(at(tomorrow))));
        assert_eq!(
            due_slot(daily, Some(three), "2026-01-01T03:10:00Z"),
            (Some(at(three)), Some(at(tomorrow)))
        );
        assert_eq!(due_slot(daily, Some(three), "2026-01-01T03:10:01Z"), (None, Some(at(tomorrow))));
    }

    #[test]
    fn of_several_slots_only_the_last_is_due() {
        let five = "*/5 * * * *";
        assert_eq!(
            due_slot(five, Some("2026-01-01T10:00:00Z"), "2026-01-01T10:07:00Z"),
            (Some(at("2026-01-01T10:05:00Z")), Some(at("2026-01-01T10:10:00Z")))
        );
        assert_eq!(
            due_slot(five, Some("2026-01-01T02:00:00Z"), "2026-01-01T10:07:00Z"),
            (Some(at("2026-01-01T10:05:00Z")), Some(at("2026-01-01T10:10:00Z")))
        );
    }

    #[test]
    fn what_another_schedule_had_announced_is_not_due() {
        assert_eq!(
            due_slot("0 4 * * *", Some("2026-01-01T03:00:00Z"), "2026-01-01T03:00:05Z"),
            (None, Some(at("2026-01-01T04:00:00Z")))
        );
        assert_eq!(
            due_slot("0 4 * * *", Some("2026-01-01T05:00:00Z"), "2026-01-01T03:00:05Z"),
            (None, Some(at("2026-01-01T04:00:00Z")))
        );
    }

    proptest! {
        #[test]
        fn slots_go_forward_and_each_is_one_of_the_schedules(
            fields in prop::sample::select(vec!["*/7 * * * *", "30 2 * * *", "0 */3 * * 1-5", "15 1 1,15 * 0", "59 23 * * *"]),
            zone in prop::sample::select(vec!["Etc/UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata"]),
            second in 1_700_000_000_i64..1_900_000_000,
        ) {
            let schedule = schedule(fields, zone);
            let time = Timestamp::from_second(second).unwrap();
            let next = schedule.next_after(time).unwrap();
            prop_assert!(next > time);
            prop_assert!(schedule.has(next));
            // Nothing lies between: from any moment before it, the same slot is next.
            let before = next.checked_sub(SignedDuration::from_secs(1)).unwrap();
            prop_assert_eq!(schedule.next_after(before), Some(next));
            let between = Timestamp::from_second(i64::midpoint(second, before.as_second())).unwrap();
            prop_assert_eq!(schedule.next_after(between), Some(next));
        }

        #[test]
        fn a_slot_is_due_once_however_often_one_looks(
            fields in prop::sample::select(vec!["*/7 * * * *", "0 3 * * *", "30 1 * * *"]),
            zone in prop::sample::select(vec!["Etc/UTC", "America/New_York"]),
            begin in 1_772_900_000_i64..1_800_000_000,
            steps in prop::collection::vec(1_i64..4_000, 1..60),
        ) {
            let schedule = schedule(fields, zone);
            let (mut now, mut announced, mut last) = (begin, None, None);
            for step in steps {
                let time = Timestamp::from_second(now).unwrap();
                let due_slot = schedule.due_slot(announced, time);
                if let Some(due) = due_slot.due {
                    prop_assert!(due <= time && last.is_none_or(|last| due > last));
                    last = Some(due);
                }
                prop_assert!(due_slot.next.is_some_and(|next| next > time));
                prop_assert_eq!(schedule.due_slot(due_slot.next, time), DueSlot { due: None, next: due_slot.next });
                announced = due_slot.next;
                now += step;
            }
        }
    }
}
