//! What stands in queries.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use videofactory_client::job_ref::is_label;
use videofactory_client::{JobFilter, selector};
use videofactory_crds::Phase;

use crate::limits::MAX_SELECTOR;
use crate::problem::Problem;

/// A query, or what is wrong with it.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|error| Problem::bad_request(error.body_text()))
    }
}

/// Query parameter of GET `/storage/stats` and GET `/accounts`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NamespaceQuery {
    /// The namespace to look at. Left out: all namespaces in which you may list these objects.
    #[param(inline, value_type = Option<crate::schemas::ObjectName>, example = "demo")]
    pub namespace: Option<String>,
}

/// The filter of jobs that a request names; fails with the field that makes no sense. `within`: what stands before the names
/// of the fields. `labels`: a selector; none: any labels.
pub fn job_filter(
    within: &str,
    namespace: Option<String>,
    phase: Option<Phase>,
    channel: Option<String>,
    labels: Option<&str>,
) -> Result<JobFilter, Problem> {
    check_name(&format!("{within}namespace"), namespace.as_deref())?;
    check_name(&format!("{within}channel"), channel.as_deref())?;
    check_length("a label selector", labels, MAX_SELECTOR)?;
    let labels = selector::read(labels.unwrap_or_default())
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(JobFilter { namespace, phase, channel, labels })
}

/// Fails unless a name that was given can be one. `what`: the parameter.
pub fn check_name(what: &str, name: Option<&str>) -> Result<(), Problem> {
    if name.is_none_or(is_label) {
        return Ok(());
    }
    let detail = format!("{what} is a name in lower case letters, digits and hyphens, at most 63 of them");
    Err(Problem::bad_request(detail))
}

/// Fails unless a text that was given has at most so many characters. `what`: the parameter.
pub fn check_length(what: &str, text: Option<&str>, most: usize) -> Result<(), Problem> {
    if text.is_none_or(|text| text.chars().count() <= most) {
        return Ok(());
    }
    Err(Problem::bad_request(format!("{what} is at most {most} characters long")))
}
