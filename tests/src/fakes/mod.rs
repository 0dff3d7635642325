//! One server that speaks the protocols of the services that videos are made with, as those services do.
//!
//! It keeps limits of its own for each API key and a ledger of what it accepted, so that a test knows what was paid
//! for; it fails on demand; and what it makes are real clips, pictures and sounds. Each service lies under a path of
//! its own, and what follows is as at the service itself: [`Fakes::base_url`] is what a client takes for its base URL.
//! Limits, faults and the ledger are on a second port: see [`admin`](FakesAdmin) for a client. It is also a collector of
//! spans.
//!
//! | service | base URL |
//! |---|---|
//! | xAI | `http://HOST/xai/v1` |
//! | Gemini | `http://HOST/gemini/v1beta` |
//! | Hugging Face (router, and Hub under `/api`) | `http://HOST/huggingface` |
//! | a server that speaks OpenAI's protocol | `http://HOST/openai/v1` or, with less, `http://HOST/openai/lite/v1` |
//! | `ComfyUI` | `http://HOST/comfyui` or, without its newest paths, `http://HOST/comfyui/old` |
//! | Pexels | `http://HOST/pexels/v1` |
//! | Pixabay | `http://HOST/pixabay/api` |
//! | `YouTube` (`/token`, `/youtube/v3/…`, `/upload/youtube/v3/…`) | `http://HOST/youtube` |
//! | a receiver of webhooks | `http://HOST/webhook` or `http://HOST/webhook/NAME` |
//!
//! An account is an API key; of the OpenAI-like server and `ComfyUI` also `anonymous`,
//! without one; of `YouTube` a refresh token; of webhooks the NAME, or `webhook`.

mod accounts;
mod admin;
mod answer;
mod call;
mod client;
mod clock;
mod comfyui;
mod faults;
mod gemini;
mod huggingface;
mod ledger;
mod limits;
mod media;
mod openai;
mod protocol;
mod results;
mod schema;
mod serve;
mod service;
mod stock;
mod webhook;
mod xai;
mod youtube;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use accounts::Settings;
pub use client::{FakesAdmin, Stranger};
pub use faults::{Effect, Fault, Shape};
pub use ledger::{Captions, Delivery, Ledger, Refusal, Stray, Submission, Upload};
pub use limits::{Kind, Limit};
pub use service::{Operation, Service};

use crate::otlp::Collected;
use accounts::AccountStore;
use clock::Clock;
use faults::FaultBox;

/// How the server is started.
#[derive(Clone, Copy, Debug)]
pub struct FakesOptions {
    /// Where clients of the services connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where limits, faults and the ledger are; port 0 takes a free one. A redirected result is fetched from here,
    /// under the host's same name: to clients it is another origin.
    pub admin: SocketAddr,
}

impl Default for FakesOptions {
    /// On free loopback ports.
    fn default() -> Self {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen: anywhere, admin: anywhere }
    }
}

/// The running server; it stops when dropped.
#[derive(Debug)]
pub struct Fakes {
    address: SocketAddr,
    admin: SocketAddr,
    tasks: JoinSet<()>,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct State {
    clock: Clock,
    store: AccountStore,
    faults: FaultBox,
    /// Of the second port.
    admin_port: u16,
    /// What was sent to the second port as to a collector.
    spans: Collected,
}

impl Fakes {
    /// Binds both addresses and serves until dropped.
    pub async fn start(options: FakesOptions) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let admin_listener = TcpListener::bind(options.admin).await?;
        let (address, admin) = (listener.local_addr()?, admin_listener.local_addr()?);
        let state = Arc::new(State {
            clock: Clock::start(),
            store: AccountStore::default(),
            faults: FaultBox::default(),
            admin_port: admin.port(),
            spans: Collected::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state)));
        tasks.spawn(admin::serve(admin_listener, state));
        Ok(Self { address, admin, tasks })
    }

    /// The URL of the services' port, without any path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a client of a service takes for its base URL.
    #[must_use]
    pub fn base_url(&self, service: Service) -> String {
        format!("{}{}", self.url(), service.base_path())
    }

    /// The URL of the second port.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// A client of the second port.
    #[must_use]
    pub fn admin(&self) -> FakesAdmin {
        FakesAdmin::at(self.admin_url())
    }

    /// Serves until the server is dropped or its listeners fail.
    pub async fn wait(&mut self) {
        while self.tasks.join_next().await.is_some() {}
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
            let service = service_fn(|request| serve::serve(&state, request));
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// The content of a lock; a panic elsewhere in a test does not make the ledger unreadable.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
