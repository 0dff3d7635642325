//! Makes texts of services fit to be shown to people: short, on one line, and without what looks like a
//! secret. Secrets that are known are taken out of the bytes before anything else sees them.

use videofactory_net::KEY_PREFIXES;

use crate::connection::Secret;

/// Most characters of a service's text.
const MAX_CHARACTERS: usize = 200;
/// A word that begins as keys do is one if it is as long as this.
const KEY_CHARACTERS: usize = 12;
/// Shorter secrets are not looked for: they would be found in ordinary words.
const SECRET_BYTES: usize = 4;
/// What stands in the place of a secret.
const MASK: &str = "***";

/// The text on one line, at most 200 characters, without what looks like a key and without the parameters of
/// links, which may be signatures.
pub(crate) fn shown(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut after_bearer = false;
    let mut line = String::new();
    for word in clean.split_whitespace() {
        if line.chars().count() > MAX_CHARACTERS {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        if after_bearer {
            line.push_str(MASK);
        } else {
            line.push_str(&without_keys(word));
        }
        after_bearer = word.trim_end_matches(':').eq_ignore_ascii_case("bearer");
    }
    if line.chars().count() <= MAX_CHARACTERS {
        return line;
    }
    let mut cut: String = line.chars().take(MAX_CHARACTERS - 1).collect();
    cut.push('…');
    cut
}

/// A web page's title, or that there is none, as [`shown`].
pub(super) fn title(page: &str) -> String {
    // Lower-casing only ASCII keeps every byte in its place.
    let lower = page.to_ascii_lowercase();
    let inside = |tag: &str| {
        let from = lower.find(&format!("<{tag}"))?;
        let from = from + lower.get(from..)?.find('>')? + 1;
        let to = from + lower.get(from..)?.find("</")?;
        let text = shown(page.get(from..to)?);
        (!text.is_empty()).then_some(text)
    };
    inside("title").or_else(|| inside("h1")).unwrap_or_else(|| "a web page without a title".to_owned())
}

fn without_keys(word: &str) -> String {
    let word = match word.split_once('?') {
        Some((link, parameters)) if link.contains("://") && !parameters.is_empty() => format!("{link}?…"),
        _ => word.to_owned(),
    };
    let mut masked = String::with_capacity(word.len());
    let mut rest = word.as_str();
    while let Some((from, to)) = key_in(rest) {
        masked.push_str(&rest[..from]);
        masked.push_str(MASK);
        rest = &rest[to..];
    }
    masked + rest
}

/// Where the first thing that looks like a key begins and ends.
fn key_in(text: &str) -> Option<(usize, usize)> {
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let starts = KEY_PREFIXES.iter().flat_map(|prefix| text.match_indices(prefix).map(|(at, _)| at));
    starts
        .filter_map(|from| {
            let before = text[..from].chars().next_back();
            let length = text[from..].find(|c| !is_key(c)).unwrap_or(text.len() - from);
            let alone = !before.is_some_and(|c| c.is_ascii_alphanumeric());
            (alone && length >= KEY_CHARACTERS).then_some((from, from + length))
        })
        .min()
}

/// The bytes with `***` for each of the secrets.
pub(crate) fn mask<'a>(bytes: Vec<u8>, secrets: impl Iterator<Item = &'a Secret>) -> Vec<u8> {
    secrets.map(|secret| secret.reveal().as_bytes()).filter(|secret| secret.len() >= SECRET_BYTES).fold(
        bytes,
        |bytes, secret| {
            let mut masked = Vec::with_capacity(bytes.len());
            let mut rest = bytes.as_slice();
            while let Some(at) = rest.windows(secret.len()).position(|part| part == secret) {
                masked.extend_from_slice(&rest[..at]);
                masked.extend_from_slice(MASK.as_bytes());
                rest = &rest[at + secret.len()..];
            }
            masked.extend_from_slice(rest);
            masked
        },
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_becomes_one_short_line() {
        assert_eq!(shown(" two\n\tlines\u{0} here "), "two lines here");
        let long = shown(&"word ".repeat(100));
        assert_eq!(long.chars().count(), 200);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn what_looks_like_a_key_is_masked() {
        assert_eq!(shown("key xai-0123456789abcdef is bad"), "key *** is bad");
        assert_eq!(shown("(hf_abcdefghijklm), AIzaSyA-1234567890"), "(***), ***");
        assert_eq!(shown("Authorization: Bearer abc.def"), "Authorization: Bearer ***");
        assert_eq!(shown("xa*** and xai-1*** stay"), "xa*** and xai-1*** stay");
        assert_eq!(shown("see https://a.example/b?sig=1&x=2 now"), "see https://a.example/b?… now");
    }

    #[test]
    fn keys_of_all_services_are_masked() {
        for prefix in KEY_PREFIXES {
            assert_eq!(shown(&format!("key {prefix}0123456789abcdef is bad")), "key *** is bad");
        }
    }

    #[test]
    fn a_page_is_shown_by_its_title() {
        let page = "<!DOCTYPE html><html><head><TITLE lang=en>\n 502 Bad\nGateway</TITLE></head><body>…";
        assert_eq!(title(page), "502 Bad Gateway");
        assert_eq!(title("<html><body><h1>Down</h1>"), "Down");
        assert_eq!(title("<html><title>"), "a web page without a title");
    }

    #[test]
    fn known_secrets_are_masked_wherever_they_are() {
        let secrets = [Secret::from("s3cret"), Secret::from("abc")];
        let masked = mask(b"as3crets3cret abc".to_vec(), secrets.iter());
        assert_eq!(masked, b"a****** abc");
    }

    proptest! {
        #[test]
        fn any_text_is_shown_short(text in "\\PC{0,600}") {
            prop_assert!(shown(&text).chars().count() <= 200);
            prop_assert!(title(&text).chars().count() <= 200);
        }
    }
}
