//! Woods: rows of trunks and crowns behind one another, with mist between them and light falling through.

use super::brief::Brief;
use super::canvas::Canvas;
use super::colour::{Colour, Hour, Palette};
use super::land;
use super::noise;
use super::shapes::{self, Figure, Place};
use super::sky;
use crate::random::Random;

/// Paints a forest.
pub(super) fn paint(canvas: &mut Canvas, brief: &Brief, palette: &Palette, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let light = sky::paint(canvas, brief, palette, h * 0.8, random);
    let autumn = brief.has(&["autumn", "fall"]) || palette.hour == Hour::Golden;
    let leaf = if autumn { Colour::hex(0xb0571e) } else { Colour::hex(0x2f6b4f) };
    let leaf = leaf.mix(palette.sky[1], if palette.is_dark() { 0.62 } else { 0.3 });
    let mist = palette.sky[3].mix(palette.light, 0.2);
    let tall_trunks =
        brief.has(&["tall", "trunk", "ancient", "jungle", "rainforest"]) || random.below(3) == 0;
    for step in 0..5 {
        let near = step as f32 / 4.0;
        let colour = palette.sky[3].mix(leaf, 0.3 + 0.5 * near).mix(palette.near, 0.75 * near * near);
        let foot = h * (0.7 + 0.075 * step as f32);
        let height = h * (0.2 + 0.16 * near);
        if tall_trunks && step >= 2 {
            trunks(canvas, colour, foot, step - 1, random);
        } else {
            row(canvas, colour, foot, height, near, random);
        }
        let ground: Vec<f32> = noise::line(random, canvas.width, 2.2, 3, 0.1)
            .into_iter()
            .map(|value| foot - (value - 0.5) * h * 0.05)
            .collect();
        canvas.below(&ground, |_, depth, _| colour.mix(palette.near, (depth / (h * 0.2)).min(0.5)));
        if step < 4 {
            land::fog(canvas, foot - h * 0.13, foot + h * 0.09, mist, 0.5 * (1.0 - near * 0.6));
        }
        if step == 3 {
            rays(canvas, (light.x, light.y), palette.light, random);
            land::people(canvas, brief, palette, foot + h * 0.035, random);
        }
    }
    if brief.shows(Figure::Owl) {
        branch(canvas, palette, (w * 0.5, h * 0.42), unit);
    }
    fireflies(canvas, palette, random);
}

fn row(canvas: &mut Canvas, colour: Colour, foot: f32, height: f32, near: f32, random: &mut Random) {
    let mut x = -height * 0.1;
    while x < canvas.w() + height * 0.1 {
        let side = (x / canvas.w() - 0.5).abs() * 2.0;
        // The nearer the row, the wider the clearing in its middle.
        let open = 1.0 - near * 0.75 * (1.0 - side * side);
        let tall = height * random.between(0.7, 1.2) * open;
        if let Some(path) = shapes::pine(x, foot + height * 0.05, tall, random.between(-1.0, 1.0)) {
            canvas.fill(&path, colour.scale(random.between(0.9, 1.1)), 1.0);
        }
        x += height * random.between(0.1, 0.24);
    }
}

fn trunks(canvas: &mut Canvas, colour: Colour, foot: f32, step: usize, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let count = 9 - 2 * step;
    for index in 0..count {
        let x = w * (index as f32 + random.between(0.1, 0.9)) / count as f32;
        if step > 1 && (x / w - 0.5).abs() < 0.13 {
            continue;
        }
        let wide = unit * (0.016 + 0.022 * step as f32) * random.between(0.7, 1.2);
        let lean = unit * random.between(-0.03, 0.03);
        let bottom = foot + h * 0.03;
        let outline = [
            (x - wide * 1.5, bottom),
            (x - wide * 0.7, bottom - h * 0.06),
            (x + lean - wide * 0.45, -9.0),
            (x + lean + wide * 0.45, -9.0),
            (x + wide * 0.7, bottom - h * 0.06),
            (x + wide * 1.5, bottom),
        ];
        let seed = random.next() as u32;
        if let Some(path) = shapes::polygon(&outline) {
            canvas.fill_with(&path, |px, py, _| {
                let bark = noise::fractal(seed, px as f32 / wide * 2.2, py as f32 / h * 9.0, 2);
                colour.scale(0.82 + 0.3 * bark)
            });
        }
        for _ in 0..4 {
            let (from, sign) =
                (h * random.between(0.02, 0.42), if random.below(2) == 0 { 1.0 } else { -1.0 });
            let reach = unit * random.between(0.08, 0.2) * sign;
            let points = [
                (x + lean * 0.7, from),
                (x + reach * 0.5, from - unit * 0.03),
                (x + reach, from - unit * 0.02),
            ];
            canvas.fill_all(shapes::stroke(&points, wide * 0.5), colour, 1.0);
            leaves(canvas, (x + reach * 0.8, from), unit * 0.07, colour, random);
        }
    }
}

fn leaves(canvas: &mut Canvas, (x, y): (f32, f32), size: f32, colour: Colour, random: &mut Random) {
    for _ in 0..16 {
        let at = (x + size * random.between(-1.3, 1.3), y + size * random.between(-0.6, 0.6));
        canvas.disc(at, size * random.between(0.12, 0.3), 1.5, colour.scale(random.between(0.9, 1.12)), 0.92);
    }
}

fn rays(canvas: &mut Canvas, source: (f32, f32), colour: Colour, random: &mut Random) {
    let h = canvas.h();
    for _ in 0..6 {
        let (angle, wide) = (random.between(-0.7, 0.7), random.between(0.03, 0.1));
        let reach = h * 0.9;
        let end =
            |turn: f32| (source.0 + (angle + turn).sin() * reach, source.1 + (angle + turn).cos() * reach);
        let (one, other) = (end(-wide), end(wide));
        if let Some(path) = shapes::polygon(&[source, one, other]) {
            canvas.fill_with(&path, |px, py, pixel| {
                let (dx, dy) = (px as f32 - source.0, py as f32 - source.1);
                let far = (dx * dx + dy * dy).sqrt() / reach;
                let across = ((dx.atan2(dy) - angle) / wide).abs();
                pixel.screen(
                    colour,
                    (1.0 - far).max(0.0) * (1.0 - across).clamp(0.0, 1.0) * (far * 6.0).min(1.0) * 0.4,
                )
            });
        }
    }
}

fn branch(canvas: &mut Canvas, palette: &Palette, (x, y): (f32, f32), unit: f32) {
    let points =
        [(-9.0, y + unit * 0.06), (x * 0.6, y + unit * 0.03), (x * 1.2, y), (x * 1.5, y - unit * 0.04)];
    canvas.fill_all(shapes::stroke(&points, unit * 0.04), palette.near, 1.0);
    let place = Place { x, y: y + unit * 0.012, size: unit * 0.2, mirrored: false };
    land::stand(canvas, Figure::Owl, place, palette.near);
    for sign in [-1.0, 1.0] {
        canvas.disc((x + sign * unit * 0.024, y - unit * 0.134), unit * 0.014, 1.5, palette.accent, 1.0);
        canvas.disc((x + sign * unit * 0.024, y - unit * 0.134), unit * 0.006, 1.0, Colour::BLACK, 0.9);
    }
}

fn fireflies(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let unit = canvas.unit();
    for _ in 0..26 {
        let at = (canvas.w() * random.unit(), canvas.h() * random.between(0.55, 0.97));
        canvas.glow(
            at,
            unit * random.between(0.006, 0.022),
            palette.accent.mix(palette.light, 0.5),
            random.between(0.25, 0.8),
            2,
        );
    }
}
