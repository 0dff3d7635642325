//! The film engine: pictures, clips and voices become one finished, checked film. It knows files and
//! ffmpeg, and nothing of clusters, buckets or providers.
//!
//! Sound first, then the picture in one encode, then both in one file, then a look at the result.
//! Every time comes from [`videofactory_pipeline::timeline`]; files are written in the given directory
//! only.

pub mod captions;
mod checks;
pub mod error;
pub mod ffmpeg;
mod file_digest;
mod probe;
mod render;
mod render_section;
pub mod request;
pub mod sniff;
pub mod sound;
pub mod speech;
mod speech_level;
mod thumbnail;
mod watch;
mod watermark;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use videofactory_pipeline::timeline::{Frames, SceneNeeds, Span, Timeline, srt, vtt};

use self::captions::{Captions, title};
pub use self::error::FilmError;
use self::request::{
    AudioSource, CaptionMode, CheckResult, Format, SceneRole, SectionFile, Sidecar, TransitionKind,
};
pub use self::request::{Film, FilmRequest};
use self::sound::heard::Heard;
use self::watch::Watch;
use self::watermark::PlacedWatermark;

/// Seconds of a clip that opens or closes films, `what` in messages. Refuses what no film can have there.
pub async fn clip_seconds(what: &str, path: &Path) -> Result<f64, FilmError> {
    let format = sniff::of(what, path)?;
    if format.kind == sniff::Kind::Picture {
        let why = "it is a picture, where a clip is needed".to_owned();
        return Err(FilmError::ReadInput { what: what.to_owned(), path: path.to_owned(), why });
    }
    Ok(probe::clip(what, format, path).await?.seconds)
}

/// An intro or outro asks for this much at least, in seconds; the timeline has a least length of its own.
const SHORTEST: f64 = 0.001;

/// What is done one after the other to make a film; [`Film::stages`] says how long each took.
pub const STAGES: [&str; 5] = ["prepare", "sound", "picture", "join", "checks"];

/// Makes the film in `dir`, which must exist. `progress` gets the share done, from 0 to 1, ascending; `rendered` each
/// section as soon as its file is whole.
///
/// A film that fails a check is kept and said to have failed ([`Film::failed`]); an error means that
/// there is no film. Dropping the future ends ffmpeg.
pub async fn assemble(
    request: &FilmRequest,
    dir: &Path,
    mut progress: impl FnMut(f32),
    rendered: impl FnMut(&SectionFile),
) -> Result<Film, FilmError> {
    let dir = &std::path::absolute(dir).map_err(FilmError::file("find", dir))?;
    let work = &dir.join("work");
    let mut stages = Stages::default();
    progress(0.0);
    let mut prepared = Prepared::of(request, work).await?;
    let title = title(request, &mut prepared.notes)?;
    let captions = prepared.captions.as_ref();
    let files =
        captions.map(|captions| write_files(request, captions, &prepared.timeline, dir)).transpose()?;
    let (sidecar, burned) = files.unwrap_or_default();
    stages.end("prepare");
    progress(0.03);
    let (timeline, sources) = (&prepared.timeline, &prepared.sources);
    let watermark = prepared.watermark.as_ref();
    let mut master = sound::mix_film(request, timeline, sources, &mut prepared.voices, work).await?;
    stages.end("sound");
    progress(0.08);
    let studio = render::Studio { request, timeline, sources, watermark, work, out: dir };
    let share = |share| progress(0.08 + 0.80 * share);
    let mut watch = Watch::new(request, watermark);
    let sections = studio.sections(captions, &mut watch, share, rendered).await?;
    stages.end("picture");
    let (path, heard) = loop {
        let path = studio.join(&sections, &master.sound).await?;
        let heard = Heard::of(&path, work).await?;
        let again;
        (master, again) = master.corrected(heard.loudness).await?;
        if !again {
            break (path, heard);
        }
    };
    let thumbnail = thumbnail::make(request, sources, title.as_deref(), work, dir).await?;
    stages.end("join");
    progress(0.92);
    let checks = checks::check(&prepared.plan(request, work), &path, &watch, &heard).await?;
    stages.end("checks");
    let bytes = std::fs::metadata(&path).map_err(FilmError::file("read", &path))?.len();
    std::fs::remove_dir_all(work).map_err(FilmError::file("remove", work))?;
    progress(1.0);
    Ok(Film {
        seconds: timeline.seconds(),
        frames: timeline.frames().0,
        bytes,
        thumbnail,
        path,
        sidecar,
        burned,
        sections,
        word_level: captions.and_then(|set| set.level),
        checks,
        notes: prepared.notes,
        stages: stages.seconds,
    })
}

