//! `suspend` and `resume`: what is suspended, and what a resume continues.

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};
use videofactory_crds::bounds::cut;
use videofactory_crds::videojob::has_ended;
use videofactory_crds::{VideoJob, requests};

use super::{Action, Plan, Request, annotate, not_blank};
use crate::job_ref::JobRef;

/// How the reason of a hold begins that stops all jobs: by it a resume of many knows what it may continue.
const STOP_ALL: &str = "stop-all";
/// How the reason of a hold begins of a job that is made with others, until all are there. Whoever suspends it replaces
/// this reason by their own, which stays when the others are let go.
pub(crate) const TOGETHER: &str = "created together";
/// Most bytes of somebody's reason in a message.
pub(crate) const MAX_REASON_BYTES: usize = 200;

/// Why a job is held, as its annotation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold<'a> {
    /// By a stop of all jobs, and for which reason, if one was given.
    StopAll(Option<&'a str>),
    /// Until all jobs are there that are created with it.
    Together,
    /// For somebody's own reason.
    Other,
}

impl<'a> Hold<'a> {
    /// What the annotation's text means.
    pub(crate) fn read(text: &'a str) -> Self {
        if text.starts_with(TOGETHER) {
            return Self::Together;
        }
        match text.strip_prefix(STOP_ALL) {
            Some("") => Self::StopAll(None),
            Some(rest) => rest.strip_prefix(": ").map_or(Self::Other, |why| Self::StopAll(Some(why))),
            None => Self::Other,
        }
    }

    /// Whether a stop of all jobs holds it.
    pub(crate) fn is_of_stop_all(self) -> bool {
        matches!(self, Self::StopAll(_))
    }
}

impl Request {
    /// To suspend all jobs, until a resume of many. `why`: for whoever looks at them.
    #[must_use]
    pub fn stop_all(at: Timestamp, why: Option<String>) -> Self {
        let reason = match not_blank(why) {
            Some(why) => format!("{STOP_ALL}: {why}"),
            None => STOP_ALL.to_owned(),
        };
        Self::of_many(Action::Suspend { reason }, at)
    }
}

/// To suspend a job for this reason.
pub(super) fn suspend(job: &VideoJob, reason: &str) -> Plan {
    let hold = job.annotations().get(requests::HOLD);
    if hold.is_some_and(|hold| Hold::read(hold) != Hold::Together) {
        Plan::Unchanged("it is suspended already".to_owned())
    } else if has_ended(job) {
        Plan::Unchanged("it has ended already".to_owned())
    } else {
        annotate(requests::HOLD, reason)
    }
}

/// What is suspended for this reason continues; without one, what a stop of all jobs has suspended. All else stays: whoever
/// resumes many has not read each one's reason.
pub(super) fn resume_held_for(job: &VideoJob, reason: Option<&str>) -> Plan {
    let name = JobRef::of(job);
    match job.annotations().get(requests::HOLD) {
        Some(hold) if is_held_for(hold, reason) => {
            Plan::Patch(json!({"metadata": {"annotations": {requests::HOLD: null}}}))
        }
        Some(hold) => Plan::Refused(format!(
            "{name} is suspended for another reason ({:?}): resume it by its name, or name that reason to resume all that \
             are suspended for it",
            cut(hold, MAX_REASON_BYTES)
        )),
        None if job.spec.suspend => {
            Plan::Refused(format!("{name} is suspended by its spec.suspend: resume it by its name"))
        }
        None => not_suspended(),
    }
}

fn is_held_for(hold: &str, reason: Option<&str>) -> bool {
    match reason {
        Some(reason) => hold == reason || Hold::read(hold) == Hold::StopAll(Some(reason)),
        None => Hold::read(hold).is_of_stop_all(),
    }
}

/// A job that is named continues, whatever suspends it.
pub(super) fn resume(job: &VideoJob) -> Plan {
    let suspended = job.spec.suspend;
    let mut patch = json!({});
    if job.annotations().contains_key(requests::HOLD) {
        patch["metadata"]["annotations"][requests::HOLD] = Value::Null;
    }
    if suspended {
        patch["spec"]["suspend"] = json!(false);
    }
    if patch == json!({}) { not_suspended() } else { Plan::Patch(patch) }
}

/// What [`resume_held_for`] leaves as it is, where it asks for a resume.
pub(super) fn stays_suspended(job: &VideoJob) -> Option<String> {
    job.spec.suspend.then(|| {
        let name = JobRef::of(job);
        format!("{name} stays suspended by its spec.suspend: to resume it, name it and give no reason")
    })
}

