//! The command line.

use clap::{Command, CommandFactory, Parser, Subcommand};

use crate::cluster::ClusterFlags;
use crate::completion::names;
use crate::exit;
use crate::verbs;

/// Help of a verb in kubectl's form: what it does, examples, options, usage.
const HELP_OF_A_VERB: &str = "{about}{after-help}\n\n{all-args}\n\nUsage:\n  {usage}\n";
/// Help of the whole program.
const HELP: &str = "\
{about}\n\n{all-args}{after-help}\n\nUsage:\n  {usage}\n
Use \"kubectl videofactory <verb> --help\" for examples and options of a verb.\n";

/// The command line.
#[must_use]
pub fn command() -> Command {
    fn in_form(command: Command) -> Command {
        command.help_template(HELP_OF_A_VERB).mut_subcommands(in_form)
    }
    in_form(Cli::command())
        .help_template(HELP)
        .mut_arg("context", |flag| flag.add(names::contexts()))
        .mut_arg("namespace", |flag| flag.add(names::namespaces()))
}

/// Videos from the command line: make them, see what they wait for, retry, stop and download them.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-videofactory",
    bin_name = "kubectl videofactory",
    version,
    after_help = exit::HELP,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Which cluster, as whom.
    #[command(flatten)]
    pub cluster: ClusterFlags,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    Create(verbs::create::CreateArgs),
    #[command(visible_aliases = ["get", "ls"])]
    List(verbs::list::ListArgs),
    Status(verbs::status::StatusArgs),
    Logs(verbs::logs::LogsArgs),
    Artifacts(verbs::artifacts::ArtifactsArgs),
    Download(verbs::download::DownloadArgs),
    /// Continue at the step that failed or waits
    ///
    /// If a job asks whether to pay again, this is the permission. A retry of many jobs is not.
    #[command(after_help = "\
Examples:
  kubectl videofactory retry ocean-facts
  kubectl videofactory retry --phase Failed -A --dry-run")]
    Retry(verbs::act::ActArgs),
    /// Start again from the first step: all is made, paid for and published again
    #[command(after_help = "\
Examples:
  kubectl videofactory restart ocean-facts")]
    Restart(verbs::act::ActArgs),
    /// Stop until resume
    ///
    /// What is done is kept. The next apply of the manifest does not resume the job.
    #[command(after_help = "\
Examples:
  kubectl videofactory suspend ocean-facts --reason \"another text is coming\"
  kubectl videofactory suspend --channel deep-sea")]
    Suspend(verbs::act::SuspendArgs),
    /// Continue after suspend, stop-all or spec.suspend
    ///
    /// With --all or a filter, resumes only what stop-all suspended. Jobs that were suspended for another reason are named,
    /// and stay suspended.
    #[command(after_help = "\
Examples:
  kubectl videofactory resume ocean-facts
  kubectl videofactory resume --all
  kubectl videofactory resume --channel deep-sea --reason \"another text\"")]
    Resume(verbs::act::ResumeArgs),
    /// Approve the result that is under review
    ///
    /// `status` says what it is, and `download` fetches it.
    #[command(after_help = "\
Examples:
  kubectl videofactory download ocean-facts
  kubectl videofactory approve ocean-facts")]
    Approve(verbs::act::DecideArgs),
    /// Reject the result that is under review: the job fails
    ///
    /// It continues when it is edited or restarted.
    #[command(after_help = "\
Examples:
  kubectl videofactory reject ocean-facts")]
    Reject(verbs::act::DecideArgs),
    StopAll(verbs::act::StopAllArgs),
    Accounts(verbs::accounts::AccountsArgs),
    Storage(verbs::storage::StorageArgs),
    Cleanup(verbs::cleanup::CleanupArgs),
    Backup(verbs::backup::BackupArgs),
    Restore(verbs::restore::RestoreArgs),
    Proxy(verbs::proxy::ProxyArgs),
    Dashboard(verbs::dashboard::DashboardArgs),
    Doctor(verbs::doctor::DoctorArgs),
    Report(verbs::report::ReportArgs),
    Install(verbs::install::InstallArgs),
    Completion(verbs::completion::CompletionArgs),
}

#[cfg(test)]
mod tests {
    use videofactory_crds::Phase;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn phases_are_named_as_objects_name_them_in_whatever_case() {
        for phase in Phase::ALL {
            for name in [phase.to_string(), phase.to_string().to_lowercase()] {
                let cli = Cli::try_parse_from(["kubectl-videofactory", "list", "--phase", &name]).unwrap();
                let Verb::List(args) = cli.verb else { panic!("{name}") };
                assert!(format!("{args:?}").contains(&format!("phase: Some({phase})")), "{name}: {args:?}");
            }
        }
    }

    #[test]
    fn every_verb_and_flag_says_what_it_is_for() {
        fn check(command: &clap::Command, path: &str) {
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
            }
            for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
                assert!(verb.get_about().is_some(), "{path} {}", verb.get_name());
                check(verb, &format!("{path} {}", verb.get_name()));
            }
        }
        check(&command(), "kubectl videofactory");
    }

    /// The lines of a help that begin a section.
    fn sections(help: &str) -> Vec<&str> {
        help.lines().filter(|line| !line.starts_with(' ') && line.ends_with(':')).collect()
    }

    #[test]
    fn help_of_each_verb_has_kubectls_form() {
        fn check(command: &mut clap::Command) {
            let is_shown = |verb: &&mut clap::Command| !verb.is_hide_set() && verb.get_name() != "help";
            if command.has_subcommands() {
                return command.get_subcommands_mut().filter(is_shown).for_each(check);
            }
            let help = command.render_long_help().to_string();
            let found = sections(&help);
            let expected: Vec<&str> = ["Examples:", "Arguments:", "Options:", "Cluster:", "Usage:"]
                .into_iter()
                .filter(|section| *section != "Arguments:" || found.contains(section))
                .collect();
            assert_eq!(found, expected, "{help}");
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with(&about) && about.len() <= 80, "{help}");
            let usage = help.split("Usage:\n  kubectl videofactory ").nth(1).unwrap_or_default();
            assert!(usage.starts_with(command.get_name()) || usage.starts_with("install"), "{help}");
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            // Where a terminal breaks a line, what is pasted is another command.
            assert!(examples.lines().all(|line| line.len() <= 80), "{examples}");
        }
        let mut whole = command();
        whole.build();
        check(&mut whole);
    }
}
