//! The command line.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Command, CommandFactory, Parser, Subcommand};
use videofactory_client::JobFilter;
use videofactory_crds::Phase;

use crate::completion::names;
use crate::context::Context;
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
    in_form(Cli::command()).help_template(HELP)
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

/// Which cluster, as whom: the flags of kubectl.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterFlags {
    /// Path of the kubeconfig. Default: $KUBECONFIG, or ~/.kube/config
    #[arg(long, global = true, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub kubeconfig: Option<std::path::PathBuf>,
    /// The kubeconfig's context to use
    #[arg(long, global = true, add = names::contexts())]
    pub context: Option<String>,
    /// The kubeconfig's cluster to use
    #[arg(long, global = true)]
    pub cluster: Option<String>,
    /// The kubeconfig's user to use
    #[arg(long, global = true)]
    pub user: Option<String>,
    /// The namespace. Default: the context's
    #[arg(short, long, global = true, add = names::namespaces())]
    pub namespace: Option<String>,
    /// Act as this user
    #[arg(long = "as", global = true, value_name = "USER")]
    pub impersonate: Option<String>,
    /// Act as a member of this group, too; may be repeated
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub impersonate_groups: Vec<String>,
    /// Longest time for one answer of the API server, such as 30s; 0: no limit. Default: 10s
    #[arg(long, global = true, value_name = "DURATION", value_parser = read_timeout)]
    pub request_timeout: Option<Duration>,
    /// The operator's namespace. Default: videofactory-system
    #[arg(long, global = true, value_name = "NAMESPACE")]
    pub operator_namespace: Option<String>,
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
    /// Go on at the step that failed or waits
    ///
    /// Where a film asks whether to pay again, this is the yes for it; a retry of many is no such yes.
    #[command(after_help = "\
Examples:
  kubectl videofactory retry ocean-facts
  kubectl videofactory retry --phase Failed -A --dry-run")]
    Retry(verbs::act::ActArgs),
    /// Begin anew: all is made, paid for and published again
    #[command(after_help = "\
Examples:
  kubectl videofactory restart ocean-facts")]
    Restart(verbs::act::ActArgs),
    /// Stop, until resume
    ///
    /// What is done is kept, and the next apply of the manifest does not lift it.
    #[command(after_help = "\
Examples:
  kubectl videofactory suspend ocean-facts --reason \"another text is coming\"
  kubectl videofactory suspend --channel deep-sea")]
    Suspend(verbs::act::SuspendArgs),
    /// Go on after suspend, stop-all or spec.suspend
    ///
    /// Of many films those go on that stop-all holds: what was held or suspended for a reason of its own is named and
    /// stays so.
    #[command(after_help = "\
Examples:
  kubectl videofactory resume ocean-facts
  kubectl videofactory resume --all
  kubectl videofactory resume --channel deep-sea --reason \"another text\"")]
    Resume(verbs::act::ResumeArgs),
    /// Let the result go on that is under review
    ///
    /// `status` says what it is, and `download` fetches it.
    #[command(after_help = "\
Examples:
  kubectl videofactory download ocean-facts
  kubectl videofactory approve ocean-facts")]
    Approve(verbs::act::DecideArgs),
    /// Refuse the result that is under review: the film fails
    ///
    /// Until it is edited or restarted.
    #[command(after_help = "\
Examples:
  kubectl videofactory reject ocean-facts")]
    Reject(verbs::act::DecideArgs),
    StopAll(verbs::stop_all::StopAllArgs),
    Accounts(verbs::accounts::AccountsArgs),
    Storage(verbs::storage::StorageArgs),
    Cleanup(verbs::cleanup::CleanupArgs),
    Backup(verbs::backup::BackupArgs),
    Restore(verbs::restore::RestoreArgs),
    Proxy(verbs::proxy::ProxyArgs),
    Doctor(verbs::doctor::DoctorArgs),
    Report(verbs::report::ReportArgs),
    Install(verbs::install::InstallArgs),
    Completion(verbs::completion::CompletionArgs),
    /// What the shells ask.
    #[command(name = "__complete", hide = true)]
    Complete(verbs::completion::CompleteArgs),
}

/// In which namespaces.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Scope {
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
}

/// Which films of those.
#[derive(Args, Clone, Debug, Default)]
pub struct Filter {
    /// Only films in this phase
    #[arg(long, value_parser = phases(), ignore_case = true)]
    pub phase: Option<Phase>,
    /// Only films of this Channel
    #[arg(long, value_parser = not_blank)]
    pub channel: Option<String>,
    /// Only films with these labels, such as team=films,!draft
    #[arg(short = 'l', long, value_name = "LABELS", value_parser = not_blank)]
    pub selector: Option<String>,
}

impl Filter {
    /// The filter in a namespace, or in all.
    #[must_use]
    pub fn within(&self, context: &Context, scope: Scope) -> JobFilter {
        JobFilter {
            namespace: context.scope(scope.all_namespaces),
            phase: self.phase,
            channel: self.channel.clone(),
            label: self.selector.clone(),
        }
    }

    /// Whether it says anything.
    #[must_use]
    pub const fn says_something(&self) -> bool {
        self.phase.is_some() || self.channel.is_some() || self.selector.is_some()
    }
}

/// The name of one film.
#[derive(Args, Clone, Debug)]
pub struct JobName {
    /// Name of the VideoJob
    #[arg(value_name = "NAME", add = names::jobs())]
    pub name: String,
}

/// A time to wait, such as `90s` or `2h`; `0` is for ever.
pub fn read_timeout(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") {
        return Ok(Duration::MAX);
    }
    let plain: Option<u64> = text.parse().ok();
    match plain {
        // Without a unit kubectl takes seconds.
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => {
            text.parse::<videofactory_crds::Duration>().map(Duration::from).map_err(|error| error.to_string())
        }
    }
}

/// A value that names something: an empty one, such as of a variable that is not set, would mean all films.
fn not_blank(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty, which would mean all films: name some, or leave the flag out".to_owned());
    }
    Ok(text.to_owned())
}

fn phases() -> impl TypedValueParser<Value = Phase> {
    PossibleValuesParser::new(Phase::ALL.map(Phase::as_str)).try_map(|text| {
        let named = Phase::ALL.into_iter().find(|phase| phase.as_str().eq_ignore_ascii_case(&text));
        named.ok_or_else(|| format!("{text} is no phase"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_time_may_be_plain_seconds_and_nought_is_for_ever() {
        assert_eq!(read_timeout("30"), Ok(Duration::from_secs(30)));
        assert_eq!(read_timeout("2h"), Ok(Duration::from_hours(2)));
        assert_eq!(read_timeout("0"), Ok(Duration::MAX));
        assert!(read_timeout("soon").unwrap_err().contains("90s"));
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
