//! `create`: a film from a topic, many from a file of topics, or one from a storyboard.

mod manifest;
mod setting;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use kube::ResourceExt;
use serde_json::Value;
use videofactory_client::estimate::Estimator;
use videofactory_client::job_action::phase;
use videofactory_client::{Estimate, JobRef, batch, new_job};
use videofactory_crds::{Money, Phase, VideoJob};

use self::manifest::Files;
use super::download::{self, What};
use super::status::next;
use crate::args::read_timeout;
use crate::cluster::MANAGER;
use crate::completion::names;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::follow::{self, Until};
use crate::output::{self, Document, Format};

/// Make a film from a topic, many from a file of topics, or one from a storyboard
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # From idea to MP4: shows the scenes as they come, and ends with its path
  kubectl videofactory create \"Why mountains grow\" --scenes 4 --wait

  # A film of each line, all or none of them
  kubectl videofactory create -f topics.txt --channel deep-sea

  # Any setting, by its path in the spec
  kubectl videofactory create Tides --set captions.mode=Sidecar --dry-run=client")]
pub struct CreateArgs {
    /// What the film is about, in a sentence
    #[arg(conflicts_with = "file")]
    pub topic: Option<String>,
    /// A file with a topic a line; -: standard input
    #[arg(short = 'f', long = "filename", id = "file", value_name = "FILE", conflicts_with_all = ["name", "storyboard"], value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// A file with the scenes, in YAML or JSON: a list of them, a spec with scenes, or a whole VideoJob; -: standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub storyboard: Option<PathBuf>,
    /// Name of the VideoJob. Default: made of the topic
    #[arg(long)]
    pub name: Option<String>,
    /// Number of scenes
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=200))]
    pub scenes: Option<u8>,
    /// Length to aim at, such as 45s
    #[arg(long)]
    pub length: Option<videofactory_crds::Duration>,
    /// The Channel whose settings fill in what is left out
    #[arg(long, add = names::channels())]
    pub channel: Option<String>,
    /// Width to height
    #[arg(long, value_parser = ["9:16", "16:9", "1:1", "4:3", "3:4"])]
    pub aspect_ratio: Option<String>,
    /// Language of narration and captions, such as de or pt-BR
    #[arg(long)]
    pub language: Option<String>,
    /// Most that may be paid for it, in US dollars, such as 2.50
    #[arg(long, value_name = "USD")]
    pub budget: Option<Money>,
    /// A cheap look at it: embedded voice, still motion, 360p, not published
    #[arg(long)]
    pub draft: bool,
    /// Any other setting, by its path in the spec; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// A label of the VideoJob; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// Wait for the film, say what happens, download it and print its path; ends with 3 if it fails or needs a person. Of
    /// many, each is waited for
    #[arg(long)]
    pub wait: bool,
    /// The folder that the film is downloaded to, with --wait, which it implies. Default: the current one
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub download: Option<PathBuf>,
    /// With --wait: longest time to wait; 0: for ever
    #[arg(long, value_name = "DURATION", value_parser = read_timeout, default_value = "0")]
    pub timeout: Duration,
    /// Only print what would be made: client does not ask the API server, server lets it check, and says what it would cost
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "client", conflicts_with_all = ["wait", "download"])]
    pub dry_run: Option<DryRun>,
    /// How to print what was made
    #[arg(short, long, value_enum, conflicts_with_all = ["wait", "download"])]
    pub output: Option<Format>,
}

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Nothing is asked
    Client,
    /// The API server checks it, and keeps nothing; what it would cost is told
    Server,
}

