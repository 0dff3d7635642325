//! The search for a video among the channel's uploads by its marker.

use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use super::PROVIDER;
use super::upload::VideoId;
use crate::error::ProviderError;

/// Most pages of 50 uploads that are looked through, the newest first.
pub(super) const MAX_PAGES: usize = 5;

/// The playlist of the channel's uploads.
pub(super) fn uploads(channels: &Value) -> Result<String, ProviderError> {
    let playlist = channels["items"][0]["contentDetails"]["relatedPlaylists"]["uploads"].as_str();
    playlist.map(str::to_owned).ok_or_else(|| ProviderError::Configuration {
        provider: PROVIDER,
        message: "the Google account has no channel; create one, or sign in as the owner of one".to_owned(),
    })
}

/// The path of a page of the playlist.
pub(super) fn page(playlist: &str, token: &str) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let mut path = format!(
        "/youtube/v3/playlistItems?part=contentDetails&maxResults=50&playlistId={}",
        encoded(playlist)
    );
    if !token.is_empty() {
        path.push_str("&pageToken=");
        path.push_str(&encoded(token));
    }
    path
}

/// The ids of a page's videos, and the token of the next page.
pub(super) fn ids(page: &Value) -> (Vec<String>, Option<String>) {
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    let ids = items.iter().filter_map(|item| VideoId::new(item["contentDetails"]["videoId"].as_str()?));
    let next = page["nextPageToken"].as_str().filter(|token| !token.is_empty());
    (ids.map(|id| id.as_str().to_owned()).collect(), next.map(str::to_owned))
}

/// The first of the videos that carries the marker.
pub(super) fn marked(videos: &Value, marker: &str) -> Option<VideoId> {
    let carries = |video: &&Value| {
        let snippet = &video["snippet"];
        let tags = snippet["tags"].as_array().map_or(&[][..], Vec::as_slice);
        tags.iter().filter_map(Value::as_str).any(|tag| tag.eq_ignore_ascii_case(marker))
            || snippet["description"].as_str().is_some_and(|text| has_word(text, marker))
    };
    let items = videos["items"].as_array()?;
    items.iter().filter(carries).find_map(|video| VideoId::new(video["id"].as_str()?))
}

/// Whether the text holds the word, and not only as a part of a longer one: run 1 is not run 10.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '-';
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
}
