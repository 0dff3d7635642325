//! What is in a file, before anything is planned on it.

use std::path::Path;

use serde_json::Value;

use super::error::FilmError;
use super::ffmpeg::probe;
use super::sniff::{self, Format};

/// Options of `scale` for a still's colours.
pub const RGB_TO_BT709: &str = "+accurate_rnd+full_chroma_int:out_color_matrix=bt709:out_range=tv";

/// The matrix by which a picture was turned into luma and chroma, by swscale's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// Standard definition.
    Bt601,
    /// High definition.
    Bt709,
    /// Ultra-high definition.
    Bt2020,
    /// Analogue high definition, before BT.709.
    Smpte240m,
    /// American television of 1953.
    Fcc,
}

/// What is in a clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// From its first frame to the end of its last.
    pub seconds: f64,
    /// As tagged; by size where it is not.
    pub matrix: Matrix,
    /// Whether luma uses all of 0 to 255.
    pub full_range: bool,
    /// Whether what lies behind it is seen in places.
    pub alpha: bool,
    /// Whether it has sound.
    pub sound: bool,
}

impl Matrix {
    /// As `scale` calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bt601 => "bt601",
            Self::Bt709 => "bt709",
            Self::Bt2020 => "bt2020",
            Self::Smpte240m => "smpte240m",
            Self::Fcc => "fcc",
        }
    }

    fn of(stream: &Value) -> Self {
        match stream["color_space"].as_str() {
            Some("bt709") => Self::Bt709,
            Some("smpte170m" | "bt470bg") => Self::Bt601,
            Some("bt2020nc" | "bt2020c") => Self::Bt2020,
            Some("smpte240m") => Self::Smpte240m,
            Some("fcc") => Self::Fcc,
            // Players guess an untagged video by its size.
            _ if stream["width"].as_u64() >= Some(1280) || stream["height"].as_u64() > Some(576) => {
                Self::Bt709
            }
            _ => Self::Bt601,
        }
    }
}

impl Clip {
    /// Options of `scale` that bring its colours to BT.709 in limited range; empty where they are that
    /// already, so that a clip of the frame's size passes untouched.
    #[must_use]
    pub fn colour_options(&self) -> String {
        if self.alpha {
            return RGB_TO_BT709.to_owned();
        }
        if self.matrix == Matrix::Bt709 && !self.full_range {
            return String::new();
        }
        let range = if self.full_range { "pc" } else { "tv" };
        format!(
            "+accurate_rnd+full_chroma_int:in_color_matrix={}:in_range={range}:out_color_matrix=bt709:out_range=tv",
            self.matrix.name()
        )
    }
}

/// What is in this clip of this format; `what` names it in messages.
pub async fn clip(what: &str, format: Format, path: &Path) -> Result<Clip, FilmError> {
    let refuse = |why: String| FilmError::ReadInput { what: what.to_owned(), path: path.to_owned(), why };
    let entries = "stream=index,codec_type,width,height,color_space,color_range,color_transfer,pix_fmt:\
                   packet=stream_index,pts_time,duration_time";
    let found =
        probe(&["-show_entries", entries], format, path).await.map_err(|error| unreadable(error, &refuse))?;
    let streams = found["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(stream) = streams.iter().find(|stream| stream["codec_type"] == "video") else {
        return Err(refuse("it holds no picture".to_owned()));
    };
    if matches!(stream["color_transfer"].as_str(), Some("smpte2084" | "arib-std-b67")) {
        return Err(refuse("its picture is in HDR, which films are not made in".to_owned()));
    }
    let seconds = packets_seconds(&found["packets"], &stream["index"]);
    if seconds <= 0.0 {
        return Err(refuse("its picture has no length".to_owned()));
    }
    let full_range = stream["color_range"] == "pc"
        || stream["pix_fmt"].as_str().is_some_and(|name| name.starts_with("yuvj"));
    let alpha = stream["pix_fmt"].as_str().is_some_and(has_alpha);
    let sound = streams.iter().any(|stream| stream["codec_type"] == "audio");
    Ok(Clip { seconds, matrix: Matrix::of(stream), full_range, alpha, sound })
}

/// Whether pixels of this format, by ffmpeg's name, may let through what lies behind them.
fn has_alpha(name: &str) -> bool {
    let kinds = ["yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya", "pal8"];
    kinds.iter().any(|kind| name.starts_with(kind)) && !name.starts_with("yuvj")
}

/// Makes sure that a file holds a picture.
pub async fn still(what: &str, path: &Path) -> Result<(), FilmError> {
    size(what, path).await.map(drop)
}

/// Width and height of the picture in a file, in pixels.
pub async fn size(what: &str, path: &Path) -> Result<(u32, u32), FilmError> {
    let refuse = |why: String| FilmError::ReadInput { what: what.to_owned(), path: path.to_owned(), why };
    let found = probe(
        &["-select_streams", "v:0", "-show_entries", "stream=width,height"],
        sniff::of(what, path)?,
        path,
    )
    .await
    .map_err(|error| unreadable(error, &refuse))?;
    let side = |name: &str| found["streams"][0][name].as_u64().and_then(|side| u32::try_from(side).ok());
    match (side("width"), side("height")) {
        (Some(width @ 1..), Some(height @ 1..)) => Ok((width, height)),
        _ => Err(refuse("it holds no picture".to_owned())),
    }
}

/// Makes sure that a file holds sound.
pub async fn sound(what: &str, path: &Path) -> Result<(), FilmError> {
    let refuse = |why: String| FilmError::ReadInput { what: what.to_owned(), path: path.to_owned(), why };
    let found =
        probe(&["-select_streams", "a:0", "-show_entries", "stream=channels"], sniff::of(what, path)?, path)
            .await
            .map_err(|error| unreadable(error, &refuse))?;
    let channels = found["streams"][0]["channels"].as_u64().unwrap_or_default();
    if channels == 0 { Err(refuse("it holds no sound".to_owned())) } else { Ok(()) }
}

fn unreadable(error: FilmError, refuse: &impl Fn(String) -> FilmError) -> FilmError {
    match error {
        FilmError::RunFfmpeg { last_words, .. } => refuse(last_words),
        other => other,
    }
}

/// From the first packet shown to the end of the last: containers are wrong about their length.
fn packets_seconds(packets: &Value, stream: &Value) -> f64 {
    let number = |packet: &Value, name: &str| packet[name].as_str().and_then(|text| text.parse::<f64>().ok());
    let packets = packets.as_array().map(Vec::as_slice).unwrap_or_default();
    let (mut first, mut last) = (f64::INFINITY, f64::NEG_INFINITY);
    for packet in packets.iter().filter(|packet| packet["stream_index"] == *stream) {
        if let Some(pts) = number(packet, "pts_time") {
            first = first.min(pts);
            last = last.max(pts + number(packet, "duration_time").unwrap_or_default());
        }
    }
    if last > first { last - first } else { 0.0 }
}
