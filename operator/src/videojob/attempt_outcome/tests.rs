use serde_json::json;

use super::*;

fn outcome(step: StepName, exit: ExitCode) -> StepOutcome {
    let mut outcome: StepOutcome = serde_json::from_value(json!({
        "version": 1, "step": step, "attempt": 1, "input": "0123456789abcdef0123456789abcdef", "exit": "Done",
    }))
    .unwrap();
    outcome.exit = exit;
    outcome
}

fn word_of(exit: ExitCode, change: impl FnOnce(&mut StepOutcome)) -> &'static str {
    let mut outcome = outcome(StepName::AnimateScenes, exit);
    change(&mut outcome);
    Ending::read(&End::Reported(Box::new(outcome)), false).outcome.as_str()
}

#[test]
fn every_way_to_end_has_its_word() {
    assert_eq!(word_of(ExitCode::TryLater, |_| {}), "paused");
    assert_eq!(word_of(ExitCode::TryLater, |outcome| outcome.interrupted = true), "interrupted");
    let refused = json!({"account": "grok"});
    let rate_limited = word_of(ExitCode::TryLater, |outcome| {
        outcome.rate_limit = Some(serde_json::from_value(refused).unwrap());
    });
    assert_eq!(rate_limited, "rate_limited");
    assert_eq!(word_of(ExitCode::Storage, |outcome| outcome.full = true), "storage_full");
    assert_eq!(word_of(ExitCode::Storage, |_| {}), "storage_unavailable");
    assert_eq!(word_of(ExitCode::ContentRefused, |_| {}), "content_refused");
    let word = |end: End| Ending::read(&end, false).outcome.as_str();
    assert_eq!(word(End::OutOfMemory), "out_of_memory");
    assert_eq!(word(End::Deadline), "deadline_exceeded");
    assert_eq!(word(End::Silent(69)), "provider_unavailable");
    assert_eq!((word(End::Silent(0)), word(End::Silent(3))), ("failed", "failed"));
    let lost = End::Interrupted("lost".to_owned());
    assert_eq!(
        (Ending::read(&lost, false).outcome, Ending::read(&lost, true).outcome),
        (AttemptOutcome::Interrupted, AttemptOutcome::Stopped)
    );
    let killed = Ending::read(&End::OutOfMemory, true).outcome;
    assert_eq!(killed, AttemptOutcome::OutOfMemory, "we did not ask for that");
}

#[test]
fn publications_are_counted_when_all_targets_have_the_film() {
    use PublishOutcome::{Failed, Published, Refused, Scheduled, Unknown};
    let states = |exit: ExitCode, states: &[&str], done: bool| {
        let mut outcome = outcome(StepName::PublishVideo, exit);
        outcome.publications = states
            .iter()
            .map(|state| serde_json::from_value(json!({"target": "t", "state": state})).unwrap())
            .collect();
        outcome.output = done.then(|| outcome.input.clone());
        published(&outcome)
    };
    let done = states(ExitCode::Done, &["Published", "Scheduled", "Published"], true);
    assert_eq!(done, [Measured::Published(Scheduled, 1), Measured::Published(Published, 2)]);
    assert_eq!(states(ExitCode::TryLater, &["Published"], false), [], "the next attempt finds it again");
    assert_eq!(
        states(ExitCode::ContentRefused, &["Published", "Unknown"], false),
        [Measured::Published(Unknown, 1)]
    );
    assert_eq!(states(ExitCode::ContentRefused, &["Published"], false), [Measured::Published(Refused, 1)]);
    assert_eq!(states(ExitCode::Credentials, &[], false), [Measured::Published(Failed, 1)]);
    assert_eq!(published(&outcome(StepName::WriteScript, ExitCode::Credentials)), []);
}
