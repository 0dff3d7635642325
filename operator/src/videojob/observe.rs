//! Observe: reads all that a decision may know, from caches where they do, else live.
//!
//! Live are: accounts whose grants or ledger a job may have to act on (`accounts`); of the bucket, outcomes that no pod holds
//! any more, tombstones, and files of the same name (`look_up`, `tombstones`, `namesake`); the Events of Jobs that make no
//! pod (`podless`); and, once, the cluster's own UID. What must not be done twice is looked at once more, live, right before
//! it is done: that is apply's.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use videofactory_crds::condition::{self, ConditionType, Phase};
use videofactory_crds::{StepName, StoragePolicy, VideoJob, VideoJobReason};
use videofactory_pipeline::contract::BucketRef;
use videofactory_pipeline::{Keys, StepOutcome, clock};
use videofactory_storage::{Addressing, Bucket, StorageError};

use super::attempts::outcomes_to_look_up;
use super::cached::{channel, get, jobs, pods};
use super::model::{BucketFill, Observed, Storage};
use super::{accounts, namesake, podless, tombstones};
use crate::bucket;
use crate::caches::{Caches, OwnerKey};
use crate::context::Context;
use crate::restoring;
use crate::storagepolicy::protection;
use videofactory_client::call::CallError;

/// Most bytes of a stored outcome.
const MAX_OUTCOME_BYTES: u64 = 64 * 1024;
/// How long the bucket may take to answer for one outcome.
const LOOK_UP_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

/// Reads everything that a decision about this job may know.
pub async fn observe(context: &Context, job: VideoJob) -> Result<Observed, CallError> {
    let caches = &context.caches;
    let namespace = job.namespace().unwrap_or_default();
    let owner = OwnerKey::of(&job);
    let jobs = jobs(caches, &owner);
    let pods = pods(caches, &owner);
    let policy = get(&caches.policies, &namespace, &job.spec.storage_ref.name);
    let wanted =
        job.status.as_ref().map(|status| outcomes_to_look_up(status, &jobs, &pods)).unwrap_or_default();
    let Recorded { outcomes: recorded, fencing_tokens, trouble: bucket_trouble } =
        look_up(context, &job, policy.as_ref(), wanted).await;
    let accounts = accounts::accounts(context, &namespace, &job).await?;
    let storage = match unsettled(context, policy.as_ref()).await {
        Some(message) => Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message },
        None => storage(&job.spec.storage_ref.name, policy.as_ref(), |secret| {
            caches.has_secret(&namespace, secret)
        }),
    };
    Ok(Observed {
        channel: channel(caches, &namespace, &job),
        made: tombstones::look_up(context, &job, policy.as_ref(), &storage).await,
        namesake: namesake::look_up(context, &job, policy.as_ref(), &storage).await,
        protected: is_protected(caches, &job, policy.as_ref()),
        side_effects: context.config.side_effects,
        storage,
        accounts,
        live: context.progress.due(&owner, &pods),
        refused: context.create_failures.of(&owner),
        podless: podless::look_up(context, &namespace, &jobs, &pods).await,
        job,
        jobs,
        pods,
        recorded,
        fencing_tokens,
        bucket_trouble,
    })
}

/// Whether a label keeps the files of a job that may go by itself; one of a policy that cannot be read counts as if.
fn is_protected(caches: &Caches, job: &VideoJob, policy: Option<&Result<StoragePolicy, String>>) -> bool {
    let phase = job.status.as_ref().and_then(|status| status.phase);
    if job.spec.ttl_after_finished.is_none() || !phase.is_some_and(Phase::is_terminal) {
        return false;
    }
    let Some(Ok(policy)) = policy else { return false };
    let rules = protection(&caches.policies.state(), policy);
    rules.is_err() || rules.is_ok_and(|rules| rules.protects_job(job.labels()))
}

/// Why what a policy says is not believed: it is being restored, or its status came with a backup of another cluster, so
/// that it says nothing of whose the place is. Its own controller has not looked at it yet.
async fn unsettled(context: &Context, policy: Option<&Result<StoragePolicy, String>>) -> Option<String> {
    let Some(Ok(policy)) = policy else { return None };
    let name = policy.name_any();
    if let Some(held) = restoring::held(policy, clock::now()) {
        return Some(format!("StoragePolicy {name:?}: {}", held.why));
    }
    policy.status.as_ref()?.place.as_ref()?;
    match context.cluster.uid(&context.client).await {
        Ok(cluster) => foreign(policy, cluster),
        Err(error) => Some(format!("StoragePolicy {name:?}: whose its place is is not known: {error}")),
    }
}

