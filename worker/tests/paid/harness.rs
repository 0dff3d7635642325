//! A test harness: a bucket, a service and attempts, all in memory and under paused time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use videofactory_crds::StepName;
use videofactory_crds::units::Money;
use videofactory_pipeline::contract::{Allowance, SceneReport, Spent};
use videofactory_pipeline::{Digest, Keys};
use videofactory_providers::{ProviderError, Ticket};
use videofactory_storage::StorageError;
use videofactory_worker::outcome::StepError;
use videofactory_worker::paid::{
    Account, Answer, Clock, PaidRequest, Question, SessionConfig, SubmissionSession, UsageRecorder,
    WriteOnceStore,
};
use videofactory_worker::progress::Progress;
use videofactory_worker::traces::Traces;

use super::service::{Kind, Service};

pub const STEP: StepName = StepName::AnimateScenes;

/// The point at which an attempt crashes or is held: its n-th wait, counted from 0.
pub struct CrashPoint {
    waits: Mutex<u32>,
    at: Option<u32>,
    /// It has come to that.
    reached: Notify,
    /// What was held there continues.
    released: Notify,
    /// Cut off for good, or only held.
    holds: bool,
}

impl CrashPoint {
    pub fn none() -> Arc<Self> {
        Self::new(None, false)
    }

    pub fn crash_at(wait: u32) -> Arc<Self> {
        Self::new(Some(wait), false)
    }

    pub fn hold_at(wait: u32) -> Arc<Self> {
        Self::new(Some(wait), true)
    }

    fn new(at: Option<u32>, holds: bool) -> Arc<Self> {
        Arc::new(Self { waits: Mutex::new(0), at, reached: Notify::new(), released: Notify::new(), holds })
    }

    /// A wait for somebody else, of a moment.
    async fn wait(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let wait = {
            let mut waits = self.waits.lock().unwrap();
            *waits += 1;
            *waits - 1
        };
        if self.at == Some(wait) {
            self.reached.notify_one();
            if self.holds {
                self.released.notified().await;
            } else {
                std::future::pending::<()>().await;
            }
        }
    }

    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    pub fn release(&self) {
        self.released.notify_one();
    }
}

/// When the bucket goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// As the service answers a submission.
    Answer,
    /// As something is about to be stored.
    Store,
}

/// What the bucket answers while it is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Unavailable,
    Unreachable,
    Credentials,
    TooManyRequests,
    /// It has no room for what is bought, and some for small files.
    Full,
}

impl Failure {
    fn error(self) -> StorageError {
        let (tried, code) = ("use the bucket".to_owned(), "as ordered".to_owned());
        match self {
            Self::Unavailable => StorageError::Unavailable { tried, code },
            Self::Unreachable => StorageError::Unreachable { tried, reason: code },
            Self::Credentials => StorageError::Credentials { tried, code },
            Self::TooManyRequests => StorageError::TooManyRequests { tried },
            Self::Full => StorageError::Full { tried, code },
        }
    }
}

/// How the bucket goes away, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    pub from: Moment,
    pub lasts: Duration,
    pub failure: Failure,
}

impl Outage {
    /// Its server says for so long that it cannot serve.
    pub fn of(from: Moment, lasts: Duration) -> Self {
        Self { from, lasts, failure: Failure::Unavailable }
    }
}

/// Everything that outlives a pod.
#[derive(Clone)]
pub struct Harness {
    pub objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    pub service: Arc<Mutex<Service>>,
    pub kind: Kind,
    pub began: Instant,
    /// How the bucket is to go away once.
    pub outage: Arc<Mutex<Option<Outage>>>,
    away_until: Arc<Mutex<Option<(Instant, Failure)>>>,
}

impl Harness {
    pub fn new(kind: Kind) -> Self {
        Self {
            objects: Arc::default(),
            service: Arc::default(),
            kind,
            began: Instant::now(),
            outage: Arc::default(),
            away_until: Arc::default(),
        }
    }

    /// The bucket goes away if this is the moment.
    fn comes_to(&self, moment: Moment) {
        let mut outage = self.outage.lock().unwrap();
        if let Some(outage) = outage.take_if(|outage| outage.from == moment) {
            *self.away_until.lock().unwrap() = Some((Instant::now() + outage.lasts, outage.failure));
        }
    }

    /// How the bucket fails while it is away.
    fn failure(&self) -> Option<Failure> {
        let (until, failure) = (*self.away_until.lock().unwrap())?;
        (until > Instant::now()).then_some(failure)
    }

    /// What the bucket answers to all but what is bought.
    fn bucket(&self) -> Result<(), StorageError> {
        self.failure()
            .filter(|failure| *failure != Failure::Full)
            .map_or(Ok(()), |failure| Err(failure.error()))
    }

