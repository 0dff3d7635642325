//! What stands in a backup.

use std::fmt;

use kube::core::ApiResource;
use serde::{Deserialize, Serialize};
use videofactory_crds::{Channel, ProviderAccount, StoragePolicy, VideoJob};

/// A kind of object that is backed up; in the order in which they are restored: what others name goes before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    Channel,
    ProviderAccount,
    StoragePolicy,
    VideoJob,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Channel, Self::ProviderAccount, Self::StoragePolicy, Self::VideoJob];

    /// As manifests name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Channel => "Channel",
            Self::ProviderAccount => "ProviderAccount",
            Self::StoragePolicy => "StoragePolicy",
            Self::VideoJob => "VideoJob",
        }
    }

    /// The kind that manifests name so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Where the API server has its objects.
    #[must_use]
    pub fn resource(self) -> ApiResource {
        match self {
            Self::Channel => ApiResource::erase::<Channel>(&()),
            Self::ProviderAccount => ApiResource::erase::<ProviderAccount>(&()),
            Self::StoragePolicy => ApiResource::erase::<StoragePolicy>(&()),
            Self::VideoJob => ApiResource::erase::<VideoJob>(&()),
        }
    }

    /// Whether a controller acts upon its objects, by what their status says.
    #[must_use]
    pub const fn has_status(self) -> bool {
        !matches!(self, Self::Channel)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
