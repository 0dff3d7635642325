//! One object on its way through a restore. Pure.

use super::answer::{ItemAnswer, Outcome};
use super::plan::{Facts, Plan};
use crate::backup::Item;

/// One object on its way.
pub(super) struct Work<'b> {
    /// As it stands in the backup.
    pub(super) item: &'b Item<'b>,
    /// What is known of the one in the backup.
    pub(super) wanted: Facts,
    /// What is to be done.
    pub(super) plan: Plan,
    /// As the API server has it.
    pub(super) live: Option<Facts>,
    /// Where it stands.
    pub(super) stage: Stage,
    /// What else is to be known of it.
    pub(super) remark: Option<String>,
}

/// How far an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was done.
    Planned,
    /// It is there, held, and may lack its status.
    Made,
    /// It is there with its status, and held.
    Ready,
    Released,
    /// It cannot be restored, and why.
    Failed(String),
}

impl Work<'_> {
    /// Whether this restore makes it, or continues with it.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.plan, Plan::Create | Plan::GoOn | Plan::Complete)
    }

    /// What became of it.
    pub(super) fn into_answer(self, dry_run: bool) -> ItemAnswer {
        let (outcome, detail) = match (self.plan, self.stage) {
            (Plan::Unchanged(how), _) => (Outcome::Unchanged, Some(how)),
            (Plan::LeaveAlone(why), _) => (Outcome::LeftAlone, Some(why)),
            (Plan::Skip(why), _) => (Outcome::Skipped, Some(why)),
            (_, Stage::Failed(why)) => (Outcome::Failed, Some(why)),
            (Plan::GoOn, _) if dry_run => {
                (Outcome::WouldRestore, Some("it continues a restore that was interrupted".to_owned()))
            }
            (Plan::Complete, _) if dry_run => {
                (Outcome::WouldRestore, Some("it is there without its status".to_owned()))
            }
            (_, Stage::Planned) if dry_run => (Outcome::WouldRestore, None),
            (_, Stage::Released) => (Outcome::Restored, self.remark),
            (_, Stage::Planned | Stage::Made | Stage::Ready) => {
                let why = "it waits for what failed elsewhere: restore again once that is fixed";
                (Outcome::Held, Some(why.to_owned()))
            }
        };
        ItemAnswer::new(self.item, outcome, detail)
    }
}
