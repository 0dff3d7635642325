//! Clips by Veo: how one is asked for, and how far the operation is that makes it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PROVIDER, unexpected};
use crate::capability::{ClipRequest, Lengths, Model};
use crate::error::ProviderError;
use crate::http::shown;
use crate::request::lay_over;

/// Words by which an error says that the content is what is wrong.
const CONTENT_WORDS: [&str; 6] =
    ["responsible ai", "sensitive words", "safety", "usage guidelines", "violate", "prohibited"];
/// Parameters that somebody else decides, or that answers are read by.
const RESERVED: [&str; 3] = ["durationSeconds", "sampleCount", "storageUri"];
/// Longest name of an operation in bytes.
const MAX_NAME_BYTES: usize = 512;

/// The lengths that are sold; the large pictures only at the longest.
pub(crate) fn lengths(model: &Model) -> Lengths {
    match model.parameters.get("resolution").and_then(Value::as_str) {
        Some("1080p" | "4k") => Lengths::Only(&[8]),
        _ => Lengths::Only(&[4, 6, 8]),
    }
}

/// The body of a request for a clip.
pub(super) fn body(request: &ClipRequest) -> Result<Value, ProviderError> {
    let Lengths::Only(sold) = lengths(&request.model) else {
        return Err(unexpected("lengths are a list".to_owned()));
    };
    if !sold.contains(&request.seconds) {
        return Err(configuration(format!(
            "clips of {} s are not sold, only of {sold:?} s",
            request.seconds
        )));
    }
    let large = request.width.min(request.height) > 720 && request.seconds == 8;
    let mut parameters = json!({
        "aspectRatio": if request.width > request.height { "16:9" } else { "9:16" },
        "resolution": if large { "1080p" } else { "720p" },
        "durationSeconds": request.seconds,
    });
    lay_over(PROVIDER, &mut parameters, &request.model, &RESERVED)?;
    let picture = &request.picture;
    Ok(json!({
        "instances": [{
            "prompt": request.prompt,
            "image": {"bytesBase64Encoded": STANDARD.encode(&picture.bytes), "mimeType": picture.media_type},
        }],
        "parameters": parameters,
    }))
}

fn configuration(message: String) -> ProviderError {
    ProviderError::Configuration { provider: PROVIDER, message }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    name: String,
    done: bool,
    metadata: Value,
    error: Option<Trouble>,
    response: Option<Response>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Trouble {
    code: i64,
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Response {
    #[serde(rename = "generateVideoResponse")]
    inner: Option<Box<Response>>,
    #[serde(alias = "generatedVideos")]
    generated_samples: Vec<Sample>,
    rai_media_filtered_count: u32,
    rai_media_filtered_reasons: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sample {
    video: Video,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Video {
    uri: String,
    #[serde(rename = "bytesBase64Encoded", alias = "encodedVideo")]
    base64: String,
}

/// The operation's name in the answer to a submission.
pub(super) fn read_name(body: &[u8]) -> Result<String, ProviderError> {
    let lost = |what: String| ProviderError::OutcomeUnknown { provider: PROVIDER, message: what };
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| lost(format!("failed to read the answer to the submission as JSON: {error}")))?;
    if is_name(&body.name) {
        return Ok(body.name);
    }
    Err(lost(format!("the answer to the submission names no operation, but {:?}", shown(&body.name))))
}

/// Whether it is the name of an operation. It becomes part of a URL, so nothing else may pass.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.split('/').any(|part| part == "operations")
        && name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        })
}

/// How far an operation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// It is under way, so many per cent if it says.
    Running(Option<u8>),
    /// The clip lies at this address.
    At(String),
    /// The clip itself.
    Clip(Vec<u8>),
}

/// Reads an operation. One that ended without a clip is an error: `Refused` if for its content, else
/// `Unexpected`.
pub(super) fn read(body: &[u8]) -> Result<Operation, ProviderError> {
    let body: Body = serde_json::from_slice(body).map_err(|error| ProviderError::Unavailable {
        provider: PROVIDER,
        message: format!("failed to read how far the clip is: {error}"),
    })?;
    if let Some(trouble) = body.error {
        return Err(ended_badly(&trouble));
    }
    if !body.done {
        let percent = body.metadata["progressPercent"].as_u64().and_then(|number| u8::try_from(number).ok());
        return Ok(Operation::Running(percent.filter(|percent| *percent <= 100)));
    }
    finished(body.response.unwrap_or_default())
}

fn ended_badly(trouble: &Trouble) -> ProviderError {
    let why = shown(&trouble.message);
    let lower = trouble.message.to_lowercase();
    if CONTENT_WORDS.iter().any(|word| lower.contains(word)) {
        return ProviderError::Refused { provider: PROVIDER, why };
    }
    unexpected(format!("the clip failed with code {}: {why}", trouble.code))
}

