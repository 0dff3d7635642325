//! Observe, decide, write, begin; and when to look again. The only writer of a policy's status.
//!
//! A finding is remembered for as long as it is good: the write of a status, which wakes this controller, asks the
//! bucket nothing. What takes long runs beside the looks, and ends with a report and another look.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::PostParams;
use kube::runtime::controller::Action as Requeue;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use videofactory_crds::bounds;
use videofactory_crds::requests::TAKE_OVER;
use videofactory_crds::{StoragePolicy, StoragePolicyReason};
use videofactory_pipeline::clock;

use super::decide::{Action, Decision, Observed, Report, RunningTask, decide};
use super::location::{arrived, location};
use super::observe::{Finding, Inspection, Inspector, Thoroughness, good_for};
use super::overlapping_policies::{older, sharing, touching};
use super::prune::ListingMemory;
use super::run_history::freed;
use super::task_registry::TaskRegistry;
use super::tasks;
use crate::caches::Guarded;
use crate::context::Context;
use crate::namespaced_name::NamespacedName;
use crate::reconcile::{ControllerRunner, ReconcileError, isolated, readable, span_of};
use crate::restoring;
use crate::usage_deltas::PolicyDelta;
use videofactory_client::call::{CallError, within};

/// The kind, in metrics and logs.
const KIND: &str = "StoragePolicy";
/// Buckets that are asked at once.
const CONCURRENCY: u16 = 4;
/// When to look again after somebody else was faster.
const AFTER_CONFLICT: Duration = Duration::from_secs(1);
/// Least time between two looks that nothing but the clock asks for.
const MIN_WAIT: Duration = Duration::from_secs(1);
/// How long what jobs have written may wait for more of it, so that many writes make one look.
const GATHERED_FOR: Duration = Duration::from_secs(1);

struct Controller {
    context: Context,
    found: Mutex<HashMap<String, CachedInspection>>,
    registry: Arc<TaskRegistry>,
    /// What runs beside the looks: it ends with the controller, also if that is broken off. So none of it holds the
    /// controller.
    tasks: Mutex<JoinSet<()>>,
    listing_memory: Arc<ListingMemory>,
    started: Timestamp,
    stop: CancellationToken,
}

/// What was found, for which settings and credentials.
#[derive(Clone, Debug)]
struct CachedInspection {
    asked_for: Identity,
    inspection: Inspection,
    at: Instant,
    /// Findings in a row that the bucket is not fit.
    unfit: u32,
}

/// The policy's generation, its Secret's version, and whose place a person gives to it.
type Identity = (Option<i64>, Option<String>, Option<String>);

impl CachedInspection {
    fn left(&self) -> Duration {
        good_for(&self.inspection.finding, self.unfit).saturating_sub(self.at.elapsed())
    }
}

/// Looks after all `StoragePolicy`s until `stop`; ends when what is under way has ended and is recorded.
pub async fn run(context: Context, stop: CancellationToken) {
    let runner = ControllerRunner {
        kind: KIND,
        concurrency: CONCURRENCY,
        store: context.caches.policies.clone(),
        queue: context.caches.policy_queue.open(&context.caches.policies),
        metrics: Arc::clone(&context.metrics),
        under_way: context.under_way.clone(),
    };
    let controller = Arc::new(Controller::new(context, stop.clone()));
    let reconciler = Arc::clone(&controller);
    let reconciling = runner.run(
        move |object| reconcile_object(object, Arc::clone(&reconciler)),
        |namespace, name| controller.is_gone(namespace, name),
        stop,
    );
    tokio::join!(reconciling, controller.follow_usage());
    Box::pin(controller.record_final_reports()).await;
}

async fn reconcile_object(
    object: Arc<Guarded<StoragePolicy>>,
    controller: Arc<Controller>,
) -> Result<Requeue, ReconcileError> {
    let events = &controller.context.events;
    let Some(cached) = readable(&object, events) else { return Ok(Requeue::await_change()) };
    ReconcileError::of(Box::pin(controller.reconcile(cached)).await, AFTER_CONFLICT)
}

impl Controller {
    fn new(context: Context, stop: CancellationToken) -> Self {
        Self {
            context,
            found: Mutex::new(HashMap::new()),
            registry: Arc::default(),
            tasks: Mutex::default(),
            listing_memory: Arc::new(ListingMemory::of_this_container()),
            started: clock::now(),
            stop,
        }
    }

