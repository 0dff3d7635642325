//! The next thing to do with a film. Pure.

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_client::job_action::{phase, under_review};
use videofactory_client::job_advice::{Advice, advice, is_stalled, reason};
use videofactory_crds::condition::{Phase, Reason};
use videofactory_crds::{StepName, VideoJob, requests};

use crate::text::{age, plain};

/// A film that nobody has looked at for so many seconds has no operator.
const TOO_LONG: i64 = 30;

/// What a person can do now, in a sentence.
#[must_use]
pub fn step(job: &VideoJob, now: Timestamp) -> String {
    let verb = |verb: &str| command(job, verb);
    let looked_at =
        job.status.as_ref().and_then(|status| status.observed_generation).is_some_and(|seen| seen >= 0);
    if !looked_at {
        return not_looked_at(job, now);
    }
    match phase(job) {
        Phase::Pending | Phase::Running => {
            format!("nothing, it goes on by itself; {} shows how", verb("status --watch"))
        }
        Phase::Waiting if is_stalled(job) => stopped(job),
        Phase::Waiting => waiting(job),
        Phase::Review => review(job),
        // There is nothing to resume: it is the operator that holds it.
        Phase::Suspended if reason(job) == Some(Reason::SideEffectsSuspended) => stopped(job),
        Phase::Suspended => format!("resume it: {}", verb("resume")),
        Phase::Succeeded if has_film(job) => format!("watch it: {}", verb("download")),
        Phase::Succeeded => format!("make it anew: {}; it is paid for and published again", verb("restart")),
        Phase::Failed => stopped(job),
    }
}

/// A verb of the plugin for this film.
fn command(job: &VideoJob, verb: &str) -> String {
    let (verb, flags) = verb.split_once(' ').unwrap_or((verb, ""));
    let (name, namespace) = (job.name_any(), job.namespace().unwrap_or_default());
    let flags = if flags.is_empty() { String::new() } else { format!(" {flags}") };
    format!("`kubectl videofactory {verb} {name} -n {namespace}{flags}`")
}

fn edit(job: &VideoJob) -> String {
    format!("`kubectl edit vj {} -n {}`", job.name_any(), job.namespace().unwrap_or_default())
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
    format!("wait a moment: {} shows how it begins", command(job, "status --watch"))
}

fn waiting(job: &VideoJob) -> String {
    let namespace = job.namespace().unwrap_or_default();
    let look = match reason(job) {
        Some(Reason::AwaitingQuota | Reason::RateLimited | Reason::ProviderUnavailable) => {
            format!("; `kubectl videofactory accounts -n {namespace}` shows the quotas")
        }
        Some(Reason::StorageFull) => format!(
            "when there is room: `kubectl videofactory cleanup -n {namespace} --dry-run` says what could go"
        ),
        Some(Reason::StorageUnavailable) => {
            format!("; `kubectl videofactory storage -n {namespace}` shows the bucket")
        }
        _ => String::new(),
    };
    match look.strip_prefix(';') {
        Some(_) => format!("nothing, it goes on by itself{look}"),
        None if look.is_empty() => "nothing, it goes on by itself".to_owned(),
        None => format!("nothing, it goes on by itself {look}"),
    }
}

