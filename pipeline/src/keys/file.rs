//! What stands in a key after its run: every file that is made, written and read in one place, so that nothing is read
//! that could not have been written.

use std::fmt;

use videofactory_crds::StepName;
use videofactory_crds::storagepolicy::ObjectKind;

use crate::digest::Digest;

/// Most characters of a publish target's name.
const MAX_TARGET: usize = 32;
/// Most parts of what stands in a key after its run.
const MAX_PARTS: usize = 4;

/// How a picture is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// `image/png`.
    Png,
    /// `image/jpeg`.
    Jpeg,
}

impl ImageFormat {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Png, Self::Jpeg];

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
        }
    }
}

/// How captions are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptionFormat {
    /// `SubRip`.
    Srt,
    /// `WebVTT`.
    Vtt,
}

impl CaptionFormat {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Srt, Self::Vtt];

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Srt => "application/x-subrip",
            Self::Vtt => "text/vtt",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Srt => "srt",
            Self::Vtt => "vtt",
        }
    }
}

/// A file of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedFile {
    /// The film, where the bucket itself is the target.
    Film,
    /// The still image that stands for the film.
    Thumbnail,
    /// What is said, as a file of its own.
    Captions(CaptionFormat),
    /// Title, description and tags.
    Metadata,
    /// That it was published, and where.
    Record,
    /// The film's id on the site.
    Video,
    /// An upload session, counted from 1.
    Session(u32),
    /// That an upload session has ended, and why.
    SessionEnd(u32),
}

impl PublishedFile {
    /// How its key ends.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Film => "film.mp4".to_owned(),
            Self::Thumbnail => "thumbnail.jpg".to_owned(),
            Self::Captions(format) => format!("captions.{}", format.extension()),
            Self::Metadata => "metadata.json".to_owned(),
            Self::Record => "record.json".to_owned(),
            Self::Video => "video.json".to_owned(),
            Self::Session(number) => format!("session-{number}.json"),
            Self::SessionEnd(number) => format!("session-{number}.gone.json"),
        }
    }

    fn read(name: &str) -> Option<Self> {
        Some(match name {
            "film.mp4" => Self::Film,
            "thumbnail.jpg" => Self::Thumbnail,
            "metadata.json" => Self::Metadata,
            "record.json" => Self::Record,
            "video.json" => Self::Video,
            _ => {
                if let Some(extension) = name.strip_prefix("captions.") {
                    return Some(Self::Captions(caption_format(extension)?));
                }
                let session = name.strip_prefix("session-")?.strip_suffix(".json")?;
                match session.strip_suffix(".gone") {
                    Some(session) => Self::SessionEnd(number(session)?),
                    None => Self::Session(number(session)?),
                }
            }
        })
    }
}

/// What a file says of a submission slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotPart {
    /// That it was begun.
    Begin,
    /// The service's id of its request.
    Id,
    /// How its request ended.
    End,
}

impl SlotPart {
    const fn ending(self) -> &'static str {
        match self {
            Self::Begin => ".json",
            Self::Id => ".id.json",
            Self::End => ".end.json",
        }
    }
}

