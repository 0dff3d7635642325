//! Which `VideoJob`s a person means. Pure.

use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::{Selector, SelectorExt};
use videofactory_crds::{Phase, VideoJob};

use crate::job_action::phase;

/// Which `VideoJob`s; what is absent means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    pub namespace: Option<String>,
    pub phase: Option<Phase>,
    pub channel: Option<String>,
    /// With these labels.
    pub labels: Selector,
}

impl JobFilter {
    /// Whether nothing is asked for but all of a namespace, or of the cluster.
    #[must_use]
    pub fn is_broad(&self) -> bool {
        self.phase.is_none() && self.channel.is_none() && self.labels.selects_all()
    }

    /// The parameters of the list that the API server gives: labels by selector, phase and channel by their selectable
    /// fields. A job that was never looked at has no phase and is Pending, so that the list may hold more than is meant:
    /// [`Self::matches`] decides.
    #[must_use]
    pub fn params(&self) -> ListParams {
        let mut fields = Vec::new();
        if let Some(phase) = self.phase.filter(|phase| *phase != Phase::Pending) {
            fields.push(format!("status.phase={phase}"));
        }
        if let Some(channel) = &self.channel {
            fields.push(format!("spec.channelRef.name={channel}"));
        }
        let mut params = ListParams::default();
        if !fields.is_empty() {
            params = params.fields(&fields.join(","));
        }
        if !self.labels.selects_all() {
            params = params.labels_from(&self.labels);
        }
        params
    }

    /// Whether a job is meant.
    #[must_use]
    pub fn matches(&self, job: &VideoJob) -> bool {
        let channel = || job.spec.channel_ref.as_ref().map(|channel| channel.name.as_str());
        self.matches_namespace(job.metadata.namespace.as_deref().unwrap_or_default())
            && self.phase.is_none_or(|wanted| phase(job) == wanted)
            && self.channel.as_deref().is_none_or(|wanted| channel() == Some(wanted))
            && (self.labels.selects_all() || self.labels.matches(job.labels()))
    }

    /// Whether jobs of this namespace may be meant.
    #[must_use]
    pub fn matches_namespace(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| wanted == namespace)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::selector;

    fn job(status: &Value) -> VideoJob {
        serde_json::from_value(json!({
            "metadata": {"name": "ocean", "namespace": "films", "labels": {"team": "films"}},
            "spec": {"topic": "the ocean", "channelRef": {"name": "deep-sea"}}, "status": status,
        }))
        .unwrap()
    }

    /// What is asked for by each of its four parts.
    fn filter() -> JobFilter {
        JobFilter {
            namespace: Some("films".to_owned()),
            phase: Some(Phase::Failed),
            channel: Some("deep-sea".to_owned()),
            labels: selector::read("team=films,!draft").unwrap(),
        }
    }

    #[test]
    fn what_is_asked_for_becomes_selectors() {
        let params = filter().params();
        assert_eq!(
            params.field_selector.as_deref(),
            Some("status.phase=Failed,spec.channelRef.name=deep-sea")
        );
        assert_eq!(params.label_selector.as_deref(), Some("team=films,!draft"));
        assert!(JobFilter::default().is_broad() && !filter().is_broad());
    }

    #[test]
    fn a_job_is_meant_if_each_part_of_the_filter_matches() {
        let failed = job(&json!({"phase": "Failed"}));
        assert!(filter().matches(&failed) && JobFilter::default().matches(&failed));
        for other in [
            JobFilter { namespace: Some("demo".to_owned()), ..filter() },
            JobFilter { phase: Some(Phase::Running), ..filter() },
            JobFilter { channel: Some("peaks".to_owned()), ..filter() },
            JobFilter { labels: selector::read("draft").unwrap(), ..filter() },
        ] {
            assert!(!other.matches(&failed), "{other:?}");
        }
    }

    #[test]
    fn a_job_without_a_phase_is_pending() {
        let filter = JobFilter { phase: Some(Phase::Pending), ..JobFilter::default() };
        assert_eq!(filter.params().field_selector, None);
        assert!(filter.matches(&job(&Value::Null)) && !filter.matches(&job(&json!({"phase": "Running"}))));
    }
}
