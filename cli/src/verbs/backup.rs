//! `backup`: all objects of a namespace, to its bucket or to a file here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_client::policy_run::BackupStats;
use videofactory_client::storage_action::{self, PolicyResult};
use videofactory_client::{Outcome, Results, backup};
use videofactory_crds::StoragePolicy;
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::object_refs::DEFAULT_STORAGE;
use videofactory_crds::requests::time_of;
use videofactory_crds::storagepolicy::{BackupOutcome, BackupRun};

use crate::cluster::MANAGER;
use crate::completion::names;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::file;
use crate::output::Written;
use crate::policies::{self, PolicyItem};
use crate::text::{count, read_timeout};

/// Back up all objects of a namespace, to its bucket or to a file
///
/// All Channels, ProviderAccounts, StoragePolicies and VideoJobs, with their status and without Secrets.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory backup
  kubectl videofactory backup --file films.json")]
pub struct BackupArgs {
    /// The StoragePolicy whose bucket takes it. Default: default, or the only one
    #[arg(long, add = names::policies(), conflicts_with = "file")]
    policy: Option<String>,
    /// Write it to this file instead, in the same format; -: standard output. Needs no operator
    #[arg(short = 'F', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Request it, and do not wait until it is in the bucket
    #[arg(long, conflicts_with = "file")]
    no_wait: bool,
    /// Longest time to wait; 0: for ever
    #[arg(long, value_name = "DURATION", value_parser = read_timeout, default_value = "10m")]
    timeout: Duration,
    /// How to print what became of it
    #[arg(short, long, value_enum, conflicts_with = "file")]
    output: Option<Written>,
}

/// Backs up.
pub async fn run(args: BackupArgs, context: &mut Context) -> Result<Exit, Error> {
    match &args.file {
        Some(path) => here(path, context).await,
        None => to_bucket(&args, context).await,
    }
}

async fn here(path: &Path, context: &mut Context) -> Result<Exit, Error> {
    let namespace = context.cluster.namespace.clone();
    let written = backup::export(&context.cluster.client()?, Some(&namespace), context.now()).await?;
    if path == Path::new("-") {
        context.streams.out.write_all(&written.text)?;
        context.streams.out.flush()?;
        return Ok(Exit::Done);
    }
    // Whole or not at all: a backup that is cut short is none.
    file::write(path, &written.text)?;
    context.data(&format!("{}\n", path.display()))?;
    context.notify(format!("{} of {namespace}, {} of them jobs", objects(written.items), written.jobs))?;
    Ok(Exit::Done)
}

async fn to_bucket(args: &BackupArgs, context: &mut Context) -> Result<Exit, Error> {
    let policy = choose(args.policy.as_deref(), context).await?;
    let client = context.cluster.client()?;
    let at = storage_action::back_up(&client, &policy, context.now(), MANAGER).await?;
    if args.no_wait {
        let requested = policies::sentence(&policy, "backup requested", context) + "\n";
        context.data(&print(&policy, at, None, args.output)?.unwrap_or(requested))?;
        return Ok(Exit::Done);
    }
    let known = slot(&policy);
    let run = policies::until(&policy, args.timeout, context, |seen| ended(seen, at, known)).await?;
    let printed = print(&policy, at, Some(&run), args.output)?;
    if let Some(text) = &printed {
        context.data(text)?;
    }
    match (run.outcome, run.key) {
        (Some(BackupOutcome::Completed), Some(key)) => {
            if printed.is_none() {
                context.data(&format!("{key}\n"))?;
            }
            let items = run.items.unwrap_or(0);
            context.notify(format!("{} in bucket {:?}", objects(items), policy.spec.bucket.name))?;
            Ok(Exit::Done)
        }
        (outcome, _) => {
            let outcome = outcome.map(|outcome| outcome.to_string()).unwrap_or_default();
            let why = run.message.unwrap_or(outcome);
            Err(Error::new(format!("the backup of {} failed: {why}", policies::name(&policy)))
                .hint("`kubectl videofactory backup --file <file>` needs no bucket"))
        }
    }
}