/// A file within its run. Digests are 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File<'a> {
    Document(StepName, &'a str),
    Script(&'a str),
    Outcome(StepName, i32),
    Slot(StepName, &'a str, u32, SlotPart),
    FencingToken(StepName, i32),
    Log(StepName, i32, u32),
    Image(&'a str, ImageFormat),
    Voice(&'a str),
    Words(&'a str),
    Narration(&'a str),
    NarrationWords(&'a str),
    NarrationPlan(&'a str),
    Clip(&'a str),
    Section(&'a str),
    Film(&'a str),
    Thumbnail(&'a str),
    Captions(&'a str, CaptionFormat),
    Published(&'a str, PublishedFile),
}

impl<'a> File<'a> {
    /// In which folder it lies.
    pub(super) const fn kind(self) -> ObjectKind {
        match self {
            Self::Document(..)
            | Self::Script(_)
            | Self::Outcome(..)
            | Self::Slot(..)
            | Self::FencingToken(..)
            | Self::Log(..) => ObjectKind::Work,
            Self::Image(..)
            | Self::Voice(_)
            | Self::Words(_)
            | Self::Narration(_)
            | Self::NarrationWords(_)
            | Self::NarrationPlan(_)
            | Self::Clip(_)
            | Self::Section(_) => ObjectKind::Clips,
            Self::Film(_) => ObjectKind::Videos,
            Self::Thumbnail(_) => ObjectKind::Thumbnails,
            Self::Captions(..) => ObjectKind::Captions,
            Self::Published(..) => ObjectKind::Published,
        }
    }

    /// Reads what is written, and nothing else.
    pub(super) fn read(kind: ObjectKind, text: &'a str) -> Option<Self> {
        let mut parts = [""; MAX_PARTS];
        let mut count = 0;
        for part in text.split('/') {
            *parts.get_mut(count)? = part;
            count += 1;
        }
        let parts = parts.get(..count)?;
        match kind {
            ObjectKind::Work => Self::read_work(parts),
            ObjectKind::Clips => Self::read_clips(parts),
            ObjectKind::Videos => one(parts).and_then(|name| digest(name, ".mp4")).map(Self::Film),
            ObjectKind::Thumbnails => one(parts).and_then(|name| digest(name, ".jpg")).map(Self::Thumbnail),
            ObjectKind::Captions => {
                let (name, extension) = one(parts)?.split_once('.')?;
                Some(Self::Captions(digest(name, "")?, caption_format(extension)?))
            }
            ObjectKind::Published => {
                let &[target, name] = parts else { return None };
                let target = Some(target).filter(|target| super::is_label(target, MAX_TARGET))?;
                Some(Self::Published(target, PublishedFile::read(name)?))
            }
        }
    }

    fn read_work(parts: &[&'a str]) -> Option<Self> {
        Some(match *parts {
            ["documents", step, name] => Self::Document(step.parse().ok()?, digest(name, ".json")?),
            ["scripts", name] => Self::Script(digest(name, ".json")?),
            ["outcomes", name] => {
                let (step, attempt) = attempt(name.strip_suffix(".json")?)?;
                Self::Outcome(step, attempt)
            }
            ["attempts", name] => {
                let (step, attempt) = attempt(name.strip_suffix(".json")?)?;
                Self::FencingToken(step, attempt)
            }
            ["slots", step, of, name] => {
                let (submission, ending) = name.strip_prefix("submit-")?.split_once('.')?;
                let part = match ending {
                    "json" => SlotPart::Begin,
                    "id.json" => SlotPart::Id,
                    "end.json" => SlotPart::End,
                    _ => return None,
                };
                Self::Slot(step.parse().ok()?, digest(of, "")?, number(submission)?, part)
            }
            ["logs", of, name] => {
                let (step, attempt) = attempt(of)?;
                Self::Log(step, attempt, chunk(name.strip_suffix(".jsonl")?)?)
            }
            _ => return None,
        })
    }

    fn read_clips(parts: &[&'a str]) -> Option<Self> {
        let &[folder, name] = parts else { return None };
        let (of, extension) = name.split_once('.')?;
        let of = digest(of, "")?;
        Some(match (folder, extension) {
            ("images", extension) => {
                let known = |format: &ImageFormat| format.extension() == extension;
                Self::Image(of, ImageFormat::ALL.into_iter().find(known)?)
            }
            ("voices", "wav") => Self::Voice(of),
            ("voices", "json") => Self::Words(of),
            ("narrations", "wav") => Self::Narration(of),
            ("narrations", "words.json") => Self::NarrationWords(of),
            ("narrations", "json") => Self::NarrationPlan(of),
            ("clips", "mp4") => Self::Clip(of),
            ("sections", "mp4") => Self::Section(of),
            _ => return None,
        })
    }
}

impl fmt::Display for File<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Document(step, digest) => write!(f, "documents/{step}/{digest}.json"),
            Self::Script(digest) => write!(f, "scripts/{digest}.json"),
            Self::Outcome(step, attempt) => write!(f, "outcomes/{step}-{attempt}.json"),
            Self::Slot(step, digest, number, part) => {
                write!(f, "slots/{step}/{digest}/submit-{number}{}", part.ending())
            }
            Self::FencingToken(step, attempt) => write!(f, "attempts/{step}-{attempt}.json"),
            Self::Log(step, attempt, chunk) => write!(f, "logs/{step}-{attempt}/{chunk:05}.jsonl"),
            Self::Image(digest, format) => write!(f, "images/{digest}.{}", format.extension()),
            Self::Voice(digest) => write!(f, "voices/{digest}.wav"),
            Self::Words(digest) => write!(f, "voices/{digest}.json"),
            Self::Narration(digest) => write!(f, "narrations/{digest}.wav"),
            Self::NarrationWords(digest) => write!(f, "narrations/{digest}.words.json"),
            Self::NarrationPlan(digest) => write!(f, "narrations/{digest}.json"),
            Self::Clip(digest) => write!(f, "clips/{digest}.mp4"),
            Self::Section(digest) => write!(f, "sections/{digest}.mp4"),
            Self::Film(digest) => write!(f, "{digest}.mp4"),
            Self::Thumbnail(digest) => write!(f, "{digest}.jpg"),
            Self::Captions(digest, format) => write!(f, "{digest}.{}", format.extension()),
            Self::Published(target, file) => write!(f, "{target}/{}", file.name()),
        }
    }
}

fn one<'a>(parts: &[&'a str]) -> Option<&'a str> {
    let &[name] = parts else { return None };
    Some(name)
}

/// The digest in a name with this ending.
fn digest<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    name.strip_suffix(ending).filter(|digits| Digest::is_hex(digits))
}

fn caption_format(extension: &str) -> Option<CaptionFormat> {
    CaptionFormat::ALL.into_iter().find(|format| format.extension() == extension)
}

/// Reads `animate-scenes-3`.
fn attempt(text: &str) -> Option<(StepName, i32)> {
    let (step, attempt) = text.rsplit_once('-')?;
    Some((step.parse().ok()?, i32::try_from(number(attempt)?).ok()?))
}

/// Reads a number, and only as it would be written.
pub(super) fn number(text: &str) -> Option<u32> {
    let plain = text == "0" || !text.starts_with('0');
    let plain = plain && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// Reads a number of at least five digits.
fn chunk(text: &str) -> Option<u32> {
    let chunk: u32 = text.parse().ok()?;
    (format!("{chunk:05}") == text).then_some(chunk)
}
