//! The films that are to be made, of flags and files. Pure, but for what names end with.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use videofactory_client::job_ref::is_label;
use videofactory_client::new_job::NewJobs;
use videofactory_pipeline::keys::MAX_NAME;

use super::CreateArgs;
use super::setting;
use crate::exit::Error;

/// What files hold that the flags name.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The text of `-f`.
    pub topics: Option<String>,
    /// The text of `--storyboard`.
    pub storyboard: Option<String>,
}

/// The films that are meant. `suffix`: what makes a name the only one.
pub fn new_jobs(
    args: &CreateArgs,
    files: &Files,
    namespace: &str,
    suffix: impl Fn() -> String,
) -> Result<NewJobs, Error> {
    let board = files.storyboard.as_deref().map(read_storyboard).transpose()?.unwrap_or_default();
    let topics = match &files.topics {
        Some(text) => read_topics(text)?.into_iter().map(Some).collect(),
        None => vec![args.topic.clone()],
    };
    let name = args.name.clone().or(board.name).map(checked).transpose()?;
    let mut new = NewJobs {
        namespace: namespace.to_owned(),
        labels: labels(&args.labels)?,
        spec: spec(args, board.spec)?,
        ..NewJobs::default()
    };
    for topic in topics {
        if topic.is_none() && !new.spec.contains_key("topic") && !new.spec.contains_key("scenes") {
            return Err(Error::usage("say what the film is about")
                .hint("as in: kubectl videofactory create \"Why mountains grow\" --scenes 4"));
        }
        new.add(name.clone(), topic, &suffix());
    }
    Ok(new)
}

/// A name that was given.
fn checked(name: String) -> Result<String, Error> {
    if is_label(&name) && name.len() <= MAX_NAME {
        return Ok(name);
    }
    Err(Error::usage(format!(
        "{name:?} is no name of a job: it has at most {MAX_NAME} lower-case letters, digits and dashes"
    )))
}

/// The settings that the flags name, over those of the storyboard.
fn spec(args: &CreateArgs, board: Map<String, Value>) -> Result<Map<String, Value>, Error> {
    let mut spec = Value::Object(board);
    let mut put = |path: &str, value: Option<Value>| {
        if let Some(value) = value {
            setting::put(&mut spec, path, value);
        }
    };
    put("sceneCount", args.scenes.map(|scenes| json!(scenes)));
    put("length.target", args.length.map(|length| json!(length)));
    put("channelRef.name", args.channel.as_ref().map(|channel| json!(channel)));
    put("format.aspectRatio", args.aspect_ratio.as_ref().map(|ratio| json!(ratio)));
    put("language", args.language.as_ref().map(|language| json!(language)));
    put("budget.limit", args.budget.map(|limit| json!(limit)));
    put("mode", args.draft.then(|| json!("Draft")));
    let preview = |scene: &String| if scene.is_empty() { json!({}) } else { json!({"scene": scene}) };
    put("preview", args.preview.as_ref().map(preview));
    for set in &args.set {
        let (path, value) = setting::read(set)?;
        setting::put(&mut spec, &path, value);
    }
    match spec {
        Value::Object(spec) => Ok(spec),
        _ => Ok(Map::new()),
    }
}

fn labels(texts: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Error::usage(format!("{text:?} is no label: write it as key=value, such as team=films"))
        })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    texts.iter().map(pair).collect()
}

/// A topic a line; empty lines and those that begin with `#` are none.
fn read_topics(text: &str) -> Result<Vec<String>, Error> {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let topics: Vec<String> =
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect();
    match topics.first() {
        None => Err(Error::usage("the file names no topic: write one a line")),
        Some(first) if begins_manifest(first) => {
            let message =
                "the file is a manifest, and -f takes a file with a topic a line: each would be a film";
            Err(Error::usage(message).hint(
                "its scenes, spec or VideoJob make a film by `kubectl videofactory create --storyboard FILE`; \
                 objects are made as they stand by `kubectl apply -f FILE`",
            ))
        }
        Some(_) => Ok(topics),
    }
}

/// Whether a text that begins with this line is an object in YAML or JSON, as other commands take it by `-f`.
fn begins_manifest(line: &str) -> bool {
    ["apiVersion:", "kind:", "---", "{", "["].iter().any(|sign| line.starts_with(sign))
}

#[derive(Debug, Default)]
struct Storyboard {
    name: Option<String>,
    spec: Map<String, Value>,
}

