//! What operator and worker say to each other: the input of one attempt, its outcome, its exit
//! code, and the progress in between. Versioned by `VERSION`; both ends refuse another's.

mod exit;
mod grace;
mod input;
mod outcome;

pub use exit::ExitCode;
pub use grace::Grace;
pub use input::{Allowance, Brand, BucketRef, GivenScenes, Hired, JobRef, Opening, StepInput, Upstream};
pub use outcome::{
    Artifact, Artifacts, Progress, Publication, RateLimit, SceneReport, Spent, StepOutcome, Unresolved,
};

/// The version of this contract.
pub const VERSION: u32 = 1;
/// Most bytes of a [`StepInput`] as JSON: it travels in the pod template.
pub const MOST_INPUT_BYTES: usize = 16 * 1024;
/// Most bytes of a [`StepOutcome`] as JSON: Kubernetes cuts a longer termination message.
pub const MOST_OUTCOME_BYTES: usize = 4096;

/// The environment variable that holds the [`StepInput`].
pub const INPUT_VARIABLE: &str = "VIDEOFACTORY_STEP";
/// Where the bucket's credentials are mounted: files `accessKeyId` and `secretAccessKey`.
pub const BUCKET_SECRET_DIR: &str = "/var/run/videofactory/bucket";
/// The environment variable that lets accounts have loopback and link-local endpoints, if it is `true`.
pub const ALLOW_LOCAL_VARIABLE: &str = "VIDEOFACTORY_ALLOW_LOCAL_ENDPOINTS";
/// Where the credentials of service accounts are mounted: a folder for each account that the step uses, by its name,
/// with a file for each key of its Secret.
pub const ACCOUNT_SECRET_DIR: &str = "/var/run/videofactory/account";
/// Where the token for reporting progress is mounted.
pub const TOKEN_FILE: &str = "/var/run/videofactory/token/token";
/// The audience of that token: good for nothing else.
pub const TOKEN_AUDIENCE: &str = "videofactory.dev/progress";
/// Where scenes and overrides from the spec are mounted, as [`GivenScenes`]; for write-script.
pub const GIVEN_SCENES_FILE: &str = "/var/run/videofactory/given/scenes.json";
/// Where a step may write: an emptyDir.
pub const WORK_DIR: &str = "/work";
/// Where the outcome is written for Kubernetes to keep.
pub const TERMINATION_FILE: &str = "/dev/termination-log";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}
