//! Listing as a stream: a page is asked for when the one before it has been taken.
//!
//! A server that goes round in circles or loses its way ends the listing with an error: one that is cut short without
//! a word would look like a small bucket.

use std::collections::HashSet;

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::bucket::Bucket;
use crate::error::{Result, StorageError};
use crate::object::ObjectInfo;

/// Pages without any object after which a server is taken to go round in circles.
const MAX_EMPTY_PAGES: u32 = 1000;

/// What lies right under the bucket's prefix, without what is in the folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopLevel {
    /// Folders, each with the slash that ends it.
    pub folders: Vec<String>,
    /// Objects that are in no folder.
    pub objects: Vec<String>,
    /// Whether there is more than one listing holds.
    pub more: bool,
}

/// What a listing has seen so far. The SDK goes from page to page; at a token that comes twice in a row it ends without
/// an error, and a server that always names another one it would follow for ever.
struct Listing {
    bucket: Bucket,
    prefix: String,
    /// All tokens so far: one that comes again leads round in a circle.
    seen: HashSet<String>,
    empty_pages: u32,
    ended: bool,
}

impl Bucket {
    /// All objects whose keys begin with `prefix` (which need not end at a slash), as the server orders them: by
    /// their keys. One class A operation per 1,000 objects. Ends after the first error.
    #[must_use]
    pub fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        self.list_pages(prefix).map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten().boxed()
    }

    /// The same, page by page: each item has cost one class A operation.
    #[must_use]
    pub fn list_pages(&self, prefix: &str) -> BoxStream<'static, Result<Vec<ObjectInfo>>> {
        let prefix = self.keys().full_prefix(prefix);
        let pages =
            self.small().list_objects_v2().bucket(self.name()).prefix(&prefix).into_paginator().send();
        let bucket = self.clone();
        let listing = Listing { bucket, prefix, seen: HashSet::new(), empty_pages: 0, ended: false };
        stream::unfold((pages, listing), |(mut pages, mut listing)| async move {
            if listing.ended {
                return None;
            }
            let page = match pages.next().await? {
                Ok(page) => listing.take(&page),
                Err(error) => Err(listing.bucket.failed("list", &listing.prefix, &error)),
            };
            listing.ended |= page.is_err();
            Some((page, (pages, listing)))
        })
        .boxed()
    }

    /// The folders and objects right under the prefix, at most 1,000 together: one class A operation.
    pub async fn top_level(&self) -> Result<TopLevel> {
        let prefix = self.keys().full_prefix("");
        let page = self
            .small()
            .list_objects_v2()
            .bucket(self.name())
            .prefix(&prefix)
            .delimiter("/")
            .send()
            .await
            .map_err(|error| self.failed("list", &prefix, &error))?;
        let relative =
            |full: Option<&str>| full.and_then(|full| self.keys().relative(full)).map(str::to_owned);
        Ok(TopLevel {
            folders: page.common_prefixes().iter().filter_map(|folder| relative(folder.prefix())).collect(),
            objects: page.contents().iter().filter_map(|object| relative(object.key())).collect(),
            more: page.is_truncated().unwrap_or_default(),
        })
    }
}

impl Listing {
    /// The objects of a page, if the server is to be believed.
    fn take(&mut self, page: &ListObjectsV2Output) -> Result<Vec<ObjectInfo>> {
        let keys = self.bucket.keys();
        let objects: Vec<ObjectInfo> = page
            .contents()
            .iter()
            .filter_map(|object| {
                let key = keys.relative(object.key()?)?;
                Some(ObjectInfo::new(key, object.size(), object.e_tag(), object.last_modified()))
            })
            .collect();
        if !page.is_truncated().unwrap_or_default() {
            self.ended = true;
            return Ok(objects);
        }
        self.empty_pages = if objects.is_empty() { self.empty_pages + 1 } else { 0 };
        let Some(token) = page.next_continuation_token().filter(|token| !token.is_empty()) else {
            return Err(self.lost("it says that there is more, but not from where"));
        };
        if !self.seen.insert(token.to_owned()) || self.empty_pages >= MAX_EMPTY_PAGES {
            return Err(self.lost("it goes round in circles"));
        }
        Ok(objects)
    }

    fn lost(&self, what: &str) -> StorageError {
        StorageError::Other {
            tried: self.bucket.tried("list", &self.prefix),
            code: "BadListing".into(),
            message: format!("the server loses its way ({what}); report it to whoever runs it"),
        }
    }
}
