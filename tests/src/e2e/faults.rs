//! Faults of the bucket, for one test alone: the proxy holds one list, so all tests of this process share this map. What
//! it holds back is found by key.

use std::collections::BTreeMap;

use anyhow::ensure;
use tokio::sync::Mutex;

use super::site;
use crate::r2_proxy::Fault;

/// The faults of all tests, by the prefix that they are for.
static FAULTS: Mutex<BTreeMap<String, Vec<Fault>>> = Mutex::const_new(BTreeMap::new());

/// Makes these faults the only ones for keys below `prefix`; none ends them. Each fault's own glob continues below
/// the prefix; without one it is for all keys there.
pub async fn set(prefix: &str, faults: Vec<Fault>) -> anyhow::Result<()> {
    let faults = faults
        .into_iter()
        .map(|fault| {
            let glob = fault.keys.clone().unwrap_or_else(|| "**".to_owned());
            fault.for_keys(format!("{prefix}{glob}"))
        })
        .collect();
    let mut by_prefix = FAULTS.lock().await;
    by_prefix.insert(prefix.to_owned(), faults);
    let all: Vec<&Fault> = by_prefix.values().flatten().collect();
    let answer =
        crate::http::client().post(format!("{}/faults", site::proxy_url()?)).json(&all).send().await?;
    ensure!(answer.status().is_success(), "the proxy refuses the faults: {}", answer.text().await?);
    Ok(())
}

/// The keys below `prefix` of the requests that are held now.
pub async fn held(prefix: &str) -> anyhow::Result<Vec<String>> {
    let answer = crate::http::client().get(format!("{}/held", site::proxy_url()?)).send().await?;
    let mut keys: Vec<String> = answer.error_for_status()?.json().await?;
    keys.retain(|key| key.starts_with(prefix));
    Ok(keys)
}
