//! Asks services every few minutes whether they answer and take the credentials, beside the looks: nobody waits for a
//! slow answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::Instrument;
use videofactory_crds::ProviderAccount;
use videofactory_crds::provideraccount::Provider;
use videofactory_net::Network;
use videofactory_pipeline::clock;
use videofactory_providers::{
    ComfyUi, Connection, Gemini, Health, HuggingFace, OpenAiCompatible, ProviderError, Stock, Webhook, Xai,
    YouTube,
};

use super::credentials;
use super::model::{Checked, Finding, Health as Known};
use crate::authority::{self, ReadAuthorityError};
use crate::caches::Guarded;
use crate::context::Context;
use videofactory_client::call::CallError;

/// How often a service is asked that answers.
const WHILE_FINE: Duration = Duration::from_mins(5);
/// How often one is that counts the question among what it allows.
const WHILE_COUNTED: Duration = Duration::from_hours(1);
/// How soon one is asked again that does not, at first and at last.
const WHILE_NOT: (Duration, Duration) = (Duration::from_secs(15), Duration::from_mins(5));
/// How long after its time a check that nobody asks for is remembered.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);
/// Longest time that an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What an account was asked with: its generation and its Secret's version. A finding is good for the same alone.
pub type Identity = (Option<i64>, Option<String>);

/// The last findings, by the account's UID.
#[derive(Debug, Default)]
pub struct Checks {
    states: Mutex<HashMap<String, State>>,
}

#[derive(Debug)]
struct State {
    identity: Identity,
    checked: Option<Checked>,
    /// Findings in a row that were not fine.
    failures: u32,
    due: Instant,
    under_way: bool,
    /// There were others before, of which more may be known.
    changed: bool,
}

impl Checks {
    /// What is known of this account as it is.
    #[must_use]
    pub fn last(&self, uid: &str, identity: &Identity) -> Known {
        let states = self.states.lock();
        let Some(state) = states.get(uid) else { return Known::Unasked };
        match &state.checked {
            Some(checked) if state.identity == *identity => Known::Found(checked.clone()),
            None if state.identity == *identity && !state.changed => Known::Unasked,
            _ => Known::Changed,
        }
    }

    /// How long the last finding is good for; nothing while a check is under way.
    #[must_use]
    pub fn due_in(&self, uid: &str) -> Option<Duration> {
        let states = self.states.lock();
        let state = states.get(uid).filter(|state| !state.under_way)?;
        Some(state.due.saturating_duration_since(Instant::now()))
    }

    /// The account is gone.
    pub fn forget(&self, uid: &str) {
        self.states.lock().remove(uid);
    }

    /// Whether it is time to ask; if so, a check is under way from now on.
    fn begin(&self, uid: &str, identity: &Identity) -> bool {
        let mut states = self.states.lock();
        let now = Instant::now();
        // Accounts that are gone are asked no more.
        states.retain(|_, state| state.due.elapsed() < FORGOTTEN_AFTER);
        let state = states.entry(uid.to_owned()).or_insert_with(|| State::new(identity, now));
        if state.identity != *identity {
            *state = State { changed: true, ..State::new(identity, now) };
        }
        let due = !state.under_way && state.due <= now;
        state.under_way |= due;
        due
    }

    /// A check has ended; one for other credentials than today's says nothing.
    fn end(&self, uid: &str, identity: &Identity, checked: Checked) {
        let mut states = self.states.lock();
        let Some(state) = states.get_mut(uid).filter(|state| state.identity == *identity) else { return };
        state.failures = if checked.finding == Finding::Fine { 0 } else { state.failures.saturating_add(1) };
        state.due = Instant::now() + good_for(state.failures);
        state.checked = Some(checked);
        state.under_way = false;
    }

    /// Leaves a service that answers in peace for longer.
    fn spare(&self, uid: &str, identity: &Identity) {
        let mut states = self.states.lock();
        let fine = |state: &&mut State| state.identity == *identity && state.failures == 0;
        if let Some(state) = states.get_mut(uid).filter(fine) {
            state.due = Instant::now() + WHILE_COUNTED;
        }
    }
}

