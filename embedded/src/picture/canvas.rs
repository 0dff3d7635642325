//! A picture in the making: floating-point pixels, so that many soft layers add up without steps, turned
//! into bytes once, with dither, at the end.

use tiny_skia::{FillRule, Mask, Path, Transform};

use super::colour::Colour;
use super::noise::Field;
use crate::random::Random;

/// Pixels from the top left, row by row.
pub(super) struct Canvas {
    pub width: usize,
    pub height: usize,
    pixels: Vec<Colour>,
    mask: Option<Mask>,
}

impl Canvas {
    /// A black canvas.
    pub fn new(width: u32, height: u32) -> Self {
        let pixels = vec![Colour::BLACK; width as usize * height as usize];
        Self { width: width as usize, height: height as usize, pixels, mask: Mask::new(width, height) }
    }

    /// The shorter side: the measure of everything that keeps its shape whatever the aspect ratio.
    pub fn unit(&self) -> f32 {
        self.width.min(self.height) as f32
    }

    /// The width as a number to reckon with.
    pub fn w(&self) -> f32 {
        self.width as f32
    }

    /// The height as a number to reckon with.
    pub fn h(&self) -> f32 {
        self.height as f32
    }

    /// Colours down the whole picture: pairs of a place (0 top, 1 bottom) and a colour.
    pub fn gradient(&mut self, stops: &[(f32, Colour)]) {
        let height = self.h();
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            row.fill(Colour::along(stops, y as f32 / height));
        }
    }

    /// Recolours every pixel of the rows `from..to`: the function gets x, y and the colour there.
    pub fn shade(&mut self, from: usize, to: usize, mut colour: impl FnMut(usize, usize, Colour) -> Colour) {
        let (width, to) = (self.width, to.min(self.height));
        for y in from..to {
            for (x, pixel) in self.pixels[y * width..(y + 1) * width].iter_mut().enumerate() {
                *pixel = colour(x, y, *pixel);
            }
        }
    }

    /// Light around a point, fading to nothing at `radius`; `power` shapes the fall-off (2 is soft).
    pub fn glow(&mut self, (cx, cy): (f32, f32), radius: f32, colour: Colour, strength: f32, power: i32) {
        self.disc_box((cx, cy), radius, |pixel, distance| {
            let light = (1.0 - distance / radius).max(0.0).powi(power) * strength;
            pixel.screen(colour, light)
        });
    }

    /// A disc with a soft rim of `soft` pixels.
    pub fn disc(&mut self, (cx, cy): (f32, f32), radius: f32, soft: f32, colour: Colour, alpha: f32) {
        self.disc_box((cx, cy), radius + soft, |pixel, distance| {
            let cover = ((radius + soft - distance) / soft.max(0.5)).clamp(0.0, 1.0);
            pixel.mix(colour, cover * alpha)
        });
    }

    fn disc_box(&mut self, (cx, cy): (f32, f32), radius: f32, mut paint: impl FnMut(Colour, f32) -> Colour) {
        let clip =
            |low: f32, high: f32, most: usize| (low.max(0.0) as usize, (high.max(0.0) as usize).min(most));
        let (left, right) = clip(cx - radius, cx + radius + 2.0, self.width);
        let (top, bottom) = clip(cy - radius, cy + radius + 2.0, self.height);
        for y in top..bottom {
            let dy = y as f32 + 0.5 - cy;
            for x in left..right {
                let dx = x as f32 + 0.5 - cx;
                let square = dx * dx + dy * dy;
                if square < radius * radius {
                    let pixel = &mut self.pixels[y * self.width + x];
                    *pixel = paint(*pixel, square.sqrt());
                }
            }
        }
    }

    /// Everything below a line of one height a column; the function gets x, the depth below the line in
    /// pixels, and what was there.
    pub fn below(&mut self, line: &[f32], mut colour: impl FnMut(usize, f32, Colour) -> Colour) {
        for (x, top) in line.iter().enumerate().take(self.width) {
            let first = top.max(0.0) as usize;
            for y in first..self.height {
                let depth = y as f32 + 1.0 - top;
                let pixel = &mut self.pixels[y * self.width + x];
                let painted = colour(x, depth, *pixel);
                *pixel = if depth < 1.0 { pixel.mix(painted, depth) } else { painted };
            }
        }
    }

    /// A path in one colour.
    pub fn fill(&mut self, path: &Path, colour: Colour, alpha: f32) {
        self.fill_with(path, |_, _, pixel| pixel.mix(colour, alpha));
    }

    /// Several paths in one colour.
    pub fn fill_all(&mut self, paths: impl IntoIterator<Item = Path>, colour: Colour, alpha: f32) {
        for path in paths {
            self.fill(&path, colour, alpha);
        }
    }

    /// A path whose pixels are coloured by a function of x, y and what was there.
    pub fn fill_with(&mut self, path: &Path, mut colour: impl FnMut(usize, usize, Colour) -> Colour) {
        let Some(mut mask) = self.mask.take() else { return };
        let bounds = path.bounds();
        let clip = |low: f32, high: f32, most: usize| {
            ((low - 1.0).max(0.0) as usize, ((high + 2.0).max(0.0) as usize).min(most))
        };
        let (left, right) = clip(bounds.left(), bounds.right(), self.width);
        let (top, bottom) = clip(bounds.top(), bounds.bottom(), self.height);
        if left < right && top < bottom {
            mask.fill_path(path, FillRule::Winding, true, Transform::identity());
            let width = self.width;
            for y in top..bottom {
                let covers = &mut mask.data_mut()[y * width + left..y * width + right];
                for (offset, cover) in covers.iter_mut().enumerate() {
                    if *cover > 0 {
                        let pixel = &mut self.pixels[y * width + left + offset];
                        *pixel = pixel.mix(colour(left + offset, y, *pixel), f32::from(*cover) / 255.0);
                        // Only the path's own box is wiped: clearing the whole mask a path would cost more than drawing.
                        *cover = 0;
                    }
                }
            }
        }
        self.mask = Some(mask);
    }

    /// Mixes a colour into a pixel, if it lies inside.
    pub fn dot(&mut self, x: i32, y: i32, colour: Colour, alpha: f32) {
        if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y))
            && x < self.width
            && y < self.height
        {
            let pixel = &mut self.pixels[y * self.width + x];
            *pixel = pixel.mix(colour, alpha);
        }
    }

    /// A copy of some rows, to mirror them.
    pub fn copy_rows(&self, from: usize, to: usize) -> Vec<Colour> {
        self.pixels[from * self.width..to * self.width].to_vec()
    }

    /// Soft cloudiness: mixes `colour` in where the field is high, more so around the row `centre`.
    pub fn haze(&mut self, field: &Field, centre: f32, spread: f32, colour: Colour, strength: f32) {
        let from = (centre - spread).max(0.0) as usize;
        let to = (centre + spread).max(0.0) as usize;
        let (w, h) = (self.w(), self.h());
        self.shade(from, to, |x, y, pixel| {
            let near = 1.0 - ((y as f32 - centre) / spread).abs();
            let near = near * near * (3.0 - 2.0 * near);
            pixel.mix(colour, near * strength * field.at(x as f32 / w, y as f32 / h))
        });
    }

    /// The finished bytes, RGB: darkened corners, a breath of grain, and dither against bands.
    pub fn finish(&self, random: &mut Random) -> Vec<u8> {
        let (width, height) = (self.w(), self.h());
        let mut state = random.next() as u32 | 1;
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        let mut bytes = Vec::with_capacity(self.pixels.len() * 3);
        for (y, row) in self.pixels.chunks_exact(self.width).enumerate() {
            let dy = (y as f32 / height - 0.5) * 1.1;
            for (x, pixel) in row.iter().enumerate() {
                let dx = (x as f32 / width - 0.5) * 1.1;
                let far = dx * dx + dy * dy;
                let light = 1.0 - 0.42 * far * far - 0.16 * far;
                let grains = noise();
                // One grain for all channels, and a dither of its own for each.
                let grain = ((grains & 0xff) as f32 - 127.5) * (2.2 / 255.0);
                for (channel, shift) in [(pixel.0, 8), (pixel.1, 16), (pixel.2, 24)] {
                    let dither = ((grains >> shift) & 0xff) as f32 / 255.0 - 0.5;
                    bytes.push((channel * light * 255.0 + grain + dither + 0.5).clamp(0.0, 255.0) as u8);
                }
            }
        }
        bytes
    }
}
