//! Why a film could not be made: what was tried, on what, and what to do about it.

use std::path::PathBuf;

use videofactory_pipeline::timeline::LayOutError;

/// Why a film could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// The request asks for what cannot be.
    #[error("failed to read the film's settings: {what}; {advice}")]
    ReadSettings {
        /// What is wrong.
        what: String,
        /// What to do.
        advice: String,
    },
    /// The film has no timeline.
    #[error(transparent)]
    LayOut(#[from] LayOutError),
    /// A picture, clip or sound cannot be used.
    #[error("failed to read {what} {path}: {why}; replace the file", path = path.display())]
    ReadInput {
        /// What it is to the film: `the picture of scene s3`.
        what: String,
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// The film is longer than it may be.
    #[error(
        "failed to keep to length.max: the film lasts {seconds} s, length.max is {most} s; shorten narrations or raise \
         length.max"
    )]
    KeepLength {
        /// How long it is, to a tenth.
        seconds: f64,
        /// How long it may be.
        most: f64,
    },
    /// No font has a character.
    #[error(
        "failed to set captions: no installed font has the {script} character {character:?} (U+{code:04X}); \
         install a font for {script}, or set captions.mode to Sidecar"
    )]
    FindFont {
        /// Unicode's name of the script.
        script: String,
        /// The first character without a font.
        character: char,
        /// Its code point.
        code: u32,
    },
    /// No font has some letters of a text.
    #[error(
        "failed to find fonts: none has the {scripts} letters {letters} of {of}; {way_out}, or use a worker image with a \
         font for {scripts} (docs/languages.md lists what this one has)"
    )]
    FindFonts {
        /// Unicode's names of the scripts.
        scripts: String,
        /// Some of the letters.
        letters: String,
        /// Whose they are.
        of: String,
        /// What a person can do, as an imperative.
        way_out: String,
    },
    /// The named font is not installed.
    #[error(
        "failed to set captions: the font {0:?} is not installed; leave captions.style.font empty or install it"
    )]
    FindFontFamily(String),
    /// A program is not there.
    #[error("failed to start {program}: {source}; install ffmpeg 5.1")]
    StartProgram {
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// ffmpeg gave up.
    #[error("failed to {task}: ffmpeg ended with {status}: {last_words}")]
    RunFfmpeg {
        /// What it was to do.
        task: String,
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        last_words: String,
    },
    /// The directory for the film's files does not work.
    #[error("failed to {task} {path}: {source}; see that the directory is writable and has room", path = path.display())]
    UseFile {
        /// What was tried: `write`.
        task: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Something that holds for every film does not hold here.
    #[error("failed to {task}: {why}; this is a fault of the program, please report it")]
    KeepPromise {
        /// What was being done.
        task: String,
        /// What was found.
        why: String,
    },
}

impl FilmError {
    /// For `map_err` on file operations.
    pub(super) fn file(task: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::UseFile { task, path, source }
    }
}
