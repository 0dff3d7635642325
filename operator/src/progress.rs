//! The latest progress reports of workers: kept in memory, and written to a status at most every [`EVERY`].
//!
//! Losing it changes nothing but the display.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use videofactory_crds::StepName;
use videofactory_pipeline::contract::Progress;

use crate::caches::OwnerKey;
use crate::videojob::model::{LiveProgress, PodFacts, PodState};

/// Least time between two progress writes of a step; the start of a step is a write of its own.
pub const EVERY: Duration = Duration::from_secs(30);
/// A step that said nothing for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// The latest progress of each step at work.
#[derive(Debug, Default)]
pub struct ProgressStore {
    posts: Mutex<HashMap<OwnerKey, BTreeMap<StepName, Post>>>,
}

/// What is new in what a worker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressChange {
    /// Nothing.
    None,
    /// It is to be displayed.
    Displayed,
    /// It is to be displayed, and due to enter the status.
    StatusDue,
}

/// What was said last of each step at work, by owner.
pub type Said = BTreeMap<OwnerKey, BTreeMap<StepName, Progress>>;

#[derive(Debug)]
struct Post {
    run: i64,
    attempt: i32,
    progress: Progress,
    at: Instant,
    /// When the status last changed for this attempt: at its start, or by its progress.
    entered: Instant,
    /// It says something that the status does not hold yet.
    fresh: bool,
}

impl ProgressStore {
    /// Takes what the worker in this pod says.
    pub fn post(&self, owner: &OwnerKey, pod: &PodFacts, progress: Progress) -> ProgressChange {
        let now = Instant::now();
        let mut posts = self.posts.lock();
        posts.retain(|_, steps| {
            steps.retain(|_, post| post.at.elapsed() < FORGOTTEN_AFTER);
            !steps.is_empty()
        });
        let steps = posts.entry(owner.clone()).or_default();
        let post = steps.entry(pod.step).or_insert_with(|| Post::new(pod, now));
        if (post.run, post.attempt) < (pod.run, pod.attempt) {
            *post = Post::new(pod, now);
        }
        if (post.run, post.attempt) != (pod.run, pod.attempt) {
            return ProgressChange::None;
        }
        post.at = now;
        let is_new = post.progress != progress;
        if is_new {
            post.progress = progress;
            post.fresh = true;
        }
        // What is said again may have been too early for the status when it was new.
        match (post.is_due(), is_new) {
            (true, _) => ProgressChange::StatusDue,
            (false, true) => ProgressChange::Displayed,
            (false, false) => ProgressChange::None,
        }
    }

    /// What was said last of each step at work for this owner.
    #[must_use]
    pub fn of(&self, owner: &OwnerKey) -> BTreeMap<StepName, Progress> {
        self.posts.lock().get(owner).map(last_words).unwrap_or_default()
    }

    /// What was said last of each step for which `is_at_work`, for all owners.
    #[must_use]
    pub fn all(&self, is_at_work: impl Fn(&OwnerKey, StepName) -> bool) -> Said {
        let mut all: Said =
            self.posts.lock().iter().map(|(owner, steps)| (owner.clone(), last_words(steps))).collect();
        all.retain(|owner, steps| {
            steps.retain(|step, _| is_at_work(owner, *step));
            !steps.is_empty()
        });
        all
    }

    /// What is due to enter the status of this owner, of steps whose pods are at work.
    #[must_use]
    pub fn due(&self, owner: &OwnerKey, pods: &[PodFacts]) -> BTreeMap<StepName, LiveProgress> {
        let posts = self.posts.lock();
        let running = pods.iter().filter(|pod| pod.state == PodState::Running);
        running
            .filter_map(|pod| {
                let post = posts.get(owner)?.get(&pod.step)?;
                let mine = (post.run, post.attempt) == (pod.run, pod.attempt);
                let live = LiveProgress { attempt: post.attempt, progress: post.progress.clone() };
                (mine && post.is_due()).then_some((pod.step, live))
            })
            .collect()
    }

    /// What was due has entered the status. What came since then is still to enter it.
    pub fn entered(&self, owner: &OwnerKey, due: &BTreeMap<StepName, LiveProgress>) {
        let mut posts = self.posts.lock();
        for (step, live) in due {
            let post = posts.get_mut(owner).and_then(|steps| steps.get_mut(step));
            if let Some(post) = post.filter(|post| post.attempt == live.attempt) {
                post.entered = Instant::now();
                post.fresh = post.progress != live.progress;
            }
        }
    }
}

fn last_words(steps: &BTreeMap<StepName, Post>) -> BTreeMap<StepName, Progress> {
    let fresh = steps.iter().filter(|(_, post)| post.at.elapsed() < FORGOTTEN_AFTER);
    fresh.map(|(step, post)| (*step, post.progress.clone())).collect()
}

