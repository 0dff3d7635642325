//! A film's files, fetched through the operator.
//!
//! What has come stays in a hidden file beside the wanted one, named by the content's tag, until all is there: a download
//! that was broken off continues where it was, and never mixes two contents.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use axum::body::Body;
use clap::ValueEnum;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use indicatif::{ProgressBar, ProgressStyle};
use kube::ResourceExt;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt;
use videofactory_client::JobRef;
use videofactory_client::job_action::phase;
use videofactory_crds::{Phase, VideoJob};
use videofactory_pipeline::Digest;

use super::artifacts::{self, Artifact};
use super::next;
use crate::context::Context;
use crate::exit::Error;
use crate::operator::Operator;

/// How often a download that was interrupted is continued automatically.
const TRIES: u32 = 5;
/// What to do where the operator's answer is not whole.
const AGAIN: &str = "try again; if it stays so, `kubectl videofactory doctor` looks at the operator";

/// Which of a film's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// The film
    #[default]
    Video,
    /// The still image that stands for it
    Thumbnail,
    /// The captions, in each format that there is
    Captions,
}

impl What {
    const fn kind(self) -> &'static str {
        match self {
            Self::Video => artifacts::VIDEO,
            Self::Thumbnail => artifacts::THUMBNAIL,
            Self::Captions => artifacts::CAPTIONS,
        }
    }
}

/// Downloads one of a film's files into a folder; gives its path.
pub async fn fetch(
    job: &VideoJob,
    what: What,
    folder: &Path,
    context: &mut Context,
) -> Result<PathBuf, Error> {
    let file = chosen(job, what, context)?.remove(0);
    fs::create_dir_all(folder).await.map_err(|error| cannot("make", folder, &error))?;
    let path = beside(folder, job, file);
    let operator = Operator::find(&context.cluster).await?;
    keep(&operator, &url(&JobRef::of(job), file), &path, context).await?;
    Ok(path)
}

/// The files of this kind, of which there is at least one.
pub fn chosen<'a>(job: &'a VideoJob, what: What, context: &Context) -> Result<Vec<Artifact<'a>>, Error> {
    let mut files = artifacts::of(job);
    files.retain(|file| file.kind == what.kind());
    if files.is_empty() {
        let name = JobRef::of(job);
        if what == What::Captions && phase(job) == Phase::Succeeded {
            return Err(Error::new(format!("{name} has no files of captions"))
                .hint("they are part of the picture; spec.captions.mode Sidecar or Both writes files, too"));
        }
        return Err(Error::new(format!("{name} has no {} yet", what.kind()))
            .hint(format!("next: {}", next::step(job, context.now()))));
    }
    Ok(files)
}

/// The operator's route of a file.
#[must_use]
pub fn url(job: &JobRef, file: Artifact<'_>) -> String {
    format!("/jobs/{job}/artifacts/{}", file.name())
}

/// The path of a file in a folder, named after the film.
#[must_use]
pub fn beside(folder: &Path, job: &VideoJob, file: Artifact<'_>) -> PathBuf {
    let extension: String = file.extension().chars().filter(char::is_ascii_alphanumeric).collect();
    folder.join(format!("{}.{extension}", job.name_any()))
}

/// Writes the file's bytes to standard output.
pub async fn copy(operator: &Operator, url: &str, context: &mut Context) -> Result<(), Error> {
    let mut body = operator.get(url, HeaderMap::new()).await?.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(url, &error))?;
        if let Ok(bytes) = frame.into_data() {
            context.streams.out.write_all(&bytes)?;
        }
    }
    Ok(context.streams.out.flush()?)
}

/// What a file at the operator is.
#[derive(Clone, Debug)]
struct Content {
    size: u64,
    tag: Option<HeaderValue>,
}

/// Downloads into a hidden file, and gives it its name when all is there.
pub async fn keep(operator: &Operator, url: &str, path: &Path, context: &mut Context) -> Result<(), Error> {
    let whole = look(operator, url).await?;
    let part = part_of(path, whole.tag.as_ref());
    if whole.tag.is_none() {
        // Nothing says whether what is there belongs to this content.
        let _ = fs::remove_file(&part).await;
    }
    let bar = bar(&whole, path, context);
    let mut tries = 0;
    while let Err(error) = resume(operator, url, &part, &whole, &bar).await {
        tries += 1;
        if tries >= TRIES || whole.tag.is_none() {
            bar.finish_and_clear();
            return Err(error.hint(format!("run the command again: it continues {}", part.display())));
        }
        context.notify(format!("{}; trying again", error.message))?;
    }
    bar.finish_and_clear();
    fs::rename(&part, path).await.map_err(|error| cannot("write", path, &error))
}

async fn look(operator: &Operator, url: &str) -> Result<Content, Error> {
    let request = Request::head(url).body(Body::empty()).map_err(|error| Error::new(error.to_string()))?;
    let response = operator.send(request).await?;
    if !response.status().is_success() {
        // A HEAD has no words: the GET says what is wrong.
        operator.get(url, HeaderMap::new()).await?;
        let answer = format!("HEAD {url} was answered with {}", response.status());
        return Err(Error::new(answer).hint(AGAIN));
    }
    let headers = response.headers();
    let size = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let size = size
        .ok_or_else(|| Error::new(format!("{url}: the operator does not say how large it is")).hint(AGAIN))?;
    // A weak tag does not promise the same bytes.
    let tag = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")).cloned();
    Ok(Content { size, tag })
}

