//! Tombstones in the bucket: left before a job is deleted by its time to live, asked for before a first run begins.

use std::time::Duration;

use kube::ResourceExt;
use videofactory_crds::{StoragePolicy, VideoJob};
use videofactory_pipeline::tombstone::spec_digest;
use videofactory_pipeline::{Tombstone, keys};
use videofactory_storage::{Bucket, PutOptions, StorageError};

use super::job_bucket;
use super::model::{Made, Storage};
use crate::bucket;
use crate::context::Context;

/// How long the bucket may take to answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Whether what this job asks for was made before, where that is still to be asked.
pub(super) async fn look_up(
    context: &Context,
    job: &VideoJob,
    policy: Option<&Result<StoragePolicy, String>>,
    storage: &Storage,
) -> Made {
    let (Some(key), Some(Ok(policy)), Storage::Ready { .. }) = (key_to_ask_for(job), policy, storage) else {
        return Made::NotAsked;
    };
    let bucket = match bucket::open(&context.client, &context.network, policy).await {
        Ok(bucket) => bucket,
        Err(error) => return Made::Unknown(error.to_string()),
    };
    match tokio::time::timeout(TIMEOUT, read(&bucket, &key)).await {
        Ok(Ok(tombstone)) => tombstone.map_or(Made::Never, Made::Before),
        Ok(Err(error)) => Made::Unknown(error.to_string()),
        Err(_) => Made::Unknown(format!("bucket {:?} gave no answer in time", policy.spec.bucket.name)),
    }
}

/// The tombstone that would say that this job's film was made before; none once its first run has begun, or while its
/// status names one for the same spec.
pub(super) fn key_to_ask_for(job: &VideoJob) -> Option<String> {
    let status = job.status.clone().unwrap_or_default();
    let spec = spec_digest(&job.spec);
    let known = status.already_made.and_then(|made| made.spec);
    if status.run.is_some() || known.as_deref() == Some(spec.as_str()) {
        return None;
    }
    Some(keys::tombstone(&job.namespace()?, &job.name_any(), &spec))
}

async fn read(bucket: &Bucket, key: &str) -> Result<Option<Tombstone>, StorageError> {
    bucket.with_short_timeouts().get_json(key).await
}

/// Leaves a tombstone, in the place of an earlier one; why it could not be, and what to do.
pub(super) async fn leave(
    context: &Context,
    job: &VideoJob,
    key: &str,
    tombstone: &Tombstone,
) -> Result<(), String> {
    let place = job_bucket::open(context, job).await.map_err(|why| why.to_string())?;
    write(&place.bucket, key, tombstone).await.map_err(|error| error.to_string())
}

/// A look that is behind may come here once more after the job is gone: the time of its deletion stays what it was.
async fn write(bucket: &Bucket, key: &str, tombstone: &Tombstone) -> Result<(), StorageError> {
    let left = read(bucket, key).await?;
    if left.is_some_and(|left| (&left.uid, left.run) == (&tombstone.uid, tombstone.run)) {
        return Ok(());
    }
    let body = serde_json::to_vec(tombstone).unwrap_or_default();
    bucket.with_short_timeouts().put(key, body, &PutOptions::of_type("application/json")).await.map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use videofactory_tests::r2_proxy::{Effect, Fault, ProxyOptions, R2Proxy};
    use videofactory_tests::s3_server::S3Server;

    use super::*;

    fn job(topic: &str, status: &Value) -> VideoJob {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films"},
            "spec": {"topic": topic}, "status": status,
        }))
        .unwrap()
    }

    fn tombstone(uid: &str, second: i64) -> Tombstone {
        let at = jiff::Timestamp::from_second(second).unwrap();
        Tombstone::new(uid.into(), "3f9c2a1e".into(), 1, at, String::new())
    }

    #[test]
    fn it_is_asked_for_before_the_first_run_alone_and_once_for_each_spec() {
        let unborn = job("x", &json!({"observedGeneration": -1}));
        let key = key_to_ask_for(&unborn).unwrap();
        assert!(key.starts_with("tombstones/films/ocean/"), "{key}");
        assert_eq!(key_to_ask_for(&job("x", &json!({"id": "3f9c2a1e"}))), Some(key.clone()));
        assert_eq!(key_to_ask_for(&job("x", &json!({"id": "3f9c2a1e", "run": 1}))), None, "restored");
        let spec = spec_digest(&unborn.spec).to_string();
        let known = json!({"alreadyMade": {"spec": spec}});
        assert_eq!(key_to_ask_for(&job("x", &known)), None);
        assert_ne!(key_to_ask_for(&job("y", &known)), None, "it was edited");
        assert_ne!(key_to_ask_for(&job("y", &known)), Some(key));
    }

    #[tokio::test]
    async fn what_is_left_is_found_and_the_last_one_counts() {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "studio/")).unwrap();
        let key = key_to_ask_for(&job("x", &json!({}))).unwrap();
        assert_eq!(read(&bucket, &key).await, Ok(None));
        for (uid, second) in [("one", 1_000), ("another", 2_000)] {
            write(&bucket, &key, &tombstone(uid, second)).await.unwrap();
            write(&bucket, &key, &tombstone(uid, second + 1)).await.unwrap();
            assert_eq!(
                read(&bucket, &key).await,
                Ok(Some(tombstone(uid, second))),
                "one job is deleted once"
            );
        }
        let other = key_to_ask_for(&job("y", &json!({}))).unwrap();
        assert_eq!(read(&bucket, &other).await, Ok(None), "another spec");
    }

    #[tokio::test]
    async fn a_bucket_that_is_away_is_no_film_that_was_never_made() {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let proxy = R2Proxy::start(ProxyOptions::before(server.url())).await.unwrap();
        let bucket = Bucket::connect(&server.config(&proxy.url(), "films", "")).unwrap();
        proxy.set_faults(vec![Fault::always(Effect::Unavailable)]).unwrap();
        assert!(read(&bucket, "tombstones/a").await.is_err());
        assert!(write(&bucket, "tombstones/a", &tombstone("one", 1)).await.is_err());
    }
}
