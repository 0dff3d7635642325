//! The way of one request: faults, rules, the server behind, and back.
//!
//! Bodies are streamed, except those of batch deletes and completions, which the rules must read. An error from
//! here closes the connection without an answer, which is what a dead server looks like.

use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderName, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use tokio::time::Instant;

use super::answer::Refusal;
use super::faults::Effect;
use super::operation::Operation;
use super::outgoing::outgoing;
use super::resign::without_preconditions;
use super::rules::RuleState;
use super::{State, batch, lies};

/// Largest list of keys or parts that is read, in bytes.
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;
/// How much of a refused body is taken in, so that the client reads the refusal and not a broken pipe.
const MAX_DRAINED_BYTES: usize = 64 * 1024 * 1024;

const UNAVAILABLE: Refusal =
    Refusal::new(503, "ServiceUnavailable", "The service is unavailable: a fault was ordered (10043)");
const OUT_OF_SPACE: Refusal =
    Refusal::new(507, "InsufficientStorage", "No space is left: a fault was ordered");
const NOT_FOUND: Refusal = Refusal::new(404, "NoSuchKey", "No such key: a fault was ordered");
const TOO_MANY_REQUESTS: Refusal =
    Refusal::new(429, "TooManyRequests", "Reduce the rate of requests: a fault was ordered (10058)");
const NO_MD5: Refusal =
    Refusal::new(400, "InvalidRequest", "Missing required header for this request: Content-MD5");

pub(crate) type Client = hyper_util::client::legacy::Client<HttpConnector, Body>;

pub(crate) fn new_client() -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(5)));
    hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector)
}

pub(crate) async fn serve(state: &State, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
    let (mut parts, body) = request.into_parts();
    let operation = Operation::of(&parts.method, parts.uri.path(), parts.uri.query(), &parts.headers);
    let effects = state.faults.met_by(&operation);
    anyhow::ensure!(!effects.contains(&Effect::RefuseConnections), "a fault was ordered: no connections");
    for effect in &effects {
        match effect {
            Effect::Hold => {
                state.faults.let_go(&operation).await;
                anyhow::bail!("it was held and is let go: whoever still wants it asks again");
            }
            Effect::Latency { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Effect::Unavailable => return Ok(refuse(&parts.method, body, UNAVAILABLE).await),
            Effect::TooManyRequests => return Ok(refuse(&parts.method, body, TOO_MANY_REQUESTS).await),
            Effect::OutOfSpace => return Ok(refuse(&parts.method, body, OUT_OF_SPACE).await),
            Effect::NotFound => return Ok(refuse(&parts.method, body, NOT_FOUND).await),
            Effect::DemandContentMd5 if !parts.headers.contains_key("content-md5") => {
                return Ok(refuse(&parts.method, body, NO_MD5).await);
            }
            _ => {}
        }
    }
    state.ledger.request(&operation);
    if effects.contains(&Effect::IgnorePreconditions) {
        let keys = state.keys.as_ref().context("there are no keys to sign again with")?;
        without_preconditions(&mut parts, keys)?;
    }
    let method = parts.method.clone();
    let answered = match pass(state, &operation, &effects, parts, body).await? {
        Ok(response) if operation.name == "ListObjects" => lies::rewrite(response, &effects).await?,
        Ok(response) => response,
        Err((refusal, body)) => {
            state.ledger.refusal(refusal);
            refuse(&method, body, refusal).await
        }
    };
    anyhow::ensure!(!effects.contains(&Effect::LoseAnswer), "a fault was ordered: the answer is lost");
    if effects.contains(&Effect::HoldAnswer) {
        state.faults.let_go(&operation).await;
        anyhow::bail!("its answer was held and is lost: whoever still wants it asks again");
    }
    Ok(answered)
}

type Passed = Result<Response<Body>, (Refusal, Body)>;

/// Holds a request against the rules and sends it on.
async fn pass(
    state: &State,
    operation: &Operation,
    effects: &[Effect],
    parts: Parts,
    body: Incoming,
) -> anyhow::Result<Passed> {
    if let Err(refusal) = RuleState::check_head(operation, &parts.headers) {
        return Ok(Err((refusal, Body::new(body))));
    }
    let body = match operation.name {
        "DeleteObjects" | "CompleteMultipartUpload" => {
            let read = Limited::new(body, MAX_LIST_BYTES).collect().await;
            let bytes = read.map_err(|error| anyhow::anyhow!("reading a list: {error}"))?.to_bytes();
            let text = String::from_utf8_lossy(&bytes);
            if let Err(refusal) = state.rules.check_body(operation, &text) {
                return Ok(Err((refusal, Body::empty())));
            }
            let failing = state.faults.failing(effects, batch::keys_in(&text));
            if !failing.is_empty() {
                let keys = state.keys.as_ref().context("there are no keys to sign again with")?;
                return Ok(Ok(batch::delete(state, keys, &parts, &text, &failing).await?));
            }
            Body::from(bytes)
        }
        _ => Body::new(body),
    };
    let admission = match state.rules.admit(operation, Instant::now()) {
        Ok(admission) => admission,
        Err(refusal) => return Ok(Err((refusal, body))),
    };
    let headers = parts.headers.clone();
    let response = state.client.request(outgoing(&state.upstream, parts, body)?).await?;
    if response.status().is_success() {
        admission.succeeded(Instant::now());
        if state.rules.succeeded(operation, &headers) {
            state.ledger.write(&operation.key);
        }
    }
    Ok(Ok(incoming(response)))
}

fn incoming(response: Response<Incoming>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    for name in [CONNECTION, TRANSFER_ENCODING, HeaderName::from_static("keep-alive")] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::new(body))
}

async fn refuse<B>(method: &Method, body: B, refusal: Refusal) -> Response<Body>
where
    B: hyper::body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut rest = Box::pin(Limited::new(body, MAX_DRAINED_BYTES));
    while let Some(Ok(_)) = rest.frame().await {}
    let mut response = refusal.into_response();
    if *method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}
