//! `retry`, `restart`, `suspend`, `resume`, `approve`, `reject`: what people ask of films.

#[cfg(test)]
mod tests;

use clap::Args;
use kube::Client;
use serde_json::json;
use videofactory_client::access::{RequireError, require};
use videofactory_client::job_action::phase;
use videofactory_client::{ItemResult, JobAction, JobRef, Outcome, Request, Right, bulk};
use videofactory_crds::{GROUP, VideoJob};

use crate::args::{Filter, Scope};
use crate::cluster::MANAGER;
use crate::completion::names;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::output::{self, Document};
use crate::text::{count, plain, table};

/// Of which films.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Names of VideoJobs
    #[arg(value_name = "NAME", add = names::jobs(), conflicts_with_all = ["all", "all_namespaces", "phase", "channel", "selector"])]
    names: Vec<String>,
    /// All films, or all that the filters take
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    filter: Filter,
}

/// How to ask.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Only say what would be asked
    #[arg(long)]
    dry_run: bool,
    /// Do not ask back where many films are meant
    #[arg(short, long)]
    yes: bool,
    /// Print the answers as a document
    #[arg(short, long, value_enum)]
    output: Option<Document>,
}

/// Films, and how to ask something of them: `retry`, `restart` and `resume`.
#[derive(Args, Debug)]
pub struct ActArgs {
    #[command(flatten)]
    films: Selection,
    #[command(flatten)]
    manner: Manner,
}

/// `suspend`.
#[derive(Args, Debug)]
pub struct SuspendArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Why, for whoever looks at the film
    #[arg(long, default_value = "suspended by kubectl videofactory")]
    reason: String,
}

/// `resume`.
#[derive(Args, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Of many films: those that are held for this reason, instead of those that stop-all holds
    #[arg(long, conflicts_with = "names")]
    reason: Option<String>,
}

/// What is decided of: `approve` and `reject`.
#[derive(Args, Debug)]
pub struct DecideArgs {
    /// Names of VideoJobs
    #[arg(value_name = "NAME", add = names::jobs(), required = true)]
    names: Vec<String>,
    /// The result that you saw, <step>@<output digest>: if another one is under review since, nothing is decided
    #[arg(long)]
    result: Option<String>,
    #[command(flatten)]
    manner: Manner,
}

/// `retry`, `restart`, `resume`.
pub async fn run(action: JobAction, args: ActArgs, context: &mut Context) -> Result<Exit, Error> {
    let request = request(action, context);
    act(request, args.films, args.manner, context).await
}

/// `suspend`.
pub async fn suspend(args: SuspendArgs, context: &mut Context) -> Result<Exit, Error> {
    let request = Request { reason: args.reason, ..request(JobAction::Suspend, context) };
    act(request, args.act.films, args.act.manner, context).await
}

/// `resume`.
pub async fn resume(args: ResumeArgs, context: &mut Context) -> Result<Exit, Error> {
    let reason = args.reason.unwrap_or_default();
    let request = Request { reason, ..request(JobAction::Resume, context) };
    act(request, args.act.films, args.act.manner, context).await
}

/// `approve`, `reject`.
pub async fn decide(action: JobAction, args: DecideArgs, context: &mut Context) -> Result<Exit, Error> {
    let DecideArgs { names, result: output, manner } = args;
    if output.is_some() && names.len() > 1 {
        return Err(Error::usage("--result is of one film: name that one alone"));
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
            RequireError::Call(error) => error.into(),
            RequireError::Forbidden { refusal, hint } => {
                Error::new(refusal).hint(format!("{hint}, such as videofactory-edit"))
            }
        })?;
    }
    let request = Request { output, ..request(action, context) };
    act(request, Selection { names, ..Selection::default() }, manner, context).await
}

fn request(action: JobAction, context: &Context) -> Request {
    Request { action, at: context.now(), reason: String::new(), output: None, of_many: false }
}

async fn act(
    request: Request,
    films: Selection,
    manner: Manner,
    context: &mut Context,
) -> Result<Exit, Error> {
    let client = context.cluster.client()?;
    if !films.names.is_empty() {
        let results = each(&client, &films.names, &request, manner, context).await?;
        return tell(&results, request.action, manner.output, context);
    }
    if !films.all && !films.filter.says_something() {
        let message = format!("say which films to {}", request.action);
        return Err(Error::usage(message).hint("name them, filter by --phase, --channel or -l, or say --all"));
    }
    let filter = films.filter.within(context, films.scope);
    let list = async || bulk::list(&client, &filter).await.map_err(Error::from);
    many(&client, list, &Request { of_many: true, ..request }, manner, context).await
}

