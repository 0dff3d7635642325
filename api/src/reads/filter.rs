//! Which jobs a caller means. Pure.

use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};
use videofactory_client::job_action::phase;
use videofactory_crds::{Phase, VideoJob};

use super::selector;
use super::summary::ended_at;
use crate::problem::Problem;
use crate::query::{LONGEST_SELECTOR, check_length, check_name};

/// What must be so of a job; what is absent means any.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its phase.
    pub phase: Option<Phase>,
    /// The Channel that it names.
    pub channel: Option<String>,
    /// Its labels.
    pub labels: Selector,
    /// It ended after this time.
    pub ended_after: Option<Timestamp>,
}

impl Filter {
    /// A filter of what stands in a query; fails with the parameter that makes no sense. `label`: a selector.
    pub fn read(
        namespace: Option<&str>,
        phase: Option<Phase>,
        channel: Option<&str>,
        label: Option<&str>,
    ) -> Result<Self, Problem> {
        check_name("namespace", namespace)?;
        check_name("channel", channel)?;
        check_length("label", label, LONGEST_SELECTOR)?;
        let labels = selector::read(label.unwrap_or_default())
            .map_err(|error| Problem::bad_request(error.to_string()))?;
        let [namespace, channel] = [namespace, channel].map(|name| name.map(str::to_owned));
        Ok(Self { namespace, phase, channel, labels, ended_after: None })
    }

    /// Whether a job is meant.
    #[must_use]
    pub fn takes(&self, job: &VideoJob) -> bool {
        let channel = || job.spec.channel_ref.as_ref().map(|channel| channel.name.as_str());
        self.holds(job.metadata.namespace.as_deref().unwrap_or_default())
            && self.phase.is_none_or(|wanted| phase(job) == wanted)
            && self.channel.as_deref().is_none_or(|wanted| channel() == Some(wanted))
            && self.ended_after.is_none_or(|after| ended_at(job).is_some_and(|at| at > after))
            && (self.labels.selects_all() || self.labels.matches(job.labels()))
    }

    /// Whether jobs of this namespace may be meant.
    #[must_use]
    pub fn holds(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| wanted == namespace)
    }
}
