//! Real clients against services that keep a ledger of their own: what proxies answer in a service's place, and what
//! comes of results that cannot be had.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use videofactory_crds::StepName;
use videofactory_crds::units::Money;
use videofactory_net::{AllowedHosts, Network};
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::{Allowance, Spent};
use videofactory_providers::{
    Animator, Artist, Clip, ClipRequest, ClipState, ComfyUi, Connection, Drawn, HuggingFace, Illustrator,
    Model, Picture, PictureRequest, ProviderError, Secret, Ticket, Xai,
};
use videofactory_tests::fakes::{Effect, Fakes, FakesOptions, Fault, Operation, Service, Settings, Shape};
use videofactory_worker::outcome::StepError;
use videofactory_worker::paid::{
    Account, Answer, Clock, PaidRequest, SessionConfig, SubmissionSession, UsageRecorder, Why, WriteOnceStore,
};
use videofactory_worker::progress::Progress;
use videofactory_worker::traces::Traces;

use super::harness::{CrashPoint, Harness, digests, keys};
use super::service::Kind;

const KEY: &str = "xai-0123456789abcdef";

/// A clip that is asked of the service over the wire.
struct Film {
    xai: Xai,
    store: Arc<dyn WriteOnceStore>,
    digest: Digest,
}

impl PaidRequest for Film {
    type Artifact = Clip;
    type Prepared = ClipRequest;

    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn price(&self) -> Money {
        "0.35".parse().unwrap()
    }

    fn cost(&self, clip: &Clip) -> Money {
        clip.cost_micros.map_or_else(|| self.price(), Money::from_micros)
    }

    async fn is_there(&self) -> Result<bool, StepError> {
        Ok(self.store.get(&artifact(&self.digest)).await?.is_some())
    }

    async fn prepare(&self) -> Result<ClipRequest, StepError> {
        let bytes = vec![1, 2, 3];
        let picture =
            Picture { bytes, media_type: "image/png".to_owned(), width: 1, height: 1, cost_micros: None };
        Ok(ClipRequest {
            model: Model::default(),
            prompt: "a fox".to_owned(),
            picture,
            seconds: 5,
            width: 720,
            height: 1280,
        })
    }

    async fn submit(&self, request: &ClipRequest, ticket: &Ticket) -> Result<Answer<Clip>, ProviderError> {
        Animator::submit(&self.xai, request, ticket).await.map(Answer::Accepted)
    }

    async fn poll(&self, id: &str) -> Result<Option<Clip>, ProviderError> {
        Ok(match Animator::poll(&self.xai, id).await? {
            ClipState::Pending { .. } => None,
            ClipState::Done(clip) => Some(clip),
        })
    }

    async fn store(&self, clip: &Clip) -> Result<(), StepError> {
        self.store.put_once(&artifact(&self.digest), clip.bytes.clone()).await?;
        Ok(())
    }
}

/// A picture that is queued under an id of ours.
struct Queued {
    comfy: ComfyUi,
    store: Arc<dyn WriteOnceStore>,
    digest: Digest,
}

impl PaidRequest for Queued {
    type Artifact = Picture;
    type Prepared = PictureRequest;

    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn price(&self) -> Money {
        Money::ZERO
    }

    fn cost(&self, _: &Picture) -> Money {
        Money::ZERO
    }

    async fn is_there(&self) -> Result<bool, StepError> {
        Ok(self.store.get(&artifact(&self.digest)).await?.is_some())
    }

    async fn prepare(&self) -> Result<PictureRequest, StepError> {
        Ok(PictureRequest {
            model: Model::default(),
            prompt: "a fox".to_owned(),
            style: String::new(),
            width: 720,
            height: 1280,
            seed: 7,
            characters: Vec::new(),
        })
    }

    fn id_of(&self, ticket: &Ticket) -> Option<String> {
        Illustrator::id_of(&self.comfy, ticket)
    }

    async fn submit(
        &self,
        request: &PictureRequest,
        ticket: &Ticket,
    ) -> Result<Answer<Picture>, ProviderError> {
        Ok(match Illustrator::submit(&self.comfy, request, ticket).await? {
            Drawn::Picture(picture) => Answer::Delivered(picture),
            Drawn::Queued(id) => Answer::Accepted(id),
        })
    }

    async fn poll(&self, id: &str) -> Result<Option<Picture>, ProviderError> {
        Illustrator::poll(&self.comfy, id).await
    }

    async fn store(&self, picture: &Picture) -> Result<(), StepError> {
        self.store.put_once(&artifact(&self.digest), picture.bytes.clone()).await?;
        Ok(())
    }
}

