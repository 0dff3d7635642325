//! Water: the open sea with its glitter, and the deep below it.

use super::brief::Brief;
use super::canvas::Canvas;
use super::colour::{Colour, Palette};
use super::land::{self, stand};
use super::noise;
use super::shapes::{self, Figure, Place, figure};
use super::sky;
use super::water::water;
use crate::random::Random;

/// The surface of the sea: islands, ships, a lighthouse, a beach.
pub(super) fn surface(canvas: &mut Canvas, brief: &Brief, palette: &Palette, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let horizon = h * random.between(0.55, 0.6);
    let light = sky::paint(canvas, brief, palette, horizon, random);
    let coast = palette.layer(0.3);
    if brief.has(&["island", "coast", "lake", "harbour", "harbor", "river"]) || random.below(2) == 0 {
        for step in 0..2 {
            islands(canvas, horizon + 1.0, palette.layer(0.18 + 0.2 * step as f32), random);
        }
    }
    water(canvas, palette, horizon, &light, random);
    land::fog(canvas, horizon - h * 0.03, horizon + h * 0.03, palette.sky[3], 0.5);
    if brief.shows(Figure::Ship) || random.below(3) == 0 {
        let (x, y) = (w * random.between(0.3, 0.7), horizon + h * random.between(0.05, 0.12));
        let size = unit * random.between(0.2, 0.3);
        let place = Place { x, y, size, mirrored: light.x > x };
        stand(canvas, Figure::Ship, place, palette.near.mix(coast, 0.25));
        reflection(canvas, x, y, size, palette.near);
    }
    if brief.shows(Figure::Lighthouse) {
        lighthouse(canvas, palette, horizon, random);
    }
    if brief.has(&["beach", "strand"]) {
        let sand = Colour::hex(0xe8cfa0).mix(palette.sky[2], if palette.is_dark() { 0.6 } else { 0.3 });
        let line: Vec<f32> = noise::line(random, canvas.width, 1.2, 2, 0.0)
            .into_iter()
            .map(|value| h * (0.9 - value * 0.07))
            .collect();
        canvas.below(&line, |_, depth, pixel| {
            let foam = (1.0 - depth / (h * 0.008)).clamp(0.0, 1.0);
            pixel
                .mix(sand.scale(0.82 + 0.18 * (depth / (h * 0.1)).min(1.0)), (depth / (h * 0.01)).min(1.0))
                .mix(Colour::WHITE, foam * 0.7)
        });
    }
    if brief.shows(Figure::Palm) {
        for _ in 0..2 {
            let place = Place {
                x: w * random.between(0.05, 0.28),
                y: h * 1.01,
                size: unit * random.between(0.5, 0.75),
                mirrored: false,
            };
            stand(canvas, Figure::Palm, place, palette.near);
        }
    }
}

fn islands(canvas: &mut Canvas, foot: f32, colour: Colour, random: &mut Random) {
    let (w, unit) = (canvas.w(), canvas.unit());
    let (centre, wide, tall) =
        (w * random.unit(), unit * random.between(0.25, 0.5), unit * random.between(0.08, 0.2));
    let rough = noise::line(random, canvas.width, 5.0, 5, 0.4);
    let line: Vec<f32> = (0..canvas.width)
        .map(|x| {
            let away = ((x as f32 - centre) / wide).abs();
            let bulge = (1.0 - away * away).max(0.0);
            if bulge > 0.0 { foot - tall * bulge * (0.4 + rough[x]) } else { canvas.h() }
        })
        .collect();
    canvas.below(&line, |_, depth, _| colour.scale(1.0 - (depth / tall).min(1.0) * 0.12));
}

fn reflection(canvas: &mut Canvas, x: f32, y: f32, size: f32, colour: Colour) {
    let seed = 5;
    canvas.shade(y as usize, (y + size * 0.7) as usize, |px, py, pixel| {
        let down = (py as f32 - y) / (size * 0.7);
        let shift = (noise::smooth(seed, 0.0, py as f32 / size * 22.0) - 0.5) * size * 0.25 * down;
        let away = ((px as f32 - x - shift) / (size * 0.34 * (1.0 - down * 0.6))).abs();
        if away < 1.0 { pixel.mix(colour, 0.4 * (1.0 - down) * (1.0 - away * away)) } else { pixel }
    });
}

