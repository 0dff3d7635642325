//! xAI (Grok Imagine): clips by a submission that is polled, pictures at once.

mod answer;
mod body;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::Instant;

use self::answer::Polled;
pub(crate) use self::body::resolution;
use crate::capability::{
    Animator, Artist, Clip, ClipRequest, ClipState, Health, Lengths, Model, Picture, PictureRequest, Ticket,
};
use crate::connection::Connection;
use crate::error::ProviderError;
use crate::http::{Call, Http, taken};
use crate::image;
use crate::request::segment;
use crate::sold::Sold;

/// How this provider is called in messages.
const PROVIDER: &str = "xAI";
/// Where the service is.
const BASE: &str = "https://api.x.ai/v1";
/// The addresses that are the service's own.
pub(crate) const OWN: &[&str] = &[BASE];
/// The model that animates when none is named.
pub const VIDEO_MODEL: &str = "grok-imagine-video";
/// The model that draws when none is named.
pub const IMAGE_MODEL: &str = "grok-imagine-image";
/// Lengths of clips that are sold, in seconds.
pub(crate) const SECONDS: (u32, u32) = (1, 15);
/// How long a submission may take: a picture is sent with it, or comes back.
const SUBMISSION_TAKES: Duration = crate::MAX_ACCEPTANCE;
/// How long a poll may take.
const POLL_TAKES: Duration = Duration::from_secs(30);
/// Refusals of a poll within this time were seen to pass.
const REFUSALS_PASS_WITHIN: Duration = Duration::from_secs(30);
/// Most bytes of a picture, in base64 where it comes so.
const PICTURE_BYTES: usize = 64 * 1024 * 1024;
/// Most bytes of a clip.
const CLIP_BYTES: usize = 256 * 1024 * 1024;

/// An xAI account.
#[derive(Debug, Clone)]
pub struct Xai {
    http: Http,
    /// When each clip was first polled here.
    polled: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl Xai {
    /// The service with the key `apiKey` of the connection.
    pub fn new(connection: &Connection) -> Result<Self, ProviderError> {
        let key = connection.secret(PROVIDER, "apiKey")?;
        let http = Http::new(PROVIDER, connection, OWN)?.with_bearer(key)?;
        Ok(Self { http, polled: Arc::default() })
    }

    /// The model for what is sold when none is named.
    #[must_use]
    pub fn usual_model(sold: Sold) -> Option<&'static str> {
        match sold {
            Sold::VideoSecond => Some(VIDEO_MODEL),
            Sold::Image => Some(IMAGE_MODEL),
            Sold::Script | Sold::NarrationSecond => None,
        }
    }

    /// Whether the clip has been polled for so short a time that a refusal may pass.
    fn is_young(&self, id: &str) -> bool {
        let mut polled = self.polled.lock();
        polled.entry(id.to_owned()).or_insert_with(Instant::now).elapsed() < REFUSALS_PASS_WITHIN
    }
}

#[async_trait]
impl Animator for Xai {
    fn lengths(&self, _: &Model) -> Lengths {
        Lengths::Range(SECONDS.0, SECONDS.1)
    }

    async fn submit(&self, request: &ClipRequest, _: &Ticket) -> Result<String, ProviderError> {
        let body = body::of_clip(request)?;
        let call = Call::submit("/videos/generations", body);
        let most_bytes = call.most_bytes;
        answer::read_submission(&self.http.call(call.within(SUBMISSION_TAKES, most_bytes)).await?)
    }

    async fn poll(&self, id: &str) -> Result<ClipState, ProviderError> {
        let Some(segment) = segment(id) else {
            return Err(unexpected("the id that was stored for the clip is none".to_owned()));
        };
        let is_young = self.is_young(id);
        let call = Call::get(format!("/videos/{segment}"));
        let most_bytes = call.most_bytes;
        let answer = self
            .http
            .call(call.within(POLL_TAKES, most_bytes))
            .await
            .map_err(ProviderError::into_transient)?;
        let done = match answer::read_poll(&answer, is_young)? {
            Polled::Pending { percent } => return Ok(ClipState::Pending { percent }),
            Polled::Done(done) => done,
        };
        let kinds = ["video/mp4"];
        let (bytes, _) = self
            .http
            .download(&done.url, false, CLIP_BYTES, &kinds)
            .await
            .map_err(ProviderError::into_transient)?;
        self.polled.lock().remove(id);
        Ok(ClipState::Done(Clip { bytes, cost_micros: done.cost_micros }))
    }
}

#[async_trait]
impl Artist for Xai {
    async fn draw(&self, request: &PictureRequest) -> Result<Picture, ProviderError> {
        let (path, body) = body::of_picture(request)?;
        let call = Call::submit(path, body).within(SUBMISSION_TAKES, PICTURE_BYTES);
        let (file, cost_micros) = answer::read_picture(&self.http.call(call).await?)?;
        let bytes = self.http.have(file, PICTURE_BYTES, &["image/png", "image/jpeg"]).await?;
        let picture = image::read(PROVIDER, bytes).map_err(taken)?;
        Ok(Picture { cost_micros, ..picture })
    }
}

#[async_trait]
impl Health for Xai {
    async fn check(&self) -> Result<String, ProviderError> {
        answer::read_models(&self.http.call(Call::get("/models")).await?)
    }
}

fn unexpected(message: String) -> ProviderError {
    ProviderError::Unexpected { provider: PROVIDER, message }
}

fn configuration(message: String) -> ProviderError {
    ProviderError::Configuration { provider: PROVIDER, message }
}
