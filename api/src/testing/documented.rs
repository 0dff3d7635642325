//! Compares limits with their table in docs/operating.md, and with the OpenAPI document, whose macros take no constants.
//! Each module compares its own.

use videofactory_client::json::MAX_VALUES;

use serde_json::Value;
use utoipa::{IntoParams, PartialSchema};

use crate::body::{MAX_BYTES, TIMEOUT};

/// Fails unless the table of limits has this row, as far as given.
#[track_caller]
pub fn limit(row: &str) {
    let page = include_str!("../../../docs/operating.md");
    let beginning = format!("| {row}");
    assert!(
        page.lines().any(|line| line.starts_with(&beginning)),
        "docs/operating.md has no row {beginning}"
    );
}

/// What the OpenAPI document says of a field of this body.
#[track_caller]
pub fn field<T: PartialSchema>(name: &str) -> Value {
    let schema = serde_json::to_value(T::schema()).unwrap();
    let field = &schema["properties"][name];
    assert!(field.is_object(), "{name} is no field of {schema}");
    field.clone()
}

/// What it says of a parameter.
#[track_caller]
pub fn parameter<T: IntoParams>(name: &str) -> Value {
    let parameters = serde_json::to_value(T::into_params(|| None)).unwrap();
    let all = parameters.as_array().unwrap();
    let found = all.iter().find(|parameter| parameter["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is none of {parameters}"))["schema"].clone()
}

/// A number from 1,000 to 999,999 as the page writes it.
pub fn thousands(number: usize) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}

/// A whole number of MiB as the page writes it.
#[track_caller]
pub fn mib(bytes: usize) -> String {
    assert!(bytes.is_multiple_of(1 << 20), "{bytes} bytes");
    format!("{} MiB", bytes >> 20)
}

#[test]
fn the_limits_of_bodies_are_documented() {
    let (bytes, values, seconds) = (mib(MAX_BYTES), thousands(MAX_VALUES), TIMEOUT.as_secs());
    limit(&format!("Body of a request | {bytes}, {values} values, {seconds} s |"));
}
