//! The names of everything in the bucket:
//! `<kind>/<namespace>/<name>-<id>/r<run>/…`. What makes an artifact is in its name as a digest,
//! never its place in the film, so that what exists is never made again.
//!
//! [`KeyParts::of`] reads them again, for whoever has only a listing. What it does not know is none of ours.

use std::collections::BTreeSet;

use videofactory_crds::StepName;
use videofactory_crds::VideoJobStatus;
use videofactory_crds::storagepolicy::ObjectKind;

use crate::digest::Digest;

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

    /// A step's result document for these inputs.
    #[must_use]
    pub fn document(&self, step: StepName, input: &Digest) -> String {
        format!("work/{}/documents/{step}/{input}.json", self.owner)
    }

    /// The script as its writer returned it, before overrides: the part of write-script that costs.
    #[must_use]
    pub fn script(&self, digest: &Digest) -> String {
        format!("work/{}/scripts/{digest}.json", self.owner)
    }

    /// The outcome of one attempt, written before its pod ends.
    #[must_use]
    pub fn outcome(&self, step: StepName, attempt: i32) -> String {
        format!("work/{}/outcomes/{step}-{attempt}.json", self.owner)
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
        format!("{}submit-{number}.json", self.slots_of(step, digest))
    }

    /// The service's id of the request of a slot.
    #[must_use]
    pub fn slot_id(&self, step: StepName, digest: &Digest, number: u32) -> String {
        format!("{}submit-{number}.id.json", self.slots_of(step, digest))
    }

    /// How the request of a slot ended.
    #[must_use]
    pub fn slot_end(&self, step: StepName, digest: &Digest, number: u32) -> String {
        format!("{}submit-{number}.end.json", self.slots_of(step, digest))
    }

    /// What the fences of all attempts of a step begin with; the attempt's number follows.
    #[must_use]
    pub fn fences(&self, step: StepName) -> String {
        format!("work/{}/attempts/{step}-", self.owner)
    }

    /// The fence of an attempt: once it is there, earlier attempts submit nothing more.
    #[must_use]
    pub fn fence(&self, step: StepName, attempt: i32) -> String {
        format!("{}{attempt}.json", self.fences(step))
    }

    /// A chunk of an attempt's log: JSON lines.
    #[must_use]
    pub fn log_chunk(&self, step: StepName, attempt: i32, chunk: u32) -> String {
        format!("{}{chunk:05}.jsonl", self.logs(step, attempt))
    }

    /// The prefix of an attempt's log chunks.
    #[must_use]
    pub fn logs(&self, step: StepName, attempt: i32) -> String {
        format!("work/{}/logs/{step}-{attempt}/", self.owner)
    }

    /// A scene's picture. `extension` without a dot, as everywhere here.
    #[must_use]
    pub fn image(&self, scene: &Digest, extension: &str) -> String {
        format!("clips/{}/images/{scene}.{extension}", self.owner)
    }

    /// A scene's voice: WAV.
    #[must_use]
    pub fn voice(&self, scene: &Digest) -> String {
        format!("clips/{}/voices/{scene}.wav", self.owner)
    }

    /// When each word of a scene's voice is spoken.
    #[must_use]
    pub fn words(&self, scene: &Digest) -> String {
        format!("clips/{}/voices/{scene}.json", self.owner)
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
        format!("{}{digest}.wav", self.narrations())
    }

    /// Where a narration speaks each of its scenes, and when each word.
    #[must_use]
    pub fn narration_words(&self, digest: &Digest) -> String {
        format!("{}{digest}.words.json", self.narrations())
    }

    /// Which scenes a narration speaks.
    #[must_use]
    pub fn narration_plan(&self, digest: &Digest) -> String {
        format!("{}{digest}.json", self.narrations())
    }

    /// A scene's clip.
    #[must_use]
    pub fn clip(&self, scene: &Digest) -> String {
        format!("clips/{}/clips/{scene}.mp4", self.owner)
    }

    /// A rendered section of a long film.
    #[must_use]
    pub fn section(&self, section: &str) -> String {
        format!("{}{section}.mp4", self.sections())
    }

    /// The prefix of all rendered sections.
    #[must_use]
    pub fn sections(&self) -> String {
        format!("clips/{}/sections/", self.owner)
    }

    /// The film.
    #[must_use]
    pub fn film(&self, input: &Digest) -> String {
        format!("videos/{}/{input}.mp4", self.owner)
    }

    /// The film's thumbnail.
    #[must_use]
    pub fn thumbnail(&self, input: &Digest) -> String {
        format!("thumbnails/{}/{input}.jpg", self.owner)
    }

    /// The film's captions, `srt` or `vtt`.
    #[must_use]
    pub fn captions(&self, input: &Digest, extension: &str) -> String {
        format!("captions/{}/{input}.{extension}", self.owner)
    }

    /// A file of a publication to the bucket itself, by target.
    #[must_use]
    pub fn published(&self, target: &str, file: &str) -> String {
        format!("published/{}/{target}/{file}", self.owner)
    }

    /// The record of any publication, by target.
    #[must_use]
    pub fn record(&self, target: &str) -> String {
        self.published(target, RECORD)
    }
}

