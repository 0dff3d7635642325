//! How the parts are put together, and in which order they start and stop.
//!
//! Nothing is decided before the Lease is held and every cache is complete. A part that ends although nobody has asked it
//! to ends the process: Kubernetes starts it again.

use std::future::{Future, pending};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::caches::Scope;
use crate::config::{Config, SUSPENDED_SIDE_EFFECTS};
use crate::context::Context;
use crate::leader::{Candidate, Leadership, Timing};
use crate::leader_flag::LeaderFlag;
use crate::{http, provideraccount, storagepolicy, traces, videojob};
use videofactory_client::call::connect;

/// How the operator introduces itself: the audit log and managedFields know it by this name.
const AGENT: &str = concat!("videofactory-operator/", env!("CARGO_PKG_VERSION"));
/// How long looks under way may take to end when the process is asked to stop. Then they are broken off, as a crash would,
/// and the next replica continues from what is on record: films wait no longer for it.
pub const DRAIN: Duration = Duration::from_secs(1);
/// How long the last Events may take.
const LAST_EVENTS: Duration = Duration::from_secs(2);
/// How long the last spans may take.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Runs until SIGTERM or SIGINT, or until a part fails.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    cancel_on_signal(stop.clone())?;
    let network = config.worker.network(|name| std::env::var(name).ok()).map_err(anyhow::Error::msg)?;
    let kube_config = kube::Config::infer().await.context("failed to find a cluster")?;
    if config.side_effects.are_suspended() {
        tracing::warn!("{SUSPENDED_SIDE_EFFECTS}");
    }
    let client = connect(kube_config.clone(), AGENT).context("failed to make a client of the API server")?;
    let (traces, sending) = traces::start(&mut config, &network, |name| std::env::var(name).ok());
    let (context, work) = Context::start(client, config, network, traces);
    let publishing = tokio::spawn(work.events);
    let mut parts = Parts::default();
    parts.spawn("the watches", ending_well(work.watches.keep));
    parts.spawn(
        "the wait for namespaces",
        end_for_regained(
            work.watches.scope,
            context.client.clone(),
            context.leader_flag.clone(),
            stop.clone(),
        ),
    );
    let served = CancellationToken::new();
    parts.spawn("the HTTP server", serve(context.clone(), kube_config, stop.clone(), served.clone()));
    let ended = tokio::select! {
        error = parts.first_to_end() => Err(error),
        ended = lead(context, stop.clone()) => ended,
    };
    // The last answers and writes of callers end beside the controllers: who leads next waits for none of them. They do
    // not depend on the Lease, and so end also where that was lost, or controllers took too long.
    if stop.is_cancelled() {
        tokio::select! {
            () = served.cancelled() => {}
            error = parts.first_to_end() => {
                tracing::warn!(error = %format_args!("{error:#}"), "the last answers may be broken off");
            }
        }
    }
    // Whoever could report an Event or a span goes with the parts, and with them the work of who sends them ends.
    drop(parts);
    let _ = tokio::join!(
        tokio::time::timeout(LAST_EVENTS, publishing),
        tokio::time::timeout(LAST_SPANS, sending)
    );
    ended
}

/// Asks this process to stop when a namespace that it has left out can be read again: the next one begins with it.
async fn end_for_regained(
    scope: oneshot::Receiver<Scope>,
    client: Client,
    leader_flag: LeaderFlag,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let scope = scope.await.context("what is watched was never known")?;
    let namespace = scope.regained(&client, || leader_flag.is_leading()).await;
    tracing::info!(
        namespace,
        "a namespace that was left out can be read: this process ends, and the next one watches it"
    );
    stop.cancel();
    pending().await
}

/// Serves HTTP until asked to stop, and says then that the last answer has ended: that is not the end of a part.
async fn serve(
    context: Context,
    cluster: kube::Config,
    stop: CancellationToken,
    served: CancellationToken,
) -> anyhow::Result<()> {
    http::serve(context, cluster, stop.clone()).await?;
    if stop.is_cancelled() {
        served.cancel();
        pending::<()>().await;
    }
    Ok(())
}

