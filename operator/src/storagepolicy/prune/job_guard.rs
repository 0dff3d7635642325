//! Guards the jobs whose files a run deletes: one that changed after the plan keeps its files.
//!
//! Before a job's first file goes, its status says which kinds will be gone, so that an edit of it later asks a person
//! instead of paying again in silence. A mark under which nothing was deleted is taken back.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::time::Instant;
use videofactory_crds::storagepolicy::ObjectKind;

use super::super::plan::{Folder, JobReference, Listing, Object, Owned, OwnerIndex, PrunePlan, References};
use super::RunContext;
use super::jobs::{JobVersion, Jobs, Marked};
use videofactory_client::call::CallError;

/// How old what is known of the jobs may be when their files are deleted.
pub const RECHECK_AFTER: Duration = Duration::from_secs(2);
/// Marks that are written at a time.
const MARK_CONCURRENCY: usize = 8;
/// How often a mark is tried again after somebody else wrote first.
const MAX_TRIES: u32 = 5;

/// An owner whose files the plan deletes.
#[derive(Debug, Default)]
struct GuardedOwner {
    /// Its job as it was last seen; `None`: gone.
    job: Option<JobReference>,
    /// Kinds of its current run that are deleted.
    kinds: BTreeSet<ObjectKind>,
    /// Whether it needs no further mark.
    marked: bool,
    /// Kinds that its status names since this run, or may name: this is set before the mark is written.
    added: BTreeSet<ObjectKind>,
    /// Whether the mark of these kinds had no answer: it may be written all the same.
    unsure: bool,
    /// Whether it has changed.
    lost: bool,
}

/// All owners whose files the plan deletes.
pub(super) struct JobGuard<'a> {
    jobs: &'a dyn Jobs,
    namespaces: &'a BTreeSet<String>,
    fresh_for: Duration,
    listing: &'a Listing,
    references: &'a References,
    guarded: HashMap<OwnerIndex, GuardedOwner>,
    /// What was last seen of all jobs, and when that was asked for.
    versions: HashMap<(String, String), JobVersion>,
    seen_at: Option<Instant>,
}

impl<'a> JobGuard<'a> {
    pub(super) fn new(
        context: &RunContext<'a>,
        listing: &'a Listing,
        plan: &PrunePlan,
        references: &'a References,
    ) -> Self {
        let mut guarded: HashMap<OwnerIndex, GuardedOwner> = HashMap::new();
        for index in &plan.deletions {
            let object = &listing.objects()[*index as usize];
            let Some(owner) = listing.owner(object) else { continue };
            let guarded_owner = guarded.entry(object.owner).or_insert_with(|| {
                match references.owner(&owner.namespace, &owner.name, &owner.id) {
                    Owned::By(job) => GuardedOwner { job: Some(job.clone()), ..GuardedOwner::default() },
                    _ => GuardedOwner::default(),
                }
            });
            // What an earlier run made is needed by none that comes.
            if let (Some(job), Folder::Kind(kind)) = (&guarded_owner.job, object.folder)
                && job.facts.run == i64::from(object.run)
            {
                guarded_owner.kinds.insert(kind);
            }
        }
        Self {
            jobs: context.jobs,
            namespaces: context.namespaces,
            fresh_for: context.recheck_after,
            listing,
            references,
            guarded,
            versions: HashMap::new(),
            seen_at: None,
        }
    }

    /// Whether an owner's files must stay after all.
    pub(super) fn has_changed(&self, owner: OwnerIndex) -> bool {
        self.guarded.get(&owner).is_none_or(|guarded_owner| guarded_owner.lost)
    }

    /// Whether a file is of its job's current run, of whose files marks speak.
    pub(super) fn is_current(&self, object: &Object) -> bool {
        let job = self.guarded.get(&object.owner).and_then(|guarded_owner| guarded_owner.job.as_ref());
        job.is_some_and(|job| job.facts.run == i64::from(object.run))
    }

