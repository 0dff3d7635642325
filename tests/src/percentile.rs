//! What is reported of a measurement.

/// The value that this share of the samples does not exceed, in per cent; at least one sample is needed.
pub fn percentile(samples: &mut [f64], percent: usize) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    samples[(samples.len() * percent).div_ceil(100).saturating_sub(1)]
}
