//! Two clusters, three places, and everything that happens to them: whatever it is, no cluster deletes a file of a job
//! that lives in the other, or of one of its own that needs it.
//!
//! Policies move, also to another name of the same server, and are suspended; marks are lost; jobs fail, are labelled, are
//! deleted, by hand or by their time to live, and restored in the other cluster with the same id; people give places away.
//! Looks and plans are those of the operator, and so is the end of a time to live.

mod ttl;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;
use kube::core::DeserializeGuard;
use proptest::prelude::*;
use serde_json::json;
use videofactory_crds::StoragePolicy;
use videofactory_crds::requests::TAKE_OVER;
use videofactory_crds::storagepolicy::{ObjectKind, PruneCause};
use videofactory_pipeline::keys::KeyParts;

use super::super::decide::{Observed, Snapshot, decide};
use super::super::location::arrived;
use super::super::observe::Finding;
use super::super::overlapping_policies::{covered_namespaces, older, respected_peers};
use super::super::ownership::{
    Claimant, FoundMarker, Judgement, OwnedLocation, OwnershipMarker, judge, word_for_nobodys,
};
use super::super::plan::testing::{DAY, HOUR, NOW, at, finished, full, job, listing_of};
use super::super::plan::{JobLifecycle, JobReference, References, Rules, RunRequest, plan};
use crate::config::SideEffects;

const ENDPOINTS: [&str; 2] = ["http://s3:9000", "http://s3.storage.svc:9000"];
const PREFIXES: [&str; 3] = ["", "one/", "two/"];
const NAMESPACES: [&str; 2] = ["films", "shows"];
/// Age from which a file may be deleted.
const AGE: i64 = DAY;

/// A file: when it was written, by which cluster, and whether a person has given its place away since.
#[derive(Clone, Debug)]
struct File {
    modified: i64,
    writer: usize,
    given: bool,
}

#[derive(Clone, Debug, Default)]
struct Location {
    marker: Option<OwnershipMarker>,
    files: BTreeMap<String, File>,
}

#[derive(Clone, Debug)]
struct Cluster {
    /// One of each namespace.
    policies: [StoragePolicy; 2],
    jobs: Vec<JobReference>,
}

#[derive(Clone, Debug)]
struct Harness {
    now: i64,
    places: [Location; 3],
    clusters: [Cluster; 2],
    ids: u32,
    deleted: usize,
}

/// What may happen. The first two numbers are those of a cluster and of a namespace.
#[derive(Clone, Debug)]
enum TestEvent {
    Passes(i64),
    Reconciles(usize, usize),
    Moves(usize, usize, usize, usize),
    Begins(usize, usize, usize),
    Writes(usize, usize),
    Ends(usize, usize),
    Fails(usize, usize, bool),
    IsLabelled(usize, usize),
    Goes(usize, usize),
    Expires(usize, usize),
    Suspends(usize, usize, bool),
    IsRestored(usize),
    LosesMark(usize),
    IsGiven(usize, usize),
    Prunes(usize, usize),
}

fn any_event() -> impl Strategy<Value = TestEvent> {
    use TestEvent as E;
    let (cluster, namespace, which) = (0..2_usize, 0..2_usize, 0..8_usize);
    prop_oneof![
        4 => (HOUR..3 * DAY).prop_map(E::Passes),
        8 => (cluster.clone(), namespace.clone()).prop_map(|(c, n)| E::Reconciles(c, n)),
        3 => (cluster.clone(), namespace.clone(), 0..2_usize, 0..3_usize)
            .prop_map(|(c, n, endpoint, prefix)| E::Moves(c, n, endpoint, prefix)),
        4 => (cluster.clone(), namespace.clone(), 0..4_usize).prop_map(|(c, n, name)| E::Begins(c, n, name)),
        6 => (cluster.clone(), which.clone()).prop_map(|(c, which)| E::Writes(c, which)),
        3 => (cluster.clone(), which.clone()).prop_map(|(c, which)| E::Ends(c, which)),
        2 => (cluster.clone(), which.clone(), any::<bool>())
            .prop_map(|(c, which, awaits)| E::Fails(c, which, awaits)),
        1 => (cluster.clone(), which.clone()).prop_map(|(c, which)| E::IsLabelled(c, which)),
        2 => (cluster.clone(), which.clone()).prop_map(|(c, which)| E::Goes(c, which)),
        3 => (cluster.clone(), which).prop_map(|(c, which)| E::Expires(c, which)),
        1 => (cluster.clone(), namespace.clone(), any::<bool>()).prop_map(|(c, n, on)| E::Suspends(c, n, on)),
        2 => cluster.clone().prop_map(E::IsRestored),
        3 => (0..3_usize).prop_map(E::LosesMark),
        2 => (cluster.clone(), namespace.clone()).prop_map(|(c, n)| E::IsGiven(c, n)),
        6 => (cluster, namespace).prop_map(|(c, n)| E::Prunes(c, n)),
    ]
}

