//! Black and frozen pictures, judged on the luma of the decoded film at an eighth of its size.

use std::path::Path;

use videofactory_pipeline::timeline::Frames;

use super::{Finding, Plan};
use crate::film::error::FilmError;
use crate::film::ffmpeg::Ffmpeg;
use crate::film::picture::ON_GROUND;
use crate::film::request::{Picture, Position};
use crate::film::sniff::MP4;

/// The film is looked at in blocks of this many pixels squared.
const BLOCK: u32 = 8;
/// Black is a luma range and a mean below these; 16 is black itself.
const BLACK: Darkness = Darkness { range: 8, mean: 20.0 };
/// A source this dark may come out black.
const DARK_SOURCE: Darkness = Darkness { range: 12, mean: 24.0 };
/// A source of a smaller range shows no movement.
const FLAT: u8 = 8;
/// Pictures whose luma differs by less on average are the same: key frames alone make as much.
const SAME: f64 = 0.4;
/// A picture at rest for longer is frozen, in seconds.
const FREEZE_SECONDS: f64 = 2.0;

/// How dark a picture is.
#[derive(Clone, Copy, Debug)]
struct Darkness {
    range: u8,
    mean: f64,
}

/// What was seen of the film.
pub(super) struct Seen {
    /// Black frames.
    black: Vec<u64>,
    /// Stretches without movement: the first frame, and how many.
    still: Vec<(u64, u64)>,
}

/// Decodes the film and looks at each frame.
pub(super) async fn scan(plan: &Plan<'_>, path: &Path) -> Result<Seen, FilmError> {
    let format = plan.request.format;
    let (width, height) = ((format.width / BLOCK).max(1), (format.height / BLOCK).max(1));
    let size = (width * height) as usize;
    let hidden = caption_band(plan, width as usize, height as usize);
    let mut seen = Seen { black: Vec::new(), still: Vec::new() };
    let mut anchor: Vec<u8> = Vec::new();
    let (mut since, mut frame) = (0, 0);
    let filter = format!("extractplanes=y,scale={width}:{height}:flags=area");
    Ffmpeg::new("look at the film", plan.work)
        .input(&["-an", "-skip_loop_filter", "all"], MP4, path)
        .args(["-vf", &filter, "-vsync", "passthrough", "-f", "rawvideo", "pipe:1"])
        .blocks(size, |luma| {
            if Darkness::of(luma).within(BLACK) {
                seen.black.push(frame);
            }
            if anchor.is_empty() || moved(&anchor, luma, hidden.clone()) {
                seen.still.push((since, frame - since));
                since = frame;
                anchor.clear();
                anchor.extend_from_slice(luma);
            }
            frame += 1;
        })
        .await?;
    seen.still.push((since, frame - since));
    let rate = format.fps;
    seen.still.retain(|(_, frames)| rate.seconds(Frames(*frames)) >= FREEZE_SECONDS);
    Ok(seen)
}

/// Black frames whose sources are not that dark.
pub(super) async fn black(plan: &Plan<'_>, seen: &Seen) -> Result<Finding, FilmError> {
    let mut dark = vec![None; plan.request.scenes.len()];
    let mut bad = Vec::new();
    for frame in &seen.black {
        let mut excused = false;
        for scene in scenes_at(plan, *frame) {
            let scene_is_dark = match dark[scene] {
                Some(known) => known,
                None => source(plan, scene).await?.iter().any(|frame| frame.within(DARK_SOURCE)),
            };
            dark[scene] = Some(scene_is_dark);
            excused |= scene_is_dark;
        }
        if !excused {
            bad.push(*frame);
        }
    }
    let count = count(bad.len());
    let message = match bad.first() {
        None => "no black frame".to_owned(),
        Some(first) => format!(
            "{count} black frames, the first at {:.2} s in scene {}",
            seconds(plan, *first),
            names(plan, *first)
        ),
    };
    Ok(Finding { good: bad.is_empty(), value: count, message })
}

/// The longest stretch at rest in a scene whose picture should move.
pub(super) async fn freeze(plan: &Plan<'_>, seen: &Seen) -> Result<Finding, FilmError> {
    let mut longest: Option<(u64, u64)> = None;
    for (start, frames) in &seen.still {
        let mut moves = false;
        for scene in scenes_at(plan, start + frames / 2) {
            let rests = match &plan.request.scenes[scene].picture {
                Picture::Still { motion, .. } => motion.from == motion.to,
                Picture::Clip { .. } => false,
            };
            moves |= !rests && source(plan, scene).await?.iter().any(|frame| frame.range >= FLAT);
        }
        if moves && longest.is_none_or(|(_, most)| most < *frames) {
            longest = Some((*start, *frames));
        }
    }
    let Some((start, frames)) = longest else {
        let message = format!("no picture at rest for {FREEZE_SECONDS} s");
        return Ok(Finding { good: true, value: 0.0, message });
    };
    let rest = seconds(plan, frames);
    let message = format!(
        "the picture rests for {rest:.1} s from {:.2} s, in scene {}",
        seconds(plan, start),
        names(plan, start)
    );
    Ok(Finding { good: false, value: rest, message })
}

