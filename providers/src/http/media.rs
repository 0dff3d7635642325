//! What kind of file some bytes are, by the bytes themselves: what a header promises is believed only
//! if they agree.

use reqwest::header::HeaderMap;

use super::answer::media_type;
use super::shown::shown;
use crate::error::ProviderError;

/// The media type that the bytes begin like.
pub(crate) fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let at = |from: usize, magic: &[u8]| bytes.get(from..from + magic.len()) == Some(magic);
    let kinds: [(&'static str, bool); 10] = [
        ("image/png", at(0, b"\x89PNG\r\n\x1a\n")),
        ("image/jpeg", at(0, b"\xff\xd8\xff")),
        ("image/webp", at(0, b"RIFF") && at(8, b"WEBP")),
        ("video/mp4", at(4, b"ftyp")),
        ("video/webm", at(0, b"\x1a\x45\xdf\xa3")),
        ("audio/wav", at(0, b"RIFF") && at(8, b"WAVE")),
        ("audio/flac", at(0, b"fLaC")),
        ("audio/ogg", at(0, b"OggS")),
        (
            "audio/mpeg",
            at(0, b"ID3") || (at(0, b"\xff") && bytes.get(1).is_some_and(|byte| byte & 0xe6 == 0xe2)),
        ),
        ("text/html", at(0, b"<!") || at(0, b"<html")),
    ];
    kinds.into_iter().find(|(_, found)| *found).map(|(kind, _)| kind)
}

/// The media type of a file that is to be one of `kinds`. A header may say so, or not say what it is, but
/// not say something else.
pub(super) fn checked(
    provider: &'static str,
    headers: &HeaderMap,
    bytes: &[u8],
    kinds: &[&str],
) -> Result<String, ProviderError> {
    let said = media_type(headers);
    let family = |kind: &str| kind.split('/').next().unwrap_or_default().to_owned();
    let vague = ["", "application/octet-stream", "binary/octet-stream", "application/mp4"];
    let fits = vague.contains(&said.as_str()) || kinds.iter().any(|kind| family(kind) == family(&said));
    match sniff(bytes) {
        Some(found) if fits && kinds.contains(&found) => Ok(found.to_owned()),
        found => Err(ProviderError::Unexpected {
            provider,
            message: format!(
                "a file of type {} was to be fetched, but {} bytes came that are {} and called {:?}",
                kinds.join(" or "),
                bytes.len(),
                found.unwrap_or("of no known type"),
                shown(&said)
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{CONTENT_TYPE, HeaderValue};

    use super::*;

    const MP4: &[u8] = b"\x00\x00\x00\x18ftypmp42";

    fn check(said: &str, bytes: &[u8]) -> Result<String, ProviderError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(said).unwrap());
        checked("A service", &headers, bytes, &["video/mp4"])
    }

    #[test]
    fn header_and_bytes_must_agree() {
        for said in ["video/mp4", "Video/MP4; codecs=avc1", "application/octet-stream", ""] {
            assert_eq!(check(said, MP4).unwrap(), "video/mp4");
        }
        for (said, bytes) in [
            ("text/html", MP4),
            ("video/mp4", &b"<!doctype html>"[..]),
            ("video/mp4", b""),
            ("video/mp4", b"\xff\xd8\xff"),
        ] {
            let error = check(said, bytes).unwrap_err();
            assert!(matches!(error, ProviderError::Unexpected { .. }), "{said}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_type_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = sniff(&bytes);
            let _ = check("video/mp4", &bytes);
        }
    }
}
