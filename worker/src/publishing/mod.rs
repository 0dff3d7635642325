//! Where films are published to outside the bucket: an upload that can be resumed, and a signed call.

mod announce;
pub mod record;
mod upload;

use async_trait::async_trait;
use bytes::Bytes;
use videofactory_providers::webhook::Announcement;
use videofactory_providers::youtube::{Addition, Stored, Upload, VideoId};
use videofactory_providers::{ProviderError, Secret, Webhook, YouTube};

pub use self::announce::announce;
pub use self::upload::{Film, upload};

/// A site that films are uploaded to, in sessions that outlive a pod.
#[async_trait]
pub trait VideoSite: Send + Sync {
    /// Opens a session; its address is a credential. Nothing is on the site until all bytes are there.
    async fn begin(&self, upload: &Upload) -> Result<Secret, ProviderError>;

    /// What the site has of a session's film of `size` bytes.
    async fn stored(&self, session: &Secret, size: u64) -> Result<Stored, ProviderError>;

    /// Sends the bytes that begin at `from`.
    async fn send(
        &self,
        session: &Secret,
        size: u64,
        from: u64,
        bytes: Bytes,
    ) -> Result<Stored, ProviderError>;

    /// The film that carries `marker`. A fresh one can take minutes to be found.
    async fn find(&self, marker: &str) -> Result<Option<VideoId>, ProviderError>;

    /// Sets a film's thumbnail.
    async fn set_thumbnail(
        &self,
        id: &VideoId,
        bytes: Bytes,
        media_type: &str,
    ) -> Result<Addition, ProviderError>;

    /// Adds captions in SRT to a film.
    async fn insert_caption(
        &self,
        id: &VideoId,
        language: &str,
        srt: &[u8],
    ) -> Result<Addition, ProviderError>;

    /// Puts a film into a playlist.
    async fn add_to_playlist(&self, id: &VideoId, playlist: &str) -> Result<Addition, ProviderError>;
}

/// Somebody who is informed of finished films.
#[async_trait]
pub trait Announcer: Send + Sync {
    /// Announces a film; may be repeated with the same key.
    async fn announce(&self, announcement: &Announcement, key: &str) -> Result<(), ProviderError>;
}

#[async_trait]
impl VideoSite for YouTube {
    async fn begin(&self, upload: &Upload) -> Result<Secret, ProviderError> {
        Self::begin(self, upload).await
    }

    async fn stored(&self, session: &Secret, size: u64) -> Result<Stored, ProviderError> {
        Self::stored(self, session, size).await
    }

    async fn send(
        &self,
        session: &Secret,
        size: u64,
        from: u64,
        bytes: Bytes,
    ) -> Result<Stored, ProviderError> {
        Self::send(self, session, size, from, bytes).await
    }

    async fn find(&self, marker: &str) -> Result<Option<VideoId>, ProviderError> {
        Self::find(self, marker).await
    }

    async fn set_thumbnail(
        &self,
        id: &VideoId,
        bytes: Bytes,
        media_type: &str,
    ) -> Result<Addition, ProviderError> {
        Self::set_thumbnail(self, id, bytes, media_type).await
    }

    async fn insert_caption(
        &self,
        id: &VideoId,
        language: &str,
        srt: &[u8],
    ) -> Result<Addition, ProviderError> {
        Self::insert_caption(self, id, language, "", srt).await
    }

    async fn add_to_playlist(&self, id: &VideoId, playlist: &str) -> Result<Addition, ProviderError> {
        Self::add_to_playlist(self, id, playlist).await
    }
}

#[async_trait]
impl Announcer for Webhook {
    async fn announce(&self, announcement: &Announcement, key: &str) -> Result<(), ProviderError> {
        self.publish(announcement, key).await
    }
}
