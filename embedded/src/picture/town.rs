//! Cities: rows of towers, the nearer the darker, with lit windows; a river that mirrors them.

use super::brief::Brief;
use super::canvas::Canvas;
use super::colour::{Colour, Hour, Palette};
use super::land;
use super::shapes;
use super::sky;
use crate::random::Random;

/// Paints a city.
pub(super) fn paint(canvas: &mut Canvas, brief: &Brief, palette: &Palette, random: &mut Random) {
    let (h, unit) = (canvas.h(), canvas.unit());
    let river = brief.has(&["river", "harbour", "bridge", "sea", "water"]) || random.below(2) == 0;
    let foot = if river { h * 0.76 } else { h * 1.02 };
    sky::paint(canvas, brief, palette, h * 0.72, random);
    let old = brief.has(&["old", "dome", "rome", "town", "ancient"]);
    let lit = match palette.hour {
        Hour::Night => 0.62,
        Hour::Dusk => 0.5,
        Hour::Golden | Hour::Dawn => 0.2,
        Hour::Day | Hour::Mist => 0.07,
    };
    let steps = 4;
    for step in 0..steps {
        let near = step as f32 / (steps - 1) as f32;
        let colour = palette.layer(0.14 + 0.72 * near);
        let tall = h * (0.36 - 0.05 * step as f32) * if old { 0.6 } else { 1.0 };
        let base = if river { foot } else { h * (0.7 + 0.11 * step as f32) };
        towers(
            canvas,
            &Row { colour, base, tall, wide: unit * (0.055 + 0.03 * near), lit, near, old, afloat: river },
            palette,
            random,
        );
        land::fog(canvas, base - tall * 0.5, base + h * 0.04, palette.sky[3], 0.34 * (1.0 - near));
    }
    if river {
        mirror(canvas, palette, foot, random);
    } else if palette.is_dark() {
        land::fog(canvas, h * 0.85, h * 1.1, palette.accent, 0.16);
    }
}

struct Row {
    colour: Colour,
    base: f32,
    tall: f32,
    wide: f32,
    lit: f32,
    near: f32,
    old: bool,
    /// Its foot is the water's edge; otherwise it reaches below the picture.
    afloat: bool,
}

fn towers(canvas: &mut Canvas, row: &Row, palette: &Palette, random: &mut Random) {
    let neon = [palette.accent, palette.accent.turn(1.4), palette.accent.turn(-1.2), Colour::hex(0xfff0c2)];
    // Low houses close the gaps between the towers.
    let (top, foot) = (row.base - row.tall * 0.22, if row.afloat { row.base } else { canvas.h() + 2.0 });
    let houses =
        shapes::polygon(&[(-2.0, top), (canvas.w() + 2.0, top), (canvas.w() + 2.0, foot), (-2.0, foot)]);
    canvas.fill_all(houses, row.colour, 1.0);
    let mut x = -row.wide;
    while x < canvas.w() {
        let wide = row.wide * random.between(0.7, 1.7);
        // A skyline rises towards its centre.
        let middle = 1.0 - ((x + wide * 0.5) / canvas.w() - 0.5).abs() * 1.3;
        let tall = row.tall * random.between(0.35, 1.05) * (0.45 + 0.55 * middle);
        let colour = row.colour.scale(random.between(0.92, 1.08));
        tower(canvas, row, (x, row.base - tall), (wide, tall), colour, random);
        let choices = if random.below(4) == 0 { neon.len() } else { 1 };
        let tint = neon[random.below(choices)];
        windows(canvas, row, (x, row.base - tall), (wide, tall), tint, random);
        x += wide * random.between(0.82, 1.2);
    }
}

