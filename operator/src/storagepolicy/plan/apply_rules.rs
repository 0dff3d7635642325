//! The plan itself: the rules in order, the oldest first, until the brakes.
//!
//! What comes out does not depend on the order of the listing, and a plan of what it leaves deletes nothing.

use std::collections::HashMap;

use jiff::Timestamp;
use videofactory_crds::storagepolicy::{ObjectKind, PruneRule, WaterMark};

use super::always_kept::{Finish, OwnerFacts, age_order, held, owners, ranks};
use super::file_verdict::{FileVerdict, Why};
use super::listing::{Folder, Listing, Object};
use super::references::References;
use super::rules::{Rules, covers, seconds, written_by};
use super::{RunRequest, Tally};

/// What a run deletes, and why each object stays or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrunePlan {
    /// One for each object of the listing, in its order.
    pub verdicts: Vec<FileVerdict>,
    /// Positions in the listing of what is deleted, in the order in which it is.
    pub deletions: Vec<u32>,
    /// What that comes to.
    pub deleted: Tally,
    /// What the rules would delete beyond it, but for the brakes.
    pub braked: Tally,
    /// Bytes under the prefix before, as the rules count them: without the plans of runs, so that a dry run, which
    /// leaves one, changes nothing.
    pub bytes: u64,
}

impl PrunePlan {
    /// Bytes that are left, as the rules count them.
    #[must_use]
    pub const fn bytes_after(&self) -> u64 {
        self.bytes.saturating_sub(self.deleted.bytes)
    }
}

/// Plans a run.
#[must_use]
pub fn plan(
    listing: &Listing,
    rules: &Rules,
    references: &References,
    run_request: &RunRequest,
    now: Timestamp,
) -> PrunePlan {
    let owners = owners(listing, references, rules);
    let ranks = ranks(listing);
    let verdicts = held(listing, &owners, &ranks, rules, now);
    let open = (0..).zip(&verdicts).filter(|(_, verdict)| **verdict == FileVerdict::Kept(Why::NoRule));
    let open = open.map(|(index, _)| index).collect();
    let bytes = listing.objects().iter().filter(|object| object.folder != Folder::Plans);
    let bytes = bytes.map(|object| object.size).sum();
    let mut draft = Draft {
        listing,
        rules,
        run_request,
        now,
        owners,
        ranks,
        verdicts,
        open,
        wanted: Vec::new(),
        left: bytes,
    };
    while draft.pass() {}
    draft.brake(bytes)
}

struct Draft<'a> {
    listing: &'a Listing,
    rules: &'a Rules,
    run_request: &'a RunRequest,
    now: Timestamp,
    owners: Vec<OwnerFacts>,
    ranks: Vec<u32>,
    verdicts: Vec<FileVerdict>,
    /// What nothing holds and no rule has deleted yet.
    open: Vec<u32>,
    /// What the rules delete, in order.
    wanted: Vec<u32>,
    /// Bytes that are left after that.
    left: u64,
}

