//! What the API server knows of the jobs whose files are in the bucket.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::condition::{Phase, StepState, VideoJobReason};
use videofactory_crds::requests::ON_JOBS;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_crds::videojob::{OnDelete, PublicationState, is_up_to_date};
use videofactory_crds::{StepName, VideoJob, VideoJobStatus};
use videofactory_pipeline::keys::{KeyParts, pruned_kinds};

use crate::restoring::is_restoring;

/// The lifecycle of a job, as far as pruning is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobLifecycle {
    /// It needs the files of its current run, or may at any moment.
    Live,
    /// Published everywhere, or done with nothing to publish.
    Finished {
        /// When it ended.
        at: Timestamp,
    },
    /// It has failed for good, until a person asks for more.
    Failed {
        /// Whether its film, if there is one, is still to be published.
        awaits_publication: bool,
    },
    /// It is going, and its finalizer deletes its files.
    Deleting,
}

/// Everything about a job that a plan depends on: one that changed is another job to a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoJobFacts {
    /// UID of the object.
    pub uid: String,
    /// Generation of its spec.
    pub generation: i64,
    /// `status.id`, a part of its keys. `None`: not chosen yet, so that any file of its name may be its own.
    pub id: Option<String>,
    /// Number of its current run.
    pub run: i64,
    /// How it stands.
    pub lifecycle: JobLifecycle,
    pub labels: BTreeMap<String, String>,
    /// What people asked for by annotation.
    pub requests: BTreeMap<String, String>,
}

/// A job, as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobReference {
    pub namespace: String,
    pub name: String,
    /// Version of the object, which every write changes.
    pub version: String,
    /// What a plan depends on.
    pub facts: VideoJobFacts,
    /// Kinds of which `status.artifacts.pruned` says that they are gone.
    pub pruned: BTreeSet<ObjectKind>,
}

impl JobReference {
    /// What a plan needs to know of this job.
    #[must_use]
    pub fn of(job: &VideoJob) -> Self {
        let status = job.status.clone().unwrap_or_default();
        let requests = ON_JOBS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), job.annotations().get(*name)?.clone())));
        Self {
            namespace: job.namespace().unwrap_or_default(),
            name: job.name_any(),
            version: job.resource_version().unwrap_or_default(),
            facts: VideoJobFacts {
                uid: job.uid().unwrap_or_default(),
                generation: job.metadata.generation.unwrap_or_default(),
                // What a restore has not ended with may still be changed: any file of its name may be its own.
                id: status.id.clone().filter(|id| !id.is_empty() && !is_restoring(job)),
                run: status.run.unwrap_or(1),
                lifecycle: lifecycle(job, &status),
                labels: job.labels().clone(),
                requests: requests.collect(),
            },
            pruned: pruned_kinds(&status),
        }
    }

    /// A job that is there and cannot be read: nothing of its name is deleted.
    #[must_use]
    pub fn unreadable(namespace: &str, name: &str, uid: &str, version: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            facts: VideoJobFacts {
                uid: uid.to_owned(),
                generation: 0,
                id: None,
                run: 1,
                lifecycle: JobLifecycle::Live,
                labels: BTreeMap::new(),
                requests: BTreeMap::new(),
            },
            pruned: BTreeSet::new(),
        }
    }
}

fn lifecycle(job: &VideoJob, status: &VideoJobStatus) -> JobLifecycle {
    if job.metadata.deletion_timestamp.is_some() {
        return match job.spec.artifacts.on_delete {
            OnDelete::Delete => JobLifecycle::Deleting,
            // Its pods may still be at work.
            OnDelete::Retain => JobLifecycle::Live,
        };
    }
    if is_restoring(job) {
        return JobLifecycle::Live;
    }
    // A controller that has not seen the last edit or request may begin again at any moment.
    if !is_up_to_date(job, status) {
        return JobLifecycle::Live;
    }
    match status.phase {
        Some(Phase::Succeeded) if is_published(status) => JobLifecycle::Finished { at: ended(job, status) },
        Some(Phase::Failed) => JobLifecycle::Failed { awaits_publication: awaits_publication(job, status) },
        _ => JobLifecycle::Live,
    }
}

fn is_published(status: &VideoJobStatus) -> bool {
    status.publications.iter().all(|publication| publication.state.is_some_and(PublicationState::is_done))
}

fn ended(job: &VideoJob, status: &VideoJobStatus) -> Timestamp {
    let steps = status.steps.iter().filter_map(|step| step.finished_at.as_ref());
    let created = job.metadata.creation_timestamp.as_ref();
    steps.chain(created).map(|time| time.0).max().unwrap_or(Timestamp::UNIX_EPOCH)
}

