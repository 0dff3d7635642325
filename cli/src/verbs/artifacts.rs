//! `artifacts`: the finished files of a job.

use clap::Args;
use serde_json::json;
use videofactory_crds::videojob::ArtifactStatus;

use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::flags::JobName;
use crate::output::{self, Document};
use crate::text::{bytes, or_none, table};
use crate::videojob::artifacts::{self, Artifact};

/// List the finished files of a job
///
/// Their names for `download`, and where they are in the bucket.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory artifacts ocean-facts")]
pub struct ArtifactsArgs {
    #[command(flatten)]
    job: JobName,
    /// Print them as a document
    #[arg(short, long, value_enum)]
    output: Option<Document>,
}

/// Lists them.
pub async fn run(args: ArtifactsArgs, context: &mut Context) -> Result<Exit, Error> {
    let name = context.job(&args.job.name)?;
    let job = context.get(&name).await?;
    let artifacts = artifacts::of(&job);
    if let Some(format) = args.output {
        let files: Vec<_> = artifacts
            .iter()
            .map(|one| {
                let ArtifactStatus { key, size, duration } = one.file;
                json!({"name": one.name(), "key": key, "sizeBytes": size, "durationSeconds": duration})
            })
            .collect();
        context.data(&output::items(&files, format)?)?;
        return Ok(Exit::Done);
    }
    let status = job.status.as_ref().and_then(|status| status.artifacts.as_ref());
    let pruned = status.map(|status| status.pruned.join(", ")).unwrap_or_default();
    if !pruned.is_empty() {
        context.notify(format!("Pruned from the bucket: {pruned}."))?;
    }
    if artifacts.is_empty() {
        context.notify(format!("{name} has no finished files yet."))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = artifacts.iter().map(row).collect();
    context.data(&table(&["NAME", "SIZE", "LENGTH", "KEY"], &rows))?;
    Ok(Exit::Done)
}

fn row(artifact: &Artifact<'_>) -> Vec<String> {
    let file = artifact.file;
    let length = file.duration.map(|seconds| format!("{seconds:.1} s"));
    vec![artifact.name(), or_none(file.size.map(bytes)), or_none(length), file.key.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, job, path, run};

    fn fake() -> Fake {
        let what = format!("GET {}", path("films", "videojobs", "ocean"));
        let status = json!({"artifacts": {
            "video": {"key": "videos/films/ocean-1/r1/a.mp4", "size": 12_449_999, "duration": 44.96},
            "thumbnail": {"key": "thumbnails/films/ocean-1/r1/a.jpg", "size": 40_000},
            "captions": [{"key": "captions/films/ocean-1/r1/a.srt"}, {"key": "captions/films/ocean-1/r1/a.vtt"}],
            "pruned": ["clips"],
        }});
        Fake::default().on(&what, job("ocean", status))
    }

    #[tokio::test]
    async fn files_are_listed_by_the_names_that_download_takes() {
        let ended = run(&fake(), "artifacts ocean", None).await;
        assert_eq!(
            ended.out,
            "\
NAME           SIZE      LENGTH   KEY
video          12.4 MB   45.0 s   videos/films/ocean-1/r1/a.mp4
thumbnail      40.0 kB   -        thumbnails/films/ocean-1/r1/a.jpg
captions.srt   -         -        captions/films/ocean-1/r1/a.srt
captions.vtt   -         -        captions/films/ocean-1/r1/a.vtt
"
        );
        assert_eq!(ended.err, "Pruned from the bucket: clips.\n");
    }

    #[tokio::test]
    async fn a_document_has_plain_numbers() {
        let ended = run(&fake(), "artifacts ocean -o json", None).await;
        let read: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(read["items"][0]["sizeBytes"], 12_449_999);
        assert_eq!(read["items"][3]["name"], "captions.vtt");
    }
}
