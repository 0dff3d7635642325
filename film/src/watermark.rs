//! A channel's watermark: where it stands, and in which frames it is seen. It keeps to the part of the frame that players
//! leave free, and out of the rows that burned captions may cover.

use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;

use serde::Serialize;
use videofactory_pipeline::timeline::{FrameRate, Frames, Span, Timeline};

use super::captions::Captions;
use super::captions::safe_area::Area;
use super::error::FilmError;
use super::file_digest::digest_of;
use super::probe;
use super::request::{Corner, FilmRequest, Format, WatermarkLook};
use super::sniff;

/// What messages call it.
const WHAT: &str = "the watermark";

/// Pixels of the frame, all even: a pixel of colour is two wide and two high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Left edge.
    pub left: u32,
    /// Upper edge.
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// The watermark of a film, in its place.
#[derive(Clone, Debug)]
pub struct PlacedWatermark {
    /// Where it stands.
    pub place: Place,
    changes: Changes,
    content: String,
    opacity: i32,
    path: PathBuf,
    format: sniff::Format,
}

/// When it comes and goes, in frames of the film.
#[derive(Clone, Copy, Debug)]
struct Changes {
    /// It begins to appear; `None` if it is there from the first.
    appears: Option<Frames>,
    /// It begins to go; `None` if it stays.
    leaves: Option<Frames>,
    /// Frames that it takes to appear and to go; at least one.
    fade: Frames,
}

/// The watermark in one section, fully decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overlay {
    /// Digest of the file's bytes.
    content: String,
    /// Where it stands.
    pub place: Place,
    /// Per cent of it that is seen.
    opacity: i32,
    /// The frame of the section in which it begins to appear; `None` if it is there from the first.
    appears: Option<Frames>,
    /// The frame in which it begins to go; `None` if it stays.
    leaves: Option<Frames>,
    /// Frames that it takes to appear and to go; at least one.
    fade: Frames,
    /// Where the file is; no part of the digest.
    #[serde(skip)]
    pub path: PathBuf,
    /// What the file is, which its bytes say.
    #[serde(skip)]
    pub format: sniff::Format,
}

impl PlacedWatermark {
    /// Reads the request's watermark and gives it its place; `None` without one. `notes` takes what became of its size.
    pub async fn read(
        request: &FilmRequest,
        timeline: &Timeline,
        captions: Option<&Captions>,
        notes: &mut Vec<String>,
    ) -> Result<Option<Self>, FilmError> {
        let Some(watermark) = &request.watermark else { return Ok(None) };
        let path = watermark.path.clone();
        let size = probe::size(WHAT, &path).await?;
        let rows = captions.and_then(|captions| captions.rows(&request.captions.style));
        let place = place(request.format, watermark.look, size, rows);
        let wanted = wide(request.format, watermark.look);
        // Rounding to even pixels takes less than two.
        if f64::from(place.width) + 2.0 < wanted {
            let width = place.width;
            notes.push(format!(
                "the watermark is {width} px wide, not {wanted:.0}: a larger one would stand over captions, or outside the \
                 safe area"
            ));
        }
        let (content, format) = (digest_of(WHAT, &path)?, sniff::of(WHAT, &path)?);
        let (changes, opacity) = (Changes::with_story(request, timeline), watermark.look.opacity);
        Ok(Some(Self { place, changes, content, opacity, path, format }))
    }

    /// The frames of the film in which anything of it is seen.
    #[must_use]
    pub fn seen(&self) -> Range<u64> {
        let Changes { appears, leaves, fade } = self.changes;
        // The first frame of its coming shows nothing of it yet.
        appears.map_or(0, |at| at.0 + 1)..leaves.map_or(u64::MAX, |at| (at + fade).0)
    }

    /// The watermark in these frames of the film, if it is seen there.
    #[must_use]
    pub fn overlay(&self, within: Span) -> Option<Overlay> {
        let Changes { appears, leaves, fade } = self.changes;
        let never =
            appears.is_some_and(|at| at >= within.to) || leaves.is_some_and(|at| at + fade <= within.from);
        let here = |at: &Frames| *at + fade > within.from && *at < within.to;
        let from_here = |at: Frames| at.less(within.from);
        (!never).then(|| Overlay {
            content: self.content.clone(),
            place: self.place,
            opacity: self.opacity,
            appears: appears.filter(here).map(from_here),
            leaves: leaves.filter(here).map(from_here),
            fade,
            path: self.path.clone(),
            format: self.format,
        })
    }
}

impl Changes {
    /// It comes after an intro and goes with an outro.
    fn with_story(request: &FilmRequest, timeline: &Timeline) -> Self {
        let story = request.story();
        let start = |scene: usize| timeline.scenes[scene].start;
        let appears = (story.start > 0).then(|| start(story.start));
        let leaves = (story.end < request.scenes.len()).then(|| start(story.end));
        Self::with_crossfades(timeline.crossfade, appears, leaves)
    }

