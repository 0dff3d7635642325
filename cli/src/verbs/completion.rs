//! `completion`: what lets a shell complete verbs, flags and names; for the plugin alone, and for kubectl.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Write;

use clap::{Arg, Args, Command, ValueEnum, ValueHint};
use clap_complete::engine::complete;
use clap_complete::env::Shells;

use crate::completion::names;
use crate::context::Context;
use crate::exit::{Error, Exit};

/// The verb by which shells ask. It is none of the command line's: that would take flags of the unfinished line for its own.
const ASKS: &str = "__complete";
/// The program.
const PROGRAM: &str = "kubectl-videofactory";
/// kubectl runs a program of this name, `kubectl_complete-videofactory`, and reads names and a number of it.
const FOR_KUBECTL: &str = include_str!("../../kubectl_complete-videofactory");
/// To kubectl: offer these, and no names of files.
const NO_FILES: u8 = 4;
/// To kubectl: offer names of files.
const FILES: u8 = 0;

/// Print the script that lets a shell complete verbs, flags and names
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # For `kubectl videofactory`: kubectl's own completion finds it on the PATH
  kubectl videofactory completion kubectl > kubectl_complete-videofactory
  chmod +x kubectl_complete-videofactory
  mv kubectl_complete-videofactory ~/.local/bin/

  # For `kubectl-videofactory` alone
  source <(kubectl videofactory completion bash)")]
pub struct CompletionArgs {
    /// For whom
    #[arg(value_enum)]
    shell: Shell,
}

/// The shell that completes, or kubectl for it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
    /// kubectl itself, in any shell in which it completes
    Kubectl,
}

/// Prints the script.
pub fn run(args: &CompletionArgs, context: &mut Context) -> Result<Exit, Error> {
    let name = match args.shell {
        Shell::Kubectl => {
            context.data(FOR_KUBECTL)?;
            return Ok(Exit::Done);
        }
        Shell::Bash => "bash",
        Shell::Elvish => "elvish",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
        Shell::Zsh => "zsh",
    };
    let shells = Shells::builtins();
    let shell = shells.completer(name).ok_or_else(|| Error::new(format!("{name} is not known")))?;
    shell.write_registration("COMPLETE", PROGRAM, PROGRAM, PROGRAM, &mut context.streams.out)?;
    Ok(Exit::Done)
}

/// The unfinished line that a command line asks about, after `kubectl videofactory`, if it asks.
pub fn unfinished(command_line: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let mut words = command_line.skip(1).peekable();
    words.next_if(|verb| verb == ASKS)?;
    // The script has it. Of one that an earlier version has written, the line follows at once.
    words.next_if(|word| word == "--");
    Some(words.collect())
}

/// Says how a line of this program may continue, as kubectl reads it; its last word is completed. Not within a runtime:
/// names are asked for in one of their own.
pub fn answer(line: Vec<OsString>, program: &mut Command, out: &mut dyn Write) -> std::io::Result<()> {
    let mut words = vec![OsString::from(PROGRAM)];
    words.extend(line);
    if words.len() == 1 {
        words.push(OsString::new());
    }
    names::of_line(program.clone(), words.clone());
    let last = words.len() - 1;
    let takes_files = takes_files(program, &words);
    // As kubectl does: flags are offered to whoever begins one.
    let wants_flags = words[last].to_string_lossy().starts_with('-');
    let current = std::env::current_dir().ok();
    let candidates = complete(program, words, last, current.as_deref())?;
    for candidate in candidates.iter().filter(|candidate| !candidate.is_hide_set()) {
        let value = candidate.get_value().to_string_lossy();
        if value.starts_with('-') && !wants_flags {
            continue;
        }
        match candidate.get_help() {
            Some(help) => {
                let help = help.to_string();
                writeln!(out, "{value}\t{}", help.lines().next().unwrap_or_default())?;
            }
            None => writeln!(out, "{value}")?,
        }
    }
    writeln!(out, ":{}", if takes_files { FILES } else { NO_FILES })
}

