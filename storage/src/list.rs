//! Listing as a stream: a page is asked for when the one before it has been taken.

use std::collections::VecDeque;

use futures::stream::{self, BoxStream, StreamExt};

use crate::bucket::Bucket;
use crate::error::Result;
use crate::object::ObjectInfo;

/// Where a listing stands.
struct Cursor {
    bucket: Bucket,
    prefix: String,
    waiting: VecDeque<ObjectInfo>,
    next: Next,
}

enum Next {
    Page(Option<String>),
    End,
}

impl Bucket {
    /// All objects whose keys begin with `prefix` (which need not end at a slash), in the order of their keys.
    /// One class A operation per 1,000 objects. Ends after the first error.
    #[must_use]
    pub fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        let cursor = Cursor {
            bucket: self.clone(),
            prefix: self.keys().full_prefix(prefix),
            waiting: VecDeque::new(),
            next: Next::Page(None),
        };
        stream::unfold(cursor, |mut cursor| async move {
            let item = cursor.step().await.transpose()?;
            if item.is_err() {
                cursor.next = Next::End;
                cursor.waiting.clear();
            }
            Some((item, cursor))
        })
        .boxed()
    }
}

impl Cursor {
    async fn step(&mut self) -> Result<Option<ObjectInfo>> {
        loop {
            if let Some(object) = self.waiting.pop_front() {
                return Ok(Some(object));
            }
            match std::mem::replace(&mut self.next, Next::End) {
                Next::Page(token) => self.fetch(token).await?,
                Next::End => return Ok(None),
            }
        }
    }

    async fn fetch(&mut self, token: Option<String>) -> Result<()> {
        let bucket = &self.bucket;
        let page = bucket
            .small()
            .list_objects_v2()
            .bucket(bucket.name())
            .prefix(&self.prefix)
            .set_continuation_token(token)
            .send()
            .await
            .map_err(|error| bucket.failed("list", &self.prefix, &error))?;
        for object in page.contents() {
            let Some(key) = object.key().and_then(|full| bucket.keys().relative(full)) else { continue };
            self.waiting.push_back(ObjectInfo::new(
                key,
                object.size(),
                object.e_tag(),
                object.last_modified(),
            ));
        }
        if let (Some(true), Some(token)) = (page.is_truncated(), page.next_continuation_token()) {
            self.next = Next::Page(Some(token.to_owned()));
        }
        Ok(())
    }
}
