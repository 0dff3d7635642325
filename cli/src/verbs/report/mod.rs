//! `report`: all that helps to find a fault, in one archive, without secrets.

mod collect;
mod redact;

use std::path::PathBuf;

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::file;
use crate::flags::Scope;
use crate::health;
use crate::text::{bytes, count};

/// Write all that helps to find a fault into an archive, without secrets
///
/// Objects with their status, their events, logs of the operator and of steps, and what doctor finds; no Secrets, no
/// ConfigMaps and no values of environments, and what looks like a secret is left out of the rest. Look through it before
/// you give it away: topics and texts of films are in it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory report -A")]
pub struct ReportArgs {
    #[command(flatten)]
    scope: Scope,
    /// The file to write. Default: videofactory-report-<time>.tar.gz
    #[arg(short = 'F', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Lines of each log
    #[arg(long, value_name = "LINES", default_value_t = 5000)]
    tail: i64,
}

/// A file of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    path: String,
    text: String,
}

/// Writes a report.
pub async fn run(args: ReportArgs, context: &mut Context) -> Result<Exit, Error> {
    let now = context.now();
    let name = format!("videofactory-report-{}", now.strftime("%Y%m%dT%H%M%SZ"));
    let mut collected = collect::Collected::default();
    match health::all(args.scope, context).await {
        Ok(checks) => collected.add("doctor.txt", health::render(&checks)),
        Err(error) => collected.miss("doctor.txt", &error.message),
    }
    collect::all(&mut collected, args.scope, args.tail, context).await?;
    let (files, missing) = collected.end();
    let archive = pack(&name, &files, now)?;
    let path = args.file.unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    file::write(&path, &archive)?;
    context.data(&format!("{}\n", path.display()))?;
    let size = bytes(i64::try_from(archive.len()).unwrap_or(i64::MAX));
    context
        .notify(format!("{}, {size}; look through it before you give it away", count(files.len(), "file")))?;
    if missing > 0 {
        context.notify(format!("{missing} could not be had: missing.txt in it says why"))?;
    }
    Ok(Exit::Done)
}

