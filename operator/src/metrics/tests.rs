//! What is exported, what the rules and the dashboard ask for, and what the documentation says, are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use videofactory_crds::provideraccount::{CREDENTIALS_EXPIRE_SOON, Operation, Provider};
use videofactory_crds::{ProviderAccount, StepName, StoragePolicy, VideoJob};

use super::*;

const RULES: &str = include_str!("../../../manifests/monitoring/rules.yaml");
const DASHBOARD: &str = include_str!("../../../manifests/monitoring/dashboard.json");
const OPERATING: &str = include_str!("../../../docs/operating.md");

/// Every metric, each with at least one value.
fn everything() -> (Metrics, Census) {
    let metrics = Metrics::default();
    metrics.reconciled("VideoJob", ReconcileOutcome::Done, Duration::from_millis(3));
    metrics.record_write("Job");
    metrics.set_leading(true);
    metrics.served("/jobs/{id}", "GET", 200, Duration::from_millis(30));
    metrics.films.job_ended(JobOutcome::Succeeded, Duration::from_secs(700), None);
    metrics.films.attempt_ended(
        StepName::WriteScript,
        AttemptOutcome::Succeeded,
        Duration::from_secs(7),
        None,
    );
    metrics.films.queued(StepName::WriteScript, Duration::from_secs(2));
    metrics.films.handed_over(Duration::from_millis(12));
    metrics.films.published(PublishOutcome::Published, 1);
    let level = QuotaLevel { quota: "gpu".to_owned(), limit: 1_500, used: 1_000, reserved: 100 };
    metrics.accounts.quotas("films/hf", &[level]);
    metrics.accounts.quota_waited(42);
    metrics.accounts.quota_woke(4);
    metrics.accounts.rate_limited(Provider::HuggingFace, 1);
    metrics.accounts.requested(Provider::HuggingFace, Operation::Draw, RequestOutcome::Taken, 3);
    metrics.accounts.paid(Provider::HuggingFace, "0.50".parse().unwrap());
    let policy = policy();
    let status = policy.status.as_ref().unwrap();
    metrics.storage.holds("films/default", &policy);
    metrics.storage.pruned("films/default", &status.runs[0]);
    metrics.storage.backed_up("films/default", status.backup.as_ref().unwrap());
    let census = Census::of(&[job("True"), job("False")], &[account()], &[policy]);
    (metrics, census.without(["ads".to_owned()]))
}

fn policy() -> StoragePolicy {
    read(json!({
        "kind": "StoragePolicy", "metadata": {"name": "default", "namespace": "films"},
        "spec": {
            "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
            "capacity": {"limit": "10G"}, "backup": {"schedule": "0 4 * * 0"},
        },
        "status": {
            "level": "Normal", "usage": {"bytes": 500, "otherBytes": 500},
            "nextRunAt": "2026-01-02T03:00:00Z", "nextBackupAt": "2026-01-11T04:00:00Z",
            "runs": [{
                "slot": "2026-01-01T03:00:00Z", "outcome": "Completed", "duration": "2s",
                "deletedObjects": 4, "deletedBytes": 400,
            }],
            "backup": {"slot": "2026-01-04T04:00:00Z", "outcome": "Completed"},
            "conditions": [condition("Ready", "True")],
        },
    }))
}

fn account() -> ProviderAccount {
    read(json!({
        "kind": "ProviderAccount", "metadata": {"name": "hf", "namespace": "films"},
        "spec": {
            "provider": "HuggingFace", "secretRef": {"name": "hf"}, "credentialsExpireAt": "2027-01-01T00:00:00Z",
            "quotas": [{"name": "gpu", "limit": 1500, "period": "1d", "unit": "Seconds"}],
        },
        "status": {"waiting": 1, "conditions": [condition("Ready", "True"), condition("Healthy", "True")]},
    }))
}

fn job(stalled: &str) -> VideoJob {
    let metadata =
        json!({"name": "ocean", "namespace": "films", "creationTimestamp": "2026-01-01T00:00:00Z"});
    let conditions = [condition("Ready", "Unknown"), condition("Stalled", stalled)];
    read(json!({
        "kind": "VideoJob", "metadata": metadata, "spec": {"topic": "x"},
        "status": {"phase": "Waiting", "conditions": conditions},
    }))
}

