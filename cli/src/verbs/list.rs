//! `list`: jobs as columns or as they are.

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_client::bulk;
use videofactory_client::job_action::phase;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::{VideoJob, VideoJobStatus};

use crate::completion::names;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::flags::{Columns, Filter, Scope};
use crate::text::{NONE, age, or_none, until};

/// List jobs
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory list -A --phase Waiting -o wide
  kubectl videofactory get -l team=films -o name")]
pub struct ListArgs {
    /// Names of VideoJobs; none: all of the namespace
    #[arg(value_name = "NAME", add = names::jobs(), conflicts_with_all = ["all_namespaces", "phase", "channel", "selector"])]
    names: Vec<String>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    columns: Columns,
}

/// Lists jobs.
pub async fn run(args: ListArgs, context: &mut Context) -> Result<Exit, Error> {
    let mut jobs = if args.names.is_empty() {
        bulk::list_whole(&context.cluster.client()?, &args.filter.within(context, args.scope)).await?
    } else {
        get(context, &args.names).await?
    };
    jobs.sort_by_key(|job| (job.namespace(), job.name_any()));
    // One that was named is printed without a list around it, as kubectl does.
    if context.print(&jobs, args.names.len() == 1, args.columns.output)? {
        return Ok(Exit::Done);
    }
    if jobs.is_empty() {
        let place = match context.scope(args.scope.all_namespaces) {
            Some(namespace) => format!("in namespace {namespace}"),
            None => "in any namespace".to_owned(),
        };
        let which = if args.filter.says_something() { "such jobs" } else { "jobs" };
        context.notify(format!("There are no {which} {place}."))?;
        return Ok(Exit::Done);
    }
    let shape = Shape { namespaces: args.scope.all_namespaces, wide: args.columns.are_wide() };
    let (header, rows) = columns(&jobs, shape, context.now());
    context.data(&args.columns.table(&header, &rows))?;
    Ok(Exit::Done)
}

async fn get(context: &Context, names: &[String]) -> Result<Vec<VideoJob>, Error> {
    let mut jobs = Vec::new();
    for name in names {
        jobs.push(context.get(&context.job(name)?).await?);
    }
    Ok(jobs)
}

/// Which columns there are.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Whether the namespace is one.
    pub namespaces: bool,
    /// Whether there are more of them.
    pub wide: bool,
}

/// The table of these jobs.
#[must_use]
pub fn columns(jobs: &[VideoJob], shape: Shape, now: Timestamp) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let mut header = Vec::new();
    if shape.namespaces {
        header.push("NAMESPACE");
    }
    header.extend(["NAME", "PHASE", "STEP", "PROGRESS", "RESUME", "AGE"]);
    if shape.wide {
        header.extend(["COST", "READY", "MESSAGE"]);
    }
    (header, jobs.iter().map(|job| row(job, shape, now)).collect())
}

