//! `restore`: what stands in a backup is made again.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use videofactory_client::backup::{Backup, ReadBackupError};
use videofactory_client::restore::{Answer, Files, ItemAnswer, Options, Outcome, RestoreError, restore};

use crate::cluster::MANAGER;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::file;
use crate::flags::DryRun;
use crate::operator::{NoOperator, Operator, OperatorFiles};
use crate::output::{self, Written};
use crate::text::plain;

/// Restore the objects of a backup
///
/// Channels, ProviderAccounts, StoragePolicies and VideoJobs, with their status. The operator does not act on them before
/// all are restored, and nothing that is done is made, paid for or published again. Objects that exist already are not
/// changed. Objects of all namespaces in the backup are restored; with -n only those of that namespace.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory restore -f films.json --dry-run
  kubectl videofactory restore -f films.json")]
pub struct RestoreArgs {
    /// The backup; -: standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Change nothing, and say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Release what was restored, although something failed
    #[arg(long)]
    partial: bool,
    /// How to print what became of each object
    #[arg(short, long, value_enum)]
    output: Option<Written>,
}

/// Restores.
pub async fn run(args: RestoreArgs, context: &mut Context) -> Result<Exit, Error> {
    let text = file::read(&args.file, &mut *context.streams.input)?;
    let refused = |error: ReadBackupError| Error::new(error.to_string()).hint("nothing was changed");
    let mut backup = Backup::read(&text).map_err(refused)?;
    if context.cluster.is_namespace_named {
        backup.retain(&context.cluster.namespace).map_err(refused)?;
    }
    let options = Options {
        dry_run: args.dry_run,
        partial: args.partial,
        manager: MANAGER.to_owned(),
        now: context.now(),
    };
    let files = files(context, args.dry_run).await;
    let answer = restore(&context.cluster.client()?, &backup, &options, Some(files.as_ref())).await?;
    let text = match args.output {
        None => lines(&answer, &context.cluster.namespace),
        Some(output) => output::results(&answer, &answer.results, name, output)?,
    };
    context.data(&text)?;
    context.notify(summary(&answer).trim_end())?;
    Ok(Exit::of_all(answer.is_whole()))
}

impl From<RestoreError> for Error {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::CallApiServer(error) => error.into(),
            RestoreError::HoldRight { ref hint, .. } => Self::new(error.to_string()).hint(hint),
            RestoreError::AwaitOtherBackup { .. } => Self::new(error.to_string()),
        }
    }
}

/// The way to the buckets: the operator's, where there is one. A restore may come before it, and a dry run asks nobody.
async fn files(context: &Context, dry_run: bool) -> Box<dyn Files> {
    if dry_run {
        return Box::new(NoOperator { why: "a dry run asks nobody".to_owned() });
    }
    match Operator::find(&context.cluster).await {
        Ok(operator) => Box::new(OperatorFiles { upstream: Arc::new(operator) }),
        Err(error) => Box::new(NoOperator { why: error.message }),
    }
}

fn name(item: &ItemAnswer) -> String {
    output::name_of(item.kind.as_str(), &item.name)
}

/// What became of each object, one a line, for standard output. `home`: the namespace that is meant anyhow.
fn lines(answer: &Answer, home: &str) -> String {
    let mut text = String::new();
    let suffix = if answer.results.dry_run { DryRun::Client.suffix() } else { "" };
    for item in &answer.results.items {
        let became = match item.outcome {
            Outcome::WouldRestore => Outcome::Restored.to_string(),
            other => other.to_string(),
        };
        let said = output::sentence(&name(item), &became, &item.namespace, home);
        let detail = item.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        let line = format!("{said}{suffix}{detail}");
        // Details hold words of the file and of servers.
        text += &plain(&line);
        text.push('\n');
    }
    text
}

