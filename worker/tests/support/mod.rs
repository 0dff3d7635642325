//! What the step tests share: a real bucket behind the proxy that keeps R2's rules, and productions
//! that run the program itself, as a pod would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::TryStreamExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use videofactory_crds::StepName;
use videofactory_pipeline::contract::{
    Brand, BucketRef, GivenScenes, JobRef, Upstream, VERSION, in_parts, part_name,
};
use videofactory_pipeline::inputs::{FilmInputs, step_digest};
use videofactory_pipeline::step_settings::settings_of;
use videofactory_pipeline::storyboard::Takes;
use videofactory_pipeline::{Digest, Settings, StepInput, StepOutcome};
use videofactory_storage::{Bucket, PutOptions};
use videofactory_tests::r2_proxy::{ProxyOptions, R2Proxy};
use videofactory_tests::s3_server::S3Server;

/// A bucket of its own, and the proxy in front of it.
pub struct Studio {
    pub server: S3Server,
    pub proxy: R2Proxy,
    pub bucket: Bucket,
}

impl Studio {
    pub async fn open() -> Self {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let proxy = R2Proxy::start(ProxyOptions::before(server.url())).await.unwrap();
        let bucket = Bucket::connect(&server.config(&proxy.url(), "films", "studio/")).unwrap();
        Self { server, proxy, bucket }
    }

    /// Every key of the films, logs and outcomes left out, with its entity tag.
    pub async fn etags(&self) -> BTreeMap<String, String> {
        let all: Vec<_> = self.bucket.list("").try_collect().await.unwrap();
        all.into_iter()
            .filter(|object| !object.key.contains("/logs/") && !object.key.contains("/outcomes/"))
            .map(|object| (object.key, object.etag))
            .collect()
    }

    /// The keys that begin with `kind` and hold `part`.
    pub async fn keys(&self, kind: &str, part: &str) -> Vec<String> {
        self.etags().await.into_keys().filter(|key| key.starts_with(kind) && key.contains(part)).collect()
    }

    /// Puts what ffmpeg makes of this source into the bucket.
    pub async fn put_media(&self, source: &str, key: &str, options: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(key.rsplit('/').next().unwrap());
        let mut ffmpeg = tokio::process::Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", source]).args(options).arg(&path);
        assert!(ffmpeg.status().await.unwrap().success(), "{source}");
        let bytes = std::fs::read(&path).unwrap();
        self.bucket.put(key, bytes, &PutOptions::of_type("application/octet-stream")).await.unwrap();
    }

    pub fn bucket_ref(&self) -> BucketRef {
        BucketRef {
            endpoint: self.proxy.url(),
            public_endpoint: "http://films.test".to_owned(),
            name: "films".to_owned(),
            region: "auto".to_owned(),
            prefix: "studio/".to_owned(),
            ..BucketRef::default()
        }
    }
}

/// One video in the making. Plays the operator's part: digests, attempts, results of steps before.
pub struct Production<'a> {
    studio: &'a Studio,
    pub settings: Settings,
    pub topic: String,
    pub given: GivenScenes,
    pub takes: BTreeMap<String, Takes>,
    pub brand: Brand,
    pub results: BTreeMap<StepName, Upstream>,
    pub attempt: i32,
    /// What else the program's environment holds.
    pub variables: Vec<(&'static str, String)>,
    /// Changes the input just before it is handed over.
    pub adjust: fn(&mut StepInput),
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub outcome: StepOutcome,
    /// The termination message's length in bytes.
    pub message_bytes: usize,
    /// Standard output.
    pub log: String,
}

impl<'a> Production<'a> {
    /// A film of three short scenes in the smallest frame.
    pub fn new(studio: &'a Studio) -> Self {
        let given = serde_json::json!({"scenes": [
            {"id": "s1", "narration": "The sea is deep."},
            {"id": "s2", "narration": "It is dark down there.", "imagePrompt": "a dark trench"},
            {"id": "s3", "narration": "Some fish glow.", "imagePrompt": "a glowing fish"},
        ]});
        Self {
            studio,
            settings: settings(
                serde_json::json!({"format": {"aspectRatio": "1:1", "resolution": "360p", "fps": 24}}),
            ),
            topic: "The deep sea".to_owned(),
            given: serde_json::from_value(given).unwrap(),
            takes: BTreeMap::new(),
            brand: Brand::default(),
            results: BTreeMap::new(),
            attempt: 0,
            variables: Vec::new(),
            adjust: |_| {},
        }
    }

