//! What a person should know of a restore besides what became of each object. Pure.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;
use videofactory_crds::requests;

use super::answer::{ItemAnswer, Outcome};
use super::plan::Plan;
use super::work::Work;
use crate::backup::{Backup, Item, Kind};

/// Jobs that a note names.
const MAX_NAMED: usize = 5;

/// What the notes are made from, gathered object by object.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The Secrets that are named, by namespace.
    secrets: BTreeMap<String, BTreeSet<String>>,
    /// Policies with a place, and the cluster whose it was.
    places: Vec<(String, String, String)>,
}

impl Gathered {
    /// Takes in what an object names.
    pub fn add(&mut self, item: &Item<'_>, object: &DynamicObject) {
        let spec = &object.data["spec"];
        let secret = match item.kind {
            Kind::ProviderAccount => &spec["secretRef"]["name"],
            Kind::StoragePolicy => &spec["bucket"]["secretRef"]["name"],
            Kind::Channel | Kind::VideoJob => &Value::Null,
        };
        if let Some(secret) = secret.as_str() {
            self.secrets.entry(item.namespace.clone()).or_default().insert(secret.to_owned());
        }
        let place = &object.data["status"]["place"];
        if let (Kind::StoragePolicy, Some(cluster)) = (item.kind, place["cluster"].as_str()) {
            let word = |field: &str| place[field].as_str().unwrap_or_default();
            let words = format!("bucket {:?}, prefix {:?}", word("bucket"), word("prefix"));
            self.places.push((format!("{}/{}", item.namespace, item.name), words, cluster.to_owned()));
        }
    }

    /// The notes. `cluster`: what this cluster is known by, if anything says so.
    #[must_use]
    pub fn notes(&self, backup: &Backup<'_>, cluster: Option<&str>) -> Vec<String> {
        let mut notes = Vec::new();
        if !backup.is_sealed {
            notes.push(
                "this backup was written by an earlier version and has no digest: nothing vouches for its being whole"
                    .to_owned(),
            );
        }
        if !self.secrets.is_empty() {
            let of = |(namespace, names): (&String, &BTreeSet<String>)| {
                format!("{} in {namespace}", names.iter().cloned().collect::<Vec<_>>().join(", "))
            };
            let all: Vec<String> = self.secrets.iter().map(of).collect();
            notes.push(format!(
                "no Secret is in a backup; these are named, and what names them waits until they are there: {}",
                all.join("; ")
            ));
        }
        notes.extend(self.places.iter().filter_map(|place| ownership(place, cluster)));
        notes
    }
}

/// What this cluster is known by, as an object says that is there: the place of a policy that is Ready is this cluster's.
/// What is restored and was not looked at since speaks of another time.
#[must_use]
pub(super) fn reported_cluster(kind: Kind, live: &DynamicObject) -> Option<String> {
    if kind != Kind::StoragePolicy || live.annotations().contains_key(requests::RESTORING) {
        return None;
    }
    let status = &live.data["status"];
    let is_ready = status["conditions"].as_array().into_iter().flatten().any(|condition| {
        condition["type"] == "Ready"
            && condition["status"] == "True"
            && condition["observedGeneration"].as_i64() == live.metadata.generation
    });
    let cluster = status["place"]["cluster"].as_str().filter(|_| is_ready);
    cluster.map(str::to_owned)
}

/// What is to be known of accounts that are there already while a job is made that had something under way there: its grants
/// name the job that is gone. `works`: before anything is made.
#[must_use]
pub(super) fn left_grants(works: &[Work<'_>]) -> Vec<String> {
    let made = works.iter().filter(|work| work.item.kind == Kind::VideoJob && work.plan == Plan::Create);
    let made: BTreeMap<&str, &str> =
        made.map(|work| (work.wanted.uid.as_str(), work.item.name.as_str())).collect();
    let there = works.iter().filter(|work| work.item.kind == Kind::ProviderAccount && !work.is_ours());
    there.filter_map(|work| note_of_grants(work.item, &made)).collect()
}

fn note_of_grants(account: &Item<'_>, made: &BTreeMap<&str, &str>) -> Option<String> {
    let object = account.object();
    let grants = object.data["status"]["grants"].as_array().into_iter().flatten();
    let holders: BTreeSet<&str> =
        grants.filter_map(|grant| made.get(grant["holder"]["uid"].as_str()?).copied()).collect();
    (!holders.is_empty()).then(|| {
        let jobs = holders.into_iter().collect::<Vec<_>>().join(", ");
        format!(
            "{account} is there already, and does not know the VideoJobs that are made now: what {jobs} had under way counts \
             as spent there"
        )
    })
}

/// What to do about jobs that were left alone, because others of their names were there first: what applies manifests may
/// have made them again.
#[must_use]
pub(super) fn left_alone(items: &[ItemAnswer]) -> Option<String> {
    let is_left = |item: &&ItemAnswer| item.kind == Kind::VideoJob && item.outcome == Outcome::LeftAlone;
    let left: Vec<String> =
        items.iter().filter(is_left).map(|item| format!("{}/{}", item.namespace, item.name)).collect();
    let named = left.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = match left.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!left.is_empty()).then(|| {
        format!(
            "not restored, because other VideoJobs of these names are there: {named}{more}. Those are made, and paid for, as \
             new films: hold them first (suspend or stop-all). To have the backup's, delete them and restore the same \
             backup again"
        )
    })
}

