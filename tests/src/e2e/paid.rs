//! Accounts with the faked services: what a test orders of them, and what they say was paid for.

use std::collections::BTreeMap;

use anyhow::ensure;
use jiff::Timestamp;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use videofactory_crds::ProviderAccount;
use videofactory_net::ALLOWED_HOSTS_ANNOTATION;

use super::test_env::TestEnv;
use super::{site, wait};
use crate::fakes::{FakesAdmin, Fault, Kind, Ledger, Limit, Operation, Service, Submission};

/// A key of the test's own, and the account that uses it.
#[derive(Clone)]
pub struct Account {
    env: TestEnv,
    service: Service,
    /// Name of the `ProviderAccount`.
    pub name: String,
    /// The key, at the fakes the name of the account.
    pub key: String,
    admin: FakesAdmin,
}

impl Account {
    /// A Secret with a new key; the `ProviderAccount` follows by [`Account::open`].
    pub async fn new(env: &TestEnv, name: &str, service: Service) -> anyhow::Result<Self> {
        let key = uuid::Uuid::new_v4().simple().to_string();
        let admin = FakesAdmin::at(site::fakes_url()?);
        let account = Self { env: env.clone(), service, name: name.to_owned(), key, admin };
        account.set_key(&account.key).await?;
        Ok(account)
    }

    /// Puts a key into the account's Secret.
    pub async fn set_key(&self, key: &str) -> anyhow::Result<()> {
        let keys = match self.service {
            Service::YouTube => json!({"clientId": "studio", "clientSecret": "open", "refreshToken": key}),
            // A receiver knows its callers by where they call.
            Service::Webhook => {
                let url = format!("{}/{}", site::fakes_endpoint(self.service), self.key);
                json!({"signingKey": key, "url": url})
            }
            _ => json!({"apiKey": key}),
        };
        self.put_secret(keys).await
    }

    /// Writes the same key again, into a Secret of another version: people do that.
    pub async fn renew_key(&self) -> anyhow::Result<()> {
        self.put_secret(json!({"apiKey": self.key, "note": "renewed"})).await
    }

