//! Buttons: each is a call of this API, and says how curl and the plugin make the same one. Pure.

use serde_json::Value;
use videofactory_client::{Action, JobAction, JobRef, Outcome, Request, bulk};
use videofactory_crds::VideoJob;

use crate::PORT;

/// A call that a button makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    pub label: String,
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// The body as JSON; empty: none.
    pub body: String,
    /// The same for a shell.
    pub curl: String,
    /// The same by the plugin; empty: it has no such verb.
    pub plugin: String,
    /// What is asked before it is made; empty: nothing.
    pub confirm: String,
    /// How it looks: `primary`, `danger` or empty.
    pub look: &'static str,
    /// Asks for a text that goes into this field of the body; empty: none.
    pub field: &'static str,
    pub field_label: &'static str,
    /// Why it cannot be made now; empty: it can.
    pub refused: String,
}

impl Call {
    /// A POST with this body, or without one.
    pub fn post(label: &str, path: String, body: Option<&Value>) -> Self {
        let body = body.map(Value::to_string).unwrap_or_default();
        Self {
            label: label.to_owned(),
            method: "POST",
            curl: curl("POST", &path, &body),
            path,
            body,
            ..Self::default()
        }
    }

    /// The same, which asks first.
    pub fn confirm(self, confirm: impl Into<String>) -> Self {
        Self { confirm: confirm.into(), ..self }
    }

    /// The same with its line of the plugin.
    pub fn plugin(self, plugin: String) -> Self {
        Self { plugin, ..self }
    }

    /// The same with this look.
    pub fn look(self, look: &'static str) -> Self {
        Self { look, ..self }
    }

    /// The same, which asks for a text.
    pub fn field(self, field: &'static str, field_label: &'static str) -> Self {
        Self { field, field_label, ..self }
    }
}

/// The line for a shell, while `kubectl videofactory proxy` runs.
pub fn curl(method: &str, path: &str, body: &str) -> String {
    let url = format!("localhost:{PORT}{path}");
    let body = match body {
        "" => String::new(),
        body => format!(" -H 'Content-Type: application/json' -d {}", quoted(body)),
    };
    format!("curl -X {method} {}{body}", quoted(&url))
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_@%+:,./-".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What can be asked of a job, each with why not where it makes no sense now. Whether this person may, the answer says:
/// through a proxy on their machine they write with other rights than they read with.
pub fn of_job(job: &VideoJob, request: impl Fn(Action) -> Request) -> Vec<Call> {
    let id = JobRef::of(job);
    let asked = [
        Action::Retry,
        Action::suspend(None, "suspended on the dashboard"),
        Action::Resume { held_for: None },
        Action::Restart,
    ];
    let calls = asked.into_iter().map(|action| {
        let call = of_action(&id, action.name());
        let foreseen = bulk::dry_run(job, &request(action));
        let refused = match foreseen.outcome {
            Outcome::WouldRequest => String::new(),
            _ => foreseen.detail.unwrap_or_default(),
        };
        Call { refused, ..call }
    });
    calls.collect()
}

fn of_action(id: &JobRef, action: JobAction) -> Call {
    let JobRef { namespace, name } = id;
    let call = Call::post(label(action), format!("/jobs/{id}/{action}"), None)
        .plugin(format!("kubectl videofactory {action} {name} -n {namespace}"));
    match action {
        JobAction::Restart => call
            .look("danger")
            .confirm(format!("Make all of {name} again? Everything is made, paid for and published again.")),
        JobAction::Retry => call.confirm(format!(
            "Continue {name} where it stopped? If it asks whether to pay again, this is the permission."
        )),
        JobAction::Suspend => call.field("reason", "Why (others read it)"),
        JobAction::Resume | JobAction::Approve | JobAction::Reject => call,
    }
}

const fn label(action: JobAction) -> &'static str {
    match action {
        JobAction::Retry => "Retry",
        JobAction::Restart => "Make all again",
        JobAction::Suspend => "Suspend",
        JobAction::Resume => "Resume",
        JobAction::Approve => "Approve",
        JobAction::Reject => "Reject",
    }
}

/// To approve and to reject a result, `<step>@<output digest>`: the very one that is shown.
pub fn of_review(id: &JobRef, result: &str) -> [Call; 2] {
    let JobRef { namespace, name } = id;
    [JobAction::Approve, JobAction::Reject].map(|action| {
        let body = serde_json::json!({"result": result});
        let call = Call::post(label(action), format!("/jobs/{id}/{action}"), Some(&body))
            .plugin(format!("kubectl videofactory {action} {name} -n {namespace}"));
        match action {
            JobAction::Approve => call.look("primary"),
            _ => call
                .look("danger")
                .confirm(format!("Reject this result? {name} fails until it is edited or made again.")),
        }
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn calls(status: &Value) -> Vec<(String, bool)> {
        let job: VideoJob = serde_json::from_value(testing::job("films", "ocean", status)).unwrap();
        let request = |action| Request::of_named(action, Timestamp::UNIX_EPOCH);
        of_job(&job, request).into_iter().map(|call| (call.label, call.refused.is_empty())).collect()
    }

    #[test]
    fn a_button_can_be_pressed_where_its_request_makes_sense() {
        let labels = |status: &Value| {
            let open = calls(status).into_iter().filter(|(_, is_open)| *is_open);
            open.map(|(label, _)| label).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(labels(&json!({"phase": "Running"})), "Retry Suspend Make all again");
        assert_eq!(labels(&json!({"phase": "Succeeded", "observedGeneration": null})), "Make all again");
    }

    #[test]
    fn lines_for_a_shell_are_one_word_where_they_must_be() {
        assert_eq!(
            curl("POST", "/jobs/films/ocean/retry", ""),
            "curl -X POST localhost:8000/jobs/films/ocean/retry"
        );
        assert_eq!(
            curl("POST", "/storage/cleanup?dry_run=true&policy=a", r#"{"reason":"it's $HOME"}"#),
            r#"curl -X POST 'localhost:8000/storage/cleanup?dry_run=true&policy=a' -H 'Content-Type: application/json' -d '{"reason":"it'\''s $HOME"}'"#
        );
        let id = JobRef { namespace: "films".to_owned(), name: "ocean".to_owned() };
        let [approve, reject] = of_review(&id, "assemble-video@0a");
        assert_eq!(
            (approve.path.as_str(), approve.body.as_str()),
            ("/jobs/films/ocean/approve", r#"{"result":"assemble-video@0a"}"#)
        );
        assert_eq!(reject.plugin, "kubectl videofactory reject ocean -n films");
        assert!(!reject.confirm.is_empty() && approve.confirm.is_empty());
    }
}
