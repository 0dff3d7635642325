//! A bucket in memory, as far as reading goes: HEAD, GET, ranges and lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, RANGE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;

/// The files by their keys.
#[derive(Clone, Default)]
pub struct Files(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

/// When each file was written, as HEAD reports it.
const WRITTEN: &str = "Thu, 24 Dec 2026 18:20:00 GMT";

impl Files {
    pub fn put(&self, key: &str, content: impl Into<Vec<u8>>) {
        self.0.lock().insert(key.to_owned(), content.into());
    }

    pub fn remove(&self, key: &str) {
        self.0.lock().remove(key);
    }

    pub fn remove_all(&self) {
        self.0.lock().clear();
    }

    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }
}

async fn answer(Shared(Files(files)): Shared<Files>, request: Request) -> Response {
    let path = request.uri().path();
    let path = path.strip_prefix("/videos/").unwrap_or(path).to_owned();
    let query = request.uri().query().unwrap_or_default();
    let files = files.lock();
    if query.contains("list-type=2") {
        let prefix = query.split('&').find_map(|part| part.strip_prefix("prefix=")).unwrap_or_default();
        let prefix = prefix.replace("%2F", "/");
        let found = files.iter().filter(|(key, _)| key.starts_with(&prefix));
        let contents: Vec<String> = found
            .map(|(key, content)| {
                format!("<Contents><Key>{key}</Key><Size>{}</Size></Contents>", content.len())
            })
            .collect();
        let list = format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>",
            contents.concat()
        );
        return list.into_response();
    }
    let Some(content) = files.get(&path) else {
        return (StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>").into_response();
    };
    let size = content.len();
    let range = request.headers().get(RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes="));
    let range = range.and_then(|range| range.split_once('-'));
    let tag = (ETAG, "\"tag-1\"".to_owned());
    match (request.method(), range) {
        (&Method::HEAD, _) => {
            let written = (LAST_MODIFIED, WRITTEN.to_owned());
            ([tag, written, (CONTENT_LENGTH, size.to_string())], ()).into_response()
        }
        (_, Some((first, last))) => {
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            let range = (CONTENT_RANGE, format!("bytes {first}-{last}/{size}"));
            (StatusCode::PARTIAL_CONTENT, [tag, range], content[first..=last].to_vec()).into_response()
        }
        (_, None) => ([tag], content.clone()).into_response(),
    }
}
