//! The one way in which services are called. It knows which failures leave open whether a service took a
//! request, never sends credentials to another origin, reads no more than its limit, calls nothing that the
//! network's rules refuse, and lets no secret into an error.

mod answer;
mod media;
mod paid;
mod reach;
mod shown;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::Value;
use videofactory_net::{Network, Refused, ResolveError, with_advice};

#[cfg(test)]
pub(crate) use self::answer::tests::any_body;
pub(crate) use self::answer::{Answer, Complaint, credits_used_up};
pub(crate) use self::media::sniff;
pub(crate) use self::paid::{File, taken};
use self::reach::{Clients, is_loopback};
pub(crate) use self::reach::{Place, service_url};
pub(crate) use self::shown::{mask, shown};
use crate::connection::{Connection, Secret};
use crate::error::ProviderError;

/// How long a connection may take to be made.
const CONNECT_TAKES: Duration = Duration::from_secs(10);
/// How long an exchange takes at most where a call does not say otherwise.
const CALL_TAKES: Duration = Duration::from_mins(1);
/// How long a download may take in all, and how long it may stand still.
const DOWNLOAD_TAKES: Duration = Duration::from_mins(10);
const DOWNLOAD_PAUSES: Duration = Duration::from_mins(1);
/// Most bytes of an answer where a call does not say otherwise.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Most redirects in a row.
const MAX_REDIRECTS: usize = 3;
/// Longer bodies are results, not sentences about a request: no secret is looked for in them.
const MASKED_BYTES: usize = ANSWER_BYTES;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub method: Method,
    /// What follows the base URL, beginning with `/`; or a whole URL, which is given credentials only if it
    /// has the base's origin.
    pub path: String,
    /// Headers that anybody may see.
    pub headers: Vec<(&'static str, String)>,
    /// Headers that nobody may see, besides those of [`Http::with_header`]; they stay within the base's
    /// origin.
    pub secrets: Vec<(&'static str, Secret)>,
    pub body: Body,
    /// A parameter of the address that nobody may see, for services that take their key so.
    pub secret_parameter: Option<(&'static str, Secret)>,
    /// Whether the service may charge for it: when the answer is lost, the outcome is then unknown.
    pub pays: bool,
    /// Whether redirects are followed; if not, they are the answer.
    pub follow: bool,
    /// How long it may take in all.
    pub timeout: Duration,
    /// Most bytes of the answer's body.
    pub most_bytes: usize,
}

/// A request's body.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// None.
    Empty,
    Json(Value),
    /// A form; its values may be secrets.
    Form(Vec<(&'static str, Secret)>),
    /// Anything else; its type is in the headers.
    Bytes(Bytes),
}

impl Call {
    /// A request that reads.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            secrets: Vec::new(),
            body: Body::Empty,
            secret_parameter: None,
            pays: false,
            follow: true,
            timeout: CALL_TAKES,
            most_bytes: ANSWER_BYTES,
        }
    }

    /// A request that changes something and costs nothing.
    pub fn post(path: impl Into<String>, body: Body) -> Self {
        Self { method: Method::POST, body, ..Self::get(path) }
    }

    /// A request that may cost something.
    pub fn submit(path: impl Into<String>, json: Value) -> Self {
        Self { pays: true, ..Self::post(path, Body::Json(json)) }
    }

    /// The same with another time limit and size limit.
    pub fn within(mut self, timeout: Duration, most_bytes: usize) -> Self {
        (self.timeout, self.most_bytes) = (timeout, most_bytes);
        self
    }
}

/// A service at an address.
#[derive(Clone)]
pub(crate) struct Http {
    provider: &'static str,
    base: Url,
    /// The base is the provider's own: what it says may be shown to people.
    is_own: bool,
    /// Sent to the base's origin with every call; marked as sensitive.
    header: Option<(HeaderName, HeaderValue)>,
    /// What must not come out in an error.
    secrets: Vec<Secret>,
    network: Network,
    client: Clients,
    /// Makes a connection for each request: on one that was kept, a request can be lost that the service
    /// never saw, and an unknown outcome is dear.
    paying: Clients,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Http({} at {})", self.provider, origin(&self.base))
    }
}

