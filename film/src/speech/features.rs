//! What a voice sounds like, moment by moment: mel cepstra and how they change, as speech recognisers use them, made
//! equal in mean and spread over the whole speech, so that what is said counts more than who says it.

use realfft::RealFftPlanner;

use super::activity::{Activity, Stretch};

/// Numbers that describe a moment: cepstra, then how each of them changes.
pub(super) const SIZE: usize = 2 * CEPSTRA;
const CEPSTRA: usize = 12;
/// Bands of the mel scale.
const BANDS: usize = 26;
/// The lowest pitch that counts, in Hz.
const LOWEST: f64 = 110.0;
/// The highest, if both sounds reach it.
const HIGHEST: f64 = 5500.0;
/// A woman's or a child's voice resonates higher than a man's by so much, throughout: a reading is heard as if its
/// speaker were of another size.
pub(super) const SIZES: [f64; 3] = [1.0, 0.87, 1.15];
/// The moments of a second.
pub(super) const A_SECOND: u32 = 100;
/// A moment is heard for so long, in seconds.
const HEARD: f64 = 0.025;
/// The moments that a pause counts for at most: narrators pause as they like.
const PAUSE: usize = 8;
/// What is quieter than this part of a band's mean power makes no difference: noise, mostly.
const FLOOR: f64 = 2e-3;

#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Of mean 0 and spread 1 over all moments that are spoken.
    pub sound: [f32; SIZE],
    /// In a pause.
    pub silent: bool,
    /// Its first sample.
    pub at: u64,
}

/// How far two moments are apart: about 1.4 if they have nothing to do with each other.
pub(super) fn distance(one: &Moment, other: &Moment) -> f32 {
    match (one.silent, other.silent) {
        (true, true) => 0.0,
        (true, false) | (false, true) => UNLIKE,
        (false, false) => {
            let mut sums = [0.0f32; 8];
            for (one, other) in one.sound.chunks_exact(8).zip(other.sound.chunks_exact(8)) {
                for place in 0..8 {
                    let far = one[place] - other[place];
                    sums[place] += far * far;
                }
            }
            (sums.iter().sum::<f32>() / SIZE as f32).sqrt()
        }
    }
}

/// Silence and speech are so far apart.
const UNLIKE: f32 = 1.6;

/// The pitch up to which sounds of these rates can be compared.
pub(super) fn highest(rates: [u32; 2]) -> f64 {
    rates.iter().fold(HIGHEST, |least, rate| least.min(f64::from(*rate) * 0.42))
}

/// The moments of a speech: all that are spoken, and a few for each pause between them. `size` scales its pitches.
pub(super) fn of(samples: &[i16], rate: u32, activity: &Activity, highest: f64, size: f64) -> Vec<Moment> {
    let mut ear = Ear::new(rate, LOWEST * size, highest * size);
    let hop = u64::from(rate / A_SECOND).max(1);
    let mut moments: Vec<Moment> = Vec::new();
    let mut bands: Vec<[f64; BANDS]> = Vec::new();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut last: Option<Stretch> = None;
    for stretch in &activity.speech {
        if let Some(last) = last {
            let pause = stretch.from - last.to;
            let count = (pause / hop).clamp(1, PAUSE as u64);
            moments.extend((0..count).map(|part| Moment {
                sound: [0.0; SIZE],
                silent: true,
                at: last.to + pause * part / count,
            }));
        }
        last = Some(*stretch);
        let from = moments.len();
        for at in (stretch.from..stretch.to).step_by(usize::try_from(hop).unwrap_or(1)) {
            moments.push(Moment { sound: [0.0; SIZE], silent: false, at });
            bands.push(ear.bands(samples, at + hop / 2));
        }
        runs.push((from, moments.len()));
    }
    let cepstra = cepstra(&bands);
    let mut next = 0;
    for (from, to) in runs {
        let run = &cepstra[next..next + to - from];
        next += to - from;
        for (moment, sound) in moments[from..to].iter_mut().zip(with_changes(run)) {
            moment.sound = sound;
        }
    }
    even_out(&mut moments);
    moments
}

/// A quarter as many moments, each the mean of four.
pub(super) fn coarse(moments: &[Moment]) -> Vec<Moment> {
    let mean = |four: &[Moment]| {
        let spoken: Vec<&Moment> = four.iter().filter(|moment| !moment.silent).collect();
        let mut sound = [0.0; SIZE];
        for moment in &spoken {
            for (sum, number) in sound.iter_mut().zip(moment.sound) {
                *sum += number / spoken.len() as f32;
            }
        }
        Moment { sound, silent: spoken.len() * 2 < four.len(), at: four[0].at }
    };
    let mut coarse: Vec<Moment> = moments.chunks(COARSE).map(mean).collect();
    even_out(&mut coarse);
    coarse
}

/// How many moments make a coarse one.
pub(super) const COARSE: usize = 4;

/// Hears the power of each band.
struct Ear {
    transform: std::sync::Arc<dyn realfft::RealToComplex<f64>>,
    window: Vec<f64>,
    /// Of each band the first bin and the bins' weights.
    filters: Vec<(usize, Vec<f64>)>,
    input: Vec<f64>,
    output: Vec<realfft::num_complex::Complex<f64>>,
}

