//! Where a step's pod finds what it is given, and where it writes: its variable, what is mounted, and its folders.

/// The environment variable that holds the [`StepInput`](super::StepInput).
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
/// Where scenes and overrides from the spec are mounted, as [`GivenScenes`](super::GivenScenes); for write-script.
pub const GIVEN_SCENES_FILE: &str = "/var/run/videofactory/given/scenes.json";
/// Where what a large [`StepInput`](super::StepInput) refers to is mounted.
pub const REFERRED_FILE: &str = "/var/run/videofactory/given/input.json";
/// Where a step may write: an emptyDir.
pub const WORK_DIR: &str = "/work";
/// Where the outcome is written for Kubernetes to keep.
pub const TERMINATION_FILE: &str = "/dev/termination-log";
