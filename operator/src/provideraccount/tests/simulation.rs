//! Many jobs, 25 clips in two hours, and the real functions: how near the schedule comes to what is possible, and what
//! a channel that floods the account does to the others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use videofactory_crds::provideraccount::{Grant, ProviderAccountStatus};
use videofactory_crds::videojob::SpentUnits;

use super::super::demand::{Claim, ClaimState, Demand, HolderState, Settlement};
use super::super::testing::{Service, at, demand, reconcile_once, second, spec};
use super::super::window::Kind;

const JOBS: usize = 1_000;
const CHANNELS: usize = 20;
const LIMIT: i64 = 25;
const PERIOD: i64 = 7_200;
/// Seconds from a grant to its pod's first chance to submit.
const POD_STARTS: i64 = 4;

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Look,
    Comes(usize),
    Ends(usize, Vec<(i64, i64)>),
}

/// A job that will ask.
#[derive(Clone, Copy, Debug)]
struct Film {
    channel: usize,
    scenes: i64,
    comes: i64,
    priority: i32,
}

fn film(channel: usize, scenes: i64, comes: i64) -> Film {
    Film { channel, scenes, comes, priority: 0 }
}

struct Simulation {
    films: Vec<Film>,
    status: ProviderAccountStatus,
    /// Demands that wait.
    demands: Vec<Demand>,
    /// Jobs that are at work, by their number.
    at_work: BTreeMap<usize, Demand>,
    reported: Vec<(Grant, HolderState)>,
    events: BinaryHeap<Reverse<(i64, Event)>>,
    /// When the service counted, and for which job.
    service: Vec<(i64, usize)>,
    finished: BTreeMap<usize, i64>,
    /// Seconds from the last answer to the end of an attempt, while clips are made and fetched.
    clips_take: i64,
    random: u64,
}

impl Simulation {
    fn number(&mut self, below: u64) -> i64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.random >> 33) % below).unwrap()
    }

    /// A pod submits what it was granted, each when it opens; when it ends, and what it will report.
    fn work(&mut self, grant: &Grant, now: i64) {
        let job: usize = grant.holder.name.as_ref().unwrap().parse().unwrap();
        let place = self.demands.iter().position(|demand| demand.holder == grant.holder).unwrap();
        let demand = self.demands.swap_remove(place);
        let mut free_at = now + POD_STARTS;
        let mut spent = Vec::new();
        let mut ends = free_at;
        for opening in &grant.openings {
            for _ in 0..opening.submissions {
                let counted = free_at.max(second(opening.at.0));
                let answered = counted + 1 + self.number(2);
                self.service.push((counted, job));
                spent.push((answered + 1, 1));
                free_at = counted;
                ends = ends.max(answered);
            }
        }
        self.at_work.insert(job, demand);
        self.events.push(Reverse((ends + self.clips_take, Event::Ends(job, spent))));
    }

    /// An attempt ends; the job asks for what is left.
    fn end(&mut self, job: usize, spent: &[(i64, i64)], now: i64) {
        let mut demand = self.at_work.remove(&job).unwrap();
        let grant = self.status.grants.iter().find(|grant| grant.holder == demand.holder).unwrap().clone();
        let reported = spent.iter().map(|(moment, submissions)| SpentUnits {
            at: Time(at(*moment)),
            submissions: *submissions,
            seconds: None,
            cost: None,
        });
        let settlement = Settlement { spent: reported.collect(), ..Settlement::default() };
        let claim = Claim { demand: demand.clone(), state: ClaimState::Settled(settlement) };
        self.reported.push((grant, HolderState::Settled(Box::new(claim))));
        demand.left -= i64::try_from(spent.len()).unwrap();
        if demand.left == 0 {
            self.finished.insert(job, now);
            return;
        }
        demand.submissions = demand.left;
        demand.holder.attempt = demand.holder.attempt.map(|attempt| attempt + 1);
        self.demands.push(demand);
    }
}

impl Simulation {
    /// A job asks for the first time.
    fn comes(&mut self, job: usize) {
        let film = self.films[job];
        self.demands.push(Demand {
            channel: Some(format!("channel-{}", film.channel)),
            priority: film.priority,
            since: at(film.comes),
            created: at(film.comes + i64::try_from(job).unwrap() % 60 - 60),
            ..demand(&job.to_string(), film.scenes)
        });
    }

    /// Seconds that a job took, from its coming.
    fn took(&self, job: usize) -> i64 {
        self.finished[&job] - self.films[job].comes
    }

    /// Clips that the service counted for a channel between two moments.
    fn clips(&self, channel: usize, from: i64, to: i64) -> usize {
        let of = |(at, job): &&(i64, usize)| self.films[*job].channel == channel && (from..to).contains(at);
        self.service.iter().filter(of).count()
    }
}

