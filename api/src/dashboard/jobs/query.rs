//! Which jobs a list shows, and in which order: as its address says it. Pure.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::Deserialize;
use videofactory_client::job_action::phase;
use videofactory_client::job_advice::attention;
use videofactory_crds::{Phase, VideoJob};

use crate::dashboard::address;
use crate::problem::Problem;
use crate::query::{check_length, job_filter};
use crate::reads::filter::Filter;
use crate::reads::summary::ended_at;

/// Longest text that is looked for.
const MAX_TEXT: usize = 200;
/// The page.
pub const PATH: &str = "/dashboard";

/// Query parameters of the list. A form sends those too that nobody has filled in: empty means any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobsQuery {
    pub phase: String,
    pub channel: String,
    pub namespace: String,
    pub label_selector: String,
    /// A part of a name or a topic.
    pub text: String,
    /// A day or a time.
    pub ended_after: String,
    pub ended_before: String,
    /// `person`: only those that wait for one.
    pub needs: String,
    pub sort: String,
    /// Counted from 1.
    pub page: String,
    /// Which part of the page is wanted, for the script.
    pub fragment: String,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Newest,
    Oldest,
    Ended,
    Resume,
    Cost,
    Name,
}

impl Sort {
    /// Each with its word in an address and its name.
    pub const ALL: [(Self, &str, &str); 6] = [
        (Self::Newest, "newest", "newest first"),
        (Self::Oldest, "oldest", "oldest first"),
        (Self::Ended, "ended", "ended last first"),
        (Self::Resume, "resume", "next to continue first"),
        (Self::Cost, "cost", "dearest first"),
        (Self::Name, "name", "by name"),
    ];

    fn read(word: &str) -> Result<Self, Problem> {
        if word.is_empty() {
            return Ok(Self::default());
        }
        let found = Self::ALL.into_iter().find(|(_, known, _)| *known == word);
        let words = || Self::ALL.map(|(_, known, _)| known).join(", ");
        found
            .map(|(sort, _, _)| sort)
            .ok_or_else(|| Problem::bad_request(format!("sort is one of {}", words())))
    }
}

/// What a query asks for, read.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    filter: Filter,
    ended_before: Option<Timestamp>,
    /// In lower case.
    text: String,
    needs_person: bool,
    pub sort: Sort,
    /// Counted from 1.
    pub page: usize,
}

/// One thing that a list is filtered by, and the address of the list without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    pub label: String,
    pub without: String,
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

impl JobsQuery {
    /// What is asked for; fails with the field that makes no sense.
    pub fn read(&self) -> Result<Wanted, Problem> {
        let named = |text: &str| given(text).map(str::to_owned);
        let phase = given(&self.phase).map(read_phase).transpose()?;
        let labels = given(&self.label_selector);
        let jobs = job_filter("", named(&self.namespace), phase, named(&self.channel), labels)?;
        check_length("text", Some(&self.text), MAX_TEXT)?;
        if !matches!(self.needs.as_str(), "" | "person") {
            return Err(Problem::bad_request("needs is person, or left out"));
        }
        let page = given(&self.page).map_or(Ok(1), str::parse).ok().filter(|page| *page > 0);
        Ok(Wanted {
            filter: Filter { jobs, ended_after: read_time("ended_after", &self.ended_after, "T00:00:00Z")? },
            ended_before: read_time("ended_before", &self.ended_before, "T23:59:59Z")?,
            text: self.text.trim().to_lowercase(),
            needs_person: self.needs == "person",
            sort: Sort::read(&self.sort)?,
            page: page.ok_or_else(|| Problem::bad_request("page is a number from 1 on"))?,
        })
    }

    /// The address of this list.
    pub fn address(&self) -> String {
        address::with(PATH, &self.parameters())
    }

