//! To which place the policy has come, and what it loses when that is another's, or it moves away.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::requests::TAKE_OVER;
use videofactory_crds::storagepolicy::PolicyPlace;

use super::super::location::{BucketLocation, arrived, location};
use super::super::observe::{Finding, can_prune};
use super::super::{interrupted_run, requests};
use super::{Draft, refused};
use crate::events::cut;

/// Most bytes of a word that are kept; those that give a place have fewer.
const MAX_WORD: usize = 100;
/// Why a request is not followed that was made before the policy moved.
const MOVED: &str = "the policy has been given another place since; ask again with a new time";

impl Draft<'_> {
    /// Keeps where the policy is together with what was measured there. Both are given up where the place is another
    /// cluster's, or the spec names another one: what was true there says nothing of the new place, and nothing gives a
    /// right to it.
    pub(super) fn update_location(&mut self) {
        let policy = &self.observed.policy;
        let owned = self.observed.owned.as_ref();
        let there = arrived(policy).filter(|there| owned.is_none_or(|owned| owned.cluster == there.cluster));
        let theirs = matches!(self.observed.finding, Finding::Others { .. });
        let there = there.filter(|_| !theirs).cloned();
        if there.is_none() {
            self.leave();
        }
        let Some(owned) = owned.filter(|_| can_prune(&self.observed.finding)) else { return };
        self.came = there.is_none();
        if let Some(word) = policy.annotations().get(TAKE_OVER) {
            // It has done its work: it must not give the place away once more, after it has become another's.
            self.status.handled.get_or_insert_default().take_over = Some(cut(word, MAX_WORD));
        }
        let BucketLocation { endpoint, bucket, prefix } = location(policy);
        self.status.place = Some(PolicyPlace {
            endpoint,
            bucket,
            prefix,
            cluster: owned.cluster.clone(),
            mark: owned.marker.clone(),
            since: there
                .map_or_else(|| whole_seconds(self.now), |there| self.not_before_it_was_made(there.since)),
        });
    }

    /// A policy that was restored from a backup has come again: the jobs of its namespace may be restored after it.
    fn not_before_it_was_made(&self, since: Time) -> Time {
        let made = self.observed.policy.creation_timestamp();
        made.filter(|made| made.0 > since.0).map_or(since, |made| Time(made.0))
    }

    /// Gives up what belongs to the place that the policy is not in, or not any more.
    fn leave(&mut self) {
        let moved = self.status.place.take().is_some();
        self.status.usage = None;
        if !moved {
            return;
        }
        self.events.extend(interrupted_run::cancel(&mut self.status));
        let (pending, _) = requests::pending(&self.observed.policy, self.now);
        if let Some(request) = pending.cleanup {
            requests::handled_cleanup(&mut self.status.handled, &request);
            self.events.push(refused("Prune", MOVED));
        }
    }
}
