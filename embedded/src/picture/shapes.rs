//! Outlines through a few points, turned into paths: silhouettes, trees, strokes.

use tiny_skia::{Path, PathBuilder};

use super::figures;
pub(super) use super::figures::Figure;

/// Where a silhouette stands: its foot (or centre), its height in pixels, and which way it looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub x: f32,
    pub y: f32,
    pub size: f32,
    pub mirrored: bool,
}

impl Place {
    fn point(&self, (x, y): (f32, f32)) -> (f32, f32) {
        let x = if self.mirrored { -x } else { x };
        (self.x + x * self.size, self.y + y * self.size)
    }
}

/// The paths of a figure.
pub(super) fn figure(figure: Figure, place: Place) -> Vec<Path> {
    let (round, sharp) = figures::parts(figure);
    let round = round.iter().filter_map(|points| rounded(&moved(points, place)));
    let sharp = sharp.iter().filter_map(|points| polygon(&moved(points, place)));
    round.chain(sharp).collect()
}

fn moved(points: &[(f32, f32)], place: Place) -> Vec<(f32, f32)> {
    points.iter().map(|point| place.point(*point)).collect()
}

/// A closed outline with corners.
pub(super) fn polygon(points: &[(f32, f32)]) -> Option<Path> {
    let mut builder = PathBuilder::new();
    let (first, rest) = points.split_first()?;
    builder.move_to(first.0, first.1);
    for point in rest {
        builder.line_to(point.0, point.1);
    }
    builder.close();
    builder.finish()
}

/// A closed outline that runs smoothly through the points (Catmull–Rom as cubic curves).
pub(super) fn rounded(points: &[(f32, f32)]) -> Option<Path> {
    let count = points.len();
    let mut builder = PathBuilder::new();
    let first = points.first()?;
    builder.move_to(first.0, first.1);
    for at in 0..count {
        let [before, from, to, after] =
            [at + count - 1, at, at + 1, at + 2].map(|index| points[index % count]);
        builder.cubic_to(
            from.0 + (to.0 - before.0) / 6.0,
            from.1 + (to.1 - before.1) / 6.0,
            to.0 - (after.0 - from.0) / 6.0,
            to.1 - (after.1 - from.1) / 6.0,
            to.0,
            to.1,
        );
    }
    builder.close();
    builder.finish()
}

/// A conifer: a trunk and tiers that spread downwards, a little uneven by `lean`.
pub(super) fn pine(x: f32, foot: f32, height: f32, lean: f32) -> Option<Path> {
    let mut left = vec![(x, foot - height)];
    let mut right = Vec::new();
    let tiers = 6;
    for tier in 1..=tiers {
        let t = tier as f32 / tiers as f32;
        let y = foot - height * (1.0 - 0.92 * t);
        let reach = height * (0.05 + 0.17 * t) * (1.0 + lean * if tier % 2 == 0 { 0.2 } else { -0.12 });
        left.push((x - reach, y));
        left.push((x - reach * 0.5, y - height * 0.035));
        right.push((x + reach, y));
        right.push((x + reach * 0.5, y - height * 0.035));
    }
    left.pop();
    right.pop();
    left.extend([
        (x - height * 0.02, foot - height * 0.08),
        (x - height * 0.02, foot + 2.0),
        (x + height * 0.02, foot + 2.0),
        (x + height * 0.02, foot - height * 0.08),
    ]);
    right.reverse();
    left.extend(right);
    polygon(&left)
}

/// A thin tapering stroke through points, as a leaf, tentacle or stalk.
pub(super) fn stroke(points: &[(f32, f32)], width: f32) -> Option<Path> {
    let count = points.len();
    let side = |at: usize, sign: f32| {
        let (from, to) = (points[at.saturating_sub(1)], points[(at + 1).min(count - 1)]);
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).sqrt().max(1e-3);
        let half = width * 0.5 * (1.0 - at as f32 / count as f32) * sign;
        (points[at].0 - dy / length * half, points[at].1 + dx / length * half)
    };
    let mut outline: Vec<(f32, f32)> = (0..count).map(|at| side(at, 1.0)).collect();
    outline.extend((0..count).rev().map(|at| side(at, -1.0)));
    rounded(&outline)
}
