//! Jobs that a test writes, and what happens to them while a run looks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use async_trait::async_trait;
use videofactory_client::call::CallError;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_operator::storagepolicy::plan::{JobLifecycle, JobReference, VideoJobFacts};
use videofactory_operator::storagepolicy::prune::{JobVersion, Jobs, Marked};

/// A call that a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    List,
    Versions,
    Get,
    Mark,
}

type Change = Box<dyn FnOnce(&mut BTreeMap<String, JobReference>) + Send>;

#[derive(Default)]
struct Inner {
    jobs: BTreeMap<String, JobReference>,
    /// What happens before the so-manieth call of a sort.
    changes: Vec<(Call, usize, Change)>,
    calls: Vec<Call>,
    down_from: Option<(Call, usize)>,
}

/// The jobs of the namespace `films`, by name.
#[derive(Default)]
pub(crate) struct Script(Mutex<Inner>);

impl Script {
    /// A job with the id `1`.
    pub(crate) fn add(&self, name: &str, lifecycle: JobLifecycle) {
        self.0.lock().unwrap().jobs.insert(name.to_owned(), job(name, lifecycle));
    }

    /// Lets something happen to the jobs just before a call, counted from 1.
    pub(crate) fn before(
        &self,
        call: Call,
        number: usize,
        change: impl FnOnce(&mut BTreeMap<String, JobReference>) + Send + 'static,
    ) {
        self.0.lock().unwrap().changes.push((call, number, Box::new(change)));
    }

    /// Somebody writes a job now.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut JobReference)) {
        write(self.0.lock().unwrap().jobs.get_mut(name).unwrap(), change);
    }

    /// From this call on, counted from 1, there is no answer.
    pub(crate) fn down_from(&self, call: Call, number: usize) {
        self.0.lock().unwrap().down_from = Some((call, number));
    }

    /// The kinds that a job's status names as gone.
    pub(crate) fn pruned(&self, name: &str) -> Vec<ObjectKind> {
        self.0.lock().unwrap().jobs[name].pruned.iter().copied().collect()
    }

    /// How many calls of a sort there were.
    pub(crate) fn calls(&self, call: Call) -> usize {
        self.0.lock().unwrap().calls.iter().filter(|other| **other == call).count()
    }

    fn on<T>(
        &self,
        call: Call,
        answer: impl FnOnce(&mut BTreeMap<String, JobReference>) -> T,
    ) -> Result<T, CallError> {
        let mut inner = self.0.lock().unwrap();
        inner.calls.push(call);
        let number = inner.calls.iter().filter(|other| **other == call).count();
        if inner.down_from.is_some_and(|(down, from)| down == call && number >= from) {
            return Err(CallError::TimedOut { what: format!("{call:?}") });
        }
        let due = |change: &mut (Call, usize, Change)| change.0 == call && change.1 == number;
        let changes: Vec<_> = inner.changes.extract_if(.., due).collect();
        for (_, _, change) in changes {
            change(&mut inner.jobs);
        }
        Ok(answer(&mut inner.jobs))
    }
}

/// A job of the namespace `films` with the id `1`.
pub(crate) fn job(name: &str, lifecycle: JobLifecycle) -> JobReference {
    JobReference {
        namespace: "films".to_owned(),
        name: name.to_owned(),
        version: "1".to_owned(),
        facts: VideoJobFacts {
            uid: format!("uid-of-{name}"),
            generation: 1,
            id: Some(super::ID.to_owned()),
            run: 1,
            lifecycle,
            labels: BTreeMap::new(),
            requests: BTreeMap::new(),
        },
        pruned: BTreeSet::new(),
    }
}

pub(crate) fn finished() -> JobLifecycle {
    JobLifecycle::Finished { at: jiff::Timestamp::UNIX_EPOCH }
}

/// Writes a job: what changes it gives it another version.
pub(crate) fn write(job: &mut JobReference, change: impl FnOnce(&mut JobReference)) {
    change(job);
    job.version = (job.version.parse::<u64>().unwrap() + 1).to_string();
}

#[async_trait]
impl Jobs for Script {
    async fn list(&self, namespace: &str) -> Result<Vec<JobReference>, CallError> {
        self.on(Call::List, |jobs| {
            let of_namespace = jobs.values().filter(|job| job.namespace == namespace);
            of_namespace.cloned().collect()
        })
    }

    async fn versions(&self, _: &str) -> Result<HashMap<String, JobVersion>, CallError> {
        self.on(Call::Versions, |jobs| {
            let version =
                |job: &JobReference| JobVersion { uid: job.facts.uid.clone(), version: job.version.clone() };
            jobs.iter().map(|(name, job)| (name.clone(), version(job))).collect()
        })
    }

    async fn get(&self, _: &str, name: &str) -> Result<Option<JobReference>, CallError> {
        self.on(Call::Get, |jobs| jobs.get(name).cloned())
    }

    async fn mark(&self, job: &JobReference, pruned: &BTreeSet<ObjectKind>) -> Result<Marked, CallError> {
        self.on(Call::Mark, |jobs| match jobs.get_mut(&job.name) {
            None => Marked::Gone,
            Some(now) if now.version != job.version => Marked::Changed,
            Some(now) => {
                write(now, |job| job.pruned.clone_from(pruned));
                Marked::Written(Box::new(now.clone()))
            }
        })
    }
}
