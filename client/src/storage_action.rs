//! What people ask of a `StoragePolicy`.

use std::time::Duration as StdDuration;

use jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use videofactory_crds::request_state::{waiting_backup, waiting_cleanup};
use videofactory_crds::{Duration, StoragePolicy, requests};

use crate::bulk::Outcome;
use crate::call::{CallError, within};
use crate::results::ItemOutcome;

/// How long a request waits for an earlier one, which it would replace, to begin.
const TIMEOUT: StdDuration = StdDuration::from_secs(10);
/// How soon the policy is looked at again.
const AGAIN: StdDuration = StdDuration::from_secs(1);

/// Prune now. `older_than`: age from which finished jobs' files may go, instead of the rules' own.
#[must_use]
pub fn cleanup(at: Timestamp, older_than: Option<Duration>, dry_run: bool) -> Value {
    let mut request = json!({"at": at.to_string()});
    if let Some(age) = older_than {
        request["olderThan"] = json!(age);
    }
    if dry_run {
        request["dryRun"] = json!(true);
    }
    json!({"metadata": {"annotations": {requests::CLEANUP: request.to_string()}}})
}

/// The time for a request to prune: now, but at least a second after each run and request that the policy knows. Runs are
/// distinguished by the second. One that a clock which was wrong has put far ahead counts for nothing: the request would be
/// one from the future.
#[must_use]
pub fn cleanup_time(policy: &StoragePolicy, now: Timestamp) -> Timestamp {
    let runs = policy.status.iter().flat_map(|status| &status.runs).map(|run| run.slot.0);
    let asked = requests::policy_requests(policy.annotations()).0.cleanup;
    after(runs.chain(asked.map(|asked| asked.requested.at)), now)
}

/// The time for a request to back up: after the last one that was handled and its run, for the same reason.
fn backup_time(policy: &StoragePolicy, now: Timestamp) -> Timestamp {
    let status = policy.status.as_ref();
    let run = status.and_then(|status| status.backup.as_ref()).map(|run| run.slot.0);
    let handled = status.and_then(|status| status.handled.as_ref());
    let handled = handled.and_then(|handled| handled.backup.as_deref()).and_then(requests::time_of);
    after(run.into_iter().chain(handled), now)
}

/// The present time, or a second after the last of these times, if that is later.
fn after(known: impl Iterator<Item = Timestamp>, now: Timestamp) -> Timestamp {
    let next = |at: Timestamp| at.checked_add(SignedDuration::from_secs(1)).unwrap_or(at);
    let earliest = known.map(next).filter(|at| !requests::is_early(*at, now)).max();
    earliest.map_or(now, |earliest| earliest.max(now))
}

/// A wish to prune now.
#[derive(Clone, Copy, Debug)]
pub struct Cleanup {
    /// The present time.
    pub now: Timestamp,
    /// Age from which finished jobs' files may go, instead of the rules' own.
    pub older_than: Option<Duration>,
    /// Only plan.
    pub dry_run: bool,
}

/// A wish that a policy has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The time of the request. The slot of its run is this time or later.
    pub at: Timestamp,
    /// The slot of the run that is under way, which this one follows.
    pub follows: Option<Timestamp>,
}

/// Why a policy was not asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The API server did not take it.
    #[error(transparent)]
    CallApiServer(#[from] CallError),
    /// It would replace another request, of which nobody would hear any more.
    #[error("another clean-up, asked for at {0:.0}, waits to begin; ask again when it has begun")]
    ReplaceRequest(Timestamp),
}

impl AskError {
    /// The text for somebody who asked in their own name.
    #[must_use]
    pub fn for_people(&self) -> String {
        match self {
            Self::CallApiServer(error) => error.for_people(),
            Self::ReplaceRequest(_) => self.to_string(),
        }
    }
}

/// What became of a wish to one policy.
#[derive(Debug)]
pub struct Asked {
    /// The policy, as `<namespace>/<name>`.
    pub policy: String,
    /// What it was asked, or why it was not.
    pub answer: Result<Accepted, AskError>,
}

/// What became of a wish to one policy, as people and programs are shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyResult {
    /// The policy, as `<namespace>/<name>`.
    pub id: String,
    /// Requested, refused because another request waits to begin, or failed.
    pub outcome: Outcome,
    /// When it was asked, or when the same was asked before and has not begun. The slot of its run is this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// Why, where it was not asked; or which run it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl ItemOutcome for PolicyResult {
    type Outcome = Outcome;

    fn outcome(&self) -> Outcome {
        self.outcome
    }

    fn is_done(&self) -> bool {
        self.outcome.is_done()
    }
}

impl From<Asked> for PolicyResult {
    fn from(Asked { policy: id, answer }: Asked) -> Self {
        let not = |outcome, error: &AskError| (outcome, None, Some(error.for_people()));
        let (outcome, requested_at, detail) = match &answer {
            Ok(Accepted { at, follows }) => {
                let detail =
                    follows.map(|slot| format!("it follows the run of {slot:.0}, which is under way"));
                (Outcome::Requested, Some(*at), detail)
            }
            Err(error @ AskError::ReplaceRequest(_)) => not(Outcome::Refused, error),
            Err(error @ AskError::CallApiServer(_)) => not(Outcome::Failed, error),
        };
        Self { id, outcome, requested_at, detail }
    }
}