    /// The bucket, as an attempt with this crash point uses it.
    pub fn store(&self, crash_point: &Arc<CrashPoint>) -> Arc<dyn WriteOnceStore> {
        Arc::new(MemoryStore { harness: self.clone(), crash_point: crash_point.clone() })
    }

    pub fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap()
    }

    pub fn taken(&self, digest: &Digest) -> usize {
        self.service().taken.iter().filter(|(known, _)| known == digest).count()
    }

    pub fn has(&self, digest: &Digest) -> bool {
        self.objects.lock().unwrap().contains_key(&artifact(digest))
    }

    /// What was delivered is gone.
    pub fn lose(&self, digest: &Digest) {
        self.objects.lock().unwrap().remove(&artifact(digest)).unwrap();
    }

    pub fn clock(&self) -> Clock {
        let began = self.began;
        Clock::new(move || {
            let exact = start().checked_add(began.elapsed()).unwrap();
            Timestamp::from_second(exact.as_second()).unwrap()
        })
    }

    /// Slots of a digest: how many are unknown, and how many the service is known to have taken.
    pub fn slots(&self, digest: &Digest) -> (u32, u32) {
        let objects = self.objects.lock().unwrap();
        let prefix = keys().slots_of(STEP, digest);
        let (mut unknown, mut taken) = (0, 0);
        for number in 1.. {
            if !objects.contains_key(&format!("{prefix}submit-{number}.json")) {
                return (unknown, taken);
            }
            let end = objects.get(&format!("{prefix}submit-{number}.end.json"));
            let end: Option<Value> = end.map(|end| serde_json::from_slice(end).unwrap());
            let has_id = objects.contains_key(&format!("{prefix}submit-{number}.id.json"));
            match end.as_ref().and_then(|end| end["end"].as_str()) {
                Some("Nothing") => {}
                None if !has_id => unknown += 1,
                _ => taken += 1,
            }
        }
        (unknown, taken)
    }

    /// Runs an attempt to its end, or to where it is cut off: then nothing.
    pub async fn attempt(&self, attempt: &Attempt, crash_point: &Arc<CrashPoint>) -> Option<Ended> {
        let running = self.run(attempt, crash_point.clone());
        tokio::select! {
            biased;
            () = crash_point.reached(), if !crash_point.holds => None,
            ended = running => Some(ended),
        }
    }

    pub async fn run(&self, attempt: &Attempt, crash_point: Arc<CrashPoint>) -> Ended {
        let (usage, progress) = (UsageRecorder::default(), Progress::default());
        let config = SessionConfig {
            store: self.store(&crash_point),
            keys: keys(),
            step: STEP,
            attempt: attempt.number,
            pod: format!("pod-{}", attempt.number),
            allowed_submissions: attempt.allowed_submissions.clone(),
            again_before: attempt.again_before,
            survey: attempt.survey,
            accounts_for: attempt.accounts_for,
            usage: usage.clone(),
            traces: Traces::default(),
            clock: self.clock(),
            stop: attempt.stop.clone(),
        };
        progress.begin_scenes(u32::try_from(attempt.requests.len()).unwrap());
        let mut results = Vec::new();
        match SubmissionSession::open(config).await {
            Err(error) => results.push(Err(error)),
            Ok(session) => {
                let account = Account::new(Arc::new(session), "grok", &attempt.allowance, progress.clone());
                // As the steps do: what is there is not asked for again.
                let missing: Vec<Digest> =
                    attempt.requests.iter().filter(|digest| !self.has(digest)).cloned().collect();
                if let Err(error) = account.expect(missing.clone()).await {
                    results.push(Err(error));
                }
                let requests: Vec<Thing> =
                    missing.iter().map(|digest| self.thing(digest, crash_point.clone())).collect();
                results.extend(join_all(requests.iter().map(|request| account.submit(request))).await);
            }
        }
        Ended {
            results,
            spent: usage.spent(self.clock().now()),
            limit: usage.rate_limit(),
            report: progress.report().unwrap_or_default(),
        }
    }

    fn thing(&self, digest: &Digest, crash_point: Arc<CrashPoint>) -> Thing {
        Thing { harness: self.clone(), crash_point, digest: digest.clone() }
    }
}

#[derive(Clone)]
pub struct Attempt {
    pub number: i32,
    pub requests: Vec<Digest>,
    pub allowance: Allowance,
    /// How many submissions in all a person has allowed.
    pub allowed_submissions: BTreeMap<Digest, u32>,
    pub again_before: Option<Timestamp>,
    pub survey: bool,
    pub accounts_for: Option<i32>,
    pub stop: CancellationToken,
}

impl Attempt {
    /// One that may submit as much as it likes.
    pub fn new(number: i32, requests: &[Digest]) -> Self {
        Self {
            number,
            requests: requests.to_vec(),
            allowance: Allowance { submissions: 100, ..Allowance::default() },
            allowed_submissions: BTreeMap::new(),
            again_before: None,
            survey: false,
            accounts_for: None,
            stop: CancellationToken::new(),
        }
    }