    /// Looks at these owners' jobs, and marks those that were not marked yet. Afterwards [`JobGuard::has_changed`] says
    /// which have changed.
    pub(super) async fn admit(&mut self, owners: &HashSet<OwnerIndex>) -> Result<(), CallError> {
        self.verify(owners).await?;
        let mut open = Vec::new();
        for owner in owners {
            let Some(guarded_owner) = self.guarded.get_mut(owner) else { continue };
            let Some(job) =
                guarded_owner.job.clone().filter(|_| !guarded_owner.lost && !guarded_owner.marked)
            else {
                continue;
            };
            guarded_owner.added = guarded_owner.kinds.difference(&job.pruned).copied().collect();
            guarded_owner.unsure = true;
            open.push((*owner, job, guarded_owner.kinds.clone()));
        }
        if open.is_empty() {
            return Ok(());
        }
        let jobs = self.jobs;
        let mut marks = stream::iter(open)
            .map(|(owner, job, kinds)| async move { (owner, mark(jobs, job, &kinds).await) })
            .buffer_unordered(MARK_CONCURRENCY);
        // All to their end, whatever becomes of the first: what is known of a mark can be taken back.
        let mut failure = None;
        while let Some((owner, end)) = marks.next().await {
            let Some(guarded_owner) = self.guarded.get_mut(&owner) else { continue };
            let end = match end {
                Ok(end) => end,
                Err(error) => {
                    failure.get_or_insert(error);
                    continue;
                }
            };
            (guarded_owner.marked, guarded_owner.unsure) = (true, false);
            match end {
                None => {
                    guarded_owner.lost = true;
                    guarded_owner.added.clear();
                }
                Some(now) => {
                    let version = JobVersion { uid: now.facts.uid.clone(), version: now.version.clone() };
                    self.versions.insert((now.namespace.clone(), now.name.clone()), version);
                    guarded_owner.job = Some(*now);
                }
            }
        }
        drop(marks);
        if let Some(error) = failure {
            return Err(error);
        }
        // Many marks take a while.
        self.verify(owners).await
    }

    /// Compares these owners' jobs with what the plan knew of them, unless that was done a moment ago.
    async fn verify(&mut self, owners: &HashSet<OwnerIndex>) -> Result<(), CallError> {
        if self.seen_at.is_none_or(|at| at.elapsed() >= self.fresh_for) {
            self.read_versions().await?;
        }
        for owner in owners {
            let Some(known) = self.listing.owners().get(*owner as usize) else { continue };
            let place = (known.namespace.to_string(), known.name.to_string());
            let seen = self.versions.get(&place);
            let Some(guarded_owner) = self.guarded.get_mut(owner).filter(|guarded_owner| !guarded_owner.lost)
            else {
                continue;
            };
            let changed = match (&guarded_owner.job, seen) {
                (None, None) => false,
                (Some(job), Some(seen)) => seen.uid != job.facts.uid || seen.version != job.version,
                // A job of the same name that was there already when the plan was made.
                (None, Some(seen)) => {
                    let other = self.references.job(&place.0, &place.1);
                    other.is_none_or(|other| other.facts.uid != seen.uid || other.version != seen.version)
                }
                (Some(_), None) => true,
            };
            if !changed {
                continue;
            }
            let now = self.jobs.get(&place.0, &place.1).await?;
            match (&guarded_owner.job, now) {
                (Some(before), Some(now))
                    if now.facts == before.facts && before.pruned.is_subset(&now.pruned) =>
                {
                    let version = JobVersion { uid: now.facts.uid.clone(), version: now.version.clone() };
                    self.versions.insert(place, version);
                    guarded_owner.job = Some(now);
                }
                (None, Some(now)) if now.facts.id.as_deref().is_some_and(|id| *id != *known.id) => {}
                (None, None) => {}
                // It is another job now, or back, or gone: a later run decides again.
                _ => guarded_owner.lost = true,
            }
        }
        Ok(())
    }

