//! Films of a few seconds: how a test creates one, follows it, and edits it.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::api::{ListParams, PostParams};
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use videofactory_crds::condition::{self, ConditionType, Phase, StepState, VideoJobReason};
use videofactory_crds::videojob::StepStatus;
use videofactory_crds::{StepName, VideoJob, VideoJobStatus};

use super::bucket::Artifacts;
use super::test_env::TestEnv;
use super::{operator, pods, wait};
use crate::api_server::merge;

/// A film that a test creates: a few short scenes in 360p, published to the bucket, so that all six steps run.
#[derive(Clone, Debug)]
pub struct NewFilm {
    name: String,
    annotations: Value,
    spec: Value,
}

impl NewFilm {
    /// A film of so many scenes.
    #[must_use]
    pub fn of(scenes: usize) -> Self {
        let scenes: Vec<Value> = (1..=scenes)
            .map(|number| {
                json!({
                    "id": format!("s{number}"),
                    "narration": format!("This is scene number {number}."),
                    "imagePrompt": format!("The sea, {number} fathoms deep"),
                })
            })
            .collect();
        Self {
            name: "film".to_owned(),
            annotations: json!({}),
            spec: json!({
                "scenes": scenes,
                "format": {"aspectRatio": "16:9", "resolution": "360p", "fps": 24},
                "audio": {"music": {"source": "None"}},
                "publish": {"targets": [{"name": "main", "type": "Bucket"}]},
                // Several films at once on a machine with two processors.
                "compute": {"steps": {
                    "generate-images": {"resources": {"requests": {"cpu": "50m"}}},
                    "narrate-scenes": {"resources": {"requests": {"cpu": "50m"}}},
                    "assemble-video": {"resources": {"requests": {"cpu": "50m"}}},
                }},
            }),
        }
    }

    /// Under another name than `film`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// With this annotation from the start.
    #[must_use]
    pub fn annotated(mut self, name: &str, value: &str) -> Self {
        self.annotations[name] = json!(value);
        self
    }

    /// Suspended from the start, so that nothing is made of it.
    #[must_use]
    pub fn suspended(self) -> Self {
        self.with(json!({"suspend": true}))
    }

    /// With these fields laid over the spec; null takes one out.
    #[must_use]
    pub fn with(mut self, fields: Value) -> Self {
        merge(&mut self.spec, fields);
        self
    }

    /// Stops for approval once the film is assembled.
    #[must_use]
    pub fn reviewed(self) -> Self {
        self.with(json!({"review": {"after": ["assemble-video"]}}))
    }

    /// With pictures that are larger than the memory which they are given, so that the worker is killed for it; the
    /// edit [`fed`] fixes that.
    #[must_use]
    pub fn starved(self) -> Self {
        self.with(json!({
            "format": {"resolution": "1080p"},
            "compute": {"steps": {"generate-images": {"resources": {"limits": {"memory": "16Mi"}}}}},
        }))
    }

    /// The first failure that a step counts fails the film. A film that has succeeded shows no failure: the count starts again
    /// with each scene and each step that is done. So this is how a test shows that something counts as none.
    #[must_use]
    pub fn without_retries(self) -> Self {
        self.with(json!({"retry": {"limit": 0}}))
    }

    /// As it is applied.
    #[must_use]
    pub fn manifest(&self) -> Value {
        json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": self.name, "annotations": self.annotations},
            "spec": self.spec,
        })
    }
}

/// The edit that gives a starved film the memory that it needs.
#[must_use]
pub fn fed() -> Value {
    json!({"compute": {"steps": {"generate-images": {"resources": {"limits": null}}}}})
}

/// A film that nothing is published of, so that it can be edited when it is done.
#[must_use]
pub fn unpublished(name: &str) -> NewFilm {
    NewFilm::of(2).named(name).with(json!({"publish": null}))
}

