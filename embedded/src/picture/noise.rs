//! Smooth randomness: lines for ridges, fields for clouds.

use crate::random::Random;

fn lattice(seed: u32, x: i32, y: i32) -> f32 {
    let mut hash = seed ^ (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
    hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
    hash = (hash ^ (hash >> 12)).wrapping_mul(0x297a_2d39);
    ((hash ^ (hash >> 15)) >> 8) as f32 / (1u32 << 24) as f32
}

fn ease(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// Smooth noise in two dimensions, 0–1.
pub(super) fn smooth(seed: u32, x: f32, y: f32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32, fy as i32);
    let (tx, ty) = (ease(x - fx), ease(y - fy));
    let row = |y: i32| {
        let left = lattice(seed, ix, y);
        left + (lattice(seed, ix + 1, y) - left) * tx
    };
    let top = row(iy);
    top + (row(iy + 1) - top) * ty
}

/// Several octaves of smooth noise, 0–1 around a half.
pub(super) fn fractal(seed: u32, x: f32, y: f32, octaves: u32) -> f32 {
    let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
    let (mut x, mut y) = (x, y);
    for octave in 0..octaves {
        sum += weight * smooth(seed.wrapping_add(octave * 101), x, y);
        total += weight;
        weight *= 0.5;
        (x, y) = (x * 2.03 + 17.1, y * 2.03 + 9.7);
    }
    sum / total
}

/// One height a column, 0–1. `sharp` goes from rolling hills (0) to crests (1).
pub(super) fn line(random: &mut Random, columns: usize, waves: f32, octaves: u32, sharp: f32) -> Vec<f32> {
    let seed = random.next() as u32;
    let shift = random.between(0.0, 50.0);
    (0..columns)
        .map(|column| {
            let x = column as f32 / columns as f32 * waves + shift;
            let soft = fractal(seed, x, 0.5, octaves);
            let crest = 1.0 - (2.0 * fractal(seed, x, 0.5, octaves) - 1.0).abs() * 2.2;
            soft + (crest - soft) * sharp
        })
        .collect()
}

/// A soft map over the whole picture, computed small and read smoothly.
pub(super) struct Field {
    side: (usize, usize),
    values: Vec<f32>,
}

impl Field {
    /// A field of the function's values; both coordinates run from 0 to 1.
    pub fn new(columns: usize, rows: usize, value: impl Fn(f32, f32) -> f32) -> Self {
        let mut values = Vec::with_capacity(columns * rows);
        for y in 0..rows {
            for x in 0..columns {
                values.push(value(x as f32 / (columns - 1) as f32, y as f32 / (rows - 1) as f32));
            }
        }
        Self { side: (columns, rows), values }
    }

    /// Clouds: `scale` waves across, stretched sideways, everything below `floor` clear.
    pub fn clouds(random: &mut Random, scale: f32, stretch: f32, floor: f32) -> Self {
        let seed = random.next() as u32;
        Self::new(192, 256, |x, y| {
            let (px, py) = (x * scale, y * scale * stretch);
            let warp = fractal(seed.wrapping_add(77), px * 0.7, py * 0.7, 3);
            let value = fractal(seed, px + warp * 1.4, py + warp * 0.6, 5);
            ((value - floor) / (1.0 - floor) * 1.8).clamp(0.0, 1.0)
        })
    }

    /// The value at a place, both coordinates from 0 to 1.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (columns, rows) = self.side;
        let px = (x * (columns - 1) as f32).clamp(0.0, (columns - 1) as f32 - 0.001);
        let py = (y * (rows - 1) as f32).clamp(0.0, (rows - 1) as f32 - 0.001);
        let (ix, iy) = (px as usize, py as usize);
        let (tx, ty) = (px - ix as f32, py - iy as f32);
        let at = iy * columns + ix;
        let top = self.values[at] + (self.values[at + 1] - self.values[at]) * tx;
        let bottom =
            self.values[at + columns] + (self.values[at + columns + 1] - self.values[at + columns]) * tx;
        top + (bottom - top) * ty
    }
}
