//! A long film in sections: at most twelve pictures each, cut in mid-scene, so that memory is bounded
//! and an edit renders one section again. Sections tile the film without a gap or an overlap, and all
//! numbers of a section count from its own start: what happens elsewhere leaves it as it was.

use serde::{Deserialize, Serialize};

use super::{Frames, Timeline};

/// One chain of crossfades holds frames of all its pictures: thirty took 881 MiB, six 244 MiB.
pub const MAX_SCENES_A_SECTION: usize = 12;

/// A stretch of the film that is rendered by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// Its first frame in the film.
    pub start: Frames,
    /// How many frames it has.
    pub frames: Frames,
    /// The pictures in it, in order; each but the first opens with the film's crossfade.
    pub parts: Vec<ScenePart>,
}

/// A scene's picture, or the part of it that lies in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScenePart {
    /// Place of the scene in the film, from 0.
    pub scene: usize,
    /// Where it begins, from the start of the section.
    pub at: Frames,
    /// Frames of the scene's picture that lie in the section before.
    pub skip: Frames,
    /// Frames of the scene's picture that lie in this section.
    pub frames: Frames,
}

impl Timeline {
    /// The film in as few sections as hold at most `most` pictures each (at least two), evenly filled.
    #[must_use]
    pub fn sections(&self, most: usize) -> Vec<Section> {
        // The scene at a cut has a part on both sides.
        let joints = self.scenes.len().saturating_sub(1);
        let count = joints.div_ceil(most.max(2) - 1).max(1);
        let cut_scene = |section: usize| section * joints / count;
        let mut sections = Vec::with_capacity(count);
        let mut start = Frames(0);
        for section in 0..count {
            let (first, last) = (cut_scene(section), cut_scene(section + 1));
            let end = if section + 1 == count { self.frames() } else { self.mid_scene(last) };
            sections.push(self.section(first, last, start, end));
            start = end;
        }
        sections
    }

    /// A frame of the scene that lies in no crossfade.
    fn mid_scene(&self, scene: usize) -> Frames {
        let place = &self.scenes[scene];
        place.start + self.crossfade + Frames((place.length - self.crossfade).0 / 2)
    }

    fn section(&self, first: usize, last: usize, start: Frames, end: Frames) -> Section {
        let parts = (first..=last).map(|scene| {
            let place = &self.scenes[scene];
            let from = place.start.max(start);
            let to = (place.start + place.picture).min(end);
            ScenePart { scene, at: from - start, skip: from - place.start, frames: to - from }
        });
        Section { start, frames: end - start, parts: parts.collect() }
    }
}
