//! The plain data of a job's end: what is observed, what is decided, and what becomes of its files.

use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_crds::{VideoJob, VideoJobStatus};

use crate::config::SideEffects;
use crate::events::Event;
use crate::usage_deltas::Changes;
use crate::videojob::job_bucket::NoPlace;
use crate::videojob::model::{JobFacts, PodFacts};

/// Everything that one decision about a job that is being deleted may know.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// The object, as the API server had it.
    pub job: VideoJob,
    /// Jobs that it owns.
    pub jobs: Vec<JobFacts>,
    /// Pods that carry its UID.
    pub pods: Vec<PodFacts>,
    /// What the operator may do outside the cluster.
    pub side_effects: SideEffects,
    /// Whether a pod of it is at work by a live look; none where nobody had to ask.
    pub at_work: Option<bool>,
}

/// What is to be done about a job that is being deleted.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The status to be written first, if one is.
    pub status: Option<VideoJobStatus>,
    /// Then this.
    pub next: Next,
}

/// What comes next for a job that is being deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Nothing of it is ours to do.
    Nothing,
    /// The finalizer goes: there is nothing to delete, or nothing is to be deleted.
    LetGo,
    /// These Jobs are stopped first: name and UID.
    Stop(Vec<(String, String)>),
    /// Its pods end first, so that nothing is written behind our back; what to report if that takes too long.
    Await(Option<String>),
    /// Its files are deleted: the folder of each kind.
    DeleteFiles(Vec<(ObjectKind, String)>),
    /// Its files stay, and it goes; why.
    KeepFiles(&'static str),
}

/// Why the files of a job stay although it goes, or why it waits for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no way to them any more, and waiting makes none: the job goes, and this is reported.
    NoWay(String),
    /// They are not to be deleted, by the word of a person or because they are another cluster's: the job goes, and this
    /// is reported.
    Kept(String),
    /// They are asked for again; why, and what to do.
    Later(VideoJobReason, String),
}

impl From<NoPlace> for Obstacle {
    fn from(no_place: NoPlace) -> Self {
        match no_place {
            NoPlace::Gone(why) => Self::NoWay(why),
            NoPlace::Others(why) => Self::Kept(why),
            NoPlace::Away(reason, why) => Self::Later(reason, why),
        }
    }
}

/// Files that stayed in the folders of a job that goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Number of files.
    pub count: usize,
    /// The first of them.
    pub examples: Vec<String>,
}

impl Kept {
    /// Most keys that are named.
    const EXAMPLES: usize = 5;

    /// One more stays.
    pub fn add(&mut self, key: &str) {
        self.count += 1;
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(key.to_owned());
        }
    }
}

/// How much was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// There may be more.
    Part,
    /// Nothing is left that may be deleted.
    All,
}

/// What became of a job's files in one look.
#[derive(Debug, PartialEq)]
pub struct DeletionOutcome {
    /// What is gone, below zero.
    pub gone: Changes,
    /// What stays, as far as it was seen.
    pub kept: Kept,
    /// Whether that is all.
    pub ended: Result<Extent, Obstacle>,
}

impl DeletionOutcome {
    /// Nothing was done.
    pub fn nothing(ended: Result<Extent, Obstacle>) -> Self {
        Self { gone: Changes::new(), kept: Kept::default(), ended }
    }
}

/// What follows from one look's deleting.
#[derive(Clone, Debug, PartialEq)]
pub enum After {
    /// The next look continues.
    GoOn,
    /// The job goes, and all of its files that may; the message to people.
    LetGo(Event),
    /// The job goes without its files; the message to people.
    LetGoWithout(Event),
    /// The job stays until more can be deleted; why.
    Stay(VideoJobReason, String),
}
