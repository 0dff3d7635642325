use serde_json::{Value, json};
use videofactory_crds::ProviderAccountSpec;
use videofactory_crds::provideraccount::{Operation, ProviderAccountStatus};

use super::super::testing::{at, demand, holder, reconcile_once, second, spec, with};
use super::*;

/// A ledger in which so many units of the quota were spent at these seconds, for these channels.
fn ledger(spec: &ProviderAccountSpec, spent: &[(&str, i64, i64, Option<&str>)], now: i64) -> Ledger {
    let mut ledger = Ledger::read(spec, &ProviderAccountStatus::default(), at(0));
    for (quota, moment, units, channel) in spent {
        let tally = ledger.quotas.iter_mut().find(|tally| tally.quota.name == *quota).unwrap();
        let channel = channel.map(ToOwned::to_owned);
        tally.window.spend(super::super::window::Entry { at: at(*moment), units: *units, channel });
    }
    ledger.tidy(at(now));
    ledger
}

fn quota(name: &str, limit: i64, period: &str) -> Value {
    json!({"name": name, "limit": limit, "period": period, "window": "Rolling", "unit": "Requests"})
}

fn clips(limit: i64, period: &str) -> ProviderAccountSpec {
    spec(json!({"quotas": [quota("clips", limit, period)]}))
}

/// A name, submissions, and the openings with their seconds.
type Granted = (String, i64, Vec<(i64, i64)>);

/// Who was granted how much.
fn granted(batch: &GrantBatch) -> Vec<Granted> {
    let openings = |grant: &Grant| {
        grant.openings.iter().map(|opening| (second(opening.at.0), opening.submissions)).collect()
    };
    let name = |grant: &Grant| grant.holder.name.clone().unwrap();
    batch.grants.iter().map(|grant| (name(grant), grant.submissions.unwrap(), openings(grant))).collect()
}

fn names(batch: &GrantBatch) -> Vec<String> {
    batch.grants.iter().map(|grant| grant.holder.name.clone().unwrap()).collect()
}

fn waiting<'a>(batch: &GrantBatch, demands: &'a [Demand]) -> Vec<&'a str> {
    batch.waiters.iter().map(|place| demands[*place].holder.name.as_deref().unwrap()).collect()
}

fn in_channel(name: &str, submissions: i64, channel: &str) -> Demand {
    Demand { channel: Some(channel.to_owned()), ..demand(name, submissions) }
}

#[test]
fn whoever_is_first_takes_what_fits_and_the_next_what_is_left() {
    let ledger = ledger(&clips(5, "2h"), &[], 100);
    let demands = [demand("a", 3), demand("b", 4), demand("c", 1)];
    let batch = grant(&ledger, &demands, at(100));
    let expected = [
        ("c".to_owned(), 1, vec![(100, 1)]),
        ("a".to_owned(), 3, vec![(100, 3)]),
        ("b".to_owned(), 1, vec![(100, 1)]),
    ];
    assert_eq!(granted(&batch), expected, "those with the fewest scenes left first; the last gets a part");
    assert_eq!(batch.grants[1].units, [("clips".to_owned(), 3)].into());
    assert_eq!((batch.waiters, batch.next_wake), (vec![], None));
}

#[test]
fn a_grant_is_given_a_pods_start_before_its_first_opening() {
    let spec = clips(2, "2h");
    let ledger = ledger(&spec, &[("clips", 0, 2, None)], 7_000);
    let demands = [demand("a", 2)];
    for now in [7_000, 7_189] {
        let batch = grant(&ledger, &demands, at(now));
        assert!(batch.grants.is_empty());
        assert_eq!(batch.next_wake, Some(at(7_190)));
    }
    let batch = grant(&ledger, &demands, at(7_190));
    assert_eq!(granted(&batch), [("a".to_owned(), 2, vec![(7_200, 2)])]);
    assert_eq!(batch.next_wake, None);
}

#[test]
fn one_grant_holds_what_opens_within_an_eighth_of_the_period_or_ten_minutes() {
    let spent = [0, 100, 600, 601, 700].map(|moment| ("clips", moment, 1, None));
    let rolling = ledger(&clips(5, "2h"), &spent, 7_195);
    let batch = grant(&rolling, &[demand("a", 5)], at(7_195));
    let openings = vec![(7_200, 1), (7_300, 1), (7_800, 1)];
    assert_eq!(granted(&batch), [("a".to_owned(), 3, openings)]);
    // Of a short window the span is a pod's start.
    let spent = [0, 4, 10, 11].map(|moment| ("clips", moment, 1, None));
    let short = ledger(&clips(4, "20s"), &spent, 12);
    let batch = grant(&short, &[demand("a", 4)], at(12));
    assert_eq!(granted(&batch), [("a".to_owned(), 3, vec![(20, 1), (24, 1), (30, 1)])]);
}

