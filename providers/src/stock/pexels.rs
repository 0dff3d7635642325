//! Pexels: what is asked, and what comes back.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::choice::{Found, Shape, Wanted, file};
use crate::error::ProviderError;
use crate::http::{Answer, shown};

/// How this provider is called in messages.
pub(super) const PROVIDER: &str = "Pexels";
/// The addresses that are the service's own.
pub(crate) const OWN: &[&str] = &["https://api.pexels.com/v1"];
/// How many are looked at.
const PER_PAGE: u32 = 40;

/// The path of a search.
pub(super) fn path(words: &str, wanted: &Wanted) -> String {
    let words = utf8_percent_encode(words, NON_ALPHANUMERIC);
    let shape = match wanted.shape() {
        Shape::Landscape => "landscape",
        Shape::Portrait => "portrait",
        Shape::Square => "square",
    };
    let what = if wanted.seconds.is_some() { "/videos/search" } else { "/search" };
    format!("{what}?query={words}&orientation={shape}&size=medium&per_page={PER_PAGE}&page=1")
}

/// What was found, in the library's order.
pub(super) fn read(answer: &Answer, wanted: &Wanted) -> Result<Vec<Found>, ProviderError> {
    let value = answer.json(PROVIDER, false)?;
    let list = |name: &str| value[name].as_array().into_iter().flatten();
    Ok(match wanted.seconds {
        Some(_) => list("videos").filter_map(|video| clip(video, wanted)).collect(),
        None => list("photos").filter_map(|photo| picture(photo, wanted)).collect(),
    })
}

fn clip(video: &Value, wanted: &Wanted) -> Option<Found> {
    let files = video["video_files"].as_array()?.iter().filter_map(|file| {
        // Streams have no size.
        let (width, height) = (number(&file["width"])?, number(&file["height"])?);
        let is_mp4 = file["file_type"] == "video/mp4";
        Some((width, height, file["link"].as_str().filter(|_| is_mp4)?))
    });
    let (width, height, link) = file(files.collect(), wanted)?;
    let page = video["url"].as_str().unwrap_or_default();
    Some(Found {
        id: id(video)?,
        link: link.to_owned(),
        width,
        height,
        seconds: number(&video["duration"]).unwrap_or_default(),
        // The page's address ends in what it shows.
        about: page.trim_end_matches('/').rsplit('/').next().unwrap_or_default().replace('-', " "),
        credit: credit("Video", &video["user"]["name"], page),
    })
}

fn picture(photo: &Value, wanted: &Wanted) -> Option<Found> {
    let original = photo["src"]["original"].as_str().filter(|link| !link.is_empty())?;
    let (width, height) = (number(&photo["width"])?, number(&photo["height"])?);
    // Originals have tens of megabytes: the service scales them down.
    let side = wanted.width.max(wanted.height).saturating_mul(2);
    let link = if original.contains('?') {
        original.to_owned()
    } else {
        format!("{original}?auto=compress&cs=tinysrgb&w={side}&h={side}&fit=max")
    };
    Some(Found {
        id: id(photo)?,
        link,
        width,
        height,
        seconds: 0,
        about: photo["alt"].as_str().unwrap_or_default().to_lowercase(),
        credit: credit("Photo", &photo["photographer"], photo["url"].as_str().unwrap_or_default()),
    })
}

fn id(value: &Value) -> Option<String> {
    value["id"].as_u64().map(|id| id.to_string())
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
}

fn credit(what: &str, who: &Value, page: &str) -> String {
    let who = who.as_str().filter(|who| !who.trim().is_empty()).unwrap_or("an artist");
    shown(&format!("{what} by {who} on Pexels: {page}"))
}
