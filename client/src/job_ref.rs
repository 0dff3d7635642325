//! How people name a `VideoJob`: `namespace/name`, or its UID.

use std::fmt;
use std::str::FromStr;

use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use videofactory_crds::VideoJob;

/// Which `VideoJob`; on the wire `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobRef {
    pub namespace: String,
    pub name: String,
}

impl JobRef {
    /// The reference of an object.
    #[must_use]
    pub fn of(job: &VideoJob) -> Self {
        Self { namespace: job.namespace().unwrap_or_default(), name: job.name_any() }
    }
}

impl fmt::Display for JobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl From<JobRef> for String {
    fn from(job: JobRef) -> Self {
        job.to_string()
    }
}

impl TryFrom<String> for JobRef {
    type Error = ParseJobRefError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A text that names no `VideoJob`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no VideoJob: write <namespace>/<name>")]
pub struct ParseJobRefError(pub String);

impl FromStr for JobRef {
    type Err = ParseJobRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name)) if is_label(namespace) && is_label(name) => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(ParseJobRefError(text.to_owned())),
        }
    }
}

/// Most characters of a DNS label.
pub const MAX_LABEL: usize = 63;

/// Whether a text can be the name of a namespace or of a `VideoJob`: a DNS label.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edges = !text.starts_with('-') && !text.ends_with('-');
    (1..=MAX_LABEL).contains(&text.len()) && edges && text.bytes().all(inner)
}

/// Whether a text has the form of a UID: 8-4-4-4-12 hexadecimal digits, in lower case.
#[must_use]
pub fn is_uid(text: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_by_namespace_and_name() {
        let named: JobRef = "films/ocean-2".parse().unwrap();
        assert_eq!((named.namespace.as_str(), named.name.as_str()), ("films", "ocean-2"));
        assert_eq!(named.to_string(), "films/ocean-2");
        for text in ["ocean", "films/", "/ocean", "films/a/b", "Films/ocean", "films/-a", "..", "a/%2e"] {
            assert!(text.parse::<JobRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_uid_is_distinguished_from_a_name() {
        assert!(is_uid("0c5e9a3b-24c3-4a11-9d59-7c1f8b2d6e00"));
        for text in ["", "ocean", "0c5e9a3b-24c3-4a11-9d59", "0C5E9A3B-24c3-4a11-9d59-7c1f8b2d6e00"] {
            assert!(!is_uid(text), "{text}");
        }
    }
}
