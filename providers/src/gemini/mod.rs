//! Google Gemini: scripts, pictures and speech by `generateContent`, clips by Veo.

mod fault;
mod picture;
mod reply;
mod speech;
mod veo;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::header::HeaderName;
use serde_json::{Value, json};

pub(crate) use self::picture::size as picture_size;
use self::reply::Reply;
use self::veo::Operation;
pub(crate) use self::veo::lengths as clip_lengths;
use crate::capability::{
    Animator, Artist, Clip, ClipRequest, ClipState, Health, Lengths, Model, NarrationRequest, Narrator,
    Picture, PictureRequest, Script, ScriptRequest, ScriptWriter, Speech, Ticket,
};
use crate::connection::Connection;
use crate::error::ProviderError;
use crate::google::Failure;
use crate::http::{Answer, Call, Http, sniff};
use crate::request::lay_over;
use crate::script;
use crate::sold::Sold;

/// How this provider is called in messages.
const PROVIDER: &str = "Gemini";
/// Where the service is.
const BASE: &str = "https://generativelanguage.googleapis.com/v1beta";
/// The addresses that are the service's own.
pub(crate) const OWN: &[&str] = &[BASE];
/// The header with the key.
const KEY_HEADER: HeaderName = HeaderName::from_static("x-goog-api-key");
/// How long an answer may take: a long script or a whole film's narration takes minutes.
const ANSWER_TAKES: Duration = crate::MAX_ANSWER;
/// How long a poll may take.
const POLL_TAKES: Duration = Duration::from_secs(30);
/// Most bytes of an answer: ten minutes of speech or the largest picture, in base64.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Most bytes of a clip.
const CLIP_BYTES: usize = 256 * 1024 * 1024;

/// The model that writes when none is named.
pub const SCRIPT_MODEL: &str = "gemini-3.8-flash";
/// The model that draws when none is named.
pub const IMAGE_MODEL: &str = "gemini-3.1-flash-image";
/// The model that speaks when none is named.
pub const SPEECH_MODEL: &str = "gemini-3.8-flash-tts";
/// The model that animates when none is named.
pub const VIDEO_MODEL: &str = "veo-3.1-generate-preview";

/// Settings that the reading of answers depends on.
const RESERVED: [&str; 5] =
    ["responseMimeType", "responseJsonSchema", "responseSchema", "responseModalities", "candidateCount"];

/// A Gemini account.
#[derive(Debug, Clone)]
pub struct Gemini {
    http: Http,
    clock: fn() -> Timestamp,
}

impl Gemini {
    /// The service with the key `apiKey` of the connection. `clock` says the time: a day's quota comes back
    /// at midnight in California.
    pub fn new(connection: &Connection, clock: fn() -> Timestamp) -> Result<Self, ProviderError> {
        let key = connection.secret(PROVIDER, "apiKey")?;
        Ok(Self { http: Http::new(PROVIDER, connection, OWN)?.with_header(KEY_HEADER, key)?, clock })
    }

    /// The model for what is sold when none is named.
    #[must_use]
    pub fn usual_model(sold: Sold) -> &'static str {
        match sold {
            Sold::Script => SCRIPT_MODEL,
            Sold::Image => IMAGE_MODEL,
            Sold::VideoSecond => VIDEO_MODEL,
            Sold::NarrationSecond => SPEECH_MODEL,
        }
    }

    /// Submits the request and reads the whole answer. It is paid for once it is given, so one that cannot
    /// be read has failed; it is not unknown.
    async fn generate(
        &self,
        model: &str,
        contents: Value,
        configuration: Value,
    ) -> Result<Reply, ProviderError> {
        let body = json!({"contents": contents, "generationConfig": configuration});
        let call =
            Call::submit(format!("/models/{model}:generateContent"), body).within(ANSWER_TAKES, ANSWER_BYTES);
        let answer = self.http.call(call).await?;
        if answer.is_success() { reply::read(&answer.body) } else { Err(self.fault(&answer, true)) }
    }

    fn fault(&self, answer: &Answer, pays: bool) -> ProviderError {
        fault::read(answer, pays, (self.clock)())
    }

    /// The error of a poll. That the service does not know the operation may be so for this key or address only; another's
    /// page says nothing.
    fn poll_fault(&self, answer: &Answer) -> ProviderError {
        let error = self.fault(answer, false);
        let is_googles = !Failure::read(&answer.body).message.is_empty();
        match error {
            ProviderError::Configuration { .. } if is_googles => ProviderError::NotFound {
                provider: PROVIDER,
                message: format!("asked for the clip, it answered {}", answer.reported()),
            },
            error @ ProviderError::Configuration { .. } => {
                ProviderError::Unavailable { provider: PROVIDER, message: error.to_string() }
            }
            error => error.into_transient(),
        }
    }
}

