//! Requests that people make by annotation: names, and what their values mean.
//!
//! A request counts once: the text that `handled` is to record is compared with the status. An unreadable
//! one is reported and otherwise ignored; it never fails a job.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::step::StepName;
use crate::units::Duration;

/// On a `VideoJob`, an RFC 3339 time: continue with the step that failed or waits for a person.
pub const RETRY: &str = "videofactory.dev/retry-requested-at";
/// On a `VideoJob`, an RFC 3339 time: begin the next run, from the start.
pub const RESTART: &str = "videofactory.dev/restart-requested-at";
/// On a `VideoJob`, JSON: make parts of scenes again, see [`Regenerate`].
pub const REGENERATE: &str = "videofactory.dev/regenerate-requested";
/// On a `VideoJob`, an RFC 3339 time: take over the Channel as it is now.
pub const REFRESH_CHANNEL: &str = "videofactory.dev/refresh-channel-requested-at";
/// On a `VideoJob`, why: stop, and stay stopped while the annotation is there.
pub const HOLD: &str = "videofactory.dev/hold";
/// On a `VideoJob`, `<step>@<output digest>`: this output is approved.
pub const APPROVED: &str = "videofactory.dev/approved";
/// On a `VideoJob`, `<step>@<output digest>`: this output is rejected.
pub const REJECTED: &str = "videofactory.dev/rejected";
/// On a `VideoJob`, the digest of the film whose failed checks are accepted.
pub const ACCEPT_QUALITY: &str = "videofactory.dev/accept-quality";
/// On a `VideoJob`, a W3C `traceparent`: the trace that its runs are a part of. It asks for nothing.
pub const TRACEPARENT: &str = "videofactory.dev/traceparent";
/// All annotations by which people ask something of a `VideoJob`.
pub const ON_JOBS: [&str; 8] =
    [RETRY, RESTART, REGENERATE, REFRESH_CHANNEL, HOLD, APPROVED, REJECTED, ACCEPT_QUALITY];
/// On a `StoragePolicy`, JSON: prune now, see [`Cleanup`].
pub const CLEANUP: &str = "videofactory.dev/cleanup-requested";
/// On a `StoragePolicy`, an RFC 3339 time: back up now.
pub const BACKUP: &str = "videofactory.dev/backup-requested-at";
/// On a `StoragePolicy`, the word that its condition names: the place that another cluster has, or of which nothing says
/// whose it is, is this one's now. It names one place, as it was marked then, and no other.
pub const TAKE_OVER: &str = "videofactory.dev/take-over-bucket";
/// On an object that is being restored from a backup, an RFC 3339 time: since when. While it stands nothing acts upon the
/// object: it may have no status yet, and what it names may not be there. Whoever restores takes it away at the end.
pub const RESTORING: &str = "videofactory.dev/restoring";

/// On an object that is being restored, the digest of the backup: it has a status there. Until it has one here nothing acts
/// upon it, also without [`RESTORING`]: it would begin as a new one, and what it had made would be paid for again.
pub const RESTORED_FROM: &str = "videofactory.dev/restored-from";

/// An annotation whose value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadRequestError {
    /// Not an RFC 3339 time.
    #[error(
        "annotation {annotation} holds {value:?}, which is no time: write one such as 2026-12-24T18:00:00Z"
    )]
    ReadTime {
        /// Name of the annotation.
        annotation: &'static str,
        /// What it holds.
        value: String,
    },
    /// Not the JSON that this annotation takes.
    #[error("annotation {annotation} cannot be read: {problem}; write JSON such as {example}")]
    ReadJson {
        /// Name of the annotation.
        annotation: &'static str,
        /// What is wrong.
        problem: String,
        /// A readable value.
        example: &'static str,
    },
    /// Not `<step>@<output digest>`.
    #[error(
        "annotation {annotation} holds {value:?}: write <step>@<output digest>, such as assemble-video@3f9c2a1e"
    )]
    ReadDecision {
        /// Name of the annotation.
        annotation: &'static str,
        /// What it holds.
        value: String,
    },
}

