//! A soft bed of music made here: slow chords and a quiet line of plucked notes, decided by a seed.
//! It is built in a circle, so that its end leads into its beginning.

#![expect(clippy::cast_precision_loss, reason = "seconds, notes and samples of half a minute")]

use std::f64::consts::TAU;

use videofactory_pipeline::digest::Digest;

/// Chords in the piece.
const CHORDS: usize = 8;
/// Plucked notes on a chord.
const PLUCKS: usize = 8;
const RATE: f64 = 48_000.0;

/// Progressions as steps of the scale, from 0, four chords each: each ends where it wants to go on.
const PROGRESSIONS: [[usize; 4]; 6] =
    [[0, 4, 5, 3], [5, 3, 0, 4], [0, 5, 3, 4], [3, 0, 4, 5], [0, 2, 3, 3], [5, 4, 3, 4]];
/// The major scale, in semitones.
const SCALE: [usize; 7] = [0, 2, 4, 5, 7, 9, 11];

/// A sound in a circle.
struct Circle(Vec<f32>);

/// A note: when, how high, how loud, and how it begins and ends.
struct Note {
    /// Seconds.
    at: f64,
    frequency: f64,
    volume: f64,
    /// -1 is left, 1 is right.
    pan: f64,
    shape: Shape,
}

enum Shape {
    /// Swells, stays and fades, in seconds.
    Pad { swell: f64, stay: f64, fade: f64 },
    /// Falls by two thirds in so many seconds.
    Pluck { fall: f64 },
}

/// The piece for this seed: samples, left and right in turn.
#[must_use]
pub fn compose(seed: &str) -> Vec<f32> {
    let mut dice = Dice(Digest::of_bytes(seed.as_bytes()).seed() | 1);
    let root = 41 + dice.below(8);
    let chord_seconds = 3.6 + 0.2 * f64::from(u32::try_from(dice.below(6)).unwrap_or_default());
    let progressions = [PROGRESSIONS[dice.below(6)], PROGRESSIONS[dice.below(6)]];
    let chords: Vec<usize> = (0..CHORDS).map(|chord| progressions[chord / 4][chord % 4]).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "half a minute of samples")]
    let frames = (chord_seconds * CHORDS as f64 * RATE) as usize;
    let mut circle = Circle(vec![0.0; frames * 2]);
    for (place, step) in chords.iter().enumerate() {
        let at = place as f64 * chord_seconds;
        for note in pad(root, *step, at, chord_seconds).into_iter().chain(line(
            root,
            *step,
            at,
            chord_seconds,
            &mut dice,
        )) {
            circle.play(&note);
        }
    }
    circle.0
}

/// A chord: bass, and above it root, third, fifth and ninth, each on its side.
fn pad(root: usize, step: usize, at: f64, seconds: f64) -> Vec<Note> {
    let shape = || Shape::Pad { swell: seconds * 0.4, stay: seconds * 0.55, fade: seconds * 0.65 };
    let mut notes = vec![Note { at, frequency: pitch(root, step), volume: 0.30, pan: 0.0, shape: shape() }];
    for (index, above) in [7, 9, 11, 15].into_iter().enumerate() {
        let pan = [-0.5, 0.4, -0.2, 0.6][index];
        let volume = [0.16, 0.13, 0.13, 0.06][index];
        notes.push(Note { at, frequency: pitch(root, step + above), volume, pan, shape: shape() });
    }
    notes
}

/// Plucked notes of the chord, some left out, each with two echoes on the other side.
fn line(root: usize, step: usize, at: f64, seconds: f64, dice: &mut Dice) -> Vec<Note> {
    let beat = seconds / PLUCKS as f64;
    let mut notes = Vec::new();
    for pluck in 0..PLUCKS {
        if dice.below(3) == 0 && pluck > 0 {
            continue;
        }
        let tone = [14, 16, 18, 21, 23][dice.below(5)];
        for echo in 0..3 {
            let late = f64::from(echo) * beat * 1.5;
            notes.push(Note {
                at: at + pluck as f64 * beat + late,
                frequency: pitch(root, step + tone),
                volume: 0.05 * 0.45f64.powi(echo),
                pan: if echo % 2 == 0 { 0.35 } else { -0.45 },
                shape: Shape::Pluck { fall: 0.5 },
            });
        }
    }
    notes
}

