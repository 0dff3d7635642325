//! One word for each thing: nothing is called by a name that a term of the glossary has replaced, and what the glossary
//! cites exists.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use videofactory_tests::root;

/// Words that stand nowhere, neither alone nor as a part of a name in `snake_case`, and the terms to use.
const WORDS: &[(&str, &str)] = &[
    ("agency", "provider factory"),
    ("blow", "disruption"),
    ("blows", "disruptions"),
    ("booked", "recorded"),
    ("booking", "record"),
    ("desk", "submission session, or task registry"),
    ("engagement", "launch plan"),
    ("engagements", "launch plans"),
    ("fence", "fencing token"),
    ("fences", "fencing tokens"),
    ("foresee", "preflight"),
    ("fruitless", "failed"),
    ("happening", "event"),
    ("happenings", "events"),
    ("hindered", "with a pod problem"),
    ("hindrance", "pod problem"),
    ("hindrances", "pod problems"),
    ("hire", "external account"),
    ("hireable", "external account"),
    ("hired", "external"),
    ("hires", "external account"),
    ("impatient", "with short time-outs"),
    ("leftovers", "orphans"),
    ("lingering", "stuck terminating"),
    ("misfortune", "fault"),
    ("misfortunes", "faults"),
    ("outlook", "forecast, or retry budget"),
    ("recital", "narration batch"),
    ("recite", "narrate"),
    ("reign", "term"),
    ("reigns", "terms"),
    ("salvage", "fetch"),
    ("shelf", "store"),
    ("standings", "states"),
    ("summon", "start"),
    ("unbooked", "unrecorded"),
    ("unsettle", "reopen"),
    ("untold", "unreported"),
    ("victim", "target"),
    ("victims", "targets"),
    ("witness", "monitor"),
    ("witnesses", "monitors"),
];

/// Names of types, constants and modules that nothing has, and the names to use.
const NAMES: &[(&str, &str)] = &[
    ("AFTER_RACE", "AFTER_CONFLICT"),
    ("APersonsWord", "ApprovalRequired"),
    ("AT_A_TIME", "…_CONCURRENCY"),
    ("AT_WORK", "SEMAPHORE"),
    ("Agency", "ProviderFactory"),
    ("Anew", "NeverStarted"),
    ("Authors", "UserClientSource"),
    ("BLOWS", "KILL_LOCK"),
    ("Board", "ProgressStore"),
    ("Claimed", "OwnedLocation"),
    ("Concern", "GuardedOwner"),
    ("DOUBT", "CLOCK_UNCERTAINTY"),
    ("Desk", "SubmissionSession, TaskRegistry"),
    ("Doing", "RunningTask"),
    ("Engagement", "LaunchPlan"),
    ("Fate", "CrashPoint"),
    ("Frozen", "PausedProcess"),
    ("Fruitless", "FailedSubmissions"),
    ("GOOD_FOR", "…_TTL"),
    ("GatherError", "ExportError"),
    ("Good", "Milestone"),
    ("Goods", "Artifact"),
    ("Happening", "TestEvent"),
    ("Hindrance", "PodProblem"),
    ("Hire", "ExternalClient"),
    ("Hireable", "ClientResult"),
    ("HiredAccount", "ExternalAccount"),
    ("Inquiry", "Inspector"),
    ("Lab", "TestEnv"),
    ("LeftOut", "Omitted"),
    ("Lingering", "StuckTerminating"),
    ("MOST", "MAX_…"),
    ("Manner", "ActFlags"),
    ("MemoryShelf", "MemoryStore"),
    ("Misfortune", "AttemptFaults"),
    ("Missed", "ReconcileError"),
    ("ONE_AT_A_TIME", "SERIAL"),
    ("Order", "PaidRequest, RunRequest"),
    ("Outlook", "Forecast, RetryBudget"),
    ("Patience", "PollBackoff, TimeoutProfile"),
    ("Race", "Conflict"),
    ("Recital", "NarrationBatch"),
    ("Reign", "Term"),
    ("Reigns", "LeaderTerms"),
    ("Remembered", "CachedInspection"),
    ("RunWorld", "RunContext"),
    ("Seeker", "Claimant"),
    ("Shelf", "WriteOnceStore, BucketView"),
    ("SoonOrLater", "QueuedBudget"),
    ("Standing", "…State, JobLifecycle"),
    ("Sweep", "Deletion, FileDeletion"),
    ("TakeError", "InventoryError"),
    ("TellFull", "ReportFull"),
    ("Terms", "SessionConfig"),
    ("Turn", "SubmitPermit, GrantBatch, DueSlot"),
    ("Victim", "TargetReplica"),
    ("Witness", "OverlapMonitor"),
    ("World", "Harness"),
    ("Wrote", "FilesWritten"),
];