/// A `VideoJob` at work.
#[derive(Clone)]
pub struct Film {
    env: TestEnv,
    pub name: String,
    pub uid: String,
}

impl TestEnv {
    /// Creates a job.
    pub async fn create_film(&self, new_film: NewFilm) -> anyhow::Result<Film> {
        let job: VideoJob = serde_json::from_value(new_film.manifest())?;
        let made = self.api::<VideoJob>().create(&PostParams::default(), &job).await?;
        Ok(Film::new(self.clone(), &made))
    }
}

impl Film {
    /// A job that exists.
    #[must_use]
    pub fn new(env: TestEnv, job: &VideoJob) -> Self {
        Self { env, name: job.name_any(), uid: job.uid().unwrap_or_default() }
    }

    pub async fn now(&self) -> anyhow::Result<VideoJob> {
        Ok(self.env.api::<VideoJob>().get(&self.name).await?)
    }

    /// Its status as it is now.
    pub async fn status(&self) -> anyhow::Result<VideoJobStatus> {
        Ok(self.now().await?.status.unwrap_or_default())
    }

    /// Waits until its status is so, and returns it.
    pub async fn until(
        &self,
        what: &str,
        mut so: impl FnMut(&VideoJobStatus) -> bool,
    ) -> anyhow::Result<VideoJobStatus> {
        wait::until(&self.env.api::<VideoJob>(), wait::named(&self.name), what, |all| {
            let job = all.get(&self.name)?;
            let status = job.status.as_ref()?;
            // What it says of an older spec is no answer.
            let current = status.observed_generation == job.metadata.generation;
            (current && so(status)).then(|| status.clone())
        })
        .await
    }

    /// Waits until it has succeeded.
    pub async fn succeeded(&self) -> anyhow::Result<VideoJobStatus> {
        self.phase(Phase::Succeeded).await
    }

    /// Waits until it is deleted.
    pub async fn gone(&self) -> anyhow::Result<()> {
        wait::until(&self.env.api::<VideoJob>(), wait::named(&self.name), "the job to be gone", |all| {
            all.is_empty().then_some(())
        })
        .await
    }

    /// Waits for a phase.
    pub async fn phase(&self, phase: Phase) -> anyhow::Result<VideoJobStatus> {
        self.until(&format!("{} to be {phase}", self.name), |status| status.phase == Some(phase)).await
    }

    /// Waits until Ready gives this reason, and returns its message.
    pub async fn says(&self, reason: VideoJobReason) -> anyhow::Result<String> {
        let status = self
            .until(&format!("{} to say {reason}", self.name), |status| ready(status).0 == reason.to_string())
            .await?;
        Ok(ready(&status).1)
    }

    /// Waits until an Event has this reason: what was reported before it is written, too.
    pub async fn reported(&self, reason: VideoJobReason) -> anyhow::Result<()> {
        let events: Api<Event> = self.env.api();
        let (uid, reason) = (Some(&self.uid), Some(reason.to_string()));
        wait::until(&events, watcher::Config::default(), &format!("an Event of {reason:?}"), |all| {
            let about =
                |event: &Event| event.regarding.as_ref().and_then(|object| object.uid.as_ref()) == uid;
            all.values().any(|event| about(event) && event.reason == reason).then_some(())
        })
        .await
    }

    /// Waits for a step's state.
    pub async fn step(&self, step: StepName, state: StepState) -> anyhow::Result<StepStatus> {
        let what = format!("{step} to be {state}");
        let status =
            self.until(&what, |status| status.step(step).and_then(|step| step.state) == Some(state)).await?;
        status.step(step).cloned().ok_or_else(|| anyhow::anyhow!("no {step}"))
    }

    /// Changes the object by a merge patch.
    pub async fn patch(&self, patch: Value) -> anyhow::Result<()> {
        self.env.patch::<VideoJob>(&self.name, &patch).await.map(drop)
    }

