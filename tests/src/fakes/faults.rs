//! Faults that a test orders: what goes wrong, for whom, after how many requests and how often.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::call::Ask;
use super::locked;
use super::service::{Operation, Service};

/// One order. All of its conditions must hold; of several orders that do, the first in the list applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub effect: Effect,
    /// Only for this account. Absent: the one that the list is for, else any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only for this service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Only for this operation. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Only if the prompt has this part; of a poll or download, the prompt of what was submitted; of an upload, its
    /// title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// How many such requests are spared first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: u64,
    /// How many requests it applies to before it is over. Absent: until faults are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Effect {
    /// Refused for a while, in one of the shapes that services use.
    RateLimited {
        shape: Shape,
        /// Seconds that it speaks of, where the shape has room for them.
        #[serde(default = "a_minute")]
        seconds: u64,
    },
    /// No credits are left: only a person can fix it.
    CreditsUsedUp,
    /// Refused for what it shows. A submission so refused counts as used; on a poll, the result is withheld.
    Moderated,
    /// Of a poll: done, without a URL.
    EmptyUrl,
    /// Of a poll: the request has expired.
    Expired,
    /// Of a poll: the work has failed.
    Failed,
    /// Of a poll: not done yet, however long it takes.
    Pending,
    /// Of a poll: the server was restarted, and knows nothing of what it was asked for before.
    Forgotten,
    /// An error of this status, and nothing is accepted.
    Status {
        /// HTTP status.
        code: u16,
    },
    /// The request is accepted, and the answer is an error of this status.
    StatusAfter {
        /// HTTP status.
        code: u16,
    },
    /// The request is accepted, and the answer is a proxy's page of HTML with this status.
    HtmlAfter {
        /// HTTP status.
        code: u16,
    },
    /// A page of HTML instead of an answer, and nothing is accepted.
    Html {
        /// HTTP status.
        code: u16,
    },
    /// The key is wrong, as the service says it.
    WrongKey,
    /// Of `YouTube`'s token endpoint: `invalid_grant`, the refresh token is revoked.
    TokenRevoked,
    /// The account may not do this: 403.
    Forbidden,
    /// Half of the answer's body, as if it were the whole.
    Truncated,
    /// The connection is closed after half of the answer's body.
    CutAnswer,
    /// The answer's body comes over so many milliseconds.
    SlowBody {
        /// Milliseconds.
        ms: u64,
    },
    /// The connection is closed without an answer, and nothing is accepted.
    Reset,
    /// The request is accepted, and the connection is closed without an answer.
    LoseAnswer,
    /// The request waits, not accepted yet, until faults are replaced; then it continues.
    Hold,
    /// The request is accepted, and its answer waits until faults are replaced.
    HoldAnswer,
    /// Of an upload: the session is gone from now on: 404.
    SessionGone,
    /// Of a part of an upload: 308 without Range, and nothing of the upload is kept.
    NoRange,
    /// Of a part of an upload: the connection is closed after so many of its bytes.
    CutUpload {
        /// Bytes of the part.
        bytes: u64,
    },
    /// Of a download: a redirect to another origin, where the result is.
    Redirect,
    /// There is an answer, and nothing in it: `output: null`, no candidate, no items in a list.
    NoOutput,
    /// Gemini ends a text or picture for this reason; `MAX_TOKENS` cuts the text.
    FinishReason {
        /// Such as `SAFETY`.
        reason: String,
    },
    /// Hugging Face is loading the model: an error of this status, which may be 200.
    Loading {
        /// HTTP status.
        code: u16,
    },
    /// The model writes this text.
    Say {
        /// What it writes.
        text: String,
    },
}

/// How a service says that it is enough for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// 429 that says nothing of the time.
    Plain,
    /// 429 with `Retry-After`.
    RetryAfter,
    /// xAI: requests per second.
    PerSecond,
    /// Gemini: details with `RetryInfo`.
    RetryInfo,
    /// Gemini: details with a `PerDay` quota.
    PerDay,
    /// Hugging Face: headers `RateLimit` and `RateLimit-Policy`.
    RateLimitHeader,
    /// `YouTube`: 403 `quotaExceeded`.
    QuotaExceeded,
    /// `YouTube`: 429 `rateLimitExceeded`, video uploads per day.
    UploadsPerDay,
    /// `YouTube`: 400 `uploadLimitExceeded`, of the channel.
    UploadLimit,
}

impl Fault {
    /// A fault for every request, without end.
    #[must_use]
    pub fn always(effect: Effect) -> Self {
        Self { effect, key: None, service: None, operation: None, prompt: None, after: 0, times: None }
    }

