//! A receiver of webhooks: it takes every call and keeps it as it came.

use serde_json::json;

use super::State;
use super::accounts::Work;
use super::answer::Answer;
use super::call::{Ask, Call};
use super::faults::{Effect, Shape};
use super::ledger::Delivery;
use super::limits::Exceeded;
use super::protocol::{Misread, Protocol, Refused, whole_seconds};
use super::service::{Operation, Service};

pub(crate) struct Webhook;

impl Protocol for Webhook {
    fn read(_: &State, call: &Call) -> Result<Ask, Misread> {
        let name = call.path.first().filter(|name| !name.is_empty()).map_or("webhook", String::as_str);
        if call.method != hyper::Method::POST {
            return Ok(Ask::new(Service::Webhook, Operation::Health, name));
        }
        Ok(Ask::new(Service::Webhook, Operation::Delivery, name)
            .about(&String::from_utf8_lossy(&call.body), []))
    }

    fn refuse(_: &Ask, why: &Refused) -> Answer {
        let refused = |status, text: &str| Answer::json(status, json!({"error": text}));
        match why {
            Refused::NoKey | Refused::WrongKey | Refused::TokenRevoked => {
                refused(401, "the signature is wrong")
            }
            Refused::Forbidden => refused(403, "not allowed"),
            Refused::NotFound(text) => refused(404, text),
            Refused::Invalid(text) => refused(400, text),
            Refused::CreditsUsedUp => refused(402, "no credits are left"),
            Refused::Moderated => refused(422, "the content is not allowed"),
            Refused::Status(code) | Refused::Loading(code) => refused(*code, "something went wrong"),
            Refused::RateLimited(_, wait) => {
                let answer = refused(429, "too many requests");
                if wait.is_zero() {
                    answer
                } else {
                    answer.with(hyper::header::RETRY_AFTER, whole_seconds(*wait).to_string())
                }
            }
        }
    }

    fn shape(_: &Ask, _: &Exceeded) -> Shape {
        Shape::RetryAfter
    }

    async fn perform(
        state: &State,
        call: &mut Call,
        ask: &Ask,
        work: Option<&Work>,
        _: Option<&Effect>,
    ) -> anyhow::Result<Answer> {
        let Some(work) = work else { return Ok(Answer::empty(200)) };
        let text =
            |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            call.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let delivery = Delivery {
            at: state.clock.now().wall,
            idempotency_key: call.header("idempotency-key").to_owned(),
            repeated: false,
            headers,
            body: String::from_utf8_lossy(&call.body).into_owned(),
        };
        let repeated = state.store.open().called(&ask.key, delivery);
        Ok(Answer::json(200, json!({"received": true, "repeated": repeated})).delivering(&work.id))
    }
}
