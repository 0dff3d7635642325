//! `stop-all`: a hold on every film that has not ended.

use clap::Args;
use videofactory_client::{Request, bulk};

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
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    manner: Manner,
}

/// Stops all films.
pub async fn run(args: StopAllArgs, context: &mut Context) -> Result<Exit, Error> {
    let client = context.cluster.client()?;
    let namespace = context.scope(args.scope.all_namespaces);
    let list = async || bulk::unfinished(&client, namespace.clone()).await.map_err(Error::from);
    let request = Request::stop_all(context.now(), args.reason.as_deref());
    act::many(&client, list, &request, args.manner, context).await
}
