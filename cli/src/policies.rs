//! `StoragePolicy`s: found, and looked at until what they were asked has ended.

use std::time::Duration;

use futures::StreamExt;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use videofactory_client::{list, within};
use videofactory_crds::StoragePolicy;

use crate::context::Context;
use crate::exit::{Error, lasting};
use crate::output;

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
    let api: Api<StoragePolicy> = Api::namespaced(context.cluster.patient_client()?, &namespace);
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
            .hint("it goes on all the same: `kubectl videofactory storage -A` shows how"))
    };
    match tokio::time::timeout(timeout, look).await {
        Ok(found) => found,
        Err(_) => Err(Error::timed_out(format!("the time is over, and {} is not ready yet", name(policy)))
            .hint(
                "it goes on all the same: `kubectl videofactory storage <policy>` shows it; is the operator \
                   there? `kubectl videofactory doctor`",
            )),
    }
}

/// Why a policy did nothing of what it was asked.
#[must_use]
pub fn refused(policy: &StoragePolicy, what: &str) -> Error {
    let why = if policy.spec.suspend { "it is suspended" } else { "its bucket cannot be used now" };
    let namespace = policy.namespace().unwrap_or_default();
    Error::new(format!("{} was not {what}: {why}", name(policy)))
        .hint(format!("`kubectl videofactory storage -o wide -n {namespace}` says more"))
}