/// What became of a request as it is wanted, unless it is written for people. `run`: how it ended, if that was waited for.
fn print(
    policy: &StoragePolicy,
    requested_at: Timestamp,
    run: Option<&BackupRun>,
    output: Option<Written>,
) -> Result<Option<String>, Error> {
    let Some(output) = output else { return Ok(None) };
    let result = PolicyResult {
        id: policies::name(policy),
        outcome: Outcome::Requested,
        requested_at: Some(requested_at),
        detail: None,
    };
    let item = PolicyItem { result, run: run.cloned().map(BackupStats::from) };
    policies::results(&Results::new("backup", false, vec![item]), output).map(Some)
}

async fn choose(name: Option<&str>, context: &Context) -> Result<StoragePolicy, Error> {
    let namespace = context.cluster.namespace.clone();
    let mut policies = policies::find(context.cluster.client()?, Some(&namespace), name).await?;
    let usual = policies.iter().position(|policy| policy.name_any() == DEFAULT_STORAGE);
    match (usual, policies.len()) {
        (Some(index), _) => Ok(policies.remove(index)),
        (None, 1) => Ok(policies.remove(0)),
        (None, 0) => Err(Error::new(format!("there is no StoragePolicy in namespace {namespace}"))
            .hint("`kubectl videofactory backup --file <file>` needs none")),
        (None, _) => {
            let names: Vec<String> = policies.iter().map(ResourceExt::name_any).collect();
            Err(Error::usage("say to which bucket").hint(format!("--policy is one of: {}", names.join(", "))))
        }
    }
}

fn objects(number: i64) -> String {
    count(usize::try_from(number).unwrap_or(0), "object")
}

fn slot(policy: &StoragePolicy) -> Option<Timestamp> {
    policy.status.as_ref()?.backup.as_ref().map(|run| run.slot.0)
}

