//! Reconciles the objects of a queue, several concurrently: each in a task of its own, so that a panic affects one
//! object alone; after a failure again with a growing back-off; and each is counted. An object is in the queue once.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use futures::{FutureExt, StreamExt};
use kube::runtime::applier;
use kube::runtime::controller::{Action as Requeue, Config, Error};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};
use videofactory_client::call::CallError;

use crate::back_off::BackOff;
use crate::caches::Guarded;
use crate::events::{Event, EventReason, Publisher};
use crate::metrics::{Metrics, ReconcileOutcome};

/// The objects of one kind, and how many of them are reconciled concurrently.
pub struct ControllerRunner<K: Resource<DynamicType = ()> + 'static> {
    /// The kind, in metrics and logs.
    pub kind: &'static str,
    /// Concurrent reconciles.
    pub concurrency: u16,
    /// The objects.
    pub store: Store<Guarded<K>>,
    /// Those that are to be reconciled.
    pub queue: UnboundedReceiver<ObjectRef<Guarded<K>>>,
    /// Where reconciles are counted.
    pub metrics: Arc<Metrics>,
    /// The tasks of reconciles, to wait until none is left.
    pub under_way: TaskTracker,
}

/// Why an object is reconciled again although nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A conflict with another writer: again after so long.
    #[error("somebody else was faster")]
    Conflict(Duration),
    /// It failed: again after a wait that grows.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
    /// A fault of ours.
    #[error("the controller failed over this object, which is a bug: {0}")]
    Bug(#[from] JoinError),
}

impl ReconcileError {
    /// How the metrics call it.
    fn category(&self) -> ReconcileOutcome {
        match self {
            Self::Conflict(_) => ReconcileOutcome::Conflict,
            Self::Failed(_) | Self::Bug(_) => ReconcileOutcome::Failed,
        }
    }

    /// How a look ended that only calls the API server. An object that is gone needs no other.
    pub fn of(result: Result<Requeue, CallError>, after_conflict: Duration) -> Result<Requeue, Self> {
        match result {
            Err(error) if error.is_conflict() => Err(Self::Conflict(after_conflict)),
            Err(error) if error.is_not_found() => Ok(Requeue::await_change()),
            result => result.map_err(|error| Self::Failed(Box::new(error))),
        }
    }
}

/// The object; none if it cannot be read, which is reported.
pub fn readable<'a, K>(object: &'a Guarded<K>, events: &Publisher) -> Option<&'a K>
where
    K: Resource<DynamicType = ()>,
{
    match &object.0 {
        Ok(readable) => Some(readable),
        Err(invalid) => {
            let note = format!("this {} cannot be read: {}; apply it again", K::kind(&()), invalid.error);
            let event =
                Event { warning: true, reason: EventReason::Unreadable, action: "Reconcile".into(), note };
            events.publish(object.object_ref(&()), event);
            None
        }
    }
}

/// The span of the log within which an object is reconciled: it names the object for every line. Whoever works on for
/// the object in a task of its own takes it along.
pub fn span_of(kind: &'static str, object: &impl ResourceExt) -> Span {
    tracing::info_span!("reconcile", kind, namespace = object.namespace(), object = object.name_any())
}

/// What all reconciles share.
struct Shared<L> {
    kind: &'static str,
    reconcile: L,
    back_off: BackOff,
    metrics: Arc<Metrics>,
    under_way: TaskTracker,
}