fn uid(cluster: usize) -> String {
    format!("cluster-{cluster}")
}

fn policy(cluster: usize, namespace: &str) -> StoragePolicy {
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
        "metadata": {
            "name": "default", "namespace": namespace, "uid": format!("{cluster}-{namespace}"), "generation": 1,
            "creationTimestamp": at(0).to_string(),
        },
        "spec": {
            "bucket": {
                "endpoint": ENDPOINTS[0], "name": "videos", "prefix": PREFIXES[cluster],
                "secretRef": {"name": "s3"},
            },
            "capacity": {"limit": "10G"},
            "rules": [{
                "kinds": ["work", "clips", "videos"], "olderThan": format!("{AGE}s"), "onlyFinished": false,
            }],
            "brakes": {"maxObjects": 1000, "maxPercent": 100},
            // One of two protects, and for both wherever they share a place.
            "protect": (namespace == NAMESPACES[1]).then(|| json!({"jobs": {"matchLabels": {"keep": "true"}}})),
        },
    }))
    .unwrap()
}

impl Harness {
    fn new() -> Self {
        let cluster = |number| Cluster {
            policies: NAMESPACES.map(|namespace| policy(number, namespace)),
            jobs: Vec::new(),
        };
        let mut harness = Self {
            now: NOW,
            places: [(); 3].map(|()| Location::default()),
            clusters: [cluster(0), cluster(1)],
            ids: 0,
            deleted: 0,
        };
        for (cluster, namespace) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            harness.reconcile(cluster, namespace);
        }
        harness
    }

    /// Which place a policy's spec names.
    fn location_of(&self, cluster: usize, namespace: usize) -> usize {
        let prefix = &self.clusters[cluster].policies[namespace].spec.bucket.prefix;
        PREFIXES.iter().position(|known| known == prefix).unwrap()
    }

    fn all(&self, cluster: usize) -> Vec<Arc<crate::caches::Guarded<StoragePolicy>>> {
        let policies = self.clusters[cluster].policies.iter();
        policies.map(|policy| Arc::new(DeserializeGuard(Ok(policy.clone())))).collect()
    }

    /// Asks whose the place is, as the operator does.
    fn acquire(&mut self, cluster: usize, namespace: usize) -> Option<OwnedLocation> {
        let (uid, place_number) = (uid(cluster), self.location_of(cluster, namespace));
        let policy = &self.clusters[cluster].policies[namespace];
        let there = &mut self.places[place_number];
        let found = there.marker.clone().map_or(FoundMarker::Nothing, FoundMarker::Marker);
        let nobody = word_for_nobodys(policy);
        let claimant = Claimant {
            cluster: &uid,
            given: policy.annotations().get(TAKE_OVER).map(String::as_str),
            nobody: &nobody,
            came_before: arrived(policy).is_some_and(|place| place.cluster == uid),
        };
        let holds_files = there.files.keys().any(|key| KeyParts::of(key).is_some());
        match judge(&found, claimant) {
            Judgement::Ours => {}
            Judgement::MarkItIfEmpty if holds_files => return None,
            Judgement::TakeOver | Judgement::MarkIt | Judgement::MarkItIfEmpty => {
                let name = format!("{}/default", policy.namespace().unwrap());
                self.now += 1;
                there.marker = Some(OwnershipMarker {
                    cluster: uid.clone(),
                    policy: name,
                    since: at(self.now),
                    nonce: String::new(),
                });
            }
            Judgement::Theirs(_) | Judgement::Unreadable => return None,
        }
        Some(OwnedLocation { cluster: uid, marker: there.marker.as_ref().map(OwnershipMarker::identity) })
    }

    fn reconcile(&mut self, cluster: usize, namespace: usize) {
        let owned = self.acquire(cluster, namespace);
        let policy = self.clusters[cluster].policies[namespace].clone();
        let finding = match &owned {
            Some(_) => Finding::Fit,
            None => Finding::Others { message: "another's".into() },
        };
        let observed = Observed {
            older: older(&self.all(cluster), &policy),
            snapshot: Snapshot::default(),
            most_files: 1_000_000,
            started: at(self.now),
            stopping: false,
            side_effects: SideEffects::Allow,
            policy,
            finding,
            owned,
        };
        let status = decide(&observed, at(self.now)).status;
        self.clusters[cluster].policies[namespace].status = Some(status);
    }

    fn apply(&mut self, event: &TestEvent) {
        match *event {
            TestEvent::Passes(seconds) => self.now += seconds,
            TestEvent::Reconciles(cluster, namespace) => self.reconcile(cluster, namespace),
            TestEvent::Moves(cluster, namespace, endpoint, prefix) => {
                let bucket = &mut self.clusters[cluster].policies[namespace].spec.bucket;
                (bucket.endpoint, bucket.prefix) = (ENDPOINTS[endpoint].into(), PREFIXES[prefix].into());
            }
            TestEvent::Begins(cluster, namespace, name) => self.begin(cluster, namespace, name),
            TestEvent::Writes(cluster, which) => self.write(cluster, which),
            TestEvent::Ends(cluster, which) => {
                let ago = NOW - self.now;
                if let Some(job) = pick(&mut self.clusters[cluster].jobs, which) {
                    job.facts.lifecycle = finished(ago);
                }
            }
            TestEvent::Fails(cluster, which, awaits_publication) => {
                let job = pick(&mut self.clusters[cluster].jobs, which);
                if let Some(job) = job.filter(|job| job.facts.lifecycle == JobLifecycle::Live) {
                    job.facts.lifecycle = JobLifecycle::Failed { awaits_publication };
                }
            }
            TestEvent::IsLabelled(cluster, which) => {
                if let Some(job) = pick(&mut self.clusters[cluster].jobs, which) {
                    job.facts.labels = [("keep".to_owned(), "true".to_owned())].into();
                }
            }
            TestEvent::Expires(cluster, which) => self.expire(cluster, which),
            TestEvent::Suspends(cluster, namespace, suspend) => {
                self.clusters[cluster].policies[namespace].spec.suspend = suspend;
            }
            TestEvent::Goes(cluster, which) => {
                let jobs = &mut self.clusters[cluster].jobs;
                if !jobs.is_empty() {
                    jobs.remove(which % jobs.len());
                }
            }
            TestEvent::IsRestored(cluster) => {
                let there = self.clusters[1 - cluster].jobs.clone();
                let jobs = &mut self.clusters[cluster].jobs;
                let is_new = |job: &JobReference| !jobs.iter().any(|own| same_name(own, job));
                let restored: Vec<_> = there.into_iter().filter(is_new).collect();
                jobs.extend(restored);
            }
            TestEvent::LosesMark(place) => self.lose_mark(place),
            TestEvent::IsGiven(cluster, namespace) => self.give(cluster, namespace),
            TestEvent::Prunes(cluster, namespace) => self.prune(cluster, namespace),
        }
    }

    fn begin(&mut self, cluster: usize, namespace: usize, name: usize) {
        let mut job = job(NAMESPACES[namespace], ["a", "b", "c-1", "d"][name], JobLifecycle::Live);
        self.ids += 1;
        job.facts.id = Some(format!("{:08x}", self.ids));
        let jobs = &mut self.clusters[cluster].jobs;
        if !jobs.iter().any(|other| same_name(other, &job)) {
            jobs.push(job);
        }
    }

    /// A job writes where its policy is Ready, as far as its cluster knows.
    fn write(&mut self, cluster: usize, which: usize) {
        let now = self.now;
        let Some(job) = pick(&mut self.clusters[cluster].jobs, which).cloned() else { return };
        let namespace = NAMESPACES.iter().position(|namespace| *namespace == job.namespace).unwrap();
        if job.facts.lifecycle != JobLifecycle::Live
            || arrived(&self.clusters[cluster].policies[namespace]).is_none()
        {
            return;
        }
        let place = self.location_of(cluster, namespace);
        let place = &mut self.places[place];
        // Whoever continues where a person has given the place to another has not left as it was said to have.
        let given = place.marker.as_ref().is_some_and(|marker| marker.cluster != uid(cluster));
        for (kind, file) in [("clips", "a.mp4"), ("videos", "a.mp4"), ("work", "a.json")] {
            let id = job.facts.id.as_deref().unwrap();
            let key = full(&format!("{kind}/{}/{}-{id}/r1/{file}", job.namespace, job.name));
            place.files.insert(key, File { modified: now, writer: cluster, given });
        }
    }

    /// A mark is lost. That a cluster whose place was given away hears of it before, is what nobody can help.
    fn lose_mark(&mut self, place_number: usize) {
        let owner = self.places[place_number].marker.as_ref().map(|marker| marker.cluster.clone());
        for (cluster, namespace) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let status = self.clusters[cluster].policies[namespace].status.as_ref();
            let there = status.and_then(|status| status.place.as_ref());
            let is_there =
                there.is_some_and(|there| there.prefix == PREFIXES[place_number].trim_matches('/'));
            if is_there && owner != Some(uid(cluster)) {
                self.reconcile(cluster, namespace);
            }
        }
        self.places[place_number].marker = None;
    }

    /// A person gives the place that the policy names to its cluster, and says so for ever.
    fn give(&mut self, cluster: usize, namespace: usize) {
        let place_number = self.location_of(cluster, namespace);
        let policy = &mut self.clusters[cluster].policies[namespace];
        let there = &mut self.places[place_number];
        if there.marker.as_ref().is_some_and(|marker| marker.cluster == uid(cluster)) {
            return;
        }
        let word = there.marker.as_ref().map_or_else(|| word_for_nobodys(policy), OwnershipMarker::identity);
        policy.annotations_mut().insert(TAKE_OVER.to_owned(), word);
        self.reconcile(cluster, namespace);
        let place = &mut self.places[place_number];
        if place.marker.as_ref().is_some_and(|marker| marker.cluster == uid(cluster)) {
            place.files.values_mut().for_each(|file| file.given = true);
        }
    }

    /// A run at any time after the place was seen to be the policy's.
    fn prune(&mut self, cluster: usize, namespace: usize) {
        let policy = self.clusters[cluster].policies[namespace].clone();
        let all = self.all(cluster);
        if arrived(&policy).is_none()
            || policy.spec.suspend
            || older(&all, &policy).is_some()
            || self.acquire(cluster, namespace).is_none()
        {
            return;
        }
        let sharing = respected_peers(&all, &policy);
        let namespaces = covered_namespaces(&policy, &sharing);
        let jobs = self.clusters[cluster].jobs.iter().filter(|job| namespaces.contains(&job.namespace));
        let references = References::new(namespaces.clone(), jobs.cloned());
        let rules = Rules::of(&policy, &sharing).unwrap();
        let place_number = self.location_of(cluster, namespace);
        let files = &self.places[place_number].files;
        let listing = listing_of(files.iter().map(|(key, file)| (key.as_str(), 1, file.modified)));
        let run_request =
            RunRequest { slot: at(self.now), cause: PruneCause::Schedule, dry_run: false, older_than: None };
        let plan = plan(&listing, &rules, &references, &run_request, at(self.now));
        let objects = listing.objects();
        let deleted_keys: Vec<String> =
            plan.deletions.iter().map(|index| listing.key(&objects[*index as usize])).collect();
        for key in deleted_keys {
            if let Some(why) = self.must_stay(cluster, place_number, &namespaces, &key) {
                panic!("{key} is deleted from place {place_number} by cluster {cluster} although {why}");
            }
            self.places[place_number].files.remove(&key);
            self.deleted += 1;
        }
    }

    /// Why a file must not be deleted by this cluster, said without any of the code that decides.
    fn must_stay(
        &self,
        cluster: usize,
        place: usize,
        namespaces: &BTreeSet<String>,
        key: &str,
    ) -> Option<&'static str> {
        let parts = KeyParts::of(key).unwrap();
        let file = &self.places[place].files[key];
        let lives_in = |cluster: usize| {
            let jobs = self.clusters[cluster].jobs.iter();
            jobs.filter(|job| job.facts.id.as_deref() == Some(parts.id))
                .find(|job| (job.namespace.as_str(), job.name.as_str()) == (parts.namespace, parts.name))
        };
        let of_namespace = self.clusters[cluster]
            .policies
            .iter()
            .filter(|policy| policy.namespace().as_deref() == Some(parts.namespace));
        let came = of_namespace.filter_map(arrived).map(|there| there.since.0.as_second()).min();
        let Some(came) = came.filter(|_| namespaces.contains(parts.namespace)) else {
            return Some("its namespace has no policy here");
        };
        if file.writer != cluster && !file.given && lives_in(file.writer).is_some() {
            return Some("its job lives in the other cluster");
        }
        let awaits = JobLifecycle::Failed { awaits_publication: true };
        match lives_in(cluster) {
            _ if self.is_suspended(cluster, parts.namespace) => Some("its policy is suspended"),
            Some(job) if job.facts.lifecycle == JobLifecycle::Live => Some("its job needs it"),
            Some(job) if !job.facts.labels.is_empty() && self.protects_labels(cluster, place) => {
                Some("its job's label protects it")
            }
            Some(job) if job.facts.lifecycle == awaits && parts.kind == ObjectKind::Videos => {
                Some("it is still to be published")
            }
            // Its job may be restored in a moment.
            None if came > self.now - AGE => Some("the policy has only just come"),
            _ => (file.modified > self.now - AGE).then_some("it is young"),
        }
    }

    fn is_suspended(&self, cluster: usize, namespace: &str) -> bool {
        let mut policies = self.clusters[cluster].policies.iter();
        policies.any(|policy| policy.namespace().as_deref() == Some(namespace) && policy.spec.suspend)
    }

    /// Whether the policy that protects labels has come to this place, and both name it alike.
    fn protects_labels(&self, cluster: usize, place: usize) -> bool {
        let [other, protecting] = &self.clusters[cluster].policies;
        let alike = other.spec.bucket.endpoint == protecting.spec.bucket.endpoint;
        alike && self.location_of(cluster, 1) == place && arrived(protecting).is_some()
    }
}

