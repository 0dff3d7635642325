//! Tokens: short-lived ones, given out for the refresh token that a person once got by signing in.

use jiff::Timestamp;
use serde_json::Value;

use super::PROVIDER;
use crate::connection::{Connection, Secret};
use crate::error::ProviderError;
use crate::google::Failure;
use crate::http::{Answer, Body};

/// Failures of a token request that only a person can fix.
const LOGIN_REASONS: [&str; 6] = [
    "invalid_grant",
    "invalid_client",
    "unauthorized_client",
    "deleted_client",
    "disabled_client",
    "invalid_request",
];
/// A token that says nothing of its length is kept so many seconds.
const SHORTEST_SECONDS: i64 = 300;
/// No token is kept longer than this, whatever it says.
const MAX_SECONDS: i64 = 86_400;

/// What a token is got for.
#[derive(Debug, Clone)]
pub(super) struct Login {
    client_id: Secret,
    client_secret: Secret,
    refresh_token: Secret,
}

/// A token and until when it is used.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// What is sent.
    pub value: Secret,
    /// When a new one is got.
    pub until: Timestamp,
}

impl Login {
    /// The three credentials of the connection.
    pub(super) fn new(connection: &Connection) -> Result<Self, ProviderError> {
        let secret = |key| connection.secret(PROVIDER, key).cloned();
        Ok(Self {
            client_id: secret("clientId")?,
            client_secret: secret("clientSecret")?,
            refresh_token: secret("refreshToken")?,
        })
    }

    /// The body of a token request.
    pub(super) fn form(&self) -> Body {
        Body::Form(vec![
            ("client_id", self.client_id.clone()),
            ("client_secret", self.client_secret.clone()),
            ("refresh_token", self.refresh_token.clone()),
            ("grant_type", Secret::from("refresh_token")),
        ])
    }
}

/// The token and its length in seconds.
pub(super) fn read(body: &[u8]) -> Result<(Secret, i64), ProviderError> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let token = Secret::new(body["access_token"].as_str().unwrap_or_default());
    if token.reveal().is_empty() {
        // The body is not quoted: a part of a token may be in it.
        return Err(ProviderError::Unexpected {
            provider: PROVIDER,
            message: "the answer to the token request holds no token".to_owned(),
        });
    }
    let seconds = body["expires_in"].as_i64().unwrap_or(SHORTEST_SECONDS);
    Ok((token, seconds.clamp(0, MAX_SECONDS)))
}

/// The error of a token request that was not granted.
pub(super) fn fault(answer: &Answer) -> ProviderError {
    let reported = answer.reported();
    let failure = Failure::read(&answer.body);
    if failure.has(&["invalid_grant"]) {
        let message = format!(
            "the refresh token has ended or was revoked: {reported}; sign in again and put the new one into the account's Secret \
             as refreshToken. Tokens of apps whose status is Testing end after 7 days"
        );
        return ProviderError::Credentials { provider: PROVIDER, message };
    }
    if failure.has(&LOGIN_REASONS) {
        let message =
            format!("no token is given: {reported}; check clientId and clientSecret in the account's Secret");
        return ProviderError::Credentials { provider: PROVIDER, message };
    }
    answer.error(PROVIDER, false)
}
