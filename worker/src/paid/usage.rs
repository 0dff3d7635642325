//! Records what this attempt has submitted, apart from the step's own work: an attempt that fails or is stopped still
//! reports what it has spent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use videofactory_crds::units::Money;
use videofactory_pipeline::contract::{Publication, RateLimit, Spent};

/// Usage of outside services by an attempt, reported however it ends. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct UsageRecorder(Arc<Mutex<RecordedUsage>>);

#[derive(Debug, Default)]
struct RecordedUsage {
    items: Vec<SubmissionUsage>,
    surveyed: Vec<Spent>,
    accounted: bool,
    holds_fencing_token: bool,
    in_flight: usize,
    rate_limit: Option<RateLimit>,
    resume_at: Option<Timestamp>,
    publications: Vec<Publication>,
}

#[derive(Debug)]
struct SubmissionUsage {
    account: String,
    /// When it was answered; `None` while nobody knows whether it was taken.
    at: Option<Timestamp>,
    seconds: u32,
    cost: Money,
    taken: bool,
}

/// One recorded submission.
#[derive(Clone, Copy, Debug)]
pub struct UsageEntry(usize);

/// An answer that was paid for and is not stored yet, as long as this lives.
pub struct InFlight(UsageRecorder);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut recorded = self.0.lock();
        recorded.in_flight = recorded.in_flight.saturating_sub(1);
    }
}

impl UsageRecorder {
    /// A submission is about to be made. As long as nothing else is said, it counts as taken.
    #[must_use]
    pub fn record_submission(&self, account: &str, cost: Money) -> UsageEntry {
        let mut recorded = self.lock();
        let account = account.to_owned();
        recorded.items.push(SubmissionUsage { account, at: None, seconds: 0, cost, taken: true });
        UsageEntry(recorded.items.len() - 1)
    }

    /// The service has not taken it.
    pub fn record_rejected(&self, entry: UsageEntry) {
        self.change(entry, |item| item.taken = false);
    }

    /// The service has taken it, or may have.
    pub fn record_accepted(&self, entry: UsageEntry, at: Timestamp) {
        self.change(entry, |item| item.at = Some(at));
    }

    /// What it came to.
    pub fn record_cost(&self, entry: UsageEntry, seconds: u32, cost: Money) {
        self.change(entry, |item| (item.seconds, item.cost) = (seconds, cost));
    }

    /// What an earlier attempt has spent, as this one found out.
    pub fn record_survey(&self, spent: Vec<Spent>) {
        let mut recorded = self.lock();
        recorded.surveyed.extend(spent);
        recorded.accounted = true;
    }

    /// Whether what an earlier attempt has spent was found out.
    #[must_use]
    pub fn is_surveyed(&self) -> bool {
        self.lock().accounted
    }

    /// This execution holds the attempt's fencing token: it alone spends for the attempt.
    pub fn set_holds_fencing_token(&self) {
        self.lock().holds_fencing_token = true;
    }

    /// Whether this execution holds the attempt's fencing token.
    #[must_use]
    pub fn holds_fencing_token(&self) -> bool {
        self.lock().holds_fencing_token
    }

    /// What was paid for is here, and only here.
    #[must_use]
    pub fn mark_in_flight(&self) -> InFlight {
        self.lock().in_flight += 1;
        InFlight(self.clone())
    }

    /// A service refuses for a while; of several times the latest counts.
    pub fn record_rate_limit(&self, account: &str, until: Option<Timestamp>) {
        let mut recorded = self.lock();
        let known = recorded.rate_limit.as_ref().and_then(|limit| limit.until);
        recorded.rate_limit = Some(RateLimit { account: account.to_owned(), until: until.max(known) });
    }

    /// Before this time another attempt gets no further; of several times the earliest counts.
    pub fn record_resume_at(&self, at: Timestamp) {
        let mut recorded = self.lock();
        recorded.resume_at = Some(recorded.resume_at.map_or(at, |known| known.min(at)));
    }