    /// Changes its spec by a merge patch.
    pub async fn edit(&self, spec: Value) -> anyhow::Result<()> {
        self.patch(json!({"spec": spec})).await
    }

    /// Sets an annotation; null takes it away.
    pub async fn annotate(&self, name: &str, value: impl Into<Value>) -> anyhow::Result<()> {
        self.patch(json!({"metadata": {"annotations": {name: value.into()}}})).await
    }

    /// Waits for a running pod of this step, and returns it.
    pub async fn running_pod(&self, step: StepName) -> anyhow::Result<Pod> {
        self.pod(step, "run", |pod| {
            pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
                && pod.metadata.deletion_timestamp.is_none()
        })
        .await
    }

    /// Waits for a pod of this step that is so, and returns it.
    pub async fn pod(
        &self,
        step: StepName,
        what: &str,
        mut so: impl FnMut(&Pod) -> bool,
    ) -> anyhow::Result<Pod> {
        let which = watcher::Config::default().labels(&format!(
            "{}={},videofactory.dev/step={step}",
            pods::UID,
            self.uid
        ));
        let api: Api<Pod> = self.env.api();
        wait::until(&api, which, &format!("a pod of {step} to {what}"), |all| {
            all.values().find(|pod| so(pod)).cloned()
        })
        .await
    }

    /// Kills the worker of this attempt with SIGKILL, as soon as it runs.
    pub async fn kill_attempt(&self, step: StepName, attempt: i32) -> anyhow::Result<()> {
        let pod = self
            .pod(step, &format!("run as attempt {attempt}"), |pod| pods::is_running_as(pod, attempt))
            .await?;
        operator::sigkill_in(&pod.uid().unwrap_or_default(), "videofactory-worker")
    }

    /// How many Jobs it ever had is how many are there: their time to live is longer than a test.
    pub async fn jobs(&self) -> anyhow::Result<usize> {
        let api: Api<k8s_openapi::api::batch::v1::Job> = self.env.api();
        Ok(api.list(&ListParams::default().labels(&format!("{}={}", pods::UID, self.uid))).await?.items.len())
    }

    /// What it has in the bucket, logs and outcomes aside.
    pub async fn artifacts(&self) -> anyhow::Result<Artifacts> {
        let mut all = self.env.bucket_view.list("").await?;
        all.retain(|key, _| {
            !key.contains("/logs/")
                && !key.contains("/outcomes/")
                && key.contains(&format!("/{}-", self.name))
        });
        Ok(all)
    }

    /// Waits until so many keys with this part are in the bucket.
    pub async fn has_made(&self, part: &str, least: usize) -> anyhow::Result<()> {
        wait::asked(&format!("{least} keys with {part}"), async || {
            let made = self.artifacts().await?.keys().filter(|key| key.contains(part)).count();
            Ok((made >= least).then_some(()))
        })
        .await
    }
}

/// Reason and message of Ready; empty if it says nothing yet.
#[must_use]
pub fn ready(status: &VideoJobStatus) -> (String, String) {
    condition::get(&status.conditions, ConditionType::Ready)
        .map(|ready| (ready.reason.clone(), ready.message.clone()))
        .unwrap_or_default()
}

/// The step's number of attempts so far.
#[must_use]
pub fn attempts(status: &VideoJobStatus, step: StepName) -> i32 {
    status.step(step).and_then(|step| step.attempt).unwrap_or_default()
}

/// The digest of the whole film; empty if it is not made yet.
#[must_use]
pub fn digest(status: &VideoJobStatus) -> String {
    status.step(StepName::AssembleVideo).and_then(|step| step.output_digest.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_laid_over_and_null_takes_out() {
        let new_film = NewFilm::of(1).with(json!({"publish": null, "format": {"fps": 30}}));
        let spec = &new_film.manifest()["spec"];
        assert_eq!(spec["format"]["fps"], 30);
        assert_eq!(spec["format"]["resolution"], "360p");
        assert!(spec.get("publish").is_none());
    }
}
