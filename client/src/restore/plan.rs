//! What is to be done about each object of a backup. Pure.

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;
use videofactory_crds::requests;
use videofactory_crds::restoring::{is_observed, job_has_begun};
use videofactory_pipeline::Digest;

use crate::backup::Kind;

/// What says of an object, in a backup or at the API server, what is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub uid: String,
    /// Its resourceVersion.
    pub version: String,
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// It is held for a restore.
    pub is_held: bool,
    /// It is being deleted.
    pub is_leaving: bool,
    /// Digest of the backup of which a restore has made it that has not ended.
    from: Option<String>,
    /// It has a status of its own; without one nothing has come of it yet.
    has_begun: bool,
    /// Of a `VideoJob`, its `status.id`.
    id: String,
    spec: Digest,
}

impl Facts {
    /// Of this object.
    #[must_use]
    pub fn of(kind: Kind, object: &DynamicObject) -> Self {
        let status = &object.data["status"];
        let id = status["id"].as_str().unwrap_or_default().to_owned();
        Self {
            uid: object.uid().unwrap_or_default(),
            version: object.resource_version().unwrap_or_default(),
            generation: object.metadata.generation,
            is_held: object.annotations().contains_key(requests::RESTORING),
            from: object.annotations().get(requests::RESTORED_FROM).cloned(),
            is_leaving: object.metadata.deletion_timestamp.is_some(),
            has_begun: has_begun(kind, status),
            id,
            spec: Digest::of(&object.data["spec"]),
        }
    }

    /// Whether the restore of another backup has made it, and has not ended. `from`: the digest of this one.
    #[must_use]
    pub fn is_of_another(&self, from: &Digest) -> bool {
        let is_unfinished = self.is_held || !self.has_begun;
        is_unfinished && self.from.as_ref().is_some_and(|other| *other != from.to_string())
    }

    /// Whether this is still the object that the restore of a backup with this digest holds. Once it is let go, things
    /// happen to it that a status of the backup knows nothing of.
    #[must_use]
    pub fn is_still_held(&self, before: &Self, from: &Digest) -> bool {
        self.is_held && self.uid == before.uid && !self.is_of_another(from)
    }

    /// Whether both are one object, or one was restored from the other. An account and a policy are known by their name.
    #[must_use]
    pub fn is_same(&self, kind: Kind, other: &Self) -> bool {
        match kind {
            Kind::VideoJob => self.uid == other.uid || (!self.id.is_empty() && self.id == other.id),
            Kind::Channel | Kind::ProviderAccount | Kind::StoragePolicy => true,
        }
    }
}

/// Whether anything has come of an object. A Channel has no status that could be missing.
fn has_begun(kind: Kind, status: &Value) -> bool {
    match kind {
        Kind::Channel => true,
        Kind::VideoJob => job_has_begun(status["id"].as_str()),
        Kind::ProviderAccount | Kind::StoragePolicy => is_observed(status["observedGeneration"].as_i64()),
    }
}

/// What is to be done about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It is made.
    Create,
    /// An earlier restore was broken off: it continues.
    GoOn,
    /// It was made without its status, which it gets.
    Complete,
    /// It is there already; how.
    Unchanged(String),
    /// It is there, and another; which.
    LeaveAlone(String),
    /// It is not to be restored; why.
    Skip(String),
}

