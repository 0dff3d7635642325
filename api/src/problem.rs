//! Errors as people and programs read them: RFC 9457, with a hint at what to do.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;
use videofactory_client::{CallError, RequestError};

/// Media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A request that was not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// What is wrong.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
    /// Seconds after which to try again, if that may help.
    pub retry_after: Option<u32>,
}

// A `Problem` as it is written.
/// A request that was not served, or a stream that ends: RFC 9457.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProblemDetails {
    /// The status in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong.
    detail: String,
    /// What to do.
    #[schema(nullable = false)]
    hint: Option<String>,
}

impl From<&Problem> for ProblemDetails {
    fn from(problem: &Problem) -> Self {
        Self {
            title: problem.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: problem.status.as_u16(),
            detail: problem.detail.clone(),
            hint: problem.hint.clone(),
        }
    }
}

impl Problem {
    /// A request that is not served, and why.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), hint: None, retry_after: None }
    }

    /// The same with what to do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// One that may be served later.
    #[must_use]
    pub fn later(detail: impl Into<String>, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// The same, with the time after which to try again.
    #[must_use]
    pub fn after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// One that cannot be read as what it should be.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// One from somebody who does not say who they are, or of whom the API server knows nothing.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail).hint(
            "send `Authorization: Bearer <token>` with a token of the cluster, such as `kubectl create token` prints, or \
             go through `kubectl videofactory proxy`",
        )
    }

    /// An internal error; what it is stands in the log alone.
    #[must_use]
    pub fn internal(what: &str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, what, "a request failed within the operator");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{what}; see the operator's log"))
    }
}

/// What the API server said to the caller's own token is for the caller to read.
impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let detail = error.for_people();
        let hint = error.missing_right().map(|right| right.hint());
        match &error {
            CallError::Refused { status, .. } => {
                let code = StatusCode::from_u16(status.code)
                    .ok()
                    .filter(StatusCode::is_client_error)
                    .unwrap_or(StatusCode::BAD_GATEWAY);
                Self { hint, ..Self::new(code, detail) }
            }
            CallError::Failed { .. } | CallError::TimedOut { .. } => Self::later(detail, 5),
        }
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::CallApiServer(error) => error.into(),
            // Nobody is to ask again before they have looked: no Retry-After.
            RequestError::LearnOutcome { source, look } => {
                Self { retry_after: None, ..Self::from(source) }.hint(look)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&ProblemDetails::from(&self)).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        // For whoever shows it in another form.
        response.extensions_mut().insert(self);
        response
    }
}