impl Ear {
    fn new(rate: u32, lowest: f64, highest: f64) -> Self {
        let length = ((f64::from(rate) * HEARD) as usize).max(2);
        let transform = RealFftPlanner::new().plan_fft_forward(length.next_power_of_two());
        let turn = |at: usize| std::f64::consts::TAU * at as f64 / (length - 1) as f64;
        let (input, output) = (transform.make_input_vec(), transform.make_output_vec());
        Self {
            window: (0..length).map(|at| 0.54 - 0.46 * turn(at).cos()).collect(),
            filters: filters(rate, input.len(), lowest, highest),
            transform,
            input,
            output,
        }
    }

    /// Around a sample.
    fn bands(&mut self, samples: &[i16], middle: u64) -> [f64; BANDS] {
        let from = middle.cast_signed() - (self.window.len() / 2) as i64;
        let sample = |at: i64| {
            let place = usize::try_from(from + at).ok();
            place.and_then(|place| samples.get(place)).map_or(0.0, |sample| f64::from(*sample) / 32_768.0)
        };
        self.input.fill(0.0);
        for (at, weight) in self.window.iter().enumerate() {
            // Speech falls off towards high pitches; this evens it.
            self.input[at] = weight * (sample(at as i64) - 0.97 * sample(at as i64 - 1));
        }
        let mut bands = [0.0; BANDS];
        // It fails only for buffers of another length.
        if self.transform.process(&mut self.input, &mut self.output).is_ok() {
            for (band, (first, weights)) in bands.iter_mut().zip(&self.filters) {
                let bins = &self.output[*first..];
                *band = bins.iter().zip(weights).map(|(bin, weight)| bin.norm_sqr() * weight).sum();
            }
        }
        bands
    }
}

/// Triangles that are equally wide on the mel scale.
fn filters(rate: u32, size: usize, lowest: f64, highest: f64) -> Vec<(usize, Vec<f64>)> {
    let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
    let hertz = |mel: f64| 700.0 * ((mel / 1127.0).exp() - 1.0);
    let (low, high) = (mel(lowest), mel(highest));
    let edge = |place: usize| hertz(low + (high - low) * place as f64 / (BANDS + 1) as f64);
    let bin = f64::from(rate) / size as f64;
    (0..BANDS)
        .map(|band| {
            let (from, peak, to) = (edge(band), edge(band + 1), edge(band + 2));
            let first = (from / bin).ceil() as usize;
            let last = ((to / bin).floor() as usize).min(size / 2);
            let weight = |at: usize| {
                let at = at as f64 * bin;
                ((at - from) / (peak - from)).min((to - at) / (to - peak)).max(0.0)
            };
            (first, (first..=last).map(weight).collect())
        })
        .collect()
}

/// The cosine transform of the bands' logarithms.
fn cepstra(bands: &[[f64; BANDS]]) -> Vec<[f32; CEPSTRA]> {
    let mut floor = [1e-12; BANDS];
    for band in bands {
        for (floor, power) in floor.iter_mut().zip(band) {
            *floor += FLOOR * power / bands.len() as f64;
        }
    }
    let step = std::f64::consts::PI / BANDS as f64;
    let wave = |order: usize, band: usize| (order as f64 * (band as f64 + 0.5) * step).cos();
    let waves: Vec<Vec<f64>> =
        (0..CEPSTRA).map(|order| (0..BANDS).map(|band| wave(order, band)).collect()).collect();
    bands
        .iter()
        .map(|powers| {
            let logarithms: Vec<f64> =
                powers.iter().zip(floor).map(|(power, floor)| (power + floor).ln()).collect();
            let mut cepstra = [0.0; CEPSTRA];
            for (number, wave) in cepstra.iter_mut().zip(&waves) {
                *number = logarithms.iter().zip(wave).map(|(one, other)| one * other).sum::<f64>() as f32;
            }
            cepstra
        })
        .collect()
}

/// Each moment's cepstra and their slope over the two moments to either side.
fn with_changes(run: &[[f32; CEPSTRA]]) -> impl Iterator<Item = [f32; SIZE]> + '_ {
    let at = |place: isize| &run[place.clamp(0, run.len().cast_signed() - 1).cast_unsigned()];
    (0..run.len().cast_signed()).map(move |place| {
        let mut all = [0.0; SIZE];
        for number in 0..CEPSTRA {
            let slope = |reach: isize| at(place + reach)[number] - at(place - reach)[number];
            all[number] = at(place)[number];
            all[CEPSTRA + number] = slope(1) + 2.0 * slope(2);
        }
        all
    })
}

/// Makes the mean 0 and the spread 1 over what is spoken.
fn even_out(moments: &mut [Moment]) {
    let spoken = moments.iter().filter(|moment| !moment.silent).count().max(1) as f64;
    for number in 0..SIZE {
        let all =
            || moments.iter().filter(|moment| !moment.silent).map(|moment| f64::from(moment.sound[number]));
        let mean = all().sum::<f64>() / spoken;
        let spread = (all().map(|value| (value - mean).powi(2)).sum::<f64>() / spoken).sqrt().max(1e-6);
        for moment in moments.iter_mut().filter(|moment| !moment.silent) {
            moment.sound[number] = ((f64::from(moment.sound[number]) - mean) / spread) as f32;
        }
    }
}
