use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A slot by what became of it: `?` nobody knows, `i` an id, or the first letter of its end.
fn slot(number: u32, outcome: char) -> Slot {
    let ending = match outcome {
        'n' => Some(Ending::Nothing),
        'd' => Some(Ending::Delivered),
        'r' => Some(Ending::Refused),
        'f' => Some(Ending::Failed),
        _ => None,
    };
    let cost = Money::from_micros(7);
    Slot {
        number,
        submission: Submission {
            attempt: 1,
            pod: "p".to_owned(),
            account: "grok".to_owned(),
            at: at(0),
            cost,
        },
        acceptance: (outcome == 'i').then(|| Acceptance {
            id: format!("id-{number}"),
            at: at(2),
            seconds: 0,
            cost,
        }),
        end: ending.map(|how| SubmissionEnd { how, message: "why".to_owned(), at: at(5), seconds: 3, cost }),
        presumed: None,
    }
}

fn history(outcomes: &str) -> History {
    History((1..).zip(outcomes.chars()).map(|(number, outcome)| slot(number, outcome)).collect())
}

/// Leave for so many submissions in all.
fn policy(submissions: u32) -> ResubmitPolicy {
    ResubmitPolicy { submissions, ..ResubmitPolicy::default() }
}

#[test]
fn a_submission_of_which_nobody_knows_is_looked_up_where_the_service_takes_ids_of_ours() {
    let known = history("n?i").with_ids(|number| Some(format!("our-{number}")));
    let taken =
        |number: u32, id: &str, is_presumed| Taken { number, id: id.to_owned(), attempt: 1, is_presumed };
    let both = vec![taken(2, "our-2", true), taken(3, "id-3", false)];
    assert_eq!(known.state(&policy(0)), SubmissionState::Accepted(both));
    assert_eq!((known.failed_submissions().unknown, known.taken()), (0, 2));
    let unknown = history("??").with_ids(|_| None);
    assert!(matches!(unknown.state(&policy(0)), SubmissionState::FailedSubmissions(_)));
}

#[test]
fn what_the_slots_say_decides_what_is_done() {
    let ids = |numbers: &[u32]| {
        let taken = |number: &u32| {
            let id = format!("id-{number}");
            Taken { number: *number, id, attempt: 1, is_presumed: false }
        };
        SubmissionState::Accepted(numbers.iter().map(taken).collect())
    };
    let nothing = |submissions, unknown: u32, failed: u32| {
        let cost = Money::from_micros(7).times((unknown + failed).into());
        let why = if failed > 0 { "why".to_owned() } else { String::new() };
        SubmissionState::FailedSubmissions(FailedSubmissions { submissions, unknown, failed, cost, why })
    };
    for (outcomes, allowed, expected) in [
        ("", 0, SubmissionState::Open(1)),
        ("n", 0, SubmissionState::Open(2)),
        ("f", 0, SubmissionState::Open(2)),
        ("nnf", 0, SubmissionState::Open(4)),
        ("nnnnnn", 0, SubmissionState::Open(7)),
        // What was delivered and is gone.
        ("d", 0, SubmissionState::Gone(1)),
        ("d", 1, SubmissionState::Gone(1)),
        ("d", 2, SubmissionState::Open(2)),
        ("?d", 0, SubmissionState::Gone(2)),
        ("?d", 2, SubmissionState::Gone(2)),
        ("?d", 3, SubmissionState::Open(3)),
        ("dd", 2, SubmissionState::Gone(2)),
        ("dn", 0, SubmissionState::Gone(1)),
        // What was bought again after that.
        ("di", 2, ids(&[2])),
        ("d?", 2, SubmissionState::Open(3)),
        ("d??", 2, nothing(3, 2, 0)),
        ("i", 0, ids(&[1])),
        ("fi", 0, ids(&[2])),
        // An id that came late is looked after, also where everything else has gone wrong.
        ("i?", 0, ids(&[1])),
        ("ir", 0, ids(&[1])),
        ("ii", 0, ids(&[1, 2])),
        ("r", 0, SubmissionState::Refused("why".to_owned())),
        ("?r", 0, SubmissionState::Refused("why".to_owned())),
        ("?", 0, SubmissionState::Open(2)),
        ("?n", 0, SubmissionState::Open(3)),
        ("??", 0, nothing(2, 2, 0)),
        ("?n?", 0, nothing(2, 2, 0)),
        ("??n", 0, nothing(2, 2, 0)),
        ("??", 2, nothing(2, 2, 0)),
        ("??", 3, SubmissionState::Open(3)),
        ("???", 3, nothing(3, 3, 0)),
        // What was taken and came to nothing is no better.
        ("ff", 0, nothing(2, 0, 2)),
        ("f?", 0, nothing(2, 1, 1)),
        ("fnf", 3, SubmissionState::Open(4)),
        ("fff", 3, nothing(3, 0, 3)),
    ] {
        assert_eq!(history(outcomes).state(&policy(allowed)), expected, "{outcomes:?}, {allowed} allowed");
    }
}

#[test]
fn permission_to_submit_again_is_for_what_was_delivered_before_it_was_given() {
    let given = |second| ResubmitPolicy { again_before: Some(at(second)), ..ResubmitPolicy::default() };
    // Slots of these tests end at the fifth second.
    assert_eq!(history("d").state(&given(6)), SubmissionState::Open(2));
    assert_eq!(history("d").state(&given(5)), SubmissionState::Gone(1));
    assert!(matches!(history("d??").state(&given(6)), SubmissionState::FailedSubmissions(_)));
}

#[test]
fn what_may_be_submitted_as_often_as_one_likes_is() {
    let policy = ResubmitPolicy { repeats: true, ..ResubmitPolicy::default() };
    for outcomes in ["??", "ff", "d", "d???"] {
        let next = u32::try_from(outcomes.len()).unwrap() + 1;
        assert_eq!(history(outcomes).state(&policy), SubmissionState::Open(next), "{outcomes}");
    }
}

#[test]
fn whether_another_failure_is_the_last_is_known_before_it_comes() {
    for (outcomes, allowed, last) in
        [("", 0, false), ("?", 0, true), ("f", 0, true), ("n", 0, false), ("?", 3, false), ("??", 3, true)]
    {
        let retry_budget = history(outcomes).retry_budget(&policy(allowed), true);
        assert_eq!(retry_budget.is_last, last, "{outcomes:?}, {allowed} allowed");
    }
}

#[test]
fn what_was_not_taken_is_not_spent_and_what_nobody_knows_is() {
    let spent = |outcome| slot(1, outcome).spent(at(100)).map(|spent| (spent.at, spent.seconds));
    assert_eq!(spent('n'), None);
    assert_eq!(spent('?'), Some((at(100), 0)));
    assert_eq!(spent('i'), Some((at(2), 0)));
    assert_eq!(spent('r'), Some((at(5), 3)));
    assert_eq!(spent('d'), Some((at(5), 3)));
}
