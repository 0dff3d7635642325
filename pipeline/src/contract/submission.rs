//! How a submission to a service ended, as its slot in the bucket keeps it (`Keys::slot_end`): written once, by the worker.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use videofactory_crds::units::Money;

/// How a submission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The service has certainly not taken it.
    Nothing,
    /// What was asked for is in the bucket.
    Delivered,
    /// The service refuses the content.
    Refused,
    /// The service took it and made nothing of it.
    Failed,
}

/// The end of a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmissionEnd {
    /// What came of it.
    #[serde(rename = "end")]
    pub how: Ending,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
    /// One second after the answer came, so that it is not before the moment at which the service counted.
    pub at: Timestamp,
    /// Seconds of its time, as far as is known.
    #[serde(default)]
    pub seconds: u32,
    /// What it cost, as far as is known.
    #[serde(default)]
    pub cost: Money,
}