    /// A publication, as far as it is; a later word on the same target takes the place of an earlier one.
    pub fn record_publication(&self, publication: Publication) {
        let mut recorded = self.lock();
        recorded.publications.retain(|known| known.target != publication.target);
        recorded.publications.push(publication);
    }

    /// All that was spent, oldest first. What nobody has answered yet counts from `now`.
    #[must_use]
    pub fn spent(&self, now: Timestamp) -> Vec<Spent> {
        let recorded = self.lock();
        let own = recorded.items.iter().filter(|item| item.taken).map(|item| Spent {
            account: item.account.clone(),
            at: item.at.unwrap_or(now),
            submissions: 1,
            seconds: item.seconds,
            cost: item.cost,
        });
        let mut joined: Vec<Spent> = Vec::new();
        for spent in own.chain(recorded.surveyed.iter().cloned()) {
            match joined.iter_mut().find(|known| known.account == spent.account && known.at == spent.at) {
                Some(known) => {
                    known.submissions = known.submissions.saturating_add(spent.submissions);
                    known.seconds = known.seconds.saturating_add(spent.seconds);
                    known.cost = known.cost.plus(spent.cost);
                }
                None => joined.push(spent),
            }
        }
        Spent::few(joined)
    }

    /// Whether a submission was made that nobody has answered yet, or an answer is not stored yet: it would be lost with
    /// this process.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        let recorded = self.lock();
        recorded.in_flight > 0 || recorded.items.iter().any(|item| item.taken && item.at.is_none())
    }

    /// The service that refuses for a while.
    #[must_use]
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.lock().rate_limit.clone()
    }

    /// Before when another attempt gets no further.
    #[must_use]
    pub fn resume_at(&self) -> Option<Timestamp> {
        self.lock().resume_at
    }

    /// The publications so far.
    #[must_use]
    pub fn publications(&self) -> Vec<Publication> {
        self.lock().publications.clone()
    }

    fn change(&self, entry: UsageEntry, change: impl FnOnce(&mut SubmissionUsage)) {
        if let Some(item) = self.lock().items.get_mut(entry.0) {
            change(item);
        }
    }

    fn lock(&self) -> MutexGuard<'_, RecordedUsage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use videofactory_crds::videojob::PublicationState;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_was_not_taken_is_left_out_and_what_nobody_answered_counts_now() {
        let usage = UsageRecorder::default();
        let cent = Money::from_micros(10_000);
        let [refused, taken, open, other] = [(); 4].map(|()| usage.record_submission("grok", cent));
        usage.record_rejected(refused);
        usage.record_accepted(taken, at(100));
        usage.record_cost(taken, 3, Money::from_micros(5));
        usage.record_accepted(other, at(100));
        assert!(usage.is_in_flight());
        let _ = open;
        let spent = usage.spent(at(500));
        let all: Vec<_> =
            spent.iter().map(|s| (s.at.as_second(), s.submissions, s.seconds, s.cost.micros())).collect();
        assert_eq!(all, [(100, 2, 3, 10_005), (500, 1, 0, 10_000)]);
    }

    #[test]
    fn what_is_not_stored_is_in_flight() {
        let usage = UsageRecorder::default();
        let entry = usage.record_submission("grok", Money::ZERO);
        usage.record_accepted(entry, at(100));
        assert!(!usage.is_in_flight());
        let (one, other) = (usage.mark_in_flight(), usage.mark_in_flight());
        drop(one);
        assert!(usage.is_in_flight());
        drop(other);
        assert!(!usage.is_in_flight());
    }

    #[test]
    fn the_latest_of_several_refusals_counts_and_the_last_word_on_a_target() {
        let usage = UsageRecorder::default();
        usage.record_rate_limit("grok", Some(at(50)));
        usage.record_rate_limit("grok", None);
        assert_eq!(usage.rate_limit().unwrap().until, Some(at(50)));
        let word = |state: PublicationState| Publication {
            target: "main".to_owned(),
            state,
            ..Publication::default()
        };
        usage.record_publication(word(PublicationState::Uploading));
        usage.record_publication(word(PublicationState::Published));
        assert_eq!(usage.publications(), [word(PublicationState::Published)]);
    }
}
