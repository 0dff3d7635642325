//! The store of accounts by key: their limits, what they used, and what is made for them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::call::{Ask, Product, masked};
use super::clock::Now;
use super::ledger::{Ledger, Refusal, Stray, Submission, Upload};
use super::limits::{Exceeded, Limit, Use};
use super::locked;
use super::service::{Operation, Service};
use super::youtube::Session;

/// How long things take for an account; absent: as before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// From the submission of a clip until it is done, in milliseconds. First: 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_milliseconds: Option<u64>,
    /// From the end of an upload until `YouTube` has processed it, in milliseconds. First: 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing_milliseconds: Option<u64>,
}

const FIRST: Duration = Duration::from_millis(500);

/// All accounts.
#[derive(Debug, Default)]
pub(crate) struct AccountStore(Mutex<Accounts>);

/// What the store's lock guards.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    by_key: BTreeMap<String, Account>,
    /// For accounts that have none of their own.
    settings: Settings,
    /// What is or was made, by id.
    works: BTreeMap<String, Work>,
    /// Uploads by session.
    pub(crate) sessions: BTreeMap<String, Session>,
    /// Accounts by `YouTube`'s access tokens.
    pub(crate) tokens: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Account {
    limits: Vec<Limit>,
    used: Vec<Use>,
    settings: Settings,
    ledger: Ledger,
}

/// A submission that was accepted, as the server continues with it.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) id: String,
    /// What number it has among the account's submissions, from 1.
    pub(crate) number: usize,
    pub(crate) ask: Ask,
    pub(crate) done: Instant,
    /// How often it was polled.
    pub(crate) polls: u64,
}

impl AccountStore {
    pub(crate) fn open(&self) -> MutexGuard<'_, Accounts> {
        locked(&self.0)
    }
}

impl Accounts {
    fn account(&mut self, key: &str) -> &mut Account {
        self.by_key.entry(key.to_owned()).or_default()
    }

    /// Notes that a request came.
    pub(crate) fn came(&mut self, ask: &Ask) {
        let name = format!("{}/{}", ask.service.name(), ask.operation.name());
        *self.account(&ask.key).ledger.requests.entry(name).or_default() += 1;
    }

    /// Holds a request against the account's limits, and counts it if it fits. Of several limits that it exceeds, the
    /// one with the longest wait is reported.
    pub(crate) fn admit(&mut self, ask: &Ask, now: Now) -> Result<(), Exceeded> {
        let account = self.account(&ask.key);
        let exceeded = account
            .limits
            .iter()
            .filter_map(|limit| limit.check(ask.service, ask.operation, &account.used, now).err())
            .max_by_key(|exceeded| exceeded.wait);
        if let Some(exceeded) = exceeded {
            account.ledger.avoidable429 += u64::from(exceeded.avoidable);
            return Err(exceeded);
        }
        account.used.push(Use { at: now, service: ask.service, operation: ask.operation, stranger: false });
        Ok(())
    }

    /// Takes a submission on; its id.
    pub(crate) fn accept(&mut self, ask: &Ask, now: Now) -> Work {
        let id = new_id(ask);
        let generation = self.settings_of(&ask.key).generation();
        let account = self.account(&ask.key);
        account.ledger.submissions.push(Submission {
            service: ask.service,
            operation: ask.operation,
            key: masked(&ask.key),
            at: now.wall,
            id: id.clone(),
            model: ask.model.clone(),
            prompt: ask.prompt.clone(),
            pictures: ask.pictures,
            digest: ask.digest.clone(),
            seconds: ask.seconds,
            delivered: false,
        });
        let number = account.ledger.submissions.len();
        let work =
            Work { id: id.clone(), number, ask: ask.clone(), done: now.instant + generation, polls: 0 };
        self.works.insert(id, work.clone());
        work
    }

    /// What was submitted to a service and is not done yet, in the order in which it will be.
    pub(crate) fn unfinished(&self, service: Service, now: Now) -> Vec<Work> {
        let waits = |work: &&Work| work.ask.service == service && work.done > now.instant;
        let mut waiting: Vec<Work> = self.works.values().filter(waits).cloned().collect();
        waiting.sort_by_key(|work| work.done);
        waiting
    }

    /// Forgets something that was submitted.
    pub(crate) fn cancel(&mut self, id: &str) {
        self.works.remove(id);
    }

    /// Something that was submitted, by its id.
    pub(crate) fn work(&self, id: &str) -> Option<&Work> {
        self.works.get(id)
    }

    /// A submission of this account that is polled, with this poll counted.
    pub(crate) fn polled(&mut self, ask: &Ask) -> Option<Work> {
        let work = self.works.get_mut(&ask.id).filter(|work| work.ask.key == ask.key)?;
        work.polls += 1;
        Some(work.clone())
    }

    pub(crate) fn refuse(&mut self, ask: &Ask, now: Now, status: u16, kind: String) {
        let refusal = Refusal {
            service: ask.service,
            operation: ask.operation,
            key: masked(&ask.key),
            at: now.wall,
            status,
            kind,
            prompt: ask.prompt.clone(),
        };
        self.account(&ask.key).ledger.refusals.push(refusal);
    }

    /// The result of a submission was handed over.
    pub(crate) fn delivered(&mut self, id: &str) {
        let Some(key) = self.works.get(id).map(|work| work.ask.key.clone()) else { return };
        let submissions = &mut self.account(&key).ledger.submissions;
        if let Some(submission) = submissions.iter_mut().find(|submission| submission.id == id) {
            submission.delivered = true;
        }
    }

