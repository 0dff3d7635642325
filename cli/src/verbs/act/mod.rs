//! `retry`, `restart`, `suspend`, `resume`, `approve`, `reject`, `stop-all`: what people ask of jobs.

mod ask;
#[cfg(test)]
mod tests;

use clap::Args;
use videofactory_client::access::{RequireError, require};
use videofactory_client::{Action, Request, Right, bulk};
use videofactory_crds::GROUP;

use crate::completion::names;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::flags::{Filter, Scope, Trial};
use crate::output::Written;

/// Why a job is suspended, if nobody says it.
const USUAL_REASON: &str = "suspended by kubectl videofactory";

/// Of which jobs.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Names of VideoJobs
    #[arg(value_name = "NAME", add = names::jobs(), conflicts_with_all = ["all", "all_namespaces", "phase", "channel", "selector"])]
    names: Vec<String>,
    /// All jobs, or all that match the filters
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    filter: Filter,
}

/// How to ask.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct ActFlags {
    #[command(flatten)]
    trial: Trial,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    /// How to print the results
    #[arg(short, long, value_enum)]
    output: Option<Written>,
}

/// Jobs, and how to ask something of them: `retry`, `restart` and `resume`.
#[derive(Args, Debug)]
pub struct ActArgs {
    #[command(flatten)]
    jobs: Selection,
    #[command(flatten)]
    act_flags: ActFlags,
}

/// `suspend`.
#[derive(Args, Debug)]
pub struct SuspendArgs {
    #[command(flatten)]
    act: ActArgs,
    /// The reason, which the job's message shows. Default: suspended by kubectl videofactory
    #[arg(long)]
    reason: Option<String>,
}

/// `resume`.
#[derive(Args, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    act: ActArgs,
    /// With --all or a filter: resume what is suspended for this reason, instead of what stop-all suspended
    #[arg(long, conflicts_with = "names")]
    reason: Option<String>,
}

/// What is decided of: `approve` and `reject`.
#[derive(Args, Debug)]
pub struct DecideArgs {
    /// Names of VideoJobs
    #[arg(value_name = "NAME", add = names::jobs(), required = true)]
    names: Vec<String>,
    /// The result that you have seen, <step>@<output digest>. If another one is under review by then, nothing is decided
    #[arg(long)]
    result: Option<String>,
    #[command(flatten)]
    act_flags: ActFlags,
}

/// Suspend every job that has not ended
///
/// Each continues from its checkpoint after `resume --all`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory stop-all -A --reason \"the bill\"
  kubectl videofactory resume --all -A")]
pub struct StopAllArgs {
    #[command(flatten)]
    scope: Scope,
    /// The reason, which the jobs' messages show
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    act_flags: ActFlags,
}

/// `retry`, `restart`.
pub async fn run(action: Action, args: ActArgs, context: &mut Context) -> Result<Exit, Error> {
    Box::pin(ask::act(action, args.jobs, args.act_flags, context)).await
}

/// `suspend`.
pub async fn suspend(args: SuspendArgs, context: &mut Context) -> Result<Exit, Error> {
    run(Action::suspend(args.reason, USUAL_REASON), args.act, context).await
}

/// `resume`.
pub async fn resume(args: ResumeArgs, context: &mut Context) -> Result<Exit, Error> {
    run(Action::resume(args.reason), args.act, context).await
}

/// `approve`, `reject`: what `decision` makes of the result that was seen.
pub async fn decide(
    decision: impl FnOnce(Option<String>) -> Action,
    args: DecideArgs,
    context: &mut Context,
) -> Result<Exit, Error> {
    let DecideArgs { names, result, act_flags } = args;
    if result.is_some() && names.len() > 1 {
        return Err(Error::usage("--result is of one job: name only that one"));
    }
    let client = context.cluster.client()?;
    let namespaces = names.iter().map(|name| context.job(name).map(|job| job.namespace));
    let mut namespaces = namespaces.collect::<Result<Vec<_>, _>>()?;
    namespaces.sort_unstable();
    namespaces.dedup();
    for namespace in namespaces {
        let right =
            Right { verb: "approve", group: GROUP, resource: "videojobs", namespace: Some(&namespace) };
        require(&client, right).await.map_err(|error| match error {
            RequireError::CallApiServer(error) => error.into(),
            RequireError::HoldRight { refusal, hint } => {
                Error::new(refusal).hint(format!("{hint}, such as videofactory-edit"))
            }
        })?;
    }
    ask::act(decision(result), Selection { names, ..Selection::default() }, act_flags, context).await
}

/// Stops all jobs.
pub async fn stop_all(args: StopAllArgs, context: &mut Context) -> Result<Exit, Error> {
    let client = context.cluster.client()?;
    let namespace = context.scope(args.scope.all_namespaces);
    let list = async || bulk::unfinished(&client, namespace.clone()).await.map_err(Error::from);
    let request = Request::stop_all(context.now(), args.reason);
    ask::many(&client, list, &request, args.act_flags, context).await
}
