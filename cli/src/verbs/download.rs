//! `download`: a film, its thumbnail or its captions, through the operator.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::context::Context;
use crate::exit::{Error, Exit};
use crate::flags::JobName;
use crate::operator::Operator;
use crate::videojob::fetch::{What, beside, chosen, copy, keep, url};

/// Download a film, its thumbnail or its captions
///
/// An interrupted download continues where it was.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kubectl videofactory download ocean-facts
  kubectl videofactory download ocean-facts --file - | ffplay -
  kubectl videofactory download ocean-facts --what captions")]
pub struct DownloadArgs {
    #[command(flatten)]
    job: JobName,
    /// Which of its files
    #[arg(long, value_enum, default_value_t)]
    what: What,
    /// The file to write; -: standard output. Default: <name>.mp4, .jpg, .srt, .vtt in the current folder
    #[arg(short = 'F', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
}

/// Downloads, and prints where the files are.
pub async fn run(args: DownloadArgs, context: &mut Context) -> Result<Exit, Error> {
    let name = context.job(&args.job.name)?;
    let job = context.get(&name).await?;
    let files = chosen(&job, args.what, context)?;
    if files.len() > 1 && args.file.is_some() {
        return Err(Error::usage(format!("{name} has captions in {} formats", files.len()))
            .hint("leave --file out: each is written beside the others"));
    }
    let operator = Operator::find(&context.cluster).await?;
    for file in files {
        let url = url(&name, file);
        match &args.file {
            Some(path) if path == Path::new("-") => copy(&operator, &url, context).await?,
            Some(path) => save(&operator, &url, path, context).await?,
            None => save(&operator, &url, &beside(Path::new("."), &job, file), context).await?,
        }
    }
    Ok(Exit::Done)
}

async fn save(operator: &Operator, url: &str, path: &Path, context: &mut Context) -> Result<(), Error> {
    keep(operator, url, path, context).await?;
    context.data(&format!("{}\n", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, job, path, run};

    #[tokio::test]
    async fn a_film_that_is_not_made_says_what_to_do() {
        let what = format!("GET {}", path("films", "videojobs", "ocean"));
        let status = json!({"observedGeneration": 1, "phase": "Running"});
        let ended = run(&Fake::default().on(&what, job("ocean", status)), "download ocean", None).await;
        assert_eq!((ended.exit, ended.out.as_str()), (Exit::Failed, ""));
        assert!(ended.err.starts_with("error: films/ocean has no video yet\nnext: nothing"), "{}", ended.err);
    }

    #[tokio::test]
    async fn a_file_has_one_name_as_in_other_verbs() {
        for line in ["download ocean -o a.mp4", "download ocean --output a.mp4"] {
            assert_eq!(run(&Fake::default(), line, None).await.exit, Exit::Usage, "{line}");
        }
    }

    #[tokio::test]
    async fn captions_that_are_in_the_picture_alone_are_said_to_be_there() {
        let what = format!("GET {}", path("films", "videojobs", "ocean"));
        let status = json!({"observedGeneration": 1, "phase": "Succeeded"});
        let fake = Fake::default().on(&what, job("ocean", status));
        let ended = run(&fake, "download ocean --what captions", None).await;
        let reported =
            "error: films/ocean has no files of captions\nthey are part of the picture; spec.captions.mode";
        assert!(ended.exit == Exit::Failed && ended.err.starts_with(reported), "{}", ended.err);
    }
}