/// A picture, whose bytes are fetched from where the answer says.
struct Drawing {
    service: HuggingFace,
    store: Arc<dyn WriteOnceStore>,
    digest: Digest,
}

impl PaidRequest for Drawing {
    type Artifact = Picture;
    type Prepared = PictureRequest;

    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn price(&self) -> Money {
        "0.02".parse().unwrap()
    }

    fn cost(&self, picture: &Picture) -> Money {
        picture.cost_micros.map_or_else(|| self.price(), Money::from_micros)
    }

    async fn is_there(&self) -> Result<bool, StepError> {
        Ok(self.store.get(&artifact(&self.digest)).await?.is_some())
    }

    async fn prepare(&self) -> Result<PictureRequest, StepError> {
        Ok(PictureRequest {
            model: Model::default(),
            prompt: "a fox".to_owned(),
            style: String::new(),
            width: 720,
            height: 1280,
            seed: 7,
            characters: Vec::new(),
        })
    }

    async fn submit(&self, request: &PictureRequest, _: &Ticket) -> Result<Answer<Picture>, ProviderError> {
        self.service.draw(request).await.map(Answer::Delivered)
    }

    async fn poll(&self, id: &str) -> Result<Option<Picture>, ProviderError> {
        panic!("a picture has no id, and {id} was asked for")
    }

    async fn store(&self, picture: &Picture) -> Result<(), StepError> {
        self.store.put_once(&artifact(&self.digest), picture.bytes.clone()).await?;
        Ok(())
    }
}

fn artifact(digest: &Digest) -> String {
    format!("goods/{digest}")
}

/// A service, and a bucket in memory.
struct Site {
    fakes: Fakes,
    harness: Harness,
    attempt: i32,
    /// What all attempts have reported of their spending.
    reported: u32,
}

impl Site {
    async fn start() -> Self {
        let fakes = Fakes::start(FakesOptions::default()).await.unwrap();
        let at_once = Settings { generation_milliseconds: Some(0), processing_milliseconds: Some(0) };
        fakes.admin().set(KEY, at_once).await.unwrap();
        Self { fakes, harness: Harness::new(Kind::Later), attempt: 0, reported: 0 }
    }

    async fn accepted(&self) -> u32 {
        let ledger = self.fakes.admin().ledger(KEY).await.unwrap();
        u32::try_from(ledger.submissions.len()).unwrap()
    }

    /// The next attempt at a clip, with these faults.
    async fn attempt(&mut self, faults: &[Fault]) -> Result<(), StepError> {
        self.attempt_at(faults, Service::Xai, |connection, store, digest| {
            let xai = Xai::new(connection).unwrap();
            Film { xai, store, digest }
        })
        .await
    }

    async fn attempt_at<R: PaidRequest>(
        &mut self,
        faults: &[Fault],
        service: Service,
        make: impl FnOnce(&Connection, Arc<dyn WriteOnceStore>, Digest) -> R,
    ) -> Result<(), StepError> {
        self.attempt += 1;
        self.fakes.admin().set_faults(KEY, faults).await.unwrap();
        let connection = Connection {
            endpoint: self.fakes.base_url(service),
            secrets: [("apiKey".to_owned(), Secret::from(KEY))].into(),
            allowed_hosts: AllowedHosts::parse("127.0.0.1"),
            network: Network::default().with_loopback(true),
            ..Connection::default()
        };
        let (usage, storage) = (UsageRecorder::default(), self.harness.store(&CrashPoint::none()));
        let config = SessionConfig {
            store: storage.clone(),
            keys: keys(),
            step: StepName::AnimateScenes,
            attempt: self.attempt,
            pod: format!("pod-{}", self.attempt),
            allowed_submissions: BTreeMap::default(),
            again_before: None,
            survey: false,
            accounts_for: None,
            usage: usage.clone(),
            traces: Traces::default(),
            clock: Clock::default(),
            stop: CancellationToken::default(),
        };
        let session = Arc::new(SubmissionSession::open(config).await?);
        let allowance = Allowance { submissions: 10, ..Allowance::default() };
        let account = Account::new(session, "grok", &allowance, Progress::default());
        let digest = digests(1)[0].clone();
        account.expect([digest.clone()]).await?;
        let ended = account.submit(&make(&connection, storage, digest)).await;
        let spent: Vec<Spent> = usage.spent(Clock::default().now());
        self.reported += spent.iter().map(|spent| spent.submissions).sum::<u32>();
        ended
    }
}

