//! Jobs and pods of the cluster in miniature: they begin, end, are interrupted and get lost, and what they leave in the
//! bucket is there.

use videofactory_crds::StepName;
use videofactory_crds::videojob::PublicationState;
use videofactory_pipeline::contract::{Artifact, ExitCode, Publication, SceneReport, StepInput, StepOutcome};
use videofactory_pipeline::{Digest, SceneSet};

use super::super::super::model::{JobEnd, JobFacts, PodEnd, PodFacts, PodState};
use super::super::super::names::job_name;
use super::super::step::{by_scene, completed};
use super::{Harness, SCENES};

impl Harness {
    pub(super) fn start(&mut self, input: &StepInput) {
        let (step, attempt) = (input.step, input.attempt);
        if self.observed.jobs.iter().any(|job| job.step == step && job.attempt == attempt && !job.deleting) {
            return; // adopted
        }
        let others = self.alive(step);
        assert_eq!(others, 0, "{step}: attempt {attempt} begins beside {others} live pods");
        assert!(
            !self.fencing_tokens.contains(&(step, attempt)),
            "{step}: attempt {attempt} begins under its own fencing token"
        );
        if !input.accounts.is_empty() {
            self.fencing_tokens.insert((step, attempt));
        }
        self.inputs.insert((step, attempt), input.clone());
        self.begun.push((step, attempt));
        let name = job_name(&input.job, step, attempt);
        self.observed.jobs.push(JobFacts {
            name: name.clone(),
            uid: format!("uid-of-{name}"),
            run: input.job.run,
            step,
            attempt,
            created: Some(self.now),
            deleting: false,
            ended: None,
        });
        self.observed.pods.push(PodFacts {
            uid: format!("uid-of-pod-{name}-{}", self.observed.pods.len()),
            name,
            run: input.job.run,
            step,
            attempt,
            gone_by: None,
            outlived: false,
            state: PodState::Running,
        });
    }

    /// The pod gets SIGTERM, says that it was interrupted, and vanishes with its Job.
    pub(super) fn delete_job(&mut self, name: &str, uid: &str) {
        let Some(job) = self.observed.jobs.iter().find(|job| job.name == name && job.uid == uid).cloned()
        else {
            return;
        };
        self.interrupt_pod(job.step);
        self.observed.jobs.retain(|other| other.uid != uid);
    }

    /// The step's live pod is deleted: it writes into the bucket and vanishes, and its Job fails.
    pub fn interrupt_pod(&mut self, step: StepName) {
        let Some(place) = self.place_of_live(step) else { return };
        let pod = self.observed.pods.remove(place);
        let input = &self.inputs[&(step, pod.attempt)];
        let mut outcome = StepOutcome::new(input, ExitCode::TryLater, "stopped");
        outcome.interrupted = true;
        outcome.spent = self.spent.get(&(step, pod.attempt)).cloned().unwrap_or_default();
        self.bucket.insert((step, pod.attempt), outcome);
        self.end_job(step, pod.attempt, &JobEnd::Failed("BackoffLimitExceeded".to_owned()));
    }

    /// The step's live pod vanishes without a word (its node is gone, or it was force-deleted).
    pub fn lose_pod(&mut self, step: StepName) {
        let Some(place) = self.place_of_live(step) else { return };
        let pod = self.observed.pods.remove(place);
        self.end_job(step, pod.attempt, &JobEnd::Failed("BackoffLimitExceeded".to_owned()));
    }

    /// The step's live pod and its Job are gone, and nothing was said anywhere.
    pub fn lose_without_a_trace(&mut self, step: StepName) {
        let Some(place) = self.place_of_live(step) else { return };
        let pod = self.observed.pods.remove(place);
        self.observed.jobs.retain(|job| job.step != step || job.attempt != pod.attempt);
    }

    /// The step's live pod ends without an outcome.
    pub fn end_silently(&mut self, step: StepName, exit_code: i32, out_of_memory: bool) {
        let end = PodEnd {
            exit_code: Some(exit_code),
            out_of_memory,
            reason: String::new(),
            outcome: None,
            started: Some(self.now),
            at: Some(self.now),
        };
        self.end_with(step, end);
    }

    /// The step's live pod ends with this exit code, all its scenes done if it is 0, else the first.
    pub fn end(&mut self, step: StepName, exit: ExitCode) {
        self.end_reported(step, exit, |_| {});
    }

