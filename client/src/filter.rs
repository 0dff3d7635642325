//! Which `VideoJob`s a person means. The API server applies it: labels by selector, phase and channel by their
//! selectable fields.

use kube::api::ListParams;
use serde::{Deserialize, Serialize};
use videofactory_crds::Phase;

/// Which `VideoJob`s; what is absent means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobFilter {
    /// Of this namespace.
    pub namespace: Option<String>,
    /// In this phase.
    pub phase: Option<Phase>,
    /// Of this Channel.
    pub channel: Option<String>,
    /// With these labels, as a selector of Kubernetes, such as `team=films,!draft`.
    pub label: Option<String>,
}

impl JobFilter {
    /// Whether nothing is asked for but all of a namespace, or of the cluster.
    #[must_use]
    pub fn is_broad(&self) -> bool {
        let is_blank = |text: &Option<String>| text.as_ref().is_none_or(|text| text.trim().is_empty());
        // An empty selector takes all.
        self.phase.is_none() && is_blank(&self.channel) && is_blank(&self.label)
    }

    /// The parameters of the list that the API server gives. A job that was never looked at has no phase and is Pending:
    /// those are told apart by [`Self::takes`].
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
        if let Some(label) = &self.label {
            params = params.labels(label);
        }
        params
    }

    /// Whether a job that the list gave is meant.
    #[must_use]
    pub fn takes(&self, phase: Phase) -> bool {
        self.phase.is_none_or(|wanted| wanted == phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_becomes_selectors() {
        let filter = JobFilter {
            phase: Some(Phase::Failed),
            channel: Some("deep-sea".to_owned()),
            label: Some("team=films".to_owned()),
            ..JobFilter::default()
        };
        let params = filter.params();
        assert_eq!(
            params.field_selector.as_deref(),
            Some("status.phase=Failed,spec.channelRef.name=deep-sea")
        );
        assert_eq!(params.label_selector.as_deref(), Some("team=films"));
        assert!(filter.takes(Phase::Failed) && !filter.takes(Phase::Running));
        assert!(JobFilter::default().is_broad() && !filter.is_broad());
    }

    #[test]
    fn an_empty_selector_asks_for_all() {
        for nothing in ["", " "] {
            let nothing = Some(nothing.to_owned());
            assert!(
                JobFilter { label: nothing.clone(), channel: nothing, ..JobFilter::default() }.is_broad()
            );
        }
    }

    #[test]
    fn a_job_without_a_phase_is_pending() {
        let filter = JobFilter { phase: Some(Phase::Pending), ..JobFilter::default() };
        assert_eq!(filter.params().field_selector, None);
        assert!(filter.takes(Phase::default()));
    }
}
