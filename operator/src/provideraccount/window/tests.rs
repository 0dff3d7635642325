use proptest::prelude::*;

use super::super::testing::Service;
use super::*;

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn entry(second: i64, units: i64) -> Entry {
    Entry { at: at(second), channel: None, units }
}

fn reserved(second: i64, units: i64) -> Reserved {
    Reserved { from: at(second), channel: None, units }
}

fn window(limit: i64, period: i64, kind: Kind, spent: &[(i64, i64)]) -> Window {
    let mut window = Window::new(limit, period, kind);
    for (second, units) in spent {
        window.spend(entry(*second, *units));
    }
    window
}

fn rolling(limit: i64, spent: &[(i64, i64)]) -> Window {
    window(limit, 100, Kind::Rolling, spent)
}

/// Seconds after which so many units fit.
fn when(window: &Window, need: i64, now: i64) -> Option<i64> {
    window.when(need, at(now)).map(|found| found.duration_since(at(0)).as_secs())
}

#[test]
fn a_rolling_window_frees_each_unit_one_period_after_it_was_spent() {
    let window = rolling(3, &[(0, 1), (10, 1), (20, 1)]);
    assert_eq!(when(&window, 1, 30), Some(100));
    assert_eq!(when(&window, 2, 30), Some(110));
    assert_eq!(when(&window, 3, 30), Some(120));
    assert_eq!(when(&window, 4, 30), None, "more than there ever is");
    assert_eq!(when(&window, 1, 100), Some(100));
    assert_eq!(when(&window, 0, 30), Some(30));
    assert_eq!((window.used(at(99)), window.used(at(100)), window.used(at(120))), (3, 2, 0));
}

#[test]
fn what_is_reserved_counts_until_it_is_accounted_for() {
    let mut window = rolling(3, &[(0, 1)]);
    window.reserved = vec![reserved(5, 2)];
    assert_eq!(when(&window, 1, 10), Some(100));
    assert_eq!(when(&window, 2, 10), None, "nobody knows when what is reserved is spent");
    assert_eq!(window.held(), 2);
}

#[test]
fn what_is_reserved_for_later_is_not_lent_and_leaves_what_is_free_until_then() {
    let mut window = rolling(2, &[(0, 1), (50, 1)]);
    window.reserved = vec![reserved(100, 1)];
    assert_eq!(when(&window, 1, 90), Some(150), "the unit that opens at 100 is promised");
    window.limit = 3;
    assert_eq!(when(&window, 1, 90), Some(90));
    assert_eq!(when(&window, 2, 90), Some(150));
}

#[test]
fn a_limit_below_what_is_used_waits_until_enough_is_free() {
    let window = rolling(2, &[(0, 1), (10, 1), (20, 1), (30, 1)]);
    assert_eq!(when(&window, 1, 40), Some(120));
    assert_eq!(when(&window, 2, 40), Some(130));
    assert_eq!(when(&window, 3, 40), None);
    let mut window = rolling(1, &[]);
    window.reserved = vec![reserved(0, 5)];
    assert_eq!(when(&window, 1, 40), None);
}

#[test]
fn a_quota_of_one_opens_one_period_after_its_unit() {
    let mut window = rolling(1, &[(0, 1)]);
    assert_eq!(when(&window, 1, 1), Some(100));
    window.tidy(at(100));
    assert!(window.spent.is_empty());
    window.reserved = vec![reserved(100, 1)];
    assert_eq!(when(&window, 1, 100), None);
}

#[test]
fn a_refusal_of_the_service_goes_before_the_ledger_and_is_never_shortened() {
    let mut window = rolling(3, &[]);
    window.block(at(500));
    window.block(at(400));
    assert_eq!(when(&window, 1, 0), Some(500));
    window.tidy(at(499));
    assert_eq!(window.blocked_until, Some(at(500)));
    window.tidy(at(500));
    assert_eq!(window.blocked_until, None);
    assert_eq!(when(&window, 1, 500), Some(500));
}