    /// The same, with something more to report.
    pub fn end_reported(&mut self, step: StepName, exit: ExitCode, change: impl FnOnce(&mut StepOutcome)) {
        let Some(place) = self.place_of_live(step) else { panic!("{step} is not at work") };
        let attempt = self.observed.pods[place].attempt;
        let mut outcome = outcome_of(&self.inputs[&(step, attempt)], exit);
        let before = completed(self.step(step));
        if let Some(report) = outcome.scenes.as_mut().filter(|report| report.completed.len() < before.len()) {
            report.completed = before;
        }
        change(&mut outcome);
        self.bucket.insert((step, attempt), outcome.clone());
        let end = PodEnd {
            exit_code: Some(exit.code()),
            out_of_memory: false,
            reason: String::new(),
            outcome: Some(Box::new(outcome)),
            started: Some(self.now),
            at: Some(self.now),
        };
        self.end_with(step, end);
    }

    fn end_with(&mut self, step: StepName, end: PodEnd) {
        let Some(place) = self.place_of_live(step) else { return };
        let attempt = self.observed.pods[place].attempt;
        let ended = if end.exit_code == Some(0) {
            JobEnd::Complete
        } else {
            JobEnd::Failed("BackoffLimitExceeded".to_owned())
        };
        self.observed.pods[place].state = PodState::Ended(end);
        self.end_job(step, attempt, &ended);
    }

    fn end_job(&mut self, step: StepName, attempt: i32, ended: &JobEnd) {
        for job in &mut self.observed.jobs {
            if job.step == step && job.attempt == attempt {
                job.ended = Some(ended.clone());
            }
        }
    }

    /// Jobs and pods that have ended are swept away, as their time to live does.
    pub fn sweep(&mut self) {
        self.observed.jobs.retain(|job| job.ended.is_none());
        self.observed.pods.retain(|pod| !matches!(pod.state, PodState::Ended(_)));
    }

    fn place_of_live(&self, step: StepName) -> Option<usize> {
        self.observed.pods.iter().position(|pod| pod.step == step && !matches!(pod.state, PodState::Ended(_)))
    }

    pub fn alive(&self, step: StepName) -> usize {
        self.observed
            .pods
            .iter()
            .filter(|pod| pod.step == step && !matches!(pod.state, PodState::Ended(_)))
            .count()
    }

    /// The steps that have a live pod.
    pub fn at_work(&self) -> Vec<StepName> {
        StepName::ALL.into_iter().filter(|step| self.alive(*step) > 0).collect()
    }
}

/// Place of a scene: `s1`, or none that is named, is the first.
fn place_of(scene: &str) -> u32 {
    scene.strip_prefix('s').and_then(|number| number.parse::<u32>().ok()).map_or(0, |number| number - 1)
}

/// What a worker with this input says when it ends so. The output follows from the input, as it does
/// for real steps, but for the script: overrides change it.
fn outcome_of(input: &StepInput, exit: ExitCode) -> StepOutcome {
    let mut outcome = StepOutcome::new(input, exit, "as the test says");
    let done = exit == ExitCode::Done;
    if done || exit == ExitCode::QualityCheck {
        outcome.output = Some(Digest::of_bytes(format!("output of {}", input.input).as_bytes()));
    }
    if input.step == StepName::WriteScript && done {
        outcome.scenes = Some(SceneReport { total: SCENES, ..SceneReport::default() });
    }
    if by_scene(input.step) {
        let completed = match input.preview_scene.as_deref() {
            Some(scene) if done => [place_of(scene)].into_iter().collect(),
            Some(_) => SceneSet::default(),
            None => SceneSet::first(if done { SCENES } else { 1 }),
        };
        outcome.scenes = Some(SceneReport { total: SCENES, completed, ..SceneReport::default() });
    }
    if exit == ExitCode::MissingInput {
        outcome.missing_from = Some(StepName::GenerateImages);
    }
    if input.step == StepName::AssembleVideo && done {
        outcome.artifacts.video =
            Some(Artifact { key: "videos/film.mp4".to_owned(), size: 1, seconds: 30.0 });
    }
    if input.step == StepName::PublishVideo && done {
        outcome.publications = vec![Publication {
            target: "main".to_owned(),
            state: PublicationState::Published,
            ..Publication::default()
        }];
    }
    outcome
}
