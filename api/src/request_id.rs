//! An id for each request, in its answer and in the log, so that both can be laid side by side.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tower_http::request_id::RequestId;
use tracing::Instrument;

/// The header that carries it.
pub const HEADER: &str = "x-request-id";
/// Longest id that is taken from a caller.
const MAX_LENGTH: usize = 64;

/// Drops an id of the caller's that does not fit into a log line; another one is then made.
pub async fn check(mut request: Request) -> Request {
    if request.headers().get(HEADER).is_some_and(|id| !is_fit(id)) {
        request.headers_mut().remove(HEADER);
    }
    request
}

/// Whether an id is short, and of visible characters.
fn is_fit(id: &HeaderValue) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

/// Answers within a span of the log that names the request.
pub async fn span(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    let span = tracing::info_span!("http", id, method = %request.method(), path = request.uri().path());
    next.run(request).instrument(span).await
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[tokio::test]
    async fn only_a_short_visible_id_is_taken() {
        let taken = async |id: &[u8]| {
            let request = Request::builder().header(HEADER, HeaderValue::from_bytes(id).unwrap());
            check(request.body(Body::empty()).unwrap()).await.headers().contains_key(HEADER)
        };
        assert!(taken(b"3f9c-2a1e").await && taken(&[b'a'; MAX_LENGTH]).await);
        assert!(!taken(b"").await && !taken(b"a b").await && !taken(&[b'a'; MAX_LENGTH + 1]).await);
        assert!(!taken("\u{e9}".as_bytes()).await);
    }
}
