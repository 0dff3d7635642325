//! How full a bucket is, how often that is measured, and what it all costs in operations. Pure.
//!
//! A listing costs, so a measured usage is kept current by what jobs write and runs delete, until the next one corrects
//! it.

use std::time::Duration;

use jiff::Timestamp;
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::storagepolicy::{
    KindUsage, OperationsEstimate, StorageLevel, StorageUsage, WaterMarks,
};

use super::plan;
use super::schedule::Schedule;
use crate::usage_deltas::Changes;

/// Seconds of the month that operations are billed by.
const MONTH: i64 = 30 * 86_400;
/// Class A operations a month that measuring may cost: 5 per cent of R2's free million.
const MEASURING_A_MONTH: i64 = 50_000;
/// Files that one listing names at most.
const FILES_A_PAGE: i64 = 1_000;
/// Listings that a run over an empty bucket costs: one for each kind, for backups, plans and assets, and for the names of
/// folders. A measurement costs one less.
const MIN_PAGES: i64 = 10;
/// Least and longest time between two measurements.
const BETWEEN: (Duration, Duration) = (Duration::from_mins(15), Duration::from_hours(24));
/// Reads that a written file costs as a rule: asked for by name, read by the next step, and read to be published.
const READS_A_FILE: i64 = 3;
/// Reads a month that the look at the bucket every five minutes costs: whether it is there, and whose it is.
const LOOKS_A_MONTH: i64 = 2 * MONTH / 300;
/// Files written are counted over at least a day, so that one film makes no month, and at most about a month.
const COUNTED_OVER: (i64, i64) = (86_400, MONTH);

/// Listings that a run over so many files costs, or a measurement at most.
#[must_use]
pub const fn pages(objects: i64) -> i64 {
    MIN_PAGES.saturating_add(objects / FILES_A_PAGE)
}

/// How long to wait between two measurements of so many files.
#[must_use]
pub fn interval(objects: i64) -> Duration {
    let seconds = pages(objects.max(0)).saturating_mul(MONTH).div_euclid(MEASURING_A_MONTH);
    Duration::from_secs(seconds.unsigned_abs()).clamp(BETWEEN.0, BETWEEN.1)
}

/// The level that so many bytes reach.
#[must_use]
pub const fn level(bytes: i64, marks: &WaterMarks) -> StorageLevel {
    if bytes >= marks.limit {
        StorageLevel::Full
    } else if bytes >= marks.stop {
        StorageLevel::Stopped
    } else if bytes >= marks.warn {
        StorageLevel::Warning
    } else {
        StorageLevel::Normal
    }
}

/// Bytes in per cent of the limit, rounded down.
#[must_use]
pub fn percent(bytes: i64, limit: i64) -> i32 {
    let percent = i128::from(bytes.max(0)) * 100 / i128::from(limit.max(1));
    i32::try_from(percent).unwrap_or(i32::MAX)
}

/// The usage with what was written and deleted since it was measured. Nothing falls below zero: what was deleted may
/// have been written before anybody counted.
#[must_use]
pub fn with_changes(usage: &StorageUsage, changes: &Changes) -> StorageUsage {
    let mut usage = usage.clone();
    let add = |sum: i64, more: i64| sum.saturating_add(more).max(0);
    for (kind, change) in changes {
        let known = usage.by_kind.iter_mut().find(|known| known.kind == *kind);
        match known {
            Some(known) => {
                known.bytes = add(known.bytes, change.bytes);
                known.objects = add(known.objects, change.objects);
            }
            None => usage.by_kind.push(KindUsage {
                kind: *kind,
                bytes: change.bytes.max(0),
                objects: change.objects.max(0),
            }),
        }
        usage.bytes = Some(add(usage.bytes.unwrap_or_default(), change.bytes));
        usage.objects = Some(add(usage.objects.unwrap_or_default(), change.objects));
    }
    usage.by_kind.sort_by_key(|known| known.kind);
    usage
}

