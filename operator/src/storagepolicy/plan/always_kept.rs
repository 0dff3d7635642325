//! What a plan asks of each object before any rule is: whose it is, and whether anything holds it.

use std::collections::HashMap;

use super::file_verdict::{FileVerdict, Why};
use super::listing::{Folder, Listing, NOBODY, Object, Owner};
use super::references::{JobLifecycle, Owned, References};
use super::rules::{Rules, written_by};
use jiff::Timestamp;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_pipeline::keys::is_record;

/// What is known of an owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnerFacts {
    /// Why everything of it stays, if it does.
    pub(super) holds: Option<Why>,
    /// Whether its job is there.
    pub(super) exists: bool,
    /// The runs from this one on are needed by a job at work.
    live_from: Option<i64>,
    /// The film of this run is still to be published.
    awaited: Option<i64>,
    /// Whether it is finished, as rules and the newest film understand it.
    pub(super) finish: Finish,
}

/// When an owner's job finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Not,
    /// Then.
    At(i64),
    /// The job is gone: as late as its newest object.
    Gone,
}

impl OwnerFacts {
    fn of(owner: &Owner, references: &References, rules: &Rules) -> Self {
        let held = |why| Self {
            holds: Some(why),
            exists: true,
            live_from: None,
            awaited: None,
            finish: Finish::Not,
        };
        let (namespace, name, id) = (&owner.namespace, &owner.name, &owner.id);
        let job = match references.owner(namespace, name, id) {
            Owned::Elsewhere => return held(Why::OtherNamespace),
            Owned::ByNone => {
                return Self {
                    holds: None,
                    exists: false,
                    live_from: None,
                    awaited: None,
                    finish: Finish::Gone,
                };
            }
            Owned::Perhaps(_) => return held(Why::Live),
            Owned::By(job) => job,
        };
        let protected = rules.protects_job(&job.facts.labels).then_some(Why::ProtectedJob);
        let run = job.facts.run;
        let known =
            Self { holds: protected, exists: true, live_from: None, awaited: None, finish: Finish::Not };
        match job.facts.lifecycle {
            JobLifecycle::Deleting => held(Why::Deleting),
            JobLifecycle::Live => Self { live_from: Some(run), ..known },
            JobLifecycle::Failed { awaits_publication } => {
                Self { awaited: awaits_publication.then_some(run), ..known }
            }
            JobLifecycle::Finished { at } => Self { finish: Finish::At(at.as_second()), ..known },
        }
    }

    /// Whether it has finished or is gone.
    pub(super) fn is_finished(&self) -> bool {
        self.finish != Finish::Not
    }
}

/// What is known of all owners, by number.
pub(super) fn owners(listing: &Listing, references: &References, rules: &Rules) -> Vec<OwnerFacts> {
    listing.owners().iter().map(|owner| OwnerFacts::of(owner, references, rules)).collect()
}

/// Owners' places in the order of their names, so that no result depends on the order of the listing.
pub(super) fn ranks(listing: &Listing) -> Vec<u32> {
    let owners = listing.owners();
    let mut order: Vec<u32> = (0..).take(owners.len()).collect();
    order.sort_unstable_by(|one, other| owners[*one as usize].cmp(&owners[*other as usize]));
    let mut ranks = vec![NOBODY; owners.len()];
    for (rank, owner) in (0..).zip(order) {
        ranks[owner as usize] = rank;
    }
    ranks
}

/// Each object's verdict as far as no rule is needed for it; the others stand at [`Why::NoRule`].
pub(super) fn held(
    listing: &Listing,
    owners: &[OwnerFacts],
    ranks: &[u32],
    rules: &Rules,
    now: Timestamp,
) -> Vec<FileVerdict> {
    let grace_from = written_by(now, rules.grace);
    let mut key = String::new();
    let mut verdicts: Vec<FileVerdict> = listing
        .objects()
        .iter()
        .map(|object| {
            let protected = || {
                rules.protects_keys() && {
                    listing.write_key(object, &mut key);
                    rules.protects_key(&key)
                }
            };
            let facts = owners.get(object.owner as usize);
            FileVerdict::Kept(holds(object, facts, protected, grace_from).unwrap_or(Why::NoRule))
        })
        .collect();
    for newest in newest_films(listing, owners, ranks) {
        let verdict = &mut verdicts[newest];
        if *verdict == FileVerdict::Kept(Why::NoRule) {
            *verdict = FileVerdict::Kept(Why::NewestFilm);
        }
    }
    verdicts
}

fn holds(
    object: &Object,
    owner: Option<&OwnerFacts>,
    mut protected: impl FnMut() -> bool,
    grace_from: i64,
) -> Option<Why> {
    let kind = match object.folder {
        Folder::Assets => return Some(Why::Assets),
        Folder::Backups => return Some(Why::Backup),
        Folder::Plans => return Some(Why::Plan),
        Folder::Tombstones => return Some(Why::Tombstone),
        Folder::Kind(kind) => kind,
    };
    let Some(owner) = owner else { return Some(Why::Unknown) };
    let run = i64::from(object.run);
    let is_record = kind == ObjectKind::Published && is_record(&object.tail);
    match owner.holds {
        Some(why @ (Why::OtherNamespace | Why::Deleting)) => Some(why),
        _ if protected() => Some(Why::ProtectedKey),
        Some(why) => Some(why),
        None if owner.live_from.is_some_and(|from| run >= from) => Some(Why::Live),
        None if is_record && owner.exists => Some(Why::PublicationRecord),
        None if kind == ObjectKind::Videos && owner.awaited == Some(run) => Some(Why::AwaitsPublication),
        None if i64::from(object.modified) > grace_from => Some(Why::InGrace),
        None => None,
    }
}

/// The newest film of each namespace among those of jobs that have finished or are gone, by position.
fn newest_films(listing: &Listing, owners: &[OwnerFacts], ranks: &[u32]) -> Vec<usize> {
    let mut newest: HashMap<&str, usize> = HashMap::new();
    let objects = listing.objects();
    for (index, object) in objects.iter().enumerate() {
        let films = object.folder == Folder::Kind(ObjectKind::Videos);
        let finished = owners.get(object.owner as usize).is_some_and(OwnerFacts::is_finished);
        let Some(owner) = listing.owner(object).filter(|_| films && finished) else { continue };
        let best = newest.entry(&owner.namespace).or_insert(index);
        if age_order(object, ranks) > age_order(&objects[*best], ranks) {
            *best = index;
        }
    }
    newest.into_values().collect()
}

/// Oldest first: by the time of writing, then by kind, namespace, job, run and file.
pub(super) fn age_order<'a>(object: &'a Object, ranks: &[u32]) -> (u32, Folder, u32, u32, &'a str) {
    let rank = ranks.get(object.owner as usize).copied().unwrap_or(NOBODY);
    (object.modified, object.folder, rank, object.run, &object.tail)
}
