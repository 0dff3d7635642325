//! A plan in sums and in words for people.

use std::collections::HashMap;

use videofactory_crds::storagepolicy::{ObjectKind, WaterMark};

use super::Tally;
use super::apply_rules::PrunePlan;
use super::file_verdict::{FileVerdict, Why};
use super::listing::{Folder, Listing};
use super::rules::{Rules, covers};

/// How many reasons a sentence names.
const NAMED: usize = 3;

/// How much is kept for which reason.
#[must_use]
pub fn kept(listing: &Listing, plan: &PrunePlan) -> HashMap<&'static str, Tally> {
    let mut sums: HashMap<&'static str, Tally> = HashMap::new();
    for (object, verdict) in listing.objects().iter().zip(&plan.verdicts) {
        if let FileVerdict::Kept(why) = verdict {
            sums.entry(why.words()).or_default().add(object.size);
        }
    }
    sums
}

/// If the bucket stays above its target: what holds the space, and what would free it. Ends without a full stop.
#[must_use]
pub fn shortfall(listing: &Listing, rules: &Rules, plan: &PrunePlan) -> Option<String> {
    let target = u64::try_from(rules.marks.target).unwrap_or_default();
    if plan.bytes_after() <= target {
        return None;
    }
    let mut holders: HashMap<(Why, Folder), u64> = HashMap::new();
    for (object, verdict) in listing.objects().iter().zip(&plan.verdicts) {
        if let FileVerdict::Kept(why) = verdict
            && *why != Why::Plan
        {
            *holders.entry((*why, object.folder)).or_default() += object.size;
        }
    }
    let mut reasons: HashMap<&'static str, u64> = HashMap::new();
    for ((why, _), bytes) in &holders {
        *reasons.entry(why.words()).or_default() += bytes;
    }
    let mut reasons: Vec<(u64, &str)> = reasons.into_iter().map(|(words, bytes)| (bytes, words)).collect();
    reasons.sort_unstable_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    let held: Vec<String> = reasons
        .iter()
        .filter(|(bytes, _)| *bytes > 0)
        .take(NAMED)
        .map(|(bytes, words)| format!("{} ({words})", size(*bytes)))
        .collect();
    let mut sentence = format!(
        "{} stay, above the target of {}: {}",
        size(plan.bytes_after()),
        size(target),
        held.join(", ")
    );
    let mut holders: Vec<(u64, Why, Folder)> =
        holders.into_iter().map(|((why, folder), bytes)| (bytes, why, folder)).collect();
    holders.sort_unstable_by(|one, other| {
        other.0.cmp(&one.0).then_with(|| (one.1, one.2).cmp(&(other.1, other.2)))
    });
    let remedy = holders.into_iter().filter(|(bytes, ..)| *bytes > 0).find_map(|(bytes, why, folder)| {
        Some(format!("{} would free up to {}", remedy(why, folder, rules)?, size(bytes)))
    });
    if let Some(remedy) = remedy {
        sentence = format!("{sentence}; {remedy}");
    }
    Some(sentence)
}

/// What would let such files go. `None`: nothing that pruning should do.
fn remedy(why: Why, folder: Folder, rules: &Rules) -> Option<String> {
    let Folder::Kind(kind) = folder else {
        return (folder == Folder::Assets).then(|| "deleting assets that no job uses".to_owned());
    };
    let kind_name = folder.prefix().trim_end_matches('/');
    let of = |rule: u8| format!("of rule {}", u32::from(rule) + 1);
    Some(match why {
        Why::NoRule => format!("a rule for {kind_name}"),
        Why::NotFinished(rule) => {
            format!("retrying or deleting failed jobs, or onlyFinished: false {},", of(rule))
        }
        Why::TooYoung(rule) => format!("a shorter olderThan {}", of(shortest(rules, kind).unwrap_or(rule))),
        Why::KeepLast(rule) => format!("a smaller keepLast {}", of(rule)),
        Why::BelowMark(rule) => format!("whenAbove: {} {}", wire(WaterMark::Target), of(rule)),
        Why::Brakes(_) => "the next run, or wider brakes,".to_owned(),
        Why::Live => "finishing or deleting jobs".to_owned(),
        Why::ProtectedKey => "a narrower protect.keys".to_owned(),
        Why::ProtectedJob => "a narrower protect.jobs".to_owned(),
        Why::OtherNamespace => "a StoragePolicy for this bucket in each namespace that uses it".to_owned(),
        Why::Unknown => "deleting by hand what is not Video Factory's".to_owned(),
        Why::AwaitsPublication => "retrying or deleting jobs whose film is unpublished".to_owned(),
        Why::InGrace
        | Why::NewestFilm
        | Why::Deleting
        | Why::PublicationRecord
        | Why::Assets
        | Why::Backup
        | Why::Plan
        | Why::Tombstone
        | Why::JobChanged
        | Why::Rewritten
        | Why::NotReached => return None,
    })
}

/// The rule of this kind with the shortest age.
fn shortest(rules: &Rules, kind: ObjectKind) -> Option<u8> {
    let of_kind = (0..).zip(&rules.rules).filter(|(_, rule)| covers(rule, kind));
    of_kind.min_by_key(|(_, rule)| rule.older_than).map(|(number, _)| number)
}

fn wire(mark: WaterMark) -> &'static str {
    match mark {
        WaterMark::Target => "target",
        WaterMark::Warn => "warn",
        WaterMark::Stop => "stop",
    }
}

/// A size as people read it, to a tenth of its unit: `9.2 GB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => {
            let tenths = bytes / (unit / 10);
            if tenths.is_multiple_of(10) {
                format!("{} {name}", tenths / 10)
            } else {
                format!("{}.{} {name}", tenths / 10, tenths % 10)
            }
        }
        None => format!("{bytes} bytes"),
    }
}
