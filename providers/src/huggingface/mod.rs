//! Hugging Face: pictures and speech, by its own machines or by those of others under the same token.

mod fault;
mod picture;
mod route;
mod speech;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use self::route::{Route, Via};
use crate::capability::{Artist, Health, NarrationRequest, Narrator, Picture, PictureRequest, Speech};
use crate::connection::Connection;
use crate::error::ProviderError;
use crate::http::{Answer, Call, Http, taken};
use crate::image;
use crate::sold::Sold;
use crate::sound;

/// How this provider is called in messages.
const PROVIDER: &str = "Hugging Face";
/// Where work is asked for, and where accounts are.
const ROUTER: &str = "https://router.huggingface.co";
const HUB: &str = "https://huggingface.co";
/// The addresses that are the service's own.
pub(crate) const OWN: &[&str] = &[ROUTER, HUB];
/// The model that draws when none is named.
pub const IMAGE_MODEL: &str = "fal-ai/fal-ai/flux/schnell";
/// The model that speaks English when none is named.
pub const SPEECH_MODEL: &str = "fal-ai/fal-ai/kokoro/american-english";
/// How long an answer may take: models are slow on small machines.
const ANSWER_TAKES: Duration = crate::MAX_ANSWER;
/// Most bytes of a picture or of a film's narration, in base64 where it comes so.
const ANSWER_BYTES: usize = 128 * 1024 * 1024;

/// A Hugging Face account.
#[derive(Debug, Clone)]
pub struct HuggingFace {
    router: Http,
    hub: Http,
}

impl HuggingFace {
    /// The service with the key `apiKey` of the connection. An endpoint stands for both of the service's own.
    pub fn new(connection: &Connection) -> Result<Self, ProviderError> {
        let key = connection.secret(PROVIDER, "apiKey")?;
        let http = |own: &[&str]| Http::new(PROVIDER, connection, own)?.with_bearer(key);
        Ok(Self { router: http(OWN)?, hub: http(&[HUB, ROUTER])? })
    }

    /// The model for what is sold when none is named; for narration in the language with this BCP-47 tag.
    #[must_use]
    pub fn usual_model(sold: Sold, language: &str) -> Option<&'static str> {
        match sold {
            Sold::Image => Some(IMAGE_MODEL),
            Sold::NarrationSecond => speech::usual_model(language),
            Sold::Script | Sold::VideoSecond => None,
        }
    }

    /// Asks for work that is answered at once.
    async fn ask(&self, route: &Route, path: String, body: Value) -> Result<Answer, ProviderError> {
        let mut call = Call::submit(path, body).within(ANSWER_TAKES, ANSWER_BYTES);
        match route.via {
            Via::Replicate => call.headers.push(("prefer", "wait".to_owned())),
            Via::HfInference => {
                call.headers.push(("accept", "image/png, image/jpeg, audio/wav, */*;q=0.5".to_owned()));
            }
            Via::FalAi | Via::Nscale => {}
        }
        self.router.call(call).await
    }
}

#[async_trait]
impl Artist for HuggingFace {
    async fn draw(&self, request: &PictureRequest) -> Result<Picture, ProviderError> {
        let route = route::choose(&request.model, IMAGE_MODEL)?;
        let (path, body) = picture::body(&route, request)?;
        let answer = self.ask(&route, path, body).await?;
        let file = picture::read(route.via, &answer)?;
        let bytes = self.router.have(file, ANSWER_BYTES, &["image/png", "image/jpeg"]).await?;
        image::read(PROVIDER, bytes).map_err(taken)
    }
}

#[async_trait]
impl Narrator for HuggingFace {
    /// One request speaks all texts, so there is one [`Speech`] for all of them, without the words' times.
    async fn narrate(&self, request: &NarrationRequest) -> Result<Vec<Speech>, ProviderError> {
        let route = speech::choose(request)?;
        let (path, body) = speech::body(&route, request)?;
        let answer = self.ask(&route, path, body).await?;
        let file = speech::read(route.via, &answer)?;
        let bytes = self.router.have(file, ANSWER_BYTES, &sound::KINDS).await?;
        Ok(vec![sound::decode(PROVIDER, &answer.content_type(), &bytes)?])
    }
}

#[async_trait]
impl Health for HuggingFace {
    async fn check(&self) -> Result<String, ProviderError> {
        read_account(&self.hub.call(Call::get("/api/whoami-v2")).await?)
    }
}

/// Whose token it is.
fn read_account(answer: &Answer) -> Result<String, ProviderError> {
    if !answer.is_success() {
        return Err(fault::read(answer, false));
    }
    let value = answer.json(PROVIDER, false)?;
    match value["name"].as_str() {
        Some(name) => Ok(format!("the token is good; it belongs to {}", crate::http::shown(name))),
        None => Err(unexpected("asked whose token it is, it names nobody".to_owned())),
    }
}

fn unexpected(message: String) -> ProviderError {
    ProviderError::Unexpected { provider: PROVIDER, message }
}

fn configuration(message: String) -> ProviderError {
    ProviderError::Configuration { provider: PROVIDER, message }
}
