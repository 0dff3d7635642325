//! The way of one request: what it asks for, faults, limits, the ledger, the answer.
//!
//! An error from here closes the connection without an answer, which is what a dead server looks like.

use axum::body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde_json::json;

use super::State;
use super::accounts::Work;
use super::answer::Answer;
use super::call::{Ask, Call};
use super::comfyui::ComfyUi;
use super::faults::{Effect, Met};
use super::gemini::Gemini;
use super::huggingface::HuggingFace;
use super::limits::Exceeded;
use super::openai::OpenAi;
use super::protocol::{Misread, Protocol, Refused, limit_kind};
use super::service::Service;
use super::stock::{Pexels, Pixabay};
use super::webhook::Webhook;
use super::xai::Xai;
use super::youtube::YouTube;

/// Largest request that is read as a whole, in bytes: some carry pictures.
const MAX_REQUEST_BYTES: usize = 64 * 1024 * 1024;

pub(crate) async fn serve(state: &State, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let Some((service, mut call)) = Call::read(&parts) else {
        return Ok(no_route().into_response(None));
    };
    if parts.method == Method::PUT {
        call.stream = Some(body);
    } else {
        let read = Limited::new(body, MAX_REQUEST_BYTES).collect().await;
        call.body = read.map_err(|error| anyhow::anyhow!("failed to read a request: {error}"))?.to_bytes();
    }
    match service {
        Service::Xai => go::<Xai>(state, call).await,
        Service::Gemini => go::<Gemini>(state, call).await,
        Service::HuggingFace => go::<HuggingFace>(state, call).await,
        Service::OpenAi => go::<OpenAi>(state, call).await,
        Service::ComfyUi => go::<ComfyUi>(state, call).await,
        Service::Pexels => go::<Pexels>(state, call).await,
        Service::Pixabay => go::<Pixabay>(state, call).await,
        Service::YouTube => go::<YouTube>(state, call).await,
        Service::Webhook => go::<Webhook>(state, call).await,
    }
}

fn no_route() -> Answer {
    Answer::json(404, json!({"error": "there is no such path or method here"}))
}

async fn go<P: Protocol>(state: &State, mut call: Call) -> anyhow::Result<Response<Body>> {
    let ask = match P::read(state, &call) {
        Ok(ask) => ask,
        Err(Misread::NoRoute) => return Ok(no_route().into_response(None)),
        Err(Misread::Refused(ask, why)) => {
            state.store.open().came(&ask);
            drain(&mut call).await;
            return Ok(refuse::<P>(state, &ask, &why, why.kind().to_owned()).into_response(None));
        }
    };
    state.store.open().came(&ask);
    let met = state.faults.met_by(&ask);
    let fault = met.as_ref().map(|met| &met.effect);
    if let Some(refusal) = before::<P>(state, &ask, met.as_ref()).await? {
        drain(&mut call).await;
        return Ok(refusal.into_response(None));
    }
    let work = match admit(state, &ask, fault) {
        Ok(work) => work,
        Err(exceeded) => {
            drain(&mut call).await;
            let why = Refused::RateLimited(P::shape(&ask, &exceeded), hint(&exceeded));
            let kind = limit_kind(exceeded.limit.kind).to_owned();
            return Ok(refuse::<P>(state, &ask, &why, kind).into_response(None));
        }
    };
    let answer = if work.is_none() && ask.operation.submits() {
        refuse::<P>(state, &ask, &Refused::Moderated, kind_of(fault))
    } else {
        let answer = P::perform(state, &mut call, &ask, work.as_ref(), fault).await?;
        if answer.status >= 400 {
            let kind = if fault.is_some() { kind_of(fault) } else { "invalid".to_owned() };
            state.store.open().refuse(&ask, state.clock.now(), answer.status, kind);
        }
        answer
    };
    after::<P>(state, &ask, met.as_ref(), answer).await
}

