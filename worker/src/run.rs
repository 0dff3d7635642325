//! One attempt from its beginning to its exit code: reads the input, runs the step, keeps the deadline,
//! obeys SIGTERM, and writes the outcome to the bucket, then to the termination file, then the rest of the log. Whatever
//! happens, there is an outcome.

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use videofactory_net::Network;
use videofactory_pipeline::contract::Grace;
use videofactory_pipeline::files_written::{FilesWritten, FilesWrittenByKind};
use videofactory_pipeline::keys::kind_of;
use videofactory_pipeline::{ExitCode, StepInput, StepOutcome};
use videofactory_storage::{Bucket, Written};

use crate::confine;
use crate::context::{Context, Paths, read_input};
use crate::logs::Log;
use crate::outcome::{CutShort, Made, StepError, of_attempt};
use crate::paid::UsageRecorder;
use crate::progress::Progress;
use crate::steps;
use videofactory_film::ffmpeg::launch_by;

/// How long a step that was asked to stop may take to be given up after [`Grace`]. With the outcome's and the log's own
/// limits this stays within what the pod is given beyond that.
const ABORT_TAKES: Duration = Duration::from_secs(2);
/// How often it is looked whether anything that was paid for is still under way.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How long the outcome may take on its way to the bucket.
const OUTCOME_TAKES: Duration = Duration::from_secs(8);

/// How long the end of the log may take.
const LOG_TAKES: Duration = Duration::from_secs(6);

/// Runs the attempt that the environment describes; the process's exit code.
pub async fn run() -> i32 {
    // With several providers compiled in, rustls would refuse to choose.
    drop(rustls::crypto::ring::default_provider().install_default());
    // First of all: the first process of a container that has no handler yet never sees the signal.
    let terminated = signal(SignalKind::terminate());
    let log = Log::default();
    log.install();
    let paths = Paths::of_process();
    confine_decoders(&paths);
    let input = match read_input(&paths) {
        Ok(input) => input,
        Err(message) => {
            tracing::error!(error = %message, "failed to read the input of the step");
            // Without an input there is no attempt that an outcome could speak of.
            write_termination(&paths.termination(), &message);
            return ExitCode::Configuration.code();
        }
    };
    // Every line of the log says whose attempt it is about.
    let span = tracing::info_span!(
        "step", step = %input.step, namespace = input.job.namespace, videojob = input.job.name, run = input.job.run,
        attempt = input.attempt
    );
    begin(&input, &paths, log, terminated).instrument(span).await.exit.code()
}

/// The attempt, or what keeps it from beginning: an outcome either way.
async fn begin(
    input: &StepInput,
    paths: &Paths,
    log: Log,
    terminated: std::io::Result<Signal>,
) -> StepOutcome {
    let network = Network::of_environment().map_err(StepError::FollowSettings);
    let opened = network.and_then(|network| Context::open(input.clone(), paths.clone(), network));
    match opened {
        Ok(context) => attempt(context, log, terminated).await,
        Err(error) => {
            let (progress, usage) = (Progress::default(), UsageRecorder::default());
            let outcome = of_attempt(input, Err(error), CutShort::No, &progress, &usage);
            log_outcome(&outcome);
            write_termination(&paths.termination(), &outcome.to_message());
            outcome
        }
    }
}

/// Has programs that decode started with no way to the pod's keys.
fn confine_decoders(paths: &Paths) {
    if let Some(launcher) = confine::launcher(&paths.work()) {
        launch_by(launcher);
    } else {
        tracing::warn!("this program does not find itself: programs that decode are not confined");
    }
    if let Some(shortcoming) = confine::shortcoming() {
        tracing::warn!(shortcoming, "programs that decode are not confined altogether");
    }
}

