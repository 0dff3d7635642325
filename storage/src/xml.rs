//! Reading the little XML that error answers are.

/// The text of the first `<name>` in an error's body.
pub(crate) fn element<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    after.split_once(&format!("</{name}>")).map(|(inner, _)| inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_read_from_an_error_body() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>10058</Code><Region> eu-west-1</Region></Error>";
        assert_eq!(element(body, "Code"), Some("10058"));
        assert_eq!(element(body, "Region"), Some("eu-west-1"));
        assert_eq!(element(body, "Endpoint"), None);
        assert_eq!(element(b"<Error><Code>cut of", "Code"), None);
        assert_eq!(element(b"\xff\xfe", "Code"), None);
    }
}