fn run(films: &[Film], limit: i64, period: i64, clips_take: i64) -> Simulation {
    let spec = spec(serde_json::json!({"quotas": [
        {"name": "clips", "limit": limit, "period": format!("{period}s"), "window": "Rolling", "unit": "Requests"},
    ]}));
    let come = films.iter().enumerate().map(|(job, film)| Reverse((film.comes, Event::Comes(job))));
    let mut harness = Simulation {
        films: films.to_vec(),
        status: ProviderAccountStatus::default(),
        demands: Vec::new(),
        at_work: BTreeMap::new(),
        reported: Vec::new(),
        events: come.collect(),
        service: Vec::new(),
        finished: BTreeMap::new(),
        clips_take,
        random: 7,
    };
    while let Some(Reverse((now, event))) = harness.events.pop() {
        match event {
            Event::Ends(job, spent) => harness.end(job, &spent, now),
            Event::Comes(job) => harness.comes(job),
            Event::Look => {}
        }
        if harness.events.peek().is_some_and(|Reverse((next, _))| *next == now) {
            continue;
        }
        let reported = std::mem::take(&mut harness.reported);
        let batch = reconcile_once(&spec, &mut harness.status, &reported, &harness.demands, at(now));
        batch.grants.iter().for_each(|grant| harness.work(grant, now));
        if let Some(wake) = batch.next_wake {
            harness.events.push(Reverse((second(wake), Event::Look)));
        }
    }
    harness.service.sort_unstable();
    harness
}

/// Jain's index: 1 if all have the same.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn jain(counts: &[i64]) -> f64 {
    let sum: i64 = counts.iter().sum();
    let squares: i64 = counts.iter().map(|count| count * count).sum();
    (sum * sum) as f64 / (counts.len() as f64 * squares as f64)
}

/// When jobs would be finished on average if the service were used without a pause, the smallest first and no channel
/// cared for.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn best_mean(sizes: &[i64]) -> f64 {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let mut done = 0;
    let ends = sizes.iter().map(|size| {
        done += size;
        (done - 1) / LIMIT * PERIOD
    });
    ends.sum::<i64>() as f64 / JOBS as f64
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn a_thousand_jobs_share_every_window_to_the_last_unit() {
    let sizes: Vec<i64> = (0..JOBS).map(|n| 1 + i64::try_from(n * 7 % 3).unwrap()).collect();
    let wanted: i64 = sizes.iter().sum();
    let films: Vec<Film> = sizes.iter().enumerate().map(|(n, size)| film(n % CHANNELS, *size, 0)).collect();
    let harness = run(&films, LIMIT, PERIOD, 90);
    assert_eq!(harness.finished.len(), JOBS);
    assert_eq!(i64::try_from(harness.service.len()).unwrap(), wanted, "no clip is bought twice");

    let mut service = Service::new(Kind::Rolling, PERIOD, LIMIT);
    service.counted = harness.service.iter().map(|(counted, _)| *counted).collect();
    // Any 26 of them in a row last longer than a window.
    let limit = usize::try_from(LIMIT).unwrap();
    for pair in service.counted.windows(limit + 1) {
        assert!(pair[limit] - pair[0] >= PERIOD, "more than {LIMIT} in a window: {pair:?}");
    }
    // Each unit is used again as soon as it is free: one answer and two seconds after the period.
    let lags: Vec<i64> = service
        .counted
        .iter()
        .zip(&service.counted[limit..])
        .map(|(one, next)| next - one - PERIOD)
        .collect();
    let longest_lag = lags.iter().max().unwrap();
    let windows = (wanted + LIMIT - 1) / LIMIT;
    let bound = (windows - 1) * PERIOD;
    let last = *service.counted.last().unwrap();
    let slack = windows * 4 + POD_STARTS;

    let until = |windows: i64| {
        let mut counts = vec![0; CHANNELS];
        let units = usize::try_from(windows * LIMIT).unwrap();
        harness.service[..units].iter().for_each(|(_, job)| counts[films[*job].channel] += 1);
        counts
    };
    let fairness: Vec<f64> = [8, 20, 40, 60, windows - 4].map(|windows| jain(&until(windows))).to_vec();
    let mean = harness.finished.values().sum::<i64>() as f64 / JOBS as f64;
    let best = best_mean(&sizes);
    let longest = harness.finished.values().max().unwrap();
    println!(
        "{JOBS} jobs, {wanted} clips, {windows} windows: last clip {} s after the bound of {bound} s; lag of a freed unit \
         at most {longest_lag} s; Jain's index after 8, 20, 40, 60 and {} windows {fairness:.3?}; longest wait {longest} s; \
         mean completion {mean:.0} s, {:.3} times the best",
        last - bound,
        windows - 4,
        mean / best
    );
    assert!(last <= bound + slack, "{last} > {bound} + {slack}");
    assert!(*longest_lag <= 4, "a unit stayed unused for {longest_lag} s");
    assert!(fairness.iter().all(|index| *index >= 0.95), "{fairness:?}");
    assert!(mean <= best * 1.1, "{mean} against {best}");
}

