//! Open country: mountains, desert, meadows. Layers from far to near, each nearer one darker and clearer.

use super::brief::Brief;
use super::canvas::Canvas;
use super::colour::{Colour, Palette};
use super::noise;
use super::shapes::{self, Figure, Place, figure};
use super::sky::{self, Light};
use super::water::water;
use crate::random::Random;

/// Draws figures on the ground in one dark colour.
pub(super) fn stand(canvas: &mut Canvas, kind: Figure, place: Place, colour: Colour) {
    canvas.fill_all(figure(kind, place), colour, 1.0);
}

/// A ridge: the pixel heights of a line of noise around `base`.
fn ridge(canvas: &Canvas, random: &mut Random, base: f32, height: f32, waves: f32, sharp: f32) -> Vec<f32> {
    let octaves = if sharp > 0.5 { 5 } else { 3 };
    noise::line(random, canvas.width, waves, octaves, sharp)
        .into_iter()
        .map(|value| base - (value - 0.4) * height)
        .collect()
}

/// Fills below a line: its own colour on the crest, melting into the haze that lies in front of it.
fn layer(canvas: &mut Canvas, line: &[f32], colour: Colour, haze: Colour, deep: f32) {
    canvas.below(line, |_, depth, _| colour.mix(haze, (depth / deep).clamp(0.0, 1.0) * 0.55));
}

/// Mountains: sharp ridges, snow on the high ones, conifers in front; a volcano, a lake or a camp if asked for.
pub(super) fn mountains(canvas: &mut Canvas, brief: &Brief, palette: &Palette, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let horizon = h * 0.66;
    let light = sky::paint(canvas, brief, palette, horizon, random);
    let haze = palette.sky[3].mix(palette.far, 0.3);
    for step in 0..4 {
        let near = step as f32 / 4.0;
        let base = h * (0.52 + 0.1 * step as f32);
        let tall = h * (0.34 - 0.05 * step as f32);
        let line = ridge(canvas, random, base, tall, 1.1 + near * 1.2, 0.9 - near * 0.3);
        let colour = palette.layer(0.12 + near * 0.62);
        rock(canvas, &line, &light, palette, colour, haze, step < 2);
        if step == 1 && brief.has(&["volcano", "volcan", "vulkan", "lava"]) {
            volcano(canvas, palette, random);
        }
    }
    if brief.has(&["lake"]) {
        water(canvas, palette, h * 0.8, &light, random);
    }
    conifers(canvas, palette, h * 0.97, unit * 0.2, random);
    if brief.shows(Figure::Tent) {
        let (x, y) = (w * random.between(0.4, 0.6), h * 0.93);
        canvas.glow((x, y - unit * 0.03), unit * 0.28, palette.accent, 0.8, 2);
        stand(
            canvas,
            Figure::Tent,
            Place { x, y, size: unit * 0.085, mirrored: false },
            palette.accent.scale(0.95),
        );
    }
    people(canvas, brief, palette, h * 0.93, random);
}

/// A ridge with light and shadow on its faces, and snow where it is high.
fn rock(
    canvas: &mut Canvas,
    line: &[f32],
    light: &Light,
    palette: &Palette,
    colour: Colour,
    haze: Colour,
    snowy: bool,
) {
    let h = canvas.h();
    let summit = line.iter().copied().fold(f32::MAX, f32::min);
    let snow = palette.sky[3].mix(Colour::WHITE, 0.45).mix(palette.light, 0.2);
    // The sides of the crest are lit or shaded by its slope, smoothed so that no single step of the line
    // draws a streak; further down the folds of the rock take over.
    let span = canvas.width / 40 + 2;
    let slope = |x: usize| {
        (line[(x + span).min(line.len() - 1)] - line[x.saturating_sub(span)]) / (2.0 * span as f32)
    };
    let slopes: Vec<f32> = (0..line.len()).map(slope).collect();
    canvas.below(line, |x, depth, _| {
        let y = line[x] + depth;
        let (px, py) = (x as f32 / h, y / h);
        // Folds run down the slope on both sides of every crest.
        let fold = noise::fractal(911, px * 9.0, py * 6.0, 4) - 0.5;
        let ridge = noise::fractal(37, px * 16.0 + fold * 3.0, py * 12.0 + fold * 2.0, 3) - 0.5;
        // Which side is lit changes gently under the light, not along a seam.
        let toward = slopes[x] * ((x as f32 - light.x) / h * 6.0).clamp(-1.0, 1.0);
        let crest = (1.0 - depth / (h * 0.22)).clamp(0.0, 1.0);
        let lit = (toward * 0.9 * crest + fold * 2.6 + ridge * 1.3).clamp(-1.0, 1.0);
        let mut shade =
            if lit > 0.0 { colour.mix(palette.light, lit * 0.22) } else { colour.scale(1.0 + lit * 0.2) };
        if snowy {
            let limit = summit + h * 0.1 + (fold * 0.22 + ridge * 0.1) * h;
            let cover = ((limit - y) / (h * 0.01)).clamp(0.0, 1.0);
            let bright = (lit * 1.6 + 0.5).clamp(0.0, 1.0);
            shade = shade.mix(snow.mix(colour, 0.45).mix(snow, bright), cover * 0.94);
        }
        shade.mix(haze, (depth / (h * 0.3)).clamp(0.0, 1.0) * 0.6)
    });
}

