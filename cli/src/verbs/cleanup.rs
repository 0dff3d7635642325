//! `cleanup`: prune buckets now.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use futures::future::join_all;
use jiff::Timestamp;
use videofactory_client::policy_run::RunStats;
use videofactory_client::storage_action::{self, Asked, Cleanup, PolicyResult};
use videofactory_client::{ItemOutcome, Results};
use videofactory_crds::StoragePolicy;
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::requests::time_of;
use videofactory_crds::storagepolicy::{PruneCause, PruneOutcome, PruneRun};

use crate::cluster::MANAGER;
use crate::completion::names;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::flags::Scope;
use crate::output::Written;
use crate::policies::{self, PolicyItem};
use crate::text::{bytes, count, or_none, read_timeout, table};

/// Prune buckets now, by their rules
///
/// Protected files, and files that an unfinished job needs, are never deleted.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory cleanup --dry-run --wait
  kubectl videofactory cleanup --older-than 7d --wait")]
pub struct CleanupArgs {
    #[command(flatten)]
    scope: Scope,
    /// Only this StoragePolicy. Default: all of the namespace
    #[arg(long, add = names::policies())]
    policy: Option<String>,
    /// Delete files of finished jobs from this age on, such as 7d, instead of the rules' own ages
    #[arg(long, value_name = "DURATION")]
    older_than: Option<videofactory_crds::Duration>,
    /// Only plan: nothing is deleted
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    /// Wait until it is done, and show what was deleted; ends with 3 if not all was
    #[arg(long)]
    wait: bool,
    /// With --wait: longest time to wait; 0: for ever
    #[arg(long, value_name = "DURATION", value_parser = read_timeout, default_value = "10m")]
    timeout: Duration,
    /// How to print what became of it
    #[arg(short, long, value_enum)]
    output: Option<Written>,
}

/// Prunes.
pub async fn run(args: CleanupArgs, context: &mut Context) -> Result<Exit, Error> {
    let namespace = context.scope(args.scope.all_namespaces);
    let client = context.cluster.client()?;
    let policies = policies::find(client, namespace.as_deref(), args.policy.as_deref()).await?;
    if policies.is_empty() {
        return Err(Error::new("there is no StoragePolicy to be pruned")
            .hint("`kubectl videofactory storage -A` shows those that there are"));
    }
    // The rules prune every day; another age, or many buckets, is worth a look.
    if !args.dry_run && (args.older_than.is_some() || policies.len() > 1) {
        let age = args.older_than.map(|age| format!(" of files from {age} on")).unwrap_or_default();
        let question = format!("Prune {}{age}?", count(policies.len(), "bucket"));
        let names: Vec<String> = policies.iter().map(policies::name).collect();
        if !context.confirms(&names.join("\n"), &question, args.yes)? {
            return Ok(Exit::Declined);
        }
    }
    let wish = Cleanup { now: context.now(), older_than: args.older_than, dry_run: args.dry_run };
    let client = context.cluster.client()?;
    let mut asked = storage_action::clean_up(&client, &policies, wish, MANAGER).await;
    // One that refuses may be the only one that there is.
    if matches!(asked[..], [Asked { answer: Err(_), .. }]) {
        asked.swap_remove(0).answer?;
    }
    let mut pruned: Vec<Pruned<'_>> = policies
        .iter()
        .zip(asked)
        .map(|(policy, asked)| Pruned { policy, result: asked.into(), run: None })
        .collect();
    for PolicyResult { id, requested_at, detail, .. } in pruned.iter().map(|one| &one.result) {
        let failed = if requested_at.is_none() { "error: " } else { "" };
        if let Some(detail) = detail {
            context.notify(format!("{failed}{id}: {detail}"))?;
        }
    }
    let failed = if args.wait { wait(&mut pruned, args.timeout, context).await } else { None };
    let exit = Exit::of_all(pruned.iter().all(Pruned::is_whole));
    print(&args, pruned, context)?;
    failed.map_or(Ok(exit), Err)
}

