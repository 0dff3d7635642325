//! Films that are followed until they end: what changes is reported as it comes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::stream::select_all;
use futures::{Stream, StreamExt};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use kube::Api;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::time::Instant;
use videofactory_client::JobRef;
use videofactory_client::job_action::phase;
use videofactory_client::job_advice::{attention, is_held};
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::{Phase, StepState, StepStatus, VideoJob};

use crate::context::Context;
use crate::exit::{Error, causes, lasting};
use crate::text::plain;
use crate::videojob::state::{count_scenes, is_stale};

/// How long films are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until they have succeeded or failed.
    Ended,
    /// Until then, or until a person is needed.
    Stopped,
}

/// Follows films, and reports what changes; gives each as it was last seen, in their order, but for those that somebody has
/// deleted.
pub async fn follow(
    jobs: &[JobRef],
    until: Until,
    timeout: Duration,
    context: &mut Context,
) -> Result<Vec<VideoJob>, Error> {
    let client = context.cluster.streaming_client()?;
    let watches = jobs.iter().map(|job| {
        let api: Api<VideoJob> = Api::namespaced(client.clone(), &job.namespace);
        let job = job.clone();
        watcher::watch_object(api, &job.name).default_backoff().map(move |seen| (job.clone(), seen)).boxed()
    });
    let deadline = Instant::now().checked_add(timeout);
    let mut follower = Follower {
        seen: HashMap::new(),
        gone: HashSet::new(),
        screen: Screen::of(jobs, context),
        trouble: None,
    };
    let watching = follower.until(select_all(watches), jobs, until, context);
    let ended = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, watching).await.ok(),
        None => Some(watching.await),
    };
    follower.screen.clear();
    match ended {
        Some(Ok(())) => Ok(jobs.iter().filter_map(|job| follower.seen.remove(job)).collect()),
        Some(Err(error)) => Err(error),
        None => Err(Error::timed_out(follower.late(jobs, until)).hint(
            "it continues all the same: `kubectl videofactory status <name> --watch` follows it further",
        )),
    }
}

struct Follower {
    seen: HashMap<JobRef, VideoJob>,
    /// Those that were deleted: another one of the same name is not waited for.
    gone: HashSet<JobRef>,
    screen: Screen,
    /// What was said last of a watch that broke off.
    trouble: Option<String>,
}

impl Follower {
    async fn until(
        &mut self,
        mut watches: impl Stream<Item = (JobRef, Result<Option<VideoJob>, watcher::Error>)> + Unpin,
        jobs: &[JobRef],
        until: Until,
        context: &mut Context,
    ) -> Result<(), Error> {
        while let Some((name, seen)) = watches.next().await {
            match seen {
                _ if self.gone.contains(&name) => {}
                Ok(Some(job)) => {
                    for line in changes(self.seen.get(&name), &job) {
                        self.screen.line(&format!("{name}: {line}"), context)?;
                    }
                    self.screen.show(&name, &job);
                    self.trouble = None;
                    self.seen.insert(name, job);
                }
                Ok(None) => {
                    self.screen.line(&format!("{name}: was deleted"), context)?;
                    self.seen.remove(&name);
                    self.gone.insert(name);
                }
                Err(error) => self.trouble(&name, error, context)?,
            }
            if jobs.iter().all(|job| self.is_over(job, until)) {
                break;
            }
        }
        Ok(())
    }

    /// Fails where trying again does not help; else says once what is wrong.
    fn trouble(&mut self, name: &JobRef, error: watcher::Error, context: &mut Context) -> Result<(), Error> {
        let words = causes(&error);
        if let Some(error) = lasting(&format!("watch VideoJob {name}"), error) {
            return Err(error);
        }
        if self.trouble.as_ref() != Some(&words) {
            self.screen.line(&format!("{name}: {words}; trying again"), context)?;
            self.trouble = Some(words);
        }
        Ok(())
    }

    fn is_over(&self, job: &JobRef, until: Until) -> bool {
        self.gone.contains(job) || self.seen.get(job).is_some_and(|job| is_over(job, until))
    }

    fn late(&self, jobs: &[JobRef], until: Until) -> String {
        let waits = |job: &&JobRef| !self.is_over(job, until);
        let names: Vec<String> = jobs.iter().filter(waits).map(ToString::to_string).collect();
        format!("the time is over and not all have ended: {}", names.join(", "))
    }
}

fn is_over(job: &VideoJob, until: Until) -> bool {
    let stale = job.status.as_ref().is_none_or(|status| is_stale(job, status));
    let at = phase(job);
    if stale && !at.is_terminal() {
        return false;
    }
    at.is_terminal() || until == Until::Stopped && attention(job).is_some()
}

