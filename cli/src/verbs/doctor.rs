//! `doctor`: what is well, and how to fix what is not.

use clap::Args;

use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::flags::Scope;
use crate::health::{self, State};
use crate::output::{self, Document};
use crate::text::count;

/// Check the installation, and say how to fix what is wrong
///
/// Cluster, definitions, operator, your rights, buckets, accounts and jobs.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory doctor -A
  kubectl videofactory doctor -o json | jq '.items[] | select(.state != \"ok\")'")]
pub struct DoctorArgs {
    #[command(flatten)]
    scope: Scope,
    /// Print the checks as a document
    #[arg(short, long, value_enum)]
    output: Option<Document>,
}

/// Checks all, and says what was found.
pub async fn run(args: DoctorArgs, context: &mut Context) -> Result<Exit, Error> {
    let mut checks = health::all(args.scope, context).await?;
    for check in &mut checks {
        check.hint = check.hint.take().map(|hint| context.commands.complete(&hint));
    }
    let errors = checks.iter().filter(|check| check.state == State::Error).count();
    let warnings = checks.iter().filter(|check| check.state == State::Warning).count();
    match args.output {
        Some(format) => context.data(&output::items(&checks, format)?)?,
        None => context.data(&health::render(&checks))?,
    }
    if errors + warnings == 0 {
        context.notify("All is well.")?;
    } else {
        context.notify(format!("{}, {}.", count(errors, "error"), count(warnings, "warning")))?;
    }
    Ok(Exit::of_all(errors == 0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{self, Fake, job, list_of, path, run};

    fn pod(ready: &str) -> Value {
        json!({
            "metadata": {"name": "videofactory-operator-1", "namespace": "videofactory-system"},
            "spec": {"containers": [{"name": "operator", "image": "localhost/videofactory-operator:dev"}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        })
    }

    fn condition(status: &str, message: &str) -> Value {
        json!({"type": "Ready", "status": status, "reason": "Available", "message": message,
               "lastTransitionTime": "2026-12-24T17:30:00Z"})
    }

    fn cluster(policy: &Value, jobs: &[Value]) -> Fake {
        let mut fake = Fake::default()
            .on("GET /version", json!({
                "major": "1", "minor": "34", "gitVersion": "v1.34.1", "gitCommit": "", "gitTreeState": "",
                "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
            }))
            .on("GET /api/v1/namespaces/videofactory-system/pods", list_of(&[pod("True")]))
            .on("GET /apis/coordination.k8s.io/v1/namespaces/videofactory-system/leases/videofactory-operator", json!({
                "metadata": {"name": "videofactory-operator"},
                "spec": {"holderIdentity": "videofactory-operator-1", "leaseDurationSeconds": 15, "renewTime": "2026-12-24T17:59:58.000000Z"},
            }))
            .on("POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json!({"spec": {}, "status": {"allowed": true}}))
            .on(&format!("GET {}", path("films", "storagepolicies", "")), list_of(std::slice::from_ref(policy)))
            .on(&format!("GET {}", path("films", "provideraccounts", "")), list_of(&[]))
            .on(&format!("GET {}", path("films", "videojobs", "")), list_of(jobs));
        for definition in videofactory_crds::generate::all() {
            let name = definition.metadata.name.clone().unwrap();
            let what = format!("GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
            fake = fake.on(&what, serde_json::to_value(definition).unwrap());
        }
        fake
    }

    fn policy(status: &str, message: &str) -> Value {
        testing::policy(json!({
            "level": "Normal", "usage": {"percent": 72}, "conditions": [condition(status, message)],
        }))
    }

    /// The line of a check, and the one after it.
    fn line<'a>(text: &'a str, check: &str) -> (&'a str, &'a str) {
        let mut lines = text.lines().skip_while(|line| !line.contains(check));
        (lines.next().unwrap_or_default(), lines.next().unwrap_or_default())
    }

    #[tokio::test]
    async fn a_sound_installation_has_no_errors() {
        let ended = run(&cluster(&policy("True", "it answers"), &[]), "doctor", None).await;
        for (check, found) in [
            ("Kubernetes", "v1.34.1"),
            ("definitions", "as this plugin knows them"),
            ("operator pods", "1 of 1 ready"),
            ("operator lead", "videofactory-operator-1 leads"),
            ("StoragePolicy films/r2", "72% full"),
        ] {
            let (text, _) = line(&ended.out, check);
            assert!(text.starts_with("ok ") && text.contains(found), "{check}: {}", ended.out);
        }
        assert!(!ended.out.contains("ERROR"), "{}", ended.out);
        assert_eq!(ended.exit, Exit::Done);
    }

    #[tokio::test]
    async fn what_is_wrong_is_reported_with_how_to_fix_it() {
        let stalled = job(
            "ocean",
            json!({"phase": "Waiting", "observedGeneration": 1, "conditions": [{
                "type": "Stalled", "status": "True", "reason": "BudgetExceeded", "message": "",
                "lastTransitionTime": "2026-12-24T17:30:00Z",
            }]}),
        );
        let fake = cluster(&policy("False", "the keys are refused"), &[stalled]);
        let ended = run(&fake, "doctor", None).await;
        let (text, hint) = line(&ended.out, "StoragePolicy films/r2");
        assert!(text.starts_with("ERROR") && text.contains("the keys are refused"), "{}", ended.out);
        assert!(hint.contains("-> "), "{hint}");
        let (text, hint) = line(&ended.out, "jobs that need a person");
        assert!(text.starts_with("warning") && text.contains("films/ocean"), "{text}");
        assert!(hint.contains("kubectl videofactory status"), "{hint}");
        assert_eq!(ended.exit, Exit::NotAll);
        assert!(ended.err.starts_with("1 error, "), "{}", ended.err);
    }

    #[tokio::test]
    async fn a_cluster_that_does_not_answer_is_the_only_thing_that_is_reported() {
        let ended = run(&Fake::default(), "doctor", None).await;
        assert_eq!((ended.exit, ended.err.as_str()), (Exit::NotAll, "1 error, 0 warnings.\n"));
        assert!(line(&ended.out, "Kubernetes").0.starts_with("ERROR"), "{}", ended.out);
    }

    #[tokio::test]
    async fn a_cluster_without_video_factory_says_how_to_install_it() {
        let version = json!({
            "major": "1", "minor": "30", "gitVersion": "v1.30.2", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
        });
        let ended = run(&Fake::default().on("GET /version", version), "doctor -o json", None).await;
        let read: Value = serde_json::from_str(&ended.out).unwrap();
        let checks = read["items"].as_array().unwrap();
        assert_eq!((&checks[0]["state"], checks.len()), (&json!("error"), 1), "{checks:?}");
        assert!(checks[0]["hint"].as_str().unwrap().contains("1.31"));
    }
}
