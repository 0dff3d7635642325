//! Which S3 operation a request is, and what R2 charges for it.
//!
//! Path-style requests only. Charges are those of Cloudflare's R2 price list; deletes and aborts are free.

use std::collections::BTreeMap;

use hyper::header::HeaderName;
use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// R2's price classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Changes and listings.
    A,
    /// Reads.
    B,
    /// Deletes and aborts.
    Free,
}

/// A request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    /// Key in the bucket, decoded; empty for operations on a bucket.
    pub(crate) key: String,
    /// Query parameters, decoded.
    pub(crate) query: BTreeMap<String, String>,
}

const COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");

impl Operation {
    pub(crate) fn of(method: &Method, path: &str, query: Option<&str>, headers: &HeaderMap) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let query: BTreeMap<String, String> = query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        let has = |name: &str| query.contains_key(name);
        let (name, class) = if key.is_empty() {
            of_bucket(method, bucket.trim_matches('/').is_empty(), has)
        } else {
            of_object(method, has, headers.contains_key(COPY_SOURCE))
        };
        Self { name, class, key: decode(key), query }
    }

    /// Whether it gives a key its content, which R2 allows once a second.
    pub(crate) fn writes_key(&self) -> bool {
        matches!(self.name, "PutObject" | "CopyObject" | "CompleteMultipartUpload")
    }

    /// Whether it takes space.
    pub(crate) fn takes_space(&self) -> bool {
        self.writes_key() || matches!(self.name, "CreateMultipartUpload" | "UploadPart" | "UploadPartCopy")
    }
}

fn of_bucket(method: &Method, no_bucket: bool, has: impl Fn(&str) -> bool) -> (&'static str, Class) {
    match method.as_str() {
        "GET" if no_bucket => ("ListBuckets", Class::A),
        "GET" if has("uploads") => ("ListMultipartUploads", Class::A),
        "GET" if has("location") => ("GetBucketLocation", Class::B),
        "GET" if has("lifecycle") || has("cors") || has("encryption") => ("GetBucketSetting", Class::B),
        "GET" => ("ListObjects", Class::A),
        "HEAD" => ("HeadBucket", Class::B),
        "PUT" if has("lifecycle") || has("cors") || has("encryption") => ("PutBucketSetting", Class::A),
        "PUT" => ("CreateBucket", Class::A),
        "POST" if has("delete") => ("DeleteObjects", Class::Free),
        "DELETE" => ("DeleteBucket", Class::Free),
        _ => ("Unknown", Class::A),
    }
}

fn of_object(method: &Method, has: impl Fn(&str) -> bool, copies: bool) -> (&'static str, Class) {
    match method.as_str() {
        "GET" if has("uploadId") => ("ListParts", Class::A),
        "GET" => ("GetObject", Class::B),
        "HEAD" => ("HeadObject", Class::B),
        "PUT" if has("uploadId") && copies => ("UploadPartCopy", Class::A),
        "PUT" if has("uploadId") => ("UploadPart", Class::A),
        "PUT" if copies => ("CopyObject", Class::A),
        "PUT" => ("PutObject", Class::A),
        "POST" if has("uploads") => ("CreateMultipartUpload", Class::A),
        "POST" if has("uploadId") => ("CompleteMultipartUpload", Class::A),
        "DELETE" if has("uploadId") => ("AbortMultipartUpload", Class::Free),
        "DELETE" => ("DeleteObject", Class::Free),
        _ => ("Unknown", Class::A),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &Method, target: &str) -> Operation {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Operation::of(method, path, query, &HeaderMap::new())
    }

    #[test]
    fn every_operation_has_its_price() {
        let cases = [
            (Method::PUT, "/films/a/b.mp4", "PutObject", Class::A),
            (Method::PUT, "/films/a?partNumber=1&uploadId=x", "UploadPart", Class::A),
            (Method::POST, "/films/a?uploads", "CreateMultipartUpload", Class::A),
            (Method::POST, "/films/a?uploadId=x", "CompleteMultipartUpload", Class::A),
            (Method::DELETE, "/films/a?uploadId=x", "AbortMultipartUpload", Class::Free),
            (Method::DELETE, "/films/a", "DeleteObject", Class::Free),
            (Method::POST, "/films?delete", "DeleteObjects", Class::Free),
            (Method::GET, "/films?list-type=2&prefix=a%2F", "ListObjects", Class::A),
            (Method::GET, "/films/?uploads", "ListMultipartUploads", Class::A),
            (Method::GET, "/films/a", "GetObject", Class::B),
            (Method::HEAD, "/films/a", "HeadObject", Class::B),
            (Method::HEAD, "/films", "HeadBucket", Class::B),
            (Method::GET, "/", "ListBuckets", Class::A),
        ];
        for (method, target, name, class) in cases {
            let operation = of(&method, target);
            assert_eq!((operation.name, operation.class), (name, class), "{method} {target}");
        }
    }

    #[test]
    fn keys_and_queries_are_decoded() {
        let operation = of(&Method::PUT, "/films/a%20b/c?uploadId=x%2By&partNumber=2");
        assert_eq!(operation.key, "a b/c");
        assert_eq!(operation.query["uploadId"], "x+y");
    }
}
