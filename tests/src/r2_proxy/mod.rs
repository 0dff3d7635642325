//! A proxy that makes any S3 server as strict as Cloudflare R2, counts what R2 would charge, and fails on demand.
//!
//! It forwards bytes as they come, under the Host that the client signed. A request that breaks one of R2's rules
//! is answered by the proxy and never reaches the server.

mod admin;
mod answer;
mod batch;
mod counters;
mod faults;
mod forward;
mod lies;
mod operation;
mod outgoing;
mod resign;
mod rules;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use counters::Counters;
pub use faults::{Effect, Fault};
pub use operation::Class;
pub use resign::Keys;
pub(crate) use resign::sign_again;

use counters::Ledger;
use faults::FaultBox;
use forward::{Client, new_client};
use rules::RuleState;

/// How a proxy is started.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// Where clients of S3 connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where tests read counters and order faults; port 0 takes a free one.
    pub admin: SocketAddr,
    /// The server behind: `http://host:port`.
    pub upstream: String,
    /// The server's root keys; needed only for [`Effect::IgnorePreconditions`], [`Effect::DenyKeys`] and
    /// [`Effect::FailKeys`], which must sign again.
    pub keys: Option<Keys>,
}

impl ProxyOptions {
    /// On free loopback ports, in front of `upstream`.
    #[must_use]
    pub fn before(upstream: impl Into<String>) -> Self {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen: anywhere, admin: anywhere, upstream: upstream.into(), keys: None }
    }
}

/// A running proxy; it stops when dropped.
#[derive(Debug)]
pub struct R2Proxy {
    address: SocketAddr,
    admin: SocketAddr,
    state: Arc<State>,
    tasks: JoinSet<()>,
}

/// What all connections share.
#[derive(Debug)]
struct State {
    upstream: hyper::Uri,
    keys: Option<Keys>,
    client: Client,
    rules: RuleState,
    ledger: Ledger,
    faults: FaultBox,
}

impl R2Proxy {
    /// Binds both addresses and serves until dropped.
    pub async fn start(options: ProxyOptions) -> anyhow::Result<Self> {
        let upstream: hyper::Uri = options.upstream.trim_end_matches('/').parse()?;
        anyhow::ensure!(
            upstream.scheme_str() == Some("http") && upstream.authority().is_some(),
            "the upstream {} is not of the form http://host:port",
            options.upstream
        );
        let listener = TcpListener::bind(options.listen).await?;
        let admin_listener = TcpListener::bind(options.admin).await?;
        let state = Arc::new(State {
            upstream,
            keys: options.keys,
            client: new_client(),
            rules: RuleState::default(),
            ledger: Ledger::default(),
            faults: FaultBox::default(),
        });
        let (address, admin) = (listener.local_addr()?, admin_listener.local_addr()?);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state)));
        tasks.spawn(admin::serve(admin_listener, Arc::clone(&state)));
        Ok(Self { address, admin, state, tasks })
    }

    /// The URL that clients of S3 use as their endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of `/counters`, `/reset` and `/faults`.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// What has been counted since the start or the last reset.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.state.ledger.read()
    }

    /// Sets every counter to nothing; faults stay.
    pub fn reset_counters(&self) {
        self.state.ledger.reset();
    }

    /// The keys of the requests that are held back now, or whose answers are.
    #[must_use]
    pub fn held(&self) -> Vec<String> {
        self.state.faults.held()
    }

    /// Replaces all faults; an empty list ends them.
    pub fn set_faults(&self, faults: Vec<Fault>) -> anyhow::Result<()> {
        self.state.set_faults(faults)
    }

    /// Serves until the proxy is dropped or its listeners fail.
    pub async fn wait(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

impl State {
    fn set_faults(&self, faults: Vec<Fault>) -> anyhow::Result<()> {
        let resigns = faults.iter().any(|fault| {
            matches!(fault.effect, Effect::IgnorePreconditions | Effect::DenyKeys | Effect::FailKeys)
        });
        anyhow::ensure!(
            !resigns || self.keys.is_some(),
            "to ignore preconditions or fail single keys the proxy must sign again: start it with the server's access \
             key and secret"
        );
        self.faults.replace(faults)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                continue;
            }
        };
        // Without this, a small answer waits for the client's delayed acknowledgement.
        drop(stream.set_nodelay(true));
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| forward::serve(&state, request));
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// The content of a lock; a panic elsewhere in a test does not make the counters unreadable.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