/// Source files and folders that nothing is called by, and what they are called now.
const FILES: &[(&str, &str)] = &[
    ("author", "user_client"),
    ("books", "usage"),
    ("bought", "clip_length, bought_voices"),
    ("buy", "submit"),
    ("command", "buttons"),
    ("confirm", "confirm_grants"),
    ("cut", "partition"),
    ("doubt", "no_quota"),
    ("due", "owed_since"),
    ("ending", "attempt_outcome"),
    ("fence", "fencing_token"),
    ("gather", "export"),
    ("held", "body_guard"),
    ("kept", "record_results"),
    ("lab", "test_env"),
    ("line", "wait_queue"),
    ("made", "already_made"),
    ("meter", "usage_deltas"),
    ("neighbours", "overlapping_policies"),
    ("order", "request"),
    ("orphaned_jobs", "stop_orphans"),
    ("permits", "allowed_submissions"),
    ("reconcile_attempts", "record_attempts"),
    ("remember", "remember_turns"),
    ("returns", "accounting"),
    ("room", "storage_gate, object_size, listing_memory"),
    ("settle", "record_attempts"),
    ("standing", "request_state"),
    ("sweep", "deletion"),
    ("tell", "messages"),
    ("told", "messages"),
    ("turns", "last_turns"),
    ("written", "own_writes"),
    ("world", "harness"),
    ("wrote", "files_written"),
];

/// Where a word is none of ours: fields of documents that keep their names, and what a film may tell.
const ALLOWED: &[(&str, &str)] = &[
    ("pipeline/src/contract/carry.rs", "hired"),
    ("pipeline/src/contract/input.rs", "hired"),
    ("pipeline/src/inputs.rs", "hired"),
    ("script/facts.rs", "desk"),
];

/// Not read: what was recorded or released under an old name, and this list.
const NOT_READ: [&str; 4] =
    ["operator/proptest-regressions", "crds/tests/released", "CHANGELOG.md", "tests/tests/glossary.rs"];

fn extension(name: &str) -> &str {
    Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default()
}

/// The repository's files, and new ones that git does not ignore, with their paths from the root. No folder of programs
/// that were built is read.
fn files(root: &Path) -> Vec<(String, PathBuf)> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let listed = Command::new("git").args(arguments).current_dir(root).output().unwrap();
    assert!(
        listed.status.success(),
        "git cannot list {}: {}",
        root.display(),
        String::from_utf8_lossy(&listed.stderr)
    );
    String::from_utf8(listed.stdout)
        .unwrap()
        .split_terminator('\0')
        .filter(|name| is_read(name))
        .map(|name| (name.to_owned(), root.join(name)))
        // Git still lists a file that was deleted a moment ago.
        .filter(|(_, path)| path.is_file())
        .collect()
}

fn is_read(name: &str) -> bool {
    let is_hidden = name.split('/').any(|part| part.starts_with('.'));
    let is_excluded = NOT_READ.iter().any(|place| Path::new(name).starts_with(place));
    !is_hidden && !is_excluded && !matches!(extension(name), "lock" | "sum" | "log")
}

fn any(names: &[(&str, &str)]) -> String {
    names.iter().map(|(old, _)| *old).collect::<Vec<_>>().join("|")
}

struct Replaced {
    words: Regex,
    definitions: Regex,
}

impl Replaced {
    fn new() -> Self {
        let words = format!("(?:^|[^A-Za-z])((?i:{}))(?:[^A-Za-z]|$)", any(WORDS));
        let definitions = format!(r"\b(?:struct|enum|trait|type|const|static|mod)\s+({})\b", any(NAMES));
        Self { words: Regex::new(&words).unwrap(), definitions: Regex::new(&definitions).unwrap() }
    }

