//! `create`: a film from a topic, many from a file of topics, or one from a storyboard.

mod estimate;
mod manifest;
mod setting;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use kube::ResourceExt;
use serde_json::Value;
use videofactory_client::job_action::phase;
use videofactory_client::new_job::{self, NewJobs};
use videofactory_client::{JobRef, batch};
use videofactory_crds::settings::AspectRatio;
use videofactory_crds::{Money, Phase, VideoJob};

use self::estimate::estimate;
use self::manifest::Files;
use crate::cluster::MANAGER;
use crate::completion::names;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::file;
use crate::flags::{DryRun, Trial};
use crate::output::{self, Written};
use crate::text::{count, read_timeout};
use crate::videojob::fetch::{self, What};
use crate::videojob::follow::{self, Until};
use crate::videojob::next;

/// Make a film from a topic, many from a file of topics, or one from a storyboard
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # From idea to MP4: shows the scenes as they come, and ends with its path
  kubectl videofactory create \"Why mountains grow\" --scenes 4 --wait

  # A film of each line, all or none of them
  kubectl videofactory create -f topics.txt --channel deep-sea

  # Any setting, by its path in the spec: the manifest, or what it would cost
  kubectl videofactory create Tides --set captions.mode=None --dry-run -o yaml
  kubectl videofactory create Tides --draft --dry-run=server")]
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
    #[arg(long, value_parser = PossibleValuesParser::new(AspectRatio::ALL.map(AspectRatio::as_str)))]
    pub aspect_ratio: Option<String>,
    /// Language of narration and captions, such as de or pt-BR
    #[arg(long)]
    pub language: Option<String>,
    /// The most that may be paid for it, in US dollars, such as 2.50
    #[arg(long, value_name = "USD")]
    pub budget: Option<Money>,
    /// A cheap look at it: embedded voice, still motion, 360p, not published
    #[arg(long)]
    pub draft: bool,
    /// Make this scene first, such as s2, and wait for an approval before the others are made and paid for. Without a name: the
    /// film's first
    #[arg(long, value_name = "SCENE", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with = "draft")]
    pub preview: Option<String>,
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
    #[command(flatten)]
    pub trial: Trial,
    /// How to print what was made
    #[arg(short, long, value_enum, conflicts_with_all = ["wait", "download"])]
    pub output: Option<Written>,
}

/// Makes films.
pub async fn run(args: CreateArgs, context: &mut Context) -> Result<Exit, Error> {
    let mut read = |path: &PathBuf| file::read(path, &mut *context.streams.input);
    let files = Files {
        topics: args.file.as_ref().map(&mut read).transpose()?,
        storyboard: args.storyboard.as_ref().map(&mut read).transpose()?,
    };
    let namespace = context.cluster.namespace.clone();
    let suffix = || uuid::Uuid::new_v4().simple().to_string();
    let mut new = manifest::new_jobs(&args, &files, &namespace, suffix)?;
    match args.trial.dry_run {
        DryRun::None => {}
        _ if args.wait || args.download.is_some() => {
            return Err(Error::usage("with --dry-run there is no film to wait for")
                .hint("leave --wait and --download out, or --dry-run"));
        }
        DryRun::Client => {
            let manifests: Vec<Value> = new.jobs.iter().map(|job| new.manifest(job)).collect();
            print(&manifests, &args, context)?;
            return Ok(Exit::Done);
        }
        DryRun::Server => return estimate(&new, &args, context).await,
    }
    new.request = suffix();
    let client = context.cluster.client()?;
    if new.jobs.len() > 1 {
        new_job::try_all(&client, &new, MANAGER, drop).await?;
    }
    let mut interrupted = (context.interrupted)();
    let mut made = Vec::new();
    let making = batch::make_all(&client, &new, MANAGER, |job| made.push(job));
    tokio::select! {
        ended = making => ended?,
        () = &mut interrupted => return Err(half_made(&new, &made)),
    }
    if args.wait || args.download.is_some() {
        return tokio::select! {
            ended = wait(&args, &made, context) => ended,
            () = &mut interrupted => Err(interrupted_wait(&new)),
        };
    }
    let objects = made.iter().map(output::object).collect::<Result<Vec<_>, _>>()?;
    print(&objects, &args, context)?;
    if let (None, [job]) = (args.output, made.as_slice()) {
        let (name, namespace) = (job.name_any(), &namespace);
        context.notify(format!(
            "`kubectl videofactory status {name} -n {namespace} --watch` shows its progress"
        ))?;
    }
    Ok(Exit::Done)
}

