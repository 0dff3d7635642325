//! What is to be sent next to somebody who follows the jobs. Of a job that changed often since it was sent last, only how
//! it is now: what a slow reader makes us keep is a name for each job, however long it takes. Pure.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use kube::ResourceExt;
use kube::runtime::reflector::{ObjectRef, Store};
use videofactory_client::{JobFilter, JobRef};
use videofactory_crds::VideoJob;

use super::event::{DeletedJob, FollowedJob, StreamEvent, Synced};
use crate::changes::Change;
use crate::state::Guarded;

/// Jobs as the store has them.
pub type Jobs = Store<Guarded<VideoJob>>;

/// What one reader knows, and what is still to be looked at for them.
#[derive(Debug)]
pub struct Follower {
    filter: JobFilter,
    /// To be looked at now. Jobs that change meanwhile have their turn in the next round, so that none waits for ever.
    round: VecDeque<JobRef>,
    next_round: BTreeSet<JobRef>,
    sent: HashMap<JobRef, Sent>,
    is_synced: bool,
}

/// How a job was sent last.
#[derive(Debug)]
struct Sent {
    uid: String,
    /// Of all that was sent.
    hash: u64,
}

/// What is next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// This job is to be looked at.
    Look(JobRef),
    /// All that was there at first has been looked at.
    Synced,
    /// Nothing, before something changes.
    Wait,
}

impl Follower {
    /// Somebody who knows of no job yet.
    #[must_use]
    pub fn new(filter: JobFilter, jobs: &Jobs) -> Self {
        let mut follower = Self {
            filter,
            round: VecDeque::new(),
            next_round: BTreeSet::new(),
            sent: HashMap::new(),
            is_synced: false,
        };
        follower.note(Change::All, jobs);
        follower.begin_round();
        follower
    }

    /// Keeps in mind what is to be looked at.
    pub fn note(&mut self, change: Change, jobs: &Jobs) {
        match change {
            Change::Job(job) if self.filter.matches_namespace(&job.namespace) => {
                self.next_round.insert(job);
            }
            Change::Job(_) => {}
            Change::All => {
                let present = jobs.state();
                let present = present.iter().map(|job| JobRef {
                    namespace: job.namespace().unwrap_or_default(),
                    name: job.name_any(),
                });
                self.next_round.extend(present.filter(|job| self.filter.matches_namespace(&job.namespace)));
                self.next_round.extend(self.sent.keys().cloned());
            }
        }
    }

    /// What is next.
    pub fn next(&mut self) -> Next {
        if self.round.is_empty() {
            if !self.is_synced {
                self.is_synced = true;
                return Next::Synced;
            }
            self.begin_round();
        }
        self.round.pop_front().map_or(Next::Wait, Next::Look)
    }

    fn begin_round(&mut self) {
        self.round = std::mem::take(&mut self.next_round).into_iter().collect();
    }

    /// That all which was there at first has been sent.
    #[must_use]
    pub fn synced(&self) -> StreamEvent {
        StreamEvent::Synced(Synced { jobs: self.sent.len() })
    }

    /// The job, if it is to be sent to this reader; one that this version of the operator cannot read is as if there were
    /// none.
    #[must_use]
    pub fn take<'a>(&self, found: &'a Guarded<VideoJob>) -> Option<&'a VideoJob> {
        found.0.as_ref().ok().filter(|job| self.filter.matches(job))
    }

    /// What is to be sent of a job that is now so; nothing, if the reader knows it. `found`: `None` if there is no such
    /// job, or the filter does not take it.
    pub fn update(&mut self, job: JobRef, found: Option<FollowedJob>) -> Option<StreamEvent> {
        let Some(found) = found else { return self.forget(job) };
        if self.sent.get(&job).is_some_and(|sent| sent.uid != found.uid()) {
            // Another one of the same name: it comes right after the end of the first.
            self.round.push_front(job.clone());
            return self.forget(job);
        }
        let hash = hash(&found);
        let before = self.sent.insert(job, Sent { uid: found.uid().to_owned(), hash });
        let is_new = before.is_none_or(|before| before.hash != hash);
        is_new.then(|| StreamEvent::Job(Box::new(found)))
    }

    fn forget(&mut self, job: JobRef) -> Option<StreamEvent> {
        let Sent { uid, .. } = self.sent.remove(&job)?;
        let (namespace, name) = (job.namespace.clone(), job.name.clone());
        Some(StreamEvent::Deleted(DeletedJob { id: job, uid, namespace, name }))
    }
}

fn hash(job: &FollowedJob) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(job).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