/// A request that is nothing but a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// When it was made.
    pub at: Timestamp,
    /// The time as written; `handled` records this text.
    pub text: String,
}

/// Whether a time is so far ahead that nobody can have asked at it: clocks differ by less.
#[must_use]
pub fn is_early(at: Timestamp, now: Timestamp) -> bool {
    at.duration_since(now) > SignedDuration::from_mins(5)
}

impl Requested {
    /// Whether its time has not come, by more than clocks differ: then it is not acted upon, and not remembered either,
    /// because every request that is made now would be older.
    #[must_use]
    pub fn is_early(&self, now: Timestamp) -> bool {
        is_early(self.at, now)
    }
}

/// Which part of a scene to make again; lower case on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScenePart {
    /// Its picture, and with it the clip.
    Image,
    /// Its clip.
    Clip,
    /// Its voice.
    Voice,
}

/// A request to make parts of scenes again: `{"at":"…","scenes":["s4"],"what":"clip"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regenerate {
    /// When it was made, and the text for `handled`.
    pub requested: Requested,
    /// Ids of the scenes.
    pub scenes: Vec<String>,
    /// What to make again.
    pub what: ScenePart,
}

/// A person's decision about exactly one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The step.
    pub step: StepName,
    /// Digest of its output.
    pub digest: String,
}

/// A request to prune now: `{"at":"…","olderThan":"7d","dryRun":true}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleanup {
    /// When it was made, and the text for `handled`.
    pub requested: Requested,
    /// Age from which finished jobs' files may go, instead of the rules' own ages.
    pub older_than: Option<Duration>,
    /// Whether to plan only.
    pub dry_run: bool,
}

/// All readable requests on a `VideoJob`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobRequests {
    /// From [`RETRY`].
    pub retry: Option<Requested>,
    /// From [`RESTART`].
    pub restart: Option<Requested>,
    /// From [`REGENERATE`].
    pub regenerate: Option<Regenerate>,
    /// From [`REFRESH_CHANNEL`].
    pub refresh_channel: Option<Requested>,
    /// From [`HOLD`]: why. An empty text holds too.
    pub hold: Option<String>,
    /// From [`APPROVED`].
    pub approved: Option<Decision>,
    /// From [`REJECTED`].
    pub rejected: Option<Decision>,
    /// From [`ACCEPT_QUALITY`]: a digest.
    pub accept_quality: Option<String>,
}

/// All readable requests on a `StoragePolicy`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyRequests {
    /// From [`CLEANUP`].
    pub cleanup: Option<Cleanup>,
    /// From [`BACKUP`].
    pub backup: Option<Requested>,
}

/// Reads a `VideoJob`'s annotations; the unreadable ones come beside, in a fixed order.
#[must_use]
pub fn job_requests(annotations: &BTreeMap<String, String>) -> (JobRequests, Vec<ReadRequestError>) {
    let mut reader = Reader { annotations, unreadable: Vec::new() };
    let requests = JobRequests {
        retry: reader.read(RETRY, read_time),
        restart: reader.read(RESTART, read_time),
        regenerate: reader.read(REGENERATE, read_regenerate),
        refresh_channel: reader.read(REFRESH_CHANNEL, read_time),
        hold: annotations.get(HOLD).cloned(),
        approved: reader.read(APPROVED, read_decision),
        rejected: reader.read(REJECTED, read_decision),
        accept_quality: annotations.get(ACCEPT_QUALITY).filter(|digest| !digest.is_empty()).cloned(),
    };
    (requests, reader.unreadable)
}

/// Reads a `StoragePolicy`'s annotations; the unreadable ones come beside, in a fixed order.
#[must_use]
pub fn policy_requests(annotations: &BTreeMap<String, String>) -> (PolicyRequests, Vec<ReadRequestError>) {
    let mut reader = Reader { annotations, unreadable: Vec::new() };
    let requests = PolicyRequests {
        cleanup: reader.read(CLEANUP, read_cleanup),
        backup: reader.read(BACKUP, read_time),
    };
    (requests, reader.unreadable)
}

struct Reader<'a> {
    annotations: &'a BTreeMap<String, String>,
    unreadable: Vec<ReadRequestError>,
}