fn condition(kind: &str, status: &str) -> Value {
    let at = "2026-01-01T00:00:00Z";
    json!({"type": kind, "status": status, "reason": "Available", "message": "", "lastTransitionTime": at})
}

fn read<K: serde::de::DeserializeOwned>(mut object: Value) -> K {
    object["apiVersion"] = json!("videofactory.dev/v1alpha1");
    serde_json::from_value(object).unwrap()
}

/// The classic text of all, the lines of each metric in an order that is always the same.
fn classic() -> String {
    let (metrics, census) = everything();
    let text = metrics.text(&census, MetricsFormat::Prometheus).unwrap();
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    for line in text.lines() {
        if line.starts_with("# HELP") {
            blocks.push(Vec::new());
        }
        blocks.last_mut().unwrap().push(line);
    }
    let sorted = blocks.into_iter().flat_map(|mut block| {
        block[2..].sort_unstable();
        block
    });
    sorted.flat_map(|line| [line, "\n"]).collect()
}

/// All metrics: whether each is a histogram, and its labels.
fn reported_metrics() -> BTreeMap<String, (bool, BTreeSet<String>)> {
    let mut reported = BTreeMap::new();
    let mut name = String::new();
    for line in classic().lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (of, kind) = typed.split_once(' ').unwrap();
            name = of.to_owned();
            reported.insert(name.clone(), (kind == "histogram", BTreeSet::new()));
        } else if let Some((_, rest)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let labels = rest.rsplit_once('}').unwrap().0.split("\",");
            let labels = labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
            reported.get_mut(&name).unwrap().1.extend(labels.filter(|label| label != "le"));
        }
    }
    reported
}

/// Names of metrics and of recorded series in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    let is_one = |word: &&str| word.starts_with("videofactory_") || word.contains(":videofactory_");
    words
        .map(|word| word.trim_end_matches(':'))
        .filter(|word| is_one(word) || word.starts_with("videofactory:"))
        .collect()
}

/// The first cells of the table's rows below a heading of the documentation, and the second ones.
fn table(heading: &str) -> Vec<(&'static str, &'static str)> {
    let (_, section) = OPERATING.split_once(&format!("\n{heading}\n")).unwrap();
    let section = section.split("\n#").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
    });
    cells.collect()
}

fn alerts() -> Vec<&'static str> {
    RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn the_whole_text_is_as_it_was() {
    insta::assert_snapshot!("operator", classic());
}

