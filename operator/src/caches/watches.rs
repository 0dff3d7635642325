//! The watches behind the caches, and whom each change concerns.

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::select_all;
use futures::{FutureExt, StreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, store};
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::join;
use tokio::sync::oneshot;
use tokio::time::Instant;
use videofactory_api::changes::Change;
use videofactory_client::JobRef;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::labels::LAST_APPLIED;
use videofactory_crds::storagepolicy::StorageLevel;
use videofactory_crds::{Channel, StoragePolicy, VideoJob};

use super::accounts::{on_account, wake_siblings};
use super::merge_watches::Merge;
use super::watched_namespaces::Scope;
use super::{Caches, Guarded, Owned, OwnerKey, PodRecord, Watches, uids, version};
use crate::config::Watched;
use crate::restoring::is_restoring;
use crate::videojob::labels::{Labels, STEPS};
use crate::videojob::model::{JobFacts, PodState};
use crate::videojob::pod_status::{job_facts, pod_facts};
use videofactory_client::call::WATCH_SECONDS;

/// The caches and the work that keeps them.
pub fn start(client: &Client, watched: &Watched) -> (Arc<Caches>, Watches) {
    let (videojobs, videojob_writer) = store();
    let (channels, channel_writer) = store();
    let (policies, policy_writer) = store();
    let (accounts, account_writer) = store();
    let (secrets, secret_writer) = store();
    let caches = Arc::new(Caches::new(videojobs, channels, policies, accounts, secrets));
    let (found, scope) = oneshot::channel();
    let (client, watched, kept) = (client.clone(), watched.clone(), Arc::clone(&caches));
    let keep = async move {
        let scope = Scope::find(&client, &watched).await;
        kept.unwatched.leave_out(scope.excluded.clone());
        let (all, caches) = (scope.watched.clone(), || Arc::clone(&kept));
        // Whoever waits for it may have ended.
        let _ = found.send(scope);
        join!(
            keep(apis(&client, &all), videojob_writer, on_videojob(caches()), &kept),
            keep(apis(&client, &all), channel_writer, on_channel(caches()), &kept),
            keep(apis(&client, &all), policy_writer, on_policy(caches()), &kept),
            keep(apis(&client, &all), account_writer, on_account(caches()), &kept),
            keep(apis(&client, &all), secret_writer, on_secret(caches()), &kept),
            watch(apis::<Job>(&client, &all), config().labels(STEPS), on_job(caches()), &kept),
            watch(apis::<Pod>(&client, &all), config().labels(STEPS), on_pod(caches()), &kept),
        );
    };
    (caches, Watches { keep: keep.boxed(), scope })
}

/// What is watched of a kind.
fn apis<K>(client: &Client, watched: &Watched) -> Vec<Api<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match watched {
        Watched::Cluster => vec![Api::all(client.clone())],
        Watched::Namespaces(namespaces) => {
            namespaces.iter().map(|namespace| Api::namespaced(client.clone(), namespace)).collect()
        }
    }
}

fn config() -> Config {
    Config::default().timeout(WATCH_SECONDS)
}

/// Watches for ever.
async fn watch<K>(
    apis: Vec<Api<K>>,
    config: Config,
    mut on_event: impl FnMut(Event<K>) + Send,
    caches: &Caches,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let mut merge = Merge::of(apis.len());
    let namespaces: Vec<Option<String>> = apis.iter().map(|api| api.namespace().map(str::to_owned)).collect();
    let watches = apis.into_iter().enumerate().map(|(place, api)| {
        watcher(api, config.clone()).default_backoff().map(move |event| (place, event)).boxed()
    });
    let mut events = select_all(watches);
    while let Some((place, event)) = events.next().await {
        match event {
            Ok(event) => merge.take(place, event).into_iter().for_each(&mut on_event),
            Err(error) => {
                let (kind, namespace) = (K::kind(&()), namespaces.get(place).and_then(Option::as_deref));
                tracing::warn!(%kind, namespace, %error, "a watch broke off; it is taken up again");
                if let Some(namespace) = namespace {
                    caches.unwatched.broke_off(&kind, namespace, &error);
                }
            }
        }
    }
}

/// Watches for ever and keeps a store, without the fields that nobody reads.
async fn keep<K>(
    apis: Vec<Api<K>>,
    mut writer: Writer<K>,
    mut on_event: impl FnMut(Event<K>) + Send,
    caches: &Caches,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    let keep = move |event: Event<K>| {
        let event = event.modify(|object| {
            object.meta_mut().managed_fields = None;
            object.annotations_mut().remove(LAST_APPLIED);
        });
        writer.apply_watcher_event(&event);
        on_event(event);
    };
    watch(apis, config(), keep, caches).await;
}

