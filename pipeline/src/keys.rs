//! The names of everything in the bucket:
//! `<kind>/<namespace>/<name>-<id>/r<run>/…`. What makes an artifact is in its name as a digest,
//! never its place in the film, so that what exists is never made again.
//!
//! [`KeyParts::of`] reads them again, for whoever has only a listing: every key that is made here, and no other. What it
//! does not know is none of ours, and left alone.

mod file;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use videofactory_crds::StepName;
use videofactory_crds::VideoJobStatus;
use videofactory_crds::storagepolicy::ObjectKind;

use crate::digest::Digest;
use file::File;

pub use file::{CaptionFormat, ImageFormat, PublishedFile, SlotPart};

/// The keys of one run of one video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    owner: String,
}

impl Keys {
    /// `id` is `status.id`, which outlives the object's UID through backup and restore.
    #[must_use]
    pub fn new(namespace: &str, name: &str, id: &str, run: i64) -> Self {
        Self { owner: format!("{namespace}/{name}-{id}/r{run}") }
    }

    fn key(&self, file: File<'_>) -> String {
        format!("{}/{}/{file}", folder(file.kind()), self.owner)
    }

    fn read<'a>(&self, kind: ObjectKind, key: &'a str) -> Option<File<'a>> {
        let file = key.strip_prefix(folder(kind))?.strip_prefix('/')?;
        File::read(kind, file.strip_prefix(&self.owner)?.strip_prefix('/')?)
    }

    /// A step's result document for these inputs.
    #[must_use]
    pub fn document(&self, step: StepName, input: &Digest) -> String {
        self.key(File::Document(step, input.as_str()))
    }

    /// The script as its writer returned it, before overrides: the part of write-script that costs.
    #[must_use]
    pub fn script(&self, digest: &Digest) -> String {
        self.key(File::Script(digest.as_str()))
    }

    /// The outcome of one attempt, written before its pod ends.
    #[must_use]
    pub fn outcome(&self, step: StepName, attempt: i32) -> String {
        self.key(File::Outcome(step, attempt))
    }

    /// The prefix of all submission slots of a step, each under the digest of what is asked for.
    #[must_use]
    pub fn slots(&self, step: StepName) -> String {
        format!("work/{}/slots/{step}/", self.owner)
    }

    /// The prefix of the slots of what has this digest.
    #[must_use]
    pub fn slots_of(&self, step: StepName, digest: &Digest) -> String {
        format!("{}{digest}/", self.slots(step))
    }

    /// A submission slot, counted from 1: only who creates it may submit.
    #[must_use]
    pub fn slot(&self, step: StepName, digest: &Digest, number: u32) -> String {
        self.key(File::Slot(step, digest.as_str(), number, SlotPart::Begin))
    }

    /// The service's id of the request of a slot.
    #[must_use]
    pub fn slot_id(&self, step: StepName, digest: &Digest, number: u32) -> String {
        self.key(File::Slot(step, digest.as_str(), number, SlotPart::Id))
    }

    /// How the request of a slot ended.
    #[must_use]
    pub fn slot_end(&self, step: StepName, digest: &Digest, number: u32) -> String {
        self.key(File::Slot(step, digest.as_str(), number, SlotPart::End))
    }

    /// Which slot of a step a key is a part of: the inverse of the three above.
    #[must_use]
    pub fn read_slot(&self, step: StepName, key: &str) -> Option<(Digest, u32, SlotPart)> {
        match self.read(ObjectKind::Work, key)? {
            File::Slot(of, digest, number, part) if of == step => {
                Some((Digest::from_hex(digest)?, number, part))
            }
            _ => None,
        }
    }

    /// What the fencing tokens of all attempts of a step begin with; the attempt's number follows.
    #[must_use]
    pub fn fencing_tokens(&self, step: StepName) -> String {
        format!("work/{}/attempts/{step}-", self.owner)
    }

    /// The fencing token of an attempt: once it is there, earlier attempts submit nothing more.
    #[must_use]
    pub fn fencing_token(&self, step: StepName, attempt: i32) -> String {
        self.key(File::FencingToken(step, attempt))
    }

    /// The attempt of a step whose fencing token this key is.
    #[must_use]
    pub fn read_fencing_token(&self, step: StepName, key: &str) -> Option<i32> {
        match self.read(ObjectKind::Work, key)? {
            File::FencingToken(of, attempt) if of == step => Some(attempt),
            _ => None,
        }
    }

    /// A chunk of an attempt's log: JSON lines.
    #[must_use]
    pub fn log_chunk(&self, step: StepName, attempt: i32, chunk: u32) -> String {
        self.key(File::Log(step, attempt, chunk))
    }

    /// The prefix of an attempt's log chunks.
    #[must_use]
    pub fn logs(&self, step: StepName, attempt: i32) -> String {
        format!("work/{}/logs/{step}-{attempt}/", self.owner)
    }

    /// A scene's picture.
    #[must_use]
    pub fn image(&self, scene: &Digest, format: ImageFormat) -> String {
        self.key(File::Image(scene.as_str(), format))
    }

    /// A scene's voice: WAV.
    #[must_use]
    pub fn voice(&self, scene: &Digest) -> String {
        self.key(File::Voice(scene.as_str()))
    }

    /// When each word of a scene's voice is spoken.
    #[must_use]
    pub fn words(&self, scene: &Digest) -> String {
        self.key(File::Words(scene.as_str()))
    }

    /// The prefix of all narrations as their narrator spoke them.
    #[must_use]
    pub fn narrations(&self) -> String {
        format!("clips/{}/narrations/", self.owner)
    }

    /// A narration of one scene or of several in a row, as its narrator spoke it: the part of narrate-scenes that
    /// costs. WAV.
    #[must_use]
    pub fn narration(&self, digest: &Digest) -> String {
        self.key(File::Narration(digest.as_str()))
    }

    /// Where a narration speaks each of its scenes, and when each word.
    #[must_use]
    pub fn narration_words(&self, digest: &Digest) -> String {
        self.key(File::NarrationWords(digest.as_str()))
    }

    /// Which scenes a narration speaks.
    #[must_use]
    pub fn narration_plan(&self, digest: &Digest) -> String {
        self.key(File::NarrationPlan(digest.as_str()))
    }

    /// A scene's clip.
    #[must_use]
    pub fn clip(&self, scene: &Digest) -> String {
        self.key(File::Clip(scene.as_str()))
    }

    /// The prefix of all scenes' clips.
    #[must_use]
    pub fn clips(&self) -> String {
        format!("clips/{}/clips/", self.owner)
    }

    /// A rendered section of a long film.
    #[must_use]
    pub fn section(&self, section: &Digest) -> String {
        self.key(File::Section(section.as_str()))
    }

    /// The prefix of all rendered sections.
    #[must_use]
    pub fn sections(&self) -> String {
        format!("clips/{}/sections/", self.owner)
    }

    /// Where the finished film is; `input` is what it is made from.
    #[must_use]
    pub fn film(&self, input: &Digest) -> String {
        self.key(File::Film(input.as_str()))
    }

    /// The film's thumbnail.
    #[must_use]
    pub fn thumbnail(&self, input: &Digest) -> String {
        self.key(File::Thumbnail(input.as_str()))
    }

    /// The film's captions.
    #[must_use]
    pub fn captions(&self, input: &Digest, format: CaptionFormat) -> String {
        self.key(File::Captions(input.as_str(), format))
    }

    /// A file of a publication, by target.
    #[must_use]
    pub fn published(&self, target: &str, file: PublishedFile) -> String {
        self.key(File::Published(target, file))
    }

    /// The record of any publication, by target.
    #[must_use]
    pub fn record(&self, target: &str) -> String {
        self.published(target, PublishedFile::Record)
    }
}

