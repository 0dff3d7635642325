//! The next thing to do with a film. Pure.

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_client::job_action::{phase, preview_result, under_review};
use videofactory_client::job_advice::{is_stalled, reason};
use videofactory_client::job_hint::{JobCommands, hint};
use videofactory_crds::VideoJob;
use videofactory_crds::condition::{Phase, VideoJobReason};

use crate::text::{age, plain};

/// A film that nobody has looked at for so many seconds has no operator.
const TOO_LONG: i64 = 30;
/// What to do while time alone is needed.
const CONTINUES: &str = "nothing, it continues automatically";

/// What a person can do now, in a sentence.
#[must_use]
pub fn step(job: &VideoJob, now: Timestamp) -> String {
    let verb = |verb: &str| command(job, verb, "");
    let looked_at =
        job.status.as_ref().and_then(|status| status.observed_generation).is_some_and(|seen| seen >= 0);
    if !looked_at {
        return not_looked_at(job, now);
    }
    match phase(job) {
        Phase::Pending | Phase::Running => {
            format!("{CONTINUES}; {} shows how", command(job, "status", "--watch"))
        }
        Phase::Waiting if is_stalled(job) => hint(job, &PluginCommands(job)),
        Phase::Waiting => waiting(job),
        Phase::Review => review(job),
        // There is nothing to resume: it is the operator that holds it.
        Phase::Suspended if reason(job) == Some(VideoJobReason::SideEffectsSuspended) => {
            hint(job, &PluginCommands(job))
        }
        Phase::Suspended => format!("resume it: {}", verb("resume")),
        Phase::Succeeded if has_film(job) => format!("watch it: {}", verb("download")),
        Phase::Succeeded => format!("make it again: {}; it is paid for and published again", verb("restart")),
        Phase::Failed => hint(job, &PluginCommands(job)),
    }
}

/// A verb of the plugin for this film, with these flags.
fn command(job: &VideoJob, verb: &str, flags: &str) -> String {
    let (name, namespace) = (job.name_any(), job.namespace().unwrap_or_default());
    let space = if flags.is_empty() { "" } else { " " };
    format!("`kubectl videofactory {verb} {name} -n {namespace}{space}{flags}`")
}

fn has_film(job: &VideoJob) -> bool {
    let artifacts = job.status.as_ref().and_then(|status| status.artifacts.as_ref());
    artifacts.is_some_and(|artifacts| artifacts.video.is_some())
}

fn not_looked_at(job: &VideoJob, now: Timestamp) -> String {
    let created = job.creation_timestamp().map(|created| created.0);
    if created.is_some_and(|at| now.as_second() - at.as_second() > TOO_LONG) {
        let since = age(created, now);
        return format!(
            "find out why no operator has looked at it for {since}: `kubectl videofactory doctor`"
        );
    }
    format!("wait a moment: {} shows how it begins", command(job, "status", "--watch"))
}

fn waiting(job: &VideoJob) -> String {
    let namespace = job.namespace().unwrap_or_default();
    match reason(job) {
        Some(
            VideoJobReason::AwaitingQuota | VideoJobReason::RateLimited | VideoJobReason::ProviderUnavailable,
        ) => {
            format!("{CONTINUES}; `kubectl videofactory accounts -n {namespace}` shows the quotas")
        }
        Some(VideoJobReason::StorageFull) => format!(
            "{CONTINUES} when there is room: `kubectl videofactory cleanup -n {namespace} --dry-run` says what could go"
        ),
        Some(VideoJobReason::StorageUnavailable) => {
            format!("{CONTINUES}; `kubectl videofactory storage -n {namespace}` shows the bucket")
        }
        _ => CONTINUES.to_owned(),
    }
}

/// Commands of the plugin for one job.
struct PluginCommands<'a>(&'a VideoJob);

impl JobCommands for PluginCommands<'_> {
    fn retry(&self) -> String {
        command(self.0, "retry", "")
    }

    fn restart(&self) -> String {
        command(self.0, "restart", "")
    }

    fn logs(&self) -> String {
        command(self.0, "logs", "")
    }

    fn film(&self) -> String {
        command(self.0, "download", "")
    }

    fn restore(&self) -> String {
        format!("`kubectl videofactory restore -f <file> -n {}`", self.0.namespace().unwrap_or_default())
    }
}

