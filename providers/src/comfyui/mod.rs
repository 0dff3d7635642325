//! `ComfyUI`: pictures and clips by workflows that people have made in it. It queues what it is asked for under an id of
//! ours, so that an answer that was lost is looked up; it forgets its queue when it is restarted.

mod fault;
mod job;
#[cfg(test)]
mod tests;
mod upload;
mod workflow;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use self::job::{Found, Place};
use self::workflow::{Input, Workflows};
use crate::capability::{
    Animator, Clip, ClipRequest, ClipState, Drawn, Health, Illustrator, Lengths, Model, Picture,
    PictureRequest, Ticket,
};
use crate::connection::Connection;
use crate::error::ProviderError;
use crate::http::{Answer, Body, Call, Http};
use crate::image;
use crate::request::{picture_prompt, refuse_references, segment};

/// How this provider is called in messages.
const PROVIDER: &str = "ComfyUI";
/// How it learns who has asked.
const CLIENT: &str = "videofactory";
/// How long a submission may take: nothing is made meanwhile.
const SUBMISSION_TAKES: Duration = Duration::from_mins(1);
/// How long a look may take.
const LOOK_TAKES: Duration = Duration::from_secs(30);
/// Most bytes of a look at the queue, which holds all that waits with its workflow.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Most bytes of a picture or clip.
const FILE_BYTES: usize = 256 * 1024 * 1024;

/// A `ComfyUI` and the workflows that it is asked for.
#[derive(Debug, Clone)]
pub struct ComfyUi {
    http: Http,
    workflows: Workflows,
}

impl ComfyUi {
    /// The server at the connection's endpoint, with the key `apiKey` if there is one, and the connection's workflows.
    pub fn new(connection: &Connection) -> Result<Self, ProviderError> {
        let http = Http::of_host(PROVIDER, connection)?;
        Ok(Self { http, workflows: Workflows::new(&connection.workflows) })
    }

    /// Queues a workflow with these inputs under the id that the ticket stands for; the id by which it is known. A
    /// picture is uploaded first, under a name made of its bytes.
    async fn queue(
        &self,
        model: &Model,
        mut input: Input,
        picture: Option<&Picture>,
        ticket: &Ticket,
    ) -> Result<String, ProviderError> {
        let workflow = self.workflows.named(&model.name)?;
        if let Some(picture) = picture {
            let answer = self.http.call(upload::call(picture)).await?;
            input.image = Some(upload::read(&answer)?);
        }
        let prompt = workflow.filled(&input, model)?;
        let id = ticket.uuid();
        let body = json!({"prompt": prompt, "client_id": CLIENT, "prompt_id": id});
        let call = Call::submit("/prompt", body);
        let most_bytes = call.most_bytes;
        let answer = self.http.call(call.within(SUBMISSION_TAKES, most_bytes)).await?;
        job::submitted(&answer, &id)
    }

    /// What was made under this id, and is of one of these kinds; nothing while it waits or is being made.
    async fn look(&self, id: &str, kinds: &[&str]) -> Result<Option<Vec<u8>>, ProviderError> {
        let Some(segment) = segment(id) else {
            return Err(unexpected("the id that was stored for the request is none".to_owned()));
        };
        // In this order: what is taken out of the queue in between is in the history then.
        let is_queued = match job::of_jobs(&self.get(format!("/api/jobs/{segment}")).await?)? {
            Place::Queued => true,
            Place::Elsewhere => false,
            Place::NotSupported => job::is_in_queue(&self.get("/queue".to_owned()).await?, id)?,
        };
        if is_queued {
            return Ok(None);
        }
        match job::of_history(&self.get(format!("/history/{segment}")).await?, id, kinds)? {
            Found::Nothing => Err(ProviderError::NotFound {
                provider: PROVIDER,
                message: "the request is neither in its queue nor in its history; it may have been restarted"
                    .to_owned(),
            }),
            Found::File(file) => {
                let (bytes, _) = self
                    .http
                    .download(&file, true, FILE_BYTES, kinds)
                    .await
                    .map_err(ProviderError::into_transient)?;
                Ok(Some(bytes))
            }
        }
    }

    /// Cancels a request that waits; one that is being made, only where a call can name which one is meant. An
    /// interruption interrupts whatever is being made, for whomever, on servers that do not read the id in it: those do
    /// not answer for a request by its id either.
    async fn cancel_request(&self, id: &str) -> Result<bool, ProviderError> {
        let Some(segment) = segment(id) else { return Ok(false) };
        self.post("/queue", json!({"delete": [id]})).await?;
        let is_queued = match job::of_jobs(&self.get(format!("/api/jobs/{segment}")).await?)? {
            Place::Queued => {
                self.post("/interrupt", json!({"prompt_id": id})).await?;
                // What was made meanwhile is in the history.
                false
            }
            Place::Elsewhere => false,
            Place::NotSupported => job::is_in_queue(&self.get("/queue".to_owned()).await?, id)?,
        };
        // What has a history was made, or has failed: that is for whoever looks after it to say.
        Ok(!is_queued && !job::is_in_history(&self.get(format!("/history/{segment}")).await?, id)?)
    }