    async fn reconcile(&self, cached: &StoragePolicy) -> Result<Requeue, CallError> {
        let policy = self.context.caches.written_policies.newest(cached);
        if let Some(later) = restoring::wait(&policy, &self.context.events, clock::now()) {
            return Ok(later);
        }
        if policy.metadata.deletion_timestamp.is_some() {
            let uid = policy.uid().unwrap_or_default();
            self.found.lock().remove(&uid);
            self.registry.forget(&uid);
            self.context.metrics.storage.gone(&label(policy.namespace().as_deref(), &policy.name_any()));
            return Ok(Requeue::await_change());
        }
        // Asking may take long.
        self.registry.cancel_outdated(&policy.uid().unwrap_or_default(), policy.metadata.generation);
        let cached_inspection = self.ask(&policy).await?;
        let wake_at = Box::pin(self.proceed(policy, cached_inspection.inspection.clone())).await?;
        let now = clock::now();
        let timed = wake_at.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        let next = timed.map_or(cached_inspection.left(), |timed| timed.min(cached_inspection.left()));
        Ok(Requeue::requeue(next.max(MIN_WAIT)))
    }

    /// Decides, writes, and begins what was decided; when to look again.
    async fn proceed(
        &self,
        policy: StoragePolicy,
        inspection: Inspection,
    ) -> Result<Option<Timestamp>, CallError> {
        self.take_deltas(&policy);
        let uid = policy.uid().unwrap_or_default();
        let observed = Observed {
            older: older(&self.context.caches.policies.state(), &policy),
            snapshot: self.registry.snapshot(&uid, location(&policy)),
            policy,
            finding: inspection.finding,
            owned: inspection.owned,
            most_files: self.listing_memory.most_files(),
            started: self.started,
            stopping: self.stop.is_cancelled(),
            side_effects: self.context.config.side_effects,
        };
        let now = clock::now();
        let mut decision = decide(&observed, now);
        if inspection.addressing.is_some() {
            decision.status.addressing = inspection.addressing;
        }
        let wake_at = decision.wake_at;
        self.apply(&uid, observed, decision, now).await?;
        Ok(wake_at)
    }

    /// Writes the status if it differs; then acknowledges, stops, starts, counts and reports.
    async fn apply(
        &self,
        uid: &str,
        observed: Observed,
        decision: Decision,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let mut policy = observed.policy.clone();
        let status = bounds::fit::<StoragePolicy, _>(decision.status);
        let written = policy.status.as_ref() != Some(&status);
        policy.status = Some(status);
        if written {
            policy = self.write_status(policy).await?;
        }
        self.registry.acknowledge(uid, &observed.snapshot, decision.reported, written, now);
        if decision.cancel {
            self.registry.cancel(uid);
        }
        let policy_label = label(policy.namespace().as_deref(), &policy.name_any());
        let metrics = &self.context.metrics.storage;
        metrics.holds(&policy_label, &policy);
        match &observed.snapshot.report {
            Some(Report::Pruned(run, _)) => {
                metrics.pruned(&policy_label, run);
                if freed(run) {
                    self.announce_free_space(&policy);
                }
            }
            Some(Report::BackedUp(run)) => metrics.backed_up(&policy_label, run),
            Some(Report::Measured(_)) | None => {}
        }
        let about = policy.object_ref(&());
        decision.events.into_iter().for_each(|event| self.context.events.publish(about.clone(), event));
        if let Some(action) = decision.action {
            self.begin(uid, policy, action);
        }
        Ok(())
    }

