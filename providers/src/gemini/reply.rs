//! What `generateContent` answers: text, pictures and sound in parts, or a reason why there is none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{PROVIDER, unexpected};
use crate::error::ProviderError;
use crate::json;

/// Ends of an answer that mean: this request will always be refused.
const REFUSALS: [&str; 11] = [
    "SAFETY",
    "RECITATION",
    "PROHIBITED_CONTENT",
    "BLOCKLIST",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "NO_IMAGE",
    "MODEL_ARMOR",
    "ESCALATION",
];

/// An answer that was given to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// All text of the answer; thoughts are left out.
    pub text: String,
    /// Pictures and sound, in order.
    pub data: Vec<Data>,
}

/// A file within an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Data {
    /// Its media type, with parameters.
    pub media_type: String,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    candidates: Vec<Candidate>,
    prompt_feedback: Option<Feedback>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Feedback {
    block_reason: Option<String>,
    block_reason_message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content {
    parts: Vec<Part>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Part {
    text: Option<String>,
    inline_data: Option<Inline>,
    thought: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Inline {
    mime_type: String,
    data: String,
}

/// Reads the body of an answer with status 200.
pub(super) fn read(body: &[u8]) -> Result<Reply, ProviderError> {
    let body: Body = json::read(body)
        .map_err(|error| unexpected(format!("failed to read the answer as JSON: {error}")))?;
    let Some(candidate) = body.candidates.into_iter().next() else {
        return Err(without_candidate(body.prompt_feedback.unwrap_or_default()));
    };
    let reason = candidate.finish_reason.unwrap_or_default();
    let said = candidate.finish_message.map(|message| format!(": {message}")).unwrap_or_default();
    match reason.as_str() {
        "" | "STOP" | "FINISH_REASON_UNSPECIFIED" => gather(candidate.content.unwrap_or_default()),
        "MAX_TOKENS" => Err(unexpected(
            "the answer was cut off at the model's most tokens; if this comes again, ask for fewer scenes or shorter \
             texts"
                .to_owned(),
        )),
        refusal if REFUSALS.contains(&refusal) => {
            Err(ProviderError::Refused { provider: PROVIDER, why: format!("{refusal}{said}") })
        }
        // It was taken and answered, so it is no matter of configuration, which costs nothing.
        "LANGUAGE" => Err(ProviderError::Refused {
            provider: PROVIDER,
            why: format!("the model does not know the language{said}; set spec.language to one that it knows"),
        }),
        other => Err(unexpected(format!("the answer ended with {other} instead of STOP{said}"))),
    }
}

fn without_candidate(feedback: Feedback) -> ProviderError {
    match feedback.block_reason.as_deref() {
        Some(reason) if !reason.is_empty() && reason != "BLOCK_REASON_UNSPECIFIED" => {
            let said = feedback.block_reason_message.map(|message| format!(": {message}"));
            ProviderError::Refused {
                provider: PROVIDER,
                why: format!("{reason}{}", said.unwrap_or_default()),
            }
        }
        _ => unexpected("the answer holds neither a result nor a reason why there is none".to_owned()),
    }
}

fn gather(content: Content) -> Result<Reply, ProviderError> {
    let mut reply = Reply::default();
    for part in content.parts.into_iter().filter(|part| !part.thought) {
        reply.text.push_str(&part.text.unwrap_or_default());
        let Some(Inline { mime_type, data }) = part.inline_data else { continue };
        let bytes = STANDARD
            .decode(data)
            .map_err(|error| unexpected(format!("failed to decode a part of type {mime_type}: {error}")))?;
        reply.data.push(Data { media_type: mime_type, bytes });
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::any_body;

    fn ended(reason: &str) -> String {
        format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"x"}}]}},"finishReason":"{reason}"}}]}}"#)
    }

    #[test]
    fn text_and_data_are_gathered_and_thoughts_left_out() {
        let reply = read(
            br#"{"candidates":[{"content":{"role":"model","parts":[{"text":"I think","thought":true},{"text":"{\"a\":"},
                {"text":"1}"},{"inlineData":{"mimeType":"image/png","data":"AQID"}}]},"finishReason":"STOP","index":0}],
                "usageMetadata":{"promptTokenCount":8}}"#,
        )
        .unwrap();
        assert_eq!(reply.text, "{\"a\":1}");
        assert_eq!(reply.data, [Data { media_type: "image/png".to_owned(), bytes: vec![1, 2, 3] }]);
    }

    #[test]
    fn every_refusal_is_one() {
        let blocked = br#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{}}"#;
        assert!(
            matches!(read(blocked), Err(ProviderError::Refused { why, .. }) if why == "PROHIBITED_CONTENT")
        );
        for reason in REFUSALS {
            let answer = read(ended(reason).as_bytes());
            assert!(matches!(answer, Err(ProviderError::Refused { why, .. }) if why == reason));
        }
    }

    #[test]
    fn what_was_cut_off_or_is_empty_is_tried_again() {
        for body in
            [ended("MAX_TOKENS"), ended("OTHER"), "{}".to_owned(), "{\"candi".to_owned(), String::new()]
        {
            let error = read(body.as_bytes()).unwrap_err();
            assert!(matches!(error, ProviderError::Unexpected { .. }), "{body}: {error}");
        }
    }

    #[test]
    fn data_that_is_no_base64_is_reported() {
        let body = br#"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"%%"}}]}}]}"#;
        assert!(read(body).unwrap_err().to_string().contains("image/png"));
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in any_body()) {
            let _ = read(&body);
        }

        #[test]
        fn any_bytes_are_an_error_and_no_panic(body: Vec<u8>) {
            prop_assert!(read(&body).is_err());
        }
    }
}
