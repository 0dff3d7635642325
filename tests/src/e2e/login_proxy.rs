//! A stand-in for an authenticating proxy such as oauth2-proxy: it lets whoever logs in read and write as somebody of the
//! cluster, whom it remembers by a cookie, and shows a token in each request that it passes on. All else it passes on as it
//! comes: method, `Host`, `Origin`, `Sec-Fetch-Site`, ranges, bodies and streams.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::api::Caller;
use super::site;

/// Where a browser logs in. Here nobody is asked who they are.
pub const LOG_IN: &str = "/oauth2/start";
const COOKIE_NAME: &str = "_oauth2_proxy";

/// The proxy, until it is dropped.
pub struct LoginProxy {
    /// Its URL on localhost.
    pub url: String,
    /// What a browser sends that has logged in.
    pub cookie: String,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    client: Client<HttpConnector, Body>,
    upstream: String,
    authorization: HeaderValue,
    /// `<name>=<secret>` of the one session.
    cookie: String,
}

impl LoginProxy {
    /// Starts it on a free port in front of the operator, for whoever this is.
    pub async fn start(caller: &Caller) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        // Not by its number: browsers take localhost for safe, as https is.
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let shared = Shared {
            client: Client::builder(TokioExecutor::new()).build_http(),
            upstream: site::operator_url()?,
            authorization: HeaderValue::try_from(format!("Bearer {}", caller.token()))?,
            cookie: format!("{COOKIE_NAME}={}", uuid::Uuid::new_v4().simple()),
        };
        let cookie = shared.cookie.clone();
        let router = Router::new().fallback(answer).with_state(shared);
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { url, cookie, server })
    }
}

impl Drop for LoginProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    if request.uri().path() == LOG_IN {
        let cookie = format!("{}; Path=/; HttpOnly; SameSite=Lax", shared.cookie);
        return (StatusCode::FOUND, [(SET_COOKIE, cookie), (LOCATION, "/dashboard".to_owned())])
            .into_response();
    }
    let cookies = request.headers().get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let is_known = cookies.flat_map(|cookies| cookies.split("; ")).any(|cookie| cookie == shared.cookie);
    if !is_known {
        return (StatusCode::FORBIDDEN, "log in first").into_response();
    }
    match pass_on(&shared, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

async fn pass_on(shared: &Shared, mut request: Request) -> anyhow::Result<Response> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = format!("{}{path}", shared.upstream).parse::<Uri>()?;
    anyhow::ensure!(request.headers().contains_key(HOST), "it does not say whom it asks");
    request.headers_mut().remove(COOKIE);
    request.headers_mut().insert(AUTHORIZATION, shared.authorization.clone());
    Ok(shared.client.request(request).await?.map(Body::new))
}