    async fn put_secret(&self, keys: Value) -> anyhow::Result<()> {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "stringData": keys,
            "metadata": {
                "name": format!("{}-keys", self.name),
                "annotations": {ALLOWED_HOSTS_ANNOTATION: site::fakes_host()},
            },
        });
        self.env.put(secret).await
    }

    /// Creates or changes the account, with these fields beside provider, endpoint and Secret.
    pub async fn open(&self, more: Value) -> anyhow::Result<()> {
        let provider = match self.service {
            Service::Xai => "XAI",
            Service::Gemini => "Gemini",
            Service::HuggingFace => "HuggingFace",
            Service::OpenAi => "OpenAICompatible",
            Service::ComfyUi => "ComfyUI",
            Service::Pexels => "Pexels",
            Service::Pixabay => "Pixabay",
            Service::YouTube => "YouTube",
            Service::Webhook => "Webhook",
        };
        let mut spec = json!({"provider": provider, "secretRef": {"name": format!("{}-keys", self.name)}});
        if self.service != Service::Webhook {
            spec["endpoint"] = json!(site::fakes_endpoint(self.service));
        }
        for (field, value) in more.as_object().cloned().unwrap_or_default() {
            spec[field] = value;
        }
        self.env
            .put(json!({
                "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
                "metadata": {"name": self.name}, "spec": spec,
            }))
            .await
    }

    /// Deletes the account; its Secret stays, and [`Account::open`] makes it again.
    pub async fn delete(&self) -> anyhow::Result<()> {
        let accounts = self.env.api::<ProviderAccount>();
        accounts.delete(&self.name, &DeleteParams::default()).await?;
        wait::until(&accounts, wait::named(&self.name), "an account to be gone", |all| {
            all.is_empty().then_some(())
        })
        .await
    }

    pub async fn now(&self) -> anyhow::Result<ProviderAccount> {
        Ok(self.env.api::<ProviderAccount>().get(&self.name).await?)
    }

    /// Waits until it is so.
    pub async fn until(
        &self,
        what: &str,
        mut so: impl FnMut(&ProviderAccount) -> bool,
    ) -> anyhow::Result<ProviderAccount> {
        wait::until(&self.env.api::<ProviderAccount>(), wait::named(&self.name), what, |all| {
            all.get(&self.name).filter(|account| so(account)).cloned()
        })
        .await
    }

    /// The service's own limits for this key.
    pub async fn limits(&self, limits: &[Limit]) -> anyhow::Result<()> {
        self.admin.set_limits(&self.key, limits).await
    }

    /// What goes wrong for this key.
    pub async fn faults(&self, faults: &[Fault]) -> anyhow::Result<()> {
        self.admin.set_faults(&self.key, faults).await
    }

    /// The fakes' other orders.
    #[must_use]
    pub fn admin(&self) -> &FakesAdmin {
        &self.admin
    }

    /// What the service says happened.
    pub async fn ledger(&self) -> anyhow::Result<Ledger> {
        self.admin.ledger(&self.key).await
    }

    /// Submissions of one kind, oldest first.
    pub async fn submissions(&self, operation: Operation) -> anyhow::Result<Vec<Submission>> {
        let mut all = self.ledger().await?.submissions;
        all.retain(|submission| submission.operation == operation);
        all.sort_by_key(|submission| submission.at);
        Ok(all)
    }

    /// How often each thing was paid for, by digest of what was asked.
    pub async fn paid(&self, operation: Operation) -> anyhow::Result<BTreeMap<String, usize>> {
        let mut paid = BTreeMap::new();
        for submission in self.submissions(operation).await? {
            *paid.entry(submission.digest).or_default() += 1;
        }
        Ok(paid)
    }

    /// Waits until so many requests of this account are held back by the service.
    pub async fn holds(&self, least: u64) -> anyhow::Result<()> {
        wait::asked(&format!("{least} requests of {} to be held", self.name), async || {
            Ok((self.ledger().await?.held >= least).then_some(()))
        })
        .await
    }

    /// Waits until so many submissions of one kind were accepted.
    pub async fn has_accepted(&self, operation: Operation, least: usize) -> anyhow::Result<()> {
        wait::asked(&format!("{least} submissions to {}", self.name), async || {
            Ok((self.submissions(operation).await?.len() >= least).then_some(()))
        })
        .await
    }

    /// Waits until all grants are closed, and compares the ledger with the service's: nothing leaked, nothing
    /// forgotten. Only for quotas whose window is longer than the test.
    pub async fn usage_agrees(&self, quota: &str, operation: Operation) -> anyhow::Result<()> {
        self.usage_exceeds(quota, operation, 0).await
    }

    /// The same, where so many units more are in the ledger than the service knows of: what nobody can account for
    /// counts as spent.
    pub async fn usage_exceeds(&self, quota: &str, operation: Operation, more: i64) -> anyhow::Result<()> {
        let paid = i64::try_from(self.submissions(operation).await?.len())?;
        let account = self
            .until("all grants to be recorded", |account| {
                account.status.as_ref().is_some_and(|status| status.grants.is_empty())
            })
            .await?;
        let quotas = account.status.unwrap_or_default().quotas;
        let used = quotas.iter().find(|entry| entry.name == quota).and_then(|entry| entry.used);
        ensure!(
            used == Some(paid + more),
            "the account counts {used:?} units of {quota}, the service {paid}, and {more} more were expected"
        );
        Ok(())
    }
}

/// A quota of so many clips in a period, as a field of an account.
#[must_use]
pub fn quota(limit: i64, period: &str) -> Value {
    json!({"quotas": [{"name": "generations", "limit": limit, "period": period, "operations": ["animate"]}]})
}

/// A limit of the service's on clips.
#[must_use]
pub fn clip_limit(limit: usize, seconds: f64) -> Limit {
    Limit {
        key: None,
        service: None,
        operation: Some(Operation::Video),
        kind: Kind::Rolling,
        limit,
        window_seconds: seconds,
        retry_after: true,
    }
}

/// An account with room for everything, in a window longer than any test.
pub async fn roomy(env: &TestEnv) -> anyhow::Result<Account> {
    let grok = Account::new(env, "grok", Service::Xai).await?;
    grok.open(quota(50, "2h")).await?;
    Ok(grok)
}

/// How late each submission was after the one whose place it took had left a window of so many units.
#[must_use]
pub fn lags(times: &[Timestamp], limit: usize, window: jiff::SignedDuration) -> Vec<f64> {
    times
        .iter()
        .zip(times.iter().skip(limit))
        .map(|(before, now)| now.duration_since(*before).as_secs_f64() - window.as_secs_f64())
        .collect()
}