    pub fn input(&self, step: StepName) -> StepInput {
        let film = FilmInputs {
            run: 1,
            topic: &self.topic,
            given: &self.given,
            takes: &self.takes,
            settings: &self.settings,
            brand: &self.brand,
        };
        let mut input = StepInput {
            version: VERSION,
            job: JobRef {
                namespace: "tests".to_owned(),
                name: "ocean".to_owned(),
                uid: "b4b1f4cf-2f1a-4a35-9d9f-1f0f3b9a2f10".to_owned(),
                id: "3f9c2a1e".to_owned(),
                run: 1,
            },
            step,
            attempt: self.attempt,
            input: step_digest(step, &film, &self.results),
            survey: false,
            preview_scene: None,
            settings: settings_of(step, &self.settings),
            topic: self.topic.clone(),
            takes: self.takes.clone(),
            upstream: self.results.clone(),
            accounts_for: None,
            accounts: BTreeMap::new(),
            again: false,
            allowed_submissions: BTreeMap::new(),
            again_before: None,
            affordable_scripts: None,
            still_motion: false,
            accepted_quality: None,
            brand: self.brand.clone(),
            deadline_seconds: 300,
            bucket: self.studio.bucket_ref(),
            progress_url: String::new(),
        };
        (self.adjust)(&mut input);
        input
    }

    /// Starts the next attempt of a step.
    pub fn start(&mut self, step: StepName) -> Running {
        self.attempt += 1;
        let input = self.input(step);
        let (access, secret) = self.studio.server.keys();
        Running::start_with(&input, &self.given, (access, secret), &self.variables)
    }

    /// Runs a step to its end; what it made is there for the next.
    pub async fn run(&mut self, step: StepName) -> Ended {
        let running = self.start(step);
        let input = running.input.clone();
        let ended = running.wait().await;
        if let Some(output) = ended.outcome.output.clone() {
            self.results.insert(step, Upstream { input, output });
        }
        ended
    }

    /// Runs a step that must succeed.
    pub async fn make(&mut self, step: StepName) -> StepOutcome {
        let ended = self.run(step).await;
        assert_eq!(ended.code, 0, "{step}: {}\n{}", ended.outcome.message, ended.log);
        ended.outcome
    }

    /// Runs the steps up to this one, which must succeed.
    pub async fn make_up_to(&mut self, last: StepName) -> StepOutcome {
        for step in StepName::ALL.into_iter().take_while(|step| *step < last) {
            self.make(step).await;
        }
        self.make(last).await
    }
}

pub fn settings(value: Value) -> Settings {
    Settings::resolve(&serde_json::from_value(value).unwrap(), None, false).unwrap()
}

/// The program at work.
pub struct Running {
    child: Child,
    root: TempDir,
    pub input: Digest,
}

impl Running {
    pub fn start(input: &StepInput, given: &GivenScenes, keys: (&str, &str)) -> Self {
        Self::start_with(input, given, keys, &[])
    }

    /// With these variables too.
    pub fn start_with(
        input: &StepInput,
        given: &GivenScenes,
        (access, secret): (&str, &str),
        variables: &[(&'static str, String)],
    ) -> Self {
        let root = pod_files(given, access, secret);
        let carried = input.carry();
        for (number, part) in carried.document.iter().flat_map(|document| in_parts(document)).enumerate() {
            let name = part_name("input.json", number);
            std::fs::write(root.path().join("var/run/videofactory/given").join(name), part).unwrap();
        }
        let child = command(root.path())
            .env("VIDEOFACTORY_STEP", carried.variable)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, root, input: input.input.clone() }
    }

    /// Sends SIGTERM, as the kubelet does.
    pub async fn terminate(&self) {
        let pid = self.child.id().expect("the program has ended").to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    }

    pub async fn wait(self) -> Ended {
        let output = tokio::time::timeout(Duration::from_mins(4), self.child.wait_with_output());
        let output = output.await.expect("the program did not end").unwrap();
        let message = std::fs::read_to_string(self.root.path().join("dev/termination-log")).unwrap();
        let outcome = StepOutcome::from_message(&message).unwrap_or_else(|| {
            panic!("no outcome in {message:?}\n{}", String::from_utf8_lossy(&output.stdout))
        });
        Ended {
            code: output.status.code().unwrap(),
            outcome,
            message_bytes: message.len(),
            log: String::from_utf8_lossy(&output.stdout).into_owned(),
        }
    }
}

/// The program, with its files under `root`.
pub fn command(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_videofactory-worker"));
    command.env("VIDEOFACTORY_ROOT", root).env_remove("RUST_LOG");
    // The bucket's server is on this machine.
    command.env("VIDEOFACTORY_ALLOW_LOCAL_ENDPOINTS", "true");
    command
}

/// What a pod has mounted.
pub fn pod_files(given: &GivenScenes, access: &str, secret: &str) -> TempDir {
    let root = tempfile::Builder::new().prefix("videofactory-pod-").tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path: PathBuf = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("var/run/videofactory/bucket/accessKeyId", access);
    write("var/run/videofactory/bucket/secretAccessKey", secret);
    write("var/run/videofactory/given/scenes.json", &serde_json::to_string(given).unwrap());
    write("var/run/videofactory/token/token", "progress-token\n");
    write("dev/termination-log", "");
    std::fs::create_dir(root.path().join("work")).unwrap();
    root
}

/// Polls until a condition holds; fails after half a minute.
pub async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
