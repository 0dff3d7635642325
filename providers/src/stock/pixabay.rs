//! Pixabay: what is asked, and what comes back.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::choice::{Found, Shape, Wanted, file};
use crate::error::ProviderError;
use crate::http::{Answer, shown};

/// How this provider is called in messages.
pub(super) const PROVIDER: &str = "Pixabay";
/// The addresses that are the service's own.
pub(crate) const OWN: &[&str] = &["https://pixabay.com/api"];
/// How many are looked at.
const PER_PAGE: u32 = 50;

/// The path of a search, without the key.
pub(super) fn path(words: &str, wanted: &Wanted) -> String {
    let words = utf8_percent_encode(words, NON_ALPHANUMERIC);
    let all = format!("q={words}&per_page={PER_PAGE}&safesearch=true");
    let shape = match wanted.shape() {
        Shape::Landscape => "horizontal",
        Shape::Portrait => "vertical",
        Shape::Square => "all",
    };
    match wanted.seconds {
        // Clips cannot be searched by their shape.
        Some(_) => format!("/videos/?{all}"),
        None => format!("/?{all}&image_type=photo&orientation={shape}"),
    }
}

/// Whether the service speaks of the key: it does so with a status that says nothing of it, in plain words.
pub(super) fn is_about_the_key(answer: &Answer) -> bool {
    let words = String::from_utf8_lossy(&answer.body).to_lowercase();
    answer.status.as_u16() == 400 && words.contains("api key")
}

/// What was found, in the library's order.
pub(super) fn read(answer: &Answer, wanted: &Wanted) -> Result<Vec<Found>, ProviderError> {
    let value = answer.json(PROVIDER, false)?;
    let hits = value["hits"].as_array().into_iter().flatten();
    Ok(hits
        .filter_map(|hit| if wanted.seconds.is_some() { clip(hit, wanted) } else { picture(hit) })
        .collect())
}

fn clip(hit: &Value, wanted: &Wanted) -> Option<Found> {
    let files = ["large", "medium", "small", "tiny"].into_iter().filter_map(|name| {
        let file = &hit["videos"][name];
        let link = file["url"].as_str().filter(|link| !link.is_empty())?;
        Some((number(&file["width"])?, number(&file["height"])?, link))
    });
    let (width, height, link) = file(files.collect(), wanted)?;
    Some(Found { link: link.to_owned(), width, height, ..about(hit, "Video")? })
}

fn picture(hit: &Value) -> Option<Found> {
    let link = hit["largeImageURL"].as_str().filter(|link| !link.is_empty())?;
    let (width, height) = (number(&hit["imageWidth"])?, number(&hit["imageHeight"])?);
    // What is handed out to everybody has at most 1280 pixels along its longer side.
    let scale = 1280.0_f64.min(f64::from(width.max(height))) / f64::from(width.max(height));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes of pictures are small"
    )]
    let side = |length: u32| (f64::from(length) * scale).round() as u32;
    Some(Found { link: link.to_owned(), width: side(width), height: side(height), ..about(hit, "Photo")? })
}

/// What is said of it, without a file.
fn about(hit: &Value, what: &str) -> Option<Found> {
    let who = hit["user"].as_str().filter(|who| !who.trim().is_empty()).unwrap_or("an artist");
    let page = hit["pageURL"].as_str().unwrap_or_default();
    Some(Found {
        id: hit["id"].as_u64()?.to_string(),
        link: String::new(),
        width: 0,
        height: 0,
        seconds: number(&hit["duration"]).unwrap_or_default(),
        about: hit["tags"].as_str().unwrap_or_default().to_lowercase(),
        credit: shown(&format!("{what} by {who} on Pixabay: {page}")),
    })
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
}
