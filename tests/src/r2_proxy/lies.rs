//! Listings that are not as S3 promises them: the server's answer, rewritten on its way back.

use axum::body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::Response;
use hyper::header::CONTENT_LENGTH;

use super::faults::Effect;

/// Largest page of a listing, in bytes.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;
const OPEN: &str = "<Contents>";
const CLOSE: &str = "</Contents>";

/// Applies the effects that concern listings to a page.
pub(crate) async fn rewrite(response: Response<Body>, effects: &[Effect]) -> anyhow::Result<Response<Body>> {
    let lies = [Effect::ReverseListings, Effect::RepeatKeys, Effect::RepeatPages];
    if !response.status().is_success() || !effects.iter().any(|effect| lies.contains(effect)) {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let read = Limited::new(body, MAX_PAGE_BYTES).collect().await;
    let bytes = read.map_err(|error| anyhow::anyhow!("reading a page: {error}"))?.to_bytes();
    let mut page = String::from_utf8(bytes.to_vec())?;
    for effect in effects {
        page = match effect {
            Effect::ReverseListings => with_entries(&page, |entries| entries.reverse()),
            Effect::RepeatKeys => with_entries(&page, |entries| entries.extend(entries.clone())),
            Effect::RepeatPages => endless(&page),
            _ => page,
        };
    }
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(parts, Body::from(page)))
}

/// The page with other entries.
fn with_entries(page: &str, change: impl FnOnce(&mut Vec<String>)) -> String {
    let (Some(start), Some(end)) = (page.find(OPEN), page.rfind(CLOSE)) else { return page.to_owned() };
    let end = end + CLOSE.len();
    let mut entries: Vec<String> = page[start..end]
        .split_inclusive(CLOSE)
        .filter(|entry| entry.contains(OPEN))
        .map(str::to_owned)
        .collect();
    change(&mut entries);
    format!("{}{}{}", &page[..start], entries.concat(), &page[end..])
}

/// The page, said to be followed by another at the same place.
fn endless(page: &str) -> String {
    let page = without(&without(page, "IsTruncated"), "NextContinuationToken");
    page.replace(
        "</ListBucketResult>",
        "<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken></ListBucketResult>",
    )
}

fn without(page: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    match (page.find(&open), page.find(&close)) {
        (Some(start), Some(end)) => format!("{}{}", &page[..start], &page[end + close.len()..]),
        _ => page.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents>\
                        <Contents><Key>b</Key></Contents></ListBucketResult>";

    #[test]
    fn entries_change_places_and_come_again() {
        let reversed = with_entries(PAGE, |entries| entries.reverse());
        assert!(reversed.find("<Key>b").unwrap() < reversed.find("<Key>a").unwrap(), "{reversed}");
        let twice = with_entries(PAGE, |entries| entries.extend(entries.clone()));
        assert_eq!(twice.matches("<Key>a</Key>").count(), 2);
    }

    #[test]
    fn an_endless_page_is_followed_by_itself() {
        let page = endless(PAGE);
        assert_eq!(page.matches("<IsTruncated>").count(), 1);
        assert!(page.contains("<IsTruncated>true</IsTruncated><NextContinuationToken>again"), "{page}");
    }
}
