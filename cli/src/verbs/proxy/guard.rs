//! Which requests are taken. Whoever reaches the port acts as its owner, and web pages of others run on the owner's machine
//! too: a page must neither get in under a name of its own that leads here (`Host`), nor send what its visitor has not asked
//! for (`Origin`, `Sec-Fetch-Site`). Programs such as curl send none of these. A browser shows a token of this run, so that
//! no other user's page that happens to be of the same origin is one of ours.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::json;
use videofactory_api::access::bearer;
use videofactory_api::dashboard::SESSION;
use videofactory_api::problem::Problem;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// How the token stands in an address.
const TOKEN: &str = "token=";

/// Names of this machine that nobody else can make lead elsewhere.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The port of an address that names none.
const USUAL_PORT: u16 = 80;

/// Decides which requests are taken.
pub struct Guard {
    port: u16,
    session: String,
    cookie: String,
}

/// What becomes of a request that is not refused.
pub enum Admitted {
    /// It continues, without what was shown to the guard.
    Request(Request),
    /// It is answered with this.
    Answer(Response),
}

impl Guard {
    /// A guard of this port. `session`: what a browser shows in this run.
    #[must_use]
    pub fn new(port: u16, session: String) -> Self {
        // Cookies know no ports: two proxies at once must not take each other's.
        Self { port, session, cookie: format!("videofactory-{port}") }
    }

    /// Takes a request, answers it, or refuses it.
    pub fn admit(&self, mut request: Request) -> Result<Admitted, Problem> {
        let host = self.host(&request)?;
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let headers = request.headers();
        check_site(headers, &host, is_read && !is_for_scripts(request.uri().path()))?;
        let given = token_of(request.uri().query()).filter(|_| is_read);
        if let Some(token) = given
            && (is_browser(headers) || self.is_session(&token))
        {
            return self.begin(&token, &request);
        }
        if is_browser(headers) {
            let shows = bearer(headers).is_some_and(|token| self.is_session(token));
            let knows = is_read && self.has_cookie(headers);
            if !(shows || knows) {
                return Err(not_let_in());
            }
            if is_read && request.uri().path() == SESSION {
                return Ok(Admitted::Answer(self.session_token()));
            }
        }
        let headers = request.headers_mut();
        headers.remove(AUTHORIZATION);
        headers.remove(COOKIE);
        Ok(Admitted::Request(request))
    }

    /// The name under which the request came, which must be one of this machine's own.
    fn host(&self, request: &Request) -> Result<String, Problem> {
        let shown = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host = shown.to_ascii_lowercase();
        // A request may name its host in the target as well.
        let target = request.uri().authority().map(|target| target.as_str().to_ascii_lowercase());
        let is_ours = NAMES.iter().any(|name| match host.strip_prefix(*name) {
            // Nobody sends the number of http's usual port.
            Some("") => self.port == USUAL_PORT,
            Some(rest) => rest == format!(":{}", self.port),
            None => false,
        });
        if is_ours && target.is_none_or(|target| target == host) {
            return Ok(host);
        }
        Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, format!("this proxy is not {shown:?}"))
            .hint(format!("ask http://localhost:{}", self.port)))
    }

    fn is_session(&self, token: &str) -> bool {
        // In equal time for every guess of this length.
        let differs =
            token.bytes().zip(self.session.bytes()).fold(0, |sum, (one, other)| sum | (one ^ other));
        token.len() == self.session.len() && differs == 0
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).into_iter().filter_map(|cookies| cookies.to_str().ok());
        let mut pairs =
            cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, value)| name == self.cookie && self.is_session(value))
    }

    /// Gives a page of its own the token, which it shows to change something: another page cannot ask.
    fn session_token(&self) -> Response {
        ([(CACHE_CONTROL, "no-store")], Json(json!({"token": self.session}))).into_response()
    }

    /// Lets a browser in that shows the token in its address, and takes the token out of it again.
    fn begin(&self, token: &str, request: &Request) -> Result<Admitted, Problem> {
        if !self.is_session(token) {
            return Err(not_let_in());
        }
        let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie, self.session);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        let headers = response.headers_mut();
        let value = |text: &str| {
            HeaderValue::try_from(text)
                .map_err(|error| Problem::internal("the answer has no headers", &error))
        };
        headers.insert(LOCATION, value(&without_token(request.uri()))?);
        headers.insert(SET_COOKIE, value(&cookie)?);
        Ok(Admitted::Answer(response.into_response()))
    }
}

fn not_let_in() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "a browser needs the token of this run")
        .hint("open the address that `kubectl videofactory dashboard` or `proxy` has printed")
}

/// What only a script of a page asks for, and no link leads to.
fn is_for_scripts(path: &str) -> bool {
    path == SESSION || path.rsplit('/').next() == Some("stream")
}

/// Browsers say where a request comes from; programs do not.
fn is_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(SITE) || headers.contains_key(ORIGIN)
}

/// Refuses what another site's page sends. `shows`: whether the request only shows something.
fn check_site(headers: &HeaderMap, host: &str, shows: bool) -> Result<(), Problem> {
    let word = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let foreign_origin = word(&ORIGIN).is_some_and(|origin| origin != format!("http://{host}"));
    let foreign_site = word(&SITE).is_some_and(|site| !matches!(site, "same-origin" | "none"));
    // A link on another page may lead here: the person sees where it leads, and the page sees nothing.
    let is_link = word(&MODE) == Some("navigate") && word(&DEST) == Some("document");
    if foreign_origin || foreign_site && !(shows && is_link) {
        let detail = "this request comes from a page of another site";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail)
            .hint("open the page by this proxy's own address; programs send no Origin"));
    }
    Ok(())
}

/// The token in an address.
fn token_of(query: Option<&str>) -> Option<String> {
    query?.split('&').find_map(|pair| pair.strip_prefix(TOKEN)).map(str::to_owned)
}

/// The address without it, with all else that was asked.
fn without_token(address: &Uri) -> String {
    let pairs = address.query().unwrap_or_default().split('&');
    let others: Vec<&str> = pairs.filter(|pair| !pair.is_empty() && !pair.starts_with(TOKEN)).collect();
    let mark = if others.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", address.path(), others.join("&"))
}
