//! Observe, decide, apply; and when to ask the bucket again.
//!
//! A finding is remembered for as long as it is good: the write of a status, which wakes this controller, asks the
//! bucket nothing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::PostParams;
use kube::runtime::applier;
use kube::runtime::controller::{Action as Requeue, Config, Error};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use videofactory_crds::StoragePolicy;
use videofactory_pipeline::clock;

use super::decide::{decide, good_for};
use super::observe::{Finding, Thoroughness, observe};
use crate::caches::Guarded;
use crate::client::{CallError, within};
use crate::context::{BackOff, Context};
use crate::metrics::Ended;

/// The kind, in metrics and logs.
const KIND: &str = "StoragePolicy";
/// Buckets that are asked at once.
const CONCURRENCY: u16 = 4;
/// When to look again after somebody else was faster.
const AFTER_RACE: Duration = Duration::from_secs(1);

/// A look that did not end well.
#[derive(Debug, thiserror::Error)]
enum LookError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A fault of ours.
    #[error("the controller failed over this object, which is a bug: {0}")]
    Bug(#[from] tokio::task::JoinError),
}

struct Controller {
    context: Context,
    back_off: BackOff,
    found: Mutex<HashMap<String, Remembered>>,
}

/// What was found, for which settings and credentials.
#[derive(Clone, Debug)]
struct Remembered {
    asked_for: Identity,
    finding: Finding,
    at: Instant,
    /// Findings in a row that the bucket is not fit.
    unfit: u32,
}

/// The policy's generation and its Secret's version.
type Identity = (Option<i64>, Option<String>);

impl Remembered {
    fn left(&self) -> Duration {
        good_for(&self.finding, self.unfit).saturating_sub(self.at.elapsed())
    }
}

/// Looks after all `StoragePolicy`s until `stop`, and ends when the looks under way have ended.
pub async fn run(context: Context, stop: CancellationToken) {
    let store = context.caches.policies.clone();
    let queue = context.caches.policy_queue.open(&store).map(Ok::<_, Infallible>);
    let controller =
        Arc::new(Controller { context, back_off: BackOff::default(), found: Mutex::new(HashMap::new()) });
    applier(
        |object: Arc<Guarded<StoragePolicy>>, controller: Arc<Controller>| {
            Box::pin(async move { tokio::spawn(look(object, controller)).await? })
        },
        |object, error: &LookError, controller| {
            let wait = controller.back_off.failed(&object.meta().uid.clone().unwrap_or_default());
            let name = object.name_any();
            tracing::warn!(%error, storagepolicy = name, namespace = object.namespace(), "looking again in {wait:?}");
            Requeue::requeue(wait)
        },
        controller,
        store,
        Box::pin(queue.take_until(stop.cancelled_owned())),
        Config::default().concurrency(CONCURRENCY),
    )
    .for_each(|ended| async {
        if let Err(Error::RunnerError(error)) = ended {
            tracing::error!(%error, "the queue of StoragePolicies broke");
        }
    })
    .await;
}

async fn look(
    object: Arc<Guarded<StoragePolicy>>,
    controller: Arc<Controller>,
) -> Result<Requeue, LookError> {
    let started = Instant::now();
    let result = match &object.0 {
        Ok(cached) => controller.reconcile(cached).await,
        Err(invalid) => {
            tracing::warn!(
                error = invalid.error,
                storagepolicy = object.name_any(),
                "this object cannot be read"
            );
            Ok(Requeue::await_change())
        }
    };
    let (ended, result) = match result {
        Ok(next) => (Ended::Well, Ok(next)),
        Err(error) if error.is_conflict() => (Ended::Conflict, Ok(Requeue::requeue(AFTER_RACE))),
        Err(error) if error.is_not_found() => (Ended::Well, Ok(Requeue::await_change())),
        Err(error) => (Ended::Badly, Err(error.into())),
    };
    if ended == Ended::Well {
        controller.back_off.succeeded(object.meta().uid.as_deref().unwrap_or_default());
    }
    controller.context.metrics.reconciled(KIND, ended, started.elapsed());
    result
}

impl Controller {
    async fn reconcile(&self, cached: &StoragePolicy) -> Result<Requeue, CallError> {
        let policy = self.context.caches.written_policies.newest(cached);
        if policy.metadata.deletion_timestamp.is_some() {
            self.found.lock().remove(&policy.uid().unwrap_or_default());
            return Ok(Requeue::await_change());
        }
        let remembered = self.ask(&policy).await?;
        let status = decide(&policy, &remembered.finding, clock::now());
        if policy.status.as_ref() != Some(&status) {
            self.write_status(StoragePolicy { status: Some(status), ..policy }).await?;
        }
        Ok(Requeue::requeue(remembered.left().max(Duration::from_secs(1))))
    }

    /// What is known of the bucket, asked anew if that is no longer good.
    async fn ask(&self, policy: &StoragePolicy) -> Result<Remembered, CallError> {
        let uid = policy.uid().unwrap_or_default();
        let asked_for = self.identity(policy);
        let before = self.found.lock().get(&uid).filter(|before| before.asked_for == asked_for).cloned();
        if let Some(before) = before.clone().filter(|before| !before.left().is_zero()) {
            return Ok(before);
        }
        let was_fit = before.as_ref().is_some_and(|before| before.finding == Finding::Fit);
        let how = if was_fit { Thoroughness::Check } else { Thoroughness::Probe };
        let finding = observe(&self.context.client, policy, how).await?;
        let unfit = match finding {
            Finding::Fit => 0,
            Finding::Unfit { .. } => before.map_or(0, |before| before.unfit).saturating_add(1),
        };
        let remembered = Remembered { asked_for, finding, at: Instant::now(), unfit };
        self.found.lock().insert(uid, remembered.clone());
        Ok(remembered)
    }

    fn identity(&self, policy: &StoragePolicy) -> Identity {
        let secret = ObjectRef::new(&policy.spec.bucket.secret_ref.name)
            .within(&policy.namespace().unwrap_or_default());
        let version = self.context.caches.secrets.get(&secret).and_then(|secret| secret.resource_version());
        (policy.metadata.generation, version)
    }

    async fn write_status(&self, policy: StoragePolicy) -> Result<(), CallError> {
        let (name, namespace) = (policy.name_any(), policy.namespace().unwrap_or_default());
        let api: Api<StoragePolicy> = Api::namespaced(self.context.client.clone(), &namespace);
        self.context.metrics.wrote(KIND);
        let what = format!("update status of StoragePolicy {namespace}/{name}");
        let written = within(what, api.replace_status(&name, &PostParams::default(), &policy)).await?;
        self.context.caches.written_policies.wrote(written);
        Ok(())
    }
}
