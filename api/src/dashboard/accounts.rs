//! GET `/dashboard/accounts`: what is left of each service's quotas, when more comes back, and who waits.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use videofactory_crds::ProviderAccount;
use videofactory_crds::provideraccount::{CREDENTIALS_EXPIRE_SOON, QuotaUnit, Window};
use videofactory_pipeline::clock;

use super::formatting::{self, Moment, Tone};
use super::layout::{self, Frame, Place, Unreadable};
use crate::access::Caller;
use crate::problem::Problem;
use crate::query::{NamespaceQuery, Parameters};
use crate::reads::accounts::{self, AccountStats, QuotaStats, SpendStats, WaiterStats};
use crate::state::State;

/// Most units that are drawn one by one.
const MAX_UNITS: i64 = 100;
/// Most times that are shown at which units come back.
const MAX_RETURNS: usize = 8;

/// The page.
#[derive(Template)]
#[template(path = "dashboard/accounts.html")]
struct AccountsPage {
    frame: Frame,
    accounts: Vec<AccountView>,
    unreadable: Vec<Unreadable>,
}

/// An account.
struct AccountView {
    id: String,
    provider: &'static str,
    word: &'static str,
    tone: Tone,
    message: String,
    health: String,
    expires: Option<Moment>,
    expires_in: String,
    expires_soon: bool,
    spend: String,
    spend_percent: Option<i64>,
    quotas: Vec<QuotaView>,
    waiting: i32,
    waiters: Vec<WaiterView>,
}

/// A quota's window.
struct QuotaView {
    name: String,
    words: String,
    /// Each unit, where they are few; else none.
    units: Vec<&'static str>,
    used: i64,
    limit: i64,
    returns: Vec<Return>,
    next: Option<Moment>,
    blocked: Option<Moment>,
}

/// Units that come back at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Return {
    at: Moment,
    within: String,
    units: i64,
}

/// A step that waits for an account.
struct WaiterView {
    job: String,
    step: &'static str,
    units: String,
    since: String,
}

/// The accounts.
pub async fn get(
    Shared(state): Shared<State>,
    caller: Caller,
    Parameters(query): Parameters<NamespaceQuery>,
) -> Result<Response, Problem> {
    let listed = accounts::listed(&state, &caller, &query).await?;
    let readable = listed.iter().filter_map(|account| account.0.as_ref().ok());
    let now = clock::now();
    let mut views: Vec<AccountView> = readable.map(|account| AccountView::of(account, now)).collect();
    views.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    layout::html(&AccountsPage {
        frame: Frame::new("Accounts", Place::Accounts, caller.name()),
        accounts: views,
        unreadable: layout::unreadable(&listed),
    })
}

impl AccountView {
    fn of(account: &ProviderAccount, now: Timestamp) -> Self {
        let stats = AccountStats::of(account);
        let (word, tone) =
            if stats.ready { ("can be used", Tone::Good) } else { ("cannot be used", Tone::Bad) };
        let health = stats.health.as_ref().map(|health| {
            let answers = if health.healthy { "answers" } else { "does not answer" };
            let latency =
                health.latency_milliseconds.map(|took| format!(" in {took} ms")).unwrap_or_default();
            let checked = health
                .checked_at
                .map(|at| format!(", {}", formatting::from_now(at, now)))
                .unwrap_or_default();
            let message = health.message.as_deref().filter(|_| !health.healthy).map(|why| format!(": {why}"));
            format!("{answers}{latency}{checked}{}", message.unwrap_or_default())
        });
        let expires = stats.credentials_expire_at;
        Self {
            provider: stats.provider.as_str(),
            word,
            tone,
            message: stats.message.clone().unwrap_or_default(),
            health: health.unwrap_or_else(|| "was not asked yet".to_owned()),
            expires: expires.map(formatting::moment),
            expires_in: expires.map(|at| formatting::from_now(at, now)).unwrap_or_default(),
            expires_soon: expires.is_some_and(|at| at.duration_since(now) <= CREDENTIALS_EXPIRE_SOON),
            spend: stats.spend.as_ref().map(spend).unwrap_or_default(),
            spend_percent: stats.spend.as_ref().and_then(spend_percent),
            quotas: stats.quotas.iter().map(|quota| QuotaView::of(account, quota, now)).collect(),
            waiting: stats.waiting,
            waiters: stats.waiters.iter().map(|waiter| WaiterView::of(waiter, now)).collect(),
            id: stats.id,
        }
    }
}

fn spend(spend: &SpendStats) -> String {
    let held = if spend.reserved.micros() > 0 {
        format!(", {} promised", formatting::money(spend.reserved))
    } else {
        String::new()
    };
    match (spend.limit, &spend.period) {
        (Some(limit), Some(period)) => {
            format!("{} of {} in {period}{held}", formatting::money(spend.used), formatting::money(limit))
        }
        _ => format!("{}{held}", formatting::money(spend.used)),
    }
}

fn spend_percent(spend: &SpendStats) -> Option<i64> {
    let limit = spend.limit.map(videofactory_crds::Money::micros).filter(|limit| *limit > 0)?;
    let used = i128::from(spend.used.plus(spend.reserved).micros());
    Some(i64::try_from(used * 100 / i128::from(limit)).unwrap_or(i64::MAX).clamp(0, 100))
}