/// A policy that says that it has come to its place as another cluster's.
fn foreign(policy: &StoragePolicy, cluster: &str) -> Option<String> {
    let place = policy.status.as_ref()?.place.as_ref()?;
    (place.cluster != cluster).then(|| format!("StoragePolicy {:?} is being checked", policy.name_any()))
}

/// Whether the bucket can be used: as its policy's own controller found it.
fn storage(
    name: &str,
    policy: Option<&Result<StoragePolicy, String>>,
    has_secret: impl Fn(&str) -> bool,
) -> Storage {
    let not_ready = |reason, message| Storage::NotReady { reason, message };
    let policy = match policy {
        None => {
            let message = format!("StoragePolicy {name:?} does not exist in this namespace: create it");
            return not_ready(VideoJobReason::ConfigurationInvalid, message);
        }
        Some(Err(error)) => {
            let message = format!("StoragePolicy {name:?} cannot be read ({error}): apply it again");
            return not_ready(VideoJobReason::ConfigurationInvalid, message);
        }
        Some(Ok(policy)) => policy,
    };
    let secret = &policy.spec.bucket.secret_ref.name;
    if !has_secret(secret) {
        let message = format!(
            "Secret {secret:?} of StoragePolicy {name:?} does not exist: create it with the keys {} and {}",
            bucket::ACCESS_KEY,
            bucket::SECRET_KEY
        );
        return not_ready(VideoJobReason::ConfigurationInvalid, message);
    }
    let conditions = policy.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let current = |of: &&_| condition_generation(of) == policy.metadata.generation;
    match condition::get(conditions, ConditionType::Ready).filter(current) {
        Some(ready) if ready.status == "True" => {
            let since = Some(ready.last_transition_time.0);
            Storage::Ready { bucket: bucket_ref(policy), secret: secret.clone(), since, fill: fill(policy) }
        }
        Some(ready) => not_ready(
            condition::reason(ready).map_or(VideoJobReason::StorageUnavailable, bucket::job_reason),
            format!("StoragePolicy {name:?}: {}", ready.message),
        ),
        None => {
            let message = format!("StoragePolicy {name:?} is being checked");
            not_ready(VideoJobReason::StorageUnavailable, message)
        }
    }
}

/// How full it is; one that was not measured yet counts as empty.
fn fill(policy: &StoragePolicy) -> BucketFill {
    let Some(status) = &policy.status else { return BucketFill::default() };
    BucketFill {
        level: status.level.unwrap_or_default(),
        percent: status.usage.as_ref().and_then(|usage| usage.percent),
    }
}

fn condition_generation(
    condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition,
) -> Option<i64> {
    condition.observed_generation
}

fn bucket_ref(policy: &StoragePolicy) -> BucketRef {
    let bucket = &policy.spec.bucket;
    BucketRef {
        endpoint: bucket.endpoint.clone(),
        public_endpoint: bucket.public_endpoint.clone().unwrap_or_default(),
        name: bucket.name.clone(),
        region: bucket.region.clone(),
        prefix: bucket.prefix.clone(),
        virtual_host: bucket::addressing(policy) == Addressing::VirtualHost,
        ca: bucket.ca_ref.clone(),
    }
}

/// What the bucket says of attempts.
#[derive(Default)]
struct Recorded {
    outcomes: BTreeMap<(StepName, i32), Option<StepOutcome>>,
    /// Those without an outcome that have begun.
    fencing_tokens: BTreeSet<(StepName, i32)>,
    /// What stands in the way, if not all could be looked up.
    trouble: Option<String>,
}

impl Recorded {
    fn but(self, trouble: String) -> Self {
        Self { trouble: Some(trouble), ..self }
    }
}

