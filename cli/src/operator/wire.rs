//! HTTP connections through a forwarded port.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use tokio::io::DuplexStream;
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
    /// What a node said last of a port that it could not forward.
    trouble: Arc<Mutex<Option<String>>>,
}

impl Connector {
    /// Connections to pods in this namespace.
    #[must_use]
    pub fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace, trouble: Arc::default() }
    }

    /// What a node said last of a port that it could not forward.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
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
        let error = forwarder.take_error(port);
        tokio::spawn(async move {
            if let Some(error) = error
                && let Some(text) = error.await
            {
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
            }
        });
        let stream =
            forwarder.take_stream(port).ok_or_else(|| Failed(format!("port {port} is not there")))?;
        Ok(Stream(TokioIo::new(stream)))
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

/// One connection.
pub struct Stream(TokioIo<DuplexStream>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
