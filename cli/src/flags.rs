//! Flags that several verbs have.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use kube::core::Selector;
use videofactory_client::{JobFilter, selector};
use videofactory_crds::Phase;

use crate::completion::names;
use crate::context::Context;
use crate::output::Format;
use crate::text::table;

/// In which namespaces.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Scope {
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
}

/// How objects are printed.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Columns {
    /// How to print them
    #[arg(short, long, value_enum)]
    pub output: Option<Format>,
    /// Leave the headers out
    #[arg(long)]
    pub no_headers: bool,
}

impl Columns {
    /// Whether there are more of them.
    #[must_use]
    pub fn are_wide(self) -> bool {
        self.output == Some(Format::Wide)
    }

    /// The table with these headers, unless they are left out.
    #[must_use]
    pub fn table(self, header: &[&str], rows: &[Vec<String>]) -> String {
        table(if self.no_headers { &[] } else { header }, rows)
    }
}

/// Which jobs of those.
#[derive(Args, Clone, Debug, Default)]
pub struct Filter {
    /// Only jobs in this phase
    #[arg(long, value_parser = phases(), ignore_case = true)]
    pub phase: Option<Phase>,
    /// Only jobs of this Channel
    #[arg(long, value_parser = not_blank, add = names::channels())]
    pub channel: Option<String>,
    /// Only jobs with these labels, such as team=films,!draft
    #[arg(short = 'l', long, value_name = "LABELS", value_parser = labels)]
    pub selector: Option<Selector>,
}

impl Filter {
    /// The filter in a namespace, or in all.
    #[must_use]
    pub fn within(&self, context: &Context, scope: Scope) -> JobFilter {
        JobFilter {
            namespace: context.scope(scope.all_namespaces),
            phase: self.phase,
            channel: self.channel.clone(),
            labels: self.selector.clone().unwrap_or_default(),
        }
    }

    /// Whether it says anything.
    #[must_use]
    pub const fn says_something(&self) -> bool {
        self.phase.is_some() || self.channel.is_some() || self.selector.is_some()
    }
}

/// The name of one job.
#[derive(Args, Clone, Debug)]
pub struct JobName {
    /// Name of the VideoJob
    #[arg(value_name = "NAME", add = names::jobs())]
    pub name: String,
}

/// A value that names something: an empty one, such as of a variable that is not set, would mean all jobs.
fn not_blank(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty, which would mean all jobs: name some, or leave the flag out".to_owned());
    }
    Ok(text.to_owned())
}

fn labels(text: &str) -> Result<Selector, String> {
    selector::read(&not_blank(text)?).map_err(|error| error.to_string())
}

fn phases() -> impl TypedValueParser<Value = Phase> {
    PossibleValuesParser::new(Phase::ALL.map(Phase::as_str)).try_map(|text| {
        let named = Phase::ALL.into_iter().find(|phase| phase.as_str().eq_ignore_ascii_case(&text));
        named.ok_or_else(|| format!("{text} is no phase"))
    })
}

/// Whether anything is changed: the values of kubectl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Do it
    #[default]
    None,
    /// Change nothing, and say what would be done
    Client,
    /// Let the API server check it, and change nothing
    Server,
}

impl DryRun {
    /// What stands behind a sentence that says what became of an object.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }
}

/// Whether anything is changed.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Trial {
    /// Change nothing: client says what would be done, server lets the API server check it, too
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_value = "none", default_missing_value = "client")]
    pub dry_run: DryRun,
}