impl State {
    fn new(identity: &Identity, now: Instant) -> Self {
        let identity = identity.clone();
        Self { identity, checked: None, failures: 0, due: now, under_way: false, changed: false }
    }
}

/// How long a finding is good for, after so many in a row that were not fine.
fn good_for(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => WHILE_FINE,
        Some(doublings) => {
            WHILE_NOT.0.saturating_mul(2_u32.saturating_pow(doublings.min(16))).min(WHILE_NOT.1)
        }
    }
}

/// Asks the account's service if it is time to. The answer is kept, and the account looked at again when it is there.
pub fn ask(checks: &Arc<Checks>, context: &Context, account: &ProviderAccount, identity: &Identity) {
    let uid = account.uid().unwrap_or_default();
    if account.spec.provider == Provider::Embedded || !checks.begin(&uid, identity) {
        return;
    }
    let (checks, context, account, identity) =
        (Arc::clone(checks), context.clone(), account.clone(), identity.clone());
    let asking = async move {
        let begun = Instant::now();
        let finding = match check(&context, &account).await {
            Ok(finding) => finding,
            Err(error) => Finding::Down(error.to_string()),
        };
        checks.end(&uid, &identity, Checked { finding, took: begun.elapsed(), at: clock::now() });
        if account.spec.provider.is_stock() {
            checks.spare(&uid, &identity);
        }
        context.caches.account_queue.push(queued(&account));
    };
    tokio::spawn(asking.in_current_span());
}

/// The account's place in its queue.
fn queued(account: &ProviderAccount) -> ObjectRef<Guarded<ProviderAccount>> {
    ObjectRef::new(&account.name_any()).within(&account.namespace().unwrap_or_default())
}

async fn check(context: &Context, account: &ProviderAccount) -> Result<Finding, CallError> {
    let namespace = account.namespace().unwrap_or_default();
    let name = account.spec.secret_ref.as_ref().map(|secret| secret.name.clone()).unwrap_or_default();
    let secret = credentials::read(&context.client, &namespace, &name).await?.unwrap_or_default();
    let authority = match authority::read(&context.client, &namespace, account.spec.ca_ref.as_ref()).await {
        Ok(authority) => authority,
        Err(ReadAuthorityError::CallApiServer(error)) => return Err(error),
        Err(error) => return Ok(Finding::Down(error.to_string())),
    };
    let network = context.network.clone().with_authorities(authority);
    let asked = async { client(account, secret, &network)?.check().await };
    Ok(match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(answer) => finding(answer),
        Err(_) => Finding::Down(format!("the service gave no answer within {} s", ANSWER_WITHIN.as_secs())),
    })
}

fn finding(answer: Result<String, ProviderError>) -> Finding {
    match answer {
        // Somebody who says that he is busy is there, and has read who asks.
        Ok(_) | Err(ProviderError::RateLimited { .. }) => Finding::Fine,
        Err(error @ (ProviderError::Credentials { .. } | ProviderError::CreditsUsedUp { .. })) => {
            Finding::Refused(error.to_string())
        }
        Err(error) => Finding::Down(error.to_string()),
    }
}

fn client(
    account: &ProviderAccount,
    secret: credentials::Content,
    network: &Network,
) -> Result<Box<dyn Health>, ProviderError> {
    let connection = Connection {
        endpoint: account.spec.endpoint.clone().unwrap_or_default(),
        secrets: secret.keys.into_iter().map(|(key, value)| (key, value.into())).collect(),
        keyless: account.spec.is_keyless(),
        allowed_hosts: secret.allowed_hosts,
        network: network.clone(),
        ..Connection::default()
    };
    Ok(match account.spec.provider {
        Provider::Xai => Box::new(Xai::new(&connection)?),
        Provider::Gemini => Box::new(Gemini::new(&connection, clock::now)?),
        Provider::HuggingFace => Box::new(HuggingFace::new(&connection)?),
        Provider::Pexels => Box::new(Stock::pexels(&connection)?),
        Provider::Pixabay => Box::new(Stock::pixabay(&connection)?),
        Provider::ComfyUi => Box::new(ComfyUi::new(&connection)?),
        Provider::OpenAiCompatible => Box::new(OpenAiCompatible::new(&connection)?),
        Provider::YouTube => Box::new(YouTube::new(&connection, clock::now)?),
        Provider::Webhook => Box::new(Webhook::new(&connection, clock::now)?),
        Provider::Embedded => Box::new(AlwaysFine),
    })
}

