//! The film's sound, finished before its picture is begun: voices at one level, music under them, the
//! whole brought to its loudness by measuring. Always exactly as long as the timeline says.

pub mod bed;
pub mod limiter;
pub mod loudness;
pub mod mix;
pub mod pcm;
pub mod speech;

use std::path::Path;

use videofactory_pipeline::timeline::{Interval, Samples, Timeline};

use self::limiter::Limiter;
use self::loudness::{Loudness, Meter, factor, measure};
use self::mix::{Mix, Stem, Underlay};
use self::pcm::{BLOCK, CHANNELS, Pcm, PcmWriter, Source};
use super::error::FilmError;
use super::picture::fit_clip;
use super::render::Sources;
use super::request::{AudioSource, FilmRequest, Music, Picture};

/// Every voice is brought to this loudness before it is mixed, in LUFS.
pub const VOICE_LEVEL: f64 = -18.0;
/// Room that AAC needs above the limiter's ceiling, in dB.
const CODEC_ROOM: f64 = 1.0;
/// Hiss is not raised to music.
const MOST_GAIN: f64 = 40.0;
/// What counts as hit, in LU.
const TOLERANCE: f64 = 0.1;

/// The voices, decoded and looked at.
pub struct Voices {
    /// For each scene.
    sounds: Vec<Option<Pcm>>,
    /// For each scene, where in its voice somebody speaks, in seconds.
    pub speech: Vec<Vec<Interval>>,
}

impl Voices {
    /// How long a scene's voice lasts; `None` without one.
    #[must_use]
    pub fn length(&self, scene: usize) -> Option<Samples> {
        self.sounds[scene].as_ref().map(|sound| sound.length)
    }
}

/// Decodes every scene's voice. Where the clips' own sound is wanted there are none.
pub async fn voices(request: &FilmRequest, dir: &Path) -> Result<Voices, FilmError> {
    let mut sources = Vec::new();
    let mut owners = Vec::new();
    for (place, scene) in request.scenes.iter().enumerate() {
        if let (Some(voice), AudioSource::Narration) = (&scene.voice, request.audio.source) {
            let what = format!("the voice of scene {}", scene.id);
            sources.push(Source { what, path: &voice.path, stretch: 1.0, most: None });
            owners.push(place);
        }
    }
    let decoded = Pcm::decode(&sources, dir, "voice").await?;
    let mut voices = Voices { sounds: Vec::new(), speech: vec![Vec::new(); request.scenes.len()] };
    voices.sounds.resize_with(request.scenes.len(), || None);
    for (place, sound) in owners.into_iter().zip(decoded) {
        voices.speech[place] = speech::segments(&sound)?;
        voices.sounds[place] = Some(sound);
    }
    Ok(voices)
}

/// Mixes the film's sound to a file of exactly its length, using up the voices.
pub async fn mix_film(
    request: &FilmRequest,
    timeline: &Timeline,
    sources: &Sources,
    voices: &mut Voices,
    dir: &Path,
) -> Result<Pcm, FilmError> {
    let stems = match request.audio.source {
        AudioSource::Narration => voice_stems(timeline, std::mem::take(&mut voices.sounds))?,
        AudioSource::Clips => clip_stems(request, timeline, sources, dir).await?,
    };
    let music = match &request.audio.music {
        Music::None => None,
        Music::Generated { seed } => {
            let mut writer = PcmWriter::create(&dir.join("bed.f32"))?;
            writer.write(&bed::compose(seed))?;
            Some(writer.finish()?)
        }
        Music::File { path } => {
            // A second more than is heard: what ends with the film would begin anew in its last second.
            let most = Some(timeline.seconds() + 1.0);
            let source = Source { what: "the music".to_owned(), path, stretch: 1.0, most };
            Pcm::decode(&[source], dir, "music").await?.pop()
        }
    };
    let speech = spoken(timeline, &voices.speech);
    let music = music.map(|sound| underlay(request, sound, speech)).transpose()?;
    let mix = Mix { stems, music, length: timeline.samples() };
    let (loudness, true_peak, path) =
        (request.audio.loudness, request.audio.true_peak, dir.join("sound.f32"));
    // A second or two of arithmetic must not hold up who else runs on this thread.
    let mixed = tokio::task::spawn_blocking(move || master(&mix, loudness, true_peak, &path)).await;
    mixed.map_err(|error| FilmError::KeepPromise {
        task: "mix the sound".to_owned(),
        why: error.to_string(),
    })?
}

