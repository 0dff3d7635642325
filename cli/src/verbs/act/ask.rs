//! Asks jobs that were named, or many after a list of them and a yes, and says what became of each.

use kube::Client;
use videofactory_client::job_action::phase;
use videofactory_client::{
    Action, ItemOutcome, ItemResult, JobAction, JobRef, Outcome, Request, Results, bulk,
};
use videofactory_crds::VideoJob;

use super::{ActFlags, Selection};
use crate::cluster::MANAGER;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::flags::DryRun;
use crate::output::{self, Written};
use crate::text::{count, plain, table};

/// Asks the jobs that are meant.
pub async fn act(
    action: Action,
    chosen: Selection,
    act_flags: ActFlags,
    context: &mut Context,
) -> Result<Exit, Error> {
    let client = context.cluster.client()?;
    if !chosen.names.is_empty() {
        let request = Request::of_named(action, context.now());
        let results = each(&client, &chosen.names, &request, act_flags, context).await?;
        return print_results(results, &request, act_flags, context);
    }
    if !chosen.all && !chosen.filter.says_something() {
        let message = format!("say which jobs to {}", action.name());
        return Err(Error::usage(message).hint("name them, filter by --phase, --channel or -l, or say --all"));
    }
    let filter = chosen.filter.within(context, chosen.scope);
    let list = async || bulk::list(&client, &filter).await.map_err(Error::from);
    many(&client, list, &Request::of_many(action, context.now()), act_flags, context).await
}

/// Asks jobs that were named, one after the other.
async fn each(
    client: &Client,
    names: &[String],
    request: &Request,
    act_flags: ActFlags,
    context: &Context,
) -> Result<Vec<ItemResult>, Error> {
    let jobs = names.iter().map(|name| context.job(name)).collect::<Result<Vec<_>, _>>()?;
    let mut results = Vec::new();
    for job in jobs {
        let asked = one(client, &job, request, act_flags, context).await;
        results.push(asked.unwrap_or_else(|error| {
            let words: Vec<String> = [Some(error.message), error.hint].into_iter().flatten().collect();
            ItemResult { id: job, outcome: Outcome::Failed, detail: Some(words.join("; ")) }
        }));
    }
    Ok(results)
}

async fn one(
    client: &Client,
    job: &JobRef,
    request: &Request,
    act_flags: ActFlags,
    context: &Context,
) -> Result<ItemResult, Error> {
    let found = context.get(job).await?;
    Ok(match act_flags.trial.dry_run {
        DryRun::None => bulk::ask(client, &found, request, MANAGER).await?,
        DryRun::Client => bulk::dry_run(&found, request),
        DryRun::Server => bulk::check(client, &found, request, MANAGER).await?,
    })
}

/// Asks many jobs, after a list of them and a yes. `list`: those that are meant.
pub async fn many(
    client: &Client,
    list: impl AsyncFn() -> Result<Vec<VideoJob>, Error>,
    request: &Request,
    act_flags: ActFlags,
    context: &mut Context,
) -> Result<Exit, Error> {
    let action = request.action.name();
    // What is at work pays until it is stopped.
    let order = |job: &VideoJob| {
        let comes_later = action == JobAction::Suspend && !bulk::is_at_work(job);
        (comes_later, JobRef::of(job))
    };
    let mut jobs = list().await?;
    jobs.sort_by_key(order);
    let foreseen = bulk::ask_all(client, &jobs, request, true, MANAGER).await;
    let meant = foreseen.iter().filter(|item| item.outcome == Outcome::WouldRequest).count();
    if meant == 0 {
        context.notify(format!("There is no job to {action}."))?;
    }
    if meant == 0 || act_flags.trial.dry_run == DryRun::Client {
        return print_results(foreseen, request, act_flags, context);
    }
    if act_flags.trial.dry_run == DryRun::Server {
        let checked = bulk::check_all(client, &jobs, request, MANAGER).await;
        return print_results(checked, request, act_flags, context);
    }
    let question = format!("{} {}?", capital(action.as_str()), count(meant, "job"));
    if !context.confirms(&listed(&jobs, &foreseen), &question, act_flags.yes)? {
        return Ok(Exit::Declined);
    }
    if !act_flags.yes && action == JobAction::Suspend {
        // What has begun while the question stood is to stop, too.
        jobs = list().await?;
        jobs.sort_by_key(order);
    }
    let results = bulk::ask_all(client, &jobs, request, false, MANAGER).await;
    let some_failed = results.iter().any(|item| item.outcome == Outcome::Failed);
    let exit = print_results(results, request, act_flags, context)?;
    if some_failed {
        context.notify(
            "Not all requests were made: `kubectl videofactory doctor` shows what you may do, and what is wrong.",
        )?;
    }
    Ok(exit)
}

fn listed(jobs: &[VideoJob], foreseen: &[ItemResult]) -> String {
    let meant = jobs.iter().zip(foreseen).filter(|(_, item)| item.outcome == Outcome::WouldRequest);
    let rows: Vec<Vec<String>> = meant
        .map(|(job, item)| {
            let progress = job.status.as_ref().and_then(|status| status.progress.clone());
            vec![item.id.to_string(), phase(job).to_string(), progress.unwrap_or_default()]
        })
        .collect();
    table(&["JOB", "PHASE", "PROGRESS"], &rows)
}

/// Says what became of each: what was asked as data, what was not as messages.
fn print_results(
    items: Vec<ItemResult>,
    request: &Request,
    act_flags: ActFlags,
    context: &mut Context,
) -> Result<Exit, Error> {
    let ActFlags { trial, output, .. } = act_flags;
    let action = request.action.name();
    let results = Results::new(action.as_str(), trial.dry_run != DryRun::None, items);
    let exit = Exit::of_all(results.are_all_done());
    if let Some(output) = output {
        context.data(&output::results(&results, &results, name, output)?)?;
    }
    // A document holds what was not asked, too.
    if output.and_then(Written::document).is_some() {
        return Ok(exit);
    }
    for item in &results.items {
        let detail = item.detail.as_deref().map(plain);
        if !item.is_done() {
            context.notify(format!("error: {}", detail.unwrap_or_default()))?;
        } else if output.is_none() {
            let why = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
            let is_new = item.outcome != Outcome::Unchanged;
            let (became, suffix) =
                if is_new { (done(action), trial.dry_run.suffix()) } else { ("unchanged", "") };
            let said = context.sentence(&name(item), became, &item.id.namespace);
            context.data(&format!("{said}{suffix}{why}\n"))?;
        }
    }
    Ok(exit)
}

fn name(item: &ItemResult) -> String {
    output::name::<VideoJob>(&item.id.name)
}

/// What was done to a job, for a sentence.
const fn done(action: JobAction) -> &'static str {
    match action {
        JobAction::Retry => "retried",
        JobAction::Restart => "restarted",
        JobAction::Suspend => "suspended",
        JobAction::Resume => "resumed",
        JobAction::Approve => "approved",
        JobAction::Reject => "rejected",
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
