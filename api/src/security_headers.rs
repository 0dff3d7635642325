//! The headers by which answers protect those who read them: what a page may load and do, and whom its address is sent to.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// What pages of the dashboard may load and do: what this address itself serves, and nothing that stands in the page itself.
/// So text that a person or a service has written could not become a script even if it became mark-up.
const DASHBOARD_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                                media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
                                frame-ancestors 'none'";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What holds for every answer that does not say otherwise: it is the caller's alone, and is what it says it is.
pub async fn on_every_answer(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A page of the dashboard.
pub fn dashboard_page(text: String) -> Response {
    of_dashboard(html(StatusCode::OK, DASHBOARD_POLICY, text))
}

/// A page of the dashboard that says why there is no other. Nothing is loaded but an icon, and nothing runs; `style`, which
/// stands in the page, is known by its digest.
pub fn problem_page(status: StatusCode, style: &str, text: String) -> Response {
    let policy = format!(
        "default-src 'none'; style-src {}; img-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        source(style)
    );
    of_dashboard(html(status, &policy, text))
}

/// The page of `/docs`. Nothing is loaded, nothing runs, nobody frames it; `style`, which stands in the page, is known by its
/// digest.
pub fn docs_page(style: &str, text: String) -> Response {
    let policy = format!(
        "default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source(style)
    );
    let mut response = html(StatusCode::OK, &policy, text);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn of_dashboard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // Where a page leads to others, they are not sent its address: it may hold names and topics.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    response
}

fn html(status: StatusCode, policy: &str, text: String) -> Response {
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// How a policy names a style that stands in the page.
fn source(style: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(style.as_bytes())))
}