    pub(crate) fn strayed(&mut self, key: &str, stray: Stray) {
        self.account(key).ledger.strays.push(stray);
    }

    /// A call of a webhook came; whether one with its idempotency key had come before.
    pub(crate) fn called(&mut self, key: &str, mut delivery: super::ledger::Delivery) -> bool {
        let deliveries = &mut self.account(key).ledger.deliveries;
        delivery.repeated = !delivery.idempotency_key.is_empty()
            && deliveries.iter().any(|earlier| earlier.idempotency_key == delivery.idempotency_key);
        let repeated = delivery.repeated;
        deliveries.push(delivery);
        repeated
    }

    /// One request more, or one less, waits for faults to be replaced.
    pub(crate) fn hold(&mut self, key: &str, more: bool) {
        let held = &mut self.account(key).ledger.held;
        *held = if more { *held + 1 } else { held.saturating_sub(1) };
    }

    /// Somebody else who has the same key uses it.
    pub(crate) fn spend(
        &mut self,
        key: &str,
        service: Service,
        operation: Operation,
        units: usize,
        now: Now,
    ) {
        let used = std::iter::repeat_n(Use { at: now, service, operation, stranger: true }, units);
        self.account(key).used.extend(used);
    }

    /// Replaces the limits of an account, without one those of all.
    pub(crate) fn set_limits(&mut self, key: Option<&str>, limits: Vec<Limit>) -> anyhow::Result<()> {
        for limit in &limits {
            let of = limit.key.as_deref().or(key);
            anyhow::ensure!(
                of.is_some(),
                "a limit is for no account: name its key, or put ?key= into the URL"
            );
            anyhow::ensure!(
                key.is_none() || of == key,
                "a limit is for another account than the list: leave its key out"
            );
            anyhow::ensure!(limit.is_sensible(), "windowSeconds is a positive number of seconds");
        }
        for (name, account) in &mut self.by_key {
            if key.is_none_or(|key| key == name) {
                account.limits.clear();
            }
        }
        for limit in limits {
            let of = limit.key.clone().or_else(|| key.map(str::to_owned)).unwrap_or_default();
            self.account(&of).limits.push(limit);
        }
        Ok(())
    }

    /// The limits of an account, without one those of all.
    pub(crate) fn limits(&self, key: Option<&str>) -> Vec<Limit> {
        let mine = self.by_key.iter().filter(|(name, _)| key.is_none_or(|key| key == *name));
        mine.flat_map(|(name, account)| {
            account.limits.iter().map(|limit| Limit { key: Some(masked(name)), ..limit.clone() })
        })
        .collect()
    }

    /// Changes the settings of an account, without one those of all accounts that have none of their own.
    pub(crate) fn set(&mut self, key: Option<&str>, settings: Settings) {
        let own = match key {
            Some(key) => &mut self.account(key).settings,
            None => &mut self.settings,
        };
        *own = settings.or(*own);
    }

    /// What is in force for an account.
    pub(crate) fn settings_of(&self, key: &str) -> Settings {
        let own = self.by_key.get(key).map(|account| account.settings).unwrap_or_default();
        own.or(self.settings)
    }

    /// Forgets an account, without one all of them. Access tokens stay good.
    pub(crate) fn reset(&mut self, key: Option<&str>) {
        self.by_key.retain(|name, _| key.is_some_and(|key| key != name));
        self.works.retain(|_, work| key.is_some_and(|key| key != work.ask.key));
        self.sessions.retain(|_, session| key.is_some_and(|key| key != session.key));
        if key.is_none() {
            self.settings = Settings::default();
        }
    }

    /// What is known of an account, without one of all.
    pub(crate) fn ledger(&self, key: Option<&str>) -> Ledger {
        let mut ledger = Ledger::default();
        for (name, account) in &self.by_key {
            if key.is_none_or(|key| key == name) {
                ledger.join(account.ledger.clone());
            }
        }
        let mine = self.sessions.values().filter(|session| key.is_none_or(|key| key == session.key));
        ledger.uploads = mine.map(Upload::from).collect();
        ledger.sort();
        ledger
    }
}

impl Settings {
    fn or(self, other: Self) -> Self {
        Self {
            generation_milliseconds: self.generation_milliseconds.or(other.generation_milliseconds),
            processing_milliseconds: self.processing_milliseconds.or(other.processing_milliseconds),
        }
    }

    pub(crate) fn generation(self) -> Duration {
        self.generation_milliseconds.map_or(FIRST, Duration::from_millis)
    }

    pub(crate) fn processing(self) -> Duration {
        self.processing_milliseconds.map_or(FIRST, Duration::from_millis)
    }
}

impl Work {
    /// How much of it is done at this time, 0 to 100.
    pub(crate) fn percent(&self, now: Now, generation: Duration) -> u32 {
        let left = self.done.saturating_duration_since(now.instant);
        if left.is_zero() || generation.is_zero() {
            return 100;
        }
        let left = left.as_millis().saturating_mul(100).div_ceil(generation.as_millis().max(1));
        u32::try_from(100_u128.saturating_sub(left)).unwrap_or(0).min(99)
    }
}

/// An id as the service gives them.
fn new_id(ask: &Ask) -> String {
    let random = uuid::Uuid::new_v4();
    match (ask.service, &ask.product) {
        // Who submits may name it.
        (Service::ComfyUi, _) if !ask.id.is_empty() => ask.id.clone(),
        (Service::Xai, Product::Clip { .. }) | (Service::ComfyUi, _) => random.to_string(),
        // Gemini's names of files are short, in lower case.
        _ => random.simple().to_string()[..12].to_owned(),
    }
}
