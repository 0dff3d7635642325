//! Observe, decide, write; and when to look again. The only writer of an account's status, which is its ledger: each
//! write names the version that was read, so that nothing is granted or recorded on an old one.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::PostParams;
use kube::runtime::controller::Action as Requeue;
use kube::{Api, Resource, ResourceExt};
use tokio_util::sync::CancellationToken;
use videofactory_crds::ProviderAccount;
use videofactory_crds::provideraccount::Provider;
use videofactory_pipeline::clock;

use super::close_grants::ClosedGrants;
use super::credentials::Keyring;
use super::decide::{Decision, decide};
use super::health::{Checks, Identity, ask};
use super::model::Credentials;
use super::observe::observe;
use crate::caches::Guarded;
use crate::context::Context;
use crate::metrics::{AccountMetrics, QuotaLevel};
use crate::reconcile::{ControllerRunner, ReconcileError, readable};
use crate::restoring;
use videofactory_client::call::{CallError, within};

/// The kind, in metrics and logs.
const KIND: &str = "ProviderAccount";
/// Accounts that are looked at concurrently.
const CONCURRENCY: u16 = 4;
/// When to look again after somebody else was faster.
const AFTER_CONFLICT: Duration = Duration::from_millis(200);
/// Least time between two looks that nothing but the clock asks for.
const MIN_WAIT: Duration = Duration::from_secs(1);
/// Longest time between two looks: what is shown of a window is never older.
const MAX_WAIT: Duration = Duration::from_mins(5);

struct Controller {
    context: Context,
    keyring: Keyring,
    checks: Arc<Checks>,
}

/// Looks after all `ProviderAccount`s until `stop`, and ends when the looks under way have ended.
pub async fn run(context: Context, stop: CancellationToken) {
    let metrics = Arc::clone(&context.metrics);
    let runner = ControllerRunner {
        kind: KIND,
        concurrency: CONCURRENCY,
        store: context.caches.accounts.clone(),
        queue: context.caches.account_queue.open(&context.caches.accounts),
        metrics: Arc::clone(&metrics),
        under_way: context.under_way.clone(),
    };
    let controller = Arc::new(Controller { context, keyring: Keyring::default(), checks: Arc::default() });
    // What is gone took with it what was known of it; its open grants too: who holds one sees that on its own live look.
    let gone = |namespace: &str, name: &str| metrics.accounts.quotas(&path(Some(namespace), name), &[]);
    runner.run(move |object| reconcile_object(object, Arc::clone(&controller)), gone, stop).await;
}

async fn reconcile_object(
    object: Arc<Guarded<ProviderAccount>>,
    controller: Arc<Controller>,
) -> Result<Requeue, ReconcileError> {
    let events = &controller.context.events;
    let Some(cached) = readable(&object, events) else { return Ok(Requeue::await_change()) };
    ReconcileError::of(Box::pin(controller.reconcile(cached)).await, AFTER_CONFLICT)
}

impl Controller {
    async fn reconcile(&self, cached: &ProviderAccount) -> Result<Requeue, CallError> {
        let account = self.context.caches.written_accounts.newest(cached);
        if let Some(later) = restoring::wait(&account, &self.context.events, clock::now()) {
            return Ok(later);
        }
        let uid = account.uid().unwrap_or_default();
        if account.metadata.deletion_timestamp.is_some() {
            // It grants nothing more. Nothing of ours keeps it: who holds a grant continues, and finds no ledger.
            self.checks.forget(&uid);
            return Ok(Requeue::await_change());
        }
        let identity = self.identity(&account);
        let health = self.checks.last(&uid, &identity);
        let observed = Box::pin(observe(&self.context, &self.keyring, account, health)).await?;
        if matches!(observed.credentials, Credentials::Here | Credentials::NotNeeded) {
            ask(&self.checks, &self.context, &observed.account, &identity);
        }
        let now = clock::now();
        let decision = decide(&observed, now);
        let wake_at = decision.wake_at;
        self.apply(observed.account, decision).await?;
        Ok(Requeue::requeue(next_reconcile(wake_at, self.checks.due_in(&uid), now)))
    }

