//! Requests by annotation: each is acted upon once, and the status records which was the last.
//! An unreadable one is an Event, not a failure.

use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_crds::requests::{self, ReadRequestError, Regenerate, Requested, ScenePart};
use videofactory_crds::videojob::{HandledRequests, SceneTakes, StepStatus, is_handled, recorded};

use super::super::attempts::{Attempt, attempt_state, is_open};
use super::channel::refresh_channel;
use super::demands::{of_earlier_runs, write_off};
use super::draft::Draft;
use super::pruned::make_again;
use super::step::Transitions;
use crate::events::EventReason;

/// What the schema holds: more would be refused with the whole status.
const MAX_TAKES: usize = 200;
const MAX_ID: usize = 32;

/// Acts on every request that was not acted upon yet.
pub(super) fn handle(draft: &mut Draft<'_>) {
    let requests = draft.requests.clone();
    refuse(draft);
    if let Some(request) = requests.retry
        && is_wanted(draft, &request, requests::RETRY, |handled| &mut handled.retry)
    {
        retry(draft, &request.text);
    }
    if let Some(request) = requests.restart
        && is_wanted(draft, &request, requests::RESTART, |handled| &mut handled.restart)
    {
        restart(draft, &request.text);
    }
    if let Some(request) = requests.refresh_channel
        && is_wanted(draft, &request, requests::REFRESH_CHANNEL, |handled| &mut handled.refresh_channel)
    {
        refresh_channel(draft);
    }
    if let Some(digest) = requests.accept_quality
        && is_new(draft, &digest, |handled| &mut handled.accept_quality)
    {
        accept_quality(draft, &digest);
    }
    if let Some(request) = requests.regenerate
        && is_wanted(draft, &request.requested, requests::REGENERATE, |handled| &mut handled.regenerate)
    {
        regenerate(draft, &request);
    }
}

/// Whether this request is to be acted upon now; records it as handled then. One that is not, and is not simply the last
/// one, is reported: somebody may wait for it.
fn is_wanted(
    draft: &mut Draft<'_>,
    request: &Requested,
    annotation: &str,
    field: impl Fn(&mut HandledRequests) -> &mut Option<String>,
) -> bool {
    let ignored = |why: String| format!("{annotation} of {} is not followed: {why}", request.text);
    if request.is_early(draft.now) {
        let note = ignored("it lies in the future; ask with the present time".to_owned());
        draft.event(true, EventReason::RequestIgnored, "Reconcile", note);
        return false;
    }
    let last = field(&mut draft.status.handled.clone().unwrap_or_default()).clone();
    if is_new(draft, &request.text, field) {
        return true;
    }
    if let Some(last) = last.filter(|last| *last != recorded(&request.text)) {
        let note = ignored(format!("one of {last} was handled already; ask again with a later time"));
        draft.event(true, EventReason::RequestIgnored, "Reconcile", note);
    }
    false
}

/// Whether this request is not the one that was handled last; records it as handled.
fn is_new(
    draft: &mut Draft<'_>,
    text: &str,
    field: impl Fn(&mut HandledRequests) -> &mut Option<String>,
) -> bool {
    let text = recorded(text);
    let mut handled = draft.status.handled.clone().unwrap_or_default();
    let last = field(&mut handled);
    if is_handled(&text, last.as_deref()) {
        return false;
    }
    *last = Some(text);
    draft.status.handled = Some(handled);
    true
}

/// Reports each request that cannot be read, once.
fn refuse(draft: &mut Draft<'_>) {
    for error in draft.unreadable.clone() {
        let (ReadRequestError::ReadTime { annotation, .. }
        | ReadRequestError::ReadJson { annotation, .. }
        | ReadRequestError::ReadDecision { annotation, .. }) = error;
        let text = super::super::annotation(&draft.observed.job, annotation).unwrap_or_default();
        let new = match annotation {
            requests::RETRY => is_new(draft, text, |handled| &mut handled.retry),
            requests::RESTART => is_new(draft, text, |handled| &mut handled.restart),
            requests::REFRESH_CHANNEL => is_new(draft, text, |handled| &mut handled.refresh_channel),
            requests::REGENERATE => is_new(draft, text, |handled| &mut handled.regenerate),
            // A decision counts for as long as it is there, so nothing records it: its Event is made once by its name.
            _ => true,
        };
        if new {
            draft.event(true, EventReason::RequestUnreadable, "Reconcile", error.to_string());
        }
    }
}