fn lighthouse(canvas: &mut Canvas, palette: &Palette, horizon: f32, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let right = random.below(2) == 0;
    let x = w * if right { 0.76 } else { 0.24 };
    let line: Vec<f32> = (0..canvas.width)
        .map(|column| {
            let inland = if right { column as f32 - x } else { x - column as f32 } / unit;
            let rough = noise::fractal(12, column as f32 / unit * 9.0, 0.0, 4) - 0.5;
            horizon + h * 0.02 + unit * (rough * 0.06) - unit * 0.05 * (inland + 0.2).clamp(-9.0, 1.0)
                + (unit * (-inland - 0.12).max(0.0)).powf(1.3) * 0.9
        })
        .collect();
    let (foot, size) = (line[x as usize] + 4.0, unit * 0.46);
    let lamp = (x, foot - size * 0.85);
    // Two beams, fading outwards, before the tower so that it stands in front of them.
    for sign in [-1.0, 1.0] {
        let reach = w * 0.9 * sign;
        if let Some(path) = shapes::polygon(&[
            lamp,
            (lamp.0 + reach, lamp.1 - unit * 0.16),
            (lamp.0 + reach, lamp.1 + unit * 0.07),
        ]) {
            canvas.fill_with(&path, |px, _, pixel| {
                let far = (px as f32 - lamp.0).abs() / (w * 0.9);
                pixel.screen(palette.accent.mix(Colour::WHITE, 0.4), (1.0 - far).max(0.0).powi(2) * 0.5)
            });
        }
    }
    canvas.below(&line, |_, depth, _| palette.near.mix(palette.far, (0.14 - depth / h).max(0.0)));
    stand(
        canvas,
        Figure::Lighthouse,
        Place { x, y: foot, size, mirrored: false },
        palette.near.mix(palette.sky[3], 0.22),
    );
    canvas.glow(lamp, unit * 0.2, palette.accent.mix(Colour::WHITE, 0.5), 1.0, 3);
}

/// Under water: shafts of light from above, a sea floor with weeds and corals, and what lives there.
pub(super) fn deep(canvas: &mut Canvas, brief: &Brief, random: &mut Random) {
    let (h, unit) = (canvas.h(), canvas.unit());
    let dark = brief.has(&["dark", "trench", "abyss", "night", "deep sea", "floor", "glowing"]);
    let sets: [[u32; 5]; 3] = if dark {
        [
            [0x1a5f8f, 0x0d3766, 0x071c40, 0x030a1c, 0x6fe3ff],
            [0x2a5a86, 0x1b2f63, 0x0f1640, 0x05071c, 0x9d8bff],
            [0x1d6b70, 0x0c4150, 0x062433, 0x020d16, 0x7affc8],
        ]
    } else {
        [
            [0xa6f0ec, 0x35b6cf, 0x0e6fa3, 0x07335f, 0xffb199],
            [0x9be8f5, 0x2f9fd8, 0x1a5fb0, 0x0d2c66, 0xffd38a],
            [0xc6f5d8, 0x4cc6b5, 0x167d8c, 0x083e56, 0xff9ecb],
        ]
    };
    let turn = random.between(-0.12, 0.12);
    let [top, upper, lower, bottom, accent] = random.pick(&sets).map(|value| Colour::hex(value).turn(turn));
    canvas.gradient(&[(0.0, top), (0.22, upper), (0.6, lower), (1.0, bottom)]);
    shafts(canvas, top, if dark { 0.28 } else { 0.5 }, random);
    swimmers(canvas, brief, (upper, bottom, accent), random);
    for step in 0..3 {
        let near = step as f32 / 2.0;
        let base = h * (0.78 + 0.085 * step as f32);
        let colour = lower.mix(bottom.scale(0.7), 0.35 + 0.6 * near);
        let line = land::hill(
            canvas,
            random,
            base,
            h * if brief.has(&["trench", "ridge", "mountain"]) { 0.26 } else { 0.1 },
            colour,
            bottom,
        );
        garden(canvas, &line, colour.scale(0.8), accent, step, dark, random);
        if step == 0 && brief.has(&["wreck", "shipwreck"]) {
            let x = canvas.w() * 0.5;
            stand(
                canvas,
                Figure::Ship,
                Place {
                    x,
                    y: line[x as usize] + unit * 0.02,
                    size: unit * 0.42,
                    mirrored: random.below(2) == 0,
                },
                colour.scale(0.6),
            );
        }
    }
    bubbles(canvas, top, random);
    let motes = if dark { 260 } else { 140 };
    for _ in 0..motes {
        let at = (canvas.w() * random.unit(), h * random.unit());
        canvas.disc(
            at,
            unit * random.between(0.0006, 0.0022),
            1.5,
            if dark { accent } else { Colour::WHITE },
            random.between(0.1, 0.5),
        );
    }
}

