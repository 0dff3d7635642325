//! `proxy`: the HTTP API on localhost, as the person whose kubeconfig it is.
//!
//! What changes objects goes to the API server from here, with the kubeconfig itself; all else goes to the operator. Because
//! whoever reaches the port acts as this person, it listens on loopback alone and is careful about web pages (`guard.rs`).

mod forward;
mod guard;
mod jobs;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use clap::Args;
use tokio::net::TcpListener;
use videofactory_api::PORT;
use videofactory_api::body::MAX_BYTES;
use videofactory_api::dashboard;
use videofactory_api::problem::Problem;
use videofactory_api::writes::{self, UserClientSource};

use self::guard::Guard;
use self::jobs::Finder;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::operator::{Operator, OperatorFiles, Upstream};

/// The page that a proxy names.
const DOCS: &str = "/docs";

/// Serve the HTTP API on localhost, as yourself
///
/// Whoever can reach the port acts as you: it is there for this machine alone. A browser gets in with the address that is
/// printed, which holds a token for this run; other web pages do not.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory proxy &
  curl localhost:8000/health/full | jq '.checks[] | select(.healthy==false)'
  curl localhost:8000/metrics | jq .quota
  curl -X POST localhost:8000/jobs/<namespace>/<name>/retry
  curl -X POST \"localhost:8000/storage/cleanup?days=7\"")]
pub struct ProxyArgs {
    /// The port on localhost; 0: any that is free
    #[arg(long, default_value_t = PORT)]
    port: u16,
}

/// Serves until it is interrupted.
pub async fn run(args: ProxyArgs, context: &mut Context) -> Result<Exit, Error> {
    serve(args.port, DOCS, |_| {}, context).await
}

/// The same. `page`: the first one that a browser is to see. `open`: is given its address, once it is served.
pub async fn serve(
    port: u16,
    page: &str,
    open: impl FnOnce(&str),
    context: &mut Context,
) -> Result<Exit, Error> {
    let operator = Arc::new(Operator::find(&context.cluster).await?);
    let client = context.cluster.client()?;
    let (first, second, port) = listen(port).await?;
    let session = uuid::Uuid::new_v4().simple().to_string();
    let finder = Finder::new(client.clone(), context.cluster.namespace.clone());
    let guard = Guard::new(port, session.clone());
    let files = OperatorFiles { upstream: operator };
    let app = router(UserClientSource::One(client), files, finder, guard);
    context.notify(format!("Serving on http://localhost:{port}, as yourself, until Ctrl-C."))?;
    let address = format!("http://localhost:{port}{}", first_page(page, &session));
    context.notify(format!("For a browser: {address}"))?;
    open(&address);
    let also = app.clone();
    let second = async {
        match second {
            Some(listener) => axum::serve(listener, also).await,
            None => std::future::pending().await,
        }
    };
    let first = async { axum::serve(first, app).await };
    let served: std::io::Result<()> = tokio::select! {
        ended = first => ended,
        ended = second => ended,
    };
    served?;
    Ok(Exit::Done)
}

/// The page that a browser gets in by, with the token that it shows.
fn first_page(page: &str, session: &str) -> String {
    format!("{page}?token={session}")
}

/// Both loopback addresses, as far as the machine has them: programs take `localhost` for either. Where another program has
/// one of them, browsers would show it the token.
async fn listen(port: u16) -> Result<(TcpListener, Option<TcpListener>, u16), Error> {
    let cannot = |address: SocketAddr, error: std::io::Error| {
        Error::new(format!("cannot listen on {address}: {error}")).hint("choose another port by --port")
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let first = TcpListener::bind(address).await.map_err(|error| cannot(address, error))?;
    let port = first.local_addr()?.port();
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let second = match TcpListener::bind(address).await {
        Ok(listener) => Some(listener),
        Err(_) if !has_ipv6().await => None,
        Err(error) => return Err(cannot(address, error)),
    };
    Ok((first, second, port))
}

/// Whether the machine has the loopback address of IPv6: then it has some port that is free.
async fn has_ipv6() -> bool {
    TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))).await.is_ok()
}