/// What to do for a film that has stopped.
fn stopped(job: &VideoJob) -> String {
    let verb = |verb: &str| command(job, verb);
    match advice(job) {
        Advice::PayAgain => {
            format!("read the message; if you agree to pay for it once more: {}", verb("retry"))
        }
        Advice::RestoreStatus => format!(
            "restore its status from a backup: `kubectl videofactory restore -f <file> -n {}`; or have the film made \
             again, and pay for it again: {}",
            job.namespace().unwrap_or_default(),
            verb("retry")
        ),
        Advice::RaiseBudget => format!("raise spec.budget.limit, or ask for less: {}", edit(job)),
        Advice::NamePrice => {
            "name the price in spec.prices of the ProviderAccount; it then continues automatically".to_owned()
        }
        Advice::RenewCredentials => {
            "put a valid key into the account's Secret, or add credits; it then continues automatically"
                .to_owned()
        }
        Advice::EditScenes => {
            format!("give the scenes another text in spec.sceneOverrides, or skip them: {}", edit(job))
        }
        Advice::AcceptQuality => accept_quality(job),
        Advice::EditRejected => {
            format!("change what was rejected ({}), or make all again: {}", edit(job), verb("restart"))
        }
        Advice::AllowSideEffects => {
            "the operator runs with VIDEOFACTORY_SIDE_EFFECTS=Suspend; once that is over it \
                                     continues automatically"
                .to_owned()
        }
        Advice::FollowMessage => {
            format!("do what the message says; if it does not continue then: {}", verb("retry"))
        }
        Advice::FixThenRetry => format!("look at {}, fix the cause, then {}", verb("logs"), verb("retry")),
        Advice::ReadMessage => "do what the message says".to_owned(),
    }
}

fn accept_quality(job: &VideoJob) -> String {
    let step = job.status.as_ref().and_then(|status| status.step(StepName::AssembleVideo));
    let change = format!("change the film: {}", edit(job));
    match step.and_then(|step| step.output_digest.as_deref()) {
        Some(digest) => format!(
            "{change}; or take it as it is: `kubectl annotate vj {} -n {} --overwrite {}={}`",
            job.name_any(),
            job.namespace().unwrap_or_default(),
            requests::ACCEPT_QUALITY,
            plain(digest)
        ),
        None => change,
    }
}

fn review(job: &VideoJob) -> String {
    let see = if has_film(job) {
        format!("watch it by {}, then ", command(job, "download"))
    } else {
        String::new()
    };
    let result = under_review(job).map(|output| format!(" --result {}", plain(&output))).unwrap_or_default();
    format!(
        "{see}decide: {} or {}",
        command(job, &format!("approve{result}")),
        command(job, &format!("reject{result}"))
    )
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
        for (phase, reason, more, expected) in [
            ("Suspended", "SideEffectsSuspended", &json!({}), "VIDEOFACTORY_SIDE_EFFECTS"),
            ("Suspended", "Held", &json!({}), "`kubectl videofactory resume ocean -n films`"),
            ("Running", "Progressing", &json!({}), "`kubectl videofactory status ocean -n films --watch`"),
            ("Waiting", "OutcomeUnknown", &json!({}), "`kubectl videofactory retry ocean -n films`"),
            ("Waiting", "BudgetExceeded", &json!({}), "`kubectl edit vj ocean -n films`"),
            ("Waiting", "QualityCheckFailed", &digest, "videofactory.dev/accept-quality=3f9c`"),
            ("Waiting", "AwaitingQuota", &json!({}), "`kubectl videofactory accounts -n films`"),
            ("Review", "AwaitingReview", &review, "approve ocean -n films --result assemble-video@3f9c`"),
            ("Succeeded", "Completed", &film, "`kubectl videofactory download ocean -n films`"),
            ("Failed", "RetriesExhausted", &json!({}), "`kubectl videofactory logs ocean -n films`"),
            ("Failed", "Rejected", &json!({}), "`kubectl videofactory restart ocean -n films`"),
        ] {
            let told = next(phase, reason, more);
            assert!(told.contains(expected), "{phase} {reason}: {told}");
        }
    }

    #[test]
    fn where_a_retry_pays_again_it_says_so() {
        for reason in ["OutcomeUnknown", "ArtifactsPruned", "RestoreIncomplete"] {
            let told = next("Waiting", reason, &json!({}));
            assert!(
                told.contains("pay") && told.contains("`kubectl videofactory retry ocean"),
                "{reason}: {told}"
            );
        }
        assert!(next("Waiting", "RestoreIncomplete", &json!({})).contains("kubectl videofactory restore -f"));
    }

    #[test]
    fn a_film_that_nobody_looks_at_leads_to_the_operator() {
        let told = next("Pending", "Progressing", &json!({"observedGeneration": -1}));
        assert!(told.contains("for 60m") && told.contains("doctor"), "{told}");
    }
}