#[test]
fn a_fixed_window_opens_a_second_after_its_boundary() {
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    let midnight: Timestamp = "2026-03-09T07:00:00Z".parse().unwrap();
    let spent: Timestamp = "2026-03-08T12:00:00Z".parse().unwrap();
    let mut window = Window::new(2, DAY, Kind::Fixed(zone));
    window.spend(Entry { at: spent, channel: None, units: 2 });
    assert_eq!(window.when(1, spent), Some(plus(midnight, 1)), "that day has 23 hours");
    // What was recorded in the first second may have been counted on either side.
    let mut first_second = window.clone();
    first_second.spent = vec![Entry { at: midnight, channel: None, units: 2 }];
    assert_eq!(first_second.when(1, midnight), Some(plus(midnight, DAY + 1)));
}

#[test]
fn an_anchored_window_opens_all_at_once_one_period_after_its_first_unit() {
    let window = window(3, 100, Kind::Anchored, &[(0, 1), (30, 1), (60, 1)]);
    assert_eq!([1, 2, 3].map(|need| when(&window, need, 70)), [Some(100); 3]);
    assert_eq!((window.used(at(99)), window.used(at(100))), (3, 0));
}

#[test]
fn what_may_have_been_counted_in_the_next_anchored_window_is_kept_for_a_whole_period() {
    let mut window = window(3, 100, Kind::Anchored, &[(0, 1), (30, 1), (95, 1)]);
    assert_eq!(when(&window, 2, 96), Some(100));
    assert_eq!(when(&window, 3, 96), Some(195));
    window.tidy(at(100));
    assert_eq!(window.spent, [entry(95, 1)]);
    assert_eq!(window.reset_at, Some(at(100)));
    // The next unit is surely of the next window; the doubtful one may have begun it.
    window.spend(entry(120, 1));
    assert_eq!(when(&window, 2, 121), Some(195));
    assert_eq!(when(&window, 3, 121), Some(220));
}

#[test]
fn an_anchored_window_that_a_reserved_unit_may_have_begun_is_not_trusted_to_end_with_the_recorded_one() {
    let mut window = window(3, 100, Kind::Anchored, &[(50, 1), (120, 1)]);
    assert_eq!(when(&window, 3, 121), Some(150));
    window.reserved = vec![reserved(0, 1)];
    assert_eq!(when(&window, 1, 121), Some(150));
    assert_eq!(when(&window, 2, 121), Some(220), "the service may have begun a new window after 100");
}

#[test]
fn a_time_from_before_the_clock_was_put_back_blocks_for_one_period_from_now() {
    for kind in [Kind::Rolling, Kind::Anchored, Kind::Fixed(TimeZone::UTC)] {
        let period = 2 * HOUR;
        let mut window = window(2, period, kind.clone(), &[(50 * HOUR, 2)]);
        window.reset_at = (kind == Kind::Anchored).then_some(at(49 * HOUR));
        for now in [0, 60, 3_600] {
            window.tidy(at(now));
        }
        let open = when(&window, 2, 3_600).unwrap();
        assert!(open <= period + 1, "{kind:?} {open}");
    }
}

#[test]
fn times_are_exact_for_small_limits_and_in_at_most_sixty_buckets_for_large_ones() {
    let spent: Vec<(i64, i64)> = (0..500).map(|second| (second * 7, 1)).collect();
    let mut exact = window(MAX_EXACT, HOUR, Kind::Rolling, &spent[..60]);
    exact.tidy(at(500));
    assert_eq!(exact.spent.len(), 60);
    let mut large = window(1_000, HOUR, Kind::Rolling, &spent);
    large.tidy(at(3_500));
    assert!(large.spent.len() <= 60, "{}", large.spent.len());
    assert_eq!(large.used(at(3_500)), 500);
    // Each bucket is free with its last unit, so nothing is free too early, and nothing more than a bucket too late.
    let all = window(1_000, HOUR, Kind::Rolling, &spent);
    for need in [501, 600, 750, 900, 1_000] {
        let (exact, bucketed) = (when(&all, need, 3_500).unwrap(), when(&large, need, 3_500).unwrap());
        assert!((exact..=exact + 62).contains(&bucketed), "{need}: {exact} {bucketed}");
    }
}

#[test]
fn a_large_fixed_window_is_a_counter_by_channel() {
    let mut window = window(1_500, DAY, Kind::Fixed(TimeZone::UTC), &[]);
    for minute in 0..600 {
        let channel = Some(format!("c{}", minute % 3));
        window.spend(Entry { at: at(minute * 60), channel, units: 1 });
        window.tidy(at(minute * 60));
    }
    assert_eq!(window.spent.iter().map(|entry| entry.units).collect::<Vec<_>>(), [200; 3]);
}