    fn identity(&self, account: &ProviderAccount) -> Identity {
        let namespace = account.namespace().unwrap_or_default();
        let secret = account.spec.secret_ref.as_ref();
        let version = secret.and_then(|secret| self.context.caches.secret_version(&namespace, &secret.name));
        (account.metadata.generation, version)
    }

    /// Writes the status if it differs; then reports Events, and counts.
    async fn apply(&self, account: ProviderAccount, decision: Decision) -> Result<(), CallError> {
        let (metrics, events) = (&self.context.metrics, &self.context.events);
        let about = account.object_ref(&());
        let label = path(account.namespace().as_deref(), &account.name_any());
        let levels: Vec<QuotaLevel> = decision
            .status
            .quotas
            .iter()
            .filter_map(|quota| {
                let (limit, used, reserved) = (quota.limit?, quota.used?, quota.reserved?);
                Some(QuotaLevel { quota: quota.name.clone(), limit, used, reserved })
            })
            .collect();
        let provider = account.spec.provider;
        if account.status.as_ref() != Some(&decision.status) {
            self.write_status(ProviderAccount { status: Some(decision.status), ..account }).await?;
        }
        metrics.accounts.quotas(&label, &levels);
        decision.waited.iter().for_each(|seconds| metrics.accounts.quota_waited(*seconds));
        report_closed_grants(&metrics.accounts, provider, &decision.closed_grants);
        decision.events.into_iter().for_each(|event| events.publish(about.clone(), event));
        Ok(())
    }

    async fn write_status(&self, account: ProviderAccount) -> Result<(), CallError> {
        let (name, namespace) = (account.name_any(), account.namespace().unwrap_or_default());
        let api: Api<ProviderAccount> = Api::namespaced(self.context.client.clone(), &namespace);
        self.context.metrics.record_write(KIND);
        let what = format!("update status of ProviderAccount {namespace}/{name}");
        match within(what, api.replace_status(&name, &PostParams::default(), &account)).await {
            Ok(written) => self.context.caches.written_accounts.record_write(written),
            Err(error) if error.is_conflict() => {
                // The watch may be far behind: without a live look, every try would meet the same conflict.
                let what = format!("get ProviderAccount {namespace}/{name}");
                let live = within(what, api.get_opt(&name)).await?;
                if let Some(live) = live.filter(|live| live.uid() == account.uid()) {
                    self.context.caches.written_accounts.record_write(live);
                }
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Counts what closing the grants has shown, once the status that records it is written.
fn report_closed_grants(metrics: &AccountMetrics, provider: Provider, closed_grants: &ClosedGrants) {
    for ((operation, outcome), times) in &closed_grants.requests {
        metrics.requested(provider, *operation, *outcome, *times);
    }
    metrics.rate_limited(provider, closed_grants.refused());
    metrics.paid(provider, closed_grants.cost);
    closed_grants.lags.iter().for_each(|seconds| metrics.quota_woke(*seconds));
}

/// The earliest time at which another reconcile is needed.
fn next_reconcile(wake_at: Option<Timestamp>, check_due: Option<Duration>, now: Timestamp) -> Duration {
    let timed = wake_at.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    timed.into_iter().chain(check_due).chain([MAX_WAIT]).min().unwrap_or(MAX_WAIT).max(MIN_WAIT)
}

/// `namespace/name`.
fn path(namespace: Option<&str>, name: &str) -> String {
    format!("{}/{name}", namespace.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::testing::at;
    use super::*;

    #[test]
    fn every_way_out_names_the_next_look() {
        let soon = Duration::from_secs(40);
        assert_eq!(next_reconcile(None, None, at(0)), MAX_WAIT);
        assert_eq!(next_reconcile(Some(at(30)), Some(soon), at(0)), Duration::from_secs(30));
        assert_eq!(next_reconcile(Some(at(60)), Some(soon), at(0)), soon);
        assert_eq!(next_reconcile(Some(at(0)), None, at(5)), MIN_WAIT, "a time that is past");
    }
}
