//! A bucket and its jobs for tests of plans: set up in lines, planned, and looked at by key.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};
use videofactory_crds::storagepolicy::{ObjectKind, PruneCause};
use videofactory_crds::{StepName, StoragePolicy};
use videofactory_pipeline::Digest;
use videofactory_pipeline::keys::{CaptionFormat, KeyParts, Keys, PublishedFile, kind_of};

use super::*;

pub(crate) const DAY: i64 = 86_400;
pub(crate) const HOUR: i64 = 3_600;
/// When tests plan, in seconds since 1970.
pub(crate) const NOW: i64 = 1_000 * DAY;

/// The `status.id` of tests' jobs.
pub(crate) const ID: &str = "00000001";

/// A key in full of one in short, as tests write it: `videos/films/ocean-1/r1/a.mp4` has an id of eight digits and a
/// digest for a name. What is a whole key already, or none of ours, stays as it is.
pub(crate) fn full(key: &str) -> String {
    let whole = || {
        let mut parts = key.splitn(5, '/');
        let (kind, namespace) = (kind_of(parts.next()?)?, parts.next()?);
        let (name, id) = parts.next()?.rsplit_once('-')?;
        let id = u32::from_str_radix(id, 16).ok()?;
        let (run, file) = (parts.next()?.strip_prefix('r')?.parse().ok()?, parts.next()?);
        let stem = file.rsplit('/').next()?.split('.').next()?;
        let digest = stem.bytes().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
        let digest = Digest::from_hex(&format!("{digest:0<32}"))?;
        let keys = Keys::new(namespace, name, &format!("{id:08x}"), run);
        Some(match kind {
            ObjectKind::Work => keys.document(StepName::WriteScript, &digest),
            ObjectKind::Clips => keys.clip(&digest),
            ObjectKind::Videos => keys.film(&digest),
            ObjectKind::Thumbnails => keys.thumbnail(&digest),
            ObjectKind::Captions => keys.captions(&digest, CaptionFormat::Srt),
            ObjectKind::Published if file.ends_with("record.json") => keys.record("main"),
            ObjectKind::Published => keys.published("main", PublishedFile::Film),
        })
    };
    if KeyParts::of(key).is_some() { key.to_owned() } else { whole().unwrap_or_else(|| key.to_owned()) }
}

/// What a test plans over.
#[derive(Clone, Debug)]
pub(crate) struct Harness {
    pub(crate) objects: BTreeMap<String, (u64, i64)>,
    pub(crate) jobs: Vec<JobReference>,
    pub(crate) namespaces: BTreeSet<String>,
    pub(crate) spec: Value,
    /// When the policy came to the place.
    pub(crate) came: i64,
    /// Other policies for the same place.
    pub(crate) sharing: Vec<StoragePolicy>,
    pub(crate) run_request: RunRequest,
    pub(crate) now: i64,
}

