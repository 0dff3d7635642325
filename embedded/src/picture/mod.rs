//! The embedded artist: sceneries painted by procedures. Which one, at what hour and with what in it, the
//! prompt's words decide; everything else follows from prompt and seed, so the same request gives the same
//! bytes.

mod brief;
mod canvas;
mod card;
mod colour;
mod figures;
mod flow;
mod land;
mod noise;
mod sea;
mod shapes;
mod sky;
mod space;
#[cfg(test)]
mod tests;
mod town;
mod water;
mod wood;

use videofactory_providers::capability::{HEADROOM, Picture, PictureRequest};
use videofactory_providers::error::ProviderError;

use self::brief::Brief;
use self::canvas::Canvas;
use self::colour::Palette;
use super::random::Random;
use super::subject::Subject;
use crate::PROVIDER;

/// The longest side of a frame.
const MAX_SIDE: u32 = 8192;

/// Draws the picture; takes tenths of a second of CPU.
pub(super) fn draw(request: &PictureRequest) -> Result<Picture, ProviderError> {
    let allowed = 16..=MAX_SIDE;
    if !allowed.contains(&request.width) || !allowed.contains(&request.height) {
        return Err(ProviderError::Configuration {
            provider: PROVIDER,
            message: format!(
                "a frame of {}×{} pixels was asked for; each side is 16 to {MAX_SIDE}",
                request.width, request.height
            ),
        });
    }
    let (width, height) = (enlarged(request.width), enlarged(request.height));
    let mut random = Random::new(request.seed, &[&request.prompt, &request.style]);
    let brief = Brief::read(request, &mut random);
    let mut canvas = Canvas::new(width, height);
    paint(&mut canvas, &brief, &mut random);
    if let Some(title) = &brief.title {
        card::write(&mut canvas, title)?;
    }
    let bytes = encode(&canvas.finish(&mut random), width, height)?;
    Ok(Picture { bytes, media_type: "image/png".to_owned(), width, height, cost_micros: None })
}

/// A side with room for movement, even as video wants it.
fn enlarged(side: u32) -> u32 {
    ((f64::from(side) * HEADROOM).ceil() as u32).next_multiple_of(2)
}

fn paint(canvas: &mut Canvas, brief: &Brief, random: &mut Random) {
    let palette = Palette::new(brief.hour, random);
    match brief.subject {
        Subject::Deep => sea::deep(canvas, brief, random),
        Subject::Sea => sea::surface(canvas, brief, &palette, random),
        Subject::Space => space::paint(canvas, brief, random),
        Subject::Mountains => land::mountains(canvas, brief, &palette, random),
        Subject::Forest => wood::paint(canvas, brief, &palette, random),
        Subject::City => town::paint(canvas, brief, &palette, random),
        Subject::Desert => land::desert(canvas, brief, &palette, random),
        Subject::Meadow => land::meadow(canvas, brief, &palette, random),
        Subject::Flow => flow::paint(canvas, brief, random),
    }
}

fn encode(rgb: &[u8], width: u32, height: u32) -> Result<Vec<u8>, ProviderError> {
    let failed = |error: png::EncodingError| ProviderError::Unexpected {
        provider: PROVIDER,
        message: format!("encoding a picture of {width}×{height} as PNG: {error}"),
    };
    let mut bytes = Vec::with_capacity(rgb.len() / 2);
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(rgb).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
