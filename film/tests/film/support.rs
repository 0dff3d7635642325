//! Makes small sources, makes films of them, and measures what came out by means of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use videofactory_film::request::{
    Audio, Captions, CheckName, CheckOutcome, Checks, ClipFit, Film, FilmRequest, Format, Music, Picture,
    Scene, SceneRole, Thumbnail, Transition, Voice, WordLevel,
};
use videofactory_film::{FilmError, assemble};
use videofactory_pipeline::timeline::{FrameRate, Motion};

/// A directory with sources, and the film made of them.
pub struct Set {
    pub dir: TempDir,
}

/// A film at 90x160 and 30 frames a second, without captions and music.
pub fn request(scenes: Vec<Scene>) -> FilmRequest {
    FilmRequest {
        format: Format { width: 90, height: 160, fps: FrameRate::new(30).unwrap() },
        language: "en".to_owned(),
        scenes,
        watermark: None,
        captions: Captions { mode: videofactory_film::request::CaptionMode::None, ..Captions::default() },
        audio: Audio { music: Music::None, ..Audio::default() },
        transition: Transition::default(),
        thumbnail: Thumbnail::default(),
        checks: Checks::default(),
        section_cache: None,
        most_seconds: 0.0,
    }
}

pub fn scene(id: &str, picture: Picture) -> Scene {
    Scene {
        id: id.to_owned(),
        role: SceneRole::Story,
        picture,
        fit: ClipFit::Slow,
        voice: None,
        caption: String::new(),
        min_seconds: 0.0,
    }
}

pub fn clip(path: PathBuf) -> Picture {
    Picture::Clip { path }
}

pub fn still(path: PathBuf, motion: Motion) -> Picture {
    Picture::Still { path, motion }
}

#[expect(clippy::unnecessary_wraps, reason = "as a scene has it")]
pub fn voice(path: PathBuf) -> Option<Voice> {
    Some(Voice { path, words: Vec::new(), level: WordLevel::Estimated })
}

impl Set {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs ffmpeg in the directory; the last argument is a file name, whose path comes back.
    pub fn make(&self, args: &[&str]) -> PathBuf {
        let out = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y"])
            .args(args)
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        succeeded(&out);
        self.path(args.last().unwrap())
    }

    /// A still full of detail, 1.2 times the small frame and more; `n` chooses its colours.
    pub fn detail(&self, n: u32) -> PathBuf {
        let filter = format!("hue=h={}", n * 40);
        let name = format!("detail-{n}.png");
        self.make(&["-f", "lavfi", "-i", "testsrc2=s=216x384", "-vf", &filter, "-frames:v", "1", &name])
    }

    /// A sound from an expression of `t`, in mono at 22,050 Hz, as voices are.
    pub fn sound(&self, name: &str, expression: &str, seconds: f64) -> PathBuf {
        let source = format!("aevalsrc='{expression}':s=22050:d={seconds}");
        self.make(&["-f", "lavfi", "-i", &source, name])
    }

    /// Sound like speech: noise in syllables between these times.
    pub fn babble(&self, name: &str, from: f64, to: f64, seconds: f64) -> PathBuf {
        let loud = "0.3*sin(2*PI*180*t)*(0.6+0.4*sin(2*PI*4*t))+0.1*sin(2*PI*900*t)";
        self.sound(name, &format!("if(between(t,{from},{to}),{loud},0)"), seconds)
    }

    /// Speech by one of flite's voices, so many times as loud, and how long it lasts in seconds.
    pub fn speech(&self, name: &str, voice: &str, text: &str, gain: f64) -> (PathBuf, f64) {
        let plain = format!("plain-{name}");
        let mut flite = Command::new("flite");
        flite.args(["-voice", voice, "-t", text, "-o", &plain]).current_dir(self.dir.path());
        succeeded(&flite.output().unwrap());
        let path = self.make(&["-i", &plain, "-af", &format!("volume={gain}"), name]);
        let duration = facts(&path, &["-show_entries", "format=duration"]).remove(0);
        (path, duration.trim_start_matches("duration=").parse().unwrap())
    }

    pub async fn film(&self, request: &FilmRequest) -> Film {
        self.try_film(request).await.unwrap()
    }

    pub async fn try_film(&self, request: &FilmRequest) -> Result<Film, FilmError> {
        let out = self.path("out");
        std::fs::create_dir_all(&out).unwrap();
        assemble(request, &out, |_| (), |_| ()).await
    }
}

/// Fails with everything that a check said against the film.
pub fn assert_passed(film: &Film) {
    let faults: Vec<String> = film
        .checks
        .iter()
        .filter(|check| check.outcome != CheckOutcome::Passed)
        .map(|check| format!("{:?}: {}", check.name, check.message))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(film.checks.iter().any(|check| check.name == CheckName::File));
}

