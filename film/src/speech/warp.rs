//! Dynamic time warping: the cheapest way to go through two rows of moments side by side. Only a corridor is looked
//! at, so that time and memory grow with the rows' length alone.

use std::ops::Range;

/// The way, and what it costs.
pub(super) struct WarpPath {
    /// A step's mean cost.
    pub cost: f64,
    /// Places in both rows, from the first to the last of each.
    pub steps: Vec<(usize, usize)>,
}

/// What it costs beside the distance that one row stands still while the other advances.
const STEP_COST: f64 = 0.15;

/// For each moment of a row those of the other, of `columns`, that are near the diagonal: at most `reach` away.
pub(super) fn diagonal(rows: usize, columns: usize, reach: usize) -> Vec<Range<usize>> {
    (0..rows)
        .map(|row| {
            let middle = row * columns / rows.max(1);
            let next = (row + 1) * columns / rows.max(1);
            middle.saturating_sub(reach)..(next + reach).clamp(1, columns)
        })
        .collect()
}

/// The same for rows that are `times` as fine as those of a way, around it.
pub(super) fn around(
    way: &WarpPath,
    times: usize,
    rows: usize,
    columns: usize,
    reach: usize,
) -> Vec<Range<usize>> {
    let mut corridor = vec![columns..0; rows];
    for (row, column) in &way.steps {
        let from = (column * times).saturating_sub(reach);
        let to = ((column + 1) * times + reach).min(columns);
        for near in corridor.iter_mut().take((row + 1) * times).skip(row * times) {
            *near = near.start.min(from)..near.end.max(to);
        }
    }
    corridor
}

/// The cheapest way through a corridor, if it has one.
pub(super) fn warp(corridor: &[Range<usize>], distance: impl Fn(usize, usize) -> f32) -> Option<WarpPath> {
    let mut from: Vec<u8> = Vec::with_capacity(corridor.iter().map(ExactSizeIterator::len).sum());
    let mut begins = Vec::with_capacity(corridor.len());
    let mut before: (Range<usize>, Vec<f64>) = (0..0, Vec::new());
    for (row, columns) in corridor.iter().enumerate() {
        begins.push(from.len());
        let mut costs: Vec<f64> = Vec::with_capacity(columns.len());
        let above = |column: usize| -> f64 {
            if before.0.contains(&column) { before.1[column - before.0.start] } else { f64::INFINITY }
        };
        for column in columns.clone() {
            let far = f64::from(distance(row, column));
            let across = column.checked_sub(1).map_or(f64::INFINITY, above) + 2.0 * far;
            let down = above(column) + far + STEP_COST;
            let along = costs.last().map_or(f64::INFINITY, |cost| cost + far + STEP_COST);
            let first = row == 0 && column == 0;
            let (cost, step) = if first {
                (2.0 * far, ACROSS)
            } else if across <= down && across <= along {
                (across, ACROSS)
            } else if down <= along {
                (down, DOWN)
            } else {
                (along, ALONG)
            };
            costs.push(cost);
            from.push(step);
        }
        before = (columns.clone(), costs);
    }
    let total = *before.1.last()?;
    let mut place = (corridor.len() - 1, before.0.end - 1);
    let length = (place.0 + place.1 + 2) as f64;
    let mut steps = vec![place];
    while total.is_finite() && place != (0, 0) {
        let (row, column) = place;
        place = match from[begins[row] + column - corridor[row].start] {
            ACROSS => (row.checked_sub(1)?, column.checked_sub(1)?),
            DOWN => (row.checked_sub(1)?, column),
            _ => (row, column.checked_sub(1)?),
        };
        steps.push(place);
    }
    steps.reverse();
    total.is_finite().then_some(WarpPath { cost: total / length, steps })
}

const ACROSS: u8 = 0;
const DOWN: u8 = 1;
const ALONG: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn way(one: &[f32], other: &[f32], reach: usize) -> WarpPath {
        warp(&diagonal(one.len(), other.len(), reach), |row, column| (one[row] - other[column]).abs())
            .unwrap()
    }

    #[test]
    fn what_is_drawn_out_in_one_row_pauses_in_the_other() {
        let way = way(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 2.0, 2.0, 3.0, 4.0], 4);
        assert_eq!(way.steps, [(0, 0), (1, 1), (1, 2), (1, 3), (2, 4), (3, 5)]);
        assert!((way.cost - 2.0 * STEP_COST / 10.0).abs() < 1e-9, "{}", way.cost);
    }

    #[test]
    fn equal_rows_cost_nothing_however_narrow_the_corridor() {
        let row: Vec<f32> = (0..100u8).map(f32::from).collect();
        let way = way(&row, &row, 1);
        assert!(way.cost.abs() < 1e-9 && way.steps.len() == 100, "{}", way.cost);
    }

    #[test]
    fn a_finer_way_is_looked_for_around_a_coarse_one() {
        let coarse = way(&[1.0, 9.0], &[1.0, 9.0, 9.0], 3);
        let corridor = around(&coarse, 4, 7, 10, 1);
        assert_eq!(corridor, [0..5, 0..5, 0..5, 0..5, 3..10, 3..10, 3..10]);
        assert!(warp(&corridor, |_, _| 1.0).is_some());
    }

    #[test]
    fn a_corridor_with_a_gap_has_no_way() {
        assert!(warp(&[0..1, 2..3], |_, _| 1.0).is_none());
        assert!(warp(&[], |_, _| 1.0).is_none());
    }
}