fn shafts(canvas: &mut Canvas, colour: Colour, strength: f32, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let seed = random.next() as u32;
    let source = (w * random.between(0.3, 0.7), -h * 0.3);
    canvas.glow((source.0, 0.0), unit * 1.1, colour.mix(Colour::WHITE, 0.4), strength * 1.1, 2);
    // A shaft is a direction from the source: one value an angle.
    let rays: Vec<f32> = (0..1024)
        .map(|step| {
            let ray = noise::fractal(seed, step as f32 / 1024.0 * 26.0, 0.0, 3);
            ((ray - 0.48) * 4.5).clamp(0.0, 1.0)
        })
        .collect();
    canvas.shade(0, (h * 0.86) as usize, |x, y, pixel| {
        let (dx, dy) = (x as f32 - source.0, y as f32 - source.1);
        let place = ((dx / dy) * 0.42 + 0.5).clamp(0.0, 0.999) * 1023.0;
        let (index, part) = (place as usize, place.fract());
        let ray = rays[index] + (rays[index + 1] - rays[index]) * part;
        let fade = (1.0 - y as f32 / (h * 0.86)).powf(1.3);
        pixel.screen(colour, ray * fade * strength)
    });
}

fn swimmers(
    canvas: &mut Canvas,
    brief: &Brief,
    (upper, bottom, accent): (Colour, Colour, Colour),
    random: &mut Random,
) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let shadow = bottom.mix(upper, 0.12);
    for (kind, size) in
        [(Figure::Whale, 0.26), (Figure::Shark, 0.19), (Figure::Turtle, 0.16), (Figure::Submarine, 0.16)]
    {
        if brief.shows(kind) {
            let mirrored = random.below(2) == 0;
            let (x, y) = (w * random.between(0.46, 0.54), h * random.between(0.4, 0.5));
            if kind == Figure::Submarine {
                let tip = (x + unit * size * if mirrored { -0.9 } else { 0.9 }, y - unit * size * 0.4);
                beam(canvas, tip, mirrored, accent);
            }
            let body = Place { x, y, size: unit * size, mirrored };
            for path in figure(kind, body) {
                canvas.fill_with(&path, |_, py, _| {
                    // Lit from above, lost in the blue below.
                    let down = ((py as f32 - y) / (unit * size) + 0.7).clamp(0.0, 1.0);
                    shadow.mix(upper, 0.35 * (1.0 - down))
                });
            }
            if kind == Figure::Whale {
                let calf = Place { x: x - unit * 0.2, y: y + h * 0.13, size: unit * 0.1, mirrored };
                canvas.fill_all(figure(kind, calf), shadow.mix(upper, 0.3), 0.9);
            }
        }
    }
    if brief.shows(Figure::Fish) || brief.figures.is_empty() {
        school(canvas, shadow.mix(upper, 0.2), random);
    }
    if brief.has(&["octopus", "squid", "kraken"]) {
        octopus(canvas, (w * 0.5, h * 0.46), unit * 0.22, shadow, accent, random);
    }
    if brief.has(&["jellyfish", "glowing", "medusa"]) {
        for _ in 0..6 {
            let at = (w * random.between(0.14, 0.86), h * random.between(0.2, 0.68));
            jellyfish(canvas, at, unit * random.between(0.04, 0.11), accent, random);
        }
    }
}

