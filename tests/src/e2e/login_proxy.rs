//! oauth2-proxy in front of the operator with the flags of `docs/dashboard.md`, and an issuer behind it that lets everybody in
//! as one `ServiceAccount`. The ID tokens are the account's own: the cluster has signed them, and so the API server trusts
//! the same issuer and the same client as the proxy does.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use axum::extract::{Query, State};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::api::Caller;
use super::{site, wait};

/// What the documented flags say of somebody's own installation, and are replaced by what is here.
const OF_AN_INSTALLATION: [&str; 4] =
    ["--oidc-issuer-url=", "--client-id=", "--upstream=", "--redirect-url="];
/// What the issuer gives to a browser that logs in, and takes from the proxy for a token.
const CODE: &str = "of-a-login";
/// Most answers on the way from a login to the dashboard.
const REDIRECTS: usize = 10;

/// The proxy, until it is dropped.
pub struct LoginProxy {
    /// Its URL on localhost.
    pub url: String,
    issuer: JoinHandle<()>,
    _process: Child,
}

impl LoginProxy {
    /// Starts it in front of the operator, for whoever this is.
    pub async fn start(caller: &Caller) -> anyhow::Result<Self> {
        Self::before(site::operator_url()?, caller).await
    }

    /// Starts it in front of this server, for whoever this is.
    pub async fn before(upstream: String, caller: &Caller) -> anyhow::Result<Self> {
        let claims = claims(caller.token())?;
        // Not by its number: browsers take localhost for safe, as https is.
        let port = free_port().await?;
        let url = format!("http://localhost:{port}");
        let (issuer_url, issuer) = issue(caller.token()).await?;
        let flags = [
            format!("--oidc-issuer-url={}", claims.issuer),
            format!("--client-id={}", claims.audience),
            format!("--upstream={upstream}"),
            format!("--redirect-url={url}/oauth2/callback"),
            format!("--http-address=127.0.0.1:{port}"),
            // The cluster's issuer has no page where people log in, and its tokens no address of mail.
            "--skip-oidc-discovery=true".to_owned(),
            format!("--login-url={issuer_url}/authorize"),
            format!("--redeem-url={issuer_url}/token"),
            format!("--oidc-jwks-url={issuer_url}/keys"),
            "--oidc-email-claim=sub".to_owned(),
        ];
        let log = File::create(site::logs()?.join(format!("oauth2-proxy-{port}.log")))?;
        let process = Command::new(site::oauth2_proxy()?)
            .args(documented()?)
            .args(flags)
            .env("OAUTH2_PROXY_CLIENT_SECRET", "of-the-client")
            .env("OAUTH2_PROXY_COOKIE_SECRET", uuid::Uuid::new_v4().simple().to_string())
            .env("NO_PROXY", "*")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("failed to start oauth2-proxy")?;
        let proxy = Self { url, issuer, _process: process };
        let http = crate::http::client();
        wait::asked("oauth2-proxy to answer", async || {
            let answer = http.get(format!("{}/ping", proxy.url)).send().await;
            Ok(answer.is_ok_and(|answer| answer.status() == StatusCode::OK).then_some(()))
        })
        .await?;
        Ok(proxy)
    }

    /// The address where a browser logs in, and that brings it to the dashboard then.
    #[must_use]
    pub fn entry(&self) -> String {
        format!("{}/oauth2/start?rd=%2Fdashboard", self.url)
    }

    /// What a browser sends that has logged in.
    pub async fn cookie(&self) -> anyhow::Result<String> {
        let http = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build()?;
        let mut cookies = BTreeMap::new();
        let mut url = Url::parse(&self.entry())?;
        for _ in 0..REDIRECTS {
            let answer = http.get(url.clone()).header(COOKIE, joined(&cookies)).send().await?;
            for cookie in answer.headers().get_all(SET_COOKIE) {
                let cookie = cookie.to_str()?.split(';').next().unwrap_or_default();
                let (name, value) = cookie.split_once('=').context("a cookie has no value")?;
                cookies.insert(name.to_owned(), value.to_owned());
            }
            let status = answer.status();
            let next = answer.headers().get(LOCATION);
            url = url.join(next.with_context(|| format!("{url} answers with {status}"))?.to_str()?)?;
            if url.path() == "/dashboard" {
                return Ok(joined(&cookies));
            }
        }
        anyhow::bail!("nobody is let in")
    }
}