#[test]
fn many_channels_in_a_large_window_lose_their_names_from_the_oldest_on() {
    let mut window = window(10_000, HOUR, Kind::Rolling, &[]);
    for second in 0..3_600 {
        let channel = Some(format!("c{}", second % 20));
        window.spend(Entry { at: at(second), channel, units: 1 });
        window.tidy(at(second));
    }
    assert!(window.spent.len() <= 120, "{}", window.spent.len());
    assert_eq!(window.used(at(3_599)), 3_600);
    assert!(window.spent.last().unwrap().channel.is_some());
    assert!(window.spent[0].channel.is_none());
}

#[test]
fn the_largest_numbers_break_nothing() {
    for kind in [Kind::Rolling, Kind::Anchored, Kind::Fixed(TimeZone::UTC)] {
        let mut window = Window::new(i64::MAX, i64::MAX, kind);
        window.spend(Entry { at: at(0), channel: None, units: i64::MAX });
        window.spend(Entry { at: at(1), channel: None, units: i64::MAX });
        window.reserved = vec![reserved(0, i64::MAX), reserved(5, i64::MAX)];
        window.tidy(at(2));
        assert_eq!(window.when(i64::MAX, at(2)), None);
        assert_eq!(window.used(at(2)), i64::MAX);
    }
    assert_eq!(
        Window::new(-5, 0, Kind::Rolling).when(1, at(0)),
        Some(at(0)),
        "never less than 1 in a second"
    );
}

#[test]
fn a_fraction_of_a_second_counts_as_a_whole_one() {
    let mut window = Window::new(1, 100, Kind::Rolling);
    window.spend(Entry { at: Timestamp::new(at(0).as_second(), 1).unwrap(), channel: None, units: 1 });
    assert_eq!(when(&window, 1, 5), Some(101));
}

fn kinds() -> impl Strategy<Value = Kind> {
    let zone = |name: &str| Kind::Fixed(TimeZone::get(name).unwrap());
    let fixed = prop::sample::select(vec![zone("Etc/UTC"), zone("America/Los_Angeles")]);
    prop_oneof![Just(Kind::Rolling), Just(Kind::Anchored), fixed]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What `when` names fits; a moment before, it would not fit for good.
    #[test]
    fn the_earliest_time_is_a_time_and_the_earliest(
        limit in 1_i64..8,
        spent in prop::collection::vec((0_i64..300, 1_i64..3), 0..8),
        held in prop::collection::vec((0_i64..400, 1_i64..3), 0..3),
        need in 1_i64..8,
        now in 200_i64..320,
    ) {
        let mut window = rolling(limit, &spent);
        window.reserved = held.iter().map(|(from, units)| reserved(*from, *units)).collect();
        let space = |moment: i64| {
            let spent = spent.iter().filter(|(second, _)| second + 100 > moment).map(|(_, units)| units);
            let held = held.iter().filter(|(from, _)| *from <= moment).map(|(_, units)| units);
            limit - spent.chain(held).sum::<i64>()
        };
        let least_from = |from: i64| (from..=900).map(space).min().unwrap();
        match when(&window, need, now) {
            Some(found) => {
                prop_assert!(least_from(found) >= need);
                prop_assert!(found == now || least_from(found - 1) < need);
            }
            None => prop_assert!(least_from(800) < need),
        }
    }

    /// Tidying is done once, and makes nothing wait longer.
    #[test]
    fn tidying_changes_nothing_that_counts(
        kind in kinds(),
        limit in 1_i64..60,
        spent in prop::collection::vec((0_i64..400, 1_i64..3), 0..20),
        now in 200_i64..500,
        need in 1_i64..60,
    ) {
        let spent: Vec<_> = spent.into_iter().filter(|(second, _)| *second <= now).collect();
        let mut window = window(limit, 100, kind, &spent);
        window.spent.sort();
        let before = window.when(need, at(now)).unwrap_or(Timestamp::MAX);
        let used = window.used(at(now));
        window.tidy(at(now));
        let after = window.when(need, at(now)).unwrap_or(Timestamp::MAX);
        let (then, of_then) = (window.used(at(now)), used);
        let anchored = window.kind == Kind::Anchored;
        prop_assert!(after == before || anchored && after < before);
        prop_assert!(then == of_then || anchored && then < of_then);
        let once = window.clone();
        window.tidy(at(now));
        prop_assert_eq!(window, once);
    }
}

