//! The film's sound before it is brought to its loudness: stems at their places, and music under them
//! that steps back while somebody speaks. Made a second at a time, in any order.

use videofactory_pipeline::timeline::Samples;

use super::loudness::factor;
use super::pcm::{CHANNELS, Pcm};
use crate::error::FilmError;

/// Music loops with a crossfade of this many frames: 1 s.
const LOOP_FADE: u64 = 48_000;
/// Music fades out over its last 2 s.
pub const FADE_OUT: Samples = Samples(96_000);
/// The music steps back in the 0.2 s before speech, and comes back in the 0.5 s after it.
const STEP_BACK: u64 = 9_600;
const COME_BACK: u64 = 24_000;
/// The music's gain changes in steps of a millisecond.
const GAIN_STEP: usize = 48;

/// A sound at a place of the film.
pub struct Stem {
    pub sound: Pcm,
    /// Where it begins.
    pub at: Samples,
    /// Its gain, as a factor.
    pub gain: f32,
    /// How much of it is heard.
    pub length: Samples,
    /// It fades in over this long.
    pub fade_in: Samples,
    /// It fades out over this long.
    pub fade_out: Samples,
}

/// The music.
pub struct Underlay {
    /// The sound; looped.
    pub sound: Pcm,
    /// Its gain where nobody speaks, as a factor.
    pub gain: f32,
    /// How far it steps back under speech, in dB.
    pub duck: f64,
    /// When somebody speaks, ascending: from and to.
    pub speech: Vec<(Samples, Samples)>,
    /// Where in the film it begins.
    pub from: Samples,
    /// It comes in over this long.
    pub fade_in: Samples,
    /// Where in the film it has faded out.
    pub to: Samples,
}

/// Everything that is heard.
pub struct Mix {
    /// Voices, or the clips' own sound.
    pub stems: Vec<Stem>,
    /// Music, if any.
    pub music: Option<Underlay>,
    /// The length of the film.
    pub length: Samples,
}

impl Mix {
    /// Fills `out` (left and right in turn) with the sound from this place on.
    pub fn read(&self, at: u64, out: &mut [f32]) -> Result<(), FilmError> {
        out.fill(0.0);
        let mut scratch = vec![0.0; out.len()];
        let end = at + (out.len() / CHANNELS) as u64;
        for stem in &self.stems {
            if stem.at.0 < end && at < stem.at.0 + stem.length.0 {
                stem.add(at, out, &mut scratch)?;
            }
        }
        if let Some(music) = self.music.as_ref().filter(|music| music.from.0 < end && at < music.to.0) {
            music.add(at, out, &mut scratch)?;
        }
        Ok(())
    }
}

impl Stem {
    fn add(&self, at: u64, out: &mut [f32], scratch: &mut [f32]) -> Result<(), FilmError> {
        let (skip, from) = if at < self.at.0 { (self.at.0 - at, 0) } else { (0, at - self.at.0) };
        let out = &mut out[usize::try_from(skip).unwrap_or(usize::MAX) * CHANNELS..];
        let scratch = &mut scratch[..out.len()];
        self.sound.read(from, scratch)?;
        let frames = out.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(scratch.as_chunks::<CHANNELS>().0);
        for (place, (out, sample)) in (from..self.length.0).zip(frames) {
            let rise = ramp(place, self.fade_in.0);
            let gain = self.gain * rise.min(ramp(self.length.0 - place, self.fade_out.0));
            out[0] += sample[0] * gain;
            out[1] += sample[1] * gain;
        }
        Ok(())
    }
}

impl Underlay {
    fn add(&self, at: u64, out: &mut [f32], scratch: &mut [f32]) -> Result<(), FilmError> {
        let skip = usize::try_from(self.from.0.saturating_sub(at)).unwrap_or(usize::MAX);
        let out = &mut out[skip * CHANNELS..];
        let scratch = &mut scratch[..out.len()];
        let mut place = at.max(self.from.0);
        self.read_looped(place - self.from.0, scratch)?;
        for (out, scratch) in out.chunks_mut(GAIN_STEP * CHANNELS).zip(scratch.chunks(GAIN_STEP * CHANNELS)) {
            let gain = self.gain
                * factor(-self.duck * self.stepped_back(place))
                * ramp(place - self.from.0, self.fade_in.0)
                * ramp(self.to.0.saturating_sub(place), FADE_OUT.0);
            out.iter_mut().zip(scratch).for_each(|(out, sample)| *out += sample * gain);
            place += GAIN_STEP as u64;
        }
        Ok(())
    }

    /// The sound over and over; each round begins while the one before fades.
    fn read_looped(&self, at: u64, out: &mut [f32]) -> Result<(), FilmError> {
        let length = self.sound.length.0;
        let fade = LOOP_FADE.min(length / 4);
        let round = (length - fade).max(1);
        let mut tail = vec![0.0; out.len()];
        let mut done = 0;
        while done < out.len() {
            let here = at + (done / CHANNELS) as u64;
            let place = here % round;
            let left = usize::try_from(round - place).unwrap_or(usize::MAX).saturating_mul(CHANNELS);
            let end = out.len().min(done.saturating_add(left));
            self.sound.read(place, &mut out[done..end])?;
            if here >= round && place < fade {
                self.sound.read(round + place, &mut tail[done..end])?;
                let frames = out[done..end].as_chunks_mut::<CHANNELS>().0.iter_mut();
                for (index, (out, tail)) in
                    (place..fade).zip(frames.zip(tail[done..end].as_chunks::<CHANNELS>().0))
                {
                    let rising = ramp(index, fade);
                    for (out, tail) in out.iter_mut().zip(tail) {
                        *out = *out * rising + tail * (1.0 - rising);
                    }
                }
            }
            done = end;
        }
        Ok(())
    }

    /// How far the music is stepped back at this place, from 0 to 1.
    fn stepped_back(&self, place: u64) -> f64 {
        let next = self.speech.partition_point(|(_, to)| to.0 <= place);
        let share = |distance: u64, over: u64| 1.0 - f64::from(ramp(distance, over));
        let coming =
            self.speech.get(next).map_or(0.0, |(from, _)| share(from.0.saturating_sub(place), STEP_BACK));
        let gone = next.checked_sub(1).map_or(0.0, |last| share(place - self.speech[last].1.0, COME_BACK));
        coming.max(gone)
    }
}

/// From 0 at 0 to 1 at `over`, and 1 after.
#[expect(clippy::cast_precision_loss, reason = "both are at most a few seconds of samples where it matters")]
fn ramp(place: u64, over: u64) -> f32 {
    if place >= over { 1.0 } else { place as f32 / over as f32 }
}