    fn parameters(&self) -> [(&'static str, &str); 10] {
        [
            ("phase", &self.phase),
            ("channel", &self.channel),
            ("namespace", &self.namespace),
            ("label_selector", &self.label_selector),
            ("text", &self.text),
            ("ended_after", &self.ended_after),
            ("ended_before", &self.ended_before),
            ("needs", &self.needs),
            ("sort", &self.sort),
            ("page", &self.page),
        ]
    }

    /// The same list from its first page on, changed.
    pub fn but(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = Self { page: String::new(), fragment: String::new(), ..self.clone() };
        change(&mut other);
        other
    }

    /// The address of another page of it.
    pub fn at_page(&self, page: usize) -> String {
        self.but(|list| list.page = if page > 1 { page.to_string() } else { String::new() }).address()
    }

    /// All that the list is filtered by: nothing is left out that nobody sees.
    pub fn chips(&self) -> Vec<Chip> {
        let mut chips = Vec::new();
        let mut chip = |label: String, value: &str, clear: fn(&mut Self)| {
            if given(value).is_some() {
                chips.push(Chip { label, without: self.but(clear).address() });
            }
        };
        chip(format!("phase: {}", self.phase), &self.phase, |list| list.phase.clear());
        chip("waits for a person".to_owned(), &self.needs, |list| list.needs.clear());
        chip(format!("channel: {}", self.channel), &self.channel, |list| list.channel.clear());
        chip(format!("namespace: {}", self.namespace), &self.namespace, |list| list.namespace.clear());
        chip(format!("labels: {}", self.label_selector), &self.label_selector, |list| {
            list.label_selector.clear();
        });
        chip(format!("text: {}", self.text), &self.text, |list| list.text.clear());
        chip(format!("ended from {}", self.ended_after), &self.ended_after, |list| list.ended_after.clear());
        chip(format!("ended until {}", self.ended_before), &self.ended_before, |list| {
            list.ended_before.clear();
        });
        chips
    }

    /// The filter as the body of POST `/jobs/actions` has it, or what it has that no such body can say.
    pub fn bulk_filter(&self) -> Result<serde_json::Value, &'static str> {
        let others = [&self.text, &self.ended_after, &self.ended_before, &self.needs];
        if others.into_iter().any(|value| given(value).is_some()) {
            return Err(
                "text, times and \"waits for a person\" cannot filter a request that acts on many jobs: take them out, or name \
                        a phase, channel, namespace or label",
            );
        }
        let fields = [
            ("namespace", &self.namespace),
            ("phase", &self.phase),
            ("channel", &self.channel),
            ("labelSelector", &self.label_selector),
        ];
        let named =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), given(value)?.into())));
        let filter: serde_json::Map<String, serde_json::Value> = named.collect();
        if filter.is_empty() {
            return Err(
                "a request that acts on many jobs needs a filter: name a phase, channel, namespace or label",
            );
        }
        Ok(filter.into())
    }
}

fn read_phase(word: &str) -> Result<Phase, Problem> {
    let known = Phase::ALL.into_iter().find(|phase| phase.as_str() == word);
    let words = || Phase::ALL.map(Phase::as_str).join(", ");
    known.ok_or_else(|| Problem::bad_request(format!("phase is one of {}", words())))
}

/// A time, or a day, of which it is the first or the last second.
fn read_time(name: &str, text: &str, of_day: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = given(text) else { return Ok(None) };
    let read = text.parse().or_else(|_| format!("{text}{of_day}").parse());
    let unreadable = |_| Problem::bad_request(format!("{name} is a day or a time, such as 2026-12-24"));
    read.map(Some).map_err(unreadable)
}

impl Wanted {
    /// Whether the list shows this job.
    pub fn takes(&self, job: &VideoJob) -> bool {
        self.filter.takes(job)
            && self.ended_before.is_none_or(|before| ended_at(job).is_some_and(|at| at <= before))
            && (!self.needs_person || attention(job).is_some())
            && (self.text.is_empty() || self.has_text(job))
    }

    fn has_text(&self, job: &VideoJob) -> bool {
        let name = job.metadata.name.as_deref().unwrap_or_default();
        let topic = job.spec.topic.as_deref().unwrap_or_default();
        name.contains(&self.text) || topic.to_lowercase().contains(&self.text)
    }

    /// The jobs of its page, in its order, and how many there are in all.
    pub fn page_of<'a>(
        &self,
        jobs: impl Iterator<Item = &'a VideoJob>,
        size: usize,
    ) -> (Vec<&'a VideoJob>, usize) {
        let mut all: Vec<(Key<'a>, &VideoJob)> =
            jobs.filter(|job| self.takes(job)).map(|job| (self.key(job), job)).collect();
        let total = all.len();
        let begin = self.page.saturating_sub(1).saturating_mul(size).min(total);
        let end = (begin + size).min(total);
        // What comes after the page is not sorted.
        if end < total {
            all.select_nth_unstable_by(end, |one, other| one.0.cmp(&other.0));
            all.truncate(end);
        }
        all.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        (all.into_iter().skip(begin).map(|(_, job)| job).collect(), total)
    }

    fn key<'a>(&self, job: &'a VideoJob) -> Key<'a> {
        let created = || job.metadata.creation_timestamp.as_ref().map(|at| at.0.as_second());
        let status = job.status.as_ref();
        let number = match self.sort {
            Sort::Name => 0,
            Sort::Newest => -created().unwrap_or(i64::MAX),
            Sort::Oldest => created().unwrap_or(i64::MAX),
            Sort::Ended => ended_at(job).map_or(i64::MAX, |at| -at.as_second()),
            Sort::Resume => {
                let resume = status.and_then(|status| status.resume_at.as_ref());
                resume.map_or(i64::MAX, |at| at.0.as_second())
            }
            Sort::Cost => {
                let cost = status.and_then(|status| status.cost.as_ref()).and_then(|cost| cost.actual);
                -cost.unwrap_or_default().micros()
            }
        };
        let is_ended_last = self.sort == Sort::Resume && phase(job).is_terminal();
        let metadata = &job.metadata;
        (
            Reverse(!is_ended_last),
            number,
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
        )
    }
}