fn tower(
    canvas: &mut Canvas,
    row: &Row,
    (x, top): (f32, f32),
    (wide, tall): (f32, f32),
    colour: Colour,
    random: &mut Random,
) {
    let bottom = if row.afloat { row.base } else { canvas.h() + 2.0 };
    let middle = x + wide * 0.5;
    let style = if row.old { 5 + random.below(3) } else { random.below(5) };
    let mut parts = vec![vec![(x, top), (x + wide, top), (x + wide, bottom), (x, bottom)]];
    match style {
        0 => parts.push(vec![
            (middle - wide * 0.02, top - tall * 0.2),
            (middle + wide * 0.02, top - tall * 0.2),
            (middle + wide * 0.03, top + 2.0),
            (middle - wide * 0.03, top + 2.0),
        ]),
        1 => parts.push(vec![
            (x + wide * 0.2, top - wide * 0.3),
            (x + wide * 0.8, top - wide * 0.3),
            (x + wide * 0.8, top + 2.0),
            (x + wide * 0.2, top + 2.0),
        ]),
        2 => parts.push(vec![(x, top + 1.0), (x + wide, top - wide * 0.45), (x + wide, top + 1.0)]),
        5 => parts.push(vec![
            (x - wide * 0.06, top + 1.0),
            (middle, top - wide * 0.5),
            (x + wide * 1.06, top + 1.0),
        ]),
        _ => {}
    }
    for points in &parts {
        if let Some(path) = shapes::polygon(points) {
            canvas.fill_with(&path, |px, py, _| {
                let across = (px as f32 - x) / wide;
                let down = ((py as f32 - top) / tall).clamp(0.0, 1.0);
                colour.scale(1.1 - 0.16 * across - 0.1 * down)
            });
        }
    }
    if style == 6 {
        let dome: Vec<(f32, f32)> = [(0.0, 0.02), (0.05, -0.35), (0.5, -0.72), (0.95, -0.35), (1.0, 0.02)]
            .map(|(px, py)| (x + px * wide, top + py * wide))
            .to_vec();
        canvas.fill_all(shapes::rounded(&dome), colour, 1.0);
        let spire = [
            (middle - 1.5, top - wide * 0.66),
            (middle, top - wide * 1.0),
            (middle + 1.5, top - wide * 0.66),
        ];
        canvas.fill_all(shapes::polygon(&spire), colour, 1.0);
    }
}

fn windows(
    canvas: &mut Canvas,
    row: &Row,
    (x, top): (f32, f32),
    (wide, tall): (f32, f32),
    tint: Colour,
    random: &mut Random,
) {
    let unit = canvas.unit();
    let pitch = (unit * (0.0095 + 0.007 * row.near)).max(3.0);
    let size = pitch * 0.5;
    // Whole floors share their habits: offices are lit or dark in runs.
    let (columns, floors) = ((wide / pitch) as i32 - 1, (tall / (pitch * 1.35)) as i32);
    let strength = 0.35 + 0.6 * row.near;
    for floor in 1..floors {
        let busy = row.lit * random.between(0.2, 1.6);
        for column in 0..columns {
            let on = random.unit() < busy;
            let left = x + pitch * (column as f32 + 0.9);
            let upper = top + pitch * 1.35 * floor as f32;
            let (colour, alpha) =
                if on { (tint, strength * random.between(0.5, 1.0)) } else { (Colour::BLACK, 0.1) };
            for py in upper as i32..(upper + size * 1.3) as i32 {
                for px in left as i32..(left + size) as i32 {
                    canvas.dot(px, py, colour, alpha);
                }
            }
        }
    }
}

/// The upper picture, upside down in moving water.
fn mirror(canvas: &mut Canvas, palette: &Palette, foot: f32, random: &mut Random) {
    let seed = random.next() as u32;
    let (h, unit, width) = (canvas.h(), canvas.unit(), canvas.width);
    let from = foot as usize;
    let above: Vec<Colour> = canvas.copy_rows(0, from);
    let water = palette.sky[0].mix(palette.near, 0.5);
    canvas.shade(from, canvas.height, |x, y, _| {
        let depth = (y - from) as f32;
        let part = depth / (h - foot);
        let wave =
            super::noise::smooth(seed, x as f32 / unit * 5.0 / (part + 0.15), (part + 0.05).ln() * 24.0)
                - 0.5;
        let shift = wave * unit * (0.012 + 0.05 * part);
        let source_y =
            (from as f32 - 1.0 - depth * 1.15 + shift * 0.8).clamp(0.0, from as f32 - 1.0) as usize;
        let source_x = (x as f32 + shift).clamp(0.0, width as f32 - 1.0) as usize;
        above[source_y * width + source_x]
            .mix(water, 0.3 + 0.45 * part)
            .screen(palette.sky[3], (wave * 0.35).max(0.0))
    });
    land::fog(canvas, foot - h * 0.012, foot + h * 0.02, palette.sky[3], 0.35);
}