/// All routes: what changes objects is done here, and the rest is asked of the operator.
fn router<U: Upstream>(
    user_clients: UserClientSource,
    files: OperatorFiles<U>,
    finder: Finder,
    guard: Guard,
) -> Router {
    let forward = |upstream: Arc<U>| {
        move |request: Request| {
            let upstream = upstream.clone();
            async move { forward::forward(&*upstream, request).await }
        }
    };
    let upstream = Arc::clone(&files.upstream);
    let routes = writes::router(user_clients, Some(Arc::new(files)))
        .fallback(forward(upstream.clone()))
        .method_not_allowed_fallback(forward(upstream))
        .layer(DefaultBodyLimit::max(MAX_BYTES));
    // Around the others: a path must be as it is meant before it is matched.
    Router::new()
        .fallback_service(routes)
        .layer(from_fn_with_state(Arc::new(finder), jobs::resolve))
        .layer(from_fn_with_state(Arc::new(guard), watch))
        .layer(from_fn(dashboard::as_pages))
}

async fn watch(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.admit(request) {
        Ok(guard::Admitted::Request(request)) => next.run(request).await,
        Ok(guard::Admitted::Answer(response)) => response,
        Err(problem) => Problem::into_response(problem),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::StatusCode;
    use http::header::{AUTHORIZATION, HOST, LOCATION, ORIGIN, SET_COOKIE};
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;
    use crate::testing::{Fake, job, list_of, path};

    const UID: &str = "0c5e9a3b-24c3-4a11-9d59-7c1f8b2d6e05";
    const SESSION: &str = "s3ss10n";

    /// An operator that says what it was asked.
    struct Echo;

    impl Upstream for Echo {
        async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Problem> {
            let headers = request.headers();
            let said = json!({
                "method": request.method().as_str(), "target": request.uri().to_string(),
                "authorization": headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap()),
                "cookie": headers.contains_key("cookie"), "connection": headers.contains_key("connection"),
            });
            Ok(http::Response::new(Body::from(said.to_string())))
        }
    }

    fn fake() -> Fake {
        let film = job("ocean", json!({"phase": "Failed"}));
        Fake::default()
            .on(&format!("GET {}", path("", "videojobs", "")), list_of(std::slice::from_ref(&film)))
            .on(&format!("GET {}", path("films", "videojobs", "ocean")), film)
    }

    async fn ask(fake: &Fake, method: &str, target: &str, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        let (status, _, body) = whole(fake, method, target, headers).await;
        (status, body)
    }

    async fn whole(
        fake: &Fake,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, http::HeaderMap, Value) {
        at_port(8000, fake, method, target, headers).await
    }

    async fn at_port(
        port: u16,
        fake: &Fake,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, http::HeaderMap, Value) {
        let finder = Finder::new(fake.client(), "films".to_owned());
        let guard = Guard::new(port, SESSION.to_owned());
        let files = OperatorFiles { upstream: Arc::new(Echo) };
        let app = router(UserClientSource::One(fake.client()), files, finder, guard);
        let mut request = Request::builder().method(method).uri(target);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(HOST, "localhost:8000");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    #[tokio::test]
    async fn a_loopback_address_that_another_program_has_is_not_passed_over() {
        let ipv4 = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let ipv6 = has_ipv6().await.then(|| SocketAddr::from((Ipv6Addr::LOCALHOST, 0)));
        for address in [Some(ipv4), ipv6].into_iter().flatten() {
            let other = TcpListener::bind(address).await.unwrap();
            let taken = other.local_addr().unwrap();
            let error = listen(taken.port()).await.unwrap_err();
            assert!(error.message.starts_with(&format!("cannot listen on {taken}: ")), "{error}");
            assert!(error.hint.unwrap().contains("--port"));
        }
    }

    #[tokio::test]
    async fn reads_go_to_the_operator_and_writes_to_the_api_server() {
        let fake = fake();
        for target in ["/health/full", "/metrics", "/jobs/films/ocean", "/jobs?limit=5", "/docs"] {
            let (status, said) = ask(&fake, "GET", target, &[]).await;
            assert_eq!((status, &said["target"]), (StatusCode::OK, &json!(target)));
        }
        assert_eq!(fake.writes(), []);
        let (status, answer) = ask(&fake, "POST", "/jobs/films/ocean/retry", &[]).await;
        assert_eq!((status, &answer["outcome"]), (StatusCode::ACCEPTED, &json!("requested")));
        assert_eq!(fake.writes()[0].what, format!("PATCH {}", path("films", "videojobs", "ocean")));
        let (status, _) = ask(&fake, "POST", "/restore?dry_run=true", &[]).await;
        assert_eq!(
            status,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a restore is done here, with one's own rights"
        );
    }

    #[tokio::test]
    async fn a_uid_names_a_film_for_writes_too() {
        let fake = fake();
        let (status, answer) = ask(&fake, "POST", &format!("/jobs/{UID}/retry"), &[]).await;
        assert_eq!((status, &answer["id"]), (StatusCode::ACCEPTED, &json!("films/ocean")));
        let other = UID.replace("6e05", "6eff");
        let (status, _) = ask(&fake, "POST", &format!("/jobs/{other}/retry"), &[]).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let (_, read) = ask(&fake, "GET", &format!("/jobs/{UID}"), &[]).await;
        assert_eq!(read["target"], format!("/jobs/{UID}"), "the operator knows UIDs itself");
    }

    #[tokio::test]
    async fn only_this_machines_names_are_answered() {
        for host in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:8000"] {
            assert_eq!(ask(&fake(), "GET", "/health", &[("host", host)]).await.0, StatusCode::OK, "{host}");
        }
        for host in
            ["evil.example:8000", "localhost:9000", "localhost", "127.0.0.1.nip.io:8000", "", "0.0.0.0:8000"]
        {
            let (status, _) = ask(&fake(), "GET", "/health", &[("host", host)]).await;
            assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{host:?}");
        }
    }

    #[tokio::test]
    async fn clients_do_not_name_the_usual_port() {
        for (host, origin) in [("localhost", "http://localhost"), ("[::1]:80", "http://[::1]:80")] {
            let headers = [("host", host), ("origin", origin), ("authorization", "Bearer s3ss10n")];
            let (status, ..) = at_port(80, &fake(), "GET", "/health", &headers).await;
            assert_eq!(status, StatusCode::OK, "{host}");
        }
        for host in ["localhost:8000", "evil.example", "localhost.evil.example", "localhost:"] {
            let (status, ..) = at_port(80, &fake(), "GET", "/health", &[("host", host)]).await;
            assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        }
    }

    #[tokio::test]
    async fn a_page_of_another_site_changes_and_follows_nothing() {
        let fake = fake();
        for (method, target) in [
            ("POST", "/jobs/force-stop-all"),
            ("DELETE", "/jobs/films/ocean"),
            ("GET", "/stream"),
            ("OPTIONS", "/jobs"),
        ] {
            for headers in [
                [("origin", "https://evil.example")],
                [("origin", "null")],
                [("origin", "http://localhost:3000")],
                [("sec-fetch-site", "cross-site")],
                [("sec-fetch-site", "same-site")],
            ] {
                let with_token = [headers[0], ("authorization", "Bearer s3ss10n")];
                let (status, _) = ask(&fake, method, target, &with_token).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{method} {target} {headers:?}");
            }
        }
        assert_eq!(fake.writes(), []);
    }

    #[tokio::test]
    async fn a_browser_needs_the_token_of_this_run() {
        let own = [(ORIGIN.as_str(), "http://localhost:8000"), ("sec-fetch-site", "same-origin")];
        let with = |name, value| [own[0], own[1], (name, value)];
        let post = "/jobs/films/ocean/retry";
        assert_eq!(ask(&fake(), "POST", post, &own).await.0, StatusCode::UNAUTHORIZED);
        let bearer = with("authorization", "Bearer s3ss10n");
        assert_eq!(ask(&fake(), "POST", post, &bearer).await.0, StatusCode::ACCEPTED);
        let wrong = with("authorization", "Bearer other");
        assert_eq!(ask(&fake(), "POST", post, &wrong).await.0, StatusCode::UNAUTHORIZED);
        let cookie = with("cookie", "a=b; videofactory-8000=s3ss10n");
        assert_eq!(ask(&fake(), "GET", "/jobs", &cookie).await.0, StatusCode::OK);
        assert_eq!(
            ask(&fake(), "POST", post, &cookie).await.0,
            StatusCode::UNAUTHORIZED,
            "a cookie only reads"
        );
        // A page of its own learns the token that it shows to change something; no other page, and nobody by a link.
        let (_, reported) = ask(&fake(), "GET", "/dashboard/session", &cookie).await;
        assert_eq!(reported, json!({"token": SESSION}));
        let link = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            cookie[2],
        ];
        assert_eq!(ask(&fake(), "GET", "/dashboard/session", &link).await.0, StatusCode::FORBIDDEN);
        assert_eq!(ask(&fake(), "GET", "/dashboard/session", &own).await.0, StatusCode::UNAUTHORIZED);
        let (_, asked) = ask(&fake(), "GET", "/dashboard/session", &[]).await;
        assert_eq!(asked["target"], "/dashboard/session", "a program has no token, and needs none");
        // A page that is typed in, or a link to one.
        let navigation =
            [("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert_eq!(ask(&fake(), "GET", "/docs", &navigation).await.0, StatusCode::UNAUTHORIZED);
        for (asked, page) in [
            (first_page(DOCS, SESSION).as_str(), "/docs"),
            ("/jobs?phase=Failed&token=s3ss10n&limit=5", "/jobs?phase=Failed&limit=5"),
        ] {
            let (status, headers, _) = whole(&fake(), "GET", asked, &navigation).await;
            assert_eq!((status, headers[LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, page));
        }
        let (_, headers, _) = whole(&fake(), "GET", "/?token=s3ss10n", &navigation).await;
        let set = headers[SET_COOKIE].to_str().unwrap();
        assert_eq!(set, "videofactory-8000=s3ss10n; Path=/; HttpOnly; SameSite=Strict");
        let (status, _) = ask(&fake(), "GET", "/?token=wrong", &navigation).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn a_foreign_page_can_neither_embed_nor_fetch_what_is_read() {
        let cookie = ("cookie", "videofactory-8000=s3ss10n");
        let image = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "image"),
            cookie,
        ];
        assert_eq!(ask(&fake(), "GET", "/jobs", &image).await.0, StatusCode::FORBIDDEN);
        let frame = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "iframe"),
            cookie,
        ];
        assert_eq!(ask(&fake(), "GET", "/docs", &frame).await.0, StatusCode::FORBIDDEN);
        let link = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            cookie,
        ];
        assert_eq!(ask(&fake(), "GET", "/docs", &link).await.0, StatusCode::OK);
        assert_eq!(
            ask(&fake(), "GET", "/stream", &link).await.0,
            StatusCode::FORBIDDEN,
            "a stream is no page"
        );
        let own = [("sec-fetch-site", "same-origin"), ("accept", "text/event-stream"), cookie];
        assert_eq!(ask(&fake(), "GET", "/stream?namespace=films", &own).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn what_is_shown_here_does_not_reach_the_operator() {
        let headers = [
            ("authorization", "Bearer mine"),
            ("cookie", "videofactory-8000=s3ss10n"),
            ("connection", "close"),
        ];
        let (_, said) = ask(&fake(), "GET", "/jobs", &headers).await;
        assert_eq!(
            (&said["authorization"], &said["cookie"], &said["connection"]),
            (&Value::Null, &json!(false), &json!(false))
        );
    }
}