fn voice_stems(timeline: &Timeline, sounds: Vec<Option<Pcm>>) -> Result<Vec<Stem>, FilmError> {
    let mut stems = Vec::new();
    for (place, sound) in timeline.scenes.iter().zip(sounds) {
        if let Some(sound) = sound {
            let gain = factor(gain_to(VOICE_LEVEL, &sound)?);
            stems.push(Stem { at: place.voice_at, gain, length: sound.length, fade: Samples(0), sound });
        }
    }
    Ok(stems)
}

/// The clips' own sound, slowed as their pictures are and crossfaded with them.
async fn clip_stems(
    request: &FilmRequest,
    timeline: &Timeline,
    sources: &Sources,
    dir: &Path,
) -> Result<Vec<Stem>, FilmError> {
    let mut sounds = Vec::new();
    let mut places = Vec::new();
    for ((scene, place), clip) in request.scenes.iter().zip(&timeline.scenes).zip(&sources.clips) {
        if let (Picture::Clip { path }, Some(clip)) = (&scene.picture, clip)
            && clip.sound
        {
            let (stretch, _) = fit_clip(clip, scene.fit, place.picture, request.format);
            sounds.push(Source {
                what: format!("the sound of scene {}", scene.id),
                path,
                stretch,
                most: None,
            });
            places.push(place);
        }
    }
    let fade = timeline.rate.samples(timeline.crossfade);
    let mut stems = Vec::new();
    for (place, sound) in places.into_iter().zip(Pcm::decode(&sounds, dir, "clip").await?) {
        let length = sound.length.min(timeline.rate.samples(place.picture));
        let gain = factor(gain_to(VOICE_LEVEL, &sound)?);
        stems.push(Stem { at: timeline.rate.samples(place.start), gain, length, fade, sound });
    }
    Ok(stems)
}

/// When somebody speaks, in the film, ascending.
fn spoken(timeline: &Timeline, speech: &[Vec<Interval>]) -> Vec<(Samples, Samples)> {
    let of_scene = |(place, speech): (&videofactory_pipeline::timeline::ScenePlace, &Vec<Interval>)| {
        let from = place.voice_at;
        speech
            .iter()
            .map(|stretch| (from + Samples::nearest(stretch.start), from + Samples::nearest(stretch.end)))
            .collect::<Vec<_>>()
    };
    timeline.scenes.iter().zip(speech).flat_map(of_scene).collect()
}

fn underlay(
    request: &FilmRequest,
    sound: Pcm,
    speech: Vec<(Samples, Samples)>,
) -> Result<Underlay, FilmError> {
    let gain = factor(gain_to(VOICE_LEVEL + request.audio.bed, &sound)?);
    Ok(Underlay { sound, gain, duck: request.audio.duck, speech })
}

/// The gain that brings a sound to a loudness, in dB. Sound too short to have a loudness is taken by
/// its level; silence stays silence.
fn gain_to(target: f64, sound: &Pcm) -> Result<f64, FilmError> {
    let mut integrated = measure(sound)?.integrated;
    if !integrated.is_finite() {
        let mut loudest = f64::NEG_INFINITY;
        sound.each_block(|samples| loudest = loudest.max(speech::level(samples)))?;
        integrated = loudest;
    }
    Ok(if integrated < -70.0 { 0.0 } else { (target - integrated).min(MOST_GAIN) })
}

/// Mixes into `path` (samples as [`Pcm`] has them) at this loudness (LUFS) and true peak (dBTP).
/// Silence stays silence.
fn master(mix: &Mix, loudness: f64, true_peak: f64, path: &Path) -> Result<Pcm, FilmError> {
    let raw = path.with_extension("raw.f32");
    let measured = write_mix(mix, &raw)?;
    let raw = Pcm::open(&raw)?;
    if !measured.integrated.is_finite() || measured.integrated < -70.0 {
        return Ok(raw);
    }
    let ceiling = factor(true_peak - CODEC_ROOM);
    let gain = (loudness - measured.integrated).min(MOST_GAIN);
    let (sound, reached) = limit(&raw, gain, ceiling, path)?;
    let missed = loudness - reached.integrated;
    if missed.abs() <= TOLERANCE {
        return Ok(sound);
    }
    limit(&raw, gain + missed, ceiling, path).map(|(sound, _)| sound)
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

fn limit(raw: &Pcm, gain: f64, ceiling: f32, path: &Path) -> Result<(Pcm, Loudness), FilmError> {
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
    Ok((writer.finish()?, meter.read()?))
}
