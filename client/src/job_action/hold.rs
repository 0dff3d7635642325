//! `suspend` and `resume`: what is stopped, and what a resume lets go on.

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};
use videofactory_crds::bounds::cut;
use videofactory_crds::videojob::has_ended;
use videofactory_crds::{VideoJob, requests};

use super::{JobAction, Plan, Request, annotate};
use crate::job_ref::JobRef;

/// How the reason of a hold begins that stops all jobs: by it a resume of many knows what it may let go on.
const STOP_ALL: &str = "stop-all";
/// How the reason of a hold begins of a job that is made with others, until all are there. Whoever suspends it replaces
/// this reason by their own, which stays when the others are let go.
pub(crate) const TOGETHER: &str = "created together";
/// Most bytes of somebody's reason in a message.
pub(crate) const MOST_REASON_BYTES: usize = 200;

/// Whether this is the reason of a stop of all jobs.
pub(crate) fn stops_all(hold: &str) -> bool {
    let rest = hold.strip_prefix(STOP_ALL);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
}

impl Request {
    /// To hold all jobs, until a resume of many. `why`: for whoever looks at them.
    #[must_use]
    pub fn stop_all(at: Timestamp, why: Option<&str>) -> Self {
        let reason = why.map_or_else(|| STOP_ALL.to_owned(), |why| format!("{STOP_ALL}: {why}"));
        Self { action: JobAction::Suspend, at, reason, output: None, of_many: true }
    }

    pub(super) fn suspend(&self, job: &VideoJob) -> Plan {
        let hold = job.annotations().get(requests::HOLD);
        if hold.is_some_and(|hold| !hold.starts_with(TOGETHER)) {
            Plan::Unchanged("it is held already".to_owned())
        } else if has_ended(job) {
            Plan::Unchanged("it has ended already".to_owned())
        } else {
            annotate(requests::HOLD, &self.reason)
        }
    }

    /// What was stopped for a reason of its own stays so: whoever resumes many has not read each one's.
    pub(super) fn resume_of_many(&self, job: &VideoJob) -> Plan {
        let name = JobRef::of(job);
        match job.annotations().get(requests::HOLD) {
            Some(hold) if self.lets_go(hold) => let_go(),
            Some(hold) => Plan::Refused(format!(
                "{name} is held for another reason ({:?}): resume it by itself, or all that are held for that reason by \
                 naming it",
                cut(hold, MOST_REASON_BYTES)
            )),
            None if job.spec.suspend => {
                Plan::Refused(format!("{name} is suspended by its spec.suspend: resume it by itself"))
            }
            None => not_suspended(),
        }
    }

    fn lets_go(&self, hold: &str) -> bool {
        if !self.reason.trim().is_empty() {
            let by_stop_all = hold.strip_prefix(STOP_ALL).and_then(|rest| rest.strip_prefix(": "));
            return hold == self.reason || by_stop_all == Some(self.reason.as_str());
        }
        stops_all(hold)
    }
}

/// What was suspended by name goes on, whatever holds it.
pub(super) fn resume(job: &VideoJob) -> Plan {
    let suspended = job.spec.suspend;
    let mut patch = json!({});
    if is_held(job) {
        patch["metadata"]["annotations"][requests::HOLD] = Value::Null;
    }
    if suspended {
        patch["spec"]["suspend"] = json!(false);
    }
    if patch == json!({}) { not_suspended() } else { Plan::Patch(patch) }
}

fn let_go() -> Plan {
    Plan::Patch(json!({"metadata": {"annotations": {requests::HOLD: null}}}))
}

fn not_suspended() -> Plan {
    Plan::Unchanged("it is not suspended".to_owned())
}

fn is_held(job: &VideoJob) -> bool {
    job.annotations().contains_key(requests::HOLD)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{asked, job, patch, refusal};
    use super::*;

    #[test]
    fn a_suspension_holds_and_a_resume_lets_go_what_stops_the_job() {
        let mut film = job("Running", "Progressing");
        let hold = patch(asked(JobAction::Suspend).plan(&film));
        assert_eq!(hold["metadata"]["annotations"][requests::HOLD], "asked by a person");
        assert!(matches!(asked(JobAction::Resume).plan(&film), Plan::Unchanged(_)));
        film.annotations_mut().insert(requests::HOLD.to_owned(), String::new());
        film.spec.suspend = true;
        assert!(matches!(asked(JobAction::Suspend).plan(&film), Plan::Unchanged(_)));
        let resume = patch(asked(JobAction::Resume).plan(&film));
        assert_eq!(resume["metadata"]["annotations"][requests::HOLD], Value::Null);
        assert_eq!(resume["spec"]["suspend"], false);
        assert!(matches!(asked(JobAction::Suspend).plan(&job("Failed", "Rejected")), Plan::Unchanged(_)));
    }

    #[test]
    fn what_was_just_asked_to_begin_again_has_not_ended_and_can_be_stopped() {
        for (phase, request) in [("Failed", requests::RETRY), ("Succeeded", requests::RESTART)] {
            let mut film = job(phase, "Completed");
            film.annotations_mut().insert(request.to_owned(), "2026-12-24T17:59:59Z".to_owned());
            let hold = patch(asked(JobAction::Suspend).plan(&film));
            assert_eq!(hold["metadata"]["annotations"][requests::HOLD], "asked by a person");
        }
    }

    #[test]
    fn a_resume_of_many_lets_go_what_was_stopped_with_all_and_nothing_that_was_stopped_on_purpose() {
        let many = Request { of_many: true, reason: String::new(), ..asked(JobAction::Resume) };
        let held = |hold: &str| {
            let mut film = job("Suspended", "Held");
            film.annotations_mut().insert(requests::HOLD.to_owned(), hold.to_owned());
            film
        };
        for why in [None, Some("the bill")] {
            let mut film = held(&Request::stop_all(many.at, why).reason);
            assert!(stops_all(&film.annotations()[requests::HOLD]));
            film.spec.suspend = true;
            assert_eq!(patch(many.plan(&film)), json!({"metadata": {"annotations": {requests::HOLD: null}}}));
        }
        for hold in ["do not publish: rights", "stop-all-but-this", ""] {
            assert!(!stops_all(hold), "{hold:?}");
            let why = refusal(many.plan(&held(hold)));
            assert!(why.contains(&format!("{hold:?}")) && why.contains("by itself"), "{why}");
        }
        let named = Request { reason: "do not publish: rights".to_owned(), ..many.clone() };
        assert!(matches!(named.plan(&held("do not publish: rights")), Plan::Patch(_)));
        assert!(matches!(named.plan(&held("stop-all")), Plan::Refused(_)));
        let mut by_spec = job("Suspended", "Suspended");
        by_spec.spec.suspend = true;
        assert!(refusal(many.plan(&by_spec)).contains("spec.suspend"));
        assert!(matches!(many.plan(&job("Running", "Progressing")), Plan::Unchanged(_)));
    }
}
