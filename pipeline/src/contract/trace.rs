//! Which trace a run belongs to, and which span a part of it is. Operator and worker derive the same ids from what both
//! know, so that neither has to inform the other, and a span that is sent twice is one span.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use videofactory_crds::StepName;

/// The environment variable by which a worker is given its parent, as a [`Traceparent`]; without it, it sends no span.
pub const TRACEPARENT_VARIABLE: &str = "TRACEPARENT";

/// The id of a trace: never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// The id of a span in its trace: never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SpanId {
    /// Something within this span: the same parts name the same span.
    #[must_use]
    pub fn child(self, parts: &[&str]) -> Self {
        let id = self.to_string();
        let all: Vec<&str> = ["child", &id].into_iter().chain(parts.iter().copied()).collect();
        Self(hash(&all))
    }
}

/// A place in a trace, as W3C's `traceparent` writes it: `00-<trace>-<parent>-<flags>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    /// What all spans of a run have in common.
    pub trace: TraceId,
    /// The span that whoever is given this is a part of.
    pub parent: SpanId,
    /// Whether it is recorded.
    pub sampled: bool,
}

/// A text that is no `traceparent`, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTraceparentError {
    /// It does not look like one.
    #[error(
        "it is not written as 00-<32 digits>-<16 digits>-<2 digits>, with the lower-case digits 0-9 and a-f"
    )]
    Shape,
    /// Version ff is forbidden.
    #[error("its version is ff, which none has")]
    Version,
    /// An id is zero.
    #[error("an id of zeros stands for none")]
    Zero,
}

impl FromStr for Traceparent {
    type Err = ParseTraceparentError;

    /// Strictly; of a later version, what comes after a further hyphen is left out, as the standard has it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use ParseTraceparentError::{Shape, Version, Zero};
        let mut parts = text.splitn(5, '-');
        let mut next = || parts.next().ok_or(Shape);
        let (version, trace, parent, flags) = (next()?, next()?, next()?, next()?);
        let [version] = digits(version).ok_or(Shape)?;
        let trace = TraceId(digits(trace).ok_or(Shape)?);
        let parent = SpanId(digits(parent).ok_or(Shape)?);
        let [flags] = digits(flags).ok_or(Shape)?;
        if version == 0xff {
            return Err(Version);
        }
        if version == 0 && parts.next().is_some() {
            return Err(Shape);
        }
        if trace.0 == [0; 16] || parent.0 == [0; 8] {
            return Err(Zero);
        }
        Ok(Self { trace, parent, sampled: flags & 1 == 1 })
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.parent, u8::from(self.sampled))
    }
}

/// Exactly `N` bytes in lower-case hexadecimal digits.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; N];
    (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

/// The trace of one run of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTrace {
    /// The trace.
    pub id: TraceId,
    /// The span of somebody else that the run is a part of.
    pub parent: Option<SpanId>,
    /// Whether it is recorded.
    pub sampled: bool,
    uid: String,
    run: i64,
}

/// A part of an attempt, as a span of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The whole of it.
    Step,
    /// From its Job's creation to its container's start.
    QueueWait,
    /// From the demand to what this account has granted.
    QuotaWait(&'a str),
    /// From its container's start to its end.
    Execution,
}

impl RunTrace {
    /// The trace of run `run` of the `VideoJob` with this UID: the one that was handed in from outside, or one of its own.
    #[must_use]
    pub fn of(uid: &str, run: i64, outside: Option<Traceparent>) -> Self {
        let own = || TraceId(hash(&["trace", uid, &run.to_string()]));
        Self {
            id: outside.map_or_else(own, |outside| outside.trace),
            parent: outside.map(|outside| outside.parent),
            sampled: outside.is_none_or(|outside| outside.sampled),
            uid: uid.to_owned(),
            run,
        }
    }

    /// The run itself.
    #[must_use]
    pub fn root(&self) -> SpanId {
        SpanId(hash(&["run", &self.uid, &self.run.to_string()]))
    }

    /// A part of an attempt of a step.
    #[must_use]
    pub fn span(&self, step: StepName, attempt: i32, part: Part<'_>) -> SpanId {
        let (run, attempt) = (self.run.to_string(), attempt.to_string());
        let (kind, account) = match part {
            Part::Step => ("step", ""),
            Part::QueueWait => ("queue-wait", ""),
            Part::QuotaWait(account) => ("quota-wait", account),
            Part::Execution => ("execution", ""),
        };
        SpanId(hash(&[kind, &self.uid, &run, step.as_str(), &attempt, account]))
    }

    /// What the worker of an attempt is given: what it does is a part of the attempt's execution.
    #[must_use]
    pub fn for_worker(&self, step: StepName, attempt: i32) -> Traceparent {
        let parent = self.span(step, attempt, Part::Execution);
        Traceparent { trace: self.id, parent, sampled: self.sampled }
    }
}

