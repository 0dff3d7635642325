//! Servers that speak OpenAI's protocol and that people run or rent themselves (Ollama, vLLM, LocalAI, llama.cpp,
//! OpenRouter, LiteLLM, Kokoro-FastAPI, OpenAI): scripts, pictures and speech. What they have in common is less than
//! the protocol: nothing is sent that only some of them know unless the account's user says so, and no model's name is
//! known here.

mod captioned;
mod fault;
mod models;
mod picture;
mod speech;
#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use self::text::Form;
use crate::capability::{
    Artist, Health, Model, NarrationRequest, Narrator, Picture, PictureRequest, Script, ScriptRequest,
    ScriptWriter, Speech,
};
use crate::connection::Connection;
use crate::error::ProviderError;
use crate::http::{Answer, Call, Http, taken};
use crate::request::lay_over;
use crate::{image, script, sound};

/// How this provider is called in messages.
const PROVIDER: &str = "The OpenAI-compatible server";
/// How long an answer may take: a model that is not in memory yet is loaded first, which takes minutes.
const ANSWER_TAKES: Duration = crate::MAX_ANSWER;
/// Most bytes of a picture or of a film's narration, in base64 where it comes so.
const ANSWER_BYTES: usize = 128 * 1024 * 1024;

/// An account with such a server.
#[derive(Debug, Clone)]
pub struct OpenAiCompatible {
    http: Http,
}

impl OpenAiCompatible {
    /// The server at the connection's endpoint, with the key `apiKey` unless it needs none.
    pub fn new(connection: &Connection) -> Result<Self, ProviderError> {
        Ok(Self { http: Http::of_host(PROVIDER, connection)? })
    }

    /// Submits the request, once.
    async fn ask(&self, path: &str, body: Value) -> Result<Answer, ProviderError> {
        self.http.call(Call::submit(path, body).within(ANSWER_TAKES, ANSWER_BYTES)).await
    }

    /// What an answer means that is no success. Where the model may be unknown, the server is asked which it has.
    async fn fault(&self, answer: &Answer, model: &str) -> ProviderError {
        let error = fault::read(answer);
        if matches!(error, ProviderError::Configuration { .. }) && fault::may_miss_the_model(answer) {
            return models::explained(error, model, self.models().await.as_deref());
        }
        error
    }

    /// The model's name, which only the account's user knows.
    async fn named(&self, model: &Model) -> Result<String, ProviderError> {
        match model.name.trim() {
            "" => Err(models::unnamed(self.models().await.as_deref())),
            name => Ok(name.to_owned()),
        }
    }

    /// What the server offers; nothing where it does not say.
    async fn models(&self) -> Option<Vec<String>> {
        models::read(&self.http.call(Call::get("/models")).await.ok()?)
    }
}

#[async_trait]
impl ScriptWriter for OpenAiCompatible {
    /// Asks for JSON of a schema. A server that refuses that, which costs nothing, is asked for any JSON, and one that
    /// refuses that too by the words alone.
    async fn write(&self, request: &ScriptRequest) -> Result<Script, ProviderError> {
        let model = self.named(&request.model).await?;
        let mut form = Form::first(&request.model);
        loop {
            let mut body = text::body(&model, request, form);
            lay_over(PROVIDER, &mut body, &request.model, &text::RESERVED)?;
            let answer = self.ask("/chat/completions", body).await?;
            if answer.is_success() {
                return script::read(PROVIDER, &text::read(&answer)?, request);
            }
            match form.next() {
                Some(next) if fault::is_about_the_form(&answer) => form = next,
                _ => return Err(self.fault(&answer, &model).await),
            }
        }
    }
}

#[async_trait]
impl Artist for OpenAiCompatible {
    async fn draw(&self, request: &PictureRequest) -> Result<Picture, ProviderError> {
        let model = self.named(&request.model).await?;
        let body = picture::body(&model, request)?;
        let answer = self.ask("/images/generations", body).await?;
        if !answer.is_success() {
            return Err(self.fault(&answer, &model).await);
        }
        let file = picture::read(&answer, |link| self.http.own_file(link))?;
        let bytes = self.http.have(file, ANSWER_BYTES, &["image/png", "image/jpeg"]).await?;
        image::read(PROVIDER, bytes).map_err(taken)
    }
}

#[async_trait]
impl Narrator for OpenAiCompatible {
    /// One request speaks all texts, so there is one [`Speech`] for all of them: with the words' times from a server that
    /// reports them (Kokoro-FastAPI).
    async fn narrate(&self, request: &NarrationRequest) -> Result<Vec<Speech>, ProviderError> {
        let model = self.named(&request.model).await?;
        let body = speech::body(&model, request)?;
        if let Some(url) = self.captioned().await {
            let answer = self.ask(&url, captioned::body(&body)).await?;
            if answer.is_success() {
                return Ok(vec![captioned::read(&answer, &request.texts)?]);
            }
            if !captioned::is_missing(&answer) {
                return Err(self.fault(&answer, &model).await);
            }
        }
        let answer = self.ask("/audio/speech", body).await?;
        if !answer.is_success() {
            return Err(self.fault(&answer, &model).await);
        }
        speech::check(&answer)?;
        Ok(vec![sound::decode(PROVIDER, &answer.content_type(), &answer.body)?])
    }
}

impl OpenAiCompatible {
    /// Where the server speaks and reports the words' times, if it does. It is asked by a request that makes nothing.
    async fn captioned(&self) -> Option<String> {
        let url = captioned::url(self.http.base())?;
        let answer = self.http.call(Call::get(url.as_str())).await.ok()?;
        captioned::is_there(&answer).then_some(url)
    }
}

#[async_trait]
impl Health for OpenAiCompatible {
    async fn check(&self) -> Result<String, ProviderError> {
        models::health(&self.http.call(Call::get("/models")).await?)
    }
}

/// The texts as one, with a pause between them.
fn joined(texts: &[String]) -> Value {
    json!(texts.iter().map(|text| text.trim()).collect::<Vec<_>>().join("\n\n"))
}

fn unexpected(message: String) -> ProviderError {
    ProviderError::Unexpected { provider: PROVIDER, message }
}

fn configuration(message: String) -> ProviderError {
    ProviderError::Configuration { provider: PROVIDER, message }
}
