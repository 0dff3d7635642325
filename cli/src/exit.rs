//! How a command ends: its exit code, and what is said when it fails.

use std::fmt;
use std::io;

use kube::runtime::watcher;
use videofactory_client::batch::CreateError;
use videofactory_client::storage_action::AskError;
use videofactory_client::{CallError, JobRef, RequestError};

/// The exit codes, as `--help` shows them.
pub const HELP: &str = "\
Exit codes:
  0    done
  1    failed; the message says why and what to do
  2    the command line cannot be understood
  3    not all is well: a job failed, needs a person, was refused or deleted; something was not
       pruned, not restored or has no log; or doctor found an error
  4    the time that --timeout gave is over
  5    the question was not answered with yes: nothing was changed
  130  interrupted by Ctrl-C
  141  nobody reads the output any more, as with | head";

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// Not all is well.
    NotAll = 3,
    /// Time is over.
    TimedOut = 4,
    /// A person did not agree.
    Declined = 5,
    /// A person pressed Ctrl-C.
    Interrupted = 130,
    /// Nobody reads the output any more. It is the code of a program that SIGPIPE ends.
    ClosedPipe = 141,
}

impl Exit {
    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Done, or not all of it.
    #[must_use]
    pub const fn of_all(all: bool) -> Self {
        if all { Self::Done } else { Self::NotAll }
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub struct Error {
    /// What was tried, and why it failed.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// How the command ends.
    pub exit: Exit,
}

impl Error {
    /// A failure.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Failed }
    }

    /// A command line that cannot be understood.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message) }
    }

    /// The time that was given is over.
    #[must_use]
    pub fn timed_out(message: impl Into<String>) -> Self {
        Self { exit: Exit::TimedOut, ..Self::new(message) }
    }

    /// A person pressed Ctrl-C.
    #[must_use]
    pub fn interrupted(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Interrupted, ..Self::new(format!("interrupted: {message}")) }
    }

    /// Somebody has deleted an object that was waited for.
    #[must_use]
    pub fn deleted(kind: &str, name: impl fmt::Display) -> Self {
        Self { exit: Exit::NotAll, ..Self::new(format!("{kind} {name} was deleted")) }
            .hint("somebody has removed it; what there is: `kubectl videofactory list -A`, `kubectl videofactory storage -A`")
    }

    /// The same with what to do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Whether it is only that nobody reads the output any more, as with `| head`.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        self.exit == Exit::ClosedPipe
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n{hint}")?;
        }
        Ok(())
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        let hint = hint(&error);
        let message = match &error {
            CallError::Failed { what, source } => format!("failed to {what}: {}", causes(&**source)),
            CallError::Refused { .. } | CallError::TimedOut { .. } => error.for_people(),
        };
        Self { hint, ..Self::new(message) }
    }
}

impl From<CreateError> for Error {
    fn from(CreateError { source, left, is_made }: CreateError) -> Self {
        let error = Self::from(source);
        let Some(first) = left.first() else { return error };
        let namespace = first.namespace.clone();
        if is_made {
            let names: Vec<&str> = left.iter().map(|job| job.name.as_str()).collect();
            return error.hint(format!(
                "all jobs were created, and these are still suspended: `kubectl videofactory resume {} -n {namespace}` lets \
                 them begin",
                names.join(" ")
            ));
        }
        let names: Vec<String> = left.iter().map(JobRef::to_string).collect();
        let look = format!("look whether these jobs exist before you try again: {}", names.join(", "));
        let hint = error.hint.iter().chain([&look]).map(String::as_str).collect::<Vec<_>>().join("\n");
        error.hint(hint)
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::CallApiServer(error) => error.into(),
            // Not to try again, as after other calls that were not answered.
            RequestError::LearnOutcome { source, look } => Self { hint: Some(look), ..source.into() },
        }
    }
}

impl From<AskError> for Error {
    fn from(error: AskError) -> Self {
        match error {
            AskError::CallApiServer(error) => error.into(),
            AskError::ReplaceRequest(_) => Self::new(error.to_string())
                .hint("`kubectl videofactory storage -o wide` shows the runs, and how they ended"),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::ClosedPipe, ..Self::new("the output is closed") };
        }
        Self::new(error.to_string())
    }
}