/// Makes and checks what is heard and read of a film in `dir`, and no picture: what its sound will be said of, and its
/// captions in each of these formats, for a tenth of the film's cost.
pub async fn rehearse(
    request: &FilmRequest,
    formats: &[Format],
    dir: &Path,
) -> Result<Vec<CheckResult>, FilmError> {
    let dir = &std::path::absolute(dir).map_err(FilmError::file("find", dir))?;
    let work = &dir.join("work");
    let mut prepared = Prepared::of(request, work).await?;
    let (timeline, sources) = (&prepared.timeline, &prepared.sources);
    let mut master = sound::mix_film(request, timeline, sources, &mut prepared.voices, work).await?;
    let heard = loop {
        let heard = Heard::of(&render::encode(&master.sound, work).await?, work).await?;
        let again;
        (master, again) = master.corrected(heard.loudness).await?;
        if !again {
            break heard;
        }
    };
    let mut checks = Vec::new();
    for format in formats {
        let request = &FilmRequest { format: *format, ..request.clone() };
        prepared.captions = Captions::set(request, &prepared.timeline, &prepared.voices.speech)?;
        prepared.watermark = PlacedWatermark::read(
            request,
            &prepared.timeline,
            prepared.captions.as_ref(),
            &mut prepared.notes,
        )
        .await?;
        checks.extend(checks::rehearsed(&prepared.plan(request, work), &heard).await?);
    }
    std::fs::remove_dir_all(work).map_err(FilmError::file("remove", work))?;
    Ok(checks)
}

/// What is decided before anything is made.
struct Prepared {
    sources: render::Sources,
    voices: sound::Voices,
    timeline: Timeline,
    captions: Option<Captions>,
    watermark: Option<PlacedWatermark>,
    notes: Vec<String>,
}

impl Prepared {
    async fn of(request: &FilmRequest, work: &Path) -> Result<Self, FilmError> {
        validate(request)?;
        std::fs::create_dir_all(work).map_err(FilmError::file("make", work))?;
        let sources = render::Sources::read(request).await?;
        let voices = sound::voices(request, work).await?;
        let timeline = lay_out(request, &sources, &voices)?;
        let captions = Captions::set(request, &timeline, &voices.speech)?;
        let mut notes = captions.as_ref().map(|set| set.notes.clone()).unwrap_or_default();
        let watermark = PlacedWatermark::read(request, &timeline, captions.as_ref(), &mut notes).await?;
        Ok(Self { sources, voices, timeline, captions, watermark, notes })
    }

    fn plan<'a>(&'a self, request: &'a FilmRequest, work: &'a Path) -> checks::Plan<'a> {
        checks::Plan {
            request,
            timeline: &self.timeline,
            sources: &self.sources,
            speech: &self.voices.speech,
            captions: self.captions.as_ref(),
            watermark: self.watermark.as_ref().map(|watermark| watermark.place),
            work,
        }
    }
}

/// Refuses what no film can be made of, before anything is read.
fn validate(request: &FilmRequest) -> Result<(), FilmError> {
    let refuse =
        |what: String, advice: &str| Err(FilmError::ReadSettings { what, advice: advice.to_owned() });
    let Format { width, height, .. } = request.format;
    if !(64..=7680).contains(&width) || !(64..=7680).contains(&height) || width % 2 + height % 2 > 0 {
        return refuse(
            format!("{width}x{height} is no size of a film"),
            "give even sides of 64 to 7680 pixels",
        );
    }
    let audio = &request.audio;
    if !(-40.0..=-5.0).contains(&audio.loudness) || !(-12.0..=0.0).contains(&audio.true_peak) {
        return refuse(
            format!(
                "{} LUFS with a true peak of {} dBTP is no loudness of a film",
                audio.loudness, audio.true_peak
            ),
            "set audio.loudness from -40 to -5 and audio.truePeak from -12 to 0",
        );
    }
    if !(-60.0..=0.0).contains(&audio.bed) || !(0.0..=60.0).contains(&audio.duck) {
        return refuse(
            format!("music at {} LU, ducked by {} LU, is no bed", audio.bed, audio.duck),
            "set audio.music.bed from -60 to 0 and audio.music.duck from 0 to 60",
        );
    }
    let story = &request.scenes[request.story()];
    if story.iter().any(|scene| scene.role != SceneRole::Story)
        || story.is_empty() != request.scenes.is_empty()
    {
        return refuse(
            "an intro must come first, an outro last, and scenes between them".to_owned(),
            "put the intro first, the outro last, and scenes between them",
        );
    }
    if let Some(look) = request.watermark.as_ref().map(|watermark| watermark.look)
        && (!(1..=100).contains(&look.opacity) || !(2..=40).contains(&look.width))
    {
        return refuse(
            format!(
                "a watermark cannot have a width of {} % and an opacity of {} %",
                look.width, look.opacity
            ),
            "set watermark.width from 2 to 40 and watermark.opacity from 1 to 100",
        );
    }
    Ok(())
}