fn volcano(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let (x, top) = (w * random.between(0.35, 0.65), h * 0.36);
    let glow = Colour::hex(0xff6a2a);
    canvas.glow((x, top), unit * 0.6, glow, 0.75, 2);
    let plume = super::noise::Field::clouds(random, 4.0, 1.4, 0.3);
    canvas.shade((h * 0.04) as usize, top as usize, |px, py, pixel| {
        let up = (top - py as f32) / (top - h * 0.04);
        let across = ((px as f32 - x - unit * 0.14 * up) / (unit * (0.05 + 0.26 * up))).abs();
        let body = (1.0 - across * across).max(0.0) * (1.0 - up).min(1.0);
        let smoke = palette.near.mix(glow, 0.45 * (1.0 - up).powi(3)).mix(palette.far, 0.3);
        pixel.mix(smoke, body * plume.at(px as f32 / w, py as f32 / h).min(1.0) * 0.85)
    });
    let line: Vec<f32> = (0..canvas.width)
        .map(|column| {
            let away = ((column as f32 - x).abs() / unit - 0.055).max(0.0);
            let rough = noise::fractal(77, column as f32 / unit * 18.0, 0.0, 3) - 0.5;
            top + h * 0.5 * (away * 1.5).powf(0.72) + rough * unit * 0.025
        })
        .collect();
    let colour = palette.layer(0.5);
    canvas.below(&line, |column, depth, _| {
        let away = (column as f32 - x) / unit;
        let stream = noise::fractal(41, away * 26.0 + depth / h * 2.0, depth / h * 3.0, 2);
        let lava = ((stream - 0.66) * 9.0).clamp(0.0, 1.0) * (1.0 - depth / (h * 0.3)).max(0.0);
        colour.scale(0.8 + 0.25 * (away * 3.0).clamp(-1.0, 1.0)).mix(glow, lava)
    });
}

/// A dark row of conifers of uneven height, closing the picture below.
pub(super) fn conifers(canvas: &mut Canvas, palette: &Palette, foot: f32, height: f32, random: &mut Random) {
    let colour = palette.near;
    let ground = ridge(canvas, random, foot, height * 0.2, 2.0, 0.0);
    let mut x = -height * 0.2;
    while x < canvas.w() + height * 0.2 {
        // Trees crowd at the sides and leave the middle open.
        let side = (x / canvas.w() - 0.5).abs() * 2.0;
        let tall = height * random.between(0.35, 0.75) * (0.45 + 0.9 * side * side);
        let y = ground[(x.max(0.0) as usize).min(canvas.width - 1)];
        if let Some(path) = shapes::pine(x, y + tall * 0.1, tall, random.between(-1.0, 1.0)) {
            canvas.fill(&path, colour.mix(palette.far, random.between(0.0, 0.1)), 1.0);
        }
        x += height * random.between(0.07, 0.17);
    }
    canvas.below(&ground, |_, _, _| colour);
}

