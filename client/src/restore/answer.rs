//! What became of a backup that was to be restored.

use std::fmt;

use serde::Serialize;

use crate::backup::{Item, Kind};
use crate::results::{ItemOutcome, Results};

/// What became of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as it was in the backup, and continues.
    Restored,
    /// It would be restored: nothing is written in a dry run.
    WouldRestore,
    /// It is there already.
    Unchanged,
    /// Another one of its name is there, which is not touched.
    LeftAlone,
    /// It is not to be restored.
    Skipped,
    /// It is made as it was in the backup, and held, because of what failed elsewhere.
    Held,
    /// It could not be restored.
    Failed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Restored,
        Self::WouldRestore,
        Self::Unchanged,
        Self::LeftAlone,
        Self::Skipped,
        Self::Held,
        Self::Failed,
    ];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restored => "restored",
            Self::WouldRestore => "would be restored",
            Self::Unchanged => "unchanged",
            Self::LeftAlone => "left alone",
            Self::Skipped => "skipped",
            Self::Held => "held",
            Self::Failed => "failed",
        })
    }
}

/// What became of one object, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemAnswer {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, or what else is to be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl ItemAnswer {
    pub(super) fn new(item: &Item<'_>, outcome: Outcome, detail: Option<String>) -> Self {
        let (kind, namespace, name) = (item.kind, item.namespace.clone(), item.name.clone());
        Self { kind, namespace, name, outcome, detail }
    }
}

impl ItemOutcome for ItemAnswer {
    type Outcome = Outcome;

    fn outcome(&self) -> Outcome {
        self.outcome
    }

    fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Restored | Outcome::WouldRestore | Outcome::Unchanged)
    }
}

/// What became of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Each object, in the order of the backup.
    #[serde(flatten)]
    pub results: Results<ItemAnswer>,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

impl Answer {
    pub(super) fn new(dry_run: bool, items: Vec<ItemAnswer>, notes: Vec<String>) -> Self {
        Self { results: Results::new("restore", dry_run, items), notes }
    }

    /// Whether nothing failed, is held, or was left alone because another one is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.results.items.iter().all(|item| item.is_done() || item.outcome == Outcome::Skipped)
    }
}
