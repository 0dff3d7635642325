//! `VideoJob`s that are to be made: their names and manifests, and how one is sent or only tried.

use std::collections::BTreeMap;

use http::Request;
use kube::{Api, Client, ResourceExt};
use serde_json::{Map, Value, json};
use videofactory_crds::{GROUP, VERSION, VideoJob};
use videofactory_pipeline::keys::MAX_NAME;

use crate::call::{CallError, PAUSES, within};
use crate::job_ref::JobRef;

/// Annotation of a job: which request made it.
const REQUEST: &str = "videofactory.dev/created-by-request";

/// Jobs that are to be made together. What they share stands here once, and a manifest is made when it is sent: all of them
/// at a time may be a hundred times as large.
#[derive(Clone, Debug, Default)]
pub struct NewJobs {
    pub namespace: String,
    /// Labels of each.
    pub labels: BTreeMap<String, String>,
    /// The spec of each, but for its topic.
    pub spec: Map<String, Value>,
    /// Each job.
    pub jobs: Vec<NewJob>,
    /// Distinguishes the jobs of this request from all others: an annotation of each. Empty: they have none, and are only tried.
    pub request: String,
    /// Whether the same request may come again: what it has made is not made twice then.
    pub is_repeatable: bool,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewJob {
    pub name: String,
    /// Its topic, where that is not the one of the spec.
    pub topic: Option<String>,
}

impl NewJobs {
    /// Adds a job. Without a `name` one is made of the topic and the `suffix`.
    pub fn add(&mut self, name: Option<String>, topic: Option<String>, suffix: &str) {
        let name = name.unwrap_or_else(|| {
            let of_spec = self.spec.get("topic").and_then(Value::as_str);
            name_of(topic.as_deref().or(of_spec).unwrap_or("film"), suffix)
        });
        self.jobs.push(NewJob { name, topic });
    }

    /// The reference of one of them.
    #[must_use]
    pub fn reference(&self, job: &NewJob) -> JobRef {
        JobRef { namespace: self.namespace.clone(), name: job.name.clone() }
    }

    #[must_use]
    pub fn references(&self) -> Vec<JobRef> {
        self.jobs.iter().map(|job| self.reference(job)).collect()
    }

    /// The whole object of one of them.
    #[must_use]
    pub fn manifest(&self, job: &NewJob) -> Value {
        let mut metadata = json!({"name": job.name, "namespace": self.namespace});
        if !self.labels.is_empty() {
            metadata["labels"] = json!(self.labels);
        }
        if !self.request.is_empty() {
            metadata["annotations"] = json!({REQUEST: self.request});
        }
        let mut spec = self.spec.clone();
        if let Some(topic) = &job.topic {
            spec.insert("topic".to_owned(), json!(topic));
        }
        let mut manifest = json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": "VideoJob"});
        manifest["metadata"] = metadata;
        manifest["spec"] = Value::Object(spec);
        manifest
    }
}

/// A name that shows the topic, as far as a name can: its letters and digits, and a suffix that makes it the only one.
#[must_use]
pub fn name_of(topic: &str, suffix: &str) -> String {
    let suffix: String = suffix.chars().take(6).collect();
    let mut name = String::new();
    for letter in topic.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_alphanumeric() {
            name.push(letter);
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    name.truncate(MAX_NAME - suffix.len() - 1);
    let name = name.trim_matches('-');
    if name.is_empty() { format!("film-{suffix}") } else { format!("{name}-{suffix}") }
}

/// Creates it, refusing fields that there are not. A busy server is asked again, a few times. `manifest`: the whole object.
pub async fn create(
    client: &Client,
    job: &JobRef,
    manifest: &Value,
    dry_run: bool,
    manager: &str,
) -> Result<VideoJob, CallError> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let error = match try_to_create(client, job, manifest, dry_run, manager).await {
            Ok(created) => return Ok(created),
            Err(error) => error,
        };
        match pauses.next() {
            Some(pause) if error.is_throttled() => tokio::time::sleep(pause).await,
            _ => return Err(error),
        }
    }
}

