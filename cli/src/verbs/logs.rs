//! `logs`: what the pods of a film's steps write, or wrote.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use futures::future::pending;
use futures::stream::{BoxStream, SelectAll};
use futures::{AsyncBufReadExt, Stream, StreamExt};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use videofactory_client::job_action::phase;
use videofactory_client::job_advice::attention;
use videofactory_client::{CallError, JobRef, within};
use videofactory_crds::labels::{ATTEMPT, STEP, UID, WORKER};
use videofactory_crds::{Phase, StepName, VideoJob};

use crate::context::Context;
use crate::exit::{Error, Exit, causes, lasting};
use crate::flags::JobName;
use crate::operator::Operator;
use crate::text::plain;

/// Show the logs of a job's steps
///
/// From their pods, or from the bucket if the pods are gone.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory logs ocean-facts --step animate-scenes --tail 50
  kubectl videofactory logs ocean-facts -f")]
pub struct LogsArgs {
    #[command(flatten)]
    job: JobName,
    /// Only of this step
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(StepName::ALL.map(StepName::as_str)))]
    step: Option<String>,
    /// Show new lines as they come, until the job has ended or needs a person
    #[arg(short, long)]
    follow: bool,
    /// Number of lines from the end of each log
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(i64).range(1..=10_000))]
    tail: Option<i64>,
    /// Lines as they were written, in JSON
    #[arg(long)]
    raw: bool,
}

/// How long a pod that has not begun is waited for once the film is done: it may be one that nothing came of.
const LATE: Duration = Duration::from_secs(10);
/// What to do where a log breaks off.
const AGAIN: &str = "run the command again: the log starts from its beginning";

/// Shows logs.
pub async fn run(args: LogsArgs, context: &mut Context) -> Result<Exit, Error> {
    let name = context.job(&args.job.name)?;
    let job = context.get(&name).await?;
    let mut selector = format!("{UID}={}", job.uid().unwrap_or_default());
    if let Some(step) = &args.step {
        selector = format!("{selector},{STEP}={step}");
    }
    if args.follow && !has_ended(&job) {
        return follow(&name, &selector, &args, context).await;
    }
    let pods: Api<Pod> = Api::namespaced(context.cluster.client()?, &name.namespace);
    let mut found = list(&pods, &selector, &name).await?;
    found.retain(has_begun);
    if found.is_empty() {
        return kept(&job, &args, context).await;
    }
    let streaming: Api<Pod> = Api::namespaced(context.cluster.streaming_client()?, &name.namespace);
    let mut all = true;
    for pod in &found {
        let Some(mut lines) = open(streaming.clone(), pod, &args, false, context).await? else {
            all = false;
            continue;
        };
        while let Some(line) = lines.next().await {
            show(&line?, args.raw, context)?;
        }
    }
    Ok(Exit::of_all(all))
}

/// The pods that are there, in the order in which they began.
async fn list(pods: &Api<Pod>, selector: &str, name: &JobRef) -> Result<Vec<Pod>, Error> {
    let params = ListParams::default().labels(selector);
    let mut found = within(format!("list the pods of {name}"), pods.list(&params)).await?.items;
    found.sort_by_key(|pod| (pod.creation_timestamp(), pod.name_any()));
    Ok(found)
}

fn has_ended(job: &VideoJob) -> bool {
    phase(job).is_terminal() || attention(job).is_some()
}

/// Whether there is anything to read.
fn has_begun(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Running" | "Succeeded" | "Failed"))
}

/// Whether there may be something to read later.
fn may_begin(pod: &Pod) -> bool {
    !has_begun(pod) && pod.metadata.deletion_timestamp.is_none()
}

/// A line, and whose it is.
struct Line {
    step: String,
    text: String,
}

type Lines = BoxStream<'static, Result<Line, Error>>;