fn beam(canvas: &mut Canvas, (x, y): (f32, f32), mirrored: bool, colour: Colour) {
    let unit = canvas.unit();
    let reach = unit * if mirrored { -0.75 } else { 0.75 };
    if let Some(path) = shapes::polygon(&[(x, y), (x + reach, y + unit * 0.2), (x + reach, y + unit * 0.62)])
    {
        canvas.fill_with(&path, |px, _, pixel| {
            let far = ((px as f32 - x) / reach).clamp(0.0, 1.0);
            pixel.screen(colour.mix(Colour::WHITE, 0.5), (1.0 - far).powi(2) * 0.7)
        });
    }
    canvas.glow((x, y), unit * 0.1, colour.mix(Colour::WHITE, 0.6), 0.9, 3);
}

fn school(canvas: &mut Canvas, colour: Colour, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let mirrored = random.below(2) == 0;
    let centre = (w * random.between(0.35, 0.65), h * random.between(0.3, 0.6));
    for _ in 0..46 {
        let (angle, away) = (random.between(0.0, std::f32::consts::TAU), random.unit().sqrt());
        let place = Place {
            x: centre.0 + angle.cos() * away * unit * 0.34,
            y: centre.1 + angle.sin() * away * unit * 0.16 + (angle.cos() * away) * unit * 0.05,
            size: unit * random.between(0.012, 0.026),
            mirrored,
        };
        canvas.fill_all(figure(Figure::Fish, place), colour, 0.92);
    }
}

fn octopus(
    canvas: &mut Canvas,
    (x, y): (f32, f32),
    size: f32,
    body: Colour,
    accent: Colour,
    random: &mut Random,
) {
    let tone = body.mix(accent, 0.3);
    for arm in 0..8 {
        let slant = (arm as f32 - 3.5) / 3.5;
        let curl = random.between(-0.5, 0.5);
        let points: Vec<(f32, f32)> = (0..9)
            .map(|step| {
                let t = step as f32 / 8.0;
                let sway = (t * 5.0 + arm as f32 * 1.7 + curl).sin() * 0.16 * t;
                (
                    x + size * (slant * (0.22 + 0.95 * t) + sway),
                    y + size * (0.12 + t * (1.25 - slant.abs() * 0.75)),
                )
            })
            .collect();
        if let Some(path) = shapes::stroke(&points, size * 0.26) {
            canvas.fill(&path, tone.scale(0.85 + 0.1 * (arm % 3) as f32), 1.0);
        }
    }
    let head: Vec<(f32, f32)> = [
        (0.0, -0.85),
        (0.42, -0.62),
        (0.46, -0.22),
        (0.3, 0.2),
        (0.0, 0.3),
        (-0.3, 0.2),
        (-0.46, -0.22),
        (-0.42, -0.62),
    ]
    .map(|(px, py)| (x + px * size, y + py * size))
    .to_vec();
    if let Some(path) = shapes::rounded(&head) {
        canvas.fill_with(&path, |_, py, _| {
            tone.mix(accent, (0.35 - (py as f32 - y) / size * 0.4).clamp(0.0, 0.6))
        });
    }
    for sign in [-1.0, 1.0] {
        let eye = (x + sign * size * 0.2, y - size * 0.02);
        canvas.disc(eye, size * 0.085, 1.5, Colour::hex(0xfff6d8), 1.0);
        canvas.disc(eye, size * 0.04, 1.5, Colour::BLACK, 0.9);
    }
}

