//! `kubectl videofactory`: the plugin for whoever makes videos and whoever is on call.
//!
//! Objects are read and changed at the API server with the kubeconfig itself; what only the operator has (films, live
//! logs, health) is asked through a port that is forwarded to it. Data goes to standard output and nothing else does;
//! what is said to people goes to standard error.

mod args;
mod cluster;
mod completion;
mod context;
mod exit;
mod follow;
mod operator;
mod output;
#[cfg(test)]
mod testing;
mod text;
mod verbs;

use std::io::{IsTerminal, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use videofactory_pipeline::clock;

use crate::args::{Cli, Verb};
use crate::cluster::Cluster;
use crate::context::{Context, Streams};
use crate::exit::{Error, Exit};

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    // Fails only where one was chosen before.
    drop(rustls::crypto::ring::default_provider().install_default());
    clap_complete::CompleteEnv::with_factory(Cli::command).complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if let Verb::Complete(args) = cli.verb {
        // Whatever goes wrong, nothing is offered.
        let _ = verbs::completion::answer(args, &mut stdout());
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Error::new(format!("no runtime: {error}"))),
    };
    match runtime.block_on(start(cli)) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => fail(&error),
    }
}

async fn start(cli: Cli) -> Result<Exit, Error> {
    let streams = Streams {
        out: Box::new(stdout()),
        err: Box::new(stderr()),
        input: Box::new(std::io::BufReader::new(stdin())),
        asks: stdin().is_terminal() && stderr().is_terminal(),
        shows_bars: stderr().is_terminal(),
    };
    // What needs no cluster works without one.
    let cluster = match &cli.verb {
        Verb::Install(_) | Verb::Completion(_) => None,
        _ => Some(Cluster::open(&cli.cluster).await?),
    };
    let cluster = cluster.unwrap_or_else(|| Cluster::none(&cli.cluster));
    let mut context = Context { cluster, clock: Box::new(clock::now), streams };
    run(cli.verb, &mut context).await
}

/// Does what the command line says.
async fn run(verb: Verb, context: &mut Context) -> Result<Exit, Error> {
    match verb {
        Verb::Create(args) => verbs::create::run(args, context).await,
        Verb::List(args) => verbs::list::run(args, context).await,
        Verb::Status(args) => verbs::status::run(args, context).await,
        Verb::Logs(args) => verbs::logs::run(args, context).await,
        Verb::Artifacts(args) => verbs::artifacts::run(args, context).await,
        Verb::Download(args) => verbs::download::run(args, context).await,
        Verb::Retry(args) => verbs::act::retry(args, context).await,
        Verb::Restart(args) => verbs::act::restart(args, context).await,
        Verb::Suspend(args) => verbs::act::suspend(args, context).await,
        Verb::Resume(args) => verbs::act::resume(args, context).await,
        Verb::Approve(args) => verbs::act::approve(args, context).await,
        Verb::Reject(args) => verbs::act::reject(args, context).await,
        Verb::StopAll(args) => verbs::stop_all::run(args, context).await,
        Verb::Accounts(args) => verbs::accounts::run(args, context).await,
        Verb::Storage(args) => verbs::storage::run(args, context).await,
        Verb::Cleanup(args) => verbs::cleanup::run(args, context).await,
        Verb::Backup(args) => verbs::backup::run(args, context).await,
        Verb::Restore(args) => verbs::restore::run(args, context).await,
        Verb::Proxy(args) => verbs::proxy::run(args, context).await,
        Verb::Doctor(args) => verbs::doctor::run(args, context).await,
        Verb::Report(args) => verbs::report::run(args, context).await,
        Verb::Install(args) => verbs::install::run(&args, context),
        Verb::Completion(args) => verbs::completion::run(&args, context),
        Verb::Complete(args) => {
            verbs::completion::answer(args, &mut context.streams.out)?;
            Ok(Exit::Done)
        }
    }
}

fn fail(error: &Error) -> ExitCode {
    if !error.is_closed_pipe() {
        // Where nobody reads what is wrong, the exit code still says that something is.
        let _ = writeln!(stderr(), "{error}");
    }
    ExitCode::from(error.exit.code())
}
