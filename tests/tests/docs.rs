//! What the documentation says can be read, pasted and found. That it works is shown on a cluster, by `e2e/docs.rs`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::Regex;
use videofactory_tests::docs::{self, Action, Page};
use videofactory_tests::root;

/// Lines of the runbook that people have known for years, and that are kept as they are. A shell variable stands for the
/// job.
const KNOWN_LINES: [&str; 16] = [
    "curl http://localhost:8000/health",
    "curl http://localhost:8000/health/full",
    "curl http://localhost:8000/metrics",
    "curl http://localhost:8000/health/full | jq '.checks[] | select(.healthy==false)'",
    "curl http://localhost:8000/metrics | jq '.jobs'",
    "curl http://localhost:8000/metrics | jq '.storage'",
    "curl http://localhost:8000/metrics | jq '.quota'",
    "curl http://localhost:8000/jobs/${video_id}",
    "curl -X POST http://localhost:8000/jobs/${video_id}/retry",
    "curl -X POST http://localhost:8000/jobs/${video_id}/restart",
    "curl http://localhost:8000/storage/stats",
    "curl -X POST http://localhost:8000/storage/cleanup",
    "curl -X POST \"http://localhost:8000/storage/cleanup?days=7\"",
    "curl -X POST http://localhost:8000/jobs/force-stop-all",
    "curl http://localhost:8000/backup > backup.json",
    "kubectl videofactory proxy",
];

/// All pages, with their names from the root.
fn texts() -> Vec<(String, String)> {
    let root = root();
    let name = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
    let pages = docs::pages(&root).unwrap();
    pages.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn runbook() -> String {
    fs::read_to_string(root().join("docs/runbook.md")).unwrap()
}

fn blocks(page: &Page) -> impl Iterator<Item = (usize, &str)> {
    page.steps.iter().filter_map(|step| match &step.action {
        Action::Run(commands) => Some((step.line, commands.text.as_str())),
        Action::Save { .. } => None,
    })
}

#[test]
fn every_block_of_commands_is_shell_and_is_run_or_says_why_not() {
    let mut run = 0;
    for (name, text) in texts() {
        let page = docs::read(&text).unwrap_or_else(|faults| panic!("{name}: {faults:#?}"));
        for (line, commands) in blocks(&page) {
            let mut bash =
                Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            bash.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
            let said = bash.wait_with_output().unwrap();
            let fault = String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success() && fault.is_empty(), "{name}:{line}: {fault}");
            run += 1;
        }
    }
    assert!(run > 30, "only {run} blocks were found");
}

