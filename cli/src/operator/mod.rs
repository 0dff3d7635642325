//! The way to the operator's own HTTP routes: a port that is forwarded to one of its pods, and a bearer token.

mod answer;
mod files;
mod pods;
mod token;
mod upstream;
mod wire;

use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use self::answer::Asker;
use self::token::Tokens;
use self::wire::Connector;
use crate::cluster::Cluster;
use crate::exit::Error;
use crate::text::plain;

pub use self::files::{NoOperator, OperatorFiles};
pub use self::pods::{DEFAULT_NAMESPACE, LABELS, PORT_FORWARD, is_ready, namespace_of};
pub use self::upstream::Upstream;

/// Most bytes of a problem that are read.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

/// Most bytes of an answer in JSON that is read whole.
const MAX_JSON_BYTES: usize = 16 * 1024 * 1024;

/// The operator, as its HTTP routes show it.
pub struct Operator {
    asker: Asker<Connector>,
    tokens: Tokens,
}

impl Operator {
    /// Finds a ready pod, and a token. Nothing is asked of it yet.
    pub async fn find(cluster: &Cluster) -> Result<Self, Error> {
        if cluster.impersonates {
            return Err(Error::new(
                "the operator's own routes cannot be asked in somebody else's name: they know whose token is shown",
            )
            .hint("leave --as out, or use a kubeconfig of that user"));
        }
        let namespace = pods::namespace_of(cluster).await?;
        let connector = Connector::new(cluster.streaming_client()?, namespace.clone());
        connector.find().await?;
        let asker = Asker::new(connector);
        Ok(Self { asker, tokens: Tokens::new(cluster, namespace)? })
    }

    /// Sends a request, with the person's token. `request.uri()`: path and query.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Response<Incoming>, Error> {
        request.headers_mut().insert(AUTHORIZATION, self.tokens.header().await?);
        let target = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri: Uri = format!("http://{}{target}", wire::HOST)
            .parse()
            .map_err(|error| Error::new(format!("{target:?} is no path: {error}")))?;
        *request.uri_mut() = uri;
        self.asker.ask(request).await.map_err(|why| {
            Error::new(format!("the operator did not answer: {}", plain(&why.to_string())))
                .hint("`kubectl videofactory doctor` looks at it")
        })
    }

    /// What a route answers in JSON, well or not.
    pub async fn look(&self, path: &str) -> Result<(StatusCode, Value), Error> {
        let request =
            Request::get(path).body(Body::empty()).map_err(|error| Error::new(error.to_string()))?;
        let response = self.send(request).await?;
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), MAX_JSON_BYTES).collect().await;
        let bytes = body.map_err(|error| Error::new(format!("{path} broke off: {error}")))?.to_bytes();
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// What a route answers, if it does so well.
    pub async fn get(&self, path: &str, headers: HeaderMap) -> Result<Response<Incoming>, Error> {
        let mut request =
            Request::get(path).body(Body::empty()).map_err(|error| Error::new(error.to_string()))?;
        request.headers_mut().extend(headers);
        let response = self.send(request).await?;
        if response.status().is_success() || response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(response);
        }
        Err(problem(path, response).await)
    }
}

/// A problem in the operator's own words.
async fn problem(path: &str, response: Response<Incoming>) -> Error {
    let status = response.status();
    let body = http_body_util::Limited::new(response.into_body(), MAX_PROBLEM_BYTES).collect().await;
    let bytes = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let word = |name: &str| said[name].as_str().map(plain);
    let detail = word("detail").unwrap_or_else(|| format!("GET {path} was answered with {status}"));
    let error = Error::new(detail);
    match (word("hint"), status) {
        (Some(hint), _) => error.hint(hint),
        (None, StatusCode::UNAUTHORIZED) => {
            error.hint("log in to the cluster again: the operator does not take the kubeconfig's token")
        }
        (None, _) => error,
    }
}
