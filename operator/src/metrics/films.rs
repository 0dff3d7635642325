//! How long films and their steps take, and what becomes of them. Each end is reported once, when the status that
//! records it is written.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use videofactory_crds::StepName;

use super::{AttemptOutcome, BUCKETS, Histograms, JobOutcome, Label, Labels, PublishOutcome, labels};

/// A histogram whose observations may name the trace that they belong to.
type Traced = HistogramWithExemplars<Label>;

/// Seconds, from one minute to a week: what a film takes, with all its waits.
const FILMS: [f64; 13] = [
    60.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 43_200.0, 86_400.0, 172_800.0,
    345_600.0, 604_800.0,
];
/// Seconds, from one to a day: what one attempt of a step takes.
const STEPS: [f64; 13] =
    [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0];
/// Seconds, from one to an hour: how long a pod may take to start.
const STARTS: [f64; 11] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 600.0, 3_600.0];

/// What is measured of films.
#[derive(Debug)]
pub struct FilmMetrics {
    jobs: Family<Label, Traced, fn() -> Traced>,
    steps: Family<Labels, Traced, fn() -> Traced>,
    queue: Histograms<Label>,
    handover: Histogram,
    publications: Family<Label, Counter>,
}

impl FilmMetrics {
    /// Puts them into a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            jobs: Family::new_with_constructor(|| Traced::new(FILMS.into_iter())),
            steps: Family::new_with_constructor(|| Traced::new(STEPS.into_iter())),
            queue: Family::new_with_constructor(|| Histogram::new(STARTS)),
            handover: Histogram::new(BUCKETS),
            publications: Family::default(),
        };
        // A rate needs a value before the first end, or that one is never seen.
        for outcome in JobOutcome::ALL {
            drop(metrics.jobs.get_or_create(&labels([("outcome", outcome.as_str())])));
        }
        for outcome in PublishOutcome::ALL {
            drop(metrics.publications.get_or_create(&labels([("outcome", outcome.as_str())])));
        }
        registry.register_with_unit(
            "job_duration",
            "Time from when a VideoJob was created, retried, restarted or edited until it succeeded, failed or was \
             rejected, with all that it waited for",
            Unit::Seconds,
            metrics.jobs.clone(),
        );
        registry.register_with_unit(
            "step_duration",
            "Time from the begin of a step's attempt to the end of its container, by how it ended",
            Unit::Seconds,
            metrics.steps.clone(),
        );
        registry.register_with_unit(
            "step_queue",
            "Time from the creation of a step's Job to the start of its container, reported when the attempt has ended",
            Unit::Seconds,
            metrics.queue.clone(),
        );
        registry.register_with_unit(
            "step_handover",
            "Time from the end of a step's pod to the next step's Job",
            Unit::Seconds,
            metrics.handover.clone(),
        );
        registry.register(
            "publish",
            "Targets that have a film (published, scheduled) or may have it (unknown), and attempts to publish that were \
             refused or failed",
            metrics.publications.clone(),
        );
        metrics
    }

    /// Measures how long a `VideoJob` took; `trace` is the trace that it belongs to.
    pub fn job_ended(&self, outcome: JobOutcome, took: Duration, trace: Option<&str>) {
        let outcome = labels([("outcome", outcome.as_str())]);
        self.jobs.get_or_create(&outcome).observe(took.as_secs_f64(), exemplar(trace), None);
    }

    /// Measures how long an attempt of a step took.
    pub fn attempt_ended(
        &self,
        step: StepName,
        outcome: AttemptOutcome,
        took: Duration,
        trace: Option<&str>,
    ) {
        let labels = labels([("step", step.as_str()), ("outcome", outcome.as_str())]);
        self.steps.get_or_create(&labels).observe(took.as_secs_f64(), exemplar(trace), None);
    }

    /// Measures how long a step's Job waited for its container to start.
    pub fn queued(&self, step: StepName, waited: Duration) {
        self.queue.get_or_create(&labels([("step", step.as_str())])).observe(waited.as_secs_f64());
    }

    /// Measures the time from the end of a step's pod to the next step's Job.
    pub fn handed_over(&self, took: Duration) {
        self.handover.observe(took.as_secs_f64());
    }

    /// Counts publications.
    pub fn published(&self, outcome: PublishOutcome, times: u64) {
        self.publications.get_or_create(&labels([("outcome", outcome.as_str())])).inc_by(times);
    }
}

/// `OpenMetrics` alone shows it.
fn exemplar(trace: Option<&str>) -> Option<Label> {
    trace.map(|trace| labels([("trace_id", trace)]))
}

#[cfg(test)]
mod tests {
    use super::super::{Census, Metrics, MetricsFormat};
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn ends_are_measured_and_name_their_trace_where_the_format_knows_how() {
        let metrics = Metrics::default();
        metrics.films.job_ended(JobOutcome::Succeeded, Duration::from_secs(700), Some(TRACE));
        metrics.films.attempt_ended(
            StepName::WriteScript,
            AttemptOutcome::Succeeded,
            Duration::from_secs(7),
            None,
        );
        metrics.films.queued(StepName::WriteScript, Duration::from_secs(2));
        metrics.films.handed_over(Duration::from_millis(12));
        metrics.films.published(PublishOutcome::Published, 2);
        let text = |format| metrics.text(&Census::default(), format).unwrap();
        for line in [
            "videofactory_job_duration_seconds_sum{outcome=\"succeeded\"} 700.0",
            "videofactory_job_duration_seconds_count{outcome=\"failed\"} 0",
            "videofactory_step_duration_seconds_count{step=\"write-script\",outcome=\"succeeded\"} 1",
            "videofactory_step_queue_seconds_sum{step=\"write-script\"} 2.0",
            "videofactory_step_handover_seconds_count 1",
            "videofactory_publish_total{outcome=\"published\"} 2",
            "videofactory_publish_total{outcome=\"unknown\"} 0",
        ] {
            let text = text(MetricsFormat::Prometheus);
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        let traced = format!("le=\"1800.0\",outcome=\"succeeded\"}} 1 # {{trace_id=\"{TRACE}\"}} 700.0");
        let text = (text(MetricsFormat::Prometheus), text(MetricsFormat::OpenMetrics));
        assert!(text.1.contains(&traced), "{traced} is not in\n{}", text.1);
        assert!(!text.0.contains("trace_id"), "{}", text.0);
    }
}