/// The estimate's counter with the files that were written since; the estimate itself stays.
#[must_use]
pub fn counted(before: Option<&OperationsEstimate>, changes: &Changes, now: Timestamp) -> OperationsEstimate {
    let mut estimate = before.cloned().unwrap_or_default();
    let written: i64 = changes.values().map(|change| change.objects.max(0)).sum();
    let since = estimate.counted_since.get_or_insert_with(|| whole_seconds(now));
    let mut count = estimate.counted_writes.unwrap_or_default().saturating_add(written);
    if now.duration_since(since.0).as_secs() > COUNTED_OVER.1 {
        // The older half is forgotten, as if it had been like the newer one.
        let half = now.duration_since(since.0) / 2;
        *since = whole_seconds(now.checked_sub(half).unwrap_or(since.0));
        count /= 2;
    }
    estimate.counted_writes = Some(count);
    estimate
}

/// The estimate made again, for so many files and these schedules.
#[must_use]
pub fn estimated(
    counter: &OperationsEstimate,
    objects: i64,
    prunes: Option<&Schedule>,
    backups: Option<&Schedule>,
    now: Timestamp,
) -> OperationsEstimate {
    let since = counter.counted_since.as_ref().map_or(now, |since| since.0);
    let over = now.duration_since(since).as_secs().max(COUNTED_OVER.0);
    let written = counter.counted_writes.unwrap_or_default().saturating_mul(MONTH) / over;
    let measured = MONTH / i64::try_from(interval(objects).as_secs()).unwrap_or(i64::MAX).max(1);
    let runs = prunes.map_or(0, |schedule| slots_a_month(schedule, now));
    let kept = backups.map_or(0, |schedule| slots_a_month(schedule, now));
    // A run lists, and writes its plan; a backup is written, and those before it are listed.
    let class_a = pages(objects)
        .saturating_mul(measured.saturating_add(runs))
        .saturating_add(runs)
        .saturating_add(kept.saturating_mul(2))
        .saturating_add(written);
    let class_b = written.saturating_mul(READS_A_FILE).saturating_add(LOOKS_A_MONTH);
    OperationsEstimate {
        class_a_per_month: Some(rounded(class_a)),
        class_b_per_month: Some(rounded(class_b)),
        ..counter.clone()
    }
}

/// About how often a schedule is due in a month: from its next few slots.
fn slots_a_month(schedule: &Schedule, now: Timestamp) -> i64 {
    let next = |slot: &Timestamp| schedule.next_after(*slot);
    let slots: Vec<Timestamp> = std::iter::successors(schedule.next_after(now), next).take(8).collect();
    let (Some(first), Some(last)) = (slots.first(), slots.last()) else { return 0 };
    let gaps = i64::try_from(slots.len()).unwrap_or(i64::MAX).saturating_sub(1);
    let took = last.duration_since(*first).as_secs();
    if took == 0 { 1 } else { (MONTH.saturating_mul(gaps) / took).max(1) }
}

/// Two digits are all that an estimate knows.
const fn rounded(count: i64) -> i64 {
    let mut unit = 1;
    while count / unit >= 100 {
        unit *= 10;
    }
    (count + unit / 2) / unit * unit
}