impl Harness {
    /// An empty bucket of 1,000 bytes with these rules and no brakes.
    #[expect(clippy::needless_pass_by_value, reason = "it takes what json! gives")]
    pub(crate) fn with_rules(rules: Value) -> Self {
        Self {
            objects: BTreeMap::new(),
            jobs: Vec::new(),
            namespaces: ["films".to_owned()].into(),
            came: 0,
            sharing: Vec::new(),
            spec: json!({
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "1000", "target": "500", "warn": "800", "stop": "900"},
                "rules": rules,
                "brakes": {"maxObjects": 10_000_000, "maxPercent": 100},
            }),
            run_request: RunRequest {
                slot: at(NOW),
                cause: PruneCause::Schedule,
                dry_run: false,
                older_than: None,
            },
            now: NOW,
        }
    }

    /// Changes a field of the policy.
    pub(crate) fn set(mut self, field: &str, value: Value) -> Self {
        self.spec[field] = value;
        self
    }

    /// An object of so many bytes and seconds of age; see [`full`].
    pub(crate) fn object(mut self, key: &str, bytes: u64, age: i64) -> Self {
        self.objects.insert(full(key), (bytes, self.now - age));
        self
    }

    /// A job of this name with the id [`ID`]; see [`job`].
    pub(crate) fn job(mut self, name: &str, lifecycle: JobLifecycle) -> Self {
        self.jobs.push(job("films", name, lifecycle));
        self
    }

    /// Changes the last job.
    pub(crate) fn but(mut self, change: impl FnOnce(&mut JobReference)) -> Self {
        change(self.jobs.last_mut().unwrap());
        self
    }

    pub(crate) fn policy(&self) -> StoragePolicy {
        self.policy_of("films", self.came)
    }

    /// The policy of a namespace, which came to the place then.
    pub(crate) fn policy_of(&self, namespace: &str, came: i64) -> StoragePolicy {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": "default", "namespace": namespace, "creationTimestamp": at(0).to_string()},
            "spec": self.spec,
            "status": {"place": {
                "endpoint": "http://s3:9000", "bucket": "videos", "prefix": "", "cluster": "c",
                "since": at(came).to_string(),
            }},
        }))
        .unwrap()
    }

    pub(crate) fn listing(&self) -> Listing {
        listing_of(self.objects.iter().map(|(key, (bytes, modified))| (key.as_str(), *bytes, *modified)))
    }

    /// With a policy like this one in every other namespace whose jobs are seen, unless there is one.
    pub(crate) fn rules(&self) -> Rules {
        let has_one = |namespace: &String| {
            namespace == "films"
                || self.sharing.iter().any(|other| other.namespace().as_ref() == Some(namespace))
        };
        let others = self.namespaces.iter().filter(|namespace| !has_one(namespace));
        let others = others.map(|namespace| self.policy_of(namespace, self.came));
        Rules::of(&self.policy(), &others.chain(self.sharing.iter().cloned()).collect::<Vec<_>>()).unwrap()
    }

    pub(crate) fn references(&self) -> References {
        References::new(self.namespaces.clone(), self.jobs.iter().cloned())
    }

    pub(crate) fn plan(&self) -> Planned {
        let (listing, rules) = (self.listing(), self.rules());
        let plan = plan(&listing, &rules, &self.references(), &self.run_request, at(self.now));
        Planned { listing, rules, plan }
    }

    /// Does what the plan says; what it deleted, in order.
    pub(crate) fn prune(&mut self) -> Vec<String> {
        let deleted = self.plan().deleted();
        for key in &deleted {
            self.objects.remove(key);
        }
        deleted
    }
}

/// A plan, to be looked at.
pub(crate) struct Planned {
    pub(crate) listing: Listing,
    pub(crate) rules: Rules,
    pub(crate) plan: PrunePlan,
}

impl Planned {
    /// Keys that are deleted, in order.
    pub(crate) fn deleted(&self) -> Vec<String> {
        let objects = self.listing.objects();
        self.plan.deletions.iter().map(|index| self.listing.key(&objects[*index as usize])).collect()
    }

    /// Why an object stays or goes.
    pub(crate) fn verdict(&self, key: &str) -> FileVerdict {
        let (key, mut all) = (full(key), self.listing.objects().iter().zip(&self.plan.verdicts));
        *all.find(|(object, _)| self.listing.key(object) == key).unwrap().1
    }

    pub(crate) fn shortfall(&self) -> String {
        shortfall(&self.listing, &self.rules, &self.plan).unwrap_or_default()
    }
}

/// A job of this name in this namespace, with the id [`ID`].
pub(crate) fn job(namespace: &str, name: &str, lifecycle: JobLifecycle) -> JobReference {
    JobReference {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        version: "1".to_owned(),
        facts: VideoJobFacts {
            uid: format!("uid-of-{name}"),
            generation: 1,
            id: Some(ID.to_owned()),
            run: 1,
            lifecycle,
            labels: BTreeMap::new(),
            requests: BTreeMap::new(),
        },
        pruned: BTreeSet::new(),
    }
}

/// Finished so many seconds before [`NOW`].
pub(crate) fn finished(ago: i64) -> JobLifecycle {
    JobLifecycle::Finished { at: at(NOW - ago) }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn listing_of<'a>(objects: impl IntoIterator<Item = (&'a str, u64, i64)>) -> Listing {
    let mut listing = Listing::default();
    for (key, bytes, modified) in objects {
        let folder = Folder::ALL.into_iter().find(|folder| key.starts_with(folder.prefix())).unwrap();
        listing.add(folder, key, bytes, u32::try_from(modified).unwrap());
    }
    listing
}

/// The kind of a key that is one of ours.
pub(crate) fn kind(key: &str) -> Option<ObjectKind> {
    KeyParts::of(key).map(|parts| parts.kind)
}
