//! Waiting for something to become so: by a watch, with a deadline, never by sleeping.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::{StreamExt, pin_mut};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest time that anything may take which happens by itself on a busy machine.
pub const TIMEOUT: Duration = Duration::from_mins(4);

/// Objects by name.
pub type All<K> = BTreeMap<String, K>;

/// Waits until the objects that `which` selects satisfy `so`, and returns what it made of them. On a deadline, the
/// error shows `what` was awaited and the objects as they were last.
pub async fn until<K, T>(
    api: &Api<K>,
    which: watcher::Config,
    what: &str,
    mut so: impl FnMut(&All<K>) -> Option<T>,
) -> anyhow::Result<T>
where
    K: Resource + Clone + DeserializeOwned + Serialize + Debug + Send + 'static,
{
    let mut all = All::new();
    let found = tokio::time::timeout(TIMEOUT, watch(api, which, &mut all, &mut so)).await;
    if let Ok(found) = found {
        return found.with_context(|| format!("while waiting for {what}"));
    }
    let shown = serde_json::to_string_pretty(&all).unwrap_or_default();
    bail!("{what}: not within {} s; what there was: {shown}", TIMEOUT.as_secs())
}

async fn watch<K, T>(
    api: &Api<K>,
    which: watcher::Config,
    all: &mut All<K>,
    so: &mut impl FnMut(&All<K>) -> Option<T>,
) -> anyhow::Result<T>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let events = kube::runtime::watcher(api.clone(), which).default_backoff();
    pin_mut!(events);
    let mut complete = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => {
                all.clear();
                complete = false;
            }
            Ok(Event::Apply(object) | Event::InitApply(object)) => {
                all.insert(object.name_any(), object);
            }
            Ok(Event::Delete(object)) => {
                all.remove(&object.name_any());
            }
            Ok(Event::InitDone) => complete = true,
            // The watcher continues by itself.
            Err(error) => eprintln!("a watch broke off and continues: {error}"),
        }
        if complete && let Some(found) = so(all) {
            return Ok(found);
        }
    }
    bail!("the watch ended")
}

/// Selects one object.
#[must_use]
pub fn named(name: &str) -> watcher::Config {
    watcher::Config::default().fields(&format!("metadata.name={name}"))
}

/// Asks again and again, for what cannot be watched, until there is an answer.
pub async fn asked<T>(
    what: &str,
    mut ask: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let asking = async {
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        loop {
            beat.tick().await;
            if let Some(found) = ask().await? {
                return Ok(found);
            }
        }
    };
    match tokio::time::timeout(TIMEOUT, asking).await {
        Ok(found) => found,
        Err(_) => bail!("{what}: not within {} s", TIMEOUT.as_secs()),
    }
}