fn on_videojob(caches: Arc<Caches>) -> impl FnMut(Event<Guarded<VideoJob>>) {
    move |event| match event {
        Event::Apply(object) => {
            notify(&caches, &object);
            caches.note_end(&object);
            caches.videojob_queue.push(ObjectRef::from_obj(&object));
            wake_accounts_of(&caches, &object, &caches.claims.shown(&object));
        }
        Event::Delete(object) => {
            notify(&caches, &object);
            caches.written_jobs.forget(&object.uid().unwrap_or_default());
            caches.unended.lock().remove(&ObjectRef::from_obj(&object));
            wake_accounts_of(&caches, &object, &caches.claims.gone(&object));
        }
        Event::InitDone => {
            caches.changes.publish(|| Change::All);
            caches.written_jobs.keep_only(&uids(&caches.videojobs));
            caches.claims.keep_only(&caches.videojobs.state());
            caches.unended.lock().clear();
            caches.videojobs.state().iter().for_each(|job| caches.note_end(job));
            caches.videojob_queue.push_all(&caches.videojobs);
            caches.account_queue.push_all(&caches.accounts);
        }
        Event::Init | Event::InitApply(_) => {}
    }
}

/// Notifies those who follow the jobs that this one changed.
fn notify(caches: &Caches, job: &Guarded<VideoJob>) {
    let named = || JobRef { namespace: job.namespace().unwrap_or_default(), name: job.name_any() };
    caches.changes.publish(|| Change::Job(named()));
}

/// Those accounts of which a job says something else than before.
fn wake_accounts_of(caches: &Caches, object: &Guarded<VideoJob>, accounts: &[String]) {
    let namespace = object.namespace().unwrap_or_default();
    for account in accounts {
        caches.account_queue.push(ObjectRef::new(account).within(&namespace));
    }
}

fn on_channel(caches: Arc<Caches>) -> impl FnMut(Event<Guarded<Channel>>) {
    move |event| match event {
        Event::Apply(object) | Event::Delete(object) => {
            let (namespace, name) = (object.namespace(), object.name_any());
            caches.wake_jobs(|job| {
                let named = job.spec.channel_ref.as_ref().is_some_and(|channel| channel.name == name);
                named && job.namespace() == namespace
            });
        }
        Event::InitDone => caches.videojob_queue.push_all(&caches.videojobs),
        Event::Init | Event::InitApply(_) => {}
    }
}

fn on_policy(caches: Arc<Caches>) -> impl FnMut(Event<Guarded<StoragePolicy>>) {
    let mut said: HashMap<String, Said> = HashMap::new();
    move |event| match event {
        Event::Apply(object) => {
            caches.policy_queue.push(ObjectRef::from_obj(&object));
            if object.0.as_ref().is_ok_and(has_new_spec) {
                caches.policy_queue.push_all(&caches.policies);
            }
            // How full it is changes all the time while jobs write: that alone wakes nobody.
            let says = said_to_jobs(&object);
            let before = said.insert(object.uid().unwrap_or_default(), says.clone());
            if before != Some(says) {
                wake_users_of_policy(&caches, &object);
            }
        }
        Event::Delete(object) => {
            caches.written_policies.forget(&object.uid().unwrap_or_default());
            said.remove(&object.uid().unwrap_or_default());
            // Of several for one bucket the oldest prunes: that may be another one now.
            caches.policy_queue.push_all(&caches.policies);
            caches.policy_queue.push(ObjectRef::from_obj(&object));
            wake_users_of_policy(&caches, &object);
        }
        Event::InitDone => {
            caches.written_policies.keep_only(&uids(&caches.policies));
            // What was said while nobody listened is not known.
            said.clear();
            caches.policy_queue.push_all(&caches.policies);
            caches.videojob_queue.push_all(&caches.videojobs);
        }
        Event::Init | Event::InitApply(_) => {}
    }
}

/// What jobs go by: the spec, whether it can be used, the level, and whether it is being restored. Nothing, if it cannot
/// be read.
type Said = Option<(Option<i64>, Option<StorageLevel>, Option<Condition>, bool)>;

fn said_to_jobs(object: &Guarded<StoragePolicy>) -> Said {
    let policy = object.0.as_ref().ok()?;
    let status = policy.status.as_ref();
    let ready = status.and_then(|status| condition::get(&status.conditions, ConditionType::Ready));
    let level = status.and_then(|status| status.level);
    Some((policy.metadata.generation, level, ready.cloned(), is_restoring(policy)))
}

/// Whether its spec was not looked at yet.
fn has_new_spec(policy: &StoragePolicy) -> bool {
    policy.status.as_ref().and_then(|status| status.observed_generation) != policy.metadata.generation
}

fn wake_users_of_policy(caches: &Caches, policy: &Guarded<StoragePolicy>) {
    let (namespace, name) = (policy.namespace(), policy.name_any());
    caches.wake_jobs(|job| job.spec.storage_ref.name == name && job.namespace() == namespace);
}

fn on_secret(caches: Arc<Caches>) -> impl FnMut(Event<PartialObjectMeta<Secret>>) {
    move |event| match event {
        Event::Apply(object) | Event::Delete(object) => wake_users_of_secret(&caches, &object),
        Event::InitDone => {
            caches.policy_queue.push_all(&caches.policies);
            caches.account_queue.push_all(&caches.accounts);
            caches.videojob_queue.push_all(&caches.videojobs);
        }
        Event::Init | Event::InitApply(_) => {}
    }
}

