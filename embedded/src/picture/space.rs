//! Space: a nebula, stars without number, planets lit from one side, galaxies, comets.

use super::brief::Brief;
use super::canvas::Canvas;
use super::colour::Colour;
use super::noise::{self, Field};
use super::shapes::{self, Figure, Place, figure};
use super::sky;
use crate::random::Random;

/// Paints a view of space.
pub(super) fn paint(canvas: &mut Canvas, brief: &Brief, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let sets = [
        [0x05060f, 0x0b1030, 0x6a3fd0, 0xff6fae, 0x3fd0ff],
        [0x03070d, 0x062031, 0x1f8fb8, 0x5cf0c0, 0xffc46b],
        [0x0a0508, 0x25091f, 0xc23a6b, 0xffa45c, 0x7a6bff],
        [0x04060c, 0x0d1530, 0x3358d4, 0x9fc4ff, 0xffdf9e],
    ];
    let turn = random.between(-0.15, 0.15);
    let [black, deep, cloud, bright, other] = random.pick(&sets).map(|value| Colour::hex(value).turn(turn));
    canvas.gradient(&[(0.0, deep), (0.5, black), (1.0, deep)]);
    nebula(
        canvas,
        [cloud, bright, other],
        if brief.has(&["nebula", "galaxy"]) { 0.95 } else { 0.65 },
        random,
    );
    sky::stars(canvas, 900, h * 3.0, random);
    if brief.has(&["galaxy", "galaxies", "milky way"]) {
        galaxy(canvas, (w * 0.5, h * 0.45), unit * 0.44, bright.mix(Colour::WHITE, 0.4), cloud, random);
    }
    if brief.has(&["comet", "meteor"]) {
        comet(canvas, random);
    }
    bodies(canvas, brief, [cloud, bright, other], random);
    if brief.shows(Figure::Rocket) {
        rocket(canvas, bright, random);
    }
}

fn nebula(canvas: &mut Canvas, [cloud, bright, other]: [Colour; 3], strength: f32, random: &mut Random) {
    let fields = [
        Field::clouds(random, 2.2, 1.5, 0.36),
        Field::clouds(random, 3.2, 1.4, 0.42),
        Field::clouds(random, 4.4, 1.6, 0.5),
    ];
    let (w, h) = (canvas.w(), canvas.h());
    let (cx, cy) = (random.between(0.25, 0.75), random.between(0.25, 0.7));
    let tilt = random.between(-0.9, 0.9);
    canvas.shade(0, canvas.height, |x, y, pixel| {
        let (px, py) = (x as f32 / w, y as f32 / h);
        // The clouds gather along a slanting band.
        let away = ((py - cy) + tilt * (px - cx)).abs() * 1.7;
        let band = (1.0 - away).max(0.0).powi(2);
        let [thin, thick, dust] = [0, 1, 2].map(|index| fields[index].at(px, py));
        pixel
            .screen(cloud, thin * band * strength * 0.8)
            .screen(bright, thin * thick * band * strength * 0.9)
            .screen(other, dust * band * strength * 0.45)
            .scale(1.0 - 0.35 * dust * (1.0 - band))
    });
}

fn galaxy(
    canvas: &mut Canvas,
    (cx, cy): (f32, f32),
    radius: f32,
    core: Colour,
    arm: Colour,
    random: &mut Random,
) {
    let flatness: f32 = random.between(0.4, 0.62);
    let turn = random.between(-0.6, 0.6);
    let (sin, cos) = turn.sin_cos();
    canvas.glow((cx, cy), radius * 1.1, arm.mix(core, 0.3), 0.6, 2);
    for _ in 0..11_000 {
        let away = random.unit().powf(0.65);
        let scatter = (random.unit() - 0.5) * random.unit() * 2.2;
        let angle = away * 5.2 + scatter + if random.below(2) == 0 { 0.0 } else { std::f32::consts::PI };
        let (gx, gy) = (angle.cos() * away * radius, angle.sin() * away * radius * flatness);
        let at = (cx + gx * cos - gy * sin, cy + gx * sin + gy * cos);
        let tint = core.mix(arm, away).mix(Colour::WHITE, random.unit() * 0.5);
        canvas.disc(
            at,
            canvas.unit() * random.between(0.0004, 0.0018),
            1.3,
            tint,
            random.between(0.25, 0.85) * (1.15 - away),
        );
    }
    canvas.glow((cx, cy), radius * 0.36, core, 0.9, 3);
}

fn comet(canvas: &mut Canvas, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let head = (w * random.between(0.2, 0.4), h * random.between(0.16, 0.3));
    let tail = (head.0 + unit * 0.6, head.1 - unit * 0.24);
    if let Some(path) = shapes::polygon(&[
        (head.0 - 2.0, head.1 - 5.0),
        tail,
        (tail.0 + unit * 0.06, tail.1 + unit * 0.08),
        (head.0 + 4.0, head.1 + 7.0),
    ]) {
        canvas.fill_with(&path, |x, _, pixel| {
            let far = ((x as f32 - head.0) / (tail.0 - head.0)).clamp(0.0, 1.0);
            pixel.screen(Colour::hex(0xcfeaff), (1.0 - far).powi(2) * 0.7)
        });
    }
    canvas.glow(head, unit * 0.07, Colour::hex(0xe6f6ff), 1.0, 3);
}

