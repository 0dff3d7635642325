//! How a service is reached and with which credentials. The credentials cannot be printed: neither `Debug`
//! nor `Display` shows them.

use std::collections::BTreeMap;
use std::fmt;

use videofactory_net::{AllowedHosts, Network};

use crate::error::ProviderError;

/// A text that nobody may see: a key, a token, a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` without the space around it: files of a mounted Secret often end with a line's end.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The text, for the service alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A service's address and credentials.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// Base URL; empty means the service's own.
    pub endpoint: String,
    /// The credentials by their names: `apiKey`; `clientId`, `clientSecret` and `refreshToken`; `url` and
    /// `signingKey`.
    pub secrets: BTreeMap<String, Secret>,
    /// There are no credentials and none are needed, so that no Secret has to allow the endpoint.
    pub keyless: bool,
    /// Hosts that the credentials may be sent to, besides the service's own: as their Secret says.
    pub allowed_hosts: AllowedHosts,
    /// Workflows of the account, by the names of their files.
    pub workflows: BTreeMap<String, String>,
    /// What may be called, and how.
    pub network: Network,
}

impl Connection {
    /// The credential called `key`; without it, or if it is empty, `Credentials`.
    pub fn secret(&self, provider: &'static str, key: &str) -> Result<&Secret, ProviderError> {
        self.secrets.get(key).filter(|secret| !secret.reveal().is_empty()).ok_or_else(|| {
            ProviderError::Credentials {
                provider,
                message: format!("the account's Secret has no {key}; add this key to it"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(key: &str) -> Connection {
        let secrets = BTreeMap::from([("apiKey".to_owned(), Secret::from(key))]);
        Connection { secrets, ..Connection::default() }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let connection = connection("xai-very-secret\n");
        let printed = format!("{connection:?} {connection:#?} {}", connection.secrets["apiKey"]);
        assert!(!printed.contains("very"), "{printed}");
        assert_eq!(connection.secret("A service", "apiKey").unwrap().reveal(), "xai-very-secret");
    }

    #[test]
    fn a_missing_or_empty_key_is_named() {
        for connection in [Connection::default(), connection(" \n")] {
            let error = connection.secret("A service", "apiKey").unwrap_err();
            assert!(matches!(error, ProviderError::Credentials { .. }));
            assert!(error.to_string().contains("has no apiKey"), "{error}");
        }
    }
}