/// Desert: dunes with a lit and a shaded side; pyramids, palms, cactus and whoever walks there.
pub(super) fn desert(canvas: &mut Canvas, brief: &Brief, palette: &Palette, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let horizon = h * 0.62;
    let light = sky::paint(canvas, brief, palette, horizon, random);
    let sand = Colour::hex(0xe2a766).mix(palette.sky[2], if palette.is_dark() { 0.62 } else { 0.3 });
    let shadow = sand.scale(0.45).mix(palette.near, 0.45);
    if brief.has(&["pyramid", "egypt"]) {
        for (place, size) in [(0.68, 0.3), (0.36, 0.42)] {
            pyramid(canvas, (w * place, h * 0.635), unit * size, sand, shadow, light.x);
        }
    } else if brief.has(&["canyon", "mesa", "rock"]) || random.below(3) == 0 {
        mesas(canvas, h * 0.63, sand.mix(palette.far, 0.45), shadow.mix(palette.far, 0.4), random);
    }
    for step in 0..4 {
        let near = step as f32 / 3.0;
        let base = h * (0.63 + 0.095 * step as f32);
        dune(
            canvas,
            random,
            (base, h * (0.05 + 0.06 * near)),
            (sand, shadow),
            palette.sky[3].mix(sand, 0.35 + 0.4 * near),
            1.0 - near * 0.35,
            &light,
        );
        if step == 2 {
            caravan(canvas, brief, palette, base, random);
        }
    }
    for _ in 0..3 {
        let (x, y) = (w * random.between(0.08, 0.92), h * random.between(0.9, 0.97));
        if brief.shows(Figure::Cactus) {
            stand(
                canvas,
                Figure::Cactus,
                Place { x, y, size: unit * random.between(0.14, 0.3), mirrored: random.below(2) == 0 },
                palette.near,
            );
        } else if brief.shows(Figure::Palm) {
            stand(
                canvas,
                Figure::Palm,
                Place { x, y, size: unit * random.between(0.26, 0.44), mirrored: random.below(2) == 0 },
                palette.near,
            );
        }
    }
}

fn dune(
    canvas: &mut Canvas,
    random: &mut Random,
    (base, height): (f32, f32),
    (sand, shadow): (Colour, Colour),
    haze: Colour,
    fade: f32,
    light: &Light,
) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let waves = random.between(0.9, 1.8);
    let line: Vec<f32> = noise::line(random, canvas.width, waves, 2, 0.55)
        .into_iter()
        .map(|value| base - (value - 0.4) * height * 1.5)
        .collect();
    let seed = random.next() as u32;
    let left = light.x < w * 0.5;
    // The crest wanders down the dune: one side of it is lit, the other lies in shade.
    canvas.below(&line, |x, depth, _| {
        let place = x as f32 / w;
        let crest = noise::fractal(
            seed,
            place * waves * 1.3 + 0.25 * depth / height * if left { 1.0 } else { -1.0 },
            depth / (height * 5.0),
            2,
        );
        let side = ((crest - 0.44) * 5.0).clamp(-1.0, 1.0) * 0.5 + 0.5;
        let side = 0.25 + 0.75 * side * side * (3.0 - 2.0 * side);
        let ripple = ((depth / unit * 260.0 + 5.0 * noise::smooth(seed ^ 3, place * 14.0, depth / h * 30.0))
            .sin())
            * 0.025
            * (depth / height).min(1.0);
        let lit = sand.mix(haze, 0.3 * fade);
        shadow
            .mix(lit, side)
            .scale(1.0 + ripple)
            .mix(haze, (1.0 - depth / height).clamp(0.0, 1.0) * 0.3 * fade)
    });
}

fn pyramid(canvas: &mut Canvas, (x, foot): (f32, f32), size: f32, sand: Colour, shadow: Colour, light: f32) {
    let (top, low) = (foot - size * 0.62, foot + size * 0.1);
    let edge = x + size * if light < x { 0.16 } else { -0.16 };
    let (left, right) = if light < x { (sand, shadow) } else { (shadow, sand) };
    for (corner, colour) in [(x - size * 0.6, left), (x + size * 0.6, right)] {
        if let Some(path) = shapes::polygon(&[(x, top), (corner, foot), (corner, low), (edge, low)]) {
            canvas.fill_with(&path, |_, y, _| {
                colour.scale(if (y as f32 / size * 46.0).fract() < 0.12 { 0.95 } else { 1.0 })
            });
        }
    }
}

fn mesas(canvas: &mut Canvas, foot: f32, lit: Colour, dark: Colour, random: &mut Random) {
    let unit = canvas.unit();
    for _ in 0..3 {
        let (x, wide, tall) =
            (canvas.w() * random.unit(), unit * random.between(0.12, 0.3), unit * random.between(0.1, 0.24));
        let points = [
            (x - wide * 0.6, foot + 9.0),
            (x - wide * 0.5, foot - tall * 0.35),
            (x - wide * 0.42, foot - tall),
            (x - wide * 0.1, foot - tall * 1.03),
            (x + wide * 0.36, foot - tall * 0.98),
            (x + wide * 0.46, foot - tall * 0.4),
            (x + wide * 0.62, foot + 9.0),
        ];
        if let Some(path) = shapes::polygon(&points) {
            canvas.fill_with(&path, |px, py, _| {
                let band = noise::fractal(9, px as f32 / unit * 3.0, py as f32 / unit * 34.0, 2);
                lit.mix(dark, (band - 0.2).clamp(0.0, 1.0) * 0.8)
            });
        }
    }
}

