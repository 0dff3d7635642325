//! Pictures of what has no shape: folded silk, ripples, networks, lights out of focus.

use super::brief::Brief;
use super::canvas::Canvas;
use super::colour::Colour;
use super::noise::{self, Field};
use super::shapes;
use crate::random::Random;

/// Paints an abstract picture in one of its manners.
pub(super) fn paint(canvas: &mut Canvas, brief: &Brief, random: &mut Random) {
    let sets = [
        [0x0b0f2b, 0x2a2f8f, 0x8f4fd0, 0xff7aa8, 0xffd6a0],
        [0x04161c, 0x0b4a5c, 0x1fa08f, 0x9be37a, 0xfff2b0],
        [0x1c0714, 0x6b1740, 0xd43d4f, 0xff9a4d, 0xffe3a3],
        [0x081026, 0x173f7a, 0x2f8fd6, 0x8fe0f0, 0xfdf6e3],
        [0x14091f, 0x432371, 0xc14d84, 0xfaae7b, 0xfff1dc],
    ];
    let turn = random.between(-0.2, 0.2);
    let colours = random.pick(&sets).map(|value| Colour::hex(value).turn(turn));
    let manner = if brief.has(&["network", "computer", "code", "brain", "internet", "data"]) {
        2
    } else if brief.has(&["ring", "ripple", "sound", "music", "time"]) {
        1
    } else if brief.has(&["soft", "floating", "lights", "dreamlike", "dream", "dark"]) {
        3
    } else if brief.has(&["ribbon", "wave", "flowing", "streak", "silk"]) {
        0
    } else {
        random.below(4)
    };
    match manner {
        1 => ripples(canvas, colours, random),
        2 => network(canvas, colours, random),
        3 => lights(canvas, colours, random),
        _ => silk(canvas, colours, random),
    }
}

fn stops(colours: [Colour; 5]) -> [(f32, Colour); 5] {
    [(0.0, colours[0]), (0.28, colours[1]), (0.55, colours[2]), (0.8, colours[3]), (1.0, colours[4])]
}

fn silk(canvas: &mut Canvas, colours: [Colour; 5], random: &mut Random) {
    let seed = random.next() as u32;
    let (w, h) = (canvas.w(), canvas.h());
    let (lean, folds) = (random.between(0.5, 1.4), random.between(2.0, 3.0));
    let aspect = h / w;
    let warp = Field::new(160, 200, |x, y| {
        let (px, py) = (x * 1.4, y * 1.4 * aspect);
        let fold = noise::fractal(seed ^ 1, px, py, 2);
        noise::fractal(seed, px * 0.9 + fold * 1.5, py * lean * 0.6 + fold * 1.1, 2)
    });
    let ramp = stops(colours);
    canvas.shade(0, canvas.height, |x, y, _| {
        let (px, py) = (x as f32 / w, y as f32 / h);
        let value = warp.at(px, py);
        let beside = warp.at((px + 0.006).min(1.0), (py + 0.004).min(1.0));
        let phase = value * folds * 1.7;
        let fold = (phase * std::f32::consts::TAU * 0.5).sin() * 0.5 + 0.5;
        let place = (0.55 * fold + 0.5 * (value - 0.2) + 0.2 * (1.0 - py)).clamp(0.0, 1.0);
        let sheen = ((beside - value) * 26.0).clamp(-1.0, 1.0);
        let colour = Colour::along(&ramp, place);
        if sheen > 0.0 { colour.screen(colours[4], sheen * 0.45) } else { colour.scale(1.0 + sheen * 0.5) }
    });
}