#[test]
fn priority_goes_first_and_rises_by_one_for_each_window_waited() {
    let spec = clips(1, "2h");
    let first = |now: i64| {
        let newer = Demand { priority: 2, since: at(now), ..demand("newer", 1) };
        names(&grant(&ledger(&spec, &[], now), &[demand("older", 1), newer], at(now)))[0].clone()
    };
    assert_eq!(first(100), "newer");
    assert_eq!(first(2 * 7_200 - 1), "newer");
    assert_eq!(first(2 * 7_200), "older", "two windows make up for two, and it has waited longer");
}

#[test]
fn only_who_gets_nothing_rises() {
    let spec = clips(4, "2h");
    let mut status = ProviderAccountStatus::default();
    let flood: Vec<Demand> = (0..40).map(|n| in_channel(&format!("x{n:02}"), 2, "x")).collect();
    let first = reconcile_once(&spec, &mut status, &[], &flood, at(0));
    assert_eq!(names(&first), ["x00", "x01"]);
    // Two windows later nothing was recorded as spent: they were withdrawn. The others of the channel have waited as long.
    let withdrawn: Vec<_> = first
        .grants
        .iter()
        .map(|grant| (grant.clone(), super::super::demand::HolderState::Withdrawn))
        .collect();
    let late = 2 * 7_200;
    let newcomer = Demand { priority: 2, since: at(late), ..in_channel("y", 1, "y") };
    let demands: Vec<Demand> = flood[2..].iter().cloned().chain([newcomer]).collect();
    let mut before = status.clone();
    before.grants.clear();
    let batch = reconcile_once(&spec, &mut status, &withdrawn, &demands, at(late));
    assert_eq!(
        names(&batch),
        ["y", "x02", "x03"],
        "one window since their channel's turn and its span is one of priority"
    );
    // A channel that got nothing in those two windows is ahead of both.
    let starving = in_channel("z", 1, "z");
    let demands: Vec<Demand> = demands.into_iter().chain([starving]).collect();
    let batch = grant(&Ledger::read(&spec, &before, at(late)), &demands, at(late));
    assert_eq!(names(&batch)[0], "z");
}

#[test]
fn among_equals_the_channel_with_the_fewest_units_goes_first_then_the_fewest_scenes_then_the_oldest() {
    let spec = clips(8, "2h");
    let spent = [("clips", 0, 2, Some("x")), ("clips", 0, 1, Some("y"))];
    let ledger = ledger(&spec, &spent, 10);
    let older = Demand { created: at(-5), ..in_channel("z-old", 2, "z") };
    let demands = [
        in_channel("x1", 1, "x"),
        in_channel("y1", 1, "y"),
        in_channel("z-new", 2, "z"),
        older,
        in_channel("z-short", 1, "z"),
    ];
    let batch = grant(&ledger, &demands, at(10));
    assert_eq!(names(&batch), ["z-short", "y1", "z-old", "x1"]);
    assert_eq!(waiting(&batch, &demands), ["z-new"]);
}

#[test]
fn what_is_reserved_for_a_channel_counts_as_its_own() {
    let spec = clips(3, "2h");
    let mut status = ProviderAccountStatus::default();
    reconcile_once(&spec, &mut status, &[], &[in_channel("x1", 2, "x")], at(0));
    let batch =
        reconcile_once(&spec, &mut status, &[], &[in_channel("x2", 1, "x"), in_channel("y1", 1, "y")], at(1));
    assert_eq!(names(&batch), ["y1"]);
}

#[test]
fn nobody_overtakes_on_a_quota_that_an_earlier_one_waits_for() {
    // 30 seconds are free; the first needs 40, the second would fit.
    let seconds = json!({"name": "gpu", "limit": 50, "period": "1d", "window": "Rolling", "unit": "Seconds"});
    let spec = spec(json!({"quotas": [seconds]}));
    let ledger = ledger(&spec, &[("gpu", 0, 20, None)], 10);
    let first = Demand { seconds_each: 40, priority: 1, ..demand("first", 1) };
    let second = Demand { seconds_each: 5, ..demand("second", 1) };
    let demands = [second, first];
    let batch = grant(&ledger, &demands, at(10));
    assert_eq!(waiting(&batch, &demands), ["first", "second"]);
    // The second's turn comes when it has waited a window longer, or when the first can begin.
    assert_eq!(batch.next_wake, Some(at(86_390)));
}

