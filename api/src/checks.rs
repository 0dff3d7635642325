//! Checks of the installation's health, remembered for a moment.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

/// How long an answer is good for: whoever asks more often gets the same one, and the API server is not asked.
const TTL: Duration = Duration::from_secs(5);

// Scripts read its fields by the names that the system before this one gave them, so they are in snake case.
/// One check.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is checked: `kubernetes_api`, `r2_storage`, `controller`, `namespace:<name>` (of those alone that the operator
    /// may not read), or `account:<namespace>/<name>`.
    pub name: String,
    pub healthy: bool,
    /// What was found, and what to do.
    pub message: String,
    /// How long the answer took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// When it was checked.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
}

/// Remembers the last checks.
#[derive(Debug, Default)]
pub struct Checks {
    last: Mutex<Option<(Instant, Vec<Check>)>>,
}

impl Checks {
    /// The last ones, or these, if the last are too old.
    pub async fn get(&self, make: impl Future<Output = Vec<Check>>) -> Vec<Check> {
        // Held while asking: of many who ask at once, one asks the API server.
        let mut last = self.last.lock().await;
        if let Some((at, checks)) = &*last
            && at.elapsed() < TTL
        {
            return checks.clone();
        }
        let checks = make.await;
        *last = Some((Instant::now(), checks.clone()));
        checks
    }
}