/// The sum of it, and what is to be known besides, for standard error.
fn summary(answer: &Answer) -> String {
    let counts = answer.results.counts.iter();
    let counts: Vec<String> = counts.map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let mut text = if counts.is_empty() { "the backup is empty".to_owned() } else { counts.join(", ") };
    text.push('\n');
    for note in &answer.notes {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "note: {}", plain(note));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use videofactory_client::Results;
    use videofactory_client::backup::{Document, Kind};

    use super::*;
    use crate::testing::{Fake, list_of, path, run};

    #[tokio::test]
    async fn a_namespace_that_is_named_is_restored_alone() {
        let mut document = Document::begin("2026-01-04T04:00:01Z".parse().unwrap(), None);
        for namespace in ["films", "shows"] {
            let channel = json!({"metadata": {"name": "sea", "namespace": namespace}, "spec": {}});
            document.add(Kind::Channel, serde_json::from_value(channel).unwrap());
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), document.end().text).unwrap();
        let channels = |namespace: &str| path(namespace, "channels", "");
        let lists = |namespace: &str| format!("GET {}", channels(namespace));
        let asks = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let fake = Fake::default()
            .on(&lists("films"), list_of(&[]))
            .on(&lists("shows"), list_of(&[]))
            .on(asks, json!({"spec": {}, "status": {"allowed": true}}));
        let line = |flags: &str| format!("restore -f {} --dry-run {flags}", file.path().display());
        let all = run(&fake, &line(""), None).await;
        assert_eq!(
            all.out,
            "channel.videofactory.dev/sea restored (dry run)\n\
             channel.videofactory.dev/sea restored in namespace shows (dry run)\n"
        );
        let document = run(&fake, &line("-o json"), None).await;
        let read: Value = serde_json::from_str(&document.out).unwrap();
        assert_eq!((&read["counts"], &read["dryRun"]), (&json!({"would_restore": 2}), &json!(true)));
        assert!(read["action"] == "restore" && read["notes"].is_array(), "{read}");
        assert_eq!(
            read["items"][1],
            json!({"kind": "Channel", "namespace": "shows", "name": "sea", "outcome": "would_restore"})
        );
        let names = run(&fake, &line("-n shows -o name"), None).await;
        assert_eq!(names.out, "channel.videofactory.dev/sea\n");
        let one = run(&fake, &line("-n shows"), None).await;
        assert_eq!(one.out, "channel.videofactory.dev/sea restored (dry run)\n");
        let none = run(&fake, &line("-n demo"), None).await;
        assert_eq!((none.exit, none.out.as_str()), (Exit::Failed, ""));
        assert!(none.err.contains("it has objects of films, shows"), "{}", none.err);
    }

    #[test]
    fn each_object_has_a_line_and_the_sum_a_line_of_its_own() {
        let item = |name: &str, outcome, detail: Option<&str>| ItemAnswer {
            kind: Kind::VideoJob,
            namespace: "films".to_owned(),
            name: name.to_owned(),
            outcome,
            detail: detail.map(str::to_owned),
        };
        let of = |items: Vec<ItemAnswer>| Answer {
            results: Results::new("restore", false, items),
            notes: vec!["no Secret\u{1b}]0; is in a backup".to_owned()],
        };
        let answer = of(vec![
            item("ocean", Outcome::Restored, None),
            item("river", Outcome::Failed, Some("failed to create it:\u{1b}[2J\nno")),
            item("lake", Outcome::Restored, None),
        ]);
        assert_eq!(
            lines(&answer, "films"),
            "videojob.videofactory.dev/ocean restored\n\
             videojob.videofactory.dev/river failed: failed to create it: [2J no\n\
             videojob.videofactory.dev/lake restored\n"
        );
        assert_eq!(summary(&answer), "2 restored, 1 failed\nnote: no Secret ]0; is in a backup\n");
        assert!(!answer.is_whole());
        let restored = "videojob.videofactory.dev/ocean\nvideojob.videofactory.dev/lake\n";
        assert_eq!(output::results(&answer, &answer.results, name, Written::Name).unwrap(), restored);
        for (outcome, is_whole, is_named) in [
            (Outcome::Unchanged, true, true),
            (Outcome::Skipped, true, false),
            (Outcome::LeftAlone, false, false),
            (Outcome::Held, false, false),
        ] {
            let answer = of(vec![item("ocean", outcome, None)]);
            let names = output::results(&answer, &answer.results, name, Written::Name).unwrap();
            assert_eq!((answer.is_whole(), !names.is_empty()), (is_whole, is_named), "{outcome}");
        }
    }
}
