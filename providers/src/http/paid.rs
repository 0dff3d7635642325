//! Having what is paid for already. It is not given up at the first failure, and no failure may look as if
//! nothing had been taken.

use std::time::Duration;

use super::Http;
use crate::error::ProviderError;
use crate::request::from_base64;

/// Pauses between the tries.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// A file as services hand it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum File {
    /// In the answer.
    Here(Vec<u8>),
    /// To be fetched, at once: such links do not last.
    At(String),
    /// The same where the service itself keeps its files: with the account's key, if there is one.
    Own(String),
}

impl File {
    /// What a link leads to: a file elsewhere, or one in the link itself (`data:`).
    pub fn of_link(link: &str) -> Option<Self> {
        match link.trim() {
            "" => None,
            data if data.starts_with("data:") => from_base64(data).map(Self::Here),
            link => Some(Self::At(link.to_owned())),
        }
    }
}

impl Http {
    /// Where a file lies that a server links to which somebody runs himself: relative links begin where the server is, and
    /// so do those to a host that only the server's own network knows by this name.
    pub fn own_file(&self, link: &str) -> Option<File> {
        let link = match File::of_link(link)? {
            File::At(link) => link,
            here => return Some(here),
        };
        let mut url = self.base.join(&link).ok()?;
        let destinations = self.network.destinations();
        let host = url.host_str().unwrap_or_default();
        let is_known = Some(host) == self.base.host_str() || destinations.is_service(host);
        if !is_known && destinations.is_internal(url.as_str()) {
            url.set_scheme(self.base.scheme()).ok()?;
            url.set_host(self.base.host_str()).ok()?;
            url.set_port(self.base.port()).ok()?;
        }
        Some(File::Own(url.into()))
    }

    /// The bytes of a file that a service made and will not be asked for again. One that is to be fetched must
    /// be of one of `kinds`; it is tried three times. Every failure is `Unexpected`: the request was taken, and nothing
    /// came of it.
    pub async fn have(
        &self,
        file: File,
        most_bytes: usize,
        kinds: &[&str],
    ) -> Result<Vec<u8>, ProviderError> {
        let (url, with_key) = match file {
            File::Here(bytes) => return Ok(bytes),
            File::At(url) => (url, false),
            File::Own(url) => (url, true),
        };
        let mut pauses = PAUSES.iter();
        loop {
            let error = match self.download(&url, with_key, most_bytes, kinds).await {
                Ok((bytes, _)) => return Ok(bytes),
                Err(error) => error,
            };
            match (matches!(error, ProviderError::Unavailable { .. }), pauses.next()) {
                (true, Some(pause)) => tokio::time::sleep(*pause).await,
                _ => return Err(taken(error)),
            }
        }
    }
}

/// The error of a request that was taken, and of whose result this became.
pub(crate) fn taken(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::Unavailable { provider, message }
        | ProviderError::RateLimited { provider, message, .. }
        | ProviderError::Credentials { provider, message }
        | ProviderError::CreditsUsedUp { provider, message }
        | ProviderError::Configuration { provider, message }
        | ProviderError::OutcomeUnknown { provider, message }
        | ProviderError::NotFound { provider, message }
        | ProviderError::Unexpected { provider, message } => ProviderError::Unexpected {
            provider,
            message: format!("it took the request, but its result could not be had: {message}"),
        },
        error => error,
    }
}
