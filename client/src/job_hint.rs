//! What a person can do for a job that has stopped, as a sentence. The HTTP API and the plugin say the same; each names its
//! own way to ask for something. Pure.

use videofactory_crds::{StepName, VideoJob, requests};

use crate::job_advice::{Advice, advice};
use crate::job_ref::JobRef;

/// How a person asks for something of one job.
pub trait JobCommands {
    /// To continue at the step that stopped.
    fn retry(&self) -> String;
    /// To make all of it again.
    fn restart(&self) -> String;
    /// To read what its steps have written.
    fn logs(&self) -> String;
    /// To have its film.
    fn film(&self) -> String;
    /// To restore its status from a backup.
    fn restore(&self) -> String;
}

/// What to do for this job, which has stopped.
#[must_use]
pub fn hint(job: &VideoJob, commands: &impl JobCommands) -> String {
    let (retry, edit) = (commands.retry(), edit(job));
    match advice(job) {
        Advice::PayAgain => format!(
            "read the message, and decide whether to pay again: {retry} is the permission to pay, and nothing is bought \
             without it"
        ),
        Advice::RestoreStatus => format!(
            "restore its status from a backup: {}; or make the film again, and pay for it again: {retry}",
            commands.restore()
        ),
        Advice::RaiseBudget => {
            format!("raise spec.budget.limit, or ask for less: {edit}; the job then continues automatically")
        }
        Advice::NamePrice => {
            "name the price in spec.prices of the ProviderAccount; the job then continues automatically".to_owned()
        }
        Advice::RenewCredentials => "put valid credentials into the Secret that the message names, or add credits; the job \
                                     then continues automatically"
            .to_owned(),
        Advice::EditScenes => format!(
            "change the prompt of the scene in spec.sceneOverrides, or skip the scene: {edit}; the job then continues \
             automatically"
        ),
        Advice::AcceptQuality => {
            let or_accept = accept(job).map(|accept| format!("; or take it as it is: {accept}"));
            let look = format!("look at the film: {}; change the job: {edit}", commands.film());
            look + &or_accept.unwrap_or_default()
        }
        Advice::EditRejected => {
            format!("change what was rejected: {edit}; or make all again: {}", commands.restart())
        }
        Advice::AllowSideEffects => {
            "the operator runs with VIDEOFACTORY_SIDE_EFFECTS=Suspend; once that is over the job continues automatically"
                .to_owned()
        }
        Advice::FollowMessage => {
            format!("do what the message says; if the job does not continue then: {retry}")
        }
        Advice::FixThenRetry => format!("read {}, fix the cause, and then: {retry}", commands.logs()),
        Advice::ReadMessage => "do what the message says".to_owned(),
    }
}

fn edit(job: &VideoJob) -> String {
    let JobRef { namespace, name } = JobRef::of(job);
    format!("`kubectl edit vj {name} -n {namespace}`")
}

/// To publish the film that failed its checks. None if the digest is not alphanumeric, because it goes into a shell
/// command.
fn accept(job: &VideoJob) -> Option<String> {
    let step = job.status.as_ref()?.step(StepName::AssembleVideo)?;
    let digest = step.output_digest.as_ref()?;
    let JobRef { namespace, name } = JobRef::of(job);
    digest.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| {
        format!(
            "`kubectl annotate vj {name} -n {namespace} --overwrite {}={digest}`",
            requests::ACCEPT_QUALITY
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Words;

    impl JobCommands for Words {
        fn retry(&self) -> String {
            "RETRY".to_owned()
        }

        fn restart(&self) -> String {
            "RESTART".to_owned()
        }

        fn logs(&self) -> String {
            "LOGS".to_owned()
        }

        fn film(&self) -> String {
            "FILM".to_owned()
        }

        fn restore(&self) -> String {
            "RESTORE".to_owned()
        }
    }

    fn reported(reason: &str, digest: &str) -> String {
        let ready = json!({"type": "Ready", "status": "False", "reason": reason, "message": "",
                           "lastTransitionTime": "2026-12-24T18:00:00Z"});
        let job = serde_json::from_value(json!({
            "metadata": {"name": "ocean", "namespace": "films"}, "spec": {"topic": "the ocean"},
            "status": {
                "phase": "Waiting", "conditions": [ready],
                "steps": [{"name": "assemble-video", "state": "Waiting", "outputDigest": digest}],
            },
        }));
        hint(&job.unwrap(), &Words)
    }

    #[test]
    fn each_stop_names_the_commands_that_help() {
        for (reason, commands) in [
            ("OutcomeUnknown", &["RETRY", "pay"][..]),
            ("ArtifactsPruned", &["RETRY", "pay"]),
            ("RestoreIncomplete", &["RESTORE", "RETRY", "pay"]),
            ("BudgetExceeded", &["kubectl edit vj ocean -n films"]),
            ("ContentRefused", &["kubectl edit vj ocean -n films"]),
            ("QualityCheckFailed", &["FILM", "--overwrite videofactory.dev/accept-quality=3f9c`"]),
            ("Rejected", &["RESTART"]),
            ("RetriesExhausted", &["LOGS", "RETRY"]),
            ("ConfigurationInvalid", &["RETRY"]),
        ] {
            let reported = reported(reason, "3f9c");
            assert!(commands.iter().all(|command| reported.contains(command)), "{reason}: {reported}");
        }
    }

    #[test]
    fn what_is_no_digest_becomes_no_part_of_a_command() {
        assert!(!reported("QualityCheckFailed", "3f9c`; rm -r ~").contains("rm -r"));
    }
}