fn jellyfish(canvas: &mut Canvas, (x, y): (f32, f32), size: f32, colour: Colour, random: &mut Random) {
    canvas.glow((x, y), size * 3.4, colour, 0.5, 2);
    for arm in 0..7 {
        let offset = (arm as f32 - 3.0) / 3.0;
        let (sway, long) = (random.between(0.0, 6.0), random.between(1.6, 3.0));
        let points: Vec<(f32, f32)> = (0..9)
            .map(|step| {
                let t = step as f32 / 8.0;
                (
                    x + size * (offset * 0.7 + (t * 6.0 + sway).sin() * 0.16 * (t + 0.3)),
                    y + size * (0.1 + t * long),
                )
            })
            .collect();
        if let Some(path) = shapes::stroke(&points, size * 0.11) {
            canvas.fill(&path, colour, 0.5);
        }
    }
    let bell: Vec<(f32, f32)> = [
        (0.0, -0.9),
        (0.62, -0.68),
        (0.98, -0.08),
        (0.9, 0.14),
        (0.45, 0.05),
        (0.0, 0.14),
        (-0.45, 0.05),
        (-0.9, 0.14),
        (-0.98, -0.08),
        (-0.62, -0.68),
    ]
    .map(|(px, py)| (x + px * size, y + py * size))
    .to_vec();
    if let Some(path) = shapes::rounded(&bell) {
        canvas.fill_with(&path, |_, py, pixel| {
            let down = ((py as f32 - y) / size + 0.9).clamp(0.0, 1.0);
            pixel.mix(colour.mix(Colour::WHITE, 0.55 * (1.0 - down)), 0.5 + 0.35 * down)
        });
    }
}

/// Weeds and corals along a line of the sea floor.
fn garden(
    canvas: &mut Canvas,
    line: &[f32],
    colour: Colour,
    accent: Colour,
    step: usize,
    dark: bool,
    random: &mut Random,
) {
    let (w, unit) = (canvas.w(), canvas.unit());
    let tints = [accent, accent.turn(0.9), accent.turn(-0.9)];
    for _ in 0..7 + 3 * step {
        let x = w * random.unit();
        let Some(foot) = line.get(x as usize).map(|y| y + unit * 0.012) else { continue };
        let size = unit * random.between(0.08, 0.2) * (0.6 + 0.4 * step as f32);
        let tint = if dark { colour } else { colour.mix(*random.pick(&tints), 0.25 + 0.25 * random.unit()) };
        if random.below(2) == 0 {
            let (sway, bend) = (random.between(0.0, 6.0), random.between(0.05, 0.14));
            let points: Vec<(f32, f32)> = (0..8)
                .map(|at| {
                    let t = at as f32 / 7.0;
                    (x + size * bend * (t * 7.0 + sway).sin(), foot - size * 1.5 * t)
                })
                .collect();
            canvas.fill_all(shapes::stroke(&points, size * 0.13), tint, 1.0);
        } else {
            coral(canvas, (x, foot), -std::f32::consts::FRAC_PI_2, size * 0.42, 4, tint, random);
        }
    }
}

fn coral(
    canvas: &mut Canvas,
    (x, y): (f32, f32),
    angle: f32,
    length: f32,
    depth: u32,
    colour: Colour,
    random: &mut Random,
) {
    let tip = (x + angle.cos() * length, y + angle.sin() * length);
    let middle = ((x + tip.0) * 0.5, (y + tip.1) * 0.5);
    if let Some(path) = shapes::stroke(&[(x, y), middle, tip], length * 0.34) {
        canvas.fill(&path, colour, 1.0);
    }
    canvas.disc(tip, length * 0.1, 1.0, colour, 1.0);
    if depth > 0 {
        for side in [-1.0, 1.0] {
            let turn = side * random.between(0.25, 0.65);
            coral(canvas, tip, angle + turn, length * random.between(0.62, 0.8), depth - 1, colour, random);
        }
    }
}

fn bubbles(canvas: &mut Canvas, colour: Colour, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    for _ in 0..3 {
        let (mut x, mut y) = (w * random.between(0.1, 0.9), h * random.between(0.6, 0.95));
        for _ in 0..9 {
            let radius = unit * random.between(0.003, 0.011);
            canvas.disc((x, y), radius, 1.5, colour, 0.22);
            canvas.disc((x - radius * 0.3, y - radius * 0.35), radius * 0.3, 1.0, Colour::WHITE, 0.6);
            x += unit * random.between(-0.02, 0.02);
            y -= unit * random.between(0.02, 0.06);
        }
    }
}