fn part_of(path: &Path, tag: Option<&HeaderValue>) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let digest = Digest::of_bytes(tag.map(HeaderValue::as_bytes).unwrap_or_default());
    path.with_file_name(format!(".{name}.{}.part", &digest.as_str()[..8]))
}

/// Adds to the part what is missing of it.
async fn resume(
    operator: &Operator,
    url: &str,
    part: &Path,
    whole: &Content,
    bar: &ProgressBar,
) -> Result<(), Error> {
    let mut have = fs::metadata(part).await.map_or(0, |facts| facts.len());
    if have > whole.size {
        fs::remove_file(part).await.map_err(|error| cannot("remove", part, &error))?;
        have = 0;
    }
    let mut options = OpenOptions::new();
    let opened = options.create(true).append(true).open(part).await;
    let mut file = opened.map_err(|error| cannot("write", part, &error))?;
    if have == whole.size {
        return Ok(());
    }
    let response = operator.get(url, range(have, whole)?).await?;
    if have > 0 && !begins_at(&response, have) {
        file.set_len(0).await.map_err(|error| cannot("write", part, &error))?;
        have = 0;
    }
    bar.set_position(have);
    take(response.into_body(), &mut file, part, url, bar).await?;
    let have = fs::metadata(part).await.map_or(0, |facts| facts.len());
    if have == whole.size {
        return Ok(());
    }
    Err(Error::new(format!("{url} ended after {have} of {} bytes", whole.size)))
}

fn range(have: u64, whole: &Content) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    if let (Some(tag), 1..) = (&whole.tag, have) {
        let range = HeaderValue::try_from(format!("bytes={have}-"));
        headers.insert(RANGE, range.map_err(|error| Error::new(error.to_string()))?);
        headers.insert(IF_RANGE, tag.clone());
    }
    Ok(headers)
}

/// Whether the answer continues from this byte.
fn begins_at<T>(response: &http::Response<T>, have: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    response.status() == StatusCode::PARTIAL_CONTENT
        && range.is_some_and(|range| range.starts_with(&format!("bytes {have}-")))
}

async fn take(
    mut body: Incoming,
    file: &mut File,
    part: &Path,
    url: &str,
    bar: &ProgressBar,
) -> Result<(), Error> {
    while let Some(frame) = body.frame().await {
        let taken = match frame {
            Ok(frame) => frame.into_data(),
            Err(error) => {
                // What has come counts.
                let _ = file.flush().await;
                return Err(broken(url, &error));
            }
        };
        if let Ok(bytes) = taken {
            file.write_all(&bytes).await.map_err(|error| cannot("write", part, &error))?;
            bar.inc(u64::try_from(bytes.len()).unwrap_or(0));
        }
    }
    file.flush().await.map_err(|error| cannot("write", part, &error))?;
    file.sync_all().await.map_err(|error| cannot("write", part, &error))
}

fn bar(whole: &Content, path: &Path, context: &Context) -> ProgressBar {
    if !context.streams.shows_bars {
        return ProgressBar::hidden();
    }
    let template = "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(whole.size).with_style(style.progress_chars("=> "));
    bar.set_prefix(path.display().to_string());
    bar
}

fn broken(url: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(format!("{url} broke off: {error}")).hint(AGAIN)
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("cannot {what} {}: {error}", path.display()))
        .hint("name a place that you can write to, by --file or --download")
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    #[test]
    fn a_part_is_continued_only_where_the_answer_continues_it() {
        let answer = |status: u16, range: &'static str| {
            Response::builder().status(status).header(CONTENT_RANGE, range).body(()).unwrap()
        };
        assert!(begins_at(&answer(206, "bytes 100-199/200"), 100));
        assert!(!begins_at(&answer(206, "bytes 0-199/200"), 100));
        assert!(!begins_at(&answer(200, "bytes 100-199/200"), 100));
    }

    #[test]
    fn a_range_is_asked_for_only_of_the_same_content() {
        let tag = Some(HeaderValue::from_static("\"3f9c\""));
        let headers = range(100, &Content { size: 200, tag: tag.clone() }).unwrap();
        assert_eq!(
            (&headers[RANGE], &headers[IF_RANGE]),
            (&HeaderValue::from_static("bytes=100-"), &tag.clone().unwrap())
        );
        assert!(range(0, &Content { size: 200, tag: tag.clone() }).unwrap().is_empty());
        assert!(range(100, &Content { size: 200, tag: None }).unwrap().is_empty());
        let part = |tag: Option<&HeaderValue>| part_of(Path::new("films/ocean.mp4"), tag);
        assert_ne!(part(tag.as_ref()), part(Some(&HeaderValue::from_static("\"aaaa\""))));
        assert!(part(None).starts_with("films") && part(None).to_string_lossy().contains("/.ocean.mp4."));
    }
}
