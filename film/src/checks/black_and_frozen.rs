//! Black and frozen pictures, judged by what the sources and the timeline let expect; and whether the file shows what was
//! rendered.

use std::path::Path;

use videofactory_pipeline::timeline::Frames;

use super::{Finding, Plan};
use crate::error::FilmError;
use crate::ffmpeg::Ffmpeg;
use crate::render_section::ON_GROUND;
use crate::request::{Picture, Scene, SceneRole};
use crate::watch::{Darkness, Gist, Watch};

/// A source this dark may come out black.
const DARK_SOURCE: Darkness = Darkness { range: 12, mean: 24.0 };
/// A source of a smaller range shows no movement.
const FLAT: u8 = 8;
/// Encoding changes the mean luma of a part of a frame by no more.
const ALIKE: u8 = 6;
/// A picture at rest for longer is frozen, in seconds.
const FREEZE_SECONDS: f64 = 2.0;
/// A still takes its whole scene for its movement, which is the slower the longer that is: at rest for no more than this
/// part of its scene, it is not frozen.
const SLOW_STILL: f64 = 1.0 / 15.0;

/// The first key frame of the file that does not show what was rendered there; `keys` are their places, in order.
pub(super) async fn unlike(
    plan: &Plan<'_>,
    seen: &Watch,
    path: &Path,
    keys: &[usize],
) -> Result<Option<String>, FilmError> {
    let size = seen.size();
    let mut shown = Vec::new();
    size.decode(path, plan.work, true, |luma| shown.push(size.gist(luma))).await?;
    Ok(match first_unlike(keys, &shown, &seen.gists) {
        Ok(None) => None,
        Ok(Some(key)) => {
            Some(format!("at {:.2} s it does not show what was rendered", seconds(plan, key as u64)))
        }
        Err(Undecoded) => Some(format!("{} of its {} key frames can be decoded", shown.len(), keys.len())),
    })
}

/// Other key frames came out of the file than went in.
#[derive(Debug, PartialEq, Eq)]
struct Undecoded;

fn first_unlike(keys: &[usize], shown: &[Gist], rendered: &[Gist]) -> Result<Option<usize>, Undecoded> {
    if shown.len() != keys.len() {
        return Err(Undecoded);
    }
    let alike =
        |one: &Gist, other: &Gist| one.iter().zip(other).all(|(one, other)| one.abs_diff(*other) <= ALIKE);
    let fits = |key: usize, shown: &Gist| rendered.get(key).is_some_and(|gist| alike(gist, shown));
    Ok(keys.iter().zip(shown).find(|(key, shown)| !fits(**key, shown)).map(|(key, _)| *key))
}

/// Black frames whose sources are not that dark.
pub(super) async fn black(plan: &Plan<'_>, seen: &Watch) -> Result<Finding, FilmError> {
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
pub(super) async fn freeze(plan: &Plan<'_>, seen: &Watch) -> Result<Finding, FilmError> {
    let mut longest: Option<(u64, u64)> = None;
    let rate = plan.timeline.rate;
    let at_rest = |frames: u64| rate.seconds(Frames(frames)) >= FREEZE_SECONDS;
    for (start, frames) in seen.stretches().filter(|(_, frames)| at_rest(*frames)) {
        let mut moves = false;
        for scene in scenes_at(plan, start + frames / 2) {
            let Scene { picture, role, .. } = &plan.request.scenes[scene];
            let rests = match picture {
                // A sign that stands still for a while is what its makers wanted.
                _ if *role != SceneRole::Story => true,
                Picture::Still { motion, .. } => {
                    let shown = rate.seconds(plan.timeline.scenes[scene].picture);
                    motion.from == motion.to || rate.seconds(Frames(frames)) <= shown * SLOW_STILL
                }
                Picture::Clip { .. } => false,
            };
            moves |= !rests && source(plan, scene).await?.iter().any(|frame| frame.range >= FLAT);
        }
        if moves && longest.is_none_or(|(_, most)| most < frames) {
            longest = Some((start, frames));
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
    Ffmpeg::new(format!("look at {}", plan.request.scenes[scene].picture_name()), plan.work)
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

#[expect(clippy::cast_precision_loss, reason = "frames are well below 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_that_shows_something_else_is_found() {
        let rendered = [[100; 16], [120; 16], [140; 16]];
        let (same, mut coded) = ([rendered[0], rendered[2]], [rendered[0], rendered[2]]);
        coded[1][3] += ALIKE;
        for shown in [same, coded] {
            assert_eq!(first_unlike(&[0, 2], &shown, &rendered), Ok(None));
        }
        coded[1][3] += 1;
        assert_eq!(first_unlike(&[0, 2], &coded, &rendered), Ok(Some(2)));
        assert_eq!(first_unlike(&[0, 2], &same[..1], &rendered), Err(Undecoded));
        assert_eq!(first_unlike(&[0, 3], &same, &rendered), Ok(Some(3)));
    }
}