    /// What of a file is called by a name that was replaced, with its line and the term to use.
    fn faults(&self, path: &str, text: &str) -> Vec<String> {
        let words = self.words.captures_iter(text).map(|found| (found.get(1).unwrap(), WORDS));
        let names = self.definitions.captures_iter(text).map(|found| (found.get(1).unwrap(), NAMES));
        let names = names.filter(|_| extension(path) == "rs");
        words
            .chain(names)
            .map(|(found, terms)| {
                let term = terms.iter().find(|(old, _)| old.eq_ignore_ascii_case(found.as_str())).unwrap().1;
                (found.as_str().to_lowercase(), found.start(), term)
            })
            .filter(|(old, ..)| {
                !ALLOWED.iter().any(|(file, word)| path.ends_with(*file) && *word == old.as_str())
            })
            .map(|(old, start, term)| {
                let line = text[..start].matches('\n').count() + 1;
                format!("{path}:{line}: {old:?}; say {term}")
            })
            .collect()
    }
}

/// The file's own name, or one of its folders', if it was replaced.
fn file_fault(path: &str) -> Option<String> {
    let is_source = extension(path) == "rs";
    let parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    let found = parts.filter(|_| is_source).find_map(|part| FILES.iter().find(|(old, _)| *old == part));
    found.map(|(_, name)| format!("{path}: such a file is called {name}"))
}

#[test]
fn nothing_is_called_by_a_name_that_was_replaced() {
    let (root, replaced) = (root(), Replaced::new());
    let files = files(&root);
    assert!(files.len() > 500, "only {} files were found", files.len());
    let mut faults = Vec::new();
    for (name, path) in &files {
        faults.extend(file_fault(name));
        faults.extend(replaced.faults(name, name));
        // A picture or a voice is no text.
        if let Ok(text) = fs::read_to_string(path) {
            faults.extend(replaced.faults(name, &text));
        }
    }
    assert!(faults.is_empty(), "docs/glossary.md has other words for these:\n{}", faults.join("\n"));
}

#[test]
fn a_word_is_found_alone_in_names_and_as_a_type_but_not_in_other_words() {
    let faults = |text: &str| Replaced::new().faults("a.rs", text);
    assert_eq!(faults("one\n// A hired hand."), ["a.rs:2: \"hired\"; say external"]);
    assert_eq!(faults("fn opens_desk_1() {}").len(), 1);
    assert_eq!(faults("pub struct World;"), ["a.rs:1: \"world\"; say Harness"]);
    assert_eq!(faults("// World of desktops, shire"), [""; 0]);
    assert_eq!(file_fault("worker/src/buy.rs").unwrap(), "worker/src/buy.rs: such a file is called submit");
    assert_eq!(file_fault("worker/src/submit.rs"), None);
}

/// The rows of the glossary: term, meaning, and where it is.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| Term |"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// Whether this source file, or one below this folder, defines something of this name.
fn defines(files: &[(String, PathBuf)], place: &str, name: &str) -> bool {
    let definition = Regex::new(&format!(r"\b(?:struct|enum|trait|type|fn|mod)\s+{name}\b")).unwrap();
    files
        .iter()
        .filter(|(path, _)| extension(path) == "rs" && Path::new(path).starts_with(place))
        .any(|(_, path)| definition.is_match(&fs::read_to_string(path).unwrap_or_default()))
}

#[test]
fn what_the_glossary_cites_exists_and_its_terms_are_in_order() {
    let root = root();
    let (files, text) = (files(&root), fs::read_to_string(root.join("docs/glossary.md")).unwrap());
    let (cite, rows) = (Regex::new(r"`(\w+)` in `([^`]+)`").unwrap(), rows(&text));
    assert!(rows.len() > 50, "only {} rows were found", rows.len());
    for row in &rows {
        let [term, _, places] = row[..] else { panic!("not three cells: {row:?}") };
        let cites: Vec<_> = cite.captures_iter(places).collect();
        assert!(!cites.is_empty(), "{term} is said to be nowhere");
        for cited in cites {
            let (name, place) = (&cited[1], &cited[2]);
            assert!(defines(&files, place, name), "{term}: {place} has no {name}");
        }
    }
    let terms: Vec<String> = rows.iter().map(|row| row[0].to_lowercase()).collect();
    assert!(terms.windows(2).all(|pair| pair[0] < pair[1]), "not in order, or twice: {terms:#?}");
}
