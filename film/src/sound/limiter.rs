//! A limiter for true peaks: the sound between samples is estimated at four times the rate, and the
//! gain goes down before a peak and comes back slowly after it. No estimated peak passes the ceiling.

#![expect(clippy::cast_precision_loss, reason = "a handful of taps")]

use std::collections::VecDeque;
use std::f64::consts::PI;

use super::pcm::CHANNELS;

/// Taps of the filter that estimates the sound between two samples.
const TAPS: usize = 12;
/// Estimates between one sample and the next.
const PHASES: usize = 3;
/// How long before a peak the gain begins to go down, and samples after which it is back by two thirds:
/// 5 and 80 ms, slow enough that nobody hears it move.
const SMOOTH: (usize, f32) = (240, 3840.0);
/// 1 and 2 ms, back again before the voice's next pulse comes.
const QUICK: (usize, f32) = (48, 96.0);

/// Takes samples and gives them back limited, a little later.
pub struct Limiter {
    ceiling: f32,
    ahead: usize,
    release: f32,
    /// Samples by which what comes out lags behind what goes in.
    delay: usize,
    between: [[f32; TAPS]; PHASES],
    /// Samples that have come and not gone, oldest first.
    held: VecDeque<[f32; CHANNELS]>,
    /// The last [`TAPS`] samples of each channel.
    recent: [[f32; TAPS]; CHANNELS],
    /// Gains asked for, as candidates for the lowest of those looked ahead at: place and gain, ascending.
    lowest: VecDeque<(u64, f32)>,
    /// The gain after release, of as many samples, and their sum.
    released: VecDeque<f32>,
    sum: f64,
    gain: f32,
    place: u64,
    skip: usize,
}

impl Limiter {
    /// With this ceiling, as a factor of full scale.
    #[must_use]
    pub fn new(ceiling: f32) -> Self {
        Self::moving(ceiling, SMOOTH)
    }

    /// One that takes single pulses down and leaves what lies between them.
    #[must_use]
    pub fn quick(ceiling: f32) -> Self {
        Self::moving(ceiling, QUICK)
    }

    fn moving(ceiling: f32, (ahead, release): (usize, f32)) -> Self {
        let delay = TAPS / 2 + ahead - 1;
        Self {
            ceiling,
            ahead,
            release,
            delay,
            between: filters(),
            held: VecDeque::with_capacity(delay + 1),
            recent: [[0.0; TAPS]; CHANNELS],
            lowest: VecDeque::new(),
            released: VecDeque::from(vec![1.0; ahead]),
            sum: ahead as f64,
            gain: 1.0,
            place: 0,
            skip: delay,
        }
    }

    /// Limits samples (left and right in turn), adding those that are ready to `out`.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        for frame in samples.as_chunks::<CHANNELS>().0 {
            let gain = self.gain_after(*frame);
            self.held.push_back(*frame);
            if self.held.len() > self.delay
                && let Some(frame) = self.held.pop_front()
            {
                out.extend(frame.map(|sample| sample * gain));
            }
        }
    }

    /// Adds what is still held to `out`.
    pub fn finish(mut self, out: &mut Vec<f32>) {
        let silence = vec![0.0; self.skip * CHANNELS];
        self.push(&silence, out);
    }

    fn gain_after(&mut self, frame: [f32; CHANNELS]) -> f32 {
        let asked = (self.ceiling / self.peak_after(frame)).min(1.0);
        while self.lowest.back().is_some_and(|(_, gain)| *gain >= asked) {
            self.lowest.pop_back();
        }
        self.lowest.push_back((self.place, asked));
        if self.lowest.front().is_some_and(|(place, _)| place + self.ahead as u64 <= self.place) {
            self.lowest.pop_front();
        }
        self.place += 1;
        let lowest = self.lowest.front().map_or(1.0, |(_, gain)| *gain);
        self.gain = lowest.min(self.gain + (lowest - self.gain) / self.release);
        self.released.push_back(self.gain);
        let oldest = self.released.pop_front().unwrap_or(1.0);
        self.sum += f64::from(self.gain) - f64::from(oldest);
        #[expect(clippy::cast_possible_truncation, reason = "a gain from 0 to 1")]
        let smooth = (self.sum / self.ahead as f64) as f32;
        smooth
    }

    /// The highest peak between the two samples in the middle of the recent ones, and at the first.
    fn peak_after(&mut self, frame: [f32; CHANNELS]) -> f32 {
        let mut peak: f32 = 1e-9;
        for (recent, sample) in self.recent.iter_mut().zip(frame) {
            recent.copy_within(1.., 0);
            recent[TAPS - 1] = sample;
            let loudest = recent.iter().fold(0f32, |loudest, sample| loudest.max(sample.abs()));
            peak = peak.max(recent[TAPS / 2 - 1].abs());
            // The taps' absolute values sum to less than 2.5: nothing between can be higher.
            if loudest * 2.5 > self.ceiling {
                for filter in &self.between {
                    let between: f32 = filter.iter().zip(&*recent).map(|(tap, sample)| tap * sample).sum();
                    peak = peak.max(between.abs());
                }
            }
        }
        peak
    }
}

/// A windowed sinc for each place between two samples.
fn filters() -> [[f32; TAPS]; PHASES] {
    let mut filters = [[0.0; TAPS]; PHASES];
    let middle = TAPS as f64 / 2.0 - 1.0;
    for (phase, filter) in filters.iter_mut().enumerate() {
        let offset = (phase + 1) as f64 / (PHASES + 1) as f64;
        let taps: Vec<f64> = (0..TAPS)
            .map(|tap| {
                let x = tap as f64 - middle - offset;
                let window = (PI * x / TAPS as f64).cos().powi(2);
                (PI * x).sin() / (PI * x) * window
            })
            .collect();
        let sum: f64 = taps.iter().sum();
        #[expect(clippy::cast_possible_truncation, reason = "filter taps are f32 as samples are")]
        filter.iter_mut().zip(taps).for_each(|(slot, tap)| *slot = (tap / sum) as f32);
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::super::loudness::Meter;
    use super::*;

    fn limited(samples: &[f32], ceiling: f32) -> Vec<f32> {
        let mut limiter = Limiter::new(ceiling);
        let mut out = Vec::new();
        for block in samples.chunks(777 * CHANNELS) {
            limiter.push(block, &mut out);
        }
        limiter.finish(&mut out);
        out
    }

    #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
    fn tone(frequency: f64, amplitude: f64, frames: u32) -> Vec<f32> {
        let sample =
            |n: u32| (amplitude * (2.0 * PI * frequency * f64::from(n) / 48_000.0 + 0.7).sin()) as f32;
        (0..frames).flat_map(|n| [sample(n), -sample(n)]).collect()
    }

    #[test]
    fn quiet_sound_passes_as_it_is() {
        let sound = tone(440.0, 0.5, 20_000);
        assert_eq!(limited(&sound, 0.8), sound);
    }

    #[test]
    fn no_true_peak_passes_the_ceiling() {
        // A quarter of the sample rate, off phase: the peaks lie between samples.
        for frequency in [100.0, 997.0, 11_999.0, 15_000.0] {
            let mut meter = Meter::new().unwrap();
            meter.take(&limited(&tone(frequency, 2.0, 96_000), 0.794));
            let peak = meter.read().unwrap().true_peak;
            assert!((-4.0..=-1.6).contains(&peak), "{frequency} Hz peaks at {peak:.2} dBTP");
        }
    }
}
