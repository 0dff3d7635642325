//! Result documents of steps that were read lately. A document is written once, under a name that says what it was made
//! from: what is kept stays right. Whoever looks at a job that works asks for the same ones every second.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use videofactory_storage::Bucket;

/// Most bytes of JSON that are kept; in memory they are some times as large.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What the file of a bucket is kept under: other buckets may have a file with the same key.
#[must_use]
pub fn cache_key(bucket: &Bucket, key: &str) -> String {
    format!("{}/{}{key}", bucket.name(), bucket.prefix())
}

/// The documents, the one that was asked for last in front.
#[derive(Debug, Default)]
pub struct Documents(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    key: String,
    document: Arc<Value>,
    bytes: usize,
}

impl Documents {
    /// The document with this key, if it is kept.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Arc<Value>> {
        let mut kept = self.0.lock();
        let place = kept.iter().position(|one| one.key == key)?;
        let found = kept.remove(place)?;
        let document = Arc::clone(&found.document);
        kept.push_front(found);
        Some(document)
    }

    /// Keeps a document; those that were asked for longest ago make room for it.
    pub fn keep(&self, key: String, document: Arc<Value>) {
        let bytes = document.to_string().len();
        if bytes > MAX_BYTES {
            return;
        }
        let mut kept = self.0.lock();
        kept.retain(|one| one.key != key);
        kept.push_front(Kept { key, document, bytes });
        let mut all = 0;
        let fits = kept.iter().take_while(|one| {
            all += one.bytes;
            all <= MAX_BYTES
        });
        let fits = fits.count();
        kept.truncate(fits);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_asked_for_longest_ago_makes_room() {
        let documents = Documents::default();
        let large = |letter: &str| Arc::new(json!(letter.repeat(MAX_BYTES / 3)));
        documents.keep("a".to_owned(), large("a"));
        documents.keep("b".to_owned(), large("b"));
        assert_eq!(documents.get("a"), Some(large("a")));
        documents.keep("c".to_owned(), large("c"));
        assert!(documents.get("a").is_some() && documents.get("b").is_none() && documents.get("c").is_some());
        documents.keep("d".to_owned(), Arc::new(json!("d".repeat(MAX_BYTES))));
        assert_eq!(documents.get("d"), None, "one that is larger than all that may be kept is not kept");
        assert!(documents.get("a").is_some(), "and takes nobody's room");
    }
}
