//! The picture of one section as one ffmpeg command: every input brought to the film's rate, size and
//! colours and to its exact number of frames, then crossfaded at the timeline's offsets, captions
//! burned in, encoded once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use videofactory_pipeline::timeline::{Easing, Frames, MAX_STRETCH, Motion, Rect};

use super::error::FilmError;
use super::ffmpeg::{Ffmpeg, threads};
use super::probe::{Clip, RGB_TO_BT709};
use super::request::{ClipFit, Format};
use super::sniff;
use super::watch::Size;
use super::watermark::Overlay;

/// x264's preset. Three generations at medium look like one at this; it costs half.
pub const PRESET: &str = "veryfast";
/// x264's quality.
const CRF: &str = "21";
/// Slow movement as it is: macroblock trees and strong adaptive quantisation save bits on it and make
/// it tremble, by a sixth of a pixel.
const X264: &str = "mbtree=0:aq-strength=0.4";
/// A still is rendered from this many times the frame, so that its window is never enlarged much.
const STILL_SIZE: f64 = 1.2;

/// Where a picture lets through what lies behind it, that is the film's ground, black: the colours that
/// its file keeps under there are nobody's business. Pictures without holes come out as they went in.
pub const ON_GROUND: &str = "format=rgba,format=gbrap,premultiply=inplace=1,format=rgb24";
/// While its last frame is held, a clip's window closes by this share in a second, and so far at most.
const HOLD_A_SECOND: f64 = 0.02;
const HOLD_AT_MOST: f64 = 0.12;

/// One picture of a section, fully decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shot {
    /// Digest of the file's bytes.
    pub content: String,
    /// How its frames are made.
    pub kind: Shown,
    /// Where it begins in the section.
    pub at: Frames,
    /// Frames of the picture before those that the section shows.
    pub skip: Frames,
    /// Frames that the section shows.
    pub frames: Frames,
    /// Frames of the whole picture.
    pub whole: Frames,
    /// Where the file is; no part of the digest.
    #[serde(skip)]
    pub path: PathBuf,
    /// What the file is, which its bytes say.
    #[serde(skip)]
    pub format: sniff::Format,
}

/// How a picture's frames are made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Shown {
    /// A window glides over an image.
    Still(Motion),
    /// A video plays.
    Clip {
        /// Plays this many times as long.
        stretch: f64,
        /// Frames until its last one is held.
        plays: Frames,
        /// Options of `scale` for its colours.
        colours: String,
        /// Whether the film's ground is seen through it.
        #[serde(skip_serializing_if = "is_false")]
        holes: bool,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A section of the film's picture: equal plans make equal files.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SectionPlan {
    /// Raised when the same plan is rendered differently.
    pub version: u32,
    /// Size and rate.
    pub format: Format,
    /// Of each change of scene.
    pub crossfade: Frames,
    /// How many frames it has.
    pub frames: Frames,
    /// In order.
    pub shots: Vec<Shot>,
    /// What lies over them, below the captions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Overlay>,
    /// The ASS file burned in; empty for none.
    pub captions: String,
}

/// How a clip fills a scene: the factor that slows it, and the frames until its last one is held.
#[must_use]
pub fn fit_clip(clip: &Clip, fit: ClipFit, whole: Frames, format: Format) -> (f64, Frames) {
    let wanted = format.fps.seconds(whole);
    let stretch = match fit {
        ClipFit::Slow | ClipFit::Regenerate if clip.seconds < wanted => {
            (wanted / clip.seconds).min(MAX_STRETCH)
        }
        _ => 1.0,
    };
    let plays = format.fps.nearest(clip.seconds * stretch).max(Frames(1));
    (stretch, plays.min(whole))
}

