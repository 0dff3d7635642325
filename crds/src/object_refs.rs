//! References to other objects of the same namespace, and to users' own files in the bucket.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Names an object in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct LocalRef {
    /// Name of the object, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

impl LocalRef {
    /// A reference to `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// Names a key of a `ConfigMap` or Secret in the same namespace that holds certificates of authorities in PEM.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct CaRef {
    /// What holds them: ConfigMap or Secret. Default: ConfigMap.
    #[serde(default)]
    pub kind: CaKind,

    /// Name of the object, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The key. Default: ca.crt.
    #[serde(default = "default_ca_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn default_ca_key() -> String {
    "ca.crt".to_owned()
}

/// A kind of object that holds certificates.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum CaKind {
    /// A `ConfigMap`.
    #[default]
    ConfigMap,
    /// A Secret.
    Secret,
}

/// Names a `StoragePolicy` in the same namespace; `default` when left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StorageRef {
    /// Name of the StoragePolicy, in the same namespace.
    #[serde(default = "default_storage_name")]
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The `StoragePolicy` that a job has which names none.
pub const DEFAULT_STORAGE: &str = "default";

fn default_storage_name() -> String {
    DEFAULT_STORAGE.to_owned()
}

impl Default for StorageRef {
    fn default() -> Self {
        Self { name: default_storage_name() }
    }
}

/// The key of a file that users put into the bucket themselves, under `assets/`; never pruned.
///
/// An empty key counts as none: so a job can take back what its Channel supplies.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AssetKey(String);

impl AssetKey {
    /// A key as given; the API server has checked its form.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key, from `assets/` on, without the policy's prefix; `None` when empty.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        if self.0.is_empty() { None } else { Some(&self.0) }
    }
}

impl JsonSchema for AssetKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AssetKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 256,
            "x-kubernetes-validations": [{
                "rule": "self == '' || self.matches('^assets(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$')",
                "message": "a file of your own is a key under assets/ in the bucket: for example assets/theme.mp3",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_asset_key_is_none() {
        assert_eq!(AssetKey::default().get(), None);
        assert_eq!(AssetKey::new("assets/logo.png").get(), Some("assets/logo.png"));
    }
}