/// The backup that was asked for, once it has ended. `known`: the last one before.
fn ended(
    policy: &StoragePolicy,
    at: Timestamp,
    known: Option<Timestamp>,
) -> Option<Result<BackupRun, Error>> {
    let status = policy.status.as_ref()?;
    let handled = status.handled.as_ref()?.backup.as_deref()?;
    // A later request may be handled by the same write that reports this one's run, or instead of it: its backup has all
    // that was there when this one was asked for.
    if time_of(handled).is_none_or(|handled| handled < at) {
        return None;
    }
    let is_new = |run: &&BackupRun| Some(run.slot.0) != known || run.slot.0 >= whole_seconds(at).0;
    match status.backup.as_ref().filter(is_new) {
        Some(run) => run.outcome.map(|_| Ok(run.clone())),
        None => Some(Err(policies::refused(policy, "backed up"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Fake, NOW, job, list_of, path, policy, run};

    fn fake(outcome: &str) -> Fake {
        fake_with(outcome, "the bucket is full")
    }

    fn fake_with(outcome: &str, message: &str) -> Fake {
        let list = format!("GET {}", path("films", "storagepolicies", ""));
        let run = json!({
            "slot": "2026-12-24T18:00:01Z", "outcome": outcome, "key": "backups/films/r2/20261224T180001Z.json",
            "items": 9, "message": message,
        });
        let after = policy(json!({"handled": {"backup": NOW}, "backup": run}));
        Fake::default().on(&list, list_of(&[policy(json!({}))])).on(&list, list_of(&[after])).hangs(&list)
    }

    #[tokio::test]
    async fn a_backup_ends_with_its_key() {
        let fake = fake("Completed");
        let ended = run(&fake, "backup", None).await;
        assert_eq!(
            (ended.exit, ended.out.as_str(), ended.err.as_str()),
            (Exit::Done, "backups/films/r2/20261224T180001Z.json\n", "9 objects in bucket \"videos\"\n")
        );
        let asked = &fake.writes()[0].body["metadata"]["annotations"]["videofactory.dev/backup-requested-at"];
        assert_eq!(asked, NOW);
        let document = run(&super::tests::fake("Completed"), "backup -o json", None).await;
        let read: Value = serde_json::from_str(&document.out).unwrap();
        let item = &read["items"][0];
        assert_eq!(
            (&read["action"], &item["id"], &item["requestedAt"], &item["run"]["itemCount"]),
            (&json!("backup"), &json!("films/r2"), &json!(NOW), &json!(9))
        );
        assert_eq!(item["run"]["dueAt"], "2026-12-24T18:00:01Z");
        let name = run(&super::tests::fake("Completed"), "backup --no-wait -o name", None).await;
        assert_eq!(name.out, "storagepolicy.videofactory.dev/r2\n");
        let failed = run(&super::tests::fake("Failed"), "backup", None).await;
        assert_eq!(failed.exit, Exit::Failed);
        assert!(failed.err.contains("the bucket is full"), "{}", failed.err);
    }

    /// A policy that was asked for a backup at a quarter to six, by somebody else.
    fn asked(status: Value) -> Value {
        let mut policy = policy(status);
        policy["metadata"]["annotations"] =
            json!({"videofactory.dev/backup-requested-at": "2026-12-24T17:45:00Z"});
        policy
    }

    #[tokio::test]
    async fn a_request_that_waits_to_begin_is_not_replaced_and_its_backup_is_for_both() {
        let list = format!("GET {}", path("films", "storagepolicies", ""));
        let reported = json!({"slot": "2026-12-24T18:00:01Z", "outcome": "Completed", "key": "a.json"});
        let after = asked(json!({"handled": {"backup": "2026-12-24T17:45:00Z"}, "backup": reported}));
        let fake =
            Fake::default().on(&list, list_of(&[asked(json!({}))])).on(&list, list_of(&[after])).hangs(&list);
        let ended = run(&fake, "backup", None).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::Done, "a.json\n"), "{}", ended.err);
        let written = &fake.writes()[0].body["metadata"];
        assert_eq!(written["annotations"]["videofactory.dev/backup-requested-at"], "2026-12-24T17:45:00Z");
        assert_eq!(written["resourceVersion"], "7", "another request that came meanwhile is not replaced");
    }

    #[tokio::test]
    async fn a_backup_of_a_later_request_is_one_of_this_too() {
        let list = format!("GET {}", path("films", "storagepolicies", ""));
        let reported = json!({"slot": "2026-12-24T18:00:05Z", "outcome": "Completed", "key": "b.json"});
        let after = policy(json!({"handled": {"backup": "2026-12-24T18:00:04Z"}, "backup": reported}));
        let fake = Fake::default()
            .on(&list, list_of(&[policy(json!({}))]))
            .on(&list, list_of(&[after]))
            .hangs(&list);
        let ended = run(&fake, "backup", None).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::Done, "b.json\n"), "{}", ended.err);
    }

    #[tokio::test]
    async fn words_of_a_buckets_server_do_not_reach_the_terminal_as_orders() {
        let ended = run(&fake_with("Failed", "no\u{1b}]0;room\u{7}"), "backup", None).await;
        assert!(ended.err.contains("no ]0;room") && !ended.err.contains('\u{1b}'), "{:?}", ended.err);
    }

    #[tokio::test]
    async fn a_file_here_has_the_format_of_the_bucket() {
        let mut fake = Fake::default();
        for plural in ["channels", "provideraccounts", "storagepolicies"] {
            fake = fake.on(&format!("GET {}", path("films", plural, "")), list_of(&[]));
        }
        let jobs = format!("GET {}", path("films", "videojobs", ""));
        let fake = fake.on(&jobs, list_of(&[job("ocean", json!({"phase": "Succeeded"}))]));
        let ended = run(&fake, "backup --file -", None).await;
        let read: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!((&read["kind"], &read["items"][0]["kind"]), (&json!("Backup"), &json!("VideoJob")));
        assert_eq!(read["createdAt"], NOW);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("films.json");
        let other = folder.path().join("films.part");
        std::fs::write(&other, "somebody's").unwrap();
        let ended = run(&fake, &format!("backup --file {}", file.display()), None).await;
        assert_eq!(ended.err, "1 object of films, 1 of them jobs\n");
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "somebody's", "no other file is touched");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }
}