impl SectionPlan {
    /// Renders into `out`; `dir` takes the files that ffmpeg needs beside it. `frame` gets each frame, as [`Size`] has it.
    pub async fn render(&self, dir: &Path, out: &Path, frame: impl FnMut(&[u8])) -> Result<(), FilmError> {
        let ass = dir.join("section.ass");
        std::fs::write(&ass, &self.captions).map_err(FilmError::file("write", &ass))?;
        let mut ffmpeg = Ffmpeg::new("render the picture", dir);
        for shot in &self.shots {
            ffmpeg = ffmpeg.input(&["-threads", "1", "-an", "-sn"], shot.format, &shot.path);
        }
        if let Some(overlay) = &self.watermark {
            ffmpeg = ffmpeg.input(&["-threads", "1", "-an", "-sn"], overlay.format, &overlay.path);
        }
        let rate = self.format.fps.per_second();
        ffmpeg
            .args(["-filter_complex", &self.graph(), "-map", "[out]", "-c:v", "libx264", "-preset", PRESET])
            .args([
                "-crf",
                CRF,
                "-x264-params",
                X264,
                "-profile:v",
                "high",
                "-pix_fmt",
                "yuv420p",
                "-flags",
                "+cgop",
            ])
            .args(["-g", &(2 * rate).to_string(), "-threads", &threads(), "-vsync", "passthrough"])
            .args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"])
            .args(["-color_range", "tv", "-video_track_timescale", &timescale(rate), "-f", "mp4"])
            .args([out])
            .args(["-map", "[seen]", "-vsync", "passthrough", "-f", "rawvideo", "pipe:1"])
            .blocks(Size::of(self.format).bytes(), frame)
            .await
    }

    fn graph(&self) -> String {
        let mut graph = String::new();
        for (place, shot) in self.shots.iter().enumerate() {
            // xfade ends a frame early if its first input ends with the crossfade.
            let crossfades = self.crossfade > Frames(0) && place + 1 < self.shots.len();
            let frames = if crossfades { shot.frames + Frames(1) } else { shot.frames };
            let filters = match &shot.kind {
                Shown::Still(motion) => self.still(shot, frames, motion),
                Shown::Clip { stretch, plays, colours, holes } => {
                    let ground = if *holes { format!("{ON_GROUND},") } else { String::new() };
                    ground + &self.clip(shot, frames, (*stretch, *plays), colours)
                }
            };
            let _ = write!(graph, "[{place}:v:0]{filters}[p{place}];");
        }
        let mut joined = self.join(&mut graph);
        if let Some(overlay) = &self.watermark {
            let filters = overlay.filters(self.format.fps, self.frames);
            let (place, left, top) = (self.shots.len(), overlay.place.left, overlay.place.top);
            let _ = write!(graph, "[{place}:v:0]{filters}[watermark];");
            let _ =
                write!(graph, "[{joined}][watermark]overlay=x={left}:y={top}:format=yuv420[watermarked];");
            "watermarked".clone_into(&mut joined);
        }
        let captions = if self.captions.is_empty() { "" } else { "ass=section.ass:shaping=complex," };
        let _ = write!(graph, "[{joined}]{captions}format=yuv420p,split[out][look];");
        let _ = write!(graph, "[look]{}[seen]", Size::of(self.format).filters());
        graph
    }

    /// Crossfades, or strings together, all pictures; gives the label of the result.
    fn join(&self, graph: &mut String) -> String {
        let count = self.shots.len();
        if count == 1 {
            return "p0".to_owned();
        }
        if self.crossfade == Frames(0) {
            for place in 0..count {
                let _ = write!(graph, "[p{place}]");
            }
            let _ = write!(graph, "concat=n={count}:v=1:a=0[joined];");
            return "joined".to_owned();
        }
        let (fade, rate) = (self.format.fps.seconds(self.crossfade), self.format.fps.per_second());
        let mut before = "p0".to_owned();
        for (place, shot) in self.shots.iter().enumerate().skip(1) {
            let at = self.format.fps.seconds(shot.at);
            // xfade leaves a hole of one frame behind itself: everything after it is numbered again. `fps`
            // would do that too, and hold two frames at each of these places.
            let _ = write!(
                graph,
                "[{before}][p{place}]xfade=transition=fade:duration={fade:.6}:offset={at:.6},\
                 settb=1/{rate},setpts=N[x{place}];"
            );
            before = format!("x{place}");
        }
        before
    }