#[async_trait]
impl ScriptWriter for Gemini {
    async fn write(&self, request: &ScriptRequest) -> Result<Script, ProviderError> {
        let model = model(&request.model, SCRIPT_MODEL)?;
        let contents = json!([{"role": "user", "parts": [{"text": script::prompt(request)}]}]);
        let mut configuration = json!({
            "responseMimeType": "application/json",
            "responseJsonSchema": script::schema(request.scene_count),
        });
        lay_over(PROVIDER, &mut configuration, &request.model, &RESERVED)?;
        let reply = self.generate(model, contents, configuration).await?;
        script::read(PROVIDER, &reply.text, request)
    }
}

#[async_trait]
impl Artist for Gemini {
    async fn draw(&self, request: &PictureRequest) -> Result<Picture, ProviderError> {
        let model = model(&request.model, IMAGE_MODEL)?;
        let contents = picture::contents(request)?;
        let mut configuration = picture::configuration(model, request);
        lay_over(PROVIDER, &mut configuration, &request.model, &RESERVED)?;
        picture::read(self.generate(model, contents, configuration).await?)
    }
}

#[async_trait]
impl Narrator for Gemini {
    async fn narrate(&self, request: &NarrationRequest) -> Result<Vec<Speech>, ProviderError> {
        speech::check(request)?;
        let model = model(&request.model, SPEECH_MODEL)?;
        let contents = speech::contents(model, request);
        let mut configuration = speech::configuration(&request.voice);
        lay_over(PROVIDER, &mut configuration, &request.model, &RESERVED)?;
        let reply = self.generate(model, contents, configuration).await?;
        Ok(vec![speech::read(&reply.data)?])
    }
}

#[async_trait]
impl Animator for Gemini {
    fn lengths(&self, model: &Model) -> Lengths {
        veo::lengths(model)
    }

    async fn submit(&self, request: &ClipRequest, _: &Ticket) -> Result<String, ProviderError> {
        let model = model(&request.model, VIDEO_MODEL)?;
        let call = Call::submit(format!("/models/{model}:predictLongRunning"), veo::body(request)?);
        let answer = self.http.call(call).await?;
        if answer.is_success() { veo::read_name(&answer.body) } else { Err(self.fault(&answer, true)) }
    }

    async fn poll(&self, id: &str) -> Result<ClipState, ProviderError> {
        if !veo::is_name(id) {
            return Err(unexpected("the id that was stored for the clip is no operation's name".to_owned()));
        }
        let call = Call::get(format!("/{id}")).within(POLL_TAKES, ANSWER_BYTES);
        let answer = self.http.call(call).await.map_err(ProviderError::into_transient)?;
        if !answer.is_success() {
            return Err(self.poll_fault(&answer));
        }
        let bytes = match veo::read(&answer.body)? {
            Operation::Running(percent) => return Ok(ClipState::Pending { percent }),
            Operation::Clip(bytes) if sniff(&bytes) == Some("video/mp4") => bytes,
            Operation::Clip(_) => return Err(unexpected("the clip that came is no MP4 file".to_owned())),
            Operation::At(url) => {
                let fetched = self.http.download(&url, true, CLIP_BYTES, &["video/mp4"]).await;
                fetched.map_err(ProviderError::into_transient)?.0
            }
        };
        Ok(ClipState::Done(Clip { bytes, cost_micros: None }))
    }
}

#[async_trait]
impl Health for Gemini {
    async fn check(&self) -> Result<String, ProviderError> {
        let answer = self.http.call(Call::get("/models?pageSize=1")).await?;
        if answer.is_success() { Ok("the key is good".to_owned()) } else { Err(self.fault(&answer, false)) }
    }
}

/// The model's name, or the usual one; it becomes part of a URL, so nothing but a name may pass.
fn model<'a>(model: &'a Model, usual: &'static str) -> Result<&'a str, ProviderError> {
    let name = model.name.trim();
    let name = name.strip_prefix("models/").unwrap_or(name);
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match name {
        "" => Ok(usual),
        name if is_name && !name.starts_with('.') => Ok(name),
        other => Err(ProviderError::Configuration {
            provider: PROVIDER,
            message: format!("{other:?} is no model's name; write one such as {usual}"),
        }),
    }
}

fn unexpected(message: String) -> ProviderError {
    ProviderError::Unexpected { provider: PROVIDER, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_models() {
        let named = |name: &str| Model { name: name.to_owned(), ..Model::default() };
        assert_eq!(model(&named(""), "usual").unwrap(), "usual");
        assert_eq!(model(&named("models/gemini-3.8-flash"), "usual").unwrap(), "gemini-3.8-flash");
        for odd in ["a/b", "../x", "x?key=y", "x:y", "x y", "é", "."] {
            assert!(matches!(model(&named(odd), "usual"), Err(ProviderError::Configuration { .. })), "{odd}");
        }
    }
}
