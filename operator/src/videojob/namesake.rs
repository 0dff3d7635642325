//! Whether a job of the same name has files in the bucket: asked for a job that another tool has restored without its
//! status, before it is taken for a new one.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::{StoragePolicy, VideoJob, VideoJobReason};
use videofactory_storage::{Bucket, StorageError};

use super::model::{Namesake, Storage};
use crate::bucket;
use crate::context::Context;
use crate::files_of_jobs;
use crate::restoring::is_of_another_tool;

/// How long the bucket may take to answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Looks for files of a job of this name, where that is to be known.
pub(super) async fn look_up(
    context: &Context,
    job: &VideoJob,
    policy: Option<&Result<StoragePolicy, String>>,
    storage: &Storage,
) -> Namesake {
    let (true, Some(Ok(policy)), Storage::Ready { .. }) = (is_in_question(job), policy, storage) else {
        return Namesake::NotAsked;
    };
    // What was found once stays so until a person decides.
    if was_reported(job) {
        return Namesake::HasFiles;
    }
    let bucket = match bucket::open(&context.client, &context.network, policy).await {
        Ok(bucket) => bucket.with_short_timeouts(),
        Err(error) => return Namesake::Unknown(error.to_string()),
    };
    let (namespace, name) = (job.namespace().unwrap_or_default(), job.name_any());
    match tokio::time::timeout(TIMEOUT, has_files(&bucket, &namespace, &name)).await {
        Ok(Ok(true)) => Namesake::HasFiles,
        Ok(Ok(false)) => Namesake::HasNone,
        Ok(Err(error)) => Namesake::Unknown(error.to_string()),
        Err(_) => Namesake::Unknown(format!("bucket {:?} gave no answer in time", policy.spec.bucket.name)),
    }
}

/// Whether another tool has made this job, and nothing has come of it.
pub(super) fn is_in_question(job: &VideoJob) -> bool {
    is_of_another_tool(&job.metadata) && job.status.as_ref().is_none_or(|status| status.id.is_none())
}

fn was_reported(job: &VideoJob) -> bool {
    let conditions = job.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    condition::get(conditions, ConditionType::Ready)
        .is_some_and(|ready| condition::reason(ready) == Some(VideoJobReason::RestoreIncomplete))
}

/// Whether a job of this name has files, under whichever id; other names may begin with this one.
async fn has_files(bucket: &Bucket, namespace: &str, name: &str) -> Result<bool, StorageError> {
    files_of_jobs::may_exist(bucket, &format!("{namespace}/{name}-"), |parts| parts.name == name).await
}

/// Whether a person has asked, since the job was made, to have its film made again.
pub(super) fn is_later_than_the_job(asked: Option<Timestamp>, job: &VideoJob) -> bool {
    let made = job.creation_timestamp().map_or(Timestamp::MIN, |made| made.0);
    // The API server keeps no parts of a second.
    asked.is_some_and(|asked| asked >= made.saturating_add(SignedDuration::from_secs(1)).unwrap_or(made))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use videofactory_storage::PutOptions;
    use videofactory_tests::s3_server::S3Server;

    use super::*;

    fn job(labels: &Value, status: &Value) -> VideoJob {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {
                "name": "ocean", "namespace": "films", "labels": labels, "creationTimestamp": "2026-11-29T08:00:00Z",
            },
            "spec": {"topic": "x"}, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn only_a_job_that_another_tool_has_made_and_of_which_nothing_has_come_is_in_question() {
        let velero = json!({"velero.io/restore-name": "r"});
        assert!(is_in_question(&job(&velero, &json!({"observedGeneration": -1}))));
        assert!(!is_in_question(&job(&velero, &json!({"id": "3f9c2a1e"}))));
        assert!(!is_in_question(&job(&json!({}), &json!({"observedGeneration": -1}))));
    }

    #[test]
    fn an_annotation_that_came_with_the_backup_asks_for_nothing() {
        let of = |at: &str| is_later_than_the_job(Some(at.parse().unwrap()), &job(&json!({}), &json!({})));
        assert!(of("2026-11-29T08:00:01Z"));
        assert!(!of("2026-11-28T08:00:00Z") && !of("2026-11-29T08:00:00Z"));
        assert!(!is_later_than_the_job(None, &job(&json!({}), &json!({}))));
    }

    #[tokio::test]
    async fn files_of_the_same_name_are_distinguished_from_those_of_a_longer_one() {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "studio/")).unwrap();
        let put = async |key: &str| bucket.put(key, "{}".to_owned(), &PutOptions::default()).await.unwrap();
        put("work/films/ocean-2-3f9c2a1e/r1/attempts/write-script-1.json").await;
        put("work/shows/ocean-3f9c2a1e/r1/attempts/write-script-1.json").await;
        put("work/films/ocean-3f9c2a1e/r1/somebody-elses.txt").await;
        assert_eq!(has_files(&bucket, "films", "ocean").await, Ok(false));
        assert_eq!(has_files(&bucket, "films", "ocean-2").await, Ok(true));
        put("work/films/ocean-3f9c2a1e/r1/attempts/write-script-1.json").await;
        assert_eq!(has_files(&bucket, "films", "ocean").await, Ok(true));
    }
}
