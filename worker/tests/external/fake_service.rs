//! A fake service with every capability, which records what it was asked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use videofactory_crds::provideraccount::Provider;
use videofactory_embedded::Embedded;
use videofactory_providers::{
    Animator, Artist, Clip, ClipRequest, ClipState, Connection, Drawn, Illustrator, Lengths, Model,
    NarrationRequest, Narrator, Picture, PictureRequest, ProviderError, Script, ScriptRequest, ScriptWriter,
    Speech, Ticket,
};
use videofactory_worker::provider_factory::{ClientResult, ProviderFactory};
use videofactory_worker::publishing::{Announcer, VideoSite};

/// Clones are the same service.
#[derive(Clone, Default)]
pub struct FakeService(Arc<Mutex<Recorded>>);

#[derive(Default)]
pub struct Recorded {
    pub scripts: Vec<ScriptRequest>,
    /// What the next scripts are, in order; then they are as long as they are to be.
    pub written: VecDeque<Result<Script, ProviderError>>,
    pub pictures: Vec<PictureRequest>,
    pub narrations: Vec<NarrationRequest>,
    pub clips: Vec<ClipRequest>,
    pub polls: BTreeMap<String, u32>,
    /// Whether pictures are made in a queue, as clips are.
    pub queues: bool,
    /// Whether what is in a queue is taken back.
    pub cancels: bool,
    /// The ids of what was taken back.
    pub cancelled: Vec<String>,
    /// Prompts with this word are refused.
    pub refuses: String,
    /// Errors of the next pictures, as they are asked for.
    pub errors: Vec<ProviderError>,
    /// The secrets that came with connections.
    pub secrets: BTreeSet<String>,
}

impl FakeService {
    pub fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap()
    }

    fn enter(&self, connection: &Connection) -> Arc<Self> {
        self.recorded().secrets.extend(connection.secrets.values().map(|secret| secret.reveal().to_owned()));
        Arc::new(self.clone())
    }

    /// Whether this look at what is in a queue finds it made: not the first one.
    fn is_made(&self, id: &str) -> bool {
        let mut recorded = self.recorded();
        let polls = recorded.polls.entry(id.to_owned()).or_default();
        *polls += 1;
        *polls >= 2
    }

    /// Whether it is taken back.
    fn take_back(&self, id: &str) -> bool {
        let mut recorded = self.recorded();
        if recorded.cancels {
            recorded.cancelled.push(id.to_owned());
        }
        recorded.cancels
    }
}

impl ProviderFactory for FakeService {
    fn script_writer(&self, _: Provider, connection: Connection) -> ClientResult<dyn ScriptWriter> {
        Ok(Some(self.enter(&connection)))
    }

    fn artist(&self, _: Provider, connection: Connection) -> ClientResult<dyn Illustrator> {
        let service = self.enter(&connection);
        let queues = service.recorded().queues;
        let artist: Arc<dyn Illustrator> = if queues { Arc::new(Queue(service)) } else { service };
        Ok(Some(artist))
    }

    fn narrator(&self, _: Provider, connection: Connection) -> ClientResult<dyn Narrator> {
        Ok(Some(self.enter(&connection)))
    }

    fn animator(&self, _: Provider, connection: Connection) -> ClientResult<dyn Animator> {
        Ok(Some(self.enter(&connection)))
    }

    fn video_site(&self, _: Provider, _: Connection) -> ClientResult<dyn VideoSite> {
        Ok(None)
    }

    fn announcer(&self, _: Provider, _: Connection) -> ClientResult<dyn Announcer> {
        Ok(None)
    }
}

fn refused() -> ProviderError {
    ProviderError::Refused { provider: "Acme", why: "the guidelines forbid it".to_owned() }
}

#[async_trait]
impl ScriptWriter for FakeService {
    async fn write(&self, request: &ScriptRequest) -> Result<Script, ProviderError> {
        let written = {
            let mut recorded = self.recorded();
            recorded.scripts.push(request.clone());
            recorded.written.pop_front()
        };
        match written {
            Some(written) => written,
            None => Embedded.write(request).await,
        }
    }
}

#[async_trait]
impl Artist for FakeService {
    async fn draw(&self, request: &PictureRequest) -> Result<Picture, ProviderError> {
        {
            let mut recorded = self.recorded();
            if let Some(error) = recorded.errors.pop() {
                return Err(error);
            }
            recorded.pictures.push(request.clone());
            if !recorded.refuses.is_empty() && request.prompt.contains(&recorded.refuses) {
                return Err(refused());
            }
        }
        Ok(picture())
    }
}

fn picture() -> Picture {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[7; 4]).unwrap();
    let media_type = "image/png".to_owned();
    Picture { bytes, media_type, width: 2, height: 2, cost_micros: Some(2_000) }
}

/// The service where it makes pictures in a queue.
struct Queue(Arc<FakeService>);

#[async_trait]
impl Illustrator for Queue {
    fn id_of(&self, _: &Ticket) -> Option<String> {
        None
    }

    async fn submit(&self, request: &PictureRequest, _: &Ticket) -> Result<Drawn, ProviderError> {
        let mut recorded = self.0.recorded();
        recorded.pictures.push(request.clone());
        Ok(Drawn::Queued(format!("picture-{}", recorded.pictures.len())))
    }

    async fn poll(&self, id: &str) -> Result<Option<Picture>, ProviderError> {
        Ok(self.0.is_made(id).then(picture))
    }

    async fn cancel(&self, id: &str) -> Result<bool, ProviderError> {
        Ok(self.0.take_back(id))
    }
}

#[async_trait]
impl Narrator for FakeService {
    /// As the real ones do: one sound for all texts, and no word times.
    async fn narrate(&self, request: &NarrationRequest) -> Result<Vec<Speech>, ProviderError> {
        self.recorded().narrations.push(request.clone());
        let speeches =
            Embedded.narrate(&NarrationRequest { voice: String::new(), ..request.clone() }).await?;
        let mut whole = Speech { samples: Vec::new(), words: Vec::new(), ..speeches[0].clone() };
        for speech in speeches {
            whole.samples.extend(speech.samples);
            whole.samples.extend(std::iter::repeat_n(0, whole.sample_rate as usize));
        }
        Ok(vec![whole])
    }
}

#[async_trait]
impl Animator for FakeService {
    fn lengths(&self, _: &Model) -> Lengths {
        Lengths::Only(&[4, 6, 8])
    }

    async fn submit(&self, request: &ClipRequest, _: &Ticket) -> Result<String, ProviderError> {
        let mut recorded = self.recorded();
        if !recorded.refuses.is_empty() && request.prompt.contains(&recorded.refuses) {
            return Err(refused());
        }
        recorded.clips.push(request.clone());
        Ok(format!("clip-{}", recorded.clips.len()))
    }

    async fn poll(&self, id: &str) -> Result<ClipState, ProviderError> {
        if !self.is_made(id) {
            return Ok(ClipState::Pending { percent: Some(40) });
        }
        let bytes = format!("the clip {id}").into_bytes();
        Ok(ClipState::Done(Clip { bytes, cost_micros: Some(280_000) }))
    }

    async fn cancel(&self, id: &str) -> Result<bool, ProviderError> {
        Ok(self.take_back(id))
    }
}