fn ripples(canvas: &mut Canvas, colours: [Colour; 5], random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    let centres: Vec<(f32, f32, f32)> = (0..3)
        .map(|_| (w * random.between(0.1, 0.9), h * random.between(0.15, 0.85), random.between(0.07, 0.12)))
        .collect();
    let ramp = stops(colours);
    canvas.shade(0, canvas.height, |x, y, _| {
        let (px, py) = (x as f32, y as f32);
        let mut height = 0.0;
        let mut nearest = f32::MAX;
        for (cx, cy, wave) in &centres {
            let away = ((px - cx).powi(2) + (py - cy).powi(2)).sqrt() / unit;
            nearest = nearest.min(away);
            height += (away / wave * std::f32::consts::TAU).sin() / (1.0 + 2.4 * away);
        }
        let base = Colour::along(&ramp, (0.78 - nearest * 0.75 + height * 0.16).clamp(0.0, 1.0));
        if height > 0.0 {
            base.screen(colours[4], height.powi(3) * 0.5)
        } else {
            base.scale(1.0 + height * 0.22)
        }
    });
    for (cx, cy, _) in &centres {
        canvas.glow((*cx, *cy), unit * 0.3, colours[4], 0.55, 2);
    }
}

fn network(canvas: &mut Canvas, colours: [Colour; 5], random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    canvas.gradient(&[(0.0, colours[0]), (0.55, colours[1].scale(0.7)), (1.0, colours[0])]);
    let clouds = Field::clouds(random, 2.4, 1.4, 0.35);
    canvas.haze(&clouds, h * 0.5, h * 0.55, colours[2].scale(0.8), 0.5);
    let nodes: Vec<(f32, f32, f32)> = (0..84)
        .map(|_| {
            let (angle, away) = (random.between(0.0, std::f32::consts::TAU), random.unit().powf(0.6));
            (w * (0.5 + 0.52 * angle.cos() * away), h * (0.5 + 0.47 * angle.sin() * away), random.unit())
        })
        .collect();
    let reach = unit * 0.24;
    for (index, from) in nodes.iter().enumerate() {
        for to in &nodes[index + 1..] {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let away = (dx * dx + dy * dy).sqrt();
            if away < reach && away > 1.0 {
                let (nx, ny) = (-dy / away * unit * 0.0012, dx / away * unit * 0.0012);
                let line = [
                    (from.0 + nx, from.1 + ny),
                    (to.0 + nx, to.1 + ny),
                    (to.0 - nx, to.1 - ny),
                    (from.0 - nx, from.1 - ny),
                ];
                let depth = 0.3 + 0.5 * (from.2 + to.2) * 0.5;
                canvas.fill_all(shapes::polygon(&line), colours[3], (1.0 - away / reach) * depth);
            }
        }
    }
    for (x, y, near) in nodes {
        let tint = colours[3].mix(colours[4], near);
        canvas.glow((x, y), unit * (0.02 + 0.075 * near * near), tint, 0.75, 2);
        canvas.disc((x, y), unit * (0.003 + 0.007 * near), 1.5, colours[4].mix(Colour::WHITE, 0.4), 1.0);
    }
}

fn lights(canvas: &mut Canvas, colours: [Colour; 5], random: &mut Random) {
    let (w, h, unit) = (canvas.w(), canvas.h(), canvas.unit());
    canvas.gradient(&[
        (0.0, colours[0]),
        (0.5, colours[1].scale(0.85)),
        (1.0, colours[0].mix(colours[2], 0.25)),
    ]);
    for _ in 0..5 {
        let at = (w * random.unit(), h * random.unit());
        let tint = colours[2 + random.below(2)];
        canvas.glow(at, unit * random.between(0.5, 0.9), tint, 0.35, 2);
    }
    for _ in 0..46 {
        let near = random.unit();
        let radius = unit * (0.012 + 0.085 * near * near);
        let at = (w * random.unit(), h * random.unit());
        let tint = colours[2 + random.below(3)];
        let alpha = random.between(0.08, 0.3);
        canvas.disc(at, radius, 2.0 + radius * 0.08, tint, alpha);
        canvas.disc(at, radius * 0.9, radius * 0.06, tint.mix(colours[4], 0.3), alpha * 0.35);
    }
}
