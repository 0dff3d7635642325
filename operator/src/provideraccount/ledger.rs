//! The ledger of one account: its windows, what is spent of the money, and the open grants; read from the account and
//! written back. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use videofactory_crds::provideraccount::{
    Grant, Holder, Operation, PaidAt, ProviderAccountSpec, ProviderAccountStatus, Quota, QuotaStatus,
    QuotaUnit, SpendStatus, SpentAt, Window as Moves,
};
use videofactory_crds::units::Money;

use super::calendar::whole;
use super::demand::Demand;
use super::last_turns::{self, LastTurns};
use super::object_size;
use super::window::{Entry, Kind, Reserved, Window};

/// The entry for a refusal that no quota of the spec describes.
const SERVICE: &str = "service";

/// What one account has spent, may spend and has promised.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    /// The quotas' windows, in the order of the spec.
    pub quotas: Vec<Tally>,
    /// The money's, in millionths of a US dollar.
    pub spend: Option<Window>,
    /// Until when the service refuses work that no quota is for.
    pub refused_until: Option<Timestamp>,
    /// Open reservations.
    pub grants: Vec<Grant>,
    /// Number of the last of them.
    pub last_grant: Option<i64>,
    /// Attempts whose grant was closed because they did not begin in time.
    pub expired: Vec<Holder>,
    /// Whose turn was when.
    pub turns: LastTurns,
    /// Most requests a second.
    pub requests_per_second: Option<f64>,
    /// Most open grants.
    pub max_concurrent: Option<i64>,
}

/// Whether an account's ledger was never written: it was made a moment ago, perhaps after another of its name. The API
/// server says -1 of a generation that nobody has seen.
#[must_use]
pub fn is_unopened(status: &ProviderAccountStatus) -> bool {
    status.observed_generation.is_none_or(|generation| generation < 0)
}

/// A quota and its window.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// The limit that this counts for.
    pub quota: Quota,
    /// What was counted.
    pub window: Window,
    /// Whether open grants of such work count here that do not say so.
    pub counts_all: bool,
}

impl Tally {
    /// Whether work of this kind, with this model, counts. A model that nobody has named may be any.
    #[must_use]
    pub fn counts(&self, operation: Option<Operation>, model: &str) -> bool {
        operation.is_some_and(|operation| self.quota.counts(operation, model))
    }

    /// Whether what a grant takes of it follows from the grant's submissions alone.
    #[must_use]
    pub fn can_count_all(&self) -> bool {
        self.quota.unit == QuotaUnit::Requests
    }

    /// Units that one submission takes.
    #[must_use]
    pub fn each(&self, demand: &Demand) -> i64 {
        match self.quota.unit {
            QuotaUnit::Requests => 1,
            // What is expected to take more than there ever is takes all there is: the service has the last word.
            QuotaUnit::Seconds => demand.seconds_each.clamp(0, self.window.limit),
        }
    }
}

impl Ledger {
    /// The ledger as the account holds it, tidied up to `now`.
    #[must_use]
    pub fn read(spec: &ProviderAccountSpec, status: &ProviderAccountStatus, now: Timestamp) -> Self {
        let grain = object_size::grain(spec.quotas.as_ref().map_or(0, Vec::len));
        let quotas = spec.quotas.iter().flatten().map(|quota| {
            let known = status.quotas.iter().find(|known| known.name == quota.name);
            let window = Window { grain, ..window(quota, known) };
            let counts_all = known.is_none_or(|known| known.counts_all_grants == Some(true));
            Tally { quota: quota.clone(), window, counts_all }
        });
        let unnamed = status.quotas.iter().find(|known| known.limit.is_none());
        let mut ledger = Self {
            quotas: quotas.collect(),
            spend: spec.spend.as_ref().map(|limit| {
                let mut window = Window::new(limit.limit.micros(), seconds(limit.period), Kind::Rolling);
                window.spent = status.spend.iter().flat_map(|spend| &spend.spent).map(paid).collect();
                window
            }),
            refused_until: unnamed.and_then(|known| known.blocked_until.as_ref()).map(|until| until.0),
            grants: status.grants.clone(),
            last_grant: status.last_grant,
            expired: status.expired.clone(),
            turns: last_turns::read(&status.turns, now),
            requests_per_second: spec.requests_per_second,
            max_concurrent: spec.most_at_once().map(i64::from),
        };
        ledger.charge_new_quotas();
        ledger.reserve();
        ledger.tidy(now);
        ledger
    }

    /// A quota that was added while grants are open counts them, as far as it may concern them.
    fn charge_new_quotas(&mut self) {
        for tally in self.quotas.iter().filter(|tally| tally.counts_all) {
            let name = &tally.quota.name;
            for grant in &mut self.grants {
                let step = grant.holder.step.and_then(Operation::of);
                if tally.can_count_all() && tally.counts(step, "") {
                    grant.units.entry(name.clone()).or_insert(grant.submissions.unwrap_or_default());
                }
            }
        }
    }

    /// Lays the open grants over the windows.
    pub(super) fn reserve(&mut self) {
        for tally in &mut self.quotas {
            let units = |grant: &Grant| grant.units.get(&tally.quota.name).copied().unwrap_or_default();
            tally.window.reserved =
                self.grants.iter().flat_map(|grant| spread(grant, units(grant))).collect();
        }
        if let Some(spend) = &mut self.spend {
            let price = |grant: &Grant| grant.price.unwrap_or_default().micros();
            spend.reserved = self.grants.iter().flat_map(|grant| spread(grant, price(grant))).collect();
        }
    }

    /// Drops what no longer matters.
    pub(super) fn tidy(&mut self, now: Timestamp) {
        self.quotas
            .iter_mut()
            .map(|tally| &mut tally.window)
            .chain(&mut self.spend)
            .for_each(|w| w.tidy(now));
        self.refused_until = self.refused_until.filter(|until| *until > now);
    }