#[test]
fn rules_and_dashboard_ask_for_what_there_is() {
    let reported = reported_metrics();
    let recorded: BTreeSet<&str> =
        RULES.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    let exists = |name: &str| {
        let of_histogram = ["_bucket", "_sum", "_count"].iter().any(|suffix| {
            name.strip_suffix(suffix)
                .is_some_and(|name| reported.get(name).is_some_and(|(histogram, _)| *histogram))
        });
        of_histogram || recorded.contains(name) || reported.get(name).is_some_and(|(histogram, _)| !histogram)
    };
    for text in [RULES, DASHBOARD] {
        let names = names(text);
        assert!(names.len() > 10, "{names:?}");
        let unknown: Vec<_> = names.into_iter().filter(|name| !exists(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

#[test]
fn the_documentation_lists_every_metric_with_its_labels() {
    let rows = table("### Metrics").into_iter().map(|(name, labels)| {
        let name = name.trim_end_matches(" *").trim_matches('`');
        let labels = labels.split(", ").map(|label| label.trim_matches('`').to_owned());
        (format!("{PREFIX}_{name}"), labels.filter(|label| !label.is_empty()).collect::<BTreeSet<_>>())
    });
    let listed: BTreeMap<_, _> = rows.collect();
    let reported = reported_metrics().into_iter().map(|(name, (_, labels))| (name, labels)).collect();
    assert_eq!(listed, reported);
}

#[test]
fn the_documentation_says_what_follows_each_outcome_of_an_attempt() {
    let (_, section) =
        OPERATING.split_once("The `outcome` of a step says how an attempt ended:\n\n").unwrap();
    let rows = section.lines().take_while(|line| line.starts_with('|')).skip(2);
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    // What stands in brackets explains the word before.
    let plain = cells.map(|cell| {
        let (first, others) = cell.split_once('(').unwrap_or((cell, ""));
        let after = others.split('(').filter_map(|part| Some(part.split_once(')')?.1));
        [first].into_iter().chain(after).collect::<String>()
    });
    let listed: BTreeSet<String> = plain
        .flat_map(|cell| cell.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    let all = AttemptOutcome::ALL.iter().map(|outcome| outcome.as_str().to_owned());
    assert_eq!(listed, all.collect());
}

#[test]
fn the_documentation_marks_what_every_replica_reports() {
    let marked: BTreeSet<_> = table("### Metrics")
        .into_iter()
        .filter_map(|(name, _)| Some(format!("{PREFIX}_{}", name.strip_suffix(" *")?.trim_matches('`'))))
        .collect();
    let mut text = String::new();
    prometheus_text::encode(&mut text, everything().1.registry()).unwrap();
    let reported = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    assert_eq!(marked, reported.map(|(name, _)| name.to_owned()).collect());
}

#[test]
fn each_alert_is_documented_and_links_to_its_own_section_of_the_runbook() {
    let alerts = alerts();
    let rows =
        table("### Alerts").into_iter().map(|(name, _)| format!("VideoFactory{}", name.trim_matches('`')));
    assert_eq!(rows.collect::<BTreeSet<_>>(), alerts.iter().map(|alert| (*alert).to_owned()).collect());
    let links: Vec<_> = RULES.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect();
    let expected: Vec<_> =
        alerts.iter().map(|alert| format!("docs/runbook.md#{}", alert.to_lowercase())).collect();
    assert_eq!(links, expected);
    let runbook = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/runbook.md"));
    for alert in alerts {
        let anchor = format!("<a id=\"{}\"></a>", alert.to_lowercase());
        assert!(runbook.contains(&anchor), "docs/runbook.md has no section for {alert}: {anchor}");
    }
}

#[test]
fn the_alert_the_definition_and_the_documentation_name_the_days_from_which_on_credentials_are_warned_of() {
    let days = CREDENTIALS_EXPIRE_SOON.as_hours() / 24;
    let alert = RULES.split("- alert: ").find(|alert| alert.starts_with("VideoFactoryCredentialsExpiring"));
    let alert = alert.unwrap();
    assert!(alert.contains(&format!("time() < {days} * 86400\n")), "{alert}");
    assert!(alert.contains(&format!("expire within {days} days\n")), "{alert}");
    let definition = include_str!("../../../manifests/crds/provideraccounts.yaml");
    assert!(definition.contains(&format!("warned of from {days} days before.")));
    let row = table("### Alerts").into_iter().find(|(name, _)| *name == "`CredentialsExpiring`").unwrap();
    assert!(row.1.contains(&format!("expire within {days} days")), "{row:?}");
}

#[test]
fn names_and_labels_are_those_of_the_documentation() {
    let metrics = Metrics::default();
    metrics.reconciled("VideoJob", ReconcileOutcome::Done, Duration::from_millis(3));
    metrics.record_write("Job");
    metrics.set_leading(true);
    metrics.served("/jobs/{id}", "GET", 404, Duration::from_millis(30));
    for format in [MetricsFormat::Prometheus, MetricsFormat::OpenMetrics] {
        let text = metrics.text(&Census::default(), format).unwrap();
        for line in [
            "videofactory_reconcile_total{kind=\"VideoJob\",outcome=\"ok\"} 1",
            "videofactory_reconcile_duration_seconds_count{kind=\"VideoJob\"} 1",
            "videofactory_api_writes_total{kind=\"Job\"} 1",
            "videofactory_leader 1",
            "videofactory_http_request_duration_seconds_count{route=\"/jobs/{id}\",method=\"GET\",status=\"404\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}

#[test]
fn each_format_is_what_its_readers_take() {
    let metrics = Metrics::default();
    metrics.record_write("Job");
    let classic = metrics.text(&Census::default(), MetricsFormat::Prometheus).unwrap();
    assert!(classic.contains("# TYPE videofactory_api_writes_total counter\n"), "{classic}");
    assert!(!classic.contains("# EOF") && !classic.contains("# UNIT"), "{classic}");
    let open = metrics.text(&Census::default(), MetricsFormat::OpenMetrics).unwrap();
    assert!(open.contains("# TYPE videofactory_api_writes counter\n"), "{open}");
    assert_eq!(open.matches("# EOF").count(), 1);
    assert!(open.ends_with("# EOF\n"), "{open}");
}
