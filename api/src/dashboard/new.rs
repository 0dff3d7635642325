//! GET `/dashboard/new`: a film, or several, from a topic, a list of topics or a storyboard; with its price before anything
//! starts.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::json;

use super::buttons::curl;
use super::layout::{self, Frame, Place};
use crate::access::Caller;
use crate::problem::Problem;
use crate::query::Parameters;
use crate::reads::allowed_namespaces;
use crate::state::State;

/// The page.
#[derive(Template)]
#[template(path = "dashboard/new.html")]
struct NewPage {
    frame: Frame,
    namespace: String,
    namespaces: Vec<String>,
    channels: Vec<String>,
    curl: String,
    plugin: String,
}

/// Query parameters: what the form begins with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewQuery {
    namespace: String,
}

/// The form.
pub async fn get(
    Shared(state): Shared<State>,
    caller: Caller,
    Parameters(query): Parameters<NewQuery>,
) -> Result<Response, Problem> {
    let policies = state.stores.policies.state();
    let there: BTreeSet<String> = policies.iter().filter_map(|policy| policy.namespace()).collect();
    // What somebody may not list is not offered; who may create a film there can write its name.
    let seen = allowed_namespaces::of(&state, &caller, "storagepolicies", None, there.clone()).await.ok();
    let namespaces: Vec<String> = there
        .into_iter()
        .filter(|namespace| seen.as_ref().is_some_and(|scope| scope.holds(namespace)))
        .collect();
    let channels = state.stores.channels.state();
    let of_channels: BTreeSet<String> = channels.iter().filter_map(|channel| channel.namespace()).collect();
    let seen = allowed_namespaces::of(&state, &caller, "channels", None, of_channels).await.ok();
    let named = channels.iter().filter(|channel| {
        let namespace = channel.namespace().unwrap_or_default();
        seen.as_ref().is_some_and(|scope| scope.holds(&namespace))
    });
    let channels: BTreeSet<String> = named.map(|channel| channel.name_any()).collect();
    let namespace = if query.namespace.is_empty() {
        namespaces.first().cloned().unwrap_or_default()
    } else {
        query.namespace
    };
    let example = json!({"namespace": namespace, "topic": "Why the sea is salty"});
    layout::html(&NewPage {
        frame: Frame::new("New film", Place::New, caller.name()),
        curl: curl("POST", "/jobs", &example.to_string()),
        plugin: "kubectl videofactory create \"Why the sea is salty\"".to_owned(),
        channels: channels.into_iter().collect(),
        namespace,
        namespaces,
    })
}