/// The first bytes of a SHA-256 over the parts; none holds a line's end.
fn hash<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut bytes = [0; N];
    let digest = Sha256::digest(format!("videofactory trace\n{}", parts.join("\n")).as_bytes());
    bytes.copy_from_slice(&digest[..N]);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const OUTSIDE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_reads_back_as_it_was_written() {
        let read: Traceparent = OUTSIDE.parse().unwrap();
        assert!(read.sampled);
        assert_eq!(read.to_string(), OUTSIDE);
        let unsampled: Traceparent = OUTSIDE.replace("-01", "-00").parse().unwrap();
        assert!(!unsampled.sampled);
        let more_flags: Traceparent = OUTSIDE.replace("-01", "-03").parse().unwrap();
        assert_eq!(more_flags, read);
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        use ParseTraceparentError::{Shape, Version, Zero};
        let with = |place: usize, part: &str| {
            let mut parts: Vec<&str> = OUTSIDE.split('-').collect();
            parts[place] = part;
            parts.join("-")
        };
        for (text, why) in [
            (String::new(), Shape),
            ("00".to_owned(), Shape),
            (OUTSIDE.to_uppercase(), Shape),
            (format!(" {OUTSIDE}"), Shape),
            (format!("{OUTSIDE}\n"), Shape),
            (format!("{OUTSIDE}-"), Shape),
            (format!("{OUTSIDE}-what"), Shape),
            (with(0, "0"), Shape),
            (with(0, "ff"), Version),
            (with(1, "0af7651916cd43dd8448eb211c80319"), Shape),
            (with(1, "0af7651916cd43dd8448eb211c80319cc"), Shape),
            (with(1, &"0".repeat(32)), Zero),
            (with(2, &"0".repeat(16)), Zero),
            (with(2, "b7ad6b716920333g"), Shape),
            (with(3, "1"), Shape),
            (with(3, "+1"), Shape),
            (with(3, "011"), Shape),
        ] {
            assert_eq!(text.parse::<Traceparent>(), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_later_version_may_say_more() {
        let later = OUTSIDE.replacen("00", "01", 1);
        assert_eq!(later.parse::<Traceparent>(), OUTSIDE.parse());
        assert_eq!(format!("{later}-and-more").parse::<Traceparent>(), OUTSIDE.parse());
        assert_eq!(format!("{later}and").parse::<Traceparent>(), Err(ParseTraceparentError::Shape));
    }

    #[test]
    fn ids_are_frozen() {
        let trace = RunTrace::of("b4b1f4cf-2f1a-4a35-9d9f-1f0f3b9a2f10", 2, None);
        let execution = trace.for_worker(StepName::AnimateScenes, 3);
        assert_eq!(execution.to_string(), "00-ca09d163ab89ce710fd46e82bc8c3d54-2c252e41a3c50d6b-01");
        assert_eq!(trace.root().to_string(), "201f52221dc35c4b");
    }

    #[test]
    fn every_part_of_every_attempt_is_a_span_of_its_own() {
        let parts =
            [Part::Step, Part::QueueWait, Part::QuotaWait("a"), Part::QuotaWait("b"), Part::Execution];
        let mut ids = BTreeSet::new();
        let mut count = 0;
        for (uid, run) in [("u", 1), ("u", 2), ("u", 12), ("v", 1)] {
            let trace = RunTrace::of(uid, run, None);
            ids.insert(trace.root());
            count += 1;
            for step in StepName::ALL {
                for attempt in [1, 2, 11] {
                    ids.extend(parts.map(|part| trace.span(step, attempt, part)));
                    count += parts.len();
                }
            }
        }
        assert_eq!(ids.len(), count);
        let execution = RunTrace::of("u", 1, None).for_worker(StepName::WriteScript, 1).parent;
        assert_ne!(execution.child(&["submit", "1"]), execution.child(&["submit", "2"]));
    }

    #[test]
    fn a_context_from_outside_is_the_runs_own() {
        let outside: Traceparent = OUTSIDE.parse().unwrap();
        let (own, within) = (RunTrace::of("u", 1, None), RunTrace::of("u", 1, Some(outside)));
        assert_eq!((within.id, within.parent), (outside.trace, Some(outside.parent)));
        assert_eq!(within.root(), own.root(), "ids of spans do not depend on who asked");
        assert!(own.sampled && own.parent.is_none());
        let silent = RunTrace::of("u", 1, Some(Traceparent { sampled: false, ..outside }));
        assert!(!silent.sampled && !silent.for_worker(StepName::WriteScript, 1).sampled);
        assert_ne!(own.id, RunTrace::of("u", 2, None).id, "each run is a trace");
    }

    proptest! {
        #[test]
        fn any_text_may_be_asked_whether_it_is_a_traceparent(text in "[0-9a-f-]{50,60}|.{0,60}") {
            if let Ok(read) = text.parse::<Traceparent>() {
                prop_assert_eq!(&read.to_string()[3..52], &text[3..52]);
            }
        }
    }
}
