//! How what people ask of a `StoragePolicy` stands to what its status says was handled. Pure.

use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;

use crate::StoragePolicy;
use crate::requests::{Cleanup, Requested, policy_requests, time_of};
use crate::storagepolicy::PolicyHandled;
use crate::units::Duration;

/// What is to become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// It is to be acted upon.
    New,
    /// It is the last one that was handled.
    Handled,
    /// Whoever put it there did not ask now: a manifest was put back, or the policy made again from one; why and what to
    /// do.
    Outdated(String),
}

/// A clean-up as the status records it: all that was asked, because the same time with another wish is another request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    older_than: Option<Duration>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// How a request stands to the last one that was handled, and to the policy, which was made then.
#[must_use]
pub fn request_state(
    asked: &Requested,
    wish: &str,
    handled: Option<&str>,
    made: Option<Timestamp>,
    now: Timestamp,
) -> RequestState {
    // A record may be of the time alone.
    if handled.is_some_and(|last| last == wish || last == asked.text) {
        return RequestState::Handled;
    }
    if asked.is_early(now) {
        return RequestState::Outdated("it lies in the future; ask with the present time".to_owned());
    }
    if let Some(last) = handled.and_then(time_of).filter(|last| asked.at < *last) {
        return RequestState::Outdated(format!(
            "one of {last} was handled already; ask again with a later time"
        ));
    }
    if made.is_some_and(|made| asked.at < made) {
        return RequestState::Outdated(
            "it is older than this StoragePolicy; ask again with a new time".to_owned(),
        );
    }
    RequestState::New
}

/// A clean-up as the status records that it was handled.
#[must_use]
pub fn record(request: &Cleanup) -> String {
    let at = request.requested.text.clone();
    let record = Record { at, older_than: request.older_than, dry_run: request.dry_run };
    serde_json::to_string(&record).unwrap_or(record.at)
}

/// The clean-up that was asked for and has not begun: another would replace it, since there is room for one.
#[must_use]
pub fn waiting_cleanup(policy: &StoragePolicy, now: Timestamp) -> Option<Cleanup> {
    let asked = policy_requests(policy.annotations()).0.cleanup?;
    let handled = handled(policy).and_then(|handled| handled.cleanup.as_deref());
    let stands = request_state(&asked.requested, &record(&asked), handled, made(policy), now);
    (stands == RequestState::New).then_some(asked)
}

/// The backup that was asked for and has not begun: another would replace it, too.
#[must_use]
pub fn waiting_backup(policy: &StoragePolicy, now: Timestamp) -> Option<Requested> {
    let asked = policy_requests(policy.annotations()).0.backup?;
    let handled = handled(policy).and_then(|handled| handled.backup.as_deref());
    let stands = request_state(&asked, &asked.text, handled, made(policy), now);
    (stands == RequestState::New).then_some(asked)
}

fn handled(policy: &StoragePolicy) -> Option<&PolicyHandled> {
    policy.status.as_ref()?.handled.as_ref()
}

fn made(policy: &StoragePolicy) -> Option<Timestamp> {
    policy.creation_timestamp().map(|made| made.0)
}