/// Whether the last word is the path of a file or a folder: of the value of a flag, clap knows.
fn takes_files(program: &Command, words: &[OsString]) -> bool {
    let words: Vec<Cow<'_, str>> = words.iter().map(|word| word.to_string_lossy()).collect();
    let Some((last, before)) = words.split_last() else { return false };
    let flag = match last.split_once('=') {
        Some((flag, _)) if flag.starts_with("--") => flag,
        _ => before.last().map_or("", |word| &**word),
    };
    let (mut verb, mut flags): (_, Vec<&Arg>) = (program, program.get_arguments().collect());
    for word in before {
        if let Some(next) = verb.find_subcommand(&**word) {
            verb = next;
            flags.extend(verb.get_arguments());
        }
    }
    let is_path = |hint| matches!(hint, ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath);
    flags.into_iter().any(|known| is_named(known, flag) && is_path(known.get_value_hint()))
}

/// Whether a flag is written like this: `--filename` or `-f`.
fn is_named(flag: &Arg, word: &str) -> bool {
    if let Some(long) = word.strip_prefix("--") {
        return flag.get_long_and_visible_aliases().is_some_and(|names| names.contains(&long));
    }
    let shorts = flag.get_short_and_visible_aliases().unwrap_or_default();
    shorts.iter().any(|short| word.strip_prefix('-') == Some(short.to_string().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;
    use crate::testing::{Fake, run};

    fn completed(line: &[&str]) -> Vec<String> {
        let mut out = Vec::new();
        let words = line.iter().map(OsString::from).collect();
        answer(words, &mut command(), &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn verbs_flags_and_values_are_offered_as_kubectl_reads_them() {
        let verbs = completed(&["re"]);
        assert!(verbs.iter().any(|line| line.starts_with("retry\tContinue")), "{verbs:?}");
        assert!(verbs.iter().all(|line| line.starts_with("re") || line == ":4"), "{verbs:?}");
        assert_eq!(verbs.last().unwrap(), ":4");
        assert!(completed(&["list", "--ph"]).iter().any(|line| line.starts_with("--phase")));
        assert!(completed(&["list", "--phase", "Su"]).iter().any(|line| line.starts_with("Suspended")));
        assert!(completed(&[]).iter().all(|line| !line.starts_with("__")), "what is hidden is not offered");
    }

    #[test]
    fn files_are_offered_where_a_flag_takes_one() {
        for line in [
            &["create", "-f", "to"][..],
            &["create", "--storyboard", ""],
            &["create", "Tides", "--download", ""],
            &["--kubeconfig", "/tmp"],
            &["--kubeconfig=/tm"],
            &["restore", "--filename", ""],
            &["download", "ocean", "--file", ""],
            &["report", "-F", ""],
        ] {
            assert_eq!(completed(line).last().unwrap(), ":0", "{line:?}");
        }
        for line in [&["list", "--phase", ""][..], &["retry", ""], &["list", "-o", ""]] {
            assert_eq!(completed(line).last().unwrap(), ":4", "{line:?}");
        }
    }

    #[test]
    fn flags_before_the_verb_are_of_the_unfinished_line() {
        let asked = |line: &str| unfinished(line.split(' ').map(OsString::from));
        let line = ["--context", "prod", "-n", "films", "status", ""].map(OsString::from).to_vec();
        for begin in ["__complete", "__complete --"] {
            let asked = asked(&format!("kubectl-videofactory {begin} --context prod -n films status "));
            assert_eq!(asked.as_ref(), Some(&line), "{begin}");
        }
        assert_eq!(asked("kubectl-videofactory status __complete"), None);
        assert!(FOR_KUBECTL.contains(&format!("{ASKS} -- \"$@\"")), "{FOR_KUBECTL}");
    }

    #[tokio::test]
    async fn each_shell_gets_a_script() {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let script = run(&Fake::default(), &format!("completion {shell}"), None).await.out;
            assert!(script.contains("kubectl-videofactory"), "{shell}: {script}");
        }
        let script = run(&Fake::default(), "completion kubectl", None).await.out;
        assert!(script.starts_with("#!/bin/sh\n") && script.contains("__complete"), "{script}");
    }
}