/// Whether a file within its run, of the kind `published`, is the record of a publication.
#[must_use]
pub fn is_record(file: &str) -> bool {
    let read = File::read(ObjectKind::Published, file);
    matches!(read, Some(File::Published(_, PublishedFile::Record)))
}

/// All kinds of files.
pub const KINDS: [ObjectKind; 6] = [
    ObjectKind::Work,
    ObjectKind::Clips,
    ObjectKind::Videos,
    ObjectKind::Thumbnails,
    ObjectKind::Captions,
    ObjectKind::Published,
];
/// Most characters of a namespace's name.
const MAX_NAMESPACE: usize = 63;
/// Most characters of a `VideoJob`'s name.
pub const MAX_NAME: usize = 52;
/// Digits of an id.
const ID_DIGITS: usize = 8;

/// The folder of a kind: the first part of its keys.
#[must_use]
pub const fn folder(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Work => "work",
        ObjectKind::Clips => "clips",
        ObjectKind::Videos => "videos",
        ObjectKind::Thumbnails => "thumbnails",
        ObjectKind::Captions => "captions",
        ObjectKind::Published => "published",
    }
}

/// The kind whose folder has this name; none for a folder that is no kind's.
#[must_use]
pub fn kind_of(folder: &str) -> Option<ObjectKind> {
    KINDS.into_iter().find(|kind| self::folder(*kind) == folder)
}

