//! Signing a request again after its preconditions were taken off, since they are part of the signature.
//!
//! Date, region and payload digest are taken from the request as it came, so no clock is read.

use std::fmt;
use std::time::SystemTime;

use anyhow::Context;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, IF_MATCH, IF_NONE_MATCH};
use hyper::http::request::Parts;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const DIGEST: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Root keys of the server behind the proxy.
#[derive(Clone)]
pub struct Keys {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys(hidden)")
    }
}

/// Takes the preconditions off and signs what is left.
pub(crate) fn without_preconditions(parts: &mut Parts, keys: &Keys) -> anyhow::Result<()> {
    let had = [IF_MATCH, IF_NONE_MATCH].map(|name| parts.headers.remove(name)).into_iter().flatten().count();
    if had == 0 { Ok(()) } else { sign_again(parts, keys) }
}

/// Signs a request in the place of the signature that it bears.
pub(crate) fn sign_again(parts: &mut Parts, keys: &Keys) -> anyhow::Result<()> {
    let authorization = text(parts, &AUTHORIZATION)?;
    let region = authorization.split('/').nth(2).context("the signature names no region")?.to_owned();
    let date = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text(parts, &DATE)?)?;
    let digest = text(parts, &DIGEST)?.to_owned();
    let identity: Identity =
        Credentials::new(&keys.access_key, &keys.secret_key, None, None, "proxy options").into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name("s3")
        .time(SystemTime::from(date.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp()))
        .settings(settings)
        .build()?
        .into();
    for name in [AUTHORIZATION, DATE, DIGEST] {
        parts.headers.remove(name);
    }
    let target = format!("http://{}{}", text(parts, &HOST)?, parts.uri);
    let signed_headers = parts.headers.iter().filter_map(|(name, value)| {
        let signed = *name == HOST || *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-");
        Some((name.as_str(), value.to_str().ok()?)).filter(|_| signed)
    });
    let body = SignableBody::Precomputed(digest);
    let signable = SignableRequest::new(parts.method.as_str(), target, signed_headers, body)?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    for (name, value) in instructions.headers() {
        parts.headers.insert(HeaderName::try_from(name)?, value.parse()?);
    }
    Ok(())
}

fn text<'a>(parts: &'a Parts, name: &HeaderName) -> anyhow::Result<&'a str> {
    let value = parts.headers.get(name).with_context(|| format!("the request has no {name}"))?;
    Ok(value.to_str()?)
}