/// Makes films.
pub async fn run(args: CreateArgs, context: &mut Context) -> Result<Exit, Error> {
    let files = Files {
        topics: args.file.as_deref().map(|path| read(path, context)).transpose()?,
        storyboard: args.storyboard.as_deref().map(|path| read(path, context)).transpose()?,
    };
    let namespace = context.cluster.namespace.clone();
    let suffix = || uuid::Uuid::new_v4().simple().to_string();
    let mut new = manifest::new_jobs(&args, &files, &namespace, suffix)?;
    match args.dry_run {
        Some(DryRun::Client) => {
            let manifests: Vec<Value> = new.jobs.iter().map(|job| new.manifest(job)).collect();
            print(&manifests, args.output, " created (dry run)\n", context)?;
            return Ok(Exit::Done);
        }
        Some(DryRun::Server) => {
            let client = context.cluster.client()?;
            let mut checked = Vec::new();
            new_job::try_all(&client, &new, MANAGER, |job| checked.push(job)).await?;
            let objects = checked.iter().map(output::object).collect::<Result<Vec<_>, _>>()?;
            print(&objects, args.output, " created (server dry run)\n", context)?;
            let mut estimator = Estimator::new(&client, &namespace);
            let mut estimates = Vec::new();
            for job in &checked {
                estimates.push(estimator.of(job).await?);
            }
            context.tell(cost(&estimates))?;
            return Ok(Exit::Done);
        }
        None => {}
    }
    new.request = suffix();
    let mut made = Vec::new();
    batch::create_all(&context.cluster.client()?, &new, MANAGER, |job| made.push(job)).await?;
    if args.wait || args.download.is_some() {
        return wait(&args, &made, context).await;
    }
    let objects = made.iter().map(output::object).collect::<Result<Vec<_>, _>>()?;
    print(&objects, Some(args.output.unwrap_or(Format::Table)), " created\n", context)?;
    if let (None, [job]) = (args.output, made.as_slice()) {
        let (name, namespace) = (job.name_any(), &namespace);
        context.tell(format!(
            "`kubectl videofactory status {name} -n {namespace} --watch` shows how it comes about"
        ))?;
    }
    Ok(Exit::Done)
}

/// What films would cost, in a line, and a line for each thing that is not in it.
fn cost(estimates: &[Estimate]) -> String {
    let Estimate { cost, unknown } = Estimate::sum(estimates);
    let films = match estimates.len() {
        1 => "film".to_owned(),
        several => format!("{several} films"),
    };
    let first = format!("Expected cost of the {films}: ${cost}");
    unknown.iter().fold(first, |text, why| text + "\n  not in it: " + why)
}