fn bodies(canvas: &mut Canvas, brief: &Brief, [cloud, bright, other]: [Colour; 3], random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let sun = (if random.below(2) == 0 { -0.6 } else { 0.6 }, -0.62);
    if brief.has(&["star", "sun", "neutron"]) && !brief.has(&["galaxy", "galaxies", "stars"]) {
        let at = (w * random.between(0.35, 0.65), h * random.between(0.25, 0.4));
        canvas.glow(at, unit * 0.75, other.mix(Colour::WHITE, 0.3), 0.8, 3);
        canvas.glow(at, unit * 0.26, Colour::WHITE, 1.0, 3);
        canvas.disc(at, unit * 0.045, unit * 0.02, Colour::WHITE, 1.0);
    }
    let red = Colour::hex(0xc4512d);
    let tone = if brief.has(&["mars", "red"]) {
        (red, red.scale(0.5))
    } else if brief.has(&["venus", "golden"]) {
        (Colour::hex(0xf0c987), Colour::hex(0xa8743f))
    } else if brief.has(&["jupiter"]) {
        (Colour::hex(0xe8c9a0), Colour::hex(0x9a5b3c))
    } else {
        (bright.mix(cloud, 0.45), other.mix(cloud, 0.6).scale(0.7))
    };
    let ground = brief.has(&["horizon", "cratered", "surface", "footprint"]);
    if ground {
        let at = (w * random.between(0.35, 0.65), h * 0.34);
        planet(canvas, at, unit * 0.15, (Colour::hex(0xdfe6f2), Colour::hex(0x8b93a8)), sun, 0.0, random);
        regolith(canvas, sun.0, random);
    } else if !brief.has(&["galaxy", "galaxies"]) {
        let stripes = if brief.has(&["jupiter", "striped", "giant", "saturn", "ring"]) {
            1.0
        } else {
            random.unit() * 0.6
        };
        let big = brief.has(&["giant", "jupiter"]);
        let (at, radius) = if big || random.below(3) == 0 {
            ((w * random.between(0.3, 0.7), h * random.between(0.78, 0.86)), unit * random.between(0.5, 0.6))
        } else {
            (
                (w * random.between(0.4, 0.6), h * random.between(0.42, 0.54)),
                unit * random.between(0.24, 0.32),
            )
        };
        let ringed = brief.has(&["ring", "saturn", "ringed"]) || (!big && random.below(3) == 0);
        if ringed {
            rings(canvas, at, radius, tone.0, false);
        }
        planet(canvas, at, radius, tone, sun, stripes, random);
        if ringed {
            rings(canvas, at, radius, tone.0, true);
        }
        let moons = if brief.has(&["moon", "planets"]) { 2 } else { random.below(2) };
        for index in 0..moons {
            let place =
                (w * random.between(0.14, 0.86), h * random.between(0.1, 0.26) + index as f32 * h * 0.05);
            planet(
                canvas,
                place,
                unit * random.between(0.025, 0.07),
                (Colour::hex(0xd8d8e0), Colour::hex(0x77798a)),
                sun,
                0.0,
                random,
            );
        }
    }
}

fn planet(
    canvas: &mut Canvas,
    (cx, cy): (f32, f32),
    radius: f32,
    (light, dark): (Colour, Colour),
    sun: (f32, f32),
    stripes: f32,
    random: &mut Random,
) {
    let seed = random.next() as u32;
    let tilt = random.between(-0.35, 0.35);
    canvas.glow((cx + sun.0 * radius * 0.12, cy + sun.1 * radius * 0.12), radius * 1.28, light, 0.5, 2);
    let length = (sun.0 * sun.0 + sun.1 * sun.1 + 0.36f32).sqrt();
    let from = (cy - radius - 1.0).max(0.0) as usize;
    let to = (cy + radius + 2.0).max(0.0) as usize;
    canvas.shade(from, to, |x, y, pixel| {
        let (dx, dy) = ((x as f32 + 0.5 - cx) / radius, (y as f32 + 0.5 - cy) / radius);
        let square = dx * dx + dy * dy;
        if square > 1.02 {
            return pixel;
        }
        let dz = (1.0 - square).max(0.0).sqrt();
        // The surface wraps: features shrink towards the rim.
        let (sx, sy) = (dx / (0.6 + 0.4 * dz), dy / (0.6 + 0.4 * dz));
        let latitude = sy + tilt * sx;
        let rough = noise::fractal(seed, sx * 3.0 + 9.0, sy * 3.0, 4);
        let band = noise::fractal(seed ^ 9, 0.4 * sx + rough * 0.7, latitude * 7.0, 3);
        let land = ((rough - 0.42) * 4.0).clamp(0.0, 1.0);
        let surface = light.mix(dark, land + (band * 1.5 - 0.25 - land) * stripes);
        let lit = ((dx * sun.0 + dy * sun.1 + dz * 0.6) / length).max(0.0);
        let rim = (1.0 - dz).powi(3) * 0.35;
        let shaded = surface.scale(0.035 + 1.05 * lit).screen(light, rim * lit);
        let cover = ((1.0 - square.sqrt()) * radius + 0.5).clamp(0.0, 1.0);
        pixel.mix(shaded, cover)
    });
}

