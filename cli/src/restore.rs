//! `kubectl videofactory backup` and `restore`: the document, and what became of it, in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use jiff::Timestamp;
use kube::Client;
use videofactory_client::backup::{Backup, Scope, Written, gather};
use videofactory_client::restore::{Answer, Options, Outcome, restore};

/// Who restores, where the API server asks.
const MANAGER: &str = "kubectl-videofactory";

/// How to restore.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Change nothing, and say what would be done.
    pub dry_run: bool,
    /// Let go on what was restored although something failed.
    pub partial: bool,
    /// Take objects of other namespaces than that of the backup.
    pub any_namespace: bool,
}

/// The backup of a namespace, or of all.
pub async fn backup(client: &Client, namespace: Option<&str>, now: Timestamp) -> anyhow::Result<Written> {
    gather(client, namespace, now).await.context("nothing is backed up")
}

/// Restores a document as whoever the client is.
pub async fn restore_document(
    client: &Client,
    document: &str,
    how: How,
    now: Timestamp,
) -> anyhow::Result<Answer> {
    let scope = if how.any_namespace { Scope::Any } else { Scope::Own };
    let backup = Backup::read(document, scope).context("nothing was changed")?;
    let How { dry_run, partial, .. } = how;
    let options = Options { dry_run, partial, manager: MANAGER.to_owned(), now };
    restore(client, &backup, &options, None).await.context("nothing was changed")
}

/// What became of each object, one a line, for standard output.
#[must_use]
pub fn lines(answer: &Answer) -> String {
    let mut text = String::new();
    for item in &answer.items {
        let detail = item.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} {}/{} {}{detail}", item.kind, item.namespace, item.name, item.outcome);
    }
    text
}

/// The sum of it, and what is to be known besides, for standard error.
#[must_use]
pub fn summary(answer: &Answer) -> String {
    let counts: BTreeMap<Outcome, usize> = answer.counts();
    let counts: Vec<String> = counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let mut text = if counts.is_empty() { "the backup is empty".to_owned() } else { counts.join(", ") };
    text.push('\n');
    for note in &answer.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

#[cfg(test)]
mod tests {
    use videofactory_client::backup::Kind;
    use videofactory_client::restore::ItemAnswer;

    use super::*;

    #[test]
    fn each_object_has_a_line_and_the_sum_is_told_apart() {
        let item = |name: &str, outcome, detail: Option<&str>| ItemAnswer {
            kind: Kind::VideoJob,
            namespace: "films".to_owned(),
            name: name.to_owned(),
            outcome,
            detail: detail.map(str::to_owned),
        };
        let answer = Answer {
            dry_run: false,
            items: vec![
                item("ocean", Outcome::Restored, None),
                item("river", Outcome::Failed, Some("failed to create it: no")),
                item("lake", Outcome::Restored, None),
            ],
            notes: vec!["no Secret is in a backup".to_owned()],
        };
        assert_eq!(
            lines(&answer),
            "VideoJob films/ocean restored\nVideoJob films/river failed: failed to create it: no\nVideoJob films/lake \
             restored\n"
        );
        assert_eq!(summary(&answer), "2 restored, 1 failed\nnote: no Secret is in a backup\n");
        assert!(!answer.is_whole());
    }
}