fn awaits_publication(job: &VideoJob, status: &VideoJobStatus) -> bool {
    let rejected = status.steps.iter().any(|step| step.reason == Some(VideoJobReason::Rejected));
    let publishing = status.step(StepName::PublishVideo).and_then(|step| step.state);
    let targets = job.spec.settings.publish.as_ref().or_else(|| {
        status.channel.as_ref().and_then(|channel| channel.spec.defaults.as_ref()?.publish.as_ref())
    });
    let targets = targets.and_then(|publish| publish.targets.as_ref());
    let wanted = targets.is_some_and(|targets| !targets.is_empty());
    wanted && !rejected && !publishing.is_some_and(StepState::is_done)
}

/// All jobs of the namespaces whose files a run may judge.
#[derive(Clone, Debug, Default)]
pub struct References {
    namespaces: BTreeSet<String>,
    jobs: HashMap<(String, String), JobReference>,
}

/// Whose the files of one owner are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Owned<'a> {
    /// Jobs of this namespace cannot be seen.
    Elsewhere,
    /// A job's that is there.
    By(&'a JobReference),
    /// A job's that is there and has no id yet: perhaps its own.
    Perhaps(&'a JobReference),
    /// A job's that is gone.
    ByNone,
}

impl References {
    /// `jobs` are all that there are in `namespaces`; files of other namespaces are kept.
    #[must_use]
    pub fn new(namespaces: BTreeSet<String>, jobs: impl IntoIterator<Item = JobReference>) -> Self {
        let jobs = jobs.into_iter().map(|job| ((job.namespace.clone(), job.name.clone()), job)).collect();
        Self { namespaces, jobs }
    }

    /// Whose the files of `name`-`id` in this namespace are.
    #[must_use]
    pub fn owner(&self, namespace: &str, name: &str, id: &str) -> Owned<'_> {
        if !self.namespaces.contains(namespace) {
            return Owned::Elsewhere;
        }
        let Some(job) = self.job(namespace, name) else { return Owned::ByNone };
        match job.facts.id.as_deref() {
            None => Owned::Perhaps(job),
            Some(own) if own == id => Owned::By(job),
            // A job of the same name that came later.
            Some(_) => Owned::ByNone,
        }
    }

    /// Whether nobody writes a file of this name any more: its job is gone, has ended, or is at a later run.
    #[must_use]
    pub fn is_idle(&self, key: &KeyParts<'_>) -> bool {
        match self.owner(key.namespace, key.name, key.id) {
            Owned::Elsewhere | Owned::Perhaps(_) => false,
            Owned::ByNone => true,
            Owned::By(job) => match job.facts.lifecycle {
                JobLifecycle::Live | JobLifecycle::Deleting => key.run < job.facts.run,
                JobLifecycle::Finished { .. } | JobLifecycle::Failed { .. } => true,
            },
        }
    }

    /// The job of this name, if there is one.
    #[must_use]
    pub fn job(&self, namespace: &str, name: &str) -> Option<&JobReference> {
        self.jobs.get(&(namespace.to_owned(), name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use videofactory_crds::requests;

    use super::*;

    /// How a finished job with one target stands once it is changed.
    fn standing_of(change: impl FnOnce(&mut Value)) -> JobLifecycle {
        let mut job = json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {
                "name": "ocean", "namespace": "films", "generation": 2, "annotations": {},
                "creationTimestamp": "2026-11-01T00:00:00Z",
            },
            "spec": {"topic": "the sea", "publish": {"targets": [{"name": "main", "type": "Bucket"}]}},
            "status": {
                "observedGeneration": 2, "id": "3f9c2a1e", "run": 1, "phase": "Succeeded",
                "steps": [
                    {"name": "assemble-video", "state": "Succeeded", "finishedAt": "2026-11-02T00:00:00Z"},
                    {"name": "publish-video", "state": "Succeeded", "finishedAt": "2026-11-03T00:00:00Z"},
                ],
                "publications": [{"target": "main", "state": "Published"}],
                "handled": {"retry": "2026-11-01T12:00:00Z"},
            },
        });
        change(&mut job);
        JobReference::of(&serde_json::from_value(job).unwrap()).facts.lifecycle
    }

    #[test]
    fn a_job_is_finished_once_it_is_published_everywhere_or_has_nothing_to_publish() {
        let finished = JobLifecycle::Finished { at: "2026-11-03T00:00:00Z".parse().unwrap() };
        assert_eq!(standing_of(|_| ()), finished);
        assert_eq!(standing_of(|job| job["status"]["publications"] = json!([])), finished);
        let scheduled = json!([{"target": "main", "state": "Scheduled"}]);
        assert_eq!(standing_of(|job| job["status"]["publications"] = scheduled), finished);
        let half =
            json!([{"target": "main", "state": "Published"}, {"target": "other", "state": "Uploading"}]);
        assert_eq!(standing_of(|job| job["status"]["publications"] = half), JobLifecycle::Live);
        for phase in ["Pending", "Running", "Waiting", "Review", "Suspended"] {
            assert_eq!(
                standing_of(|job| job["status"]["phase"] = json!(phase)),
                JobLifecycle::Live,
                "{phase}"
            );
        }
    }

    #[test]
    fn a_job_that_may_begin_again_at_any_moment_is_live() {
        assert_eq!(standing_of(|job| job["metadata"]["generation"] = json!(3)), JobLifecycle::Live);
        assert_eq!(standing_of(|job| job["status"] = json!({"observedGeneration": -1})), JobLifecycle::Live);
        let annotate =
            |name: &str, value: &str| standing_of(|job| job["metadata"]["annotations"][name] = json!(value));
        let regenerate = r#"{"at":"2026-11-23T12:00:00Z","scenes":["s4"],"what":"clip"}"#;
        assert_eq!(annotate(requests::RETRY, "2026-11-04T00:00:00Z"), JobLifecycle::Live);
        assert_eq!(annotate(requests::RESTART, "2026-11-04T00:00:00Z"), JobLifecycle::Live);
        assert_eq!(annotate(requests::REGENERATE, regenerate), JobLifecycle::Live);
        assert_eq!(annotate(requests::REFRESH_CHANNEL, "2026-11-04T00:00:00Z"), JobLifecycle::Live);
        assert_eq!(annotate(requests::ACCEPT_QUALITY, "3f9c"), JobLifecycle::Live);
        for asks_for_nothing in ["2026-11-01T12:00:00Z", "2026-10-31T00:00:00Z", "tomorrow"] {
            let lifecycle = annotate(requests::RETRY, asks_for_nothing);
            assert!(matches!(lifecycle, JobLifecycle::Finished { .. }), "{asks_for_nothing}");
        }
    }

    #[test]
    fn of_a_job_that_is_being_restored_nothing_is_known() {
        let job: VideoJob = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {
                "name": "ocean", "namespace": "films", "generation": 1,
                "annotations": {"videofactory.dev/restoring": "2026-11-01T00:00:00Z"},
            },
            "spec": {"topic": "the sea"},
            "status": {"observedGeneration": 1, "id": "3f9c2a1e", "phase": "Succeeded", "run": 2},
        }))
        .unwrap();
        let reference = JobReference::of(&job);
        assert_eq!((reference.facts.id.clone(), reference.facts.lifecycle), (None, JobLifecycle::Live));
        let references = References::new(["films".to_owned()].into(), [reference]);
        assert!(matches!(references.owner("films", "ocean", "aaaaaaaa"), Owned::Perhaps(_)));
    }

    #[test]
    fn a_failed_jobs_film_waits_for_publication_unless_a_person_rejected_it() {
        let failed = |publication: Value| {
            standing_of(|job| {
                job["status"]["phase"] = json!("Failed");
                job["status"]["publications"] = json!([]);
                job["status"]["steps"][1] = publication;
            })
        };
        let step =
            |state: &str, reason: &str| json!({"name": "publish-video", "state": state, "reason": reason});
        let awaits = |awaits_publication| JobLifecycle::Failed { awaits_publication };
        assert_eq!(failed(step("Failed", "RetriesExhausted")), awaits(true));
        assert_eq!(failed(json!({"name": "publish-video", "state": "Skipped"})), awaits(false));
        assert_eq!(failed(step("Failed", "Rejected")), awaits(false));
        let without_targets = standing_of(|job| {
            job["status"]["phase"] = json!("Failed");
            job["status"]["steps"] = json!([]);
            job["spec"] = json!({"topic": "the sea"});
        });
        assert_eq!(without_targets, awaits(false));
    }

    #[test]
    fn a_job_that_is_going_takes_its_files_with_it_only_where_it_says_so() {
        let going = |on_delete: &str| {
            standing_of(|job| {
                job["metadata"]["deletionTimestamp"] = json!("2026-11-05T00:00:00Z");
                job["spec"]["artifacts"] = json!({"onDelete": on_delete});
            })
        };
        assert_eq!((going("Delete"), going("Retain")), (JobLifecycle::Deleting, JobLifecycle::Live));
    }
}
