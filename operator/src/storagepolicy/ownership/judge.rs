//! Judges from the marker which cluster owns a location. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use videofactory_pipeline::Digest;

use super::super::location::BucketLocation;

/// What a person says in [`TAKE_OVER`](videofactory_crds::requests::TAKE_OVER) of a place that has no mark. It names the
/// place, and [`OwnershipMarker::identity`] names one mark: a word that stays in a manifest gives no other place away, should the
/// policy be moved there, nor the same one twice. `handled` is the last word that was followed.
#[must_use]
pub fn nobody(location: &BucketLocation, handled: Option<&str>) -> String {
    let BucketLocation { endpoint, bucket, prefix } = location;
    let handled = handled.unwrap_or_default();
    let digest = Digest::of_bytes(format!("{endpoint}\n{bucket}\n{prefix}\n{handled}").as_bytes());
    format!("nobody-{}", &digest.as_str()[..8])
}

/// The content of the ownership marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnershipMarker {
    /// UID of the cluster's namespace `kube-system`, which lives as long as the cluster.
    pub cluster: String,
    /// Namespace and name of the policy that left it.
    pub policy: String,
    /// The time at which the marker was written.
    pub since: Timestamp,
    /// By chance, because one policy may leave two marks within a second.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub nonce: String,
}

impl OwnershipMarker {
    /// What distinguishes its place from every other one, whatever people call it: no two marks are the same.
    #[must_use]
    pub fn identity(&self) -> String {
        let Self { cluster, policy, since, nonce } = self;
        Digest::of_bytes(format!("{cluster}\n{policy}\n{since}\n{nonce}").as_bytes()).to_string()
    }
}

/// What was found under the marker's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundMarker {
    Nothing,
    Marker(OwnershipMarker),
    /// Something that does not read as a mark.
    SomethingElse,
}

/// The cluster and policy that would use a location.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// The cluster's UID.
    pub cluster: &'a str,
    /// What place a person gives to it: the identity of a mark, or [`nobody`].
    pub given: Option<&'a str>,
    /// What a person says of this very place where it has no mark.
    pub nobody: &'a str,
    /// Whether the policy that looks came to this very place before, as this cluster's, and has not found it to be
    /// another's since.
    pub came_before: bool,
}

/// What to do about a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    Ours,
    /// A person has given it to us: put our mark in the place of the one there.
    TakeOver,
    /// Nobody is known to have it: leave our mark, if nobody does so first.
    MarkIt,
    /// The same, if it holds no file of a job: such files may be of a cluster whose mark was lost.
    MarkItIfEmpty,
    /// It is another cluster's.
    Theirs(OwnershipMarker),
    /// It is not known.
    Unreadable,
}

/// Judges a place.
#[must_use]
pub fn judge(found: &FoundMarker, claimant: Claimant<'_>) -> Judgement {
    match found {
        FoundMarker::Nothing if claimant.came_before || claimant.given == Some(claimant.nobody) => {
            Judgement::MarkIt
        }
        FoundMarker::Nothing => Judgement::MarkItIfEmpty,
        FoundMarker::Marker(marker) if marker.cluster == claimant.cluster => Judgement::Ours,
        FoundMarker::Marker(marker) if claimant.given == Some(&marker.identity()) => Judgement::TakeOver,
        FoundMarker::Marker(marker) => Judgement::Theirs(marker.clone()),
        FoundMarker::SomethingElse => Judgement::Unreadable,
    }
}
