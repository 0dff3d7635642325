//! What became of a request to several objects, in one shape for the HTTP API and the plugin. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

/// What became of a request to one object.
pub trait ItemOutcome {
    /// The words for it.
    type Outcome: Copy + Ord + Serialize;

    /// The word.
    fn outcome(&self) -> Self::Outcome;

    /// Whether the object is as it was asked for, or would be.
    fn is_done(&self) -> bool;
}

/// What became of a request, object by object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Results<T: ItemOutcome> {
    /// What was requested: a verb of the plugin.
    pub action: &'static str,
    /// Whether nothing was changed, because the request said so.
    pub dry_run: bool,
    /// How many objects, by outcome.
    pub counts: BTreeMap<T::Outcome, usize>,
    /// Each object.
    pub items: Vec<T>,
}

impl<T: ItemOutcome> Results<T> {
    /// Of these objects.
    #[must_use]
    pub fn new(action: &'static str, dry_run: bool, items: Vec<T>) -> Self {
        let mut counts = BTreeMap::new();
        for item in &items {
            *counts.entry(item.outcome()).or_default() += 1;
        }
        Self { action, dry_run, counts, items }
    }

    /// The objects that are as they were asked for, or would be.
    pub fn done(&self) -> impl Iterator<Item = &T> {
        self.items.iter().filter(|item| item.is_done())
    }

    /// Whether all are.
    #[must_use]
    pub fn are_all_done(&self) -> bool {
        self.items.iter().all(ItemOutcome::is_done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bulk::{ItemResult, Outcome};

    #[test]
    fn objects_are_counted_by_what_became_of_them() {
        let item = |name: &str, outcome| ItemResult {
            id: format!("films/{name}").parse().unwrap(),
            outcome,
            detail: None,
        };
        let items = vec![
            item("ocean", Outcome::Requested),
            item("sea", Outcome::Refused),
            item("lake", Outcome::Unchanged),
            item("moon", Outcome::Requested),
        ];
        let results = Results::new("retry", false, items);
        let done: Vec<&str> = results.done().map(|item| item.id.name.as_str()).collect();
        assert_eq!((done, results.are_all_done()), (vec!["ocean", "lake", "moon"], false));
        let reported = serde_json::to_value(&results).unwrap();
        assert_eq!(
            (&reported["action"], &reported["dryRun"], &reported["counts"]),
            (&json!("retry"), &json!(false), &json!({"requested": 2, "unchanged": 1, "refused": 1}))
        );
        assert_eq!(reported["items"][1], json!({"id": "films/sea", "outcome": "refused"}));
    }
}
