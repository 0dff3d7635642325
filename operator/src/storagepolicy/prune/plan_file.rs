//! The plan as a file in the bucket, so that every deletion can be explained before and after.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Serialize;
use videofactory_crds::storagepolicy::PruneRule;
use videofactory_pipeline::keys;

use super::super::plan::{FileVerdict, Folder, Listing, PrunePlan, of_plan};

/// One line of the file: one object.
#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<Timestamp>,
    verdict: &'static str,
    why: &'a str,
    /// Counted from 1, as people do.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<u32>,
}

/// The plan as gzipped JSON lines, an object a line, in the order of the listing.
pub fn write(listing: &Listing, plan: &PrunePlan, rules: &[PruneRule]) -> std::io::Result<Vec<u8>> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    let spoken: Vec<String> = rules.iter().map(speak).collect();
    let (mut key, mut line) = (String::new(), Vec::with_capacity(512));
    for (object, verdict) in listing.objects().iter().zip(&plan.verdicts) {
        listing.write_key(object, &mut key);
        let (verdict, why, rule) = match verdict {
            FileVerdict::Deleted(rule) => {
                let why = spoken.get(usize::from(*rule)).map_or("", String::as_str);
                ("delete", why, Some(*rule))
            }
            FileVerdict::Kept(why) => ("keep", why.words(), why.rule()),
        };
        let modified = (object.modified != u32::MAX).then_some(i64::from(object.modified));
        line.clear();
        serde_json::to_writer(
            &mut line,
            &Line {
                key: &key,
                bytes: object.size,
                modified: modified.and_then(|second| Timestamp::from_second(second).ok()),
                verdict,
                why,
                rule: rule.map(|rule| u32::from(rule) + 1),
            },
        )?;
        line.push(b'\n');
        file.write_all(&line)?;
    }
    file.finish()
}

/// A rule in a few words.
fn speak(rule: &PruneRule) -> String {
    let kinds: Vec<&str> = rule.kinds.iter().map(|kind| keys::folder(*kind)).collect();
    let mut words = format!("{} older than {}", kinds.join(", "), rule.older_than);
    if rule.when_above.is_some() {
        words.push_str(", above its mark");
    }
    words
}

/// The earlier plans of a policy (`namespace/name`) that are one too many when `new` is kept too, by key. What has another
/// name than a plan is none.
pub(super) fn too_many(listing: &Listing, policy: &str, new: Option<&str>, history: usize) -> Vec<String> {
    let folder = format!("{policy}/");
    let objects = listing.objects().iter().filter(|object| object.folder == Folder::Plans);
    let plans = objects.filter_map(|object| {
        let name = of_plan(object.tail.strip_prefix(&folder)?)?;
        Some((name, listing.key(object))).filter(|(_, key)| Some(key.as_str()) != new)
    });
    let mut plans: Vec<_> = plans.collect();
    plans.sort_unstable();
    let kept = history.saturating_sub(usize::from(new.is_some()));
    plans.truncate(plans.len().saturating_sub(kept));
    plans.into_iter().map(|(_, key)| key).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use serde_json::{Value, json};

    use super::super::super::plan::testing::{DAY, Harness, full, listing_of};
    use super::*;

    #[test]
    fn every_object_has_a_line_that_says_why() {
        let planned = Harness::with_rules(json!([{"kinds": ["clips"], "olderThan": "7d"}]))
            .object("clips/films/a-1/r1/clips/a.mp4", 5, 8 * DAY)
            .object("clips/films/b-1/r1/clips/a.mp4", 5, 6 * DAY)
            .object("assets/logo.png", 7, DAY)
            .plan();
        let file = write(&planned.listing, &planned.plan, &planned.rules.rules).unwrap();
        let mut text = String::new();
        GzDecoder::new(file.as_slice()).read_to_string(&mut text).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let expected = [
            json!({"key": "assets/logo.png", "bytes": 7, "modified": "1972-09-26T00:00:00Z",
                   "verdict": "keep", "why": "assets are people's own"}),
            json!({"key": full("clips/films/a-1/r1/clips/a.mp4"), "bytes": 5, "modified": "1972-09-19T00:00:00Z",
                   "verdict": "delete", "why": "clips older than 7d", "rule": 1}),
            json!({"key": full("clips/films/b-1/r1/clips/a.mp4"), "bytes": 5, "modified": "1972-09-21T00:00:00Z",
                   "verdict": "keep", "why": "younger than olderThan", "rule": 1}),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_last_plans_of_this_policy_are_kept() {
        let plan = |name: &str| format!("plans/{name}.jsonl.gz");
        let names = [
            "f/a/20261101T030000Z",
            "f/a/20261102T030000Z-warn",
            "f/a/20261103T030000Z",
            "g/a/20260101T030000Z",
        ];
        let keys = names.map(plan);
        let listing = listing_of(keys.iter().map(|key| (key.as_str(), 1, 1)));
        let new = plan("f/a/20261104T030000Z");
        assert_eq!(too_many(&listing, "f/a", Some(&new), 2), keys[..2]);
        assert_eq!(
            too_many(&listing, "f/a", Some(&keys[2]), 3),
            [""; 0],
            "the plan of a run that is repeated"
        );
        assert_eq!(too_many(&listing, "f/a", None, 10), [""; 0]);
    }

    #[test]
    fn a_new_plan_is_never_one_too_many_and_other_files_are_nobodys_plans() {
        let (due, resumed) =
            ("plans/f/a/20261103T030000Z.jsonl.gz", "plans/f/a/20261103T030000Z-resumed.jsonl.gz");
        let keys = ["plans/f/a/notes.txt", "plans/f/a/20261101T030000Z.jsonl.gz.bak", due, resumed];
        let listing = listing_of(keys.iter().map(|key| (*key, 1, 1)));
        assert_eq!(too_many(&listing, "f/a", Some(resumed), 1), [due]);
        assert_eq!(too_many(&listing, "f/a", None, 1), [due], "a run continues later than it began");
    }
}
