//! The two text formats that Prometheus reads, and which of them a request asks for.

use prometheus_client::encoding::prometheus_text;

/// A text format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Version 0.0.4 of Prometheus' own, which every scraper and `promtool` reads.
    Classic,
    /// `OpenMetrics` 1.0, which knows exemplars and units.
    #[default]
    OpenMetrics,
}

impl Format {
    /// The better liked of the two by the header `Accept`; none if it names neither.
    ///
    /// `*/*` names neither: what is answered then is not for a scraper to say.
    #[must_use]
    pub fn asked_for(accept: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for (format, weight) in accept.split(',').filter_map(asked) {
            if weight > 0.0 && best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, format));
            }
        }
        best.map(|(_, format)| format)
    }

    /// The header `Content-Type` of a text in it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Classic => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// One of the media types that a client takes, with its weight, if it is one of ours.
fn asked(range: &str) -> Option<(Format, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let format = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/openmetrics-text" => Format::OpenMetrics,
        "text/plain" => Format::Classic,
        _ => return None,
    };
    let weight =
        parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |weight| weight.parse().ok());
    Some((format, weight?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_what_it_likes_best() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;\
                          q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            (prometheus, Some(Format::OpenMetrics)),
            ("text/plain", Some(Format::Classic)),
            ("text/plain; version=0.0.4", Some(Format::Classic)),
            ("text/plain;q=0.9, application/openmetrics-text;q=0.1", Some(Format::Classic)),
            ("Application/OpenMetrics-Text, text/plain", Some(Format::OpenMetrics)),
            ("application/openmetrics-text;q=0, text/plain;q=0.1", Some(Format::Classic)),
            ("text/plain;q=much", None),
            ("*/*", None),
            ("application/json", None),
            ("", None),
        ] {
            assert_eq!(Format::asked_for(accept), format, "{accept}");
        }
    }
}