fn not_suspended() -> Plan {
    Plan::Unchanged("it is not suspended".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{asked, at, job, patch, refusal, suspend};
    use super::*;

    #[test]
    fn a_suspension_is_a_hold_and_a_resume_takes_away_whatever_suspends_the_job() {
        let mut film = job("Running", "Progressing");
        let hold = patch(asked(suspend()).plan(&film));
        assert_eq!(hold["metadata"]["annotations"][requests::HOLD], "asked by a person");
        assert!(matches!(asked(Action::resume(None)).plan(&film), Plan::Unchanged(_)));
        film.annotations_mut().insert(requests::HOLD.to_owned(), String::new());
        film.spec.suspend = true;
        assert!(matches!(asked(suspend()).plan(&film), Plan::Unchanged(_)));
        let resume = patch(asked(Action::resume(None)).plan(&film));
        assert_eq!(resume["metadata"]["annotations"][requests::HOLD], Value::Null);
        assert_eq!(resume["spec"]["suspend"], false);
        assert!(matches!(asked(suspend()).plan(&job("Failed", "Rejected")), Plan::Unchanged(_)));
    }

    #[test]
    fn what_was_just_asked_to_begin_again_has_not_ended_and_can_be_suspended() {
        for (phase, request) in [("Failed", requests::RETRY), ("Succeeded", requests::RESTART)] {
            let mut film = job(phase, "Completed");
            film.annotations_mut().insert(request.to_owned(), "2026-12-24T17:59:59Z".to_owned());
            let hold = patch(asked(suspend()).plan(&film));
            assert_eq!(hold["metadata"]["annotations"][requests::HOLD], "asked by a person");
        }
    }

    #[test]
    fn a_resume_for_a_reason_is_of_the_job_that_was_read_and_says_what_else_suspends_it() {
        let mut film = job("Suspended", "Held");
        film.annotations_mut().insert(requests::HOLD.to_owned(), "the bill".to_owned());
        film.spec.suspend = true;
        let (any, one) = (asked(Action::resume(None)), asked(Action::resume(Some("the bill".to_owned()))));
        assert!(one.needs_fresh_state() && !any.needs_fresh_state());
        assert_eq!(patch(one.plan(&film)), json!({"metadata": {"annotations": {requests::HOLD: null}}}));
        assert!(one.remark(&film).unwrap().contains("films/ocean stays suspended by its spec.suspend"));
        assert_eq!((any.remark(&film), asked(suspend()).remark(&film)), (None, None));
    }

    #[test]
    fn a_resume_of_many_continues_what_was_stopped_with_all_and_nothing_that_was_suspended_on_purpose() {
        let many = Request::of_many(Action::resume(None), at());
        let held = |hold: &str| {
            let mut film = job("Suspended", "Held");
            film.annotations_mut().insert(requests::HOLD.to_owned(), hold.to_owned());
            film
        };
        for why in [None, Some(" "), Some("the bill")] {
            let stop = Request::stop_all(at(), why.map(str::to_owned)).action;
            let Action::Suspend { reason } = &stop else { panic!("{stop:?}") };
            let mut film = held(reason);
            assert!(Hold::read(&film.annotations()[requests::HOLD]).is_of_stop_all());
            assert_eq!(many.remark(&film), None);
            film.spec.suspend = true;
            assert_eq!(patch(many.plan(&film)), json!({"metadata": {"annotations": {requests::HOLD: null}}}));
            assert!(many.remark(&film).unwrap().contains("stays suspended by its spec.suspend"));
        }
        for hold in ["do not publish: rights", "stop-all-but-this", ""] {
            assert!(!Hold::read(hold).is_of_stop_all(), "{hold:?}");
            let why = refusal(many.plan(&held(hold)));
            assert!(why.contains(&format!("{hold:?}")) && why.contains("by its name"), "{why}");
        }
        let named = Action::resume(Some("do not publish: rights".to_owned()));
        for resume in [Request::of_many(named.clone(), at()), asked(named)] {
            assert!(matches!(resume.plan(&held("do not publish: rights")), Plan::Patch(_)));
            assert!(matches!(resume.plan(&held("stop-all")), Plan::Refused(_)));
        }
        let mut by_spec = job("Suspended", "Suspended");
        by_spec.spec.suspend = true;
        assert!(refusal(many.plan(&by_spec)).contains("spec.suspend"));
        assert!(matches!(many.plan(&job("Running", "Progressing")), Plan::Unchanged(_)));
    }
}
