//! `stop-all`: a hold on every film that has not ended.

use clap::Args;
use videofactory_client::job_action::STOPPED_ALL;
use videofactory_client::{JobAction, Request, bulk};

use super::act::{self, Manner};
use crate::args::Scope;
use crate::context::Context;
use crate::exit::{Error, Exit};

/// Stop every film that has not ended
///
/// Each goes on from its checkpoint after `resume --all`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory stop-all -A --reason \"the bill\"
  kubectl videofactory resume --all -A")]
pub struct StopAllArgs {
    #[command(flatten)]
    scope: Scope,
    /// Why, for whoever looks at the films
    #[arg(long, default_value = STOPPED_ALL)]
    reason: String,
    #[command(flatten)]
    manner: Manner,
}

/// Stops all films.
pub async fn run(args: StopAllArgs, context: &mut Context) -> Result<Exit, Error> {
    let client = context.cluster.client()?;
    let jobs = bulk::unfinished(&client, context.scope(args.scope.all_namespaces)).await?;
    let request = Request {
        action: JobAction::Suspend,
        at: context.now(),
        reason: args.reason,
        output: None,
        of_many: true,
    };
    act::many(&client, jobs, &request, args.manner, context).await
}