#[tokio::test]
async fn a_proxys_503_after_acceptance_is_counted_and_asked_about_after_two() {
    let mut site = Site::start().await;
    let page = |code| Fault::always(Effect::HtmlAfter { code }).on(Operation::Video);
    for (code, accepted) in [(503, 1), (429, 2)] {
        let ended = site.attempt(&[page(code)]).await.unwrap_err();
        let StepError::AskProvider(ProviderError::OutcomeUnknown { message, .. }) = &ended else {
            panic!("{ended}")
        };
        assert!(message.contains("1.1 proxy.example"), "{message}");
        assert_eq!((site.reported, site.accepted().await), (accepted, accepted), "the ledgers differ");
    }
    let asks = site.attempt(&[]).await.unwrap_err();
    let StepError::AskPerson(question) = &asks else { panic!("{asks}") };
    assert!(matches!(&question.why, Why::FailedSubmissions(found) if found.unknown == 2), "{question}");
    assert_eq!((site.reported, site.accepted().await), (2, 2), "a third was submitted without asking");
}

#[tokio::test]
async fn what_the_service_says_itself_was_not_taken_is_not_counted() {
    let mut site = Site::start().await;
    let refusals = [
        Effect::Status { code: 503 },
        Effect::RateLimited { shape: Shape::Plain, seconds: 60 },
        Effect::CreditsUsedUp,
        Effect::WrongKey,
        Effect::Reset,
    ];
    for (effect, reported) in refusals.into_iter().zip([0, 0, 0, 0, 1]) {
        let name = format!("{effect:?}");
        site.attempt(&[Fault::always(effect).on(Operation::Video)]).await.unwrap_err();
        // A connection that is reset leaves it open: too much is reported, never too little.
        assert_eq!((site.reported, site.accepted().await), (reported, 0), "{name}");
    }
    site.attempt(&[]).await.unwrap();
    assert_eq!((site.reported, site.accepted().await), (2, 1));
}

#[tokio::test]
async fn a_picture_whose_download_is_blocked_is_counted_and_asked_about_after_two() {
    let mut site = Site::start().await;
    let drawing = |connection: &Connection, store, digest| {
        let service = HuggingFace::new(connection).unwrap();
        Drawing { service, store, digest }
    };
    // As a policy ends a connection, and as a proxy answers in its place.
    let blocks = [Effect::Reset, Effect::Html { code: 200 }];
    for (effect, count) in blocks.into_iter().zip(1..) {
        let blocked = [Fault::always(effect).on(Operation::Download)];
        let ended = site.attempt_at(&blocked, Service::HuggingFace, drawing).await.unwrap_err();
        assert!(matches!(&ended, StepError::AskProvider(ProviderError::Unexpected { .. })), "{ended}");
        assert_eq!((site.reported, site.accepted().await), (count, count), "the ledgers differ");
    }
    // Even where nothing stands in its way any more: it was paid for twice.
    let asks = site.attempt_at(&[], Service::HuggingFace, drawing).await.unwrap_err();
    let StepError::AskPerson(question) = &asks else { panic!("{asks}") };
    assert!(matches!(&question.why, Why::FailedSubmissions(found) if found.failed == 2), "{question}");
    assert_eq!((site.reported, site.accepted().await), (2, 2), "a third was submitted without asking");
}

#[tokio::test]
async fn a_queued_picture_whose_answer_was_lost_is_looked_up_and_drawn_once() {
    let mut site = Site::start().await;
    let queued = |connection: &Connection, store, digest| {
        let nodes = json!({
            "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
            "9": {"class_type": "SaveImage", "inputs": {"images": ["4", 0]}},
        });
        let workflows = BTreeMap::from([
            ("ink.json".to_owned(), nodes.to_string()),
            ("ink.bindings.json".to_owned(), json!({"prompt": "6.text", "size": "4"}).to_string()),
        ]);
        let comfy = ComfyUi::new(&Connection { workflows, ..connection.clone() }).unwrap();
        Queued { comfy, store, digest }
    };
    let fails = Fault::always(Effect::Failed).on(Operation::Poll);
    let failed = site.attempt_at(&[fails], Service::ComfyUi, queued).await.unwrap_err();
    assert!(failed.to_string().contains("CUDA out of memory"), "{failed}");
    let loses = Fault::always(Effect::LoseAnswer).on(Operation::Image);
    site.attempt_at(&[loses], Service::ComfyUi, queued).await.unwrap();
    assert_eq!((site.reported, site.accepted().await), (2, 2), "the ledgers differ");
}