fn finished(mut response: Response) -> Result<Operation, ProviderError> {
    // The reasons stand within or beside the part that holds the clips.
    let mut count = 0;
    let mut reasons = Vec::new();
    loop {
        count += response.rai_media_filtered_count;
        reasons.append(&mut response.rai_media_filtered_reasons);
        for Sample { video } in std::mem::take(&mut response.generated_samples) {
            if !video.uri.is_empty() {
                return Ok(Operation::At(video.uri));
            }
            if !video.base64.is_empty() {
                let clip = STANDARD.decode(video.base64);
                let failed = |error| unexpected(format!("failed to decode the clip: {error}"));
                return clip.map(Operation::Clip).map_err(failed);
            }
        }
        match response.inner.take() {
            Some(inner) => response = *inner,
            None => break,
        }
    }
    if count > 0 || !reasons.is_empty() {
        let why = if reasons.is_empty() {
            "the clip was filtered out".to_owned()
        } else {
            shown(&reasons.join(" "))
        };
        return Err(ProviderError::Refused { provider: PROVIDER, why });
    }
    Err(unexpected("the clip is said to be done, but the answer holds none".to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capability::Picture;
    use crate::http::any_body;

    const NAME: &str = "models/veo-3.1-generate-preview/operations/a1b2-c3";

    fn request(seconds: u32, width: u32, height: u32) -> ClipRequest {
        ClipRequest {
            model: Model::default(),
            prompt: "waves".to_owned(),
            picture: Picture {
                bytes: vec![1, 2, 3],
                media_type: "image/png".to_owned(),
                width: 1,
                height: 1,
                cost_micros: None,
            },
            seconds,
            width,
            height,
        }
    }

    fn of(response: &Value) -> Result<Operation, ProviderError> {
        read(json!({"name": NAME, "done": true, "response": response}).to_string().as_bytes())
    }

    #[test]
    fn a_request_has_the_shape_that_the_service_reads() {
        assert_eq!(
            body(&request(6, 720, 1280)).unwrap(),
            json!({
                "instances": [{"prompt": "waves", "image": {"bytesBase64Encoded": "AQID", "mimeType": "image/png"}}],
                "parameters": {"aspectRatio": "9:16", "resolution": "720p", "durationSeconds": 6},
            })
        );
        assert_eq!(body(&request(8, 1920, 1080)).unwrap()["parameters"]["resolution"], "1080p");
        assert_eq!(body(&request(6, 1920, 1080)).unwrap()["parameters"]["resolution"], "720p");
    }

    #[test]
    fn lengths_that_are_not_sold_are_a_matter_of_configuration() {
        assert!(matches!(body(&request(5, 720, 1280)), Err(ProviderError::Configuration { .. })));
        let mut large = request(6, 720, 1280);
        large.model.parameters.insert("resolution".to_owned(), json!("4k"));
        assert!(matches!(body(&large), Err(ProviderError::Configuration { .. })));
        large.seconds = 8;
        assert_eq!(body(&large).unwrap()["parameters"]["resolution"], "4k");
    }

    #[test]
    fn a_submission_gives_the_operations_name_or_an_unknown_outcome() {
        assert_eq!(read_name(json!({"name": NAME}).to_string().as_bytes()).unwrap(), NAME);
        for body in
            ["", "{\"na", "{}", r#"{"name":"models/x/operations/../y"}"#, r#"{"name":"operations/a?b=c"}"#]
        {
            let answer = read_name(body.as_bytes());
            assert!(matches!(answer, Err(ProviderError::OutcomeUnknown { .. })), "{body}");
        }
    }

    #[test]
    fn an_operation_under_way_is_so() {
        assert_eq!(read(json!({"name": NAME}).to_string().as_bytes()).unwrap(), Operation::Running(None));
        let body = json!({"name": NAME, "metadata": {"progressPercent": 40}, "done": false});
        assert_eq!(read(body.to_string().as_bytes()).unwrap(), Operation::Running(Some(40)));
    }

    #[test]
    fn a_finished_clip_is_an_address_or_bytes() {
        let uri = "https://generativelanguage.googleapis.com/v1beta/files/x:download?alt=media";
        let found = of(&json!({"generateVideoResponse": {"generatedSamples": [{"video": {"uri": uri}}]}}));
        assert_eq!(found.unwrap(), Operation::At(uri.to_owned()));
        let found =
            of(&json!({"generatedSamples": [{"video": {"encodedVideo": "AQID", "encoding": "video/mp4"}}]}));
        assert_eq!(found.unwrap(), Operation::Clip(vec![1, 2, 3]));
    }

    #[test]
    fn a_filtered_clip_is_refused_wherever_the_reason_is() {
        let reasons = json!({"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["a real person"]});
        for response in [reasons.clone(), json!({"generateVideoResponse": reasons})] {
            assert!(
                matches!(of(&response), Err(ProviderError::Refused { why, .. }) if why == "a real person")
            );
        }
        assert!(matches!(of(&json!({"raiMediaFilteredCount": 1})), Err(ProviderError::Refused { .. })));
    }

    #[test]
    fn failures_are_distinguished() {
        let failed = |code: i64, message: &str| {
            read(json!({"done": true, "error": {"code": code, "message": message}}).to_string().as_bytes())
                .unwrap_err()
        };
        let sensitive =
            failed(3, "This prompt contains sensitive words that violate Google's Responsible AI practices.");
        assert!(matches!(sensitive, ProviderError::Refused { .. }));
        assert!(matches!(failed(3, "resolution 2k is unknown"), ProviderError::Unexpected { .. }));
        assert!(matches!(failed(13, "Internal error"), ProviderError::Unexpected { .. }));
        assert!(matches!(of(&json!({})), Err(ProviderError::Unexpected { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_and_no_panic(bytes: Vec<u8>) {
            prop_assert!(read(&bytes).is_err());
            prop_assert!(read_name(&bytes).is_err());
        }

        #[test]
        fn any_body_is_read_without_panic(body in any_body()) {
            let _ = (read(&body), read_name(&body));
        }

        #[test]
        fn any_response_is_read_without_panic(json in "\\{(\"(done|error|response|raiMediaFilteredCount)\":(true|1|\"x\"|\\{\\}),?){0,3}\\}") {
            let _ = read(json.as_bytes());
        }

        #[test]
        fn only_plain_names_are_names(name in "[a-z/.?#%:@ -]{0,40}") {
            if is_name(&name) {
                prop_assert!(!name.contains("..") || !name.contains("/.."));
                prop_assert!(!name.contains(['?', '#', '%', ':', '@', ' ']));
            }
        }
    }
}