/// A failure of a watch that trying again does not fix. `what`: what was tried.
pub fn lasting(what: &str, error: watcher::Error) -> Option<Error> {
    let source = match error {
        watcher::Error::InitialListFailed(source) | watcher::Error::WatchStartFailed(source) => source,
        watcher::Error::WatchError(status) => kube::Error::Api(status),
        watcher::Error::WatchFailed(_) | watcher::Error::NoResourceVersion => return None,
    };
    match &source {
        kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404) => {
            Some(CallError::of(what, source).into())
        }
        _ => None,
    }
}

/// An error with what is behind it.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// What to do about a call to the API server that failed.
fn hint(error: &CallError) -> Option<String> {
    let hint = match error {
        CallError::Refused { status, .. } => match status.code {
            401 => "log in to the cluster again: it does not take the kubeconfig's credentials",
            403 if status.message.contains(" cannot ") => {
                "ask for a role with that right, such as edit; `kubectl videofactory doctor` shows what you may do"
            }
            404 if status.message.contains("could not find the requested resource") => {
                "Video Factory is not installed here: `kubectl videofactory install generate | kubectl apply \
                 --server-side -f -` installs it; --context chooses another cluster"
            }
            404 => "`kubectl videofactory list -A` shows what there is",
            _ => return None,
        },
        CallError::Failed { source, .. } => match &**source {
            kube::Error::SerdeError(_) => {
                "the object is not as this version of the plugin knows it: use the plugin of the operator's version"
            }
            _ => "is this the right cluster, and can it be reached? --context chooses another one",
        },
        CallError::TimedOut { .. } => "try again, or allow more time by --request-timeout=60s",
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    /// The codes and their meanings, as `--help` shows them.
    fn reported() -> Vec<(u8, String)> {
        let mut reported: Vec<(u8, String)> = Vec::new();
        for line in HELP.lines().skip(1) {
            let (first, rest) = line.trim().split_once(' ').unwrap();
            if let Ok(code) = first.parse() {
                reported.push((code, rest.trim().to_owned()));
            } else if let Some((_, meaning)) = reported.last_mut() {
                // The meaning continues in the next line.
                *meaning = format!("{meaning} {}", line.trim());
            }
        }
        reported
    }

    #[test]
    fn help_and_documentation_describe_each_code_and_agree() {
        let codes = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::NotAll,
            Exit::TimedOut,
            Exit::Declined,
            Exit::Interrupted,
            Exit::ClosedPipe,
        ];
        assert_eq!(reported().iter().map(|(code, _)| *code).collect::<Vec<_>>(), codes.map(Exit::code));
        let page = include_str!("../../docs/plugin.md").replace('`', "").replace("\\|", "|");
        for (code, meaning) in reported() {
            let row = format!("| {code} | {meaning}");
            assert!(page.lines().any(|line| line.starts_with(&row)), "{row}");
        }
    }

    #[test]
    fn an_error_ends_with_what_to_do() {
        let error = Error::new("there is no VideoJob films/ocean").hint("look at the list");
        assert_eq!(error.to_string(), "error: there is no VideoJob films/ocean\nlook at the list");
        assert_eq!((error.exit.code(), Error::usage("").exit.code()), (1, 2));
    }

    #[test]
    fn a_refusal_is_explained_in_the_users_terms() {
        let message = "videojobs.videofactory.dev \"a\" is forbidden: User \"u\" cannot patch resource \"videojobs\" in API \
                       group \"videofactory.dev\" in the namespace \"b\"";
        let status = Box::new(Status::failure(message, "Forbidden").with_code(403));
        let refused = CallError::of("patch VideoJob a/b", kube::Error::Api(status));
        let reported = Error::from(refused);
        assert_eq!(reported.message, "you may not patch videojobs in namespace b");
        assert!(reported.hint.unwrap().contains("doctor"));
    }

    #[test]
    fn a_closed_pipe_is_neither_a_failure_to_speak_of_nor_a_success() {
        let error = Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(error.is_closed_pipe());
        assert_eq!(error.exit.code(), 141);
        assert!(!Error::from(io::Error::other("no")).is_closed_pipe());
    }
}
