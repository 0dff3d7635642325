//! The film's picture as a viewer would watch it, frame by frame, at an eighth of its size and in luma alone: where it
//! is black and where it rests. Frames come from the render graph itself, on their way to the encoder; those of a
//! section that was rendered before come from its file.

use std::ops::Range;
use std::path::Path;

use super::error::FilmError;
use super::ffmpeg::Ffmpeg;
use super::request::{CaptionPosition, FilmRequest, Format};
use super::sniff::MP4;
use super::watermark::{Place, PlacedWatermark};

/// The film is looked at in blocks of this many pixels squared.
const BLOCK: u32 = 8;
/// Black is a luma range and a mean below these; 16 is black itself.
const BLACK: Darkness = Darkness { range: 8, mean: 20.0 };
/// Pictures whose luma differs by less on average are the same: key frames alone make as much.
const SAME: f64 = 0.4;
/// A frame is remembered as the means of so many parts across and down.
const PARTS: usize = 4;

/// How dark a picture is.
#[derive(Clone, Copy, Debug)]
pub struct Darkness {
    /// The brightest luma less the darkest.
    pub range: u8,
    /// Mean luma.
    pub mean: f64,
}

/// What a frame looks like, roughly: mean luma of each part, row by row.
pub type Gist = [u8; PARTS * PARTS];

/// What was seen of the film so far.
#[derive(Clone)]
pub struct Watch {
    size: Size,
    /// Words that light up are no movement of the picture.
    captions: Range<usize>,
    /// A watermark would hide that a frame is black.
    watermark: Option<Covered>,
    anchor: Vec<u8>,
    since: u64,
    /// Black frames.
    pub black: Vec<u64>,
    /// Stretches at rest that have ended: the first frame, and how many.
    still: Vec<(u64, u64)>,
    /// Every frame's.
    pub gists: Vec<Gist>,
}

/// What a watermark covers.
#[derive(Clone)]
struct Covered {
    /// Blocks across and down.
    blocks: (Range<usize>, Range<usize>),
    /// In these frames.
    frames: Range<u64>,
}

/// Blocks across and down.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    width: usize,
    height: usize,
}

impl Size {
    /// Of a film of this format.
    #[must_use]
    pub fn of(format: Format) -> Self {
        let blocks = |pixels: u32| (pixels / BLOCK).max(1) as usize;
        Self { width: blocks(format.width), height: blocks(format.height) }
    }

    /// The filters that make such a frame of the film's.
    #[must_use]
    pub fn filters(self) -> String {
        // Luma stays as it is: grey is taken for a full range where the film's is tagged as limited.
        let Self { width, height } = self;
        format!("extractplanes=y,scale={width}:{height}:flags=area:in_range=tv:out_range=tv")
    }

    /// Bytes of a frame.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.width * self.height
    }

    /// Decodes a file, all frames of it or its key frames alone.
    pub async fn decode(
        self,
        path: &Path,
        dir: &Path,
        keys_alone: bool,
        take: impl FnMut(&[u8]),
    ) -> Result<(), FilmError> {
        let skip = if keys_alone { "nokey" } else { "none" };
        Ffmpeg::new("look at the film", dir)
            .input(&["-an", "-skip_loop_filter", "all", "-skip_frame", skip], MP4, path)
            .args(["-vf", &self.filters(), "-vsync", "passthrough", "-f", "rawvideo", "pipe:1"])
            .blocks(self.bytes(), take)
            .await
    }

    /// The blocks across and down that hold a pixel of this place.
    fn covered(self, format: Format, place: Place) -> (Range<usize>, Range<usize>) {
        let blocks = |from: u32, length: u32, blocks: usize, pixels: u32| {
            let (from, end, pixels) = (from as usize, (from + length) as usize, pixels as usize);
            from * blocks / pixels..(end * blocks).div_ceil(pixels)
        };
        (
            blocks(place.left, place.width, self.width, format.width),
            blocks(place.top, place.height, self.height, format.height),
        )
    }

    /// A frame without these blocks across and down.
    fn without(self, luma: &[u8], (across, down): &(Range<usize>, Range<usize>)) -> Vec<u8> {
        let blocks = luma.iter().enumerate();
        let left = blocks.filter(|(place, _)| {
            !(across.contains(&(place % self.width)) && down.contains(&(place / self.width)))
        });
        left.map(|(_, value)| *value).collect()
    }

    /// What this frame looks like.
    #[must_use]
    pub fn gist(self, luma: &[u8]) -> Gist {
        let (mut sums, mut counts) = ([0_u64; PARTS * PARTS], [0_u64; PARTS * PARTS]);
        for (y, row) in luma.chunks_exact(self.width).enumerate() {
            for (x, value) in row.iter().enumerate() {
                let part = y * PARTS / self.height * PARTS + x * PARTS / self.width;
                sums[part] += u64::from(*value);
                counts[part] += 1;
            }
        }
        std::array::from_fn(|part| {
            u8::try_from(sums[part].checked_div(counts[part]).unwrap_or_default()).unwrap_or(u8::MAX)
        })
    }
}