impl Post {
    fn new(pod: &PodFacts, now: Instant) -> Self {
        let progress = Progress::default();
        Self { run: pod.run, attempt: pod.attempt, progress, at: now, entered: now, fresh: false }
    }

    fn is_due(&self) -> bool {
        self.fresh && self.entered.elapsed() >= EVERY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(uid: &str) -> OwnerKey {
        OwnerKey::new("films", uid)
    }

    fn vj() -> OwnerKey {
        owner("vj")
    }

    fn pod(attempt: i32) -> PodFacts {
        PodFacts {
            name: "p".into(),
            uid: format!("pod-{attempt}"),
            run: 1,
            step: StepName::AssembleVideo,
            attempt,
            gone_by: None,
            outlived: false,
            state: PodState::Running,
        }
    }

    fn said(message: &str) -> Progress {
        Progress { message: message.into(), ..Progress::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn progress_enters_the_status_at_most_every_thirty_seconds() {
        let store = ProgressStore::default();
        let first = store.post(&vj(), &pod(1), said("first"));
        assert_eq!(first, ProgressChange::Displayed, "the start of the step was a write already");
        tokio::time::advance(EVERY).await;
        assert_eq!(store.post(&vj(), &pod(1), said("second")), ProgressChange::StatusDue);
        assert_eq!(store.due(&vj(), &[pod(1)])[&StepName::AssembleVideo].progress, said("second"));
        store.entered(&vj(), &store.due(&vj(), &[pod(1)]));
        assert!(store.due(&vj(), &[pod(1)]).is_empty());
        assert_eq!(store.post(&vj(), &pod(1), said("third")), ProgressChange::Displayed);
        tokio::time::advance(EVERY).await;
        assert_eq!(store.due(&vj(), &[pod(1)]).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_new_is_never_due() {
        let store = ProgressStore::default();
        store.post(&vj(), &pod(1), said("same"));
        tokio::time::advance(EVERY).await;
        store.entered(&vj(), &store.due(&vj(), &[pod(1)]));
        tokio::time::advance(EVERY).await;
        assert_eq!(store.post(&vj(), &pod(1), said("same")), ProgressChange::None);
        assert!(store.due(&vj(), &[pod(1)]).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_again_and_again_is_not_forgotten() {
        let store = ProgressStore::default();
        for _ in 0..3 {
            store.post(&vj(), &pod(1), said("same"));
            tokio::time::advance(FORGOTTEN_AFTER / 2).await;
            assert_eq!(store.of(&vj())[&StepName::AssembleVideo], said("same"));
        }
        tokio::time::advance(FORGOTTEN_AFTER).await;
        assert!(store.of(&vj()).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn only_steps_at_work_are_reported_to_other_replicas() {
        let store = ProgressStore::default();
        store.post(&owner("a"), &pod(1), said("at work"));
        store.post(&owner("b"), &pod(1), said("ended"));
        let all = store.all(|of, step| *of == owner("a") && step == StepName::AssembleVideo);
        assert_eq!(all, [(owner("a"), [(StepName::AssembleVideo, said("at work"))].into())].into());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_too_early_or_came_in_between_enters_the_status_later() {
        let store = ProgressStore::default();
        store.post(&vj(), &pod(1), said("early"));
        tokio::time::advance(EVERY).await;
        assert_eq!(store.post(&vj(), &pod(1), said("early")), ProgressChange::StatusDue, "it is said again");
        let due = store.due(&vj(), &[pod(1)]);
        store.post(&vj(), &pod(1), said("between"));
        store.entered(&vj(), &due);
        tokio::time::advance(EVERY).await;
        assert_eq!(store.post(&vj(), &pod(1), said("between")), ProgressChange::StatusDue);
        store.entered(&vj(), &store.due(&vj(), &[pod(1)]));
        tokio::time::advance(EVERY).await;
        assert_eq!(store.post(&vj(), &pod(1), said("between")), ProgressChange::None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_attempt_is_not_heard_any_more() {
        let store = ProgressStore::default();
        store.post(&vj(), &pod(2), said("new"));
        store.post(&vj(), &pod(1), said("old"));
        tokio::time::advance(EVERY).await;
        assert_eq!(store.due(&vj(), &[pod(1), pod(2)])[&StepName::AssembleVideo].progress, said("new"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_has_ended_enters_nothing() {
        let store = ProgressStore::default();
        store.post(&vj(), &pod(1), said("first"));
        tokio::time::advance(EVERY).await;
        assert!(store.due(&vj(), &[]).is_empty());
    }
}
