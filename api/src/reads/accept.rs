//! Which of several forms of an answer a caller prefers: RFC 9110, section 12.5.1. Pure.

use mediatype::{MediaType, MediaTypeList, Name, ReadParams, names};

/// The parameter of a media type that names its version.
const VERSION: Name<'static> = Name::new_unchecked("version");

/// A form in which an answer can be given.
#[derive(Clone, Copy, Debug)]
pub struct Form<T> {
    /// What it is.
    pub is: T,
    /// Its media type, such as `text/plain`.
    pub media_type: (&'static str, &'static str),
    /// The versions of it that are as good; a caller who names another one means another form. Empty: it has none.
    pub versions: &'static [&'static str],
}

/// The form that a header `Accept` prefers; where it likes several alike, the one it names first, and of those the first
/// of ours. `None`: it takes none of them.
pub fn choose<T: Copy>(accept: &str, forms: &[Form<T>]) -> Option<T> {
    // What cannot be read says nothing; neither does a header without anything that can.
    let ranges: Vec<MediaType<'_>> = MediaTypeList::new(accept).filter_map(Result::ok).collect();
    if ranges.is_empty() {
        return forms.first().map(|form| form.is);
    }
    let mut best: Option<(u16, usize, T)> = None;
    for form in forms {
        let Some((quality, place)) = quality(&ranges, form) else { continue };
        let is_better =
            best.is_none_or(|(most, first, _)| quality > most || (quality == most && place < first));
        if quality > 0 && is_better {
            best = Some((quality, place, form.is));
        }
    }
    best.map(|(_, _, is)| is)
}

/// How much a form is liked, in thousandths, and where the range stands that says so: the most specific one that the form
/// is in.
fn quality<T>(ranges: &[MediaType<'_>], form: &Form<T>) -> Option<(u16, usize)> {
    let matching = ranges.iter().enumerate().filter_map(|(place, range)| {
        let specific = specificity(range, form)?;
        Some((specific, std::cmp::Reverse(place), weight(range)))
    });
    matching.max().map(|(_, std::cmp::Reverse(place), weight)| (weight, place))
}

/// How specific a range is that a form is in.
fn specificity<T>(range: &MediaType<'_>, form: &Form<T>) -> Option<u8> {
    let (top, sub) = form.media_type;
    let is = |name: Name<'_>, word: &str| name.as_str().eq_ignore_ascii_case(word);
    match (is(range.ty, top), is(range.subty, sub)) {
        (true, true) => match range.get_param(VERSION) {
            None => Some(2),
            Some(version) => form.versions.contains(&&*version.unquoted_str()).then_some(3),
        },
        (true, false) => is(range.subty, "*").then_some(1),
        _ => (is(range.ty, "*") && is(range.subty, "*")).then_some(0),
    }
}

/// The weight of a range in thousandths; one that cannot be read is 1, as if it were left out.
fn weight(range: &MediaType<'_>) -> u16 {
    let Some(text) = range.get_param(names::Q).map(|q| q.unquoted_str().into_owned()) else { return 1000 };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let thousandths = format!("{whole}{:0<3}", fraction.get(..3).unwrap_or(fraction));
    match thousandths.parse() {
        Ok(weight) if weight <= 1000 && whole.len() == 1 => weight,
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMS: [Form<&str>; 3] = [
        Form { is: "json", media_type: ("application", "json"), versions: &[] },
        Form { is: "text", media_type: ("text", "plain"), versions: &["0.0.4"] },
        Form {
            is: "openmetrics",
            media_type: ("application", "openmetrics-text"),
            versions: &["1.0.0", "0.0.1"],
        },
    ];

    fn chosen(accept: &str) -> &'static str {
        choose(accept, &FORMS).unwrap_or("none")
    }

    #[test]
    fn curl_and_browsers_get_json() {
        for accept in
            ["", "*/*", "application/json", "application/*", "text/html,*/*;q=0.8", "nonsense", ";;"]
        {
            assert_eq!(chosen(accept), "json", "{accept}");
        }
    }

    #[test]
    fn prometheus_gets_text_as_it_asks() {
        // What Prometheus 2.x sends, 3.x with its usual protocols, 3.x with text alone, and an old one.
        let two = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                   text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let three = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                     application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                     text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!((chosen(two), chosen(three)), ("openmetrics", "openmetrics"));
        let text =
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.2";
        assert_eq!(chosen(text), "text");
        assert_eq!(chosen("text/plain;version=0.0.4;q=1,*/*;q=0.1"), "text");
        // A protocol that we have not, such as protobuf, leaves the next one.
        let proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
                     text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(chosen(proto), "text");
    }

    #[test]
    fn weights_and_the_most_specific_range_decide() {
        assert_eq!(chosen("text/plain, application/json"), "text");
        assert_eq!(chosen("text/plain;q=0.5, application/json"), "json");
        assert_eq!(chosen("application/json;q=0, */*"), "text");
        assert_eq!(
            chosen("application/*;q=0.2, text/*;q=0.1, application/openmetrics-text;q=0.9"),
            "openmetrics"
        );
        assert_eq!(chosen("text/plain;q=0.001"), "text");
        assert_eq!(chosen("TEXT/Plain"), "text");
    }

    #[test]
    fn what_we_have_not_is_not_given() {
        for accept in ["image/png", "text/plain;version=2", "application/json;q=0", "*/*;q=0"] {
            assert_eq!(chosen(accept), "none", "{accept}");
        }
    }
}
