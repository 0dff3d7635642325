//! The film's sound, finished before its picture is begun: voices at one level, music under them, the
//! whole brought to its loudness by measuring. Always exactly as long as the timeline says.

pub mod bed;
pub mod heard;
pub mod limiter;
pub mod loudness;
pub mod master;
pub mod mix;
pub mod pcm;
pub mod speech_segments;
mod voice_level;

use std::path::Path;

use videofactory_pipeline::timeline::{Frames, Interval, Samples, Timeline};

use self::loudness::factor;
use self::master::{Aim, Master};
use self::mix::{Mix, Stem, Underlay};
use self::pcm::{Pcm, PcmWriter, Source};
use self::voice_level::{VOICE_LEVEL, gain_to, without_spikes};
use super::error::FilmError;
use super::render::Sources;
use super::render_section::fit_clip;
use super::request::{AudioSource, FilmRequest, Music, Picture, SceneRole};

/// Sound that begins or ends with the film does so within 5 ms: none clicks.
const NO_CLICK: Samples = Samples(240);

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
        voices.speech[place] = speech_segments::segments(&sound)?;
        voices.sounds[place] = Some(sound);
    }
    Ok(voices)
}

/// Mixes the film's sound, exactly as long as it is, and brings it to its loudness, using up the voices.
pub async fn mix_film(
    request: &FilmRequest,
    timeline: &Timeline,
    sources: &Sources,
    voices: &mut Voices,
    dir: &Path,
) -> Result<Master, FilmError> {
    let mut stems = clip_stems(request, timeline, sources, dir).await?;
    stems.extend(voice_stems(timeline, std::mem::take(&mut voices.sounds), dir)?);
    let music = match &request.audio.music {
        Music::None => None,
        Music::Generated { seed } => {
            let mut writer = PcmWriter::create(&dir.join("bed.f32"))?;
            writer.write(&bed::compose(seed))?;
            Some(writer.finish()?)
        }
        Music::File { path } => {
            // A second more than is heard: what ends with the film would begin again in its last second.
            let most = Some(timeline.seconds() + 1.0);
            let source = Source { what: "the music".to_owned(), path, stretch: 1.0, most };
            Pcm::decode(&[source], dir, "music").await?.pop()
        }
    };
    let speech = spoken(timeline, &voices.speech);
    let span = music_span(request, timeline, sources);
    let music = music.map(|sound| underlay(request, timeline, sound, speech, &span)).transpose()?;
    let mix = Mix { stems, music, length: timeline.samples() };
    let aim = Aim { loudness: request.audio.loudness, true_peak: request.audio.true_peak };
    let path = dir.join("sound.f32");
    blocking(move || Master::of(&mix, aim, &path)).await
}

/// A second or two of arithmetic must not hold up who else runs on this thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilmError> + Send + 'static,
) -> Result<T, FilmError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| FilmError::KeepPromise { task: "mix the sound".to_owned(), why: error.to_string() })?
}

fn voice_stems(timeline: &Timeline, sounds: Vec<Option<Pcm>>, dir: &Path) -> Result<Vec<Stem>, FilmError> {
    let mut stems = Vec::new();
    for (scene, (place, sound)) in timeline.scenes.iter().zip(sounds).enumerate() {
        if let Some(sound) = sound {
            let sound = without_spikes(sound, &dir.join(format!("even-{scene}")))?;
            let gain = factor(gain_to(VOICE_LEVEL, &sound)?);
            let (at, length, none) = (place.voice_at, sound.length, Samples(0));
            stems.push(Stem { at, gain, length, fade_in: none, fade_out: none, sound });
        }
    }
    Ok(stems)
}

/// The own sound of an intro and an outro, and of the clips where that is wanted: slowed as their pictures are and
/// crossfaded with them.
async fn clip_stems(
    request: &FilmRequest,
    timeline: &Timeline,
    sources: &Sources,
    dir: &Path,
) -> Result<Vec<Stem>, FilmError> {
    let mut sounds = Vec::new();
    let mut owners = Vec::new();
    let all = request.audio.source == AudioSource::Clips;
    for ((scene, place), clip) in request.scenes.iter().zip(&timeline.scenes).zip(&sources.clips) {
        if let (Picture::Clip { path }, Some(clip)) = (&scene.picture, clip)
            && clip.sound
            && (all || scene.role != SceneRole::Story)
        {
            let (stretch, _) = fit_clip(clip, scene.fit, place.picture, request.format);
            sounds.push(Source {
                what: match scene.role {
                    SceneRole::Story => format!("the sound of scene {}", scene.id),
                    SceneRole::Intro | SceneRole::Outro => format!("the sound of {}", scene.picture_name()),
                },
                path,
                stretch,
                most: None,
            });
            owners.push((scene.role, place));
        }
    }
    let crossfade = timeline.rate.samples(timeline.crossfade);
    let mut stems = Vec::new();
    for ((role, place), sound) in owners.into_iter().zip(Pcm::decode(&sounds, dir, "clip").await?) {
        let sound = match role {
            SceneRole::Story => sound,
            SceneRole::Intro | SceneRole::Outro => {
                without_spikes(sound, &dir.join(format!("even-{role:?}")))?
            }
        };
        // A jingle begins with its first sound, not with a crossfade from nothing.
        let fade_in = if role == SceneRole::Intro { NO_CLICK } else { crossfade };
        let fade_out = if role == SceneRole::Outro { NO_CLICK } else { crossfade };
        let at = timeline.rate.samples(place.start);
        let length = sound.length.min(timeline.rate.samples(place.picture));
        let gain = factor(gain_to(VOICE_LEVEL, &sound)?);
        stems.push(Stem { sound, at, gain, length, fade_in, fade_out });
    }
    Ok(stems)
}

/// Where in a film music is heard.
pub struct MusicSpan {
    /// Where it begins.
    pub from: Frames,
    /// How long it takes to come in.
    pub fade_in: Frames,
    /// Where it has faded out.
    pub to: Frames,
}

/// Where music is heard: an intro or outro that brings sound has none under it. It comes in with the crossfade that ends
/// such an intro.
#[must_use]
pub fn music_span(request: &FilmRequest, timeline: &Timeline, sources: &Sources) -> MusicSpan {
    let sounds = |role: SceneRole| {
        let place = request.scenes.iter().position(|scene| scene.role == role)?;
        sources.clips[place].filter(|clip| clip.sound).map(|_| &timeline.scenes[place])
    };
    let intro = sounds(SceneRole::Intro);
    MusicSpan {
        from: intro.map_or(Frames(0), |intro| intro.start + intro.length),
        fade_in: intro.map_or(Frames(0), |_| timeline.crossfade),
        to: sounds(SceneRole::Outro).map_or(timeline.frames(), |outro| outro.start + timeline.crossfade),
    }
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
    timeline: &Timeline,
    sound: Pcm,
    speech: Vec<(Samples, Samples)>,
    span: &MusicSpan,
) -> Result<Underlay, FilmError> {
    let gain = factor(gain_to(VOICE_LEVEL + request.audio.bed, &sound)?);
    let in_samples = |frames| timeline.rate.samples(frames);
    let (from, fade_in, to) = (in_samples(span.from), in_samples(span.fade_in), in_samples(span.to));
    Ok(Underlay { sound, gain, duck: request.audio.duck, speech, from, fade_in, to })
}