impl Watch {
    /// Before the first frame.
    #[must_use]
    pub fn new(request: &FilmRequest, watermark: Option<&PlacedWatermark>) -> Self {
        let size = Size::of(request.format);
        let covered = |watermark: &PlacedWatermark| Covered {
            blocks: size.covered(request.format, watermark.place),
            frames: watermark.seen(),
        };
        Self {
            size,
            captions: caption_band(request, size),
            watermark: watermark.map(covered),
            anchor: Vec::new(),
            since: 0,
            black: Vec::new(),
            still: Vec::new(),
            gists: Vec::new(),
        }
    }

    /// The frames' size.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// The next frame.
    pub fn see(&mut self, luma: &[u8]) {
        let frame = self.gists.len() as u64;
        let darkness = match self.watermark.as_ref().filter(|watermark| watermark.frames.contains(&frame)) {
            Some(watermark) => Darkness::of(&self.size.without(luma, &watermark.blocks)),
            None => Darkness::of(luma),
        };
        if darkness.within(BLACK) {
            self.black.push(frame);
        }
        if self.anchor.is_empty() || self.moved(luma) {
            self.still.push((self.since, frame - self.since));
            self.since = frame;
            self.anchor.clear();
            self.anchor.extend_from_slice(luma);
        }
        self.gists.push(self.size.gist(luma));
    }

    /// Stretches at rest: the first frame, and how many.
    pub fn stretches(&self) -> impl Iterator<Item = (u64, u64)> {
        let last = (self.since, self.gists.len() as u64 - self.since);
        self.still.iter().copied().chain([last])
    }

    fn moved(&self, now: &[u8]) -> bool {
        let differ = |range: Range<usize>| -> u64 {
            let pairs = self.anchor[range.clone()].iter().zip(&now[range]);
            pairs.map(|(before, now)| u64::from(before.abs_diff(*now))).sum()
        };
        let Range { start, end } = self.captions;
        let seen = (now.len() - (end - start)) as u64;
        count(differ(0..start) + differ(end..now.len())) > SAME * count(seen)
    }
}

impl Darkness {
    /// Of a picture.
    #[must_use]
    pub fn of(luma: &[u8]) -> Self {
        let (mut low, mut high, mut sum) = (u8::MAX, 0, 0u64);
        for value in luma {
            low = low.min(*value);
            high = high.max(*value);
            sum += u64::from(*value);
        }
        Self { range: high.saturating_sub(low), mean: count(sum) / count(luma.len().max(1) as u64) }
    }

    /// Whether it is darker than this.
    #[must_use]
    pub fn within(self, limit: Self) -> bool {
        self.range < limit.range && self.mean < limit.mean
    }
}

/// The blocks that captions may cover.
fn caption_band(request: &FilmRequest, Size { width, height }: Size) -> Range<usize> {
    let portrait = request.format.aspect() < 1.0;
    let (from, to) = match (request.captions.style.position, portrait) {
        (CaptionPosition::Top, true) => (12, 40),
        (CaptionPosition::Top, false) => (0, 30),
        (CaptionPosition::Middle, _) => (30, 60),
        (CaptionPosition::Bottom, true) => (50, 76),
        (CaptionPosition::Bottom, false) => (70, 100),
    };
    height * from / 100 * width..height * to / 100 * width
}

#[expect(clippy::cast_precision_loss, reason = "pixels and their sums are well below 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_black_frame_is_found_under_a_watermark() {
        let format = Format {
            width: 80,
            height: 160,
            fps: videofactory_pipeline::timeline::FrameRate::new(30).unwrap(),
        };
        let size = Size::of(format);
        let place = Place { left: 44, top: 30, width: 20, height: 10 };
        let covered = size.covered(format, place);
        assert_eq!(covered, (5..8, 3..5));
        let mut luma = vec![16; size.bytes()];
        for (x, y) in [(5, 3), (7, 4)] {
            luma[y * 10 + x] = 235;
        }
        assert!(!Darkness::of(&luma).within(BLACK));
        assert!(Darkness::of(&size.without(&luma, &covered)).within(BLACK));
        luma[3 * 10 + 4] = 235;
        assert!(!Darkness::of(&size.without(&luma, &covered)).within(BLACK), "light beside it is not seen");
    }

    #[test]
    fn light_where_a_watermark_stands_in_other_frames_alone_is_the_pictures_own() {
        let size = Size { width: 10, height: 20 };
        let mut watch = Watch {
            size,
            captions: 0..0,
            watermark: Some(Covered { blocks: (5..8, 3..5), frames: 1..2 }),
            anchor: Vec::new(),
            since: 0,
            black: Vec::new(),
            still: Vec::new(),
            gists: Vec::new(),
        };
        let mut luma = vec![16; size.bytes()];
        luma[3 * 10 + 5] = 235;
        for _ in 0..3 {
            watch.see(&luma);
        }
        assert_eq!(watch.black, [1]);
    }
}
