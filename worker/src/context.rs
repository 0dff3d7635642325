//! What a step works with: its input, the bucket, the folders of its pod, and the way to say how far
//! it is. Made once an attempt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use videofactory_crds::CaRef;
use videofactory_net::{Authority, Network};
use videofactory_pipeline::contract::{
    ACCOUNT_CA_DIR, ACCOUNT_SECRET_DIR, ACCOUNT_WORKFLOWS_DIR, BUCKET_CA_FILE, BUCKET_SECRET_DIR, BucketRef,
    CA_FILE_NAME, GIVEN_SCENES_FILE, GivenScenes, INPUT_VARIABLE, REFERRED_FILE, TERMINATION_FILE,
    TOKEN_FILE, WORK_DIR, part_name,
};
use videofactory_pipeline::{Keys, StepInput};
use videofactory_providers::Secret;
use videofactory_storage::{Access, Addressing, Bucket, BucketConfig, SecretText};

use crate::outcome::StepError;
use crate::paid::{Clock, UsageRecorder};
use crate::progress::Progress;
use crate::provider_factory::{ProviderFactory, Services};
use crate::traces::Traces;

/// When set, every path of the contract is taken under this folder: for a run outside a pod.
pub const ROOT_VARIABLE: &str = "VIDEOFACTORY_ROOT";

/// The pod's UID, as Kubernetes reports it.
const POD_VARIABLE: &str = "POD_UID";

/// What one attempt works with.
#[derive(Clone)]
pub struct Context {
    /// What is to be done.
    pub input: StepInput,
    /// The names of its artifacts.
    pub keys: Keys,
    /// Where they are.
    pub bucket: Bucket,
    /// The pod's folders.
    pub paths: Paths,
    /// How far the step is.
    pub progress: Progress,
    /// What it has spent.
    pub usage: UsageRecorder,
    /// What of it took time.
    pub traces: Traces,
    /// What may be called, and how.
    pub network: Network,
    /// Makes clients of outside services.
    pub provider_factory: Arc<dyn ProviderFactory>,
    /// What time it is.
    pub clock: Clock,
    /// UID of the pod.
    pub pod: String,
    /// Cancelled when nothing more may be begun: the pod is being stopped, or time is up.
    pub stop: CancellationToken,
}

impl Context {
    /// Opens the bucket with the mounted credentials. Nothing is sent yet.
    pub fn open(input: StepInput, paths: Paths, network: Network) -> Result<Self, StepError> {
        let bucket = open_bucket(&input.bucket, &paths, &network)?;
        let variable = |name: &str| std::env::var(name).ok();
        let pod = variable(POD_VARIABLE).unwrap_or_default();
        Ok(Self {
            traces: Traces::read(&input, &pod, variable),
            keys: input.job.keys(),
            input,
            bucket,
            paths,
            progress: Progress::default(),
            usage: UsageRecorder::default(),
            network,
            provider_factory: Arc::new(Services),
            clock: Clock::default(),
            pod,
            stop: CancellationToken::new(),
        })
    }
}

/// Reads the attempt's input from the environment and what it refers to; fails with a sentence.
pub fn read_input(paths: &Paths) -> Result<StepInput, String> {
    let text = std::env::var(INPUT_VARIABLE).map_err(|_| {
        format!("failed to read {INPUT_VARIABLE}: it is not set; only the operator starts this program")
    })?;
    let referred = || {
        paths
            .document(REFERRED_FILE)
            .map_err(|error| error.to_string())?
            .ok_or("there is no such file".to_owned())
    };
    StepInput::collect(&text, referred).map_err(|why| {
        format!("failed to read {INPUT_VARIABLE}: {why}; run operator and worker of the same release")
    })
}

