//! Captions as they are drawn: inside the safe area by their pixels, and beginning with what is said.

use videofactory_pipeline::timeline::Interval;

use super::{Finding, Plan};
use crate::captions::Captions;
use crate::captions::safe_area::Area;
use crate::error::FilmError;
use crate::ffmpeg::Ffmpeg;
use crate::request::CaptionMode;
use crate::watermark::Place;

/// A scene's first caption may begin this far from a beginning of speech, in seconds.
const APART: f64 = 0.15;
/// Luma that differs by more from the ground belongs to a letter or its outline.
const DRAWN: u8 = 24;

/// The pixels that something is drawn on.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

/// `None` without captions.
pub(super) async fn check(plan: &Plan<'_>) -> Result<Option<Finding>, FilmError> {
    let Some(captions) = plan.captions.filter(|captions| !captions.pages.is_empty()) else { return Ok(None) };
    let mut faults = Vec::new();
    let apart = furthest_apart(plan, captions);
    if apart > APART {
        faults.push(format!("a caption begins {:.0} ms from what is said", apart * 1000.0));
    }
    if matches!(plan.request.captions.mode, CaptionMode::Burned | CaptionMode::Both) {
        faults.extend(misplaced(plan, captions).await?);
    }
    let good = faults.is_empty();
    let message = if good {
        format!(
            "{} captions inside the safe area, each scene's first within {:.0} ms of its speech",
            captions.pages.len(),
            apart * 1000.0
        )
    } else {
        faults.join("; ")
    };
    Ok(Some(Finding { good, value: apart * 1000.0, message }))
}

/// The furthest that a scene's first caption is from the nearest beginning of speech, in seconds.
fn furthest_apart(plan: &Plan<'_>, captions: &Captions) -> f64 {
    let rate = plan.timeline.rate;
    let mut furthest: f64 = 0.0;
    for (place, speech) in plan.timeline.scenes.iter().zip(plan.speech) {
        let within = place.start..place.start + place.length;
        let first = captions.pages.iter().find(|page| within.contains(&page.span.from));
        if let (Some(page), false) = (first, speech.is_empty()) {
            let begins = rate.seconds(page.span.from) - place.voice_at.seconds();
            let apart = |stretch: &Interval| (stretch.start - begins).abs();
            furthest = furthest.max(speech.iter().map(apart).fold(f64::INFINITY, f64::min));
        }
    }
    furthest
}

/// What of the captions lies outside the safe area, or over a watermark: each page is drawn alone on grey.
async fn misplaced(plan: &Plan<'_>, captions: &Captions) -> Result<Option<String>, FilmError> {
    let format = plan.request.format;
    let proof = plan.work.join("proof.ass");
    std::fs::write(&proof, captions.proof()).map_err(FilmError::file("write", &proof))?;
    let ground = format!("color=c=gray:s={}x{}:r={}", format.width, format.height, format.fps.per_second());
    let width = format.width as usize;
    let area = Area::safe(format);
    let mut page = 0;
    let mut fault = None;
    Ffmpeg::new("look at the captions", plan.work)
        .args([
            "-f",
            "lavfi",
            "-i",
            &ground,
            "-vf",
            "format=yuv420p,ass=proof.ass:shaping=complex,extractplanes=y",
        ])
        .args(["-frames:v", &captions.pages.len().to_string(), "-f", "rawvideo", "pipe:1"])
        .blocks(width * format.height as usize, |luma| {
            let bad = match drawn(luma, width) {
                None => Some("nowhere".to_owned()),
                Some(drawn) if !drawn.within(&area) => {
                    let Drawn { left, right, top, bottom } = drawn;
                    Some(format!("outside the safe area (x {left} to {right}, y {top} to {bottom})"))
                }
                Some(drawn) if plan.watermark.is_some_and(|watermark| drawn.meets(watermark)) => {
                    Some("over the watermark".to_owned())
                }
                Some(_) => None,
            };
            if let (Some(bad), None) = (bad, &fault) {
                let text = captions.pages[page].page.text().join(" / ");
                fault = Some(format!("the caption \"{text}\" is drawn {bad}"));
            }
            page += 1;
        })
        .await?;
    Ok(fault)
}

fn drawn(luma: &[u8], width: usize) -> Option<Drawn> {
    let ground = *luma.first()?;
    let mut found: Option<Drawn> = None;
    for (y, row) in luma.chunks_exact(width).enumerate() {
        let is_drawn = |value: &u8| value.abs_diff(ground) > DRAWN;
        if let (Some(left), Some(right)) = (row.iter().position(is_drawn), row.iter().rposition(is_drawn)) {
            let before = found.unwrap_or(Drawn { left, top: y, right, bottom: y });
            found = Some(Drawn {
                left: before.left.min(left),
                right: before.right.max(right),
                bottom: y,
                ..before
            });
        }
    }
    found
}

impl Drawn {
    fn meets(&self, watermark: Place) -> bool {
        watermark.meets(&(self.left..=self.right), &(self.top..=self.bottom))
    }

    fn within(&self, area: &Area) -> bool {
        let at = |pixel: usize| f64::from(u32::try_from(pixel).unwrap_or(u32::MAX));
        at(self.left) >= area.left.floor()
            && at(self.right) <= area.right.ceil()
            && at(self.top) >= area.top.floor()
            && at(self.bottom) <= area.bottom.ceil()
    }
}
