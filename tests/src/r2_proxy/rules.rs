//! R2's rules, as far as they can be checked by requests.
//!
//! A key that was written successfully takes no other write for a second, nor while a write to it is under way.
//! A refused or failed write does not count, so that a refused writer succeeds when it comes back in time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::CONTENT_LENGTH;
use tokio::time::Instant;

use super::answer::Refusal;
use super::locked;
use super::operation::Operation;

const WRITE_INTERVAL: Duration = Duration::from_secs(1);
const MAX_KEY_BYTES: usize = 1024;
const MAX_PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;
const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
const MAX_PARTS: u32 = 10_000;
const MAX_KEYS_A_DELETE: usize = 1000;
/// Writes remembered before old ones are swept.
const SWEEP_ABOVE: usize = 10_000;

const TOO_FAST: Refusal = Refusal::new(
    429,
    "TooManyRequests",
    "Reduce the rate of writes to this object: one a second is taken (10058)",
);
const UNEQUAL_PARTS: Refusal =
    Refusal::new(400, "InvalidPart", "All parts but the last must have the same length (10048)");
const SMALL_PARTS: Refusal =
    Refusal::new(400, "EntityTooSmall", "All parts but the last must have at least 5 MiB (10011)");
const BAD_PART_NUMBER: Refusal = Refusal::new(400, "InvalidArgument", "Part numbers go from 1 to 10000");
const KEY_TOO_LONG: Refusal = Refusal::new(400, "KeyTooLongError", "A key has at most 1024 bytes");
const TOO_LARGE: Refusal = Refusal::new(400, "EntityTooLarge", "One request carries at most 5 GiB (10100)");
const TOO_MANY_KEYS: Refusal =
    Refusal::new(400, "MalformedXML", "At most 1000 keys can be deleted in one request");
const NOT_IMPLEMENTED: Refusal = Refusal::new(
    501,
    "NotImplemented",
    "R2 has no tags, ACLs, versions, object locks or conditional deletes",
);

/// What the rules have to remember.
#[derive(Debug, Default)]
pub(crate) struct RuleState {
    writes: Mutex<HashMap<String, Write>>,
    /// Part lengths by upload, then by part number.
    parts: Mutex<HashMap<String, BTreeMap<u32, u64>>>,
}

#[derive(Clone, Copy, Debug)]
enum Write {
    UnderWay,
    DoneAt(Instant),
}

/// Holds a key while a write to it is under way; dropped without success, it frees the key.
#[derive(Debug)]
pub(crate) struct Admission<'a> {
    rules: &'a RuleState,
    key: Option<String>,
}

impl RuleState {
    /// Checks what the head of a request says.
    pub(crate) fn check_head(operation: &Operation, headers: &HeaderMap) -> Result<(), Refusal> {
        let parameters =
            ["tagging", "acl", "retention", "legal-hold", "object-lock", "versions", "versioning"];
        let forbidden = ["x-amz-tagging", "x-amz-acl", "x-amz-grant-", "x-amz-object-lock-"];
        let conditional = ["if-match", "if-none-match", "if-unmodified-since", "x-amz-if-match"];
        let named = |names: &[&str]| {
            headers.keys().any(|header| names.iter().any(|name| header.as_str().starts_with(name)))
        };
        if parameters.iter().any(|name| operation.query.contains_key(*name))
            || named(&forbidden)
            || operation.name == "DeleteObject" && named(&conditional)
        {
            return Err(NOT_IMPLEMENTED);
        }
        if operation.key.len() > MAX_KEY_BYTES {
            return Err(KEY_TOO_LONG);
        }
        let puts = matches!(operation.name, "PutObject" | "UploadPart");
        if puts && body_length(headers).is_some_and(|length| length > MAX_PUT_BYTES) {
            return Err(TOO_LARGE);
        }
        if operation.name == "UploadPart" && part_number(operation).is_none() {
            return Err(BAD_PART_NUMBER);
        }
        Ok(())
    }

    /// Checks what only the body of a batch delete or of a completion says.
    pub(crate) fn check_body(&self, operation: &Operation, body: &str) -> Result<(), Refusal> {
        match operation.name {
            "DeleteObjects" if body.matches("<Object>").count() > MAX_KEYS_A_DELETE => Err(TOO_MANY_KEYS),
            "CompleteMultipartUpload" => self.check_parts(operation, body),
            _ => Ok(()),
        }
    }