fn read(path: &Path, context: &mut Context) -> Result<String, Error> {
    if path == Path::new("-") {
        let mut text = String::new();
        context.streams.input.read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
        .map_err(|error| Error::new(format!("{} cannot be read: {error}", path.display())))
}

/// Prints objects. `word`: what is said of each where names alone are printed.
fn print(objects: &[Value], format: Option<Format>, word: &str, context: &mut Context) -> Result<(), Error> {
    let lines = |word: &str| -> String {
        let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let lines = objects.iter().map(|object| ["videojob.videofactory.dev/", &name(object), word].concat());
        lines.collect()
    };
    let text = match format.map(|format| (format, format.document())) {
        Some((Format::Name, _)) => lines("\n"),
        Some((_, None)) => lines(word),
        Some((_, Some(Document::Json))) => match objects {
            [one] => output::write(Document::Json, one)?,
            many => output::write(
                Document::Json,
                &serde_json::json!({"apiVersion": "v1", "kind": "List", "items": many}),
            )?,
        },
        // A stream of manifests, which can be applied.
        Some((_, Some(Document::Yaml))) | None => {
            let texts = objects.iter().map(|object| output::write(Document::Yaml, object));
            texts.collect::<Result<Vec<_>, _>>()?.join("---\n")
        }
    };
    context.data(&text)
}

async fn wait(args: &CreateArgs, made: &[VideoJob], context: &mut Context) -> Result<Exit, Error> {
    let names: Vec<JobRef> = made.iter().map(JobRef::of).collect();
    for name in &names {
        context.tell(format!("{name}: created"))?;
    }
    let ended = follow::follow(&names, Until::Stopped, args.timeout, context).await?;
    let folder = args.download.clone().unwrap_or_else(|| PathBuf::from("."));
    let (mut all, mut fetched) = (true, true);
    for job in &ended {
        let name = JobRef::of(job);
        if phase(job) != Phase::Succeeded {
            all = false;
            context.tell(format!("{name}: next: {}", next::step(job, context.now())))?;
            continue;
        }
        match download::fetch(job, What::Video, &folder, context).await {
            Ok(path) => context.data(&format!("{}\n", path.display()))?,
            Err(error) if error.is_closed_pipe() => return Err(error),
            // The others have been made, and paid for, all the same.
            Err(error) => {
                fetched = false;
                context.tell(format!("{name}: {error}"))?;
                context.tell(format!("{name}: next: {}", next::step(job, context.now())))?;
            }
        }
    }
    Ok(if fetched { Exit::of_all(all) } else { Exit::Failed })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, Seen, job, list_of, path, run};

    fn creates() -> String {
        format!("POST {}", path("films", "videojobs", ""))
    }

    #[tokio::test]
    async fn a_dry_run_prints_what_can_be_applied() {
        let fake = Fake::default();
        let ended =
            run(&fake, "create Rivers --name rivers --scenes 2 --aspect-ratio 9:16 --dry-run=client", None)
                .await;
        assert_eq!(
            ended.out,
            "\
apiVersion: videofactory.dev/v1alpha1
kind: VideoJob
metadata:
  name: rivers
  namespace: films
spec:
  format:
    aspectRatio: \"9:16\"
  sceneCount: 2
  topic: Rivers
"
        );
        assert_eq!((fake.seen(), ended.exit), (vec![], Exit::Done));
        let named = run(&fake, "create Rivers --name rivers --dry-run -o name", None).await;
        assert_eq!(named.out, "videojob.videofactory.dev/rivers\n");
    }

    #[tokio::test]
    async fn a_film_is_created_with_strict_fields() {
        let fake = Fake::default().on(&creates(), job("rivers", json!({})));
        let ended = run(&fake, "create Rivers --name rivers", None).await;
        assert_eq!(ended.out, "videojob.videofactory.dev/rivers created\n");
        assert!(ended.err.contains("status rivers -n films --watch"), "{}", ended.err);
        let sent = fake.writes();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].query, "fieldManager=kubectl-videofactory&fieldValidation=Strict");
        assert_eq!(sent[0].body["spec"], json!({"topic": "Rivers"}));
    }

    #[tokio::test]
    async fn a_dry_run_on_the_server_tells_what_films_would_cost() {
        let spec = json!({
            "topic": "Rivers", "sceneCount": 3, "length": {"target": "15s"},
            "providers": {"animation": {"accountRef": {"name": "grok"}}, "images": {"accountRef": {"name": "gone"}}},
        });
        let mut rivers = job("rivers", json!({}));
        rivers["spec"] = spec;
        let account = json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "grok"},
            "spec": {"provider": "XAI", "prices": {"videoSecond": "0.10"}},
        });
        let fake = Fake::default()
            .on(&creates(), rivers)
            .on(&format!("GET {}", path("films", "provideraccounts", "grok")), account);
        let ended = run(&fake, "create Rivers --name rivers --dry-run=server -o name", None).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::Done, "videojob.videofactory.dev/rivers\n"));
        let expected = "Expected cost of the film: $1.80\n  not in it: generate-images: ProviderAccount \"gone\" does not exist";
        assert!(ended.err.starts_with(expected), "{}", ended.err);
        assert!(fake.writes().iter().all(|seen| seen.query.ends_with("&dryRun=All")), "{:?}", fake.writes());
    }

    #[tokio::test]
    async fn of_many_all_are_tried_before_one_is_made() {
        let fake = Fake::default().on(&creates(), job("rivers", json!({}))).refuses(
            &creates(),
            422,
            "Invalid",
            "spec.topic: Too long",
        );
        let ended = run(&fake, "create -f -", Some("Rivers\nSeas\n")).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::Failed, ""));
        assert!(ended.err.contains("Too long"), "{}", ended.err);
        assert!(fake.writes().iter().all(|seen| seen.query.ends_with("&dryRun=All")), "{:?}", fake.writes());
    }

    #[tokio::test]
    async fn of_many_each_is_held_until_all_are_there_and_then_let_go() {
        let hold = |seen: &Seen| seen.body["metadata"]["annotations"].get("videofactory.dev/hold").cloned();
        let fake = Fake::default();
        let ended = run(&fake, "create -f - -o json", Some("Rivers\nSeas\n")).await;
        assert_eq!(ended.exit, Exit::Done, "{}", ended.err);
        assert!(!ended.out.contains("videofactory.dev/hold"), "{}", ended.out);
        let made: Vec<Seen> =
            fake.writes().into_iter().filter(|seen| !seen.query.contains("dryRun")).collect();
        let [first, second, let_go @ ..] = made.as_slice() else { panic!("{made:?}") };
        for film in [first, second] {
            let why = hold(film).unwrap_or_default();
            assert!(why.as_str().is_some_and(|why| why.starts_with("created together")), "{film:?}");
        }
        let let_go: Vec<_> =
            let_go.iter().map(|seen| (seen.what.starts_with("PATCH "), hold(seen))).collect();
        assert_eq!(let_go, [(true, Some(Value::Null)), (true, Some(Value::Null))]);
        let alone = Fake::default();
        run(&alone, "create Rivers --name rivers", None).await;
        assert_eq!(alone.writes().iter().map(hold).collect::<Vec<_>>(), [None]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_film_that_may_have_been_made_is_named() {
        let fake = Fake::default().hangs(&creates());
        let ended = run(&fake, "create Rivers --name rivers", None).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::Failed, ""));
        let told = "look whether these films are there before you try again: films/rivers";
        assert!(ended.err.contains(told), "{}", ended.err);
    }

    #[tokio::test]
    async fn a_film_that_fails_ends_the_wait_with_what_to_do() {
        let ready = json!({"type": "Ready", "status": "False", "reason": "RetriesExhausted", "message": "",
                           "lastTransitionTime": "2026-12-24T18:00:00Z"});
        let failed =
            job("rivers", json!({"observedGeneration": 1, "phase": "Failed", "conditions": [ready]}));
        let list = format!("GET {}", path("films", "videojobs", ""));
        let fake = Fake::default().on(&creates(), job("rivers", json!({}))).on(&list, list_of(&[failed]));
        let ended = run(&fake, "create Rivers --name rivers --wait", None).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::NotAll, ""));
        assert!(ended.err.starts_with("films/rivers: created\nfilms/rivers: Failed\n"), "{}", ended.err);
        assert!(
            ended.err.contains("next: look at `kubectl videofactory logs rivers -n films`"),
            "{}",
            ended.err
        );
    }

    #[tokio::test]
    async fn a_download_that_fails_keeps_no_other_from_being_tried() {
        let made = json!({
            "observedGeneration": 1, "phase": "Succeeded", "artifacts": {"video": {"key": "videos/a.mp4"}},
        });
        let list = format!("GET {}", path("films", "videojobs", ""));
        let (rivers, seas) = (job("rivers", json!({})), job("seas", json!({})));
        // Both are tried before one is made.
        let fake = [&rivers, &seas, &rivers, &seas]
            .into_iter()
            .fold(Fake::default(), |fake, film| fake.on(&creates(), film.clone()))
            .on(&list, list_of(&[job("rivers", made)]));
        let folder = tempfile::tempdir().unwrap();
        let line = format!("create -f - --wait --download {}", folder.path().display());
        let ended = run(&fake, &line, Some("Rivers\nSeas\n")).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::Failed, ""), "there is no operator");
        assert_eq!(ended.err.matches("films/rivers: error: ").count(), 2, "{}", ended.err);
        let next = "next: watch it: `kubectl videofactory download rivers -n films`";
        assert_eq!(ended.err.matches(next).count(), 2, "{}", ended.err);
    }

    #[tokio::test]
    async fn flags_that_exclude_each_other_are_a_usage_error() {
        for line in [
            "create Rivers -f topics.txt",
            "create",
            "create Rivers --wait --dry-run",
            "create Rivers --scenes 0",
        ] {
            assert_eq!(run(&Fake::default(), line, None).await.exit, Exit::Usage, "{line}");
        }
    }
}
