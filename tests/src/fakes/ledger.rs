//! What the fakes know of what was asked of them, as tests read it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clock::in_milliseconds;
use super::service::{Operation, Service};

/// Everything, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// What was accepted, whether or not its answer arrived.
    pub submissions: Vec<Submission>,
    /// What was refused.
    pub refusals: Vec<Refusal>,
    /// Uploads to `YouTube`, complete or not.
    pub uploads: Vec<Upload>,
    /// Calls of webhooks.
    pub deliveries: Vec<Delivery>,
    /// Refusals for a limit that the account's own use filled: its owner could have known.
    pub avoidable429: u64,
    /// Requests by service and operation, such as `xai/poll`.
    pub requests: BTreeMap<String, u64>,
    /// Requests that wait now, because a fault holds them or their answers.
    pub held: u64,
    /// Downloads from the other origin that a redirect led to, and whether they came with credentials.
    pub strays: Vec<Stray>,
}

/// A submission that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    pub service: Service,
    pub operation: Operation,
    /// The account's key, masked.
    pub key: String,
    /// When it was accepted.
    #[serde(serialize_with = "in_milliseconds")]
    pub at: Timestamp,
    /// The service's id of it.
    pub id: String,
    /// The model that was asked for, by the service's name.
    pub model: String,
    /// What was asked for.
    pub prompt: String,
    /// How many pictures came along.
    pub pictures: usize,
    /// SHA-256 of the prompt followed by the pictures' bytes, in hexadecimal.
    pub digest: String,
    /// Length of the clip that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// Whether the result was handed over, as far as the server knows.
    pub delivered: bool,
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    pub service: Service,
    /// What was asked for.
    pub operation: Operation,
    /// The account's key, masked.
    pub key: String,
    /// The time of the refusal.
    #[serde(serialize_with = "in_milliseconds")]
    pub at: Timestamp,
    /// HTTP status; 0 if there was no answer.
    pub status: u16,
    /// Why: `limit:KIND`, `fault:EFFECT`, `invalid`, `no-key` or `not-found`.
    pub kind: String,
    /// The prompt of what was refused.
    pub prompt: String,
}

/// An upload to `YouTube`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// The session's id.
    pub session: String,
    /// The video's id, once it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_id: Option<String>,
    /// Bytes that are stored.
    pub bytes: u64,
    /// Bytes that were announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// SHA-256 of the bytes, once it is complete, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The video's title.
    pub title: String,
    pub tags: Vec<String>,
    /// The word of title, tags or description that begins with `vf-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Whether all bytes are there.
    pub complete: bool,
    /// Whether the session was given up or lost.
    pub gone: bool,
    /// The video's `snippet` as it was sent.
    pub snippet: Value,
    /// The video's `status` as it was sent.
    pub status: Value,
    /// When the session was opened.
    #[serde(serialize_with = "in_milliseconds")]
    pub at: Timestamp,
    /// SHA-256 of the thumbnail that was set, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
    /// Captions that were inserted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captions: Vec<Captions>,
    /// Playlists that it was put into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub playlists: Vec<String>,
}

/// Captions of an uploaded video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Captions {
    /// BCP-47 tag.
    pub language: String,
    /// The track's name.
    pub name: String,
    /// The file's text.
    pub text: String,
}

/// A call of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The time of the delivery.
    #[serde(serialize_with = "in_milliseconds")]
    pub at: Timestamp,
    /// The header `Idempotency-Key`; empty without it.
    pub idempotency_key: String,
    /// Whether a call with the same idempotency key had come before.
    pub repeated: bool,
    /// All headers, in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as it came, for whoever checks its signature.
    pub body: String,
}

/// A download from the other origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stray {
    /// The submission whose result it was.
    pub id: String,
    /// The headers with credentials that came along; none should.
    pub credentials: Vec<String>,
}

impl Ledger {
    /// How many submissions were accepted for prompts with this part.
    #[must_use]
    pub fn accepted(&self, part: &str) -> usize {
        self.submissions.iter().filter(|submission| submission.prompt.contains(part)).count()
    }

    /// Refusals of this kind.
    #[must_use]
    pub fn refused(&self, kind: &str) -> usize {
        self.refusals.iter().filter(|refusal| refusal.kind == kind).count()
    }

    /// How many requests of an operation came.
    #[must_use]
    pub fn asked(&self, service: Service, operation: Operation) -> u64 {
        let name = format!("{}/{}", service.name(), operation.name());
        self.requests.get(&name).copied().unwrap_or_default()
    }

    /// The other's entries added to these; whoever adds several sorts them afterwards.
    pub(crate) fn join(&mut self, other: Self) {
        self.submissions.extend(other.submissions);
        self.refusals.extend(other.refusals);
        self.uploads.extend(other.uploads);
        self.deliveries.extend(other.deliveries);
        self.strays.extend(other.strays);
        self.avoidable429 += other.avoidable429;
        self.held += other.held;
        for (name, count) in other.requests {
            *self.requests.entry(name).or_default() += count;
        }
    }

    pub(crate) fn sort(&mut self) {
        self.submissions.sort_by_key(|entry| entry.at);
        self.refusals.sort_by_key(|entry| entry.at);
        self.uploads.sort_by_key(|entry| entry.at);
        self.deliveries.sort_by_key(|entry| entry.at);
    }
}
