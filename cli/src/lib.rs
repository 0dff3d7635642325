//! `kubectl videofactory`: the plugin for whoever makes films and whoever is on call.
//!
//! Objects are read and changed at the API server with the kubeconfig itself; what only the operator has (films, live
//! logs, health) is asked through a port that is forwarded to it. Data goes to standard output and nothing else does;
//! what is said to people goes to standard error.

#![expect(
    clippy::doc_markdown,
    reason = "the documentation of flags is what --help prints, which shows backticks as they are"
)]

mod args;
mod cluster;
mod commands;
mod completion;
mod context;
mod exit;
mod file;
mod flags;
mod health;
mod operator;
mod output;
mod policies;
#[cfg(test)]
mod testing;
mod text;
mod verbs;
mod videojob;

use std::io::{IsTerminal, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::FromArgMatches;
use futures::FutureExt;
use futures::future::{LocalBoxFuture, pending, ready};
use videofactory_client::Action;
use videofactory_pipeline::clock;

pub use crate::args::command;
use crate::args::{Cli, Verb};
use crate::cluster::Cluster;
use crate::commands::Commands;
use crate::context::{Context, Streams};
use crate::exit::{Error, Exit};

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    // Fails only where one was chosen before.
    drop(rustls::crypto::ring::default_provider().install_default());
    if std::env::var_os("COMPLETE").is_some() {
        // `COMPLETE` is set by the shell; the words after `--` are the line.
        let line = std::env::args_os().skip_while(|word| word != "--").skip(1);
        completion::names::of_line(args::command(), line);
    }
    clap_complete::CompleteEnv::with_factory(args::command).complete();
    if let Some(line) = verbs::completion::unfinished(std::env::args_os()) {
        // Whatever goes wrong, nothing is offered.
        let _ = verbs::completion::answer(line, &mut args::command(), &mut stdout());
        return ExitCode::SUCCESS;
    }
    let cli = match args::command().try_get_matches().and_then(|read| Cli::from_arg_matches(&read)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let commands = Commands::of(&cli.cluster);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Error::new(format!("no runtime: {error}")), &commands),
    };
    match runtime.block_on(start(cli)) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => fail(&error, &commands),
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
    let commands = Commands::of(&cli.cluster);
    let interrupted = Box::new(|| interrupted().boxed_local());
    let mut context = Context { cluster, commands, clock: Box::new(clock::now), interrupted, streams };
    run(cli.verb, &mut context).await
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // It cannot be listened for, so that it ends the program as it ends any.
        pending::<()>().await;
    }
}

/// Does what the command line says. Each verb has its own place in memory: together they would be large.
fn run(verb: Verb, context: &mut Context) -> LocalBoxFuture<'_, Result<Exit, Error>> {
    match verb {
        Verb::Create(args) => verbs::create::run(args, context).boxed_local(),
        Verb::List(args) => verbs::list::run(args, context).boxed_local(),
        Verb::Status(args) => verbs::status::run(args, context).boxed_local(),
        Verb::Logs(args) => verbs::logs::run(args, context).boxed_local(),
        Verb::Artifacts(args) => verbs::artifacts::run(args, context).boxed_local(),
        Verb::Download(args) => verbs::download::run(args, context).boxed_local(),
        Verb::Retry(args) => verbs::act::run(Action::Retry, args, context).boxed_local(),
        Verb::Restart(args) => verbs::act::run(Action::Restart, args, context).boxed_local(),
        Verb::Suspend(args) => verbs::act::suspend(args, context).boxed_local(),
        Verb::Resume(args) => verbs::act::resume(args, context).boxed_local(),
        Verb::Approve(args) => {
            verbs::act::decide(|result| Action::Approve { result }, args, context).boxed_local()
        }
        Verb::Reject(args) => {
            verbs::act::decide(|result| Action::Reject { result }, args, context).boxed_local()
        }
        Verb::StopAll(args) => verbs::act::stop_all(args, context).boxed_local(),
        Verb::Accounts(args) => verbs::accounts::run(args, context).boxed_local(),
        Verb::Storage(args) => verbs::storage::run(args, context).boxed_local(),
        Verb::Cleanup(args) => verbs::cleanup::run(args, context).boxed_local(),
        Verb::Backup(args) => verbs::backup::run(args, context).boxed_local(),
        Verb::Restore(args) => verbs::restore::run(args, context).boxed_local(),
        Verb::Proxy(args) => verbs::proxy::run(args, context).boxed_local(),
        Verb::Dashboard(args) => verbs::dashboard::run(args, context).boxed_local(),
        Verb::Doctor(args) => verbs::doctor::run(args, context).boxed_local(),
        Verb::Report(args) => verbs::report::run(args, context).boxed_local(),
        Verb::Install(args) => ready(verbs::install::run(&args, context)).boxed_local(),
        Verb::Completion(args) => ready(verbs::completion::run(&args, context)).boxed_local(),
    }
}

fn fail(error: &Error, commands: &Commands) -> ExitCode {
    if !error.is_closed_pipe() {
        // Where nobody reads what is wrong, the exit code still says that something is.
        let _ = writeln!(stderr(), "{}", commands.complete(&text::printable(&error.to_string())));
    }
    ExitCode::from(error.exit.code())
}
