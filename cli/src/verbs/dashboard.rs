//! `dashboard`: the operator's pages in a browser, as the person whose kubeconfig it is.

use std::process::{Command, Stdio};

use clap::Args;
use videofactory_api::PORT;

use super::proxy;
use crate::context::Context;
use crate::exit::{Error, Exit};

/// The first page.
const PAGE: &str = "/dashboard";

/// Open the dashboard in a browser, as yourself
///
/// Serves it on localhost until Ctrl-C, as proxy does. The address that is printed holds a token for this run: whoever has
/// it acts as you.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory dashboard
  kubectl videofactory dashboard --no-browser --port 0")]
pub struct DashboardArgs {
    /// The port on localhost; 0: any that is free
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// Print the address, and open no browser
    #[arg(long)]
    no_browser: bool,
}

/// Serves until it is interrupted.
pub async fn run(args: DashboardArgs, context: &mut Context) -> Result<Exit, Error> {
    let open = |address: &str| {
        if !args.no_browser {
            open(address);
        }
    };
    proxy::serve(args.port, PAGE, open, context).await
}

/// Opens an address in the person's browser. Where there is none, they have the address that is printed.
fn open(address: &str) {
    let program = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    let mut command = Command::new(program);
    command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Its end is the browser's own affair.
    drop(command.spawn());
}