    fn check_parts(&self, operation: &Operation, body: &str) -> Result<(), Refusal> {
        let uploads = locked(&self.parts);
        // An upload begun before the proxy was: nothing is known of it.
        let Some(lengths) = upload_id(operation).and_then(|id| uploads.get(id)) else { return Ok(()) };
        let mut listed: Vec<u64> =
            part_numbers_in(body).filter_map(|number| lengths.get(&number).copied()).collect();
        listed.pop();
        let Some(first) = listed.first() else { return Ok(()) };
        if listed.iter().any(|length| length != first) {
            return Err(UNEQUAL_PARTS);
        }
        if *first < MIN_PART_BYTES {
            return Err(SMALL_PARTS);
        }
        Ok(())
    }

    /// Lets a write to a key begin, or refuses it for its rate. Other operations are always let through.
    pub(crate) fn admit(&self, operation: &Operation, now: Instant) -> Result<Admission<'_>, Refusal> {
        if !operation.writes_key() {
            return Ok(Admission { rules: self, key: None });
        }
        let mut writes = locked(&self.writes);
        if writes.len() > SWEEP_ABOVE {
            writes.retain(|_, write| write.blocks(now));
        }
        if writes.get(&operation.key).is_some_and(|write| write.blocks(now)) {
            return Err(TOO_FAST);
        }
        writes.insert(operation.key.clone(), Write::UnderWay);
        Ok(Admission { rules: self, key: Some(operation.key.clone()) })
    }

    /// Remembers what a successful request means for the rules, and says whether it gave its key new content: a
    /// completion that is repeated succeeds too, but writes nothing.
    pub(crate) fn succeeded(&self, operation: &Operation, headers: &HeaderMap) -> bool {
        let Some(id) = upload_id(operation) else { return operation.writes_key() };
        let mut uploads = locked(&self.parts);
        match operation.name {
            "UploadPart" => {
                if let (Some(number), Some(length)) = (part_number(operation), body_length(headers)) {
                    uploads.entry(id.to_owned()).or_default().insert(number, length);
                }
                false
            }
            "CompleteMultipartUpload" => uploads.remove(id).is_some(),
            "AbortMultipartUpload" => {
                uploads.remove(id);
                false
            }
            _ => false,
        }
    }
}

impl Admission<'_> {
    /// The write happened: the key rests for a second.
    pub(crate) fn succeeded(mut self, now: Instant) {
        if let Some(key) = self.key.take() {
            locked(&self.rules.writes).insert(key, Write::DoneAt(now));
        }
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            locked(&self.rules.writes).remove(&key);
        }
    }
}

impl Write {
    fn blocks(self, now: Instant) -> bool {
        match self {
            Self::UnderWay => true,
            Self::DoneAt(time) => now.saturating_duration_since(time) < WRITE_INTERVAL,
        }
    }
}

fn upload_id(operation: &Operation) -> Option<&str> {
    operation.query.get("uploadId").map(String::as_str)
}

fn part_number(operation: &Operation) -> Option<u32> {
    let number = operation.query.get("partNumber")?.parse().ok()?;
    (1..=MAX_PARTS).contains(&number).then_some(number)
}

/// Length of the content, which is less than that of the body where the body is chunked for signing.
fn body_length(headers: &HeaderMap) -> Option<u64> {
    let decoded = headers.get("x-amz-decoded-content-length");
    decoded.or_else(|| headers.get(CONTENT_LENGTH))?.to_str().ok()?.parse().ok()
}

