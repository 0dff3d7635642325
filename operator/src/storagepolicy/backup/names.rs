//! What scheduled backups are called, and which of them are too many. Pure.

use jiff::Timestamp;

use super::super::plan::SLOT;

/// What the backups of a policy begin with. Policies of several namespaces may share a bucket, under the same name.
#[must_use]
pub fn prefix(namespace: &str, policy: &str) -> String {
    format!("backups/{namespace}/{policy}/")
}

/// The backup of a slot.
#[must_use]
pub fn key(namespace: &str, policy: &str, slot: Timestamp) -> String {
    format!("{}{}.json", prefix(namespace, policy), slot.strftime(SLOT))
}

/// The backups of a folder that stay, the newest last, and the oldest beyond so many, but never the one that was just
/// written, whatever a clock made of its name. What is not called like a backup is somebody else's.
#[must_use]
pub fn superfluous(folder: &str, keys: Vec<String>, new: &str, keep: usize) -> (Vec<String>, Vec<String>) {
    let is_backup = |key: &String| {
        let name = key.strip_prefix(folder).and_then(|name| name.strip_suffix(".json"));
        name.is_some_and(|name| jiff::civil::DateTime::strptime(SLOT, name).is_ok())
    };
    let mut backups: Vec<String> = keys.into_iter().filter(is_backup).collect();
    backups.sort_unstable_by(|one, other| (one == new, one).cmp(&(other == new, other)));
    let kept = backups.split_off(backups.len().saturating_sub(keep.max(1)));
    (kept, backups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whose_they_are_and_when() {
        let slot = "2026-01-04T04:00:00Z".parse().unwrap();
        assert_eq!(key("films", "default", slot), "backups/films/default/20260104T040000Z.json");
    }

    #[test]
    fn the_newest_backups_stay_and_what_is_no_backup_is_left_alone() {
        let folder = prefix("films", "default");
        let key = |name: &str| format!("{folder}{name}");
        let names = [
            "20260104T040000Z.json",
            "notes.json",
            "20251228T040000Z.json",
            "20260111T040000Z.json",
            "2026.json",
            "20251221T040000Z.json.bak",
        ];
        let keys = || names.map(key).to_vec();
        let superfluous = |keep, new: &str| {
            let (kept, gone) = super::superfluous(&folder, keys(), new, keep);
            (kept.len(), gone)
        };
        assert_eq!(superfluous(2, ""), (2, vec![key("20251228T040000Z.json")]));
        assert_eq!(superfluous(3, ""), (3, vec![]));
        assert_eq!(superfluous(9, ""), (3, vec![]));
        assert_eq!(superfluous(0, "").0, 1, "one always stays");
        // A clock that was ahead has named the others.
        let new = key("20251228T040000Z.json");
        let (kept, gone) = superfluous(1, &new);
        assert_eq!((kept, gone.len(), gone.contains(&new)), (1, 2, false));
    }
}
