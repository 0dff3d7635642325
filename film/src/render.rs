//! From a request's files to the film's file: what is in them, sections rendered or found, and the
//! joining of picture and sound without another encode.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use videofactory_pipeline::digest::Digest;
use videofactory_pipeline::timeline::{
    Frames, MAX_SCENES_A_SECTION, Motion, ScenePart, Section, Span, Timeline,
};

use super::captions::Captions;
use super::error::FilmError;
use super::ffmpeg::{Ffmpeg, probe};
use super::file_digest::digest_of;
use super::probe;
use super::render_section::{PRESET, SectionPlan, Shot, Shown, fit_clip, link, timescale};
use super::request::{CaptionMode, FilmRequest, Picture, SceneRole, SectionFile, ThumbnailSource};
use super::sniff;
use super::sound::pcm::Pcm;
use super::watch::Watch;
use super::watermark::PlacedWatermark;

/// Raised when the same plan is rendered differently.
const RENDERER: u32 = 3;

/// How samples are read, and how they are encoded.
const SAMPLES: [&str; 7] = ["-f", "f32le", "-ar", "48000", "-ac", "2", "-i"];
const AAC: [&str; 4] = ["-c:a", "aac", "-b:a", "192k"];

/// What is in the scenes' pictures.
pub struct Sources {
    /// For each scene; `None` for a still.
    pub clips: Vec<Option<probe::Clip>>,
    /// For each scene, what its picture's file is.
    pub formats: Vec<sniff::Format>,
    /// For each scene, the digest of its picture's bytes.
    contents: Vec<String>,
}

impl Sources {
    /// Reads every picture's facts.
    pub async fn read(request: &FilmRequest) -> Result<Self, FilmError> {
        let mut sources = Self { clips: Vec::new(), formats: Vec::new(), contents: Vec::new() };
        if let ThumbnailSource::Image(path) = &request.thumbnail.source {
            sniff::of("the thumbnail", path)?;
        }
        let mut seen: HashMap<&Path, String> = HashMap::new();
        for scene in &request.scenes {
            let what = scene.picture_name();
            let (Picture::Still { path, .. } | Picture::Clip { path }) = &scene.picture;
            let format = sniff::of(&what, path)?;
            if scene.role != SceneRole::Story && format.kind == sniff::Kind::Picture {
                let why = "it is a picture, and no clip".to_owned();
                return Err(FilmError::ReadInput { what, path: path.clone(), why });
            }
            sources.formats.push(format);
            sources.clips.push(match &scene.picture {
                Picture::Still { .. } => None,
                Picture::Clip { .. } => Some(probe::clip(&what, format, path).await?),
            });
            let content = match seen.get(path.as_path()) {
                Some(content) => content.clone(),
                None => digest_of(&what, path)?,
            };
            seen.insert(path, content.clone());
            sources.contents.push(content);
        }
        Ok(sources)
    }
}

/// One film's picture in the making.
pub struct Studio<'a> {
    /// What was asked for.
    pub request: &'a FilmRequest,
    /// When everything happens.
    pub timeline: &'a Timeline,
    /// What is in the pictures.
    pub sources: &'a Sources,
    /// What lies over the picture, if anything.
    pub watermark: Option<&'a PlacedWatermark>,
    /// For what is needed on the way.
    pub work: &'a Path,
    /// For what stays.
    pub out: &'a Path,
}