/// Most Secrets of a cluster are none of our business: those that a policy or an account names are.
fn wake_users_of_secret(caches: &Caches, secret: &PartialObjectMeta<Secret>) {
    let (namespace, name) = (secret.namespace(), secret.name_any());
    for policy in caches.policies.state() {
        let Ok(read) = &policy.0 else { continue };
        if read.spec.bucket.secret_ref.name == name && read.namespace() == namespace {
            caches.policy_queue.push(ObjectRef::from_obj(&*policy));
            wake_users_of_policy(caches, &policy);
        }
    }
    let of_account = caches.accounts.state().iter().any(|account| {
        let named = account.0.as_ref().ok().and_then(|account| account.spec.secret_ref.as_ref());
        named.is_some_and(|secret| secret.name == name) && account.namespace() == namespace
    });
    if of_account {
        wake_siblings(caches, namespace.as_deref());
        caches.wake_jobs(|job| job.namespace() == namespace);
    }
}

/// The owner that an object's labels name.
fn owner(object: &impl ResourceExt, labels: &Labels) -> ObjectRef<Guarded<VideoJob>> {
    ObjectRef::new(&labels.job).within(&object.namespace().unwrap_or_default())
}

/// Labels alone are anybody's to set: what nobody controls is no attempt of ours. It stays one, though, when its
/// controller is deleted and leaves it behind.
fn has_controller(object: &impl ResourceExt, kind: &str) -> bool {
    object.owner_references().iter().any(|owner| owner.controller == Some(true) && owner.kind == kind)
}

fn on_job(caches: Arc<Caches>) -> impl FnMut(Event<Job>) {
    let reader = Arc::clone(&caches);
    let read = move |job: &Job| -> Option<(Labels, Owned<JobFacts>)> {
        let labels = Labels::read(&job.metadata)?;
        let facts = job_facts(job, &labels);
        let uid = job.uid()?;
        (has_controller(job, "VideoJob") || reader.jobs.get(&uid).is_some()).then_some(())?;
        let owner = OwnerKey::new(&job.namespace().unwrap_or_default(), &labels.uid);
        Some((labels, Owned { owner, uid, version: version(job), facts }))
    };
    move |event| match event {
        Event::Init => caches.jobs.list_begins(),
        Event::InitApply(job) => {
            if let Some((_, owned)) = read(&job) {
                caches.jobs.listed(owned);
            }
        }
        Event::InitDone => {
            caches.jobs.list_ends();
            caches.videojob_queue.push_all(&caches.videojobs);
        }
        Event::Apply(job) => {
            if let Some((labels, owned)) = read(&job) {
                caches.jobs.shown(owned);
                caches.videojob_queue.push(owner(&job, &labels));
            }
        }
        Event::Delete(job) => {
            caches.jobs.gone(&job.uid().unwrap_or_default());
            if let Some(labels) = Labels::read(&job.metadata) {
                caches.videojob_queue.push(owner(&job, &labels));
            }
        }
    }
}

fn on_pod(caches: Arc<Caches>) -> impl FnMut(Event<Pod>) {
    let reader = Arc::clone(&caches);
    let read = move |pod: &Pod| -> Option<(Labels, Owned<PodRecord>)> {
        let labels = Labels::read(&pod.metadata)?;
        let facts = pod_facts(pod, &labels);
        let uid = pod.uid()?;
        let ended = matches!(facts.state, PodState::Ended(_));
        let known = reader.pods.get(&uid);
        (has_controller(pod, "Job") || known.is_some()).then_some(())?;
        let seen = known.and_then(|known| known.facts.ended_seen);
        let record = PodRecord {
            facts,
            namespace: pod.namespace().unwrap_or_default(),
            job: labels.job.clone(),
            ended_seen: ended.then(|| seen.unwrap_or_else(Instant::now)),
        };
        let owner = OwnerKey::new(&record.namespace, &labels.uid);
        Some((labels, Owned { owner, uid, version: version(pod), facts: record }))
    };
    move |event| match event {
        Event::Init => caches.pods.list_begins(),
        Event::InitApply(pod) => {
            if let Some((_, owned)) = read(&pod) {
                caches.pods.listed(owned);
            }
        }
        Event::InitDone => {
            caches.pods.list_ends();
            caches.videojob_queue.push_all(&caches.videojobs);
        }
        Event::Apply(pod) => {
            if let Some((labels, owned)) = read(&pod) {
                caches.pods.shown(owned);
                caches.videojob_queue.push(owner(&pod, &labels));
            }
        }
        Event::Delete(pod) => {
            caches.pods.gone(&pod.uid().unwrap_or_default());
            if let Some(labels) = Labels::read(&pod.metadata) {
                caches.videojob_queue.push(owner(&pod, &labels));
            }
        }
    }
}

#[cfg(test)]
mod tests;