/// Waits for the Lease, then runs the controllers until asked to stop.
async fn lead(context: Context, stop: CancellationToken) -> anyhow::Result<()> {
    let Some(mut leadership) = begin(&context, &stop).await else { return Ok(()) };
    if !stop.is_cancelled() {
        act(context.clone(), &mut leadership, stop).await?;
        context.leader_flag.set_standby();
        context.metrics.set_leading(false);
    }
    if let Leading::ByLease(leadership) = leadership {
        leadership.release().await.context("the Lease was not given up and runs out by itself")?;
    }
    Ok(())
}

/// By what this replica leads.
enum Leading {
    ByLease(Box<Leadership>),
    /// There is no other one.
    Alone,
}

/// Runs the controllers until asked to stop; nothing of them is left then. Fails if the Lease is lost.
async fn act(context: Context, leading: &mut Leading, stop: CancellationToken) -> anyhow::Result<()> {
    context.leader_flag.set_leading();
    context.create_failures.began_leading();
    context.metrics.set_leading(true);
    tracing::info!("acting");
    let mut controllers = Parts::default();
    let of_jobs = videojob::controller::run(context.clone(), stop.clone());
    let of_accounts = provideraccount::run(context.clone(), stop.clone());
    let of_policies = storagepolicy::run(context.clone(), stop.clone());
    controllers.spawn("the controller of VideoJobs", ending_well(of_jobs));
    controllers.spawn("the controller of ProviderAccounts", ending_well(of_accounts));
    controllers.spawn("the controller of StoragePolicies", ending_well(of_policies));
    tokio::select! {
        biased;
        lost = keep(leading) => return Err(lost),
        () = stop.cancelled() => tracing::info!("asked to stop"),
        error = controllers.first_to_end() => return Err(error),
    }
    tokio::select! {
        lost = keep(leading) => return Err(lost),
        drained = tokio::time::timeout(DRAIN, controllers.all_to_end()) => {
            if drained.is_err() {
                tracing::warn!(seconds = DRAIN.as_secs(), "reconciles are broken off that did not end in time");
            }
        }
    }
    // Whoever leads next must be the only one. To drop a controller asks its tasks to end, and one that runs does so a
    // moment later.
    controllers.tasks.shutdown().await;
    context.under_way.close();
    context.under_way.wait().await;
    Ok(())
}

/// Waits for the caches and then, if there is to be one, for the Lease: once held, it must be renewed. None if asked to
/// stop before.
async fn begin(context: &Context, stop: &CancellationToken) -> Option<Leading> {
    let filled = async {
        while !context.caches.are_ready() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    stop.run_until_cancelled(filled).await?;
    if !context.config.leader_election {
        return Some(Leading::Alone);
    }
    let candidate = Candidate::new(
        context.client.clone(),
        &context.config,
        Timing::default(),
        context.leader_flag.clone(),
    );
    candidate.acquire(stop).await.map(Box::new).map(Leading::ByLease)
}

/// Keeps the Lease, if there is one; ends only when it is lost.
async fn keep(leading: &mut Leading) -> anyhow::Error {
    match leading {
        Leading::ByLease(leadership) => leadership.keep().await.into(),
        Leading::Alone => pending().await,
    }
}

async fn ending_well(work: impl Future<Output = ()>) -> anyhow::Result<()> {
    work.await;
    Ok(())
}

fn cancel_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut term = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// Tasks that run for as long as the process does. They end when this is dropped.
#[derive(Default)]
struct Parts {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Parts {
    fn spawn(&mut self, name: &'static str, work: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.tasks.spawn(async move { (name, work.await) });
    }

    /// Why the first of them ended.
    async fn first_to_end(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok((name, Ok(())))) => anyhow!("{name} ended, which it never should"),
            Some(Ok((name, Err(error)))) => error.context(format!("{name} failed")),
            Some(Err(panic)) => anyhow!("a part of the operator failed, which is a bug: {panic}"),
            None => pending().await,
        }
    }

    async fn all_to_end(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}
