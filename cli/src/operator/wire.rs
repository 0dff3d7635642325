//! HTTP connections through a forwarded port.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tower::Service;
use videofactory_client::within;

use super::pods;
use crate::exit::Error;

/// As whom the operator is addressed.
pub const HOST: &str = "videofactory-operator";

/// Opens connections to a pod of the operator, whichever is ready then.
#[derive(Clone)]
pub struct Connector {
    client: Client,
    namespace: String,
}

impl Connector {
    /// Connections to pods in this namespace.
    #[must_use]
    pub fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace }
    }

    /// The pod that a connection would be opened to now.
    pub async fn find(&self) -> Result<(String, u16), Error> {
        pods::ready(&self.client, &self.namespace).await
    }

    async fn open(self) -> Result<Stream, Failed> {
        let (pod, port) = self.find().await.map_err(|error| Failed(error.message))?;
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let what = format!("forward a port to pod {}/{pod}", self.namespace);
        let opened = within(what, api.portforward(&pod, &[port])).await;
        let mut forwarder = opened.map_err(|error| Failed(error.for_people()))?;
        let (Some(bytes), Some(said)) = (forwarder.take_stream(port), forwarder.take_error(port)) else {
            return Err(Failed(format!("port {port} is not there")));
        };
        Ok(TokioIo::new(ForwardedPort::new(bytes, said.boxed())))
    }
}

/// A connection that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(String);

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Failed>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().open())
    }
}

/// One connection, as the HTTP client takes it.
pub type Stream = TokioIo<ForwardedPort>;

/// What a node said of a port that it could not forward, or could no longer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NodeSaid(String);

impl NodeSaid {
    /// Whether this is behind an error: then it says more than the error does.
    pub fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
            // The source of such an error is what is behind its inner error, not that itself.
            .filter_map(|cause| cause.downcast_ref::<io::Error>()?.get_ref())
            .find_map(|inner| inner.downcast_ref())
    }
}

/// The bytes of a forwarded port. Where it ends because the node said something, that is the error of this one connection:
/// another try has a connection of its own, and nothing of this.
pub struct ForwardedPort {
    bytes: DuplexStream,
    /// What the node says, if it does before the bytes end.
    said: Option<BoxFuture<'static, Option<String>>>,
}

impl ForwardedPort {
    /// `said`: ready once the node has said something, or never will.
    pub fn new(bytes: DuplexStream, said: BoxFuture<'static, Option<String>>) -> Self {
        Self { bytes, said: Some(said) }
    }

    /// What the node has said by now. It comes over the same connection as the bytes, and before their end.
    fn said(&mut self, context: &mut Context<'_>) -> Option<NodeSaid> {
        match self.said.as_mut()?.as_mut().poll(context) {
            Poll::Ready(said) => {
                self.said = None;
                said.map(NodeSaid)
            }
            Poll::Pending => None,
        }
    }
}

impl Connection for ForwardedPort {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for ForwardedPort {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.bytes).poll_read(context, buffer);
        let is_dry = buffer.filled().len() == before && buffer.remaining() > 0;
        // Not every node ends the bytes, too, when it has said what is wrong.
        if is_dry && let Some(said) = self.said(context) {
            return Poll::Ready(Err(io::Error::other(said)));
        }
        read
    }
}

impl AsyncWrite for ForwardedPort {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.bytes).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_shutdown(context)
    }
}
