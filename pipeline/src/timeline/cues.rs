//! Captions in time: the frames in which each is shown, and how those are written in SRT, `WebVTT` and
//! ASS. Cues never overlap, never run backwards and never leave their scene.

use std::fmt::Write as _;

use super::{FrameRate, Frames, Samples, Timeline};

/// A pause up to this long keeps the caption before it on the screen.
const BRIDGED_SECONDS: f64 = 0.6;
/// A caption stays this long after its last word, if nothing follows.
const LINGER_SECONDS: f64 = 0.25;

/// When something is spoken, in seconds from the start of its scene's voice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its onset.
    pub start: f64,
    /// Its end.
    pub end: f64,
}

/// Frames of the film: from the first that shows something to the first that no longer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first frame.
    pub from: Frames,
    /// The frame after the last.
    pub to: Frames,
}

/// A caption of one or more lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When it is shown.
    pub span: Span,
    /// Its lines, from the top, in logical order.
    pub lines: Vec<String>,
}

impl Timeline {
    /// When captions spoken at these times of a scene's voice are shown: one span each, ascending,
    /// each at least a frame long, without overlap, inside the scene. A caption appears in the frame
    /// in which its first sound is heard.
    #[must_use]
    pub fn spans(&self, scene: usize, spoken: &[Interval]) -> Vec<Span> {
        let place = &self.scenes[scene];
        let (bridged, linger) = (self.rate.nearest(BRIDGED_SECONDS), self.rate.nearest(LINGER_SECONDS));
        let frame_of = |seconds: f64| self.rate.during(place.voice_at + Samples::nearest(seconds));
        let scene_end = place.start + place.length;
        let count = Frames(u64::try_from(spoken.len()).unwrap_or(u64::MAX));
        let mut starts: Vec<Frames> = Vec::with_capacity(spoken.len());
        for (index, interval) in spoken.iter().enumerate() {
            // Room for this one and those after it, whatever the times say.
            let behind = Frames(u64::try_from(index).unwrap_or(u64::MAX));
            let latest = scene_end.less(count.less(behind));
            let earliest = starts.last().map_or(place.start, |before| *before + Frames(1));
            starts.push(frame_of(interval.start).min(latest).max(earliest));
        }
        let mut spans = Vec::with_capacity(spoken.len());
        for (index, interval) in spoken.iter().enumerate() {
            let from = starts[index];
            let limit = starts.get(index + 1).copied().unwrap_or(scene_end.max(from + Frames(1)));
            let spoken_to = frame_of(interval.end).max(from) + Frames(1);
            let next_is_near = index + 1 < starts.len() && limit.less(spoken_to) <= bridged;
            let to = if next_is_near { limit } else { (spoken_to + linger).min(limit) };
            spans.push(Span { from, to });
        }
        spans
    }
}

/// The cues as a `SubRip` file.
#[must_use]
pub fn srt(rate: FrameRate, cues: &[Cue]) -> String {
    let mut text = String::new();
    for (index, cue) in cues.iter().enumerate() {
        let (from, to) = (clock(rate, cue.span.from, ','), clock(rate, cue.span.to, ','));
        let _ = write!(text, "{}\n{from} --> {to}\n{}\n\n", index + 1, cue.lines.join("\n"));
    }
    text
}

/// The cues as a `WebVTT` file.
#[must_use]
pub fn vtt(rate: FrameRate, cues: &[Cue]) -> String {
    let mut text = String::from("WEBVTT\n\n");
    for cue in cues {
        let (from, to) = (clock(rate, cue.span.from, '.'), clock(rate, cue.span.to, '.'));
        let lines = cue.lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(text, "{from} --> {to}\n{lines}\n\n");
    }
    text
}

/// The time of an ASS event that begins, or ends, with this frame. It lies half a frame before the
/// frame itself, so that hundredths of a second never show it a frame early or late.
#[must_use]
pub fn ass_time(rate: FrameRate, frame: Frames) -> String {
    let per_second = u64::from(rate.per_second());
    let hundredths = ((200 * frame.0).saturating_sub(100) + per_second) / (2 * per_second);
    let (seconds, rest) = (hundredths / 100, hundredths % 100);
    format!("{}:{:02}:{:02}.{rest:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `HH:MM:SS` and milliseconds.
fn clock(rate: FrameRate, frame: Frames, point: char) -> String {
    let milliseconds = rate.milliseconds(frame);
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}{point}{rest:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
