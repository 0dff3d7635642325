//! What operator and worker say to each other: the input of one attempt, its outcome, its exit
//! code, and the progress in between. Versioned by `VERSION` and `PREVIEW_VERSION`; both ends refuse other versions.

mod carry;
mod exit;
mod grace;
mod input;
mod mounts;
mod outcome;
mod remark;
mod submission;
mod trace;

pub use carry::{Carried, MAX_PART_BYTES, ReadInput, in_parts, part_name};
pub use exit::ExitCode;
pub use grace::{Grace, longest_answer};
pub use input::{
    AccountAccess, Allowance, Brand, BucketRef, GivenScenes, JobRef, MAX_INPUT_BYTES, Opening, StepInput,
    Upstream,
};
pub use mounts::{
    ACCOUNT_CA_DIR, ACCOUNT_SECRET_DIR, ACCOUNT_WORKFLOWS_DIR, BUCKET_CA_FILE, BUCKET_SECRET_DIR,
    CA_FILE_NAME, GIVEN_SCENES_FILE, INPUT_VARIABLE, OPERATOR_CA_FILE, REFERRED_FILE, TERMINATION_FILE,
    TOKEN_AUDIENCE, TOKEN_FILE, WORK_DIR,
};
pub use outcome::{
    Artifact, Artifacts, MAX_OUTCOME_BYTES, Progress, Publication, RateLimit, SceneReport, Spent,
    StepOutcome, Unresolved,
};
pub use remark::{remark_of, with_remark};
pub use submission::{Ending, Submission, SubmissionEnd};
pub use trace::{ParseTraceparentError, Part, RunTrace, SpanId, TRACEPARENT_VARIABLE, TraceId, Traceparent};

/// The version of this contract.
pub const VERSION: u32 = 1;
/// The version of an input with a preview. A worker that knows of no preview would make, and pay for, all scenes: it refuses
/// this version.
pub const PREVIEW_VERSION: u32 = 2;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests;