/// The frequency of a step of the scale above a root given as a MIDI note.
fn pitch(root: usize, step: usize) -> f64 {
    let semitones = root + 12 * (step / 7) + SCALE[step % 7];
    440.0 * 2f64.powf((semitones as f64 - 69.0) / 12.0)
}

impl Circle {
    fn play(&mut self, note: &Note) {
        // Two voices a few hundredths of a semitone apart beat slowly against each other.
        for (detune, side) in [(0.9985, -0.35), (1.0015, 0.35)] {
            let pan = (note.pan + side).clamp(-1.0, 1.0);
            let (left, right) = ((1.0 - pan) / 2.0, f64::midpoint(1.0, pan));
            for (partial, share) in note.shape.partials() {
                let frequency = note.frequency * detune * partial;
                if frequency < 8_000.0 {
                    let volume = note.volume * share;
                    self.sound(note, frequency, (volume * left.sqrt(), volume * right.sqrt()));
                }
            }
        }
    }

    fn sound(&mut self, note: &Note, frequency: f64, (left, right): (f64, f64)) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds in samples")]
        let (start, frames) = ((note.at * RATE) as usize, (note.shape.seconds() * RATE) as usize);
        // A turning pointer is a sine without calling one for each sample.
        let (turn_sin, turn_cos) = (TAU * frequency / RATE).sin_cos();
        let (mut sin, mut cos) = (0.0, 1.0);
        let count = self.0.len() / 2;
        let mut level = 0.0;
        for frame in 0..frames {
            if frame % 64 == 0 {
                level = note.shape.level(frame as f64 / RATE);
            }
            let slot = (start + frame) % count * 2;
            #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
            let (add_left, add_right) = ((sin * level * left) as f32, (sin * level * right) as f32);
            self.0[slot] += add_left;
            self.0[slot + 1] += add_right;
            (sin, cos) = (sin * turn_cos + cos * turn_sin, cos * turn_cos - sin * turn_sin);
        }
    }
}

impl Shape {
    /// Partials by number and share.
    fn partials(&self) -> &'static [(f64, f64)] {
        match self {
            Self::Pad { .. } => &[(1.0, 1.0), (2.0, 0.28), (3.0, 0.10)],
            Self::Pluck { .. } => &[(1.0, 1.0), (3.0, 0.12)],
        }
    }

    fn seconds(&self) -> f64 {
        match self {
            Self::Pad { swell, stay, fade } => swell + stay + fade,
            Self::Pluck { fall } => fall * 6.0,
        }
    }

    /// How loud it is after so many seconds, from 0 to 1.
    fn level(&self, seconds: f64) -> f64 {
        let ease = |share: f64| 0.5 - 0.5 * (share.clamp(0.0, 1.0) * TAU / 2.0).cos();
        match self {
            Self::Pad { swell, stay, fade } => {
                ease(seconds / swell) * ease((swell + stay + fade - seconds) / fade)
            }
            Self::Pluck { fall } => ease(seconds / 0.012) * (-seconds / fall).exp(),
        }
    }
}

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % sides
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_piece() {
        let piece = compose("ocean");
        assert!(piece == compose("ocean"), "the same seed made two pieces");
        assert!(piece != compose("forest"), "two seeds made the same piece");
        assert!(piece.iter().all(|sample| sample.abs() < 1.5), "the piece is far too loud");
    }

    #[test]
    fn the_end_leads_into_the_beginning() {
        let piece = compose("ocean");
        let step = |a: usize, b: usize| (piece[a] - piece[b]).abs();
        let largest = (2..piece.len()).step_by(2).map(|at| step(at, at - 2)).fold(0.0, f32::max);
        assert!(step(0, piece.len() - 2) <= largest, "the piece clicks where it begins again");
    }
}