/// The kinds that a job's status names as pruned; the name of a kind of a later version is passed over.
#[must_use]
pub fn pruned_kinds(status: &VideoJobStatus) -> BTreeSet<ObjectKind> {
    let named = status.artifacts.iter().flat_map(|artifacts| &artifacts.pruned);
    named.filter_map(|name| kind_of(name)).collect()
}

/// The prefix of all files of one kind that a job has, whatever its run.
#[must_use]
pub fn of_job(kind: ObjectKind, namespace: &str, name: &str, id: &str) -> String {
    format!("{}/{namespace}/{name}-{id}/", folder(kind))
}

/// The folder of tombstones: one for each film that was deleted when its time to live had passed.
pub const TOMBSTONES: &str = "tombstones/";

/// The tombstone of a finished `VideoJob`: what shows, to a job that is applied again, that its film was made before.
/// `spec` is the digest of what its spec asks for, so that a changed spec is another film. No id: the job that asks has a
/// new one.
#[must_use]
pub fn tombstone(namespace: &str, name: &str, spec: &Digest) -> String {
    format!("{TOMBSTONES}{namespace}/{name}/{spec}.json")
}

/// A key taken apart: the inverse of what [`Keys`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyParts<'a> {
    /// The kind of file.
    pub kind: ObjectKind,
    /// Namespace of the job.
    pub namespace: &'a str,
    /// Name of the job.
    pub name: &'a str,
    /// The job's `status.id`.
    pub id: &'a str,
    /// Number of the run.
    pub run: i64,
    /// What follows: the file within its run.
    pub file: &'a str,
}

impl<'a> KeyParts<'a> {
    /// Takes a key apart; `None` unless it is one that [`Keys`] may have made.
    #[must_use]
    pub fn of(key: &'a str) -> Option<Self> {
        let mut parts = key.splitn(5, '/');
        let (folder, namespace) = (parts.next()?, parts.next()?);
        let (owner, run, file) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = kind_of(folder)?;
        // An id has no dash, a name may have some.
        let (name, id) = owner.rsplit_once('-')?;
        if !is_label(namespace, MAX_NAMESPACE) || !is_label(name, MAX_NAME) || !is_id(id) {
            return None;
        }
        File::read(kind, file)?;
        Some(Self { kind, namespace, name, id, run: run_number(run)?, file })
    }
}

/// Whether it is an id as a `VideoJob` has one: eight hexadecimal digits.
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(is_hex_digit)
}

const fn is_hex_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')
}

/// Reads `r12`, and only as it would be written. Runs are counted from 1.
fn run_number(text: &str) -> Option<i64> {
    file::number(text.strip_prefix('r')?).filter(|run| *run > 0).map(i64::from)
}

/// Whether it is a DNS label: lower-case letters, digits and, inside, dashes.
fn is_label(text: &str, longest: usize) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    bytes.len() <= longest
        && letter(*first)
        && letter(*last)
        && bytes.iter().all(|byte| letter(*byte) || *byte == b'-')
}
