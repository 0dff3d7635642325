//! A client of the fakes' second port, for tests that run elsewhere than the fakes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::accounts::Settings;
use super::faults::Fault;
use super::ledger::Ledger;
use super::limits::Limit;
use super::service::{Operation, Service};
use crate::otlp::Received;

/// Where limits and faults are ordered and the ledger is read. Each order is for one account alone, so that tests with
/// keys of their own run side by side.
#[derive(Clone, Debug)]
pub struct FakesAdmin {
    url: String,
    http: reqwest::Client,
}

/// Somebody else who has the same key and uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stranger {
    /// The account.
    pub key: String,
    pub service: Service,
    pub operation: Operation,
    /// How many requests, all at once.
    pub units: usize,
}

impl FakesAdmin {
    /// At this URL, `http://host:port`.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), http: crate::http::client() }
    }

    /// What an account did.
    pub async fn ledger(&self, key: &str) -> anyhow::Result<Ledger> {
        let answer = self.http.get(self.path("ledger", key)).send().await?;
        read(answer).await
    }

    /// Makes these the account's only limits. What it used counts on.
    pub async fn set_limits(&self, key: &str, limits: &[Limit]) -> anyhow::Result<()> {
        self.post("limits", key, &limits).await
    }

    /// Makes these the account's only faults, and lets go what was held.
    pub async fn set_faults(&self, key: &str, faults: &[Fault]) -> anyhow::Result<()> {
        self.post("faults", key, &faults).await
    }

    /// Changes how long things take for an account.
    pub async fn set(&self, key: &str, settings: Settings) -> anyhow::Result<()> {
        self.post("settings", key, &settings).await
    }

    /// Uses an account as somebody else would.
    pub async fn spend(&self, stranger: &Stranger) -> anyhow::Result<()> {
        self.post("spend", &stranger.key, stranger).await
    }

    /// Forgets an account: limits, faults, what it used, what it made.
    pub async fn reset(&self, key: &str) -> anyhow::Result<()> {
        self.post("reset", key, &()).await
    }

    /// The spans that came of a trace, by its id in hex.
    pub async fn spans(&self, trace: &str) -> anyhow::Result<Vec<Received>> {
        let answer = self.http.get(self.path("spans", trace)).send().await?;
        read(answer).await
    }

    fn path(&self, what: &str, key: &str) -> String {
        let key = percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC);
        format!("{}/admin/{what}?key={key}", self.url)
    }

    async fn post<T: Serialize + ?Sized>(&self, what: &str, key: &str, body: &T) -> anyhow::Result<()> {
        let answer = self.http.post(self.path(what, key)).json(body).send().await?;
        let status = answer.status();
        anyhow::ensure!(status.is_success(), "the fakes refuse it: {status} {}", answer.text().await?);
        Ok(())
    }
}

async fn read<T: DeserializeOwned>(answer: reqwest::Response) -> anyhow::Result<T> {
    let status = answer.status();
    anyhow::ensure!(status.is_success(), "the fakes refuse it: {status} {}", answer.text().await?);
    Ok(answer.json().await?)
}