/// What puts a window under pressure: everything that is free is taken, and reported late.
#[derive(Clone, Debug)]
enum Press {
    Passes(i64),
    QuotaUse(i64),
    Spends(usize, i64),
    Reports(usize),
    GivesBack(usize),
}

fn press() -> impl Strategy<Value = Press> {
    prop_oneof![
        4 => prop::sample::select(vec![1, 2, 3, 5, 8, 13, 30, 37, 40]).prop_map(Press::Passes),
        6 => (0_i64..11).prop_map(Press::QuotaUse),
        8 => (0_usize..4, 0_i64..5).prop_map(|(which, later)| Press::Spends(which, later)),
        6 => (0_usize..4).prop_map(Press::Reports),
        1 => (0_usize..4).prop_map(Press::GivesBack),
    ]
}

/// A unit that was taken: from when on it may be spent, and when the service's answer to it is recorded.
#[derive(Clone, Debug)]
struct Taken {
    from: i64,
    reported_at: Option<i64>,
}

/// A window, and the service whose window it is a picture of. A large one is kept in buckets.
struct Pressed {
    window: Window,
    service: Service,
    taken: Vec<Taken>,
    now: i64,
    /// Units that one request takes.
    each: i64,
    /// Seconds of what is a second of a small window.
    second: i64,
}

impl Pressed {
    fn new(kind: &Kind, limit: i64, large: bool) -> Self {
        let (each, second) = if large { (100, 59) } else { (1, 1) };
        Self {
            window: Window::new(limit * each, 40 * second, kind.clone()),
            service: Service::new(kind.clone(), 40 * second, limit),
            taken: Vec::new(),
            now: 0,
            each,
            second,
        }
    }

    fn happens(&mut self, press: &Press) -> Result<(), String> {
        match press {
            Press::Passes(seconds) => self.now += seconds * self.second - seconds % 2,
            Press::QuotaUse(ahead) => {
                let opens = when(&self.window, self.each, self.now);
                let opens = opens.filter(|opens| *opens <= self.now + ahead * self.second);
                self.taken.extend(opens.map(|from| Taken { from, reported_at: None }));
            }
            Press::Spends(which, later) => {
                let now = self.now;
                let open = |taken: &&mut Taken| taken.reported_at.is_none() && taken.from <= now;
                if let Some(taken) = self.taken.iter_mut().filter(open).nth(*which) {
                    taken.reported_at = Some(now + 1 + (*later).min(self.window.uncertainty() - 1));
                    self.service.count(now)?;
                }
            }
            Press::Reports(which) => {
                let reported =
                    |taken: &Taken| taken.reported_at.is_some_and(|reported_at| reported_at <= self.now + 1);
                let ready: Vec<usize> =
                    (0..self.taken.len()).filter(|place| reported(&self.taken[*place])).collect();
                if let Some(place) = ready.get(*which) {
                    let taken = self.taken.remove(*place);
                    self.window.spend(entry(taken.reported_at.unwrap(), self.each));
                }
            }
            Press::GivesBack(which) => {
                let unspent = |place: &usize| self.taken[*place].reported_at.is_none();
                let place = (0..self.taken.len()).filter(unspent).nth(*which);
                place.map(|place| self.taken.remove(place));
            }
        }
        self.window.reserved = self.taken.iter().map(|taken| reserved(taken.from, self.each)).collect();
        self.window.tidy(at(self.now));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn under_pressure_no_window_of_the_service_ever_holds_more_than_the_limit(
        kind in prop_oneof![3 => Just(Kind::Anchored), 1 => Just(Kind::Rolling), 1 => Just(Kind::Fixed(TimeZone::UTC))],
        limit in 1_i64..5,
        large in any::<bool>(),
        presses in prop::collection::vec(press(), 20..150),
    ) {
        let mut pressed = Pressed::new(&kind, limit, large);
        for (step, press) in presses.iter().enumerate() {
            let happened = pressed.happens(press);
            prop_assert!(happened.is_ok(), "{happened:?} after {:?}", &presses[..=step]);
        }
    }
}
