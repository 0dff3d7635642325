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
    fn a_slightly_longer_narration_buys_nothing() {
        assert_eq!(bought_seconds(5.1, Sold::Range(1, 15)), bought_seconds(5.9, Sold::Range(1, 15)));
    }
}