/// Whatever waits or has failed may be tried again at once.
fn retry(draft: &mut Draft<'_>, at: &str) {
    make_again(draft);
    for step in &mut draft.status.steps {
        let attempt = step.attempt.unwrap_or_default();
        let attempt = attempt_state(draft.observed, step.name, attempt, draft.now);
        if is_open(step) && matches!(attempt, Attempt::Alive(Some(_))) {
            // Its pod cannot start: a new one may.
            step.give_way();
        }
        if !matches!(step.state, Some(StepState::Waiting | StepState::Failed)) {
            continue;
        }
        if step.reason == Some(VideoJobReason::AwaitingQuota) {
            // It waits for its turn, which no retry brings nearer; what is said of that stays.
            continue;
        }
        step.retry();
    }
    draft.event(false, EventReason::RetryRequested, "Reconcile", format!("retry as requested at {at}"));
}

/// A new run: everything is made again. Attempts are counted on, so that no Job's name returns.
fn restart(draft: &mut Draft<'_>, at: &str) {
    if draft.status.run.is_none() {
        // The first one is still to begin, and whether it may is asked there.
        return;
    }
    let run = draft.status.run.unwrap_or(0) + 1;
    draft.status.run = Some(run);
    draft.status.channel = None;
    draft.status.artifacts = None;
    draft.status.publications.clear();
    draft.status.published_generation = None;
    draft.status.preview = None;
    let now = draft.now;
    let at_rest = draft.status.steps.iter_mut().filter(|step| step.state != Some(StepState::Running));
    at_rest.for_each(|step| write_off(step, now));
    draft.status.cost = of_earlier_runs(&draft.status);
    draft.status.takes.clear();
    draft.status.steps.iter_mut().for_each(Transitions::new_run);
    draft.event(false, EventReason::RestartRequested, "Reconcile", format!("run {run} as requested at {at}"));
}

/// A person takes a film that failed its checks as it is.
fn accept_quality(draft: &mut Draft<'_>, digest: &str) {
    let step = draft.status.steps.iter_mut().find(|step| {
        step.reason == Some(VideoJobReason::QualityCheckFailed)
            && step.output_digest.as_deref() == Some(digest)
    });
    if let Some(step) = step {
        step.accept();
        return;
    }
    let waits = |step: &StepStatus| step.reason == Some(VideoJobReason::QualityCheckFailed);
    let hint = if draft.status.steps.iter().any(waits) {
        ", but another film does: the job's message has the command"
    } else {
        ""
    };
    let note = format!("no film with digest {digest:?} waits for its checks to be accepted{hint}");
    draft.event(true, EventReason::RequestIgnored, "Reconcile", note);
}

/// Raises the take of the named parts: their digests change, so they are made again.
fn regenerate(draft: &mut Draft<'_>, request: &Regenerate) {
    if draft.status.published_generation.is_some() {
        let note = "the film is published, so no scene is made again; request a restart to make another film";
        draft.event(true, EventReason::RequestIgnored, "Reconcile", note);
        return;
    }
    let given = draft.observed.job.spec.scenes.as_deref().unwrap_or_default();
    let stray = request.scenes.iter().find(|id| given.iter().all(|scene| scene.id != **id));
    if let Some(stray) = stray.filter(|_| !given.is_empty()) {
        let known = given.iter().map(|scene| scene.id.as_str()).collect::<Vec<_>>().join(", ");
        let note = format!("the storyboard has no scene {stray:?} to be made again (it has {known})");
        draft.event(true, EventReason::RequestIgnored, "Reconcile", note);
        return;
    }
    let new = request.scenes.iter().filter(|id| draft.status.takes.iter().all(|takes| takes.scene != **id));
    if new.count() + draft.status.takes.len() > MAX_TAKES || request.scenes.iter().any(|id| id.len() > MAX_ID)
    {
        let note = "no film has such scenes: an id is at most 32 characters long, and a film has at most 200";
        draft.event(true, EventReason::RequestIgnored, "Reconcile", note);
        return;
    }
    for id in &request.scenes {
        let takes = &mut draft.status.takes;
        let place = takes.iter().position(|takes| takes.scene == *id).unwrap_or_else(|| {
            takes.push(SceneTakes { scene: id.clone(), ..SceneTakes::default() });
            takes.len() - 1
        });
        let part = match request.what {
            ScenePart::Image => &mut takes[place].image,
            ScenePart::Voice => &mut takes[place].voice,
            ScenePart::Clip => &mut takes[place].clip,
        };
        *part = Some(part.unwrap_or(1).saturating_add(1));
    }
}
