//! `status`: where a job stands, what it waits for, and what to do.

mod render;

use std::time::Duration;

use clap::Args;
use serde_json::Value;
use videofactory_client::job_action::phase;
use videofactory_crds::Phase;

use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::flags::JobName;
use crate::output::{self, Document};
use crate::text::read_timeout;
use crate::videojob::follow::{self, Until};

/// Show where a job stands, what it waits for, and what to do
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory status ocean-facts
  kubectl videofactory status ocean-facts --watch --timeout 2h")]
pub struct StatusArgs {
    #[command(flatten)]
    job: JobName,
    /// Follow the job until it has ended; the exit code is 3 if it failed
    #[arg(short, long)]
    watch: bool,
    /// With --watch: longest time to wait; 0: for ever
    #[arg(long, value_name = "DURATION", value_parser = read_timeout, default_value = "0")]
    timeout: Duration,
    /// Print the object's status as a document
    #[arg(short, long, value_enum)]
    output: Option<Document>,
}

/// Shows a job.
pub async fn run(args: StatusArgs, context: &mut Context) -> Result<Exit, Error> {
    let name = context.job(&args.job.name)?;
    let mut job = context.get(&name).await?;
    if args.watch && !phase(&job).is_terminal() {
        let named = std::slice::from_ref(&name);
        let ended = follow::follow(named, Until::Ended, args.timeout, context).await?;
        job = ended.into_iter().next().ok_or_else(|| Error::deleted("VideoJob", &name))?;
    }
    if let Some(format) = args.output {
        let mut value = output::object(&job)?;
        let status = value.get_mut("status").map(Value::take).unwrap_or_default();
        context.data(&output::write(format, &status)?)?;
    } else {
        let view = render::render(&job, context.now());
        context.data(&context.reported(&view))?;
    }
    Ok(Exit::of_all(!args.watch || phase(&job) != Phase::Failed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, job, path, run};

    #[tokio::test]
    async fn the_status_is_data() {
        let what = format!("GET {}", path("films", "videojobs", "ocean"));
        let status = json!({"observedGeneration": 1, "phase": "Succeeded", "progress": "9/9"});
        let fake = Fake::default().on(&what, job("ocean", status));
        let ended = run(&fake, "status ocean -o yaml", None).await;
        assert_eq!(ended.out, "observedGeneration: 1\nphase: Succeeded\nprogress: 9/9\n");
        let text = run(&fake, "status ocean --watch", None).await;
        assert!(text.out.starts_with("Job:        films/ocean\n"), "{}", text.out);
        assert_eq!((text.exit, text.err.as_str()), (Exit::Done, ""));
    }
}
