//! The API server's audit log: who wrote what and when, by the server's own word.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Seek, SeekFrom};

use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use serde::Deserialize;
use serde_json::Value;

use super::{site, wait};

/// User of the operator's `ServiceAccount`.
pub const OPERATOR: &str = "system:serviceaccount:videofactory-system:videofactory-operator";
/// Where a `ServiceAccount`'s token names its pod.
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
/// Where the API server says what its authorizers decided.
const DECISION: &str = "authorization.k8s.io/decision";
/// What counts as a write.
const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// One request that the API server has answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `create`, `patch`, …
    pub verb: String,
    user: User,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: ResponseStatus,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// The body, where the policy keeps it.
    #[serde(default)]
    pub request_object: Value,
    /// When it was answered.
    #[serde(rename = "stageTimestamp")]
    pub at: Timestamp,
}

#[derive(Clone, Debug, Deserialize)]
struct User {
    username: String,
    #[serde(default)]
    extra: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

impl Entry {
    /// Whether the operator asked.
    #[must_use]
    pub fn by_operator(&self) -> bool {
        self.user.username == OPERATOR
    }

    /// Name of the pod whose token was shown.
    #[must_use]
    pub fn pod(&self) -> Option<&str> {
        self.user.extra.get(POD_NAME)?.first().map(String::as_str)
    }

    /// Whether it was to change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        WRITES.contains(&self.verb.as_str())
    }

    /// Whether it was done.
    #[must_use]
    pub fn went_well(&self) -> bool {
        self.response_status.code < 300
    }

    /// Whether it was refused because its object was another than it took for granted: changed, there already, or gone.
    #[must_use]
    pub fn failed_by_precondition(&self) -> bool {
        matches!(self.response_status.code, 404 | 409)
    }

    /// Whether it was refused for want of a right.
    #[must_use]
    pub fn lacked_a_right(&self) -> bool {
        self.annotations.get(DECISION).is_some_and(|decision| decision == "forbid")
    }

    /// What it takes to ask this: `verb group/resource`, as roles name them.
    #[must_use]
    pub fn right(&self) -> String {
        format!("{} {}/{}", self.verb, self.object_ref.api_group, self.resource())
    }

    /// `videojobs/status`, `jobs`, …
    #[must_use]
    pub fn resource(&self) -> String {
        match self.object_ref.subresource.as_str() {
            "" => self.object_ref.resource.clone(),
            sub => format!("{}/{sub}", self.object_ref.resource),
        }
    }

    /// Name of the object; empty for a create whose name the server chose.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.object_ref.name
    }

    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.object_ref.namespace
    }

    /// Which object it is about: resource, namespace and name.
    #[must_use]
    pub fn object(&self) -> (&str, &str, &str) {
        (&self.object_ref.resource, self.namespace(), self.name())
    }
}

/// A place in the log.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

/// The end of the log as it is now.
pub fn mark() -> anyhow::Result<Mark> {
    let path = site::audit_log()?;
    let file = std::fs::metadata(&path).with_context(|| format!("failed to read {}", path.display()))?;
    Ok(Mark(file.len()))
}

/// Everything since the mark, up to a request that is made now: what was answered before is in it.
pub async fn since(mark: Mark, client: &kube::Client) -> anyhow::Result<Vec<Entry>> {
    let marker = format!("end-of-audit-{}", uuid::Uuid::new_v4());
    Api::<ConfigMap>::namespaced(client.clone(), "default").get_opt(&marker).await?;
    wait::asked("the end of the audit log", async || {
        let entries = read(mark)?;
        Ok(entries.iter().any(|entry| entry.name() == marker).then_some(entries))
    })
    .await
}

/// Looks at everything since the cluster was made, one by one: it is too much to keep.
pub async fn each(client: &kube::Client, look: impl FnMut(Entry)) -> anyhow::Result<()> {
    since(mark()?, client).await?;
    read_each(Mark(0), look)
}

fn read(mark: Mark) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    read_each(mark, |entry| entries.push(entry))?;
    Ok(entries)
}

fn read_each(mark: Mark, mut look: impl FnMut(Entry)) -> anyhow::Result<()> {
    let mut file = std::fs::File::open(site::audit_log()?)?;
    file.seek(SeekFrom::Start(mark.0))?;
    for line in BufReader::new(file).lines() {
        // The last line may be half written.
        if let Ok(entry) = serde_json::from_str(&line?) {
            look(entry);
        }
    }
    Ok(())
}
