//! The leadership terms of replicas, by the API server's audit log, and who wrote without leading.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;

use super::audit::Entry;

const LEASES: &str = "leases";
/// What every replica creates, whoever leads: questions about callers.
const OF_ALL: [&str; 2] = ["tokenreviews", "subjectaccessreviews"];
/// What a replica says of its own end may come after it; nothing of that is about a film any more.
const EVENTS: &str = "events";

/// A time in which a replica held the Lease.
#[derive(Clone, Debug)]
struct Term {
    replica: String,
    /// Its first successful write of the Lease.
    begun: Timestamp,
    /// Its last one.
    ended: Timestamp,
}

/// The terms of all leaders in their order. No replica may lead twice in what is looked at.
#[derive(Clone, Debug)]
pub struct LeaderTerms(Vec<Term>);

impl LeaderTerms {
    /// Fails if two replicas held the Lease at once.
    pub fn of(entries: &[Entry]) -> anyhow::Result<Self> {
        let mut terms: BTreeMap<&str, Term> = BTreeMap::new();
        let of_lease = |entry: &&Entry| {
            entry.by_operator() && entry.resource() == LEASES && entry.is_write() && entry.went_well()
        };
        for entry in entries.iter().filter(of_lease) {
            let replica = entry.pod().context("the log does not say which pod wrote the Lease")?;
            let first = || Term { replica: replica.to_owned(), begun: entry.at, ended: entry.at };
            terms.entry(replica).or_insert_with(first).ended = entry.at;
        }
        let mut in_order: Vec<Term> = terms.into_values().collect();
        in_order.sort_by_key(|term| term.begun);
        for pair in in_order.windows(2) {
            let (one, next) = (&pair[0], &pair[1]);
            ensure!(
                one.ended <= next.begun,
                "{} led from {} on, and {} until {}",
                next.replica,
                next.begun,
                one.replica,
                one.ended
            );
        }
        Ok(Self(in_order))
    }

    fn place(&self, replica: &str) -> Option<usize> {
        self.0.iter().position(|term| term.replica == replica)
    }

    /// Whether this replica held the Lease.
    #[must_use]
    pub fn has(&self, replica: &str) -> bool {
        self.place(replica).is_some()
    }

    /// When this replica began to lead.
    pub fn begin_of(&self, replica: &str) -> anyhow::Result<Timestamp> {
        let place = self.place(replica).with_context(|| format!("{replica} never held the Lease"))?;
        Ok(self.0[place].begun)
    }

    /// Seconds from the last write of each holder to the first one of the next.
    #[must_use]
    pub fn gaps(&self) -> Vec<f64> {
        let gap = |pair: &[Term]| pair[1].begun.duration_since(pair[0].ended).as_secs_f64();
        self.0.windows(2).map(gap).collect()
    }

    /// Fails if nobody led for longer than this, or all the time the same replica did. The longest gap in seconds.
    pub fn follow_within(&self, seconds: f64) -> anyhow::Result<f64> {
        let longest =
            self.gaps().into_iter().max_by(f64::total_cmp).context("no replica followed another")?;
        ensure!(longest <= seconds, "nobody led for {longest:.1} s, above {seconds:.1}");
        Ok(longest)
    }