impl Studio<'_> {
    /// Renders the film's sections, or finds them; `watch` sees every frame. `progress` gets the share done, `rendered` each section as its file
    /// is whole.
    pub async fn sections(
        &self,
        captions: Option<&Captions>,
        watch: &mut Watch,
        mut progress: impl FnMut(f32),
        mut rendered: impl FnMut(&SectionFile),
    ) -> Result<Vec<SectionFile>, FilmError> {
        let burned = matches!(self.request.captions.mode, CaptionMode::Burned | CaptionMode::Both);
        let captions = captions.filter(|_| burned);
        let cache = self.request.section_cache.as_deref();
        let whole = self.timeline.frames();
        let mut files = Vec::new();
        for (place, section) in self.timeline.sections(MAX_SCENES_A_SECTION).iter().enumerate() {
            let plan = self.plan(captions, section);
            let digest = digest(&plan)?;
            let found = find(cache, &digest, plan.frames).await;
            let file = if let Some((path, seen)) = self.watched(found, plan.frames, watch).await {
                *watch = seen;
                SectionFile { digest, path, reused: true }
            } else {
                let out = self.out.join(format!("section-{place}.mp4"));
                let mut written = Frames(0);
                let frame = |luma: &[u8]| {
                    watch.see(luma);
                    written = written + Frames(1);
                    progress(share(section.start + written, whole));
                };
                if let Err(error) = plan.render(self.work, &out, frame).await {
                    return Err(self.culprit(section).await.unwrap_or(error));
                }
                require_frames(&out, written, plan.frames)?;
                let file = SectionFile { path: keep(cache, &digest, out)?, digest, reused: false };
                rendered(&file);
                file
            };
            files.push(file);
            progress(share(section.start + section.frames, whole));
        }
        Ok(files)
    }

    /// A section that was rendered before, and what is seen in it; none if it cannot be decoded whole.
    async fn watched(
        &self,
        found: Option<PathBuf>,
        frames: Frames,
        before: &Watch,
    ) -> Option<(PathBuf, Watch)> {
        let (path, mut watch, mut decoded) = (found?, before.clone(), Frames(0));
        let see = |luma: &[u8]| {
            watch.see(luma);
            decoded = decoded + Frames(1);
        };
        let whole = before.size().decode(&path, self.work, false, see).await.is_ok() && decoded == frames;
        whole.then_some((path, watch))
    }

    /// Joins sections and sound into the film.
    pub async fn join(&self, sections: &[SectionFile], sound: &Pcm) -> Result<PathBuf, FilmError> {
        let rate = self.timeline.rate.per_second();
        let list = self.work.join("sections.ffconcat");
        let mut text = String::from("ffconcat version 1.0\n");
        for (place, section) in sections.iter().enumerate() {
            let name = format!("joined-{place}.mp4");
            link(&section.path, &self.work.join(&name))?;
            let _ = writeln!(text, "file {name}");
        }
        std::fs::write(&list, text).map_err(FilmError::file("write", &list))?;
        let out = self.out.join("film.mp4");
        // The joining counts in microseconds, which are no whole number of frames.
        let on_frames = "setts=pts=round(PTS*TB*RATE)/(TB*RATE):dts=round(DTS*TB*RATE)/(TB*RATE)"
            .replace("RATE", &rate.to_string());
        Ffmpeg::new("join picture and sound", self.work)
            .args(["-protocol_whitelist", "file", "-f", "concat", "-safe", "1", "-i"])
            .args([&list])
            .args(SAMPLES)
            .args([sound.path()])
            .args(["-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-bsf:v", &on_frames])
            .args(AAC)
            .args(["-video_track_timescale", &timescale(rate)])
            .args(["-movflags", "+faststart"])
            .args([&out])
            .run()
            .await?;
        Ok(out)
    }

    /// The still that cannot be read, if that is why a section was not rendered. Asking each still
    /// beforehand would cost as much as a second of the film.
    async fn culprit(&self, section: &Section) -> Option<FilmError> {
        for part in &section.parts {
            let scene = &self.request.scenes[part.scene];
            if let Picture::Still { path, .. } = &scene.picture
                && let Err(error) = probe::still(&scene.picture_name(), path).await
            {
                return Some(error);
            }
        }
        None
    }

    fn plan(&self, captions: Option<&Captions>, section: &Section) -> SectionPlan {
        let within = Span { from: section.start, to: section.start + section.frames };
        SectionPlan {
            version: RENDERER,
            format: self.request.format,
            crossfade: self.timeline.crossfade,
            frames: section.frames,
            shots: section.parts.iter().map(|part| self.shot(part)).collect(),
            watermark: self.watermark.and_then(|watermark| watermark.overlay(within)),
            captions: captions.map(|captions| captions.ass(within)).unwrap_or_default(),
        }
    }

    fn shot(&self, part: &ScenePart) -> Shot {
        let scene = &self.request.scenes[part.scene];
        let whole = self.timeline.scenes[part.scene].picture;
        let (path, kind) = match (&scene.picture, &self.sources.clips[part.scene]) {
            (Picture::Clip { path }, Some(clip)) => {
                let (stretch, plays) = fit_clip(clip, scene.fit, whole, self.request.format);
                (path, Shown::Clip { stretch, plays, colours: clip.colour_options(), holes: clip.alpha })
            }
            (Picture::Still { path, motion }, _) => (path, Shown::Still(*motion)),
            (Picture::Clip { path }, None) => (path, Shown::Still(Motion::still())),
        };
        let content = self.sources.contents[part.scene].clone();
        Shot {
            content,
            kind,
            at: part.at,
            skip: part.skip,
            frames: part.frames,
            whole,
            path: path.clone(),
            format: self.sources.formats[part.scene],
        }
    }
}