    /// Asks for something that costs nothing.
    async fn post(&self, path: &str, body: Value) -> Result<(), ProviderError> {
        let call = Call::post(path, Body::Json(body)).within(LOOK_TAKES, QUEUE_BYTES);
        let answer = self.http.call(call).await.map_err(ProviderError::into_transient)?;
        if answer.is_success() { Ok(()) } else { Err(fault::read(&answer, false).into_transient()) }
    }

    async fn get(&self, path: String) -> Result<Answer, ProviderError> {
        self.http
            .call(Call::get(path).within(LOOK_TAKES, QUEUE_BYTES))
            .await
            .map_err(ProviderError::into_transient)
    }
}

#[async_trait]
impl Illustrator for ComfyUi {
    fn id_of(&self, ticket: &Ticket) -> Option<String> {
        Some(ticket.uuid())
    }

    async fn submit(&self, request: &PictureRequest, ticket: &Ticket) -> Result<Drawn, ProviderError> {
        let workflow = self.workflows.named(&request.model.name)?;
        let pictures: Vec<&Picture> =
            request.characters.iter().flat_map(|character| &character.references).collect();
        let picture = match pictures.as_slice() {
            [] => None,
            [picture] if workflow.takes_picture() => Some(*picture),
            _ if !workflow.takes_picture() => {
                refuse_references(PROVIDER, &request.model.name, &request.characters)?;
                None
            }
            more => {
                return Err(configuration(format!(
                    "the workflow takes one picture, but the scene's characters have {}; keep one",
                    more.len()
                )));
            }
        };
        let (width, height) = image::drawn_size(request.width, request.height);
        let input = Input {
            prompt: picture_prompt(request),
            seed: request.seed,
            size: Some((width, height)),
            ..Input::default()
        };
        self.queue(&request.model, input, picture, ticket).await.map(Drawn::Queued)
    }

    async fn poll(&self, id: &str) -> Result<Option<Picture>, ProviderError> {
        match self.look(id, &["image/png", "image/jpeg"]).await? {
            None => Ok(None),
            Some(bytes) => image::read(PROVIDER, bytes).map(Some),
        }
    }

    async fn cancel(&self, id: &str) -> Result<bool, ProviderError> {
        self.cancel_request(id).await
    }
}

#[async_trait]
impl Animator for ComfyUi {
    /// What the workflow's model can do, its bindings say.
    fn lengths(&self, model: &Model) -> Lengths {
        let longest =
            self.workflows.named(&model.name).map_or(workflow::MAX_SECONDS, |found| found.longest());
        Lengths::Range(1, longest)
    }

    fn id_of(&self, ticket: &Ticket) -> Option<String> {
        Some(ticket.uuid())
    }

    async fn submit(&self, request: &ClipRequest, ticket: &Ticket) -> Result<String, ProviderError> {
        let workflow = self.workflows.named(&request.model.name)?;
        let input = Input {
            prompt: request.prompt.trim().to_owned(),
            seed: ticket.seed(),
            size: Some(workflow.clip_size(request.width, request.height)),
            seconds: Some(request.seconds),
            ..Input::default()
        };
        let picture = workflow.takes_picture().then_some(&request.picture);
        self.queue(&request.model, input, picture, ticket).await
    }

    async fn poll(&self, id: &str) -> Result<ClipState, ProviderError> {
        Ok(match self.look(id, &["video/mp4"]).await? {
            None => ClipState::Pending { percent: None },
            Some(bytes) => ClipState::Done(Clip { bytes, cost_micros: None }),
        })
    }

    async fn cancel(&self, id: &str) -> Result<bool, ProviderError> {
        self.cancel_request(id).await
    }
}

#[async_trait]
impl Health for ComfyUi {
    async fn check(&self) -> Result<String, ProviderError> {
        let answer = self.http.call(Call::get("/system_stats")).await?;
        if !answer.is_success() {
            return Err(fault::read(&answer, false));
        }
        let value: Value = answer.json(PROVIDER, false)?;
        if value["system"].is_object() {
            return Ok("it answers".to_owned());
        }
        Err(configuration(
            "what answers at the endpoint is no ComfyUI; correct the account's endpoint".to_owned(),
        ))
    }
}

fn unexpected(message: String) -> ProviderError {
    ProviderError::Unexpected { provider: PROVIDER, message }
}

fn configuration(message: String) -> ProviderError {
    ProviderError::Configuration { provider: PROVIDER, message }
}