impl Reader<'_> {
    fn read<T>(
        &mut self,
        annotation: &'static str,
        parse: fn(&'static str, &str) -> Result<T, ReadRequestError>,
    ) -> Option<T> {
        match parse(annotation, self.annotations.get(annotation)?) {
            Ok(request) => Some(request),
            Err(error) => {
                self.unreadable.push(error);
                None
            }
        }
    }
}

fn read_time(annotation: &'static str, value: &str) -> Result<Requested, ReadRequestError> {
    match value.parse() {
        Ok(at) => Ok(Requested { at, text: value.to_owned() }),
        Err(_) => Err(ReadRequestError::ReadTime { annotation, value: value.to_owned() }),
    }
}

fn read_json<T: for<'de> Deserialize<'de>>(
    annotation: &'static str,
    value: &str,
    example: &'static str,
) -> Result<T, ReadRequestError> {
    serde_json::from_str(value).map_err(|error| ReadRequestError::ReadJson {
        annotation,
        problem: error.to_string(),
        example,
    })
}

fn read_regenerate(annotation: &'static str, value: &str) -> Result<Regenerate, ReadRequestError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wire {
        at: String,
        scenes: Vec<String>,
        what: ScenePart,
    }
    let example = r#"{"at":"2026-12-24T18:00:00Z","scenes":["s4"],"what":"clip"}"#;
    let wire: Wire = read_json(annotation, value, example)?;
    if wire.scenes.is_empty() {
        let problem = "it names no scene".to_owned();
        return Err(ReadRequestError::ReadJson { annotation, problem, example });
    }
    let requested = read_time(annotation, &wire.at)?;
    Ok(Regenerate { requested, scenes: wire.scenes, what: wire.what })
}

/// When a request was made, by its annotation or by the record that it was handled: both are a time alone, or an object
/// with one, whatever else a later version writes into it.
#[must_use]
pub fn time_of(text: &str) -> Option<Timestamp> {
    let whole: Option<serde_json::Value> = serde_json::from_str(text).ok();
    whole.as_ref().and_then(|whole| whole["at"].as_str()).unwrap_or(text).parse().ok()
}

fn read_cleanup(annotation: &'static str, value: &str) -> Result<Cleanup, ReadRequestError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Wire {
        at: String,
        older_than: Option<Duration>,
        #[serde(default)]
        dry_run: bool,
    }
    let example = r#"{"at":"2026-12-24T18:00:00Z","olderThan":"7d","dryRun":true}"#;
    // A time alone asks for what the policy says.
    if let Ok(requested) = read_time(annotation, value) {
        return Ok(Cleanup { requested, older_than: None, dry_run: false });
    }
    let wire: Wire = read_json(annotation, value, example)?;
    let requested = read_time(annotation, &wire.at)?;
    Ok(Cleanup { requested, older_than: wire.older_than, dry_run: wire.dry_run })
}