/// What a fault does before anything is accepted; the answer, if that is all.
async fn before<P: Protocol>(state: &State, ask: &Ask, met: Option<&Met>) -> anyhow::Result<Option<Answer>> {
    let Some(met) = met else { return Ok(None) };
    match &met.effect {
        Effect::Hold => hold(state, ask, met).await,
        Effect::Reset => {
            state.store.open().refuse(ask, state.clock.now(), 0, kind_of(Some(&met.effect)));
            anyhow::bail!("a fault was ordered: the connection is reset");
        }
        Effect::Html { code } => {
            state.store.open().refuse(ask, state.clock.now(), *code, kind_of(Some(&met.effect)));
            return Ok(Some(Answer::html(*code)));
        }
        effect => {
            let refused = Refused::by(effect);
            return Ok(refused.map(|why| refuse::<P>(state, ask, &why, kind_of(Some(effect)))));
        }
    }
    Ok(None)
}

/// Holds a request against the limits. A submission that fits is accepted, unless a fault has it moderated: then it
/// counts as used, and that is all.
fn admit(state: &State, ask: &Ask, fault: Option<&Effect>) -> Result<Option<Work>, Box<Exceeded>> {
    let now = state.clock.now();
    let mut pages = state.store.open();
    pages.admit(ask, now)?;
    let accepted = ask.operation.submits() && fault != Some(&Effect::Moderated);
    Ok(accepted.then(|| pages.accept(ask, now)))
}

/// What a fault does once the answer stands.
async fn after<P: Protocol>(
    state: &State,
    ask: &Ask,
    met: Option<&Met>,
    mut answer: Answer,
) -> anyhow::Result<Response<Body>> {
    let fault = met.map(|met| &met.effect);
    match (fault, met) {
        (Some(Effect::LoseAnswer), _) => anyhow::bail!("a fault was ordered: the answer is lost"),
        (Some(Effect::HoldAnswer), Some(met)) => hold(state, ask, met).await,
        (Some(Effect::StatusAfter { code }), _) => answer = P::refuse(ask, &Refused::Status(*code)),
        (Some(Effect::HtmlAfter { code }), _) => {
            answer = Answer::html(*code).with_named("via", "1.1 proxy.example");
        }
        (Some(Effect::Truncated | Effect::CutAnswer), _) => answer.delivers = None,
        _ => {}
    }
    if let Some(id) = &answer.delivers {
        state.store.open().delivered(id);
    }
    Ok(answer.into_response(fault))
}

/// Waits until faults are replaced, and is counted as held until then, or until the client gives up.
async fn hold(state: &State, ask: &Ask, met: &Met) {
    struct Held<'a>(&'a State, &'a str);
    impl Drop for Held<'_> {
        fn drop(&mut self) {
            self.0.store.open().hold(self.1, false);
        }
    }
    state.store.open().hold(&ask.key, true);
    let held = Held(state, &ask.key);
    state.faults.replaced(met).await;
    drop(held);
}

fn refuse<P: Protocol>(state: &State, ask: &Ask, why: &Refused, kind: String) -> Answer {
    let answer = P::refuse(ask, why);
    state.store.open().refuse(ask, state.clock.now(), answer.status, kind);
    answer
}

fn kind_of(fault: Option<&Effect>) -> String {
    format!("fault:{}", fault.map(Effect::name).unwrap_or_default())
}

/// How long a refusal says to wait; nothing, if the limit does not say.
fn hint(exceeded: &Exceeded) -> std::time::Duration {
    if exceeded.limit.retry_after { exceeded.wait } else { std::time::Duration::ZERO }
}

/// Takes in what is left of a body, so that the client reads the answer and not a broken pipe.
async fn drain(call: &mut Call) {
    if let Some(body) = call.stream.take() {
        let mut rest = Box::pin(Limited::new(body, MAX_REQUEST_BYTES));
        while let Some(Ok(_)) = rest.frame().await {}
    }
}