/// Looks outcomes up in the bucket.
async fn look_up(
    context: &Context,
    job: &VideoJob,
    policy: Option<&Result<StoragePolicy, String>>,
    wanted: BTreeSet<(StepName, i32)>,
) -> Recorded {
    let mut recorded = Recorded::default();
    let status = job.status.clone().unwrap_or_default();
    let (Some(id), Some(run)) = (status.id, status.run) else { return recorded };
    if wanted.is_empty() {
        return recorded;
    }
    let namespace = job.namespace().unwrap_or_default();
    let Some(Ok(policy)) = policy else {
        let name = &job.spec.storage_ref.name;
        return recorded.but(format!("StoragePolicy {name:?} does not exist in this namespace: create it"));
    };
    let bucket = match bucket::open(&context.client, &context.network, policy).await {
        Ok(bucket) => bucket,
        Err(error) => return recorded.but(error.to_string()),
    };
    let keys = Keys::new(&namespace, &job.name_any(), &id, run);
    for (step, attempt) in wanted {
        match tokio::time::timeout(LOOK_UP_TIMEOUT, recorded_of(&bucket, &keys, step, attempt)).await {
            Ok(Ok((outcome, has_fencing_token))) => {
                recorded.outcomes.insert((step, attempt), outcome);
                recorded.fencing_tokens.extend(has_fencing_token.then_some((step, attempt)));
            }
            Ok(Err(error)) => return recorded.but(error.to_string()),
            Err(_) => {
                return recorded.but(format!("bucket {:?} gave no answer in time", policy.spec.bucket.name));
            }
        }
    }
    recorded
}

