//! Which pages may have a browser change something: those of the API's own address. A proxy in front that adds a token adds
//! it to whatever the browser sends, and a page of another site can send a POST without a body. Programs say nothing of
//! where they come from, and show a token themselves.

use axum::extract::Request;
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::Problem;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The address that a browser asked for, as proxies report it that ask for another one themselves.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Passes on what this site's own pages and programs send.
pub async fn guard(request: Request, next: Next) -> Result<Response, Problem> {
    check(request.method(), request.headers())?;
    Ok(next.run(request).await)
}

fn check(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || !is_foreign(headers) {
        return Ok(());
    }
    let detail = "this request comes from a page of another site";
    Err(Problem::new(StatusCode::FORBIDDEN, detail)
        .hint("open the dashboard by its own address; programs send neither Origin nor Sec-Fetch-Site"))
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let word = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(site) = word(&SITE) {
        return !matches!(site, "same-origin" | "none");
    }
    // Over plain http browsers send the origin alone.
    word(&ORIGIN).is_some_and(|origin| {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        let is_ours = |name: &HeaderName| word(name).is_some_and(|ours| ours.eq_ignore_ascii_case(host));
        !is_ours(&HOST) && !is_ours(&FORWARDED_HOST)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &Method, sent: &[(HeaderName, &str)]) -> bool {
        let headers =
            sent.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect::<HeaderMap>();
        check(method, &headers).is_err()
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        let ours = (HOST, "films.example");
        for (headers, is_refused) in [
            (vec![ours.clone()], false),
            (vec![(SITE, "same-origin")], false),
            (vec![(SITE, "none")], false),
            (vec![(SITE, "same-site")], true),
            (vec![(SITE, "cross-site"), (ORIGIN, "https://films.example"), ours.clone()], true),
            (vec![(ORIGIN, "http://Films.example"), ours.clone()], false),
            (vec![(ORIGIN, "http://evil.example"), ours.clone()], true),
            (vec![(ORIGIN, "null"), ours.clone()], true),
            (
                vec![
                    (ORIGIN, "https://films.example"),
                    (HOST, "10.0.0.7:8000"),
                    (FORWARDED_HOST, "films.example"),
                ],
                false,
            ),
        ] {
            assert_eq!(refused(&Method::POST, &headers), is_refused, "{headers:?}");
            assert_eq!(refused(&Method::DELETE, &headers), is_refused, "{headers:?}");
            assert!(!refused(&Method::GET, &headers), "{headers:?}");
        }
    }
}
