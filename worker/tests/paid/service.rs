//! A service in memory, and what goes wrong with it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use videofactory_pipeline::Digest;
use videofactory_providers::{ProviderError, Resume, Ticket};
use videofactory_worker::paid::Answer;

/// What the service does with the next submission, instead of taking and answering it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Takes it, and the answer is lost.
    LoseAnswer,
    /// Does not take it, and the answer is lost too.
    LoseRequest,
    Away,
    /// Refuses for the second.
    TooFast,
    /// Refuses for an hour.
    Limited,
    /// Refuses the content.
    Refuse,
    /// Takes it, and makes nothing of it.
    Fail,
    /// Takes it, and does not find it when it is asked for it; see [`Service::finds`].
    Mislay,
}

/// How the service answers what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    AtOnce,
    /// With an id, and after some seconds of polling.
    Later,
    /// The same with an id that is ours.
    UnderOurId,
}

#[derive(Default)]
pub struct Service {
    /// What it has taken, and when, by what was asked for.
    pub taken: Vec<(Digest, Instant)>,
    /// What it was asked and did not take.
    pub turned_away: u32,
    pub polls: u32,
    pub faults: VecDeque<Fault>,
    clips: BTreeMap<String, (Digest, Instant, Option<Fault>)>,
    /// It finds again what it had mislaid.
    pub finds: bool,
    /// How long clips take; by default some seconds.
    pub takes_for: Duration,
}

impl Service {
    pub fn answer(
        &mut self,
        digest: &Digest,
        kind: Kind,
        ticket: &Ticket,
    ) -> Result<Answer<Vec<u8>>, ProviderError> {
        let (provider, message) = ("A service", "as ordered".to_owned());
        let limited = |resume, message: &str| ProviderError::RateLimited {
            provider,
            message: message.to_owned(),
            resume,
        };
        let fault = self.faults.pop_front();
        let takes = matches!(fault, None | Some(Fault::LoseAnswer | Fault::Fail | Fault::Mislay));
        if takes {
            self.taken.push((digest.clone(), Instant::now()));
        } else {
            self.turned_away += 1;
        }
        let id = match kind {
            Kind::UnderOurId => ticket.uuid(),
            Kind::AtOnce | Kind::Later => format!("clip-{}", self.taken.len()),
        };
        if takes && kind != Kind::AtOnce {
            let ready = Instant::now() + self.takes_for.max(Duration::from_secs(7));
            self.clips.insert(id.clone(), (digest.clone(), ready, fault));
        }
        match fault {
            Some(Fault::LoseAnswer | Fault::LoseRequest) => {
                return Err(ProviderError::OutcomeUnknown { provider, message });
            }
            Some(Fault::Away) => return Err(ProviderError::Unavailable { provider, message }),
            Some(Fault::TooFast) => return Err(limited(Resume::Unknown, "Requests per Second: 2/2")),
            Some(Fault::Limited) => {
                return Err(limited(Resume::After(Duration::from_hours(1)), "25 of 25"));
            }
            Some(Fault::Refuse) => return Err(ProviderError::Refused { provider, why: message }),
            Some(Fault::Fail) if kind == Kind::AtOnce => {
                return Err(ProviderError::Unexpected { provider, message });
            }
            Some(Fault::Fail | Fault::Mislay) | None => {}
        }
        if kind == Kind::AtOnce {
            return Ok(Answer::Delivered(digest.to_string().into_bytes()));
        }
        Ok(Answer::Accepted(id))
    }

    pub fn look(&mut self, id: &str) -> Result<Option<Vec<u8>>, ProviderError> {
        self.polls += 1;
        let provider = "A service";
        let Some((digest, ready, fault)) = self.clips.get(id) else {
            assert!(!id.starts_with("clip-"), "{id} was never given out");
            return Err(ProviderError::NotFound { provider, message: format!("404 for {id}") });
        };
        if *fault == Some(Fault::Mislay) && !self.finds {
            return Err(ProviderError::NotFound { provider, message: format!("404 for {id}") });
        }
        if *ready > Instant::now() {
            return Ok(None);
        }
        if *fault == Some(Fault::Fail) {
            return Err(ProviderError::Unexpected { provider, message: "failed".to_owned() });
        }
        Ok(Some(digest.to_string().into_bytes()))
    }
}