/// By what jobs are ordered; the name is the last word, so that a list does not change by itself.
type Key<'a> = (Reverse<bool>, i64, &'a str, &'a str);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn query(change: impl FnOnce(&mut JobsQuery)) -> JobsQuery {
        JobsQuery::default().but(change)
    }

    fn jobs() -> Vec<VideoJob> {
        let job = |name: &str, created: &str, status: serde_json::Value| {
            let mut job = testing::job("films", name, &status);
            job["metadata"]["creationTimestamp"] = json!(created);
            serde_json::from_value(job).unwrap()
        };
        let ended = |at: &str| json!([{"type": "Succeeded", "status": "True", "reason": "Completed", "message": "", "lastTransitionTime": at}]);
        vec![
            job("b", "2026-12-01T00:00:00Z", json!({"phase": "Running", "cost": {"actual": "0.10"}})),
            job(
                "c",
                "2026-12-03T00:00:00Z",
                json!({"phase": "Succeeded", "conditions": ended("2026-12-05T10:00:00Z")}),
            ),
            job(
                "a",
                "2026-12-02T00:00:00Z",
                json!({"phase": "Failed", "conditions": ended("2026-12-04T00:00:00Z"), "cost": {"actual": "3"}}),
            ),
            job("d", "2026-12-02T00:00:00Z", json!({"phase": "Waiting", "resumeAt": "2026-12-09T00:00:00Z"})),
        ]
    }

    fn names(query: &JobsQuery, size: usize) -> (String, usize) {
        let all = jobs();
        let (page, total) = query.read().unwrap().page_of(all.iter(), size);
        (page.iter().map(|job| job.metadata.name.clone().unwrap()).collect(), total)
    }

    #[test]
    fn a_list_is_in_the_order_that_its_address_says() {
        for (sort, expected) in [
            ("", "cadb"),
            ("newest", "cadb"),
            ("oldest", "badc"),
            ("ended", "cabd"),
            ("resume", "dbac"),
            ("cost", "abcd"),
            ("name", "abcd"),
        ] {
            assert_eq!(
                names(&query(|list| list.sort = sort.to_owned()), 10),
                (expected.to_owned(), 4),
                "{sort}"
            );
            let pages: String = (1..=3)
                .map(|page| {
                    let mut list = query(|list| list.sort = sort.to_owned());
                    list.page = page.to_string();
                    names(&list, 2).0
                })
                .collect();
            assert_eq!(pages, expected, "pages by {sort}");
        }
    }

    #[test]
    fn a_filter_takes_what_it_says_and_each_is_a_chip() {
        type Change = fn(&mut JobsQuery);
        let cases: [(Change, &str); 8] = [
            (|list| list.phase = "Failed".to_owned(), "a"),
            (|list| list.text = "OCEAN".to_owned(), "cadb"),
            (|list| list.text = " b ".to_owned(), "b"),
            (|list| list.ended_after = "2026-12-05".to_owned(), "c"),
            (|list| list.ended_before = "2026-12-04".to_owned(), "a"),
            (|list| list.ended_before = "2026-12-05T09:00:00Z".to_owned(), "a"),
            (|list| list.needs = "person".to_owned(), "a"),
            (|list| list.channel = "space".to_owned(), ""),
        ];
        for (change, expected) in cases {
            let list = query(change);
            assert_eq!(names(&list, 10).0, expected, "{list:?}");
            let chips = list.chips();
            assert_eq!(chips.len(), 1, "{list:?}");
            assert_eq!(chips[0].without, PATH);
        }
        let both = query(|list| (list.phase, list.text) = ("Failed".to_owned(), "x".to_owned()));
        assert_eq!(both.chips()[0].without, "/dashboard?text=x");
        assert_eq!(both.at_page(2), "/dashboard?phase=Failed&text=x&page=2");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let cases: [fn(&mut JobsQuery); 7] = [
            |list| list.phase = "Dancing".to_owned(),
            |list| list.sort = "size".to_owned(),
            |list| list.ended_after = "yesterday".to_owned(),
            |list| list.needs = "money".to_owned(),
            |list| list.namespace = "A".to_owned(),
            |list| list.label_selector = "a b".to_owned(),
            |list| list.text = "x".repeat(MAX_TEXT + 1),
        ];
        for change in cases {
            assert!(query(change).read().is_err());
        }
        for page in ["0", "-1", "x"] {
            assert!(JobsQuery { page: page.to_owned(), ..JobsQuery::default() }.read().is_err());
        }
    }

    #[test]
    fn many_are_asked_only_by_what_such_a_request_can_say() {
        assert!(query(|_| {}).bulk_filter().is_err(), "it would be all jobs of the cluster");
        assert!(
            query(|list| (list.phase, list.text) = ("Failed".to_owned(), "x".to_owned()))
                .bulk_filter()
                .is_err()
        );
        let filter =
            query(|list| (list.phase, list.label_selector) = ("Failed".to_owned(), "team=films".to_owned()));
        assert_eq!(filter.bulk_filter(), Ok(json!({"phase": "Failed", "labelSelector": "team=films"})));
    }
}