/// A policy that was asked.
struct Pruned<'a> {
    policy: &'a StoragePolicy,
    /// What became of the request.
    result: PolicyResult,
    /// Its run, if that was waited for and has ended.
    run: Option<PruneRun>,
}

impl Pruned<'_> {
    /// Whether nothing went wrong, as far as is known.
    fn is_whole(&self) -> bool {
        let is_completed = |run: &PruneRun| run.outcome == Some(PruneOutcome::Completed);
        self.result.is_done() && self.run.as_ref().is_none_or(is_completed)
    }

    /// Waits for its run, if there will be one.
    async fn wait(&mut self, timeout: Duration, context: &Context) -> Result<(), Error> {
        let Some(at) = self.result.requested_at else { return Ok(()) };
        let known: BTreeSet<Timestamp> = slots(self.policy).collect();
        let run = policies::until(self.policy, timeout, context, |seen| ended(seen, at, &known)).await?;
        self.run = Some(run);
        Ok(())
    }
}

/// Waits for the runs of all policies together: the time that was given is over for all of them at once. Returns what went
/// wrong first.
async fn wait(pruned: &mut [Pruned<'_>], timeout: Duration, context: &Context) -> Option<Error> {
    let waits = pruned.iter_mut().map(|one| one.wait(timeout, context));
    join_all(waits).await.into_iter().find_map(Result::err)
}

/// Prints what became of it: as it is wanted, as the runs that were waited for, or as what was requested.
fn print(args: &CleanupArgs, pruned: Vec<Pruned<'_>>, context: &mut Context) -> Result<(), Error> {
    if let Some(output) = args.output {
        let item = |Pruned { result, run, .. }| PolicyItem { result, run: run.map(RunStats::from) };
        let results = Results::new("cleanup", args.dry_run, pruned.into_iter().map(item).collect());
        return context.data(&policies::results(&results, output)?);
    }
    if args.wait {
        let runs: Vec<(&StoragePolicy, &PruneRun)> =
            pruned.iter().filter_map(|one| Some((one.policy, one.run.as_ref()?))).collect();
        return if runs.is_empty() { Ok(()) } else { context.data(&report(&runs)) };
    }
    let planned = if args.dry_run { " (dry run)" } else { "" };
    for Pruned { policy, .. } in pruned.iter().filter(|one| one.result.is_done()) {
        let said = policies::sentence(policy, "cleanup requested", context);
        context.data(&format!("{said}{planned}\n"))?;
    }
    Ok(())
}

fn slots(policy: &StoragePolicy) -> impl Iterator<Item = Timestamp> {
    policy.status.iter().flat_map(|status| &status.runs).map(|run| run.slot.0)
}

/// The run that was asked for, once it has ended. `known`: the runs that there were before.
fn ended(
    policy: &StoragePolicy,
    at: Timestamp,
    known: &BTreeSet<Timestamp>,
) -> Option<Result<PruneRun, Error>> {
    let status = policy.status.as_ref()?;
    let handled = status.handled.as_ref()?.cleanup.as_deref()?;
    // A later request may be handled by the same write that reports how this one's run ended.
    if time_of(handled).is_none_or(|handled| handled < at) {
        return None;
    }
    let new = |run: &&PruneRun| {
        let asked = matches!(run.cause, Some(PruneCause::Request | PruneCause::Resumed));
        asked && !known.contains(&run.slot.0) && run.slot.0 >= whole_seconds(at).0
    };
    match status.runs.iter().rev().find(new) {
        Some(run) => run.outcome.map(|_| Ok(run.clone())),
        None => Some(Err(policies::refused(policy, "pruned"))),
    }
}

fn report(runs: &[(&StoragePolicy, &PruneRun)]) -> String {
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|(policy, run)| {
            let planned = if run.dry_run == Some(true) { " (dry run)" } else { "" };
            let outcome = run.outcome.map(|outcome| format!("{outcome}{planned}"));
            let message = run.shortfall.clone().or_else(|| run.message.clone());
            vec![
                policies::name(policy),
                or_none(outcome),
                run.deleted_objects.unwrap_or(0).to_string(),
                bytes(run.deleted_bytes.unwrap_or(0)),
                or_none(run.bytes_after.map(bytes)),
                or_none(message),
            ]
        })
        .collect();
    let mut text = table(&["POLICY", "OUTCOME", "DELETED", "SIZE", "LEFT", "MESSAGE"], &rows);
    let kept: Vec<Vec<String>> = runs
        .iter()
        .flat_map(|(policy, run)| run.kept_because.iter().map(move |kept| (policy, kept)))
        .map(|(policy, kept)| {
            vec![policies::name(policy), kept.objects.to_string(), bytes(kept.bytes), kept.reason.clone()]
        })
        .collect();
    if !kept.is_empty() {
        text += "\n";
        text += &table(&["POLICY", "KEPT", "SIZE", "BECAUSE"], &kept);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Fake, NOW, list_of, path, policy, run};

    fn fake(after: impl Into<Value>) -> Fake {
        let list = format!("GET {}", path("films", "storagepolicies", ""));
        let before = policy(json!({"runs": [{"slot": "2026-12-24T03:00:00Z", "outcome": "Completed"}]}));
        Fake::default().on(&list, list_of(&[before])).on(&list, list_of(&[policy(after)])).hangs(&list)
    }

    fn annotation(fake: &Fake) -> Value {
        let text =
            fake.writes()[0].body["metadata"]["annotations"]["videofactory.dev/cleanup-requested"].clone();
        serde_json::from_str(text.as_str().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn what_is_asked_is_said() {
        let fake = fake(json!({}));
        let ended = run(&fake, "cleanup --dry-run --older-than 7d", None).await;
        assert_eq!(
            (ended.exit, ended.out.as_str()),
            (Exit::Done, "storagepolicy.videofactory.dev/r2 cleanup requested (dry run)\n")
        );
        assert_eq!(annotation(&fake), json!({"at": NOW, "olderThan": "7d", "dryRun": true}));
    }

    #[tokio::test]
    async fn another_age_is_asked_about() {
        let one = fake(json!({}));
        let ended = run(&one, "cleanup --older-than 2d", Some("n\n")).await;
        assert_eq!(ended.exit, Exit::Declined);
        assert_eq!(ended.err, "films/r2\nPrune 1 bucket of files from 2d on? [y/N] Nothing was changed.\n");
        assert_eq!(one.writes(), []);
        let plain = fake(json!({}));
        assert_eq!(run(&plain, "cleanup", None).await.exit, Exit::Done);
        assert_eq!(annotation(&plain), json!({"at": NOW}));
    }

    #[tokio::test]
    async fn a_run_is_waited_for_and_reported() {
        let runs = json!([
            {"slot": "2026-12-24T18:00:01Z", "cause": "Request", "outcome": "Completed", "deletedObjects": 12,
             "deletedBytes": 90_000_000, "bytesAfter": 7_000_000_000_i64,
             "keptBecause": [{"reason": "younger than its rule says", "objects": 3, "bytes": 5_000}]},
            {"slot": "2026-12-24T03:00:00Z", "outcome": "Completed"},
        ]);
        let fake = fake(json!({"handled": {"cleanup": format!("{{\"at\":\"{NOW}\"}}")}, "runs": runs}));
        let ended = run(&fake, "cleanup --wait", None).await;
        assert_eq!(
            ended.out,
            "\
POLICY     OUTCOME     DELETED   SIZE      LEFT     MESSAGE
films/r2   Completed   12        90.0 MB   7.0 GB   -

POLICY     KEPT   SIZE     BECAUSE
films/r2   3      5.0 kB   younger than its rule says
"
        );
        assert_eq!(ended.exit, Exit::Done);
    }

    #[tokio::test]
    async fn what_became_of_it_can_be_had_as_a_document_or_by_names() {
        let run_of = json!({
            "slot": "2026-12-24T18:00:01Z", "cause": "Request", "outcome": "Completed", "deletedObjects": 12,
            "deletedBytes": 90_000_000, "duration": "12s", "bytesAfter": 7_000,
        });
        let done = json!({"handled": {"cleanup": NOW}, "runs": [run_of]});
        let ended = run(&fake(done), "cleanup --wait -o json", None).await;
        let read: Value = serde_json::from_str(&ended.out).unwrap();
        let shown = json!({
            "dueAt": "2026-12-24T18:00:01Z", "cause": "Request", "dryRun": false, "deletedObjects": 12,
            "deletedBytes": 90_000_000, "failedObjects": 0, "keptBecause": [], "outcome": "Completed",
            "durationSeconds": 12, "remainingBytes": 7_000,
        });
        let item = json!({"id": "films/r2", "outcome": "requested", "requestedAt": NOW, "run": shown});
        assert_eq!(
            read,
            json!({"action": "cleanup", "dryRun": false, "counts": {"requested": 1}, "items": [item]})
        );
        let named = run(&fake(json!({})), "cleanup -o name", None).await;
        assert_eq!(named.out, "storagepolicy.videofactory.dev/r2\n");
    }

    /// A policy of this namespace, which is asked with all others and looked at in its own namespace.
    fn of(namespace: &str, status: impl Into<Value>) -> Value {
        let mut policy = policy(status);
        policy["metadata"]["namespace"] = json!(namespace);
        policy
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_to_wait_is_one_for_all_policies_and_what_has_ended_is_shown() {
        let list = |namespace: &str| format!("GET {}", path(namespace, "storagepolicies", ""));
        let run_of = json!({"slot": "2026-12-24T18:00:01Z", "cause": "Request", "outcome": "Completed"});
        let done = json!({"handled": {"cleanup": NOW}, "runs": [run_of]});
        let fake = Fake::default()
            .on(&list(""), list_of(&["a", "b", "c"].map(|namespace| of(namespace, json!({})))))
            .on(&list("a"), list_of(&[of("a", json!({}))]))
            .hangs(&list("a"))
            .on(&list("b"), list_of(&[of("b", json!({}))]))
            .hangs(&list("b"))
            .on(&list("c"), list_of(&[of("c", done)]))
            .hangs(&list("c"));
        let begun = tokio::time::Instant::now();
        let ended = run(&fake, "cleanup -A --yes --wait --timeout 10m", None).await;
        assert_eq!(begun.elapsed().as_secs(), 600);
        assert_eq!(ended.exit, Exit::TimedOut, "{}", ended.err);
        assert!(ended.out.contains("c/r2     Completed"), "{}", ended.out);
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_not_watch_is_refused_at_once() {
        let list = format!("GET {}", path("films", "storagepolicies", ""));
        let fake = Fake::default().on(&list, list_of(&[policy(json!({}))])).refuses(
            &list,
            403,
            "Forbidden",
            "you cannot watch storagepolicies",
        );
        let ended = run(&fake, "cleanup --wait", None).await;
        assert_eq!(ended.exit, Exit::Failed, "{}", ended.err);
        assert!(ended.err.contains("you cannot watch storagepolicies"), "{}", ended.err);
    }

    #[tokio::test]
    async fn one_policy_that_refuses_keeps_none_from_being_asked() {
        let all = ["a", "b", "c"].map(|namespace| of(namespace, json!({})));
        let refusal = format!("PATCH {}", path("b", "storagepolicies", "r2"));
        let fake = Fake::default()
            .on(&format!("GET {}", path("", "storagepolicies", "")), list_of(&all))
            .refuses(&refusal, 403, "Forbidden", "you cannot patch storagepolicies");
        let ended = run(&fake, "cleanup -A --yes", None).await;
        assert_eq!(
            ended.out,
            "storagepolicy.videofactory.dev/r2 cleanup requested in namespace a\n\
             storagepolicy.videofactory.dev/r2 cleanup requested in namespace c\n"
        );
        assert!(ended.err.contains("b/r2") && ended.err.contains("cannot patch"), "{}", ended.err);
        assert_eq!(ended.exit, Exit::NotAll);
    }

    /// A policy of which a clean-up is asked that has not begun, while another run is under way.
    fn waiting(status: impl Into<Value>) -> Value {
        let mut policy = policy(status);
        let asked = r#"{"at":"2026-12-24T17:59:50Z","olderThan":"7d"}"#;
        policy["metadata"]["annotations"] = json!({"videofactory.dev/cleanup-requested": asked});
        policy
    }

    fn under_way() -> Value {
        json!({"runs": [{"slot": "2026-12-24T17:59:40Z", "cause": "Schedule"}]})
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_to_begin_is_not_replaced_by_another() {
        let fake = Fake::default()
            .on(&format!("GET {}", path("films", "storagepolicies", "")), list_of(&[waiting(under_way())]))
            .on(&format!("GET {}", path("films", "storagepolicies", "r2")), waiting(under_way()));
        let begun = tokio::time::Instant::now();
        let ended = run(&fake, "cleanup", None).await;
        assert_eq!((ended.exit, fake.writes()), (Exit::Failed, vec![]), "{}", ended.err);
        let reported = "another clean-up, asked for at 2026-12-24T17:59:50Z, waits to begin";
        assert!(ended.err.contains(reported), "{}", ended.err);
        assert!(begun.elapsed().as_secs() <= 11, "it waits for a short while alone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_made_when_the_earlier_one_has_begun_and_says_what_it_follows() {
        let begun = json!({
            "handled": {"cleanup": r#"{"at":"2026-12-24T17:59:50Z","olderThan":"7d"}"#},
            "runs": [{"slot": "2026-12-24T17:59:50Z", "cause": "Request"}],
        });
        let one = format!("GET {}", path("films", "storagepolicies", "r2"));
        let fake = Fake::default()
            .on(&format!("GET {}", path("films", "storagepolicies", "")), list_of(&[waiting(under_way())]))
            .on(&one, waiting(under_way()))
            .on(&one, waiting(begun));
        let ended = run(&fake, "cleanup", None).await;
        assert_eq!(
            (ended.exit, ended.out.as_str()),
            (Exit::Done, "storagepolicy.videofactory.dev/r2 cleanup requested\n")
        );
        let follows = "films/r2: it follows the run of 2026-12-24T17:59:50Z, which is under way\n";
        assert!(ended.err.contains(follows), "{}", ended.err);
        assert_eq!(fake.writes().len(), 1);
    }

    #[tokio::test]
    async fn one_run_is_for_all_who_want_the_same() {
        let list = format!("GET {}", path("films", "storagepolicies", ""));
        let fake = Fake::default().on(&list, list_of(&[waiting(under_way())]));
        let ended = run(&fake, "cleanup --older-than 7d --yes", None).await;
        assert_eq!(ended.exit, Exit::Done, "{}", ended.err);
        assert_eq!(annotation(&fake), json!({"at": "2026-12-24T17:59:50Z", "olderThan": "7d"}));
    }

    #[tokio::test]
    async fn who_asks_at_the_same_moment_as_another_looks_again() {
        let list = format!("GET {}", path("films", "storagepolicies", ""));
        let one = path("films", "storagepolicies", "r2");
        let fake = Fake::default()
            .on(&list, list_of(&[policy(json!({}))]))
            .refuses(&format!("PATCH {one}"), 409, "Conflict", "the object has been modified")
            .on(&format!("PATCH {one}"), json!({"metadata": {"name": "r2"}}))
            .on(&format!("GET {one}"), waiting(json!({})));
        let ended = run(&fake, "cleanup --older-than 7d --yes", None).await;
        assert_eq!(ended.exit, Exit::Done, "{}", ended.err);
        let writes = fake.writes();
        assert_eq!(writes[0].body["metadata"]["resourceVersion"], "7");
        let second = &writes[1].body["metadata"]["annotations"]["videofactory.dev/cleanup-requested"];
        assert!(second.as_str().unwrap().contains("17:59:50Z"), "{second}");
    }

    #[tokio::test]
    async fn a_request_that_is_refused_is_reported_as_such() {
        let fake = fake(json!({"handled": {"cleanup": NOW}, "runs": []}));
        let ended = run(&fake, "cleanup --wait", None).await;
        assert_eq!(ended.exit, Exit::Failed);
        assert!(ended.err.contains("films/r2 was not pruned"), "{}", ended.err);
    }
}
