//! A request as it came, and what it asks for.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::service::{Operation, Service};

/// A request as it came.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// The path's parts after the service's name, decoded.
    pub(crate) path: Vec<String>,
    /// Decoded.
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    /// Where the client found this server: `http://host:port`.
    pub(crate) origin: String,
    pub(crate) body: Bytes,
    /// The body of an upload's part, which is not read beforehand.
    pub(crate) stream: Option<Incoming>,
}

/// What a request asks for, and in whose name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) service: Service,
    pub(crate) operation: Operation,
    /// The account; empty where none is needed.
    pub(crate) key: String,
    /// What the request is about: of a poll or download the prompt of what was submitted, of an upload its title.
    pub(crate) prompt: String,
    /// SHA-256 of the prompt followed by the bytes of the pictures, in hexadecimal.
    pub(crate) digest: String,
    /// How many pictures came along.
    pub(crate) pictures: usize,
    /// By the service's name.
    pub(crate) model: String,
    /// Length of the clip that is asked for.
    pub(crate) seconds: Option<u32>,
    /// What is asked after, or the session that is uploaded to.
    pub(crate) id: String,
    /// What is to be made.
    pub(crate) product: Product,
}

/// What a service makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Product {
    #[default]
    Nothing,
    Clip {
        seconds: u32,
        ratio: String,
        resolution: String,
    },
    Picture {
        width: u32,
        height: u32,
    },
    Speech,
}

impl Call {
    /// Which service a request is for, and the request; none for a path of no service.
    pub(crate) fn read(parts: &Parts) -> Option<(Service, Self)> {
        let mut path = parts.uri.path().split('/').skip(1).map(decode);
        let first = path.next()?;
        let service = Service::ALL.into_iter().find(|service| service.name() == first)?;
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let call = Self {
            method: parts.method.clone(),
            path: path.collect(),
            query: pairs(parts.uri.query().unwrap_or_default()),
            headers: parts.headers.clone(),
            origin: format!("http://{host}"),
            body: Bytes::new(),
            stream: None,
        };
        Some((service, call))
    }

    /// Method and path, to be matched against.
    pub(crate) fn route(&self) -> (&str, Vec<&str>) {
        (self.method.as_str(), self.path.iter().map(String::as_str).collect())
    }

    /// A header as text; empty without it.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The token of `Authorization: Bearer`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let token = value.strip_prefix("Bearer ")?.trim();
        (!token.is_empty()).then_some(token)
    }

    /// The body as JSON, an object.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(Value::is_object)
    }
}

impl Ask {
    pub(crate) fn new(service: Service, operation: Operation, key: &str) -> Self {
        Self {
            service,
            operation,
            key: key.to_owned(),
            prompt: String::new(),
            digest: String::new(),
            pictures: 0,
            model: String::new(),
            seconds: None,
            id: String::new(),
            product: Product::Nothing,
        }
    }

    /// For this prompt, with these pictures.
    pub(crate) fn about<'a>(mut self, prompt: &str, pictures: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new_with_prefix(prompt.as_bytes());
        self.pictures = 0;
        for picture in pictures {
            hasher.update(picture);
            self.pictures += 1;
        }
        prompt.clone_into(&mut self.prompt);
        self.digest = hex::encode(hasher.finalize());
        self
    }

    /// In the name of this account.
    pub(crate) fn named(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// After this submission or session.
    pub(crate) fn after(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    pub(crate) fn with_model(mut self, model: &str) -> Self {
        model.clone_into(&mut self.model);
        self
    }

    pub(crate) fn making(mut self, product: Product) -> Self {
        if let Product::Clip { seconds, .. } = product {
            self.seconds = Some(seconds);
        }
        self.product = product;
        self
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The pairs of a query or a form.
pub(crate) fn pairs(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(&name.replace('+', " ")), decode(&value.replace('+', " "))))
        .collect()
}

/// A key as a ledger may show it.
pub(crate) fn masked(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    if letters.len() < 12 {
        return "…".to_owned();
    }
    let (head, tail) = (&letters[..4], &letters[letters.len() - 4..]);
    head.iter().chain(['…'].iter()).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_the_prompt_and_the_pictures() {
        let ask = |pictures: &[&[u8]]| {
            Ask::new(Service::Xai, Operation::Video, "k").about("fox", pictures.iter().copied())
        };
        assert_eq!(ask(&[b"png"]).digest, hex::encode(Sha256::digest(b"foxpng")));
        assert_eq!((ask(&[]).pictures, ask(&[b"a", b"b"]).pictures), (0, 2));
    }

    #[test]
    fn a_masked_key_shows_ends_only_and_short_ones_nothing() {
        assert_eq!(masked("xai-0123456789"), "xai-…6789");
        assert_eq!(masked("secret"), "…");
    }

    #[test]
    fn forms_are_decoded() {
        assert_eq!(pairs("a=1%2F2&b=c+d&e")["a"], "1/2");
        assert_eq!(pairs("a=1%2F2&b=c+d&e")["b"], "c d");
        assert_eq!(pairs("e")["e"], "");
    }
}