/// The film's sound alone in a file, as the film would have it.
pub async fn encode(sound: &Pcm, dir: &Path) -> Result<PathBuf, FilmError> {
    let out = dir.join("sound.mp4");
    let ffmpeg = Ffmpeg::new("encode the sound", dir).args(SAMPLES).args([sound.path()]);
    ffmpeg.args(AAC).args([&out]).run().await?;
    Ok(out)
}

fn digest(plan: &SectionPlan) -> Result<String, FilmError> {
    let plan = serde_json::to_value(plan).map_err(|error| FilmError::KeepPromise {
        task: "write a section's plan".to_owned(),
        why: error.to_string(),
    })?;
    Ok(Digest::of(&serde_json::json!({"plan": plan, "preset": PRESET})).to_string())
}

/// A section rendered before, if it is whole.
async fn find(cache: Option<&Path>, digest: &str, frames: Frames) -> Option<PathBuf> {
    let path = cache?.join(format!("{digest}.mp4"));
    let whole = path.exists() && check_frames(&path, frames).await.is_ok();
    whole.then_some(path)
}

fn keep(cache: Option<&Path>, digest: &str, rendered: PathBuf) -> Result<PathBuf, FilmError> {
    let Some(cache) = cache else { return Ok(rendered) };
    let kept = cache.join(format!("{digest}.mp4"));
    let part = cache.join(format!("{digest}.part"));
    std::fs::create_dir_all(cache).map_err(FilmError::file("make", cache))?;
    std::fs::copy(&rendered, &part).map_err(FilmError::file("write", &part))?;
    std::fs::rename(&part, &kept).map_err(FilmError::file("write", &kept))?;
    std::fs::remove_file(&rendered).map_err(FilmError::file("remove", &rendered))?;
    Ok(kept)
}

async fn check_frames(path: &Path, frames: Frames) -> Result<(), FilmError> {
    let found =
        probe(&["-select_streams", "v:0", "-show_entries", "stream=nb_frames"], sniff::MP4, path).await?;
    let there = found["streams"][0]["nb_frames"].as_str().and_then(|count| count.parse().ok());
    require_frames(path, Frames(there.unwrap_or_default()), frames)
}

fn require_frames(path: &Path, there: Frames, wanted: Frames) -> Result<(), FilmError> {
    if there == wanted {
        return Ok(());
    }
    let why = format!("{} has {} frames and should have {}", path.display(), there.0, wanted.0);
    Err(FilmError::KeepPromise { task: "render a section".to_owned(), why })
}

#[expect(clippy::cast_precision_loss, reason = "a share for people to look at")]
fn share(done: Frames, whole: Frames) -> f32 {
    (done.0.min(whole.0) as f32 / whole.0.max(1) as f32).min(1.0)
}