/// Where the pod's files are.
#[derive(Clone, Debug)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// The pod's own, unless [`ROOT_VARIABLE`] says otherwise.
    #[must_use]
    pub fn of_process() -> Self {
        Self::under(std::env::var_os(ROOT_VARIABLE).unwrap_or_else(|| "/".into()))
    }

    /// Every path of the contract under `root`.
    #[must_use]
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder that the step may write to.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.at(WORK_DIR)
    }

    /// Where the outcome goes.
    #[must_use]
    pub fn termination(&self) -> PathBuf {
        self.at(TERMINATION_FILE)
    }

    /// Where the token for reporting progress is.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.at(TOKEN_FILE)
    }

    /// The credentials of an account, by the names of its Secret's keys.
    pub fn account_secrets(&self, account: &str) -> Result<BTreeMap<String, Secret>, StepError> {
        let files = mounted(&self.at(ACCOUNT_SECRET_DIR).join(account)).map_err(|error| {
            StepError::ReadCredentials(format!(
                "failed to read the credentials of account {account:?}: {error}; name its Secret in secretRef of the \
                 ProviderAccount, with the keys that the provider needs"
            ))
        })?;
        Ok(files.into_iter().map(|(key, text)| (key, Secret::new(&text))).collect())
    }

    /// The workflows of an account, by the names of their files.
    pub fn account_workflows(&self, account: &str) -> Result<BTreeMap<String, String>, StepError> {
        mounted(&self.at(ACCOUNT_WORKFLOWS_DIR).join(account)).map_err(|error| {
            StepError::FollowSettings(format!(
                "failed to read the workflows of account {account:?}: {error}; name their ConfigMap in workflowsRef of the \
                 ProviderAccount"
            ))
        })
    }

    /// The authorities of an account's own.
    pub fn account_authority(&self, account: &str, ca: &CaRef) -> Result<Authority, StepError> {
        self.authority("caRef", ca, &format!("{ACCOUNT_CA_DIR}/{account}/{CA_FILE_NAME}"))
    }

    /// The authorities in the file that was mounted for a reference in this field.
    fn authority(&self, field: &str, ca: &CaRef, path: &str) -> Result<Authority, StepError> {
        let CaRef { kind, name, key } = ca;
        let failed = |why: &str| {
            StepError::FollowSettings(format!(
                "failed to use {field}: key {key:?} of {kind:?} {name:?} {why}; put the authority's certificates there, \
                 in PEM"
            ))
        };
        let read = std::fs::read_to_string(self.at(path));
        let pem = read.map_err(|_| failed("does not exist, or is no text"))?;
        Authority::parse(&pem).map_err(|why| failed(&why))
    }

    /// The scenes and overrides of the spec; none if nothing is mounted.
    pub fn given_scenes(&self) -> Result<GivenScenes, StepError> {
        let path = self.at(GIVEN_SCENES_FILE);
        let text =
            self.document(GIVEN_SCENES_FILE).map_err(|error| StepError::use_file("read", &path, &error))?;
        let Some(text) = text else { return Ok(GivenScenes::default()) };
        serde_json::from_slice(&text).map_err(|error| {
            StepError::FollowSettings(format!(
                "failed to read the scenes of the spec: {error}; correct spec.scenes"
            ))
        })
    }

    /// A document that is mounted in parts, if it is there.
    fn document(&self, file: &str) -> std::io::Result<Option<Vec<u8>>> {
        let mut whole: Option<Vec<u8>> = None;
        for part in 0.. {
            match std::fs::read(self.at(&part_name(file, part))) {
                Ok(bytes) => whole.get_or_insert_default().extend(bytes),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        Ok(whole)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

/// The files of a Secret or `ConfigMap` that is mounted, by their names.
fn mounted(folder: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Kubernetes keeps the files in a hidden folder, and links to them.
        if !name.starts_with("..") && entry.path().is_file() {
            files.insert(name, std::fs::read_to_string(entry.path())?);
        }
    }
    Ok(files)
}

fn open_bucket(bucket: &BucketRef, paths: &Paths, network: &Network) -> Result<Bucket, StepError> {
    let authority =
        bucket.ca.as_ref().map(|ca| paths.authority("bucket.caRef", ca, BUCKET_CA_FILE)).transpose()?;
    let addressing = if bucket.virtual_host { Addressing::VirtualHost } else { Addressing::Path };
    let folder = paths.at(BUCKET_SECRET_DIR);
    let config = BucketConfig {
        endpoint: bucket.endpoint.clone(),
        public_endpoint: Some(bucket.public_endpoint.clone()).filter(|url| !url.is_empty()),
        bucket: bucket.name.clone(),
        region: bucket.region.clone(),
        prefix: bucket.prefix.clone(),
        access_key: read_secret(&folder, "accessKeyId")?,
        secret_key: read_secret(&folder, "secretAccessKey")?,
    };
    let access = Access { network: network.clone().with_authorities(authority), addressing };
    Ok(Bucket::connect_over(&config, &access)?)
}

fn read_secret(folder: &Path, name: &str) -> Result<SecretText, StepError> {
    let text = std::fs::read_to_string(folder.join(name)).map_err(|error| {
        StepError::ReadCredentials(format!(
            "failed to read {name} of the bucket's Secret: {error}; the Secret named by the StoragePolicy needs \
             accessKeyId and secretAccessKey"
        ))
    })?;
    Ok(SecretText::new(text.trim()))
}
