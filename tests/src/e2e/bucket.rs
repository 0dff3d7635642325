//! What a test's jobs have in the bucket: the evidence that nothing was made twice.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use futures::TryStreamExt;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, StatusCode};
use videofactory_pipeline::clock;
use videofactory_storage::{Bucket, BucketConfig};

use super::site;
use crate::r2_proxy::{Counters, Keys, sign_again};

/// Keys with their entity tags. A key that is written again gets another tag only if its content differs, so the
/// time of writing stands beside it.
pub type Artifacts = BTreeMap<String, String>;

/// Everything below one prefix of the bucket.
pub struct BucketView {
    bucket: Bucket,
}

impl BucketView {
    /// The part of the bucket with this prefix.
    pub fn open(prefix: &str, access_key: &str, secret_key: &str) -> anyhow::Result<Self> {
        let config = BucketConfig {
            endpoint: site::s3_url()?,
            public_endpoint: None,
            bucket: site::BUCKET.to_owned(),
            region: "auto".to_owned(),
            prefix: prefix.to_owned(),
            access_key: access_key.into(),
            secret_key: secret_key.into(),
        };
        Ok(Self { bucket: Bucket::connect(&config).context("failed to open the bucket")? })
    }

    /// The bucket itself.
    #[must_use]
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// All keys below `prefix`, with tag and time of writing.
    pub async fn list(&self, prefix: &str) -> anyhow::Result<Artifacts> {
        let objects: Vec<_> = self.bucket.list(prefix).try_collect().await?;
        Ok(objects
            .into_iter()
            .map(|object| {
                let modified = object.modified.map(|at| at.to_string()).unwrap_or_default();
                (object.key, format!("{} {modified}", object.etag))
            })
            .collect())
    }
}

/// Asks the S3 server for a whole bucket with these keys, as nothing of Video Factory does: it is listed (`GET`), made
/// (`PUT`) or removed (`DELETE`). The status code and the server's words.
pub async fn ask_for(method: Method, bucket: &str, keys: &Keys) -> anyhow::Result<(StatusCode, String)> {
    let url: hyper::Uri = format!("{}/{bucket}", site::s3_url()?).parse()?;
    let host = url.authority().context("the S3 server's URL has no host")?.to_string();
    let (date, key) = (clock::now().strftime("%Y%m%dT%H%M%SZ").to_string(), &keys.access_key);
    let scope = format!("AWS4-HMAC-SHA256 Credential={key}/{}/auto/s3/aws4_request", &date[..8]);
    let request = Request::builder()
        .method(method)
        .uri(url.path())
        .header(HOST, host)
        .header("x-amz-date", date)
        .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        .header(AUTHORIZATION, scope);
    let (mut parts, ()) = request.body(())?.into_parts();
    sign_again(&mut parts, keys)?;
    let asked = crate::http::client().request(parts.method, url.to_string()).headers(parts.headers);
    let answer = asked.send().await.with_context(|| format!("failed to ask for bucket {bucket}"))?;
    Ok((answer.status(), answer.text().await?))
}

/// How often each key was written that begins so, by the proxy's count; keys begin with the bucket's prefix.
pub async fn writes(begin: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let answer = crate::http::client().get(format!("{}/counters", site::proxy_url()?)).send().await?;
    let mut writes = answer.error_for_status()?.json::<Counters>().await?.writes;
    writes.retain(|key, _| key.starts_with(begin));
    Ok(writes)
}

/// What is in `after` that was not the same in `before`: made, or made again.
#[must_use]
pub fn written(before: &Artifacts, after: &Artifacts) -> Vec<String> {
    after.iter().filter(|(key, tag)| before.get(*key) != Some(tag)).map(|(key, _)| key.clone()).collect()
}

/// Whatever was there before is there still, as it was.
pub fn untouched(before: &Artifacts, after: &Artifacts) -> anyhow::Result<()> {
    for (key, tag) in before {
        ensure!(
            after.get(key) == Some(tag),
            "{key} was made again: {tag} before, {:?} after",
            after.get(key)
        );
    }
    Ok(())
}

/// The keys of one sort, such as `/images/`.
#[must_use]
pub fn only<'a>(keys: impl IntoIterator<Item = &'a String>, part: &str) -> Vec<String> {
    keys.into_iter().filter(|key| key.contains(part)).cloned().collect()
}
