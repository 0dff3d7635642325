//! The film of a job, as a player shows it. Pure.

use videofactory_client::JobRef;
use videofactory_crds::VideoJob;

use crate::dashboard::buttons::Call;
use crate::dashboard::formatting;
use crate::path::VIDEO;
use crate::reads::artifacts::{self, Artifact};

/// The film.
#[derive(Clone, Debug)]
pub struct FilmView {
    pub title: String,
    pub url: String,
    /// The still image that stands for it; empty: none.
    pub poster: String,
    /// Captions as a player takes them; empty: none, or they are in the picture.
    pub captions: String,
    pub language: String,
    pub length: String,
    pub files: Vec<FileView>,
    /// Whether it is higher than wide, as phones show films.
    pub is_upright: bool,
    /// What can be decided about it.
    pub review: Vec<Call>,
    pub download: String,
}

/// A file to be saved.
#[derive(Clone, Debug)]
pub struct FileView {
    pub name: String,
    pub url: String,
    pub size: String,
}

impl FilmView {
    /// The film of a job, if it has one.
    pub fn of(id: &JobRef, job: &VideoJob, title: &str, review: Vec<Call>) -> Option<Self> {
        let files = artifacts::of_job(id, job);
        let film = files.iter().find(|file| file.name == VIDEO)?;
        let url = |name: &str| files.iter().find(|file| file.name == name).map(|file| file.url.clone());
        let settings = &job.spec.settings;
        Some(Self {
            title: if title.is_empty() { id.name.clone() } else { title.to_owned() },
            url: film.url.clone(),
            poster: url("thumbnail").unwrap_or_default(),
            captions: url("captions.vtt").unwrap_or_default(),
            language: settings.language.clone().unwrap_or_else(|| "en".to_owned()),
            length: film.duration_seconds.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default(),
            is_upright: is_upright(job),
            review,
            download: format!("kubectl videofactory download {} -n {}", id.name, id.namespace),
            files: files.iter().map(FileView::of).collect(),
        })
    }
}

/// Whether the frame is higher than wide: by the job's word, or else the channel's; the built-in one is.
pub(super) fn is_upright(job: &VideoJob) -> bool {
    let channel = job.status.as_ref().and_then(|status| status.channel.as_ref());
    let defaults = channel.and_then(|channel| channel.spec.defaults.as_ref());
    let format = |settings: &videofactory_crds::VideoSettings| {
        let settings = serde_json::to_value(settings).unwrap_or_default();
        settings.pointer("/format/aspectRatio").and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    let ratio = format(&job.spec.settings).or_else(|| defaults.and_then(format));
    ratio.as_deref().and_then(|ratio| ratio.split_once(':')).is_none_or(|(width, height)| {
        let number = |text: &str| text.parse::<f64>().unwrap_or(1.0);
        number(width) < number(height)
    })
}

impl FileView {
    fn of(file: &Artifact) -> Self {
        let size = file.size_bytes.map(formatting::bytes).unwrap_or_default();
        Self { name: file.name.clone(), url: file.url.clone(), size }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[test]
    fn a_film_is_shown_with_its_captions_and_in_its_shape() {
        let mut job = testing::made();
        let film = |job: &serde_json::Value| {
            let job: VideoJob = serde_json::from_value(job.clone()).unwrap();
            FilmView::of(&JobRef::of(&job), &job, "", Vec::new())
        };
        let shown = film(&job).unwrap();
        assert_eq!(
            (shown.title.as_str(), shown.length.as_str(), shown.is_upright),
            ("ocean", "12.5 s", true)
        );
        assert_eq!(shown.captions, "/jobs/films/ocean/artifacts/captions.vtt");
        job["spec"]["format"] = json!({"aspectRatio": "16:9"});
        assert!(!film(&job).unwrap().is_upright);
        job["status"]["artifacts"]["video"]["key"] =
            json!(format!("videos/news/x-3f9c2a1e/r1/{}.mp4", testing::DIGEST));
        assert!(film(&job).is_none(), "it is another job's");
    }
}