    /// Begins something beside the looks; its end asks for another look.
    fn begin(&self, uid: &str, policy: StoragePolicy, action: Action) {
        let running = match action {
            Action::Measure => RunningTask::Measuring,
            Action::Prune(_) => RunningTask::Pruning(policy.metadata.generation),
            Action::BackUp { .. } => RunningTask::BackingUp,
        };
        let stop = self.stop.child_token();
        let mut sharing = sharing(&self.context.caches.policies.state(), &policy);
        // Who has no key to the place learns nothing of it.
        sharing.retain(|other| arrived(other).is_some());
        let uids: Vec<String> = sharing.iter().filter_map(kube::ResourceExt::uid).collect();
        self.registry.begin(uid, running, stop.clone(), &uids);
        let (context, listing_memory, registry) =
            (self.context.clone(), Arc::clone(&self.listing_memory), Arc::clone(&self.registry));
        let uid = uid.to_owned();
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {}
        let work = async move {
            let look_at = queued(&policy);
            let (begun, of_work) = (action.clone(), context.clone());
            let work = async move { tasks::act(&of_work, &listing_memory, &policy, begun, &stop).await };
            let report = match isolated(&context.under_way, Box::pin(work)).await {
                Ok(report) => report,
                Err(bug) => {
                    tracing::error!(%bug, "what was under way for this policy failed, which is a bug");
                    Some(tasks::broken(&action))
                }
            };
            let reported = registry.ended(&uid, report, clock::now());
            let others =
                sharing.iter().filter(|other| other.uid().is_some_and(|uid| reported.contains(&uid)));
            others.for_each(|other| context.caches.policy_queue.push(queued(other)));
            context.caches.policy_queue.push(look_at);
        };
        tasks.spawn(self.context.under_way.track_future(work.in_current_span()));
    }

    /// Takes what jobs have seen of the bucket, for every policy with its files in the same place.
    fn take_deltas(&self, policy: &StoragePolicy) {
        let deltas = self.context.usage_deltas.take(&NamespacedName::of(policy));
        if deltas == PolicyDelta::default() {
            return;
        }
        let (own, now) = (policy.uid(), clock::now());
        for shared in sharing(&self.context.caches.policies.state(), policy) {
            let uid = shared.uid().unwrap_or_default();
            self.registry.count(&uid, &deltas.changes, now);
            if let Some(at) = deltas.refused_at {
                self.registry.refused(&uid, at);
            }
            if shared.uid() != own {
                self.context.caches.policy_queue.push(queued(&shared));
            }
        }
    }

    /// Notifies the other policies with files in this place: their jobs may wait for the room that was made.
    fn announce_free_space(&self, policy: &StoragePolicy) {
        let (uid, now) = (policy.uid().unwrap_or_default(), clock::now());
        for other in touching(&self.context.caches.policies.state(), policy) {
            self.registry.space_was_freed(&uid, &other.uid().unwrap_or_default(), now);
            self.context.caches.policy_queue.push(queued(other));
        }
    }

    /// A policy is gone: what was under way for it stops.
    fn is_gone(&self, namespace: &str, name: &str) {
        self.context.metrics.storage.gone(&label(Some(namespace), name));
        let left = self.context.caches.policies.state().iter().filter_map(|policy| policy.uid()).collect();
        self.registry.keep_only(&left);
        self.found.lock().retain(|uid, _| left.contains(uid));
    }

    /// Asks for a look at each policy of which something was heard.
    async fn follow_usage(&self) {
        let follow = async {
            loop {
                self.context.usage_deltas.changed().await;
                tokio::time::sleep(GATHERED_FOR).await;
                for changed in self.context.usage_deltas.changed_policies() {
                    let look_at = ObjectRef::new(&changed.name).within(&changed.namespace);
                    self.context.caches.policy_queue.push(look_at);
                }
            }
        };
        self.stop.run_until_cancelled(follow).await;
    }

    /// Waits for running tasks, which were asked to stop, and records how they ended.
    async fn record_final_reports(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        while tasks.join_next().await.is_some() {}
        for object in self.context.caches.policies.state() {
            let Ok(cached) = &object.0 else { continue };
            let uid = cached.uid().unwrap_or_default();
            let inspection =
                self.found.lock().get(&uid).map(|cached_inspection| cached_inspection.inspection.clone());
            let Some(inspection) = inspection.filter(|_| self.registry.has_report(&uid)) else { continue };
            let policy = self.context.caches.written_policies.newest(cached);
            let span = span_of(KIND, &policy);
            if let Err(error) = Box::pin(self.proceed(policy, inspection)).instrument(span.clone()).await {
                tracing::warn!(parent: &span, %error, "how a run ended was not written; the next operator finds it interrupted");
            }
        }
    }

