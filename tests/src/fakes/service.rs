//! The services that are faked, and what can be asked of them.

use serde::{Deserialize, Serialize};

/// An outside service. Its name is also the first part of its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// xAI: base URL `/xai/v1`.
    Xai,
    /// Google Gemini: base URL `/gemini/v1beta`.
    Gemini,
    /// Hugging Face, its router and its Hub: base URL `/huggingface`.
    HuggingFace,
    /// A server that speaks OpenAI's protocol: base URL `/openai/v1`.
    OpenAi,
    /// `ComfyUI`: base URL `/comfyui`.
    ComfyUi,
    /// Pexels: base URL `/pexels/v1`.
    Pexels,
    /// Pixabay: base URL `/pixabay/api`.
    Pixabay,
    /// `YouTube` with Google's token endpoint: base URL `/youtube`.
    YouTube,
    /// A receiver of webhooks: URL `/webhook` or `/webhook/NAME`.
    Webhook,
}

/// What is asked of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A clip, made later: xAI, Gemini's Veo.
    Video,
    /// A picture at once.
    Image,
    /// A text at once.
    Script,
    /// A spoken text at once.
    Speech,
    /// A search for pictures or clips that there are.
    Search,
    /// How far a clip is, or a picture that is queued.
    Poll,
    /// A picture that is handed over before a clip is made of it.
    File,
    /// The bytes of a result.
    Download,
    /// Whether the key is good: models, whoami; of a webhook whatever is no POST.
    Health,
    /// An access token for a refresh token.
    Token,
    /// Opening a resumable upload.
    Session,
    /// A part of an upload.
    Chunk,
    /// How much of an upload has arrived.
    Query,
    /// `videos.list`.
    Videos,
    /// `channels.list`.
    Channels,
    /// `playlistItems.list`.
    PlaylistItems,
    /// `playlistItems.insert`.
    PlaylistInsert,
    /// `thumbnails.set`.
    Thumbnail,
    /// `captions.insert`.
    Captions,
    /// A webhook's call.
    Delivery,
}

impl Service {
    pub(crate) const ALL: [Self; 9] = [
        Self::Xai,
        Self::Gemini,
        Self::HuggingFace,
        Self::OpenAi,
        Self::ComfyUi,
        Self::Pexels,
        Self::Pixabay,
        Self::YouTube,
        Self::Webhook,
    ];

    /// As in paths and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Xai => "xai",
            Self::Gemini => "gemini",
            Self::HuggingFace => "huggingface",
            Self::OpenAi => "openai",
            Self::ComfyUi => "comfyui",
            Self::Pexels => "pexels",
            Self::Pixabay => "pixabay",
            Self::YouTube => "youtube",
            Self::Webhook => "webhook",
        }
    }

    /// The path of the base URL that is given to a client of this service.
    #[must_use]
    pub fn base_path(self) -> &'static str {
        match self {
            Self::Xai => "/xai/v1",
            Self::Gemini => "/gemini/v1beta",
            Self::HuggingFace => "/huggingface",
            Self::OpenAi => "/openai/v1",
            Self::ComfyUi => "/comfyui",
            Self::Pexels => "/pexels/v1",
            Self::Pixabay => "/pixabay/api",
            Self::YouTube => "/youtube",
            Self::Webhook => "/webhook",
        }
    }
}

impl Operation {
    /// Whether it makes something, so that it is listed in the ledger and counts unless a limit names another.
    #[must_use]
    pub fn submits(self) -> bool {
        match self {
            Self::Video
            | Self::Image
            | Self::Script
            | Self::Speech
            | Self::Search
            | Self::Session
            | Self::Thumbnail
            | Self::Captions
            | Self::PlaylistInsert
            | Self::Delivery => true,
            Self::Poll
            | Self::File
            | Self::Download
            | Self::Health
            | Self::Token
            | Self::Chunk
            | Self::Query
            | Self::Videos
            | Self::Channels
            | Self::PlaylistItems => false,
        }
    }

    /// As in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Image => "image",
            Self::Script => "script",
            Self::Speech => "speech",
            Self::Search => "search",
            Self::Poll => "poll",
            Self::File => "file",
            Self::Download => "download",
            Self::Health => "health",
            Self::Token => "token",
            Self::Session => "session",
            Self::Chunk => "chunk",
            Self::Query => "query",
            Self::Videos => "videos",
            Self::Channels => "channels",
            Self::PlaylistItems => "playlist-items",
            Self::PlaylistInsert => "playlist-insert",
            Self::Thumbnail => "thumbnail",
            Self::Captions => "captions",
            Self::Delivery => "delivery",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        for service in Service::ALL {
            assert_eq!(serde_json::to_value(service).unwrap(), service.name());
            assert!(service.base_path()[1..].starts_with(service.name()));
        }
        for operation in [Operation::PlaylistItems, Operation::Video, Operation::Delivery] {
            assert_eq!(serde_json::to_value(operation).unwrap(), operation.name());
        }
    }
}