async fn attempt(context: Context, log: Log, terminated: std::io::Result<Signal>) -> StepOutcome {
    let input = context.input.clone();
    let log_done = CancellationToken::new();
    let keeping = log.keep(context.bucket.clone(), input.clone(), log_done.clone());
    let keeper = tokio::spawn(keeping.in_current_span());
    let posting = context.progress.clone().post(input.progress_url.clone(), context.paths.token());
    let poster = tokio::spawn(posting.in_current_span());
    tracing::info!(input = %input.input, "the attempt begins");

    let (result, cut) = work(&context, terminated).await;
    let mut outcome = of_attempt(&input, result, cut, &context.progress, &context.usage);
    outcome.files_written = files_written(&context.bucket);
    poster.abort();
    let spans = tokio::spawn(context.traces.clone().send(context.network.clone()).in_current_span());
    log_outcome(&outcome);
    if !outcome.did_nothing {
        // The place is the other execution's.
        record(&context, &outcome).await;
    }
    // Before the log: a bucket that hangs must not cost the outcome.
    write_termination(&context.paths.termination(), &outcome.to_message());
    log_done.cancel();
    if tokio::time::timeout(LOG_TAKES, keeper).await.is_err() {
        tracing::error!("failed to keep the end of the log in the bucket in time");
    }
    // It has a limit of its own, which has begun long ago.
    drop(spans.await);
    outcome
}

/// Runs the step until it ends, SIGTERM or the deadline; after those it may end by itself for a while.
async fn work(context: &Context, terminated: std::io::Result<Signal>) -> (Result<Made, StepError>, CutShort) {
    let mut terminated = match terminated {
        Ok(signal) => signal,
        Err(error) => return (Err(StepError::Break(format!("no signal handler: {error}"))), CutShort::No),
    };
    let deadline = Duration::from_secs(context.input.deadline_seconds.into());
    let for_step = context.clone();
    let mut step = tokio::spawn(async move { steps::run(&for_step).await }.in_current_span());
    let cut = tokio::select! {
        joined = &mut step => return (flatten(joined), CutShort::No),
        _ = terminated.recv() => CutShort::Interrupted,
        () = tokio::time::sleep(deadline) => CutShort::Deadline,
    };
    tracing::warn!(cause = ?cut, "asked to stop; nothing more is begun");
    context.stop.cancel();
    (end_within(step, Grace::of(&context.input), &context.usage).await, cut)
}

/// Waits for the step to end: longer, if an answer that is paid for would be lost with it.
async fn end_within(
    mut step: JoinHandle<Result<Made, StepError>>,
    grace: Grace,
    usage: &UsageRecorder,
) -> Result<Made, StepError> {
    let began = Instant::now();
    loop {
        let allowed_time = if usage.is_in_flight() { grace.in_flight } else { grace.idle };
        let left = allowed_time.saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        if let Ok(joined) = tokio::time::timeout(left.min(POLL_INTERVAL), &mut step).await {
            return flatten(joined);
        }
    }
    step.abort();
    // Its children are killed as it is dropped. One that never yields cannot be dropped, and must not cost the outcome.
    match tokio::time::timeout(ABORT_TAKES, step).await {
        Ok(Ok(result)) => result,
        _ => Err(StepError::Stop),
    }
}

fn flatten(joined: Result<Result<Made, StepError>, tokio::task::JoinError>) -> Result<Made, StepError> {
    joined.unwrap_or_else(|error| {
        let Ok(panic) = error.try_into_panic() else { return Err(StepError::Stop) };
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(StepError::Break(text.to_owned()))
    })
}

fn log_outcome(outcome: &StepOutcome) {
    let scenes = outcome.scenes.as_ref().map(|report| report.completed.to_string());
    // Of a step without scenes, or before the first, nothing is said.
    let scenes = scenes.as_deref().filter(|numbers| !numbers.is_empty());
    if outcome.exit == ExitCode::Done {
        tracing::info!(scenes, outcome = outcome.message, "the step is done");
    } else {
        tracing::error!(scenes, exit = outcome.exit.code(), error = outcome.message, "the attempt ends");
    }
}

/// What this attempt has added to the bucket so far.
fn files_written(bucket: &Bucket) -> FilesWrittenByKind {
    let written = bucket.written().into_iter();
    let of_kind = |(folder, sum): (String, Written)| {
        Some((kind_of(&folder)?, FilesWritten { objects: sum.objects, bytes: sum.bytes }))
    };
    written.filter_map(of_kind).collect()
}

