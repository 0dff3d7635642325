//! The files that a job's status speaks of: what was made and is still needed, and with which content.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use kube::{Api, Client};
use serde_json::Value;
use videofactory_crds::condition::StepState;
use videofactory_crds::object_refs::DEFAULT_STORAGE;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_crds::{StepName, StoragePolicy, VideoJobStatus};
use videofactory_pipeline::keys::{KeyParts, pruned_kinds};
use videofactory_pipeline::{Digest, Keys};

use crate::backup::Item;
use crate::call::within;

/// Files that are named where some are missing.
const NAMED: usize = 3;

/// A file that a job counts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub key: String,
    /// Of a result document: the digest of its content.
    pub digest: Option<Digest>,
}

/// A way to the buckets of a cluster's policies.
#[async_trait]
pub trait Files: Send + Sync {
    /// Those of these files that are not there, or have another content; or why that is not known.
    async fn missing(&self, policy: &StoragePolicy, wanted: &[Wanted]) -> Result<Vec<Wanted>, String>;

    /// What the cluster is known by in the marks of buckets: the UID that its operator writes there. None: that is not known
    /// here.
    async fn cluster(&self) -> Option<String> {
        None
    }
}

/// What a job with this status counts on: its film with all that belongs to it, and the result of each step that is done.
/// What was pruned it does not count on.
#[must_use]
pub fn wanted(namespace: &str, name: &str, status: &Value) -> Vec<Wanted> {
    let Ok(status) = serde_json::from_value::<VideoJobStatus>(status.clone()) else { return Vec::new() };
    let Some(id) = &status.id else { return Vec::new() };
    let pruned = pruned_kinds(&status);
    let artifacts = status.artifacts.iter().flat_map(|files| {
        files.video.iter().chain(&files.thumbnail).chain(&files.captions).map(|file| file.key.clone())
    });
    // Whoever restores says what stands in a status: nothing of others' is looked for in his name.
    let own = |key: &String| {
        let parts = KeyParts::of(key);
        parts.is_some_and(|parts| (parts.namespace, parts.name, parts.id) == (namespace, name, id.as_str()))
    };
    let is_kept = |key: &String| KeyParts::of(key).is_some_and(|parts| !pruned.contains(&parts.kind));
    let files = artifacts.filter(own).filter(is_kept).map(|key| Wanted { key, digest: None });
    let keys = Keys::new(namespace, name, id, status.run.unwrap_or(1));
    let done = status
        .steps
        .iter()
        .filter(|step| step.state == Some(StepState::Succeeded) && !pruned.contains(&ObjectKind::Work));
    let documents = done.filter_map(|step| {
        let digest = |text: &Option<String>| text.as_deref().and_then(Digest::from_hex);
        let input = digest(&step.input_digest)?;
        let key = keys.document(step.name, &input);
        // A publication's record is added to by later attempts.
        let digest = digest(&step.output_digest).filter(|_| step.name != StepName::PublishVideo);
        Some(Wanted { key, digest })
    });
    files.chain(documents).collect()
}

/// The files that jobs count on, by namespace and name of the policy of their bucket, each with its job's place in a list.
pub type ByPolicy = BTreeMap<(String, String), Vec<(usize, Wanted)>>;

/// The files that these jobs count on; each job with its place.
#[must_use]
pub fn by_policy<'i>(jobs: impl Iterator<Item = (usize, &'i Item<'i>)>) -> ByPolicy {
    let mut by_policy = ByPolicy::new();
    for (place, job) in jobs {
        let object = job.object();
        let policy = object.data["spec"]["storageRef"]["name"].as_str().unwrap_or(DEFAULT_STORAGE).to_owned();
        let files = wanted(&job.namespace, &job.name, &object.data["status"]);
        let files = files.into_iter().map(|file| (place, file));
        by_policy.entry((job.namespace.clone(), policy)).or_default().extend(files);
    }
    by_policy
}

/// What was found of the files of jobs.
#[derive(Debug, Default)]
pub struct Looked {
    /// Those that are not there, by the place of their job.
    pub missing: BTreeMap<usize, Vec<Wanted>>,
    /// What could not be looked at, and why.
    pub notes: Vec<String>,
}