#[test]
fn a_later_one_may_use_other_quotas() {
    let of = |name: &str, limit: i64, operation: &str| {
        json!({"name": name, "limit": limit, "period": "2h", "window": "Rolling", "unit": "Requests",
               "operations": [operation]})
    };
    let spec = spec(json!({"quotas": [of("clips", 1, "animate"), of("pictures", 2, "draw")]}));
    let ledger = ledger(&spec, &[("clips", 0, 1, None)], 10);
    let demands = [
        Demand { priority: 9, ..demand("clips", 1) },
        Demand { operation: Some(Operation::Draw), ..demand("pictures", 2) },
    ];
    let batch = grant(&ledger, &demands, at(10));
    assert_eq!(names(&batch), ["pictures"]);
    assert_eq!(batch.grants[0].units, [("pictures".to_owned(), 2)].into());
}

/// Clips take a unit of `clips` and one of `all`; pictures one of `all`.
fn nested(clips: i64, all: i64, all_period: &str) -> ProviderAccountSpec {
    spec(json!({"quotas": [
        {"name": "clips", "limit": clips, "period": "1d", "window": "Rolling", "unit": "Requests",
         "operations": ["animate"]},
        {"name": "all", "limit": all, "period": all_period, "window": "Rolling", "unit": "Requests"},
    ]}))
}

fn pictures(name: &str, submissions: i64) -> Demand {
    Demand { operation: Some(Operation::Draw), ..demand(name, submissions) }
}

#[test]
fn what_the_first_needs_besides_is_kept_for_it_if_it_would_not_be_back_in_time() {
    let first = || Demand { priority: 9, ..demand("first", 4) };
    // Its clip opens in an hour; a unit of `all` that is lent now is back in a day.
    let spec = nested(1, 3, "1d");
    let demands = [first(), pictures("second", 3)];
    let batch = grant(&ledger(&spec, &[("clips", 0, 1, None)], 82_800), &demands, at(82_800));
    assert_eq!(granted(&batch), [("second".to_owned(), 2, vec![(82_800, 2)])], "one is kept");
    // Back in a minute: nothing is kept.
    let spec = nested(1, 3, "1m");
    let batch = grant(&ledger(&spec, &[("clips", 0, 1, None)], 82_800), &demands, at(82_800));
    assert_eq!(granted(&batch)[0].1, 3);
}

#[test]
fn a_grant_of_several_quotas_opens_when_all_of_them_do() {
    let spec = nested(2, 3, "20s");
    let spent = [("clips", 0, 1, None), ("clips", 100, 1, None), ("all", 86_385, 3, None)];
    let batch = grant(&ledger(&spec, &spent, 86_395), &[demand("a", 2)], at(86_395));
    assert_eq!(granted(&batch), [("a".to_owned(), 2, vec![(86_405, 1), (86_500, 1)])]);
}

#[test]
fn open_grants_are_counted_and_share_the_pace() {
    let paced = |more: Value| spec(with(json!({"quotas": [quota("clips", 50, "2h")]}), more));
    let demands: Vec<Demand> = (0..6).map(|n| demand(&format!("j{n}"), 1)).collect();
    let batch = |more| grant(&ledger(&paced(more), &[], 0), &demands, at(0));
    let both = batch(json!({"maxConcurrent": 2, "requestsPerSecond": 1.0}));
    assert_eq!(both.grants.iter().map(|grant| grant.requests_per_second).collect::<Vec<_>>(), [Some(0.5); 2]);
    assert_eq!(
        (both.waiters.len(), both.next_wake),
        (4, None),
        "only the end of an attempt lets another begin"
    );
    let paced = batch(json!({"requestsPerSecond": 1.0}));
    assert_eq!(
        paced.grants.iter().map(|grant| grant.requests_per_second).collect::<Vec<_>>(),
        [Some(0.25); 4]
    );
    let free = batch(json!({}));
    assert_eq!((free.grants.len(), free.grants[0].requests_per_second), (6, None));
}