/// A list of scenes, a spec with scenes, or a whole `VideoJob`.
fn read_storyboard(text: &str) -> Result<Storyboard, Error> {
    let bad = |why: String| {
        Error::usage(format!("the storyboard cannot be read: {why}")).hint(
            "it is a list of scenes, each with an id and its narration; `kubectl explain vj.spec.scenes`",
        )
    };
    let value: Value = serde_yaml_ng::from_str(text).map_err(|error| bad(error.to_string()))?;
    let board = match value {
        Value::Array(scenes) => {
            Storyboard { name: None, spec: Map::from_iter([("scenes".to_owned(), Value::Array(scenes))]) }
        }
        Value::Object(mut whole) if whole.get("kind").is_some_and(|kind| kind == "VideoJob") => {
            let name = whole.get("metadata").and_then(|metadata| metadata["name"].as_str());
            let name = name.map(str::to_owned);
            match whole.remove("spec") {
                Some(Value::Object(spec)) => Storyboard { name, spec },
                _ => return Err(bad("the VideoJob has no spec".to_owned())),
            }
        }
        Value::Object(spec) => Storyboard { name: None, spec },
        _ => return Err(bad("it is neither a list nor a mapping".to_owned())),
    };
    if board.spec.contains_key("scenes") { Ok(board) } else { Err(bad("it has no scenes".to_owned())) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use videofactory_client::JobRef;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: CreateArgs,
    }

    fn made(line: &[&str], files: &Files) -> Result<Vec<(JobRef, Value)>, Error> {
        let line = Line::try_parse_from(std::iter::once("create").chain(line.iter().copied())).unwrap();
        let new = new_jobs(&line.args, files, "films", || "0123456".to_owned())?;
        Ok(new.jobs.iter().map(|job| (new.reference(job), new.manifest(job))).collect())
    }

    #[test]
    fn flags_become_a_spec() {
        let line = [
            "Why mountains grow",
            "--scenes",
            "4",
            "--length",
            "20s",
            "--aspect-ratio",
            "16:9",
            "--channel",
            "deep-sea",
            "--budget",
            "2.5",
            "--set",
            "captions.mode=None",
            "--set",
            "format.fps=25",
            "--label",
            "team=films",
        ];
        let (job, manifest) = made(&line, &Files::default()).unwrap().remove(0);
        assert_eq!(job.to_string(), "films/why-mountains-grow-012345");
        assert_eq!(manifest["metadata"]["labels"], json!({"team": "films"}));
        assert_eq!(
            manifest["spec"],
            json!({
                "topic": "Why mountains grow", "sceneCount": 4, "length": {"target": "20s"},
                "format": {"aspectRatio": "16:9", "fps": 25}, "channelRef": {"name": "deep-sea"},
                "budget": {"limit": "2.50"}, "captions": {"mode": "None"},
            })
        );
    }

    #[test]
    fn the_previewed_scene_is_named_or_the_first() {
        let spec = |line: &[&str]| made(line, &Files::default()).unwrap().remove(0).1["spec"].clone();
        assert_eq!(spec(&["Tides", "--preview=s2"])["preview"], json!({"scene": "s2"}));
        assert_eq!(spec(&["--preview", "Tides"]), json!({"topic": "Tides", "preview": {}}));
        assert_eq!(spec(&["Tides"]).get("preview"), None);
    }

    #[test]
    fn a_file_of_topics_makes_a_film_of_each() {
        let topics = Some("\u{feff}# for June\nWhy mountains grow\n\n  Was ist Zeit?  \n".to_owned());
        let files = Files { topics, ..Files::default() };
        let jobs = made(&["-f", "topics.txt", "--draft"], &files).unwrap();
        let specs: Vec<&Value> = jobs.iter().map(|(_, manifest)| &manifest["spec"]).collect();
        assert_eq!(
            specs,
            [
                &json!({"mode": "Draft", "topic": "Why mountains grow"}),
                &json!({"mode": "Draft", "topic": "Was ist Zeit?"})
            ]
        );
        let empty = Files { topics: Some("# nothing\n".to_owned()), ..Files::default() };
        assert!(made(&["-f", "topics.txt"], &empty).unwrap_err().message.contains("names no topic"));
    }

    #[test]
    fn no_film_is_made_of_a_line_of_a_manifest() {
        for text in [
            "# for June\napiVersion: videofactory.dev/v1alpha1\nkind: VideoJob\n",
            "kind: VideoJob\n",
            "---\nspec: {topic: the ocean}\n",
            "{\n  \"kind\": \"VideoJob\"\n}",
            "[{\"id\": \"s1\"}]",
        ] {
            let error =
                made(&["-f", "job.yaml"], &Files { topics: Some(text.to_owned()), ..Files::default() });
            let error = error.unwrap_err();
            assert!(error.message.contains("is a manifest"), "{text}: {error}");
            let hint = error.hint.unwrap();
            assert!(hint.contains("--storyboard") && hint.contains("kubectl apply -f"), "{hint}");
        }
        let topics = Some("A kind: what is it?\n-- and dashes\n".to_owned());
        let files = Files { topics, ..Files::default() };
        assert_eq!(made(&["-f", "topics.txt"], &files).unwrap().len(), 2);
    }

    #[test]
    fn a_storyboard_is_scenes_a_spec_or_a_whole_job() {
        let scenes = json!([{"id": "s1", "narration": "Hello."}]);
        let board = |text: &str| Files { storyboard: Some(text.to_owned()), ..Files::default() };
        let list = "- id: s1\n  narration: Hello.\n";
        let of = |text: &str| made(&["--storyboard", "a.yaml"], &board(text));
        let (job, manifest) = of(list).unwrap().remove(0);
        assert_eq!((job.name.as_str(), &manifest["spec"]["scenes"]), ("film-012345", &scenes));
        let spec = of(&format!("style: {{suffix: dark}}\nscenes:\n{list}")).unwrap().remove(0).1;
        assert_eq!(spec["spec"]["style"]["suffix"], "dark");
        let whole = json!({"kind": "VideoJob", "metadata": {"name": "mine"}, "spec": {"scenes": scenes}});
        assert_eq!(of(&whole.to_string()).unwrap().remove(0).0.name, "mine");
        for wrong in ["text", "a: b", "kind: VideoJob", "- [", ""] {
            assert!(of(wrong).unwrap_err().message.contains("storyboard"), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_made_of_nothing_and_names_are_checked() {
        assert!(made(&[], &Files::default()).unwrap_err().hint.is_some());
        assert!(made(&["a", "--name", "Ocean"], &Files::default()).unwrap_err().message.contains("Ocean"));
    }
}