/// The log of a pod. Where it alone has none, that is reported: the others may have what is looked for.
async fn open(
    api: Api<Pod>,
    pod: &Pod,
    args: &LogsArgs,
    follow: bool,
    context: &mut Context,
) -> Result<Option<Lines>, Error> {
    let name = pod.name_any();
    let container = Some(WORKER.to_owned());
    let params = LogParams { follow, tail_lines: args.tail, container, ..LogParams::default() };
    let what = format!("read the log of pod {name}");
    let opened = match within(what.clone(), api.log_stream(&name, &params)).await {
        Ok(opened) => opened,
        Err(error) if has_none(&error) => {
            context.notify(error.for_people())?;
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let step = format!("{}-{}", label(pod, STEP), label(pod, ATTEMPT));
    let lines = opened.lines().map(move |line| match line {
        Ok(text) => Ok(Line { step: step.clone(), text }),
        Err(error) => Err(Error::new(format!("failed to {what}: {error}")).hint(AGAIN)),
    });
    Ok(Some(lines.boxed()))
}

/// Whether the pod has no log: it ended before it had a container, or is gone.
fn has_none(error: &CallError) -> bool {
    matches!(error, CallError::Refused { status, .. } if matches!(status.code, 400 | 404))
}

fn label(pod: &Pod, name: &str) -> String {
    pod.labels().get(name).cloned().unwrap_or_default()
}

fn show(line: &Line, raw: bool, context: &mut Context) -> Result<(), Error> {
    let text = if raw { line.text.clone() } else { readable(&line.text, &line.step) };
    context.data(&(text + "\n"))
}

/// What happens while logs are followed.
enum News {
    Pod(Box<Pod>),
    /// There may be fewer pods than there were.
    Fewer,
    Job(Box<VideoJob>),
    Gone,
    Trouble(watcher::Error),
}

fn news(name: &JobRef, selector: &str, context: &Context) -> Result<impl Stream<Item = News> + use<>, Error> {
    let client = context.cluster.streaming_client()?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), &name.namespace);
    let jobs: Api<VideoJob> = Api::namespaced(client, &name.namespace);
    let pods = watcher(pods, watcher::Config::default().labels(selector)).default_backoff().map(of_pods);
    let jobs = watcher::watch_object(jobs, &name.name).default_backoff().map(|job| match job {
        Ok(Some(job)) => News::Job(Box::new(job)),
        Ok(None) => News::Gone,
        Err(error) => News::Trouble(error),
    });
    Ok(futures::stream::select(pods.boxed(), jobs.boxed()))
}

fn of_pods(event: Result<watcher::Event<Pod>, watcher::Error>) -> News {
    match event {
        Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => News::Pod(Box::new(pod)),
        // Of what was deleted while a watch was broken off, a new list says nothing.
        Ok(watcher::Event::Delete(_) | watcher::Event::Init | watcher::Event::InitDone) => News::Fewer,
        Err(error) => News::Trouble(error),
    }
}

/// Ends at that time; without one never.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

async fn follow(
    name: &JobRef,
    selector: &str,
    args: &LogsArgs,
    context: &mut Context,
) -> Result<Exit, Error> {
    let mut news = news(name, selector, context)?;
    let api: Api<Pod> = Api::namespaced(context.cluster.streaming_client()?, &name.namespace);
    let mut lines: SelectAll<Lines> = SelectAll::new();
    let (mut seen, mut all, mut trouble) = (BTreeSet::new(), true, None);
    let (mut ended, mut has_succeeded, mut give_up) = (false, false, None);
    loop {
        let mut pods = Vec::new();
        tokio::select! {
            Some(line) = lines.next(), if !lines.is_empty() => show(&line?, args.raw, context)?,
            () = at(give_up), if give_up.is_some() && lines.is_empty() => break,
            Some(news) = news.next() => match news {
                News::Pod(pod) => pods.push(*pod),
                News::Fewer => {}
                News::Job(job) => {
                    ended = has_ended(&job);
                    has_succeeded = phase(&job) == Phase::Succeeded;
                }
                News::Gone => return Err(Error::deleted("VideoJob", name)),
                News::Trouble(error) => {
                    let words = causes(&error);
                    if let Some(error) = lasting(&format!("watch {name} and its pods"), error) {
                        return Err(error);
                    }
                    if trouble.replace(words.clone()).as_ref() != Some(&words) {
                        context.notify(format!("{name}: {words}; trying again"))?;
                    }
                }
            },
            else => break,
        }
        let looks = ended && lines.is_empty();
        if looks {
            // The end of the film may be reported before its last pod, and before that pod is said to have begun.
            pods = list(&api, selector, name).await?;
        }
        for pod in pods.iter().filter(|pod| has_begun(pod)) {
            if seen.insert(pod.name_any()) {
                match open(api.clone(), pod, args, true, context).await? {
                    Some(more) => lines.push(more),
                    None => all = false,
                }
            }
        }
        if looks && lines.is_empty() {
            if !has_succeeded || !pods.iter().any(may_begin) {
                break;
            }
            give_up = give_up.or_else(|| Instant::now().checked_add(LATE));
        }
    }
    Ok(Exit::of_all(all))
}

