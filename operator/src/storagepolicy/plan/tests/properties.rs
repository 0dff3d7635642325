//! What holds of every plan, whatever is in the bucket and whatever the policy says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use videofactory_pipeline::keys::KeyParts;

use super::super::testing::{DAY, HOUR, Harness, Planned, at, full, job, kind};
use super::super::*;

const NAMESPACES: [&str; 3] = ["films", "shows", "elsewhere"];
const NAMES: [&str; 5] = ["a", "b", "brand-c", "d", "e"];
const KINDS: [&str; 6] = ["work", "clips", "videos", "thumbnails", "captions", "published"];
const FILES: [&str; 4] = ["a.bin", "b.bin", "main/record.json", "y"];
const MARKS: [&str; 3] = ["target", "warn", "stop"];

fn key() -> impl Strategy<Value = String> {
    let ours = (0..6_usize, 0..3_usize, 0..5_usize, 1..3_u8, 1..3_u8, 0..4_usize).prop_map(
        |(kind, namespace, name, id, run, file)| {
            let (kind, namespace, name) = (KINDS[kind], NAMESPACES[namespace], NAMES[name]);
            full(&format!("{kind}/{namespace}/{name}-{id}/r{run}/{}", FILES[file]))
        },
    );
    let others = prop::sample::select(vec![
        "assets/logo.png",
        "backups/default/20261126T030000Z.json",
        "plans/films/default/20261126T030000Z.jsonl.gz",
        "tombstones/films/ocean/0123456789abcdef0123456789abcdef.json",
        "clips/readme.txt",
        "videos/films/odd/r1/a.mp4",
        "videos/films/trip-2024/r1/beach.mp4",
        "videos/films/trip-20240807/r1/beach.mp4",
    ]);
    prop_oneof![20 => ours, 1 => others.prop_map(str::to_owned)]
}

fn age() -> impl Strategy<Value = i64> {
    prop_oneof![0..3 * HOUR, 0..12_i64.saturating_mul(DAY), (0..12_i64).prop_map(|days| days * DAY)]
}

fn lifecycle() -> impl Strategy<Value = JobLifecycle> {
    prop_oneof![
        Just(JobLifecycle::Live),
        Just(JobLifecycle::Deleting),
        any::<bool>().prop_map(|awaits_publication| JobLifecycle::Failed { awaits_publication }),
        age().prop_map(testing::finished),
        age().prop_map(testing::finished),
    ]
}

fn jobs() -> impl Strategy<Value = Vec<JobReference>> {
    let one = (prop::option::weighted(0.7, lifecycle()), 1..3_i64, 0..4_u8, any::<bool>());
    prop::collection::vec(one, NAMES.len() * 2).prop_map(|all| {
        let places = NAMESPACES[..2].iter().flat_map(|namespace| NAMES.map(|name| (*namespace, name)));
        places
            .zip(all)
            .filter_map(|((namespace, name), (lifecycle, run, id, keep))| {
                let mut job = job(namespace, name, lifecycle?);
                job.facts.run = run;
                job.facts.id = (id > 0).then(|| format!("{id:08x}"));
                if keep && id == 2 {
                    job.facts.labels.insert("keep".into(), "true".into());
                }
                Some(job)
            })
            .collect()
    })
}

fn rule() -> impl Strategy<Value = Value> {
    let kinds = prop::sample::subsequence(KINDS.to_vec(), 1..=3);
    let mark = prop::option::of(prop::sample::select(MARKS.to_vec()));
    (kinds, 1..10_u32, 0..3_i32, mark, any::<bool>()).prop_map(|(kinds, days, keep_last, mark, finished)| {
        let mut rule = json!({
            "kinds": kinds, "olderThan": format!("{days}d"), "keepLast": keep_last, "onlyFinished": finished,
        });
        if let Some(mark) = mark {
            rule["whenAbove"] = json!(mark);
        }
        rule
    })
}