/// An attempt's outcome, and if there is none, whether the attempt has begun.
async fn recorded_of(
    bucket: &Bucket,
    keys: &Keys,
    step: StepName,
    attempt: i32,
) -> Result<(Option<StepOutcome>, bool), StorageError> {
    match bucket.get(&keys.outcome(step, attempt), MAX_OUTCOME_BYTES).await {
        Ok(bytes) => Ok((std::str::from_utf8(&bytes).ok().and_then(StepOutcome::from_message), false)),
        Err(error) if error.is_missing() => {
            Ok((None, bucket.head(&keys.fencing_token(step, attempt)).await?.is_some()))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use videofactory_crds::storagepolicy::{StorageLevel, StorageUsage};
    use videofactory_pipeline::Digest;
    use videofactory_pipeline::contract::{ExitCode, VERSION};
    use videofactory_storage::PutOptions;
    use videofactory_tests::s3_server::S3Server;

    use super::*;

    fn policy(ready: Option<(&str, &str, i64)>) -> StoragePolicy {
        let conditions: Vec<Value> = ready
            .into_iter()
            .map(|(status, reason, generation)| {
                json!({
                    "type": "Ready", "status": status, "reason": reason, "message": "as found",
                    "observedGeneration": generation, "lastTransitionTime": "2026-11-23T10:00:00Z",
                })
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": "default", "generation": 2},
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    fn judged(ready: Option<(&str, &str, i64)>) -> Storage {
        storage("default", Some(&Ok(policy(ready))), |_| true)
    }

    fn reason(storage: &Storage) -> VideoJobReason {
        match storage {
            Storage::NotReady { reason, .. } => *reason,
            Storage::Ready { .. } => panic!("it is ready"),
        }
    }

    #[test]
    fn a_bucket_that_was_found_fit_can_be_used() {
        let Storage::Ready { bucket, secret, since, fill } = judged(Some(("True", "Available", 2))) else {
            panic!("not ready")
        };
        assert_eq!((since, fill), (Some("2026-11-23T10:00:00Z".parse().unwrap()), BucketFill::default()));
        assert_eq!((bucket.name.as_str(), bucket.region.as_str(), secret.as_str()), ("videos", "auto", "s3"));
    }

    #[test]
    fn steps_address_the_bucket_as_its_policy_says_or_as_its_server_was_found_to_take_it() {
        for (asked, found, expected) in [
            ("Auto", None, false),
            ("Auto", Some("Path"), false),
            ("Auto", Some("VirtualHost"), true),
            ("Path", Some("VirtualHost"), false),
            ("VirtualHost", None, true),
        ] {
            let mut policy = policy(Some(("True", "Available", 2)));
            policy.spec.bucket.addressing = serde_json::from_value(json!(asked)).unwrap();
            policy.status.as_mut().unwrap().addressing = serde_json::from_value(json!(found)).unwrap();
            let Storage::Ready { bucket, .. } = storage("default", Some(&Ok(policy)), |_| true) else {
                panic!("not ready")
            };
            assert_eq!(bucket.virtual_host, expected, "{asked} {found:?}");
        }
    }

    #[test]
    fn how_full_it_is_comes_from_its_policy() {
        let mut policy = policy(Some(("True", "Available", 2)));
        let status = policy.status.as_mut().unwrap();
        status.level = Some(StorageLevel::Stopped);
        status.usage = Some(StorageUsage { percent: Some(96), ..StorageUsage::default() });
        let Storage::Ready { fill, .. } = storage("default", Some(&Ok(policy)), |_| true) else {
            panic!("not ready")
        };
        assert_eq!(fill, BucketFill { level: StorageLevel::Stopped, percent: Some(96) });
    }

    #[test]
    fn what_a_policy_says_as_another_clusters_is_not_believed() {
        let mut policy = policy(Some(("True", "Available", 2)));
        assert_eq!(foreign(&policy, "this"), None, "an earlier version did not say where it is");
        let place = json!({
            "endpoint": "http://s3:9000", "bucket": "videos", "prefix": "", "cluster": "that",
            "since": "2026-11-23T10:00:00Z",
        });
        policy.status.as_mut().unwrap().place = serde_json::from_value(place).unwrap();
        assert_eq!(foreign(&policy, "that"), None);
        assert!(foreign(&policy, "this").unwrap().contains("is being checked"));
    }

    #[test]
    fn a_bucket_that_was_not_judged_since_its_last_edit_waits() {
        for ready in [None, Some(("True", "Available", 1))] {
            assert_eq!(reason(&judged(ready)), VideoJobReason::StorageUnavailable);
        }
    }

    #[test]
    fn a_policys_reason_becomes_its_jobs() {
        for (theirs, ours) in [
            ("PreconditionsUnsupported", VideoJobReason::ConfigurationInvalid),
            ("ConfigurationInvalid", VideoJobReason::ConfigurationInvalid),
            ("CredentialsInvalid", VideoJobReason::CredentialsInvalid),
            ("StorageUnavailable", VideoJobReason::StorageUnavailable),
        ] {
            assert_eq!(reason(&judged(Some(("False", theirs, 2)))), ours);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = |storage: Storage| match storage {
            Storage::NotReady { reason: VideoJobReason::ConfigurationInvalid, message } => message,
            other => panic!("{other:?}"),
        };
        let no_policy = missing(storage("default", None, |_| true));
        assert_eq!(no_policy, "StoragePolicy \"default\" does not exist in this namespace: create it");
        let ready = Ok(policy(Some(("True", "Available", 2))));
        let no_secret = missing(storage("default", Some(&ready), |_| false));
        assert!(
            no_secret.starts_with("Secret \"s3\" of StoragePolicy \"default\" does not exist: create it")
        );
    }

    #[tokio::test]
    async fn an_attempt_has_an_outcome_in_the_bucket_or_has_begun_by_its_fencing_token_or_never_was() {
        const STEP: StepName = StepName::AnimateScenes;
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "p/")).unwrap();
        let keys = Keys::new("films", "ocean", "3f9c2a1e", 1);
        let of = async |attempt| recorded_of(&bucket, &keys, STEP, attempt).await.unwrap();
        let put = async |key: String, text: &str| {
            bucket.put(&key, text.to_owned(), &PutOptions::default()).await.unwrap();
        };
        assert_eq!(of(3).await, (None, false));
        put(keys.fencing_token(STEP, 3), "{}").await;
        assert_eq!(of(3).await, (None, true));
        assert_eq!(of(2).await, (None, false), "that was another attempt");
        let written = json!({
            "version": VERSION, "step": STEP, "attempt": 3, "input": Digest::of_bytes(b"x"), "exit": ExitCode::Done,
            "message": "done",
        });
        put(keys.outcome(STEP, 3), &written.to_string()).await;
        let (outcome, has_fencing_token) = of(3).await;
        let outcome = outcome.unwrap();
        assert_eq!((outcome.attempt, outcome.exit, outcome.message.as_str()), (3, ExitCode::Done, "done"));
        assert!(!has_fencing_token, "it has ended");
        let gone = Bucket::connect(&server.config(&server.url(), "other", "")).unwrap();
        assert!(recorded_of(&gone, &keys, STEP, 3).await.is_err(), "a bucket that is not there says nothing");
    }
}