    fn still(&self, shot: &Shot, frames: Frames, motion: &Motion) -> String {
        let moves = motion.from != motion.to || motion.from != Rect::WHOLE;
        let size = if moves { STILL_SIZE } else { 1.0 };
        let (w, h) = (enlarged(self.format.width, size), enlarged(self.format.height, size));
        let rate = self.format.fps.per_second();
        let mut filters = format!(
            // Of an animation the first frame is the picture.
            "trim=end_frame=1,{ON_GROUND},{},crop={w}:{h},setsar=1,format=yuv420p,loop=loop={}:size=1,settb=1/{rate},setpts=N,fps={rate}",
            cover(w, h, "lanczos", RGB_TO_BT709),
            frames.0.saturating_sub(1)
        );
        if moves {
            let time = format!("((on-1+{})/{})", shot.skip.0, shot.whole.0.saturating_sub(1).max(1));
            let window = Window { width: w, height: h, zoom: f64::from(w) / f64::from(self.format.width) };
            let _ = write!(filters, ",{}", window.glide(motion, &time));
            let _ = write!(filters, ",crop={}:{}:0:0", self.format.width, self.format.height);
        }
        filters
    }

    fn clip(&self, shot: &Shot, frames: Frames, (stretch, plays): (f64, Frames), colours: &str) -> String {
        let (w, h, rate) = (self.format.width, self.format.height, self.format.fps.per_second());
        let (from, to) = (shot.skip.0, (shot.skip + frames).0);
        let mut filters = format!(
            "setpts=(PTS-STARTPTS)*{stretch:.6},fps={rate}:start_time=0,{},crop={w}:{h},setsar=1,format=yuv420p,\
             tpad=stop_mode=clone:stop=-1,trim=start_frame={from}:end_frame={to},settb=1/{rate},setpts=N,fps={rate}",
            cover(w, h, "bicubic", colours)
        );
        if plays < shot.skip + frames {
            let held = Frames(shot.whole.less(plays).0.max(1));
            let side = 1.0 - (HOLD_A_SECOND * self.format.fps.seconds(held)).min(HOLD_AT_MOST);
            let motion =
                Motion { from: Rect::WHOLE, to: Rect::placed(side, 0.5, 0.5), easing: Easing::InOut };
            let time = format!("((on-1+{}-{})/{})", shot.skip.0, plays.0, held.0);
            let window = Window { width: w, height: h, zoom: 1.0 };
            let begins = plays.less(shot.skip).0;
            let _ = write!(filters, ",{}:enable='gte(n,{begins})'", window.glide(&motion, &time));
        }
        filters
    }
}

/// Frames of `perspective`'s size, of which the upper left `1 / zoom` is kept.
struct Window {
    width: u32,
    height: u32,
    zoom: f64,
}

impl Window {
    /// A `perspective` whose window glides; `time` is an expression from 0 to 1.
    fn glide(&self, motion: &Motion, time: &str) -> String {
        let way = match motion.easing {
            Easing::Linear => time.to_owned(),
            Easing::InOut => format!("(0.5*{time}+0.5*{time}*{time}*(3-2*{time}))"),
        };
        let between = |from: f64, to: f64, size: u32| {
            let size = f64::from(size);
            format!("{:.6}+({:.6})*{way}", from * size, (to - from) * size)
        };
        let (from, to) = (&motion.from, &motion.to);
        let left = between(from.x, to.x, self.width);
        let right = between(from.x + from.w * self.zoom, to.x + to.w * self.zoom, self.width);
        let top = between(from.y, to.y, self.height);
        let bottom = between(from.y + from.h * self.zoom, to.y + to.h * self.zoom, self.height);
        format!(
            "perspective=eval=frame:interpolation=linear:x0='{left}':y0='{top}':x1='{right}':y1='{top}':\
             x2='{left}':y2='{bottom}':x3='{right}':y3='{bottom}'"
        )
    }
}

/// Scales to cover this size.
fn cover(width: u32, height: u32, how: &str, colours: &str) -> String {
    format!("scale={width}:{height}:force_original_aspect_ratio=increase:flags={how}{colours}")
}

/// This many pixels, enlarged, and even.
fn enlarged(pixels: u32, by: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a frame's size, enlarged a little"
    )]
    let enlarged = (f64::from(pixels) * by / 2.0).ceil() as u32;
    enlarged * 2
}

/// Units of time in a second of the film's file: a frame is 512.
#[must_use]
pub fn timescale(rate: u32) -> String {
    (rate * 512).to_string()
}

/// Gives a file another name.
pub fn link(file: &Path, name: &Path) -> Result<(), FilmError> {
    let file = std::path::absolute(file).map_err(FilmError::file("find", file))?;
    match std::fs::remove_file(name) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(FilmError::UseFile { task: "replace", path: name.to_owned(), source }),
    }
    std::os::unix::fs::symlink(file, name).map_err(FilmError::file("link", name))
}