/// A bucket with anything in it, without brakes.
fn harness() -> impl Strategy<Value = Harness> {
    let objects = prop::collection::btree_map(key(), (0..60_u64, age()), 0..60);
    let rules = prop::collection::vec(rule(), 0..5);
    let patterns =
        prop::sample::subsequence(vec!["videos/*/brand-*/**", "work/**/61000000*.json", "clips/*"], 0..=3);
    let asked =
        prop::option::weighted(0.2, (1..5_u64).prop_map(videofactory_crds::units::Duration::from_days));
    // A policy that has moved here, or has just been made.
    let came = prop_oneof![1 => Just(None), 1 => age().prop_map(Some)];
    (objects, jobs(), rules, patterns, any::<bool>(), (asked, came)).prop_map(
        |(objects, jobs, rules, patterns, labelled, (asked, came))| {
            let mut harness = Harness::with_rules(json!(rules));
            harness.came = came.map_or(0, |ago| harness.now - ago);
            for (key, (bytes, age)) in objects {
                harness = harness.object(&key, bytes, age);
            }
            harness.jobs = jobs;
            harness.namespaces = ["films".to_owned(), "shows".to_owned()].into();
            let mut protect = json!({"keys": patterns});
            if labelled {
                protect["jobs"] = json!({"matchLabels": {"keep": "true"}});
            }
            harness.run_request.older_than = asked;
            harness.set("protect", protect)
        },
    )
}

/// Why an object must never be in a plan, said without any of the code that plans.
fn untouchable(harness: &Harness, planned: &Planned, key: &str) -> Option<&'static str> {
    let Some(parts) = KeyParts::of(key) else { return Some("no key of ours") };
    if !harness.namespaces.contains(parts.namespace) {
        return Some("a namespace whose jobs cannot be seen");
    }
    if planned.rules.protects_key(key) {
        return Some("protected by its key");
    }
    if harness.objects[key].1 > harness.now - HOUR {
        return Some("in grace");
    }
    let named = |job: &&JobReference| job.namespace == parts.namespace && job.name == parts.name;
    let job = harness.jobs.iter().find(named)?;
    match job.facts.id.as_deref() {
        None => return Some("perhaps a new job's"),
        Some(id) if id != parts.id => return None,
        Some(_) => {}
    }
    let record = parts.file.ends_with("record.json") && key.starts_with("published/");
    match job.facts.lifecycle {
        _ if planned.rules.protects_job(&job.facts.labels) => Some("protected by a label"),
        JobLifecycle::Deleting => Some("its finalizer's"),
        JobLifecycle::Live if parts.run >= job.facts.run => Some("needed"),
        JobLifecycle::Failed { awaits_publication: true }
            if parts.run == job.facts.run && key.starts_with("videos/") =>
        {
            Some("still to be published")
        }
        _ if record => Some("the record of a publication"),
        _ => None,
    }
}

/// Whether an object's job is gone.
fn is_gone(harness: &Harness, key: &str) -> bool {
    let parts = KeyParts::of(key).unwrap();
    let named = |job: &&JobReference| job.namespace == parts.namespace && job.name == parts.name;
    let job = harness.jobs.iter().find(named);
    job.is_none_or(|job| job.facts.id.as_deref().is_some_and(|id| id != parts.id))
}

/// Whether an object's job has finished, or is gone.
fn is_finished(harness: &Harness, key: &str) -> bool {
    let parts = KeyParts::of(key).unwrap();
    let named = |job: &&JobReference| job.namespace == parts.namespace && job.name == parts.name;
    harness.jobs.iter().find(named).is_none_or(|job| match job.facts.id.as_deref() {
        Some(id) if id == parts.id => matches!(job.facts.lifecycle, JobLifecycle::Finished { .. }),
        id => id.is_some(),
    })
}