/// What needs nobody.
struct AlwaysFine;

#[async_trait::async_trait]
impl Health for AlwaysFine {
    async fn check(&self) -> Result<String, ProviderError> {
        Ok("works offline".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(version: &str) -> Identity {
        (Some(1), Some(version.to_owned()))
    }

    fn checked(finding: Finding) -> Checked {
        Checked { finding, took: Duration::from_millis(20), at: "2026-01-01T00:00:00Z".parse().unwrap() }
    }

    fn down() -> Finding {
        Finding::Down("no answer".into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_is_asked_every_five_minutes_and_sooner_while_it_does_not_answer() {
        let checks = Checks::default();
        assert_eq!(checks.last("u", &identity("1")), Known::Unasked);
        assert!(checks.begin("u", &identity("1")));
        assert!(!checks.begin("u", &identity("1")), "one at a time");
        assert_eq!(checks.last("u", &identity("1")), Known::Unasked);
        assert_eq!(checks.due_in("u"), None);
        checks.end("u", &identity("1"), checked(Finding::Fine));
        assert_eq!(checks.due_in("u"), Some(WHILE_FINE));
        assert!(!checks.begin("u", &identity("1")));
        tokio::time::advance(WHILE_FINE).await;
        let mut waits = Vec::new();
        for _ in 0..7 {
            assert!(checks.begin("u", &identity("1")));
            checks.end("u", &identity("1"), checked(down()));
            let wait = checks.due_in("u").unwrap();
            waits.push(wait.as_secs());
            tokio::time::advance(wait).await;
        }
        assert_eq!(waits, [15, 30, 60, 120, 240, 300, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_counts_the_question_is_asked_every_hour_unless_it_fails() {
        let checks = Checks::default();
        for (finding, due) in [(Finding::Fine, WHILE_COUNTED), (down(), WHILE_NOT.0)] {
            assert!(checks.begin("u", &identity("1")));
            checks.end("u", &identity("1"), checked(finding));
            checks.spare("u", &identity("1"));
            assert_eq!(checks.due_in("u"), Some(due));
            tokio::time::advance(due).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn new_credentials_are_tried_at_once_and_old_findings_say_nothing_of_them() {
        let checks = Checks::default();
        checks.begin("u", &identity("1"));
        checks.end("u", &identity("1"), checked(Finding::Refused("no".into())));
        assert!(checks.last("u", &identity("1")).finding().is_some());
        assert_eq!(checks.last("u", &identity("2")), Known::Changed);
        assert!(checks.begin("u", &identity("2")));
        checks.end("u", &identity("1"), checked(down()));
        assert_eq!(checks.last("u", &identity("2")), Known::Changed, "a late answer is for the old ones");
        checks.end("u", &identity("2"), checked(Finding::Fine));
        assert_eq!(checks.last("u", &identity("2")).finding(), Some(&Finding::Fine));
    }

    #[test]
    fn a_busy_service_is_fine_and_refused_credentials_are_not_an_outage() {
        let provider = "A service";
        let resume = videofactory_providers::Resume::Unknown;
        let busy = ProviderError::RateLimited { provider, message: "later".into(), resume };
        assert_eq!(finding(Err(busy)), Finding::Fine);
        let refused = ProviderError::Credentials { provider, message: "wrong".into() };
        assert!(matches!(finding(Err(refused)), Finding::Refused(_)));
        let away = ProviderError::Unavailable { provider, message: "away".into() };
        assert!(matches!(finding(Err(away)), Finding::Down(_)));
    }
}