    /// Why such a demand is unsatisfiable, if so.
    #[must_use]
    pub fn why_unsatisfiable(&self, demand: &Demand) -> Option<String> {
        let spend = self.spend.as_ref().filter(|spend| demand.price_each.micros() > spend.limit)?;
        Some(format!(
            "one submission costs about ${}, which is more than spend.limit (${}) ever allows; raise the limit or use a \
             cheaper model",
            demand.price_each,
            Money::from_micros(spend.limit)
        ))
    }

    /// The quotas, as the status says them.
    #[must_use]
    pub fn quota_status(&self, now: Timestamp) -> Vec<QuotaStatus> {
        let mut quotas: Vec<QuotaStatus> = self.quotas.iter().map(|tally| tally.status(now)).collect();
        if let Some(until) = self.refused_until {
            let taken = |name: &str| quotas.iter().any(|quota| quota.name == name);
            let mut name = SERVICE.to_owned();
            while taken(&name) {
                name.push_str("-itself");
            }
            quotas.push(QuotaStatus {
                name,
                blocked_until: Some(Time(whole(until))),
                ..QuotaStatus::default()
            });
        }
        quotas
    }

    /// The money, as the status says it.
    #[must_use]
    pub fn spend_status(&self, now: Timestamp) -> Option<SpendStatus> {
        let spend = self.spend.as_ref()?;
        Some(SpendStatus {
            used: Some(Money::from_micros(spend.used(now))),
            reserved: Some(Money::from_micros(spend.held())),
            spent: spend
                .spent
                .iter()
                .map(|entry| PaidAt { at: Time(entry.at), amount: Money::from_micros(entry.units) })
                .collect(),
        })
    }
}

/// What each submission of a demand uses of each limit: the window's place, and units.
pub type QuotaUse = Vec<(usize, i64)>;

/// The windows in which a submission counts: those of quotas by their place, and then the money's.
#[must_use]
pub fn quota_use(ledger: &Ledger, demand: &Demand) -> QuotaUse {
    let quotas = ledger.quotas.iter().enumerate();
    let mut quota_use: QuotaUse = quotas
        .filter(|(_, tally)| tally.counts(demand.operation, &demand.model))
        .map(|(place, tally)| (place, tally.each(demand)))
        .collect();
    if ledger.spend.is_some() {
        quota_use.push((ledger.quotas.len(), demand.price_each.micros()));
    }
    quota_use
}

impl Tally {
    fn status(&self, now: Timestamp) -> QuotaStatus {
        let window = &self.window;
        // A refusal is reported separately: this says when there is a unit by our own ledger.
        let opens = Window { blocked_until: None, ..window.clone() }.when(1, now);
        QuotaStatus {
            name: self.quota.name.clone(),
            limit: Some(window.limit),
            used: Some(window.used(now)),
            reserved: Some(window.held()),
            next_unit_at: opens.filter(|at| *at > now).map(Time),
            blocked_until: window.blocked_until.map(|until| Time(whole(until))),
            counts_all_grants: None,
            reset_at: window.reset_at.map(Time),
            spent: window
                .spent
                .iter()
                .map(|entry| SpentAt {
                    at: Time(entry.at),
                    units: entry.units,
                    channel: entry.channel.clone(),
                })
                .collect(),
        }
    }
}

fn window(quota: &Quota, known: Option<&QuotaStatus>) -> Window {
    let kind = match quota.window {
        Moves::Rolling => Kind::Rolling,
        Moves::Anchored => Kind::Anchored,
        Moves::Fixed => {
            let zone = quota.time_zone.as_ref().map_or("Etc/UTC", |zone| zone.as_str());
            // Of a zone that is not known here nobody knows the midnights; no window of its clock is longer than a
            // rolling one (but for the day on which it is put back).
            TimeZone::get(zone).map_or(Kind::Rolling, Kind::Fixed)
        }
    };
    let mut window = Window::new(quota.limit, seconds(quota.period), kind);
    if let Some(known) = known {
        window.spent = known.spent.iter().map(spent).collect();
        window.blocked_until = known.blocked_until.as_ref().map(|until| until.0);
        window.reset_at =
            known.reset_at.as_ref().map(|reset| reset.0).filter(|_| window.kind == Kind::Anchored);
    }
    window
}

fn seconds(period: videofactory_crds::Duration) -> i64 {
    i64::try_from(period.as_secs()).unwrap_or(i64::MAX)
}

fn spent(spent: &SpentAt) -> Entry {
    Entry { at: spent.at.0, channel: spent.channel.clone(), units: spent.units.max(0) }
}

fn paid(paid: &PaidAt) -> Entry {
    Entry { at: paid.at.0, channel: None, units: paid.amount.micros() }
}

/// A grant's units by its openings.
fn spread(grant: &Grant, units: i64) -> Vec<Reserved> {
    let submissions = grant.submissions.unwrap_or_default().max(1);
    let mut left = units.max(0);
    let mut reserved: BTreeMap<Timestamp, i64> = BTreeMap::new();
    for opening in &grant.openings {
        let share =
            (i128::from(units) * i128::from(opening.submissions.max(0)) / i128::from(submissions)).max(0);
        let share = i64::try_from(share).unwrap_or(i64::MAX).min(left);
        left -= share;
        *reserved.entry(opening.at.0).or_default() += share;
    }
    // What no opening speaks of may be spent at any time.
    *reserved.entry(Timestamp::MIN).or_default() += left;
    let reserved = reserved.into_iter().filter(|(_, units)| *units > 0);
    reserved.map(|(from, units)| Reserved { from, units, channel: grant.channel.clone() }).collect()
}
