//! Pictures: what their bytes say about themselves, never what a header or a name promises.

use crate::capability::{HEADROOM, Picture};
use crate::error::ProviderError;
use crate::http::sniff;

/// Most pixels of a picture that a model is asked for: models were trained on no more, and draw things twice beyond.
const MAX_PIXELS: f64 = 2_000_000.0;
/// Its sides are multiples of this.
const STEP: u32 = 16;

/// The media type, width and height of a PNG or JPEG picture; of anything else, nothing.
#[must_use]
pub fn look(bytes: &[u8]) -> Option<(&'static str, u32, u32)> {
    let kind = sniff(bytes)?;
    let (width, height) = match kind {
        "image/png" => png_size(bytes),
        "image/jpeg" => jpeg_size(bytes),
        _ => None,
    }?;
    (width > 0 && height > 0).then_some((kind, width, height))
}

/// The picture in `bytes`, which must be PNG or JPEG.
pub(crate) fn read(provider: &'static str, bytes: Vec<u8>) -> Result<Picture, ProviderError> {
    let Some((kind, width, height)) = look(&bytes) else {
        return Err(ProviderError::Unexpected {
            provider,
            message: format!(
                "a PNG or JPEG picture was asked for, but {} bytes came that are {}",
                bytes.len(),
                sniff(&bytes).unwrap_or("of no known type")
            ),
        });
    };
    Ok(Picture { bytes, media_type: kind.to_owned(), width, height, cost_micros: None })
}

/// A size of the frame's shape, with headroom where it stays within what models can draw.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes of pictures are small")]
pub(crate) fn drawn_size(width: u32, height: u32) -> (u32, u32) {
    let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let scale = (MAX_PIXELS / (width * height)).sqrt().min(HEADROOM);
    let side = |length: f64| ((length * scale) as u32 / STEP * STEP).max(STEP);
    (side(width), side(height))
}

fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |from: usize| Some(u32::from_be_bytes(bytes.get(from..from + 4)?.try_into().ok()?));
    Some((number(16)?, number(20)?))
}

/// The size stands in the frame header, behind any number of other segments.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |from: usize| Some(u16::from_be_bytes(bytes.get(from..from + 2)?.try_into().ok()?));
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        match *bytes.get(at + 1)? {
            // Fill bytes may stand before a marker.
            0xff => at += 1,
            // These have no length.
            0x01 | 0xd0..=0xd7 => at += 2,
            0xc4 | 0xc8 | 0xcc => at += 2 + usize::from(number(at + 2)?),
            0xc0..=0xcf => return Some((number(at + 7)?.into(), number(at + 5)?.into())),
            // The picture's data, or its end, without a frame header before it.
            0xd9 | 0xda => return None,
            _ => at += 2 + usize::from(number(at + 2)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn png() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 3, 2);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&[0; 6]).unwrap();
        bytes
    }

    /// An application segment, then a frame header of 640×360.
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc0\x00\x11\x08\x01\x68\x02\x80\x03";

    #[test]
    fn the_size_is_read_from_the_bytes() {
        for (bytes, kind, size) in [(png(), "image/png", (3, 2)), (JPEG.to_vec(), "image/jpeg", (640, 360))] {
            let picture = read("A service", bytes).unwrap();
            assert_eq!((picture.media_type.as_str(), (picture.width, picture.height)), (kind, size));
        }
    }

    #[test]
    fn what_is_no_picture_is_reported() {
        for bytes in [&b""[..], b"<!doctype html>", &png()[..20], &JPEG[..12], b"\xff\xd8\xff\xda\x00\x02"] {
            let error = read("A service", bytes.to_vec()).unwrap_err();
            assert!(matches!(error, ProviderError::Unexpected { .. }), "{bytes:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_picture_or_an_error(bytes: Vec<u8>) {
            let _ = read("A service", bytes.clone());
            let _ = read("A service", [b"\x89PNG\r\n\x1a\n", bytes.as_slice()].concat());
            let _ = read("A service", [b"\xff\xd8\xff", bytes.as_slice()].concat());
        }
    }
}
