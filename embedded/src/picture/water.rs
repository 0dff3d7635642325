//! The surface of water.

use super::canvas::Canvas;
use super::colour::Palette;
use super::noise;
use super::sky::Light;
use crate::random::Random;

/// Water from `top` down: it mirrors the sky, breaks it into waves, and carries the light's path.
pub(super) fn water(canvas: &mut Canvas, palette: &Palette, top: f32, light: &Light, random: &mut Random) {
    let (h, unit) = (canvas.h(), canvas.unit());
    let seed = random.next() as u32;
    let (far, near) = (palette.sky[2].mix(palette.sky[3], 0.4), palette.sky[0].mix(palette.near, 0.35));
    canvas.shade(top as usize, canvas.height, |x, y, _| {
        let depth = (y as f32 + 0.5 - top) / (h - top);
        // Waves grow towards the eye: the nearer, the longer and the fewer.
        let scale = 1.0 / (depth + 0.035);
        let (px, py) = (x as f32 / unit * scale * 1.1, (depth + 0.02).ln() * 13.0);
        let wave = noise::fractal(seed, px, py, 3) - 0.5;
        let base = far.mix(near, (depth * 1.25).min(1.0).powf(0.7));
        let sheen = base.mix(if wave > 0.0 { palette.sky[3] } else { palette.near }, wave.abs() * 0.75);
        let away = ((x as f32 - light.x) / (unit * (0.05 + 0.2 * depth))).abs();
        let path = (1.0 - away * 0.45).max(0.0).powi(2) * (0.25 + ((wave - 0.02) * 7.0).clamp(0.0, 1.0));
        sheen.screen(palette.light, path.min(1.0) * 0.85)
    });
}