impl Draft<'_> {
    /// Goes through all rules once; whether that may have opened more to them. A job that is gone is as old as its
    /// newest object: where that goes, the others may be old enough, and the job no longer among the newest that a rule
    /// keeps.
    fn pass(&mut self) -> bool {
        let before = self.wanted.len();
        let finished = self.finish_times();
        for (number, rule) in (0..).zip(&self.rules.rules) {
            self.apply(number, rule, &finished);
        }
        let orphaned = |index: &u32| {
            let owner = self.owners.get(self.object(*index).owner as usize);
            owner.is_some_and(|owner| owner.finish == Finish::Gone)
        };
        self.wanted[before..].iter().any(orphaned)
    }

    fn object(&self, index: u32) -> &Object {
        &self.listing.objects()[index as usize]
    }

    /// When each owner finished; `None` if it has not.
    fn finish_times(&self) -> Vec<Option<i64>> {
        let mut times: Vec<Option<i64>> = self
            .owners
            .iter()
            .map(|owner| match owner.finish {
                Finish::Not => None,
                Finish::At(time) => Some(time),
                Finish::Gone => Some(0),
            })
            .collect();
        for (object, _) in self.remaining() {
            let owner = object.owner as usize;
            if self.owners.get(owner).is_some_and(|owner| owner.finish == Finish::Gone) {
                times[owner] = times[owner].max(Some(i64::from(object.modified)));
            }
        }
        times
    }

    /// What no rule has deleted yet, held or not.
    fn remaining(&self) -> impl Iterator<Item = (&Object, ObjectKind)> {
        self.listing.objects().iter().zip(&self.verdicts).filter_map(|(object, verdict)| {
            match (object.folder, verdict) {
                (Folder::Kind(kind), FileVerdict::Kept(_)) => Some((object, kind)),
                _ => None,
            }
        })
    }

    fn apply(&mut self, number: u8, rule: &PruneRule, finished: &[Option<i64>]) {
        let newest = self.newest_jobs(rule, finished);
        let is_newest = |kind: ObjectKind, owner: usize| {
            newest
                .iter()
                .any(|(kinds, kept)| kinds.contains(&kind) && kept.get(owner).is_some_and(|kept| *kept))
        };
        let age = self.run_request.older_than.unwrap_or(rule.older_than);
        let written_by = written_by(self.now, seconds(age));
        let mut candidates = Vec::new();
        for place in 0..self.open.len() {
            let index = self.open[place];
            let object = &self.listing.objects()[index as usize];
            let Folder::Kind(kind) = object.folder else { continue };
            if !covers(rule, kind) {
                continue;
            }
            let owner = object.owner as usize;
            let hurdle = if rule.only_finished && !self.owners[owner].is_finished() {
                Why::NotFinished(number)
            } else if self.since(object, finished) > written_by {
                Why::TooYoung(number)
            } else if is_newest(kind, owner) {
                Why::KeepLast(number)
            } else {
                candidates.push(index);
                continue;
            };
            self.stays(index, hurdle);
        }
        self.delete(number, rule, candidates);
        let verdicts = &self.verdicts;
        self.open.retain(|index| matches!(verdicts[*index as usize], FileVerdict::Kept(_)));
    }

    /// From when on a rule counts an object's age. Nobody knows whether a job that is gone had finished, and whether
    /// it stays gone: its files are as young as the newest of them, and not older than the policy that lets us see its
    /// namespace, since jobs may be restored after it.
    fn since(&self, object: &Object, finished: &[Option<i64>]) -> i64 {
        let (owner, modified) = (object.owner as usize, i64::from(object.modified));
        if self.owners.get(owner).is_none_or(|owner| owner.finish != Finish::Gone) {
            return modified;
        }
        let newest = finished.get(owner).copied().flatten().unwrap_or(modified);
        let namespace = self.listing.owner(object).map(|owner| &*owner.namespace).unwrap_or_default();
        modified.max(newest).max(self.rules.seen_since(namespace))
    }

    /// Remembers why an object stays, if by this rule it came further than by those before.
    fn stays(&mut self, index: u32, why: Why) {
        let verdict = &mut self.verdicts[index as usize];
        if let FileVerdict::Kept(before) = verdict
            && why.distance() > before.distance()
        {
            *verdict = FileVerdict::Kept(why);
        }
    }

    /// Deletes the oldest: all of them, or while the rule's mark asks for it.
    fn delete(&mut self, number: u8, rule: &PruneRule, mut candidates: Vec<u32>) {
        let until = self.down_to(rule);
        if until.is_none_or(|until| self.left > until) {
            let objects = self.listing.objects();
            let age = |index: &u32| age_order(&objects[*index as usize], &self.ranks);
            candidates.sort_unstable_by(|one, other| age(one).cmp(&age(other)));
        }
        for index in candidates {
            if until.is_some_and(|until| self.left <= until) {
                self.stays(index, Why::BelowMark(number));
                continue;
            }
            self.left = self.left.saturating_sub(self.object(index).size);
            self.verdicts[index as usize] = FileVerdict::Deleted(number);
            self.wanted.push(index);
        }
    }

    /// How many bytes a rule may leave. `None`: it asks no mark, or a person has asked instead.
    fn down_to(&self, rule: &PruneRule) -> Option<u64> {
        let mark = rule.when_above.filter(|_| self.run_request.older_than.is_none())?;
        let bytes = |mark: WaterMark| u64::try_from(self.rules.mark(mark)).unwrap_or_default();
        // Once above its mark it continues to target, so that the next few files do not bring it back.
        Some(if self.left > bytes(mark) { bytes(WaterMark::Target) } else { u64::MAX })
    }

    /// Which owners the rule keeps because they are among the newest of their namespace, and of which kinds. An age that
    /// a person gave reaches past every mark, so that rules which leave it to others to keep the newest would delete
    /// them: then of each kind as many are kept as any rule keeps.
    fn newest_jobs(&self, rule: &PruneRule, finished: &[Option<i64>]) -> Vec<(Vec<ObjectKind>, Vec<bool>)> {
        if self.run_request.older_than.is_none() {
            return vec![(rule.kinds.clone(), self.newest_with(&rule.kinds, rule.keep_last, finished))];
        }
        let of_kind = |kind: &ObjectKind| {
            let rules = self.rules.rules.iter().filter(|rule| covers(rule, *kind));
            let wanted = rules.map(|rule| rule.keep_last).max().unwrap_or_default();
            (vec![*kind], self.newest_with(&[*kind], wanted, finished))
        };
        rule.kinds.iter().map(of_kind).collect()
    }

    /// The newest so many owners of each namespace that have files of these kinds.
    fn newest_with(&self, kinds: &[ObjectKind], wanted: i32, finished: &[Option<i64>]) -> Vec<bool> {
        let Ok(wanted @ 1..) = usize::try_from(wanted) else { return Vec::new() };
        let mut kept = vec![false; self.owners.len()];
        for (object, kind) in self.remaining() {
            if kinds.contains(&kind)
                && let Some(kept) = kept.get_mut(object.owner as usize)
            {
                *kept = true;
            }
        }
        let mut namespaces: HashMap<&str, Vec<(i64, u32, usize)>> = HashMap::new();
        for (index, owner) in self.listing.owners().iter().enumerate() {
            let has_some = std::mem::take(&mut kept[index]);
            if let Some(time) = finished[index].filter(|_| has_some) {
                let jobs = namespaces.entry(&owner.namespace).or_default();
                jobs.push((time, self.ranks[index], index));
            }
        }
        for mut jobs in namespaces.into_values() {
            jobs.sort_unstable_by(|one, other| other.cmp(one));
            for (_, _, owner) in jobs.into_iter().take(wanted) {
                kept[owner] = true;
            }
        }
        kept
    }

    /// Cuts off what the run may not delete.
    fn brake(mut self, bytes: u64) -> PrunePlan {
        let share = u128::from(bytes) * u128::from(self.rules.max_percent) / 100;
        let (mut deleted, mut braked) = (Tally::default(), Tally::default());
        let mut allowed = self.wanted.len();
        for (place, index) in self.wanted.iter().enumerate() {
            let size = self.listing.objects()[*index as usize].size;
            // The first always passes: a file larger than the share would hold up all others for ever.
            let fits = place == 0
                || deleted.objects < self.rules.max_objects
                    && u128::from(deleted.bytes.saturating_add(size)) <= share;
            if allowed == self.wanted.len() && !fits {
                allowed = place;
            }
            if place < allowed {
                deleted.add(size);
            } else {
                braked.add(size);
                let verdict = &mut self.verdicts[*index as usize];
                if let FileVerdict::Deleted(rule) = *verdict {
                    *verdict = FileVerdict::Kept(Why::Brakes(rule));
                }
            }
        }
        self.wanted.truncate(allowed);
        self.wanted.shrink_to_fit();
        PrunePlan { verdicts: self.verdicts, deletions: self.wanted, deleted, braked, bytes }
    }
}