fn pick(jobs: &mut [JobReference], which: usize) -> Option<&mut JobReference> {
    let count = jobs.len();
    if count == 0 { None } else { jobs.get_mut(which % count) }
}

fn same_name(one: &JobReference, other: &JobReference) -> bool {
    (&one.namespace, &one.name) == (&other.namespace, &other.name)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_file_of_a_job_that_lives_in_another_cluster_is_ever_in_a_plan(
        events in prop::collection::vec(any_event(), 1..120),
    ) {
        let mut harness = Harness::new();
        for event in &events {
            harness.apply(event);
        }
    }
}

#[test]
fn a_word_that_gave_a_place_away_does_not_do_so_again_after_others_have_come() {
    use TestEvent as E;
    let mut harness = Harness::new();
    for event in [
        E::Moves(1, 0, 0, 2),
        E::IsGiven(1, 0),
        E::Begins(0, 0, 0),
        E::Moves(0, 0, 0, 2),
        E::IsGiven(0, 0),
        E::LosesMark(2),
        E::Writes(0, 0),
        E::Reconciles(1, 0),
        E::Passes(3 * DAY),
        E::Prunes(1, 0),
    ] {
        harness.apply(&event);
    }
    assert_eq!(harness.deleted, 0);
}

/// What the model is worth: that files go at all, in each of the two ways.
#[test]
fn files_of_finished_and_of_deleted_jobs_go_after_their_time() {
    for ends in [TestEvent::Ends(0, 0), TestEvent::Goes(0, 0)] {
        let mut harness = Harness::new();
        for event in [
            TestEvent::Passes(3 * DAY),
            TestEvent::Begins(0, 0, 0),
            TestEvent::Writes(0, 0),
            TestEvent::Prunes(0, 0),
            ends,
            TestEvent::Prunes(0, 0),
        ] {
            harness.apply(&event);
        }
        assert_eq!(harness.deleted, 0);
        harness.apply(&TestEvent::Passes(DAY));
        harness.apply(&TestEvent::Prunes(0, 0));
        // The newest film of the namespace stays.
        assert_eq!(harness.deleted, 2);
    }
}