fn review(job: &VideoJob) -> String {
    let see = if preview_result(job).is_some() {
        "look at the scene by `kubectl videofactory dashboard`, then ".to_owned()
    } else if has_film(job) {
        format!("watch it by {}, then ", command(job, "download", ""))
    } else {
        String::new()
    };
    let result = under_review(job).map(|output| format!("--result {}", plain(&output))).unwrap_or_default();
    format!("{see}decide: {} or {}", command(job, "approve", &result), command(job, "reject", &result))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{NOW, job};

    fn next(phase: &str, reason: &str, more: &Value) -> String {
        let stalled = if phase == "Waiting" && !reason.starts_with("Awaiting") { "True" } else { "False" };
        let condition = |kind: &str, status: &str| {
            json!({"type": kind, "status": status, "reason": reason, "message": "",
                   "lastTransitionTime": "2026-12-24T17:30:00Z"})
        };
        let mut status = json!({
            "observedGeneration": 1, "phase": phase,
            "conditions": [condition("Ready", "False"), condition("Stalled", stalled)],
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            status[name] = value.clone();
        }
        step(&serde_json::from_value(job("ocean", status)).unwrap(), NOW.parse().unwrap())
    }

    #[test]
    fn every_stop_has_a_next_step_that_can_be_pasted() {
        let film = json!({"artifacts": {"video": {"key": "videos/a.mp4"}}});
        let digest =
            json!({"steps": [{"name": "assemble-video", "state": "Waiting", "outputDigest": "3f9c"}]});
        let review = json!({
            "artifacts": {"video": {"key": "videos/a.mp4"}},
            "steps": [{"name": "assemble-video", "reason": "AwaitingReview", "outputDigest": "3f9c"}],
        });
        let preview = json!({"preview": {"result": "narrate-scenes@3f9c"}});
        for (phase, reason, more, expected) in [
            ("Suspended", "SideEffectsSuspended", &json!({}), "VIDEOFACTORY_SIDE_EFFECTS"),
            ("Suspended", "Held", &json!({}), "`kubectl videofactory resume ocean -n films`"),
            ("Running", "Progressing", &json!({}), "`kubectl videofactory status ocean -n films --watch`"),
            ("Waiting", "OutcomeUnknown", &json!({}), "`kubectl videofactory retry ocean -n films`"),
            ("Waiting", "RestoreIncomplete", &json!({}), "`kubectl videofactory restore -f <file> -n films`"),
            ("Waiting", "BudgetExceeded", &json!({}), "`kubectl edit vj ocean -n films`"),
            ("Waiting", "QualityCheckFailed", &digest, "videofactory.dev/accept-quality=3f9c`"),
            ("Waiting", "AwaitingQuota", &json!({}), "`kubectl videofactory accounts -n films`"),
            ("Review", "AwaitingReview", &review, "approve ocean -n films --result assemble-video@3f9c`"),
            ("Review", "PreviewReady", &preview, "approve ocean -n films --result narrate-scenes@3f9c`"),
            (
                "Review",
                "PreviewReady",
                &preview,
                "look at the scene by `kubectl videofactory dashboard`, then decide",
            ),
            ("Succeeded", "Completed", &film, "`kubectl videofactory download ocean -n films`"),
            ("Failed", "RetriesExhausted", &json!({}), "`kubectl videofactory logs ocean -n films`"),
            ("Failed", "Rejected", &json!({}), "`kubectl videofactory restart ocean -n films`"),
        ] {
            let reported = next(phase, reason, more);
            assert!(reported.contains(expected), "{phase} {reason}: {reported}");
        }
    }

    #[test]
    fn a_film_that_is_not_reconciled_leads_to_the_operator() {
        let reported = next("Pending", "Progressing", &json!({"observedGeneration": -1}));
        assert!(reported.contains("for 60m") && reported.contains("doctor"), "{reported}");
    }
}
