//! What the status of a film says of it. Pure.

use videofactory_crds::{VideoJob, VideoJobStatus};
use videofactory_pipeline::SceneSet;

/// Whether the status speaks of an older spec.
#[must_use]
pub fn is_stale(job: &VideoJob, status: &VideoJobStatus) -> bool {
    let observed = status.observed_generation.unwrap_or(-1);
    observed >= 0 && job.metadata.generation.is_some_and(|generation| generation > observed)
}

/// How many scenes a set such as `0-4,7` has.
#[must_use]
pub fn count_scenes(set: &str) -> u32 {
    set.parse::<SceneSet>().map_or(0, |set| set.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_of_a_set_are_counted() {
        for (set, count) in [("", 0), ("0", 1), ("0-4", 5), ("0-4,7,9-10", 8)] {
            assert_eq!(count_scenes(set), count, "{set}");
        }
    }
}