fn succeeded(out: &Output) {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// What ffmpeg writes to its output for this film.
pub fn decode(film: &Path, args: &[&str]) -> Vec<u8> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(film)
        .args(args)
        .arg("pipe:1")
        .output()
        .unwrap();
    succeeded(&out);
    out.stdout
}

/// Each frame as RGB, converted as a player does, at its size.
pub fn rgb_frames(film: &Film, format: Format) -> Vec<Vec<u8>> {
    let size = (format.width * format.height * 3) as usize;
    let filter = "scale=in_color_matrix=bt709:in_range=tv:flags=accurate_rnd+full_chroma_int,format=rgb24";
    decode(&film.path, &["-vf", filter, "-vsync", "passthrough", "-f", "rawvideo"])
        .chunks_exact(size)
        .map(<[u8]>::to_vec)
        .collect()
}

/// Each frame as grey, at its size.
pub fn grey_frames(film: &Film, format: Format) -> Vec<Vec<u8>> {
    let size = (format.width * format.height) as usize;
    decode(&film.path, &["-vf", "format=gray", "-vsync", "passthrough", "-f", "rawvideo"])
        .chunks_exact(size)
        .map(<[u8]>::to_vec)
        .collect()
}

/// The mean of each frame.
pub fn brightness(frames: &[Vec<u8>]) -> Vec<f64> {
    let mean =
        |frame: &Vec<u8>| frame.iter().map(|value| f64::from(*value)).sum::<f64>() / frame.len() as f64;
    frames.iter().map(mean).collect()
}

/// The mean difference of each frame from the one before.
pub fn changes(frames: &[Vec<u8>]) -> Vec<f64> {
    let change = |pair: &[Vec<u8>]| {
        let sum: u64 = pair[0].iter().zip(&pair[1]).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / pair[0].len() as f64
    };
    frames.windows(2).map(change).collect()
}

/// The sound of a film: the left channel at 48 kHz.
pub fn samples(film: &Film) -> Vec<f32> {
    let bytes = decode(&film.path, &["-ac", "1", "-ar", "48000", "-f", "f32le"]);
    bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// The mean level between two times, in dBFS.
pub fn level(samples: &[f32], from: f64, to: f64) -> f64 {
    let part = &samples[(from * 48_000.0) as usize..(to * 48_000.0) as usize];
    10.0 * (part.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / part.len() as f64)
        .max(1e-12)
        .log10()
}

/// The film's sound above a frequency.
pub fn above(film: &Film, frequency: u32) -> Vec<f32> {
    let filter = format!("highpass=f={frequency}:p=2,highpass=f={frequency}:p=2");
    let bytes = decode(&film.path, &["-af", &filter, "-ac", "1", "-ar", "48000", "-f", "f32le"]);
    bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// The beginnings of sound, in seconds: samples above the limit after a tenth of a second without.
pub fn onsets(samples: &[f32], limit: f32) -> Vec<f64> {
    let mut onsets = Vec::new();
    let mut quiet = 4800;
    for (place, sample) in samples.iter().enumerate() {
        if sample.abs() > limit {
            if quiet >= 4800 {
                onsets.push(place as f64 / 48_000.0);
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    onsets
}

/// The first frame of each bright stretch, in seconds.
pub fn flashes(brightness: &[f64], rate: f64) -> Vec<f64> {
    let bright = |at: usize| brightness[at] > 200.0;
    (1..brightness.len()).filter(|at| bright(*at) && !bright(at - 1)).map(|at| at as f64 / rate).collect()
}

/// What ffprobe says, one `key=value` a line.
pub fn facts(film: &Path, args: &[&str]) -> Vec<String> {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-of", "default=nk=0:nw=1"])
        .args(args)
        .arg(film)
        .output()
        .unwrap();
    succeeded(&out);
    String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect()
}

/// Integrated loudness and true peak as ffmpeg measures them.
pub fn loudness(film: &Film) -> (f64, f64) {
    measured(film, "ebur128=peak=true")
}

/// Integrated loudness between two times.
pub fn loudness_between(film: &Film, from: f64, to: f64) -> f64 {
    measured(film, &format!("atrim={from:.3}:{to:.3},ebur128=peak=true")).0
}

fn measured(film: &Film, filter: &str) -> (f64, f64) {
    let out = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-nostdin", "-i"])
        .arg(&film.path)
        .args(["-vn", "-af", filter, "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    let value = |name: &str| {
        let line = text.lines().rev().find(|line| line.trim().starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (value("I:"), value("Peak:"))
}