/// Runs the block of a page that holds `marker`, with a `kubectl` that fails for commands with the word `fails`; the
/// commands that it was given.
fn pasted(page: &str, marker: &str, fails: &str) -> Vec<String> {
    let page = docs::read(&fs::read_to_string(root().join(page)).unwrap()).unwrap();
    let (_, block) = blocks(&page).find(|(_, commands)| commands.contains(marker)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (tool, log) = (folder.path().join("kubectl"), folder.path().join("log"));
    fs::write(folder.path().join("backup.json"), r#"{"items":[{"metadata":{"name":"ocean"},"status":{}}]}"#)
        .unwrap();
    let script = r#"#!/bin/sh
echo "$*" >> "$LOG"
case " $* " in *" $FAILS "*) exit 1 ;; esac
"#;
    fs::write(&tool, script).unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", block]).current_dir(folder.path());
    bash.env("PATH", path).env("LOG", &log).env("FAILS", fails).output().unwrap();
    fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn nothing_is_deleted_or_let_go_where_what_makes_it_safe_has_failed() {
    for (page, marker, fails) in [
        ("docs/runbook.md", "delete vj --all", "backup"),
        ("docs/operating.md", "annotate ch,pa,sp,vj --all", "create"),
        ("docs/operating.md", "annotate ch,pa,sp,vj --all", "replace"),
    ] {
        let is_last = |command: &String| command.contains(marker);
        assert!(pasted(page, marker, "nothing").iter().any(is_last), "{page}");
        let commands = pasted(page, marker, fails);
        assert!(commands.iter().any(|command| command.contains(fails)), "{page}: {commands:?}");
        assert!(!commands.iter().any(is_last), "{page}: {fails} has failed: {commands:?}");
    }
}

#[test]
fn the_lines_that_people_know_are_in_the_runbook() {
    let page = docs::read(&runbook()).unwrap();
    let lines: BTreeSet<&str> = blocks(&page).flat_map(|(_, commands)| commands.lines()).collect();
    for known in KNOWN_LINES {
        assert!(lines.contains(known), "the runbook has no line of its own with: {known}");
    }
}

#[test]
fn every_alert_leads_to_a_section_of_the_runbook() {
    let rules = fs::read_to_string(root().join("manifests/monitoring/rules.yaml")).unwrap();
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 9, "{alerts:?}");
    let (anchors, links) = (anchors(&runbook()), rules.matches("runbook_url: ").count());
    assert_eq!(links, alerts.len(), "not one link for each alert");
    for alert in alerts {
        let anchor = alert.to_lowercase();
        assert!(rules.contains(&format!("docs/runbook.md#{anchor}\n")), "{alert} has no link of its name");
        assert!(anchors.contains(&anchor), "the runbook has no anchor {anchor}");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let (root, mut found) = (root(), 0);
    for (name, text) in texts() {
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let here = root.join(&name);
            let path = if file.is_empty() { here.clone() } else { here.parent().unwrap().join(file) };
            assert!(path.exists(), "{name} links to {link}, which is not there");
            if !anchor.is_empty() {
                let there = fs::read_to_string(&path).unwrap();
                assert!(anchors(&there).contains(anchor), "{name} links to {link}: there is no such heading");
            }
            found += 1;
        }
    }
    assert!(found > 20, "only {found} links were found");
}

#[test]
fn the_table_of_folders_is_that_of_the_packages() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let explanation = Regex::new(r" \([^)]*\)").unwrap();
    let mut reported = BTreeMap::new();
    for row in page.lines().filter(|line| line.contains("| videofactory-")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, folder, package, _, uses, _] = cells[..] else { panic!("{row} has no four cells") };
        let folder = folder.trim_matches('`').trim_end_matches('/');
        assert_eq!(package, format!("videofactory-{folder}"));
        let uses = explanation.replace_all(uses, "");
        let uses = uses.split(", ").filter(|name| *name != "–").map(str::to_owned);
        reported.insert(folder.to_owned(), uses.collect::<BTreeSet<_>>());
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let members =
        members.split(',').map(|member| member.trim().trim_matches('"')).filter(|member| !member.is_empty());
    let found: BTreeMap<_, _> = members.map(|member| (member.to_owned(), uses(member))).collect();
    assert!(found.len() > 9, "{found:?}");
    assert_eq!(reported, found);
}

/// The packages of this repository that one uses, without those that only its own tests use.
fn uses(folder: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("\n[dependencies]\n").unwrap();
    let section = rest.split("\n[").next().unwrap();
    let name =
        |line: &str| Some(line.strip_prefix("videofactory-")?.split(['.', ' ', '=']).next()?.to_owned());
    section.lines().filter_map(name).collect()
}

/// Where links of a page lead in this repository.
fn links(markdown: &str) -> Vec<String> {
    use pulldown_cmark::{Event, Parser, Tag};
    let of = |event: Event<'_>| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.to_string()),
        _ => None,
    };
    Parser::new(markdown).filter_map(of).filter(|link| !link.contains("://")).collect()
}

/// What can be linked to in a page: its headings, as sites that show Markdown name them, and `<a id>`.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let heading = |line: &str| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept =
            text.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect::<String>()
    };
    let ids = markdown.split("<a id=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(id, _)| id);
    let headings = markdown.lines().filter(|line| line.starts_with('#')).map(heading);
    ids.map(str::to_owned).chain(headings).collect()
}
