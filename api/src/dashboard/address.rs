//! Addresses with a query. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in a query as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

/// A path with these parameters; those without a value are left out.
pub fn with(path: &str, parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = parameters
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, PLAIN)))
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_any_text() {
        assert_eq!(with("/dashboard", &[("phase", ""), ("text", "")]), "/dashboard");
        assert_eq!(
            with("/dashboard", &[("phase", "Failed"), ("text", "a&b=\"c d\"#é")]),
            "/dashboard?phase=Failed&text=a%26b%3D%22c%20d%22%23%C3%A9"
        );
    }
}