/// What is new, in the order in which the film is made.
fn changes(before: Option<&VideoJob>, job: &VideoJob) -> Vec<String> {
    let steps = |job: &VideoJob| job.status.as_ref().map(|status| status.steps.clone()).unwrap_or_default();
    let old = before.map(steps).unwrap_or_default();
    let mut lines: Vec<String> = steps(job)
        .iter()
        .filter_map(|step| step_change(old.iter().find(|old| old.name == step.name), step))
        .collect();
    let reported = |job: &VideoJob| (phase(job), message(job));
    let (at, message) = reported(job);
    let quiet = matches!(at, Phase::Pending | Phase::Running) || at == Phase::Suspended && !is_held(job);
    if !quiet && before.map(reported).as_ref() != Some(&(at, message.clone())) {
        lines.push(if message.is_empty() { at.to_string() } else { format!("{at}: {message}") });
    }
    lines
}

fn message(job: &VideoJob) -> String {
    let conditions = job.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    condition::get(conditions, ConditionType::Ready).map(|ready| plain(&ready.message)).unwrap_or_default()
}

fn step_change(before: Option<&StepStatus>, step: &StepStatus) -> Option<String> {
    let state = |step: &StepStatus| step.state.unwrap_or_default();
    let done = |step: &StepStatus| {
        let completed = step.scenes.as_ref().and_then(|scenes| scenes.completed.as_deref());
        completed.map_or(0, count_scenes)
    };
    let (now, was) = (state(step), before.map(state).unwrap_or_default());
    let total = step.scenes.as_ref().and_then(|scenes| scenes.total).unwrap_or(0);
    if now == StepState::Running && done(step) > before.map_or(0, done) && total > 0 {
        return Some(format!("{} has made {} of {total} scenes", step.name, done(step)));
    }
    // That a step waits, the film's own message says better.
    if now == was || matches!(now, StepState::Pending | StepState::Waiting | StepState::Skipped) {
        return None;
    }
    let word = match now {
        StepState::Running => "runs",
        StepState::Succeeded => "is done",
        _ => "has failed",
    };
    Some(format!("{} {word}", step.name))
}

/// Bars where a person looks, and lines elsewhere.
struct Screen {
    bars: HashMap<JobRef, ProgressBar>,
    all: Option<MultiProgress>,
}

impl Screen {
    fn of(jobs: &[JobRef], context: &Context) -> Self {
        if !context.streams.shows_bars {
            return Self { bars: HashMap::new(), all: None };
        }
        let all = MultiProgress::new();
        let template = "{prefix} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |job: &JobRef| {
            let bar = all.add(ProgressBar::new(0).with_style(style.clone().progress_chars("=> ")));
            bar.set_prefix(job.name.clone());
            bar.enable_steady_tick(Duration::from_secs(1));
            (job.clone(), bar)
        };
        let bars = jobs.iter().map(bar).collect();
        Self { bars, all: Some(all) }
    }

    fn line(&self, line: &str, context: &mut Context) -> Result<(), Error> {
        match &self.all {
            Some(all) => Ok(all.println(context.reported(line))?),
            None => context.notify(line),
        }
    }

    fn show(&self, name: &JobRef, job: &VideoJob) {
        let (Some(bar), Some(status)) = (self.bars.get(name), &job.status) else { return };
        if let Some((done, all)) = status.progress.as_deref().and_then(units) {
            bar.set_length(all);
            bar.set_position(done);
        }
        let step = status.current_step.map(|step| step.to_string()).unwrap_or_default();
        bar.set_message(format!("{} {step}", phase(job)));
    }

    fn clear(&self) {
        for bar in self.bars.values() {
            bar.finish_and_clear();
        }
    }
}