    /// Only for requests to this service.
    #[must_use]
    pub fn of(mut self, service: Service) -> Self {
        self.service = Some(service);
        self
    }

    /// Only for this operation.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only for prompts with this part.
    #[must_use]
    pub fn saying(mut self, part: impl Into<String>) -> Self {
        self.prompt = Some(part.into());
        self
    }

    /// Only after so many such requests.
    #[must_use]
    pub fn after(mut self, spared: u64) -> Self {
        self.after = spared;
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    fn concerns(&self, ask: &Ask) -> bool {
        self.key.as_ref().is_none_or(|key| *key == ask.key)
            && self.service.is_none_or(|service| service == ask.service)
            && self.operation.is_none_or(|operation| operation == ask.operation)
            && self.prompt.as_ref().is_none_or(|part| ask.prompt.contains(part))
            && self.effect.fits(ask.operation)
    }
}

impl Effect {
    /// Its name in JSON.
    #[must_use]
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
            Ok(serde_json::Value::String(name)) => name,
            _ => String::new(),
        }
    }

    /// Whether this can happen to such a request at all.
    fn fits(&self, operation: Operation) -> bool {
        match self {
            Self::EmptyUrl | Self::Expired | Self::Failed | Self::Pending | Self::Forgotten => {
                matches!(operation, Operation::Poll | Operation::Videos)
            }
            Self::Moderated => {
                matches!(operation, Operation::Poll | Operation::Videos) || operation.submits()
            }
            Self::TokenRevoked => operation == Operation::Token,
            Self::SessionGone => matches!(operation, Operation::Chunk | Operation::Query),
            Self::NoRange | Self::CutUpload { .. } => operation == Operation::Chunk,
            Self::Redirect => operation == Operation::Download,
            Self::NoOutput => {
                matches!(operation, Operation::Videos | Operation::Channels | Operation::PlaylistItems)
                    || matches!(operation, Operation::Script | Operation::Image | Operation::Speech)
            }
            Self::FinishReason { .. } | Self::Say { .. } | Self::Loading { .. } => {
                matches!(operation, Operation::Script | Operation::Image | Operation::Speech)
            }
            _ => true,
        }
    }
}

/// The faults in force.
#[derive(Debug)]
pub(crate) struct FaultBox {
    armed: Mutex<Vec<Armed>>,
    /// Raised whenever faults are replaced.
    edition: watch::Sender<u64>,
}

#[derive(Debug)]
struct Armed {
    id: uuid::Uuid,
    fault: Fault,
    spared: u64,
    used: u64,
}

/// A fault that a request has met.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    pub(crate) effect: Effect,
    id: uuid::Uuid,
}

impl Default for FaultBox {
    fn default() -> Self {
        Self { armed: Mutex::default(), edition: watch::Sender::new(0) }
    }
}

impl FaultBox {
    /// Replaces all faults of an account, without one all faults.
    pub(crate) fn replace(&self, key: Option<&str>, faults: Vec<Fault>) -> anyhow::Result<()> {
        for fault in &faults {
            anyhow::ensure!(
                fault.times != Some(0),
                "a fault that applies 0 times never applies: leave it out"
            );
            anyhow::ensure!(
                key.is_none() || fault.key.is_none() || fault.key.as_deref() == key,
                "a fault is for another account than the list: leave its key out"
            );
        }
        let mut armed = locked(&self.armed);
        armed.retain(|old| key.is_some() && old.fault.key.as_deref() != key);
        armed.extend(faults.into_iter().map(|mut fault| {
            fault.key = fault.key.or_else(|| key.map(str::to_owned));
            Armed { id: uuid::Uuid::new_v4(), fault, spared: 0, used: 0 }
        }));
        drop(armed);
        self.edition.send_modify(|edition| *edition += 1);
        Ok(())
    }

    /// The faults that may still apply to an account, without one all of them, as they were ordered.
    pub(crate) fn list(&self, key: Option<&str>) -> Vec<Fault> {
        let armed = locked(&self.armed);
        let mine = armed.iter().filter(|armed| key.is_none() || armed.fault.key.as_deref() == key);
        mine.filter(|armed| !armed.is_over()).map(|armed| armed.fault.clone()).collect()
    }

    /// The fault that a request meets, counted as used.
    pub(crate) fn met_by(&self, ask: &Ask) -> Option<Met> {
        let mut armed = locked(&self.armed);
        for armed in armed.iter_mut().filter(|armed| !armed.is_over() && armed.fault.concerns(ask)) {
            if armed.spared < armed.fault.after {
                armed.spared += 1;
                continue;
            }
            armed.used += 1;
            return Some(Met { effect: armed.fault.effect.clone(), id: armed.id });
        }
        None
    }