/// What the mark in a bucket means for a policy that comes to another cluster.
fn ownership((policy, place, before): &(String, String, String), cluster: Option<&str>) -> Option<String> {
    let whose = match cluster {
        Some(now) if now == before => return None,
        Some(_) => "this cluster is another one",
        None => "whether this is that cluster is not known, as no StoragePolicy is Ready here",
    };
    Some(format!(
        "the place of StoragePolicy {policy} ({place}) belonged to the cluster with the UID {before}, and {whose}. In any \
         other one the policy is not Ready, and its jobs wait: two clusters with one place would delete each other's \
         films. If that cluster is gone for good, or uses another place now, the policy's condition Ready has the command \
         that gives the place to this one; else give the policy a place of its own"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::backup::Document;

    fn notes(cluster: Option<&str>) -> Vec<String> {
        let mut document = Document::begin("2026-01-04T04:00:01Z".parse().unwrap(), Some("films"));
        let object = |name: &str, spec: Value, status: Value| -> DynamicObject {
            let metadata = json!({"name": name, "namespace": "films"});
            serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
        };
        let place = json!({"place": {"bucket": "videos", "prefix": "studio", "cluster": "c1"}});
        document.add(
            Kind::ProviderAccount,
            object("grok", json!({"secretRef": {"name": "grok-keys"}}), json!(null)),
        );
        document.add(Kind::ProviderAccount, object("free", json!({"provider": "Embedded"}), json!(null)));
        let bucket = json!({"bucket": {"secretRef": {"name": "s3"}}});
        document.add(Kind::StoragePolicy, object("default", bucket, place));
        let text = String::from_utf8(document.end().text).unwrap();
        let backup = Backup::read(&text).unwrap();
        let mut gathered = Gathered::default();
        backup.items.iter().for_each(|item| gathered.add(item, &item.object()));
        gathered.notes(&backup, cluster)
    }

    #[test]
    fn jobs_that_were_left_alone_are_to_be_held_before_they_are_paid_for() {
        let item = |kind, outcome, name: String| ItemAnswer {
            kind,
            namespace: "films".to_owned(),
            name,
            outcome,
            detail: None,
        };
        let mut items = vec![
            item(Kind::Channel, Outcome::LeftAlone, "sea".to_owned()),
            item(Kind::VideoJob, Outcome::Restored, "ocean".to_owned()),
        ];
        assert_eq!(left_alone(&items), None);
        items.extend((0..7).map(|number| item(Kind::VideoJob, Outcome::LeftAlone, format!("f{number}"))));
        let note = left_alone(&items).unwrap();
        assert!(note.contains(": films/f0, films/f1, films/f2, films/f3, films/f4 and 2 more."), "{note}");
        assert!(note.contains("stop-all") && note.contains("delete them and restore"), "{note}");
    }

    #[test]
    fn a_policy_that_is_ready_shows_how_this_cluster_is_identified() {
        let reported = |kind: Kind, seen: i64, ready: &str, annotations: &Value| {
            let metadata =
                json!({"name": "default", "namespace": "films", "generation": 3, "annotations": annotations});
            let ready = json!({"type": "Ready", "status": ready, "observedGeneration": seen});
            let status = json!({"conditions": [ready], "place": {"bucket": "videos", "cluster": "c1"}});
            let live = json!({"metadata": metadata, "spec": {}, "status": status});
            reported_cluster(kind, &serde_json::from_value(live).unwrap())
        };
        let none = json!({});
        assert_eq!(reported(Kind::StoragePolicy, 3, "True", &none).as_deref(), Some("c1"));
        assert_eq!(
            reported(Kind::StoragePolicy, 0, "True", &none),
            None,
            "restored, and not looked at since"
        );
        assert_eq!(reported(Kind::StoragePolicy, 3, "False", &none), None);
        assert_eq!(reported(Kind::StoragePolicy, 3, "True", &json!({requests::RESTORING: ""})), None);
        assert_eq!(reported(Kind::ProviderAccount, 3, "True", &none), None);
    }

    #[test]
    fn secrets_are_named_and_a_location_of_another_cluster_is_reported() {
        let own = notes(Some("c1"));
        let [secrets] = own.as_slice() else { panic!("{own:?}") };
        assert!(secrets.contains("grok-keys, s3 in films"), "{secrets}");
        for (cluster, says) in [(Some("c2"), "this cluster is another one"), (None, "is not known")] {
            let reported = notes(cluster);
            let [_, place] = reported.as_slice() else { panic!("{reported:?}") };
            assert!(
                place.contains("films/default") && place.contains("\"studio\"") && place.contains(says),
                "{place}"
            );
        }
    }
}
