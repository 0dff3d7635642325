//! A submission to a service, and how it ended, as its slot in the bucket keeps them (`Keys::slot` and `Keys::slot_end`): each
//! written once, by the worker.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use videofactory_crds::units::Money;

/// Who has begun a submission: written before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    /// The step's attempt.
    pub attempt: i32,
    /// UID of its pod.
    pub pod: String,
    /// The account that pays.
    pub account: String,
    /// When it was begun.
    pub at: Timestamp,
    /// What it is expected to cost.
    #[serde(default)]
    pub cost: Money,
}

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
