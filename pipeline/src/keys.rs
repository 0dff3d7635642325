//! The names of everything in the bucket:
//! `<kind>/<namespace>/<name>-<id>/r<run>/…`. What makes an artifact is in its name as a digest,
//! never its place in the film, so that what exists is never made again.

use videofactory_crds::StepName;

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

    /// A file of a publication to the bucket itself, and the record of any publication
    /// (`record.json`), by target.
    #[must_use]
    pub fn published(&self, target: &str, file: &str) -> String {
        format!("published/{}/{target}/{file}", self.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
