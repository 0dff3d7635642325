//! How an object is known that was restored from a backup: by whoever restores, and by the operator, which leaves alone
//! what is not all there yet. If they differed, one would restore what the other has begun.

/// Labels by which other tools say that they have made an object from a backup (Velero's).
pub const LABELS_OF_OTHERS: [&str; 2] = ["velero.io/restore-name", "velero.io/backup-name"];

/// Whether anything has come of a `VideoJob`, by its `status.id`: the API server gives a new one a status that says nothing.
#[must_use]
pub fn job_has_begun(id: Option<&str>) -> bool {
    id.is_some_and(|id| !id.is_empty())
}

/// Whether its controller has looked at a `ProviderAccount` or `StoragePolicy`, by its `status.observedGeneration`.
#[must_use]
pub fn is_observed(generation: Option<i64>) -> bool {
    generation.is_some_and(|generation| generation >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_the_api_server_gives_to_a_new_object_says_nothing() {
        assert!(!is_observed(Some(-1)) && !is_observed(None) && is_observed(Some(0)));
        assert!(!job_has_begun(None) && !job_has_begun(Some("")) && job_has_begun(Some("3f9c2a1e")));
    }
}
