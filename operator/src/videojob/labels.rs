//! The labels by which a step's Jobs and pods are found again.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use videofactory_crds::StepName;
pub use videofactory_crds::labels::{ATTEMPT, INSTANCE, RUN, STEP, STEPS, UID};

/// Whose attempt a Job or pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// UID of the `VideoJob`.
    pub uid: String,
    /// Its name.
    pub job: String,
    pub run: i64,
    pub step: StepName,
    pub attempt: i32,
}

impl Labels {
    /// Reads them back; `None` if one is missing or is not one of ours.
    #[must_use]
    pub fn read(metadata: &ObjectMeta) -> Option<Self> {
        let labels = metadata.labels.as_ref()?;
        let get = |name: &str| labels.get(name).map(String::as_str);
        Some(Self {
            uid: get(UID)?.to_owned(),
            job: get(INSTANCE)?.to_owned(),
            run: get(RUN)?.parse().ok()?,
            step: get(STEP)?.parse().ok()?,
            attempt: get(ATTEMPT)?.parse().ok()?,
        })
    }

    /// The labels as Kubernetes has them, with the recommended ones beside.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        [
            (UID, self.uid.clone()),
            (RUN, self.run.to_string()),
            (STEP, self.step.to_string()),
            (ATTEMPT, self.attempt.to_string()),
            (INSTANCE, self.job.clone()),
            ("app.kubernetes.io/name", "videofactory".to_owned()),
            ("app.kubernetes.io/component", self.step.to_string()),
            ("app.kubernetes.io/managed-by", "videofactory-operator".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_back_as_they_were_written() {
        let labels = Labels {
            uid: "3f9c".into(),
            job: "ocean-facts".into(),
            run: 2,
            step: StepName::AssembleVideo,
            attempt: 3,
        };
        let metadata = ObjectMeta { labels: Some(labels.to_map()), ..ObjectMeta::default() };
        assert_eq!(Labels::read(&metadata), Some(labels));
    }

    #[test]
    fn an_object_of_others_is_not_read() {
        assert_eq!(Labels::read(&ObjectMeta::default()), None);
    }
}
