//! How loud speech is: what of a sound is speech, by the level of each 10 ms of it. Pure.

/// Speech is at most this much quieter than its loud parts, in dB.
const RANGE: f64 = 32.0;
/// Nothing quieter than this is speech, in dBFS.
const FLOOR: f64 = -55.0;
/// A shorter sound is a click, in windows.
const SHORTEST_SPEECH: usize = 4;

/// How loud the loud parts are, in dBFS, of levels that ascend; none of no sound.
pub fn of_loud_parts(ascending: &[f64]) -> Option<f64> {
    ascending.get(ascending.len() * 95 / 100).copied()
}

/// What is quieter is no speech, in dBFS, where the loud parts are this loud.
pub fn threshold(loud: f64) -> f64 {
    (loud - RANGE).max(FLOOR)
}

/// The windows that are louder, as stretches: their first window, and one past their last. A pause of fewer windows than
/// `shortest_pause` belongs to the speech.
pub fn stretches(levels: &[f64], threshold: f64, shortest_pause: usize) -> Vec<(usize, usize)> {
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for (window, _) in levels.iter().enumerate().filter(|(_, level)| **level > threshold) {
        match stretches.last_mut() {
            Some((_, end)) if window - *end < shortest_pause => *end = window + 1,
            _ => stretches.push((window, window + 1)),
        }
    }
    stretches.retain(|(from, to)| to - from >= SHORTEST_SPEECH);
    stretches
}

/// In ascending order.
pub fn ascending(levels: &[f64]) -> Vec<f64> {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
