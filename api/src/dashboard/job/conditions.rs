//! A job's conditions in plain words. Pure.

use videofactory_crds::VideoJob;
use videofactory_crds::condition::ConditionType;

use crate::dashboard::formatting::{self, Moment, Tone};

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionView {
    /// What it is about, as a question.
    pub question: String,
    pub answer: &'static str,
    pub tone: Tone,
    /// The stable word of the reason.
    pub reason: String,
    pub message: String,
    pub since: Moment,
}

/// Each condition with the question that it answers, and whether yes is good.
const QUESTIONS: [(ConditionType, &str, bool); 7] = [
    (ConditionType::Ready, "Is the film as it was asked for?", true),
    (ConditionType::Succeeded, "Has it ended well?", true),
    (ConditionType::Reconciling, "Is work in progress, or about to begin?", true),
    (ConditionType::Stalled, "Does it wait for a person?", false),
    (ConditionType::RateLimited, "Does a service refuse for now?", false),
    (ConditionType::StorageAvailable, "Can the bucket be used?", true),
    (ConditionType::Approved, "Is the result approved?", true),
];

/// The conditions of a job, in its own order.
pub fn of(job: &VideoJob) -> Vec<ConditionView> {
    let conditions = job.status.iter().flat_map(|status| &status.conditions);
    let shown = conditions.map(|condition| {
        let known = QUESTIONS.iter().find(|(kind, _, _)| kind.to_string() == condition.type_);
        let (question, yes_is_good) =
            known.map_or((condition.type_.as_str(), true), |(_, question, is_good)| (*question, *is_good));
        let (answer, tone) = match condition.status.as_str() {
            "True" if yes_is_good => ("yes", Tone::Good),
            "True" => ("yes", Tone::Warn),
            "False" if yes_is_good => ("no", Tone::Warn),
            "False" => ("no", Tone::Good),
            _ => ("not known yet", Tone::Quiet),
        };
        ConditionView {
            question: question.to_owned(),
            answer,
            tone,
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            since: formatting::moment(condition.last_transition_time.0),
        }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[test]
    fn a_condition_answers_a_question() {
        let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "R", "message": "m", "lastTransitionTime": "2026-12-24T18:00:00Z"});
        let conditions = [
            condition("Ready", "True"),
            condition("Stalled", "True"),
            condition("Succeeded", "Unknown"),
            condition("Other", "False"),
        ];
        let job: VideoJob =
            serde_json::from_value(testing::job("films", "a", &json!({"conditions": conditions}))).unwrap();
        let reported: Vec<_> = of(&job).into_iter().map(|one| (one.question, one.answer, one.tone)).collect();
        assert_eq!(reported[0], ("Is the film as it was asked for?".to_owned(), "yes", Tone::Good));
        assert_eq!(reported[1], ("Does it wait for a person?".to_owned(), "yes", Tone::Warn));
        assert_eq!((reported[2].1, reported[3].0.as_str()), ("not known yet", "Other"));
    }
}