/// Name of the record of a publication.
const RECORD: &str = "record.json";

/// Whether a file within its run, of the kind `published`, is the record of a publication.
#[must_use]
pub fn is_record(file: &str) -> bool {
    file.rsplit('/').next() == Some(RECORD)
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
const LONGEST_NAMESPACE: usize = 63;
/// Most characters of a `VideoJob`'s name.
const LONGEST_NAME: usize = 52;
/// Most characters of an id; those that we choose have eight.
const LONGEST_ID: usize = 36;

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

/// The tombstone of a finished `VideoJob`: what tells a job that is applied again that its film was made before. `spec` is
/// the digest of what its spec asks for, so that a changed spec is another film. No id: the job that asks has a new one.
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
        let id_fits = (1..=LONGEST_ID).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !is_label(namespace, LONGEST_NAMESPACE) || !is_label(name, LONGEST_NAME) || !id_fits {
            return None;
        }
        let file_fits = file.split('/').all(|segment| !segment.is_empty());
        Some(Self { kind, namespace, name, id, run: run_number(run)?, file }).filter(|_| file_fits)
    }
}

/// Reads `r12`, and only as it would be written.
fn run_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('r')?;
    let canonical = digits == "0" || !digits.starts_with('0');
    let plain = canonical && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kinds_of_files_are_folders_and_all_are_named_as_the_api_names_them() {
        for kind in KINDS {
            assert_eq!(serde_json::to_value(kind).unwrap(), folder(kind));
            assert_eq!(kind_of(folder(kind)), Some(kind));
        }
        assert_eq!((kind_of("assets"), kind_of("")), (None, None));
        assert_eq!(of_job(ObjectKind::Clips, "films", "ocean", "3f9c"), "clips/films/ocean-3f9c/");
    }

    #[test]
    fn names_follow_the_grammar() {
        let keys = Keys::new("films", "ocean", "3f9c2a1e", 2);
        let digest = Digest::of_bytes(b"x");
        let all = [
            keys.document(StepName::WriteScript, &digest),
            keys.outcome(StepName::AssembleVideo, 3),
            keys.log_chunk(StepName::AssembleVideo, 3, 7),
            keys.image(&digest, "png"),
            keys.clip(&digest),
            keys.film(&digest),
            keys.published("main", "film.mp4"),
            keys.slot(StepName::AnimateScenes, &digest, 1),
            keys.fence(StepName::AnimateScenes, 12),
            keys.narration(&digest),
            keys.narration_words(&digest),
        ];
        for key in &all {
            let parts: Vec<&str> = key.split('/').collect();
            assert!(["work", "clips", "videos", "published"].contains(&parts[0]), "{key}");
            assert_eq!(&parts[1..4], ["films", "ocean-3f9c2a1e", "r2"], "{key}");
        }
        assert_eq!(all[2], "work/films/ocean-3f9c2a1e/r2/logs/assemble-video-3/00007.jsonl");
        assert_eq!(
            all[7],
            format!("work/films/ocean-3f9c2a1e/r2/slots/animate-scenes/{digest}/submit-1.json")
        );
        assert_eq!(all[8], "work/films/ocean-3f9c2a1e/r2/attempts/animate-scenes-12.json");
    }

    #[test]
    fn every_key_that_is_made_can_be_read_again() {
        let digest = Digest::of_bytes(b"x");
        for (namespace, name, id, run) in
            [("films", "ocean", "3f9c2a1e", 2), ("a", "a-b-c", "0", 0), ("n-1", "9", "abc", 12)]
        {
            let keys = Keys::new(namespace, name, id, run);
            let all = [
                (ObjectKind::Work, keys.script(&digest)),
                (ObjectKind::Work, keys.slot_end(StepName::WriteScript, &digest, 3)),
                (ObjectKind::Clips, keys.section("0-3")),
                (ObjectKind::Videos, keys.film(&digest)),
                (ObjectKind::Thumbnails, keys.thumbnail(&digest)),
                (ObjectKind::Captions, keys.captions(&digest, "vtt")),
                (ObjectKind::Published, keys.record("main")),
            ];
            for (kind, key) in &all {
                let parts = KeyParts::of(key).unwrap();
                assert_eq!(
                    (parts.kind, parts.namespace, parts.name, parts.id, parts.run),
                    (*kind, namespace, name, id, run),
                    "{key}"
                );
                let again = format!("{}/{namespace}/{name}-{id}/r{run}/{}", folder(*kind), parts.file);
                assert_eq!(&again, key);
            }
        }
    }

    #[test]
    fn a_tombstone_lies_apart_from_all_files_of_jobs() {
        let key = tombstone("films", "ocean", &Digest::of_bytes(b"x"));
        assert_eq!(key, format!("tombstones/films/ocean/{}.json", Digest::of_bytes(b"x")));
        assert_eq!((KeyParts::of(&key), kind_of("tombstones")), (None, None));
    }

    #[test]
    fn what_is_not_exactly_in_the_grammar_is_none_of_ours() {
        for key in [
            "",
            "videos",
            "videos/films/ocean-3f9c/r1",
            "videos/films/ocean-3f9c/r1/",
            "videos/films/ocean-3f9c/r1//a",
            "videos/films/ocean-3f9c/r1/a//b",
            "videos/films/ocean-3f9c/r1/a/",
            "videos/films/ocean-3f9c/1/a.mp4",
            "videos/films/ocean-3f9c/r01/a.mp4",
            "videos/films/ocean-3f9c/r+1/a.mp4",
            "videos/films/ocean-3f9c/r-1/a.mp4",
            "videos/films/ocean-3f9c/r99999999999999999999/a.mp4",
            "videos/films/ocean/r1/a.mp4",
            "videos/films/-3f9c/r1/a.mp4",
            "videos/films/ocean-/r1/a.mp4",
            "videos/films/ocean-3F9C/r1/a.mp4",
            "videos/films/Ocean-3f9c/r1/a.mp4",
            "videos//ocean-3f9c/r1/a.mp4",
            "videos/fi_lms/ocean-3f9c/r1/a.mp4",
            "Videos/films/ocean-3f9c/r1/a.mp4",
            "backups/default/20261126T030000Z.json",
            "tombstones/films/ocean-3f9c2a1e/r1/0123456789abcdef0123456789abcdef.json",
            "assets/logo-3f9c/r1/a/b/c",
            "/videos/films/ocean-3f9c/r1/a.mp4",
        ] {
            assert_eq!(KeyParts::of(key), None, "{key}");
        }
    }
}
