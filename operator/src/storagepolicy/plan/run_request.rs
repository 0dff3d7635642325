//! What one run is asked to do, and its name.

use jiff::Timestamp;
use jiff::civil::DateTime;
use videofactory_crds::storagepolicy::PruneCause;
use videofactory_crds::units::Duration;

/// How slots are written in names: later ones sort after earlier ones.
pub const SLOT: &str = "%Y%m%dT%H%M%SZ";

/// What names of plans end with, so that runs of one slot with different causes do not share a plan.
const SUFFIXES: [&str; 4] = ["", "-warn", "-request", "-resumed"];

const fn suffix(cause: PruneCause) -> &'static str {
    let [schedule, warn, request, resumed] = SUFFIXES;
    match cause {
        PruneCause::Schedule => schedule,
        PruneCause::WarnCrossed => warn,
        PruneCause::Request => request,
        PruneCause::Resumed => resumed,
    }
}

/// The request for one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRequest {
    /// When it was due; with the cause, its name.
    pub slot: Timestamp,
    /// Why it takes place.
    pub cause: PruneCause,
    /// Whether to plan only.
    pub dry_run: bool,
    /// A person's age, instead of each rule's own; whenAbove then counts for nothing. Everything else stays.
    pub older_than: Option<Duration>,
}

impl RunRequest {
    /// The run's name, the same for the same order and later ones sort after earlier ones: `20261126T030000Z`,
    /// `20261126T031204Z-warn`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}{}", self.slot.strftime(SLOT), suffix(self.cause))
    }

    /// Where its plan is kept, below the bucket's prefix.
    #[must_use]
    pub fn plan_key(&self, namespace: &str, policy: &str) -> String {
        format!("plans/{namespace}/{policy}/{}{ENDING}", self.name())
    }
}

/// What the name of a plan's file ends with.
const ENDING: &str = ".jsonl.gz";

/// The slot and the cause in the name of a plan's file, by which plans are sorted; none if it is no name of ours.
#[must_use]
pub fn of_plan(file: &str) -> Option<(DateTime, &'static str)> {
    let name = file.strip_suffix(ENDING)?;
    let (slot, ending) = name.split_at(name.find('-').unwrap_or(name.len()));
    let suffix = SUFFIXES.into_iter().find(|suffix| *suffix == ending)?;
    let slot = DateTime::strptime(SLOT, slot).ok().filter(|read| read.strftime(SLOT).to_string() == slot)?;
    Some((slot, suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_slot_with_different_causes_have_plans_of_their_own() {
        let run_request = |cause| RunRequest {
            slot: "2026-11-26T03:00:00Z".parse().unwrap(),
            cause,
            dry_run: false,
            older_than: None,
        };
        assert_eq!(
            run_request(PruneCause::Schedule).plan_key("films", "default"),
            "plans/films/default/20261126T030000Z.jsonl.gz"
        );
        assert_eq!(run_request(PruneCause::WarnCrossed).name(), "20261126T030000Z-warn");
        assert_eq!(run_request(PruneCause::Request).name(), "20261126T030000Z-request");
        assert_eq!(run_request(PruneCause::Resumed).name(), "20261126T030000Z-resumed");
        for cause in [PruneCause::Schedule, PruneCause::WarnCrossed, PruneCause::Request, PruneCause::Resumed]
        {
            let key = run_request(cause).plan_key("films", "default");
            assert!(of_plan(key.strip_prefix("plans/films/default/").unwrap()).is_some(), "{key}");
        }
        for other in [
            "notes.jsonl.gz",
            "20261126T030000Z",
            "20261126T030000Z-old.jsonl.gz",
            "20261326T030000Z.jsonl.gz",
        ] {
            assert_eq!(of_plan(other), None, "{other}");
        }
    }
}