fn part_numbers_in(body: &str) -> impl Iterator<Item = u32> {
    body.split("<PartNumber>").skip(1).filter_map(|rest| rest.split_once('<')?.0.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use hyper::Method;
    use hyper::header::HeaderValue;

    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn request(method: &Method, target: &str) -> Operation {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Operation::of(method, path, query, &HeaderMap::new())
    }

    /// Whether parts of these lengths can be completed.
    fn complete(lengths: &[u64]) -> Result<(), Refusal> {
        let rules = RuleState::default();
        let mut body = String::new();
        for (index, length) in lengths.iter().enumerate() {
            let number = index + 1;
            let part = request(&Method::PUT, &format!("/films/a?uploadId=u&partNumber={number}"));
            let headers = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from(*length))]);
            rules.succeeded(&part, &headers);
            body.extend(["<Part><PartNumber>", &number.to_string(), "</PartNumber></Part>"]);
        }
        rules.check_body(&request(&Method::POST, "/films/a?uploadId=u"), &body)
    }

    #[test]
    fn parts_must_be_equal_and_large_but_for_the_last() {
        assert_eq!(complete(&[8 * MIB, 8 * MIB, 7 * MIB]), Ok(()));
        assert_eq!(complete(&[5 * MIB, 8 * MIB]), Ok(()));
        assert_eq!(complete(&[1]), Ok(()));
        assert_eq!(complete(&[8 * MIB, 7 * MIB, 8 * MIB]), Err(UNEQUAL_PARTS));
        assert_eq!(complete(&[4 * MIB, 4 * MIB, 4 * MIB]), Err(SMALL_PARTS));
    }

    #[test]
    fn a_key_takes_one_write_a_second() {
        let (rules, now) = (RuleState::default(), Instant::now());
        let put = request(&Method::PUT, "/films/a");
        rules.admit(&put, now).unwrap().succeeded(now);
        assert_eq!(rules.admit(&put, now + WRITE_INTERVAL / 2).unwrap_err(), TOO_FAST);
        assert!(rules.admit(&request(&Method::PUT, "/films/b"), now).is_ok());
        assert!(rules.admit(&put, now + WRITE_INTERVAL).is_ok());
    }

    #[test]
    fn a_write_under_way_holds_its_key_and_a_failed_one_frees_it() {
        let (rules, now) = (RuleState::default(), Instant::now());
        let put = request(&Method::PUT, "/films/a");
        let first = rules.admit(&put, now).unwrap();
        assert_eq!(rules.admit(&put, now + 2 * WRITE_INTERVAL).unwrap_err(), TOO_FAST);
        drop(first);
        assert!(rules.admit(&put, now).is_ok());
    }

    #[test]
    fn what_r2_does_not_have_is_not_implemented() {
        let plain = HeaderMap::new();
        for target in ["/films/a?tagging", "/films/a?acl", "/films/a?retention", "/films?object-lock"] {
            assert_eq!(
                RuleState::check_head(&request(&Method::PUT, target), &plain),
                Err(NOT_IMPLEMENTED),
                "{target}"
            );
        }
        let with = |name: &'static str| {
            HeaderMap::from_iter([(
                hyper::header::HeaderName::from_static(name),
                HeaderValue::from_static("x"),
            )])
        };
        let put = request(&Method::PUT, "/films/a");
        assert_eq!(RuleState::check_head(&put, &with("x-amz-tagging")), Err(NOT_IMPLEMENTED));
        assert_eq!(RuleState::check_head(&put, &with("if-none-match")), Ok(()));
        let delete = request(&Method::DELETE, "/films/a");
        assert_eq!(RuleState::check_head(&delete, &with("if-match")), Err(NOT_IMPLEMENTED));
        assert_eq!(RuleState::check_head(&delete, &plain), Ok(()));
    }

    #[test]
    fn sizes_are_limited() {
        let rules = RuleState::default();
        let long = request(&Method::PUT, &format!("/films/{}", "k".repeat(1025)));
        assert_eq!(RuleState::check_head(&long, &HeaderMap::new()), Err(KEY_TOO_LONG));
        let length = |bytes: u64| HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from(bytes))]);
        let put = request(&Method::PUT, "/films/a");
        assert_eq!(RuleState::check_head(&put, &length(MAX_PUT_BYTES)), Ok(()));
        assert_eq!(RuleState::check_head(&put, &length(MAX_PUT_BYTES + 1)), Err(TOO_LARGE));
        let part = request(&Method::PUT, "/films/a?uploadId=u&partNumber=10001");
        assert_eq!(RuleState::check_head(&part, &length(1)), Err(BAD_PART_NUMBER));
        let delete = request(&Method::POST, "/films?delete");
        assert_eq!(rules.check_body(&delete, &"<Object>".repeat(1000)), Ok(()));
        assert_eq!(rules.check_body(&delete, &"<Object>".repeat(1001)), Err(TOO_MANY_KEYS));
    }
}
