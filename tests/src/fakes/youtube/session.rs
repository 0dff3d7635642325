//! An upload session, and the video that it becomes.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::super::ledger::{Captions, Upload};

/// Parts of an upload are multiples of so many bytes, except the last; what is stored is, too.
pub(super) const BLOCK: usize = 262_144;

/// An upload, and the video that it becomes.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// The account.
    pub(crate) key: String,
    pub(crate) at: Timestamp,
    pub(crate) snippet: Value,
    pub(crate) status: Value,
    pub(super) total: Option<u64>,
    pub(super) stored: u64,
    pub(super) hasher: Sha256,
    /// What has arrived of the block that is not whole yet.
    pub(super) pending: Vec<u8>,
    pub(super) gone: bool,
    pub(crate) video: Option<Video>,
    pub(crate) thumbnail: Option<String>,
    pub(crate) captions: Vec<Captions>,
    /// Other than the channel's uploads.
    pub(crate) playlists: Vec<String>,
}

/// A video on the channel.
#[derive(Clone, Debug)]
pub(crate) struct Video {
    pub(crate) id: String,
    pub(crate) sha256: String,
    pub(crate) published: Timestamp,
    /// When it is processed.
    pub(crate) processed: Instant,
}

impl From<&Session> for Upload {
    fn from(session: &Session) -> Self {
        let tags: Vec<String> = session.snippet["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|tag| tag.as_str())
            .map(str::to_owned)
            .collect();
        Self {
            session: session.id.clone(),
            video_id: session.video.as_ref().map(|video| video.id.clone()),
            bytes: session.stored,
            total: session.total,
            sha256: session.video.as_ref().map(|video| video.sha256.clone()),
            title: session.text("title").to_owned(),
            marker: session.marker(&tags),
            tags,
            complete: session.video.is_some(),
            gone: session.gone,
            snippet: session.snippet.clone(),
            status: session.status.clone(),
            at: session.at,
            thumbnail: session.thumbnail.clone(),
            captions: session.captions.clone(),
            playlists: session.playlists.clone(),
        }
    }
}

impl Session {
    pub(super) fn text(&self, name: &str) -> &str {
        self.snippet[name].as_str().unwrap_or_default()
    }

    pub(super) fn marker(&self, tags: &[String]) -> Option<String> {
        let words = self.text("title").split_whitespace().chain(self.text("description").split_whitespace());
        let mut all = tags.iter().map(String::as_str).chain(words);
        all.find(|word| word.starts_with("vf-")).map(str::to_owned)
    }

    /// Takes bytes in; whole blocks are stored at once.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let whole = self.pending.len() / BLOCK * BLOCK;
        self.store(whole);
    }

    pub(super) fn store(&mut self, bytes: usize) {
        let block: Vec<u8> = self.pending.drain(..bytes).collect();
        self.hasher.update(&block);
        self.stored += block.len() as u64;
    }

    /// Forgets everything that has arrived.
    pub(super) fn empty(&mut self) {
        self.pending.clear();
        self.stored = 0;
        self.hasher = Sha256::new();
    }
}