async fn try_to_create(
    client: &Client,
    job: &JobRef,
    manifest: &Value,
    dry_run: bool,
    manager: &str,
) -> Result<VideoJob, CallError> {
    let only_try = if dry_run { "&dryRun=All" } else { "" };
    let path = format!(
        "/apis/{GROUP}/{VERSION}/namespaces/{}/videojobs?fieldManager={manager}&fieldValidation=Strict{only_try}",
        job.namespace
    );
    let request = Request::post(path)
        .header("content-type", "application/json")
        .body(manifest.to_string().into_bytes())
        .map_err(kube::Error::HttpError);
    within(format!("create VideoJob {job}"), async { client.request(request?).await }).await
}

/// Only tries all of them: the API server says what is wrong with any. `take`: gets each as it would be made.
pub async fn try_all(
    client: &Client,
    new: &NewJobs,
    manager: &str,
    mut take: impl FnMut(VideoJob),
) -> Result<(), CallError> {
    for job in &new.jobs {
        match create(client, &new.reference(job), &new.manifest(job), true, manager).await {
            Ok(tried) => take(tried),
            Err(error) if new.is_repeatable && error.is_already_exists() => {}
            // A quota that the first request has filled is reported before that the job is there.
            Err(error) => {
                let is_there = new.is_repeatable && find(client, new, &new.reference(job)).await?.is_some();
                if !is_there {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

/// The job, where it is there and of this request.
pub(crate) async fn find(
    client: &Client,
    new: &NewJobs,
    job: &JobRef,
) -> Result<Option<VideoJob>, CallError> {
    let api: Api<VideoJob> = Api::namespaced(client.clone(), &job.namespace);
    let found = within(format!("get VideoJob {job}"), api.get_opt(&job.name)).await?;
    Ok(found.filter(|found| is_of(found, &new.request)))
}

/// Whether a job was made by this request, and stays: one that is being deleted will not make the film.
fn is_of(job: &VideoJob, request: &str) -> bool {
    let by = job.annotations().get(REQUEST);
    job.metadata.deletion_timestamp.is_none() && by.is_some_and(|by| by == request && !by.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_ref::is_label;

    #[test]
    fn names_are_labels_whatever_the_topic() {
        for topic in ["", "…", "大海", "-a-", &"long ".repeat(40), "Ärger im Paradies!"] {
            let name = name_of(topic, "0123456789");
            assert!(is_label(&name) && name.len() <= MAX_NAME, "{topic:?}: {name}");
        }
    }

    #[test]
    fn each_job_has_what_is_shared_and_its_own_topic() {
        let spec = json!({"topic": "all", "sceneCount": 4}).as_object().cloned().unwrap();
        let mut new = NewJobs { namespace: "films".to_owned(), spec, ..NewJobs::default() };
        new.add(None, Some("Was ist Zeit?".to_owned()), "0123456");
        new.add(Some("ocean".to_owned()), None, "0123456");
        let [first, second] = [0, 1].map(|place| new.manifest(&new.jobs[place]));
        assert_eq!(first["metadata"], json!({"name": "was-ist-zeit-012345", "namespace": "films"}));
        assert_eq!(first["spec"], json!({"topic": "Was ist Zeit?", "sceneCount": 4}));
        assert_eq!(second["metadata"]["name"], "ocean");
        assert_eq!(second["spec"], json!({"topic": "all", "sceneCount": 4}));
    }

    #[test]
    fn a_job_that_is_being_deleted_is_none_of_the_request() {
        let found = |metadata: Value| -> VideoJob {
            serde_json::from_value(json!({"metadata": metadata, "spec": {"topic": "rivers"}})).unwrap()
        };
        let stays = json!({"name": "a", "annotations": {REQUEST: "abc"}});
        let mut leaves = stays.clone();
        leaves["deletionTimestamp"] = json!("2026-12-24T18:00:00Z");
        assert!(is_of(&found(stays.clone()), "abc"));
        assert!(!is_of(&found(leaves), "abc"));
        assert!(!is_of(&found(stays), "other"));
        assert!(!is_of(&found(json!({"name": "a"})), ""));
    }
}