    /// What was written, well or not, by replicas that another one had followed by then. Fails if somebody wrote who never
    /// led, or did not lead yet, and if nothing was written, because that shows nothing.
    fn late<'a>(&self, entries: &'a [Entry]) -> anyhow::Result<Vec<(&'a Entry, Timestamp)>> {
        let (mut late, mut shown) = (Vec::new(), false);
        let of_leader = |entry: &&Entry| {
            entry.by_operator() && entry.is_write() && !OF_ALL.contains(&entry.resource().as_str())
        };
        for entry in entries.iter().filter(of_leader) {
            let pod = entry.pod().context("the log does not say which pod wrote")?;
            let of_lease = entry.resource() == LEASES;
            let Some(place) = self.place(pod) else {
                ensure!(of_lease, "{pod} wrote and never led: {entry:?}");
                continue;
            };
            // The first one led before the log was looked at.
            let leads = place == 0 || entry.at >= self.0[place].begun;
            ensure!(of_lease || leads, "{pod} wrote before it led: {entry:?}");
            shown |= !of_lease;
            if let Some(next) = self.0.get(place + 1)
                && entry.at > next.begun
                && entry.resource() != EVENTS
            {
                late.push((entry, next.begun));
            }
        }
        ensure!(shown, "the operator wrote nothing, so that nothing is shown");
        Ok(late)
    }

    /// Whoever wrote led.
    pub fn only_leaders_wrote(&self, entries: &[Entry]) -> anyhow::Result<()> {
        let late = self.late(entries)?;
        ensure!(late.is_empty(), "another one led already: {late:?}");
        Ok(())
    }

    /// Whoever wrote led, but for what came so late that another one led: that has overwritten nothing, because its
    /// precondition did not hold any more. What came late and was refused for it, by resource.
    pub fn late_writes_overwrote_nothing(&self, entries: &[Entry]) -> anyhow::Result<Vec<String>> {
        let mut refused = Vec::new();
        for (entry, since) in self.late(entries)? {
            if entry.failed_by_precondition() {
                refused.push(entry.right());
            }
            let is_before = |other: &&Entry| {
                other.by_operator()
                    && other.is_write()
                    && other.went_well()
                    && other.pod() != entry.pod()
                    && other.object() == entry.object()
                    && (since..entry.at).contains(&other.at)
            };
            let overwritten = entries.iter().find(is_before).filter(|_| entry.went_well());
            ensure!(overwritten.is_none(), "{entry:?} has overwritten {overwritten:?}");
        }
        Ok(refused)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::e2e::audit::OPERATOR;

    /// What a replica asked at this second, and with which status it was answered.
    fn entry(second: i64, pod: &str, (verb, resource): (&str, &str), code: u16) -> Entry {
        serde_json::from_value(json!({
            "verb": verb,
            "user": {"username": OPERATOR, "extra": {"authentication.kubernetes.io/pod-name": [pod]}},
            "objectRef": {"resource": resource, "namespace": "films", "name": "ocean"},
            "responseStatus": {"code": code},
            "stageTimestamp": Timestamp::from_second(second).unwrap().to_string(),
        }))
        .unwrap()
    }

    const RENEWAL: (&str, &str) = ("update", "leases");
    const FILM: (&str, &str) = ("update", "videojobs");

    /// `one` leads until second 4, `two` from second 16 on.
    fn handed_over(more: Vec<Entry>) -> Vec<Entry> {
        let mut all = vec![
            entry(0, "one", RENEWAL, 200),
            entry(2, "one", FILM, 200),
            entry(4, "one", RENEWAL, 200),
            entry(16, "two", RENEWAL, 200),
        ];
        all.extend(more);
        all
    }

    fn written(more: Vec<Entry>) -> anyhow::Result<Vec<String>> {
        let entries = handed_over(more);
        LeaderTerms::of(&entries)?.late_writes_overwrote_nothing(&entries)
    }

    #[test]
    fn a_gap_is_from_the_last_write_of_one_to_the_first_of_the_next() {
        let terms = LeaderTerms::of(&handed_over(Vec::new())).unwrap();
        assert!((terms.follow_within(12.0).unwrap() - 12.0).abs() < f64::EPSILON);
        terms.follow_within(11.9).unwrap_err();
        LeaderTerms(terms.0[..1].to_vec()).follow_within(12.0).unwrap_err();
    }

    #[test]
    fn two_who_hold_the_lease_in_turn_are_reported() {
        LeaderTerms::of(&handed_over(vec![entry(20, "one", RENEWAL, 200)])).unwrap_err();
    }

    #[test]
    fn a_late_write_is_reported_and_so_is_who_never_led_and_who_did_not_lead_yet() {
        for wrong in [entry(17, "one", FILM, 200), entry(3, "two", FILM, 200), entry(3, "three", FILM, 200)] {
            let entries = handed_over(vec![wrong]);
            LeaderTerms::of(&entries).unwrap().only_leaders_wrote(&entries).unwrap_err();
        }
        let fine = handed_over(vec![
            entry(17, "one", ("create", EVENTS), 201),
            entry(3, "two", ("create", "tokenreviews"), 201),
            entry(15, "three", RENEWAL, 409),
        ]);
        LeaderTerms::of(&fine).unwrap().only_leaders_wrote(&fine).unwrap();
        let nothing = [entry(0, "one", RENEWAL, 200)];
        LeaderTerms::of(&nothing).unwrap().only_leaders_wrote(&nothing).unwrap_err();
    }

    #[test]
    fn a_late_write_may_be_refused_or_find_its_object_as_it_was_and_may_not_overwrite() {
        let next = entry(18, "two", FILM, 200);
        let refused = vec![next.clone(), entry(19, "one", FILM, 409), entry(20, "one", RENEWAL, 409)];
        assert_eq!(written(refused).unwrap(), ["update /videojobs", "update /leases"]);
        assert_eq!(written(vec![entry(17, "one", FILM, 200), next.clone()]).unwrap(), [""; 0]);
        written(vec![next, entry(19, "one", FILM, 200)]).unwrap_err();
    }
}