impl Drop for LoginProxy {
    fn drop(&mut self) {
        self.issuer.abort();
    }
}

/// As a browser sends them; those that are taken back are empty.
fn joined(cookies: &BTreeMap<String, String>) -> String {
    let kept = cookies.iter().filter(|(_, value)| !value.is_empty());
    kept.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

async fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

/// The flags that `docs/dashboard.md` names, without those of somebody's own installation.
fn documented() -> anyhow::Result<Vec<String>> {
    let page = fs::read_to_string(crate::root().join("docs/dashboard.md"))?;
    let (_, rest) = page.split_once("```text\n--provider=oidc\n").context("the page names no flags")?;
    let (lines, _) = rest.split_once("```").context("the flags have no end")?;
    let flags = lines.lines().filter_map(|line| line.split(" #").next()).map(str::trim_end);
    let flags = flags.filter(|flag| !OF_AN_INSTALLATION.iter().any(|own| flag.starts_with(own)));
    Ok(["--provider=oidc"].into_iter().chain(flags).map(str::to_owned).collect())
}

/// What a token says of itself.
struct Claims {
    issuer: String,
    audience: String,
}

fn claims(token: &str) -> anyhow::Result<Claims> {
    let payload = token.split('.').nth(1).context("the token has no claims")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Ok(Claims {
        issuer: text(&claims["iss"]).context("the token has no issuer")?,
        audience: text(&claims["aud"][0]).context("the token has no audience")?,
    })
}

struct Issuer {
    token: String,
    /// The public keys of the cluster's issuer.
    keys: String,
}

/// Serves an issuer of this token until it is ended; its URL.
async fn issue(token: &str) -> anyhow::Result<(String, JoinHandle<()>)> {
    let keys = Request::get("/openid/v1/jwks").body(Vec::new())?;
    let keys = site::client().await?.request_text(keys).await.context("failed to get the cluster's keys")?;
    ensure!(keys.contains("\"keys\""), "the cluster publishes no keys: {keys}");
    let issuer = Arc::new(Issuer { token: token.to_owned(), keys });
    let router = Router::new()
        .route("/authorize", get(authorize))
        .route("/token", post(redeem))
        .route("/keys", get(async |State(issuer): State<Arc<Issuer>>| issuer.keys.clone()))
        .with_state(issuer);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((url, tokio::spawn(async move { drop(axum::serve(listener, router).await) })))
}

/// Nobody is asked who they are.
async fn authorize(Query(asked): Query<HashMap<String, String>>) -> Response {
    let back = asked.get("redirect_uri").map(String::as_str).unwrap_or_default();
    let state = asked.get("state").map(String::as_str).unwrap_or_default();
    match Url::parse_with_params(back, [("code", CODE), ("state", state)]) {
        Ok(back) => Redirect::to(back.as_str()).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{back}: {error}")).into_response(),
    }
}

async fn redeem(State(issuer): State<Arc<Issuer>>, form: String) -> Response {
    let is_known = form.split('&').any(|field| field == format!("code={CODE}"));
    if !is_known && !form.contains("grant_type=refresh_token") {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    }
    Json(json!({
        "token_type": "Bearer", "expires_in": 3600, "id_token": issuer.token,
        "access_token": "of-the-issuer", "refresh_token": "of-the-issuer",
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_flags_are_taken_without_their_comments() {
        let flags = documented().unwrap();
        for flag in [
            "--provider=oidc",
            "--scope=openid email groups offline_access",
            "--email-domain=*",
            "--cookie-refresh=4m",
        ] {
            assert!(flags.iter().any(|one| one == flag), "{flag}: {flags:?}");
        }
        assert!(flags.iter().all(|flag| flag.starts_with("--") && !flag.contains("example")), "{flags:?}");
    }

    #[test]
    fn a_token_says_who_has_issued_it_for_whom() {
        let payload = URL_SAFE_NO_PAD.encode(json!({"iss": "https://a", "aud": ["b"]}).to_string());
        let claims = claims(&format!("x.{payload}.y")).unwrap();
        assert_eq!((claims.issuer.as_str(), claims.audience.as_str()), ("https://a", "b"));
    }
}