    async fn read_versions(&mut self) -> Result<(), CallError> {
        let asked_at = Instant::now();
        let mut versions = HashMap::new();
        for namespace in self.namespaces {
            let of_namespace = self.jobs.versions(namespace).await?;
            versions
                .extend(of_namespace.into_iter().map(|(name, version)| ((namespace.clone(), name), version)));
        }
        self.versions = versions;
        self.seen_at = Some(asked_at);
        Ok(())
    }

    /// Takes back the marks under which nothing can have been deleted. `touched` are the kinds of which something was.
    pub(super) async fn take_back(
        self,
        touched: &HashSet<(OwnerIndex, ObjectKind)>,
    ) -> Result<(), CallError> {
        let jobs = self.jobs;
        let idle = self.guarded.into_iter().filter_map(|(owner, guarded_owner)| {
            let idle = guarded_owner.added.iter().filter(|kind| !touched.contains(&(owner, **kind)));
            let idle: BTreeSet<ObjectKind> = idle.copied().collect();
            Some((guarded_owner.job.filter(|_| !idle.is_empty())?, idle, guarded_owner.unsure))
        });
        let ends = stream::iter(idle)
            .map(|(job, idle, unsure)| async move { take_off(jobs, job, &idle, unsure).await })
            .buffer_unordered(MARK_CONCURRENCY);
        // All to their end, whatever becomes of the first.
        ends.fold(Ok(()), |all, end| async { all.and(end) }).await
    }
}