/// Asks each of these policies; in their order. That one refuses keeps none from being asked. A policy has room for one
/// request: another that has not begun is waited for, and then it is not asked.
pub async fn clean_up(
    client: &Client,
    policies: &[StoragePolicy],
    wish: Cleanup,
    manager: &str,
) -> Vec<Asked> {
    let begun = Instant::now();
    let mut asked = Vec::with_capacity(policies.len());
    for policy in policies {
        let name = format!("{}/{}", policy.namespace().unwrap_or_default(), policy.name_any());
        let answer = ask(client, policy, begun, manager, |known, waited| {
            let at = plan(known, Cleanup { now: later(wish.now, waited), ..wish })?;
            let accepted = Accepted { at, follows: under_way(known) };
            Ok((accepted, cleanup(at, wish.older_than, wish.dry_run)))
        });
        let answer = answer.await;
        asked.push(Asked { policy: name, answer });
    }
    asked
}

/// Asks a policy to back up; the time of the request. One that was asked for and has not begun is for both: it will hold
/// what is there now.
pub async fn back_up(
    client: &Client,
    policy: &StoragePolicy,
    now: Timestamp,
    manager: &str,
) -> Result<Timestamp, AskError> {
    let asked = ask(client, policy, Instant::now(), manager, |known, waited| {
        let now = later(now, waited);
        let waits = waiting_backup(known, now).map(|asked| asked.at);
        let at = waits.unwrap_or_else(|| backup_time(known, now));
        Ok((at, backup(at)))
    });
    asked.await
}

fn later(time: Timestamp, by: StdDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(time)
}

/// Asks one policy. `begun`: when all of them began to be asked. `plan`: the answer and the patch, for the policy as it is
/// known and the whole seconds since then.
async fn ask<T>(
    client: &Client,
    policy: &StoragePolicy,
    begun: Instant,
    manager: &str,
    plan: impl Fn(&StoragePolicy, StdDuration) -> Result<(T, Value), AskError>,
) -> Result<T, AskError> {
    let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let (namespace, name) = (policy.namespace().unwrap_or_default(), policy.name_any());
    let api: Api<StoragePolicy> = Api::namespaced(client.clone(), &namespace);
    let mut latest: Option<StoragePolicy> = None;
    loop {
        let waited = StdDuration::from_secs(begun.elapsed().as_secs());
        let known = latest.as_ref().unwrap_or(policy);
        let why = match plan(known, waited) {
            Ok((answer, patch)) => {
                let patch = Patch::Merge(guarded(known, patch));
                let what = format!("patch StoragePolicy {namespace}/{name}");
                match within(what, api.patch_metadata(&name, &params, &patch)).await {
                    Ok(_) => return Ok(answer),
                    Err(error) if error.is_conflict() => AskError::from(error),
                    Err(error) => return Err(error.into()),
                }
            }
            Err(busy) => {
                // What was listed may have begun long since.
                if latest.is_some() {
                    sleep(AGAIN).await;
                }
                busy
            }
        };
        if begun.elapsed() >= TIMEOUT && latest.is_some() {
            return Err(why);
        }
        latest = Some(within(format!("get StoragePolicy {namespace}/{name}"), api.get(&name)).await?);
    }
}

/// The time of the request that this wish becomes. That of an earlier one that has not begun, where it wants the same:
/// its run is for both.
fn plan(policy: &StoragePolicy, wish: Cleanup) -> Result<Timestamp, AskError> {
    match waiting_cleanup(policy, wish.now) {
        None => Ok(cleanup_time(policy, wish.now)),
        Some(other) if (other.older_than, other.dry_run) == (wish.older_than, wish.dry_run) => {
            Ok(other.requested.at)
        }
        Some(other) => Err(AskError::ReplaceRequest(other.requested.at)),
    }
}

/// The patch for the policy as it is known: if it has changed since, somebody else may have asked.
fn guarded(policy: &StoragePolicy, mut patch: Value) -> Value {
    if let Some(version) = policy.resource_version() {
        patch["metadata"]["resourceVersion"] = json!(version);
    }
    patch
}

fn under_way(policy: &StoragePolicy) -> Option<Timestamp> {
    let run = policy.status.as_ref()?.runs.first()?;
    run.outcome.is_none().then_some(run.slot.0)
}