/// The lines that were kept in the bucket, where the pods are gone.
async fn kept(job: &VideoJob, args: &LogsArgs, context: &mut Context) -> Result<Exit, Error> {
    let name = JobRef::of(job);
    let begun = job.status.iter().flat_map(|status| &status.steps).filter(|step| step.attempt.is_some());
    let steps: Vec<String> = match &args.step {
        Some(step) => vec![step.clone()],
        None => begun.map(|step| step.name.to_string()).collect(),
    };
    if steps.is_empty() {
        context.notify(format!("{name} has no log yet: no step has been begun."))?;
        return Ok(Exit::Done);
    }
    let operator = Operator::find(&context.cluster).await?;
    let mut trouble = None;
    for step in steps {
        let tail = args.tail.map(|lines| format!("&tail={lines}")).unwrap_or_default();
        match operator.get(&format!("/jobs/{name}/logs?step={step}{tail}"), HeaderMap::new()).await {
            Ok(response) => copy(response.into_body(), &step, args.raw, context).await?,
            // Of one step there may be nothing left, and of the others all.
            Err(error) => {
                context.notify(format!("{step}: {}", error.message))?;
                trouble = Some(error);
            }
        }
    }
    Ok(Exit::of_all(trouble.is_none()))
}

async fn copy(mut body: Incoming, step: &str, raw: bool, context: &mut Context) -> Result<(), Error> {
    let line = |bytes: &[u8]| Line {
        step: step.to_owned(),
        text: String::from_utf8_lossy(bytes).trim_end().to_owned(),
    };
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        let broke_off =
            |error: hyper::Error| Error::new(format!("the log of {step} broke off: {error}")).hint(AGAIN);
        let frame = frame.map_err(broke_off)?;
        rest.extend_from_slice(&frame.into_data().unwrap_or_default());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let whole: Vec<u8> = rest.drain(..=end).collect();
            show(&line(&whole), raw, context)?;
        }
    }
    if rest.is_empty() { Ok(()) } else { show(&line(&rest), raw, context) }
}

