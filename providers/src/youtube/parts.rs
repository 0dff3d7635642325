//! What is added to a video once it is there: thumbnail, captions, a place in a playlist.

use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use super::upload::VideoId;

/// Most bytes of a thumbnail.
const MAX_THUMBNAIL_BYTES: usize = 2 * 1024 * 1024;

/// What became of something that was to be added. The video is published either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addition {
    /// It is there.
    Added,
    /// It is not, and will not be: a sentence for people that says why.
    Declined(String),
}

/// Why a file is no thumbnail, if it is none.
pub(super) fn unfit_thumbnail(bytes: usize, media_type: &str) -> Option<Addition> {
    if !["image/jpeg", "image/png"].contains(&media_type) {
        return Some(Addition::Declined(format!("a thumbnail must be JPEG or PNG, not {media_type}")));
    }
    let too_large = bytes > MAX_THUMBNAIL_BYTES;
    too_large.then(|| {
        Addition::Declined(format!("the thumbnail has {bytes} bytes, more than {MAX_THUMBNAIL_BYTES}"))
    })
}

/// A body of two parts, JSON and a file: its media type and its bytes.
pub(super) fn multipart(json: &Value, file: &[u8]) -> (String, Vec<u8>) {
    let json = json.to_string();
    let mut boundary = "videofactory".to_owned();
    while holds(json.as_bytes(), &boundary) || holds(file, &boundary) {
        boundary.push('-');
        boundary.push('x');
    }
    let head = format!("--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json}\r\n");
    let next = format!("--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n");
    let tail = format!("\r\n--{boundary}--\r\n");
    let body = [head.as_bytes(), next.as_bytes(), file, tail.as_bytes()].concat();
    (format!("multipart/related; boundary={boundary}"), body)
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|part| part == word.as_bytes())
}

/// The path that asks whether the video is in the playlist.
pub(super) fn in_playlist(playlist: &str, id: &VideoId) -> String {
    let playlist: String = byte_serialize(playlist.as_bytes()).collect();
    format!("/youtube/v3/playlistItems?part=id&maxResults=1&playlistId={playlist}&videoId={}", id.as_str())
}

/// Whether a list has entries.
pub(super) fn has_items(list: &Value) -> bool {
    list["items"].as_array().is_some_and(|items| !items.is_empty())
}
