//! The HTTP client for the collector, with the operator's proxies and certificate authorities. The administrator sets the
//! collector's address, so it is not checked against the destinations that are allowed to accounts and buckets.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use videofactory_net::{Network, variables};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time of a request, with its connection.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the last request failed without an answer. OpenTelemetry's exporter does not report that.
pub(crate) type Cause = Arc<Mutex<Option<String>>>;

/// A client that records why a request failed without an answer.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    cause: Cause,
}

impl Client {
    /// Fails with a part of a sentence.
    pub fn new(network: &Network, cause: Cause) -> Result<Self, String> {
        let tls = network.tls().map_err(|error| error.to_string())?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .no_proxy();
        if network.proxies().are_set() {
            let proxies = Arc::clone(network.proxies());
            builder = builder.proxy(reqwest::Proxy::custom(move |url| proxies.of(url).cloned()));
        }
        Ok(Self { http: builder.build().map_err(|error| root_cause(&error))?, cause })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.http.send_bytes(request).await;
        let cause = answer.as_ref().err().map(|error| root_cause(error.as_ref()));
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
        answer
    }
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let cause = cause.to_string();
    if cause.contains("UnknownIssuer") {
        return format!("{cause}: name the authority that signed its certificate in {}", variables::CA_FILE);
    }
    cause
}