/// A line of JSON as people read it; any other as it is.
fn readable(text: &str, step: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else {
        return [step, &plain(text)]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(" ");
    };
    let mut take = |name: &str| {
        let value = fields.remove(name)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let (time, level, message) = (take("timestamp"), take("level"), take("message"));
    take("target");
    // Whose log it is has been asked for.
    take("span");
    let step = take("step").filter(|_| step.is_empty()).unwrap_or_else(|| step.to_owned());
    let mut parts: Vec<String> = [time, level, Some(step), message].into_iter().flatten().collect();
    parts.retain(|part| !part.is_empty());
    parts.extend(fields.into_iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    }));
    plain(&parts.join(" "))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, job, list_of, path, run};

    #[test]
    fn a_line_of_json_is_readable() {
        let line = r#"{"timestamp":"2026-12-24T17:00:10Z","level":"INFO","message":"a scene is made","scene":3,"target":"videofactory_worker","span":{"name":"step","videojob":"ocean-facts"}}"#;
        assert_eq!(
            readable(line, "animate-scenes-1"),
            "2026-12-24T17:00:10Z INFO animate-scenes-1 a scene is made scene=3"
        );
        assert_eq!(readable("thread panicked\u{1b}[0m", "x-1"), "x-1 thread panicked [0m");
        assert_eq!(readable("plain", ""), "plain");
    }

    fn pod(name: &str, step: &str, at: &str) -> Value {
        json!({
            "metadata": {
                "name": name, "namespace": "films", "creationTimestamp": at,
                "labels": {"videofactory.dev/step": step, "videofactory.dev/attempt": "1"},
            },
            "status": {"phase": "Succeeded"},
        })
    }

    #[tokio::test]
    async fn a_pod_without_a_log_keeps_none_of_the_others_from_being_read() {
        let mut refused = pod("a", "write-script", "2026-12-24T17:00:00Z");
        refused["status"]["phase"] = json!("Failed");
        let pods = [refused, pod("b", "write-script", "2026-12-24T17:10:00Z")];
        let why = "container \"worker\" in pod \"a\" is waiting to start";
        let fake = Fake::default()
            .on(
                &format!("GET {}", path("films", "videojobs", "ocean")),
                job("ocean", json!({"phase": "Failed"})),
            )
            .on("GET /api/v1/namespaces/films/pods", list_of(&pods))
            .refuses("GET /api/v1/namespaces/films/pods/a/log", 400, "BadRequest", why)
            .says("GET /api/v1/namespaces/films/pods/b/log", StatusCode::OK, "made\n".to_owned());
        let ended = run(&fake, "logs ocean", None).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::NotAll, "write-script-1 made\n"));
        assert!(ended.err.contains("pod a: ") && ended.err.contains(why), "{}", ended.err);
    }

    /// A film that is done while its log is followed, and a pod of it that has not begun.
    fn done_with(pod: &Value) -> Fake {
        let (film, pods) = (path("films", "videojobs", "ocean"), "/api/v1/namespaces/films/pods");
        let films = path("films", "videojobs", "");
        Fake::default()
            .on(&format!("GET {film}"), job("ocean", json!({"phase": "Running"})))
            .on(&format!("GET {films}"), list_of(&[job("ocean", json!({"phase": "Succeeded"}))]))
            .hangs(&format!("WATCH {films}"))
            .on(&format!("GET {pods}"), list_of(std::slice::from_ref(pod)))
            .hangs(&format!("WATCH {pods}"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_film_that_is_done_is_not_followed_for_a_pod_that_never_begins() {
        let mut left = pod("a", "write-script", "2026-12-24T17:00:00Z");
        left["status"]["phase"] = json!("Pending");
        let begun = Instant::now();
        let ended = run(&done_with(&left), "logs ocean -f", None).await;
        assert_eq!((ended.exit, ended.err.as_str()), (Exit::Done, ""));
        assert_eq!(begun.elapsed().as_secs(), LATE.as_secs());
        left["metadata"]["deletionTimestamp"] = json!("2026-12-24T17:59:00Z");
        let begun = Instant::now();
        let ended = run(&done_with(&left), "logs ocean -f", None).await;
        assert_eq!((ended.exit, begun.elapsed().as_secs()), (Exit::Done, 0), "{}", ended.err);
    }

    #[test]
    fn a_pod_that_is_deleted_is_a_reason_to_look_again() {
        let gone = serde_json::from_value(pod("a", "write-script", "2026-12-24T17:00:00Z")).unwrap();
        assert!(matches!(of_pods(Ok(watcher::Event::Delete(gone))), News::Fewer));
    }

    #[tokio::test]
    async fn pods_are_read_in_the_order_in_which_they_began() {
        let pods = [
            pod("b", "animate-scenes", "2026-12-24T17:10:00Z"),
            pod("a", "write-script", "2026-12-24T17:00:00Z"),
        ];
        let log = |pod: &str| format!("GET /api/v1/namespaces/films/pods/{pod}/log");
        let line = |message: &str| json!({"level": "INFO", "message": message}).to_string() + "\n";
        let fake = Fake::default()
            .on(
                &format!("GET {}", path("films", "videojobs", "ocean")),
                job("ocean", json!({"phase": "Failed"})),
            )
            .on("GET /api/v1/namespaces/films/pods", list_of(&pods))
            .says(&log("a"), StatusCode::OK, line("written"))
            .says(&log("b"), StatusCode::OK, line("moved"));
        let ended = run(&fake, "logs ocean --tail 5", None).await;
        assert_eq!(ended.out, "INFO write-script-1 written\nINFO animate-scenes-1 moved\n");
        assert_eq!((ended.exit, ended.err.as_str()), (Exit::Done, ""));
        let asked = fake.seen();
        assert!(asked[1].query.contains("videofactory.dev%2Fuid%3D0c5e9a3b"), "{asked:?}");
        assert!(asked[2].query.contains("tailLines=5"), "{asked:?}");
        let raw = run(&fake, "logs ocean --raw --follow", None).await;
        assert!(raw.out.starts_with("{\"level\":\"INFO\""), "{}", raw.out);
    }
}
