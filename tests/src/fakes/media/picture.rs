//! Pictures, drawn: bands of coloured blocks that differ from request to request.

use sha2::{Digest, Sha256};

/// Bands, and blocks in a band.
const GRID: usize = 8;

/// A PNG of this size whose colours come from `seed`; no side is 0.
pub(crate) fn picture(width: u32, height: u32, seed: &str) -> Vec<u8> {
    let (width, height) = (width.max(1), height.max(1));
    let bands: Vec<Vec<u8>> = (0..GRID).map(|band| row(width, band, seed)).collect();
    let pixels: Vec<u8> = (0..height).flat_map(|y| &bands[place(y, height)]).copied().collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    // Memory takes everything, and the pixels are as many as the header says.
    drop(encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)));
    file
}

fn row(width: u32, band: usize, seed: &str) -> Vec<u8> {
    let colours = Sha256::digest(format!("{seed} {band}"));
    // Never black: a check for black frames would take offence.
    let colour = |x| colours[place(x, width) * 3..].iter().take(3).map(|part| part | 32);
    (0..width).flat_map(colour).collect()
}

/// In which of the grid's lines a pixel is, of so many.
fn place(pixel: u32, of: u32) -> usize {
    (pixel as usize * GRID / of as usize).min(GRID - 1)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_picture_has_its_size_and_differs_from_others() {
        let one = picture(320, 180, "one");
        let mut reader = png::Decoder::new(Cursor::new(&one)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (320, 180));
        assert_ne!(pixels[..3], pixels[pixels.len() - 3..]);
        assert_ne!(one, picture(320, 180, "two"));
        assert_eq!(one, picture(320, 180, "one"));
    }
}