/// Bytes for people, in powers of ten as R2 bills them.
#[must_use]
pub fn size(bytes: i64) -> String {
    plan::size(bytes.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use videofactory_crds::schedule::{CronSchedule, TimeZone};
    use videofactory_crds::storagepolicy::ObjectKind;
    use videofactory_crds::storagepolicy::StorageLevel::{Full, Normal, Stopped, Warning};

    use super::*;
    use crate::usage_deltas::Change;

    const MARKS: WaterMarks = WaterMarks { target: 80, warn: 90, stop: 95, limit: 100 };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn schedule(fields: &str) -> Schedule {
        Schedule::read(&CronSchedule::new(fields), &TimeZone::new("Etc/UTC")).unwrap()
    }

    fn change(kind: ObjectKind, objects: i64, bytes: i64) -> Changes {
        Changes::from([(kind, Change { objects, bytes })])
    }

    #[test]
    fn each_mark_is_reached_by_its_own_size() {
        let levels = [0, 89, 90, 94, 95, 99, 100, 1_000].map(|bytes| level(bytes, &MARKS));
        assert_eq!(levels, [Normal, Normal, Warning, Warning, Stopped, Stopped, Full, Full]);
    }

    #[test]
    fn a_bucket_is_measured_as_often_as_its_listings_allow() {
        let minutes = |objects| interval(objects).as_secs() / 60;
        assert_eq!(minutes(0), 15);
        assert_eq!(minutes(7_000), 15);
        assert_eq!(minutes(100_000), 95);
        assert_eq!(minutes(1_000_000), 872);
        assert_eq!(minutes(50_000_000), 24 * 60);
        assert_eq!(minutes(i64::MAX), 24 * 60);
    }

    #[test]
    fn measuring_costs_at_most_a_twentieth_of_what_is_free() {
        for objects in [0, 1_000, 30_000, 1_000_000, 1_600_000] {
            let times = MONTH / i64::try_from(interval(objects).as_secs()).unwrap();
            assert!(pages(objects) * times <= MEASURING_A_MONTH, "{objects}");
        }
    }

    #[test]
    fn changes_are_added_to_their_kind_and_to_the_whole() {
        let usage = StorageUsage { bytes: Some(100), objects: Some(2), ..StorageUsage::default() };
        let more = with_changes(&usage, &change(ObjectKind::Videos, 1, 50));
        assert_eq!((more.bytes, more.objects), (Some(150), Some(3)));
        let more = with_changes(&more, &change(ObjectKind::Clips, 2, 5));
        let kinds: Vec<_> = more.by_kind.iter().map(|of| (of.kind, of.objects, of.bytes)).collect();
        assert_eq!(kinds, [(ObjectKind::Clips, 2, 5), (ObjectKind::Videos, 1, 50)]);
        let less = with_changes(&more, &change(ObjectKind::Videos, -9, -900));
        assert_eq!((less.bytes, less.objects), (Some(0), Some(0)), "nothing falls below zero");
    }

    #[test]
    fn an_estimate_of_operations_counts_listings_runs_and_writes() {
        let counter = counted(None, &change(ObjectKind::Clips, 500, 1), at(0));
        let daily = schedule("0 3 * * *");
        // Within the first day, 500 files are as many as a day's: 15,000 a month. An empty bucket is listed
        // 2,880 times by 10 pages, and 30 times for runs.
        let estimate = estimated(&counter, 0, Some(&daily), None, at(3_600));
        assert_eq!(estimate.class_a_per_month, Some(44_000));
        assert_eq!(estimate.class_b_per_month, Some(62_000));
        let idle = estimated(&OperationsEstimate::default(), 0, None, None, at(0));
        assert_eq!((idle.class_a_per_month, idle.class_b_per_month), (Some(29_000), Some(17_000)));
    }

    #[test]
    fn what_was_written_long_ago_is_forgotten() {
        let begun = counted(None, &change(ObjectKind::Clips, 1_000, 1), at(0));
        let later = counted(Some(&begun), &Changes::new(), at(MONTH + 2));
        assert_eq!(later.counted_writes, Some(500));
        assert_eq!(later.counted_since, Some(whole_seconds(at(MONTH / 2 + 1))));
        assert_eq!(counted(Some(&later), &Changes::new(), at(MONTH + 3)), later);
    }

    #[test]
    fn schedules_are_due_about_so_often_in_a_month() {
        let often = |fields| slots_a_month(&schedule(fields), at(0));
        assert_eq!(often("*/15 * * * *"), 2_880);
        assert_eq!(often("0 3 * * *"), 30);
        assert_eq!(often("0 4 * * 0"), 4);
        assert_eq!(often("0 4 30 2 *"), 0);
    }

    proptest! {
        #[test]
        fn a_level_never_falls_while_bytes_rise(one in 0_i64..200, other in 0_i64..200) {
            let (less, more) = (one.min(other), one.max(other));
            prop_assert!(level(less, &MARKS) <= level(more, &MARKS));
            prop_assert!(percent(less, 100) <= percent(more, 100));
        }

        #[test]
        fn the_order_of_changes_does_not_matter_while_all_are_writes(
            first in (0_i64..9, 0_i64..900), second in (0_i64..9, 0_i64..900),
        ) {
            let usage = StorageUsage::default();
            let (one, two) = (
                change(ObjectKind::Work, first.0, first.1), change(ObjectKind::Clips, second.0, second.1),
            );
            let mut both = one.clone();
            crate::usage_deltas::add(&mut both, &two);
            let together = with_changes(&usage, &both);
            prop_assert_eq!(&with_changes(&with_changes(&usage, &one), &two), &together);
            prop_assert_eq!(&with_changes(&with_changes(&usage, &two), &one), &together);
        }
    }
}
