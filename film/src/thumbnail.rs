//! The picture that stands for the film: a source picture without captions, with large letters if
//! wanted, as JPEG.

use std::path::{Path, PathBuf};

use super::error::FilmError;
use super::ffmpeg::Ffmpeg;
use super::probe;
use super::render::Sources;
use super::render_section::ON_GROUND;
use super::request::{FilmRequest, Picture, ThumbnailSource};
use super::sniff;

/// Makes the thumbnail in `dir`; `title` is its text as ASS, `work` takes what is needed on the way.
pub async fn make(
    request: &FilmRequest,
    sources: &Sources,
    title: Option<&str>,
    work: &Path,
    dir: &Path,
) -> Result<PathBuf, FilmError> {
    let mut seek = None;
    let first = request.story().start;
    let mut colours = ON_GROUND.to_owned();
    let path = match &request.thumbnail.source {
        ThumbnailSource::Image(path) => {
            probe::still("the thumbnail", path).await?;
            path
        }
        // An intro looks alike in every film of its channel.
        ThumbnailSource::Frame => match (&request.scenes[first].picture, &sources.clips[first]) {
            (Picture::Clip { path }, Some(clip)) => {
                seek = Some(format!("{:.3}", clip.seconds / 2.0));
                let range = if clip.full_range { "pc" } else { "tv" };
                colours =
                    format!("scale=in_color_matrix={}:in_range={range},{ON_GROUND}", clip.matrix.name());
                path
            }
            (Picture::Still { path, .. } | Picture::Clip { path }, _) => path,
        },
    };
    let mut letters = String::new();
    if let Some(title) = title {
        let ass = work.join("title.ass");
        std::fs::write(&ass, title).map_err(FilmError::file("write", &ass))?;
        letters.push_str(",ass=title.ass:shaping=complex");
    }
    let (width, height) = (request.format.width, request.format.height);
    let filters = format!(
        "{colours},scale={width}:{height}:force_original_aspect_ratio=increase:flags=lanczos,crop={width}:{height},\
         setsar=1{letters},scale=out_color_matrix=bt601:out_range=pc,format=yuvj420p"
    );
    let out = dir.join("thumbnail.jpg");
    let seek: Vec<&str> = seek.as_deref().map_or_else(Vec::new, |at| vec!["-ss", at]);
    Ffmpeg::new("make the thumbnail", work)
        .input(&seek, sniff::of("the thumbnail", path)?, path)
        .args(["-vf", &filters, "-frames:v", "1", "-q:v", "3", "-f", "mjpeg"])
        .args([&out])
        .run()
        .await?;
    Ok(out)
}