fn read_decision(annotation: &'static str, value: &str) -> Result<Decision, ReadRequestError> {
    let parsed = value.split_once('@').and_then(|(step, digest)| Some((step.parse().ok()?, digest)));
    match parsed {
        Some((step, digest)) if !digest.is_empty() => Ok(Decision { step, digest: digest.to_owned() }),
        _ => Err(ReadRequestError::ReadDecision { annotation, value: value.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_request_on_a_job_is_read_and_its_text_kept() {
        let (requests, unreadable) = job_requests(&annotations(&[
            (RETRY, "2026-11-23T10:00:00Z"),
            (RESTART, "2026-11-23T11:00:00+02:00"),
            (REGENERATE, r#"{"at":"2026-11-23T12:00:00Z","scenes":["s4"],"what":"clip"}"#),
            (REFRESH_CHANNEL, "2026-11-23T13:00:00Z"),
            (HOLD, "waiting for the sponsor"),
            (APPROVED, "assemble-video@3f9c"),
            (REJECTED, "write-script@aa"),
            (ACCEPT_QUALITY, "bb"),
        ]));
        assert_eq!(unreadable, []);
        assert_eq!(requests.retry.unwrap().text, "2026-11-23T10:00:00Z");
        let restart = requests.restart.unwrap();
        assert_eq!(restart.at, "2026-11-23T09:00:00Z".parse().unwrap());
        assert_eq!(restart.text, "2026-11-23T11:00:00+02:00");
        let regenerate = requests.regenerate.unwrap();
        assert_eq!((regenerate.scenes, regenerate.what), (vec!["s4".to_owned()], ScenePart::Clip));
        assert!(requests.refresh_channel.is_some());
        assert_eq!(requests.hold.as_deref(), Some("waiting for the sponsor"));
        let approved = requests.approved.unwrap();
        assert_eq!((approved.step, approved.digest.as_str()), (StepName::AssembleVideo, "3f9c"));
        assert_eq!(requests.rejected.unwrap().step, StepName::WriteScript);
        assert_eq!(requests.accept_quality.as_deref(), Some("bb"));
    }

    #[test]
    fn an_unreadable_request_is_reported_and_the_others_still_count() {
        let (requests, unreadable) = job_requests(&annotations(&[
            (RETRY, "tomorrow"),
            (REGENERATE, r#"{"at":"2026-11-23T12:00:00Z","scenes":[],"what":"clip"}"#),
            (APPROVED, "assemble-video"),
            (REJECTED, "paint@aa"),
            (RESTART, "2026-11-23T11:00:00Z"),
        ]));
        assert!(requests.retry.is_none() && requests.regenerate.is_none() && requests.approved.is_none());
        assert!(requests.restart.is_some());
        let texts: Vec<String> = unreadable.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 4, "{texts:?}");
        assert!(texts[0].contains("retry-requested-at holds \"tomorrow\", which is no time"), "{}", texts[0]);
        assert!(texts[1].contains("it names no scene"), "{}", texts[1]);
        assert!(texts[2].contains("write <step>@<output digest>"), "{}", texts[2]);
        assert!(texts[3].contains("paint@aa"), "{}", texts[3]);
    }

    #[test]
    fn a_cleanup_request_defaults_to_deleting_by_the_rules() {
        let (requests, unreadable) =
            policy_requests(&annotations(&[(CLEANUP, r#"{"at":"2026-11-23T12:00:00Z"}"#)]));
        let (plain, _) = policy_requests(&annotations(&[(CLEANUP, "2026-11-23T12:00:00Z")]));
        assert_eq!(
            plain.cleanup.map(|cleanup| cleanup.requested.at),
            requests.cleanup.as_ref().map(|cleanup| cleanup.requested.at)
        );
        assert_eq!(unreadable, []);
        let cleanup = requests.cleanup.unwrap();
        assert_eq!((cleanup.older_than, cleanup.dry_run), (None, false));

        let (requests, _) = policy_requests(&annotations(&[
            (CLEANUP, r#"{"at":"2026-11-23T12:00:00Z","olderThan":"7d","dryRun":true}"#),
            (BACKUP, "2026-11-23T12:00:00Z"),
        ]));
        let cleanup = requests.cleanup.unwrap();
        assert_eq!((cleanup.older_than, cleanup.dry_run), (Some(Duration::from_days(7)), true));
        assert!(requests.backup.is_some());
    }

    #[test]
    fn the_time_of_a_request_is_read_from_both_of_its_forms() {
        let at = "2026-12-24T18:00:00Z".parse().ok();
        assert_eq!(time_of("2026-12-24T18:00:00Z"), at);
        assert_eq!(time_of(r#"{"at":"2026-12-24T18:00:00Z","newer":1}"#), at);
        assert_eq!(time_of("{}"), None);
    }

    #[test]
    fn a_misspelt_field_of_a_cleanup_request_deletes_nothing() {
        let (requests, unreadable) =
            policy_requests(&annotations(&[(CLEANUP, r#"{"at":"2026-11-23T12:00:00Z","dryrun":true}"#)]));
        assert!(requests.cleanup.is_none());
        assert!(unreadable[0].to_string().contains("unknown field `dryrun`"), "{}", unreadable[0]);
    }
}