/// Wall-clock seconds by stage.
struct Stages {
    since: Instant,
    seconds: BTreeMap<String, f64>,
}

impl Default for Stages {
    fn default() -> Self {
        Self { since: Instant::now(), seconds: BTreeMap::new() }
    }
}

impl Stages {
    fn end(&mut self, name: &str) {
        self.seconds.insert(name.to_owned(), self.since.elapsed().as_secs_f64());
        self.since = Instant::now();
    }
}

fn lay_out(
    request: &FilmRequest,
    sources: &render::Sources,
    voices: &sound::Voices,
) -> Result<Timeline, FilmError> {
    let crossfade = match request.transition.kind {
        TransitionKind::Crossfade => request.transition.seconds,
        TransitionKind::Cut => 0.0,
    };
    let needs: Vec<SceneNeeds> = request
        .scenes
        .iter()
        .enumerate()
        .map(|(place, scene)| {
            // A clip whose own sound is heard is shown whole.
            let own = match (scene.role, request.audio.source, sources.clips.get(place)) {
                (SceneRole::Story, AudioSource::Clips, Some(Some(clip))) => clip.seconds - crossfade,
                // However short: without a length it would get that of a silent scene.
                (SceneRole::Intro | SceneRole::Outro, _, Some(Some(clip))) => {
                    (clip.seconds - crossfade).max(SHORTEST)
                }
                _ => 0.0,
            };
            let least_seconds = if own > scene.min_seconds { own } else { scene.min_seconds };
            SceneNeeds { voice: voices.length(place), least_seconds }
        })
        .collect();
    let timeline = Timeline::lay_out(request.format.fps, crossfade, &needs)?;
    keep_length(timeline.seconds(), request.most_seconds)?;
    Ok(timeline)
}

/// Refuses a film that is longer than it may be; with `most` 0 none is.
fn keep_length(seconds: f64, most: f64) -> Result<(), FilmError> {
    if most <= 0.0 || seconds <= most {
        return Ok(());
    }
    // Rounded up: a film that is too long by a frame must not seem to fit.
    Err(FilmError::KeepLength { seconds: (seconds * 10.0).ceil() / 10.0, most })
}

/// Writes the captions as files: sidecars where wanted, and what is burned in, for a look at it.
fn write_files(
    request: &FilmRequest,
    captions: &Captions,
    timeline: &Timeline,
    dir: &Path,
) -> Result<(Option<Sidecar>, Option<PathBuf>), FilmError> {
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(FilmError::file("write", &path))?;
        Ok::<_, FilmError>(path)
    };
    let mode = request.captions.mode;
    let mut files = (None, None);
    if matches!(mode, CaptionMode::Sidecar | CaptionMode::Both) {
        let cues = captions.cues();
        let srt = write("captions.srt", srt(timeline.rate, &cues))?;
        files.0 = Some(Sidecar { srt, vtt: write("captions.vtt", vtt(timeline.rate, &cues))? });
    }
    if matches!(mode, CaptionMode::Burned | CaptionMode::Both) {
        let whole = Span { from: Frames(0), to: timeline.frames() };
        files.1 = Some(write("captions.ass", captions.ass(whole))?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_that_is_too_long_is_refused_with_its_length() {
        assert!(keep_length(60.0, 60.0).is_ok() && keep_length(1e6, 0.0).is_ok());
        for (seconds, reported) in [(62.0, "lasts 62 s, length.max is 60 s"), (60.01, "lasts 60.1 s")] {
            let error = keep_length(seconds, 60.0).unwrap_err().to_string();
            assert!(error.contains(reported) && error.contains("raise length.max"), "{error}");
        }
    }
}