fn shuffled(harness: &Harness) -> impl Strategy<Value = (Harness, Vec<String>)> + use<> {
    let keys: Vec<String> = harness.objects.keys().cloned().collect();
    (Just(harness.clone()), Just(keys).prop_shuffle())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_must_stay_is_ever_in_a_plan(harness in harness()) {
        let planned = harness.plan();
        for key in planned.deleted() {
            prop_assert_eq!(untouchable(&harness, &planned, &key), None, "{}", key);
        }
    }

    #[test]
    fn whatever_is_deleted_falls_under_the_rule_that_is_named(harness in harness()) {
        let planned = harness.plan();
        for key in planned.deleted() {
            let FileVerdict::Deleted(rule) = planned.verdict(&key) else { panic!("{key} has no rule") };
            let rule = &planned.rules.rules[usize::from(rule)];
            let age = harness.run_request.older_than.unwrap_or(rule.older_than).as_secs();
            prop_assert!(rule.kinds.contains(&kind(&key).unwrap()), "{}", key);
            let age = i64::try_from(age).unwrap();
            prop_assert!(harness.now - harness.objects[&key].1 >= age, "{}", key);
            // Jobs may be restored after the policy.
            prop_assert!(!is_gone(&harness, &key) || harness.now - harness.came >= age, "{}", key);
            prop_assert!(!rule.only_finished || is_finished(&harness, &key), "{}", key);
        }
    }

    #[test]
    fn the_newest_finished_film_of_each_namespace_stays(harness in harness()) {
        let deleted: BTreeSet<String> = harness.plan().deleted().into_iter().collect();
        let mut films: BTreeMap<String, Vec<(i64, bool)>> = BTreeMap::new();
        for (key, (_, modified)) in &harness.objects {
            let Some(parts) = KeyParts::of(key).filter(|_| key.starts_with("videos/")) else { continue };
            if harness.namespaces.contains(parts.namespace) && is_finished(&harness, key) {
                let kept = !deleted.contains(key);
                films.entry(parts.namespace.to_owned()).or_default().push((*modified, kept));
            }
        }
        for (namespace, films) in films {
            let newest = films.iter().map(|(modified, _)| *modified).max();
            let stays = films.iter().any(|(modified, kept)| *kept && Some(*modified) == newest);
            prop_assert!(stays, "no newest film is left in {}", namespace);
        }
    }

    #[test]
    fn a_plan_of_what_is_left_deletes_nothing(harness in harness()) {
        let mut harness = harness;
        harness.prune();
        prop_assert_eq!(harness.prune(), Vec::<String>::new());
    }

    #[test]
    fn the_order_of_the_listing_changes_nothing((harness, keys) in harness().prop_flat_map(|harness| shuffled(&harness))) {
        let expected = harness.plan();
        let objects = keys.iter().map(|key| (key.as_str(), harness.objects[key].0, harness.objects[key].1));
        let listing = testing::listing_of(objects);
        let plan = plan(&listing, &harness.rules(), &harness.references(), &harness.run_request, at(harness.now));
        let planned = Planned { listing, rules: harness.rules(), plan };
        prop_assert_eq!(planned.deleted(), expected.deleted());
        for key in &keys {
            prop_assert_eq!(planned.verdict(key), expected.verdict(key), "{}", key);
        }
        prop_assert_eq!(planned.shortfall(), expected.shortfall());
    }

    #[test]
    fn above_target_a_plan_frees_enough_or_says_why_it_cannot(harness in harness()) {
        let planned = harness.plan();
        let above = planned.plan.bytes_after() > 500;
        prop_assert_eq!(!planned.shortfall().is_empty(), above);
        for verdict in &planned.plan.verdicts {
            if let FileVerdict::Kept(Why::BelowMark(rule)) = verdict {
                let mark = planned.rules.rules[usize::from(*rule)].when_above.unwrap();
                let mark = u64::try_from(planned.rules.mark(mark)).unwrap();
                prop_assert!(planned.plan.bytes_after() <= mark, "a rule held back above its mark");
            }
        }
    }

    #[test]
    fn brakes_cut_off_the_end_and_nothing_else(
        harness in harness(), most in 1..20_usize, percent in 1..=100_u64,
    ) {
        let free = harness.plan();
        let braked = harness.set("brakes", json!({"maxObjects": most, "maxPercent": percent})).plan();
        let (all, some) = (free.deleted(), braked.deleted());
        prop_assert!(all.starts_with(&some));
        prop_assert!(some.len() <= most);
        let fits = braked.plan.deleted.bytes * 100 <= braked.plan.bytes * percent;
        prop_assert!(fits || some.len() == 1, "{some:?}");
        let rest = &all[some.len()..];
        prop_assert_eq!(braked.plan.braked.objects, rest.len() as u64);
        for key in rest {
            prop_assert!(matches!(braked.verdict(key), FileVerdict::Kept(Why::Brakes(_))), "{}", key);
        }
    }

    #[test]
    fn a_dry_run_plans_what_a_run_plans(harness in harness()) {
        let real = harness.plan().deleted();
        let mut harness = harness.object("plans/films/default/dry.jsonl.gz", 700, 0);
        harness.run_request.dry_run = true;
        let dry = harness.plan();
        prop_assert_eq!(dry.deleted(), real);
    }
}