/// What Ctrl-C leaves: the jobs that were made, and the one whose answer had not come.
fn half_made(new: &NewJobs, made: &[VideoJob]) -> Error {
    let mut names: Vec<String> = made.iter().map(ResourceExt::name_any).collect();
    let known = format!("created {} of {}", names.len(), count(new.jobs.len(), "job"));
    let mut said = if names.is_empty() { known } else { format!("{known}: {}", names.join(" ")) };
    if let Some(under_way) = new.jobs.get(made.len()) {
        said = format!("{said}; {} may be there, too", under_way.name);
        names.push(under_way.name.clone());
    }
    // Several are let go when all are there.
    let stays = if new.jobs.len() == 1 {
        "what stays is made, and paid for".to_owned()
    } else {
        let resume = format!("`kubectl videofactory resume -n {} {}`", new.namespace, names.join(" "));
        let held =
            format!("what stays is suspended: {resume} lets it begin, and then it is made, and paid for");
        if made.len() < new.jobs.len() { held } else { format!("{held}, if it has not begun already") }
    };
    Error::interrupted(said).hint(format!("{}; {stays}", removal(&new.namespace, &names)))
}

/// What a Ctrl-C means to films that are waited for: nothing.
fn interrupted_wait(new: &NewJobs) -> Error {
    let names: Vec<String> = new.jobs.iter().map(|job| job.name.clone()).collect();
    let namespace = &new.namespace;
    Error::interrupted(format!("created, and made all the same: {}", names.join(" "))).hint(format!(
        "`kubectl videofactory status <name> -n {namespace} --watch` follows one; {}",
        removal(namespace, &names)
    ))
}

fn removal(namespace: &str, names: &[String]) -> String {
    format!("remove them by `kubectl delete vj -n {namespace} --ignore-not-found {}`", names.join(" "))
}

/// Prints what was made, or would be.
fn print(objects: &[Value], args: &CreateArgs, context: &mut Context) -> Result<(), Error> {
    let wanted = args.output.map(|written| output::objects(objects, objects.len() == 1, written.into()));
    if let Some(text) = wanted.transpose()?.flatten() {
        return context.data(&text);
    }
    for object in objects {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        context.data(&format!("{}{}\n", created(name), args.trial.dry_run.suffix()))?;
    }
    Ok(())
}

fn created(name: &str) -> String {
    output::name::<VideoJob>(name) + " created"
}