fn row(job: &VideoJob, shape: Shape, now: Timestamp) -> Vec<String> {
    let nothing = VideoJobStatus::default();
    let status = job.status.as_ref().unwrap_or(&nothing);
    let mut row = Vec::new();
    if shape.namespaces {
        row.push(job.namespace().unwrap_or_default());
    }
    row.push(job.name_any());
    row.push(phase(job).to_string());
    row.push(or_none(status.current_step.map(|step| step.to_string())));
    row.push(or_none(status.progress.clone()));
    row.push(status.resume_at.as_ref().map_or_else(|| NONE.to_owned(), |at| until(at.0, now)));
    row.push(age(job.creation_timestamp().map(|created| created.0), now));
    if shape.wide {
        let ready = condition::get(&status.conditions, ConditionType::Ready);
        let paid = status.cost.as_ref().and_then(|cost| cost.actual);
        row.push(or_none(paid.map(|paid| paid.to_string())));
        row.push(or_none(ready.map(|ready| ready.status.clone())));
        row.push(or_none(ready.map(|ready| ready.message.clone())));
    }
    row
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Fake, job, list_of, path, run};

    fn films() -> Vec<Value> {
        let mut films = vec![
            job(
                "sea",
                json!({
                    "phase": "Waiting", "currentStep": "animate-scenes", "progress": "14/26",
                    "resumeAt": "2026-12-24T19:12:00Z", "cost": {"actual": "0.56"},
                    "conditions": [{
                        "type": "Ready", "status": "Unknown", "reason": "AwaitingQuota",
                        "message": "grok quota \"generations\" used up", "lastTransitionTime": "2026-12-24T17:30:00Z",
                    }],
                }),
            ),
            job("ocean", json!({"observedGeneration": -1})),
        ];
        films[0]["metadata"]["labels"] = json!({"team": "films"});
        films[0]["spec"]["channelRef"] = json!({"name": "deep-sea"});
        films
    }

    fn fake() -> Fake {
        let what = format!("GET {}", path("films", "videojobs", ""));
        Fake::default().on(&what, list_of(&films()))
    }

    #[tokio::test]
    async fn films_are_listed_by_name() {
        let ended = run(&fake(), "list", None).await;
        assert_eq!(
            ended.out,
            "NAME    PHASE     STEP             PROGRESS   RESUME   AGE\n\
             ocean   Pending   -                -          -        60m\n\
             sea     Waiting   animate-scenes   14/26      in 72m   60m\n"
        );
        assert_eq!((ended.exit, ended.err.as_str()), (Exit::Done, ""));
    }

    #[tokio::test]
    async fn the_wide_table_says_what_each_waits_for() {
        let ended = run(&fake(), "get -o wide --no-headers", None).await;
        assert_eq!(
            ended.out,
            "ocean   Pending   -                -       -        60m   -      -         -\n\
             sea     Waiting   animate-scenes   14/26   in 72m   60m   0.56   Unknown   grok quota \"generations\" used up\n"
        );
    }

    #[tokio::test]
    async fn names_are_as_kubectl_takes_them_and_filters_go_to_the_api_server() {
        let fake = fake();
        let ended = run(&fake, "ls -o name --phase waiting --channel deep-sea -l team=films", None).await;
        assert_eq!(ended.out, "videojob.videofactory.dev/sea\n");
        let query = &fake.seen()[0].query;
        assert!(query.contains("status.phase%3DWaiting%2Cspec.channelRef.name%3Ddeep-sea"), "{query}");
        assert!(query.contains("labelSelector=team%3Dfilms"), "{query}");
    }

    #[tokio::test]
    async fn nothing_is_written_to_standard_error() {
        let what = format!("GET {}", path("", "videojobs", ""));
        let ended = run(&Fake::default().on(&what, list_of(&[])), "list -A", None).await;
        assert_eq!((ended.out.as_str(), ended.err.as_str()), ("", "There are no jobs in any namespace.\n"));
    }

    #[tokio::test]
    async fn one_that_is_named_is_printed_by_itself() {
        let what = format!("GET {}", path("films", "videojobs", "ocean"));
        let fake = Fake::default().on(&what, films()[1].clone());
        let printed: Value = serde_json::from_str(&run(&fake, "list ocean -o json", None).await.out).unwrap();
        assert_eq!((&printed["kind"], &printed["metadata"]["name"]), (&json!("VideoJob"), &json!("ocean")));
    }

    #[tokio::test]
    async fn a_film_that_is_not_there_is_named_with_what_to_do() {
        let ended = run(&Fake::default(), "list ocean", None).await;
        assert_eq!(ended.exit, Exit::Failed);
        assert!(ended.err.starts_with("error: failed to get VideoJob films/ocean: "), "{}", ended.err);
        assert!(ended.err.ends_with("`kubectl videofactory list -A` shows what there is\n"), "{}", ended.err);
        let wrong = run(&Fake::default(), "list --phase done", None).await;
        assert_eq!(wrong.exit, Exit::Usage);
        assert!(wrong.err.contains("Pending, Running, Waiting"), "{}", wrong.err);
    }
}
