//! What workers say while they work: kept in memory, and let into a status at most every [`EVERY`].
//!
//! Losing it changes nothing but the display.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use videofactory_crds::StepName;
use videofactory_pipeline::contract::Progress;

use crate::videojob::model::{LiveProgress, PodFacts, PodState};

/// Least time between two progress writes of a step; the start of a step is a write of its own.
pub const EVERY: Duration = Duration::from_secs(30);
/// A step that said nothing for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// The last words of each step at work.
#[derive(Debug, Default)]
pub struct Board {
    posts: Mutex<HashMap<(String, StepName), Post>>,
}

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

impl Board {
    /// Takes what the worker in this pod says; whether that is due to enter the status of `owner`, a `VideoJob`'s UID.
    pub fn post(&self, owner: &str, pod: &PodFacts, progress: Progress) -> bool {
        let now = Instant::now();
        let mut posts = self.posts.lock();
        posts.retain(|_, post| post.at.elapsed() < FORGOTTEN_AFTER);
        let post = posts.entry((owner.to_owned(), pod.step)).or_insert_with(|| Post::new(pod, now));
        if (post.run, post.attempt) < (pod.run, pod.attempt) {
            *post = Post::new(pod, now);
        }
        if (post.run, post.attempt) != (pod.run, pod.attempt) || post.progress == progress {
            return false;
        }
        post.progress = progress;
        post.at = now;
        post.fresh = true;
        post.is_due()
    }

    /// What was said last of each step at work for this owner.
    #[must_use]
    pub fn of(&self, owner: &str) -> BTreeMap<StepName, Progress> {
        let posts = self.posts.lock();
        let of_owner =
            posts.iter().filter(|((uid, _), post)| uid == owner && post.at.elapsed() < FORGOTTEN_AFTER);
        of_owner.map(|((_, step), post)| (*step, post.progress.clone())).collect()
    }

    /// What is due to enter the status of this owner, of steps whose pods are at work.
    #[must_use]
    pub fn due(&self, owner: &str, pods: &[PodFacts]) -> BTreeMap<StepName, LiveProgress> {
        let posts = self.posts.lock();
        let running = pods.iter().filter(|pod| pod.state == PodState::Running);
        running
            .filter_map(|pod| {
                let post = posts.get(&(owner.to_owned(), pod.step))?;
                let mine = (post.run, post.attempt) == (pod.run, pod.attempt);
                let live = LiveProgress { attempt: post.attempt, progress: post.progress.clone() };
                (mine && post.is_due()).then_some((pod.step, live))
            })
            .collect()
    }

    /// What was due has entered the status.
    pub fn entered(&self, owner: &str, steps: impl IntoIterator<Item = StepName>) {
        let mut posts = self.posts.lock();
        for step in steps {
            if let Some(post) = posts.get_mut(&(owner.to_owned(), step)) {
                post.entered = Instant::now();
                post.fresh = false;
            }
        }
    }
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
        let board = Board::default();
        assert!(!board.post("vj", &pod(1), said("first")), "the start of the step was a write already");
        tokio::time::advance(EVERY).await;
        assert!(board.post("vj", &pod(1), said("second")));
        assert_eq!(board.due("vj", &[pod(1)])[&StepName::AssembleVideo].progress, said("second"));
        board.entered("vj", [StepName::AssembleVideo]);
        assert!(board.due("vj", &[pod(1)]).is_empty());
        assert!(!board.post("vj", &pod(1), said("third")));
        tokio::time::advance(EVERY).await;
        assert_eq!(board.due("vj", &[pod(1)]).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_new_is_never_due() {
        let board = Board::default();
        board.post("vj", &pod(1), said("same"));
        tokio::time::advance(EVERY).await;
        board.entered("vj", [StepName::AssembleVideo]);
        tokio::time::advance(EVERY).await;
        assert!(!board.post("vj", &pod(1), said("same")));
        assert!(board.due("vj", &[pod(1)]).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_attempt_is_not_heard_any_more() {
        let board = Board::default();
        board.post("vj", &pod(2), said("new"));
        board.post("vj", &pod(1), said("old"));
        tokio::time::advance(EVERY).await;
        assert_eq!(board.due("vj", &[pod(1), pod(2)])[&StepName::AssembleVideo].progress, said("new"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_has_ended_enters_nothing() {
        let board = Board::default();
        board.post("vj", &pod(1), said("first"));
        tokio::time::advance(EVERY).await;
        assert!(board.due("vj", &[]).is_empty());
    }
}