fn caravan(canvas: &mut Canvas, brief: &Brief, palette: &Palette, base: f32, random: &mut Random) {
    let unit = canvas.unit();
    for kind in [Figure::Camel, Figure::Elephant, Figure::Horse, Figure::Cat] {
        if brief.shows(kind) {
            let count = if kind == Figure::Camel { 4 } else { 2 };
            let size = unit * if kind == Figure::Elephant { 0.17 } else { 0.105 };
            let start = canvas.w() * random.between(0.2, 0.34);
            for index in 0..count {
                let x = start + index as f32 * size * 1.75;
                let place = Place {
                    x,
                    y: base + size * 0.3 + index as f32 * size * 0.04,
                    size: size * (1.0 - 0.05 * index as f32),
                    mirrored: false,
                };
                stand(canvas, kind, place, palette.near);
            }
        }
    }
}

/// Meadows: rolling hills with trees and villages, flowers in front, animals on the last hill.
pub(super) fn meadow(canvas: &mut Canvas, brief: &Brief, palette: &Palette, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let light = sky::paint(canvas, brief, palette, h * 0.6, random);
    let grass = Colour::hex(0x6f9f4a).mix(palette.sky[2], if palette.is_dark() { 0.55 } else { 0.25 });
    let haze = palette.sky[3].mix(palette.far, 0.35);
    for step in 0..5 {
        let near = step as f32 / 4.0;
        let base = h * (0.56 + 0.085 * step as f32);
        let waves = random.between(0.8, 1.7);
        let line = ridge(canvas, random, base, h * 0.13, waves, 0.0);
        let colour = palette.far.mix(grass, 0.35 + 0.5 * near).mix(palette.near, 0.06 + 0.5 * near * near);
        let seed = random.next() as u32;
        canvas.below(&line, |x, depth, _| {
            let strip = noise::fractal(seed, x as f32 / w * 3.0 + depth / h, depth / h * 26.0, 2);
            let rim = (1.0 - depth / (h * 0.012)).clamp(0.0, 1.0) * 0.35;
            colour
                .scale(0.9 + 0.24 * strip)
                .mix(palette.light, rim * 0.5)
                .mix(haze, (depth / (h * 0.2)).clamp(0.0, 1.0) * 0.5 * (1.0 - near))
        });
        let dark = colour.mix(palette.near, 0.55);
        if step == 1 && brief.shows(Figure::House) {
            village(canvas, &line, palette, dark, random);
        }
        if step == 2 && brief.shows(Figure::Windmill) {
            let x = w * random.between(0.3, 0.7);
            stand(
                canvas,
                Figure::Windmill,
                Place { x, y: line[x as usize] + 4.0, size: unit * 0.3, mirrored: light.x > x },
                dark,
            );
        }
        if (1..4).contains(&step) {
            grove(canvas, &line, unit * (0.03 + 0.03 * near), dark, random);
        }
        if step == 3 {
            people(canvas, brief, palette, line[canvas.width / 2] + unit * 0.01, random);
        }
    }
    flowers(canvas, palette, brief.has(&["flower", "garden", "spring", "sunflower", "bee"]), random);
}

fn village(canvas: &mut Canvas, line: &[f32], palette: &Palette, dark: Colour, random: &mut Random) {
    let unit = canvas.unit();
    let start = canvas.w() * random.between(0.2, 0.5);
    for index in 0..6 {
        let x = start + unit * 0.075 * (index as f32 + random.between(-0.2, 0.2));
        let Some(y) = line.get(x as usize) else { continue };
        let size = unit * random.between(0.04, 0.062);
        stand(canvas, Figure::House, Place { x, y: y + size * 0.2, size, mirrored: index % 2 == 0 }, dark);
        canvas.disc((x, y - size * 0.1), size * 0.1, 1.5, palette.accent, 0.95);
        canvas.glow((x, y - size * 0.1), size, palette.accent, 0.35, 2);
    }
}

