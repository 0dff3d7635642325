//! Skies: the gradient of the hour, sun or moon, stars, clouds, aurora, birds.

use super::brief::Brief;
use super::canvas::Canvas;
use super::colour::{Colour, Hour, Palette};
use super::noise::{self, Field};
use super::shapes::{Figure, Place, figure};
use crate::random::Random;

/// Where the light stands and how large it is, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Light {
    pub x: f32,
    pub y: f32,
    pub radius: f32,
}

/// Paints the sky down to `horizon` (in pixels) and returns where the light is.
pub(super) fn paint(
    canvas: &mut Canvas,
    brief: &Brief,
    palette: &Palette,
    horizon: f32,
    random: &mut Random,
) -> Light {
    let reach = horizon / canvas.h();
    let [top, upper, lower, low] = palette.sky;
    canvas.gradient(&[(0.0, top), (reach * 0.45, upper), (reach * 0.8, lower), (reach, low), (1.0, low)]);
    if palette.is_dark() {
        let count = if palette.hour == Hour::Night { 420 } else { 120 };
        stars(canvas, count, horizon * 0.85, random);
    }
    if brief.has(&["aurora", "northern lights"]) {
        aurora(canvas, horizon, random);
    }
    let light = luminary(canvas, palette, horizon, random);
    let cover = if palette.hour == Hour::Night { 0.25 } else { 0.55 };
    for (centre, spread, scale) in [(0.3, 0.35, 2.6), (0.72, 0.3, 3.6)] {
        let clouds = Field::clouds(random, scale, 2.6, 0.46);
        let lit = palette.sky[3].mix(palette.light, 0.5);
        canvas.haze(&clouds, horizon * centre, horizon * spread, lit, cover);
    }
    if brief.shows(Figure::Bird) || (!palette.is_dark() && random.below(3) == 0) {
        birds(canvas, horizon, palette.near.mix(palette.far, 0.35), random);
    }
    light
}

fn luminary(canvas: &mut Canvas, palette: &Palette, horizon: f32, random: &mut Random) -> Light {
    let unit = canvas.unit();
    let x = canvas.w() * random.between(0.22, 0.78);
    let height = match palette.hour {
        Hour::Dawn | Hour::Golden => random.between(0.66, 0.86),
        Hour::Dusk => random.between(0.8, 0.95),
        Hour::Day | Hour::Mist => random.between(0.4, 0.6),
        Hour::Night => random.between(0.3, 0.5),
    };
    let size = match palette.hour {
        Hour::Golden | Hour::Dusk => random.between(0.1, 0.17),
        Hour::Night => random.between(0.05, 0.075),
        _ => random.between(0.055, 0.09),
    };
    let light = Light { x, y: horizon * height, radius: unit * size };
    let at = (light.x, light.y);
    canvas.glow(at, unit * 1.1, palette.sky[3].mix(palette.light, 0.4), 0.4, 2);
    canvas.glow(at, light.radius * 3.2, palette.light, 0.55, 2);
    let soft = if palette.hour == Hour::Mist { light.radius * 0.5 } else { 2.0 };
    canvas.disc(at, light.radius, soft, palette.light, if palette.hour == Hour::Mist { 0.7 } else { 0.96 });
    if palette.hour == Hour::Night {
        for _ in 0..7 {
            let (dx, dy) = (random.between(-0.6, 0.6), random.between(-0.6, 0.6));
            let radius = light.radius * random.between(0.08, 0.22);
            canvas.disc(
                (x + dx * light.radius, light.y + dy * light.radius),
                radius,
                radius * 0.8,
                palette.far,
                0.16,
            );
        }
    }
    light
}

/// Points of light of many sizes, down to `bottom`.
pub(super) fn stars(canvas: &mut Canvas, count: usize, bottom: f32, random: &mut Random) {
    let unit = canvas.unit();
    let tints = [Colour::hex(0xcfe0ff), Colour::hex(0xffffff), Colour::hex(0xffe9cc)];
    for _ in 0..count {
        let at = (random.unit() * canvas.w(), random.unit() * bottom);
        let rare = random.unit();
        let fade = 1.0 - (at.1 / bottom) * 0.7;
        let tint = *random.pick(&tints);
        canvas.disc(at, unit * (0.0006 + 0.0014 * rare * rare), 1.0, tint, (0.25 + 0.7 * rare) * fade);
        if rare > 0.985 {
            canvas.glow(at, unit * 0.016, tint, 0.5, 3);
        }
    }
}

fn aurora(canvas: &mut Canvas, horizon: f32, random: &mut Random) {
    let (w, seed) = (canvas.w(), random.next() as u32);
    let colours = [Colour::hex(0x3dffb0), Colour::hex(0x8f5bff)];
    let curtains = [(0.5, 0.24), (0.62, 0.34)];
    for (index, (base, tall)) in curtains.into_iter().enumerate() {
        let seed = seed.wrapping_add(index as u32 * 31);
        let column: Vec<(f32, f32)> = (0..canvas.width)
            .map(|x| {
                let place = x as f32 / w;
                let foot = horizon * (base + 0.3 * (noise::fractal(seed, place * 2.4, 0.0, 2) - 0.5));
                let rays = 0.25 + 0.75 * noise::fractal(seed ^ 5, place * 26.0, 3.0, 2);
                (foot, rays)
            })
            .collect();
        let height = horizon * tall * 1.6;
        canvas.shade(0, horizon as usize, |x, y, pixel| {
            let (foot, rays) = column[x];
            let above = (foot - y as f32) / height;
            if !(-0.06..1.0).contains(&above) {
                return pixel;
            }
            let rise = ((above + 0.06) / 0.1).clamp(0.0, 1.0);
            let light = rise * (1.0 - above).powi(2) * rays;
            pixel.screen(colours[0].mix(colours[1], above.clamp(0.0, 1.0)), light * 0.75)
        });
    }
}

fn birds(canvas: &mut Canvas, horizon: f32, colour: Colour, random: &mut Random) {
    let (cx, cy) = (canvas.w() * random.between(0.3, 0.7), horizon * random.between(0.3, 0.55));
    let unit = canvas.unit();
    for _ in 0..5 + random.below(5) {
        let x = cx + unit * random.between(-0.24, 0.24);
        let y = cy + unit * random.between(-0.12, 0.12);
        let place = Place { x, y, size: unit * random.between(0.014, 0.034), mirrored: false };
        canvas.fill_all(figure(Figure::Bird, place), colour, 0.9);
    }
}