/// What is to be done about an object of a backup, by what the API server has under its name.
#[must_use]
pub fn plan(kind: Kind, wanted: &Facts, present: Option<&Facts>) -> Plan {
    let Some(present) = present else {
        if wanted.is_leaving {
            return Plan::Skip("it was being deleted when it was backed up".to_owned());
        }
        return Plan::Create;
    };
    if present.is_leaving {
        let why = "the one that is there is being deleted; restore again once it is gone";
        return Plan::LeaveAlone(why.to_owned());
    }
    if present.is_held {
        return Plan::GoOn;
    }
    let same_spec = present.spec == wanted.spec;
    // Somebody may have taken the annotation away that held it.
    if !present.has_begun && (wanted.has_begun || present.from.is_some()) {
        if same_spec {
            return Plan::Complete;
        }
        let why = "one of this name was made from another spec; delete it first to have the backup's";
        return Plan::LeaveAlone(why.to_owned());
    }
    if present.uid == wanted.uid {
        return Plan::Unchanged("it is still there".to_owned());
    }
    match kind {
        Kind::VideoJob if present.is_same(kind, wanted) => {
            Plan::Unchanged("it was restored before".to_owned())
        }
        Kind::VideoJob => Plan::LeaveAlone(
            "another VideoJob of this name is there, with a film of its own; delete it first to have the backup's"
                .to_owned(),
        ),
        _ if same_spec => Plan::Unchanged("it is there already".to_owned()),
        _ => {
            let why = "it is there with another spec; delete it first to have the backup's";
            Plan::LeaveAlone(why.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts(kind: Kind, change: impl FnOnce(&mut Value)) -> Facts {
        let mut object = json!({
            "metadata": {"name": "ocean", "namespace": "films", "uid": "old", "generation": 3, "resourceVersion": "7"},
            "spec": {"topic": "the sea"}, "status": {"id": "3f9c2a1e", "observedGeneration": 3},
        });
        change(&mut object);
        Facts::of(kind, &serde_json::from_value(object).unwrap())
    }

    fn planned(kind: Kind, change: impl FnOnce(&mut Value)) -> Plan {
        plan(kind, &facts(kind, |_| ()), Some(&facts(kind, change)))
    }

    fn other(object: &mut Value) {
        object["metadata"]["uid"] = json!("new");
    }

    #[test]
    fn what_is_gone_is_made_unless_it_was_on_its_way_out() {
        for kind in Kind::ALL {
            assert_eq!(plan(kind, &facts(kind, |_| ()), None), Plan::Create);
            let leaving = facts(kind, |object| {
                object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            });
            assert!(matches!(plan(kind, &leaving, None), Plan::Skip(_)));
            assert!(matches!(plan(kind, &facts(kind, |_| ()), Some(&leaving)), Plan::LeaveAlone(_)));
        }
    }

    #[test]
    fn what_is_there_is_not_touched() {
        for kind in Kind::ALL {
            assert!(matches!(planned(kind, |_| ()), Plan::Unchanged(_)), "{kind}");
            assert!(matches!(planned(kind, other), Plan::Unchanged(_)), "{kind}: restored before");
        }
        let edited = |object: &mut Value| {
            other(object);
            object["spec"]["topic"] = json!("a river");
        };
        for kind in [Kind::Channel, Kind::ProviderAccount, Kind::StoragePolicy] {
            assert!(matches!(planned(kind, edited), Plan::LeaveAlone(_)), "{kind}");
        }
        assert!(matches!(planned(Kind::VideoJob, edited), Plan::Unchanged(_)), "restored, and edited since");
        let made_again = |object: &mut Value| {
            other(object);
            object["status"]["id"] = json!("aaaaaaaa");
        };
        assert!(matches!(planned(Kind::VideoJob, made_again), Plan::LeaveAlone(_)));
    }

    #[test]
    fn what_a_broken_off_restore_has_left_continues_whatever_it_has_by_then() {
        for kind in [Kind::ProviderAccount, Kind::StoragePolicy, Kind::VideoJob] {
            for status in
                [json!({"observedGeneration": -1}), json!({"id": "3f9c2a1e", "observedGeneration": 1})]
            {
                let left = planned(kind, |object| {
                    other(object);
                    object["metadata"]["annotations"] =
                        json!({"videofactory.dev/restoring": "2026-01-01T00:00:00Z"});
                    object["status"] = status;
                });
                assert_eq!(left, Plan::GoOn, "{kind}");
            }
        }
    }

    #[test]
    fn an_object_that_is_let_go_or_made_again_or_held_for_another_backup_is_not_this_restores_any_more() {
        let from = Digest::of_bytes(b"this backup");
        let held = |by: &str| {
            facts(Kind::VideoJob, |object| {
                object["metadata"]["annotations"] = json!({
                    "videofactory.dev/restoring": "2026-01-01T00:00:00Z", "videofactory.dev/restored-from": by,
                });
            })
        };
        let ours = held(&from.to_string());
        assert!(ours.is_still_held(&ours, &from) && !ours.is_of_another(&from));
        let by_hand = Facts { from: None, ..ours.clone() };
        assert!(
            by_hand.is_still_held(&ours, &from) && !by_hand.is_of_another(&from),
            "made with kubectl alone"
        );
        assert!(!Facts { is_held: false, ..ours.clone() }.is_still_held(&ours, &from));
        assert!(!Facts { uid: "new".to_owned(), ..ours.clone() }.is_still_held(&ours, &from));
        let theirs = held("3f9c");
        assert!(!theirs.is_still_held(&ours, &from) && theirs.is_of_another(&from));
        assert!(!Facts { is_held: false, ..theirs }.is_of_another(&from), "it has its status, and is let go");
    }

    #[test]
    fn what_lost_its_annotation_before_it_had_its_status_gets_it() {
        for kind in [Kind::ProviderAccount, Kind::StoragePolicy, Kind::VideoJob] {
            let bare = |object: &mut Value| {
                other(object);
                object["metadata"]["annotations"] = json!({"videofactory.dev/restored-from": "3f9c"});
                object["status"] = json!({"observedGeneration": -1});
            };
            assert_eq!(planned(kind, bare), Plan::Complete, "{kind}");
            let new = facts(kind, |object| object["status"] = json!({"observedGeneration": -1}));
            assert_eq!(
                plan(kind, &new, Some(&facts(kind, bare))),
                Plan::Complete,
                "{kind}: there is none to get"
            );
        }
    }

    #[test]
    fn what_another_tool_has_made_without_its_status_gets_it() {
        for kind in [Kind::ProviderAccount, Kind::StoragePolicy, Kind::VideoJob] {
            let bare = |object: &mut Value| {
                other(object);
                object["status"] = json!({"observedGeneration": -1});
            };
            assert_eq!(planned(kind, bare), Plan::Complete, "{kind}");
            let edited = planned(kind, |object| {
                bare(object);
                object["spec"] = json!({"topic": "a river"});
            });
            assert!(matches!(edited, Plan::LeaveAlone(_)), "{kind}");
            let new = facts(kind, |object| object["status"] = json!({"observedGeneration": -1}));
            let present = facts(kind, other);
            assert!(
                !matches!(plan(kind, &new, Some(&present)), Plan::Complete),
                "the backup has none either"
            );
        }
    }
}
