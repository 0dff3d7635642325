//! How far the step is: counted here scene by scene, so that an attempt that is stopped or breaks can
//! still say what it has, and posted to the operator at most once a second. Losing a post changes
//! nothing but the display.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use videofactory_pipeline::contract::{self, SceneReport};
use videofactory_storage::StorageError;

/// How often what was posted is posted again: a replica of the operator that begins to lead knows nothing yet.
const POST_AGAIN: Duration = Duration::from_secs(10);
/// Least time between two posts.
const POST_EVERY: Duration = Duration::from_secs(1);
/// Longest time that one post may take.
const POST_TAKES: Duration = Duration::from_secs(3);

/// How far this attempt is. Clones share it.
#[derive(Clone)]
pub struct Progress {
    report: Arc<Mutex<Option<SceneReport>>>,
    latest: watch::Sender<contract::Progress>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { report: Arc::default(), latest: watch::Sender::new(contract::Progress::default()) }
    }
}

impl Progress {
    /// Says how many scenes there are, and forgets what was counted before.
    pub fn begin_scenes(&self, total: u32) {
        self.count(|report| *report = SceneReport { total, ..SceneReport::default() });
    }

    /// A scene that is there already.
    pub fn found(&self, place: u32) {
        self.count(|report| report.completed.insert(place));
    }

    /// A scene that this attempt has made.
    pub fn made(&self, place: u32) {
        self.count(|report| {
            report.completed.insert(place);
            report.made += 1;
        });
    }

    /// A scene whose content was refused.
    pub fn refused(&self, place: u32) {
        self.count(|report| report.refused.insert(place));
    }

    /// A scene of which nobody knows whether it was paid for.
    pub fn unknown(&self, place: u32) {
        self.count(|report| report.unknown.insert(place));
    }

    /// How many submissions to a paid service are still to be made.
    pub fn left(&self, submissions: u32) {
        let mut held = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        // A step that has no scenes reports none.
        if let Some(report) = held.as_mut() {
            report.left = Some(submissions);
        }
    }

    /// How much of the whole step is done, 0 to 1, and what is being done now.
    pub fn say(&self, fraction: f64, message: &str) {
        self.latest.send_modify(|latest| {
            latest.fraction = fraction.clamp(0.0, 1.0);
            message.clone_into(&mut latest.message);
        });
    }

    /// Says that what was paid for waits for the bucket.
    pub fn await_bucket(&self, error: &StorageError) {
        self.latest.send_modify(|latest| {
            latest.message = format!("waits for the bucket with what was paid for: {error}");
            latest.full = error.is_full();
        });
    }

    /// The scenes so far; `None` from a step that has none.
    #[must_use]
    pub fn report(&self) -> Option<SceneReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, change: impl FnOnce(&mut SceneReport)) {
        let mut held = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let report = held.get_or_insert_default();
        change(report);
        let (done, total) = (report.completed.len(), report.total);
        self.latest.send_modify(|latest| {
            latest.completed = report.completed.clone();
            latest.fraction = f64::from(done) / f64::from(total.max(1));
            latest.message = format!("{done} of {total} scenes");
            latest.full = false;
        });
    }

    /// Posts every change to `url` until dropped, and the last one again and again; an empty one posts nothing. The token
    /// is read again each time: Kubernetes renews it.
    pub async fn post(self, url: String, token_file: PathBuf) {
        let mut changes = self.latest.subscribe();
        let client = match reqwest::Client::builder().timeout(POST_TAKES).no_proxy().build() {
            Ok(client) if !url.is_empty() => client,
            _ => return,
        };
        // Nothing is worth a post before something was said.
        let mut is_due = changes.changed().await.is_ok();
        while is_due {
            let latest = changes.borrow_and_update().clone();
            let began = Instant::now();
            if let Err(error) = post_once(&client, &url, &token_file, &latest).await {
                tracing::debug!(%url, %error, "failed to post progress");
            }
            tokio::time::sleep(POST_EVERY.saturating_sub(began.elapsed())).await;
            let next = tokio::time::timeout(POST_AGAIN, changes.changed()).await;
            is_due = next.is_err() || matches!(next, Ok(Ok(())));
        }
    }
}

async fn post_once(
    client: &reqwest::Client,
    url: &str,
    token_file: &PathBuf,
    latest: &contract::Progress,
) -> anyhow::Result<()> {
    let token = tokio::fs::read_to_string(token_file).await?;
    client.post(url).bearer_auth(token.trim()).json(latest).send().await?.error_for_status()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_counts_once_whether_found_or_made() {
        let progress = Progress::default();
        assert_eq!(progress.report(), None);
        progress.begin_scenes(4);
        progress.found(0);
        progress.made(1);
        progress.refused(2);
        progress.unknown(3);
        progress.left(1);
        let report = progress.report().unwrap();
        assert_eq!((report.total, report.made), (4, 1));
        assert_eq!(report.completed.to_string(), "0-1");
        assert_eq!((report.refused.to_string().as_str(), report.unknown.to_string().as_str()), ("2", "3"));
        assert_eq!(report.left, Some(1));
        assert_eq!(progress.latest.borrow().message, "2 of 4 scenes");
    }
}
