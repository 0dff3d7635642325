//! Answers as services give them, and as they never should.

use proptest::prelude::*;
use reqwest::header::HeaderValue;

use super::*;

const PROVIDER: &str = "A service";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (name.parse::<reqwest::header::HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn answer(status: u16, body: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec(), is_foreign: false }
}

fn after(seconds: f64) -> Resume {
    Resume::After(Duration::from_secs_f64(seconds))
}

fn waits(pairs: &[(&str, &str)]) -> Resume {
    resume(&headers(pairs), b"")
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    assert_eq!(waits(&[("retry-after", "30")]), after(30.0));
    assert_eq!(waits(&[("retry-after", "0.5")]), after(0.5));
    let date = ("retry-after", "Wed, 25 Nov 2026 22:31:00 GMT");
    assert_eq!(waits(&[date]), Resume::At("2026-11-25T22:31:00Z".parse().unwrap()));
    assert_eq!(waits(&[date, ("date", "Wed, 25 Nov 2026 22:30:00 GMT")]), after(60.0));
    assert_eq!(waits(&[date, ("date", "Wed, 25 Nov 2026 22:32:00 GMT")]), after(0.0));
    for odd in ["", "soon", "-1", "NaN", "inf", "1e400"] {
        assert_eq!(waits(&[("retry-after", odd)]), Resume::Unknown, "{odd}");
    }
}

#[test]
fn a_wait_beyond_a_month_is_not_believed() {
    assert_eq!(waits(&[("retry-after", "999999999")]), Resume::After(MAX_WAIT));
}

#[test]
fn rate_limit_headers_count_only_when_nothing_remains() {
    assert_eq!(waits(&[("ratelimit", "\"api\";r=0;t=55")]), after(55.0));
    assert_eq!(waits(&[("ratelimit", "\"api\";r=0;t=5, \"day\"; r=0; t=70")]), after(70.0));
    assert_eq!(waits(&[("ratelimit", "\"api\";r=3;t=55")]), Resume::Unknown);
    assert_eq!(waits(&[("x-ratelimit-reset-requests", "1m30.5s")]), after(90.5));
    assert_eq!(waits(&[("x-ratelimit-reset", "120ms")]), after(0.12));
    let used_up = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "2s")];
    let left = [("x-ratelimit-remaining-tokens", "7"), ("x-ratelimit-reset-tokens", "1h")];
    assert_eq!(waits(&[used_up, left].concat()), after(2.0));
    let until = Resume::At("2026-11-25T22:31:00Z".parse().unwrap());
    assert_eq!(waits(&[("x-ratelimit-reset", "1795645860")]), until);
    assert_eq!(waits(&[("x-ratelimit-reset", "1795645860000")]), until);
}

#[test]
fn google_names_the_wait_in_the_body() {
    let body = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"You exceeded your current quota…","details":[
        {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"q"}]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"26s"}]}}"#;
    assert_eq!(resume(&HeaderMap::new(), body.as_bytes()), after(26.0));
    assert_eq!(resume(&HeaderMap::new(), format!("[{body}]").as_bytes()), after(26.0));
    assert_eq!(resume(&headers(&[("ratelimit", "r=0;t=40")]), body.as_bytes()), after(40.0));
}

