//! What the service says of a video that it has.

use jiff::Timestamp;
use serde_json::Value;

use super::upload::Privacy;
use crate::http::shown;

/// How far the service is with a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadState {
    /// It is there and being processed, which may take long and is no failure.
    Uploaded,
    /// It can be watched.
    Processed,
    /// It could not be processed; why, if it says.
    Failed(String),
    /// It was rejected; why, if it says.
    Rejected(String),
    Deleted,
    /// Something that we do not know, in the service's own word.
    Other(String),
}

/// A video as the service sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoStatus {
    /// How far it is.
    pub upload: UploadState,
    /// Who may see it; `None` if the service does not say. A project that was not audited keeps its uploads
    /// private, whatever was asked for.
    pub privacy: Option<Privacy>,
    /// When it becomes public, if that is scheduled.
    pub publish_at: Option<Timestamp>,
}

/// The status of the first video; `None` if there is none.
pub(super) fn read(videos: &Value) -> Option<VideoStatus> {
    let status = &videos["items"].as_array()?.first()?["status"];
    let word = |name: &str| shown(status[name].as_str().unwrap_or_default());
    let upload = match status["uploadStatus"].as_str() {
        Some("uploaded") => UploadState::Uploaded,
        Some("processed") => UploadState::Processed,
        Some("failed") => UploadState::Failed(word("failureReason")),
        Some("rejected") => UploadState::Rejected(word("rejectionReason")),
        Some("deleted") => UploadState::Deleted,
        _ => UploadState::Other(word("uploadStatus")),
    };
    let privacy = match status["privacyStatus"].as_str() {
        Some("private") => Some(Privacy::Private),
        Some("unlisted") => Some(Privacy::Unlisted),
        Some("public") => Some(Privacy::Public),
        _ => None,
    };
    let publish_at = status["publishAt"].as_str().and_then(|text| text.parse().ok());
    Some(VideoStatus { upload, privacy, publish_at })
}