/// Round trees in groups along a line.
fn grove(canvas: &mut Canvas, line: &[f32], size: f32, colour: Colour, random: &mut Random) {
    for _ in 0..3 {
        let centre = canvas.w() * random.unit();
        for _ in 0..3 + random.below(5) {
            let x = centre + size * random.between(-3.0, 3.0);
            if !(0.0..canvas.w()).contains(&x) {
                continue;
            }
            let foot = line[x as usize];
            let tall = size * random.between(0.7, 1.3);
            let trunk = shapes::polygon(&[
                (x - tall * 0.06, foot + 2.0),
                (x - tall * 0.03, foot - tall),
                (x + tall * 0.03, foot - tall),
                (x + tall * 0.06, foot + 2.0),
            ]);
            let crown: Vec<(f32, f32)> = (0..9)
                .map(|corner| {
                    let angle = corner as f32 / 9.0 * std::f32::consts::TAU;
                    let reach = tall * random.between(0.4, 0.58);
                    (x + angle.cos() * reach * 0.85, foot - tall * 1.05 + angle.sin() * reach)
                })
                .collect();
            for path in trunk.into_iter().chain(shapes::rounded(&crown)) {
                canvas.fill(&path, colour.scale(random.between(0.85, 1.12)), 1.0);
            }
        }
    }
}

/// Grass and blossoms close to the eye.
fn flowers(canvas: &mut Canvas, palette: &Palette, many: bool, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let tints = [
        palette.accent,
        Colour::hex(0xfff3e0),
        Colour::hex(0xff8fab).mix(palette.sky[2], 0.2),
        palette.accent.turn(0.5),
    ];
    for blade in 0..if many { 420 } else { 240 } {
        let (x, foot) = (w * random.unit(), h * random.between(0.96, 1.04));
        let tall = unit * random.between(0.04, 0.13) * if many { 1.25 } else { 0.9 };
        let lean = tall * random.between(-0.4, 0.4);
        let points = [(x, foot), (x + lean * 0.3, foot - tall * 0.5), (x + lean, foot - tall)];
        if let Some(path) = shapes::stroke(&points, unit * 0.008) {
            canvas.fill(&path, palette.near.mix(palette.far, random.between(0.0, 0.16)), 1.0);
        }
        if many || blade % 7 == 0 {
            let tint = *random.pick(&tints);
            let size = unit * random.between(0.006, 0.014);
            for petal in 0..5 {
                let angle = petal as f32 * 1.2566 + x;
                canvas.disc(
                    (x + lean + angle.cos() * size * 0.8, foot - tall + angle.sin() * size * 0.8),
                    size * 0.55,
                    1.2,
                    tint,
                    0.95,
                );
            }
            canvas.disc((x + lean, foot - tall), size * 0.4, 1.0, Colour::hex(0xffd166), 1.0);
        }
    }
}

/// The animals that the prompt names, standing around the middle.
pub(super) fn people(canvas: &mut Canvas, brief: &Brief, palette: &Palette, foot: f32, random: &mut Random) {
    let unit = canvas.unit();
    let sizes = [
        (Figure::Cat, 0.2),
        (Figure::Deer, 0.22),
        (Figure::Elephant, 0.3),
        (Figure::Horse, 0.22),
        (Figure::Mushroom, 0.13),
    ];
    for (kind, size) in sizes {
        if brief.shows(kind) {
            let mirrored = random.below(2) == 0;
            let x = canvas.w() * random.between(0.36, 0.64);
            stand(canvas, kind, Place { x, y: foot, size: unit * size, mirrored }, palette.near);
            if matches!(kind, Figure::Mushroom | Figure::Deer | Figure::Horse | Figure::Elephant) {
                let away = unit * size * random.between(1.3, 1.6) * if mirrored { 1.0 } else { -1.0 };
                stand(
                    canvas,
                    kind,
                    Place { x: x + away, y: foot + unit * 0.01, size: unit * size * 0.6, mirrored },
                    palette.near,
                );
            }
        }
    }
}

/// Haze over what was painted so far, from `from` down, thinning out below.
pub(super) fn fog(canvas: &mut Canvas, from: f32, to: f32, colour: Colour, strength: f32) {
    let (top, bottom) = (from.max(0.0) as usize, to.max(0.0) as usize);
    canvas.shade(top, bottom, |_, y, pixel| {
        let t = (y as f32 - from) / (to - from);
        pixel.mix(colour, strength * (t * (1.0 - t) * 4.0).clamp(0.0, 1.0))
    });
}

/// A plain layer for other sceneries.
pub(super) fn hill(
    canvas: &mut Canvas,
    random: &mut Random,
    base: f32,
    height: f32,
    colour: Colour,
    haze: Colour,
) -> Vec<f32> {
    let line = ridge(canvas, random, base, height, 1.8, 0.2);
    let deep = canvas.h() * 0.2;
    layer(canvas, &line, colour, haze, deep);
    line
}
