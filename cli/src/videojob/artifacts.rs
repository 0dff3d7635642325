//! The finished files of a film, as its status names them. Pure.

use videofactory_crds::VideoJob;
use videofactory_crds::videojob::ArtifactStatus;

/// A finished file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Artifact<'a> {
    /// The first word of its name.
    pub kind: &'static str,
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