impl QuotaView {
    fn of(account: &ProviderAccount, quota: &QuotaStats, now: Timestamp) -> Self {
        let unit = if quota.unit == Some(QuotaUnit::Seconds) { " s" } else { "" };
        let period = quota.period.as_deref().map(|period| format!(" in {period}")).unwrap_or_default();
        let held =
            if quota.reserved > 0 { format!(", {}{unit} promised", quota.reserved) } else { String::new() };
        let is_drawn = (1..=MAX_UNITS).contains(&quota.limit);
        Self {
            words: format!(
                "{}{unit} of {}{unit} left{period}: {}{unit} used{held}",
                quota.remaining, quota.limit, quota.used
            ),
            units: if is_drawn { units(quota) } else { Vec::new() },
            used: quota.used.clamp(0, quota.limit),
            limit: quota.limit,
            returns: returns(account, quota, now),
            next: quota.next_unit_at.map(formatting::moment),
            blocked: quota.blocked_until.filter(|until| *until > now).map(formatting::moment),
            name: quota.name.clone(),
        }
    }
}

/// Each unit of a window in a word: used, promised, free.
fn units(quota: &QuotaStats) -> Vec<&'static str> {
    let place = |number: i64| {
        if number < quota.used {
            "used"
        } else if number < quota.used.saturating_add(quota.reserved) {
            "held"
        } else {
            "free"
        }
    };
    (0..quota.limit).map(place).collect()
}

/// When units that were spent come back: of a rolling window each one period after it was spent.
fn returns(account: &ProviderAccount, quota: &QuotaStats, now: Timestamp) -> Vec<Return> {
    let asked = account.spec.quotas.iter().flatten().find(|asked| asked.name == quota.name);
    let Some(asked) = asked.filter(|asked| asked.window == Window::Rolling) else { return Vec::new() };
    let period = SignedDuration::from_secs(i64::try_from(asked.period.as_secs()).unwrap_or(i64::MAX));
    let reported =
        account.status.iter().flat_map(|status| &status.quotas).find(|reported| reported.name == quota.name);
    let mut at: BTreeMap<Timestamp, i64> = BTreeMap::new();
    for spent in reported.into_iter().flat_map(|reported| &reported.spent) {
        if let Ok(back) = spent.at.0.checked_add(period)
            && back > now
        {
            *at.entry(back).or_default() += spent.units;
        }
    }
    let returns = at.into_iter().map(|(at, units)| Return {
        at: formatting::moment(at),
        within: formatting::from_now(at, now),
        units,
    });
    returns.take(MAX_RETURNS).collect()
}

impl WaiterView {
    fn of(waiter: &WaiterStats, now: Timestamp) -> Self {
        let units = waiter.units.iter().map(|(quota, count)| format!("{count} of {quota}"));
        Self {
            job: waiter.job.clone(),
            step: waiter.step.map(formatting::step).unwrap_or_default(),
            units: units.collect::<Vec<_>>().join(", "),
            since: waiter.since.map(|since| formatting::between(since, now)).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[test]
    fn a_window_shows_each_unit_and_when_it_comes_back() {
        let mut account = testing::account("films");
        account["spec"]["quotas"][0]["limit"] = json!(6);
        account["status"]["quotas"][0] = json!({"name": "generations", "limit": 6, "used": 3, "reserved": 1, "spent": [
            {"at": "2026-12-24T17:00:00Z", "units": 1},
            {"at": "2026-12-24T18:30:00Z", "units": 2}, {"at": "2026-12-24T18:30:00Z", "units": 1}]});
        account["status"]["spend"] = json!({"used": "40", "reserved": "10"});
        account["spec"]["spend"] = json!({"limit": "100", "period": "30d"});
        let account: ProviderAccount = serde_json::from_value(account).unwrap();
        let view = AccountView::of(&account, "2026-12-24T19:30:00Z".parse().unwrap());
        let quota = &view.quotas[0];
        assert_eq!(quota.units, ["used", "used", "used", "held", "free", "free"]);
        assert_eq!(quota.words, "2 of 6 left in 2h: 3 used, 1 promised");
        let returns: Vec<(&str, i64)> =
            quota.returns.iter().map(|one| (one.within.as_str(), one.units)).collect();
        assert_eq!(returns, [("in 1 h", 3)]);
        assert_eq!(
            (view.spend.as_str(), view.spend_percent),
            ("$40.00 of $100.00 in 30d, $10.00 promised", Some(50))
        );
        assert_eq!((view.waiters[0].job.as_str(), view.waiters[0].step), ("films/ocean", "Clips"));
    }

    #[test]
    fn credentials_that_end_soon_are_warned_of() {
        let now: Timestamp = "2026-12-24T00:00:00Z".parse().unwrap();
        let view = |at: &str| {
            let mut account = testing::account("films");
            account["spec"]["credentialsExpireAt"] = json!(at);
            AccountView::of(&serde_json::from_value(account).unwrap(), now).expires_soon
        };
        assert!(
            view("2027-01-07T00:00:00Z") && view("2026-12-01T00:00:00Z") && !view("2027-01-08T00:00:00Z")
        );
    }
}
