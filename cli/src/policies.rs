//! `StoragePolicy`s: found, and looked at until what they were asked has ended.

use std::time::Duration;

use futures::StreamExt;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde::Serialize;
use videofactory_client::storage_action::PolicyResult;
use videofactory_client::{ItemOutcome, Outcome, Results, list, within};
use videofactory_crds::StoragePolicy;
use videofactory_crds::condition::{self, ConditionType, StoragePolicyReason};

use crate::context::Context;
use crate::exit::{Error, lasting};
use crate::output::{self, Written};
use crate::text::plain;

/// `films/r2`.
#[must_use]
pub fn name(policy: &StoragePolicy) -> String {
    format!("{}/{}", policy.namespace().unwrap_or_default(), policy.name_any())
}

/// What became of a policy, in kubectl's form.
#[must_use]
pub fn sentence(policy: &StoragePolicy, became: &str, context: &Context) -> String {
    let name = output::name::<StoragePolicy>(&policy.name_any());
    context.sentence(&name, became, &policy.namespace().unwrap_or_default())
}

/// What became of a request to a policy.
#[derive(Serialize)]
pub struct PolicyItem<R> {
    /// What became of it.
    #[serde(flatten)]
    pub result: PolicyResult,
    /// Its run, if that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<R>,
}

impl<R> ItemOutcome for PolicyItem<R> {
    type Outcome = Outcome;

    fn outcome(&self) -> Outcome {
        self.result.outcome()
    }

    fn is_done(&self) -> bool {
        self.result.is_done()
    }
}

/// What became of a request, as it is wanted.
pub fn results<R: Serialize>(results: &Results<PolicyItem<R>>, output: Written) -> Result<String, Error> {
    let name = |item: &PolicyItem<R>| {
        let (_, name) = item.result.id.split_once('/').unwrap_or_default();
        output::name::<StoragePolicy>(name)
    };
    output::results(results, results, name, output)
}

/// The policies of a namespace or of the cluster, or the one of this name.
pub async fn find(
    client: Client,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<StoragePolicy>, Error> {
    if let (Some(name), Some(namespace)) = (name, namespace) {
        let api: Api<StoragePolicy> = Api::namespaced(client, namespace);
        return Ok(vec![within(format!("get StoragePolicy {namespace}/{name}"), api.get(name)).await?]);
    }
    let mut policies: Vec<StoragePolicy> = list(&client, namespace, &ListParams::default()).await?;
    policies.retain(|policy| name.is_none_or(|name| policy.name_any() == name));
    policies.sort_by_key(|policy| (policy.namespace(), policy.name_any()));
    Ok(policies)
}

/// Looks at a policy until `found` finds what it looks for.
pub async fn until<T>(
    policy: &StoragePolicy,
    timeout: Duration,
    context: &Context,
    found: impl Fn(&StoragePolicy) -> Option<Result<T, Error>>,
) -> Result<T, Error> {
    let namespace = policy.namespace().unwrap_or_default();
    let api: Api<StoragePolicy> = Api::namespaced(context.cluster.streaming_client()?, &namespace);
    let mut seen = watcher::watch_object(api, &policy.name_any()).default_backoff().boxed();
    let look = async {
        while let Some(seen) = seen.next().await {
            match seen {
                Ok(Some(policy)) => {
                    if let Some(found) = found(&policy) {
                        return found;
                    }
                }
                Ok(None) => return Err(Error::deleted("StoragePolicy", name(policy))),
                Err(error) => {
                    if let Some(error) = lasting(&format!("watch StoragePolicy {}", name(policy)), error) {
                        return Err(error);
                    }
                    // Else the watch is taken up again.
                }
            }
        }
        Err(Error::new(format!("the watch of StoragePolicy {} ended", name(policy)))
            .hint("it continues all the same: `kubectl videofactory storage -A` shows how"))
    };
    tokio::time::timeout(timeout, look).await.unwrap_or_else(|_| {
        let message = format!("the time is over, and {} has not done what it was asked", name(policy));
        Err(Error::timed_out(message).hint(
            "it continues all the same: `kubectl videofactory storage <policy>` shows it; is the operator there? \
             `kubectl videofactory doctor`",
        ))
    })
}

/// Why a policy did nothing of what it was asked, in the operator's words.
#[must_use]
pub fn refused(policy: &StoragePolicy, what: &str) -> Error {
    let why = why(policy).map(|why| format!(": {why}")).unwrap_or_default();
    let (namespace, object) = (policy.namespace().unwrap_or_default(), policy.name_any());
    Error::new(format!("{} was not {what}{why}", name(policy))).hint(format!(
        "`kubectl -n {namespace} describe storagepolicy {object}` shows the Event that says why"
    ))
}

/// What keeps a policy from doing anything: its condition Ready says so, too, but for what is of pruning alone.
fn why(policy: &StoragePolicy) -> Option<String> {
    let conditions = &policy.status.as_ref()?.conditions;
    let stops = [
        StoragePolicyReason::DuplicatePolicy,
        StoragePolicyReason::ConfigurationInvalid,
        StoragePolicyReason::TooManyFiles,
    ];
    let limit = condition::get(conditions, ConditionType::WithinLimit);
    let limit = limit.filter(|limit| stops.iter().any(|reason| limit.reason == reason.to_string()));
    let reported = limit.or_else(|| condition::get(conditions, ConditionType::Ready))?;
    Some(plain(&reported.message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[test]
    fn why_nothing_was_done_is_what_the_operator_says() {
        let reported = |limit: &str| {
            let condition = |kind: &str, reason: &str, message: &str| {
                json!({"type": kind, "status": "True", "reason": reason, "message": message,
                       "lastTransitionTime": "2026-12-24T17:30:00Z"})
            };
            let conditions = [
                condition("Ready", "Available", "it answers; but side effects are suspended"),
                condition("WithinLimit", limit, "it holds\n90 files, more than 80"),
            ];
            let policy = testing::policy(json!({"conditions": conditions}));
            refused(&serde_json::from_value(policy).unwrap(), "pruned").message
        };
        assert_eq!(
            reported("StorageFull"),
            "films/r2 was not pruned: it answers; but side effects are suspended"
        );
        assert_eq!(reported("TooManyFiles"), "films/r2 was not pruned: it holds 90 files, more than 80");
        let silent = serde_json::from_value(testing::policy(json!({}))).unwrap();
        assert_eq!(refused(&silent, "backed up").message, "films/r2 was not backed up");
    }
}