/// A window that is hardly longer than an attempt: grants come early enough for a pod to be there when it opens.
#[test]
fn six_jobs_use_short_windows_to_the_last_unit_too() {
    let (limit, period) = (10, 20);
    let harness = run(&[0; 6].map(|channel| film(channel, 8, 0)), limit, period, 3);
    let counted: Vec<i64> = harness.service.iter().map(|(counted, _)| *counted).collect();
    assert_eq!(counted.len(), 48);
    let lags: Vec<i64> = counted.iter().zip(&counted[10..]).map(|(one, next)| next - one - period).collect();
    let last = counted.last().unwrap() - counted[0];
    println!(
        "six jobs, 48 clips, {limit} in {period} s: last clip after {last} s (bound 80 s), lags {lags:?}"
    );
    assert!(lags.iter().all(|lag| (0..=4).contains(lag)), "{lags:?}");
    assert!(last <= 80 + 4 * 4, "{last}");
}

/// A channel brings 300 films at once, another one film of eight scenes a while later.
#[test]
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn a_channel_that_floods_the_account_does_not_hold_a_newcomer_back() {
    for comes in [600, 3_600, 7_000, 20_000, 100_000] {
        let mut films: Vec<Film> = (0..300).map(|n| film(0, 4 + n * 7 % 9, 0)).collect();
        films.push(film(1, 8, comes));
        let harness = run(&films, LIMIT, PERIOD, 90);
        let opens = harness.service.iter().find(|(at, job)| *job == 300 && *at >= comes).unwrap().0;
        let (own, others) =
            (harness.clips(1, opens, opens + PERIOD), harness.clips(0, opens, opens + PERIOD));
        println!(
            "300 films at once, and another channel's after {comes} s: done {} s after it came ({:.2} windows); of its \
             first window it has {own} clips, the others {others}; all done after {} s",
            harness.took(300),
            harness.took(300) as f64 / PERIOD as f64,
            harness.finished.values().max().unwrap(),
        );
        assert!(harness.took(300) <= 2 * PERIOD, "{comes}: {} s", harness.took(300));
        assert_eq!(own, 8, "{comes}: half of a window is more than it asks for");
    }
}

/// Forty channels share 25 clips, so that most windows are without some of them; one more comes, and waits for one round.
#[test]
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn where_channels_are_more_than_units_each_still_has_its_turn() {
    let mut films: Vec<Film> =
        (0..400).map(|n| film(n % 40, 1 + i64::try_from(n).unwrap() * 7 % 3, 0)).collect();
    films.push(film(40, 3, 50_000));
    let harness = run(&films, LIMIT, PERIOD, 90);
    let clips = |job: usize| harness.service.iter().filter(move |(_, of)| *of == job).map(|(at, _)| *at);
    let waited = clips(400).next().unwrap() - 50_000;
    let counts: Vec<i64> =
        (0..40).map(|channel| i64::try_from(harness.clips(channel, 0, 20 * PERIOD)).unwrap()).collect();
    println!(
        "forty channels and one more: its first clip after {waited} s ({:.2} windows), done after {} s; Jain's index of \
         the others after 20 windows {:.3}",
        waited as f64 / PERIOD as f64,
        harness.took(400),
        jain(&counts)
    );
    // A round of forty films of two clips each takes 3.2 windows.
    assert!(waited <= 4 * PERIOD, "{waited}");
    assert!(jain(&counts) >= 0.95, "{counts:?}");
}

/// A channel's films of high priority never end; its one of low priority is raised all the same, and other channels'
/// too.
#[test]
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn a_low_priority_waits_its_windows_and_no_longer() {
    let urgent = |channel: usize| {
        (0..40).flat_map(move |window| (0..10).map(move |n| (channel, window * PERIOD + n * 60)))
    };
    let films = urgent(0).map(|(channel, comes)| Film { priority: 3, ..film(channel, 4, comes) });
    let films: Vec<Film> = films.chain([film(0, 2, 1_800), film(1, 2, 1_800)]).collect();
    let harness = run(&films, LIMIT, PERIOD, 90);
    for low in [400, 401] {
        println!(
            "behind a stream of priority 3: done after {:.2} windows",
            harness.took(low) as f64 / PERIOD as f64
        );
        assert!((2 * PERIOD..5 * PERIOD).contains(&harness.took(low)), "{}", harness.took(low));
    }
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn a_long_film_among_ever_more_short_ones_of_its_channel_is_finished() {
    // A third more comes than can be served: a film of 8 scenes every 29 minutes, and one of 40 when many wait already.
    let every = PERIOD * 8 * 3 / (LIMIT * 4);
    let short = (0..300).map(|number| film(0, 8, number * every));
    let films: Vec<Film> = std::iter::once(film(0, 40, 10 * PERIOD)).chain(short).collect();
    let simulation = run(&films, LIMIT, PERIOD, 90);
    let windows = simulation.took(0) as f64 / PERIOD as f64;
    println!("a film of 40 scenes among short ones that come too fast: done after {windows:.1} windows");
    assert!(windows <= 14.0, "{windows}");
}
