//! The mix brought to its loudness: by a gain before the limiter that is corrected until the limiter's
//! output is as loud as asked for, and once more by what is heard of it in the film's file, after the
//! encoder has changed it.
//!
//! What a limiter takes from the peaks is missing in the loudness, and the more it takes the less a
//! decibel of gain brings, so that one correction falls short for voices with high peaks.

use std::path::{Path, PathBuf};

use super::blocking;
use super::limiter::Limiter;
use super::loudness::{Loudness, MAX_GAIN, Meter, factor};
use super::mix::Mix;
use super::pcm::{BLOCK, CHANNELS, Pcm, PcmWriter};
use crate::error::FilmError;

/// Room that AAC usually needs above the limiter's ceiling, in dB.
const CODEC_ROOM: f64 = 1.0;
/// Where it needed more, it is given this much beyond what was missing, in dB.
const SPARE_ROOM: f64 = 0.2;
/// What counts as hit before encoding and after it, in LU.
const TOLERANCE: f64 = 0.1;
const HEARD_TOLERANCE: f64 = 0.25;
/// Gains that are tried, and encodings.
const GAINS: usize = 8;
const ENCODINGS: usize = 3;
/// The limiter is not driven further than this, in dB: what is not loud enough then never will be, and
/// would only sound worse.
const MAX_DRIVE: f64 = 14.0;
/// What a decibel of gain brings at least, for reckoning, in LU.
const MIN_SLOPE: f64 = 0.2;

/// What the film's sound is to be.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    /// LUFS.
    pub loudness: f64,
    /// The most, in dBTP.
    pub true_peak: f64,
}

/// A film's sound at its loudness, and what it was made from.
pub struct Master {
    raw: PathBuf,
    /// Loudness of the mix as it is; none for silence, which stays as it is.
    natural: Option<f64>,
    aim: Aim,
    /// Before the limiter, in dB.
    gain: f64,
    /// What the encoder takes from the loudness, in LU.
    lost: f64,
    /// The limiter's ceiling below the aim, in dB.
    room: f64,
    /// What the limiter's output lacks, because no gain brings it, in LU.
    short: f64,
    encodings: usize,
    path: PathBuf,
    pub sound: Pcm,
}

impl Master {
    /// Mixes into `path`, and beside it. Silence stays silence.
    pub fn of(mix: &Mix, aim: Aim, path: &Path) -> Result<Self, FilmError> {
        let raw = path.with_extension("raw.f32");
        let measured = write_mix(mix, &raw)?.integrated;
        let natural = (measured >= -70.0).then_some(measured);
        let gain = natural.map_or(0.0, |natural| (aim.loudness - natural).min(MAX_GAIN));
        let sound = Pcm::open(&raw)?;
        let mut master = Self {
            raw,
            natural,
            aim,
            gain,
            lost: 0.0,
            room: CODEC_ROOM,
            short: 0.0,
            encodings: 0,
            path: path.to_owned(),
            sound,
        };
        master.drive()?;
        Ok(master)
    }

    /// The sound corrected by what is heard of it as encoded, and whether that is to be encoded again: where the
    /// encoder has made it something else than is asked for.
    pub async fn corrected(mut self, heard: Loudness) -> Result<(Self, bool), FilmError> {
        self.encodings += 1;
        if self.encodings == ENCODINGS || !self.learn(heard) {
            return Ok((self, false));
        }
        blocking(move || {
            self.drive()?;
            Ok((self, true))
        })
        .await
    }

    /// Takes over what the encoder did; whether that asks for a correction.
    fn learn(&mut self, heard: Loudness) -> bool {
        if self.natural.is_none() || !heard.integrated.is_finite() {
            return false;
        }
        let missed = self.aim.loudness - heard.integrated - self.short;
        let over = heard.true_peak - self.aim.true_peak;
        if over > 0.0 {
            self.room += over + SPARE_ROOM;
        }
        if missed.abs() > HEARD_TOLERANCE {
            self.lost += missed;
        }
        over > 0.0 || missed.abs() > HEARD_TOLERANCE
    }

    /// Looks for the gain at which the limiter's output has its loudness.
    fn drive(&mut self) -> Result<(), FilmError> {
        let Some(natural) = self.natural else { return Ok(()) };
        let ceiling = factor(self.aim.true_peak - self.room);
        let target = self.aim.loudness + self.lost;
        let most = (target - natural + MAX_DRIVE).min(MAX_GAIN);
        let raw = Pcm::open(&self.raw)?;
        let mut before: Option<(f64, f64)> = None;
        for _ in 0..GAINS {
            let (sound, reached) = limit(&raw, self.gain, ceiling, &self.path)?;
            self.sound = sound;
            let missed = target - reached;
            self.short = if missed > TOLERANCE { missed } else { 0.0 };
            if missed.abs() <= TOLERANCE {
                break;
            }
            let slope = before.map_or(1.0, |(gain, loudness)| (reached - loudness) / (self.gain - gain));
            before = Some((self.gain, reached));
            let next = (self.gain + missed / slope.clamp(MIN_SLOPE, 1.0)).min(most);
            if (next - self.gain).abs() < TOLERANCE / 2.0 {
                break;
            }
            self.gain = next;
        }
        Ok(())
    }
}

fn write_mix(mix: &Mix, path: &Path) -> Result<Loudness, FilmError> {
    let mut meter = Meter::new()?;
    let mut writer = PcmWriter::create(path)?;
    let mut block = vec![0.0; BLOCK * CHANNELS];
    let mut at = 0;
    while at < mix.length.0 {
        let here = usize::try_from(mix.length.0 - at).unwrap_or(BLOCK).min(BLOCK);
        let block = &mut block[..here * CHANNELS];
        mix.read(at, block)?;
        meter.take(block);
        writer.write(block)?;
        at += here as u64;
    }
    writer.finish()?;
    meter.read()
}

/// The limiter's output at this gain, and its loudness.
fn limit(raw: &Pcm, gain: f64, ceiling: f32, path: &Path) -> Result<(Pcm, f64), FilmError> {
    let gain = factor(gain);
    let mut limiter = Limiter::new(ceiling);
    let mut meter = Meter::new()?;
    let mut writer = PcmWriter::create(path)?;
    let mut out = Vec::with_capacity(BLOCK * CHANNELS);
    let mut written = Ok(());
    raw.each_block(|samples| {
        let raised: Vec<f32> = samples.iter().map(|sample| sample * gain).collect();
        out.clear();
        limiter.push(&raised, &mut out);
        meter.take(&out);
        if written.is_ok() {
            written = writer.write(&out);
        }
    })?;
    written?;
    out.clear();
    limiter.finish(&mut out);
    meter.take(&out);
    writer.write(&out)?;
    Ok((writer.finish()?, meter.read()?.integrated))
}
