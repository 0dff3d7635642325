//! A file of the bucket as an answer: streamed, whole or a range of it, and never held in memory.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_RANGE,
    RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;
use http_range_header::{RangeUnsatisfiableError, parse_range_header};
use videofactory_storage::{Bucket, ByteRange, StorageError};

use super::etag::{REVALIDATED, Tag};
use crate::limits::Limits;
use crate::problem::Problem;

/// A file to be given.
pub struct File {
    /// Where it is.
    pub bucket: Bucket,
    /// Its key there.
    pub key: String,
    /// Its media type.
    pub content_type: &'static str,
    /// What it is called where it is saved: letters, digits, hyphens and dots.
    pub name: String,
}

/// What of a file is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// All of it.
    Whole,
    /// From this byte to that one, both included.
    Part(u64, u64),
    /// Nothing that it has.
    Outside,
}

/// Whether a request continues a file that another one began: it wants a part behind the beginning.
pub fn continues(request: &HeaderMap) -> bool {
    let range = request.get(RANGE).and_then(|range| range.to_str().ok());
    range.and_then(|range| range.strip_prefix("bytes=")).is_some_and(|part| !part.starts_with("0-"))
}

/// The file, as the request wants it; `None` if it is not there.
pub async fn answer(
    limits: &Limits,
    caller: &str,
    file: File,
    method: &Method,
    request: &HeaderMap,
) -> Result<Option<Response>, Problem> {
    let Some(info) = file.bucket.head(&file.key).await.map_err(|error| of_bucket(&error))? else {
        return Ok(None);
    };
    // A server that gives no tag gives no way to distinguish one content from another.
    let tag = Tag::strong(&info.etag);
    let mut headers = headers(&file, tag.as_ref())?;
    if tag.as_ref().is_some_and(|tag| tag.is_known(request)) {
        headers.remove(CONTENT_TYPE);
        return Ok(Some((StatusCode::NOT_MODIFIED, headers).into_response()));
    }
    let (range, length, status) = match wanted(request, tag.as_ref(), info.size) {
        Wanted::Whole => (None, info.size, StatusCode::OK),
        Wanted::Part(first, last) => {
            headers.insert(CONTENT_RANGE, header(format!("bytes {first}-{last}/{}", info.size))?);
            (Some(ByteRange::Inclusive(first, last)), last - first + 1, StatusCode::PARTIAL_CONTENT)
        }
        Wanted::Outside => return Ok(Some(outside(info.size)?)),
    };
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if method == Method::HEAD {
        return Ok(Some((status, headers).into_response()));
    }
    let permit = limits.stream(caller)?;
    let download = match file.bucket.open(&file.key, range).await {
        Ok(download) => download,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(of_bucket(&error)),
    };
    // The permit goes with the last byte, or with a caller who hangs up.
    let bytes = download.into_stream().inspect_ok(move |_| {
        let _held = &permit;
    });
    Ok(Some((status, headers, Body::from_stream(bytes)).into_response()))
}

fn headers(file: &File, tag: Option<&Tag>) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, REVALIDATED);
    headers.insert(CONTENT_DISPOSITION, header(format!("inline; filename=\"{}\"", file.name))?);
    if let Some(tag) = tag {
        tag.write(&mut headers)?;
    }
    Ok(headers)
}

fn header(text: String) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(text).map_err(|error| Problem::internal("the answer has no headers", &error))
}

/// What of a file of this size a request wants. Several ranges at once are answered by the whole, as any server may.
fn wanted(request: &HeaderMap, tag: Option<&Tag>, size: u64) -> Wanted {
    let Some(range) = request.get(RANGE).and_then(|range| range.to_str().ok()) else { return Wanted::Whole };
    // The part would not fit to what the caller has of an earlier content.
    let is_part = tag.map_or(!request.contains_key(IF_RANGE), |tag| tag.allows_part(request));
    if !is_part {
        return Wanted::Whole;
    }
    let ranges = parse_range_header(range).and_then(|ranges| ranges.validate(size));
    match ranges.as_deref() {
        Ok([part]) => Wanted::Part(*part.start(), *part.end()),
        Err(RangeUnsatisfiableError::Unsatisfiable) => Wanted::Outside,
        Ok(_) | Err(_) => Wanted::Whole,
    }
}

fn outside(size: u64) -> Result<Response, Problem> {
    let detail = format!("the range lies outside the file, which has {size} bytes");
    let mut response = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, detail).into_response();
    response.headers_mut().insert(CONTENT_RANGE, header(format!("bytes */{size}"))?);
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(response)
}

/// What is said where a bucket does not give what is asked of it.
pub fn of_bucket(error: &StorageError) -> Problem {
    if error.is_transient() {
        return Problem::later(error.to_string(), 10);
    }
    Problem::new(StatusCode::BAD_GATEWAY, error.to_string())
        .hint("GET /storage/stats says whether the bucket can be used")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str, if_range: Option<&'static str>) -> Wanted {
        let mut request = HeaderMap::new();
        request.insert(RANGE, range.parse().unwrap());
        if let Some(tag) = if_range {
            request.insert(IF_RANGE, HeaderValue::from_static(tag));
        }
        wanted(&request, Tag::strong("abc").as_ref(), 100)
    }

    #[test]
    fn one_range_is_taken_as_it_lies_in_the_file() {
        for (range, expected) in [
            ("bytes=0-9", Wanted::Part(0, 9)),
            ("bytes=90-", Wanted::Part(90, 99)),
            ("bytes=90-500", Wanted::Part(90, 99)),
            ("bytes=-10", Wanted::Part(90, 99)),
            ("bytes=-500", Wanted::Part(0, 99)),
            ("bytes=100-", Wanted::Outside),
            ("bytes=-0", Wanted::Outside),
            ("bytes=0-1,5-9", Wanted::Whole),
            ("bytes=9-0", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=99999999999999999999999-", Wanted::Outside),
        ] {
            assert_eq!(asked(range, None), expected, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_content_is_not_given() {
        assert_eq!(asked("bytes=0-9", Some("\"abc\"")), Wanted::Part(0, 9));
        assert_eq!(asked("bytes=0-9", Some("\"old\"")), Wanted::Whole);
        assert_eq!(asked("bytes=0-9", Some("W/\"abc\"")), Wanted::Whole);
        assert_eq!(asked("bytes=0-9", Some("Sat, 29 Oct 1994 19:43:31 GMT")), Wanted::Whole);
    }

    #[test]
    fn a_request_for_a_later_part_continues_a_file() {
        for (range, expected) in
            [("bytes=2-", true), ("bytes=-10", true), ("bytes=0-", false), ("bytes=0-1", false)]
        {
            let request = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(range))]);
            assert_eq!(continues(&request), expected, "{range}");
        }
        assert!(!continues(&HeaderMap::new()));
    }

    #[test]
    fn an_empty_file_has_no_range() {
        let mut request = HeaderMap::new();
        request.insert(RANGE, HeaderValue::from_static("bytes=0-"));
        assert_eq!(wanted(&request, None, 0), Wanted::Outside);
    }
}