impl Http {
    /// The service `provider` at the connection's endpoint, if its keys may be sent there, or at the first of its own.
    pub fn new(provider: &'static str, connection: &Connection, own: &[&str]) -> Result<Self, ProviderError> {
        Self::at(provider, connection, Place::of_account(connection, own))
    }

    /// The service `provider` at the connection's endpoint, where somebody runs it himself: with the key `apiKey` as a
    /// bearer token if there is one.
    pub fn of_host(provider: &'static str, connection: &Connection) -> Result<Self, ProviderError> {
        let http = Self::at(provider, connection, Place::of_host(connection))?;
        if connection.keyless {
            return Ok(http);
        }
        http.with_bearer(connection.secret(provider, "apiKey")?)
    }

    /// The service `provider` at a URL that came from the Secret itself.
    pub fn of_secret(
        provider: &'static str,
        connection: &Connection,
        url: &Secret,
    ) -> Result<Self, ProviderError> {
        Self::at(provider, connection, Place::of_secret(connection, url.reveal()))
    }

    fn at(
        provider: &'static str,
        connection: &Connection,
        place: Result<Place, String>,
    ) -> Result<Self, ProviderError> {
        let configuration = |message: String| ProviderError::Configuration { provider, message };
        let Place { base, is_own } = place.map_err(configuration)?;
        let network = connection.network.clone();
        network.destinations().judge_url(&base).map_err(|refused| configuration(refused.to_string()))?;
        Ok(Self {
            provider,
            base,
            is_own,
            header: None,
            secrets: connection.secrets.values().cloned().collect(),
            client: Clients::new(provider, &network, 8)?,
            paying: Clients::new(provider, &network, 0)?,
            network,
        })
    }

    /// Sends `secret` in the header `name` with every call to the base's origin.
    pub fn with_header(mut self, name: HeaderName, secret: &Secret) -> Result<Self, ProviderError> {
        self.header = Some((name, sensitive(self.provider, secret.reveal())?));
        Ok(self)
    }

    /// Sends `Authorization: Bearer …` with every call to the base's origin.
    pub fn with_bearer(self, secret: &Secret) -> Result<Self, ProviderError> {
        self.with_header(AUTHORIZATION, &Secret::new(&format!("Bearer {}", secret.reveal())))
    }

    /// Sends the request and reads the whole answer, whatever its status. Redirects are followed, but not
    /// with anything that changes or costs something to another origin.
    pub async fn call(&self, call: Call) -> Result<Answer, ProviderError> {
        let (pays, timeout) = (call.pays, call.timeout);
        let late = |_| self.lost(pays, format!("no answer came within {} s", timeout.as_secs_f64()));
        tokio::time::timeout(timeout, self.exchange(call)).await.map_err(late)?
    }

    /// Fetches a file: its bytes and its media type, which is one of `kinds`. The credentials are sent only
    /// if `credentials_if_same_origin`, and then only to the base's origin.
    pub async fn download(
        &self,
        url: &str,
        credentials_if_same_origin: bool,
        most_bytes: usize,
        kinds: &[&str],
    ) -> Result<(Vec<u8>, String), ProviderError> {
        let late = |_| self.lost(false, format!("a file did not come within {} s", DOWNLOAD_TAKES.as_secs()));
        let fetched = self.fetch(url, credentials_if_same_origin, most_bytes);
        let answer = tokio::time::timeout(DOWNLOAD_TAKES, fetched).await.map_err(late)??;
        if !answer.is_success() {
            let error = answer.error(self.provider, false);
            let is_ours = credentials_if_same_origin
                && matches!(error, ProviderError::Credentials { .. } | ProviderError::CreditsUsedUp { .. });
            let message = format!("a file was to be fetched, and the answer was {}", answer.reported());
            return Err(if is_ours { error } else { self.lost(false, message) });
        }
        let kind = media::checked(self.provider, &answer.headers, &answer.body, kinds)?;
        Ok((answer.body, kind))
    }