async fn wait(args: &CreateArgs, made: &[VideoJob], context: &mut Context) -> Result<Exit, Error> {
    let names: Vec<JobRef> = made.iter().map(JobRef::of).collect();
    for name in &names {
        context.notify(created(&name.name))?;
    }
    let ended = follow::follow(&names, Until::Stopped, args.timeout, context).await?;
    let folder = args.download.clone().unwrap_or_else(|| PathBuf::from("."));
    // Whoever was deleted is not among them.
    let (mut all, mut fetched) = (ended.len() == names.len(), true);
    for job in &ended {
        let name = JobRef::of(job);
        if phase(job) != Phase::Succeeded {
            all = false;
            context.notify(format!("{name}: next: {}", next::step(job, context.now())))?;
            continue;
        }
        match fetch::fetch(job, What::Video, &folder, context).await {
            Ok(path) => context.data(&format!("{}\n", path.display()))?,
            Err(error) if error.is_closed_pipe() => return Err(error),
            // The others have been made, and paid for, all the same.
            Err(error) => {
                fetched = false;
                context.notify(format!("{name}: {error}"))?;
                context.notify(format!("{name}: next: {}", next::step(job, context.now())))?;
            }
        }
    }
    Ok(if fetched { Exit::of_all(all) } else { Exit::Failed })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, Seen, job, list_of, path, run, run_until};

    fn creates() -> String {
        format!("POST {}", path("films", "videojobs", ""))
    }

    #[tokio::test]
    async fn a_dry_run_prints_what_can_be_applied() {
        let fake = Fake::default();
        let ended =
            run(&fake, "create Rivers --name rivers --scenes 2 --aspect-ratio 9:16 --dry-run -o yaml", None)
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
        let said = run(&fake, "create Rivers --name rivers --dry-run=client", None).await;
        assert_eq!(said.out, "videojob.videofactory.dev/rivers created (dry run)\n");
        let many = run(&fake, "create -f - --dry-run -o json", Some("Rivers\nSeas\n")).await;
        let list: Value = serde_json::from_str(&many.out).unwrap();
        assert_eq!((&list["kind"], list["items"].as_array().map(Vec::len)), (&json!("List"), Some(2)));
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
    async fn a_dry_run_on_the_server_shows_what_films_would_cost() {
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
        let reported = "look whether these jobs exist before you try again: films/rivers";
        assert!(ended.err.contains(reported), "{}", ended.err);
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
        assert!(
            ended.err.starts_with("videojob.videofactory.dev/rivers created\nfilms/rivers: Failed\n"),
            "{}",
            ended.err
        );
        assert!(
            ended.err.contains("next: read `kubectl videofactory logs rivers -n films`"),
            "{}",
            ended.err
        );
    }

    #[tokio::test(start_paused = true)]
    async fn ctrl_c_between_two_films_ends_with_what_is_there_and_how_to_remove_it() {
        let (rivers, seas) = (job("rivers", json!({})), job("seas", json!({})));
        // Both are tried before one is made; the answer of the last one does not come.
        let fake = [&rivers, &seas, &rivers]
            .into_iter()
            .fold(Fake::default(), |fake, film| fake.on(&creates(), film.clone()))
            .hangs(&creates());
        let after = Some(Duration::from_secs(1));
        let ended = run_until(&fake, "create -f -", Some("Rivers\nSeas\n"), after).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::Interrupted, ""));
        let reported = "error: interrupted: created 1 of 2 jobs: rivers; seas-";
        assert!(ended.err.starts_with(reported), "{}", ended.err);
        let remove = "\nremove them by `kubectl delete vj -n films --ignore-not-found rivers seas-";
        assert!(ended.err.contains(remove), "{}", ended.err);
        let held = "; what stays is suspended: `kubectl videofactory resume -n films rivers seas-";
        assert!(ended.err.contains(held), "{}", ended.err);
    }

    #[tokio::test(start_paused = true)]
    async fn ctrl_c_while_films_are_waited_for_says_that_they_continue() {
        let list = format!("GET {}", path("films", "videojobs", ""));
        let fake = Fake::default().on(&creates(), job("rivers", json!({}))).hangs(&list);
        let after = Some(Duration::from_secs(1));
        let ended = run_until(&fake, "create Rivers --name rivers --wait", None, after).await;
        assert_eq!(ended.exit, Exit::Interrupted);
        let reported =
            "error: interrupted: created, and made all the same: rivers\n`kubectl videofactory status";
        assert!(ended.err.contains(reported), "{}", ended.err);
    }

    #[tokio::test]
    async fn a_film_that_somebody_deletes_keeps_none_of_the_others_from_being_waited_for() {
        let failed = job("seas", json!({"observedGeneration": 1, "phase": "Failed"}));
        let list = format!("GET {}", path("films", "videojobs", ""));
        let (rivers, seas) = (job("rivers", json!({})), job("seas", json!({})));
        let fake = [&rivers, &seas, &rivers, &seas]
            .into_iter()
            .fold(Fake::default(), |fake, film| fake.on(&creates(), film.clone()))
            .on(&list, list_of(&[]))
            .on(&list, list_of(&[failed]))
            .hangs(&list);
        let ended = run(&fake, "create -f - --wait", Some("Rivers\nSeas\n")).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::NotAll, ""), "{}", ended.err);
        assert_eq!(ended.err.matches(": was deleted\n").count(), 1, "{}", ended.err);
        assert_eq!(ended.err.matches("films/seas: next: ").count(), 1, "{}", ended.err);
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
            "create Rivers --preview=s1 --draft",
        ] {
            assert_eq!(run(&Fake::default(), line, None).await.exit, Exit::Usage, "{line}");
        }
    }
}