/// Writes that these kinds of a job will be gone; the job as it is then, or none if it has changed.
async fn mark(
    jobs: &dyn Jobs,
    mut job: JobReference,
    kinds: &BTreeSet<ObjectKind>,
) -> Result<Option<Box<JobReference>>, CallError> {
    for _ in 0..MAX_TRIES {
        if kinds.is_subset(&job.pruned) {
            return Ok(Some(Box::new(job)));
        }
        let wanted = job.pruned.union(kinds).copied().collect();
        match jobs.mark(&job, &wanted).await {
            Ok(Marked::Written(now)) => return Ok(Some(now)),
            Ok(Marked::Gone) => return Ok(None),
            Ok(Marked::Changed) => match jobs.get(&job.namespace, &job.name).await? {
                Some(now) if now.facts == job.facts => job = now,
                _ => return Ok(None),
            },
            Err(error) if error.is_rejected() => {
                tracing::warn!(%error, "the files of this job stay: its status cannot say that they are pruned");
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Takes a mark off; one that had no answer is looked for first.
async fn take_off(
    jobs: &dyn Jobs,
    job: JobReference,
    kinds: &BTreeSet<ObjectKind>,
    unsure: bool,
) -> Result<(), CallError> {
    if !unsure {
        return unmark(jobs, job, kinds).await;
    }
    match jobs.get(&job.namespace, &job.name).await? {
        Some(now) if now.facts.uid == job.facts.uid => unmark(jobs, now, kinds).await,
        _ => Ok(()),
    }
}

/// Takes kinds out of a job's mark, whatever has become of it meanwhile.
async fn unmark(
    jobs: &dyn Jobs,
    mut job: JobReference,
    kinds: &BTreeSet<ObjectKind>,
) -> Result<(), CallError> {
    for _ in 0..MAX_TRIES {
        let wanted: BTreeSet<ObjectKind> = job.pruned.difference(kinds).copied().collect();
        if wanted == job.pruned {
            return Ok(());
        }
        match jobs.mark(&job, &wanted).await? {
            Marked::Written(_) | Marked::Gone => return Ok(()),
            Marked::Changed => match jobs.get(&job.namespace, &job.name).await? {
                Some(now) if now.facts.uid == job.facts.uid => job = now,
                _ => return Ok(()),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use async_trait::async_trait;
    use futures::FutureExt;
    use parking_lot::Mutex;
    use serde_json::json;

    use super::super::super::plan::testing::{DAY, Harness, Planned, finished, full};
    use super::super::{ListingMemory, Marked};
    use super::*;

    /// Jobs of which some are marked without an answer: it is lost, or never comes.
    #[derive(Default)]
    struct Silent {
        jobs: Mutex<BTreeMap<String, JobReference>>,
        lost: Option<&'static str>,
        never: Option<&'static str>,
    }

    #[async_trait]
    impl Jobs for Silent {
        async fn list(&self, _: &str) -> Result<Vec<JobReference>, CallError> {
            Ok(self.jobs.lock().values().cloned().collect())
        }

        async fn versions(&self, _: &str) -> Result<HashMap<String, JobVersion>, CallError> {
            let version =
                |job: &JobReference| JobVersion { uid: job.facts.uid.clone(), version: job.version.clone() };
            Ok(self.jobs.lock().iter().map(|(name, job)| (name.clone(), version(job))).collect())
        }

        async fn get(&self, _: &str, name: &str) -> Result<Option<JobReference>, CallError> {
            Ok(self.jobs.lock().get(name).cloned())
        }

        async fn mark(&self, job: &JobReference, pruned: &BTreeSet<ObjectKind>) -> Result<Marked, CallError> {
            let written = {
                let mut jobs = self.jobs.lock();
                let Some(known) = jobs.get_mut(&job.name) else { return Ok(Marked::Gone) };
                if known.version != job.version {
                    return Ok(Marked::Changed);
                }
                known.version.push('1');
                known.pruned.clone_from(pruned);
                known.clone()
            };
            if !pruned.is_empty() && self.never == Some(job.name.as_str()) {
                std::future::pending::<()>().await;
            }
            if !pruned.is_empty() && self.lost == Some(job.name.as_str()) {
                return Err(CallError::TimedOut { what: "mark".into() });
            }
            Ok(Marked::Written(Box::new(written)))
        }
    }

    fn planned() -> (Harness, Planned) {
        let mut harness = Harness::with_rules(json!([{"kinds": ["clips"], "olderThan": "7d"}]));
        for name in ["a", "b", "c"] {
            let key = full(&format!("clips/films/{name}-1/r1/clips/a.mp4"));
            harness = harness.job(name, finished(9 * DAY)).object(&key, 1, 9 * DAY);
        }
        let planned = harness.plan();
        assert_eq!(planned.deleted().len(), 3);
        (harness, planned)
    }

    /// Admits all, takes back all; how admitting ended, and whose mark is left.
    async fn left(jobs: Silent) -> (Option<Result<(), CallError>>, Vec<String>) {
        let (harness, planned) = planned();
        *jobs.jobs.lock() = harness.jobs.iter().map(|job| (job.name.clone(), job.clone())).collect();
        let references = harness.references();
        let around = RunContext {
            jobs: &jobs,
            namespaces: &harness.namespaces,
            sharing: &[],
            listing_memory: &ListingMemory::in_memory_of(None),
            now: super::super::super::plan::testing::at(harness.now),
            recheck_after: Duration::from_mins(10),
        };
        let mut guard = JobGuard::new(&around, &planned.listing, &planned.plan, &references);
        let admitted = guard.admit(&[0, 1, 2].into()).now_or_never();
        guard.take_back(&HashSet::new()).await.unwrap();
        let jobs = jobs.jobs.lock();
        let marked = jobs.values().filter(|job| !job.pruned.is_empty());
        (admitted, marked.map(|job| job.name.clone()).collect())
    }

    #[tokio::test]
    async fn a_mark_whose_answer_is_lost_is_taken_back_like_those_beside_it() {
        for name in ["a", "b", "c"] {
            let (admitted, marked) = left(Silent { lost: Some(name), ..Silent::default() }).await;
            assert!(matches!(admitted, Some(Err(CallError::TimedOut { .. }))), "{name}");
            assert_eq!(marked, [""; 0], "{name}");
        }
    }

    #[tokio::test]
    async fn marks_are_taken_back_where_the_run_was_stopped_while_they_were_written() {
        for name in ["a", "b", "c"] {
            let (admitted, marked) = left(Silent { never: Some(name), ..Silent::default() }).await;
            assert!(admitted.is_none(), "{name}");
            assert_eq!(marked, [""; 0], "{name}");
        }
    }
}
