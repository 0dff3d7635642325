//! What operator and worker say to each other: the input of one attempt, its outcome, its exit
//! code, and the progress in between. Versioned by `VERSION` and `PREVIEW_VERSION`; both ends refuse other versions.

mod carry;
mod exit;
mod grace;
mod input;
mod outcome;
mod remark;
mod submission;
mod trace;

pub use carry::{Carried, MAX_PART_BYTES, ReadInput, in_parts, part_name};
pub use exit::ExitCode;
pub use grace::{Grace, longest_answer};
pub use input::{
    AccountAccess, Allowance, Brand, BucketRef, GivenScenes, JobRef, Opening, StepInput, Upstream,
};
pub use outcome::{
    Artifact, Artifacts, Progress, Publication, RateLimit, SceneReport, Spent, StepOutcome, Unresolved,
};
pub use remark::{remark_of, with_remark};
pub use submission::{Ending, Submission, SubmissionEnd};
pub use trace::{ParseTraceparentError, Part, RunTrace, SpanId, TRACEPARENT_VARIABLE, TraceId, Traceparent};

/// The version of this contract.
pub const VERSION: u32 = 1;
/// The version of an input with a preview. A worker that knows of no preview would make, and pay for, all scenes: it refuses
/// this version.
pub const PREVIEW_VERSION: u32 = 2;
/// Most bytes of a [`StepInput`] in the pod template; of a larger one, what may be large goes by reference.
pub const MAX_INPUT_BYTES: usize = 16 * 1024;
/// Most bytes of a [`StepOutcome`] as JSON: Kubernetes cuts a longer termination message.
pub const MAX_OUTCOME_BYTES: usize = 4096;

/// The environment variable that holds the [`StepInput`].
pub const INPUT_VARIABLE: &str = "VIDEOFACTORY_STEP";
/// Where the bucket's credentials are mounted: files `accessKeyId` and `secretAccessKey`.
pub const BUCKET_SECRET_DIR: &str = "/var/run/videofactory/bucket";
/// Where the credentials of service accounts are mounted: a folder for each account that the step uses, by its name,
/// with a file for each key of its Secret.
pub const ACCOUNT_SECRET_DIR: &str = "/var/run/videofactory/account";
/// Where the certificates of the bucket's own authorities are mounted, in PEM.
pub const BUCKET_CA_FILE: &str = "/var/run/videofactory/ca/bucket/ca.crt";
/// Where those of accounts are: a folder for each account that has some, by its name, with the file [`CA_FILE_NAME`].
pub const ACCOUNT_CA_DIR: &str = "/var/run/videofactory/ca/account";
/// Where accounts' workflows are mounted, a folder for each account.
pub const ACCOUNT_WORKFLOWS_DIR: &str = "/var/run/videofactory/workflows";
/// Where those are that the operator trusts for all.
pub const OPERATOR_CA_FILE: &str = "/var/run/videofactory/ca/operator/ca.crt";
/// The name of each such file.
pub const CA_FILE_NAME: &str = "ca.crt";
/// Where the token for reporting progress is mounted.
pub const TOKEN_FILE: &str = "/var/run/videofactory/token/token";
/// The audience of that token: good for nothing else.
pub const TOKEN_AUDIENCE: &str = "videofactory.dev/progress";
/// Where scenes and overrides from the spec are mounted, as [`GivenScenes`]; for write-script.
pub const GIVEN_SCENES_FILE: &str = "/var/run/videofactory/given/scenes.json";
/// Where what a large [`StepInput`] refers to is mounted.
pub const REFERRED_FILE: &str = "/var/run/videofactory/given/input.json";
/// Where a step may write: an emptyDir.
pub const WORK_DIR: &str = "/work";
/// Where the outcome is written for Kubernetes to keep.
pub const TERMINATION_FILE: &str = "/dev/termination-log";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests;