/// Back up now.
fn backup(at: Timestamp) -> Value {
    json!({"metadata": {"annotations": {requests::BACKUP: at.to_string()}}})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use videofactory_crds::requests::policy_requests;

    use super::*;

    fn annotations(patch: &Value) -> BTreeMap<String, String> {
        serde_json::from_value(patch["metadata"]["annotations"].clone()).unwrap()
    }

    fn policy_with(metadata: Value, status: Value) -> StoragePolicy {
        let mut policy = json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
        });
        policy["metadata"] = metadata;
        policy["status"] = status;
        serde_json::from_value(policy).unwrap()
    }

    #[test]
    fn a_request_that_has_not_begun_is_shared_or_blocks_another() {
        let text = r#"{"at":"2026-12-24T18:00:30Z","olderThan":"7d"}"#;
        let waits = |handled: &str| {
            let annotations = json!({"videofactory.dev/cleanup-requested": text});
            let metadata = json!({"name": "default", "annotations": annotations});
            policy_with(metadata, json!({"handled": {"cleanup": handled}}))
        };
        let wish = |days: u64, dry_run: bool| Cleanup {
            now: "2026-12-24T18:00:00Z".parse().unwrap(),
            older_than: Some(Duration::from_days(days)),
            dry_run,
        };
        let asked: Timestamp = "2026-12-24T18:00:30Z".parse().unwrap();
        let waiting = waits("2026-12-24T17:00:00Z");
        assert_eq!(plan(&waiting, wish(7, false)).unwrap(), asked, "one run is for both");
        for other in [wish(7, true), wish(8, false)] {
            assert!(matches!(plan(&waiting, other), Err(AskError::ReplaceRequest(at)) if at == asked));
        }
        let begun = plan(&waits(text), wish(8, false)).unwrap();
        assert_eq!(
            begun,
            "2026-12-24T18:00:31Z".parse().unwrap(),
            "later than the one of a clock that is ahead"
        );
    }

    #[test]
    fn who_would_replace_another_request_is_refused_and_who_waits_for_a_run_is_informed() {
        let at = "2026-12-24T18:00:00Z".parse().unwrap();
        let result = |answer| PolicyResult::from(Asked { policy: "films/default".to_owned(), answer });
        let refused = result(Err(AskError::ReplaceRequest(at)));
        assert_eq!((refused.outcome, refused.requested_at), (Outcome::Refused, None));
        assert!(refused.detail.unwrap().contains("waits to begin"));
        let waits = result(Ok(Accepted { at, follows: Some(at) }));
        assert_eq!((waits.outcome, waits.requested_at), (Outcome::Requested, Some(at)));
        assert!(waits.detail.unwrap().contains("follows the run of 2026-12-24T18:00:00Z"));
    }

    #[test]
    fn a_patch_holds_for_the_policy_as_it_was_read() {
        let policy = policy_with(json!({"name": "default", "resourceVersion": "7"}), json!({}));
        let patch = guarded(&policy, backup("2026-12-24T18:00:00Z".parse().unwrap()));
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        assert!(patch["metadata"]["annotations"].is_object());
    }

    #[test]
    fn a_request_has_a_second_of_its_own() {
        let policy = |slot: &str| {
            let runs = json!({"runs": [{"slot": slot}, {"slot": "2026-12-24T17:00:00Z"}]});
            policy_with(json!({"name": "default"}), runs)
        };
        let now = "2026-12-24T18:00:00.25Z".parse().unwrap();
        for (slot, at) in [
            ("2026-12-24T17:59:59Z", "2026-12-24T18:00:00.25Z"),
            ("2026-12-24T18:00:00Z", "2026-12-24T18:00:01Z"),
            ("2026-12-24T18:04:59Z", "2026-12-24T18:05:00Z"),
            ("2026-12-24T18:05:00Z", "2026-12-24T18:00:00.25Z"),
            ("2027-12-24T18:00:00Z", "2026-12-24T18:00:00.25Z"),
        ] {
            let time = cleanup_time(&policy(slot), now);
            assert_eq!(time, at.parse().unwrap(), "{slot}");
            assert!(!requests::is_early(time, now), "{slot}");
        }
    }

    #[test]
    fn a_backup_is_asked_for_after_the_last_one_also_by_a_clock_that_is_behind() {
        let status = json!({
            "handled": {"backup": "2026-12-24T18:00:10.5Z"}, "backup": {"slot": "2026-12-24T18:00:11Z"},
        });
        let policy = policy_with(json!({"name": "default"}), status);
        let time = |now: &str| backup_time(&policy, now.parse().unwrap()).to_string();
        assert_eq!(time("2026-12-24T18:00:00Z"), "2026-12-24T18:00:12Z");
        assert_eq!(time("2026-12-24T18:00:30Z"), "2026-12-24T18:00:30Z");
    }

    #[test]
    fn what_is_asked_is_what_the_controller_reads() {
        let at = "2026-12-24T18:00:00.25Z".parse().unwrap();
        let (asked, unreadable) =
            policy_requests(&annotations(&cleanup(at, Some(Duration::from_days(7)), true)));
        assert_eq!(unreadable, []);
        let asked = asked.cleanup.unwrap();
        assert_eq!(
            (asked.requested.at, asked.older_than, asked.dry_run),
            (at, Some(Duration::from_days(7)), true)
        );
        let (asked, _) = policy_requests(&annotations(&cleanup(at, None, false)));
        assert_eq!(asked.cleanup.map(|asked| (asked.older_than, asked.dry_run)), Some((None, false)));
        let (asked, _) = policy_requests(&annotations(&backup(at)));
        assert_eq!(asked.backup.map(|asked| asked.at), Some(at));
    }
}