/// The numbers of `14/26`.
fn units(progress: &str) -> Option<(u64, u64)> {
    let (done, all) = progress.split_once('/')?;
    Some((done.parse().ok()?, all.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use kube::ResourceExt;
    use serde_json::{Value, json};
    use videofactory_crds::requests;

    use super::*;
    use crate::exit::Exit;
    use crate::testing::{Fake, job, list_of, path, run};

    fn film(status: Value) -> VideoJob {
        serde_json::from_value(job("ocean", status)).unwrap()
    }

    #[test]
    fn scenes_are_shown_as_they_come() {
        let at = |state: &str, completed: &str| {
            film(json!({"observedGeneration": 1, "phase": "Running", "steps": [{
                "name": "animate-scenes", "state": state, "scenes": {"total": 12, "completed": completed},
            }]}))
        };
        assert_eq!(changes(None, &at("Running", "")), ["animate-scenes runs"]);
        assert_eq!(changes(Some(&at("Running", "")), &at("Running", "")), [""; 0]);
        assert_eq!(
            changes(Some(&at("Running", "0")), &at("Running", "0-2")),
            ["animate-scenes has made 3 of 12 scenes"]
        );
        assert_eq!(
            changes(Some(&at("Running", "0-2")), &at("Succeeded", "0-11")),
            ["animate-scenes is done"]
        );
    }

    fn at(phase: &str, stalled: &str) -> Value {
        json!({"observedGeneration": 1, "phase": phase, "conditions": [
            {"type": "Ready", "status": "Unknown", "reason": "AwaitingQuota", "message": "quota used up",
             "lastTransitionTime": "2026-12-24T17:30:00Z"},
            {"type": "Stalled", "status": stalled, "reason": "AwaitingQuota", "message": "",
             "lastTransitionTime": "2026-12-24T17:30:00Z"},
        ]})
    }

    #[test]
    fn a_wait_is_shown_once_and_only_some_need_a_person() {
        let waits = film(at("Waiting", "False"));
        assert_eq!(changes(None, &waits), ["Waiting: quota used up"]);
        assert_eq!(changes(Some(&waits), &waits), [""; 0]);
        assert!(!is_over(&waits, Until::Stopped) && is_over(&film(at("Waiting", "True")), Until::Stopped));
        assert!(!is_over(&film(at("Review", "False")), Until::Ended));
        assert!(is_over(&film(at("Failed", "True")), Until::Ended));
    }

    #[test]
    fn a_film_that_was_let_go_needs_nobody_although_its_status_does_not_say_so_yet() {
        let mut film = film(json!({"observedGeneration": 1, "phase": "Suspended"}));
        assert!(!is_over(&film, Until::Stopped) && changes(None, &film).is_empty());
        film.annotations_mut().insert(requests::HOLD.to_owned(), "lunch".to_owned());
        assert!(is_over(&film, Until::Stopped));
        assert_eq!(changes(None, &film), ["Suspended"]);
    }

    #[tokio::test]
    async fn a_film_is_followed_until_it_has_ended() {
        let one = format!("GET {}", path("films", "videojobs", "ocean"));
        let all = format!("GET {}", path("films", "videojobs", ""));
        let running = job(
            "ocean",
            json!({"observedGeneration": 1, "phase": "Running", "steps": [
                {"name": "write-script", "state": "Running"},
            ]}),
        );
        let ended = job(
            "ocean",
            json!({"observedGeneration": 1, "phase": "Failed", "steps": [
                {"name": "write-script", "state": "Failed"},
            ]}),
        );
        let event = json!({"type": "MODIFIED", "object": ended}).to_string() + "\n";
        let fake = Fake::default().on(&one, running.clone()).on(&all, list_of(&[running])).says(
            &all,
            StatusCode::OK,
            event,
        );
        let reported = run(&fake, "status ocean --watch -o json", None).await;
        assert_eq!(
            reported.err,
            "films/ocean: write-script runs\nfilms/ocean: write-script has failed\nfilms/ocean: Failed\n"
        );
        assert!(reported.out.contains("\"phase\": \"Failed\""), "{}", reported.out);
        assert_eq!(reported.exit, Exit::NotAll);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_breaks_off_is_reported_once_and_resumed() {
        let one = format!("GET {}", path("films", "videojobs", "ocean"));
        let all = format!("GET {}", path("films", "videojobs", ""));
        let running = job("ocean", json!({"observedGeneration": 1, "phase": "Running"}));
        let ended = job("ocean", json!({"observedGeneration": 1, "phase": "Succeeded"}));
        let fake = Fake::default()
            .on(&one, running)
            .refuses(&all, 503, "ServiceUnavailable", "starting")
            .refuses(&all, 503, "ServiceUnavailable", "starting")
            .on(&all, list_of(&[ended]));
        let reported = run(&fake, "status ocean --watch -o json", None).await;
        assert_eq!(reported.exit, Exit::Done);
        assert_eq!(reported.err.matches("trying again").count(), 1, "{}", reported.err);
        assert!(reported.err.contains("starting"), "{}", reported.err);
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_is_over_ends_it() {
        let one = format!("GET {}", path("films", "videojobs", "ocean"));
        let all = format!("GET {}", path("films", "videojobs", ""));
        let running = job("ocean", json!({"observedGeneration": 1, "phase": "Running"}));
        let fake = Fake::default().on(&one, running.clone()).on(&all, list_of(&[running])).hangs(&all);
        let reported = run(&fake, "status ocean --watch --timeout 30s", None).await;
        assert_eq!(reported.exit, Exit::TimedOut);
        assert!(reported.err.contains("not all have ended: films/ocean"), "{}", reported.err);
    }
}
