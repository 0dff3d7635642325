//! `artifacts`: the finished files of a film.

use clap::Args;
use serde_json::json;
use videofactory_crds::VideoJob;
use videofactory_crds::videojob::ArtifactStatus;

use crate::args::JobName;
use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::output::{self, Document};
use crate::text::{bytes, or_none, table};

/// List the finished files of a film
///
/// What they are called for `download`, and where they are in the bucket.
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

/// A finished file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Artifact<'a> {
    /// The first word of its name.
    pub kind: &'static str,
    /// The file.
    pub file: &'a ArtifactStatus,
}

impl Artifact<'_> {
    /// Its name at the operator's routes: `video`, `thumbnail`, `captions.srt`, `captions.vtt`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.kind == CAPTIONS { format!("{CAPTIONS}.{}", self.extension()) } else { self.kind.to_owned() }
    }

    /// What a file of it ends with.
    #[must_use]
    pub fn extension(&self) -> &str {
        let last = self.file.key.rsplit('/').next().unwrap_or_default();
        last.rsplit_once('.').map_or("bin", |(_, extension)| extension)
    }
}

/// The film.
pub const VIDEO: &str = "video";
/// The still image that stands for it.
pub const THUMBNAIL: &str = "thumbnail";
/// A file of captions.
pub const CAPTIONS: &str = "captions";

/// The finished files of a film.
#[must_use]
pub fn of(job: &VideoJob) -> Vec<Artifact<'_>> {
    let Some(all) = job.status.as_ref().and_then(|status| status.artifacts.as_ref()) else {
        return Vec::new();
    };
    let video = all.video.iter().map(|file| Artifact { kind: VIDEO, file });
    let thumbnail = all.thumbnail.iter().map(|file| Artifact { kind: THUMBNAIL, file });
    let captions = all.captions.iter().map(|file| Artifact { kind: CAPTIONS, file });
    video.chain(thumbnail).chain(captions).collect()
}

/// Lists them.
pub async fn run(args: ArtifactsArgs, context: &mut Context) -> Result<Exit, Error> {
    let name = context.job(&args.job.name)?;
    let job = context.get(&name).await?;
    let artifacts = of(&job);
    if let Some(format) = args.output {
        let files: Vec<_> = artifacts
            .iter()
            .map(|one| {
                let ArtifactStatus { key, size, duration } = one.file;
                json!({"name": one.name(), "key": key, "size": size, "durationSeconds": duration})
            })
            .collect();
        context.data(&output::write(format, &json!({ "artifacts": files }))?)?;
        return Ok(Exit::Done);
    }
    let status = job.status.as_ref().and_then(|status| status.artifacts.as_ref());
    let pruned = status.map(|status| status.pruned.join(", ")).unwrap_or_default();
    if !pruned.is_empty() {
        context.tell(format!("Pruned from the bucket: {pruned}."))?;
    }
    if artifacts.is_empty() {
        context.tell(format!("{name} has no finished files yet."))?;
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
        assert_eq!(read["artifacts"][0]["size"], 12_449_999);
        assert_eq!(read["artifacts"][3]["name"], "captions.vtt");
    }
}