    /// The same, where so many submissions of this are allowed in all.
    pub fn allowing(mut self, digest: &Digest, submissions: u32) -> Self {
        self.allowed_submissions.insert(digest.clone(), submissions);
        self
    }

    /// One that submits nothing and accounts for another.
    pub fn survey(number: i32, requests: &[Digest], accounts_for: i32) -> Self {
        Self { survey: true, accounts_for: Some(accounts_for), ..Self::new(number, requests) }
    }
}

pub struct Ended {
    pub results: Vec<Result<(), StepError>>,
    pub spent: Vec<Spent>,
    pub limit: Option<videofactory_pipeline::contract::RateLimit>,
    pub report: SceneReport,
}

impl Ended {
    pub fn is_done(&self) -> bool {
        self.results.iter().all(Result::is_ok)
    }

    pub fn submissions(&self) -> u32 {
        self.spent.iter().map(|spent| spent.submissions).sum()
    }

    /// What a person is asked.
    pub fn question(&self) -> &Question {
        match self.error() {
            StepError::AskPerson(question) => question,
            other => panic!("{other}"),
        }
    }

    /// The only error there is.
    pub fn error(&self) -> &StepError {
        let errors: Vec<_> = self.results.iter().filter_map(|result| result.as_ref().err()).collect();
        let [error] = &errors[..] else { panic!("{:?}", self.results) };
        error
    }
}

pub fn digests(count: usize) -> Vec<Digest> {
    (0..count).map(|place| Digest::of_bytes(format!("scene {place}").as_bytes())).collect()
}

pub fn keys() -> Keys {
    Keys::new("films", "ocean", "3f9c2a1e", 1)
}

pub fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn artifact(digest: &Digest) -> String {
    format!("goods/{digest}")
}

struct MemoryStore {
    harness: Harness,
    crash_point: Arc<CrashPoint>,
}

#[async_trait]
impl WriteOnceStore for MemoryStore {
    async fn put_once(&self, key: &str, json: Vec<u8>) -> Result<bool, StorageError> {
        self.crash_point.wait().await;
        self.harness.bucket()?;
        let created = {
            let mut objects = self.harness.objects.lock().unwrap();
            let free = !objects.contains_key(key);
            objects.entry(key.to_owned()).or_insert(json);
            free
        };
        // It is written, and the answer has not come yet.
        self.crash_point.wait().await;
        Ok(created)
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.crash_point.wait().await;
        self.harness.bucket()?;
        Ok(self.harness.objects.lock().unwrap().get(key).cloned())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.crash_point.wait().await;
        self.harness.bucket()?;
        let objects = self.harness.objects.lock().unwrap();
        Ok(objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }
}

/// What is bought here.
struct Thing {
    harness: Harness,
    crash_point: Arc<CrashPoint>,
    digest: Digest,
}

impl PaidRequest for Thing {
    type Artifact = Vec<u8>;
    type Prepared = ();

    fn digest(&self) -> &Digest {
        &self.digest
    }

    fn price(&self) -> Money {
        Money::from_micros(70_000)
    }

    fn cost(&self, _: &Vec<u8>) -> Money {
        Money::from_micros(50_000)
    }

    async fn is_there(&self) -> Result<bool, StepError> {
        self.crash_point.wait().await;
        self.harness.bucket()?;
        Ok(self.harness.has(&self.digest))
    }

    async fn prepare(&self) -> Result<(), StepError> {
        self.crash_point.wait().await;
        Ok(())
    }

    fn id_of(&self, ticket: &Ticket) -> Option<String> {
        (self.harness.kind == Kind::UnderOurId).then(|| ticket.uuid())
    }

    async fn submit(&self, (): &(), ticket: &Ticket) -> Result<Answer<Vec<u8>>, ProviderError> {
        self.crash_point.wait().await;
        let answer = self.harness.service().answer(&self.digest, self.harness.kind, ticket);
        self.harness.comes_to(Moment::Answer);
        self.crash_point.wait().await;
        answer
    }

    async fn poll(&self, id: &str) -> Result<Option<Vec<u8>>, ProviderError> {
        self.crash_point.wait().await;
        let answer = self.harness.service().look(id);
        self.crash_point.wait().await;
        answer
    }

    async fn store(&self, bytes: &Vec<u8>) -> Result<(), StepError> {
        self.harness.comes_to(Moment::Store);
        self.crash_point.wait().await;
        if let Some(failure) = self.harness.failure() {
            return Err(failure.error().into());
        }
        self.harness.objects.lock().unwrap().entry(artifact(&self.digest)).or_insert_with(|| bytes.clone());
        self.crash_point.wait().await;
        Ok(())
    }
}