/// Writes the outcome to the bucket, where it is read when pod or message are gone.
async fn record(context: &Context, outcome: &StepOutcome) {
    let key = context.keys.outcome(outcome.step, outcome.attempt);
    let write = context.bucket.put_json_once(&key, outcome);
    match tokio::time::timeout(OUTCOME_TAKES, write).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "failed to record the outcome in the bucket"),
        Err(_) => tracing::warn!("failed to record the outcome in the bucket in time"),
    }
}

fn write_termination(path: &Path, message: &str) {
    if let Err(error) = std::fs::write(path, message) {
        tracing::error!(path = %path.display(), %error, "failed to write the outcome");
    }
}

#[cfg(test)]
mod tests {
    use crate::traces::SENDING_TAKES;
    use videofactory_crds::StepName;
    use videofactory_pipeline::contract::longest_answer;
    use videofactory_providers::{MAX_ACCEPTANCE, MAX_ANSWER, MAX_OPENING};

    use super::*;

    #[tokio::test]
    async fn a_step_that_panics_ends_as_a_fault_of_ours() {
        let broken = tokio::spawn(async { panic!("the sea is empty") });
        let error = flatten(broken.await).unwrap_err();
        assert_eq!(error.exit(), ExitCode::Bug);
        assert!(error.to_string().contains("the sea is empty"), "{error}");
    }

    const GRACE: Grace = Grace { idle: Duration::from_secs(10), in_flight: Duration::from_secs(330) };

    #[tokio::test(start_paused = true)]
    async fn a_step_that_does_not_stop_is_dropped() {
        let (stubborn, began) = (tokio::spawn(std::future::pending()), Instant::now());
        let ended = end_within(stubborn, GRACE, &UsageRecorder::default()).await;
        assert!(matches!(ended, Err(StepError::Stop)));
        assert_eq!(began.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_paid_for_is_waited_for_and_stored_after_a_signal() {
        let usage = UsageRecorder::default();
        let entry = usage.record_submission("grok", videofactory_crds::units::Money::ZERO);
        let its = usage.clone();
        let step = tokio::spawn(async move {
            // The answer takes minutes, and so does the bucket then.
            tokio::time::sleep(Duration::from_secs(250)).await;
            let held = its.mark_in_flight();
            its.record_accepted(entry, "2026-11-28T18:00:00Z".parse().unwrap());
            tokio::time::sleep(Duration::from_secs(70)).await;
            drop(held);
            Ok(Made::default())
        });
        assert!(end_within(step, GRACE, &usage).await.is_ok(), "what was paid for was thrown away");
        // What is under way has a limit too.
        let (_held, began) = (usage.mark_in_flight(), Instant::now());
        assert!(end_within(tokio::spawn(std::future::pending()), GRACE, &usage).await.is_err());
        assert_eq!(began.elapsed().as_secs(), 330);
    }

    #[test]
    fn services_are_given_their_time_and_the_pod_outlives_its_worker() {
        for (step, takes) in [
            (StepName::WriteScript, MAX_ANSWER),
            (StepName::GenerateImages, MAX_ANSWER),
            (StepName::NarrateScenes, MAX_ANSWER),
            (StepName::AnimateScenes, MAX_ACCEPTANCE),
            (StepName::PublishVideo, MAX_OPENING),
        ] {
            assert!(takes <= longest_answer(step), "{step} is given less than its services take");
        }
        let after = ABORT_TAKES + OUTCOME_TAKES + LOG_TAKES + SENDING_TAKES;
        assert!(i64::try_from((GRACE.in_flight + after).as_secs()).unwrap() < GRACE.pod_seconds());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_step_that_never_yields_does_not_cost_the_outcome() {
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let (begins, begun) = tokio::sync::oneshot::channel();
        let stuck = tokio::spawn(async move {
            let _ = begins.send(());
            let _ = held.recv();
            Ok(Made::default())
        });
        begun.await.unwrap();
        let grace = Grace { idle: Duration::ZERO, ..GRACE };
        let ended =
            tokio::time::timeout(GRACE.idle, end_within(stuck, grace, &UsageRecorder::default())).await;
        assert!(matches!(ended, Ok(Err(StepError::Stop))), "the outcome waited for the step");
        drop(let_go);
    }
}