/// Asks films that were named, one after the other.
async fn each(
    client: &Client,
    names: &[String],
    request: &Request,
    manner: Manner,
    context: &Context,
) -> Result<Vec<ItemResult>, Error> {
    let jobs = names.iter().map(|name| context.job(name)).collect::<Result<Vec<_>, _>>()?;
    let mut results = Vec::new();
    for job in jobs {
        let asked = one(client, &job, request, manner, context).await;
        results.push(asked.unwrap_or_else(|error| {
            let words: Vec<String> = [Some(error.message), error.hint].into_iter().flatten().collect();
            ItemResult { job, outcome: Outcome::Failed, detail: Some(words.join("; ")) }
        }));
    }
    Ok(results)
}

async fn one(
    client: &Client,
    job: &JobRef,
    request: &Request,
    manner: Manner,
    context: &Context,
) -> Result<ItemResult, Error> {
    let found = context.get(job).await?;
    if manner.dry_run {
        return Ok(bulk::foresee(&found, request));
    }
    Ok(bulk::ask(client, &found, request, MANAGER).await?)
}

/// Asks many films, after a list of them and a yes. `list`: those that are meant.
pub async fn many(
    client: &Client,
    list: impl AsyncFn() -> Result<Vec<VideoJob>, Error>,
    request: &Request,
    manner: Manner,
    context: &mut Context,
) -> Result<Exit, Error> {
    // What is at work pays until it is stopped.
    let order = |job: &VideoJob| {
        let comes_later = request.action == JobAction::Suspend && !bulk::is_at_work(job);
        (comes_later, JobRef::of(job))
    };
    let mut jobs = list().await?;
    jobs.sort_by_key(order);
    let foreseen = bulk::ask_all(client, &jobs, request, true, MANAGER).await;
    let meant = foreseen.iter().filter(|item| item.outcome == Outcome::WouldRequest).count();
    if meant == 0 || manner.dry_run {
        if meant == 0 {
            context.tell(format!("There is no film to {}.", request.action))?;
        }
        return tell(&foreseen, request.action, manner.output, context);
    }
    if !manner.yes {
        context.tell(preview(&jobs, &foreseen).trim_end())?;
        let question = format!("{} {}?", capital(request.action.as_str()), count(meant, "film"));
        if !context.agrees(&question, false)? {
            context.tell("Nothing was changed.")?;
            return Ok(Exit::Declined);
        }
        if request.action == JobAction::Suspend {
            // What has begun while the question stood is to stop, too.
            jobs = list().await?;
            jobs.sort_by_key(order);
        }
    }
    let results = bulk::ask_all(client, &jobs, request, false, MANAGER).await;
    let exit = tell(&results, request.action, manner.output, context)?;
    if results.iter().any(|item| item.outcome == Outcome::Failed) {
        context.tell(
            "Not all were asked: `kubectl videofactory doctor` shows what you may do, and what is wrong.",
        )?;
    }
    Ok(exit)
}

fn preview(jobs: &[VideoJob], foreseen: &[ItemResult]) -> String {
    let meant = jobs.iter().zip(foreseen).filter(|(_, item)| item.outcome == Outcome::WouldRequest);
    let rows: Vec<Vec<String>> = meant
        .map(|(job, item)| {
            let progress = job.status.as_ref().and_then(|status| status.progress.clone());
            vec![item.job.to_string(), phase(job).to_string(), progress.unwrap_or_default()]
        })
        .collect();
    table(&["FILM", "PHASE", "PROGRESS"], &rows)
}

/// Says what became of each: what was asked as data, what was not as messages.
fn tell(
    results: &[ItemResult],
    action: JobAction,
    format: Option<Document>,
    context: &mut Context,
) -> Result<Exit, Error> {
    let is_fine = |item: &ItemResult| !matches!(item.outcome, Outcome::Refused | Outcome::Failed);
    let exit = Exit::of_all(results.iter().all(is_fine));
    if let Some(format) = format {
        context.data(&output::write(format, &json!({ "action": action, "items": results }))?)?;
        return Ok(exit);
    }
    for item in results {
        let line = line(item, action);
        if is_fine(item) {
            context.data(&(line + "\n"))?;
        } else {
            context.tell(format!("error: {line}"))?;
        }
    }
    Ok(exit)
}

fn line(item: &ItemResult, action: JobAction) -> String {
    let detail = item.detail.as_deref().map(plain).unwrap_or_default();
    let name = &item.job;
    match item.outcome {
        Outcome::Requested => format!("{name}: {action} requested"),
        Outcome::WouldRequest => format!("{name}: {action} would be requested (dry run)"),
        Outcome::Unchanged => format!("{name}: unchanged, {detail}"),
        Outcome::Refused | Outcome::Failed => detail,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
