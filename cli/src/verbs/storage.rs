//! `storage`: how full the buckets are, and what was pruned.

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::StoragePolicy;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::storagepolicy::{PruneRun, StoragePolicyStatus};
use videofactory_pipeline::keys::folder;

use crate::completion::names;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::flags::{Columns, Scope};
use crate::policies;
use crate::text::{NONE, bytes, or_none, span, until};

/// Show buckets: usage, level, last and next run
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory storage -A
  kubectl videofactory storage default")]
pub struct StorageArgs {
    /// Name of one StoragePolicy, of which kinds and runs are shown, too
    #[arg(value_name = "POLICY", add = names::policies(), conflicts_with = "all_namespaces")]
    name: Option<String>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    columns: Columns,
}

/// Shows buckets.
pub async fn run(args: StorageArgs, context: &mut Context) -> Result<Exit, Error> {
    let client = context.cluster.client()?;
    let namespace = context.scope(args.scope.all_namespaces);
    let policies = policies::find(client, namespace.as_deref(), args.name.as_deref()).await?;
    if context.print(&policies, args.name.is_some(), args.columns.output)? {
        return Ok(Exit::Done);
    }
    if policies.is_empty() {
        context.notify(
            "There is no StoragePolicy here, so jobs have no bucket: see manifests/samples/storage.",
        )?;
        return Ok(Exit::Done);
    }
    let now = context.now();
    let mut header =
        vec!["NAME", "BUCKET", "LEVEL", "USED", "LIMIT", "FULL", "FILES", "LAST RUN", "NEXT", "READY"];
    if args.scope.all_namespaces {
        header.insert(0, "NAMESPACE");
    }
    if args.columns.are_wide() {
        header.push("MESSAGE");
    }
    let rows: Vec<Vec<String>> = policies
        .iter()
        .map(|policy| row(policy, args.scope.all_namespaces, args.columns.are_wide(), now))
        .collect();
    let mut text = args.columns.table(&header, &rows);
    if args.name.is_some() {
        text += &policies.iter().map(|policy| details(policy, args.columns, now)).collect::<String>();
    }
    context.data(&text)?;
    Ok(Exit::Done)
}

fn row(policy: &StoragePolicy, namespaces: bool, wide: bool, now: Timestamp) -> Vec<String> {
    let nothing = StoragePolicyStatus::default();
    let status = policy.status.as_ref().unwrap_or(&nothing);
    let usage = status.usage.as_ref();
    let ready = condition::get(&status.conditions, ConditionType::Ready);
    let mut row = Vec::new();
    if namespaces {
        row.push(policy.namespace().unwrap_or_default());
    }
    row.extend([
        policy.name_any(),
        policy.spec.bucket.name.clone(),
        or_none(status.level.map(|level| level.to_string())),
        or_none(usage.and_then(|usage| usage.bytes).map(bytes)),
        bytes(policy.spec.capacity.limit.bytes()),
        or_none(usage.and_then(|usage| usage.percent).map(|percent| format!("{percent}%"))),
        or_none(usage.and_then(|usage| usage.objects).map(|objects| objects.to_string())),
        status.runs.first().map_or_else(|| NONE.to_owned(), |run| last_run(run, now)),
        status.next_run_at.as_ref().map_or_else(|| NONE.to_owned(), |at| until(at.0, now)),
        or_none(ready.map(|ready| ready.status.clone())),
    ]);
    if wide {
        let within = condition::get(&status.conditions, ConditionType::WithinLimit);
        let trouble = [ready, within].into_iter().flatten().find(|condition| condition.status != "True");
        row.push(or_none(trouble.or(ready).map(|condition| condition.message.clone())));
    }
    row
}

fn last_run(run: &PruneRun, now: Timestamp) -> String {
    let ago = span(now.as_second() - run.slot.0.as_second());
    let how = run.outcome.map_or_else(|| "running".to_owned(), |outcome| outcome.to_string());
    format!("{how} {ago} ago")
}

fn details(policy: &StoragePolicy, columns: Columns, now: Timestamp) -> String {
    let Some(status) = &policy.status else { return String::new() };
    let mut text = String::new();
    if let Some(usage) = status.usage.as_ref().filter(|usage| !usage.by_kind.is_empty()) {
        let mut rows: Vec<Vec<String>> = usage
            .by_kind
            .iter()
            .map(|kind| vec![folder(kind.kind).to_owned(), kind.objects.to_string(), bytes(kind.bytes)])
            .collect();
        if let Some(other) = usage.other_bytes.filter(|other| *other > 0) {
            rows.push(vec!["other".to_owned(), NONE.to_owned(), bytes(other)]);
        }
        text += "\n";
        text += &columns.table(&["KIND", "FILES", "SIZE"], &rows);
    }
    if !status.runs.is_empty() {
        let rows: Vec<Vec<String>> = status.runs.iter().map(|run| run_row(run, now)).collect();
        text += "\n";
        text += &columns.table(&["RUN", "CAUSE", "OUTCOME", "DELETED", "SIZE", "MESSAGE"], &rows);
    }
    text
}

fn run_row(run: &PruneRun, now: Timestamp) -> Vec<String> {
    let planned = if run.dry_run == Some(true) { " (dry run)" } else { "" };
    vec![
        format!("{} ago", span(now.as_second() - run.slot.0.as_second())),
        or_none(run.cause.map(|cause| cause.to_string())),
        run.outcome.map_or_else(|| "running".to_owned(), |outcome| format!("{outcome}{planned}")),
        run.deleted_objects.unwrap_or(0).to_string(),
        bytes(run.deleted_bytes.unwrap_or(0)),
        or_none(run.shortfall.clone().or_else(|| run.message.clone())),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Fake, path, policy, run};

    /// A policy that has been pruned.
    fn pruned() -> Value {
        policy(json!({
            "usage": {
                "bytes": 7_200_000_000_i64, "objects": 412, "percent": 72,
                "byKind": [{"kind": "clips", "bytes": 6_000_000_000_i64, "objects": 400}], "otherBytes": 1_000,
            },
            "level": "Normal", "nextRunAt": "2026-12-25T03:00:00Z",
            "runs": [{
                "slot": "2026-12-24T03:00:00Z", "cause": "Schedule", "outcome": "Completed",
                "deletedObjects": 12, "deletedBytes": 90_000_000,
            }],
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "Available", "message": "bucket \"videos\" answers",
                "lastTransitionTime": "2026-12-24T17:30:00Z",
            }],
        }))
    }

    #[tokio::test]
    async fn one_bucket_shows_what_is_in_it_and_its_runs() {
        let what = format!("GET {}", path("films", "storagepolicies", "r2"));
        let ended = run(&Fake::default().on(&what, pruned()), "storage r2", None).await;
        assert_eq!(
            ended.out,
            "\
NAME   BUCKET   LEVEL    USED     LIMIT     FULL   FILES   LAST RUN            NEXT    READY
r2     videos   Normal   7.2 GB   10.0 GB   72%    412     Completed 15h ago   in 9h   True

KIND    FILES   SIZE
clips   400     6.0 GB
other   -       1.0 kB

RUN       CAUSE      OUTCOME     DELETED   SIZE      MESSAGE
15h ago   Schedule   Completed   12        90.0 MB   -
"
        );
    }

    #[tokio::test]
    async fn without_a_bucket_the_message_says_so() {
        let what = format!("GET {}", path("films", "storagepolicies", ""));
        let ended =
            run(&Fake::default().on(&what, json!({"metadata": {}, "items": []})), "storage", None).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::Done, ""));
        assert!(ended.err.contains("no StoragePolicy"), "{}", ended.err);
    }
}
