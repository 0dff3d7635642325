//! The stylesheet, the scripts and the icon: part of the program. Their address holds a digest of them, so that a browser
//! keeps them until another version of the program serves other ones.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use videofactory_pipeline::Digest;

use crate::path::unknown_route;
use crate::problem::Problem;

/// How the pages look.
pub const STYLE: &str = include_str!("../../templates/dashboard/dashboard.css");
const API_SCRIPT: &str = include_str!("../../templates/dashboard/api.js");
const SCRIPT: &str = include_str!("../../templates/dashboard/dashboard.js");
const ICON: &str = include_str!("../../templates/dashboard/icon.svg");

/// The route.
pub const PATH: &str = "/dashboard/assets/{name}";
/// The digest in an address names the content: it never changes.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

static STYLE_ADDRESS: LazyLock<String> = LazyLock::new(|| address("dashboard.css", STYLE));
static SCRIPT_ADDRESSES: LazyLock<[String; 2]> =
    LazyLock::new(|| [address("api.js", API_SCRIPT), address("dashboard.js", SCRIPT)]);

pub fn style_address() -> &'static str {
    &STYLE_ADDRESS
}

/// In the order in which they are loaded.
pub fn script_addresses() -> &'static [String] {
    &*SCRIPT_ADDRESSES
}

fn address(name: &str, content: &str) -> String {
    format!("/dashboard/assets/{name}?version={}", Digest::of_bytes(content.as_bytes()))
}

/// An asset by its name.
pub async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let (media_type, content) = match name.as_str() {
        "dashboard.css" => ("text/css; charset=utf-8", STYLE),
        "api.js" => ("text/javascript; charset=utf-8", API_SCRIPT),
        "dashboard.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(unknown_route()),
    };
    Ok(([(CONTENT_TYPE, media_type), (CACHE_CONTROL, FOR_EVER)], content).into_response())
}