    /// Waits until the fault has been replaced.
    pub(crate) async fn replaced(&self, met: &Met) {
        let mut edition = self.edition.subscribe();
        // The sender lives as long as `self`: the wait ends by an edition only.
        let gone = |_: &u64| !locked(&self.armed).iter().any(|armed| armed.id == met.id);
        drop(edition.wait_for(gone).await);
    }
}

impl Armed {
    fn is_over(&self) -> bool {
        self.fault.times.is_some_and(|times| self.used >= times)
    }
}

fn a_minute() -> u64 {
    60
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(operation: Operation, prompt: &str) -> Ask {
        Ask { prompt: prompt.to_owned(), ..Ask::new(Service::Xai, operation, "xai-one") }
    }

    fn met(faults: &FaultBox, ask: &Ask) -> Option<Effect> {
        faults.met_by(ask).map(|met| met.effect)
    }

    #[test]
    fn a_fault_spares_first_and_is_over_after_its_times() {
        let faults = FaultBox::default();
        faults.replace(None, vec![Fault::always(Effect::Reset).after(1).times(2)]).unwrap();
        let ask = ask(Operation::Video, "");
        let all: Vec<bool> = (0..5).map(|_| met(&faults, &ask).is_some()).collect();
        assert_eq!(all, [false, true, true, false, false]);
        assert_eq!(faults.list(None), []);
    }

    #[test]
    fn the_first_fault_that_concerns_a_request_applies() {
        let faults = FaultBox::default();
        let order = vec![
            Fault::always(Effect::Expired),
            Fault::always(Effect::Reset).saying("fox"),
            Fault::always(Effect::CreditsUsedUp).of(Service::Xai),
            Fault::always(Effect::WrongKey),
        ];
        faults.replace(None, order).unwrap();
        assert_eq!(met(&faults, &ask(Operation::Poll, "a fox")), Some(Effect::Expired));
        assert_eq!(met(&faults, &ask(Operation::Video, "a fox")), Some(Effect::Reset));
        assert_eq!(met(&faults, &ask(Operation::Video, "a hen")), Some(Effect::CreditsUsedUp));
    }

    #[test]
    fn an_accounts_list_leaves_others_alone() {
        let faults = FaultBox::default();
        faults.replace(Some("xai-one"), vec![Fault::always(Effect::Reset)]).unwrap();
        faults.replace(Some("xai-two"), vec![Fault::always(Effect::WrongKey)]).unwrap();
        assert_eq!(met(&faults, &ask(Operation::Video, "")), Some(Effect::Reset));
        faults.replace(Some("xai-one"), Vec::new()).unwrap();
        assert_eq!(met(&faults, &ask(Operation::Video, "")), None);
        assert_eq!(faults.list(Some("xai-two")).len(), 1);
        faults.replace(None, Vec::new()).unwrap();
        assert_eq!(faults.list(None), []);
    }

    #[tokio::test]
    async fn a_held_request_continues_when_its_fault_is_replaced() {
        let faults = FaultBox::default();
        faults.replace(Some("xai-one"), vec![Fault::always(Effect::Hold).times(1)]).unwrap();
        let held = faults.met_by(&ask(Operation::Video, "")).unwrap();
        let mut waiting = std::pin::pin!(faults.replaced(&held));
        assert!(futures::poll!(&mut waiting).is_pending());
        faults.replace(Some("xai-two"), Vec::new()).unwrap();
        assert!(futures::poll!(&mut waiting).is_pending());
        faults.replace(Some("xai-one"), Vec::new()).unwrap();
        waiting.await;
    }

    #[test]
    fn faults_read_from_json_and_reject_what_they_do_not_know() {
        let read: Vec<Fault> = serde_json::from_str(
            r#"[{"effect": {"rate-limited": {"shape": "retry-info", "seconds": 26}}, "service": "gemini"},
                {"effect": "lose-answer", "operation": "video", "prompt": "scene 7", "after": 2, "times": 1}]"#,
        )
        .unwrap();
        let first = Effect::RateLimited { shape: Shape::RetryInfo, seconds: 26 };
        assert_eq!(read[0], Fault::always(first).of(Service::Gemini));
        assert_eq!(read[1].effect.name(), "lose-answer");
        assert!(serde_json::from_str::<Vec<Fault>>(r#"[{"effect": "reset", "prompts": "a"}]"#).is_err());
        assert!(FaultBox::default().replace(None, vec![Fault::always(Effect::Reset).times(0)]).is_err());
    }
}