#[test]
fn an_account_without_quotas_grants_all_at_once_and_heeds_refusals() {
    let spec = spec(json!({}));
    let mut ledger = ledger(&spec, &[], 0);
    let batch = grant(&ledger, &[demand("a", 3)], at(0));
    assert_eq!(granted(&batch), [("a".to_owned(), 3, vec![(0, 3)])]);
    ledger.refused_until = Some(at(100));
    let batch = grant(&ledger, &[demand("a", 3)], at(0));
    assert_eq!((batch.grants.len(), batch.next_wake), (0, Some(at(90))));
    assert_eq!(granted(&grant(&ledger, &[demand("a", 3)], at(90))), [("a".to_owned(), 3, vec![(100, 3)])]);
}

#[test]
fn money_is_one_more_window() {
    let spec = spec(json!({"spend": {"limit": "1", "period": "30d"}}));
    let ledger = ledger(&spec, &[], 0);
    let priced = |name: &str, dollars: i64| Demand {
        price_each: Money::from_micros(dollars * 10_000),
        ..demand(name, 5)
    };
    let batch = grant(&ledger, &[priced("a", 30)], at(0));
    assert_eq!(granted(&batch), [("a".to_owned(), 3, vec![(0, 3)])]);
    assert_eq!(batch.grants[0].price.unwrap().to_string(), "0.90");
    let demands = [Demand { priority: 9, ..priced("dear", 130) }, priced("cheap", 10)];
    let batch = grant(&ledger, &demands, at(0));
    assert_eq!(names(&batch), ["cheap"], "what can never be met holds nobody back");
    assert_eq!((waiting(&batch, &demands), batch.next_wake), (vec!["dear"], None));
    assert!(ledger.why_unsatisfiable(&demands[0]).unwrap().contains("more than spend.limit ($1.00)"));
}

#[test]
fn an_expected_length_beyond_the_quota_takes_all_of_it() {
    let seconds =
        json!({"name": "gpu", "limit": 50, "period": "1d", "window": "Anchored", "unit": "Seconds"});
    let spec = spec(json!({"quotas": [seconds]}));
    let long = Demand { seconds_each: 80, ..demand("long", 2) };
    let batch = grant(&ledger(&spec, &[], 0), std::slice::from_ref(&long), at(0));
    assert_eq!(batch.grants[0].units, [("gpu".to_owned(), 50)].into());
    let batch = grant(&ledger(&spec, &[("gpu", 0, 1, None)], 10), &[long], at(10));
    assert_eq!((batch.grants.len(), batch.next_wake), (0, Some(at(86_390))));
}

#[test]
fn an_attempt_that_holds_a_grant_is_passed_over_and_a_later_one_is_not() {
    let spec = clips(3, "2h");
    let mut status = ProviderAccountStatus::default();
    reconcile_once(&spec, &mut status, &[], &[demand("a", 1)], at(0));
    let batch = reconcile_once(&spec, &mut status, &[], &[demand("a", 1)], at(1));
    assert!(batch.grants.is_empty() && batch.waiters.is_empty());
    let later = Demand { holder: holder("a", 2), ..demand("a", 1) };
    assert_eq!(reconcile_once(&spec, &mut status, &[], &[later], at(1)).grants.len(), 1);
}

#[test]
fn demands_for_nothing_are_passed_over_and_huge_ones_are_cut() {
    let ledger = ledger(&spec(json!({})), &[], 0);
    let batch = grant(&ledger, &[demand("none", 0), demand("minus", -3), demand("huge", i64::MAX)], at(0));
    assert_eq!(granted(&batch), [("huge".to_owned(), 1_000, vec![(0, 1_000)])]);
}

#[test]
fn other_models_and_kinds_of_work_are_not_counted() {
    let spec = spec(json!({"quotas": [
        {"name": "pro", "limit": 1, "period": "1d", "window": "Rolling", "unit": "Requests", "models": ["pro"]},
        {"name": "drawn", "limit": 1, "period": "1d", "window": "Rolling", "unit": "Requests", "operations": ["draw"]},
    ]}));
    let ledger = ledger(&spec, &[], 0);
    let of = |model: &str| Demand { model: model.to_owned(), ..demand("a", 5) };
    let units = |demand: Demand| grant(&ledger, &[demand], at(0)).grants[0].units.clone();
    assert_eq!(units(of("lite")), [].into());
    assert_eq!(units(of("pro")), [("pro".to_owned(), 1)].into());
    assert_eq!(units(of("")), [("pro".to_owned(), 1)].into(), "nobody has said which: it may be this one");
}
