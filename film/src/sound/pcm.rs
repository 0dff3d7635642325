//! Sound as 48 kHz stereo 32-bit float samples in a file: read in pieces, never whole, so that the
//! length of a film does not show in memory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use videofactory_pipeline::timeline::{SAMPLE_RATE, Samples};

use crate::error::FilmError;
use crate::ffmpeg::Ffmpeg;
use crate::probe;
use crate::sniff::{self, Format, Kind};

/// Left and right.
pub const CHANNELS: usize = 2;
/// A second.
pub const BLOCK: usize = SAMPLE_RATE as usize;
const BYTES_A_SAMPLE: u64 = 8;
/// Files that one ffmpeg decodes: each costs it a thread and a few MiB.
const DECODED_AT_ONCE: usize = 16;

/// A file of samples.
#[derive(Debug)]
pub struct Pcm {
    file: File,
    path: PathBuf,
    /// How long it is.
    pub length: Samples,
}

/// A sound to be decoded.
pub struct Source<'a> {
    /// What it is to the film, for messages.
    pub what: String,
    /// Any sound or video file.
    pub path: &'a Path,
    /// Plays this many times as long, at the same pitch; 1 leaves it.
    pub stretch: f64,
    /// No more than this is decoded, in seconds; `None` = all.
    pub most: Option<f64>,
}

impl Source<'_> {
    fn format(&self) -> Result<Format, FilmError> {
        let format = sniff::of(&self.what, self.path)?;
        if format.kind == Kind::Picture {
            let (what, path, why) = (self.what.clone(), self.path.to_owned(), "it holds no sound".to_owned());
            return Err(FilmError::ReadInput { what, path, why });
        }
        Ok(format)
    }
}

impl Pcm {
    /// Opens a file of samples.
    pub fn open(path: &Path) -> Result<Self, FilmError> {
        let file = File::open(path).map_err(FilmError::file("read", path))?;
        let bytes = file.metadata().map_err(FilmError::file("read", path))?.len();
        Ok(Self { file, path: path.to_owned(), length: Samples(bytes / BYTES_A_SAMPLE) })
    }

    /// Decodes sounds into `dir`, as `<name>-<place>.f32`, in their order.
    pub async fn decode(sources: &[Source<'_>], dir: &Path, name: &str) -> Result<Vec<Self>, FilmError> {
        let out = |place: usize| dir.join(format!("{name}-{place}.f32"));
        for (batch, sources) in sources.chunks(DECODED_AT_ONCE).enumerate() {
            let names: Vec<&str> = sources.iter().map(|source| source.what.as_str()).collect();
            let mut ffmpeg = Ffmpeg::new(format!("decode {}", names.join(", ")), dir);
            for source in sources {
                ffmpeg = ffmpeg.input(&["-threads", "1"], source.format()?, source.path);
            }
            for (place, source) in sources.iter().enumerate() {
                let map = format!("{place}:a:0");
                ffmpeg = ffmpeg.args(["-map", &map, "-ar", "48000", "-ac", "2", "-f", "f32le"]);
                if source.stretch > 1.0 {
                    ffmpeg = ffmpeg.args(["-af", &format!("atempo={:.6}", 1.0 / source.stretch)]);
                }
                if let Some(most) = source.most {
                    ffmpeg = ffmpeg.args(["-t", &format!("{most:.3}")]);
                }
                ffmpeg = ffmpeg.args([out(batch * DECODED_AT_ONCE + place)]);
            }
            if let Err(error) = ffmpeg.run().await {
                return Err(culprit(sources).await.unwrap_or(error));
            }
        }
        (0..sources.len()).map(|place| Self::open(&out(place))).collect()
    }

    /// Fills `samples` (left and right in turn) from this place on, with silence past the end.
    pub fn read(&self, at: u64, samples: &mut [f32]) -> Result<(), FilmError> {
        samples.fill(0.0);
        let there = self.length.0.saturating_sub(at).saturating_mul(CHANNELS as u64);
        let wanted = samples.len().min(usize::try_from(there).unwrap_or(usize::MAX));
        let mut bytes = vec![0; wanted * size_of::<f32>()];
        self.file
            .read_exact_at(&mut bytes, at * BYTES_A_SAMPLE)
            .map_err(FilmError::file("read", &self.path))?;
        for (sample, bytes) in samples.iter_mut().zip(bytes.as_chunks().0) {
            *sample = f32::from_le_bytes(*bytes);
        }
        Ok(())
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Calls `take` with the whole sound, a second at a time.
    pub fn each_block(&self, mut take: impl FnMut(&[f32])) -> Result<(), FilmError> {
        let mut block = vec![0.0; BLOCK * CHANNELS];
        let mut at = 0;
        while at < self.length.0 {
            let here = usize::try_from(self.length.0 - at).unwrap_or(BLOCK).min(BLOCK);
            self.read(at, &mut block[..here * CHANNELS])?;
            take(&block[..here * CHANNELS]);
            at += here as u64;
        }
        Ok(())
    }
}

/// The sound that cannot be read, if that is why nothing was decoded.
async fn culprit(sources: &[Source<'_>]) -> Option<FilmError> {
    for source in sources {
        if let Err(error) = probe::sound(&source.what, source.path).await {
            return Some(error);
        }
    }
    None
}

/// Writes samples to a file.
pub struct PcmWriter {
    file: BufWriter<File>,
    path: PathBuf,
}

impl PcmWriter {
    /// Begins the file again.
    pub fn create(path: &Path) -> Result<Self, FilmError> {
        let file = File::create(path).map_err(FilmError::file("write", path))?;
        Ok(Self { file: BufWriter::new(file), path: path.to_owned() })
    }

    /// Adds samples, left and right in turn.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), FilmError> {
        for sample in samples {
            self.file.write_all(&sample.to_le_bytes()).map_err(FilmError::file("write", &self.path))?;
        }
        Ok(())
    }

    /// The file, ready to be read.
    pub fn finish(mut self) -> Result<Pcm, FilmError> {
        self.file.flush().map_err(FilmError::file("write", &self.path))?;
        Pcm::open(&self.path)
    }
}
