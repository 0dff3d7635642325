//! What is bought of a clip: providers sell whole seconds, so a small change of the narration, which
//! leaves the rounded length as it was, buys nothing again.

/// The lengths of a clip that a provider sells, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sold<'a> {
    /// Only these, in any order.
    Lengths(&'a [u32]),
    /// Each whole second from the first to the second, both included.
    Range(u32, u32),
}

/// The shortest length sold that lasts `needed` seconds; the longest there is if none does, and 0
/// if nothing is sold.
#[must_use]
pub fn bought_seconds(needed: f64, sold: Sold<'_>) -> u32 {
    // 6.000001 s, the sum of whole frames, is six seconds.
    let lasts = |length: u32| f64::from(length) + 1e-3 >= needed;
    match sold {
        Sold::Lengths(lengths) => {
            let enough = lengths.iter().copied().filter(|length| lasts(*length)).min();
            enough.or_else(|| lengths.iter().copied().max()).unwrap_or(0)
        }
        Sold::Range(least, most) => (least..=most).find(|length| lasts(*length)).unwrap_or(most),
    }
}

/// How much longer than a clip its scene may be, for the clip to be slowed down and not bought again.
pub const MAX_STRETCH: f64 = 1.2;

/// The lengths sold that are too short for `needed` seconds by so little that a clip which is there already will do,
/// slowed down or held; the longest first.
#[must_use]
pub fn nearly_enough(needed: f64, sold: Sold<'_>) -> Vec<u32> {
    let bought = bought_seconds(needed, sold);
    let will_do = |length: &u32| *length < bought && f64::from(*length) * MAX_STRETCH + 1e-3 >= needed;
    let mut lengths: Vec<u32> = match sold {
        Sold::Lengths(lengths) => lengths.iter().copied().filter(will_do).collect(),
        Sold::Range(least, most) => (least..=most).filter(will_do).collect(),
    };
    lengths.sort_unstable_by(|one, other| other.cmp(one));
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_sufficient_length_is_bought() {
        for (needed, sold, bought) in [
            (3.2, Sold::Lengths(&[4, 6, 8]), 4),
            (4.0, Sold::Lengths(&[8, 6, 4]), 4),
            (4.1, Sold::Lengths(&[4, 6, 8]), 6),
            (18.0, Sold::Lengths(&[4, 6, 8]), 8),
            (1.0, Sold::Lengths(&[]), 0),
            (0.4, Sold::Range(1, 15), 1),
            (5.000_001, Sold::Range(1, 15), 5),
            (5.2, Sold::Range(1, 15), 6),
            (18.0, Sold::Range(1, 15), 15),
        ] {
            assert_eq!(bought_seconds(needed, sold), bought, "{needed} s of {sold:?}");
        }
    }

    #[test]
    fn a_clip_that_is_a_little_too_short_will_do() {
        for (needed, sold, enough) in [
            (4.7, Sold::Lengths(&[4, 6, 8]), vec![4]),
            (4.9, Sold::Lengths(&[4, 6, 8]), vec![]),
            (12.1, Sold::Range(1, 15), vec![12, 11]),
            (9.5, Sold::Lengths(&[4, 6, 8]), vec![]),
        ] {
            assert_eq!(nearly_enough(needed, sold), enough, "{needed} s of {sold:?}");
        }
    }

    #[test]
    fn a_slightly_longer_narration_buys_nothing() {
        assert_eq!(bought_seconds(5.1, Sold::Range(1, 15)), bought_seconds(5.9, Sold::Range(1, 15)));
    }
}