impl<K> ControllerRunner<K>
where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + std::fmt::Debug + 'static,
{
    /// Looks after all of them until `stop`, and ends when the looks under way have ended. `gone` is called with namespace
    /// and name of those that were to be looked at and do not exist any more.
    pub async fn run<L, F>(self, reconcile: L, gone: impl Fn(&str, &str), stop: CancellationToken)
    where
        L: Fn(Arc<Guarded<K>>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Requeue, ReconcileError>> + Send + 'static,
    {
        let kind = self.kind;
        let (metrics, under_way) = (self.metrics, self.under_way);
        let shared = Arc::new(Shared { kind, reconcile, back_off: BackOff::default(), metrics, under_way });
        let queue = self.queue.map(Ok::<_, Infallible>).take_until(stop.cancelled_owned());
        // No debounce: what changed is acted upon at once.
        let config = Config::default().concurrency(self.concurrency);
        applier(
            |object: Arc<Guarded<K>>, shared: Arc<Shared<L>>| shared.one(object).boxed(),
            |object, error: &ReconcileError, shared: Arc<Shared<L>>| {
                let wait = shared.back_off.failed(&uid(&object));
                let span = span_of(kind, &*object);
                tracing::warn!(parent: &span, %error, ?wait, "reconciling again after a failure");
                Requeue::requeue(wait)
            },
            shared,
            self.store,
            Box::pin(queue),
            config,
        )
        .for_each(|ended| async {
            match ended {
                Err(Error::RunnerError(error)) => tracing::error!(%error, kind, "the queue broke"),
                Err(Error::ObjectNotFound(object)) => {
                    gone(object.namespace.as_deref().unwrap_or_default(), &object.name);
                }
                _ => {}
            }
        })
        .await;
    }
}

impl<L> Shared<L> {
    /// Reconciles one object once.
    async fn one<K, F>(self: Arc<Self>, object: Arc<Guarded<K>>) -> Result<Requeue, ReconcileError>
    where
        K: Resource<DynamicType = ()> + 'static,
        L: Fn(Arc<Guarded<K>>) -> F,
        F: Future<Output = Result<Requeue, ReconcileError>> + Send + 'static,
    {
        let started = Instant::now();
        let reconcile = isolated(&self.under_way, (self.reconcile)(Arc::clone(&object)));
        let result = reconcile.instrument(span_of(self.kind, &*object)).await;
        let result = result.unwrap_or_else(|bug| Err(bug.into()));
        let outcome = result.as_ref().map_or_else(ReconcileError::category, |_| ReconcileOutcome::Done);
        self.metrics.reconciled(self.kind, outcome, started.elapsed());
        if result.is_ok() {
            self.back_off.succeeded(&uid(&object));
        }
        match result {
            Err(ReconcileError::Conflict(wait)) => Ok(Requeue::requeue(wait)),
            result => result,
        }
    }
}

/// Does work in a task of its own, so that a panic is an answer; the task is asked to end when this is dropped, and counts
/// as `under_way` until it has ended. It logs within the span of whoever asks for it.
pub async fn isolated<T: Send + 'static>(
    under_way: &TaskTracker,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, JoinError> {
    let mut task = JoinSet::new();
    task.spawn(under_way.track_future(work.in_current_span()));
    match task.join_next().await {
        Some(ended) => ended,
        // Not reached: it holds a task.
        None => pending().await,
    }
}

fn uid<K: Resource<DynamicType = ()> + 'static>(object: &Guarded<K>) -> String {
    object.meta().uid.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc::unbounded;
    use kube::runtime::reflector::store::Writer;
    use kube::runtime::watcher::Event;
    use parking_lot::Mutex;
    use serde_json::json;
    use tokio::sync::oneshot::error::TryRecvError;
    use videofactory_crds::ProviderAccount;

    use super::*;
    use crate::metrics::{Census, MetricsFormat};

    fn account() -> Guarded<ProviderAccount> {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
            "metadata": {"name": "grok", "namespace": "films", "uid": "u"}, "spec": {"provider": "XAI"},
        }))
        .unwrap()
    }

    /// Looks at one object that end as given, one after the other; when each was, in milliseconds, and the metrics.
    async fn runner(ends: Vec<fn() -> Result<Requeue, ReconcileError>>) -> (Vec<u128>, String, Vec<String>) {
        let mut writer = Writer::<Guarded<ProviderAccount>>::new(());
        for event in [Event::Init, Event::InitApply(account()), Event::InitDone] {
            writer.apply_watcher_event(&event);
        }
        let (sender, queue) = unbounded();
        let metrics: Arc<Metrics> = Arc::default();
        let stop = CancellationToken::new();
        let began = Instant::now();
        let times: Arc<Mutex<Vec<u128>>> = Arc::default();
        let gone: Mutex<Vec<String>> = Mutex::default();
        sender.unbounded_send(ObjectRef::from_obj(&account())).unwrap();
        sender.unbounded_send(ObjectRef::new("lost").within("films")).unwrap();
        let runner = ControllerRunner {
            kind: "ProviderAccount",
            concurrency: 1,
            store: writer.as_reader(),
            queue,
            metrics: Arc::clone(&metrics),
            under_way: TaskTracker::new(),
        };
        let ends = Mutex::new(ends.into_iter());
        let (seen, stopper) = (Arc::clone(&times), stop.clone());
        let reconcile = move |_| {
            seen.lock().push(began.elapsed().as_millis());
            let end = ends.lock().next();
            let stopper = stopper.clone();
            async move {
                if let Some(end) = end {
                    return end();
                }
                stopper.cancel();
                Ok(Requeue::await_change())
            }
        };
        runner.run(reconcile, |namespace, name| gone.lock().push(format!("{namespace}/{name}")), stop).await;
        let times = times.lock().clone();
        (times, metrics.text(&Census::default(), MetricsFormat::OpenMetrics).unwrap(), gone.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_reconciled_again_later_each_time_and_a_panic_is_one_failure() {
        let failed: fn() -> Result<Requeue, ReconcileError> = || Err(ReconcileError::Failed("no".into()));
        let (times, metrics, gone) = runner(vec![failed, || panic!("a bug"), failed]).await;
        let waits: Vec<u128> = times.windows(2).map(|pair| (pair[1] - pair[0]) / 100).collect();
        assert_eq!(waits, [5, 10, 20], "half a second, doubled: {times:?}");
        for line in ["outcome=\"error\"} 3", "outcome=\"ok\"} 1"] {
            assert!(metrics.contains(line), "{line} is not in\n{metrics}");
        }
        assert_eq!(gone, ["films/lost"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_overtaken_looks_again_soon_and_has_not_failed() {
        let (times, metrics, _) = runner(vec![
            || Err(ReconcileError::Conflict(Duration::from_millis(200))),
            || Err(ReconcileError::Conflict(Duration::from_millis(200))),
            || Ok(Requeue::requeue(Duration::from_secs(7))),
        ])
        .await;
        let waits: Vec<u128> = times.windows(2).map(|pair| (pair[1] - pair[0]) / 100).collect();
        assert_eq!(waits, [2, 2, 70], "{times:?}");
        assert!(metrics.contains("outcome=\"conflict\"} 2"), "{metrics}");
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_line_that_is_logged_while_an_object_is_reconciled_names_it() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_span_list(false)
            .with_writer(move || writer.clone())
            .finish();
        let _log = tracing::subscriber::set_default(subscriber);
        let under_way = TaskTracker::new();
        let work = isolated(&under_way, async { tracing::info!("the bucket was not measured") });
        work.instrument(span_of("ProviderAccount", &account())).await.unwrap();
        let line: serde_json::Value = serde_json::from_slice(&lines.0.lock()).unwrap();
        assert_eq!(
            line["span"],
            json!({"name": "reconcile", "kind": "ProviderAccount", "namespace": "films", "object": "grok"})
        );
    }

    #[tokio::test]
    async fn work_that_nobody_awaits_any_more_is_broken_off_and_its_end_can_be_waited_for() {
        let (sender, mut receiver) = tokio::sync::oneshot::channel::<()>();
        let begun = Arc::new(tokio::sync::Notify::new());
        let begins = Arc::clone(&begun);
        let under_way = TaskTracker::new();
        let mut work = Box::pin(isolated(&under_way, async move {
            begins.notify_one();
            let _held = sender;
            pending::<()>().await;
        }));
        tokio::select! {
            _ = &mut work => unreachable!("it never ends"),
            () = begun.notified() => {}
        }
        drop(work);
        under_way.close();
        under_way.wait().await;
        // What the task held has gone with it.
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    }
}
