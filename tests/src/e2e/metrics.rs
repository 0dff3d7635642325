//! The operator's metrics, read as a scraper reads them.

use std::collections::BTreeMap;

use anyhow::Context as _;
use regex::Regex;

use super::api::Caller;

/// A sample of the text format: name, labels, value. A timestamp may follow, and is of no interest.
const SAMPLE: &str = r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)";
/// A label and its value, as it is escaped.
const LABEL: &str = r#"(\w+)="((?:[^"\\]|\\.)*)""#;

/// What one scrape brought.
#[derive(Debug)]
pub struct Metrics(Vec<Sample>);

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// Asks the operator.
    pub async fn scrape() -> anyhow::Result<Self> {
        Self::read(&Caller::viewer().await?.text("/metrics").await?)
    }

    fn read(text: &str) -> anyhow::Result<Self> {
        let (sample, label) = (Regex::new(SAMPLE)?, Regex::new(LABEL)?);
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines.map(|line| {
            let found = sample.captures(line).with_context(|| format!("{line:?} is no sample"))?;
            let labels = found.get(2).map_or("", |labels| labels.as_str());
            let labels = label.captures_iter(labels).map(|one| (one[1].to_owned(), one[2].to_owned()));
            let value = found[3].parse().with_context(|| format!("{line:?} has no value"))?;
            Ok(Sample { name: found[1].to_owned(), labels: labels.collect(), value })
        });
        Ok(Self(samples.collect::<anyhow::Result<_>>()?))
    }

    /// The sum over this metric's samples with this label; an error if there is none, because its name or the label is
    /// another, or the operator has counted nothing yet.
    pub fn sum(&self, name: &str, (label, value): (&str, &str)) -> anyhow::Result<f64> {
        let is_meant = |sample: &&Sample| {
            sample.name == name && sample.labels.get(label).is_some_and(|found| found == value)
        };
        let mut samples = self.0.iter().filter(is_meant).peekable();
        samples.peek().with_context(|| format!("there is no sample {name}{{{label}={value:?}}}"))?;
        Ok(samples.map(|sample| sample.value).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP jobs How many.\n# TYPE jobs gauge\njobs{phase=\"Held\",kind=\"a\"} 2\njobs{kind=\"b\",\
                        phase=\"Held\"} 1 1700000000\njobs{phase=\"Held \\\"a\\\"} x\"} 10\njobs_waiting{phase=\"Held\"} 100\n\
                        leader 1\n";

    #[test]
    fn samples_of_this_very_name_and_label_are_summed() {
        let metrics = Metrics::read(TEXT).unwrap();
        assert!((metrics.sum("jobs", ("phase", "Held")).unwrap() - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_name_a_label_or_a_value_that_is_not_there_is_an_error() {
        let metrics = Metrics::read(TEXT).unwrap();
        for (name, label) in
            [("job", ("phase", "Held")), ("jobs", ("phas", "Held")), ("jobs", ("phase", "Hel"))]
        {
            let error = metrics.sum(name, label).unwrap_err().to_string();
            assert_eq!(error, format!("there is no sample {name}{{{}={:?}}}", label.0, label.1));
        }
    }

    #[test]
    fn what_is_no_sample_is_reported() {
        for text in ["jobs{phase=\"Held\" 1\n", "jobs one\n", "<html>\n"] {
            Metrics::read(text).unwrap_err();
        }
    }
}