fn pack(folder: &str, files: &[File], now: Timestamp) -> Result<Vec<u8>, Error> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(file.text.len()).unwrap_or(0));
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now.as_second()).unwrap_or(0));
        archive.append_data(&mut header, format!("{folder}/{}", file.path), file.text.as_bytes())?;
    }
    Ok(archive.into_inner()?.finish()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use flate2::read::GzDecoder;
    use http::StatusCode;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Fake, job, list_of, path, run};

    fn unpacked(bytes: &[u8]) -> BTreeMap<String, String> {
        let mut archive = tar::Archive::new(GzDecoder::new(bytes));
        archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let name = entry.path().unwrap().to_string_lossy().into_owned();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                (name, text)
            })
            .collect()
    }

    fn pod(name: &str, namespace: &str) -> Value {
        json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [{"name": "main", "env": [
                {"name": "HTTPS_PROXY", "value": "http://user:pa55@proxy:1"},
                {"name": "OTEL_EXPORTER_OTLP_HEADERS", "value": "x-honeycomb-team=hcaik01"},
                {"name": "RUST_LOG", "value": "debug"},
            ]}]},
            "status": {"phase": "Failed"},
        })
    }

    fn event(kind: &str, name: &str) -> Value {
        json!({
            "metadata": {"name": format!("{name}.1"), "namespace": "films"}, "reason": "Seen",
            "involvedObject": {"kind": kind, "name": name},
        })
    }

    /// The paths of the files of a report that is written by this line.
    async fn paths(fake: &Fake, line: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.tar.gz");
        assert_eq!(run(fake, &format!("{line} --file {}", file.display()), None).await.exit, Exit::Done);
        let packed = std::fs::read(&file).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(packed.as_slice()));
        let paths =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
        paths.map(|path| path.split_once('/').unwrap().1.to_owned()).collect()
    }

    #[tokio::test]
    async fn each_object_is_there_once_wherever_it_was_looked_for() {
        let system = "videofactory-system";
        let mut of_operator = event("Pod", "videofactory-operator-1");
        of_operator["metadata"]["namespace"] = json!(system);
        let mut step = pod("step", system);
        step["metadata"]["labels"] = json!({"videofactory.dev/step": "write-script"});
        let events = list_of(&[event("Pod", "ocean-write-script-1-3f9c2a-x7k2p"), of_operator.clone()]);
        let fake = Fake::default()
            .on("GET /api/v1/events", events)
            .on("GET /api/v1/pods", list_of(std::slice::from_ref(&step)))
            .on(&format!("GET /api/v1/namespaces/{system}/events"), list_of(&[of_operator]))
            .on(
                &format!("GET /api/v1/namespaces/{system}/pods"),
                list_of(&[step, pod("operator-1", system)]),
            );
        for line in ["report -A".to_owned(), format!("report -n {system}"), "report".to_owned()] {
            let paths = paths(&fake, &line).await;
            let times = |end: &str| paths.iter().filter(|path| path.ends_with(end)).count();
            assert_eq!(times(&format!("{system}/events.yaml")), 1, "{line}: {paths:?}");
            assert_eq!(times(&format!("{system}/operator-pods.yaml")), 1, "{line}: {paths:?}");
            assert!(times(&format!("{system}/pods.yaml")) <= 1, "{line}: {paths:?}");
        }
    }

    #[tokio::test]
    async fn a_report_holds_objects_and_logs_and_no_secret() {
        let account = json!({
            "metadata": {"name": "grok", "namespace": "films"},
            "spec": {"provider": "XAI", "secretRef": {"name": "grok"}},
            "status": {"health": {"healthy": false, "message": "key xai-AbCdEfGh0123456789 is refused"}},
        });
        let fake = Fake::default()
            .on(
                &format!("GET {}", path("films", "videojobs", "")),
                list_of(&[job("ocean", json!({"phase": "Failed"}))]),
            )
            .on(&format!("GET {}", path("films", "provideraccounts", "")), list_of(&[account]))
            .on("GET /api/v1/namespaces/films/pods", list_of(&[pod("step", "films")]))
            .on(
                "GET /api/v1/namespaces/films/events",
                list_of(&[event("Pod", "ocean-write-script-1-3f9c2a-x7k2p"), event("Pod", "payroll-0")]),
            )
            .on(
                "GET /api/v1/namespaces/videofactory-system/pods",
                list_of(&[pod("operator-1", "videofactory-system")]),
            )
            .says(
                "GET /api/v1/namespaces/videofactory-system/pods/operator-1/log",
                StatusCode::OK,
                "Bearer abcdefgh12345678\n".to_owned(),
            )
            .says("GET /api/v1/namespaces/films/pods/step/log", StatusCode::OK, "made\n".to_owned());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.tar.gz");
        let ended = run(&fake, &format!("report -F {}", file.display()), None).await;
        assert_eq!((ended.exit, ended.out), (Exit::Done, format!("{}\n", file.display())));
        let files = unpacked(&std::fs::read(&file).unwrap());
        let named = |name: &str| &files[&format!("videofactory-report-20261224T180000Z/{name}")];
        assert!(named("objects/films/videojobs.yaml").contains("Facts about the ocean"));
        assert!(named("objects/films/provideraccounts.yaml").contains("key <redacted> is refused"));
        assert_eq!(named("logs/films/step.log"), "made\n");
        assert!(named("objects/films/pods.yaml").contains("debug"), "{}", named("objects/films/pods.yaml"));
        assert!(named("objects/films/events.yaml").contains("ocean-write-script-1"));
        assert!(!named("objects/films/events.yaml").contains("payroll"), "it is none of ours");
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(named("logs/videofactory-system/operator-1.log"), "Bearer <redacted>\n");
        assert!(named("missing.txt").contains("channels"), "{}", named("missing.txt"));
        let all: String = files.values().cloned().collect();
        for secret in ["pa55", "hcaik01", "AbCdEfGh", "abcdefgh12345678"] {
            assert!(!all.contains(secret), "{secret}");
        }
        let asked = fake.seen();
        assert!(
            asked.iter().all(|seen| !seen.what.contains("/secrets") && !seen.what.contains("/configmaps"))
        );
    }
}
