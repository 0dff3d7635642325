//! What is counted and measured, as `OpenMetrics`. No label names an object: their number is bounded.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// One label: its name and its value.
type Label = [(&'static str, String); 1];
/// Two labels.
type Labels = [(&'static str, String); 2];

/// Seconds, from a millisecond to ten.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The operator's metrics. Cheap to clone: all clones count together.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconcile_seconds: Family<Label, Histogram, fn() -> Histogram>,
    reconciles: Family<Labels, Counter>,
    api_writes: Family<Label, Counter>,
    jobs: Family<Label, Gauge>,
    leader: Gauge,
    handover: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("videofactory"),
            reconcile_seconds: Family::new_with_constructor(histogram),
            reconciles: Family::default(),
            api_writes: Family::default(),
            jobs: Family::default(),
            leader: Gauge::default(),
            handover: histogram(),
        };
        metrics.register();
        metrics
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All that was decided is done.
    Well,
    /// The object had changed meanwhile.
    Conflict,
    /// It is tried again later.
    Badly,
}

impl Ended {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Conflict => "conflict",
            Self::Badly => "error",
        }
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register_with_unit(
            "reconcile_duration",
            "Time that one look at an object took",
            Unit::Seconds,
            self.reconcile_seconds.clone(),
        );
        registry.register("reconcile", "Looks at objects", self.reconciles.clone());
        registry.register("api_writes", "Writes to the API server", self.api_writes.clone());
        registry.register("jobs", "VideoJobs by phase", self.jobs.clone());
        registry.register("leader", "Whether this replica leads", self.leader.clone());
        registry.register_with_unit(
            "step_handover",
            "Time from the end of a step's pod to the next step's Job",
            Unit::Seconds,
            self.handover.clone(),
        );
    }

    /// Counts a look at an object of this kind.
    pub fn reconciled(&self, kind: &'static str, ended: Ended, took: Duration) {
        self.reconcile_seconds.get_or_create(&[("kind", kind.to_owned())]).observe(took.as_secs_f64());
        let labels = [("kind", kind.to_owned()), ("outcome", ended.as_str().to_owned())];
        self.reconciles.get_or_create(&labels).inc();
    }

    /// Counts a write to the API server: one that was sent, however it was answered.
    pub fn wrote(&self, kind: &'static str) {
        self.api_writes.get_or_create(&[("kind", kind.to_owned())]).inc();
    }

    /// Says whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Measures the time from the end of a step's pod to the next step's Job.
    pub fn handed_over(&self, took: Duration) {
        self.handover.observe(took.as_secs_f64());
    }

    /// All metrics as `OpenMetrics` text, with the number of `VideoJob`s in each phase as given.
    pub fn text(&self, phases: &[(String, i64)]) -> Result<String, std::fmt::Error> {
        self.jobs.clear();
        for (phase, count) in phases {
            self.jobs.get_or_create(&[("phase", phase.clone())]).set(*count);
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_those_of_the_documentation() {
        let metrics = Metrics::default();
        metrics.reconciled("VideoJob", Ended::Well, Duration::from_millis(3));
        metrics.wrote("Job");
        metrics.leads(true);
        metrics.handed_over(Duration::from_millis(12));
        let text = metrics.text(&[("Running".to_owned(), 2)]).unwrap();
        for line in [
            "videofactory_reconcile_total{kind=\"VideoJob\",outcome=\"ok\"} 1",
            "videofactory_reconcile_duration_seconds_count{kind=\"VideoJob\"} 1",
            "videofactory_api_writes_total{kind=\"Job\"} 1",
            "videofactory_leader 1",
            "videofactory_step_handover_seconds_count 1",
            "videofactory_jobs{phase=\"Running\"} 2",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_phase_that_no_job_is_in_any_more_is_gone() {
        let metrics = Metrics::default();
        metrics.text(&[("Running".to_owned(), 1)]).unwrap();
        assert!(!metrics.text(&[]).unwrap().contains("Running"));
    }
}
