//! What the caches hold of a job, and of what it names.

use kube::runtime::reflector::{ObjectRef, Store};
use videofactory_crds::{Channel, VideoJob};

use super::model::{Found, JobFacts, PodFacts};
use crate::caches::{Caches, Guarded, OwnerKey};

/// What is at work for a job, as far as the caches know.
pub(super) fn at_work(caches: &Caches, job: &VideoJob) -> (Vec<JobFacts>, Vec<PodFacts>) {
    let owner = OwnerKey::of(job);
    (jobs(caches, &owner), pods(caches, &owner))
}

/// Jobs of this owner, by name.
pub(super) fn jobs(caches: &Caches, owner: &OwnerKey) -> Vec<JobFacts> {
    let mut jobs: Vec<JobFacts> = caches
        .jobs
        .of(owner)
        .into_iter()
        .map(|known| {
            let facts = known.object.facts.clone();
            JobFacts { deleting: facts.deleting || known.terminating, ..facts }
        })
        .collect();
    jobs.sort_by(|a, b| a.name.cmp(&b.name));
    jobs
}

/// Pods of this owner, by name.
pub(super) fn pods(caches: &Caches, owner: &OwnerKey) -> Vec<PodFacts> {
    let mut pods: Vec<PodFacts> =
        caches.pods.of(owner).into_iter().map(|known| known.object.facts.facts.clone()).collect();
    pods.sort_by(|a, b| a.name.cmp(&b.name));
    pods
}

/// An object of a cache: absent, unreadable (and why), or there.
pub(super) fn get<K>(store: &Store<Guarded<K>>, namespace: &str, name: &str) -> Option<Result<K, String>>
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    let found = store.get(&ObjectRef::new(name).within(namespace))?;
    Some(found.0.clone().map_err(|invalid| invalid.error))
}

/// The channel that the spec names.
pub(super) fn channel(caches: &Caches, namespace: &str, job: &VideoJob) -> Found<Channel> {
    let Some(reference) = &job.spec.channel_ref else { return Found::NotNamed };
    match get(&caches.channels, namespace, &reference.name) {
        Some(Ok(channel)) => Found::Here(Box::new(channel)),
        _ => Found::Missing(reference.name.clone()),
    }
}