    /// It comes and goes with the crossfades that begin in these frames.
    fn with_crossfades(crossfade: Frames, appears: Option<Frames>, leaves: Option<Frames>) -> Self {
        // At a hard cut it changes between two frames, of which the fade's first shows it as it was.
        let begins = |at: Frames| if crossfade == Frames(0) { at.less(Frames(1)) } else { at };
        Self { appears: appears.map(begins), leaves: leaves.map(begins), fade: crossfade.max(Frames(1)) }
    }
}

impl Overlay {
    /// The filters that make so many frames of it.
    #[must_use]
    pub fn filters(&self, rate: FrameRate, frames: Frames) -> String {
        let Place { width, height, .. } = self.place;
        let (opacity, rate) = (f64::from(self.opacity) / 100.0, rate.per_second());
        // Scaled with its alpha multiplied in: the colours of what is transparent must not bleed into its edge.
        let mut filters = format!(
            "trim=end_frame=1,format=gbrap,premultiply=inplace=1,scale={width}:{height}:flags=area,\
             unpremultiply=inplace=1,format=rgba,colorchannelmixer=aa={opacity:.2},\
             scale=flags=accurate_rnd+full_chroma_int:out_color_matrix=bt709:out_range=tv,format=yuva420p,setsar=1,\
             loop=loop={}:size=1,settb=1/{rate},setpts=N,fps={rate}",
            frames.0.saturating_sub(1)
        );
        for (kind, at) in [("in", self.appears), ("out", self.leaves)] {
            if let Some(at) = at {
                let fade = format!(",fade=t={kind}:start_frame={}:nb_frames={}:alpha=1", at.0, self.fade.0);
                filters.push_str(&fade);
            }
        }
        filters
    }
}

impl Place {
    /// Whether it shares a pixel with these columns and rows.
    #[must_use]
    pub fn meets(&self, across: &RangeInclusive<usize>, down: &RangeInclusive<usize>) -> bool {
        let shares = |from: u32, length: u32, other: &RangeInclusive<usize>| {
            from as usize <= *other.end() && *other.start() < (from + length) as usize
        };
        shares(self.left, self.width, across) && shares(self.top, self.height, down)
    }
}

/// The width that is asked for, in pixels.
fn wide(format: Format, look: WatermarkLook) -> f64 {
    f64::from(format.width) * f64::from(look.width) / 100.0
}

/// Where a picture of this size stands, if captions may cover these rows: in its corner, or beyond the captions where
/// those leave no room for it there; smaller where neither has any.
fn place(format: Format, look: WatermarkLook, size: (u32, u32), captions: Option<Range<f64>>) -> Place {
    let area = Area::safe(format);
    let whole = area.top..area.bottom;
    let (above, below) = match captions {
        Some(rows) => (area.top..rows.start, rows.end..area.bottom),
        None => (whole.clone(), whole),
    };
    let at_top = matches!(look.corner, Corner::TopLeft | Corner::TopRight);
    let (near, far) = if at_top { (above, below) } else { (below, above) };
    let room = |rows: &Range<f64>| (rows.end - rows.start).max(0.0);
    let tall = f64::from(size.1) / f64::from(size.0.max(1));
    let wanted = wide(format, look) * tall;
    let rows = match (room(&near) >= wanted, room(&far) >= wanted || room(&far) > room(&near)) {
        (false, true) => far,
        _ => near,
    };
    let high = wanted.min(room(&rows));
    let (width, height) = (even(high / tall).max(2), even(high).max(2));
    let at_left = matches!(look.corner, Corner::TopLeft | Corner::BottomLeft);
    let left = if at_left { even_up(area.left) } else { even(area.right).saturating_sub(width) };
    let top = if at_top { even_up(rows.start) } else { even(rows.end).saturating_sub(height) };
    // What was rounded up at the top may not reach out at the bottom.
    Place { left, top: top.min(even(rows.end).saturating_sub(height)), width, height }
}

/// The even number of pixels at or below.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a frame")]
fn even(pixels: f64) -> u32 {
    (pixels.max(0.0) / 2.0) as u32 * 2
}

