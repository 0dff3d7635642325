//! What this attempt has submitted, kept apart from the step's own work: an attempt that breaks or is
//! stopped can still say what it has spent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use videofactory_crds::units::Money;
use videofactory_pipeline::contract::{Publication, RateLimit, Spent};

/// What is to be told of an attempt's dealings with outside services, however it ends. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Books(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    items: Vec<Item>,
    surveyed: Vec<Spent>,
    accounted: bool,
    fenced: bool,
    held: usize,
    rate_limit: Option<RateLimit>,
    resume_at: Option<Timestamp>,
    publications: Vec<Publication>,
}

#[derive(Debug)]
struct Item {
    account: String,
    /// When it was answered; `None` while nobody knows whether it was taken.
    at: Option<Timestamp>,
    seconds: u32,
    cost: Money,
    taken: bool,
}

/// One submission in the books.
#[derive(Clone, Copy, Debug)]
pub struct Entry(usize);

/// An answer that was paid for and is not stored yet, as long as this lives.
pub struct Held(Books);

impl Drop for Held {
    fn drop(&mut self) {
        let mut pages = self.0.lock();
        pages.held = pages.held.saturating_sub(1);
    }
}

impl Books {
    /// A submission is about to be made. As long as nothing else is said, it counts as taken.
    #[must_use]
    pub fn begin(&self, account: &str, cost: Money) -> Entry {
        let mut pages = self.lock();
        let account = account.to_owned();
        pages.items.push(Item { account, at: None, seconds: 0, cost, taken: true });
        Entry(pages.items.len() - 1)
    }

    /// The service has not taken it.
    pub fn not_taken(&self, entry: Entry) {
        self.change(entry, |item| item.taken = false);
    }

    /// The service has taken it, or may have.
    pub fn taken(&self, entry: Entry, at: Timestamp) {
        self.change(entry, |item| item.at = Some(at));
    }

    /// What it came to.
    pub fn paid(&self, entry: Entry, seconds: u32, cost: Money) {
        self.change(entry, |item| (item.seconds, item.cost) = (seconds, cost));
    }

    /// What an earlier attempt has spent, as this one found out.
    pub fn account_for(&self, spent: Vec<Spent>) {
        let mut pages = self.lock();
        pages.surveyed.extend(spent);
        pages.accounted = true;
    }

    /// Whether what an earlier attempt has spent was found out.
    #[must_use]
    pub fn has_accounted(&self) -> bool {
        self.lock().accounted
    }

    /// This execution has raised the attempt's fence: what the attempt spends, it spends.
    pub fn is_fenced(&self) {
        self.lock().fenced = true;
    }

    /// Whether this execution has raised the attempt's fence.
    #[must_use]
    pub fn has_fence(&self) -> bool {
        self.lock().fenced
    }

    /// What was paid for is here, and only here.
    #[must_use]
    pub fn hold(&self) -> Held {
        self.lock().held += 1;
        Held(self.clone())
    }

    /// A service refuses for a while; of several times the latest counts.
    pub fn refuses(&self, account: &str, until: Option<Timestamp>) {
        let mut pages = self.lock();
        let known = pages.rate_limit.as_ref().and_then(|limit| limit.until);
        pages.rate_limit = Some(RateLimit { account: account.to_owned(), until: until.max(known) });
    }

    /// Before this time another attempt gets no further; of several times the earliest counts.
    pub fn resume(&self, at: Timestamp) {
        let mut pages = self.lock();
        pages.resume_at = Some(pages.resume_at.map_or(at, |known| known.min(at)));
    }

    /// A publication, as far as it is; a later word on the same target takes the place of an earlier one.
    pub fn publish(&self, publication: Publication) {
        let mut pages = self.lock();
        pages.publications.retain(|known| known.target != publication.target);
        pages.publications.push(publication);
    }

    /// All that was spent, oldest first. What nobody has answered yet counts from `now`.
    #[must_use]
    pub fn spent(&self, now: Timestamp) -> Vec<Spent> {
        let pages = self.lock();
        let own = pages.items.iter().filter(|item| item.taken).map(|item| Spent {
            account: item.account.clone(),
            at: item.at.unwrap_or(now),
            submissions: 1,
            seconds: item.seconds,
            cost: item.cost,
        });
        let mut joined: Vec<Spent> = Vec::new();
        for spent in own.chain(pages.surveyed.iter().cloned()) {
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
        let pages = self.lock();
        pages.held > 0 || pages.items.iter().any(|item| item.taken && item.at.is_none())
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

    fn change(&self, entry: Entry, change: impl FnOnce(&mut Item)) {
        if let Some(item) = self.lock().items.get_mut(entry.0) {
            change(item);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
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
        let books = Books::default();
        let cent = Money::from_micros(10_000);
        let [refused, taken, open, other] = [(); 4].map(|()| books.begin("grok", cent));
        books.not_taken(refused);
        books.taken(taken, at(100));
        books.paid(taken, 3, Money::from_micros(5));
        books.taken(other, at(100));
        assert!(books.is_in_flight());
        let _ = open;
        let spent = books.spent(at(500));
        let all: Vec<_> =
            spent.iter().map(|s| (s.at.as_second(), s.submissions, s.seconds, s.cost.micros())).collect();
        assert_eq!(all, [(100, 2, 3, 10_005), (500, 1, 0, 10_000)]);
    }

    #[test]
    fn what_is_not_stored_is_in_flight() {
        let books = Books::default();
        let entry = books.begin("grok", Money::ZERO);
        books.taken(entry, at(100));
        assert!(!books.is_in_flight());
        let (one, other) = (books.hold(), books.hold());
        drop(one);
        assert!(books.is_in_flight());
        drop(other);
        assert!(!books.is_in_flight());
    }

    #[test]
    fn the_latest_of_several_refusals_counts_and_the_last_word_on_a_target() {
        let books = Books::default();
        books.refuses("grok", Some(at(50)));
        books.refuses("grok", None);
        assert_eq!(books.rate_limit().unwrap().until, Some(at(50)));
        let word = |state: PublicationState| Publication {
            target: "main".to_owned(),
            state,
            ..Publication::default()
        };
        books.publish(word(PublicationState::Uploading));
        books.publish(word(PublicationState::Published));
        assert_eq!(books.publications(), [word(PublicationState::Published)]);
    }
}