/// A job as the store has it now.
pub fn look_up(jobs: &Jobs, job: &JobRef) -> Option<Arc<Guarded<VideoJob>>> {
    jobs.get(&ObjectRef::new(&job.name).within(&job.namespace))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::runtime::reflector::store::{Writer, store};
    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::job;

    struct Cluster(Jobs, Writer<Guarded<VideoJob>>);

    impl Cluster {
        fn of(jobs: &[Value]) -> Self {
            let (reader, writer) = store();
            let mut cluster = Self(reader, writer);
            for job in jobs {
                cluster.put(job);
            }
            cluster
        }

        fn put(&mut self, job: &Value) {
            self.1.apply_watcher_event(&Event::Apply(serde_json::from_value(job.clone()).unwrap()));
        }

        fn remove(&mut self, job: &Value) {
            self.1.apply_watcher_event(&Event::Delete(serde_json::from_value(job.clone()).unwrap()));
        }
    }

    /// All that is sent until something changes, in short.
    fn events(follower: &mut Follower, jobs: &Jobs) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let event = match follower.next() {
                Next::Wait => return all,
                Next::Synced => Some(follower.synced()),
                Next::Look(job) => {
                    let found = look_up(jobs, &job);
                    let found = found.as_deref().and_then(|found| follower.take(found));
                    let found = found.map(|job| FollowedJob::of(job, BTreeMap::new()));
                    follower.update(job, found)
                }
            };
            all.extend(event.map(|event| {
                let said = serde_json::to_value(&event).unwrap();
                let (what, data) = (&said["event"], &said["data"]);
                let which = data["id"].as_str().map_or(data.to_string(), str::to_owned);
                format!("{} {which} {}", what.as_str().unwrap(), data["phase"].as_str().unwrap_or_default())
            }));
        }
    }

    fn film(name: &str, phase: &str) -> Value {
        job("films", name, &json!({"phase": phase}))
    }

    fn changed(name: &str) -> Change {
        Change::Job(JobRef { namespace: "films".to_owned(), name: name.to_owned() })
    }

    #[test]
    fn first_all_jobs_are_sent_in_order_and_then_only_what_changes() {
        let mut cluster = Cluster::of(&[film("b", "Running"), film("a", "Failed")]);
        let mut follower = Follower::new(JobFilter::default(), &cluster.0);
        assert_eq!(
            events(&mut follower, &cluster.0),
            ["job films/a Failed", "job films/b Running", "synced {\"jobs\":2} "]
        );
        follower.note(changed("a"), &cluster.0);
        assert_eq!(events(&mut follower, &cluster.0), [""; 0], "a change that shows nowhere is none");
        cluster.put(&film("a", "Running"));
        cluster.remove(&film("b", "Running"));
        follower.note(changed("a"), &cluster.0);
        follower.note(changed("b"), &cluster.0);
        assert_eq!(events(&mut follower, &cluster.0), ["job films/a Running", "deleted films/b "]);
        follower.note(changed("b"), &cluster.0);
        assert_eq!(events(&mut follower, &cluster.0), [""; 0], "it is gone once");
    }

    #[test]
    fn a_job_that_leaves_the_filter_is_sent_as_deleted_and_comes_again() {
        let mut cluster = Cluster::of(&[film("a", "Running"), film("b", "Failed")]);
        let filter = JobFilter { phase: Some(videofactory_crds::Phase::Running), ..JobFilter::default() };
        let mut follower = Follower::new(filter, &cluster.0);
        assert_eq!(events(&mut follower, &cluster.0), ["job films/a Running", "synced {\"jobs\":1} "]);
        for (phase, expected) in [("Succeeded", "deleted films/a "), ("Running", "job films/a Running")] {
            cluster.put(&film("a", phase));
            follower.note(changed("a"), &cluster.0);
            assert_eq!(events(&mut follower, &cluster.0), [expected]);
        }
    }

    #[test]
    fn what_is_in_other_namespaces_is_not_even_read() {
        let cluster = Cluster::of(&[job("news", "a", &Value::Null)]);
        let filter = JobFilter { namespace: Some("films".to_owned()), ..JobFilter::default() };
        let mut follower = Follower::new(filter, &cluster.0);
        follower.note(Change::Job(JobRef { namespace: "news".to_owned(), name: "a".to_owned() }), &cluster.0);
        assert_eq!((follower.next(), follower.next()), (Next::Synced, Next::Wait));
    }

    #[test]
    fn of_a_reader_who_is_behind_each_job_is_kept_once() {
        let mut cluster = Cluster::of(&[film("a", "Pending"), film("b", "Pending")]);
        let mut follower = Follower::new(JobFilter::default(), &cluster.0);
        events(&mut follower, &cluster.0);
        for phase in ["Running", "Waiting", "Running", "Failed"] {
            for name in ["b", "a"] {
                cluster.put(&film(name, phase));
                follower.note(changed(name), &cluster.0);
            }
        }
        follower.note(Change::All, &cluster.0);
        assert_eq!(follower.next_round.len(), 2);
        assert_eq!(events(&mut follower, &cluster.0), ["job films/a Failed", "job films/b Failed"]);
    }

    #[test]
    fn what_was_missed_is_found_when_all_may_have_changed() {
        let mut cluster = Cluster::of(&[film("a", "Pending"), film("b", "Pending")]);
        let mut follower = Follower::new(JobFilter::default(), &cluster.0);
        events(&mut follower, &cluster.0);
        cluster.remove(&film("a", "Pending"));
        cluster.put(&film("c", "Pending"));
        follower.note(Change::All, &cluster.0);
        assert_eq!(events(&mut follower, &cluster.0), ["deleted films/a ", "job films/c Pending"]);
    }

    #[test]
    fn another_job_of_the_same_name_is_another_one() {
        let mut cluster = Cluster::of(&[film("a", "Failed")]);
        let mut follower = Follower::new(JobFilter::default(), &cluster.0);
        events(&mut follower, &cluster.0);
        let mut again = film("a", "Failed");
        again["metadata"]["uid"] = json!("another");
        cluster.put(&again);
        follower.note(changed("a"), &cluster.0);
        assert_eq!(events(&mut follower, &cluster.0), ["deleted films/a ", "job films/a Failed"]);
    }
}
