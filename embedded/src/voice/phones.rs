//! Which word each spoken phone belongs to, where words were pronounced alone, too: by edit distance.

/// Pairs (expected, spoken) in order, each spoken phone once; `expected` are the phones of all words, each with its word.
pub(super) fn align<Name: AsRef<str>>(expected: &[(usize, Name)], spoken: &[Name]) -> Vec<(usize, usize)> {
    let (rows, columns) = (expected.len(), spoken.len());
    if rows == 0 {
        return Vec::new();
    }
    let width = columns + 1;
    let differs =
        |row: usize, column: usize| substitution(expected[row - 1].1.as_ref(), spoken[column - 1].as_ref());
    let mut cost = vec![0u32; (rows + 1) * width];
    for row in 0..=rows {
        for column in 0..=columns {
            cost[row * width + column] = if row == 0 || column == 0 {
                2 * (row + column) as u32
            } else {
                (cost[(row - 1) * width + column - 1] + differs(row, column))
                    .min(cost[(row - 1) * width + column] + 2)
                    .min(cost[row * width + column - 1] + 2)
            };
        }
    }
    let (mut row, mut column) = (rows, columns);
    let mut pairs = Vec::with_capacity(columns);
    while column > 0 {
        let here = cost[row * width + column];
        if row > 0 && here == cost[(row - 1) * width + column - 1] + differs(row, column) {
            (row, column) = (row - 1, column - 1);
            pairs.push((row, column));
        } else if row > 0 && here == cost[(row - 1) * width + column] + 2 {
            row -= 1;
        } else {
            column -= 1;
            pairs.push((row.saturating_sub(1), column));
        }
    }
    pairs.reverse();
    pairs
}

/// Vowels turn into vowels and consonants into consonants when words meet; the other way costs more.
fn substitution(one: &str, other: &str) -> u32 {
    match (one == other, is_vowel(one) == is_vowel(other)) {
        (true, _) => 0,
        (_, true) => 2,
        (_, false) => 3,
    }
}

/// Vowels of flite's names, which begin with the letter, and of the phonetic alphabet.
fn is_vowel(name: &str) -> bool {
    name.starts_with(|sign| "aeiouɑɐɒæəɚɛɜɪɨɔøœʊʌɯɤAIOQWYᵊᵻ".contains(sign))
}

/// A word for which no phone was found shares the time of the word before it (or after it, at the start).
pub(super) fn fill(spans: &[Option<(f64, f64)>], seconds: f64) -> Vec<(f64, f64)> {
    let mut times = Vec::with_capacity(spans.len());
    let mut at = 0;
    while at < spans.len() {
        let first = if spans[at].is_some() {
            at
        } else {
            (at..spans.len()).find(|i| spans[*i].is_some()).unwrap_or(at)
        };
        let after = (first + 1..spans.len()).find(|i| spans[*i].is_some()).unwrap_or(spans.len());
        let (start, end) = spans[first].unwrap_or((0.0, seconds));
        let share = (end - start) / (after - at) as f64;
        times.extend((0..after - at).map(|i| (start + share * i as f64, start + share * (i + 1) as f64)));
        at = after;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_that_no_word_expects_goes_to_the_word_before_it() {
        assert_eq!(align(&[(0, "a"), (1, "b")], &["a", "x", "b"]), [(0, 0), (0, 1), (1, 2)]);
        assert!(align(&[(0, "a")], &[]).is_empty());
        assert!(align(&[], &["a"]).is_empty());
    }

    #[test]
    fn a_word_without_a_phone_shares_the_time_of_its_neighbour() {
        assert_eq!(
            fill(&[Some((0.0, 2.0)), None, Some((2.0, 3.0))], 3.0),
            [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
        );
        assert_eq!(fill(&[None, Some((1.0, 3.0))], 3.0), [(1.0, 2.0), (2.0, 3.0)]);
        assert_eq!(fill(&[None, None], 3.0), [(0.0, 1.5), (1.5, 3.0)]);
    }
}