/// Looks for the files of jobs, bucket by bucket.
pub async fn look_for(client: &Client, files: Option<&dyn Files>, by_policy: ByPolicy) -> Looked {
    let mut looked = Looked::default();
    for ((namespace, name), wanted) in by_policy.into_iter().filter(|(_, wanted)| !wanted.is_empty()) {
        let all: Vec<Wanted> = wanted.iter().map(|(_, file)| file.clone()).collect();
        let missing = match policy(client, &namespace, &name).await {
            Ok(policy) => missing(files, &policy, &all).await,
            Err(why) => Err(why),
        };
        match missing {
            Ok(missing) => {
                let gone: BTreeSet<&str> = missing.iter().map(|file| file.key.as_str()).collect();
                for (place, file) in wanted.into_iter().filter(|(_, file)| gone.contains(file.key.as_str())) {
                    looked.missing.entry(place).or_default().push(file);
                }
            }
            Err(why) => looked.notes.push(format!(
                "whether the files of the jobs are in the bucket of StoragePolicy {namespace}/{name} is not known: {why}"
            )),
        }
    }
    looked
}

async fn missing(
    files: Option<&dyn Files>,
    policy: &StoragePolicy,
    wanted: &[Wanted],
) -> Result<Vec<Wanted>, String> {
    match files {
        Some(files) => files.missing(policy, wanted).await,
        None => Err("nobody was asked who has a way to the bucket".to_owned()),
    }
}

async fn policy(client: &Client, namespace: &str, name: &str) -> Result<StoragePolicy, String> {
    let api: Api<StoragePolicy> = Api::namespaced(client.clone(), namespace);
    let read = within(format!("get StoragePolicy {namespace}/{name}"), api.get(name)).await;
    read.map_err(|error| error.for_people())
}

/// What is said of a job whose files are not all there.
#[must_use]
pub fn words(missing: &[Wanted]) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let named: Vec<&str> = missing.iter().take(NAMED).map(|file| file.key.as_str()).collect();
    let more = if missing.len() > named.len() { ", …" } else { "" };
    Some(format!(
        "{} of the files that its status speaks of are not in the bucket as they were: {}{more}; where one is needed, the \
         job asks before it is paid for again",
        missing.len(),
        named.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef";

    fn keys(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let film = Keys::new("films", "ocean", "3f9c2a1e", 2).film(&Digest::from_hex(DIGEST).unwrap());
        let foreign = Keys::new("shows", "ocean", "3f9c2a1e", 2).film(&Digest::from_hex(DIGEST).unwrap());
        let mut status = json!({
            "id": "3f9c2a1e", "run": 2,
            "artifacts": {"video": {"key": film}, "thumbnail": {"key": foreign}},
            "steps": [
                {"name": "write-script", "state": "Succeeded", "inputDigest": DIGEST, "outputDigest": DIGEST},
                {"name": "generate-images", "state": "Running", "inputDigest": DIGEST},
                {"name": "publish-video", "state": "Skipped"},
            ],
        });
        change(&mut status);
        wanted("films", "ocean", &status).into_iter().map(|file| file.key).collect()
    }

    #[test]
    fn a_job_counts_on_its_own_film_and_on_the_results_of_what_is_done() {
        let all = keys(|_| ());
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(all[0].starts_with("videos/films/ocean-3f9c2a1e/r2/"), "{all:?}");
        assert!(all[1].starts_with("work/films/ocean-3f9c2a1e/r2/"), "{all:?}");
        assert_eq!(keys(|status| status["artifacts"]["pruned"] = json!(["videos"])).len(), 1);
        assert_eq!(keys(|status| status["artifacts"]["pruned"] = json!(["videos", "work"])), [""; 0]);
        assert_eq!(keys(|status| status["id"] = json!(null)), [""; 0]);
    }

    #[test]
    fn a_few_of_what_is_missing_are_named() {
        let file = |number: usize| Wanted { key: format!("k{number}"), digest: None };
        assert_eq!(words(&[]), None);
        let said = words(&(0..5).map(file).collect::<Vec<_>>()).unwrap();
        assert!(said.starts_with("5 of the files") && said.contains("k0, k1, k2, …"), "{said}");
    }
}