impl Darkness {
    fn of(luma: &[u8]) -> Self {
        let (mut low, mut high, mut sum) = (u8::MAX, 0, 0u64);
        for value in luma {
            low = low.min(*value);
            high = high.max(*value);
            sum += u64::from(*value);
        }
        Self { range: high.saturating_sub(low), mean: count_of(sum) / count(luma.len().max(1)) }
    }

    fn within(self, limit: Self) -> bool {
        self.range < limit.range && self.mean < limit.mean
    }
}

/// The blocks that captions may cover: words that light up are no movement of the picture.
fn caption_band(plan: &Plan<'_>, width: usize, height: usize) -> std::ops::Range<usize> {
    let portrait = plan.request.format.aspect() < 1.0;
    let (from, to) = match (plan.request.captions.style.position, portrait) {
        (Position::Top, true) => (12, 40),
        (Position::Top, false) => (0, 30),
        (Position::Middle, _) => (30, 60),
        (Position::Bottom, true) => (50, 76),
        (Position::Bottom, false) => (70, 100),
    };
    height * from / 100 * width..height * to / 100 * width
}

fn moved(before: &[u8], now: &[u8], hidden: std::ops::Range<usize>) -> bool {
    let differ = |range: std::ops::Range<usize>| {
        before[range.clone()]
            .iter()
            .zip(&now[range])
            .map(|(before, now)| u64::from(before.abs_diff(*now)))
            .sum::<u64>()
    };
    let seen = before.len() - hidden.len();
    count_of(differ(0..hidden.start) + differ(hidden.end..now.len())) > SAME * count(seen)
}

/// How dark a scene's own picture is: one entry for a still, one for each second of a clip and more.
async fn source(plan: &Plan<'_>, scene: usize) -> Result<Vec<Darkness>, FilmError> {
    let (path, colours) = match (&plan.request.scenes[scene].picture, &plan.sources.clips[scene]) {
        (Picture::Clip { path }, Some(clip)) if !clip.alpha => {
            let range = if clip.full_range { "pc" } else { "tv" };
            (path, format!("scale=90:90:flags=area:in_color_matrix={}:in_range={range}", clip.matrix.name()))
        }
        (Picture::Still { path, .. } | Picture::Clip { path }, _) => {
            (path, format!("{ON_GROUND},scale=90:90:flags=area"))
        }
    };
    let filter = format!("{colours}:out_color_matrix=bt709:out_range=tv,format=yuv420p,extractplanes=y");
    let first: &[&str] = if plan.sources.clips[scene].is_none() { &["-frames:v", "1"] } else { &[] };
    let mut frames = Vec::new();
    Ffmpeg::new(format!("look at the picture of scene {}", plan.request.scenes[scene].id), plan.work)
        .input(&["-an"], plan.sources.formats[scene], path)
        .args(first)
        .args(["-vf", &filter, "-f", "rawvideo", "pipe:1"])
        .blocks(90 * 90, |luma| frames.push(Darkness::of(luma)))
        .await?;
    Ok(frames)
}

/// The scenes seen in a frame: two in a crossfade.
fn scenes_at(plan: &Plan<'_>, frame: u64) -> Vec<usize> {
    let shown = |place: &videofactory_pipeline::timeline::ScenePlace| {
        (place.start.0..(place.start + place.picture).0).contains(&frame)
    };
    plan.timeline
        .scenes
        .iter()
        .enumerate()
        .filter(|(_, place)| shown(place))
        .map(|(scene, _)| scene)
        .collect()
}

fn names(plan: &Plan<'_>, frame: u64) -> String {
    let names: Vec<&str> =
        scenes_at(plan, frame).into_iter().map(|scene| plan.request.scenes[scene].id.as_str()).collect();
    names.join(" and ")
}

fn seconds(plan: &Plan<'_>, frame: u64) -> f64 {
    plan.timeline.rate.seconds(Frames(frame))
}

fn count(number: usize) -> f64 {
    count_of(number as u64)
}

#[expect(clippy::cast_precision_loss, reason = "pixels and frames are well below 2^53")]
fn count_of(number: u64) -> f64 {
    number as f64
}