/// The even number of pixels at or above.
fn even_up(pixels: f64) -> u32 {
    even((pixels / 2.0).ceil() * 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORNERS: [Corner; 4] = [Corner::TopLeft, Corner::TopRight, Corner::BottomLeft, Corner::BottomRight];

    fn format(width: u32, height: u32) -> Format {
        Format { width, height, fps: FrameRate::new(30).unwrap() }
    }

    fn look(corner: Corner, width: i32) -> WatermarkLook {
        WatermarkLook { corner, width, ..WatermarkLook::default() }
    }

    fn watermark(crossfade: u64, appears: Option<Frames>, leaves: Option<Frames>) -> PlacedWatermark {
        PlacedWatermark {
            place: Place { left: 0, top: 0, width: 2, height: 2 },
            changes: Changes::with_crossfades(Frames(crossfade), appears, leaves),
            content: "c".to_owned(),
            opacity: 80,
            path: "logo.png".into(),
            format: sniff::MP4,
        }
    }

    #[test]
    fn it_is_in_its_corner_of_the_safe_area() {
        let landscape = format(640, 360);
        let at = |corner| place(landscape, look(corner, 10), (200, 100), None);
        // The safe area is 32 to 608 across, and 18 to 342 down.
        assert_eq!(at(Corner::TopLeft), Place { left: 32, top: 18, width: 64, height: 32 });
        assert_eq!(at(Corner::TopRight), Place { left: 544, top: 18, width: 64, height: 32 });
        assert_eq!(at(Corner::BottomLeft), Place { left: 32, top: 310, width: 64, height: 32 });
        assert_eq!(at(Corner::BottomRight), Place { left: 544, top: 310, width: 64, height: 32 });
    }

    #[test]
    fn it_gives_way_to_captions_at_its_side_and_stays_where_they_are_far() {
        let landscape = format(640, 360);
        let at = |corner, rows: Range<f64>| place(landscape, look(corner, 10), (200, 100), Some(rows));
        let bottom = 280.0..342.0;
        assert_eq!(at(Corner::BottomLeft, bottom.clone()).top, 248);
        assert_eq!(at(Corner::TopLeft, bottom).top, 18);
        assert_eq!(at(Corner::TopRight, 18.0..80.0).top, 80);
    }

    #[test]
    fn whatever_its_shape_it_lies_in_the_safe_area_and_beside_the_captions() {
        for (width, height) in [(360, 640), (640, 360), (360, 360), (90, 160)] {
            let frame = format(width, height);
            let area = Area::safe(frame);
            for size in [(1000, 10), (300, 300), (10, 1000), (1, 1)] {
                for corner in CORNERS {
                    for share in [0.0, 0.4, 0.8] {
                        let from = area.top + (area.bottom - area.top) * share;
                        let rows = from..(from + (area.bottom - area.top) * 0.2);
                        let place = place(frame, look(corner, 40), size, Some(rows.clone()));
                        let (top, end) = (f64::from(place.top), f64::from(place.top + place.height));
                        let case = format!("{corner:?} of {width}x{height}, {size:?}: {place:?}, {rows:?}");
                        assert!(top >= area.top - 2.0 && end <= area.bottom, "{case}");
                        assert!(end <= rows.start || top + 2.0 >= rows.end, "{case}");
                        assert!(f64::from(place.left + place.width) <= area.right, "{case}");
                        assert!(f64::from(place.left) >= area.left - 2.0, "{case}");
                    }
                }
            }
        }
    }

    #[test]
    fn it_comes_after_the_intro_and_goes_with_the_outro() {
        let branded = |crossfade| watermark(crossfade, Some(Frames(60)), Some(Frames(300)));
        let overlay = |from, to, crossfade| {
            let seen = branded(crossfade).overlay(Span { from: Frames(from), to: Frames(to) });
            seen.map(|overlay| (overlay.appears, overlay.leaves, overlay.fade))
        };
        assert_eq!(overlay(0, 400, 12), Some((Some(Frames(60)), Some(Frames(300)), Frames(12))));
        assert_eq!(overlay(100, 200, 12), Some((None, None, Frames(12))));
        assert_eq!(overlay(200, 400, 12), Some((None, Some(Frames(100)), Frames(12))));
        assert_eq!(overlay(0, 60, 12), None);
        assert_eq!(overlay(312, 400, 12), None);
        // At a cut the frame before still shows what was.
        assert_eq!(overlay(0, 400, 0), Some((Some(Frames(59)), Some(Frames(299)), Frames(1))));
        let always = watermark(12, None, None).overlay(Span { from: Frames(0), to: Frames(9) }).unwrap();
        assert!(!always.filters(FrameRate::new(30).unwrap(), Frames(9)).contains("fade"), "{always:?}");
        // Nothing of it is seen in the first frame of its coming, and something in the last of its going.
        assert_eq!(branded(12).seen(), 61..312);
        assert_eq!(branded(0).seen(), 60..300);
        assert_eq!(watermark(12, None, None).seen(), 0..u64::MAX);
    }

    #[test]
    fn neighbours_do_not_meet() {
        let place = Place { left: 10, top: 20, width: 6, height: 4 };
        assert!(place.meets(&(15..=30), &(0..=20)));
        for (across, down) in [(16..=30, 0..=99), (0..=99, 24..=30), (0..=9, 20..=23), (0..=99, 0..=19)] {
            assert!(!place.meets(&across, &down), "{across:?} {down:?}");
        }
    }
}