    /// What is known of the bucket, asked again if that is no longer good.
    async fn ask(&self, policy: &StoragePolicy) -> Result<CachedInspection, CallError> {
        let uid = policy.uid().unwrap_or_default();
        let asked_for = self.identity(policy);
        let before = self.found.lock().get(&uid).filter(|before| before.asked_for == asked_for).cloned();
        if let Some(before) = before.clone().filter(|before| !before.left().is_zero()) {
            return Ok(before);
        }
        let was_fit = before.as_ref().is_some_and(|before| before.inspection.finding == Finding::Fit);
        let how = if was_fit { Thoroughness::Check } else { Thoroughness::Probe };
        let inspection = self.find(policy, how).await?;
        let unfit = match inspection.finding {
            Finding::Fit => 0,
            Finding::Unfit { .. } | Finding::Others { .. } => {
                before.map_or(0, |before| before.unfit).saturating_add(1)
            }
        };
        let cached_inspection = CachedInspection { asked_for, inspection, at: Instant::now(), unfit };
        self.found.lock().insert(uid, cached_inspection.clone());
        Ok(cached_inspection)
    }

    async fn find(&self, policy: &StoragePolicy, how: Thoroughness) -> Result<Inspection, CallError> {
        let client = &self.context.client;
        match self.context.cluster.uid(client).await {
            Ok(cluster) => {
                let inspector = Inspector { client, network: &self.context.network, cluster, how };
                inspector.observe(policy).await
            }
            // Whose the bucket is is not known, and people must read why.
            Err(error) if error.is_rejected() => {
                let (reason, answered) = (StoragePolicyReason::ConfigurationInvalid, None);
                Ok(Finding::Unfit { reason, answered, message: error.to_string() }.into())
            }
            Err(error) => Err(error),
        }
    }

    fn identity(&self, policy: &StoragePolicy) -> Identity {
        let secret = ObjectRef::new(&policy.spec.bucket.secret_ref.name)
            .within(&policy.namespace().unwrap_or_default());
        let version = self.context.caches.secrets.get(&secret).and_then(|secret| secret.resource_version());
        (policy.metadata.generation, version, policy.annotations().get(TAKE_OVER).cloned())
    }

    async fn write_status(&self, policy: StoragePolicy) -> Result<StoragePolicy, CallError> {
        let (name, namespace) = (policy.name_any(), policy.namespace().unwrap_or_default());
        let api: Api<StoragePolicy> = Api::namespaced(self.context.client.clone(), &namespace);
        self.context.metrics.record_write(KIND);
        let what = format!("update status of StoragePolicy {namespace}/{name}");
        let written = within(what, api.replace_status(&name, &PostParams::default(), &policy)).await?;
        self.context.caches.written_policies.record_write(written.clone());
        Ok(written)
    }
}

/// The policy's place in its queue.
fn queued(policy: &StoragePolicy) -> ObjectRef<Guarded<StoragePolicy>> {
    ObjectRef::new(&policy.name_any()).within(&policy.namespace().unwrap_or_default())
}

/// The policy's name in metrics.
fn label(namespace: Option<&str>, name: &str) -> String {
    format!("{}/{name}", namespace.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;
    use tokio::net::TcpListener;
    use videofactory_client::connect;
    use videofactory_net::{Destinations, Network, Proxies};
    use videofactory_traces::SpanQueue;

    use super::*;
    use crate::config::Config;

    fn policy() -> StoragePolicy {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": "default", "namespace": "films", "uid": "p"},
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
        }))
        .unwrap()
    }

    /// Whoever leads next must find nobody else at work on a bucket.
    #[tokio::test]
    async fn what_a_controller_has_begun_ends_with_it() {
        // It takes connections, and answers nobody.
        let api_server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", api_server.local_addr().unwrap());
        let client = connect(kube::Config::new(url.parse().unwrap()), "test").unwrap();
        let config = Config::try_parse_from(["operator", "--worker-image", "worker:1"]).unwrap();
        let network = Network::new(
            Destinations::parse("", "cluster.local", false).unwrap(),
            Proxies::read(|_| None, "cluster.local").unwrap(),
            Vec::new(),
        );
        let (context, _work) = Context::start(client, config, network, SpanQueue::default());
        let under_way = context.under_way.clone();
        let controller = Arc::new(Controller::new(context, CancellationToken::new()));
        controller.begin("p", policy(), Action::Measure);
        // That it asks for the bucket's Secret shows that the work has begun.
        let _asked = api_server.accept().await.unwrap();
        tokio::time::pause();
        let before = Instant::now();
        drop(controller);
        under_way.close();
        under_way.wait().await;
        assert_eq!(before.elapsed(), Duration::ZERO, "it ended by itself");
    }
}