    async fn exchange(&self, call: Call) -> Result<Answer, ProviderError> {
        let mut headers = HeaderMap::new();
        let odd = |name: &str| self.unexpected(format!("the header {name} holds what no header may"));
        let named = |name: &str| name.parse::<HeaderName>().map_err(|_| odd(name));
        for (name, text) in &call.headers {
            headers.insert(named(name)?, text.parse().map_err(|_| odd(name))?);
        }
        if let Some((name, value)) = &self.header {
            headers.insert(name.clone(), value.clone());
        }
        for (name, secret) in &call.secrets {
            headers.insert(named(name)?, sensitive(self.provider, secret.reveal())?);
        }
        let body = encode(&call.body, &mut headers);
        let request = Request { method: call.method, headers, body, pays: call.pays, follow: call.follow };
        let mut url = self.target(&call.path)?;
        if let Some((name, secret)) = call.secret_parameter.filter(|_| url.origin() == self.base.origin()) {
            url.query_pairs_mut().append_pair(name, secret.reveal());
        }
        let response = self.follow(url, request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let is_foreign = self.is_foreign(response.url());
        let body = self.read(response, call.most_bytes, call.pays, call.timeout).await?;
        let body = if body.len() <= MASKED_BYTES {
            let mine = call.secrets.iter().map(|(_, secret)| secret);
            shown::mask(body, self.secrets.iter().chain(mine))
        } else {
            body
        };
        Ok(Answer { status, headers, body, is_foreign })
    }

    async fn fetch(&self, url: &str, credentials: bool, most_bytes: usize) -> Result<Answer, ProviderError> {
        let mut headers = HeaderMap::new();
        if let (true, Some((name, value))) = (credentials, &self.header) {
            headers.insert(name.clone(), value.clone());
        }
        let request = Request { method: Method::GET, headers, body: Bytes::new(), pays: false, follow: true };
        let response = self.follow(self.target(url)?, request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let is_foreign = self.is_foreign(response.url());
        let most_bytes = if status.is_success() { most_bytes } else { ANSWER_BYTES };
        let body = self.read(response, most_bytes, false, DOWNLOAD_PAUSES).await?;
        let body = if status.is_success() { body } else { shown::mask(body, self.secrets.iter()) };
        Ok(Answer { status, headers, body, is_foreign })
    }

    /// Sends the request, and again to where the answer says.
    async fn follow(&self, mut url: Url, mut request: Request) -> Result<Response, ProviderError> {
        for _ in 0..=MAX_REDIRECTS {
            self.network.judge(&url).await.map_err(|refused| self.refused(&refused))?;
            if url.origin() != self.base.origin() {
                request.forget_secrets();
            }
            let response = self.send(url.clone(), &request).await?;
            let Some(next) = redirect(&response).filter(|_| request.follow) else { return Ok(response) };
            let next = url.join(&next).ok().filter(|next| matches!(next.scheme(), "http" | "https"));
            let Some(next) = next else {
                return Err(self.unexpected(format!("{} redirects to what is no web address", origin(&url))));
            };
            if !request.may_go_to(response.status(), next.origin() == url.origin()) {
                let (from, to) = (origin(&url), origin(&next));
                return Err(self.configuration(format!(
                    "{from} redirects to {to}, where the request is not sent; set the account's endpoint to \
                     where the service is"
                )));
            }
            url = next;
        }
        Err(self.unexpected(format!("{} redirects more than {MAX_REDIRECTS} times", origin(&self.base))))
    }

    async fn send(&self, url: Url, request: &Request) -> Result<Response, ProviderError> {
        let host = origin(&url);
        let clients = if request.pays { &self.paying } else { &self.client };
        let sent = clients
            .of(&self.network, &url)
            .request(request.method.clone(), url)
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send()
            .await;
        sent.map_err(|error| {
            if let Some(refused) = refusal(&error) {
                return self.refused(refused);
            }
            let cause = root_cause(&error);
            if error.is_connect() {
                // Nothing has left yet.
                return self.lost(false, format!("cannot connect to {host}: {}", with_advice(cause)));
            }
            self.lost(request.pays, format!("the answer of {host} was lost: {cause}"))
        })
    }

    async fn read(
        &self,
        mut response: Response,
        most_bytes: usize,
        pays: bool,
        pause: Duration,
    ) -> Result<Vec<u8>, ProviderError> {
        let host = origin(response.url());
        let too_long = || {
            let message = format!("{host} answers with more than {most_bytes} bytes");
            if pays { self.lost(true, message) } else { self.unexpected(message) }
        };
        if response.content_length().is_some_and(|length| length > most_bytes as u64) {
            return Err(too_long());
        }
        let mut body = Vec::new();
        loop {
            let chunk = tokio::time::timeout(pause, response.chunk()).await;
            let chunk = chunk.map_err(|_| {
                self.lost(pays, format!("the answer of {host} stood still for {} s", pause.as_secs_f64()))
            })?;
            let chunk = chunk.map_err(|error| {
                self.lost(pays, format!("the answer of {host} broke off: {}", root_cause(&error)))
            })?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len() + chunk.len() > most_bytes {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// The path behind the base, or a whole URL as it is.
    fn target(&self, path: &str) -> Result<Url, ProviderError> {
        let whole = if path.starts_with("http://") || path.starts_with("https://") {
            path.to_owned()
        } else if path.starts_with('/') {
            format!("{}{path}", self.base.as_str().trim_end_matches('/'))
        } else {
            return Err(self.unexpected(format!("the service names {:?} as an address", shown(path))));
        };
        let url = Url::parse(&whole);
        url.map_err(|error| self.unexpected(format!("the service names what is no address ({error})")))
    }

    /// Where every path begins, without a slash at the end.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether somebody else than the provider answered: a host that an account names, or one that a link or a redirect
    /// leads to. What such a host says may be nobody's business, so that it is not shown.
    fn is_foreign(&self, url: &Url) -> bool {
        let allowed = self.network.destinations().allows_loopback() && is_loopback(url);
        !(allowed || self.is_own && url.origin() == self.base.origin())
    }

    fn refused(&self, refused: &Refused) -> ProviderError {
        self.configuration(refused.to_string())
    }

    /// The error of an answer that did not come: unknown if what was asked for is paid.
    fn lost(&self, pays: bool, message: String) -> ProviderError {
        let provider = self.provider;
        if pays {
            ProviderError::OutcomeUnknown { provider, message }
        } else {
            ProviderError::Unavailable { provider, message }
        }
    }

    fn configuration(&self, message: String) -> ProviderError {
        ProviderError::Configuration { provider: self.provider, message }
    }

    fn unexpected(&self, message: String) -> ProviderError {
        ProviderError::Unexpected { provider: self.provider, message }
    }
}

/// A call made ready to be sent, perhaps several times.
struct Request {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    pays: bool,
    follow: bool,
}

impl Request {
    fn forget_secrets(&mut self) {
        let public = self.headers.iter().filter(|(_, value)| !value.is_sensitive());
        self.headers = public.map(|(name, value)| (name.clone(), value.clone())).collect();
    }

    /// Whether it may be sent to where a redirect points: reading anywhere, anything else only as it is and
    /// within the origin.
    fn may_go_to(&self, status: StatusCode, same_origin: bool) -> bool {
        let kept = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        matches!(self.method, Method::GET | Method::HEAD) || (kept && same_origin)
    }
}

/// Where the answer says that it is to be found; a 308 without it is not a redirect but an upload that goes
/// on.
fn redirect(response: &Response) -> Option<String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    Some(String::from_utf8_lossy(response.headers().get(LOCATION)?.as_bytes()).into_owned())
}

fn encode(body: &Body, headers: &mut HeaderMap) -> Bytes {
    let (media_type, bytes) = match body {
        Body::Empty => return Bytes::new(),
        Body::Bytes(bytes) => return bytes.clone(),
        Body::Json(value) => ("application/json", value.to_string()),
        Body::Form(fields) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(fields.iter().map(|(name, value)| (name, value.reveal())));
            ("application/x-www-form-urlencoded", form.finish())
        }
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    Bytes::from(bytes)
}

fn sensitive(provider: &'static str, secret: &str) -> Result<HeaderValue, ProviderError> {
    let mut value = HeaderValue::from_str(secret).map_err(|_| ProviderError::Credentials {
        provider,
        message: "a key in the account's Secret holds characters that no key has; enter it again".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Scheme, host and port, which may be shown; the rest of a URL may be a secret.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// Why a host may not be called, if that is what the error is about.
fn refusal<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Refused> {
    causes(error).find_map(|cause| match cause.downcast_ref::<ResolveError>() {
        Some(ResolveError::AllowAddress(refused)) => Some(refused),
        _ => cause.downcast_ref::<Refused>(),
    })
}

/// The innermost error, which says what happened; the outer ones only repeat that something did.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    shown(&causes(error).last().unwrap_or(error).to_string())
}