fn rings(canvas: &mut Canvas, (cx, cy): (f32, f32), radius: f32, colour: Colour, front: bool) {
    let (tilt, slope) = (0.26, -0.28_f32);
    let (sin, cos) = slope.sin_cos();
    let reach = radius * 2.3;
    canvas.shade((cy - reach).max(0.0) as usize, (cy + reach).max(0.0) as usize, |x, y, pixel| {
        let (dx, dy) = (x as f32 - cx, y as f32 - cy);
        let (rx, ry) = (dx * cos + dy * sin, (dy * cos - dx * sin) / tilt);
        if (ry > 0.0) != front {
            return pixel;
        }
        let away = (rx * rx + ry * ry).sqrt() / radius;
        if !(1.28..2.15).contains(&away) {
            return pixel;
        }
        let grooves = noise::fractal(3, away * 22.0, 0.0, 3);
        let gap = ((away - 1.74).abs() * 26.0).min(1.0);
        let edge = ((away - 1.28) * 14.0).min((2.15 - away) * 9.0).clamp(0.0, 1.0);
        pixel.mix(colour.mix(Colour::WHITE, 0.35 * grooves), (0.25 + 0.8 * grooves) * gap * edge * 0.85)
    });
}

fn regolith(canvas: &mut Canvas, sun: f32, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    for step in 0..3 {
        let near = step as f32 / 2.0;
        let base = h * (0.68 + 0.1 * step as f32);
        let line: Vec<f32> = noise::line(random, canvas.width, 1.6, 5, 0.2)
            .into_iter()
            .map(|value| base - (value - 0.5) * h * 0.09)
            .collect();
        let seed = random.next() as u32;
        let grey = Colour::hex(0xb9b6b2).scale(0.5 + 0.3 * near);
        canvas.below(&line, |x, depth, _| {
            // Foreshortened: what is far away lies flat and small.
            let (px, py) = (x as f32 / unit * 5.0, (depth / h + 0.06).ln() * 7.0);
            let here = noise::fractal(seed, px, py, 4);
            let beside = noise::fractal(seed, px + 0.1 * sun.signum(), py - 0.06, 4);
            grey.scale((0.62 + 1.9 * (here - beside) + 0.2 * here - 0.35 * (depth / h)).clamp(0.08, 1.2))
        });
    }
    for _ in 0..12 {
        let (x, y) = (w * random.unit(), h * random.between(0.76, 0.98));
        let size = unit * random.between(0.012, 0.075) * (y / h);
        for (offset, tone, alpha) in [(0.0, 0x16161a, 0.55), (0.22, 0xe8e4dc, 0.35)] {
            let outline: Vec<(f32, f32)> = (0..10)
                .map(|corner| {
                    let angle = corner as f32 * 0.628_318;
                    (
                        x + angle.cos() * size * (1.0 - offset * 0.3) - sun.signum() * size * offset * 0.6,
                        y + angle.sin() * size * 0.3 * (1.0 - offset * 0.3) + size * offset * 0.25,
                    )
                })
                .collect();
            canvas.fill_all(shapes::rounded(&outline), Colour::hex(tone), alpha);
        }
    }
}

fn rocket(canvas: &mut Canvas, accent: Colour, random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let (x, y, size) = (w * random.between(0.24, 0.76), h * random.between(0.34, 0.44), unit * 0.2);
    canvas.glow((x, y), size * 0.9, Colour::hex(0xffb05a), 0.9, 2);
    let flame =
        [(x - size * 0.09, y - size * 0.12), (x, y + size * 0.75), (x + size * 0.09, y - size * 0.12)];
    canvas.fill_all(shapes::polygon(&flame), Colour::hex(0xffe2a8), 0.85);
    for path in figure(Figure::Rocket, Place { x, y, size, mirrored: false }) {
        canvas.fill_with(&path, |px, _, _| {
            Colour::hex(0xf2f4fa).scale(1.0 - 0.5 * ((px as f32 - x) / size + 0.2).clamp(0.0, 0.8))
        });
    }
    canvas.disc((x, y - size * 0.6), size * 0.07, 1.5, accent.scale(0.6), 1.0);
}
