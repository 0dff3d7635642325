//! The pages of `docs/reference` are written from the code, by this test: with `RENEW=1`, as `make generate` runs it. Otherwise
//! it fails where one is not what the code says.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clap::{Command, CommandFactory};
use regex::Regex;
use videofactory_operator::config::Config;
use videofactory_tests::root;

const GENERATED: &str = "<!-- Written by `make generate`; do not edit. -->\n\n";
/// Columns of the plugin's help.
const COLUMNS: usize = 100;

/// Fails if the page is not this text; or writes it.
#[track_caller]
fn assert_page(name: &str, text: &str) {
    let (path, text) = (root().join("docs/reference").join(name), format!("{GENERATED}{text}"));
    if env::var_os("RENEW").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "docs/reference/{name} is not what the code says; run: make generate");
}

#[test]
fn the_operators_flags_and_variables_are_documented() {
    let mut page = "# Flags and variables of the operator\n\n\
        Each flag can be given as a variable of its environment instead. [The operator guide](../operating.md) says which \
        of them to set when.\n\n| Flag | Variable | Default | Meaning |\n|---|---|---|---|\n"
        .to_owned();
    let mut rows = 0;
    for argument in Config::command().get_arguments() {
        let flag = argument.get_long().unwrap();
        let variable =
            argument.get_env().unwrap_or_else(|| panic!("--{flag} has no variable")).to_string_lossy();
        let meaning = argument.get_help().unwrap_or_else(|| panic!("--{flag} has no help")).to_string();
        let values = argument.get_default_values().iter().map(|value| value.to_string_lossy());
        let default: Vec<String> =
            values.filter(|value| !value.is_empty()).map(|value| format!("`{value}`")).collect();
        writeln!(page, "| `--{flag}` | `{variable}` | {} | {meaning} |", default.join(", ")).unwrap();
        rows += 1;
    }
    assert!(rows > 20, "only {rows} flags were found");
    assert_page("environment.md", &page);
}

#[test]
fn conditions_and_reasons_are_documented() {
    let mut page = "# Conditions and reasons\n\n\
        What objects say about themselves. Names are a stable interface; the message beside one says what to do.\n"
        .to_owned();
    let mut rows = 0;
    for file in sources(&["crds/src", "operator/src"]) {
        for of in enumerations(&fs::read_to_string(file).unwrap()) {
            if of.name != "ConditionType" && !of.name.ends_with("Reason") {
                continue;
            }
            write!(page, "\n## {}\n\n{}\n\n| Name | Meaning |\n|---|---|\n", of.name, of.doc).unwrap();
            for (name, doc) in &of.variants {
                assert!(!doc.is_empty(), "{}::{name} has no documentation", of.name);
                writeln!(page, "| `{name}` | {doc} |").unwrap();
                rows += 1;
            }
        }
    }
    assert!(rows > 40, "only {rows} conditions and reasons were found");
    assert_page("conditions.md", &page);
}

#[test]
fn the_help_of_the_plugin_is_documented() {
    let mut plugin = videofactory_cli::command().term_width(COLUMNS);
    plugin.build();
    let mut page =
        "# kubectl videofactory\n\n[The plugin](../plugin.md) is described elsewhere; this is its help.\n"
            .to_owned();
    add_help(&mut plugin, &mut page);
    assert_page("plugin.md", &page);
}

/// Adds the help of a verb and of those below it. The flags of the cluster, which all verbs have, stand there once.
fn add_help(verb: &mut Command, page: &mut String) {
    let help = verb.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let mut help = lines.join("\n");
    if page.contains("\nCluster:\n")
        && let Some((before, after)) = help.split_once("\nCluster:\n")
    {
        let (_, usage) = after.split_once("\nUsage:\n").unwrap();
        help = format!("{before}\nUsage:\n{usage}");
    }
    write!(page, "\n## {}\n\n```text\n{}\n```\n", verb.get_bin_name().unwrap(), help.trim_end()).unwrap();
    for below in verb.get_subcommands_mut() {
        if !below.is_hide_set() && below.get_name() != "help" {
            add_help(below, page);
        }
    }
}

/// An enum as it stands in the source.
struct Enumeration {
    name: String,
    doc: String,
    variants: Vec<(String, String)>,
}

/// The public enums of a file with their documentation.
fn enumerations(source: &str) -> Vec<Enumeration> {
    let link = Regex::new(r"\[(`[^`]+`)\](\([^)]*\))?").unwrap();
    // A variant with something in it stands for names that another enum has.
    let variant = Regex::new(r"^([A-Z]\w*),$").unwrap();
    let (mut found, mut open): (Vec<Enumeration>, bool) = (Vec::new(), false);
    let (mut docs, mut in_attribute): (Vec<&str>, bool) = (Vec::new(), false);
    for line in source.lines().map(str::trim) {
        if in_attribute || line.starts_with("#[") {
            in_attribute = !line.ends_with(']');
            continue;
        }
        if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc.trim());
            continue;
        }
        let doc = link.replace_all(&std::mem::take(&mut docs).join(" "), "$1").into_owned();
        if let Some(name) = line.strip_prefix("pub enum ").and_then(|rest| rest.strip_suffix(" {")) {
            found.push(Enumeration { name: name.to_owned(), doc, variants: Vec::new() });
            open = true;
        } else if line == "}" {
            open = false;
        } else if let (true, Some(named), Some(last)) = (open, variant.captures(line), found.last_mut()) {
            last.variants.push((named[1].to_owned(), doc));
        }
    }
    found
}

/// The Rust files below these folders.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut todo: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