#[test]
fn complaints_of_every_shape_are_read() {
    let cases = [
        (r#"{"code":"invalid","error":"Incorrect API key"}"#, "invalid", "Incorrect API key"),
        (r#"{"error":"text"}"#, "", "text"),
        (r#"{"error":{"message":"m","type":"t","code":"c"}}"#, "c", "m"),
        (r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#, "RESOURCE_EXHAUSTED", "m"),
        (r#"[{"error":{"code":429,"message":"m"}}]"#, "429", "m"),
        (r#"{"error":"invalid_grant","error_description":"revoked"}"#, "invalid_grant", "revoked"),
        (
            r#"{"detail":[{"loc":["body"],"msg":"field required","type":"missing"}]}"#,
            "missing",
            "field required",
        ),
        (r#"{"title":"Gone","status":410,"detail":"no such thing"}"#, "", "no such thing"),
        (r#"{"errors":[{"message":"first"},{"message":"second"}]}"#, "", "first"),
    ];
    for (body, code, message) in cases {
        let found = Complaint::read(body.as_bytes()).unwrap();
        assert_eq!((found.code.as_str(), found.message.as_str()), (code, message), "{body}");
    }
    for body in ["{}", "[]", "1", "{\"a\":1}", "no json", ""] {
        assert_eq!(Complaint::read(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn statuses_mean_what_a_caller_can_do() {
    use ProviderError as E;
    let kind = |status: u16, pays: bool| match answer(status, "text").error(PROVIDER, pays) {
        E::Credentials { .. } => "credentials",
        E::CreditsUsedUp { .. } => "credits",
        E::Configuration { .. } => "configuration",
        E::RateLimited { .. } => "limited",
        E::Unavailable { .. } => "unavailable",
        E::OutcomeUnknown { .. } => "unknown",
        E::Unexpected { .. } => "unexpected",
        E::Refused { .. } | E::NotFound { .. } | E::Interrupted { .. } => "other",
    };
    for (expected, paid, free) in [
        ("credentials", &[401, 403][..], &[401, 403][..]),
        ("credits", &[402], &[402]),
        ("configuration", &[400, 404, 405, 413, 422, 451], &[400, 404, 422]),
        ("limited", &[429], &[429]),
        ("unavailable", &[408, 425, 503], &[408, 425, 500, 502, 503, 504, 520, 521]),
        ("unknown", &[500, 502, 504, 520, 521, 522, 524, 599], &[]),
        ("unexpected", &[304, 999], &[304]),
    ] {
        assert!(paid.iter().all(|status| kind(*status, true) == expected), "{expected} {paid:?}");
        assert!(free.iter().all(|status| kind(*status, false) == expected), "{expected} {free:?}");
    }
    assert!(answer(402, "monthly credits").error(PROVIDER, true).to_string().contains("add credit"));
}

#[test]
fn an_answer_is_shown_in_a_line() {
    assert_eq!(answer(502, "<html><title>Bad gateway</title>").reported(), "502 Bad Gateway (Bad gateway)");
    assert_eq!(answer(400, r#"{"code":"c","error":"why"}"#).reported(), "400 Bad Request (c: why)");
    assert_eq!(answer(400, "plain\ntext").reported(), "400 Bad Request (plain text)");
    assert_eq!(answer(400, "").reported(), "400 Bad Request");
}

#[test]
fn json_that_is_cut_and_what_is_none_are_distinguished() {
    assert_eq!(answer(200, r#"{"a":1}"#).json(PROVIDER, false).unwrap()["a"], 1);
    let error = |body: &str, pays| answer(200, body).json(PROVIDER, pays).unwrap_err();
    assert!(matches!(error("{\"a\":", false), ProviderError::Unavailable { .. }));
    assert!(matches!(error("<!doctype html>", false), ProviderError::Unavailable { .. }));
    assert!(matches!(error("a = 1", false), ProviderError::Unexpected { .. }));
    for body in ["{\"a\":", "<!doctype html>", "a = 1"] {
        assert!(matches!(error(body, true), ProviderError::OutcomeUnknown { .. }), "{body}");
    }
}

fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let value = prop_oneof![
        "[0-9a-zA-Z:;=\", .+-]{0,30}",
        "[0-9]{1,20}",
        "[0-9]{1,3}(ms|s|m|h|d|x)[0-9]{0,3}(s)?",
        Just("Wed, 25 Nov 2026 22:31:00 GMT".to_owned()),
        Just("text/html".to_owned()),
    ];
    proptest::collection::vec((proptest::sample::select(&HEADERS[..]), value), 0..5).prop_map(|pairs| {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers(&pairs)
    })
}

proptest! {
    #[test]
    fn any_answer_is_a_value_or_an_error(
        status in 100u16..1000, headers in any_headers(), body in any_body(), pays: bool,
    ) {
        let answer = Answer { status: StatusCode::from_u16(status).unwrap(), headers, body, is_foreign: false };
        let _ = answer.json(PROVIDER, pays);
        prop_assert!(answer.text().chars().count() <= 200);
        let _ = answer.error(PROVIDER, pays).to_string();
        let Resume::After(wait) = answer.resume() else { return Ok(()) };
        prop_assert!(wait <= MAX_WAIT);
    }
}

/// Bytes, text, JSON, and JSON with the names that services use.
pub(crate) fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
    ];
    let json = leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(proptest::sample::select(&NAMES[..]), inner, 0..5).prop_map(
                |map| {
                    Value::Object(map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                }
            ),
        ]
    });
    let text = json.prop_map(|value| value.to_string().into_bytes());
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "\\PC{0,100}".prop_map(String::into_bytes),
        text.clone(),
        (text, any::<proptest::sample::Index>())
            .prop_map(|(text, cut)| text[..cut.index(text.len())].to_vec()),
    ]
}

const HEADERS: [&str; 6] =
    ["retry-after", "ratelimit", "x-ratelimit-reset", "x-ratelimit-remaining", "date", "content-type"];
const WORDS: [&str; 14] = [
    "done",
    "pending",
    "failed",
    "expired",
    "succeeded",
    "starting",
    "",
    "https://a.example/b.mp4",
    "data:image/png;base64,AAAA",
    "AAAA",
    "26s",
    "content-moderated",
    "type.googleapis.com/google.rpc.RetryInfo",
    "Requests per Second",
];
const NAMES: [&str; 26] = [
    "error",
    "code",
    "message",
    "status",
    "detail",
    "details",
    "@type",
    "retryDelay",
    "estimated_time",
    "video",
    "url",
    "respect_moderation",
    "usage",
    "cost_in_usd_ticks",
    "progress",
    "request_id",
    "data",
    "b64_json",
    "images",
    "output",
    "audio",
    "urls",
    "get",
    "id",
    "name",
    "errors",
];
